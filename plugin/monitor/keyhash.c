#include "monitor/keyhash.h"

#include <openssl/rand.h>
#include <string.h>

int keyhash_init(struct keyhash *ret, struct diag *diag)
{
	if (RAND_bytes((unsigned char *)ret->key, sizeof(ret->key)) != 1)
		return diag_set(diag, ERR_IO, "the system has no random bytes to give");
	return 0;
}

static uint64_t rotate(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* Whole words in the machine's order: the numbers never leave the process. */
static void absorb_text(uint64_t v[4], const char *text, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); text += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		absorb(v, word);
	}
	word = 0;
	if (len > 0)
		memcpy(&word, text, len);
	absorb(v, word | (uint64_t)len << 56); /* len is below 8: this ends the text */
}

uint64_t keyhash_pair(const struct keyhash *hash, const char *a, size_t a_len, const char *b,
		      size_t b_len)
{
	uint64_t v[4] = { hash->key[0] ^ UINT64_C(0x736f6d6570736575),
			  hash->key[1] ^ UINT64_C(0x646f72616e646f6d),
			  hash->key[0] ^ UINT64_C(0x6c7967656e657261),
			  hash->key[1] ^ UINT64_C(0x7465646279746573) };
	uint64_t id;

	absorb(v, (uint64_t)a_len);
	absorb_text(v, a, a_len);
	absorb_text(v, b, b_len);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	id = v[0] ^ v[1] ^ v[2] ^ v[3];
	return id ? id : 1;
}

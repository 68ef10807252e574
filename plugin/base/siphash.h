/*
 * siphash.h -- a hash under a key, for tables whose keys clients choose.
 *
 * SipHash-c-d (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): without the key a client
 * can't make two texts collide, and can't fill one part of a table. In pieces, since each table
 * hashes something else: begin, any number of words, end. The functions are inline because every
 * message calls them, with constant c and d.
 */
#ifndef PETSTORE_SIPHASH_H
#define PETSTORE_SIPHASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct siphash {
	uint64_t v[4];
};

static inline uint64_t siphash_rotate(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

static inline void siphash_rounds(struct siphash *hash, unsigned rounds)
{
	uint64_t *v = hash->v;

	for (; rounds > 0; rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rotate(v[1], 13) ^ v[0];
		v[3] = siphash_rotate(v[3], 16) ^ v[2];
		v[0] = siphash_rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rotate(v[1], 17) ^ v[2];
		v[3] = siphash_rotate(v[3], 21) ^ v[0];
		v[2] = siphash_rotate(v[2], 32);
	}
}

static inline void siphash_begin(struct siphash *ret, const uint64_t key[2])
{
	ret->v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
	ret->v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
	ret->v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
	ret->v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

static inline void siphash_word(struct siphash *hash, uint64_t word, unsigned c)
{
	hash->v[3] ^= word;
	siphash_rounds(hash, c);
	hash->v[0] ^= word;
}

/* Adds @len bytes and the final word, whose highest byte is @len mod 256: a whole SipHash input. */
static inline void siphash_text(struct siphash *hash, const void *text, size_t len, unsigned c)
{
	const unsigned char *at = text;
	uint64_t last = (uint64_t)len << 56;
	uint64_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		siphash_word(hash, le64toh(word), c);
	}
	for (word = 0; len > 0; len--)
		word = word << 8 | at[len - 1]; /* up to seven: cheaper than a call of memcpy() */
	siphash_word(hash, word | last, c);
}

static inline uint64_t siphash_end(struct siphash *hash, unsigned d)
{
	hash->v[2] ^= 0xff;
	siphash_rounds(hash, d);
	return hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}

#endif

#include "monitor/keyhash.h"

#include <openssl/rand.h>

#include "base/siphash.h"

int keyhash_init(struct keyhash *ret, struct diag *diag)
{
	if (RAND_bytes((unsigned char *)ret->key, sizeof(ret->key)) != 1)
		return diag_set(diag, ERR_IO, "the system has no random bytes to give");
	return 0;
}

uint64_t keyhash_pair(const struct keyhash *hash, const char *a, size_t a_len, const char *b,
		      size_t b_len)
{
	struct siphash state;
	uint64_t id;

	siphash_begin(&state, hash->key);
	siphash_word(&state, (uint64_t)a_len, 1);
	siphash_text(&state, a, a_len, 1);
	siphash_text(&state, b, b_len, 1);
	id = siphash_end(&state, 3);
	return id ? id : 1;
}

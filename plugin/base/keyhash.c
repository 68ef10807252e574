#include "base/keyhash.h"

#include "base/random.h"
#include "base/siphash.h"

int keyhash_init(struct keyhash *ret, struct diag *diag)
{
	return random_bytes(ret->key, sizeof(ret->key), diag);
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
	return id > 1 ? id : 2;
}

uint64_t keyhash_bytes(const struct keyhash *hash, const void *data, size_t len)
{
	return keyhash_pair(hash, data, len, "", 0);
}

/*
 * keyhash.h -- names that clients choose, as 64-bit numbers that clients can't foresee.
 *
 * SipHash-1-3 (Aumasson and Bernstein) under a random key: whoever does not know the key can't
 * make two names collide, nor crowd one corner of a table.
 */
#ifndef PETSTORE_KEYHASH_H
#define PETSTORE_KEYHASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct keyhash {
	uint64_t key[2];
};

/* Draws a key. ERR_IO where the system has no randomness to give. */
int keyhash_init(struct keyhash *ret, struct diag *diag);

/*
 * The number of @a (@a_len bytes) followed by @b; where one ends and the other begins counts.
 * Never 0, which stands for nothing, nor 1, which is that of base/fixedtable.h's shared records.
 * Either may be empty.
 */
uint64_t keyhash_pair(const struct keyhash *hash, const char *a, size_t a_len, const char *b,
		      size_t b_len);

/* The number of @len bytes. */
uint64_t keyhash_bytes(const struct keyhash *hash, const void *data, size_t len);

#endif

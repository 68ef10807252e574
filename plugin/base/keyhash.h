/*
 * keyhash.h -- names that clients choose, as 64-bit numbers that clients can't foresee.
 *
 * SipHash-1-3 (Aumasson and Bernstein) under a random key: without the key a client can't make two
 * names collide, and can't fill one part of a table.
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
int keyhash_init(struct keyhash *ret, struct diag *diag) MUST_CHECK;

/*
 * A number for the pair of @a (@a_len bytes) and @b; "ab", "c" and "a", "bc" are two pairs. Either
 * may be empty. Never 0, which means "none", nor 1, the id of base/fixedtable.h's shared records.
 */
uint64_t keyhash_pair(const struct keyhash *hash, const char *a, size_t a_len, const char *b,
		      size_t b_len);

/* A number for @len bytes; never 0 or 1. */
uint64_t keyhash_bytes(const struct keyhash *hash, const void *data, size_t len);

#endif

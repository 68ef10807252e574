/*
 * credcache.h -- passwords that were verified before.
 *
 * Reconnects, and SIGHUP, after which the broker asks again for every session, must not cost
 * a key derivation each. The cache holds HMAC-SHA-256 digests of (user, stored hash,
 * password) under a random key of the process; a changed stored hash misses by construction.
 * Bounded: the least recently used entry makes room. For one thread.
 */
#ifndef PETSTORE_CREDCACHE_H
#define PETSTORE_CREDCACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct credcache;

/* @max entries (1 .. 1,000,000), allocated here (about 80 bytes each). */
int credcache_new(size_t max, struct credcache **ret, struct diag *diag) MUST_CHECK;
void credcache_free(struct credcache *cache); /* NULL is fine; wipes the key */

/* Was this combination remembered? Counts as a use. */
bool credcache_knows(struct credcache *cache, const char *user, const char *stored,
		     const char *password, size_t password_len);

/* Remembers a combination that was just verified. Cannot fail: at worst it is not kept. */
void credcache_keep(struct credcache *cache, const char *user, const char *stored,
		    const char *password, size_t password_len);

/* Forgets everything. */
void credcache_drop(struct credcache *cache);

#endif

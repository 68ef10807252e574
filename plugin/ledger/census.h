/*
 * census.h -- which ids were ever kept, so that a new one costs no question to the database.
 *
 * A Bloom filter (Bloom 1970; one cache line an id, as in Putze, Sanders, Singler, "Cache-, hash-
 * and space-efficient Bloom filters") that grows in layers: two bytes an id. It is right about
 * every id that it calls new, and takes about one new id in 400 for an old one, which costs a
 * read and nothing else. Until census_complete() it calls none new.
 *
 * Two threads: the writer's adds what the database has, then completes; the broker's asks, and
 * adds what it commits. Ids of different tables are different ids.
 */
#ifndef PETSTORE_CENSUS_H
#define PETSTORE_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/entitykey.h"

struct census;

/* ERR_NOMEM. */
int census_new(struct census **ret, struct diag *diag);
void census_free(struct census *census); /* NULL is fine */

/*
 * The id has been kept, or is about to be. Where there is no memory for more, the census
 * calls no id new any longer.
 */
void census_add(struct census *census, const struct entitykey *key);

/*
 * All that the database has was added, for what census_extend() returned; 0 before its first call.
 * Of an earlier round it says nothing.
 */
void census_complete(struct census *census, unsigned round);

/*
 * Ids of more tables will be asked for: the census is incomplete until they were added, too. What
 * was added stays. The broker's thread only.
 */
unsigned census_extend(struct census *census);

/* True: the id was never added, and the census is complete. The broker's thread only. */
bool census_is_new(const struct census *census, const struct entitykey *key);

/* census_is_new() will be asked soon: what it reads is on its way to the processor's caches. */
void census_expect(const struct census *census, const struct entitykey *key);

/* Bytes that the layers take. */
size_t census_bytes(const struct census *census);

#endif

/*
 * idfilter.h -- the ids that the database may have, so that a new id costs no read.
 *
 * A Bloom filter (Bloom 1970; one cache line an id, as in Putze, Sanders, Singler, "Cache-, hash-
 * and space-efficient Bloom filters") that grows in layers, two bytes an id. If it says that an id
 * is new, the id was never kept. For about one new id in 400 it does not say so, which costs one
 * read. Until idfilter_complete() it says so of no id.
 *
 * Two threads: the writer's adds the ids of the database, then calls idfilter_complete(); the
 * broker's asks, and adds what it commits. Ids of different tables are different ids.
 */
#ifndef PETSTORE_IDFILTER_H
#define PETSTORE_IDFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/state.h"
#include "ledger/store.h"

struct idfilter;

/* ERR_NOMEM. */
int idfilter_new(struct idfilter **ret, struct diag *diag) MUST_CHECK;
void idfilter_free(struct idfilter *idfilter); /* NULL is fine */

/*
 * Adds an id that was kept or is about to be. If memory runs out, the filter says of no id any more
 * that it is new.
 */
void idfilter_add(struct idfilter *idfilter, const struct entitykey *key);

/*
 * All ids that the database has were added. @round is what the last idfilter_extend() returned, 0
 * before its first call; the call for an earlier round does nothing.
 */
void idfilter_complete(struct idfilter *idfilter, unsigned round);

/*
 * More tables will be asked about: the filter is incomplete again until their ids were added and
 * idfilter_complete() was called with the returned round. Added ids stay. The broker's thread only.
 */
unsigned idfilter_extend(struct idfilter *idfilter);

/* True: the id was never added, and the id filter is complete. The broker's thread only. */
bool idfilter_is_new(struct idfilter *idfilter, const struct entitykey *key);

/* idfilter_is_new() will follow: begins to bring what it reads into the processor's caches. */
void idfilter_expect(const struct idfilter *idfilter, const struct entitykey *key);

/* Bytes that the layers take. */
size_t idfilter_bytes(const struct idfilter *idfilter);

/*
 * The ids of the database, in rounds of the writer's thread. A round reads some of them in a
 * transaction of its own, so that neither the writer nor a checkpoint waits for long; a million ids
 * take a few seconds. What the broker's thread commits meanwhile it adds itself.
 */
#define IDFILTER_FILL_IDS 20000u /* of a round: some milliseconds */

struct idfilter_fill {
	struct idfilter *idfilter;
	struct store *store;
	const uint64_t *secret; /* of the keys, borrowed */
	unsigned round;         /* see idfilter_complete() */
	size_t table_count;
	uint32_t table[ENTITY_COUNT_MAX];
	size_t at; /* the table that is read; table_count: all were */
	struct store_mark mark;
	uint8_t is_read[STORE_NAMES_MAX / 8]; /* a bit a table: all of it was */
};

/*
 * The tables of @plan, which @names has, are to be in the id filter by @round's end. Those that are
 * there already are not read again.
 */
void idfilter_fill_begin(struct idfilter_fill *fill, const struct store_names *names,
			 const struct entity_plan *plan, unsigned round);

/*
 * One round. After the last one the id filter is complete, and further calls do nothing. Where the
 * database can't be read the next round tries again.
 */
void idfilter_fill_round(struct idfilter_fill *fill);

#endif

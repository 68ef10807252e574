/*
 * idfilter_fill.h -- the ids of a database into the idfilter, in rounds of the writer's thread.
 *
 * A round reads some ids in a transaction of its own, so that neither the writer nor a
 * checkpoint waits for long; a million ids take a few seconds. What the broker's thread commits
 * meanwhile it adds itself.
 */
#ifndef PETSTORE_IDFILTER_FILL_H
#define PETSTORE_IDFILTER_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/idfilter.h"
#include "ledger/store.h"

#define IDFILTER_FILL_ROUND_IDS 20000u /* some milliseconds */

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
void idfilter_fill_begin(struct idfilter_fill *idfilter_fill, const struct store_names *names,
			 const struct entity_plan *plan, unsigned round);

/*
 * One round. After the last one the id filter is complete, and further calls do nothing. Where the
 * database can't be read the next round tries again.
 */
void idfilter_fill_round(struct idfilter_fill *idfilter_fill);

#endif

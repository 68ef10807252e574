/*
 * batch_internal.h -- what batch.c, which collects, and batch_table.c, by which SQL reads it,
 * share; no other file includes it.
 */
#ifndef PETSTORE_BATCH_INTERNAL_H
#define PETSTORE_BATCH_INTERNAL_H

#include "ledger/batch.h"

/* Of a table by hash: a power of two, above BATCH_ROWS_MAX, so that there is always a free one. */
#define BATCH_PLACES (2 * BATCH_ROWS_MAX)

struct batch {
	struct batch_row row[BATCH_ROWS_MAX];
	struct batch_entity entity[BATCH_ROWS_MAX];
	struct batch_entity *sorted[BATCH_ROWS_MAX];
	struct value value[BATCH_VALUES_MAX];
	size_t rows, entities, values, retained;
	bool is_special;           /* not batch_is_plain() */
	char time[CLOCK_TEXT_MAX]; /* of time_ms: rows of a second share most of it */
	int64_t time_ms;
	uint64_t seed;                            /* of the hashes: clients choose ids */
	struct batch_entity *by_id[BATCH_PLACES]; /* by table and id */
	struct batch_row *by_topic[BATCH_PLACES]; /* the last that is retained */

	/* what SQL reads */
	enum batch_shown shown;
	const struct batch_entity *first;     /* of a list */
	const struct batch_entity *at_entity; /* the cursor's; NULL: behind the last */
	const struct batch_row *at_row;       /* likewise */
};

#endif

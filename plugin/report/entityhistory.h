/*
 * entityhistory.h -- what was accepted about an entity, from the table of events.
 *
 * The contract says on which channels that is. Knows nothing of who may read it.
 */
#ifndef PETSTORE_REPORT_ENTITYHISTORY_H
#define PETSTORE_REPORT_ENTITYHISTORY_H

#include <jansson.h>
#include <stddef.h>

#include "contract/contract.h"
#include "ledger/query.h"

/* Everything is borrowed for the call. */
struct entityhistory {
	const struct contract *contract;
	const char *table; /* the entity's */
	const char *id;
	const char *after; /* the number (seq) that they are behind; NULL: from the first on */
	size_t limit;      /* 0: all */
	unsigned text_max; /* as in struct query_wanted */
	/* The event as a new object with its number, "seq"; NULL: it is left out. */
	json_t *(*make)(void *ctx, const struct query_row *row);
	void *ctx;
};

/* Puts events into the array @ret, oldest first; where there are more than the limit, the oldest.
 */
int entityhistory_read(struct query *query, const struct entityhistory *wanted, json_t *ret,
		       struct diag *diag) MUST_CHECK;

#endif

/*
 * pg_step.h -- a write that PostgreSQL commits before it is acknowledged: one statement, one round
 * trip.
 *
 * The statement changes the entity's row where that is still what the step was decided on, and in
 * the same transaction adds the event and what is retained. Of two brokers that step at once one
 * finds the row locked, waits, and then sees that it has changed. Compared are the status that the
 * step moves, the owner and the link, not the whole revision: the row's other status may have moved
 * meanwhile.
 *
 * Knows the tables, nothing of memory or journals. For the thread of the connection (pg_live.h),
 * whose bound each call waits at most.
 */
#ifndef PETSTORE_LEDGER_PG_STEP_H
#define PETSTORE_LEDGER_PG_STEP_H

#include "ledger/pg_live.h"
#include "ledger/store.h"

/*
 * Commits @step. 0: it is kept, and *revision is the entity's then (0: it is of none). 1: an event
 * with its number is there already, and nothing was done. ERR_STALE: the row is another one than
 * it was decided on, and nothing was done. Else as of pg_live_exec(): ERR_DOUBT is in doubt by
 * the step's number.
 */
int pg_step_commit(struct pg_live *live, const struct store_step *step, uint64_t *revision,
		   struct diag *diag) MUST_CHECK;

/* Is the event of @broker's step @number there? 1, 0, or as of pg_live_exec(). */
int pg_step_find(struct pg_live *live, const char *broker, uint64_t number,
		 struct diag *diag) MUST_CHECK;

/* The last number that @broker gave a step, to *ret; 0: none. As of pg_live_exec(). */
int pg_step_last(struct pg_live *live, const char *broker, uint64_t *ret,
		 struct diag *diag) MUST_CHECK;

#endif

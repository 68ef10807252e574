/*
 * ledger_facts.h -- what the ledger counted, for the metrics.
 */
#ifndef PETSTORE_LEDGER_FACTS_H
#define PETSTORE_LEDGER_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

struct ledger_facts {
	uint64_t state_hits;    /* reads of an entity that memory answered */
	uint64_t state_misses;  /* those that needed the database */
	uint64_t journal_bytes; /* that the journal may hold in all */
	uint64_t journal_used;
	uint64_t waits;     /* of publishers, for the writer's thread: see ledger/pressure.h */
	uint64_t waited_ms; /* in all */
	uint64_t journal_records; /* accepted, and not in the database yet */
	int64_t journal_age_ms;   /* how long the oldest of them has waited, at least */
	uint64_t syncs_slow;      /* of the journal, see ledger/pace.h */
	uint64_t syncs_failed;
	uint64_t power_refused; /* 1: writes of durability power are refused now, see ledger/pace.h
				 */
	uint64_t store_errors;  /* batches that failed and were tried again */
	uint64_t refusals_lost; /* refusals and alerts that got no row */
	const struct histogram *batch_records; /* NULL, like batch_ns, until the ledger is open */
	const struct histogram *batch_ns;
	bool is_shared;         /* brokers share the database; else there is nothing below */
	uint64_t steps_kept;    /* messages of strict channels */
	uint64_t steps_stale;   /* decided again, since another broker was first */
	uint64_t steps_doubts;  /* whose outcome was unknown */
	uint64_t steps_refused; /* that could not be kept */
	uint64_t is_away;       /* 1: the broker's thread can't ask it now, or it is not open */
	const struct histogram *step_us; /* NULL until the ledger is open */
};

#endif

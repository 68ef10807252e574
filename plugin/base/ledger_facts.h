/*
 * ledger_facts.h -- what the ledger counted, for the metrics.
 */
#ifndef PETSTORE_LEDGER_FACTS_H
#define PETSTORE_LEDGER_FACTS_H

#include <stdint.h>

#include "base/histogram.h"

struct ledger_facts {
	uint64_t state_hits;    /* looks that memory answered */
	uint64_t state_misses;  /* those that asked the database */
	uint64_t journal_bytes; /* of the ring */
	uint64_t journal_used;
	uint64_t journal_records; /* accepted, and not in the database yet */
	int64_t journal_age_ms;   /* that the oldest of them has waited at least */
	uint64_t syncs_slow;      /* of the journal, see ledger/pace.h */
	uint64_t syncs_failed;
	uint64_t power_refused; /* 1: power writes are refused now, since syncs fail or are slow */
	uint64_t store_errors;  /* batches that failed and were tried again */
	uint64_t refusals_lost; /* and alerts */
	const struct histogram *batch_records; /* with batch_ns; NULL: it could not be opened yet */
	const struct histogram *batch_ns;
};

#endif

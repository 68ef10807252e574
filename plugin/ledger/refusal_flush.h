/*
 * refusal_flush.h -- refusals from the backlog into the store, now and then.
 *
 * Used by the writer's thread between batches of accepted writes, in transactions of its own.
 * Refusals never hold up what was accepted: where the database is locked they wait, bounded;
 * where it takes none they are counted as lost.
 */
#ifndef PETSTORE_LEDGER_REFUSAL_FLUSH_H
#define PETSTORE_LEDGER_REFUSAL_FLUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/backlog.h"
#include "ledger/replay.h"
#include "ledger/store.h"

struct refusal_flush {
	struct backlog *backlog;
	struct store *store;
	struct replay *replay;        /* its limits and its time are used, borrowed */
	struct backlog_item *waiting; /* taken, and not written since the database was locked */
	int64_t written_ns;           /* when it last wrote */
	int64_t trimmed_ns;
};

/* Writes what there is where it is time to, or at once where @is_last. */
void refusal_flush_batch(struct refusal_flush *flush, bool is_last);

/* Forgets what still waits. */
void refusal_flush_clear(struct refusal_flush *flush);

#endif

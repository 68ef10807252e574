/*
 * unload.h -- refusals from the backlog into the store, now and then.
 *
 * Used by the writer's thread between batches of accepted writes, in transactions of its own.
 * Refusals never hold up what was accepted: where the database is locked they wait, bounded;
 * where it takes none they are counted as lost.
 */
#ifndef PETSTORE_LEDGER_UNLOAD_H
#define PETSTORE_LEDGER_UNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/backlog.h"
#include "ledger/carry.h"
#include "ledger/store.h"

struct unload {
	struct backlog *backlog;
	struct store *store;
	struct carry *carry;          /* whose limits and whose time hold, borrowed */
	struct backlog_item *waiting; /* taken, and not written since the database was locked */
	int64_t written_ns;           /* when it last wrote */
	int64_t trimmed_ns;
};

/* Writes what there is where it is time to, or at once where @is_last. */
void unload_batch(struct unload *unload, bool is_last);

/* Forgets what still waits. */
void unload_clear(struct unload *unload);

#endif

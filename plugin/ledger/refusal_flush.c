#include "ledger/refusal_flush.h"

#include "base/clock.h"

#define SECOND_NS INT64_C(1000000000)
#define WRITE_EVERY_NS (SECOND_NS / 5) /* a transaction costs a sync of the disk */
#define TRIM_EVERY_NS (60 * SECOND_NS) /* where nothing new comes */
#define TRIM_ROWS 512u                 /* old rows removed at once, beside twice the new ones */

static uint64_t count(const struct backlog_item *items)
{
	uint64_t n = 0;

	for (; items; items = items->next)
		n++;
	return n;
}

/* One transaction; the number of the last accepted write stays as it is. */
static int write_all(struct refusal_flush *refusal_flush, struct diag *diag)
{
	uint64_t applied;
	unsigned rows = 0;
	int rc = store_begin(refusal_flush->store, &applied, diag);

	for (struct backlog_item *item = refusal_flush->waiting; rc == 0 && item;
	     item = item->next) {
		rc = item->is_alert ? store_alert(refusal_flush->store, &item->alert, diag)
				    : store_refuse(refusal_flush->store, &item->refusal, diag);
		rows++;
	}
	if (rc == 0)
		rc = store_trim_refusals(refusal_flush->store, &refusal_flush->replay->limits,
					 replay_now(refusal_flush->replay), 2 * rows + TRIM_ROWS,
					 diag);
	if (rc == 0)
		rc = store_commit(refusal_flush->store, applied, diag);
	if (rc)
		store_rollback(refusal_flush->store);
	return rc;
}

static bool is_due(struct refusal_flush *refusal_flush, int64_t now, bool is_last)
{
	if (now - refusal_flush->written_ns < WRITE_EVERY_NS &&
	    !backlog_is_pressing(refusal_flush->backlog))
		return false;
	if (!refusal_flush->waiting)
		refusal_flush->waiting = backlog_take(refusal_flush->backlog, is_last);
	return refusal_flush->waiting || now - refusal_flush->trimmed_ns >= TRIM_EVERY_NS;
}

void refusal_flush_batch(struct refusal_flush *refusal_flush, bool is_last)
{
	int64_t now = clock_mono_ns();
	struct diag diag;
	int rc;

	if (is_last)
		refusal_flush->written_ns = now - WRITE_EVERY_NS;
	if (!is_due(refusal_flush, now, is_last))
		return;
	refusal_flush->written_ns = refusal_flush->trimmed_ns = now;
	rc = write_all(refusal_flush, &diag);
	if (rc == ERR_BUSY && !is_last)
		return; /* the same again, later; what comes meanwhile waits in the backlog */
	if (rc)
		backlog_lose(refusal_flush->backlog, count(refusal_flush->waiting));
	refusal_flush_clear(refusal_flush);
}

void refusal_flush_clear(struct refusal_flush *refusal_flush)
{
	backlog_drop(refusal_flush->waiting);
	refusal_flush->waiting = NULL;
}

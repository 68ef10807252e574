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
static int write_all(struct refusal_flush *flush, struct diag *diag)
{
	uint64_t applied;
	unsigned rows = 0;
	int rc = store_begin(flush->store, &applied, diag);

	for (struct backlog_item *item = flush->waiting; rc == 0 && item; item = item->next) {
		rc = item->is_alert ? store_alert(flush->store, &item->alert, diag)
				    : store_refuse(flush->store, &item->refusal, diag);
		rows++;
	}
	if (rc == 0)
		rc = store_trim_refusals(flush->store, &flush->replay->limits,
					 replay_now(flush->replay), 2 * rows + TRIM_ROWS, diag);
	if (rc == 0)
		rc = store_commit(flush->store, applied, diag);
	if (rc)
		store_rollback(flush->store);
	return rc;
}

static bool is_due(struct refusal_flush *flush, int64_t now, bool is_last)
{
	if (now - flush->written_ns < WRITE_EVERY_NS && !backlog_is_pressing(flush->backlog))
		return false;
	if (!flush->waiting)
		flush->waiting = backlog_take(flush->backlog, is_last);
	return flush->waiting || now - flush->trimmed_ns >= TRIM_EVERY_NS;
}

void refusal_flush_batch(struct refusal_flush *flush, bool is_last)
{
	int64_t now = clock_mono_ns();
	struct diag diag;
	int rc;

	if (is_last)
		flush->written_ns = now - WRITE_EVERY_NS;
	if (!is_due(flush, now, is_last))
		return;
	flush->written_ns = flush->trimmed_ns = now;
	rc = write_all(flush, &diag);
	if (rc == ERR_BUSY && !is_last)
		return; /* the same again, later; what comes meanwhile waits in the backlog */
	if (rc)
		backlog_lose(flush->backlog, count(flush->waiting));
	refusal_flush_clear(flush);
}

void refusal_flush_clear(struct refusal_flush *flush)
{
	backlog_drop(flush->waiting);
	flush->waiting = NULL;
}

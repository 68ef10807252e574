#include "ledger/unload.h"

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
static int write_all(struct unload *unload, struct diag *diag)
{
	uint64_t applied;
	unsigned rows = 0;
	int rc = store_begin(unload->store, &applied, diag);

	for (struct backlog_item *item = unload->waiting; rc == 0 && item; item = item->next) {
		rc = item->is_alert ? store_alert(unload->store, &item->alert, diag)
				    : store_refuse(unload->store, &item->refusal, diag);
		rows++;
	}
	if (rc == 0)
		rc = store_trim_refusals(unload->store, &unload->carry->limits,
					 carry_now(unload->carry), 2 * rows + TRIM_ROWS, diag);
	if (rc == 0)
		rc = store_commit(unload->store, applied, diag);
	if (rc)
		store_rollback(unload->store);
	return rc;
}

static bool is_due(struct unload *unload, int64_t now, bool is_last)
{
	if (now - unload->written_ns < WRITE_EVERY_NS && !backlog_is_pressing(unload->backlog))
		return false;
	if (!unload->waiting)
		unload->waiting = backlog_take(unload->backlog, is_last);
	return unload->waiting || now - unload->trimmed_ns >= TRIM_EVERY_NS;
}

void unload_batch(struct unload *unload, bool is_last)
{
	int64_t now = clock_mono_ns();
	struct diag diag;
	int rc;

	if (is_last)
		unload->written_ns = now - WRITE_EVERY_NS;
	if (!is_due(unload, now, is_last))
		return;
	unload->written_ns = unload->trimmed_ns = now;
	rc = write_all(unload, &diag);
	if (rc == ERR_BUSY && !is_last)
		return; /* the same again, later; what comes meanwhile waits in the backlog */
	if (rc)
		backlog_lose(unload->backlog, count(unload->waiting));
	unload_clear(unload);
}

void unload_clear(struct unload *unload)
{
	backlog_drop(unload->waiting);
	unload->waiting = NULL;
}

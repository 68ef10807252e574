/* ledger_history.c -- what was accepted before: asked of memory, else of the database. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

/* ---- messages that come again -------------------------------------------------------------- */

static uint64_t hash_publisher(uint64_t seed, const char *publisher, size_t len)
{
	return wordhash(seed, publisher, len);
}

bool ledger_has_unique(struct ledger *l, const char *publisher, uint64_t unique)
{
	return !l->is_reader && ledger_catch_up(l) &&
	       accepted_has(l->unique, hash_publisher(l->seed, publisher, strlen(publisher)),
			    unique, UINT64_MAX);
}

void ledger_note_unique(struct ledger *l, uint64_t seed, const struct record_text *publisher,
			uint64_t unique, uint64_t seq)
{
	accepted_add(l->unique, hash_publisher(seed, publisher->text, publisher->len), unique, seq);
}

struct loading {
	struct ledger *ledger;
	uint64_t seed;
};

static void note_row(const struct store_unique *row, void *ctx)
{
	const struct loading *loading = ctx;

	ledger_note_unique(loading->ledger, loading->seed, &row->publisher, row->unique, row->seq);
}

int ledger_load_unique(struct ledger *l, uint64_t seed, struct diag *diag)
{
	struct loading loading = { l, seed };

	return store_uniques(l->store, ACCEPTED_PLACES * ACCEPTED_KEPT, note_row, &loading, diag);
}

void ledger_remember(struct ledger *l, uint64_t sender, uint64_t digest)
{
	/* Of its own number: whoever is connected now sees it as of its own connection. */
	if (!l->is_reader && ledger_catch_up(l))
		accepted_add(l->accepted, sender, digest, l->last_seq + 1);
}

int ledger_was_accepted(struct ledger *l, const struct ledger_sent *sent, bool may_read,
			struct diag *diag)
{
	uint64_t until_seq = sent->until_seq;

	if (l->is_reader)
		return 0;
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	if (until_seq < l->opened_seq)
		until_seq = l->opened_seq; /* nobody was accepted anything before it was open */
	if (sent->sender && accepted_has(l->accepted, sent->sender, sent->digest, until_seq))
		return 1;
	return may_read ? store_reader_sent(l->reader, sent, until_seq, diag) : 0;
}

/* ---- what is retained ---------------------------------------------------------------------- */

int ledger_retained_find(struct ledger *l, const char *topic, size_t topic_len,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_retained(l->reader, topic, topic_len, visit, ctx, diag);
}

int ledger_event_find(struct ledger *l, const char *topic, size_t topic_len,
		      ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (l->is_reader)
		return 0;
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_event(l->reader, topic, topic_len, visit, ctx, diag);
}

int ledger_retained_next(struct ledger *l, const char *topic, size_t topic_len, unsigned limit,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_retained_next(l->reader, topic, topic_len, limit, visit, ctx, diag);
}

/* ---- how far the writer is ----------------------------------------------------------------- */

bool ledger_is_open(struct ledger *l)
{
	return ledger_catch_up(l);
}

uint64_t ledger_last(struct ledger *l)
{
	return ledger_catch_up(l) ? l->last_seq : 0;
}

uint64_t ledger_arrived(struct ledger *l)
{
	return ledger_catch_up(l) ? writer_applied(l->writer) : 0;
}

void ledger_hurry(struct ledger *l)
{
	if (ledger_catch_up(l))
		writer_wake(l->writer);
}

int ledger_flush(struct ledger *l, unsigned timeout_ms, struct diag *diag)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	int64_t until = clock_mono_ns() + timeout_ms * INT64_C(1000000);

	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	while (writer_applied(l->writer) < l->last_seq) {
		if (clock_mono_ns() > until)
			return diag_set(diag, ERR_BUSY,
					"%s: the database did not take all writes in %u ms",
					l->path, timeout_ms);
		writer_wake(l->writer);
		(void)nanosleep(&moment, NULL);
	}
	return 0;
}

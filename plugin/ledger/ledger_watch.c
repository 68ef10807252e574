/* ledger_watch.c -- how the ledger does: troubles, their end, figures; and what is told beside. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

#define LOST_EVERY_MS 10000

void ledger_report(struct ledger *l, const struct diag *line)
{
	l->news = *line;
	l->has_news = true;
}

void ledger_watch_journal(struct ledger *l)
{
	struct diag line;

	if (!l->is_full || journal_is_half_full(l->journal))
		return;
	l->is_full = false;
	(void)diag_set(&line, 0, "%s: has room again", l->journal_path);
	ledger_report(l, &line);
}

/* Said once: the journal's promise does not hold on every file system. */
static void watch_place(struct ledger *l)
{
	const char *system;
	struct diag line;

	if (l->is_place_told)
		return;
	l->is_place_told = true;
	if (!journal_is_copied(l->journal, &system))
		return;
	(void)diag_set(
		&line, 0,
		"%s: lies on %s, which copies on write: where that disk gets full writes are "
		"refused until it has room; put plugin_opt_database on ext4 or XFS",
		l->journal_path, system);
	ledger_report(l, &line);
}

/* Why power writes are refused, or that they were since the last call. */
static void tell_power(struct ledger *l, uint64_t failures, int error)
{
	struct diag line;

	l->is_power_told = true;
	if (failures > l->failures_told)
		(void)diag_set(
			&line, 0,
			"%s: a sync failed (%s): power channels are refused until all of it was "
			"written anew",
			l->journal_path, strerror(error));
	else
		(void)diag_set(
			&line, 0,
			"%s: the disk is slow, a sync took %lld ms: power channels are refused "
			"until it is quick again",
			l->journal_path,
			(long long)(pace_took_ns(&l->pace, clock_mono_ns()) / 1000000));
	l->failures_told = failures;
	ledger_report(l, &line);
}

static void watch_power(struct ledger *l)
{
	int error;
	uint64_t failures = journal_failures(l->journal, &error);
	bool takes = ledger_takes_power(l);
	struct diag line;

	if (!l->is_power_told && (!takes || failures > l->failures_told)) {
		tell_power(l, failures, error);
	} else if (l->is_power_told && takes) {
		l->is_power_told = false;
		l->failures_told = failures;
		(void)diag_set(&line, 0, "%s: the disk keeps up: power channels take writes again",
			       l->journal_path);
		ledger_report(l, &line);
	}
}

/* A writer in the middle of a system call that never ends can't say so itself. */
static void watch_writer(struct ledger *l)
{
	bool is_stalled = stall_look(&l->stall, writer_rounds(l->writer), clock_mono_ns());
	struct diag line;

	if (is_stalled == l->is_stalled)
		return;
	l->is_stalled = is_stalled;
	(void)diag_set(&line, 0, "%s: %s", l->path,
		       is_stalled ? "the writer hangs: the store takes no writes"
				  : "the writer works again");
	ledger_report(l, &line);
}

static void watch_clock(struct ledger *l)
{
	struct diag *line;

	if (!atomic_load_explicit(&l->clock_line, memory_order_relaxed))
		return;
	line = atomic_exchange(&l->clock_line, NULL);
	ledger_report(l, line);
	free(line);
}

/* Lost refusals are told together, once in a while. */
static void watch_backlog(struct ledger *l)
{
	int64_t now = clock_mono_ns();
	uint64_t lost = backlog_lost(l->backlog);
	struct diag line;

	if (lost == l->lost || now - l->lost_told_ns < LOST_EVERY_MS * INT64_C(1000000))
		return;
	(void)diag_set(&line, 0, "%s: table refusals: %llu more came than it took", l->path,
		       (unsigned long long)(lost - l->lost));
	l->lost = lost;
	l->lost_told_ns = now;
	ledger_report(l, &line);
}

void ledger_refuse(struct ledger *l, const struct refusal *refusal)
{
	(void)backlog_put(l->backlog, refusal); /* what finds no room is counted there */
}

void ledger_alert(struct ledger *l, const struct alertrow *alert)
{
	(void)backlog_put_alert(l->backlog, alert); /* as above */
}

/*
 * Each call leaves a mark: which record was the last then. The oldest mark that the database
 * has not come to says since when records wait.
 */
static int64_t oldest_ns(struct ledger *l, uint64_t applied, int64_t now_ns)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->marks; i++)
		if (l->mark[i].seq > applied)
			l->mark[kept++] = l->mark[i];
	l->marks = kept;
	if (l->last_seq > applied && (kept == 0 || l->mark[kept - 1].seq < l->last_seq)) {
		if (kept ==
		    LEDGER_MARKS) /* the newest gives way: the oldest is what is asked for */
			kept--;
		l->mark[kept].seq = l->last_seq;
		l->mark[kept].ns = now_ns;
		l->marks = kept + 1;
	}
	return l->marks > 0 ? l->mark[0].ns : now_ns;
}

void ledger_facts(struct ledger *l, struct ledger_facts *ret)
{
	uint64_t applied = writer_applied(l->writer);
	int64_t now_ns = clock_mono_ns();
	int error;

	if (!ledger_catch_up(l)) {
		*ret = (struct ledger_facts){ .store_errors = atomic_load(&l->errors),
					      .refusals_lost = backlog_lost(l->backlog),
					      .batch_records = &l->replay.batch_records,
					      .batch_ns = &l->replay.batch_ns };
		return;
	}
	*ret = (struct ledger_facts){
		.state_hits = l->hits,
		.state_misses = l->misses,
		.journal_bytes = journal_bytes(l->journal),
		.journal_used = journal_used(l->journal),
		.journal_records = l->last_seq > applied ? l->last_seq - applied : 0,
		.journal_age_ms = (now_ns - oldest_ns(l, applied, now_ns)) / 1000000,
		.syncs_slow = atomic_load(&l->pace.slow_syncs),
		.syncs_failed = journal_failures(l->journal, &error),
		.power_refused = !ledger_takes_power(l),
		.store_errors = atomic_load(&l->errors),
		.refusals_lost = backlog_lost(l->backlog),
		.batch_records = &l->replay.batch_records,
		.batch_ns = &l->replay.batch_ns,
	};
}

bool ledger_news(struct ledger *l, struct diag *ret)
{
	bool is_open = ledger_catch_up(l);

	if (!l->has_news)
		watch_clock(l);
	if (!l->has_news && l->has_plan_news) {
		l->has_plan_news = false;
		ledger_report(l, &l->plan_news);
	}
	if (!l->has_news)
		watch_backlog(l);
	if (is_open)
		(void)ledger_ring_is_whole(
			l); /* this thread is heard of, also where nobody writes */
	if (!l->has_news && is_open)
		watch_place(l);
	if (!l->has_news && is_open)
		watch_power(l);
	if (!l->has_news && is_open)
		ledger_watch_journal(l);
	if (!l->has_news)
		watch_writer(l);
	if (l->has_news) {
		*ret = l->news;
		l->has_news = false;
		return true;
	}
	return writer_news(l->writer, ret);
}

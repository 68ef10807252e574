/* ledger_news.c -- the ledger's log lines, when trouble begins and ends; and its figures. */
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

#define MS INT64_C(1000000)
#define LOST_EVERY_MS 10000
#define MARK_EVERY_NS INT64_C(500000000)

/* ---- news ---------------------------------------------------------------------------------- */

void ledger_see_room(struct ledger *l)
{
	struct diag line;

	if (!l->is_full || journal_is_half_full(l->journal))
		return;
	l->is_full = false;
	(void)diag_set(&line, 0, "%s: has room again", l->journal_path);
	l->news = line;
}

/* Of each of these: true, and *ret is the line, where there is something new. */

static bool next_line(struct diag *line, struct diag *ret)
{
	if (!line->text[0])
		return false;
	*ret = *line;
	diag_init(line);
	return true;
}

/* Once: the journal's promise does not hold on every file system. */
static bool place_news(struct ledger *l, struct diag *ret)
{
	const char *system;

	if (l->is_place_known)
		return false;
	l->is_place_known = true;
	if (!journal_is_copied(l->journal, &system))
		return false;
	(void)diag_set(ret, 0,
		       "%s: lies on %s, which copies on write: where that disk gets full writes "
		       "are refused until it has room; put plugin_opt_%s on ext4 or XFS",
		       l->journal_path, system, l->asked_journal ? "journal" : "database");
	return true;
}

/* Once: the journal may grow to less than was asked for. */
static bool room_news(struct ledger *l, struct diag *ret)
{
	const size_t wanted = journal_size(l->journal_bytes, l->journal_bytes_max);
	const size_t made = journal_bytes(l->journal);

	if (l->is_room_known)
		return false;
	l->is_room_known = true;
	if (made >= wanted)
		return false;
	(void)diag_set(ret, 0,
		       "%s: has %zu KiB where plugin_opt_journal_max asks for %zu: the disk has no "
		       "room, or allocates none ahead; the next start tries again",
		       l->journal_path, made >> 10, wanted >> 10);
	return true;
}

/* Why power writes are refused, or were since the last call; and that they are taken again. */
static bool power_news(struct ledger *l, struct diag *ret)
{
	int error;
	uint64_t failures = journal_failures(l->journal, &error);
	bool takes = ledger_takes_power(l), has_failed = failures > l->failures_reported;

	if (l->is_power_reported ? !takes : takes && !has_failed)
		return false;
	l->failures_reported = failures;
	l->is_power_reported = !l->is_power_reported;
	if (!l->is_power_reported)
		(void)diag_set(ret, 0, "%s: the disk keeps up: power channels take writes again",
			       l->journal_path);
	else if (has_failed)
		(void)diag_set(ret, 0,
			       "%s: a sync failed (%s): power channels are refused until all of "
			       "it was written anew",
			       l->journal_path, strerror(error));
	else
		(void)diag_set(ret, 0,
			       "%s: the disk is slow, a sync took %lld ms: power channels are "
			       "refused until it is quick again",
			       l->journal_path,
			       (long long)(pace_took_ns(&l->pace, clock_mono_ns()) / MS));
	return true;
}

/* A writer in the middle of a system call that never ends can't say so itself. */
static bool stall_news(struct ledger *l, struct diag *ret)
{
	bool is_stalled = writer_stall_look(&l->stall, writer_rounds(l->writer), clock_mono_ns());

	if (is_stalled == l->is_stalled)
		return false;
	l->is_stalled = is_stalled;
	(void)diag_set(ret, 0, "%s: %s", l->path,
		       is_stalled ? "the writer hangs: the store takes no writes"
				  : "the writer works again");
	return true;
}

/* Lost refusals are reported together, once in a while. */
static bool lost_news(struct ledger *l, struct diag *ret)
{
	int64_t now = clock_mono_ns();
	uint64_t lost = backlog_lost(l->backlog);

	if (lost == l->lost || now - l->lost_reported_ns < LOST_EVERY_MS * MS)
		return false;
	(void)diag_set(ret, 0,
		       "%s: table refusals: %llu were not kept: the database took none, or not as "
		       "fast as they came",
		       l->path, (unsigned long long)(lost - l->lost));
	l->lost = lost;
	l->lost_reported_ns = now;
	return true;
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
		/* The newest gives way: the oldest is what is asked for. */
		if (kept == LEDGER_MARKS)
			kept--;
		l->mark[kept].seq = l->last_seq;
		l->mark[kept].ns = now_ns;
		l->marks = kept + 1;
	}
	return l->marks > 0 ? l->mark[0].ns : now_ns;
}

/* For the writer's thread, which tells other brokers. */
static void tell_waiting(struct ledger *l)
{
	int64_t now_ns = clock_mono_ns();

	atomic_store(&l->newest, l->last_seq);
	if (now_ns - l->told_ns < MARK_EVERY_NS)
		return;
	l->told_ns = now_ns;
	atomic_store(&l->waiting_ms,
		     (now_ns - oldest_ns(l, writer_applied(l->writer), now_ns)) / MS);
}

bool ledger_news(struct ledger *l, struct diag *ret)
{
	bool is_open = ledger_catch_up(l);

	if (is_open) /* so that the writer's thread gets the answer also while no client publishes
		      */
		(void)ledger_journal_is_whole(l);
	if (next_line(&l->news, ret) || next_line(&l->plan_news, ret) || lost_news(l, ret))
		return true;
	if (is_open) {
		if (place_news(l, ret) || room_news(l, ret) || power_news(l, ret) ||
		    pressure_news(&l->pressure, l->journal, l->path, ret))
			return true;
		ledger_see_room(l);
		if (l->is_shared)
			tell_waiting(l);
	}
	return next_line(&l->news, ret) || stall_news(l, ret) || writer_news(l->writer, ret);
}

/* ---- refusals and alerts, which no caller waits for ---------------------------------------- */

void ledger_refuse(struct ledger *l, const struct refusal *refusal)
{
	(void)backlog_put(l->backlog, refusal); /* what finds no room is counted there */
}

void ledger_resent(struct ledger *l, const char *decision_id, const char *text)
{
	(void)backlog_put_resent(l->backlog, decision_id, text); /* without memory it is lost */
}

void ledger_alert(struct ledger *l, const struct alertrow *alert)
{
	(void)backlog_put_alert(l->backlog, alert); /* as above */
}

/* ---- figures ------------------------------------------------------------------------------- */

void ledger_facts(struct ledger *l, struct ledger_facts *ret)
{
	int64_t now_ns = clock_mono_ns();
	uint64_t applied;
	bool is_open;
	int error;

	*ret = (struct ledger_facts){ .store_errors = atomic_load(&l->errors),
				      .refusals_lost = backlog_lost(l->backlog),
				      .batch_records = &l->replay.batch_records,
				      .batch_ns = &l->replay.batch_ns };
	is_open = ledger_catch_up(l);
	ledger_step_facts(l, is_open, ret);
	if (!is_open)
		return;
	applied = writer_applied(l->writer);
	ret->state_hits = l->hits;
	ret->state_misses = l->misses;
	ret->journal_bytes = journal_bytes(l->journal);
	ret->journal_used = journal_used(l->journal);
	ret->waits = l->pressure.waits;
	ret->waited_ms = l->pressure.waited_ns / MS;
	ret->journal_records = l->last_seq > applied ? l->last_seq - applied : 0;
	ret->journal_age_ms = (now_ns - oldest_ns(l, applied, now_ns)) / MS;
	ret->syncs_slow = atomic_load(&l->pace.slow_syncs);
	ret->syncs_failed = journal_failures(l->journal, &error);
	ret->power_refused = !ledger_takes_power(l);
}

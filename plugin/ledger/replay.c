#include "ledger/replay.h"

#include <poll.h>

#include "base/clock.h"
#include "ledger/record.h"

/* So that clients hear within a second that files are gone. */
#define CHECK_EVERY_NS INT64_C(250000000)
#define TRIM_EVERY_NS INT64_C(1000000000)
#define TRIM_SOON_NS INT64_C(50000000) /* where there is more, by a limit of rows alone */
#define RETAINED_EVERY_NS INT64_C(1000000000)
#define CLOCK_EVERY_NS INT64_C(600000000000) /* for a start, which asks when that was */
#define TRIM_ROWS 256u /* old events removed at once, beside twice the new ones */
#define WAITS_MS 4
#define REFUSALS_EVERY_NS INT64_C(200000000)  /* a transaction costs a sync of the disk */
#define REFUSALS_TRIM_NS INT64_C(60000000000) /* where nothing new comes */
#define REFUSAL_ROWS 512u /* of old refusals removed at once, beside twice the new ones */
#define IDLE_ROWS 1024u   /* at once where none comes; by age, what is decided wrongly is slow */

static const uint64_t record_bounds[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10000 };
/* Nanoseconds: 100 us to 2 s. */
static const uint64_t ns_bounds[] = { 100000,   200000,   500000,    1000000,   2000000,   5000000,
				      10000000, 20000000, 100000000, 500000000, 2000000000 };

void replay_init(struct replay *replay)
{
	replay->batch_records.bound = record_bounds;
	replay->batch_records.bounds = sizeof(record_bounds) / sizeof(*record_bounds);
	replay->batch_ns.bound = ns_bounds;
	replay->batch_ns.bounds = sizeof(ns_bounds) / sizeof(*ns_bounds);
}

/*
 * The time as of which rows may be removed for their age, 0: none may. Each commit keeps it;
 * age_line() has its lines.
 */
static int64_t believed_now(struct replay *replay)
{
	int64_t wall_ms = clock_unix_ms(), mono_ns = clock_mono_ns(), last_ms;

	if (!replay->age.is_begun) {
		if (store_clock(replay->store, &last_ms, NULL) != 0)
			return 0;
		age_begin(&replay->age, last_ms, wall_ms, mono_ns);
	}
	wall_ms = age_now(&replay->age, wall_ms, mono_ns);
	store_set_clock(replay->store, wall_ms);
	return wall_ms;
}

static int apply_one(struct replay *replay, const struct journal_record *from, struct diag *diag)
{
	struct value value[ENTITY_COLUMNS_MAX];
	struct record record;
	int rc = record_decode(from->body, from->len, value, &record, diag);

	if (rc) {
		diag_prefix(diag, "journal record %llu", (unsigned long long)from->seq);
		return rc;
	}
	return store_apply(replay->store, from->seq, &record, diag);
}

/* Within a transaction: what was cleared long ago, once a second. */
static int trim_retained(struct replay *replay, int64_t now_ms, struct diag *diag)
{
	int64_t now_ns = clock_mono_ns();

	if (now_ms == 0 ||
	    (replay->retained_ns != 0 && now_ns - replay->retained_ns < RETAINED_EVERY_NS))
		return 0;
	replay->retained_ns = now_ns;
	return store_trim_retained(replay->store, now_ms, TRIM_ROWS, diag);
}

/*
 * How many old events may go with @rows new ones. What is too large shrinks fast while the database
 * keeps up; where more records wait (@is_full) they come first, and it shrinks by a quarter.
 */
static unsigned old_rows(unsigned rows, bool is_full)
{
	return is_full ? rows + rows / 4 + 1 : 2 * rows + TRIM_ROWS;
}

/* How many times as much as usual the next transaction takes, in bytes and in rows. */
static unsigned times_due(const struct replay *replay)
{
	size_t used = journal_used(replay->journal), times = used / 2 / REPLAY_BYTES;

	if (replay->is_shared || used <= journal_fast_bytes(replay->journal) || times < 1)
		return 1;
	return times < REPLAY_TIMES ? (unsigned)times : REPLAY_TIMES;
}

/* Within a transaction: from @first to the end of the batch. *last is the last one's number. */
static int apply_batch(struct replay *replay, struct journal_record *first, uint64_t applied,
		       uint64_t *last, struct diag *diag)
{
	struct journal_record record = *first;
	unsigned rows = 0, times = times_due(replay);
	size_t bytes = 0;
	bool is_full = false;
	uint64_t removed;
	int64_t now_ms;
	int rc;

	*last = applied;
	do {
		if (record.seq > applied) {
			rc = apply_one(replay, &record, diag);
			if (rc)
				return rc;
			*last = record.seq;
		}
		rows++;
		bytes += record.len;
		is_full = rows >= replay->batch_rows * times || bytes >= REPLAY_BYTES * times;
		rc = is_full ? 0 : journal_next(replay->journal, &record, diag);
	} while (rc == 1);
	if (rc < 0)
		return rc;
	replay->has_more = is_full;
	now_ms = believed_now(replay);
	rc = trim_retained(replay, now_ms, diag);
	if (rc)
		return rc;
	return store_trim(replay->store, &replay->limits, now_ms, old_rows(rows, is_full), &removed,
			  diag);
}

/* Nothing new: now and then removes events that grew too old. */
static int trim_idle(struct replay *replay, struct diag *diag)
{
	int64_t now_ns = clock_mono_ns(), now_ms;
	uint64_t applied, removed = 0;
	bool is_kept;
	int rc;

	if ((replay->limits.events_rows == 0 && replay->limits.events_days == 0) ||
	    (replay->trimmed_ns && now_ns - replay->trimmed_ns < replay->trim_every_ns))
		return 0;
	rc = store_begin(replay->store, &applied, diag);
	now_ms = rc ? 0 : believed_now(replay);
	is_kept = now_ms && (!replay->clock_ns || now_ns - replay->clock_ns >= CLOCK_EVERY_NS);
	if (rc == 0)
		rc = store_trim(replay->store, &replay->limits, now_ms, IDLE_ROWS, &removed, diag);
	if (rc == 0 && (removed > 0 || is_kept))
		rc = store_commit(replay->store, applied, diag);
	store_rollback(replay->store);
	if (rc == 0) {
		replay->trimmed_ns = now_ns;
		/* A clock may be wrong, a number of rows is what was asked for. */
		replay->trim_every_ns = removed == IDLE_ROWS && replay->limits.events_days == 0
						? TRIM_SOON_NS
						: TRIM_EVERY_NS;
		if (is_kept)
			replay->clock_ns = now_ns;
	}
	return rc;
}

int replay_check(struct replay *replay, struct diag *diag)
{
	int rc = store_check(replay->store, diag);
	struct diag journal_diag;
	int journal_rc = 0;

	/* A server may be busy for long, and what the journal takes meanwhile would be lost. */
	if ((rc == 0 || rc == ERR_BUSY) && !replay->is_journal_given_up)
		journal_rc = journal_check_place(replay->journal, &journal_diag);
	replay->is_journal_gone = journal_rc != 0;
	if (journal_rc && diag)
		*diag = journal_diag;
	rc = journal_rc ? journal_rc : rc;
	/* After a failure it is due again at once: a look at an empty journal is no success. */
	replay->checked_ns = rc ? 0 : clock_mono_ns();
	return rc;
}

/* One transaction of what there is from @record on; *before and *last as the store has them. */
static int write_batch(struct replay *replay, struct journal_record *record, uint64_t *before,
		       uint64_t *last, struct diag *diag)
{
	int rc = store_begin(replay->store, before, diag);
	uint64_t held;
	bool is_nothing;

	if (rc == 0)
		rc = apply_batch(replay, record, *before, last, diag);
	/* The rows were made from the mapping: what they say must have stood there until now. */
	if (rc == 0)
		rc = store_flush(replay->store, diag);
	if (rc == 0)
		rc = journal_recheck(replay->journal, diag);
	held = rc == 0 ? store_held(replay->store) : 0;
	replay->is_waiting = held != 0;
	if (held)
		*last = held - 1;
	is_nothing = held != 0 && *last == *before; /* tried again soon: no commit for that */
	if (rc == 0 && !is_nothing)
		rc = store_commit(replay->store, *last, diag);
	if (rc || is_nothing)
		store_rollback(replay->store);
	return rc;
}

/* What waits stays in the journal: it counts as read up to the record @last. */
static int read_until(struct replay *replay, uint64_t last, struct diag *diag)
{
	struct journal_record record;
	size_t count = 0;
	int rc;

	journal_rewind(replay->journal);
	while ((rc = journal_next(replay->journal, &record, diag)) == 1 && record.seq <= last)
		count++;
	journal_rewind(replay->journal);
	while (rc >= 0 && count-- > 0)
		rc = journal_next(replay->journal, &record, diag);
	return rc < 0 ? rc : 0;
}

/* So that the WAL does not grow without end. */
static int move_wal(struct replay *replay, struct diag *diag)
{
	int rc = store_checkpoint(replay->store, replay->wal_bytes_max, diag);

	if (rc != ERR_BUSY)
		replay->held_ns = 0;
	else if (replay->held_ns == 0)
		replay->held_ns = replay->was_held_ns = clock_mono_ns();
	return rc;
}

bool replay_line(struct replay *replay, struct diag *ret)
{
	if (replay_is_held(replay) == replay->is_held_told)
		return false;
	replay->is_held_told = !replay->is_held_told;
	if (replay->is_held_told)
		(void)diag_set(ret, 0,
			       "the WAL has grown to %llu MiB, since some process keeps reading an "
			       "old state of the database: accepted writes wait in the journal",
			       (unsigned long long)(replay->wal_bytes_max >> 20));
	else
		(void)diag_set(ret, 0,
			       "accepted writes go to the database again: it was read for %lld s",
			       (long long)(clock_mono_ns() - replay->was_held_ns) / 1000000000);
	return true;
}

int replay_batch(struct replay *replay, uint64_t *applied, struct diag *diag)
{
	struct journal_record record;
	uint64_t before = 0, last = 0;
	int64_t begun_ns = clock_mono_ns();
	int rc = 0;

	if (begun_ns - replay->checked_ns >= CHECK_EVERY_NS)
		rc = replay_check(replay, diag);
	if (rc == 0)
		rc = move_wal(replay, diag);
	if (rc)
		return rc;
	journal_rewind(replay->journal);
	rc = journal_next(replay->journal, &record, diag);
	if (rc == 0) {
		/* The second slot follows the first once there is time. */
		journal_release(replay->journal);
		return trim_idle(replay, diag);
	}
	if (rc == 1)
		rc = write_batch(replay, &record, &before, &last, diag);
	/* Only what is in the right files is in them. */
	if (rc == 0)
		rc = replay_check(replay, diag);
	if (rc == 0 && replay->is_waiting)
		rc = read_until(replay, last, diag);
	if (rc)
		return rc;
	histogram_add(&replay->batch_records, last - before);
	histogram_add(&replay->batch_ns, (uint64_t)(clock_mono_ns() - begun_ns));
	*applied = last;
	journal_release(replay->journal);
	if (replay->is_waiting)
		return REPLAY_WAITS;
	return replay->has_more ? 1 : 2;
}

int replay_all(struct replay *replay, uint64_t *applied, struct diag *diag)
{
	int rc;

	do {
		rc = replay_batch(replay, applied, diag);
		if (rc == REPLAY_WAITS)
			(void)poll(NULL, 0, WAITS_MS);
	} while (rc > 0);
	return rc;
}

/* ---- refusals ------------------------------------------------------------------------------ */

static uint64_t count(const struct backlog_item *items)
{
	uint64_t n = 0;

	for (; items; items = items->next)
		n++;
	return n;
}

static int write_item(struct replay *replay, const struct backlog_item *item, struct diag *diag)
{
	const struct refusal *refusal = &item->refusal;
	int rc;

	if (item->is_alert)
		return store_alert(replay->store, &item->alert, diag);
	if (item->is_resent)
		return store_resent(replay->store, refusal->id, refusal->message, diag);
	rc = store_refuse(replay->store, refusal, diag);
	return rc || !refusal->is_letter ? rc : store_letter(replay->store, refusal, diag);
}

/* One transaction; the number of the last accepted write stays as it is. */
static int write_refusals(struct replay *replay, struct diag *diag)
{
	uint64_t applied;
	unsigned rows = 0;
	bool has_letters = false;
	int rc = store_begin(replay->store, &applied, diag);

	for (struct backlog_item *item = replay->waiting; rc == 0 && item; item = item->next) {
		rc = write_item(replay, item, diag);
		has_letters = has_letters || (!item->is_alert && item->refusal.is_letter);
		rows++;
	}
	if (rc == 0 && has_letters)
		rc = store_trim_letters(replay->store, STORE_LETTERS_BYTES, diag);
	if (rc == 0)
		rc = store_trim_refusals(replay->store, &replay->limits, believed_now(replay),
					 2 * rows + REFUSAL_ROWS, diag);
	if (rc == 0)
		rc = store_commit(replay->store, applied, diag);
	if (rc)
		store_rollback(replay->store);
	return rc;
}

static bool are_refusals_due(struct replay *replay, int64_t now, bool is_last)
{
	if (!is_last && now - replay->flushed_ns < REFUSALS_EVERY_NS &&
	    !backlog_is_pressing(replay->backlog))
		return false;
	if (!replay->waiting)
		replay->waiting = backlog_take(replay->backlog, is_last);
	return replay->waiting || now - replay->flushed_ns >= REFUSALS_TRIM_NS;
}

void replay_flush(struct replay *replay, bool is_last)
{
	int64_t now = clock_mono_ns();
	struct diag diag;
	int rc;

	if (replay_is_held(replay) && !is_last)
		return;
	if (!are_refusals_due(replay, now, is_last))
		return;
	replay->flushed_ns = now;
	rc = write_refusals(replay, &diag);
	if (rc == ERR_BUSY && !is_last)
		return; /* the same again, later; what comes meanwhile waits in the backlog */
	if (rc)
		backlog_lose(replay->backlog, count(replay->waiting));
	replay_drop_refusals(replay);
}

void replay_drop_refusals(struct replay *replay)
{
	backlog_drop(replay->waiting);
	replay->waiting = NULL;
}

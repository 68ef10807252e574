#include "ledger/carry.h"

#include "base/clock.h"
#include "ledger/record.h"

/* So that clients hear within a second that files are gone. */
#define CHECK_EVERY_NS INT64_C(250000000)
#define TRIM_EVERY_NS INT64_C(1000000000)
#define RETAINED_EVERY_NS INT64_C(1000000000)
#define CLOCK_EVERY_NS INT64_C(600000000000) /* for a start, which asks when that was */
#define TRIM_ROWS 256u  /* old events removed at once, beside twice the new ones */
#define IDLE_ROWS 1024u /* and a second where none comes: what is decided wrongly is slow */

static const uint64_t record_bounds[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10000 };
/* Nanoseconds: 100 us to 2 s. */
static const uint64_t ns_bounds[] = { 100000,   200000,   500000,    1000000,   2000000,   5000000,
				      10000000, 20000000, 100000000, 500000000, 2000000000 };

void carry_init(struct carry *carry)
{
	carry->batch_records.bound = record_bounds;
	carry->batch_records.bounds = sizeof(record_bounds) / sizeof(*record_bounds);
	carry->batch_ns.bound = ns_bounds;
	carry->batch_ns.bounds = sizeof(ns_bounds) / sizeof(*ns_bounds);
}

int64_t carry_now(struct carry *carry)
{
	int64_t wall_ms = clock_unix_ms(), mono_ns = clock_mono_ns(), last_ms;

	if (!carry->age.is_begun) {
		if (store_clock(carry->store, &last_ms, NULL) != 0)
			return 0;
		age_begin(&carry->age, last_ms, wall_ms, mono_ns);
	}
	wall_ms = age_now(&carry->age, wall_ms, mono_ns);
	store_set_clock(carry->store, wall_ms);
	return wall_ms;
}

static int apply_one(struct carry *carry, const struct journal_record *from, struct diag *diag)
{
	struct record record;
	int rc = record_decode(from->body, from->len, &record, diag);

	if (rc) {
		diag_prefix(diag, "journal record %llu", (unsigned long long)from->seq);
		return rc;
	}
	return store_apply(carry->store, from->seq, &record, diag);
}

/* Within a transaction: what was cleared long ago, once a second. */
static int trim_retained(struct carry *carry, int64_t now_ms, struct diag *diag)
{
	int64_t now_ns = clock_mono_ns();

	if (now_ms == 0 ||
	    (carry->retained_ns != 0 && now_ns - carry->retained_ns < RETAINED_EVERY_NS))
		return 0;
	carry->retained_ns = now_ns;
	return store_trim_retained(carry->store, now_ms, TRIM_ROWS, diag);
}

/* Within a transaction: from @first to the end of the batch. *last is the last one's number. */
static int apply_batch(struct carry *carry, struct journal_record *first, uint64_t applied,
		       uint64_t *last, struct diag *diag)
{
	struct journal_record record = *first;
	unsigned rows = 0;
	size_t bytes = 0;
	uint64_t removed;
	int64_t now_ms;
	int rc = 1;

	*last = applied;
	do {
		if (record.seq > applied) {
			rc = apply_one(carry, &record, diag);
			if (rc)
				return rc;
			*last = record.seq;
		}
		rows++;
		bytes += record.len;
		if (rows >= carry->batch_rows || bytes >= CARRY_BYTES_MAX)
			break;
		rc = journal_next(carry->journal, &record, diag);
	} while (rc == 1);
	if (rc < 0)
		return rc;
	now_ms = carry_now(carry);
	rc = trim_retained(carry, now_ms, diag);
	if (rc)
		return rc;
	return store_trim(carry->store, &carry->limits, now_ms, 2 * rows + TRIM_ROWS, &removed,
			  diag);
}

/* Nothing new: now and then removes events that grew too old. */
static int trim_idle(struct carry *carry, struct diag *diag)
{
	int64_t now_ns = clock_mono_ns(), now_ms;
	uint64_t applied, removed = 0;
	bool is_kept;
	int rc;

	if ((carry->limits.events_rows == 0 && carry->limits.events_days == 0) ||
	    (carry->trimmed_ns && now_ns - carry->trimmed_ns < TRIM_EVERY_NS))
		return 0;
	rc = store_begin(carry->store, &applied, diag);
	now_ms = rc ? 0 : carry_now(carry);
	is_kept = now_ms && (!carry->clock_ns || now_ns - carry->clock_ns >= CLOCK_EVERY_NS);
	if (rc == 0)
		rc = store_trim(carry->store, &carry->limits, now_ms, IDLE_ROWS, &removed, diag);
	if (rc == 0 && (removed > 0 || is_kept))
		rc = store_commit(carry->store, applied, diag);
	store_rollback(carry->store);
	if (rc == 0) {
		carry->trimmed_ns = now_ns;
		if (is_kept)
			carry->clock_ns = now_ns;
	}
	return rc;
}

int carry_check(struct carry *carry, struct diag *diag)
{
	int rc = store_check(carry->store, diag);

	carry->checked_ns = clock_mono_ns();
	carry->is_journal_gone = false;
	if (rc || carry->is_journal_given_up)
		return rc;
	rc = journal_check_place(carry->journal, diag);
	carry->is_journal_gone = rc != 0;
	return rc;
}

int carry_skip(struct carry *carry, uint64_t seq, uint64_t *applied, struct diag *diag)
{
	uint64_t before;
	int rc = store_begin(carry->store, &before, diag);

	if (rc == 0 && before < seq)
		rc = store_commit(carry->store, seq, diag);
	store_rollback(carry->store); /* does nothing after a commit */
	if (rc == 0)
		*applied = before < seq ? seq : before;
	return rc;
}

int carry_batch(struct carry *carry, uint64_t *applied, struct diag *diag)
{
	struct journal_record record;
	uint64_t before, last;
	int64_t begun_ns = clock_mono_ns();
	int rc = 0;

	if (begun_ns - carry->checked_ns >= CHECK_EVERY_NS)
		rc = carry_check(carry, diag);
	if (rc == 0)
		rc = store_checkpoint(carry->store, carry->wal_bytes_max, diag);
	if (rc)
		return rc;
	journal_rewind(carry->journal);
	rc = journal_next(carry->journal, &record, diag);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		/* The second slot follows the first once there is time. */
		journal_release(carry->journal);
		return trim_idle(carry, diag);
	}
	rc = store_begin(carry->store, &before, diag);
	if (rc == 0)
		rc = apply_batch(carry, &record, before, &last, diag);
	/* The rows were made from the mapping: what they say must have stood there until now. */
	if (rc == 0)
		rc = store_flush(carry->store, diag);
	if (rc == 0)
		rc = journal_recheck(carry->journal, diag);
	if (rc == 0)
		rc = store_commit(carry->store, last, diag);
	if (rc) {
		store_rollback(carry->store);
		return rc;
	}
	/* Only what is in the right files is in them. */
	rc = carry_check(carry, diag);
	if (rc)
		return rc;
	histogram_add(&carry->batch_records, last - before);
	histogram_add(&carry->batch_ns, (uint64_t)(clock_mono_ns() - begun_ns));
	*applied = last;
	journal_release(carry->journal);
	return 1;
}

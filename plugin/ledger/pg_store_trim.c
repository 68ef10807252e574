/*
 * pg_store_trim.c -- removes rows beyond what is kept: those too old, and those too many.
 *
 * Every broker does so, as its own options say; of events one at a time: who finds the row of table
 * store locked leaves it to the others. No batch looks for old events sooner than TRIM_EVERY_NS
 * after the last look, and then as many go as all batches between would have removed.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/age.h"
#include "ledger/backlog.h"
#include "ledger/pg_store_internal.h"

#define DAY_MS INT64_C(86400000)
#define TRIM_EVERY_NS INT64_C(200000000)
#define TRIM_ROWS_MAX 20000u /* at once */
#define FORGET_NS INT64_C(60000000000)
#define SCAN_ROWS 64u                  /* read at first, */
#define SCAN_MORE 4096u                /* and then, where all of them are too old */
#define SHARES_NS INT64_C(10000000000) /* a large table is counted so often */
#define SHARES_SMALL INT64_C(10000)    /* a smaller one each time */

/* ---- by age ------------------------------------------------------------------------------ */

static const char *const scan_sql[] = {
	[PG_AGED_EVENTS] = "SELECT seq, received_at FROM events WHERE seq >= $1 ORDER BY seq LIMIT "
			   "$2::bigint",
	[PG_AGED_REFUSALS] = "SELECT seq, time FROM refusals WHERE seq >= $1 ORDER BY seq LIMIT "
			     "$2::bigint",
	[PG_AGED_ALERTS] = "SELECT seq, time FROM alerts WHERE seq >= $1 ORDER BY seq LIMIT "
			   "$2::bigint",
};

/* A refusal takes its letter with it. */
static const char *const remove_sql[] = {
	[PG_AGED_EVENTS] = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= "
			   "$1 AND seq >= $3 ORDER BY seq LIMIT $2::bigint)",
	[PG_AGED_REFUSALS] =
		"WITH gone AS (DELETE FROM refusals WHERE seq IN (SELECT seq FROM refusals WHERE "
		"seq <= $1 AND seq >= $3 ORDER BY seq LIMIT $2::bigint) RETURNING decision_id) "
		"DELETE FROM store_letters WHERE decision_id IN (SELECT decision_id FROM gone)",
	[PG_AGED_ALERTS] = "DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts WHERE seq <= "
			   "$1 AND seq >= $3 ORDER BY seq LIMIT $2::bigint)",
};

/* The next rows, from where the last scan ended. 1: there may be more that are too old. */
static int scan_some(struct pg_store *store, enum pg_aged table, const struct age_bounds *bounds,
		     unsigned limit, struct diag *diag)
{
	struct pg_trimmed *trimmed = &store->trimmed;
	struct pg_params params = { 0 };
	struct pg_rows rows;
	enum age_row age = AGE_UNDATED;
	unsigned count;
	int rc;

	pg_add_number(&params, trimmed->aged[table].scan_seq);
	pg_add_number(&params, limit);
	rc = pg_store_exec(store, scan_sql[table], &params, &rows, "cannot read old rows", diag);
	if (rc)
		return rc;
	count = pg_rows_count(&rows);
	for (unsigned i = 0; age != AGE_KEPT && i < count; i++) {
		int64_t seq = pg_number(&rows, i, 0);

		age = age_of_row(bounds, pg_text(&rows, i, 1));
		trimmed->aged[table].scan_seq = age == AGE_KEPT ? seq : seq + 1;
		if (age == AGE_OLD)
			trimmed->aged[table].aged_seq = seq;
	}
	pg_rows_clear(&rows);
	return age != AGE_KEPT && count == limit;
}

/*
 * Finds what is too old in a table, as store_trim() says: *ret_seq is the last such row, 0: none.
 * @now_ms 0 forgets what was found.
 */
static int find_aged(struct pg_store *store, enum pg_aged table, int64_t now_ms, unsigned days,
		     unsigned rows_max, int64_t *ret_seq, struct diag *diag)
{
	struct age_bounds bounds;
	bool looked = false;
	unsigned limit;
	int rc = 1;

	*ret_seq = 0;
	if (now_ms == 0 || days == 0) {
		store->trimmed.aged[table].scan_seq = store->trimmed.aged[table].aged_seq = 0;
		return 0;
	}
	age_bound(&bounds, now_ms, days);
	for (unsigned left = rows_max; rc == 1 && left > 0; left -= limit) {
		limit = looked ? SCAN_MORE : SCAN_ROWS;
		limit = limit < left ? limit : left;
		rc = scan_some(store, table, &bounds, limit, diag);
		looked = true;
	}
	if (rc < 0)
		return rc;
	*ret_seq = store->trimmed.aged[table].aged_seq;
	return 0;
}

/* Removes the oldest rows up to @seq, @rows_max at most; *removed may be NULL. */
static int remove_until(struct pg_store *store, enum pg_aged table, int64_t seq, unsigned rows_max,
			uint64_t *removed, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	pg_add_number(&params, seq);
	pg_add_number(&params, rows_max);
	pg_add_number(&params, table == PG_AGED_EVENTS ? store->trimmed.first_seq : 0);
	rc = pg_store_exec(store, remove_sql[table], &params, &rows, "cannot remove old rows",
			   diag);
	if (rc == 0 && removed)
		*removed = pg_rows_changed(&rows);
	if (rc == 0)
		pg_rows_clear(&rows);
	return rc;
}

/* ---- events ------------------------------------------------------------------------------ */

/* Is it ours to remove events, until the end of the transaction? 1: yes; and where they are. */
static int take_turn(struct pg_store *store, int64_t *oldest, int64_t *newest, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows[2] = { 0 };
	int rc;

	pg_add_number(&params, store->trimmed.first_seq);
	rc = pg_send(store->pg, "SELECT one FROM store FOR UPDATE SKIP LOCKED", NULL, diag);
	if (rc == 0)
		rc = pg_send(store->pg,
			     "SELECT (SELECT min(seq) FROM events WHERE seq >= $1), "
			     "(SELECT max(seq) FROM events)",
			     &params, diag);
	if (rc == 0)
		rc = pg_store_finish(store, rows, 2, "cannot read events", diag);
	if (rc == 0) {
		*oldest = pg_number(&rows[1], 0, 0); /* NULL reads as 0 */
		*newest = pg_number(&rows[1], 0, 1);
		rc = pg_rows_count(&rows[0]) > 0;
	}
	pg_rows_clear(&rows[0]);
	pg_rows_clear(&rows[1]);
	return rc;
}

/* Is it time for a look? Then *rows is what may go. */
static bool is_due(struct pg_trimmed *trimmed, unsigned rows_max, unsigned *rows)
{
	int64_t now_ns = clock_mono_ns();

	trimmed->events_rows += rows_max < TRIM_ROWS_MAX ? rows_max : TRIM_ROWS_MAX;
	if (trimmed->events_rows > TRIM_ROWS_MAX)
		trimmed->events_rows = TRIM_ROWS_MAX;
	if (trimmed->events_ns && now_ns - trimmed->events_ns < TRIM_EVERY_NS &&
	    trimmed->events_rows < TRIM_ROWS_MAX)
		return false;
	if (now_ns - trimmed->forgot_ns >= FORGET_NS) {
		trimmed->first_seq = 0;
		trimmed->forgot_ns = now_ns;
	}
	*rows = trimmed->events_rows;
	trimmed->events_ns = now_ns;
	trimmed->events_rows = 0;
	return true;
}

int pg_store_trim(struct store *base, const struct store_limits *limits, int64_t now_ms,
		  unsigned rows_max, uint64_t *removed, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	int64_t oldest = 0, newest = 0, cut = 0;
	unsigned rows;
	int rc;

	*removed = 0;
	if ((limits->events_rows == 0 && limits->events_days == 0) ||
	    !is_due(&store->trimmed, rows_max, &rows))
		return 0;
	rc = pg_store_flush(base, diag);
	if (rc == 0)
		rc = take_turn(store, &oldest, &newest, diag);
	if (rc != 1)
		return rc;
	rc = find_aged(store, PG_AGED_EVENTS, now_ms, limits->events_days, rows, &cut, diag);
	if (rc)
		return rc;
	if (oldest > store->trimmed.first_seq)
		store->trimmed.first_seq = oldest;
	/* Sequence numbers have gaps: this keeps at most events_rows. */
	if (limits->events_rows > 0 && newest - cut > (int64_t)limits->events_rows)
		cut = newest - (int64_t)limits->events_rows;
	if (cut < oldest || newest == 0)
		return 0;
	return remove_until(store, PG_AGED_EVENTS, cut, rows, removed, diag);
}

int pg_store_trim_retained(struct store *base, int64_t now_ms, unsigned rows_max, struct diag *diag)
{
	struct pg_params params = { 0 };
	char time[CLOCK_TEXT_MAX];

	pg_add_string(&params, clock_print(now_ms - STORE_CLEARED_DAYS * DAY_MS, time));
	pg_add_number(&params, rows_max);
	return pg_store_exec(
		pg_store_of(base),
		"DELETE FROM retained WHERE topic IN (SELECT topic FROM retained WHERE "
		"payload IS NULL AND payload_bytes IS NULL AND received_at < $1 ORDER "
		"BY received_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED)",
		&params, NULL, "cannot remove from retained", diag);
}

/* ---- refusals and alerts ----------------------------------------------------------------- */

#define STEPS_MAX 16u /* deletions of a call, each of one share */
#define FEW_ROWS 8    /* an owner with no more than these floods nothing: its rows go by age */

/* Shares of one kind ("user" or "from"), those with the most rows first. */
struct pg_kind {
	const char *name;
	int64_t rows; /* of all of them */
	unsigned count;
	struct {
		char name[BACKLOG_TEXT_MAX + 8];
		int64_t rows;
	} share[STEPS_MAX + 1];
};

/* One table. */
struct pg_trim {
	struct pg_store *store;
	const char *table;
	int64_t keep; /* rows */
	struct pg_kind user, from;
	unsigned sent;
	struct diag *diag;
};

/* The kind's rows, and its largest shares. The names of tables and kinds are ours. */
static int send_count(struct pg_trim *trim, const struct pg_kind *kind)
{
	char sql[320];
	int rc;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM %s WHERE share >= '%s ' AND share < '%s!'",
		       trim->table, kind->name, kind->name);
	rc = pg_send(trim->store->pg, sql, NULL, trim->diag);
	if (rc)
		return rc;
	(void)snprintf(sql, sizeof(sql),
		       "SELECT share, count(*) FROM %s WHERE share >= '%s ' AND share < '%s!' "
		       "GROUP BY share ORDER BY count(*) DESC, share LIMIT %u",
		       trim->table, kind->name, kind->name, STEPS_MAX + 1);
	return pg_send(trim->store->pg, sql, NULL, trim->diag);
}

static void take_count(struct pg_kind *kind, const struct pg_rows *rows)
{
	kind->rows = pg_number(&rows[0], 0, 0);
	kind->count = pg_rows_count(&rows[1]);
	for (unsigned i = 0; i < kind->count; i++) {
		(void)snprintf(kind->share[i].name, sizeof(kind->share[i].name), "%s",
			       pg_text(&rows[1], i, 0));
		kind->share[i].rows = pg_number(&rows[1], i, 1);
	}
}

static int count_shares(struct pg_trim *trim)
{
	struct pg_rows rows[4] = { 0 };
	int rc = send_count(trim, &trim->user);

	if (rc == 0)
		rc = send_count(trim, &trim->from);
	if (rc == 0)
		rc = pg_store_finish(trim->store, rows, 4, "cannot count rows", trim->diag);
	if (rc == 0) {
		take_count(&trim->user, &rows[0]);
		take_count(&trim->from, &rows[2]);
	}
	for (unsigned i = 0; i < 4; i++)
		pg_rows_clear(&rows[i]);
	return rc;
}

/* The oldest rows of one share, or, where @share is NULL, of all of a kind. */
static int send_remove(struct pg_trim *trim, const struct pg_kind *kind, const char *share,
		       int64_t rows)
{
	bool has_letters = strcmp(trim->table, "refusals") == 0;
	struct pg_params params = { 0 };
	char which[64], sql[512];

	(void)snprintf(which, sizeof(which), "share >= '%s ' AND share < '%s!'", kind->name,
		       kind->name);
	(void)snprintf(sql, sizeof(sql),
		       "%sDELETE FROM %s WHERE seq IN (SELECT seq FROM %s WHERE %s ORDER BY seq "
		       "LIMIT $1::bigint)%s",
		       has_letters ? "WITH gone AS (" : "", trim->table, trim->table,
		       share ? "share = $2" : which,
		       has_letters ? " RETURNING decision_id) DELETE FROM store_letters WHERE "
				     "decision_id IN (SELECT decision_id FROM gone)"
				   : "");
	pg_add_number(&params, rows);
	if (share)
		pg_add_string(&params, share);
	trim->sent++;
	return pg_send(trim->store->pg, sql, &params, trim->diag);
}

/* The first goes to its place among the others, which are in their order. */
static void sink_first(struct pg_kind *kind)
{
	for (unsigned i = 1; i < kind->count && kind->share[i].rows > kind->share[i - 1].rows;
	     i++) {
		__typeof__(kind->share[0]) other = kind->share[i];

		kind->share[i] = kind->share[i - 1];
		kind->share[i - 1] = other;
	}
}

/*
 * Some of the rows that are too many, at most @excess: of strangers where they have more than
 * half of what is kept, and of the share that has most. *removed is not 0.
 */
static int trim_step(struct pg_trim *trim, int64_t excess, int64_t *removed)
{
	struct pg_kind *kind = trim->from.rows > trim->keep / 2 ? &trim->from : &trim->user;
	int64_t most, next;
	int rc;

	if (kind->count == 0)
		kind = &trim->from;
	else if (kind == &trim->from && kind->rows - trim->keep / 2 < excess)
		excess = kind->rows - trim->keep / 2;
	most = kind->count > 0 ? kind->share[0].rows : 0;
	next = kind->count > 1 ? kind->share[1].rows : 0;
	*removed = excess;
	if (most <= FEW_ROWS) {
		kind->rows -= excess;
		return send_remove(trim, kind, NULL, excess);
	}
	if (most - next < excess)
		*removed = most - next;
	if (*removed < excess / STEPS_MAX + 1)
		*removed = excess / STEPS_MAX + 1;
	if (*removed > most)
		*removed = most;
	rc = send_remove(trim, kind, kind->share[0].name, *removed);
	kind->rows -= *removed;
	kind->share[0].rows -= *removed;
	sink_first(kind);
	return rc;
}

static int trim_shares(struct pg_trim *trim, int64_t rows_max)
{
	int64_t excess, removed;
	int rc = count_shares(trim);

	excess = trim->user.rows + trim->from.rows - trim->keep;
	excess = excess < rows_max ? excess : rows_max;
	for (unsigned step = 0; rc == 0 && step < STEPS_MAX && excess > 0; step++) {
		rc = trim_step(trim, excess, &removed);
		excess -= removed;
	}
	if (rc == 0 && trim->sent > 0)
		rc = pg_store_finish(trim->store, NULL, 0, "cannot remove old rows", trim->diag);
	return rc;
}

static int trim_table(struct pg_store *store, enum pg_aged table, const struct store_limits *limits,
		      int64_t now_ms, unsigned rows_max, bool is_counted, struct diag *diag)
{
	struct pg_trim trim = { .store = store,
				.table = table == PG_AGED_ALERTS ? "alerts" : "refusals",
				.keep = limits->refusals_rows < INT64_MAX
						? (int64_t)limits->refusals_rows
						: INT64_MAX,
				.user = { .name = "user" },
				.from = { .name = "from" },
				.diag = diag };
	int64_t seq;
	int rc = find_aged(store, table, now_ms, limits->refusals_days, rows_max, &seq, diag);

	if (rc == 0 && seq != 0)
		rc = remove_until(store, table, seq, rows_max, NULL, diag);
	if (rc == 0 && trim.keep > 0 && is_counted)
		rc = trim_shares(&trim, rows_max);
	return rc;
}

int pg_store_trim_refusals(struct store *base, const struct store_limits *limits, int64_t now_ms,
			   unsigned rows_max, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	int64_t now_ns = clock_mono_ns();
	bool is_counted = limits->refusals_rows <= SHARES_SMALL || !store->trimmed.shares_ns ||
			  now_ns - store->trimmed.shares_ns >= SHARES_NS;
	int rc;

	if (is_counted)
		store->trimmed.shares_ns = now_ns;
	rc = trim_table(store, PG_AGED_REFUSALS, limits, now_ms, rows_max, is_counted, diag);
	if (rc == 0)
		rc = trim_table(store, PG_AGED_ALERTS, limits, now_ms, rows_max, is_counted, diag);
	return rc;
}

int pg_store_trim_letters(struct store *base, int64_t bytes_max, struct diag *diag)
{
	struct pg_params params = { 0 };

	/* Where there are too many, each owner keeps its newest, as many bytes as any other. */
	pg_add_number(&params, bytes_max);
	return pg_store_exec(
		pg_store_of(base),
		"DELETE FROM store_letters WHERE (SELECT sum(bytes) FROM store_letters) > "
		"$1::bigint AND decision_id IN (SELECT decision_id FROM (SELECT decision_id, "
		"sum(bytes) OVER (PARTITION BY share ORDER BY decision_id DESC) AS kept FROM "
		"store_letters) AS each_one WHERE kept > $1::bigint / (SELECT count(DISTINCT "
		"share) + 0.0 FROM store_letters))",
		&params, NULL, "cannot remove from store_letters", diag);
}

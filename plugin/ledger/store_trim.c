/* store_trim.c -- removes rows beyond what is kept: those too old, and those too many. */
#include <stdio.h>
#include <string.h>

#include "ledger/age.h"
#include "ledger/backlog.h"
#include "ledger/store_sqlite_internal.h"

static sqlite3_stmt *scan_of(const struct sqlite_store *store, enum store_aged table)
{
	return store->statement[STORE_EVENTS_SCAN + 2 * (unsigned)table];
}

static sqlite3_stmt *remove_of(const struct sqlite_store *store, enum store_aged table)
{
	return store->statement[STORE_EVENTS_SCAN + 2 * (unsigned)table + 1];
}

/* ---- by age ------------------------------------------------------------------------------ */

/* Goes on where the last scan ended, up to a row that is kept. */
static int scan(struct sqlite_store *store, enum store_aged table, const struct age_bounds *bounds,
		unsigned rows_max, struct diag *diag)
{
	sqlite3_stmt *select = scan_of(store, table);
	enum age_row age = AGE_UNDATED;
	int rc = 0, step = SQLITE_DONE;

	sql_bind_number(select, 1, store->aged[table].scan_seq);
	sql_bind_number(select, 2, rows_max);
	while (age != AGE_KEPT && (step = sqlite3_step(select)) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(select, 0);

		age = age_of_row(bounds, (const char *)sqlite3_column_text(select, 1));
		store->aged[table].scan_seq = age == AGE_KEPT ? seq : seq + 1;
		if (age == AGE_OLD)
			store->aged[table].aged_seq = seq;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = sql_fail(&store->sql, "cannot read old rows", diag);
	(void)sqlite3_reset(select);
	return rc;
}

/*
 * Finds what is too old in a table, as store_trim() says: *ret_seq is the last such row, 0: none.
 * Looks at @rows_max rows at most. @now_ms 0 forgets what was found.
 */
static int find_aged(struct sqlite_store *store, enum store_aged table, int64_t now_ms,
		     unsigned days, unsigned rows_max, int64_t *ret_seq, struct diag *diag)
{
	struct age_bounds bounds;
	int rc;

	*ret_seq = 0;
	if (now_ms == 0 || days == 0) {
		store->aged[table].scan_seq = store->aged[table].aged_seq = 0;
		return 0;
	}
	age_bound(&bounds, now_ms, days);
	rc = scan(store, table, &bounds, rows_max, diag);
	if (rc == 0)
		*ret_seq = store->aged[table].aged_seq;
	return rc;
}

/* Removes the oldest rows up to @seq, @rows_max at most. */
static int remove_until(struct sqlite_store *store, enum store_aged table, int64_t seq,
			unsigned rows_max, struct diag *diag)
{
	sqlite3_stmt *remove = remove_of(store, table);

	sql_bind_number(remove, 1, seq);
	sql_bind_number(remove, 2, rows_max);
	return sql_run(&store->sql, remove, "cannot remove old rows", diag);
}

/* ---- events ------------------------------------------------------------------------------ */

static int find_ends(struct sqlite_store *store, int64_t *oldest, int64_t *newest,
		     struct diag *diag)
{
	sqlite3_stmt *ends = store->statement[STORE_EVENTS_ENDS];
	int rc = 0;

	if (sqlite3_step(ends) != SQLITE_ROW)
		rc = sql_fail(&store->sql, "cannot read events", diag);
	*oldest = sqlite3_column_int64(ends, 0); /* NULL reads as 0 */
	*newest = sqlite3_column_int64(ends, 1);
	(void)sqlite3_reset(ends);
	return rc;
}

int lite_trim(struct store *base, const struct store_limits *limits, int64_t now_ms,
	      unsigned rows_max, uint64_t *removed, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	int64_t oldest, newest, cut = 0;
	int rc;

	*removed = 0;
	if (limits->events_rows == 0 && limits->events_days == 0)
		return 0;
	rc = lite_flush(&store->base, diag);
	if (rc == 0)
		rc = find_ends(store, &oldest, &newest, diag);
	if (rc == 0)
		rc = find_aged(store, STORE_AGED_EVENTS, now_ms, limits->events_days, rows_max,
			       &cut, diag);
	if (rc)
		return rc;
	/* Sequence numbers may have gaps: this keeps at most events_rows. */
	if (limits->events_rows > 0 && newest - cut > (int64_t)limits->events_rows)
		cut = newest - (int64_t)limits->events_rows;
	if (cut < oldest || newest == 0)
		return 0;
	rc = remove_until(store, STORE_AGED_EVENTS, cut, rows_max, diag);
	if (rc == 0)
		*removed = (uint64_t)sqlite3_changes(store->sql.db);
	return rc;
}

int lite_trim_retained(struct store *base, int64_t now_ms, unsigned rows_max, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *remove = store->statement[STORE_RETAINED_REMOVE];
	char time[CLOCK_TEXT_MAX];

	clock_print(now_ms - STORE_CLEARED_DAYS * INT64_C(86400000), time);
	sql_bind(remove, 1, time);
	sql_bind_number(remove, 2, rows_max);
	return sql_run(&store->sql, remove, "cannot remove from retained", diag);
}

/* ---- refusals and alerts ------------------------------------------------------------------ */

#define STEPS_MAX 16u /* deletions of a call, each of one share */
#define FEW_ROWS 8    /* an owner with no more than these floods nothing: its rows go by age */

/* One table, by the first of its four statements. */
struct trim {
	struct sqlite_store *store;
	enum store_aged table;
	unsigned first; /* STORE_REFUSALS_COUNT or STORE_ALERTS_COUNT */
	int64_t keep;   /* rows */
	int64_t rows_max;
	struct diag *diag;
};

enum { COUNT, MOST, OF_SHARE, OF_KIND };

static sqlite3_stmt *statement_of(const struct trim *trim, unsigned which)
{
	return trim->store->statement[trim->first + which];
}

static int unreadable(const struct trim *trim)
{
	return sql_fail(&trim->store->sql, "cannot count rows", trim->diag);
}

/* All rows, and those of strangers. */
static int count_rows(const struct trim *trim, int64_t *all, int64_t *strangers)
{
	sqlite3_stmt *count = statement_of(trim, COUNT);
	int rc = 0;

	if (sqlite3_step(count) != SQLITE_ROW)
		rc = unreadable(trim);
	*all = sqlite3_column_int64(count, 0); /* NULL reads as 0 */
	*strangers = sqlite3_column_int64(count, 1);
	(void)sqlite3_reset(count);
	return rc;
}

/* The share with the most rows, and how many the next one has. */
struct most {
	char share[BACKLOG_TEXT_MAX + 8]; /* "": none */
	int64_t rows;
	int64_t next;
};

static int find_most(const struct trim *trim, const char *kind, struct most *ret)
{
	sqlite3_stmt *most = statement_of(trim, MOST);
	int rc;

	*ret = (struct most){ .share = "" };
	sql_bind(most, 1, kind);
	rc = sqlite3_step(most);
	if (rc == SQLITE_ROW) {
		const char *share = (const char *)sqlite3_column_text(most, 0);

		(void)snprintf(ret->share, sizeof(ret->share), "%s", share ? share : "");
		ret->rows = sqlite3_column_int64(most, 1);
		rc = sqlite3_step(most);
		ret->next = rc == SQLITE_ROW ? sqlite3_column_int64(most, 1) : 0;
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : unreadable(trim);
	(void)sqlite3_reset(most);
	return rc;
}

static int remove_some(const struct trim *trim, unsigned which, const char *whose, int64_t rows)
{
	sqlite3_stmt *remove = statement_of(trim, which);

	sql_bind(remove, 1, whose);
	sql_bind_number(remove, 2, rows);
	return sql_run(&trim->store->sql, remove, "cannot remove old rows", trim->diag);
}

/*
 * Some of the rows that are too many, at most @excess: of strangers where they have more than
 * half of what is kept, and of the share that has most. *removed is not 0.
 */
static int trim_step(const struct trim *trim, int64_t strangers, int64_t excess, int64_t *removed)
{
	const char *kind = strangers > trim->keep / 2 ? "from" : "user";
	struct most most;
	int rc = find_most(trim, kind, &most);

	if (rc == 0 && !most.share[0]) {
		kind = "from";
		rc = find_most(trim, kind, &most);
	} else if (kind[0] == 'f' && strangers - trim->keep / 2 < excess) {
		excess = strangers - trim->keep / 2;
	}
	*removed = excess;
	if (rc)
		return rc;
	if (most.rows <= FEW_ROWS)
		return remove_some(trim, OF_KIND, kind, excess);
	if (most.rows - most.next < excess)
		*removed = most.rows - most.next;
	if (*removed < excess / STEPS_MAX + 1)
		*removed = excess / STEPS_MAX + 1;
	if (*removed > most.rows)
		*removed = most.rows;
	return remove_some(trim, OF_SHARE, most.share, *removed);
}

static int trim_shares(const struct trim *trim)
{
	int64_t all, strangers, removed, excess = trim->rows_max;
	int rc = 0;

	for (unsigned step = 0; rc == 0 && step < STEPS_MAX && excess > 0; step++) {
		rc = count_rows(trim, &all, &strangers);
		if (rc || all <= trim->keep)
			return rc;
		if (all - trim->keep < excess)
			excess = all - trim->keep;
		rc = trim_step(trim, strangers, excess, &removed);
		excess -= removed;
	}
	return rc;
}

static int trim_aged(const struct trim *trim, int64_t now_ms, unsigned days)
{
	int64_t seq;
	int rc = find_aged(trim->store, trim->table, now_ms, days, (unsigned)trim->rows_max, &seq,
			   trim->diag);

	if (rc || seq == 0)
		return rc;
	return remove_until(trim->store, trim->table, seq, (unsigned)trim->rows_max, trim->diag);
}

int lite_trim_refusals(struct store *base, const struct store_limits *limits, int64_t now_ms,
		       unsigned rows_max, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct trim trim = { .store = store,
			     .keep = limits->refusals_rows < INT64_MAX
					     ? (int64_t)limits->refusals_rows
					     : INT64_MAX,
			     .rows_max = (int64_t)rows_max,
			     .diag = diag };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		trim.table = i ? STORE_AGED_ALERTS : STORE_AGED_REFUSALS;
		trim.first = i ? STORE_ALERTS_COUNT : STORE_REFUSALS_COUNT;
		rc = trim_aged(&trim, now_ms, limits->refusals_days);
		if (rc == 0 && trim.keep > 0)
			rc = trim_shares(&trim);
	}
	return rc;
}

int lite_trim_letters(struct store *base, int64_t bytes_max, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *trim = store->statement[STORE_LETTERS_TRIM];

	sql_bind_number(trim, 1, bytes_max);
	return sql_run(&store->sql, trim, "cannot remove from store_letters", diag);
}

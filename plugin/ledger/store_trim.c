/* store_trim.c -- rows that are beyond what is kept: all that are too old, and events that are too
 * many.
 */
#include <string.h>

#include "base/clock.h"
#include "ledger/age.h"
#include "ledger/store.h"
#include "ledger/store_internal.h"

#define DAY_MS INT64_C(86400000)

static sqlite3_stmt *scan_of(const struct store *store, enum store_aged table)
{
	return store->statement[STORE_EVENTS_SCAN + 2 * (unsigned)table];
}

static sqlite3_stmt *remove_of(const struct store *store, enum store_aged table)
{
	return store->statement[STORE_EVENTS_SCAN + 2 * (unsigned)table + 1];
}

/* ---- by age ------------------------------------------------------------------------------ */

/* Times that part rows from each other. */
struct bounds {
	char first[CLOCK_TEXT_MAX]; /* before it, and after last, a time is none */
	char kept[CLOCK_TEXT_MAX];  /* from it on a row is kept */
	char last[CLOCK_TEXT_MAX];
};

enum row_age { ROW_UNDATED, ROW_OLD, ROW_KEPT };

static enum row_age age_of(const struct bounds *bounds, const char *time)
{
	if (!time || strcmp(time, bounds->first) < 0 || strcmp(time, bounds->last) > 0)
		return ROW_UNDATED;
	return strcmp(time, bounds->kept) < 0 ? ROW_OLD : ROW_KEPT;
}

/* Goes on where the last scan ended, up to a row that is kept. */
static int scan(struct store *store, enum store_aged table, const struct bounds *bounds,
		unsigned rows_max, struct diag *diag)
{
	sqlite3_stmt *select = scan_of(store, table);
	enum row_age age = ROW_UNDATED;
	int rc = 0, step = SQLITE_DONE;

	sql_bind_number(select, 1, store->aged[table].scan_seq);
	sql_bind_number(select, 2, rows_max);
	while (age != ROW_KEPT && (step = sqlite3_step(select)) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(select, 0);

		age = age_of(bounds, (const char *)sqlite3_column_text(select, 1));
		store->aged[table].scan_seq = age == ROW_KEPT ? seq : seq + 1;
		if (age == ROW_OLD)
			store->aged[table].aged_seq = seq;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = sql_fail(&store->sql, "cannot read old rows", diag);
	(void)sqlite3_reset(select);
	return rc;
}

int store_find_aged(struct store *store, enum store_aged table, int64_t now_ms, unsigned days,
		    unsigned rows_max, int64_t *ret_seq, struct diag *diag)
{
	struct bounds bounds;
	int rc;

	*ret_seq = 0;
	if (now_ms == 0 || days == 0) {
		store->aged[table].scan_seq = store->aged[table].aged_seq = 0;
		return 0;
	}
	clock_print(AGE_FIRST_MS, bounds.first);
	clock_print(now_ms - (int64_t)days * DAY_MS, bounds.kept);
	clock_print(now_ms + AGE_STEP_MS, bounds.last);
	rc = scan(store, table, &bounds, rows_max, diag);
	if (rc == 0)
		*ret_seq = store->aged[table].aged_seq;
	return rc;
}

int store_remove_until(struct store *store, enum store_aged table, int64_t seq, unsigned rows_max,
		       struct diag *diag)
{
	sqlite3_stmt *remove = remove_of(store, table);

	sql_bind_number(remove, 1, seq);
	sql_bind_number(remove, 2, rows_max);
	return sql_run(&store->sql, remove, "cannot remove old rows", diag);
}

/* ---- events ------------------------------------------------------------------------------ */

static int find_ends(struct store *store, int64_t *oldest, int64_t *newest, struct diag *diag)
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

int store_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	       unsigned rows_max, uint64_t *removed, struct diag *diag)
{
	int64_t oldest, newest, cut = 0;
	int rc;

	*removed = 0;
	if (limits->events_rows == 0 && limits->events_days == 0)
		return 0;
	rc = store_flush(store, diag);
	if (rc == 0)
		rc = find_ends(store, &oldest, &newest, diag);
	if (rc == 0)
		rc = store_find_aged(store, STORE_AGED_EVENTS, now_ms, limits->events_days,
				     rows_max, &cut, diag);
	if (rc)
		return rc;
	/* Sequence numbers may have gaps: this keeps at most events_rows. */
	if (limits->events_rows > 0 && newest - cut > (int64_t)limits->events_rows)
		cut = newest - (int64_t)limits->events_rows;
	if (cut < oldest || newest == 0)
		return 0;
	rc = store_remove_until(store, STORE_AGED_EVENTS, cut, rows_max, diag);
	if (rc == 0)
		*removed = (uint64_t)sqlite3_changes(store->sql.db);
	return rc;
}

int store_trim_retained(struct store *store, int64_t now_ms, unsigned rows_max, struct diag *diag)
{
	sqlite3_stmt *remove = store->statement[STORE_RETAINED_REMOVE];
	char time[CLOCK_TEXT_MAX];

	clock_print(now_ms - STORE_CLEARED_DAYS * INT64_C(86400000), time);
	sql_bind(remove, 1, time);
	sql_bind_number(remove, 2, rows_max);
	return sql_run(&store->sql, remove, "cannot remove from retained", diag);
}

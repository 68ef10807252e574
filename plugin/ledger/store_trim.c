/* store_trim.c -- events that are beyond what is kept. */
/*
 * Results of sqlite3_bind_*() are ignored in this file: binding borrowed bytes, or a number,
 * to a statement that was reset takes no memory and cannot fail.
 */
#include "base/clock.h"
#include "ledger/store.h"
#include "ledger/store_inside.h"

static int one_number(struct store *store, sqlite3_stmt *select, int64_t *ret, struct diag *diag)
{
	int rc = 0;

	*ret = 0;
	if (sqlite3_step(select) != SQLITE_ROW)
		rc = store_fail(store->db, store->path, "cannot read events", diag);
	else
		*ret = sqlite3_column_int64(select, 0); /* NULL reads as 0 */
	(void)sqlite3_reset(select);
	return rc;
}

/* The newest event that is too old, among the @rows_max oldest; 0: none. */
static int find_outdated(struct store *store, const struct store_limits *limits, int64_t now_ms,
			 unsigned rows_max, int64_t *ret, struct diag *diag)
{
	sqlite3_stmt *old = store->statement[STORE_EVENTS_OLD];
	char time[CLOCK_TEXT_MAX];
	int rc;

	clock_print(now_ms - (int64_t)limits->events_days * 86400000, time);
	(void)sqlite3_bind_text(old, 2, time, -1, SQLITE_STATIC);
	/* Most of the time the oldest alone says that there is nothing to do. */
	(void)sqlite3_bind_int64(old, 1, 1);
	rc = one_number(store, old, ret, diag);
	if (rc || *ret == 0)
		return rc;
	(void)sqlite3_bind_int64(old, 1, (int64_t)rows_max);
	return one_number(store, old, ret, diag);
}

int store_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	       unsigned rows_max, uint64_t *removed, struct diag *diag)
{
	sqlite3_stmt *ends = store->statement[STORE_EVENTS_ENDS];
	sqlite3_stmt *remove = store->statement[STORE_EVENTS_REMOVE];
	int64_t oldest, newest, cut = 0;
	int rc;

	*removed = 0;
	if (limits->events_rows == 0 && limits->events_days == 0)
		return 0;
	rc = store_flush(store, diag);
	if (rc)
		return rc;
	if (sqlite3_step(ends) != SQLITE_ROW) {
		rc = store_fail(store->db, store->path, "cannot read events", diag);
		(void)sqlite3_reset(ends);
		return rc;
	}
	oldest = sqlite3_column_int64(ends, 0);
	newest = sqlite3_column_int64(ends, 1);
	(void)sqlite3_reset(ends);
	if (limits->events_days > 0) {
		rc = find_outdated(store, limits, now_ms, rows_max, &cut, diag);
		if (rc)
			return rc;
	}
	/* Sequence numbers may have gaps: this keeps at most events_rows. */
	if (limits->events_rows > 0 && newest - cut > (int64_t)limits->events_rows)
		cut = newest - (int64_t)limits->events_rows;
	if (cut > oldest + (int64_t)rows_max - 1)
		cut = oldest + (int64_t)rows_max - 1;
	if (cut < oldest || newest == 0)
		return 0;
	(void)sqlite3_bind_int64(remove, 1, cut);
	rc = store_step(store, remove, "cannot remove old events", diag);
	if (rc == 0)
		*removed = (uint64_t)sqlite3_changes(store->db);
	return rc;
}

int store_trim_retained(struct store *store, int64_t now_ms, unsigned rows_max, struct diag *diag)
{
	sqlite3_stmt *remove = store->statement[STORE_RETAINED_REMOVE];
	char time[CLOCK_TEXT_MAX];

	clock_print(now_ms - STORE_CLEARED_DAYS * INT64_C(86400000), time);
	(void)sqlite3_bind_text(remove, 1, time, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(remove, 2, rows_max);
	return store_step(store, remove, "cannot remove from retained", diag);
}

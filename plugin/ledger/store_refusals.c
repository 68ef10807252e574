/* store_refusals.c -- refusals and alerts into rows. */
#include <string.h>

#include "base/clock.h"
#include "ledger/store.h"
#include "ledger/store_inside.h"

/*
 * Results of sqlite3_bind_*() are ignored in this file: binding borrowed bytes, or a number,
 * to a statement that was reset takes no memory and cannot fail.
 */

static void bind(sqlite3_stmt *insert, int at, const char *text)
{
	(void)sqlite3_bind_text(insert, at, text, -1, SQLITE_STATIC);
}

/* A text that a client chose: what is not UTF-8 is kept byte by byte. */
static void bind_bytes(sqlite3_stmt *insert, int at, const char *data, size_t len)
{
	if (store_is_text(data, len))
		(void)sqlite3_bind_text64(insert, at, data, len, SQLITE_STATIC, SQLITE_UTF8);
	else
		(void)sqlite3_bind_blob64(insert, at, data, len, SQLITE_STATIC);
}

int store_refuse(struct store *store, const struct refusal *refusal, struct diag *diag)
{
	sqlite3_stmt *insert = store->statement[STORE_REFUSAL];
	char time[CLOCK_TEXT_MAX];
	/* A topic of ours that is no text would break the table's word: NUL ends it. */
	size_t topic_len = strnlen(refusal->topic ? refusal->topic : "", refusal->topic_len);

	bind(insert, 1, refusal->id);
	bind(insert, 2, clock_print(refusal->time_ms, time));
	bind(insert, 3, refusal->action);
	bind(insert, 4, reason_code(refusal->reason));
	(void)sqlite3_bind_int(insert, 5, refusal->is_observed);
	bind(insert, 6, refusal->client_id);
	bind(insert, 7, refusal->principal);
	bind(insert, 8, refusal->address);
	(void)sqlite3_bind_text64(insert, 9, refusal->topic ? refusal->topic : "", topic_len,
				  SQLITE_STATIC, SQLITE_UTF8);
	(void)sqlite3_bind_int(insert, 10, (int)refusal->qos);
	(void)sqlite3_bind_int(insert, 11, refusal->is_retained);
	bind(insert, 12, refusal->pointer);
	bind(insert, 13, refusal->keyword);
	bind(insert, 14, refusal->message);
	bind(insert, 15, refusal->standing);
	if (refusal->payload_len > 0)
		bind_bytes(insert, 16, refusal->payload, refusal->payload_len);
	else
		(void)sqlite3_bind_null(insert, 16);
	(void)sqlite3_bind_int64(insert, 17, (int64_t)refusal->payload_bytes);
	return store_step(store, insert, "cannot write to refusals", diag);
}

int store_alert(struct store *store, const struct alertrow *alert, struct diag *diag)
{
	sqlite3_stmt *insert = store->statement[STORE_ALERT];
	char time[CLOCK_TEXT_MAX];

	bind(insert, 1, clock_print(alert->time_ms, time));
	bind(insert, 2, alert->kind);
	bind(insert, 3, alert->state);
	bind(insert, 4, alert->client_id);
	bind(insert, 5, alert->principal);
	bind(insert, 6, alert->address);
	bind(insert, 7, alert->document);
	return store_step(store, insert, "cannot write to alerts", diag);
}

static int trim_table(struct store *store, sqlite3_stmt *trim, const struct store_limits *limits,
		      const char *oldest, unsigned rows_max, struct diag *diag)
{
	(void)sqlite3_bind_int64(trim, 1,
				 limits->refusals_rows > 0 && limits->refusals_rows < INT64_MAX
					 ? (int64_t)limits->refusals_rows
					 : INT64_MAX);
	bind(trim, 2, oldest);
	(void)sqlite3_bind_int64(trim, 3, (int64_t)rows_max);
	return store_step(store, trim, "cannot remove old rows", diag);
}

int store_trim_refusals(struct store *store, const struct store_limits *limits, int64_t now_ms,
			unsigned rows_max, struct diag *diag)
{
	char oldest[CLOCK_TEXT_MAX] = "";
	int rc;

	if (limits->refusals_rows == 0 && limits->refusals_days == 0)
		return 0;
	if (limits->refusals_days > 0)
		clock_print(now_ms - (int64_t)limits->refusals_days * 86400000, oldest);
	rc = trim_table(store, store->statement[STORE_REFUSALS_TRIM], limits, oldest, rows_max,
			diag);
	return rc ? rc
		  : trim_table(store, store->statement[STORE_ALERTS_TRIM], limits, oldest, rows_max,
			       diag);
}

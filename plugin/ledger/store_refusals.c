/* store_refusals.c -- refusals and alerts into rows. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/portions.h"
#include "ledger/backlog.h"
#include "ledger/store.h"
#include "ledger/store_internal.h"

/* A text that a client chose: what is not UTF-8 is kept byte by byte. */
static void bind_bytes(sqlite3_stmt *insert, int at, const char *data, size_t len)
{
	if (sql_is_text(data, len))
		sql_bind_text(insert, at, data, len);
	else
		(void)sqlite3_bind_blob64(insert, at, data, len, SQLITE_STATIC);
}

/* Whose row it is, see 006-shares.sql. */
static void bind_share(sqlite3_stmt *insert, int at, const struct who *who)
{
	char net[PEER_NET_MAX], share[BACKLOG_TEXT_MAX + 8];
	struct portions_owner owner = portions_owner(who, net);

	(void)snprintf(share, sizeof(share), "%s %s", who->is_proved ? "user" : "from", owner.name);
	(void)sqlite3_bind_text(insert, at, share, -1, SQLITE_TRANSIENT); /* else NULL: it fails */
}

int store_refuse(struct store *store, const struct refusal *refusal, struct diag *diag)
{
	sqlite3_stmt *insert = store->statement[STORE_REFUSAL];
	char time[CLOCK_TEXT_MAX];
	/* A topic of ours that is no text would break the table's word: NUL ends it. */
	size_t topic_len = strnlen(refusal->topic ? refusal->topic : "", refusal->topic_len);

	sql_bind(insert, 1, refusal->id);
	sql_bind(insert, 2, clock_print(refusal->time_ms, time));
	sql_bind(insert, 3, refusal->action);
	sql_bind(insert, 4, reason_code(refusal->reason));
	sql_bind_number(insert, 5, refusal->is_observed);
	sql_bind(insert, 6, refusal->who.client_id);
	sql_bind(insert, 7, refusal->who.principal);
	sql_bind(insert, 8, refusal->who.address);
	sql_bind_text(insert, 9, refusal->topic ? refusal->topic : "", topic_len);
	sql_bind_number(insert, 10, refusal->qos);
	sql_bind_number(insert, 11, refusal->is_retained);
	sql_bind(insert, 12, refusal->pointer);
	sql_bind(insert, 13, refusal->keyword);
	sql_bind(insert, 14, refusal->message);
	sql_bind(insert, 15, refusal->current_status);
	if (refusal->payload_len > 0)
		bind_bytes(insert, 16, refusal->payload, refusal->payload_len);
	else
		(void)sqlite3_bind_null(insert, 16);
	sql_bind_number(insert, 17, (int64_t)refusal->payload_bytes);
	bind_share(insert, 18, &refusal->who);
	sql_bind_number(insert, 19, refusal->is_closed);
	return sql_run(&store->sql, insert, "cannot write to refusals", diag);
}

int store_alert(struct store *store, const struct alertrow *alert, struct diag *diag)
{
	sqlite3_stmt *insert = store->statement[STORE_ALERT];
	char time[CLOCK_TEXT_MAX];

	sql_bind(insert, 1, clock_print(alert->time_ms, time));
	sql_bind(insert, 2, alert->kind);
	sql_bind(insert, 3, alert->state);
	sql_bind(insert, 4, alert->who.client_id);
	sql_bind(insert, 5, alert->who.principal);
	sql_bind(insert, 6, alert->who.address);
	sql_bind(insert, 7, alert->document);
	bind_share(insert, 8, &alert->who);
	return sql_run(&store->sql, insert, "cannot write to alerts", diag);
}

/* ---- what is beyond what is kept ---------------------------------------------------------- */

#define STEPS_MAX 16u /* deletions of a call, each of one share */
#define FEW_ROWS 8    /* an owner with no more than these floods nothing: its rows go by age */

/* One table, by the first of its four statements. */
struct trim {
	struct store *store;
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
	int rc = store_find_aged(trim->store, trim->table, now_ms, days, (unsigned)trim->rows_max,
				 &seq, trim->diag);

	if (rc || seq == 0)
		return rc;
	return store_remove_until(trim->store, trim->table, seq, (unsigned)trim->rows_max,
				  trim->diag);
}

int store_trim_refusals(struct store *store, const struct store_limits *limits, int64_t now_ms,
			unsigned rows_max, struct diag *diag)
{
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

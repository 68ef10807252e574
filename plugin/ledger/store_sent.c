/*
 * store_sent.c -- rows of events read again: was this one accepted, which was the last, and which
 * have something that makes them one?
 */
#include "ledger/store.h"
#include "ledger/store_internal.h"

/*
 * Results of sqlite3_bind_*() are ignored in this file: binding borrowed bytes, or a number,
 * to a statement that was reset takes no memory and cannot fail.
 */

#define TEXT(number) #number
#define LIMIT(number) TEXT(number)

/* The index of topics has the rows of each in their order. */
static const char sent_sql[] = "SELECT 1 FROM (SELECT digest, publisher, client_id, qos, will FROM "
			       "events WHERE topic = ?1 "
			       "AND seq <= ?2 ORDER BY seq DESC LIMIT " LIMIT(
				       LEDGER_SENT_MAX) ") WHERE digest = ?3 AND "
							"publisher = ?4 AND client_id = ?5 AND qos "
							"> 0 AND will = 0 LIMIT 1";

static const char newest_sql[] =
	"SELECT payload FROM events WHERE topic = ?1 ORDER BY seq DESC LIMIT 1";

/* Prepared when it is wanted first, as most brokers never want it. */
static int prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **statement,
		   struct diag *diag)
{
	if (*statement || sqlite3_prepare_v3(reader->sql.db, sql, -1, SQLITE_PREPARE_PERSISTENT,
					     statement, NULL) == SQLITE_OK)
		return 0;
	return sql_fail(&reader->sql, "cannot read events", diag);
}

/* 1: a row; 0: none. */
static int step(struct store_reader *reader, sqlite3_stmt *statement, struct diag *diag)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return sql_fail(&reader->sql, "cannot read events", diag);
	}
}

int store_reader_sent(struct store_reader *reader, const struct ledger_sent *sent,
		      uint64_t until_seq, struct diag *diag)
{
	int rc = prepare(reader, sent_sql, &reader->sent, diag);

	if (rc)
		return rc;
	(void)sqlite3_bind_text64(reader->sent, 1, sent->topic, sent->topic_len, SQLITE_STATIC,
				  SQLITE_UTF8);
	(void)sqlite3_bind_int64(reader->sent, 2, (int64_t)until_seq);
	(void)sqlite3_bind_int64(reader->sent, 3, (int64_t)sent->digest);
	(void)sqlite3_bind_text(reader->sent, 4, sent->publisher, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(reader->sent, 5, sent->client_id, -1, SQLITE_STATIC);
	rc = step(reader, reader->sent, diag);
	(void)sqlite3_reset(reader->sent); /* ends the read, so that checkpoints can pass it */
	return rc;
}

int store_reader_newest(struct store_reader *reader, const char *topic, size_t topic_len,
			void (*visit)(const void *payload, size_t len, void *ctx), void *ctx,
			struct diag *diag)
{
	int rc = prepare(reader, newest_sql, &reader->newest, diag);

	if (rc)
		return rc;
	(void)sqlite3_bind_text64(reader->newest, 1, topic, topic_len, SQLITE_STATIC, SQLITE_UTF8);
	rc = step(reader, reader->newest, diag);
	if (rc == 1) {
		const void *payload = sqlite3_column_blob(reader->newest, 0);

		visit(payload, (size_t)sqlite3_column_bytes(reader->newest, 0), ctx);
	}
	(void)sqlite3_reset(reader->newest);
	return rc;
}

int store_uniques(struct store *store, unsigned limit,
		  void (*visit)(const struct store_unique *row, void *ctx), void *ctx,
		  struct diag *diag)
{
	/* All that is read stands in the index, the payloads do not. */
	static const char sql[] =
		"SELECT seq, unique_key, publisher FROM (SELECT seq, unique_key, publisher FROM "
		"events INDEXED BY \"events.unique_key\" WHERE unique_key IS NOT NULL "
		"ORDER BY seq DESC LIMIT ?1) ORDER BY seq";
	sqlite3_stmt *rows = NULL;
	int rc = 0, step;

	if (sqlite3_prepare_v2(store->sql.db, sql, -1, &rows, NULL) != SQLITE_OK)
		return sql_fail(&store->sql, "cannot read events", diag);
	(void)sqlite3_bind_int64(rows, 1, limit);
	while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_unique row = { (uint64_t)sqlite3_column_int64(rows, 0),
					    (uint64_t)sqlite3_column_int64(rows, 1),
					    { NULL, 0 } };

		row.publisher.text = (const char *)sqlite3_column_text(rows, 2);
		row.publisher.len = (size_t)sqlite3_column_bytes(rows, 2);
		if (row.publisher.text)
			visit(&row, ctx);
	}
	if (step != SQLITE_DONE)
		rc = sql_fail(&store->sql, "cannot read events", diag);
	(void)sqlite3_finalize(rows);
	return rc;
}

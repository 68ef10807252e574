/*
 * store_scan.c -- what memory is filled with when a database is opened: the ids of its entities,
 * and the events that have something which makes them one.
 */
#include <string.h>

#include "ledger/store.h"
#include "ledger/store_internal.h"

/* Some ids at a time, so that no reading transaction is long. */
int store_ids(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
	      void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag)
{
	static const char what[] = "cannot read a table";
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);
	const struct store_place *place = store_find_place(store, table);
	sqlite3_stmt *ids = NULL;
	unsigned count = 0;
	int rc;

	/* Rows that were made by hand may have ids that no message can mean. */
	sqlite3_str_appendf(sql,
			    "SELECT id FROM \"%w\" WHERE id > ?1 AND typeof(id) = 'text' AND "
			    "length(CAST(id AS BLOB)) <= %u ORDER BY id LIMIT ?2",
			    store->names->table[place->table].name, ENTITY_ID_MAX);
	if (sql_prepare_built(&store->sql, sql, what, &ids, diag) != 0)
		return ERR_IO;
	(void)sqlite3_bind_text(ids, 1, mark->id, (int)mark->len, SQLITE_TRANSIENT);
	sql_bind_number(ids, 2, limit);
	while ((rc = sql_step(&store->sql, ids, what, diag)) == 1) {
		const char *id = (const char *)sqlite3_column_text(ids, 0);

		if (!id) {
			rc = diag_nomem(diag);
			break;
		}
		mark->len = (size_t)sqlite3_column_bytes(ids, 0);
		memcpy(mark->id, id, mark->len);
		visit(mark->id, mark->len, ctx);
		count++;
	}
	(void)sqlite3_finalize(ids);
	return rc ? rc : count == limit;
}

int store_uniques(struct store *store, unsigned limit,
		  void (*visit)(const struct store_unique *row, void *ctx), void *ctx,
		  struct diag *diag)
{
	static const char what[] = "cannot read events";
	sqlite3_stmt *rows = NULL;
	/* All that is read is in the index; the payloads are not. */
	int rc = sql_prepare(
		&store->sql,
		"SELECT seq, unique_key, publisher FROM (SELECT seq, unique_key, publisher FROM "
		"events INDEXED BY \"events.unique_key\" WHERE unique_key IS NOT NULL "
		"ORDER BY seq DESC LIMIT ?1) ORDER BY seq",
		what, &rows, diag);

	if (rc)
		return rc;
	sql_bind_number(rows, 1, limit);
	while ((rc = sql_step(&store->sql, rows, what, diag)) == 1) {
		struct store_unique row = { .seq = (uint64_t)sqlite3_column_int64(rows, 0),
					    .unique = (uint64_t)sqlite3_column_int64(rows, 1) };

		row.publisher.text = (const char *)sqlite3_column_text(rows, 2);
		row.publisher.len = (size_t)sqlite3_column_bytes(rows, 2);
		if (row.publisher.text)
			visit(&row, ctx);
	}
	(void)sqlite3_finalize(rows);
	return rc;
}

/* store_ids.c -- the ids of a table, a few at a time, so that no reading transaction is long. */
#include <string.h>

#include "ledger/store.h"
#include "ledger/store_internal.h"

static sqlite3_stmt *prepare(struct store *store, uint32_t table, struct diag *diag)
{
	sqlite3_stmt *statement = NULL;
	/* Rows that someone made by hand may have ids that no message can mean. */
	char *text = sqlite3_mprintf(
		"SELECT id FROM \"%w\" WHERE id > ?1 AND typeof(id) = 'text' "
		"AND length(CAST(id AS BLOB)) <= %u ORDER BY id LIMIT ?2",
		store->names->table[store_find_place(store, table)->table].name, ENTITY_ID_MAX);

	if (!text)
		(void)diag_nomem(diag);
	else if (sqlite3_prepare_v2(store->sql.db, text, -1, &statement, NULL) != SQLITE_OK)
		(void)sql_fail(&store->sql, "cannot read a table", diag);
	sqlite3_free(text);
	return statement;
}

int store_ids(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
	      void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag)
{
	sqlite3_stmt *ids = prepare(store, table, diag);
	unsigned count = 0;
	int rc = 0, step;

	if (!ids)
		return ERR_IO;
	/* Binding borrowed bytes to a fresh statement takes no memory and cannot fail. */
	(void)sqlite3_bind_text(ids, 1, mark->id, (int)mark->len, SQLITE_TRANSIENT);
	(void)sqlite3_bind_int64(ids, 2, limit);
	while ((step = sqlite3_step(ids)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(ids, 0);

		if (!id) {
			rc = diag_nomem(diag);
			goto out;
		}
		mark->len = (size_t)sqlite3_column_bytes(ids, 0);
		memcpy(mark->id, id, mark->len);
		visit(mark->id, mark->len, ctx);
		count++;
	}
	if (step != SQLITE_DONE)
		rc = sql_fail(&store->sql, "cannot read a table", diag);
out:
	(void)sqlite3_finalize(ids);
	return rc ? rc : count == limit;
}

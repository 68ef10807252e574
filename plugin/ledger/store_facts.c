/*
 * store_facts.c -- what is stored about the store: which it is, how far it is, its journal; and
 * what memory is filled with when it is opened: the ids of its entities, and the events that have
 * something which makes them one.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger/store_internal.h"

#define RING_DIGITS 16u

static const char digits[] = "0123456789abcdef";

static bool identity_parse(const char *hex, unsigned char ret[STORE_IDENTITY])
{
	if (!hex || strlen(hex) != 2 * STORE_IDENTITY)
		return false;
	for (size_t i = 0; i < STORE_IDENTITY; i++) {
		const char *high = strchr(digits, hex[2 * i]);
		const char *low = strchr(digits, hex[2 * i + 1]);

		if (!high || !low)
			return false;
		ret[i] = (unsigned char)((high - digits) << 4 | (low - digits));
	}
	return true;
}

static bool ring_parse(const char *hex, struct store_facts *ret)
{
	ret->ring_number = 0;
	ret->ring = !hex ? STORE_RING_UNKNOWN : *hex ? STORE_RING_IN_USE : STORE_RING_NONE;
	if (ret->ring != STORE_RING_IN_USE)
		return true;
	if (strlen(hex) != RING_DIGITS || strspn(hex, digits) != RING_DIGITS)
		return false;
	ret->ring_number = strtoull(hex, NULL, 16);
	return true;
}

/* Steps the statement that reads the row, and resets it. */
static int facts_read(struct store *store, sqlite3_stmt *read, struct store_facts *ret,
		      struct diag *diag)
{
	int rc = 0, step = sqlite3_step(read);

	ret->is_new = false;
	if (step == SQLITE_ROW &&
	    identity_parse((const char *)sqlite3_column_text(read, 0), ret->identity) &&
	    ring_parse((const char *)sqlite3_column_text(read, 2), ret))
		ret->applied_seq = (uint64_t)sqlite3_column_int64(read, 1);
	else if (step == SQLITE_ROW || step == SQLITE_DONE)
		rc = diag_set(diag, ERR_INVALID, "%s: table store: its one row is not whole",
			      store->sql.path);
	else
		rc = sql_fail(&store->sql, "cannot read the database", diag);
	(void)sqlite3_reset(read);
	return rc;
}

int store_inspect(struct store *store, struct store_facts *ret, struct diag *diag)
{
	return facts_read(store, store->statement[STORE_READ], ret, diag);
}

int store_peek(struct store *store, struct store_facts *ret, struct diag *diag)
{
	sqlite3_stmt *read = NULL;
	int64_t has_store, has_ring = 0;
	int rc = sql_number(&store->sql, "SELECT count(*) FROM sqlite_master WHERE name = 'store'",
			    &has_store, diag);

	if (rc == 0)
		rc = sql_number(
			&store->sql,
			"SELECT count(*) FROM pragma_table_info('store') WHERE name = 'ring'",
			&has_ring, diag);
	*ret = (struct store_facts){ .is_new = rc == 0 && !has_store };
	if (rc || ret->is_new)
		return rc;
	rc = sql_prepare(&store->sql,
			 has_ring ? "SELECT identity, applied_seq, ring FROM store"
				  : "SELECT identity, applied_seq, NULL FROM store",
			 "cannot read the database", &read, diag);
	if (rc == 0)
		rc = facts_read(store, read, ret, diag);
	(void)sqlite3_finalize(read);
	return rc;
}

int store_set_ring(struct store *store, const uint64_t *number, uint64_t applied_seq,
		   struct diag *diag)
{
	sqlite3_stmt *set = store->statement[STORE_RING];
	char text[RING_DIGITS + 1] = "";
	uint64_t before;
	int rc = store_begin(store, &before, diag);

	if (number)
		(void)sqlite3_snprintf((int)sizeof(text), text, "%016llx", *number);
	if (rc == 0) {
		/* Borrowed for the step: neither takes memory, nor can fail. */
		sql_bind(set, 1, text);
		sql_bind_number(set, 2, (int64_t)applied_seq);
		rc = sql_run(&store->sql, set, "cannot write", diag);
	}
	if (rc == 0)
		rc = sql_run(&store->sql, store->statement[STORE_COMMIT], "cannot commit", diag);
	if (rc) {
		store_rollback(store);
		return rc;
	}
	rc = store_copy(store, false, diag);
	return rc == ERR_BUSY ? 0 : rc;
}

int store_clock(struct store *store, int64_t *ret_ms, struct diag *diag)
{
	sqlite3_stmt *clock = store->statement[STORE_CLOCK];
	const char *text;
	int rc = 0;

	*ret_ms = 0;
	if (sqlite3_step(clock) != SQLITE_ROW)
		rc = sql_fail(&store->sql, "cannot read the database", diag);
	else if ((text = (const char *)sqlite3_column_text(clock, 0)) != NULL &&
		 !clock_parse(text, strlen(text), ret_ms))
		*ret_ms = 0; /* edited by hand: as good as none */
	(void)sqlite3_reset(clock);
	return rc;
}

void store_set_clock(struct store *store, int64_t believed_ms)
{
	store->clock_ms = believed_ms;
}

/* ---- what memory is filled with ------------------------------------------------------------ */

/* Some ids at a time, so that no reading transaction is long. */
int store_ids(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
	      void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag)
{
	static const char what[] = "cannot read a table";
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);
	sqlite3_stmt *ids = NULL;
	unsigned count = 0;
	int rc;

	/* Rows that were made by hand may have ids that no message can mean. */
	sqlite3_str_appendf(sql,
			    "SELECT id FROM \"%w\" WHERE id > ?1 AND typeof(id) = 'text' AND "
			    "length(CAST(id AS BLOB)) <= %u ORDER BY id LIMIT ?2",
			    store_find_name(store, table)->table, ENTITY_ID_MAX);
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

int store_load_unique(struct store *store, uint64_t seed, struct accepted *ret, struct diag *diag)
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
	sql_bind_number(rows, 1, ACCEPTED_PLACES * ACCEPTED_KEPT);
	while ((rc = sql_step(&store->sql, rows, what, diag)) == 1) {
		const char *publisher = (const char *)sqlite3_column_text(rows, 2);

		if (publisher)
			accepted_add(
				ret,
				wordhash(seed, publisher, (size_t)sqlite3_column_bytes(rows, 2)),
				(uint64_t)sqlite3_column_int64(rows, 1),
				(uint64_t)sqlite3_column_int64(rows, 0));
	}
	(void)sqlite3_finalize(rows);
	return rc;
}

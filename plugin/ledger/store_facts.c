/* store_facts.c -- what is stored about the store: which it is, how far it is, its journal. */
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

/* Does the database have a table, or a column of it, as @text asks? 1: yes; 0: no. */
static int has(struct store *store, const char *text, struct diag *diag)
{
	static const char what[] = "cannot read the database";
	sqlite3_stmt *statement = NULL;
	int rc = sql_prepare(&store->sql, text, what, &statement, diag);

	if (rc == 0)
		rc = sql_step(&store->sql, statement, what, diag);
	(void)sqlite3_finalize(statement);
	return rc;
}

int store_peek(struct store *store, struct store_facts *ret, struct diag *diag)
{
	sqlite3_stmt *read = NULL;
	int rc = has(store, "SELECT 1 FROM sqlite_master WHERE name = 'store'", diag);

	*ret = (struct store_facts){ .is_new = rc == 0 };
	if (rc <= 0)
		return rc;
	rc = has(store, "SELECT 1 FROM pragma_table_info('store') WHERE name = 'ring'", diag);
	if (rc < 0)
		return rc;
	rc = sql_prepare(&store->sql,
			 rc ? "SELECT identity, applied_seq, ring FROM store"
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

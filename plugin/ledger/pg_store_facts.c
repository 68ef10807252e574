/*
 * pg_store_facts.c -- what a shared store says about itself and this broker: identity, the last
 * record that it has, the journal; its tables and columns with their permanent numbers. Also what
 * is read into memory at a start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wordhash.h"
#include "ledger/pg_store_internal.h"
#include "ledger/store_words.h"

/* ---- the store's row and the broker's ---------------------------------------------------- */

/* A broker that has no row yet has written nothing, and needs no journal. */
static int read_facts(struct pg_store *store, struct store_facts *ret, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int64_t applied;
	bool is_whole;
	int rc;

	pg_add_string(&params, store->broker);
	rc = pg_store_exec(
		store,
		"SELECT s.identity, coalesce(brokers.applied_seq, 0), CASE WHEN brokers.name IS "
		"NULL THEN '' ELSE brokers.ring END, coalesce(" PG_STRICT_SEQ ", 0), " PG_HAS_STEPS
		" FROM store s LEFT JOIN brokers ON brokers.name = $1",
		&params, &rows, "cannot read the database", diag);
	if (rc)
		return rc;
	*ret = (struct store_facts){ .ring = STORE_RING_UNKNOWN };
	is_whole = pg_rows_count(&rows) == 1 &&
		   store_identity_parse(pg_text(&rows, 0, 0), ret->identity) &&
		   store_ring_parse(pg_is_null(&rows, 0, 2) ? NULL : pg_text(&rows, 0, 2), ret);
	applied = is_whole ? pg_number(&rows, 0, 1) : 0;
	ret->last_step = is_whole ? (uint64_t)-pg_number(&rows, 0, 3) : 0;
	ret->has_steps = is_whole && pg_number(&rows, 0, 4) != 0;
	pg_rows_clear(&rows);
	if (!is_whole || applied < 0 || (uint64_t)applied > STORE_SEQ_MAX)
		return diag_set(diag, ERR_INVALID,
				"%s: the row of table store, or of broker %s, is not whole",
				store->shown, store->broker ? store->broker : "?");
	ret->applied_seq = (uint64_t)applied;
	return 0;
}

int pg_store_inspect(struct store *base, struct store_facts *ret, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	int rc = pg_store_connect(store, diag);

	return rc ? rc : read_facts(store, ret, diag);
}

int pg_store_peek(struct store *base, struct store_facts *ret, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	unsigned version = 0;
	int rc = pg_store_connect(store, diag);

	if (rc == 0)
		rc = pg_store_version(store, pg_store_versions, &version, diag);
	*ret = (struct store_facts){ .is_new = rc == 0 && version == 0 };
	return rc || ret->is_new ? rc : read_facts(store, ret, diag);
}

/* Whose the row is its lease says, so that what stood there before need not. */
int pg_store_set_ring(struct store *base, const uint64_t *before, const uint64_t *number,
		      uint64_t applied_seq, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	struct pg_rows rows;
	char text[STORE_RING_DIGITS + 1] = "";
	bool is_ours;
	int rc = pg_store_connect(store, diag);

	(void)before;
	if (rc)
		return rc;
	if (number)
		(void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)*number);
	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	pg_add_string(&params, text);
	pg_add_number(&params, (int64_t)applied_seq);
	rc = pg_store_exec(
		store,
		"UPDATE brokers SET ring = $3, applied_seq = CASE WHEN applied_seq < $4 "
		"THEN $4 ELSE applied_seq END WHERE name = $1 AND instance = $2 RETURNING "
		"applied_seq",
		&params, &rows, "cannot store the journal's number", diag);
	if (rc)
		return rc;
	is_ours = pg_rows_count(&rows) == 1;
	if (is_ours)
		store->applied = (uint64_t)pg_number(&rows, 0, 0);
	pg_rows_clear(&rows);
	return is_ours ? 0 : pg_lease_lost(store, diag);
}

/* The newest event of any broker would do: it is a time that has been. */
int pg_store_clock(struct store *base, int64_t *ret_ms, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	*ret_ms = 0;
	pg_add_string(&params, store->broker);
	rc = pg_store_exec(
		store,
		"SELECT coalesce((SELECT clock_at FROM brokers WHERE name = $1), (SELECT "
		"received_at FROM events ORDER BY seq DESC LIMIT 1))",
		&params, &rows, "cannot read the database", diag);
	if (rc)
		return rc;
	if (!pg_is_null(&rows, 0, 0) &&
	    !clock_parse(pg_text(&rows, 0, 0), strlen(pg_text(&rows, 0, 0)), ret_ms))
		*ret_ms = 0; /* edited by hand: as good as none */
	pg_rows_clear(&rows);
	return 0;
}

/* ---- what memory is filled with ---------------------------------------------------------- */

int pg_store_ids(struct store *base, uint32_t table, struct store_mark *mark, unsigned limit,
		 void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	struct pg_rows rows;
	unsigned count;
	char sql[256];
	int rc = pg_store_connect(store, diag);

	if (rc)
		return rc;
	/* Rows that were made by hand may have ids that no message can mean. */
	(void)snprintf(sql, sizeof(sql),
		       "SELECT id FROM \"%s\" WHERE id > $1 AND octet_length(id) <= %u ORDER BY id "
		       "LIMIT $2::bigint",
		       pg_store_find_name(store, table)->table, ENTITY_ID_MAX);
	pg_add_text(&params, mark->id, mark->len);
	pg_add_number(&params, limit);
	rc = pg_store_exec(store, sql, &params, &rows, "cannot read a table", diag);
	if (rc)
		return rc;
	count = pg_rows_count(&rows);
	for (unsigned i = 0; i < count; i++) {
		size_t len;
		const char *id = pg_bytes(&rows, i, 0, &len);

		mark->len = len;
		memcpy(mark->id, id, len);
		visit(id, len, ctx);
	}
	pg_rows_clear(&rows);
	return count == limit;
}

int pg_store_load_unique(struct store *base, uint64_t seed, struct accepted *ret, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc = pg_store_connect(store, diag);

	pg_add_number(&params, ACCEPTED_PLACES * ACCEPTED_KEPT);
	if (rc == 0)
		rc = pg_store_exec(
			store,
			"SELECT unique_key, publisher FROM events WHERE unique_key IS NOT "
			"NULL ORDER BY seq DESC LIMIT $1::bigint",
			&params, &rows, "cannot read events", diag);
	if (rc)
		return rc;
	/* What is in the database was accepted before all that comes: number 1 says as much. */
	for (unsigned i = pg_rows_count(&rows); i > 0; i--) {
		size_t len;
		const char *publisher = pg_bytes(&rows, i - 1, 1, &len);

		accepted_add(ret, wordhash(seed, publisher, len),
			     (uint64_t)pg_number(&rows, i - 1, 0), 1);
	}
	pg_rows_clear(&rows);
	return 0;
}

/* ---- names ------------------------------------------------------------------------------- */

static const char *copy_text(struct store_names *names, const struct pg_rows *rows, unsigned row,
			     unsigned column)
{
	size_t len;
	const char *text = pg_bytes(rows, row, column, &len);

	return arena_text(&names->arena, text, len);
}

static int read_name(struct store_names *names, const struct pg_rows *rows, unsigned row,
		     struct diag *diag)
{
	int64_t number = pg_number(rows, row, 0), of = pg_number(rows, row, 3);
	struct store_name *name;

	if (number <= 0 || number > names->last || of < 0 || of > names->last)
		return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld", names->path,
				(long long)number);
	name = &names->name[number];
	name->table = copy_text(names, rows, row, 1);
	name->column = copy_text(names, rows, row, 2);
	name->of = (uint32_t)of;
	if (!pg_is_null(rows, row, 4)) {
		name->type = copy_text(names, rows, row, 4);
		if (!name->type)
			return diag_nomem(diag);
	}
	if (!name->table || !name->column)
		return diag_nomem(diag);
	if (!*name->column)
		return 0;
	if (names->name[of].columns == STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", names->path,
				name->table, STORE_COLUMNS_MAX);
	name->columns = names->name[of].columns++;
	return 0;
}

static int fill_names(struct pg_store *store, struct store_names *names, const struct pg_rows *rows,
		      struct diag *diag)
{
	unsigned count = pg_rows_count(rows);
	int rc = 0;

	names->last = count ? pg_number(rows, count - 1, 0) : 0;
	if (names->last < 0 || names->last >= STORE_NAMES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: more than %u tables and columns",
				store->shown, STORE_NAMES_MAX);
	names->name = arena_take(&names->arena, (size_t)names->last + 1, sizeof(*names->name));
	names->path = arena_text(&names->arena, store->shown, strlen(store->shown));
	if (!names->name || !names->path)
		return diag_nomem(diag);
	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = read_name(names, rows, i, diag);
	return rc;
}

int pg_store_names_load(struct store *base, struct store_names **ret, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct store_names *names = NULL;
	struct pg_rows rows;
	/* A table's name has a number before its columns' have theirs. */
	int rc = pg_store_exec(
		store,
		"SELECT n.number, n.table_name, n.column_name, coalesce(t.number, 0), "
		" c.data_type::text FROM store_names n LEFT JOIN "
		"store_names t ON t.table_name = n.table_name AND t.column_name = '' LEFT JOIN "
		"information_schema.columns c ON c.table_schema = current_schema() AND "
		"c.table_name::text = n.table_name AND c.column_name::text = n.column_name ORDER "
		"BY n.number",
		NULL, &rows, "cannot read the names", diag);

	if (rc)
		return rc;
	names = calloc(1, sizeof(*names));
	rc = names ? fill_names(store, names, &rows, diag) : diag_nomem(diag);
	pg_rows_clear(&rows);
	if (rc) {
		store_names_free(names);
		return rc;
	}
	names->type_name = pg_store_type_name;
	*ret = names;
	return 0;
}

const struct store_name *pg_store_find_name(const struct pg_store *store, uint32_t number)
{
	const struct store_names *names = store->names;

	return names && number <= names->last && names->name[number].table ? &names->name[number]
									   : NULL;
}

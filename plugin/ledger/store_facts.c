/*
 * store_facts.c -- what the store says about itself: its identity, the last record that it has, its
 * journal; its tables and columns, and the permanent numbers by which records name them. Also what
 * is read into memory when it is opened: the ids of its entities, and the newest events with
 * members that must be unique (x-unique).
 */
#include <stdlib.h>
#include <string.h>

#include "ledger/store_sqlite_internal.h"
#include "ledger/store_words.h"

/* What a broker would count on from is what the journal and the events are numbered by. */
static bool seq_read(sqlite3_stmt *read, int column, uint64_t *ret)
{
	*ret = (uint64_t)sqlite3_column_int64(read, column);
	return sqlite3_column_type(read, column) == SQLITE_INTEGER && *ret <= STORE_SEQ_MAX;
}

/* Steps the statement that reads the row, and resets it. */
static int facts_read(struct sqlite_store *store, sqlite3_stmt *read, struct store_facts *ret,
		      struct diag *diag)
{
	int rc = 0, step = sqlite3_step(read);

	*ret = (struct store_facts){ .is_new = false };
	if (step == SQLITE_ROW &&
	    store_identity_parse((const char *)sqlite3_column_text(read, 0), ret->identity) &&
	    store_ring_parse((const char *)sqlite3_column_text(read, 2), ret) &&
	    seq_read(read, 1, &ret->applied_seq))
		rc = 0;
	else if (step == SQLITE_ROW || step == SQLITE_DONE)
		rc = diag_set(diag, ERR_INVALID,
			      "%s: table store: its one row is not whole: put the database, or a "
			      "backup of it, in its place",
			      store->sql.path);
	else
		rc = sql_fail(&store->sql, "cannot read the database", diag);
	(void)sqlite3_reset(read);
	return rc;
}

int lite_inspect(struct store *base, struct store_facts *ret, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);

	return facts_read(store, store->statement[STORE_READ], ret, diag);
}

int lite_peek(struct store *base, struct store_facts *ret, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
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

/* The text of *@number in @ret; NULL: none. */
static void print_ring(const uint64_t *number, char ret[STORE_RING_DIGITS + 1])
{
	ret[0] = '\0';
	if (number)
		(void)sqlite3_snprintf(STORE_RING_DIGITS + 1, ret, "%016llx", *number);
}

int lite_set_ring(struct store *base, const uint64_t *before, const uint64_t *number,
		  uint64_t applied_seq, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *set = store->statement[STORE_RING];
	char text[STORE_RING_DIGITS + 1], replaced[STORE_RING_DIGITS + 1];
	uint64_t applied;
	int rc = lite_begin(&store->base, &applied, diag);

	print_ring(number, text);
	print_ring(before, replaced);
	if (rc == 0) {
		/* Borrowed for the step: neither takes memory, nor can fail. */
		sql_bind(set, 1, text);
		sql_bind_number(set, 2, (int64_t)applied_seq);
		sql_bind(set, 3, replaced);
		rc = sql_run(&store->sql, set, "cannot write", diag);
	}
	if (rc == 0 && sqlite3_changes(store->sql.db) == 0)
		rc = diag_set(diag, ERR_STALE,
			      "%s: another broker, with another journal, has or had it meanwhile",
			      store->sql.path);
	if (rc == 0)
		rc = sql_run(&store->sql, store->statement[STORE_COMMIT], "cannot commit", diag);
	if (rc) {
		lite_rollback(&store->base);
		return rc;
	}
	rc = lite_copy(store, false, diag);
	return rc == ERR_BUSY ? 0 : rc;
}

int lite_clock(struct store *base, int64_t *ret_ms, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
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

void lite_set_clock(struct store *base, int64_t believed_ms)
{
	struct sqlite_store *store = lite_of(base);

	store->clock_ms = believed_ms;
}

/* ---- what memory is filled with ------------------------------------------------------------ */

/* Some ids at a time, so that no reading transaction is long. */
int lite_ids(struct store *base, uint32_t table, struct store_mark *mark, unsigned limit,
	     void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	static const char what[] = "cannot read a table";
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);
	sqlite3_stmt *ids = NULL;
	unsigned count = 0;
	int rc;

	/* Rows that were made by hand may have ids that no message can mean. */
	sqlite3_str_appendf(sql,
			    "SELECT id FROM \"%w\" WHERE id > ?1 AND typeof(id) = 'text' AND "
			    "length(CAST(id AS BLOB)) <= %u ORDER BY id LIMIT ?2",
			    lite_find_name(store, table)->table, ENTITY_ID_MAX);
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

int lite_load_unique(struct store *base, uint64_t seed, struct accepted *ret, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
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

/* ---- names ------------------------------------------------------------------------------- */

/* NULL where the cell is, and where memory ran out. */
static const char *copy_text(struct store_names *names, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? arena_text(&names->arena, text, strlen(text)) : NULL;
}

static int read_name(struct store_names *names, sqlite3_stmt *row, struct diag *diag)
{
	int64_t number = sqlite3_column_int64(row, 0), of = sqlite3_column_int64(row, 3);
	struct store_name *name;

	if (number <= 0 || number > names->last || of < 0 || of > names->last)
		return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld", names->path,
				(long long)number);
	name = &names->name[number];
	name->table = copy_text(names, row, 1);
	name->column = copy_text(names, row, 2);
	name->type = copy_text(names, row, 4);
	name->of = (uint32_t)of;
	if (!name->table || !name->column ||
	    (!name->type && sqlite3_column_type(row, 4) != SQLITE_NULL))
		return diag_nomem(diag);
	if (!*name->column)
		return 0;
	if (names->name[of].columns == STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", names->path,
				name->table, STORE_COLUMNS_MAX);
	name->columns = names->name[of].columns++;
	return 0;
}

static int read_names(struct sqlite_store *store, struct store_names *names, struct diag *diag)
{
	static const char what[] = "cannot read the names";
	sqlite3_stmt *select = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT number, table_name, column_name, (SELECT number FROM "
			     "store_names WHERE table_name = one.table_name AND column_name = ''), "
			     "(SELECT type FROM pragma_table_info(one.table_name) WHERE "
			     "name = one.column_name COLLATE NOCASE) "
			     "FROM store_names AS one ORDER BY number",
			     what, &select, diag);

	while (rc == 0 && (rc = sql_step(&store->sql, select, what, diag)) == 1)
		rc = read_name(names, select, diag);
	(void)sqlite3_finalize(select);
	return rc;
}

/* Room for as many as there are. */
static int make_room(struct sqlite_store *store, struct store_names *names, struct diag *diag)
{
	int rc = sql_number(&store->sql, "SELECT max(number) FROM store_names", &names->last, diag);

	if (rc)
		return rc;
	names->path = arena_text(&names->arena, store->sql.path, strlen(store->sql.path));
	if (names->path && names->last >= STORE_NAMES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld", names->path,
				(long long)names->last);
	names->name = arena_take(&names->arena, (size_t)names->last + 1, sizeof(*names->name));
	return names->path && names->name ? 0 : diag_nomem(diag);
}

int lite_names_load(struct store *base, struct store_names **ret, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct store_names *names = calloc(1, sizeof(*names));
	int rc;

	if (!names)
		return diag_nomem(diag);
	names->type_name = lite_type_name;
	rc = make_room(store, names, diag);
	if (rc == 0)
		rc = read_names(store, names, diag);
	if (rc) {
		store_names_free(names);
		return rc;
	}
	*ret = names;
	return 0;
}

void lite_set_names(struct sqlite_store *store, struct store_names *names)
{
	struct store_upserts *upserts;

	while ((upserts = store->upserts)) {
		for (size_t i = 0; i < STORE_UPSERTS_MAX; i++)
			(void)sqlite3_finalize(upserts->upsert[i].statement);
		store->upserts = upserts->other;
		free(upserts);
	}
	store_names_free(store->names);
	store->names = names;
}

const struct store_name *lite_find_name(const struct sqlite_store *store, uint32_t number)
{
	const struct store_names *names = store->names;

	return number <= names->last && names->name[number].table ? &names->name[number] : NULL;
}

/* copy_sqlite.c -- an embedded database that a ledger is copied from, or to. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf8.h"
#include "ledger/copy_end.h"
#include "ledger/journal.h"
#include "ledger/query_sqlite.h"
#include "ledger/sql.h"

#define PATIENCE_MS 5000

static const char unreadable[] = "cannot read the database";
static const char unwritable[] = "cannot write";

struct sqlite_end {
	struct copy_end base;
	struct sql sql;
	bool is_begun;
	char *path, *ring;
	struct journal *journal; /* for its lock; NULL: there is none */
	struct store_facts facts;
	sqlite3_stmt *insert;
	const struct copy_columns *columns;
};

static const struct copy_engine sqlite_engine;

static struct sqlite_end *of(struct copy_end *end)
{
	return (struct sqlite_end *)end;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void close_end(struct copy_end *base)
{
	struct sqlite_end *end = of(base);

	(void)sqlite3_finalize(end->insert);
	if (end->is_begun)
		(void)sqlite3_exec(end->sql.db, "ROLLBACK", NULL, NULL, NULL);
	sql_close(&end->sql);
	journal_close(end->journal);
	free(end->ring);
	free(end->path);
	free(end);
}

static int make_end(const char *path, const char *journal, struct sqlite_end **ret,
		    struct diag *diag)
{
	struct sqlite_end *end = calloc(1, sizeof(*end));

	if (!end)
		return diag_nomem(diag);
	end->base.engine = &sqlite_engine;
	*ret = end;
	end->path = realpath(path, NULL);
	if (!end->path)
		return diag_set(diag, ERR_INVALID, "%s: %s", path, strerror(errno));
	if (journal)
		end->ring = strdup(journal);
	else if (asprintf(&end->ring, "%s-journal.ring", end->path) < 0)
		end->ring = NULL;
	return end->ring ? 0 : diag_nomem(diag);
}

/* Whoever has the lock, no broker can begin to use the database. */
static int lock(struct sqlite_end *end, struct diag *diag)
{
	struct stat st;
	int rc = lstat(end->ring, &st) == 0 ? journal_open(end->ring, &end->journal, diag) : 0;

	if (rc == ERR_BUSY)
		return diag_set(diag, rc, "%s: in use: stop the broker first", end->path);
	return rc ? rc : store_check_alone(end->path, diag);
}

/* What is in the database, brought up to date as a start of the broker would. */
static int inspect(struct sqlite_end *end, struct diag *diag)
{
	const struct store_place place = { .place = end->path };
	struct store *store = NULL;
	int rc = store_open(&place, PATIENCE_MS, &store, diag);

	if (rc == 0)
		rc = store_peek(store, &end->facts, diag);
	if (rc == 0 && end->facts.is_new)
		rc = diag_set(diag, ERR_INVALID, "%s: there is no database of this plugin",
			      end->path);
	if (rc == 0)
		rc = store_upgrade(store, diag);
	store_close(store);
	return rc;
}

/* May writes be in the journal alone? */
static int check_journal(const struct sqlite_end *end, struct diag *diag)
{
	struct journal_facts journal = { 0 };
	bool is_blank = !end->journal || journal_is_blank(end->journal);
	uint64_t waiting = 0;

	if (!is_blank)
		journal_inspect(end->journal, &journal);
	if (!is_blank && memcmp(journal.identity, end->facts.identity, STORE_IDENTITY) == 0 &&
	    journal.next_seq > end->facts.applied_seq + 1)
		waiting = journal.next_seq - 1 - end->facts.applied_seq;
	if (waiting > 0)
		return diag_set(diag, ERR_INVALID,
				"%s: %" PRIu64 " writes wait in the journal %s: start the broker, "
				"stop it, and copy then",
				end->path, waiting, end->ring);
	if (end->facts.ring == STORE_RING_IN_USE &&
	    (is_blank || journal.number != end->facts.ring_number))
		return diag_set(
			diag, ERR_INVALID,
			"%s: was in use with another journal than %s, which may have writes "
			"that are not here: put that one back, or: petstorectl restored",
			end->path, end->ring);
	return 0;
}

static int begin_transaction(struct sqlite_end *end, const char *begin, struct diag *diag)
{
	int64_t ignored;
	int rc;

	(void)sqlite3_busy_timeout(end->sql.db, PATIENCE_MS);
	if (sqlite3_exec(end->sql.db, begin, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(&end->sql, unreadable, diag);
	end->is_begun = true;
	/* From the first read on it sees one moment. */
	rc = sql_number(&end->sql, "SELECT count(*) FROM store", &ignored, diag);
	return rc;
}

int copy_sqlite_from(const char *path, const char *journal, struct copy_end **ret,
		     struct diag *diag)
{
	struct sqlite_end *end = NULL;
	int rc = make_end(path, journal, &end, diag);

	if (rc == 0)
		rc = lock(end, diag);
	if (rc == 0)
		rc = inspect(end, diag);
	if (rc == 0)
		rc = check_journal(end, diag);
	if (rc == 0)
		rc = sql_open(&end->sql, end->path, SQLITE_OPEN_READONLY, NULL, diag);
	if (rc == 0)
		rc = begin_transaction(end, "BEGIN", diag);
	if (rc && end)
		close_end(&end->base);
	if (rc == 0)
		*ret = &end->base;
	return rc;
}

/* ---- what is there --------------------------------------------------------------------------- */

/* A list of statements would be a list of tables: the entities' are those that have numbers. */
static int check_empty(struct sqlite_end *end, struct diag *diag)
{
	static const char *const own[] = { "events", "retained", "refusals", "alerts",
					   "store_letters" };
	static const char tables[] = "SELECT table_name FROM store_names WHERE column_name = ''";
	sqlite3_stmt *list = NULL;
	char sql[128];
	int64_t rows = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(own) / sizeof(own[0]); i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", own[i]);
		rc = sql_number(&end->sql, sql, &rows, diag);
		if (rc == 0 && rows > 0)
			return copy_fail_filled(end->path, own[i], diag);
	}
	if (rc == 0)
		rc = sql_prepare(&end->sql, tables, unreadable, &list, diag);
	while (rc == 0 && (rc = sql_step(&end->sql, list, unreadable, diag)) == 1) {
		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"%.63s\"",
			       sql_text(list, 0));
		rc = sql_number(&end->sql, sql, &rows, diag);
		if (rc == 0 && rows > 0)
			rc = copy_fail_filled(end->path, sql_text(list, 0), diag);
	}
	(void)sqlite3_finalize(list);
	return rc;
}

/* A journal that is there is some other database's. */
static int check_alone(const struct sqlite_end *end, struct diag *diag)
{
	struct stat st;

	if (lstat(end->ring, &st) != 0)
		return 0;
	return diag_set(diag, ERR_INVALID,
			"%s: is beside the database that is to be filled: move it away", end->ring);
}

int copy_sqlite_to(const char *path, struct copy_end **ret, struct diag *diag)
{
	struct sqlite_end *end = NULL;
	int rc = make_end(path, NULL, &end, diag);

	if (rc == 0)
		rc = check_alone(end, diag);
	if (rc == 0)
		rc = sql_open(&end->sql, end->path, SQLITE_OPEN_READWRITE, NULL, diag);
	if (rc == 0)
		rc = begin_transaction(end, "BEGIN IMMEDIATE", diag);
	if (rc == 0)
		rc = check_empty(end, diag);
	if (rc && end)
		close_end(&end->base);
	if (rc == 0)
		*ret = &end->base;
	return rc;
}

/* "": of a library that does not know ANY. */
static enum copy_kind kind_of(const char *type)
{
	static const struct {
		const char *name;
		enum copy_kind kind;
	} known[] = { { "TEXT", COPY_TEXT },  { "INTEGER", COPY_INTEGER }, { "REAL", COPY_REAL },
		      { "BLOB", COPY_BYTES }, { "ANY", COPY_PAYLOAD },     { "", COPY_PAYLOAD } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (sqlite3_stricmp(type, known[i].name) == 0)
			return known[i].kind;
	return COPY_UNKNOWN;
}

static int columns(struct copy_end *base, const char *table, struct copy_columns *ret,
		   struct diag *diag)
{
	static const char sql[] = "SELECT name, type, \"notnull\" FROM pragma_table_info(?1)";
	struct sqlite_end *end = of(base);
	sqlite3_stmt *list = NULL;
	int rc = sql_prepare(&end->sql, sql, unreadable, &list, diag);

	ret->count = 0;
	if (rc)
		return rc;
	sql_bind(list, 1, table);
	while ((rc = sql_step(&end->sql, list, unreadable, diag)) == 1) {
		struct copy_column *column = &ret->column[ret->count];

		if (ret->count++ == COPY_COLUMNS_MAX) {
			rc = diag_set(diag, ERR_LIMIT, "table %s: too many columns", table);
			break;
		}
		(void)snprintf(column->name, sizeof(column->name), "%s", sql_text(list, 0));
		column->kind = kind_of(sql_text(list, 1));
		column->is_needed = sqlite3_column_int(list, 2) != 0;
	}
	(void)sqlite3_finalize(list);
	return rc;
}

static int query(struct copy_end *base, struct query **ret, struct diag *diag)
{
	return query_sqlite_on(&of(base)->sql, ret, diag);
}

static int facts(struct copy_end *base, struct copy_facts *ret, struct diag *diag)
{
	static const char sql[] = "SELECT identity, made_at, clock_at, applied_seq, (SELECT origin "
				  "FROM events ORDER BY seq DESC LIMIT 1) FROM store";
	struct sqlite_end *end = of(base);
	sqlite3_stmt *row = NULL;
	int rc = sql_prepare(&end->sql, sql, unreadable, &row, diag);

	*ret = (struct copy_facts){ .last = 0 };
	if (rc == 0)
		rc = sql_step(&end->sql, row, unreadable, diag);
	if (rc == 1) {
		(void)snprintf(ret->identity, sizeof(ret->identity), "%s", sql_text(row, 0));
		(void)snprintf(ret->made_at, sizeof(ret->made_at), "%s", sql_text(row, 1));
		(void)snprintf(ret->clock_at, sizeof(ret->clock_at), "%s", sql_text(row, 2));
		ret->last = (uint64_t)sqlite3_column_int64(row, 3);
		(void)snprintf(ret->broker, sizeof(ret->broker), "%s", sql_text(row, 4));
		rc = 0;
	}
	(void)sqlite3_finalize(row);
	return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int begin(struct copy_end *base, const char *table, const struct copy_columns *what,
		 struct diag *diag)
{
	struct sqlite_end *end = of(base);
	sqlite3_str *sql = sqlite3_str_new(end->sql.db);

	sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (", table);
	for (unsigned i = 0; i < what->count; i++)
		sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "", what->column[i].name);
	sqlite3_str_appendall(sql, ") VALUES (");
	for (unsigned i = 0; i < what->count; i++)
		sqlite3_str_appendf(sql, "%s?%u", i ? ", " : "", i + 1);
	sqlite3_str_appendall(sql, ")");
	end->columns = what;
	return sql_prepare_built(&end->sql, sql, unwritable, &end->insert, diag);
}

static void bind(sqlite3_stmt *insert, int at, enum copy_kind kind, const struct query_cell *cell)
{
	bool is_text =
		kind == COPY_TEXT || (kind == COPY_PAYLOAD && utf8_is_text(cell->text, cell->len));

	switch (cell->type) {
	case VALUE_TEXT:
		if (is_text)
			sql_bind_text(insert, at, cell->len ? cell->text : "", cell->len);
		else
			(void)sqlite3_bind_blob64(insert, at, cell->len ? cell->text : "",
						  cell->len, SQLITE_STATIC);
		break;
	case VALUE_INTEGER:
		sql_bind_number(insert, at, cell->integer);
		break;
	case VALUE_REAL:
		(void)sqlite3_bind_double(insert, at, cell->real);
		break;
	default:
		(void)sqlite3_bind_null(insert, at);
	}
}

static int row(struct copy_end *base, const struct query_cell *cell, struct diag *diag)
{
	struct sqlite_end *end = of(base);

	for (unsigned i = 0; i < end->columns->count; i++)
		bind(end->insert, (int)i + 1, end->columns->column[i].kind, &cell[i]);
	return sql_run(&end->sql, end->insert, unwritable, diag);
}

static int end_table(struct copy_end *base, struct diag *diag)
{
	struct sqlite_end *end = of(base);

	(void)diag;
	(void)sqlite3_finalize(end->insert);
	end->insert = NULL;
	return 0;
}

static int run(struct copy_end *base, const char *sql, struct diag *diag)
{
	struct sqlite_end *end = of(base);

	if (sqlite3_exec(end->sql.db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(&end->sql, unwritable, diag);
	return 0;
}

/*
 * The journal that the broker makes gives out the numbers after the last: above all that are in
 * use.
 */
static int finish(struct copy_end *base, const struct copy_facts *what, const char *broker,
		  struct diag *diag)
{
	static const char sql[] =
		"UPDATE store SET identity = ?1, made_at = ?2, clock_at = ?3, ring = '', "
		"applied_seq = max(?4, (SELECT coalesce(max(seq), 0) FROM events))";
	struct sqlite_end *end = of(base);
	sqlite3_stmt *update = NULL;
	int rc = sql_prepare(&end->sql, sql, unwritable, &update, diag);

	(void)broker;
	if (rc == 0) {
		sql_bind(update, 1, what->identity);
		sql_bind(update, 2, what->made_at);
		if (what->clock_at[0])
			sql_bind(update, 3, what->clock_at);
		sql_bind_number(update, 4, (int64_t)what->last);
		rc = sql_run(&end->sql, update, unwritable, diag);
	}
	(void)sqlite3_finalize(update);
	if (rc == 0)
		rc = run(base, "COMMIT", diag);
	end->is_begun = rc != 0;
	return rc;
}

static const struct copy_engine sqlite_engine = { .close = close_end,
						  .columns = columns,
						  .query = query,
						  .facts = facts,
						  .begin = begin,
						  .row = row,
						  .end = end_table,
						  .run = run,
						  .finish = finish };

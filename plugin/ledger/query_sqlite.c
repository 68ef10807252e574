/* query_sqlite.c -- reads a SQLite database for petstorectl. */
#include "ledger/query_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/query_engine.h"
#include "ledger/query_sqlite_internal.h"
#include "ledger/store_sqlite_internal.h"

#define CELLS_MAX (STORE_COLUMNS_MAX + 16u)

#define STEPS 4000 /* of SQLite's machine between looks at the clock: less than a millisecond */
#define NAMES_KNOWN 32u
#define NAME_BYTES 136u /* of a table's and a column's name together */

static const char unreadable[] = "cannot read the database";

struct sqlite_query {
	struct query base;
	struct sql sql;
	bool is_borrowed; /* the connection */
	int64_t until_ns; /* as query_bound() says */
	const atomic_bool *is_ending;
	bool is_cut; /* by that */
	/*
	 * Tables and columns that were found to be there: none is ever removed. A reader on the way
	 * of a decision looks for one row of the same table again and again.
	 */
	unsigned known_count;
	char known[NAMES_KNOWN][NAME_BYTES];
};

static struct sqlite_query *of(struct query *base)
{
	return (struct sqlite_query *)base;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void close_query(struct query *base)
{
	if (!of(base)->is_borrowed)
		sql_close(&of(base)->sql); /* no statement outlives its call */
	free(base);
}

/* Ends a statement by any other answer than 0. */
static int is_over(void *ctx)
{
	struct sqlite_query *query = ctx;

	query->is_cut = *query->is_ending || clock_mono_ns() >= query->until_ns;
	return query->is_cut;
}

static void bound(struct query *base, int64_t until_ns, const atomic_bool *is_ending)
{
	struct sqlite_query *query = of(base);

	query->until_ns = until_ns;
	query->is_ending = is_ending;
	query->is_cut = false;
	sqlite3_progress_handler(query->sql.db, STEPS, until_ns ? is_over : NULL, query);
}

static int fail_bound(const struct sqlite_query *query, struct diag *diag)
{
	return diag_set(diag, ERR_LIMIT, "%s: it takes too long to look there", query->sql.path);
}

static int open_query(const struct query_place *at, struct query **ret, struct diag *diag)
{
	struct sqlite_query *query = calloc(1, sizeof(*query));
	int rc;

	if (!query)
		return diag_nomem(diag);
	query->base.engine = &query_sqlite;
	rc = lite_open_to_look(at->place, &query->sql, diag);
	if (rc) {
		close_query(&query->base);
		return rc;
	}
	*ret = &query->base;
	return 0;
}

int query_sqlite_on(const struct sql *sql, struct query **ret, struct diag *diag)
{
	struct sqlite_query *query = calloc(1, sizeof(*query));

	if (!query)
		return diag_nomem(diag);
	query->base.engine = &query_sqlite;
	query->sql = *sql;
	query->is_borrowed = true;
	*ret = &query->base;
	return 0;
}

/* ---- names ------------------------------------------------------------------------------- */

/* As sql_has(). */
static bool has_name(struct sqlite_query *query, const char *table, const char *column)
{
	char name[NAME_BYTES];
	int len = snprintf(name, sizeof(name), "%s\n%s", table, column ? column : "");
	unsigned i = 0;

	if (len < 0 || (size_t)len >= sizeof(name))
		return sql_has(&query->sql, table, column);
	while (i < query->known_count && strcmp(query->known[i], name) != 0)
		i++;
	if (i < query->known_count)
		return true;
	if (!sql_has(&query->sql, table, column))
		return false;
	if (i < NAMES_KNOWN)
		memcpy(query->known[query->known_count++], name, sizeof(name));
	return true;
}

static bool has_table(struct sqlite_query *query, const char *table)
{
	return entity_is_name(table) && has_name(query, table, NULL);
}

static int fail_name(struct sqlite_query *query, const char *what, const char *name,
		     const char *sql, const char *table, struct diag *diag)
{
	sqlite3_stmt *statement = NULL;
	char list[DIAG_MAX / 2] = "";
	size_t used = 0;

	if (sql_prepare(&query->sql, sql, unreadable, &statement, NULL) == 0) {
		sql_bind(statement, 1, table);
		while (used < sizeof(list) && sqlite3_step(statement) == SQLITE_ROW) {
			(void)sqlite3_snprintf((int)(sizeof(list) - used), list + used, "%s%s",
					       used ? ", " : "", sql_text(statement, 0));
			used = strlen(list);
		}
	}
	(void)sqlite3_finalize(statement);
	return diag_set(diag, ERR_INVALID, "%s: no %s \"%s\"; there are: %s", query->sql.path, what,
			name, list);
}

#define SQL_TABLES                                                                                 \
	"SELECT table_name AS \"table\" FROM store_names WHERE column_name = '' ORDER BY "         \
	"table_name"

static int check_own(struct sqlite_query *query, const struct query_wanted *wanted,
		     struct diag *diag)
{
	const struct query_own *own = wanted->own;

	if (!has_name(query, wanted->table, "owner") || !has_name(query, wanted->table, "id") ||
	    (own->link_column && (!has_name(query, wanted->table, own->link_column) ||
				  !has_table(query, own->link_table))))
		return diag_set(diag, ERR_INVALID, "%s: rows of %s have no owners", query->sql.path,
				wanted->table);
	return 0;
}

static int check_names(struct sqlite_query *query, const struct query_wanted *wanted,
		       struct diag *diag)
{
	static const char columns[] = "SELECT name FROM pragma_table_info(?1)";

	if (!has_table(query, wanted->table))
		return fail_name(query, "table", wanted->table, SQL_TABLES, "", diag);
	if (wanted->filter_count > QUERY_FILTERS_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u filters", QUERY_FILTERS_MAX);
	for (size_t i = 0; i < wanted->filter_count; i++)
		if (!has_name(query, wanted->table, wanted->filter[i].column))
			return fail_name(query, "column", wanted->filter[i].column, columns,
					 wanted->table, diag);
	if (wanted->order && !has_name(query, wanted->table, wanted->order))
		return fail_name(query, "column", wanted->order, columns, wanted->table, diag);
	if (wanted->then && !has_name(query, wanted->table, wanted->then))
		return fail_name(query, "column", wanted->then, columns, wanted->table, diag);
	if (wanted->list && !has_name(query, wanted->table, wanted->list->column))
		return fail_name(query, "column", wanted->list->column, columns, wanted->table,
				 diag);
	for (size_t i = 0; i < wanted->column_count; i++)
		if (!has_name(query, wanted->table, wanted->column[i]))
			return fail_name(query, "column", wanted->column[i], columns, wanted->table,
					 diag);
	return wanted->own ? check_own(query, wanted, diag) : 0;
}

/* ---- asking ------------------------------------------------------------------------------ */

static void read_cell(sqlite3_stmt *row, int column, struct query_cell *ret)
{
	*ret = (struct query_cell){ .name = sqlite3_column_name(row, column) };
	switch (sqlite3_column_type(row, column)) {
	case SQLITE_INTEGER:
		ret->type = VALUE_INTEGER;
		ret->integer = sqlite3_column_int64(row, column);
		break;
	case SQLITE_FLOAT:
		ret->type = VALUE_REAL;
		ret->real = sqlite3_column_double(row, column);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		ret->type = VALUE_TEXT;
		ret->text = sqlite3_column_blob(row, column);
		ret->len = (size_t)sqlite3_column_bytes(row, column);
		break;
	}
}

static int list(struct sqlite_query *query, sqlite3_stmt *select, query_visit *visit, void *ctx,
		struct diag *diag)
{
	struct query_cell cell[CELLS_MAX];
	struct query_row row = { .cell = cell };
	int count = sqlite3_column_count(select);
	int rc;

	row.count = (size_t)count < CELLS_MAX ? (size_t)count : CELLS_MAX;
	while ((rc = sql_step(&query->sql, select, unreadable, diag)) == 1) {
		for (size_t i = 0; i < row.count; i++)
			read_cell(select, (int)i, &cell[i]);
		if (!visit(&row, ctx))
			return 0;
	}
	return rc && query->is_cut ? fail_bound(query, diag) : rc;
}

/* Runs the statement that was written, and takes its text. */
static int run(struct sqlite_query *query, struct query_sqlite_text *text, query_visit *visit,
	       void *ctx, struct diag *diag)
{
	sqlite3_stmt *select = NULL;
	int rc = sql_prepare_built(&query->sql, text->sql, unreadable, &select, diag);

	for (unsigned i = 0; rc == 0 && i < text->count; i++)
		sql_bind(select, (int)i + 1, text->value[i]);
	if (rc == 0)
		rc = list(query, select, visit, ctx, diag);
	(void)sqlite3_finalize(select);
	return rc;
}

static void begin(struct sqlite_query *query, struct query_sqlite_text *text)
{
	text->sql = sqlite3_str_new(query->sql.db);
	text->count = 0;
}

static int list_rows(struct query *base, const struct query_wanted *wanted, query_visit *visit,
		     void *ctx, struct diag *diag)
{
	struct sqlite_query *query = of(base);
	struct query_sqlite_text text;
	int rc = check_names(query, wanted, diag);

	if (rc)
		return rc;
	begin(query, &text);
	query_sqlite_add_rows(&text, wanted);
	return run(query, &text, visit, ctx, diag);
}

static int list_groups(struct query *base, const struct query_wanted *wanted, const char *column,
		       const char *time, query_visit *visit, void *ctx, struct diag *diag)
{
	struct sqlite_query *query = of(base);
	struct query_wanted checked = *wanted;
	struct query_sqlite_text text;
	int rc;

	checked.order = column;
	rc = check_names(query, &checked, diag);
	checked.order = time;
	if (rc == 0)
		rc = check_names(query, &checked, diag);
	if (rc)
		return rc;
	begin(query, &text);
	sqlite3_str_appendf(text.sql,
			    "SELECT \"%w\", count(*) AS count, min(\"%w\") AS first, "
			    "max(\"%w\") AS last FROM \"%w\"",
			    column, time, time, wanted->table);
	query_sqlite_add_rest(&text, wanted);
	sqlite3_str_appendf(text.sql, " GROUP BY \"%w\" ORDER BY count(*) DESC, \"%w\"", column,
			    column);
	query_sqlite_add_limit(&text, wanted);
	return run(query, &text, visit, ctx, diag);
}

static int list_tables(struct query *base, query_visit *visit, void *ctx, struct diag *diag)
{
	struct sqlite_query *query = of(base);
	struct query_sqlite_text text;

	begin(query, &text);
	sqlite3_str_appendall(text.sql, SQL_TABLES);
	return run(query, &text, visit, ctx, diag);
}

static int now(struct query *query, int64_t *ret_ms, struct diag *diag)
{
	(void)query;
	(void)diag;
	*ret_ms = clock_unix_ms();
	return 0;
}

/* ---- the engine -------------------------------------------------------------------------- */

static bool has(struct query *base, const char *table)
{
	return has_table(of(base), table);
}

const struct query_engine query_sqlite = {
	.open = open_query,
	.bound = bound,
	.close = close_query,
	.rows = list_rows,
	.groups = list_groups,
	.has = has,
	.tables = list_tables,
	.now = now,
};

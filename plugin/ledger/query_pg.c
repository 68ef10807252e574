/*
 * query_pg.c -- query.h for PostgreSQL: the same rows, and cells by the same names, as a SQLite
 * database would give.
 *
 * A payload that is in one of two columns becomes one cell. Texts are compared by their bytes, and
 * NULL is smaller than all else.
 */
#include "ledger/query_pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/entity.h"
#include "ledger/query_pg_internal.h"

#define AT_ONCE 1000u /* rows that are read in one round trip */

static const char unreadable[] = "cannot read the database";

static struct pg_query *of(struct query *query)
{
	return (struct pg_query *)query;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void pg_query_close(struct query *base)
{
	struct pg_query *query = of(base);

	if (!query->is_borrowed)
		pg_close(query->pg);
	pg_array_free(&query->list);
	free(query);
}

static int look(struct pg_query *query, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	int rc = pg_exec(query->pg, PG_LOOK_SQL, NULL, &rows, unreadable, diag);

	rc = pg_look(rc, pg_state(query->pg), &rows, diag);
	if (rc == ERR_VERSION)
		diag_prefix(diag, "%s", pg_name(query->pg));
	pg_rows_clear(&rows);
	return rc;
}

static int pg_query_open(const struct query_place *at, struct query **ret, struct diag *diag)
{
	const struct pg_place to = { .conninfo = at->place,
				     .application = at->application,
				     .wait_ms = at->connect_ms,
				     .statement_ms = at->statement_ms };
	struct pg *pg = NULL;
	int rc = pg_open(&to, &pg, diag);

	if (rc)
		return rc;
	rc = query_pg_on(pg, ret, diag);
	if (rc) {
		pg_close(pg);
		return rc;
	}
	of(*ret)->is_borrowed = false;
	rc = look(of(*ret), diag);
	if (rc) {
		query_close(*ret);
		*ret = NULL;
		return rc;
	}
	of(*ret)->wait_ms = at->wait_ms;
	pg_set_wait(pg, at->wait_ms);
	return 0;
}

static void pg_query_bound(struct query *base, int64_t until_ns, const atomic_bool *is_ending)
{
	of(base)->kept_count = 0; /* a table may have got a column */
	of(base)->until_ns = until_ns;
	of(base)->is_ending = is_ending;
}

/* Before each call to the server. */
static int check_bound(struct pg_query *query, struct diag *diag)
{
	int64_t left_ms;

	if (!query->until_ns)
		return 0;
	left_ms = (query->until_ns - clock_mono_ns()) / 1000000;
	if (left_ms <= 0 || *query->is_ending)
		return diag_set(diag, ERR_LIMIT, "%s: it takes too long to look there",
				pg_name(query->pg));
	pg_set_wait(query->pg, left_ms < query->wait_ms ? (unsigned)left_ms : query->wait_ms);
	return 0;
}

/* A failure that is one of the time's. */
static int bound_failure(const struct pg_query *query, int rc, struct diag *diag)
{
	if (rc == 0 || rc == ERR_NOMEM || !query->until_ns || clock_mono_ns() < query->until_ns)
		return rc;
	return diag_set(diag, ERR_LIMIT, "%s: it takes too long to look there", pg_name(query->pg));
}

int query_pg_on(struct pg *pg, struct query **ret, struct diag *diag)
{
	struct pg_query *query = calloc(1, sizeof(*query));

	if (!query)
		return diag_nomem(diag);
	query->base.engine = &query_postgres;
	query->pg = pg;
	query->is_borrowed = true;
	(void)snprintf(query->fetch, sizeof(query->fetch), "FETCH %u FROM list", AT_ONCE);
	*ret = &query->base;
	return 0;
}

/* ---- names ------------------------------------------------------------------------------- */

/* It looks also where the same table was asked about before: it may have got a column. */
static bool pg_query_has(struct query *base, const char *table)
{
	struct pg_query *query = of(base);

	return entity_is_name(table) && pg_look_table(query->pg, table, &query->table, NULL) == 0 &&
	       query->table.count > 0;
}

static void add_to_list(char *list, size_t cap, const char *name)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, cap - used, "%s%s", used ? ", " : "", name);
}

static int fail_column(const struct pg_query *query, const char *name, struct diag *diag)
{
	char list[DIAG_MAX / 2] = "";

	for (unsigned i = 0; i < query->table.count; i++)
		if (!pg_look_is_second(&query->table, i))
			add_to_list(list, sizeof(list), query->table.column[i].name);
	return diag_set(diag, ERR_INVALID, "%s: no column \"%s\"; there are: %s",
			pg_name(query->pg), name, list);
}

static bool list_table(const struct query_row *row, void *ctx)
{
	add_to_list(ctx, DIAG_MAX / 2, row->cell[0].text);
	return true;
}

static int fail_table(struct pg_query *query, const char *name, struct diag *diag)
{
	char list[DIAG_MAX / 2] = "";

	diag_ignore(query_tables(&query->base, list_table, list, NULL));
	return diag_set(diag, ERR_INVALID, "%s: no table \"%s\"; there are: %s", pg_name(query->pg),
			name, list);
}

static int check_own(struct pg_query *query, const struct query_wanted *wanted, struct diag *diag)
{
	const struct query_own *own = wanted->own;

	if (pg_look_find(&query->table, "owner") && pg_look_find(&query->table, "id") &&
	    (!own->link_column ||
	     (pg_look_find(&query->table, own->link_column) && entity_is_name(own->link_table))))
		return 0;
	return diag_set(diag, ERR_INVALID, "%s: rows of %s have no owners", pg_name(query->pg),
			wanted->table);
}

/* Sets query->table. */
static int look_table(struct pg_query *query, const char *name, struct diag *diag)
{
	unsigned i = 0;
	int rc;

	while (i < query->kept_count && strcmp(query->kept[i].name, name) != 0)
		i++;
	if (i < query->kept_count) {
		query->table = query->kept[i].table;
		return 0;
	}
	/* What the catalog has is never much: where it is not answered the server is away. */
	rc = pg_look_table(query->pg, name, &query->table, diag);
	if (query->kept_count > 0)
		rc = bound_failure(query, rc, diag);
	if (rc == 0 && query->until_ns && i < QUERY_PG_TABLES && query->table.count > 0) {
		(void)snprintf(query->kept[i].name, sizeof(query->kept[i].name), "%s", name);
		query->kept[i].table = query->table;
		query->kept_count++;
	}
	return rc;
}

static int check_names(struct pg_query *query, const struct query_wanted *wanted, struct diag *diag)
{
	int rc = check_bound(query, diag);

	if (rc == 0 && entity_is_name(wanted->table))
		rc = look_table(query, wanted->table, diag);
	if (rc)
		return rc;
	if (!entity_is_name(wanted->table) || query->table.count == 0)
		return fail_table(query, wanted->table, diag);
	if (wanted->filter_count > QUERY_FILTERS_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u filters", QUERY_FILTERS_MAX);
	for (size_t i = 0; i < wanted->filter_count; i++)
		if (!pg_look_find(&query->table, wanted->filter[i].column))
			return fail_column(query, wanted->filter[i].column, diag);
	if (wanted->order && !pg_look_find(&query->table, wanted->order))
		return fail_column(query, wanted->order, diag);
	if (wanted->then && !pg_look_find(&query->table, wanted->then))
		return fail_column(query, wanted->then, diag);
	if (wanted->list && !pg_look_find(&query->table, wanted->list->column))
		return fail_column(query, wanted->list->column, diag);
	for (size_t i = 0; i < wanted->column_count; i++)
		if (!pg_look_find(&query->table, wanted->column[i]))
			return fail_column(query, wanted->column[i], diag);
	return wanted->own ? check_own(query, wanted, diag) : 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static void read_cell(const struct pg_rows *rows, unsigned row, unsigned at,
		      const struct pg_look_column *column, struct query_cell *ret)
{
	*ret = (struct query_cell){ .name = column->name };
	if (pg_is_null(rows, row, at))
		return;
	ret->type = column->type == VALUE_NULL ? VALUE_TEXT : column->type;
	if (column->type == VALUE_INTEGER)
		ret->integer = pg_number(rows, row, at);
	else if (column->type == VALUE_REAL)
		ret->real = pg_real(rows, row, at);
	else
		ret->text = pg_bytes(rows, row, at, &ret->len);
}

/* Of bytes that are in a column of their own the cell is that of the payload before them. */
static void read_row(const struct pg_rows *rows, unsigned at, const struct pg_look_table *table,
		     struct query_row *row, struct query_cell *cell)
{
	row->count = 0;
	row->cell = cell;
	for (unsigned i = 0; i < table->count; i++) {
		if (!pg_look_is_second(table, i)) {
			read_cell(rows, at, i, &table->column[i], &cell[row->count++]);
		} else if (row->count > 0 && !pg_is_null(rows, at, i)) {
			read_cell(rows, at, i, &table->column[i], &cell[row->count - 1]);
			cell[row->count - 1].name = "payload";
		}
	}
}

/* True: @visit wants no more of them. */
static bool visit_rows(const struct pg_rows *rows, const struct pg_look_table *table,
		       query_visit *visit, void *ctx)
{
	struct query_cell cell[PG_LOOK_COLUMNS_MAX];
	struct query_row row;

	for (unsigned i = 0; i < pg_rows_count(rows); i++) {
		read_row(rows, i, table, &row, cell);
		if (!visit(&row, ctx))
			return true;
	}
	return false;
}

static int run_at_once(struct pg_query *query, const struct pg_look_table *table,
		       query_visit *visit, void *ctx, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	int rc = check_bound(query, diag);

	if (rc == 0)
		rc = bound_failure(
			query,
			pg_exec(query->pg, query->sql, &query->params, &rows, unreadable, diag),
			diag);
	if (rc == 0)
		(void)visit_rows(&rows, table, visit, ctx); /* there are no others */
	pg_rows_clear(&rows);
	return rc;
}

/* From the cursor "list" until it has no more. */
static int fetch_all(struct pg_query *query, const struct pg_look_table *table, query_visit *visit,
		     void *ctx, struct diag *diag)
{
	bool is_over = false;
	int rc = 0;

	while (rc == 0 && !is_over) {
		struct pg_rows rows = { 0 };

		rc = pg_exec(query->pg, query->fetch, NULL, &rows, unreadable, diag);
		if (rc == 0)
			is_over = visit_rows(&rows, table, visit, ctx) ||
				  pg_rows_count(&rows) < AT_ONCE;
		pg_rows_clear(&rows);
	}
	return rc;
}

/* All that @visit sees was committed when this began. */
static int run_by_cursor(struct pg_query *query, const struct pg_look_table *table,
			 query_visit *visit, void *ctx, struct diag *diag)
{
	int rc = 0, ended;

	if (!query->is_borrowed)
		rc = pg_exec(query->pg, "BEGIN", NULL, NULL, unreadable, diag);
	if (rc == 0)
		rc = pg_exec(query->pg, query->sql, &query->params, NULL, unreadable, diag);
	if (rc == 0)
		rc = fetch_all(query, table, visit, ctx, diag);
	if (query->is_borrowed) /* its owner rolls back after a failure */
		return rc ? rc : pg_exec(query->pg, "CLOSE list", NULL, NULL, unreadable, diag);
	ended = pg_exec(query->pg, "ROLLBACK", NULL, NULL, unreadable, rc ? NULL : diag);
	return rc ? rc : ended;
}

static void begin_list(struct pg_query *query, const struct query_wanted *wanted)
{
	bool by_cursor = wanted->limit == 0 || wanted->limit > AT_ONCE;

	query_pg_begin(query);
	if (by_cursor)
		query_pg_add(query, "DECLARE list NO SCROLL CURSOR FOR ");
}

static int run(struct pg_query *query, const struct query_wanted *wanted,
	       const struct pg_look_table *table, query_visit *visit, void *ctx, struct diag *diag)
{
	bool by_cursor = wanted->limit == 0 || wanted->limit > AT_ONCE;

	return by_cursor ? run_by_cursor(query, table, visit, ctx, diag)
			 : run_at_once(query, table, visit, ctx, diag);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Those of query->table that are wanted. */
static void choose_columns(const struct pg_query *query, const struct query_wanted *wanted,
			   struct pg_look_table *ret)
{
	if (wanted->column_count == 0)
		*ret = query->table;
	else
		ret->count = 0;
	for (size_t i = 0; i < wanted->column_count && ret->count < PG_LOOK_COLUMNS_MAX; i++)
		ret->column[ret->count++] = *pg_look_find(&query->table, wanted->column[i]);
}

static int pg_query_rows(struct query *base, const struct query_wanted *wanted, query_visit *visit,
			 void *ctx, struct diag *diag)
{
	struct pg_query *query = of(base);
	struct pg_look_table table; /* @visit may ask for rows of another */
	int rc = check_names(query, wanted, diag);

	if (rc)
		return rc;
	begin_list(query, wanted);
	choose_columns(query, wanted, &table);
	query_pg_add_rows(query, wanted, &table);
	return run(query, wanted, &table, visit, ctx, diag);
}

static int check_groups(struct pg_query *query, const struct query_wanted *wanted,
			const char *column, const char *time, struct diag *diag)
{
	struct query_wanted checked = *wanted;
	int rc;

	checked.order = column;
	rc = check_names(query, &checked, diag);
	if (rc == 0 && !pg_look_find(&query->table, time))
		rc = fail_column(query, time, diag);
	return rc;
}

static int pg_query_groups(struct query *base, const struct query_wanted *wanted,
			   const char *column, const char *time, query_visit *visit, void *ctx,
			   struct diag *diag)
{
	struct pg_query *query = of(base);
	struct pg_look_table groups = { .count = 4 };
	int rc = check_groups(query, wanted, column, time, diag);

	if (rc)
		return rc;
	groups.column[0] = *pg_look_find(&query->table, column);
	groups.column[1] = (struct pg_look_column){ .name = "count", .type = VALUE_INTEGER };
	groups.column[2] = groups.column[3] = *pg_look_find(&query->table, time);
	(void)strcpy(groups.column[2].name, "first");
	(void)strcpy(groups.column[3].name, "last");
	begin_list(query, wanted);
	query_pg_add(
		query,
		"SELECT \"%s\", count(*) AS count, min(\"%s\"%s) AS first, max(\"%s\"%s) AS last "
		"FROM \"%s\"",
		column, time, query_pg_collation(&groups.column[2]), time,
		query_pg_collation(&groups.column[2]), wanted->table);
	query_pg_add_rest(query, wanted);
	query_pg_add(query, " GROUP BY \"%s\" ORDER BY count(*) DESC, ", column);
	query_pg_add_order(query, column, false);
	query_pg_add_limit(query, wanted);
	return run(query, wanted, &groups, visit, ctx, diag);
}

static int pg_query_tables(struct query *base, query_visit *visit, void *ctx, struct diag *diag)
{
	static const struct query_wanted all = { .table = "store_names", .limit = AT_ONCE };
	static const struct pg_look_table names = {
		.count = 1, .column = { { .name = "table", .type = VALUE_TEXT } }
	};
	struct pg_query *query = of(base);

	begin_list(query, &all);
	query_pg_add(
		query,
		"SELECT table_name FROM store_names WHERE column_name = '' ORDER BY table_name");
	return run(query, &all, &names, visit, ctx, diag);
}

static int pg_query_now(struct query *base, int64_t *ret_ms, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	int rc = pg_exec(of(base)->pg,
			 "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
			 NULL, &rows, unreadable, diag);

	if (rc)
		return rc;
	*ret_ms = pg_number(&rows, 0, 0);
	pg_rows_clear(&rows);
	return 0;
}

const struct query_engine query_postgres = { .open = pg_query_open,
					     .bound = pg_query_bound,
					     .close = pg_query_close,
					     .has = pg_query_has,
					     .rows = pg_query_rows,
					     .groups = pg_query_groups,
					     .tables = pg_query_tables,
					     .now = pg_query_now };

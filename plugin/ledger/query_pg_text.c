/* query_pg_text.c -- the statements of query_pg.c. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/query_pg_internal.h"

void query_pg_begin(struct pg_query *query)
{
	query->len = 0;
	query->sql[0] = '\0';
	pg_params_clear(&query->params);
}

void query_pg_add(struct pg_query *query, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pg_sql_add(query->sql, QUERY_PG_SQL_MAX, &query->len, format, args);
	va_end(args);
}

/* How the column compares: as text by its bytes. */
const char *query_pg_collation(const struct pg_look_column *column)
{
	return column->type == VALUE_TEXT && !column->is_bytes ? " COLLATE \"C\"" : "";
}

static const char *const operator[] = { [QUERY_IS] = "=",
					[QUERY_FROM] = ">=",
					[QUERY_AFTER] = ">",
					[QUERY_UNTIL] = "<=",
					[QUERY_BELOW] = "<" };

/* As SQLite compares a number's column: each number is below each text that is none. */
static void add_number_filter(struct pg_query *query, const struct pg_look_column *column,
			      const struct query_filter *filter)
{
	size_t len = strlen(filter->text);
	char *end;
	double real;

	errno = 0;
	real = strtod(filter->text, &end);
	if (len == 0 || *end || errno) {
		query_pg_add(query,
			     filter->test == QUERY_UNTIL || filter->test == QUERY_BELOW
				     ? "\"%s\" IS NOT NULL"
				     : "\"%s\" IS NULL AND 1 = 0",
			     column->name);
		return;
	}
	query_pg_add(query, "\"%s\" %s $%u", column->name, operator[filter->test],
		     query->params.count + 1);
	if (column->type == VALUE_INTEGER && strspn(filter->text, "-0123456789") == len) {
		query_pg_add(query, "::bigint");
		pg_add_number(&query->params, strtoll(filter->text, NULL, 10));
	} else {
		query_pg_add(query, "::double precision");
		pg_add_real(&query->params, real);
	}
}

static void add_filter(struct pg_query *query, const struct query_filter *filter)
{
	const struct pg_look_column *column = pg_look_find(&query->table, filter->column);
	bool is_number = column->type == VALUE_INTEGER || column->type == VALUE_REAL;
	unsigned at = query->params.count + 1;

	if (is_number && filter->test != QUERY_BEGINS) {
		add_number_filter(query, column, filter);
		return;
	}
	if (filter->test == QUERY_BEGINS)
		query_pg_add(query,
			     "substr(CAST(\"%s\" AS text), 1, length($%u::text)) = $%u::text",
			     column->name, at, at);
	else
		query_pg_add(query, "\"%s\"%s %s $%u::text", column->name,
			     query_pg_collation(column), operator[filter->test], at);
	pg_add_string(&query->params, filter->text);
}

static void add_filters(struct pg_query *query, const struct query_wanted *wanted)
{
	for (size_t i = 0; i < wanted->filter_count; i++) {
		query_pg_add(query, i ? " AND " : " WHERE ");
		add_filter(query, &wanted->filter[i]);
	}
}

/* Rows behind wanted->past. */
static void add_past(struct pg_query *query, const struct query_wanted *wanted)
{
	unsigned at = query->params.count + 1;

	query_pg_add(query, "%s(\"%s\"%s, \"%s\"%s) %s ($%u::text, $%u::text)",
		     wanted->filter_count > 0 ? " AND " : " WHERE ", wanted->order,
		     query_pg_collation(pg_look_find(&query->table, wanted->order)), wanted->then,
		     query_pg_collation(pg_look_find(&query->table, wanted->then)),
		     wanted->is_descending ? "<" : ">", at, at + 1);
	pg_add_string(&query->params, wanted->past[0]);
	pg_add_string(&query->params, wanted->past[1]);
}

static void add_own(struct pg_query *query, const struct query_own *own, bool is_first)
{
	unsigned at = query->params.count + 1;

	query_pg_add(query, "%s(owner = $%u::text", is_first ? " WHERE " : " AND ", at);
	pg_add_string(&query->params, own->owner);
	if (own->link_column)
		query_pg_add(query, " OR \"%s\" IN (SELECT id FROM \"%s\" WHERE owner = $%u::text)",
			     own->link_column, own->link_table, at);
	for (size_t i = 0; i < own->id_count && i < QUERY_OWN_IDS_MAX; i++) {
		query_pg_add(query, " OR id = $%u::text", query->params.count + 1);
		pg_add_string(&query->params, own->id[i]);
	}
	query_pg_add(query, ")");
}

void query_pg_add_rest(struct pg_query *query, const struct query_wanted *wanted)
{
	bool has_past = wanted->then && wanted->past[0];

	add_filters(query, wanted);
	if (has_past)
		add_past(query, wanted);
	if (wanted->own)
		add_own(query, wanted->own, wanted->filter_count == 0 && !has_past);
}

/* An index has NULLs last: where there can be none, nothing is said of them, and it serves. */
void query_pg_add_order(struct pg_query *query, const char *name, bool is_descending)
{
	const struct pg_look_column *column = pg_look_find(&query->table, name);

	query_pg_add(query, "\"%s\"%s%s", name, query_pg_collation(column),
		     is_descending ? " DESC" : "");
	if (column->may_be_null)
		query_pg_add(query, is_descending ? " NULLS LAST" : " NULLS FIRST");
}

/* What is neither text nor a number is read as the text that it has in SQL. */
void query_pg_add_columns(struct pg_query *query, unsigned text_max)
{
	for (unsigned i = 0; i < query->table.count; i++) {
		const struct pg_look_column *column = &query->table.column[i];

		query_pg_add(query, i ? ", " : "");
		if (text_max > 0 && column->is_bytes)
			query_pg_add(query, "substring(\"%s\" FROM 1 FOR %u)", column->name,
				     text_max);
		else if (text_max > 0 && column->type == VALUE_TEXT)
			query_pg_add(query, "left(\"%s\", %u)", column->name, text_max);
		else
			query_pg_add(query,
				     column->type == VALUE_NULL ? "CAST(\"%s\" AS text)" : "\"%s\"",
				     column->name);
	}
}

/* query_pg_text.c -- the statements of query_pg.c. */
#include <errno.h>
#include <inttypes.h>
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

/* Times of all rows are of one form: any collation has them in the order of their bytes. */
static bool is_time(const char *name)
{
	return strcmp(name, "updated_at") == 0 || strcmp(name, "created_at") == 0 ||
	       strcmp(name, "received_at") == 0;
}

/* How the column compares: as text by its bytes. An index of another collation does not serve. */
const char *query_pg_collation(const struct pg_look_column *column)
{
	bool is_text = column->type == VALUE_TEXT && !column->is_bytes;

	return is_text && !is_time(column->name) ? " COLLATE \"C\"" : "";
}

/* Equal texts are equal in all collations, and who names an index asks for its order. */
static const char *filter_collation(const struct query_wanted *wanted,
				    const struct pg_look_column *column,
				    const struct query_filter *filter)
{
	bool is_by = wanted->by && strcmp(wanted->by, column->name) == 0;

	return is_by || filter->test == QUERY_IS ? "" : query_pg_collation(column);
}

static const char *const operator[] = { [QUERY_IS] = "=",
					[QUERY_FROM] = ">=",
					[QUERY_AFTER] = ">",
					[QUERY_UNTIL] = "<=",
					[QUERY_BELOW] = "<" };

/*
 * A column that is compared. One whose index is not to find the rows is written as an expression,
 * of which there is none. Nor are there statistics of it: the server takes few rows to have it.
 */
static void add_name(struct pg_query *query, const struct query_wanted *wanted,
		     const struct pg_look_column *column)
{
	bool is_plain = !wanted->by || strcmp(wanted->by, column->name) == 0 || column->is_bytes ||
			wanted->is_through;

	if (is_plain)
		query_pg_add(query, "\"%s\"", column->name);
	else
		query_pg_add(query, column->type == VALUE_TEXT ? "(\"%s\" || '')" : "(\"%s\" + 0)",
			     column->name);
}

/* As SQLite compares a number's column: each number is below each text that is none. */
static void add_number_filter(struct pg_query *query, const struct query_wanted *wanted,
			      const struct pg_look_column *column,
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
	add_name(query, wanted, column);
	query_pg_add(query, " %s $%u", operator[filter->test], query->params.count + 1);
	if (column->type == VALUE_INTEGER && strspn(filter->text, "-0123456789") == len) {
		query_pg_add(query, "::bigint");
		pg_add_number(&query->params, strtoll(filter->text, NULL, 10));
	} else {
		query_pg_add(query, "::double precision");
		pg_add_real(&query->params, real);
	}
}

static void add_filter(struct pg_query *query, const struct query_wanted *wanted,
		       const struct query_filter *filter)
{
	const struct pg_look_column *column = pg_look_find(&query->table, filter->column);
	bool is_number = column->type == VALUE_INTEGER || column->type == VALUE_REAL;
	unsigned at = query->params.count + 1;

	if (filter->test == QUERY_NULL) {
		query_pg_add(query, "\"%s\" IS NULL", column->name);
		return;
	}
	if (is_number && filter->test != QUERY_BEGINS) {
		add_number_filter(query, wanted, column, filter);
		return;
	}
	if (filter->test == QUERY_BEGINS) {
		query_pg_add(query,
			     "substr(CAST(\"%s\" AS text), 1, length($%u::text)) = $%u::text",
			     column->name, at, at);
	} else {
		add_name(query, wanted, column);
		query_pg_add(query, "%s %s $%u::text",
			     filter_collation(wanted, column, filter), operator[filter->test], at);
	}
	pg_add_string(&query->params, filter->text);
}

/* Rows behind wanted->past. */
static void add_past(struct pg_query *query, const struct query_wanted *wanted)
{
	unsigned at = query->params.count + 1;

	query_pg_add(query, "(\"%s\"%s, \"%s\"%s) %s ($%u::text, $%u::text)", wanted->order,
		     query_pg_collation(pg_look_find(&query->table, wanted->order)), wanted->then,
		     query_pg_collation(pg_look_find(&query->table, wanted->then)),
		     wanted->is_descending ? "<" : ">", at, at + 1);
	pg_add_string(&query->params, wanted->past[0]);
	pg_add_string(&query->params, wanted->past[1]);
}

static void add_own(struct pg_query *query, const struct query_own *own)
{
	unsigned at = query->params.count + 1;

	query_pg_add(query, "(owner = $%u::text", at);
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

/* The list is one parameter. Where it can't be made the server refuses the statement. */
static void add_list(struct pg_query *query, const struct query_list *list)
{
	const struct pg_look_column *column = pg_look_find(&query->table, list->column);
	bool is_number = column->type == VALUE_INTEGER;

	pg_array_begin(&query->list, is_number ? PG_NUMBER : PG_TEXT);
	for (size_t i = 0; i < list->count && i < QUERY_LIST_MAX; i++)
		if (is_number)
			pg_array_number(&query->list, strtoll(list->text[i], NULL, 10));
		else
			pg_array_text(&query->list, list->text[i], strlen(list->text[i]));
	query_pg_add(query, "\"%s\"%s = ANY ($%u::%s[])", column->name, query_pg_collation(column),
		     query->params.count + 1, is_number ? "bigint" : "text");
	diag_ignore(pg_add_array(&query->params, &query->list, NULL));
}

/* ---- spots ------------------------------------------------------------------------------- */

static unsigned add_value(struct pg_query *query, const char *text)
{
	pg_add_string(&query->params, text);
	return query->params.count;
}

/* Where a spot begins, or ends. */
static void add_edge(struct pg_query *query, const struct query_spot *spot, const char *edge,
		     const char *name)
{
	if (spot->head)
		query_pg_add(query, "$%u::text || id || ", add_value(query, spot->head));
	query_pg_add(query, "$%u::text AS %s", add_value(query, edge), name);
}

static void add_ids(struct pg_query *query, const struct query_spot *spot)
{
	query_pg_add(query, " FROM \"%s\" WHERE ", spot->table);
	if (spot->link_table)
		query_pg_add(query, "\"%s\" IN (SELECT id FROM \"%s\" WHERE ", spot->link_column,
			     spot->link_table);
	query_pg_add(query, "owner = $%u::text%s", add_value(query, spot->owner),
		     spot->link_table ? ")" : "");
}

static bool has_join(const struct query_wanted *wanted)
{
	return wanted->spot_count > 0 && wanted->by && strcmp(wanted->by, "topic") == 0;
}

static void add_spots(struct pg_query *query, const struct query_wanted *wanted)
{
	query_pg_add(query, "(");
	for (size_t i = 0; i < wanted->spot_count; i++) {
		query_pg_add(query, i ? " UNION ALL SELECT " : "SELECT ");
		add_edge(query, &wanted->spot[i], wanted->spot[i].from, "topic_from");
		query_pg_add(query, ", ");
		add_edge(query, &wanted->spot[i], wanted->spot[i].until, "topic_until");
		if (wanted->spot[i].head)
			add_ids(query, &wanted->spot[i]);
	}
	query_pg_add(query, ") AS spot");
}

static void add_any_spot(struct pg_query *query, const struct query_wanted *wanted)
{
	const struct pg_look_column *topic = pg_look_find(&query->table, "topic");

	query_pg_add(query, "(");
	for (size_t i = 0; i < wanted->spot_count; i++) {
		query_pg_add(query, i ? " OR (" : "(");
		add_name(query, wanted, topic);
		query_pg_add(query, " COLLATE \"C\" >= $%u::text AND ",
			     add_value(query, wanted->spot[i].from));
		add_name(query, wanted, topic);
		query_pg_add(query, " COLLATE \"C\" < $%u::text)",
			     add_value(query, wanted->spot[i].until));
	}
	query_pg_add(query, ")");
}

/* ---- the statement ----------------------------------------------------------------------- */

void query_pg_add_rest(struct pg_query *query, const struct query_wanted *wanted)
{
	const char *between = " WHERE ";

	for (size_t i = 0; i < wanted->filter_count; i++, between = " AND ") {
		query_pg_add(query, "%s", between);
		add_filter(query, wanted, &wanted->filter[i]);
	}
	if (wanted->then && wanted->past[0]) {
		query_pg_add(query, "%s", between);
		add_past(query, wanted);
		between = " AND ";
	}
	if (wanted->own) {
		query_pg_add(query, "%s", between);
		add_own(query, wanted->own);
		between = " AND ";
	}
	if (wanted->list) {
		query_pg_add(query, "%s", between);
		add_list(query, wanted->list);
		between = " AND ";
	}
	if (wanted->spot_count > 0) {
		query_pg_add(query, "%s", between);
		if (has_join(wanted))
			query_pg_add(query, "topic COLLATE \"C\" >= topic_from AND topic COLLATE "
					    "\"C\" < topic_until");
		else
			add_any_spot(query, wanted);
	}
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

static void add_whole_order(struct pg_query *query, const struct query_wanted *wanted)
{
	const char *direction = wanted->is_descending ? " DESC" : "";

	if (!wanted->order)
		return;
	query_pg_add(query, " ORDER BY ");
	if (wanted->by) {
		add_name(query, wanted, pg_look_find(&query->table, wanted->order));
		query_pg_add(query, "%s", direction);
	} else {
		query_pg_add_order(query, wanted->order, wanted->is_descending);
	}
	if (wanted->then) {
		query_pg_add(query, ", ");
		query_pg_add_order(query, wanted->then, wanted->is_descending);
	} else if (!wanted->by && strcmp(wanted->order, "seq") != 0 &&
		   pg_look_find(&query->table, "seq")) {
		query_pg_add(query, ", seq%s", direction);
	}
}

void query_pg_add_limit(struct pg_query *query, const struct query_wanted *wanted)
{
	if (wanted->limit > 0)
		query_pg_add(query, " LIMIT %" PRIu64, wanted->limit);
	if (wanted->limit > 0 && wanted->skip > 0)
		query_pg_add(query, " OFFSET %" PRIu64, wanted->skip);
}

/* What is neither text nor a number is read as the text that it has in SQL. */
static void add_columns(struct pg_query *query, const struct pg_look_table *shown,
			unsigned text_max)
{
	for (unsigned i = 0; i < shown->count; i++) {
		const struct pg_look_column *column = &shown->column[i];

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

/*
 * For each spot the index is asked by itself, for no more rows than all of them together may have:
 * a join would be the server's to turn around.
 */
void query_pg_add_rows(struct pg_query *query, const struct query_wanted *wanted,
		       const struct pg_look_table *shown)
{
	bool is_joined = has_join(wanted);

	query_pg_add(query, "SELECT ");
	if (is_joined) {
		query_pg_add(query, "found.* FROM ");
		add_spots(query, wanted);
		query_pg_add(query, " CROSS JOIN LATERAL (SELECT ");
	}
	add_columns(query, shown, wanted->text_max);
	query_pg_add(query, " FROM \"%s\"", wanted->table);
	query_pg_add_rest(query, wanted);
	add_whole_order(query, wanted);
	if (is_joined && wanted->limit > 0)
		query_pg_add(query, " LIMIT %" PRIu64, wanted->limit + wanted->skip);
	if (is_joined) {
		query_pg_add(query, ") AS found");
		add_whole_order(query, wanted);
	}
	query_pg_add_limit(query, wanted);
}

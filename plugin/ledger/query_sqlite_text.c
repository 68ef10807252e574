/* query_sqlite_text.c -- the statements of query_sqlite.c. */
#include <string.h>

#include "ledger/query_sqlite_internal.h"

/* A parameter, whose value is @value. */
static void add_value(struct query_sqlite_text *text, const char *value)
{
	if (text->count == QUERY_SQLITE_VALUES_MAX) { /* more than query.h allows */
		sqlite3_str_appendall(text->sql, "NULL");
		return;
	}
	text->value[text->count++] = value;
	sqlite3_str_appendf(text->sql, "?%u", text->count);
}

/*
 * A '+' keeps SQLite from finding rows by an index of the column, and takes its type from it: texts
 * are compared with a number's as numbers only where that is said. Of one owner's rows there are
 * few, found by their owner and not by what many rows have in common.
 */
static bool is_signed(const struct query_wanted *wanted, const char *column)
{
	return wanted->own || (wanted->by && strcmp(wanted->by, column) != 0);
}

static void add_column(struct query_sqlite_text *text, const struct query_wanted *wanted,
		       const char *column)
{
	sqlite3_str_appendf(text->sql, "%s\"%w\"", is_signed(wanted, column) ? "+" : "", column);
}

static void add_filter(struct query_sqlite_text *text, const struct query_wanted *wanted,
		       const struct query_filter *filter)
{
	static const char *const test[] = {
		[QUERY_IS] = " = ",     [QUERY_FROM] = " >= ", [QUERY_AFTER] = " > ",
		[QUERY_UNTIL] = " <= ", [QUERY_BELOW] = " < ", [QUERY_BEGINS] = ", "
	};
	bool begins = filter->test == QUERY_BEGINS;
	bool is_number = is_signed(wanted, filter->column) && strcmp(filter->column, "seq") == 0;

	if (filter->test == QUERY_NULL) {
		add_column(text, wanted, filter->column);
		sqlite3_str_appendall(text->sql, " IS NULL");
		return;
	}
	sqlite3_str_appendall(text->sql, begins ? "instr(" : "");
	add_column(text, wanted, filter->column);
	sqlite3_str_appendall(text->sql, test[filter->test]);
	sqlite3_str_appendall(text->sql, is_number ? "CAST(" : "");
	add_value(text, filter->text);
	sqlite3_str_appendall(text->sql, begins ? ") = 1" : is_number ? " AS INTEGER)" : "");
}

static void add_past(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	sqlite3_str_appendf(text->sql, "(\"%w\", \"%w\") %s (", wanted->order, wanted->then,
			    wanted->is_descending ? "<" : ">");
	add_value(text, wanted->past[0]);
	sqlite3_str_appendall(text->sql, ", ");
	add_value(text, wanted->past[1]);
	sqlite3_str_appendall(text->sql, ")");
}

static void add_own(struct query_sqlite_text *text, const struct query_own *own)
{
	sqlite3_str_appendall(text->sql, "(owner = ");
	add_value(text, own->owner);
	if (own->link_column) {
		sqlite3_str_appendf(text->sql,
				    " OR \"%w\" IN (SELECT id FROM \"%w\" WHERE owner = ",
				    own->link_column, own->link_table);
		add_value(text, own->owner);
		sqlite3_str_appendall(text->sql, ")");
	}
	for (size_t i = 0; i < own->id_count && i < QUERY_OWN_IDS_MAX; i++) {
		sqlite3_str_appendall(text->sql, " OR id = ");
		add_value(text, own->id[i]);
	}
	sqlite3_str_appendall(text->sql, ")");
}

static void add_list(struct query_sqlite_text *text, const struct query_list *list)
{
	sqlite3_str_appendf(text->sql, "\"%w\" IN (", list->column);
	for (size_t i = 0; i < list->count && i < QUERY_LIST_MAX; i++) {
		sqlite3_str_appendall(text->sql, i ? ", " : "");
		add_value(text, list->text[i]);
	}
	sqlite3_str_appendall(text->sql, ")");
}

/* ---- spots ------------------------------------------------------------------------------- */

/* One of @text's columns: where a spot begins, or ends. */
static void add_edge(struct query_sqlite_text *text, const struct query_spot *spot,
		     const char *edge, const char *name)
{
	if (spot->head) {
		add_value(text, spot->head);
		sqlite3_str_appendall(text->sql, " || id || ");
	}
	add_value(text, edge);
	sqlite3_str_appendf(text->sql, " AS %s", name);
}

static void add_ids(struct query_sqlite_text *text, const struct query_spot *spot)
{
	sqlite3_str_appendf(text->sql, " FROM \"%w\" WHERE ", spot->table);
	if (spot->link_table)
		sqlite3_str_appendf(text->sql, "\"%w\" IN (SELECT id FROM \"%w\" WHERE ",
				    spot->link_column, spot->link_table);
	sqlite3_str_appendall(text->sql, "owner = ");
	add_value(text, spot->owner);
	sqlite3_str_appendall(text->sql, spot->link_table ? ")" : "");
}

/* All of them as a table, for each row of which the index is asked. CROSS JOIN keeps that order. */
static void add_spots(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	sqlite3_str_appendall(text->sql, "(");
	for (size_t i = 0; i < wanted->spot_count; i++) {
		sqlite3_str_appendall(text->sql, i ? " UNION ALL SELECT " : "SELECT ");
		add_edge(text, &wanted->spot[i], wanted->spot[i].from, "topic_from");
		sqlite3_str_appendall(text->sql, ", ");
		add_edge(text, &wanted->spot[i], wanted->spot[i].until, "topic_until");
		if (wanted->spot[i].head)
			add_ids(text, &wanted->spot[i]);
	}
	sqlite3_str_appendall(text->sql, ") AS spot CROSS JOIN ");
}

static bool has_join(const struct query_wanted *wanted)
{
	return wanted->spot_count > 0 && wanted->by && strcmp(wanted->by, "topic") == 0;
}

static void add_any_spot(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	for (size_t i = 0; i < wanted->spot_count; i++) {
		sqlite3_str_appendall(text->sql, i ? " OR (" : "((");
		add_column(text, wanted, "topic");
		sqlite3_str_appendall(text->sql, " >= ");
		add_value(text, wanted->spot[i].from);
		sqlite3_str_appendall(text->sql, " AND ");
		add_column(text, wanted, "topic");
		sqlite3_str_appendall(text->sql, " < ");
		add_value(text, wanted->spot[i].until);
		sqlite3_str_appendall(text->sql, ")");
	}
	sqlite3_str_appendall(text->sql, ")");
}

/* ---- the statement ----------------------------------------------------------------------- */

void query_sqlite_add_rest(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	const char *between = " WHERE ";

	for (size_t i = 0; i < wanted->filter_count; i++, between = " AND ") {
		sqlite3_str_appendall(text->sql, between);
		add_filter(text, wanted, &wanted->filter[i]);
	}
	if (wanted->then && wanted->past[0]) {
		sqlite3_str_appendall(text->sql, between);
		add_past(text, wanted);
		between = " AND ";
	}
	if (wanted->own) {
		sqlite3_str_appendall(text->sql, between);
		add_own(text, wanted->own);
		between = " AND ";
	}
	if (wanted->list) {
		sqlite3_str_appendall(text->sql, between);
		add_list(text, wanted->list);
		between = " AND ";
	}
	if (wanted->spot_count > 0) {
		sqlite3_str_appendall(text->sql, between);
		if (has_join(wanted))
			sqlite3_str_appendall(text->sql,
					      "topic >= topic_from AND topic < topic_until");
		else
			add_any_spot(text, wanted);
	}
}

static void add_order(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	const char *direction = wanted->is_descending ? " DESC" : "";

	if (!wanted->order)
		return;
	sqlite3_str_appendall(text->sql, " ORDER BY ");
	if (wanted->by)
		add_column(text, wanted, wanted->order);
	else
		sqlite3_str_appendf(text->sql, "\"%w\"", wanted->order);
	sqlite3_str_appendall(text->sql, direction);
	if (wanted->then)
		sqlite3_str_appendf(text->sql, ", \"%w\"%s", wanted->then, direction);
}

void query_sqlite_add_rows(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	sqlite3_str_appendall(text->sql, "SELECT ");
	for (size_t i = 0; i < wanted->column_count; i++)
		sqlite3_str_appendf(text->sql, "%s\"%w\"", i ? ", " : "", wanted->column[i]);
	sqlite3_str_appendall(text->sql, wanted->column_count > 0 ? " FROM " : "* FROM ");
	if (has_join(wanted))
		add_spots(text, wanted);
	sqlite3_str_appendf(text->sql, "\"%w\"", wanted->table);
	query_sqlite_add_rest(text, wanted);
	add_order(text, wanted);
	query_sqlite_add_limit(text, wanted);
}

void query_sqlite_add_limit(struct query_sqlite_text *text, const struct query_wanted *wanted)
{
	if (wanted->limit > 0)
		sqlite3_str_appendf(text->sql, " LIMIT %llu", (unsigned long long)wanted->limit);
	if (wanted->limit > 0 && wanted->skip > 0)
		sqlite3_str_appendf(text->sql, " OFFSET %llu", (unsigned long long)wanted->skip);
}

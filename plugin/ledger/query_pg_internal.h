/*
 * query_pg_internal.h -- what query_pg.c, which reads, and query_pg_text.c, which writes its
 * statements, share.
 */
#ifndef PETSTORE_LEDGER_QUERY_PG_INTERNAL_H
#define PETSTORE_LEDGER_QUERY_PG_INTERNAL_H

#include "ledger/pg_look.h"
#include "ledger/query_engine.h"
#include "ledger/query_pg.h"

#define QUERY_PG_SQL_MAX 16384u /* a statement: columns and filters, whose texts are not in it */
#define QUERY_PG_TABLES 4u

struct pg_query {
	struct query base;
	struct pg *pg;
	bool is_borrowed; /* the connection, which is within a transaction */
	unsigned wait_ms; /* where query_bound() says nothing */
	int64_t until_ns; /* as query_bound() says */
	const atomic_bool *is_ending;
	struct pg_look_table table; /* that was asked about last */
	/*
	 * With a bound: tables that were looked at since query_bound(). A reader on the way of a
	 * decision asks for one row of the same table again and again.
	 */
	unsigned kept_count;
	struct {
		char name[64];
		struct pg_look_table table;
	} kept[QUERY_PG_TABLES];
	struct pg_params params;
	struct pg_array list; /* that params may point to */
	size_t len;
	char sql[QUERY_PG_SQL_MAX];
	char fetch[48];
};

/* Begins a statement without text and parameters; adds to it. */
void query_pg_begin(struct pg_query *query);
void query_pg_add(struct pg_query *query, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* SELECT: rows of query->table, of which @shown has the columns that are wanted. */
void query_pg_add_rows(struct pg_query *query, const struct query_wanted *wanted,
		       const struct pg_look_table *shown);

/* WHERE: the filters, what is behind a row, whose rows, which of a list, which spots. Their names
 * were looked up. */
void query_pg_add_rest(struct pg_query *query, const struct query_wanted *wanted);

void query_pg_add_limit(struct pg_query *query, const struct query_wanted *wanted);

/* A column of ORDER BY. An index has NULLs last: where there can be none, nothing is said of them,
 * and it serves. */
void query_pg_add_order(struct pg_query *query, const char *name, bool is_descending);

/* How the column compares: as text by its bytes. */
const char *query_pg_collation(const struct pg_look_column *column);

#endif

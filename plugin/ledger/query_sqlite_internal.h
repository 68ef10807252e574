/*
 * query_sqlite_internal.h -- what query_sqlite.c, which reads, and query_sqlite_text.c, which
 * writes its statements, share.
 */
#ifndef PETSTORE_LEDGER_QUERY_SQLITE_INTERNAL_H
#define PETSTORE_LEDGER_QUERY_SQLITE_INTERNAL_H

#include "ledger/query.h"
#include "ledger/sql.h"

#define QUERY_SQLITE_VALUES_MAX 512u

/* A statement that is being written, with the values of its parameters, ?1 and so on. */
struct query_sqlite_text {
	sqlite3_str *sql;
	unsigned count;
	const char *value[QUERY_SQLITE_VALUES_MAX]; /* borrowed */
};

/* SELECT: rows of a table, whose names were looked up. */
void query_sqlite_add_rows(struct query_sqlite_text *text, const struct query_wanted *wanted);

/* WHERE: the filters, what is behind a row, whose rows, which of a list. */
void query_sqlite_add_rest(struct query_sqlite_text *text, const struct query_wanted *wanted);

void query_sqlite_add_limit(struct query_sqlite_text *text, const struct query_wanted *wanted);

#endif

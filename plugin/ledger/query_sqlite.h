/*
 * query_sqlite.h -- lists rows on a connection that is there already; for petstorectl copy.
 */
#ifndef PETSTORE_LEDGER_QUERY_SQLITE_H
#define PETSTORE_LEDGER_QUERY_SQLITE_H

#include "ledger/query.h"
#include "ledger/sql.h"

/*
 * Lists on @sql, which is borrowed, within the transaction that its owner began: rows that it has
 * not committed are seen. Close it with query_close().
 */
int query_sqlite_on(const struct sql *sql, struct query **ret, struct diag *diag) MUST_CHECK;

#endif

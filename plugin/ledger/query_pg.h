/*
 * query_pg.h -- lists rows on a connection that is there already; for petstorectl copy.
 */
#ifndef PETSTORE_LEDGER_QUERY_PG_H
#define PETSTORE_LEDGER_QUERY_PG_H

#include "ledger/pg.h"
#include "ledger/query.h"

/*
 * Lists on @pg, which is borrowed, within the transaction that its owner began: rows that it has
 * not committed are seen. Close it with query_close().
 */
int query_pg_on(struct pg *pg, struct query **ret, struct diag *diag) MUST_CHECK;

#endif

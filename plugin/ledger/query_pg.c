/* query_pg.c -- reads a PostgreSQL database for petstorectl. */
#include "ledger/query_engine.h"

static int refuse_open(const char *place, struct query **ret, struct diag *diag)
{
	(void)place;
	(void)ret;
	return diag_set(diag, ERR_INVALID, "this build has no PostgreSQL engine");
}

const struct query_engine query_postgres = {
	.open = refuse_open,
};

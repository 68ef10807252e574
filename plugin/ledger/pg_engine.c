/* pg_engine.c -- the PostgreSQL engine: the table of its functions. */
#include "ledger/store_engine.h"

static int refuse(struct diag *diag)
{
	return diag_set(diag, ERR_INVALID, "this build has no PostgreSQL engine");
}

static int pg_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
		   struct diag *diag)
{
	(void)place;
	(void)busy_ms;
	(void)ret;
	return refuse(diag);
}

static int pg_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
			  struct diag *diag)
{
	(void)place;
	(void)is_alone;
	(void)ret;
	return refuse(diag);
}

const struct store_engine store_postgres = {
	.name = "PostgreSQL",
	.is_shared = true,
	.open = pg_open,
	.reader_open = pg_reader_open,
};

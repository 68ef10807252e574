/*
 * pg_look.h -- looks at a PostgreSQL database: whose it is, which tables and columns it has.
 *
 * For the PostgreSQL engine's files. Knows the catalog's views (information_schema) and the table
 * "store".
 */
#ifndef PETSTORE_LEDGER_PG_LOOK_H
#define PETSTORE_LEDGER_PG_LOOK_H

#include "base/entity.h"
#include "ledger/pg.h"
#include "ledger/store.h"

#define PG_LOOK_PROGRAM "mosquitto_petstore" /* what store.program says */

/* Whose database it is: for pg_look(). */
#define PG_LOOK_SQL "SELECT program, version, least FROM store"

/*
 * The columns of a table ($1), in their order: name, type, may it be NULL. There are none where
 * there is no such table.
 */
#define PG_LOOK_COLUMNS                                                                            \
	"SELECT CAST(column_name AS text), CAST(data_type AS text), CAST(is_nullable AS text) "    \
	"FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = "  \
	"$1 ORDER BY ordinal_position"

/*
 * @rc is what PG_LOOK_SQL returned, with the SQLSTATE @state or @rows. ERR_VERSION: another program
 * or a plugin that is too new made the database, or there is none yet.
 */
int pg_look(int rc, const char *state, const struct pg_rows *rows, struct diag *diag) MUST_CHECK;

/* The columns that a table may have: an entity's, or the store's own. */
#define PG_LOOK_COLUMNS_MAX (STORE_COLUMNS_MAX + 32u)

struct pg_look_column {
	char name[64];
	enum value_type type; /* of a cell: VALUE_TEXT also of bytes; VALUE_NULL: of another type */
	bool is_bytes;
	bool may_be_null;
};

struct pg_look_table {
	unsigned count; /* 0: there is no such table */
	struct pg_look_column column[PG_LOOK_COLUMNS_MAX];
};

int pg_look_table(struct pg *pg, const char *table, struct pg_look_table *ret,
		  struct diag *diag) MUST_CHECK;

/* The column's, or NULL. */
const struct pg_look_column *pg_look_find(const struct pg_look_table *table, const char *name);

/* Is it the second column of a payload, which has the bytes where the one before it is NULL? */
bool pg_look_is_second(const struct pg_look_table *table, unsigned column);

#endif

/*
 * store_names.h -- the tables and columns that a database has, with their permanent numbers; for
 * the engines, which read and fill them.
 */
#ifndef PETSTORE_LEDGER_STORE_NAMES_H
#define PETSTORE_LEDGER_STORE_NAMES_H

#include "base/arena.h"
#include "ledger/store.h"

/* A table or one of its columns. */
struct store_name {
	const char *table;  /* NULL: there is no such number */
	const char *column; /* "": it is a table */
	const char *type;   /* of a column, as it was declared; NULL: it is not there */
	uint32_t of;        /* the table's number */
	unsigned columns;   /* that the table has, or that it had before this one */
};

struct store_names {
	struct arena arena; /* of all of this */
	const char *path;   /* of the database, for messages; a conninfo as it is shown */
	const char *(*type_name)(enum value_type type); /* the engine's word for a type */
	int64_t last;
	struct store_name *name; /* by number, up to @last */
};

/* "table orders: column status is TEXT where the contract needs INTEGER": ERR_INVALID. */
int store_mismatch(const char *path, const char *table, const char *column, const char *is,
		   const char *should, struct diag *diag) MUST_CHECK;

#endif

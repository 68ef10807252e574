/*
 * copy_end.h -- a database that a ledger is copied from, or to; for the files of copy.h.
 *
 * An engine's end begins with struct copy_end. Its functions but close() are called while its
 * transaction is open: of a source one that sees one moment, of a target one that makes all or
 * nothing.
 */
#ifndef PETSTORE_LEDGER_COPY_END_H
#define PETSTORE_LEDGER_COPY_END_H

#include "base/entity.h"
#include "ledger/query.h"
#include "ledger/store.h"

#define COPY_COLUMNS_MAX (STORE_COLUMNS_MAX + 32u)

enum copy_kind {
	COPY_TEXT,
	COPY_INTEGER,
	COPY_REAL,
	COPY_BYTES,
	COPY_PAYLOAD, /* text, or bytes where it is none */
	COPY_UNKNOWN, /* of no type that the store uses */
};

struct copy_column {
	char name[64];
	enum copy_kind kind;
	bool is_needed; /* it may not be NULL */
};

/* Of a table; 0 where there is none. */
struct copy_columns {
	unsigned count;
	struct copy_column column[COPY_COLUMNS_MAX];
};

/* What is stored about the store. */
struct copy_facts {
	char identity[2 * STORE_IDENTITY + 1];
	char made_at[40], clock_at[40]; /* "": not known */
	uint64_t last;                  /* the last number of a write */
	char broker[128];               /* who wrote the newest event; "": not known */
};

struct copy_end;

struct copy_engine {
	void (*close)(struct copy_end *end); /* rolls back what was not finished */
	int (*columns)(struct copy_end *end, const char *table, struct copy_columns *ret,
		       struct diag *diag);
	int (*query)(struct copy_end *end, struct query **ret, struct diag *diag);
	/* of a source */
	int (*facts)(struct copy_end *end, struct copy_facts *ret, struct diag *diag);
	/*
	 * of a target: rows of one table after the other. Each row has a cell for each of @columns,
	 * which are some of the table's, and stay until end().
	 */
	int (*begin)(struct copy_end *end, const char *table, const struct copy_columns *columns,
		     struct diag *diag);
	int (*row)(struct copy_end *end, const struct query_cell *cell, struct diag *diag);
	int (*end)(struct copy_end *end, struct diag *diag);
	/* Runs a statement without parameters. */
	int (*run)(struct copy_end *end, const char *sql, struct diag *diag);
	/* Stores @facts, and commits. @broker: who goes on with a shared one; NULL: as it is there.
	 */
	int (*finish)(struct copy_end *end, const struct copy_facts *facts, const char *broker,
		      struct diag *diag);
};

struct copy_end {
	const struct copy_engine *engine;
	bool is_shared;
};

/*
 * A source: locked, so that no broker can begin to use it. @journal: NULL: beside it. ERR_BUSY,
 * ERR_INVALID as of copy_ledger().
 */
int copy_sqlite_from(const char *path, const char *journal, struct copy_end **ret,
		     struct diag *diag) MUST_CHECK;
int copy_pg_from(const char *place, struct copy_end **ret, struct diag *diag) MUST_CHECK;

/* A target, empty, which has the tables of entities; locked likewise. */
int copy_sqlite_to(const char *path, struct copy_end **ret, struct diag *diag) MUST_CHECK;
int copy_pg_to(const char *place, struct copy_end **ret, struct diag *diag) MUST_CHECK;

/* "TABLE is not empty": ERR_INVALID, for a target. */
int copy_fail_filled(const char *place, const char *table, struct diag *diag) MUST_CHECK;

#endif

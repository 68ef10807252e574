/*
 * copy.h -- takes a whole ledger from one database to another, of either engine.
 *
 * For petstorectl, while no broker uses either. All rows, the permanent numbers of tables and
 * columns, and the identity (which digests hang on) go over, in one transaction of the target, and
 * are read back there before it is committed: the rows are counted, and a digest of all of them is
 * compared with the source's. The source is left as it is.
 */
#ifndef PETSTORE_LEDGER_COPY_H
#define PETSTORE_LEDGER_COPY_H

#include <stdint.h>

#include "base/diag.h"

#define COPY_TABLES_MAX 1024u /* of entities */

/* Places are paths or connection strings. All strings are borrowed for the call. */
struct copy_options {
	const char *from, *to;
	const char *from_journal; /* of a SQLite source; NULL: beside the database */
	/*
	 * What the broker of a SQLite source is called in a shared database. NULL: as its last
	 * event says. Not used where the source is shared or the target is not.
	 */
	const char *broker;
};

/* A table that was copied. The digest is of all rows, in whatever order. */
struct copy_table {
	const char *name;
	uint64_t rows, digest;
	uint64_t left_out; /* rows that the target has no place for: overruled events */
};
typedef void copy_visit(const struct copy_table *table, void *ctx);

/*
 * ERR_BUSY: a broker uses one of them. ERR_INVALID: the source has no ledger, or its broker was
 * killed and has to be started once more; the target is not empty; a value has no place there.
 * Other errors as of store.h. After a failure the target is as empty as it was. @visit is called
 * for each table as it is verified.
 */
int copy_ledger(const struct copy_options *options, copy_visit *visit, void *ctx,
		struct diag *diag) MUST_CHECK;

#endif

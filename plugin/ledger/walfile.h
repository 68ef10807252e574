/*
 * walfile.h -- an SQLite VFS that hands what is written to a WAL to the system many pages at a
 * time.
 *
 * SQLite writes each page that a transaction changed by two calls, its head and itself. Here they
 * are collected, as long as each follows the one before, and are written when there are
 * WALFILE_BYTES of them or SQLite reads, syncs or measures the file. For a connection whose commits
 * sync the WAL (PRAGMA synchronous = FULL): that sync comes before other connections learn of the
 * pages, and it fails where they could not be written. What waits when a transaction is rolled back
 * must be forgotten, as others may write there next. Files other than a WAL are the default VFS's
 * own. For the store's own files.
 */
#ifndef PETSTORE_LEDGER_WALFILE_H
#define PETSTORE_LEDGER_WALFILE_H

#include "base/diag.h"
#include "ledger/sql.h"

/* SQLite's own functions write less than 128 KiB by one call, and nothing of a multiple of it. */
#define WALFILE_BYTES ((size_t)124 << 10)

/* For one connection, which is to be closed before walfile_clear(). It must not be moved. */
struct walfile_vfs {
	sqlite3_vfs base;
	sqlite3_vfs *system;  /* the default one */
	struct walfile *open; /* walfile.c's; NULL: none is */
	char name[32];        /* for sql_open() */
};

int walfile_init(struct walfile_vfs *vfs, struct diag *diag) MUST_CHECK;
void walfile_clear(struct walfile_vfs *vfs); /* one of zeros is fine */

/* The transaction was rolled back: what it wrote and waits is wanted by nobody. */
void walfile_forget(struct walfile_vfs *vfs);

#endif

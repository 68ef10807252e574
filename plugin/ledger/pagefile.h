/*
 * pagefile.h -- an SQLite VFS that hands what is written to a database's WAL to the system many
 * pages at a time.
 *
 * SQLite writes each page that a transaction changed by two calls, its head and itself. Here they
 * are collected, as long as each follows the one before, and are written when there are
 * PAGEFILE_BYTES of them or SQLite reads, syncs or measures the file. For a connection whose
 * commits sync (PRAGMA synchronous = FULL): that sync comes before other connections learn of the
 * pages, and it fails where they could not be written, as all does then until pagefile_forget().
 * What waits when a transaction is rolled back must be forgotten, as others may write there next;
 * the WAL's handle knows of no locks. Other files are the default VFS's own, the database among
 * them: others learn of what a checkpoint copied as soon as its last write was called, without a
 * sync where some reader keeps it from the WAL's end. For the store's own files.
 */
#ifndef PETSTORE_LEDGER_PAGEFILE_H
#define PETSTORE_LEDGER_PAGEFILE_H

#include "base/diag.h"
#include "ledger/sql.h"

/* SQLite's own functions write less than 128 KiB by one call, and nothing of a multiple of it. */
#define PAGEFILE_BYTES ((size_t)124 << 10)

/* For one connection, which is to be closed before pagefile_clear(). It must not be moved. */
struct pagefile_vfs {
	sqlite3_vfs base;
	sqlite3_vfs *system;         /* the default one */
	struct pagefile *wal;        /* pagefile.c's; NULL: none is open */
	char name[SQL_VFS_NAME_MAX]; /* for sql_open() */
};

int pagefile_init(struct pagefile_vfs *vfs, struct diag *diag) MUST_CHECK;
void pagefile_clear(struct pagefile_vfs *vfs); /* one of zeros is fine */

/* The transaction was rolled back: what waits of it is wanted by nobody, and what failed is over.
 */
void pagefile_forget(struct pagefile_vfs *vfs);

#endif

/*
 * pagefile.h -- an SQLite VFS that hands what is written to a database and its WAL to the system
 * many pages at a time.
 *
 * SQLite writes each page that a transaction changed by two calls, its head and itself, to the WAL,
 * and a checkpoint writes each by a third to the database. Here they are collected, as long as each
 * follows the one before, and are written when there are PAGEFILE_BYTES of them or SQLite reads,
 * syncs, measures, locks or unlocks the file. For a connection whose commits sync (PRAGMA
 * synchronous = FULL): that sync comes before other connections learn of the pages, and it fails
 * where they could not be written. What waits for the WAL when a transaction is rolled back must be
 * forgotten, as others may write there next; the WAL's handle knows of no locks. Other files are
 * the default VFS's own. For the store's own files.
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
	sqlite3_vfs *system;  /* the default one */
	struct pagefile *wal; /* pagefile.c's; NULL: none is open */
	char name[32];        /* for sql_open() */
};

int pagefile_init(struct pagefile_vfs *vfs, struct diag *diag) MUST_CHECK;
void pagefile_clear(struct pagefile_vfs *vfs); /* one of zeros is fine */

/* The transaction was rolled back: what it wrote and waits is wanted by nobody. */
void pagefile_forget(struct pagefile_vfs *vfs);

#endif

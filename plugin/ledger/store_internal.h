/*
 * store_internal.h -- what the store's own files share; no other file includes it.
 *
 * store.c opens, upgrades and commits; store_files.c asks whether the files are still those that
 * are open, and store_facts.c what is stored about the store and which tables and columns there
 * are; store_plan.c makes tables from a plan; store_rows.c
 * writes rows, store_trim.c removes them; store_reader.c reads them.
 */
#ifndef PETSTORE_STORE_INTERNAL_H
#define PETSTORE_STORE_INTERNAL_H

#include <sys/types.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "ledger/batch.h"
#include "ledger/sql.h"
#include "ledger/store.h"

#define STORE_APPLICATION_ID 0x50655354 /* "PeST" */

/* Statements for different sets of columns that are kept for a table. */
#define STORE_UPSERTS_MAX 16u

#define STORE_OWNER_BIT 63u /* in a set of columns: the owner; 0..62 are column[] */

struct store_upsert {
	uint64_t columns; /* the set that it writes */
	bool is_adopted;  /* and adopted_at */
	sqlite3_stmt *statement;
	struct batch_list rows; /* that it will take */
};

/* Those of a table: the newest, and the one to replace where all places are taken. */
struct store_upserts {
	struct store_upserts *other; /* another table's */
	uint32_t table;
	unsigned next;
	struct store_upsert upsert[STORE_UPSERTS_MAX];
};

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
	const char *path;   /* of the database, for messages */
	int64_t last;
	struct store_name *name; /* by number, up to @last */
};

enum store_statement {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_READ,
	STORE_APPLIED,
	STORE_RING,
	STORE_CLOCK,
	STORE_EVENT,
	STORE_EVENT_PLAIN, /* of a batch that batch_is_plain() */
	STORE_RETAINED,
	STORE_RETAINED_REMOVE,
	STORE_EVENTS_ENDS,
	STORE_EVENTS_SCAN, /* each of these with _REMOVE behind it: see find_aged() */
	STORE_EVENTS_REMOVE,
	STORE_REFUSALS_SCAN,
	STORE_REFUSALS_REMOVE,
	STORE_ALERTS_SCAN,
	STORE_ALERTS_REMOVE,
	STORE_REFUSAL,
	STORE_LETTER,
	STORE_RESENT,
	STORE_RESENT_LETTER,
	STORE_LETTERS_TRIM,
	STORE_ALERT,
	STORE_REFUSALS_COUNT, /* these four in this order, twice: see struct trim */
	STORE_REFUSALS_MOST,
	STORE_REFUSALS_OF_SHARE,
	STORE_REFUSALS_OF_KIND,
	STORE_ALERTS_COUNT,
	STORE_ALERTS_MOST,
	STORE_ALERTS_OF_SHARE,
	STORE_ALERTS_OF_KIND,
	STORE_STATEMENTS,
};

/* A file as it was when it was opened. */
struct store_file {
	dev_t dev;
	ino_t ino;
};

#define STORE_BESIDE 2u /* files beside the database: "-wal" and "-shm" */

/* Tables of which rows go for their age. */
enum store_aged { STORE_AGED_EVENTS, STORE_AGED_REFUSALS, STORE_AGED_ALERTS, STORE_AGED_COUNT };

struct store {
	struct sql sql;
	struct store_names *names;
	struct store_upserts *upserts; /* of the tables that were written to */
	struct batch *batch;           /* what store_apply() collected */
	sqlite3_stmt *statement[STORE_STATEMENTS];
	int64_t page_bytes;
	uint64_t wal_bytes;        /* of the WAL file's used part, after the last commit */
	char time[CLOCK_TEXT_MAX]; /* of time_ms: records of the same second share most of it */
	int64_t time_ms;
	int64_t clock_ms; /* the next commit writes that it was believed; 0: NULL is written */
	struct {
		int64_t scan_seq; /* rows before it were looked at */
		int64_t aged_seq; /* all rows up to here are too old; 0: none is known to be */
	} aged[STORE_AGED_COUNT];
	uint64_t wal_next;     /* copy its pages once the WAL has so many bytes */
	uint64_t wal_truncate; /* try to begin the file anew above this size */

	/* store_files.c's */
	struct store_file main, beside[STORE_BESIDE];
	bool is_watched;         /* beside[] is looked at by store_check() */
	int64_t main_bytes;      /* of the database's file, at the last look */
	struct timespec changed; /* likewise */
	uint32_t changes;        /* that its header counts, likewise */
	enum store_fault fault;  /* what the last look found */
	bool is_doubted;         /* the disk may lack what the WAL reads: store_prove() is due */
	bool must_reopen;        /* a checkpoint failed: none may go on where it ended */
};

struct store_reader {
	struct sql sql;
	const struct entity_plan *plan;
	/* NULL: not asked yet */
	sqlite3_stmt *find[ENTITY_COUNT_MAX];
	sqlite3_stmt *unchanged[ENTITY_COUNT_MAX][ENTITY_SLOTS_MAX];
	sqlite3_stmt *read[STORE_READS];
	bool is_alone; /* another process writes the database, which may lack what the plan has */
	char *payload; /* that store_reader_last() gave last */
	size_t payload_size;
};

/*
 * Opens a database for looking, which another process may be writing. ERR_VERSION: another
 * program's, or a newer version's. Call sql_close() after a failure, too.
 */
int store_open_to_look(const char *path, struct sql *ret, struct diag *diag) MUST_CHECK;

/* ERR_VERSION: the schema @version of the database at @path is none of ours. */
int store_fail_newer(const char *path, int64_t version, struct diag *diag) MUST_CHECK;

/* The names that are in force from now on, taken; statements made by those of before are dropped.
 */
void store_set_names(struct store *store, struct store_names *names);

/* NULL: no such number. */
const struct store_name *store_find_name(const struct store *store, uint32_t number);

/* Forgets what store_apply() collected. */
void store_forget(struct store *store);

/* The files that are open now are the right ones. */
void store_remember_main(struct store *store);
void store_remember_beside(struct store *store);

/* Is another WAL at the path than the one that was remembered? An operator put it back. */
bool store_wal_is_foreign(struct store *store);

/* Within a transaction: writes what the WAL holds once more, and syncs it. */
int store_prove(struct store *store, struct diag *diag) MUST_CHECK;

/* A checkpoint; @must: one that waits for readers and cuts the WAL (ERR_BUSY: they go on). */
int store_copy(struct store *store, bool must, struct diag *diag) MUST_CHECK;

/*
 * Within the transaction that makes the schema version STORE_ADOPTED_VERSION: adds the column
 * adopted_at to the tables of entities.
 */
#define STORE_ADOPTED_VERSION 14u
int store_add_adopted(struct store *store, struct diag *diag) MUST_CHECK;

/* The type that a column of a table has in SQL; a literal. */
const char *store_type_name(enum value_type type);

/* "table orders: column status is TEXT where the contract needs INTEGER": ERR_INVALID. */
int store_mismatch(const char *path, const char *table, const char *column, const char *is,
		   const char *should, struct diag *diag) MUST_CHECK;

#endif

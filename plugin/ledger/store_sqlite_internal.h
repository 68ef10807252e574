/*
 * store_sqlite_internal.h -- what the files of the SQLite engine share; no other file includes it.
 *
 * store_sqlite.c opens, upgrades and commits; store_files.c asks whether the files are still those
 * that are open, and store_facts.c what is stored about the store and which tables and columns
 * there are; store_plan.c makes tables from a plan; store_rows.c writes rows, store_trim.c removes
 * them; store_reader.c reads them.
 */
#ifndef PETSTORE_STORE_SQLITE_INTERNAL_H
#define PETSTORE_STORE_SQLITE_INTERNAL_H

#include <sys/types.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "ledger/batch.h"
#include "ledger/sql.h"
#include "ledger/store_engine.h"
#include "ledger/store_names.h"
#include "ledger/pagefile.h"

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

struct sqlite_store {
	struct store base;
	char *broker;            /* the events that follow are marked with it; NULL: with nothing */
	struct pagefile_vfs vfs; /* the connection's */
	struct sql sql;
	struct store_names *names;
	struct store_upserts *upserts; /* of the tables that were written to */
	struct batch *batch;           /* what store_apply() collected */
	sqlite3_stmt *statement[STORE_STATEMENTS];
	int64_t page_bytes;
	uint64_t wal_bytes; /* of the WAL file's used part, after the last commit */
	int64_t clock_ms;   /* the next commit writes that it was believed; 0: NULL is written */
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
	bool is_doubted;         /* the disk may lack what the WAL reads: lite_prove() is due */
	bool must_reopen;        /* a checkpoint failed: none may go on where it ended */
};

struct sqlite_reader {
	struct store_reader base;
	struct sql sql;
	/* The default one with shorter sleeps, unless is_alone. */
	sqlite3_vfs vfs;
	char vfs_name[SQL_VFS_NAME_MAX]; /* "": not registered */
	const struct entity_plan *plan;
	/* NULL: not asked yet */
	sqlite3_stmt *find[ENTITY_COUNT_MAX];
	sqlite3_stmt *unchanged[ENTITY_COUNT_MAX][ENTITY_SLOTS_MAX];
	sqlite3_stmt *read[STORE_READS];
	bool is_alone; /* another process writes the database, which may lack what the plan has */
	char *payload; /* that store_reader_last() gave last */
	size_t payload_size;
};

static inline struct sqlite_store *lite_of(struct store *base)
{
	return (struct sqlite_store *)base;
}

static inline struct sqlite_reader *lite_reader_of(struct store_reader *base)
{
	return (struct sqlite_reader *)base;
}

/* The engine's functions (store_engine.h), each of which does what its namesake in store.h says. */
int lite_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
	      struct diag *diag);
void lite_close(struct store *store);
void lite_set_patience(struct store *store, unsigned busy_ms);
int lite_set_cache(struct store *store, unsigned mib, struct diag *diag);
int lite_upgrade(struct store *store, struct diag *diag);
int lite_inspect(struct store *store, struct store_facts *ret, struct diag *diag);
int lite_peek(struct store *store, struct store_facts *ret, struct diag *diag);
int lite_set_ring(struct store *store, const uint64_t *before, const uint64_t *number,
		  uint64_t applied_seq, struct diag *diag);
int lite_check(struct store *store, struct diag *diag);
int lite_check_files(const char *path, struct diag *diag);
int lite_check_alone(const char *path, struct diag *diag);
void lite_leave_empty(struct store *store);
enum store_fault lite_fault(const struct store *store);
int lite_let_go(struct store *store, struct diag *diag);
int lite_check_anew(struct store *store, struct diag *diag);
int lite_plan(struct store *store, const struct entity_plan *plan, struct diag *diag);
int lite_names_load(struct store *store, struct store_names **ret, struct diag *diag);
int lite_begin(struct store *store, uint64_t *applied_seq, struct diag *diag);
int lite_apply(struct store *store, uint64_t seq, const struct record *record, struct diag *diag);
int lite_flush(struct store *store, struct diag *diag);
int lite_commit(struct store *store, uint64_t applied_seq, struct diag *diag);
void lite_rollback(struct store *store);
int lite_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	      unsigned rows_max, uint64_t *removed, struct diag *diag);
int lite_trim_retained(struct store *store, int64_t now_ms, unsigned rows_max, struct diag *diag);
int lite_clock(struct store *store, int64_t *ret_ms, struct diag *diag);
void lite_set_clock(struct store *store, int64_t believed_ms);
int lite_refuse(struct store *store, const struct refusal *refusal, struct diag *diag);
int lite_letter(struct store *store, const struct refusal *refusal, struct diag *diag);
int lite_resent(struct store *store, const char *decision_id, const char *text, struct diag *diag);
int lite_trim_letters(struct store *store, int64_t bytes_max, struct diag *diag);
int lite_alert(struct store *store, const struct alertrow *alert, struct diag *diag);
int lite_trim_refusals(struct store *store, const struct store_limits *limits, int64_t now_ms,
		       unsigned rows_max, struct diag *diag);
int lite_checkpoint(struct store *store, uint64_t wal_bytes_max, struct diag *diag);
int lite_ids(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
	     void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag);
int lite_load_unique(struct store *store, uint64_t seed, struct accepted *ret, struct diag *diag);
int lite_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
		     struct diag *diag);
void lite_reader_use(struct store_reader *reader, const struct entity_plan *plan);
void lite_reader_close(struct store_reader *reader);
int lite_reader_find(struct store_reader *reader, size_t entity, const char *id, size_t id_len,
		     struct state_facts *ret, struct diag *diag);
int lite_reader_letter(struct store_reader *reader, const char *decision_id,
		       ledger_letter_visit *visit, void *ctx, struct diag *diag);
int lite_reader_last(struct store_reader *reader, const char *topic, size_t topic_len,
		     const char **payload, size_t *payload_len, uint64_t *revision,
		     struct diag *diag);
int lite_reader_unchanged(struct store_reader *reader, const struct ledger_unchanged_query *asked,
			  ledger_unchanged_visit *visit, void *ctx, struct diag *diag);
int lite_reader_visit(struct store_reader *reader, enum store_read read, const char *topic,
		      size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		      struct diag *diag);
int lite_reader_resent(struct store_reader *reader, const struct ledger_resend_query *asked,
		       uint64_t until_seq, struct diag *diag);

/*
 * Opens a database for looking, which another process may be writing. ERR_VERSION: another
 * program's, or a newer version's. Call sql_close() after a failure, too.
 */
int lite_open_to_look(const char *path, struct sql *ret, struct diag *diag) MUST_CHECK;

/* ERR_VERSION: the schema @version of the database at @path is none of ours. */
int lite_fail_newer(const char *path, int64_t version, struct diag *diag) MUST_CHECK;

/* The names that are in force from now on, taken; statements made by those of before are dropped.
 */
void lite_set_names(struct sqlite_store *store, struct store_names *names);

/* NULL: no such number. */
const struct store_name *lite_find_name(const struct sqlite_store *store, uint32_t number);

/* Forgets what store_apply() collected. */
void lite_forget(struct sqlite_store *store);

/* The files that are open now are the right ones. */
void lite_remember_main(struct sqlite_store *store);
void lite_remember_beside(struct sqlite_store *store);

/* Is another WAL at the path than the one that was remembered? An operator put it back. */
bool lite_wal_is_foreign(struct sqlite_store *store);

/* Within a transaction: writes what the WAL holds once more, and syncs it. */
int lite_prove(struct sqlite_store *store, struct diag *diag) MUST_CHECK;

/* A checkpoint; @must: one that waits for readers and cuts the WAL (ERR_BUSY: they go on). */
int lite_copy(struct sqlite_store *store, bool must, struct diag *diag) MUST_CHECK;

/*
 * Within the transaction that makes the schema version STORE_ADOPTED_VERSION: adds the column
 * adopted_at to the tables of entities.
 */
#define STORE_ADOPTED_VERSION 14u
int lite_add_adopted(struct sqlite_store *store, struct diag *diag) MUST_CHECK;

/* The type that a column of a table has in SQL; a literal. */
const char *lite_type_name(enum value_type type);

#endif

/*
 * store.h -- the SQLite database: the only room that knows SQL.
 *
 * Knows the store's own tables (schemas/store/), the tables that a plan asks for, and how a
 * record becomes rows; knows nothing of the journal's file or of threads. A store is used by
 * one thread at a time, a reader by its own; both have a connection each. The database is in
 * WAL mode, so that other processes may read it at any time.
 *
 * Errors: ERR_BUSY where another process holds a lock, ERR_IO where the disk is full or
 * broken, ERR_NOMEM; asking again later may work for these. The line names the file.
 */
#ifndef PETSTORE_STORE_H
#define PETSTORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/alertrow.h"
#include "base/refusal.h"
#include "ledger/accepted.h"
#include "ledger/ledger_types.h"
#include "ledger/record.h"
#include "ledger/state.h"

#define STORE_LAST_ROWS 8      /* of a topic's newest events, one of which is about an entity */
#define STORE_IDENTITY 16u     /* bytes that tell one database from another */
#define STORE_COLUMNS_MAX 63u  /* columns of a table that contracts ever asked for */
#define STORE_NAMES_MAX 65536u /* tables and columns together */

struct store;
struct store_reader;

/*
 * Opens the database at @path, makes it where there is none, and looks at which
 * program's it is and of which version, without changing it. ERR_INVALID: the file is no database;
 * ERR_VERSION: another program's, or a newer version's. Calls wait up to @busy_ms for other
 * processes' locks.
 */
int store_open(const char *path, unsigned busy_ms, struct store **ret,
	       struct diag *diag) MUST_CHECK;

/*
 * NULL is fine. The WAL is moved into the database and removed, but one that was put at its path
 * while this one was open is left as it is.
 */
void store_close(struct store *store);

void store_set_patience(struct store *store, unsigned busy_ms);

/* After store_upgrade(): what the events that follow are marked with; NULL: nothing. */
int store_set_origin(struct store *store, const char *origin, struct diag *diag) MUST_CHECK;

/*
 * Brings the schema up to date, version by version, each in a transaction, and learns the
 * names. Before this call only store_close() may be called.
 */
int store_upgrade(struct store *store, struct diag *diag) MUST_CHECK;

/* The version that store_upgrade() leads to. */
unsigned store_version(void);

/* Which journal a database is in use with. */
enum store_ring {
	STORE_RING_UNKNOWN, /* an older plugin wrote it: it does not say */
	STORE_RING_NONE,    /* none: its broker was stopped, and the journal was empty */
	STORE_RING_IN_USE,  /* that of the number beside it, which may have writes that are not here
			     */
};

/* What is stored about the store. */
struct store_facts {
	unsigned char identity[STORE_IDENTITY];
	uint64_t applied_seq;
	enum store_ring ring;
	uint64_t ring_number; /* journal_facts.number */
	bool is_new;          /* store_peek() only: nothing was ever stored */
};
int store_inspect(struct store *store, struct store_facts *ret, struct diag *diag) MUST_CHECK;

/* The same of a database that may be older, before store_upgrade(); it changes nothing. */
int store_peek(struct store *store, struct store_facts *ret, struct diag *diag) MUST_CHECK;

/*
 * One transaction: the database is in use with the journal @number, or, where that is NULL, with
 * none; and it has, or will never get, all records up to @applied_seq. A checkpoint follows,
 * so that this is in the database's file itself, unless a reader holds the checkpoint up.
 */
int store_set_ring(struct store *store, const uint64_t *number, uint64_t applied_seq,
		   struct diag *diag) MUST_CHECK;

/*
 * Is the database at its path the one that is open, with its WAL, and are both as they were left?
 * Some system calls. ERR_IO: no; the line names the file and says what to do.
 */
int store_check(struct store *store, struct diag *diag) MUST_CHECK;

/*
 * Before the store is closed: a WAL that holds nothing is not removed, since an operator may be
 * putting the right one at its path at this moment.
 */
void store_leave_empty(struct store *store);

/* What the last store_check() found. */
enum store_fault {
	STORE_FINE,
	STORE_MOVED,    /* the database's file is gone, or another is in its place */
	STORE_WAL_GONE, /* a file of SQLite's beside it is gone, or another is in its place */
	STORE_SPOILT,   /* another program cut or overwrote the database's file or the WAL */
	STORE_UNSURE,   /* none of these: a checkpoint failed, and the store must be opened again */
};
enum store_fault store_fault(const struct store *store);

/*
 * Before the store is closed because its files are not in their places: moves all that its WAL
 * holds into the database that is open, wherever it is now, so that the WAL is empty, whatever
 * database it is beside then.
 */
int store_let_go(struct store *store, struct diag *diag) MUST_CHECK;

/*
 * After store_upgrade() of a store that was STORE_UNSURE: ERR_BUSY where the next checkpoint would
 * go on where the failed one ended, because another process has the database open.
 */
int store_check_anew(struct store *store, struct diag *diag) MUST_CHECK;

/*
 * Makes the tables, columns and indexes that @plan needs and the database lacks, in one
 * transaction. ERR_INVALID: a name is not one, or a table exists that is not as the plan says.
 */
int store_plan(struct store *store, const struct entity_plan *plan, struct diag *diag) MUST_CHECK;

/* The part of store_plan()'s work that needs no database: ERR_INVALID, ERR_LIMIT. */
int store_check_plan(const struct entity_plan *plan, struct diag *diag) MUST_CHECK;

/*
 * The tables and columns that a store has, as they were when store_names_load() was called. They
 * never change, so that a thread has them that may neither use the store nor wait for it.
 */
struct store_names;
int store_names_load(struct store *store, struct store_names **ret, struct diag *diag) MUST_CHECK;
void store_names_free(struct store_names *names); /* NULL is fine */

/* The permanent numbers of an entity's table and columns; 0: the database does not have it yet. */
struct store_numbers {
	uint32_t table;
	uint32_t column[ENTITY_COLUMNS_MAX];
};

/*
 * Fills @ret with what is known of @entity; @names NULL: nothing is. ERR_INVALID, ERR_LIMIT: the
 * database can't have it, since a column is there with another type, or there are too many; @ret
 * is not whole then.
 */
int store_names_find(const struct store_names *names, const struct entity *entity,
		     struct store_numbers *ret, struct diag *diag) MUST_CHECK;

/*
 * One transaction: store_begin() says up to which record the database has seen all; then
 * store_apply() for each later one in order; then store_commit() with the last one's number.
 * After a failure of any of these call store_rollback(). A commit is on the disk (fsync)
 * when store_commit() returns. Records are collected and written many at a time, so that the
 * bytes that @record's texts point to must stay until store_commit() or store_rollback().
 */
int store_begin(struct store *store, uint64_t *applied_seq, struct diag *diag) MUST_CHECK;
int store_apply(struct store *store, uint64_t seq, const struct record *record,
		struct diag *diag) MUST_CHECK;
/*
 * Writes what store_apply() collected, so that the records are not looked at any more; on failure,
 * too, it is not collected any more. store_commit() does it where there is something left.
 */
int store_flush(struct store *store, struct diag *diag) MUST_CHECK;
int store_commit(struct store *store, uint64_t applied_seq, struct diag *diag) MUST_CHECK;
void store_rollback(struct store *store);

/* How much is kept. */
struct store_limits {
	uint64_t events_rows;   /* 0: all */
	unsigned events_days;   /* 0: all */
	uint64_t refusals_rows; /* 0: all */
	unsigned refusals_days; /* 0: all */
};

/*
 * Within a transaction: removes the oldest events beyond @limits, as of @now_ms, at most
 * @rows_max of them; @now_ms 0: the time is in doubt, and none goes for its age. *removed is their
 * number.
 *
 * Rows go in the order of their numbers, never one before a row in front of it that has a time of
 * the days that are kept. A row with a time that is none, more than an hour after @now_ms or before
 * 2020, has no age: it goes with the next row behind it that is too old. So where a clock was wrong
 * for a while, rows stay longer, at most by the time by which the clock was wrong; and no row that
 * came before goes early.
 */
int store_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	       unsigned rows_max, uint64_t *removed, struct diag *diag) MUST_CHECK;

/*
 * Within a transaction: removes rows of retained that were cleared STORE_CLEARED_DAYS before
 * @now_ms, @rows_max at most. A broker that was killed may bring back what it wrote to its own
 * file before; autosave_interval is half an hour by default.
 */
#define STORE_CLEARED_DAYS 7
int store_trim_retained(struct store *store, int64_t now_ms, unsigned rows_max,
			struct diag *diag) MUST_CHECK;

/*
 * The last time at which the clock was believed: what store_set_clock() was given before a commit,
 * else the time of the newest event; 0: nothing is known. See age.h.
 */
int store_clock(struct store *store, int64_t *ret_ms, struct diag *diag) MUST_CHECK;
void store_set_clock(struct store *store, int64_t believed_ms);

/*
 * Within a transaction: one more row in refusals or alerts, and after the last of them those
 * removed of both that are beyond @limits as of @now_ms, as in store_trim(), @rows_max of each at
 * most. Beyond the number of rows the oldest row of the owner goes that has most rows: a principal,
 * or, of a client that proved nothing, its network. All such networks keep half of the rows
 * together where principals need the room.
 */
int store_refuse(struct store *store, const struct refusal *refusal, struct diag *diag) MUST_CHECK;
int store_alert(struct store *store, const struct alertrow *alert, struct diag *diag) MUST_CHECK;
int store_trim_refusals(struct store *store, const struct store_limits *limits, int64_t now_ms,
			unsigned rows_max, struct diag *diag) MUST_CHECK;

/*
 * Moves the WAL's pages into the database once there are enough of them, in bounded time.
 * ERR_BUSY where the WAL file is above @wal_bytes_max because some process keeps reading an
 * old state.
 */
int store_checkpoint(struct store *store, uint64_t wal_bytes_max, struct diag *diag) MUST_CHECK;

/* An id in a table, in the order of their bytes; len 0: before all. */
struct store_mark {
	char id[ENTITY_ID_MAX];
	size_t len;
};

/*
 * Visits up to @limit ids of a table that come after @mark, and moves it to the last of them.
 * 1: there may be more; 0: those were the last.
 */
int store_ids(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
	      void (*visit)(const char *id, size_t len, void *ctx), void *ctx,
	      struct diag *diag) MUST_CHECK;

/*
 * Adds the newest events that have a hash of the members that make them one (x-unique) to @ret, as
 * many as it keeps, in their order; their senders are the hashes of their publishers under @seed.
 */
int store_load_unique(struct store *store, uint64_t seed, struct accepted *ret,
		      struct diag *diag) MUST_CHECK;

/*
 * A connection that only reads. It never waits for a lock. store_reader_use() says which entities
 * it is asked about from then on; @plan is borrowed until the next such call, or the end.
 *
 * @is_alone: there is no store, and another process may be writing the database. Then it waits for
 * locks, and tables and columns that the database lacks read as unknown, or "". ERR_VERSION: the
 * database is another program's, or a newer version's.
 */
int store_reader_open(const char *path, bool is_alone, struct store_reader **ret,
		      struct diag *diag) MUST_CHECK;

void store_reader_use(struct store_reader *reader, const struct entity_plan *plan);
void store_reader_close(struct store_reader *reader); /* NULL is fine */

/*
 * Fills @ret with what the database has of an entity, whose table, statuses and link are there;
 * is_known false where it has nothing.
 */
int store_reader_find(struct store_reader *reader, size_t entity, const char *id, size_t id_len,
		      struct state_facts *ret, struct diag *diag) MUST_CHECK;

/*
 * The newest event on a topic that was about an entity: its payload, good until the next call, and
 * the revision that the entity had then. NULL where none of the last STORE_LAST_ROWS was. One
 * indexed read.
 */
int store_reader_last(struct store_reader *reader, const char *topic, size_t topic_len,
		      const char **payload, size_t *payload_len, uint64_t *revision,
		      struct diag *diag) MUST_CHECK;

/* As ledger_find_unchanged(). */
int store_reader_unchanged(struct store_reader *reader, const struct ledger_unchanged_query *asked,
			   ledger_unchanged_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/* What is read of messages. */
enum store_read {
	STORE_READ_RETAINED,      /* the row of retained that @topic has */
	STORE_READ_RETAINED_NEXT, /* rows whose topics come after @topic, in their bytes' order */
	STORE_READ_EVENT,         /* the newest events of @topic, as if they were such rows */
	STORE_READ_RESEND,        /* these two are not for store_reader_visit() */
	STORE_READ_LAST,
	STORE_READS,
};

/* Up to @limit rows to @visit. Their number, or negative. */
int store_reader_visit(struct store_reader *reader, enum store_read read, const char *topic,
		       size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		       struct diag *diag) MUST_CHECK;

/* As ledger_was_accepted(), of what is in the database. */
int store_reader_resent(struct store_reader *reader, const struct ledger_resend_query *asked,
			uint64_t until_seq, struct diag *diag) MUST_CHECK;

#endif

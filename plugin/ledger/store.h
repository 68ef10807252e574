/*
 * store.h -- the database: the only room that knows SQL.
 *
 * Knows the store's own tables (schemas/store/), the tables that a plan asks for, and how a
 * record becomes rows; knows nothing of the journal's file or of threads. A store is used by
 * one thread at a time, a reader by one thread of its own; each has its own connection.
 *
 * Two engines do this (store_engine.h). A SQLite file is one broker's, and is in WAL mode, so that
 * other processes may read it at any time. A PostgreSQL database may be shared by several brokers.
 *
 * Errors: ERR_BUSY if another process holds a lock, ERR_IO if the disk is full or broken or the
 * database's server is away, ERR_NOMEM. After any of these the same call may succeed later. @diag
 * names the file, or the server and the database.
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
struct pg_live;
struct pg_ending;

/* Where a database is, and who writes it; borrowed for the call, but for @ending. */
struct store_place {
	const char *place;  /* a path: SQLite; a libpq connection string: PostgreSQL */
	const char *broker; /* the events that are written are marked with it; NULL: with nothing */
	struct pg_ending *ending; /* of a server: bounds all waits at the end; NULL: none does */
};

/*
 * Is @place a connection string, and not a path? It begins with "postgresql://" or "postgres://",
 * or with a keyword of libpq and "=". So is what was meant as one and is misspelt, which libpq then
 * refuses: "password=" or "://" in it, or "postgres" at its beginning and a colon.
 */
bool store_is_conninfo(const char *place);

/* As ledger_check_database(). */
void store_check_text(const char *place, void (*say)(void *ctx, bool is_of_file, const char *text),
		      void *ctx);

/* Is the database at @place one that several brokers write at once? */
bool store_is_shared(const char *place);

/*
 * What messages call the database: a path as it is, a connection string without its secrets. @ret
 * has room for STORE_SHOWN_MAX bytes, and need not be what is returned.
 */
#define STORE_SHOWN_MAX 256u
const char *store_shown(const char *place, char *ret);

/*
 * Opens the database at @place, or makes one if there is none. Checks which program made it, and
 * which version, without changing it. ERR_INVALID: the file is no database; ERR_VERSION: another
 * program or a newer version made it. Calls wait up to @busy_ms for other processes' locks.
 */
int store_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
	       struct diag *diag) MUST_CHECK;

/*
 * For petstorectl, before it opens the database at @place, which no broker may use: ERR_BUSY if
 * another connection has it open, whatever it does with it, also a program that only reads. A
 * broker's journal has a lock, but may lie elsewhere, or be gone. Changes nothing; whatever else is
 * wrong with it store_open() tells. Of a database that brokers share it is the name that
 * store_open() asks for.
 */
int store_check_alone(const char *place, struct diag *diag) MUST_CHECK;

/*
 * NULL is fine. Moves the WAL into the database and removes it. If another file was put at the
 * WAL's path while this one was open, that file is left as it is.
 */
void store_close(struct store *store);

void store_set_patience(struct store *store, unsigned busy_ms);

/* Memory for pages, 32 MiB else: of a large transaction those that it has changed and needs again.
 */
int store_set_cache(struct store *store, unsigned mib, struct diag *diag) MUST_CHECK;

/*
 * Call it before store_upgrade(). ERR_VERSION: the ledger has nothing in this database yet, and one
 * of @plan's tables is another program's; it stays as it is. Else as store_check_plan().
 */
struct entity_plan;
int store_look(struct store *store, const struct entity_plan *plan, struct diag *diag) MUST_CHECK;

/*
 * Brings the schema up to date, version by version, each in a transaction, and learns the
 * names. Before this call only store_close(), store_peek() and store_look() may be called.
 */
int store_upgrade(struct store *store, struct diag *diag) MUST_CHECK;

/* The version that store_upgrade() of a SQLite file leads to. */
unsigned store_version(void);

/*
 * Records of one transaction where brokers share the store: they are written at once, and so all
 * rows are locked in one order, by which no two brokers wait for each other.
 */
#define STORE_SHARED_ROWS 8192u

/* The largest number of a write that is believed: at a million a second it takes 146,000 years. */
#define STORE_SEQ_MAX ((uint64_t)1 << 62)

/* Which journal a database is in use with. */
enum store_ring {
	STORE_RING_UNKNOWN, /* the database does not say: an older plugin wrote it */
	STORE_RING_NONE,    /* none: its broker was stopped, and the journal was empty */
	STORE_RING_IN_USE,  /* the one with ring_number; it may have writes that are not here */
};

/* What is stored about the store. */
struct store_facts {
	unsigned char identity[STORE_IDENTITY];
	uint64_t applied_seq; /* up to STORE_SEQ_MAX */
	enum store_ring ring;
	uint64_t ring_number; /* journal_facts.number */
	uint64_t last_step;   /* of this broker's strict steps; 0: none, or no brokers share it */
	bool has_steps;       /* some of them are events still; the oldest are removed first */
	bool is_new;          /* store_peek() only: nothing was ever stored */
};
/* ERR_INVALID: no number or identity stands there, or a number that no broker ever reaches. */
int store_inspect(struct store *store, struct store_facts *ret, struct diag *diag) MUST_CHECK;

/* As store_inspect(), before store_upgrade(), of a database that may be older. Changes nothing. */
int store_peek(struct store *store, struct store_facts *ret, struct diag *diag) MUST_CHECK;

/*
 * Stores in one transaction that the database is in use with the journal *@number (NULL: with
 * none), where it was with *@before (NULL: with none) or was so already, and that it has all
 * records up to @applied_seq that it will ever get. A checkpoint follows, so that this is in the
 * database's file itself, unless a reader holds the checkpoint up. ERR_STALE: another
 * broker came in between: a SQLite database is in use with its journal, or has more records than
 * the journal *@number follows. Nothing is stored then, not even that there is none.
 */
int store_set_ring(struct store *store, const uint64_t *before, const uint64_t *number,
		   uint64_t applied_seq, struct diag *diag) MUST_CHECK;

/*
 * What is said of files, from here to store_check_anew() and at store_checkpoint(), is SQLite's:
 * with the other engine these calls return 0, and do nothing.
 *
 * Are the database and the WAL at their paths those that are open, and has no other program changed
 * them? Makes some system calls. ERR_IO: no; @diag names the file and says what to do.
 */
int store_check(struct store *store, struct diag *diag) MUST_CHECK;

/*
 * Where a call waits for another machine, @on_wait is called several times a second on its thread;
 * it must not use the store. A SQLite file has none to wait for.
 */
void store_set_on_wait(struct store *store, void (*on_wait)(void *ctx), void *ctx);

/* What a store that brokers share tells the other ones, and looks for after each connect. */
struct store_waiting {
	uint64_t last_record; /* of the journal */
	uint64_t lag_ms;      /* how old the oldest is that is not in the store */
	uint64_t last_step;   /* the number that was given last to a strict step */
	uint64_t kept_step;   /* the last one's that was kept and is an event */
};
void store_set_waiting(struct store *store, const struct store_waiting *waiting);

/* The last number of a strict step that is in this broker's row for good; 0: none. */
uint64_t store_signed_step(const struct store *store);

/* Has the store news of its own, which are no failure? Then *ret is one line, once. */
bool store_line(struct store *store, struct diag *ret);

/*
 * The database is not the one that it should be. Call it before store_close(), which then does not
 * remove a WAL that holds nothing: the operator may be putting the right one at its path at this
 * moment. Brokers that share it are told.
 */
void store_leave_empty(struct store *store);

/* What the last store_check() found. */
enum store_fault {
	STORE_FINE,
	STORE_MOVED,    /* the database's file is gone, or another is in its place */
	STORE_WAL_GONE, /* a file of SQLite's beside it is gone, or another is in its place */
	STORE_SPOILT,   /* another program cut or overwrote the database's file or the WAL */
	STORE_UNSURE, /* none of these: a checkpoint failed, or the database or this broker's row is
		       * another's, and the store must be opened again */
};
enum store_fault store_fault(const struct store *store);

/*
 * Call it before the store is closed because its files are not in their places. Moves all that its
 * WAL holds into the database that is open, wherever that file is now. The WAL is empty then, and
 * does no harm to another database beside it.
 */
int store_let_go(struct store *store, struct diag *diag) MUST_CHECK;

/*
 * Call it after store_upgrade() of a store that was STORE_UNSURE. Makes the checkpoint that failed
 * again, from its beginning, so that nobody is told that all is well while it goes on failing.
 * ERR_BUSY: another process has the database open, so that it would go on where the failed one
 * ended. After any failure open the store again.
 */
int store_check_anew(struct store *store, struct diag *diag) MUST_CHECK;

/*
 * Makes the tables, columns and indexes that @plan needs and the database lacks, in one
 * transaction. ERR_INVALID: a name is malformed, or a table exists that differs from the plan.
 */
int store_plan(struct store *store, const struct entity_plan *plan, struct diag *diag) MUST_CHECK;

/* Makes those checks of store_plan() that need no database: ERR_INVALID, ERR_LIMIT. */
int store_check_plan(const struct entity_plan *plan, struct diag *diag) MUST_CHECK;

/*
 * The tables and columns that a store had when store_names_load() was called. They never change, so
 * that a thread can read them that may neither use the store nor wait for it.
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
 * Fills @ret with the numbers that @names has for @entity; @names NULL: with none. ERR_INVALID,
 * ERR_LIMIT: the database can't have this entity, because it has a column with another type, or too
 * many columns; @ret is incomplete then.
 */
int store_names_find(const struct store_names *names, const struct entity *entity,
		     struct store_numbers *ret, struct diag *diag) MUST_CHECK;

/*
 * One transaction. store_begin() sets *applied_seq: the database has seen all records up to it.
 * Call store_apply() for each later record in order, then store_commit() with the number of the
 * last. If any of these fails, call store_rollback(). When store_commit() returns, the commit is on
 * the disk (fsync). Records are collected and written many at a time, so the bytes that @record's
 * texts point to must stay until store_commit() or store_rollback().
 */
int store_begin(struct store *store, uint64_t *applied_seq, struct diag *diag) MUST_CHECK;
int store_apply(struct store *store, uint64_t seq, const struct record *record,
		struct diag *diag) MUST_CHECK;
/*
 * Writes what store_apply() collected. Afterwards, also after a failure, nothing is collected and
 * the records are not read any more. store_commit() calls it if something is left.
 *
 * ERR_STALE of these two, in a database that is shared: a step of another broker has to be there
 * first, and is on its way. The same batch succeeds some milliseconds later, or says why not.
 */
int store_flush(struct store *store, struct diag *diag) MUST_CHECK;
/*
 * After store_flush(): the number of the record at which the transaction ended, because it waits
 * for another broker's step (settle.h); 0: it did not. The records from it on were not written, and
 * store_commit() must be given the number before it.
 */
uint64_t store_held(const struct store *store);
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
 * @rows_max of them, and sets *removed to their number. @now_ms 0: the time is in doubt, and no
 * event is removed because of its age.
 *
 * Rows are removed in the order of their numbers. A row is never removed before an earlier row
 * whose time is within the days that are kept. A time more than an hour after @now_ms or before
 * 2020 is wrong: such a row has no age, and is removed with the next later row that is too old. So
 * where a clock was wrong for a while, rows stay longer, at most by the time by which the clock was
 * wrong; and no earlier row is removed too soon.
 */
int store_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	       unsigned rows_max, uint64_t *removed, struct diag *diag) MUST_CHECK;

/*
 * Within a transaction: removes rows of retained that were cleared STORE_CLEARED_DAYS before
 * @now_ms, @rows_max at most. They are kept so long because a broker that was killed may bring back
 * what it last wrote to its own file; autosave_interval is half an hour by default.
 */
#define STORE_CLEARED_DAYS 7
int store_trim_retained(struct store *store, int64_t now_ms, unsigned rows_max,
			struct diag *diag) MUST_CHECK;

/*
 * The last time at which the clock was believed: the value that store_set_clock() was given before
 * a commit, else the time of the newest event; 0: not known. See age.h.
 */
int store_clock(struct store *store, int64_t *ret_ms, struct diag *diag) MUST_CHECK;
void store_set_clock(struct store *store, int64_t believed_ms);

/*
 * Within a transaction: store_refuse() and store_alert() add one row to refusals or alerts. After
 * the last of them call store_trim_refusals(). It removes rows of both tables that are beyond
 * @limits as of @now_ms, as in store_trim(), at most @rows_max of each. Where there are too many
 * rows, it removes the oldest row of the owner with the most rows. The owner is a principal, or,
 * for a client that proved nothing, its network. All such networks together keep half of the rows
 * if principals need the room.
 */
int store_refuse(struct store *store, const struct refusal *refusal, struct diag *diag) MUST_CHECK;
/* Bytes of all letters together; each counts its payload and properties, and a row's room. */
#define STORE_LETTERS_BYTES ((int64_t)64 << 20)
#define STORE_LETTER_ROOM 1024
/*
 * Likewise: store_letter() keeps what a refusal's message was, whole. store_resent() notes that it
 * was published again. store_trim_letters(), after the last of them, removes letters of who has
 * most where they are more than @bytes_max, STORE_LETTERS_BYTES.
 */
int store_letter(struct store *store, const struct refusal *refusal, struct diag *diag) MUST_CHECK;
int store_resent(struct store *store, const char *decision_id, const char *text,
		 struct diag *diag) MUST_CHECK;
int store_trim_letters(struct store *store, int64_t bytes_max, struct diag *diag) MUST_CHECK;
int store_alert(struct store *store, const struct alertrow *alert, struct diag *diag) MUST_CHECK;
int store_trim_refusals(struct store *store, const struct store_limits *limits, int64_t now_ms,
			unsigned rows_max, struct diag *diag) MUST_CHECK;

/*
 * Moves the WAL's pages into the database once there are enough of them, in bounded time, and again
 * each time that as many more have come while a reader needs them.
 * ERR_BUSY: the WAL file is above @wal_bytes_max because some process keeps reading an old state.
 */
int store_checkpoint(struct store *store, uint64_t wal_bytes_max, struct diag *diag) MUST_CHECK;

/* A place among a table's ids, which are in the order of their bytes; len 0: before the first. */
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
 * Adds to @ret the newest events that have a hash of the members that make them one event
 * (x-unique): as many as @ret keeps, in their order. The sender of each is the hash of its
 * publisher under @seed.
 */
int store_load_unique(struct store *store, uint64_t seed, struct accepted *ret,
		      struct diag *diag) MUST_CHECK;

/*
 * Opens a connection that only reads and, unless @is_alone, never waits for a lock.
 * store_reader_use() says which entities the calls after it are about; @plan is borrowed until the
 * next such call, or store_reader_close().
 *
 * @is_alone: this process has no store, and another one may be writing the database. Then the
 * reader waits for locks, and tables and columns that the database lacks read as unknown, or "".
 * ERR_VERSION: another program or a newer version made the database.
 */
int store_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
		      struct diag *diag) MUST_CHECK;

void store_reader_use(struct store_reader *reader, const struct entity_plan *plan);
void store_reader_close(struct store_reader *reader); /* NULL is fine */

/*
 * Fills @ret with what the database has of an entity, whose table, statuses and link must be there;
 * if it has nothing, is_known is false.
 */
int store_reader_find(struct store_reader *reader, size_t entity, const char *id, size_t id_len,
		      struct state_facts *ret, struct diag *diag) MUST_CHECK;

/* Visits the refusal with this decision id; 1: it was visited, 0: there is none. */
int store_reader_letter(struct store_reader *reader, const char *decision_id,
			ledger_letter_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/*
 * Finds the newest event on @topic that was about an entity. *payload is borrowed until the next
 * call; *revision is the one that the entity had then. *payload is NULL if none of the topic's last
 * STORE_LAST_ROWS events was about an entity. One indexed read.
 */
int store_reader_last(struct store_reader *reader, const char *topic, size_t topic_len,
		      const char **payload, size_t *payload_len, uint64_t *revision,
		      struct diag *diag) MUST_CHECK;

/* As ledger_find_unchanged(). */
int store_reader_unchanged(struct store_reader *reader, const struct ledger_unchanged_query *asked,
			   ledger_unchanged_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/* Which messages are read. */
enum store_read {
	STORE_READ_RETAINED,      /* the row of retained that @topic has */
	STORE_READ_RETAINED_NEXT, /* rows whose topics come after @topic, in their bytes' order */
	STORE_READ_EVENT,         /* the newest events of @topic, as if they were such rows */
	STORE_READ_RETAINED_EACH, /* these four are not for store_reader_visit() */
	STORE_READ_RESEND,
	STORE_READ_LAST,
	STORE_READ_LETTER,
	STORE_READS,
};

/* Calls @visit for up to @limit rows. Returns their number, or a negative error. */
int store_reader_visit(struct store_reader *reader, enum store_read read, const char *topic,
		       size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		       struct diag *diag) MUST_CHECK;

/* As ledger_retained_find_each(). */
int store_reader_visit_each(struct store_reader *reader, const struct ledger_topic *topic,
			    size_t count, ledger_retained_visit *visit, void *ctx,
			    struct diag *diag) MUST_CHECK;

/* As ledger_was_accepted(), but looks in the database only. */
int store_reader_resent(struct store_reader *reader, const struct ledger_resend_query *asked,
			uint64_t until_seq, struct diag *diag) MUST_CHECK;

/* ---- steps of a shared database that are committed before they are acknowledged -------------- */

/* One of them; borrowed for the call. */
struct store_step {
	const char *broker;                /* which gave it @number, from 1 on; never used again */
	uint64_t number;                   /* its event's origin_seq is minus this */
	const struct record *record;       /* its values stand for the columns in @column */
	const unsigned *column;            /* by the entity's columns */
	const struct entity *entity;       /* NULL: of none */
	int slot;                          /* the status that was decided on; -1: none was */
	const struct state_facts *decided; /* what the row must still have */
	bool is_forced; /* whatever the row has: it was decided elsewhere, or only observed */
	bool is_guard;  /* the row stays; what is retained is written where it still has that */
};

/*
 * 0: it is kept, and *revision is the entity's then (0: of none). 1: an event with its number is
 * there already. ERR_STALE: the row is not what it was decided on. In both cases nothing was done.
 * ERR_DOUBT: it may be kept, or be kept yet. Else nothing was done.
 */
int store_reader_step(struct store_reader *reader, const struct store_step *step,
		      uint64_t *revision, struct diag *diag) MUST_CHECK;

/* Is the event of @broker's step @number there? 1, 0, or a negative error. */
int store_reader_step_find(struct store_reader *reader, const char *broker, uint64_t number,
			   struct diag *diag) MUST_CHECK;

/* The last number of a step of @broker to *ret; 0: it made none. */
int store_reader_step_last(struct store_reader *reader, const char *broker, uint64_t *ret,
			   struct diag *diag) MUST_CHECK;

/*
 * Commits the smallest change to a shared database @count times, and stores how long each took, in
 * microseconds: what a step takes at least.
 */
int store_probe(struct store *store, unsigned count, uint64_t *ret_us,
		struct diag *diag) MUST_CHECK;

/* The connection on which a shared database is asked; NULL: of another. */
struct pg_live *store_reader_live(struct store_reader *reader);

#endif

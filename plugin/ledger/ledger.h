/*
 * ledger.h -- keeps the state of entities and the accepted messages before they are acknowledged.
 *
 * Keeps the state of entities (an order's status, payment status and owner) and an append-only
 * record of accepted messages, the events. A write goes into the journal first
 * (ledger/journal.h), and from there into SQLite, so that the broker's thread never waits for the
 * database. The caller's plan has the kinds of entities, their statuses and columns. Knows nothing
 * of channels, users, or of which status may follow which: the gate decides that.
 *
 * One thread, the broker's, calls these functions. The ledger's own writer thread touches the
 * journal and its own database connection only.
 */
#ifndef PETSTORE_LEDGER_H
#define PETSTORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ledger_facts.h"
#include "base/diag.h"
#include "base/alertrow.h"
#include "base/histogram.h"
#include "base/refusal.h"
#include "ledger/ledger_types.h"

struct ledger;

struct ledger_options {
	const char *path;          /* the SQLite file; made where it does not exist; or store.h's */
	const char *journal;       /* the journal's file; NULL: "<path>-journal.ring" */
	size_t journal_bytes;      /* in use while the database keeps up */
	size_t journal_bytes_max;  /* that it may grow to; below journal_bytes: those */
	unsigned batch_rows;       /* records of one transaction at most */
	unsigned batch_ms;         /* how long the oldest record waits for one, at most */
	uint64_t events_keep_rows; /* 0: all */
	unsigned events_keep_days; /* 0: all */
	uint64_t refusals_keep_rows; /* 0: all */
	unsigned refusals_keep_days; /* 0: all */
	uint64_t wal_bytes_max;      /* of SQLite's WAL while some process reads; 0: 1 GiB */
	size_t cache_entities;       /* states kept in memory */
	unsigned wait_ms;            /* see ledger_wait(); up to PRESSURE_MS_MAX */
	bool may_open_later;         /* see ledger_open() */
	unsigned strict_ms; /* of a shared database: how long the broker's thread waits for it */
	const char *broker; /* what events are marked with: which broker this is; or NULL */
};

/* Is @database one that several brokers share? */
bool ledger_is_shared(const char *database);

/*
 * Is all there that the database needs? ERR_INVALID: one that is shared needs the name of this
 * broker, and a place for the journal.
 */
int ledger_check_place(const struct ledger_place *place, struct diag *diag) MUST_CHECK;

/*
 * Calls @say for each fault of a connection string, and of the files that it names, without
 * connecting: one line, "sslmode: expected one of ...", valid for the call. @is_of_file: of a file,
 * which may be mended while the broker runs. Nothing is said of a path, nor without libpq.
 */
void ledger_check_database(const char *database,
			   void (*say)(void *ctx, bool is_of_file, const char *text), void *ctx);

/*
 * The path of @place's journal, where its database is called @path: that without symbolic links;
 * free *ret. ERR_NOMEM.
 */
int ledger_name_journal(const struct ledger_place *place, const char *path, char **ret,
			struct diag *diag) MUST_CHECK;

/*
 * Opens or makes the database, brings its schema up to date, adds what @plan needs and is
 * missing, replays the journal. A database of a newer version (ERR_VERSION), a file that is
 * no database, one that belongs to another program, or a table whose columns are not what the
 * plan says, is refused with a line that names the file and touches nothing.
 *
 * Where another process locks the database or the disk is full, the answer is ERR_BUSY or
 * ERR_IO; with may_open_later it is 0, and the ledger opens by itself when it can. Until then
 * ledger_look() and ledger_commit() fail, ledger_is_ready() is false, and ledger_news() reports
 * when the trouble began and ended, and also faults of the files that are found only then.
 */
int ledger_open(const struct ledger_options *options, const struct entity_plan *plan,
		struct ledger **ret, struct diag *diag) MUST_CHECK;

/*
 * Opens a database that another process may be writing, to read from it only: ledger_look(),
 * ledger_is_ready() (always true) and ledger_close() are all that may be called. @plan, and what it
 * points to, is borrowed until ledger_close(). An entity whose table the database lacks is unknown.
 */
int ledger_open_reader(const char *path, const struct entity_plan *plan, struct ledger **ret,
		       struct diag *diag) MUST_CHECK;

/* Writes everything out, stops the writer, closes. NULL is fine. */
void ledger_close(struct ledger *ledger);

/*
 * Puts a reload's new plan in force, without waiting. Entity numbers are the new plan's from now
 * on. The writer's thread makes the tables, columns and indexes that the database lacks. Until
 * then ledger_look() fails with ERR_BUSY for an entity whose table, statuses or link are missing,
 * and ledger_commit() for a write with a missing column (ledger_lacks()); if that takes longer,
 * ledger_news() reports it. Both also fail for an entity whose statuses or link are other columns
 * than before, until the database has all its accepted writes. If @plan equals the plan in force,
 * nothing is done.
 *
 * ERR_INVALID, ERR_LIMIT: not a valid plan, or one that contradicts what is known of the database;
 * the old plan stays in force. Contradictions that only the database shows are reported later by
 * ledger_news().
 */
int ledger_replan(struct ledger *ledger, const struct entity_plan *plan,
		  struct diag *diag) MUST_CHECK;

/* Does the database have all that the plan in force asks for? True also while it is not open. */
bool ledger_has_all(const struct ledger *ledger);

/*
 * If the entity can't be looked up yet or its @column is missing: the name of its table, borrowed
 * until the next replan. NULL: nothing is missing.
 */
const char *ledger_lacks(const struct ledger *ledger, unsigned entity, unsigned column);

/*
 * Looks an entity up in memory, or by one indexed read. All writes that ledger_commit() accepted
 * are seen. 0, also for an unknown entity; ERR_BUSY or ERR_IO where the store can't be asked now.
 */
int ledger_look(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		struct ledger_state *ret, struct diag *diag) MUST_CHECK;

/*
 * What the database has of it, by one read: also where writes that ledger_commit() accepted are not
 * there yet, or not known to be. Of a ledger that writes; else as ledger_look().
 */
int ledger_look_stored(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		       struct ledger_state *ret, struct diag *diag) MUST_CHECK;

/*
 * ledger_look() at this entity will follow, after the time that it takes to parse a message. The
 * first call begins to bring what will be read into the processor's caches, the second one goes on
 * with that. Neither changes an answer.
 */
void ledger_expect(struct ledger *ledger, unsigned entity, const char *id, size_t id_len);
void ledger_expect_more(struct ledger *ledger);

/*
 * The last message of @asked's channel about the entity. Unknown if other messages filled columns
 * of the entity since. From memory, else by one indexed read of the topic's newest event. Returns
 * as ledger_look() does.
 */
int ledger_find_last(struct ledger *ledger, const struct ledger_last_query *asked,
		     struct ledger_last_message *ret, struct diag *diag) MUST_CHECK;

/*
 * Stores the content of the payload that ledger_find_last() returned. While the entity is in
 * memory, ledger_find_last() then returns the content.
 */
void ledger_keep_content(struct ledger *ledger, const struct ledger_last_query *asked,
			 uint64_t content);

/*
 * Calls @visit for each entity that matches @asked, the longest unchanged first. One indexed read
 * of the database; writes that are still in the journal are not seen.
 */
int ledger_find_unchanged(struct ledger *ledger, const struct ledger_unchanged_query *asked,
			  ledger_unchanged_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/*
 * The seed of digests, for wordhash(): a random number that is in the database, so that digests can
 * be compared with those in its rows, and a client can't make digests collide. 0 until the database
 * is open.
 */
uint64_t ledger_seed(const struct ledger *ledger);

/* Topic, publisher and client id together; longer ones may be refused as too large. */
#define LEDGER_NAMES_ROOM 4096u

/* The smallest journal_bytes that takes a write with a payload of @payload_max bytes. */
size_t ledger_journal_least(size_t payload_max);

/*
 * Could a write of @bytes (topic and payload) be kept now? Cheap: the gate asks for each publish.
 * @is_power: it has to be synced, and is refused while the disk's syncs fail or are too slow
 * (ledger/pace.h).
 */
bool ledger_is_ready(struct ledger *ledger, size_t bytes, bool is_power);

/*
 * Before a write is kept whose publisher may be made to wait: waits where the writer's thread is
 * behind, at most wait_ms in all between two calls of ledger_tick() (ledger/pressure.h). Returns at
 * once where the store takes no writes, since waiting would not help.
 */
void ledger_wait(struct ledger *ledger);
void ledger_tick(struct ledger *ledger);

/*
 * Keeps a write. 0: it survives kill -9 from here on (and the power's failure where
 * is_power). Otherwise nothing was kept and the publish must be refused: ERR_BUSY (journal
 * full), ERR_IO (the database takes no writes, the disk is broken), ERR_LIMIT (larger than the
 * journal takes, or a text beyond its maximum above), ERR_INVALID (a value that is not of its
 * column's type, or a NUL in an owner, link or status).
 *
 * Of a strict write to a shared database also ERR_STALE: the database has another entity than
 * ledger_look() said, which now says what it has: decide again. ERR_DOUBT: it may be kept; the
 * client must get no answer. If the same message comes again, ledger_commit() finds out which.
 */
int ledger_commit(struct ledger *ledger, const struct ledger_write *write,
		  struct diag *diag) MUST_CHECK;

/* Do several brokers write the database? False for ledger_open_reader()'s. */
bool ledger_shares_database(const struct ledger *ledger);

/* How many steps were committed to a shared database at once, by the numbers given to them. */
uint64_t ledger_last_step(const struct ledger *ledger);

/*
 * Of a message whose outcome was unknown, which nobody sent again in a minute (of a last will: in a
 * second): the database has it, and its subscribers have not. Its topic, until the next call;
 * false: there is none. At most one read.
 */
bool ledger_settled(struct ledger *ledger, const char **topic, size_t *len);

/*
 * Before a refusal because of the entity, where the database is shared: reads what the database has
 * of it, unless that was done, or it was written, in the last @age_ms. 1: ledger_look() says
 * something else now: decide again. 0: it does not. ERR_BUSY, ERR_IO: the database can't be asked.
 */
int ledger_confirm(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		   unsigned age_ms, struct diag *diag) MUST_CHECK;

/*
 * Queues a copy of a refusal, which the writer's thread writes to the table refusals. Never waits.
 * If refusals come faster than they are written, some are dropped and counted, and ledger_news()
 * reports it.
 */
void ledger_refuse(struct ledger *ledger, const struct refusal *refusal);

/*
 * A refusal with is_letter is kept with its whole message, for ledger_letter_find(), unless that is
 * larger than BACKLOG_LETTER_BYTES, or more of them wait than there is room for. What all letters
 * may take is STORE_LETTERS_BYTES; beyond, letters of who has most go first.
 */

/*
 * Visits the refusal with this decision id, which is in the database a moment after it was made. 0:
 * there is none; 1: it was visited; ERR_BUSY, ERR_IO: the database can't be asked now.
 */
int ledger_letter_find(struct ledger *ledger, const char *decision_id, ledger_letter_visit *visit,
		       void *ctx, struct diag *diag) MUST_CHECK;

/* Queues the note @text that its message was published again; the letter is no longer needed. */
void ledger_resent(struct ledger *ledger, const char *decision_id, const char *text);

/* The same for an alert and the table alerts. */
void ledger_alert(struct ledger *ledger, const struct alertrow *alert);

/*
 * Was an event of @publisher with this @unique accepted? From memory, which has the newest ones
 * (ledger/accepted.h says how many), also after a restart.
 */
bool ledger_has_unique(struct ledger *ledger, const char *publisher, uint64_t unique);

/* A message was accepted that wrote nothing: ledger_was_accepted() knows it until a restart. */
void ledger_remember(struct ledger *ledger, uint64_t sender, uint64_t digest);

/*
 * Was this message accepted before? 1: yes; 0: no, as far as is known. The last messages of each
 * sender are known from memory (ledger/accepted.h), and with @may_read, by one indexed read, the
 * topic's last events, also after a restart. ERR_BUSY, ERR_IO: it can't be found out now.
 */
int ledger_was_accepted(struct ledger *ledger, const struct ledger_resend_query *asked,
			bool may_read, struct diag *diag) MUST_CHECK;

/* ---- what is retained ---------------------------------------------------------------------- */

/*
 * A row of the table retained follows each accepted write of a retained message, in the transaction
 * of its event. What the journal still has is not seen: the caller compares ledger_last() with
 * ledger_arrived(). Each call is one indexed read, on the broker's thread: for rare occasions.
 */

/* Is it open, so that the database can be asked? */
bool ledger_is_open(struct ledger *ledger);

/* The numbers of the last accepted write, and of the last that the database has; 0: not open. */
uint64_t ledger_last(struct ledger *ledger);
uint64_t ledger_arrived(struct ledger *ledger);

/* Makes the writer's thread write at once, without waiting for a full batch. */
void ledger_hurry(struct ledger *ledger);

/*
 * Visits the row of @topic. 0: there is none; 1: it was visited; ERR_BUSY, ERR_IO: the database
 * can't be asked now.
 */
int ledger_retained_find(struct ledger *ledger, const char *topic, size_t topic_len,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/*
 * Visits those rows of @count topics, at most LEDGER_TOPICS_MAX, that there are: one read where the
 * database is shared. 0, or as the last.
 */
int ledger_retained_find_each(struct ledger *ledger, const struct ledger_topic *topic, size_t count,
			      ledger_retained_visit *visit, void *ctx,
			      struct diag *diag) MUST_CHECK;

/*
 * As ledger_retained_find(), for the newest event of @topic, which need not be retained; properties
 * are not kept. 0 also for ledger_open_reader()'s.
 */
int ledger_event_find(struct ledger *ledger, const char *topic, size_t topic_len,
		      ledger_retained_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/*
 * Visits up to @limit rows whose topics come after @topic (@topic_len 0: from the first), in the
 * order of their bytes. 1: there may be more; 0: those were the last; or as above.
 */
int ledger_retained_next(struct ledger *ledger, const char *topic, size_t topic_len, unsigned limit,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;

/* ---- figures and news ---------------------------------------------------------------------- */

/* Call it about once a second: journal_age_ms is only as exact as the time between calls. */
void ledger_facts(struct ledger *ledger, struct ledger_facts *ret);

/*
 * The next line about a trouble of the store that began or ended, or false. The broker room asks at
 * every tick, and logs it.
 */
bool ledger_news(struct ledger *ledger, struct diag *ret);

/* Returns 0 once everything accepted so far is in SQLite, or ERR_BUSY after @timeout_ms. */
int ledger_flush(struct ledger *ledger, unsigned timeout_ms, struct diag *diag) MUST_CHECK;

#endif

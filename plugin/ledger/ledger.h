/*
 * ledger.h -- the state of entities, and the messages that were accepted: acknowledged means kept.
 *
 * Keeps the state of entities (an order's status, payment status and owner) and an append-only
 * record of accepted messages, the events. A write goes into the journal first
 * (ledger/journal.h), and from there into SQLite, so that the broker's thread never waits for the
 * database. The caller's plan says which entities, statuses and columns there are. Knows nothing of
 * what topics mean, of users, or of which status may follow which: the gate decides that.
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
	const char *path;            /* the SQLite file; made where it does not exist */
	size_t journal_bytes;        /* size of the ring file "<path>-journal.ring" */
	unsigned batch_rows;         /* records of one transaction at most */
	unsigned batch_ms;           /* so long the oldest record waits for one, at most */
	uint64_t events_keep_rows;   /* 0: all */
	unsigned events_keep_days;   /* 0: all */
	uint64_t refusals_keep_rows; /* 0: all */
	unsigned refusals_keep_days; /* 0: all */
	size_t cache_entities;       /* states kept in memory */
	bool may_open_later;         /* see ledger_open() */
	const char *origin; /* what events are marked with: which broker this is; or NULL */
};

/*
 * Opens or makes the database, brings its schema up to date, adds what @plan needs and is
 * missing, replays the journal. A database of a newer version (ERR_VERSION), a file that is
 * no database, one that belongs to another program, or a table whose columns are not what the
 * plan says, is refused with a line that names the file and touches nothing.
 *
 * Where another process locks the database or the disk is full, the answer is ERR_BUSY or
 * ERR_IO; with may_open_later it is 0, and the ledger opens by itself when it can. Until then
 * ledger_look() and ledger_commit() fail, ledger_is_ready() is false, and ledger_news() says
 * when the trouble began and ended. What is wrong with the files, and could not be found out
 * before, ledger_news() says then as well.
 */
int ledger_open(const struct ledger_options *options, const struct entity_plan *plan,
		struct ledger **ret, struct diag *diag);

/*
 * Opens a database that another process may be writing, to read from it only: ledger_look(),
 * ledger_is_ready() (always true) and ledger_close() are all that may be called. @plan, and what it
 * points to, is borrowed until ledger_close(). An entity whose table the database lacks is unknown.
 */
int ledger_open_reader(const char *path, const struct entity_plan *plan, struct ledger **ret,
		       struct diag *diag);

/* Writes everything out, stops the writer, closes. NULL is fine. */
void ledger_close(struct ledger *ledger);

/*
 * A reload's new plan: in force when the call returns, which waits for nothing. Entity numbers are
 * the new plan's from now on. The writer's thread makes the tables, columns and indexes that the
 * database lacks. Until they are there ledger_look() fails with ERR_BUSY for an entity whose table,
 * statuses or link are missing, and ledger_commit() for a write with a column that is missing
 * (ledger_lacks()); ledger_news() says so where it takes longer than a moment. Both fail likewise
 * for an entity whose statuses or link are other columns than before, until the database has all
 * that was accepted of it. Where @plan is the one in force nothing is done.
 *
 * ERR_INVALID, ERR_LIMIT: not a plan, or one that contradicts what is known of the database; the
 * old plan stays in force. What the database alone knows of, ledger_news() reports later.
 */
int ledger_replan(struct ledger *ledger, const struct entity_plan *plan, struct diag *diag);

/* Does the database have all that the plan in force asks for? True also while it is not open. */
bool ledger_has_all(const struct ledger *ledger);

/*
 * The name of the entity's table, borrowed until the next replan, where the entity can't be looked
 * at yet or its @column is not there yet. NULL: nothing of that is missing.
 */
const char *ledger_lacks(const struct ledger *ledger, unsigned entity, unsigned column);

/*
 * Looks an entity up: from memory, or by one indexed read. Whatever ledger_commit() accepted
 * is seen. Returns 0 (also for an unknown entity), or ERR_BUSY or ERR_IO where the store can't
 * be asked now.
 */
int ledger_look(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		struct ledger_state *ret, struct diag *diag);

/*
 * ledger_look() at this entity will follow, after the time that it takes to parse a message. The
 * first call begins to bring what will be read into the processor's caches, the second one goes on
 * with that. Neither changes an answer.
 */
void ledger_expect(struct ledger *ledger, unsigned entity, const char *id, size_t id_len);
void ledger_expect_more(struct ledger *ledger);

/*
 * The message that @asked is about, as far as the entity's row still has what it says: where other
 * messages filled its columns since, it is not known. From memory, else by one indexed read of the
 * newest event on the topic. Returns as ledger_look() does.
 */
int ledger_find_last(struct ledger *ledger, const struct ledger_last_query *asked,
		     struct ledger_last_message *ret, struct diag *diag);

/*
 * Says which content the payload has that ledger_find_last() gave. While the entity is in memory,
 * ledger_find_last() gives the content from then on.
 */
void ledger_keep_content(struct ledger *ledger, const struct ledger_last_query *asked,
			 uint64_t content);

/*
 * One @visit of each entity that @asked is about, the longest unchanged first. One indexed read of
 * what is in the database; what the journal still has is not seen.
 */
int ledger_find_unchanged(struct ledger *ledger, const struct ledger_unchanged_query *asked,
			  ledger_unchanged_visit *visit, void *ctx, struct diag *diag);

/*
 * The seed of digests, for wordhash(): a random number that the database keeps, so that digests can
 * be compared with those in its rows, and nobody can provoke a collision without reading the
 * database. 0 until it is open.
 */
uint64_t ledger_seed(const struct ledger *ledger);

/* Topic, publisher and client id together; longer ones may be refused as too large. */
#define LEDGER_NAMES_ROOM 4096u

/* The least journal_bytes with which a write of any payload up to @payload_max fits. */
size_t ledger_journal_least(size_t payload_max);

/*
 * Could a write of @bytes (topic and payload) be kept now? Cheap: the gate asks for each publish.
 * @is_power: it has to be synced, and is refused while the disk's syncs fail or are too slow
 * (ledger/pace.h).
 */
bool ledger_is_ready(struct ledger *ledger, size_t bytes, bool is_power);

/*
 * Keeps a write. 0: it survives kill -9 from here on (and the power's failure where
 * is_power). Otherwise nothing was kept and the publish must be refused: ERR_BUSY (journal
 * full), ERR_IO (the database takes no writes, the disk is broken), ERR_LIMIT (larger than the
 * journal takes, or a text beyond its maximum above), ERR_INVALID (a value that is not of its
 * column's type, or a NUL in an owner, link or status).
 */
int ledger_commit(struct ledger *ledger, const struct ledger_write *write, struct diag *diag);

/*
 * Leaves a refusal for the writer's thread, which puts it into the table refusals. Never waits and
 * promises nothing: where refusals come faster than they are written, some are dropped and counted,
 * and ledger_news() says so.
 */
void ledger_refuse(struct ledger *ledger, const struct refusal *refusal);

/* The same for an alert and the table alerts. */
void ledger_alert(struct ledger *ledger, const struct alertrow *alert);

/*
 * Was an event of @publisher with this @unique accepted? The newest ones are known, also after a
 * restart (ledger/accepted.h says how many). From memory alone.
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
			bool may_read, struct diag *diag);

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

/* The caller waits for what was accepted: the writer's thread is not to wait for a full batch. */
void ledger_hurry(struct ledger *ledger);

/*
 * Visits the row of @topic. 0: there is none; 1: it was visited; ERR_BUSY, ERR_IO: the database
 * can't be asked now.
 */
int ledger_retained_find(struct ledger *ledger, const char *topic, size_t topic_len,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag);

/*
 * As the last, for the newest event of @topic, which need not be retained; properties are not kept.
 * 0 also for ledger_open_reader()'s.
 */
int ledger_event_find(struct ledger *ledger, const char *topic, size_t topic_len,
		      ledger_retained_visit *visit, void *ctx, struct diag *diag);

/*
 * Visits up to @limit rows whose topics come after @topic (@topic_len 0: from the first), in the
 * order of their bytes. 1: there may be more; 0: those were the last; or as above.
 */
int ledger_retained_next(struct ledger *ledger, const char *topic, size_t topic_len, unsigned limit,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag);

/* ---- figures and news ---------------------------------------------------------------------- */

/* To be called about once a second: the age is as exact as that. */
void ledger_facts(struct ledger *ledger, struct ledger_facts *ret);

/*
 * The next line about a trouble of the store that began or ended, or false. The broker room asks at
 * every tick, and logs it.
 */
bool ledger_news(struct ledger *ledger, struct diag *ret);

/* Returns 0 once everything accepted so far is in SQLite, or ERR_BUSY after @timeout_ms. */
int ledger_flush(struct ledger *ledger, unsigned timeout_ms, struct diag *diag);

#endif

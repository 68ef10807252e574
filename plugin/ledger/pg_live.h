/*
 * pg_live.h -- a connection to PostgreSQL for a thread that may not wait long: the broker's.
 *
 * The thread that owns a struct pg_live asks on one connection, and waits for each answer up to a
 * bound. A connection that breaks, or does not answer in time, is given to a small thread, which
 * connects anew with growing pauses and hands the new connection over by an atomic pointer. Until
 * then each call is refused at once, without a wait: that is the breaker. It also opens, for the
 * same pauses, where the server gives statements up because they take too long. The thread that
 * asks never looks a name up, and neither makes nor closes a connection.
 *
 * In doubt: a statement that writes was sent, and no answer came. It may have happened, or happen
 * yet. The small thread keeps its connection open for up to PG_LIVE_DOUBT_MS, until the server
 * has answered or left: then what stands in the database is the outcome, and pg_live_settled() says
 * so.
 *
 * A plain one has no thread: its owner waits, for connecting too. For petstorectl.
 *
 * Knows nothing of tables. All functions are for the owner's thread, but those that say otherwise;
 * it may be handed to another owner.
 */
#ifndef PETSTORE_LEDGER_PG_LIVE_H
#define PETSTORE_LEDGER_PG_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/histogram.h"
#include "ledger/pg.h"

#define PG_LIVE_PAUSE_MS 10       /* before the second attempt to connect; doubled each time */
#define PG_LIVE_PAUSE_MAX_MS 1000 /* up to this */
#define PG_LIVE_CONNECT_MS 2000   /* an attempt to connect takes no longer */
#define PG_LIVE_DOUBT_MS 2000     /* a late answer is waited for so long */
#define PG_LIVE_DOUBTS 8u         /* connections with late answers; of more the oldest is closed */
#define PG_LIVE_SETTLED_MAX 64u   /* settled doubts that were not read; of more the oldest goes */

struct pg_live;

struct pg_live_options {
	const char *conninfo;     /* copied */
	unsigned wait_ms;         /* the bound of a call */
	bool is_plain;            /* no thread; a call waits for a new connection, too */
	struct pg_ending *ending; /* as of struct pg_place */
};

/* Does not wait, unless it is plain: then it connects, with the errors of pg_open(). */
int pg_live_open(const struct pg_live_options *options, struct pg_live **ret,
		 struct diag *diag) MUST_CHECK;

/*
 * Ends the thread, for which it waits PG_LIVE_CONNECT_MS at most, or for a name server's answer.
 * NULL is fine. Rows must have been cleared before.
 */
void pg_live_close(struct pg_live *live);

/*
 * Waits up to @wait_ms for the first connection. Errors as of pg_open(): the last attempt's. For a
 * thread that may wait, before it hands @live to its owner.
 */
int pg_live_await(struct pg_live *live, unsigned wait_ms, struct diag *diag) MUST_CHECK;

/* The bound of the calls that follow; asks the server, within it, where it changes. */
void pg_live_set_wait(struct pg_live *live, unsigned wait_ms);

/* Is there a connection, so that a call will not be refused at once? Never waits. */
bool pg_live_is_up(struct pg_live *live);

/* A statement, as for pg_exec(). */
struct pg_live_ask {
	const char *sql;
	const struct pg_params *params; /* NULL: none */
	const char *what;               /* "cannot read events": begins the line of a failure */
	/*
	 * 0: it only reads, so that nothing is in doubt where no answer comes: ERR_BUSY. Else the
	 * caller's number for it, which pg_live_settled() gives back.
	 */
	uint64_t doubt;
};

/*
 * Asks in one round trip, as a transaction of its own. @ret NULL: no rows are wanted. Rows are
 * cleared before the next call. Errors as of pg.h, and ERR_BUSY at once while the breaker is open.
 * ERR_DOUBT: see above.
 */
int pg_live_exec(struct pg_live *live, const struct pg_live_ask *ask, struct pg_rows *ret,
		 struct diag *diag) MUST_CHECK;

/* The SQLSTATE of what failed last on the connection; "": there is none. */
const char *pg_live_state(const struct pg_live *live);

/* A statement that was in doubt. */
struct pg_live_settled {
	uint64_t doubt;
	/*
	 * The server answered, or closed the connection: what is read now is how it ended. False:
	 * neither happened in time, so that it may still happen.
	 */
	bool is_certain;
};

/* The next one; false: none. Never waits. */
bool pg_live_settled(struct pg_live *live, struct pg_live_settled *ret);

/* Since pg_live_open(). */
struct pg_live_counts {
	uint64_t asked;    /* calls that sent something */
	uint64_t refused;  /* calls that the breaker refused */
	uint64_t late;     /* no answer within the bound, or given up by the server for its time */
	uint64_t lost;     /* connections given up */
	uint64_t doubts;   /* ERR_DOUBT returned */
	uint64_t connects; /* connections made */
};
void pg_live_counts(const struct pg_live *live, struct pg_live_counts *ret);

/* How long calls waited, in microseconds. For any thread. */
const struct histogram *pg_live_waits(const struct pg_live *live);

#endif

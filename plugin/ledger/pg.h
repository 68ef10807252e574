/*
 * pg.h -- a connection to a PostgreSQL server: statements run and rows read, each wait with a
 * bound.
 *
 * Knows libpq's protocol (non-blocking, in pipelines), nothing of the ledger's tables. A connection
 * is used by one thread at a time, and may be handed to another. No call waits longer than the
 * connection's bound, but pg_open() for a name server (libpq asks it before it connects). A
 * connection whose bound passed, or whose server left, is lost: pg_close() it and open another.
 *
 * What went wrong, by the number that is returned:
 *   ERR_BUSY     nothing was done, for certain, and the same may succeed later: nothing was sent,
 * or the server took back what it did (a lock, a deadlock, a serialization failure, it is starting
 * or shutting down, it is a standby). Within BEGIN and COMMIT roll back. ERR_DOUBT    it may have
 * been done: it was sent, and no answer came. The connection is lost. Of a statement within BEGIN
 * and COMMIT that is nothing done, unless it was the COMMIT. ERR_INVALID  the server refused the
 * statement; pg_state() says why. ERR_IO       likewise, and the operator must act: a right or a
 * table is missing, a disk is full, the password is wrong. ERR_NOMEM, ERR_LIMIT
 * @diag has one line, which begins with pg_shown(), and has the server's message, no password, and
 * no parameter.
 */
#ifndef PETSTORE_PG_H
#define PETSTORE_PG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/pg_params.h"

#define PG_STATEMENTS_MAX 512u /* that a connection keeps prepared; others are parsed each time */
#define PG_SENT_MAX 4096u      /* statements in one pipeline */
#define PG_SHOWN_MAX 256u      /* bytes of pg_shown()'s text */
#define PG_STATE_MAX 6u        /* bytes of an SQLSTATE, with its NUL */
#define PG_WAIT_MS 100         /* how often on_wait() is called */
#define PG_HOSTS_MAX 16u       /* hosts of a connection string */

#define PG_END_MS 2000 /* the bound of a wait once the end has begun */

struct pg;

/*
 * That the process ends, for all connections to one server. From when it has begun no call waits
 * longer than PG_END_MS; once one waited in vain, none waits at all (is_over). Any thread.
 */
struct pg_ending {
	_Atomic bool has_begun;
	_Atomic bool is_over; /* set by a wait */
};

/* How to connect. */
struct pg_place {
	const char *conninfo;    /* libpq's connection string or URI */
	const char *application; /* what pg_stat_activity shows; NULL: nothing of ours */
	unsigned wait_ms;        /* the bound of each call */
	unsigned statement_ms;   /* after that the server gives up a statement; 0: never */
	/* Called each PG_WAIT_MS of a call's wait, on its thread, which has work of its own; or
	 * NULL */
	void (*on_wait)(void *ctx);
	void *ctx;
	struct pg_ending *ending; /* borrowed; NULL: none */
};

/*
 * Connects to the first host that answers and is what target_session_attrs asks for. Of several
 * hosts each gets its part of what is left of @place's bound. Loads libpq. ERR_BUSY: none can be
 * reached, or none is what is asked for; ERR_IO: refused (the password, a right to connect, no
 * such database, no libpq); ERR_INVALID: @place's string is none.
 */
int pg_open(const struct pg_place *place, struct pg **ret, struct diag *diag) MUST_CHECK;
void pg_close(struct pg *pg); /* NULL is fine */

/* The bound of the calls that follow. */
void pg_set_wait(struct pg *pg, unsigned wait_ms);

/* As pg_place.on_wait, for the calls that follow. */
void pg_set_on_wait(struct pg *pg, void (*on_wait)(void *ctx), void *ctx);

/* Is the connection of no use any more? */
bool pg_is_lost(const struct pg *pg);

/* The SQLSTATE of what failed last; "": the server said none. Valid until the next call. */
const char *pg_state(const struct pg *pg);

/* pg_shown() of its connection string, with the host that it is connected to. */
const char *pg_name(const struct pg *pg);

/* The socket, for a poll() of the caller's; libpq's, changes with the connection only. */
int pg_socket(const struct pg *pg);

/*
 * Writes a connection string without its secrets to @ret (PG_SHOWN_MAX bytes): "host=a,b port=5432
 * dbname=petstore". Where libpq is not there or can't read it: "PostgreSQL". Returns @ret.
 */
const char *pg_shown(const char *conninfo, char *ret);

/* ---- rows -------------------------------------------------------------------------------- */

/* What a statement returned. All zero is nothing. Clear it before the connection is closed. */
struct pg_rows {
	const struct pg *pg;
	void *result;
};

void pg_rows_clear(struct pg_rows *rows);
unsigned pg_rows_count(const struct pg_rows *rows);
/* Rows that an INSERT, UPDATE or DELETE has changed. */
uint64_t pg_rows_changed(const struct pg_rows *rows);

/*
 * A value; the column's type must be what the function is for, or one that is listed. Borrowed
 * until pg_rows_clear(). NULL reads as "" with length 0, or as 0.
 */
bool pg_is_null(const struct pg_rows *rows, unsigned row, unsigned column);
const char *pg_text(const struct pg_rows *rows, unsigned row, unsigned column); /* with a NUL */
/* TEXT or BYTEA; *len may be NULL. */
const char *pg_bytes(const struct pg_rows *rows, unsigned row, unsigned column, size_t *len);
/* BIGINT, INTEGER, SMALLINT, BOOLEAN; cast what sum() or extract() gives. */
int64_t pg_number(const struct pg_rows *rows, unsigned row, unsigned column);
double pg_real(const struct pg_rows *rows, unsigned row, unsigned column); /* DOUBLE PRECISION */

/* ---- statements -------------------------------------------------------------------------- */

/*
 * Runs one statement in one round trip. It is prepared at its first use on this connection, by its
 * text. @params NULL: none. @ret NULL: rows are not wanted. Outside BEGIN and COMMIT it is a
 * transaction of its own. @what begins the line of a failure: "cannot read the events".
 */
int pg_exec(struct pg *pg, const char *sql, const struct pg_params *params, struct pg_rows *ret,
	    const char *what, struct diag *diag) MUST_CHECK;

/* Runs statements without parameters and rows, each ended by ';', in one round trip. */
int pg_script(struct pg *pg, const char *sql, const char *what, struct diag *diag) MUST_CHECK;

/*
 * A pipeline: pg_send() up to PG_SENT_MAX statements, then pg_finish(), in one round trip. The
 * first that fails stops the rest. Without BEGIN they are one transaction together. After a failed
 * pg_send() call pg_drop(). What was sent is bounded by the caller: it is in memory until the
 * server takes it.
 */
int pg_send(struct pg *pg, const char *sql, const struct pg_params *params,
	    struct diag *diag) MUST_CHECK;
/*
 * Fills ret[0..count-1] with the rows of the first @count statements that were sent; @ret NULL:
 * none is wanted. After a failure nothing is filled, *failed (NULL: not wanted) is the number of
 * the statement that failed, from 0 on.
 */
int pg_finish(struct pg *pg, struct pg_rows *ret, unsigned count, unsigned *failed,
	      const char *what, struct diag *diag) MUST_CHECK;
/* Forgets a pipeline that was not finished; the connection is lost then, unless none was sent. */
void pg_drop(struct pg *pg);

/* ---- notices ----------------------------------------------------------------------------- */

/*
 * After a LISTEN: waits up to @wait_ms for a NOTIFY, or until @wake_fd (-1: none) can be read, and
 * takes all that came. Returns how many came, or a negative error; ERR_BUSY: the connection is
 * lost.
 */
int pg_wait(struct pg *pg, unsigned wait_ms, int wake_fd, struct diag *diag) MUST_CHECK;

#endif

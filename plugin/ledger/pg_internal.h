/*
 * pg_internal.h -- what the files of a connection to PostgreSQL share; no other file includes it.
 *
 * pg.c runs statements and waits; pg_connect.c connects; pg_rows.c reads what came.
 */
#ifndef PETSTORE_PG_INTERNAL_H
#define PETSTORE_PG_INTERNAL_H

#include "ledger/pg.h"
#include "ledger/pg_lib.h"

#define PG_PREPARED_SLOTS (2 * PG_STATEMENTS_MAX) /* a power of 2, half of them in use at most */

struct pg {
	struct pg_lib lib;
	PGconn *conn;
	unsigned wait_ms;
	void (*on_wait)(void *ctx);
	void *ctx;
	struct pg_ending *ending;
	bool is_lost;
	char name[PG_SHOWN_MAX];
	char state[PG_STATE_MAX];

	/* The statements that the server has prepared, by a hash of their texts; 0: none. */
	uint64_t prepared[PG_PREPARED_SLOTS];
	unsigned prepared_count;

	/* The pipeline that was begun: of each command the hash that it prepares, or 0 for a run.
	 */
	uint64_t sent[2 * PG_SENT_MAX];
	unsigned commands;   /* in sent[] */
	unsigned statements; /* those of them that run */
};

/* "<name>: <what>: <libpq's or the server's message>", in one line. */
int pg_fail(const struct pg *pg, int err, const char *what, const char *message,
	    struct diag *diag) MUST_CHECK;

/* The error of a statement that the server answered so. Stores its SQLSTATE. */
int pg_refused(struct pg *pg, const PGresult *result, const char *what,
	       struct diag *diag) MUST_CHECK;

/* The error number that an SQLSTATE stands for. */
int pg_classify(const char *state);

/* Waits for the socket until @until_ns (CLOCK_MONOTONIC; 0: not). 1: ready; 0: the time is over. */
int pg_poll(const struct pg *pg, short events, int64_t until_ns);

#endif

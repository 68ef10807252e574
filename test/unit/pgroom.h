/*
 * pgroom.h -- a database of each test's own, at the server that PETSTORE_POSTGRES names.
 */
#ifndef PETSTORE_PGROOM_H
#define PETSTORE_PGROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/pg.h"
#include "ledger/store.h"

#define PGROOM_WAIT_MS 30000u

struct pgroom {
	char name[64];
	char conninfo[512];
};

static inline void pgroom_must(int rc, const struct diag *diag)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, diag->text);
}

static inline struct pg *pgroom_connect(const char *conninfo)
{
	const struct pg_place place = { .conninfo = conninfo, .wait_ms = PGROOM_WAIT_MS };
	struct pg *pg = NULL;
	struct diag diag;

	pgroom_must(pg_open(&place, &pg, &diag), &diag);
	return pg;
}

static inline void pgroom_script(const char *conninfo, const char *sql)
{
	struct pg *pg = pgroom_connect(conninfo);
	struct diag diag;

	pgroom_must(pg_script(pg, sql, "cannot do it", &diag), &diag);
	pg_close(pg);
}

/* The one value that a query answers, as text. */
static inline void pgroom_answers(const char *conninfo, const char *sql, const char *expected)
{
	struct pg *pg = pgroom_connect(conninfo);
	struct pg_rows rows;
	struct diag diag;

	pgroom_must(pg_exec(pg, sql, NULL, &rows, "cannot ask", &diag), &diag);
	assert_int_equal(pg_rows_count(&rows), 1);
	assert_string_equal(pg_text(&rows, 0, 0), expected);
	pg_rows_clear(&rows);
	pg_close(pg);
}

/* CMocka's set-up and tear-down: without a server the test is skipped by pgroom_at(). */
static inline int pgroom_set_up(void **state)
{
	static unsigned count;
	const char *server = getenv("PETSTORE_POSTGRES");
	struct pgroom *room = calloc(1, sizeof(*room));
	char sql[128];

	*state = room;
	if (!server)
		return 0;
	(void)snprintf(room->name, sizeof(room->name), "room_%ld_%u", (long)getpid(), count++);
	(void)snprintf(room->conninfo, sizeof(room->conninfo), "%s dbname=%s", server, room->name);
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s;", room->name);
	pgroom_script(server, sql);
	return 0;
}

static inline int pgroom_tear_down(void **state)
{
	const char *server = getenv("PETSTORE_POSTGRES");
	struct pgroom *room = *state;
	char sql[128];

	if (server) {
		(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s (FORCE);", room->name);
		pgroom_script(server, sql);
	}
	free(room);
	return 0;
}

static inline const char *pgroom_at(void **state)
{
	if (!getenv("PETSTORE_POSTGRES"))
		skip();
	return ((struct pgroom *)*state)->conninfo;
}

#endif

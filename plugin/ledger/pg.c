#include "ledger/pg.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wordhash.h"
#include "ledger/pg_internal.h"

#define MS 1000000

/* ---- what went wrong --------------------------------------------------------------------- */

int pg_fail(const struct pg *pg, int err, const char *what, const char *message, struct diag *diag)
{
	char line[DIAG_MAX];
	size_t len = 0;

	/* libpq ends each of its lines with a newline, and indents some. */
	for (; *message && len < sizeof(line) - 3; message++) {
		if (*message != '\n' && *message != '\t') {
			line[len++] = *message;
			continue;
		}
		while (message[1] == '\n' || message[1] == '\t' || message[1] == ' ')
			message++;
		if (message[1]) {
			line[len++] = ';';
			line[len++] = ' ';
		}
	}
	line[len] = '\0';
	return diag_set(diag, err, "%s: %s: %s", pg->name, what, line);
}

/*
 * PostgreSQL's manual, appendix A. A server that shuts down says 57P01 to 57P03; where it ended a
 * wait for a standby the commit has been made. 40003: the server itself does not know.
 */
int pg_classify(const char *state)
{
	static const struct {
		const char *begins;
		int err;
	} class[] = {
		{ "40003", ERR_DOUBT }, { "57P01", ERR_DOUBT }, { "57P02", ERR_DOUBT },
		{ "08", ERR_DOUBT },    { "57P03", ERR_BUSY },  { "57P04", ERR_IO },
		{ "40", ERR_BUSY },     { "55P03", ERR_BUSY },  { "57014", ERR_BUSY },
		{ "25006", ERR_BUSY },  { "53300", ERR_BUSY },  { "25P03", ERR_BUSY },
		{ "53", ERR_IO },       { "58", ERR_IO },       { "XX", ERR_IO },
		{ "28", ERR_IO },       { "3D", ERR_IO },       { "3F", ERR_IO },
		{ "42501", ERR_IO },    { "42P01", ERR_IO },    { "42703", ERR_IO },
		{ "F0", ERR_IO },       { "55000", ERR_IO },
	};

	for (size_t i = 0; i < sizeof(class) / sizeof(class[0]); i++)
		if (strncmp(state, class[i].begins, strlen(class[i].begins)) == 0)
			return class[i].err;
	return ERR_INVALID;
}

/* Has the server forgotten what it had prepared, or ended the connection? */
static bool ends_connection(const char *state)
{
	return strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0 ||
	       strcmp(state, "25P03") == 0 || strcmp(state, "26000") == 0 ||
	       strcmp(state, "0A000") == 0 || strcmp(state, "25006") == 0;
}

int pg_refused(struct pg *pg, const PGresult *result, const char *what, struct diag *diag)
{
	const char *state = pg->lib.PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = pg->lib.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	/* Without an SQLSTATE it is libpq's own: the connection broke. */
	(void)snprintf(pg->state, sizeof(pg->state), "%s", state ? state : "");
	if (!state || ends_connection(state))
		pg->is_lost = true;
	if (!state)
		return pg_fail(pg, ERR_DOUBT, what, pg->lib.PQresultErrorMessage(result), diag);
	return pg_fail(pg, pg_classify(state), what, message ? message : state, diag);
}

static int lose(struct pg *pg, int err, const char *what, const char *message, struct diag *diag)
{
	pg->is_lost = true;
	return pg_fail(pg, err, what, message, diag);
}

static int lose_late(struct pg *pg, int err, const char *what, struct diag *diag)
{
	pg->is_lost = true;
	return diag_set(diag, err, "%s: %s: no answer within %u ms", pg->name, what, pg->wait_ms);
}

bool pg_is_lost(const struct pg *pg)
{
	return pg->is_lost;
}

const char *pg_state(const struct pg *pg)
{
	return pg->state;
}

const char *pg_name(const struct pg *pg)
{
	return pg->name;
}

void pg_set_wait(struct pg *pg, unsigned wait_ms)
{
	pg->wait_ms = wait_ms;
}

void pg_set_on_wait(struct pg *pg, void (*on_wait)(void *ctx), void *ctx)
{
	pg->on_wait = on_wait;
	pg->ctx = ctx;
}

int pg_socket(const struct pg *pg)
{
	return pg->lib.PQsocket(pg->conn);
}

/* ---- waiting ----------------------------------------------------------------------------- */

/* At the end of the process: until when it waits, where that would be @until_ns. */
static int64_t end_of_wait(const struct pg *pg, int64_t now_ns, int64_t until_ns)
{
	if (atomic_load(&pg->ending->is_over))
		return now_ns;
	return until_ns < now_ns + (int64_t)PG_END_MS * MS ? until_ns
							   : now_ns + (int64_t)PG_END_MS * MS;
}

int pg_poll(const struct pg *pg, short events, int64_t until_ns)
{
	struct pollfd fd = { .fd = pg_socket(pg), .events = events };
	bool is_ending = false;

	for (;;) {
		int64_t now_ns = clock_mono_ns(), left, wait_ms;
		int rc;

		if (!is_ending && until_ns && pg->ending && atomic_load(&pg->ending->has_begun)) {
			is_ending = true;
			until_ns = end_of_wait(pg, now_ns, until_ns);
		}
		left = until_ns - now_ns;
		/* Rounded up: a wait that ends too soon would be made again and again. */
		wait_ms = left > 0 ? (left + MS - 1) / MS : 0;
		rc = poll(&fd, 1, wait_ms < PG_WAIT_MS ? (int)wait_ms : PG_WAIT_MS);
		if (rc > 0)
			return 1;
		if (rc == 0 && wait_ms <= PG_WAIT_MS) {
			if (is_ending)
				atomic_store(&pg->ending->is_over, true);
			return 0;
		}
		if (rc == 0 && pg->on_wait)
			pg->on_wait(pg->ctx);
	}
}

/* Waits until the next answer has come as a whole, and sends what is left meanwhile. */
static int await(struct pg *pg, int64_t until_ns, const char *what, struct diag *diag)
{
	for (;;) {
		int unsent = pg->lib.PQflush(pg->conn);

		if (unsent >= 0 && !pg->lib.PQisBusy(pg->conn))
			return 0;
		if (unsent >= 0 && !pg_poll(pg, unsent ? POLLIN | POLLOUT : POLLIN, until_ns))
			return lose_late(pg, ERR_DOUBT, what, diag);
		/* What the server said before it left is read also where nothing can be sent. */
		if (!pg->lib.PQconsumeInput(pg->conn))
			return lose(pg, ERR_DOUBT, what, pg->lib.PQerrorMessage(pg->conn), diag);
	}
}

/* The next result, which may be NULL; 0, or a negative error. */
static int next_result(struct pg *pg, int64_t until_ns, PGresult **ret, const char *what,
		       struct diag *diag)
{
	int rc = await(pg, until_ns, what, diag);

	*ret = rc == 0 ? pg->lib.PQgetResult(pg->conn) : NULL;
	return rc;
}

/* ---- prepared statements ----------------------------------------------------------------- */

static uint64_t hash_of(const char *sql)
{
	uint64_t hash = wordhash(0, sql, strlen(sql));

	return hash ? hash : 1;
}

/* Its place in prepared[]: where it is, or where it would be. */
static uint64_t *find_prepared(struct pg *pg, uint64_t hash)
{
	size_t at = hash & (PG_PREPARED_SLOTS - 1);

	while (pg->prepared[at] && pg->prepared[at] != hash)
		at = (at + 1) & (PG_PREPARED_SLOTS - 1);
	return &pg->prepared[at];
}

static void note_prepared(struct pg *pg, uint64_t hash)
{
	uint64_t *at = find_prepared(pg, hash);

	if (!*at)
		pg->prepared_count++;
	*at = hash;
}

/* Is it in the pipeline already? Looked for only where the server does not have it yet. */
static bool is_being_prepared(const struct pg *pg, uint64_t hash)
{
	for (unsigned i = 0; i < pg->commands; i++)
		if (pg->sent[i] == hash)
			return true;
	return false;
}

/* ---- pipelines --------------------------------------------------------------------------- */

/* Did the server end the connection while it was idle? Then nothing needs to be sent to find out.
 */
static bool has_left(struct pg *pg)
{
	if (pg->commands == 0 && pg_poll(pg, POLLIN, 0)) {
		if (!pg->lib.PQconsumeInput(pg->conn))
			pg->is_lost = true;
		(void)pg->lib.PQisBusy(pg->conn); /* reads what came: see take_notice() */
	}
	return pg->is_lost;
}

int pg_send(struct pg *pg, const char *sql, const struct pg_params *params, struct diag *diag)
{
	static const struct pg_params none;
	const struct pg_params *with = params ? params : &none;
	uint64_t hash = hash_of(sql);
	bool is_prepared = *find_prepared(pg, hash) == hash || is_being_prepared(pg, hash);
	bool is_kept = is_prepared || pg->prepared_count + pg->commands < PG_STATEMENTS_MAX;
	char name[20];
	int sent = 1;

	assert(pg->statements < PG_SENT_MAX);
	if (pg->is_lost || has_left(pg))
		return diag_set(diag, ERR_BUSY, "%s: the connection is lost", pg->name);
	(void)snprintf(name, sizeof(name), "p%016" PRIx64, hash);
	if (is_kept && !is_prepared) {
		sent = pg->lib.PQsendPrepare(pg->conn, name, sql, 0, NULL);
		if (sent)
			pg->sent[pg->commands++] = hash;
	}
	if (sent && is_kept)
		sent = pg->lib.PQsendQueryPrepared(pg->conn, name, (int)with->count, with->value,
						   with->len, with->is_binary, 1);
	else if (sent)
		sent = pg->lib.PQsendQueryParams(pg->conn, sql, (int)with->count, NULL, with->value,
						 with->len, with->is_binary, 1);
	if (!sent)
		return lose(pg, ERR_BUSY, "cannot send", pg->lib.PQerrorMessage(pg->conn), diag);
	pg->sent[pg->commands++] = 0;
	pg->statements++;
	return 0;
}

void pg_drop(struct pg *pg)
{
	if (pg->commands > 0)
		pg->is_lost = true;
	pg->commands = pg->statements = 0;
}

/* The answer of one command: a result, then NULL. */
static int take_answer(struct pg *pg, int64_t until_ns, struct pg_rows *ret, const char *what,
		       struct diag *diag)
{
	PGresult *result, *end = NULL;
	ExecStatusType status;
	int rc = next_result(pg, until_ns, &result, what, diag);

	if (rc)
		return rc;
	status = pg->lib.PQresultStatus(result); /* of NULL: PGRES_FATAL_ERROR */
	if (!result)
		return lose(pg, ERR_DOUBT, what, pg->lib.PQerrorMessage(pg->conn), diag);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		rc = pg_refused(pg, result, what, diag);
	if (rc == 0 || !pg->is_lost) {
		int ended = next_result(pg, until_ns, &end, what, rc ? NULL : diag);

		rc = rc ? rc : ended;
		pg->lib.PQclear(end);
	}
	if (rc == 0 && ret) {
		*ret = (struct pg_rows){ .pg = pg, .result = result };
		return 0;
	}
	pg->lib.PQclear(result);
	return rc;
}

/* Reads all up to the answer to the Sync, after which the connection takes the next pipeline. */
static int take_sync(struct pg *pg, int64_t until_ns, const char *what, struct diag *diag)
{
	unsigned left = 2 * pg->commands + 2; /* of each a result and a NULL */

	for (; left > 0; left--) {
		PGresult *result;
		int rc = next_result(pg, until_ns, &result, what, diag);
		bool is_sync = result && pg->lib.PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		bool is_late = result && pg->lib.PQresultStatus(result) == PGRES_FATAL_ERROR;

		/* The COMMIT that the Sync is may fail by itself. */
		if (is_late && rc == 0)
			rc = pg_refused(pg, result, what, diag);
		pg->lib.PQclear(result);
		if (rc || is_sync)
			return rc;
	}
	return lose(pg, ERR_DOUBT, what, "an answer that was not expected", diag);
}

static int take_answers(struct pg *pg, int64_t until_ns, struct pg_rows *ret, unsigned count,
			unsigned *at, const char *what, struct diag *diag)
{
	int rc = 0;

	*at = 0;
	for (unsigned i = 0; rc == 0 && i < pg->commands; i++) {
		bool is_run = pg->sent[i] == 0;

		rc = take_answer(pg, until_ns, is_run && ret && *at < count ? &ret[*at] : NULL,
				 what, diag);
		if (rc == 0 && !is_run)
			note_prepared(pg, pg->sent[i]);
		*at += rc == 0 && is_run;
	}
	return rc;
}

int pg_finish(struct pg *pg, struct pg_rows *ret, unsigned count, unsigned *failed,
	      const char *what, struct diag *diag)
{
	int64_t until_ns = clock_mono_ns() + (int64_t)pg->wait_ms * MS;
	unsigned at = 0;
	int rc, synced;

	for (unsigned i = 0; ret && i < count; i++)
		ret[i] = (struct pg_rows){ 0 };
	pg->state[0] = '\0';
	if (pg->is_lost)
		return diag_set(diag, ERR_BUSY, "%s: the connection is lost", pg->name);
	if (!pg->lib.PQpipelineSync(pg->conn))
		return lose(pg, ERR_DOUBT, what, pg->lib.PQerrorMessage(pg->conn), diag);
	rc = take_answers(pg, until_ns, ret, count, &at, what, diag);
	if (!pg->is_lost) {
		synced = take_sync(pg, until_ns, what, rc ? NULL : diag);
		rc = rc ? rc : synced;
	}
	pg->commands = pg->statements = 0;
	if (failed)
		*failed = at;
	for (unsigned i = 0; rc && ret && i < count; i++)
		pg_rows_clear(&ret[i]);
	return rc;
}

int pg_exec(struct pg *pg, const char *sql, const struct pg_params *params, struct pg_rows *ret,
	    const char *what, struct diag *diag)
{
	int rc = pg_send(pg, sql, params, diag);

	if (rc == 0)
		return pg_finish(pg, ret, 1, NULL, what, diag);
	if (ret)
		*ret = (struct pg_rows){ 0 };
	pg_drop(pg);
	return rc;
}

/* ---- scripts and notices ----------------------------------------------------------------- */

/* A query of several statements is not for a pipeline: the protocol's simple one takes them. */
static int run_script(struct pg *pg, const char *sql, const char *what, struct diag *diag)
{
	int64_t until_ns = clock_mono_ns() + (int64_t)pg->wait_ms * MS;
	PGresult *result = NULL;
	int rc = 0, waited;

	if (!pg->lib.PQsendQuery(pg->conn, sql))
		return lose(pg, ERR_BUSY, what, pg->lib.PQerrorMessage(pg->conn), diag);
	do {
		waited = next_result(pg, until_ns, &result, what, rc ? NULL : diag);
		if (waited)
			return rc ? rc : waited;
		if (result && rc == 0 && pg->lib.PQresultStatus(result) == PGRES_FATAL_ERROR)
			rc = pg_refused(pg, result, what, diag);
		pg->lib.PQclear(result);
	} while (result);
	return rc;
}

int pg_script(struct pg *pg, const char *sql, const char *what, struct diag *diag)
{
	int rc;

	pg->state[0] = '\0';
	if (pg->is_lost || !pg->lib.PQexitPipelineMode(pg->conn))
		return lose(pg, ERR_BUSY, what, "the connection is lost", diag);
	rc = run_script(pg, sql, what, diag);
	if (!pg->lib.PQenterPipelineMode(pg->conn))
		pg->is_lost = true;
	return rc;
}

static int take_notices(struct pg *pg, struct diag *diag)
{
	PGnotify *notice;
	int count = 0;

	if (!pg->lib.PQconsumeInput(pg->conn))
		return lose(pg, ERR_BUSY, "cannot wait for news", pg->lib.PQerrorMessage(pg->conn),
			    diag);
	while ((notice = pg->lib.PQnotifies(pg->conn)) != NULL) {
		pg->lib.PQfreemem(notice);
		count++;
	}
	return count;
}

int pg_wait(struct pg *pg, unsigned wait_ms, int wake_fd, struct diag *diag)
{
	struct pollfd fd[2] = { { .events = POLLIN }, { .fd = wake_fd, .events = POLLIN } };
	int count;

	if (pg->is_lost)
		return diag_set(diag, ERR_BUSY, "%s: the connection is lost", pg->name);
	fd[0].fd = pg_socket(pg);
	count = take_notices(pg, diag);
	if (count != 0)
		return count;
	if (poll(fd, wake_fd < 0 ? 1 : 2, (int)wait_ms) <= 0)
		return 0;
	return fd[0].revents ? take_notices(pg, diag) : 0;
}

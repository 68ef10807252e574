/*
 * pg_connect.c -- connects to PostgreSQL, within a bound.
 *
 * libpq tries the hosts of a connection string one after the other, but a host that does not answer
 * would use up the whole bound: each is tried by itself, for its part of it.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/pg_check.h"
#include "ledger/pg_internal.h"

#define MS 1000000
#define KEYWORDS_MAX 64u /* of libpq: it knows some 45 */

/* ---- what is shown ----------------------------------------------------------------------- */

static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val && *options->val ? options->val : NULL;
	return NULL;
}

static void show(const PQconninfoOption *options, const char *host, const char *port, char *ret)
{
	const char *const part[][2] = {
		{ "service", option(options, "service") },
		{ "host", host ? host : option(options, "hostaddr") },
		{ "port", port },
		{ "dbname", option(options, "dbname") },
	};
	size_t len = 0;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]) && len < PG_SHOWN_MAX; i++)
		if (part[i][1])
			len += (size_t)snprintf(ret + len, PG_SHOWN_MAX - len, "%s%s=%s",
						len ? " " : "", part[i][0], part[i][1]);
	if (len == 0)
		(void)snprintf(ret, PG_SHOWN_MAX, "PostgreSQL");
}

/* Has a host of the list a '@' that does not begin it, as that of an abstract socket does? */
static bool has_at_within(const char *hosts)
{
	for (const char *at = hosts; at && (at = strchr(at, '@')) != NULL; at++)
		if (at > hosts && at[-1] != ',')
			return true;
	return false;
}

/*
 * In a URI a '@', '/' or ':' of the password must be escaped. Where it is not, a part of the
 * password is read as the host, the port or the database's name, which messages show.
 */
static bool is_sound(const char *conninfo, const PQconninfoOption *options)
{
	const char *name = option(options, "dbname"), *port = option(options, "port");

	if (port && port[strspn(port, "0123456789,")])
		return false;
	if (has_at_within(option(options, "host")))
		return false;
	return !strstr(conninfo, "://") || !name || !strchr(name, '@');
}

const char *pg_shown(const char *conninfo, char *ret)
{
	struct pg_lib lib;
	PQconninfoOption *options = NULL;

	(void)snprintf(ret, PG_SHOWN_MAX, "PostgreSQL");
	if (pg_lib_open(&lib, NULL) != 0)
		return ret;
	options = lib.PQconninfoParse(conninfo, NULL);
	if (options) {
		if (is_sound(conninfo, options))
			show(options, option(options, "host"), option(options, "port"), ret);
		lib.PQconninfoFree(options);
	}
	pg_lib_close(&lib);
	return ret;
}

/* ---- one host ---------------------------------------------------------------------------- */

/* What libpq is given: its keywords and their values, ended by NULL. */
struct keywords {
	const char *keyword[KEYWORDS_MAX + 1];
	const char *value[KEYWORDS_MAX + 1];
	unsigned count;
};

static void put(struct keywords *keywords, const char *keyword, const char *value)
{
	if (!value || keywords->count == KEYWORDS_MAX)
		return;
	keywords->keyword[keywords->count] = keyword;
	keywords->value[keywords->count++] = value;
}

/* Warnings are for nobody; a server that ends an idle connection says so first. */
static void take_notice(void *ctx, const PGresult *notice)
{
	struct pg *pg = ctx;
	const char *severity = pg->lib.PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		pg->is_lost = true;
}

/* Connects as @keywords say until @until_ns. 0, ERR_BUSY, ERR_IO, ERR_NOMEM. */
static int connect_one(struct pg *pg, const struct keywords *keywords, int64_t until_ns,
		       struct diag *diag)
{
	static const char what[] = "cannot connect";
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	pg->conn = pg->lib.PQconnectStartParams(keywords->keyword, keywords->value, 0);
	if (!pg->conn)
		return diag_nomem(diag);
	(void)pg->lib.PQsetNoticeReceiver(pg->conn, take_notice, pg);
	if (pg->lib.PQstatus(pg->conn) == CONNECTION_BAD)
		return pg_fail(pg, ERR_BUSY, what, pg->lib.PQerrorMessage(pg->conn), diag);
	while (next != PGRES_POLLING_OK) {
		if (!pg_poll(pg, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ns))
			return pg_fail(pg, ERR_BUSY, what, "no answer in time", diag);
		next = pg->lib.PQconnectPoll(pg->conn);
		if (next == PGRES_POLLING_FAILED)
			return pg_fail(pg, ERR_BUSY, what, pg->lib.PQerrorMessage(pg->conn), diag);
	}
	if (pg->lib.PQsetnonblocking(pg->conn, 1) || !pg->lib.PQenterPipelineMode(pg->conn))
		return pg_fail(pg, ERR_BUSY, what, pg->lib.PQerrorMessage(pg->conn), diag);
	return 0;
}

/*
 * libpq tells no SQLSTATE of a connection that failed: where the server itself refused it, the
 * message says "FATAL", in English or not. That does not get better by trying again soon, unless
 * the server is starting, stopping or full.
 */
static int refusal_of(const struct pg *pg, int rc)
{
	static const char *const passing[] = {
		"starting up",          "shutting down",    "recovery",   "too many clients",
		"too many connections", "connection slots", "terminating"
	};
	const char *message = pg->conn ? pg->lib.PQerrorMessage(pg->conn) : "";

	if (rc != ERR_BUSY || (!strstr(message, "FATAL") && !strstr(message, "password")))
		return rc;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strstr(message, passing[i]))
			return rc;
	return ERR_IO;
}

/* ---- all of them ------------------------------------------------------------------------- */

/* Copies entry @at of a list with commas to @ret; its only entry is for all. NULL: there is none.
 */
static const char *entry_of(const char *list, unsigned at, char *ret, size_t cap)
{
	size_t len;

	if (!list)
		return NULL;
	if (!strchr(list, ','))
		return list;
	for (; at > 0 && list; at--) {
		list = strchr(list, ',');
		list = list ? list + 1 : NULL;
	}
	if (!list)
		return NULL;
	len = strcspn(list, ",");
	(void)snprintf(ret, cap, "%.*s", (int)len, list);
	return ret;
}

static unsigned entries(const char *list)
{
	unsigned count = 1;

	for (; list && (list = strchr(list, ',')) != NULL; list++)
		count++;
	return count;
}

/* The text of a host, an address or a port. */
#define HOST_MAX 256u

/* Connects to host number @at of @options. */
static int connect_to(struct pg *pg, const struct pg_place *place, const PQconninfoOption *options,
		      unsigned at, int64_t until_ns, struct diag *diag)
{
	static const char *const own[] = { "host", "hostaddr", "port" };
	char text[3][HOST_MAX];
	const char *of_host[3];
	struct keywords keywords = { 0 };

	/* libpq reads the environment and the service's file by itself, where these are not set. */
	for (size_t i = 0; i < 3; i++) {
		of_host[i] = entry_of(option(options, own[i]), at, text[i], HOST_MAX);
		put(&keywords, own[i], of_host[i]);
	}
	if (!option(options, "application_name"))
		put(&keywords, "application_name", place->application);
	put(&keywords, "client_encoding", "UTF8");
	for (const PQconninfoOption *o = options; o->keyword; o++)
		if (strcmp(o->keyword, own[0]) != 0 && strcmp(o->keyword, own[1]) != 0 &&
		    strcmp(o->keyword, own[2]) != 0 && strcmp(o->keyword, "client_encoding") != 0)
			put(&keywords, o->keyword, o->val && *o->val ? o->val : NULL);
	show(options, of_host[0], of_host[2], pg->name);
	return connect_one(pg, &keywords, until_ns, diag);
}

static void hang_up(struct pg *pg)
{
	if (pg->conn)
		pg->lib.PQfinish(pg->conn);
	pg->conn = NULL;
}

/* One host after the other, as they failed: each may say what an operator must know. */
static void add_failure(struct diag *diag, const struct diag *one)
{
	struct diag before;

	if (!diag)
		return;
	before = *diag;
	(void)diag_set(diag, 0, "%s%s%s", before.text, before.text[0] ? "; " : "", one->text);
}

/* The first host that takes us. */
static int connect_any(struct pg *pg, const struct pg_place *place, const PQconninfoOption *options,
		       struct diag *diag)
{
	const char *hosts = option(options, "host");
	unsigned count = entries(hosts ? hosts : option(options, "hostaddr"));
	int64_t end_ns = clock_mono_ns() + (int64_t)place->wait_ms * MS;
	struct diag one, all;
	int rc = ERR_BUSY, worst = 0;

	diag_init(&all);
	if (count > PG_HOSTS_MAX)
		return diag_set(diag, ERR_INVALID, "%s: more than %u hosts", pg->name,
				PG_HOSTS_MAX);
	for (unsigned i = 0; rc && rc != ERR_NOMEM && i < count; i++) {
		int64_t now_ns = clock_mono_ns();

		diag_init(&one);
		rc = connect_to(pg, place, options, i, now_ns + (end_ns - now_ns) / (count - i),
				&one);
		if (rc == 0)
			return 0;
		rc = refusal_of(pg, rc);
		hang_up(pg);
		if (worst == 0 || worst == ERR_BUSY)
			worst = rc;
		add_failure(&all, &one);
	}
	if (diag)
		*diag = all;
	return worst;
}

/* What the session is, beside libpq's defaults. */
static int set_session(struct pg *pg, const struct pg_place *place, struct diag *diag)
{
	const char *encoding = pg->lib.PQparameterStatus(pg->conn, "server_encoding");
	char sql[64];

	if (encoding && strcmp(encoding, "UTF8") != 0)
		return diag_set(diag, ERR_INVALID,
				"%s: the database's encoding is %s, it must be UTF8", pg->name,
				encoding);
	if (place->statement_ms == 0)
		return 0;
	(void)snprintf(sql, sizeof(sql), "SET statement_timeout = %u", place->statement_ms);
	return pg_script(pg, sql, "cannot set up the connection", diag);
}

int pg_open(const struct pg_place *place, struct pg **ret, struct diag *diag)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	PQconninfoOption *options;
	char *message = NULL;
	int rc;

	if (!pg)
		return diag_nomem(diag);
	pg->wait_ms = place->wait_ms;
	pg_set_on_wait(pg, place->on_wait, place->ctx);
	pg->ending = place->ending;
	(void)snprintf(pg->name, sizeof(pg->name), "PostgreSQL");
	rc = pg_lib_open(&pg->lib, diag);
	if (rc)
		goto out;
	options = pg->lib.PQconninfoParse(place->conninfo, &message);
	if (options && is_sound(place->conninfo, options))
		rc = connect_any(pg, place, options, diag);
	else
		rc = pg_check_malformed(place->conninfo, message, diag);
	pg->lib.PQfreemem(message);
	if (options)
		pg->lib.PQconninfoFree(options);
	if (rc == 0)
		rc = set_session(pg, place, diag);
	if (rc)
		goto out;
	*ret = pg;
	pg = NULL; /* handed over */
out:
	pg_close(pg);
	return rc;
}

void pg_close(struct pg *pg)
{
	if (!pg)
		return;
	hang_up(pg);
	pg_lib_close(&pg->lib);
	free(pg);
}

/*
 * petstorectl brokers: who shares the database, who of them is alive, and what each has yet to
 * carry there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/tables.h"

#define NAME "brokers"

/* A broker says once a second that it is there; its name is free after as long as this. */
#define ALIVE_MS 5000

static const struct output_column columns[] = {
	{ "name", "broker", OUTPUT_PLAIN },
	{ "state", "state", OUTPUT_PLAIN },
	{ "applied_seq", "carried", OUTPUT_PLAIN },
	{ "waiting", "waiting", OUTPUT_PLAIN },
	{ "lag", "lag", OUTPUT_PLAIN },
	{ "overruled", "overruled", OUTPUT_PLAIN },
	{ "seen", "seen", OUTPUT_PLAIN },
	{ .key = NULL },
};

/* For a person: is it alive, or when was it seen last; how old is the oldest write that waits. */
static void add_words(json_t *row, bool is_alive, int64_t seen_ms)
{
	char time[CLOCK_TEXT_MAX], lag[32];
	int64_t lag_ms = json_integer_value(json_object_get(row, "lag_ms"));

	(void)snprintf(lag, sizeof(lag), "%.3g s", (double)lag_ms / 1000);
	(void)json_object_set_new(row, "lag", json_string(lag));
	(void)json_object_set_new(row, "state", json_string(is_alive ? "alive" : "silent"));
	(void)json_object_set_new(row, "seen",
				  json_string(is_alive ? "now" : clock_print(seen_ms, time)));
}

/* Adds who is alive to @list. Returns how many are not. */
static size_t judge(const struct ctl_call *call, json_t *list, int64_t now_ms)
{
	size_t silent = 0, i;
	json_t *row;

	json_array_foreach(list, i, row) {
		int64_t seen_ms = json_integer_value(json_object_get(row, "seen_at"));
		bool is_alive = now_ms - seen_ms < ALIVE_MS;

		(void)json_object_set_new(row, "alive", json_boolean(is_alive));
		if (!call->is_json)
			add_words(row, is_alive, seen_ms);
		silent += !is_alive;
	}
	return silent;
}

static int list(struct query *query, struct ctl_call *call)
{
	struct query_wanted ask = { .table = NAME, .order = "name" };
	json_t *found = json_array();
	int status = CTL_FAILED;

	if (!query_has(query, NAME))
		(void)diag_set(&call->diag, ERR_INVALID,
			       "%s: is one broker's own; a PostgreSQL database is shared, and "
			       "says which brokers do",
			       call->files.database);
	else if (query_rows(query, &ask, tables_collect, found, &call->diag) == 0)
		status = judge(call, found, clock_unix_ms()) > 0 ? CTL_NO : CTL_OK;
	if (status != CTL_FAILED)
		ctl_rows(call, found, columns);
	json_decref(found);
	return status;
}

static int run(struct ctl_call *call)
{
	struct query *query = NULL;
	int status = CTL_FAILED;

	if (tables_open(&call->files, &query, &call->diag) == 0)
		status = list(query, call);
	query_close(query);
	return status;
}

const struct ctl_command ctl_brokers = {
	.name = NAME,
	.arguments = "[--config FILE] [--database PLACE] [--json]",
	.summary = "the brokers that share the database: who is alive, and how far each is carried",
	.help = "carried: the last write of the broker's journal that the database has; waiting:\n"
		"how many are not there yet, and lag: how old the oldest of them is. overruled:\n"
		"how many of its steps another broker's came before. With --json also host, start\n"
		"and the version of the tables that it knows. Exit status 1: one is silent.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_DATABASE,
	.run = run,
};

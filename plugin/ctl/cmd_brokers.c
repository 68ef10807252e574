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
#include "ledger/others.h"

#define NAME "brokers"

#define LATE_MS 2000 /* a sign is given each second */

static const char silent[] = "silent", alive[] = "alive", refuses[] = "refuses";

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

/*
 * For a person: when it was seen last, where that is not now, and how old the oldest write was then
 * that waited.
 */
static void add_words(json_t *row, const char *state, int64_t seen_ms, int64_t now_ms)
{
	char seen[CLOCK_TEXT_MAX] = "", lag[32];
	int64_t lag_ms = json_integer_value(json_object_get(row, "lag_ms"));

	if (state == silent)
		(void)clock_print(seen_ms, seen);
	else if (state == alive && now_ms - seen_ms >= LATE_MS)
		(void)snprintf(seen, sizeof(seen), "%lld s ago",
			       (long long)(now_ms - seen_ms) / 1000);
	(void)snprintf(lag, sizeof(lag), "%.3g s", (double)lag_ms / 1000);
	(void)json_object_set_new(row, "lag", json_string(lag));
	(void)json_object_set_new(row, "seen", json_string(seen));
}

static const char *state_of(int64_t seen_ms, int64_t now_ms)
{
	if (seen_ms == OTHERS_SEEN_STOPPED)
		return "stopped";
	if (seen_ms == OTHERS_SEEN_REFUSES)
		return refuses;
	return now_ms - seen_ms < OTHERS_ALIVE_MS ? alive : silent;
}

/* Adds what each is to @list. Returns how many are silent, or take no writes. */
static size_t judge(const struct ctl_call *call, json_t *list, int64_t now_ms)
{
	size_t count = 0, i;
	json_t *row;

	json_array_foreach(list, i, row) {
		int64_t seen_ms = json_integer_value(json_object_get(row, "seen_at"));
		const char *state = state_of(seen_ms, now_ms);

		(void)json_object_set_new(row, "state", json_string(state));
		if (!call->is_json)
			add_words(row, state, seen_ms, now_ms);
		count += state == silent || state == refuses;
	}
	return count;
}

static int list(struct query *query, struct ctl_call *call)
{
	struct query_wanted ask = { .table = NAME, .order = "name" };
	json_t *found = json_array();
	int status = CTL_FAILED;
	int64_t now_ms;

	if (!query_has(query, NAME))
		(void)diag_set(&call->diag, ERR_INVALID,
			       "%s: is one broker's own; a PostgreSQL database is shared, and "
			       "says which brokers do",
			       call->files.database);
	else if (query_rows(query, &ask, tables_collect, found, &call->diag) == 0 &&
		 query_now(query, &now_ms, &call->diag) == 0)
		status = judge(call, found, now_ms) > 0 ? CTL_NO : CTL_OK;
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
	.help = "A broker that has ended well is stopped; one that gives no sign for five seconds\n"
		"is silent; one that refuses takes no writes, since its database is an older\n"
		"copy, or another one: its log says more. carried: the last write of its journal "
		"that the database has;\n"
		"waiting: how many are not there yet, and lag: how old the oldest of them is.\n"
		"overruled: how many steps that it had accepted do not count, because a step of\n"
		"another broker that contradicts them reached the database first. waiting and\n"
		"lag are as the broker said them in its last sign, of which it gives one each\n"
		"second: seen says how old that is, where it is late. With --json also host,\n"
		"start and the version of the tables that it knows. Exit status 1: one is\n"
		"silent, or refuses.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_DATABASE,
	.run = run,
};

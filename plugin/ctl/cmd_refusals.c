/*
 * petstorectl refusals: what was refused, from the database.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/reason.h"
#include "ctl/args.h"
#include "ctl/cells.h"
#include "ctl/ctl.h"
#include "ctl/files.h"
#include "ctl/output.h"

#define NAME "refusals"
#define FOLLOW_MS 300

struct wanted {
	struct files files;
	const char *client, *user, *topic, *reason, *id, *since, *until, *by;
	long limit;
	bool follow;
	bool json;
};

/* clang-format off */
#define TEXT(name, value, help) { #name, ARGS_TEXT, value, help, offsetof(struct wanted, name), 0, 0 }
static const struct args_row rows[] = {
	TEXT(client, "ID", "of this client"),
	TEXT(user, "USER", "of this user"),
	TEXT(topic, "PREFIX", "of topics that begin so"),
	TEXT(reason, "CODE", "for this reason"),
	TEXT(id, "DECISION", "with this decision id, as log and notice have it"),
	TEXT(since, "TIME", "not before (RFC 3339, UTC)"),
	TEXT(until, "TIME", "not after"),
	TEXT(by, "WHAT", "counted by reason, client, user or topic"),
	{ "limit", ARGS_NUMBER, "N", "at most so many, the latest (50; 0: all)",
	  offsetof(struct wanted, limit), 0, 1000000000 },
	{ "follow", ARGS_SWITCH, NULL, "go on with what comes; JSON is then one object a line",
	  offsetof(struct wanted, follow), 0, 0 },
	{ "json", ARGS_SWITCH, NULL, "JSON", offsetof(struct wanted, json), 0, 0 },
	FILES_ROW_CONFIG(struct wanted, files),
	FILES_ROW_DATABASE(struct wanted, files),
	{ .name = NULL },
};

static const struct {
	const char *word, *column;
} groups[] = {
	{ "reason", "reason" }, { "client", "client_id" }, { "user", "principal" },
	{ "topic", "topic" },
};

static const struct output_column columns[] = {
	{ "time", "time" }, { "decision_id", "decision" }, { "what", "what" },
	{ "topic", "topic" }, { "principal", "user" }, { "client_id", "client" },
	{ "reason", "reason" }, { "where", "where" }, { "message", "message" }, { NULL, NULL },
};
/* clang-format on */

static size_t set_filters(const struct wanted *wanted, struct query_filter *filter)
{
	const struct query_filter all[] = {
		{ "client_id", QUERY_IS, wanted->client }, { "principal", QUERY_IS, wanted->user },
		{ "topic", QUERY_BEGINS, wanted->topic },  { "reason", QUERY_IS, wanted->reason },
		{ "decision_id", QUERY_IS, wanted->id },   { "time", QUERY_FROM, wanted->since },
		{ "time", QUERY_UNTIL, wanted->until },
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].text)
			filter[count++] = all[i];
	return count;
}

/* Two members for a person: what was done, whether it passed all the same, or cost the connection.
 */
static void add_words(json_t *row)
{
	char what[64];
	bool is_observed = json_integer_value(json_object_get(row, "observed")) != 0;
	bool is_closed = json_integer_value(json_object_get(row, "closed")) != 0;

	(void)snprintf(what, sizeof(what), "%s%s", cells_text(row, "action"),
		       is_observed ? " (observed)"
		       : is_closed ? " (closed)"
				   : "");
	(void)json_object_set_new(row, "what", json_string(what));
	(void)json_object_set(row, "where", json_object_get(row, "pointer"));
}

static void print(json_t *list, const struct wanted *wanted)
{
	size_t i;
	json_t *row;

	if (wanted->json && !wanted->follow) {
		(void)output_print_json(list);
		return;
	}
	json_array_foreach(list, i, row) {
		if (!wanted->json)
			add_words(row);
		else if (json_dumpf(row, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
			(void)puts("");
	}
	if (!wanted->json)
		output_print(list, columns);
	(void)fflush(stdout);
}

/* Asked for from the end, shown from the beginning. */
static void reverse(json_t *list)
{
	size_t count = json_array_size(list);

	for (size_t i = 1; i < count; i++) {
		json_t *row = json_incref(json_array_get(list, i));

		(void)json_array_remove(list, i);
		(void)json_array_insert_new(list, 0, row);
	}
}

static int count_by(struct query *query, const struct wanted *wanted, struct diag *diag)
{
	static const struct output_column counted[] = { { "count", "count" },
							{ "what", "what" },
							{ "first", "first" },
							{ "last", "last" },
							{ NULL, NULL } };
	struct query_filter filter[QUERY_FILTERS_MAX];
	struct query_wanted ask = { .table = NAME,
				    .filter = filter,
				    .filter_count = set_filters(wanted, filter),
				    .limit = (uint64_t)wanted->limit };
	json_t *list = json_array();
	const char *column = NULL;
	json_t *row;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(wanted->by, groups[i].word) == 0)
			column = groups[i].column;
	if (!column)
		return diag_set(diag, ERR_INVALID, "--by: expected reason, client, user or topic");
	rc = query_groups(query, &ask, column, "time", cells_collect, list, diag);
	if (rc == 0 && !wanted->json) {
		json_array_foreach(list, i, row)
			(void)json_object_set(row, "what", json_object_get(row, column));
		output_print(list, counted);
	} else if (rc == 0) {
		(void)output_print_json(list);
	}
	json_decref(list);
	return rc;
}

/* Rows beyond seq *last, in order; *last moves on. Without one: the latest. */
static int show(struct query *query, const struct wanted *wanted, int64_t *last, struct diag *diag)
{
	struct query_filter filter[QUERY_FILTERS_MAX + 1];
	struct query_wanted ask = { .table = NAME,
				    .filter = filter,
				    .filter_count = set_filters(wanted, filter),
				    .order = "seq",
				    .is_descending = *last < 0,
				    .limit = *last < 0 ? (uint64_t)wanted->limit : 0 };
	json_t *list = json_array();
	char number[24];
	size_t count;
	int rc;

	(void)snprintf(number, sizeof(number), "%" PRId64, *last);
	if (*last >= 0)
		filter[ask.filter_count++] = (struct query_filter){ "seq", QUERY_AFTER, number };
	rc = query_rows(query, &ask, cells_collect, list, diag);
	if (rc == 0) {
		if (ask.is_descending)
			reverse(list);
		count = json_array_size(list);
		if (count > 0)
			*last = json_integer_value(
				json_object_get(json_array_get(list, count - 1), "seq"));
		if (count > 0 || !wanted->follow)
			print(list, wanted);
	}
	json_decref(list);
	return rc;
}

static int follow(struct query *query, const struct wanted *wanted, struct diag *diag)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	int64_t last = -1;
	int rc;

	/* A reader that goes away ends the listing. */
	while ((rc = show(query, wanted, &last, diag)) == 0 && !ferror(stdout)) {
		if (last < 0)
			last = 0;
		(void)nanosleep(&pause, NULL);
	}
	return rc;
}

static int answer(const struct wanted *wanted, struct diag *diag)
{
	struct query *query = NULL;
	int64_t last = -1;
	int rc;

	if (!wanted->files.database)
		return diag_set(diag, ERR_INVALID,
				"--database FILE is missing, or --config FILE, a mosquitto.conf");
	rc = query_open(wanted->files.database, &query, diag);
	if (rc == 0 && !query_has(query, NAME))
		rc = diag_set(diag, ERR_VERSION,
			      "%s: has no table refusals: an older plugin's, not started since",
			      wanted->files.database);
	else if (rc == 0 && wanted->by)
		rc = count_by(query, wanted, diag);
	else if (rc == 0)
		rc = wanted->follow ? follow(query, wanted, diag)
				    : show(query, wanted, &last, diag);
	query_close(query);
	return rc;
}

static int run(int argc, char **argv)
{
	struct wanted wanted = { .limit = 50 };
	struct diag diag;
	int rc;

	if (args_read(&ctl_refusals, argc, argv, &wanted) < 0)
		return CTL_FAILED;
	diag_init(&diag);
	rc = files_find(&wanted.files, &diag);
	if (rc == 0)
		rc = answer(&wanted, &diag);
	files_clear(&wanted.files);
	return rc ? ctl_fail(NAME, "%s", diag.text) : CTL_OK;
}

const struct ctl_command ctl_refusals = {
	.name = NAME,
	.arguments = "[--client ID] [--reason CODE] [--by WHAT] [--follow] [OPTION...]",
	.summary = "what was refused, or observed, and why",
	.help = "The broker may be running; rows come a moment after the refusal.\n",
	.options = rows,
	.run = run,
};

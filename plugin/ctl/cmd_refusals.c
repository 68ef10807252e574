/*
 * petstorectl refusals: what was refused, from the database; and one of these published again, by
 * a running broker's plugin.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/reason.h"
#include "monitor/control.h"
#include "ctl/args.h"
#include "ctl/control_args.h"
#include "ctl/tables.h"
#include "report/rowjson.h"
#include "ctl/ctl.h"

#define NAME "refusals"
#define FOLLOW_MS 300

struct refusals_args {
	struct control_args control; /* for @resend; first, see control_args.h */
	const char *resend;
	const char *client, *user, *topic, *message, *reason, *id, *by;
	char since[ARGS_TIME_MAX], until[ARGS_TIME_MAX];
	long limit;
	bool follow;
};

static const struct refusals_args defaults = { .control.broker.timeout_s = 10, .limit = 50 };

/* Of all reasons; the first two are no refusal's. */
#define X(reason, code, ...) " " code
static const char codes[] = REASON_TABLE(X);
#undef X

/* clang-format off */
#define AT(member) .offset = offsetof(struct refusals_args, member)
static const struct args_row rows[] = {
	{ "client", ARGS_TEXT, "ID", "of this client", AT(client) },
	{ "user", ARGS_TEXT, "USER", "of this user; with --resend: as this one", AT(user) },
	{ "topic", ARGS_TEXT, "PREFIX", "of topics that begin so", AT(topic) },
	{ "message", ARGS_TEXT, "NAME", "that are nearest to this message of the contract",
	  AT(message) },
	{ "reason", ARGS_WORD, "CODE", "for this reason (`help reasons` lists them)", AT(reason),
	  .words = &codes[sizeof(" internal-error allowed ") - 1] },
	{ "id", ARGS_TEXT, "DECISION", "with this decision id, as log and notice have it", AT(id) },
	{ "since", ARGS_TIME, "TIME", "not before", AT(since) },
	{ "until", ARGS_TIME, "TIME", "not after", AT(until) },
	{ "by", ARGS_WORD, "WHAT", "counted by reason, client, user or topic", AT(by),
	  .words = "reason client user topic" },
	{ "limit", ARGS_NUMBER, "N", "at most so many, latest first (50; 0: all)",
	  AT(limit), 0, 1000000000 },
	{ "follow", ARGS_SWITCH, NULL, "go on with what comes; JSON is then one object a line",
	  AT(follow) },
	{ "resend", ARGS_TEXT, "DECISION",
	  "publish the refused message with this decision id again, once what was wrong is mended",
	  AT(resend) },
	{ "operator", ARGS_TEXT, "NAME", "with --resend: the user who asks for it",
	  AT(control.broker.user) },
	{ "host", ARGS_TEXT, "NAME", "its broker (localhost, or as --config has it)",
	  AT(control.broker.host) },
	{ "port", ARGS_NUMBER, "N", "and its port (8883, or as --config has it)",
	  AT(control.broker.port), 1, 65535 },
	{ "cafile", ARGS_FILE, "FILE", "who signed its certificate; without it no TLS",
	  AT(control.broker.ca_file) },
	{ "cert", ARGS_FILE, "FILE", "the operator's certificate", AT(control.broker.certificate) },
	{ "key", ARGS_FILE, "FILE", "and its key", AT(control.broker.key) },
	{ "password-file", ARGS_FILE, "FILE",
	  "its first line is the operator's password, - is standard input; else it is asked for",
	  AT(control.password_file) },
	{ .name = NULL },
};

static const struct output_column columns[] = {
	{ "time", "time", OUTPUT_PLAIN }, { "decision_id", "decision", OUTPUT_PLAIN },
	{ "what", "what", OUTPUT_PLAIN }, { "topic", "topic", OUTPUT_PLAIN },
	{ "principal", "user", OUTPUT_PLAIN }, { "client_id", "client", OUTPUT_PLAIN },
	{ "reason", "reason", OUTPUT_RED }, { "where", "where", OUTPUT_PLAIN },
	{ "message", "message", OUTPUT_PLAIN }, { .key = NULL },
};
/* clang-format on */

static size_t set_filters(const struct refusals_args *args, struct query_filter *filter)
{
	const struct query_filter all[] = {
		{ "client_id", QUERY_IS, args->client },     { "principal", QUERY_IS, args->user },
		{ "topic", QUERY_BEGINS, args->topic },      { "reason", QUERY_IS, args->reason },
		{ "message_name", QUERY_IS, args->message }, { "decision_id", QUERY_IS, args->id },
		{ "time", QUERY_FROM, args->since },         { "time", QUERY_UNTIL, args->until },
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].text && all[i].text[0])
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

	(void)snprintf(what, sizeof(what), "%s%s", tables_text(row, "action"),
		       is_observed ? " (observed)"
		       : is_closed ? " (closed)"
				   : "");
	(void)json_object_set_new(row, "what", json_string(what));
	(void)json_object_set(row, "where", json_object_get(row, "pointer"));
}

static void print(json_t *list, const struct ctl_call *call, bool is_followed)
{
	size_t i;
	json_t *row;

	json_array_foreach(list, i, row) {
		if (!call->is_json)
			add_words(row);
		else if (is_followed &&
			 json_dumpf(row, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
			(void)puts("");
	}
	if (!is_followed)
		ctl_rows(call, list, columns);
	else if (!call->is_json)
		output_rows(&call->output, list, columns);
	if (is_followed)
		(void)fflush(stdout); /* what it does not take, main() finds */
}

/* A query_visit: what is asked for from the end is shown from the beginning. */
static bool collect_first(const struct query_row *row, void *ctx)
{
	return json_array_insert_new(ctx, 0, rowjson(row, 0)) == 0;
}

static int count_by(struct query *query, struct ctl_call *call)
{
	static const struct output_column counted[] = {
		{ "count", "count", OUTPUT_PLAIN },
		{ "what", "what", OUTPUT_PLAIN },
		{ "first", "first", OUTPUT_PLAIN },
		{ "last", "last", OUTPUT_PLAIN },
		{ .key = NULL },
	};
	const struct refusals_args *args = call->args;
	struct query_filter filter[QUERY_FILTERS_MAX];
	struct query_wanted ask = { .table = NAME,
				    .filter = filter,
				    .filter_count = set_filters(args, filter),
				    .limit = (uint64_t)args->limit };
	json_t *list = json_array();
	const char *column = strcmp(args->by, "client") == 0 ? "client_id"
			     : strcmp(args->by, "user") == 0 ? "principal"
							     : args->by;
	json_t *row;
	size_t i;
	int rc = query_groups(query, &ask, column, "time", tables_collect, list, &call->diag);

	json_array_foreach(list, i, row)
		if (!call->is_json)
			(void)json_object_set(row, "what", json_object_get(row, column));
	if (!rc)
		ctl_rows(call, list, counted);
	json_decref(list);
	return rc;
}

/* Rows beyond seq *last, in order; *last moves on. Without one: the latest. */
static int show(struct query *query, struct ctl_call *call, int64_t *last)
{
	const struct refusals_args *args = call->args;
	struct query_filter filter[QUERY_FILTERS_MAX + 1];
	struct query_wanted ask = { .table = NAME,
				    .filter = filter,
				    .filter_count = set_filters(args, filter),
				    .order = "seq",
				    .is_descending = *last < 0,
				    .limit = *last < 0 ? (uint64_t)args->limit : 0 };
	json_t *list = json_array();
	char number[24];
	size_t count;
	int rc;

	(void)snprintf(number, sizeof(number), "%" PRId64, *last);
	if (*last >= 0)
		filter[ask.filter_count++] = (struct query_filter){ "seq", QUERY_AFTER, number };
	rc = query_rows(query, &ask,
			ask.is_descending && args->follow ? collect_first : tables_collect, list,
			&call->diag);
	if (rc)
		goto out;
	count = json_array_size(list);
	if (count > 0)
		*last = json_integer_value(json_object_get(json_array_get(list, count - 1), "seq"));
	if (count > 0 || !args->follow)
		print(list, call, args->follow);
out:
	json_decref(list);
	return rc;
}

static int follow(struct query *query, struct ctl_call *call)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	int64_t last = -1;
	int rc;

	/* A reader that goes away ends the listing. */
	while ((rc = show(query, call, &last)) == 0 && !ferror(stdout)) {
		if (last < 0)
			last = 0;
		(void)nanosleep(&pause, NULL);
	}
	return rc;
}

static int answer(struct query *query, struct ctl_call *call)
{
	const struct refusals_args *args = call->args;
	int64_t last = -1;

	if (!query_has(query, NAME))
		return diag_set(&call->diag, ERR_VERSION,
				"%s: has no table refusals: an older plugin's, not started since",
				call->files.database);
	if (args->by)
		return count_by(query, call);
	return args->follow ? follow(query, call) : show(query, call, &last);
}

/* ---- publishing one again ---------------------------------------------------------------- */

static int print_resent(const struct ctl_call *call, const json_t *data)
{
	const struct refusals_args *args = call->args;
	bool is_accepted = json_is_true(json_object_get(data, "accepted"));
	json_int_t event = json_integer_value(json_object_get(data, "event"));

	if (call->is_json) {
		output_json(data);
		return is_accepted ? CTL_OK : CTL_NO;
	}
	(void)printf("%s: %s, sent by %s, published as %s", is_accepted ? "accepted" : "refused",
		     tables_text(data, "topic"), tables_text(data, "sentBy"), args->user);
	if (event > 0)
		(void)printf(", event %lld", (long long)event);
	if (json_object_get(data, "reason"))
		(void)printf(": %s: %s%s%s", tables_text(data, "reason"),
			     tables_text(data, "field"), tables_text(data, "field")[0] ? ": " : "",
			     tables_text(data, "message"));
	(void)puts("");
	return is_accepted ? CTL_OK : CTL_NO;
}

static int resend(struct ctl_call *call)
{
	struct refusals_args *args = call->args;
	json_t *data = NULL;
	int status;

	if (!args->user || !args->user[0])
		return ctl_fail(call->name,
				"--resend %s: expected --user USER too, as whom it is "
				"published",
				args->resend);
	args->control.topic = CONTROL_RESEND_TOPIC;
	status = control_args_ask(call,
				  json_pack("{ss ss ss}", "command", "resend", "id", args->resend,
					    "username", args->user),
				  &data);
	if (status == CTL_OK)
		status = print_resent(call, data);
	json_decref(data);
	return status;
}

static int list(struct ctl_call *call)
{
	struct query *query = NULL;
	bool is_done = files_find(&call->files, call->name, &call->diag) == 0 &&
		       tables_open(&call->files, &query, &call->diag) == 0 &&
		       answer(query, call) == 0;

	query_close(query);
	return is_done ? CTL_OK : CTL_FAILED;
}

static int run(struct ctl_call *call)
{
	const struct refusals_args *args = call->args;

	return args->resend ? resend(call) : list(call);
}

const struct ctl_command ctl_refusals = {
	.name = NAME,
	.arguments = "[--client ID] [--reason CODE] [--by WHAT] [--follow] [--resend DECISION "
		     "--user USER] [OPTION...]",
	.summary = "what was refused, or observed, and why",
	.help = "The broker may be running; rows come a moment after the refusal. The latest "
		"comes\n"
		"first, with --follow last. --resend asks a running broker, whose operator needs\n"
		"the scope that the contract asks for on " CONTROL_RESEND_TOPIC
		".\n\n" ARGS_TIME_HELP,
	.shared = CTL_JSON | CTL_CONFIG | CTL_DATABASE,
	.options = rows,
	.args_size = sizeof(struct refusals_args),
	.defaults = &defaults,
	.finds_files = true,
	.run = run,
};

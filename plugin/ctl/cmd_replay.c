/*
 * petstorectl replay: decides recorded messages again, under other rules.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/tables.h"
#include "report/rowjson.h"
#include "ctl/change_list.h"
#include "ctl/ctl.h"
#include "ledger/query.h"

#define FLUSH_MS 10000u

struct replay_args {
	const char *events;
	long limit;
};

static const struct replay_args defaults = { .limit = 100 };

/* clang-format off */
#define AT(member) .offset = offsetof(struct replay_args, member)
static const struct args_row rows[] = {
	{ "events", ARGS_FILE, "FILE", "the database with the events and refusals (the configuration's)",
	  AT(events) },
	{ "limit", ARGS_NUMBER, "N", "list at most so many (100; 0: all)", AT(limit), 0, 1000000000 },
	{ .name = NULL },
};
/* clang-format on */

struct replay_run {
	struct scene scene;
	char folder[64]; /* of the ledger that the replay fills; "" while there is none */
	struct change_list change;
	json_t *refusals; /* in order */
	size_t refusal;   /* the next one */
	bool is_cut;      /* the oldest events are gone */
	uint64_t events, undecided;
	uint64_t strangers; /* whose principal is not known: its scopes are not judged */
	struct diag diag;   /* of what stopped it */
};

/* ---- a ledger of its own ---------------------------------------------------------------- */

static int open_ledger(struct replay_run *replay, struct diag *diag)
{
	const char *base = getenv("TMPDIR");
	struct ledger_options options = { .journal_bytes = (size_t)64 << 20,
					  .batch_rows = 10000,
					  .batch_ms = 50,
					  .events_keep_rows = 1,
					  .cache_entities = 1 << 20 };
	char path[96];

	(void)snprintf(replay->folder, sizeof(replay->folder), "%s/petstore-replay-XXXXXX",
		       base && strlen(base) < 32 ? base : "/tmp");
	if (!mkdtemp(replay->folder)) {
		replay->folder[0] = '\0';
		return diag_set(diag, ERR_IO, "no folder for the replay can be made (TMPDIR)");
	}
	(void)snprintf(path, sizeof(path), "%s/replay.db", replay->folder);
	options.path = path;
	if (ledger_open(&options, &replay->scene.rules->contract->plan, &replay->scene.ledger,
			diag))
		return ERR_IO;
	replay->scene.gate.ledger = replay->scene.ledger;
	return 0;
}

static void remove_folder(const struct replay_run *replay)
{
	static const char *const files[] = { "replay.db", "replay.db-wal", "replay.db-shm",
					     "replay.db-journal.ring" };
	char path[128];

	if (!replay->folder[0])
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", replay->folder, files[i]);
		(void)unlink(path); /* not all of them are there */
	}
	(void)rmdir(replay->folder);
}

/* ---- one message ------------------------------------------------------------------------ */

static struct gate_request request_of(const json_t *row)
{
	const json_t *topic = json_object_get(row, "topic");
	const json_t *payload = json_object_get(row, "payload");

	return (struct gate_request){
		.action = GATE_PUBLISH,
		.message = { .topic = json_string_value(topic),
			     .topic_len = json_string_length(topic),
			     .payload = json_string_length(payload) ? json_string_value(payload)
								    : NULL,
			     .payload_len = json_string_length(payload),
			     .qos = (unsigned)json_integer_value(json_object_get(row, "qos")),
			     .is_retained =
				     json_integer_value(json_object_get(row, "retained")) != 0,
			     /* of a refusal, or of an event */
			     .is_will = strcmp(tables_text(row, "action"), "will") == 0 ||
					json_integer_value(json_object_get(row, "will")) != 0 },
		.method = GATE_LOGIN_ANY, /* no row says how its client logged in */
		.client_id = tables_text(row, "client_id"),
	};
}

/*
 * Roles that a token brought are recorded nowhere: such a principal is taken to hold every scope
 * and grant, so that all else is decided. Returns whether it is one.
 */
static bool decide(struct replay_run *replay, const json_t *row, const char *user,
		   struct gate_request *request, struct decision *ret)
{
	bool can_be = false;
	const struct access_principal *principal = scene_principal(&replay->scene, user, &can_be);
	struct access_principal stranger = { .name = user };

	memset(&stranger.full, 0xff, sizeof(stranger.full));
	memset(&stranger.grants, 0xff, sizeof(stranger.grants));
	stranger.has_grants = true;
	replay->strangers += can_be;
	*request = request_of(row);
	gate_decide(&replay->scene.gate, can_be ? &stranger : principal, request, ret);
	return can_be;
}

/* The store may need a moment when the journal is full. */
static int commit(struct replay_run *replay, struct decision *decision)
{
	int rc = ledger_commit(replay->scene.ledger, &decision->write, &replay->diag);

	if (rc != ERR_BUSY)
		return rc;
	rc = ledger_flush(replay->scene.ledger, FLUSH_MS, &replay->diag);
	return rc ? rc : ledger_commit(replay->scene.ledger, &decision->write, &replay->diag);
}

/* The status before it is not recorded any more: the step cannot be judged. */
static bool is_undecided(const struct replay_run *replay, const struct decision *decision)
{
	return replay->is_cut && decision->reason == REASON_TRANSITION_ILLEGAL &&
	       decision->current_status[0] == '\0';
}

/* Was it refused for how it stood at that moment, which no contract says? */
static bool is_of_its_moment(const json_t *row)
{
	enum reason reason = reason_find(tables_text(row, "reason"));
	enum reason_cause cause = reason_cause(reason);

	return reason < REASON_COUNT && (cause == REASON_OF_TROUBLE || cause == REASON_OF_PACE);
}

static void replay_refusal(struct replay_run *replay, const json_t *row)
{
	struct gate_request request;
	struct decision decision;
	json_int_t bytes = json_integer_value(json_object_get(row, "payload_bytes"));

	if (decide(replay, row, tables_text(row, "principal"), &request, &decision))
		return;
	/* Of a payload that was not kept whole only what precedes it can be judged. */
	if (bytes > (json_int_t)request.message.payload_len)
		replay->undecided += decision.failed >> GATE_STEP_SIZE != 0;
	else if (decision.verdict == VERDICT_ALLOW)
		change_list_add(&replay->change, true, tables_text(row, "principal"),
				tables_text(row, "time"), request.message.topic, "it was %s",
				tables_text(row, "reason"));
}

static void replay_refusals_until(struct replay_run *replay, const char *time)
{
	size_t count = json_array_size(replay->refusals);

	for (; replay->refusal < count; replay->refusal++) {
		const json_t *row = json_array_get(replay->refusals, replay->refusal);

		if (time && strcmp(tables_text(row, "time"), time) > 0)
			return;
		replay_refusal(replay, row);
	}
}

static int replay_event(struct replay_run *replay, const json_t *row)
{
	struct gate_request request;
	struct decision decision;

	(void)decide(replay, row, tables_text(row, "publisher"), &request, &decision);
	replay->events++;
	if (decision.verdict != VERDICT_ALLOW && is_undecided(replay, &decision)) {
		replay->undecided++;
		return 0;
	}
	if (decision.verdict != VERDICT_ALLOW) {
		change_list_add(&replay->change, false, tables_text(row, "publisher"),
				tables_text(row, "received_at"), request.message.topic,
				"%s: %s%s%s", reason_code(decision.reason), decision.error.instance,
				decision.error.instance[0] ? ": " : "", decision.error.message);
		return 0;
	}
	if (!decision.has_write)
		return 0;
	decision.write.publisher = tables_text(row, "publisher");
	decision.write.client_id = tables_text(row, "client_id");
	return commit(replay, &decision);
}

/* Of brokers that share a database another one's step came first: it moved nothing. */
static bool is_overruled(const struct query_row *cells)
{
	const struct query_cell *cell = query_cell(cells, "overruled");

	return cell && cell->integer != 0;
}

static bool on_event(const struct query_row *cells, void *ctx)
{
	struct replay_run *replay = ctx;
	json_t *row;
	int rc = ERR_NOMEM;

	if (is_overruled(cells))
		return true;
	row = rowjson(cells, 0);
	if (replay->events == 0 && replay->undecided == 0)
		replay->is_cut = json_integer_value(json_object_get(row, "seq")) > 1;
	if (row) {
		replay_refusals_until(replay, tables_text(row, "received_at"));
		rc = replay_event(replay, row);
	}
	json_decref(row);
	return rc == 0;
}

/* ---- all of them ------------------------------------------------------------------------ */

static int read_refusals(struct replay_run *replay, struct query *query, struct diag *diag)
{
	static const struct query_filter filter[] = { { "observed", QUERY_IS, "0" } };
	struct query_wanted ask = {
		.table = "refusals", .filter = filter, .filter_count = 1, .order = "seq"
	};
	json_t *all = json_array();
	json_t *row;
	size_t i;
	int rc = 0;

	if (query_has(query, "refusals"))
		rc = query_rows(query, &ask, tables_collect, all, diag);
	json_array_foreach(all, i, row) {
		const char *action = tables_text(row, "action");

		if ((strcmp(action, "publish") == 0 || strcmp(action, "will") == 0) &&
		    !is_of_its_moment(row))
			(void)json_array_append(replay->refusals, row);
	}
	json_decref(all);
	return rc;
}

static int replay_all(struct replay_run *replay, const char *path, struct diag *diag)
{
	struct query_wanted ask = { .table = "events", .order = "seq" };
	struct query *query = NULL;
	int rc = query_open(path, &query, diag);

	if (rc)
		return rc;
	rc = read_refusals(replay, query, diag);
	if (rc)
		goto out;
	rc = query_rows(query, &ask, on_event, replay, diag);
	if (rc)
		goto out;
	if (replay->diag.text[0])
		rc = diag_set(diag, ERR_IO, "%s", replay->diag.text);
	replay_refusals_until(replay, NULL);
out:
	query_close(query);
	return rc;
}

static void print(const struct replay_run *replay, const struct output *output)
{
	json_t *more = json_pack("{s:I, s:I, s:I, s:I}", "events", (json_int_t)replay->events,
				 "refusals", (json_int_t)json_array_size(replay->refusals),
				 "undecided", (json_int_t)replay->undecided, "rolesUnknown",
				 (json_int_t)replay->strangers);

	change_list_print(&replay->change, more, output);
	json_decref(more);
	if (output->is_json)
		return;
	(void)printf("%" PRIu64 " events and %zu refusals were replayed", replay->events,
		     json_array_size(replay->refusals));
	if (replay->undecided)
		(void)printf("; %" PRIu64 " cannot be decided: %s", replay->undecided,
			     replay->is_cut ? "older events are gone"
					    : "payloads were not kept whole");
	if (replay->strangers)
		(void)printf("; of %" PRIu64 " the principal is no user (its roles came from a "
			     "token or a certificate): its scopes were not judged",
			     replay->strangers);
	(void)puts("");
}

static int run(struct ctl_call *call)
{
	const struct replay_args *args = call->args;
	struct replay_run replay = { .change = { .rows = json_array(), .limit = args->limit },
				     .refusals = json_array() };
	const char *events = args->events ? args->events : call->files.database;
	const char *path = call->operand[0];
	bool is_contract = false;
	int status = CTL_FAILED;

	if (files_need(&call->files, "events", events, &call->diag) ||
	    change_list_kind(path, &is_contract, &call->diag) ||
	    change_list_open(path, is_contract, &call->files, &replay.scene, &call->diag) ||
	    open_ledger(&replay, &call->diag) || replay_all(&replay, events, &call->diag))
		goto out;
	print(&replay, &call->output);
	status = replay.change.refuses ? CTL_NO : CTL_OK;
out:
	scene_clear(&replay.scene);
	remove_folder(&replay);
	json_decref(replay.change.rows);
	json_decref(replay.refusals);
	return status;
}

const struct ctl_command ctl_replay = {
	.name = "replay",
	.arguments = "[--events FILE] [--access FILE | --contract FILE] NEW",
	.summary = "how recorded messages would be decided under new rules",
	.help = "NEW is a contract, with the users of --access, or an access file, with\n"
		"--contract. Each recorded event is decided again, in order and from the\n"
		"beginning, and each refusal where it came in between. The database is only\n"
		"read; the broker may run. Messages of a principal that is no user and that no\n"
		"rule for certificates makes are counted apart, where it may have come with a\n"
		"token: its scopes are not known.\n\n"
		"Exit status: 0 nothing that was accepted is refused, 1 something is, 2 a file is\n"
		"no use.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.options = rows,
	.args_size = sizeof(struct replay_args),
	.defaults = &defaults,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};

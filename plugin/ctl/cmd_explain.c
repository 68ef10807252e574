/*
 * petstorectl explain: what the broker would decide, step by step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/explanation.h"
#include "report/refusals.h"

#define PACKET_MAX ((size_t)1 << 28) /* bytes of an MQTT packet */

struct explain_args {
	const char *user;
	const char *client;
	const char *login;
	long qos;
	bool retain;
	bool will;
	bool notice;
	struct args_list headers;
	const char *content_type;
	const char *response_topic;
	const char *correlation;
	long expiry; /* -1: none */
};

static const struct explain_args defaults = { .qos = 1, .login = "password", .expiry = -1 };

/* clang-format off */
#define AT(member) .offset = offsetof(struct explain_args, member)
static const struct args_row rows[] = {
	{ "user", ARGS_TEXT, "USER", "the user that does it", AT(user) },
	{ "client", ARGS_TEXT, "ID", "with this client id", AT(client) },
	{ "login", ARGS_WORD, "METHOD", "after this login: password (the default), certificate, "
	  "token or scram", AT(login), .words = CTL_LOGINS },
	{ "qos", ARGS_NUMBER, "N", "QoS of the publish (1)", AT(qos), 0, 2 },
	{ "retain", ARGS_SWITCH, NULL, "with the retain flag", AT(retain) },
	{ "will", ARGS_SWITCH, NULL, "as a last will", AT(will) },
	{ "header", ARGS_LIST, "NAME=VALUE", "with this user property (MQTT 5)", AT(headers) },
	{ "content-type", ARGS_TEXT, "TYPE", "with this content type (MQTT 5)", AT(content_type) },
	{ "response-topic", ARGS_TEXT, "TOPIC", "with this response topic (MQTT 5)", AT(response_topic) },
	{ "correlation", ARGS_TEXT, "DATA", "with these correlation data (MQTT 5)", AT(correlation) },
	{ "expiry", ARGS_NUMBER, "SECONDS", "with this message expiry interval (MQTT 5)", AT(expiry), 0, 0xffffffff },
	{ "notice", ARGS_SWITCH, NULL, "only the notice that the client would get", AT(notice) },
	{ .name = NULL },
};
/* clang-format on */

/* ---- the payload ------------------------------------------------------------------------ */

/* "@FILE", "-" for standard input, or the payload itself. *ret is new. */
static int read_payload(const char *word, char **ret, size_t *len, const char **file,
			struct diag *diag)
{
	const char *path = word + (word[0] == '@');

	if (word[0] == '@' || strcmp(word, "-") == 0) {
		*file = strcmp(path, "-") == 0 ? "standard input" : path;
		return files_read(path, PACKET_MAX, ret, len, diag);
	}
	*len = strlen(word);
	*ret = strdup(word);
	return *ret ? 0 : diag_nomem(diag);
}

/* ---- the answer ------------------------------------------------------------------------- */

static const char *step_answer(const struct decision *decision, enum gate_step step)
{
	uint32_t bit = 1u << step;

	if (!(decision->asked & bit))
		return "-";
	if (!(decision->failed & bit))
		return "ok";
	/* All that failed before the one that refused was let pass. */
	if (decision->verdict == VERDICT_ALLOW || decision->failed >> step > 1)
		return "observed";
	return "refused";
}

static json_t *steps_json(const struct decision *decision)
{
	json_t *steps = json_array();

	for (unsigned i = 0; i < GATE_STEP_COUNT; i++) {
		enum gate_step step = (enum gate_step)i;

		(void)json_array_append_new(
			steps, json_pack("{s:s, s:s, s:s}", "step", gate_step_name(step), "group",
					 contract_group_name(gate_step_group(step)), "answer",
					 step_answer(decision, step)));
	}
	return steps;
}

/* What the broker would publish; NULL where nothing is wrong. */
static json_t *notice_json(const struct explanation *explanation, const struct explain_args *args)
{
	const struct contract_channel *channel = explanation->scene.rules->contract->notices;
	const struct decision *decision = &explanation->decision;
	struct who who = { .client_id = args->client ? args->client : "",
			   .principal = args->user,
			   .address = "" };
	struct refusals *refusals = NULL;
	struct refusal refusal;
	struct diag ignored;
	char text[NOTICE_MAX];
	json_t *json = NULL;

	if (decision->reason == REASON_NONE || refusals_new(1, 0, &refusals, &ignored))
		return NULL;
	refusals_describe(refusals, &explanation->request, decision, &who, clock_unix_ms(),
			  &refusal);
	(void)notice_print(channel ? channel->problem_types : NULL, &refusal, explanation->fault,
			   explanation->fault_count, text);
	json = json_loads(text, JSON_ALLOW_NUL, NULL);
	refusals_free(refusals);
	return json;
}

static const char *verdict_word(const struct decision *decision)
{
	if (decision->verdict != VERDICT_ALLOW)
		return "refused";
	return decision->is_observed ? "observed" : "allowed";
}

/* Is it not acknowledged, where the protocol has no word for a refusal? */
static bool is_closed(const struct gate_request *request, const struct decision *decision)
{
	return request->action == GATE_PUBLISH && request->message.qos > 0 &&
	       !request->message.is_will && decision->verdict != VERDICT_ALLOW &&
	       reason_is_ours(decision->reason);
}

/* Was it let through because no channel has the topic? A mistyped one is, too. */
static bool is_unlisted(const struct explanation *explanation)
{
	const struct decision *decision = &explanation->decision;

	return !decision->channel && decision->verdict == VERDICT_ALLOW && !decision->is_observed &&
	       explanation->request.action != GATE_SUBSCRIBE;
}

/* ---- the answer as a whole --------------------------------------------------------------- */

static void print_json(const struct explanation *explanation, json_t *notice)
{
	const struct gate_request *request = &explanation->request;
	const struct decision *decision = &explanation->decision;
	json_t *answer = json_pack("{s:s, s:s, s:s, s:o}", "verdict", verdict_word(decision),
				   "reason", reason_code(decision->reason), "channel",
				   decision->channel ? decision->channel->name : "", "steps",
				   steps_json(decision));

	(void)json_object_set_new(answer, "isKept", json_boolean(decision->has_write));
	explanation_add(explanation, answer);
	if (is_closed(request, decision))
		(void)json_object_set_new(answer, "isClosed", json_true());
	if (is_unlisted(explanation))
		(void)json_object_set_new(answer, "isUnlisted", json_true());
	if (decision->is_repeat)
		(void)json_object_set_new(answer, "isRepeat", json_true());
	if (decision->is_taken_over)
		(void)json_object_set_new(answer, "isTakenOver", json_true());
	if (decision->is_adopted)
		(void)json_object_set_new(answer, "isAdopted", json_true());
	if (decision->is_correction)
		(void)json_object_set_new(answer, "corrects",
					  json_string(decision->current_status));
	if (notice)
		(void)json_object_set(answer, "notice", notice);
	output_json(answer);
	json_decref(answer);
}

static void print_state(const struct scene *scene, const struct gate_request *request)
{
	struct contract_match match = topics_match(
		scene->rules->contract->topics, request->message.topic, request->message.topic_len);
	const struct contract_mapping *mapping = match.channel ? match.channel->mapping : NULL;
	const struct contract_span *id = mapping ? &match.param[mapping->param] : NULL;
	struct ledger_state state;
	struct diag diag;

	if (request->action == GATE_SUBSCRIBE || !mapping)
		return;
	output_print("  %-12s %.*s", mapping->entity->name, (int)id->len, id->text);
	if (!scene->ledger)
		(void)puts(": nothing is known without --database");
	else if (ledger_look(scene->ledger, mapping->entity->index, id->text, id->len, &state,
			     &diag))
		output_print(": %s\n", diag.text);
	else if (!state.is_known)
		(void)puts(": nothing was ever kept");
	else
		output_print(": %s, owner %s, revision %llu\n",
			     mapping->transitions && state.status[mapping->slot][0]
				     ? state.status[mapping->slot]
				     : "no status",
			     state.owner[0] ? state.owner : "unknown",
			     (unsigned long long)state.revision);
}

static void print_steps(const struct output *output, const struct decision *decision)
{
	for (unsigned i = 0; i < GATE_STEP_COUNT; i++) {
		const char *answer = step_answer(decision, (enum gate_step)i);

		if (strcmp(answer, "-") == 0)
			continue;
		output_print("  %-12s ", gate_step_name((enum gate_step)i));
		output_word(output, answer);
		(void)puts("");
	}
}

/* "refused: transition-illegal: /status: ..." */
static void print_verdict(const struct output *output, const struct decision *decision)
{
	output_word(output, verdict_word(decision));
	if (decision->reason != REASON_NONE)
		output_print(": %s", reason_code(decision->reason));
	if (decision->error.instance[0])
		output_print(": %s", decision->error.instance);
	if (decision->error.message[0])
		output_print(": %s", decision->error.message);
	if (decision->is_correction && decision->verdict == VERDICT_ALLOW)
		output_print(": a correction, of %s", decision->current_status);
	if (decision->is_repeat && decision->verdict == VERDICT_ALLOW && !decision->is_observed)
		(void)fputs(decision->has_write ? ": a repeat that says something else"
						: ": a repeat, nothing to keep",
			    stdout);
	if (decision->is_taken_over && decision->verdict == VERDICT_ALLOW)
		(void)fputs(": taken over from a trusted peer", stdout);
	(void)puts(decision->is_adopted                                  ? ", and adopted"
		   : decision->has_write && decision->channel->is_strict ? ", and kept (strict)"
		   : decision->has_write                                 ? ", and kept"
									 : "");
}

static void print_unlisted(const struct explanation *explanation)
{
	const struct message *message = &explanation->request.message;
	const struct contract_channel *nearest =
		topics_nearest(explanation->scene.rules->contract->topics, message->topic,
			       message->topic_len, NULL, NULL);

	(void)printf("  unlisted     no channel has this topic, and nothing of the message is "
		     "checked%s%s\n",
		     nearest ? "; is it to be like " : "", nearest ? nearest->address : "");
}

/* Where in its file the payload is no JSON: the broker's own words know no lines. */
static void print_spot(const struct explanation *explanation)
{
	const struct message *message = &explanation->request.message;
	struct payload_error fault;
	struct files_spot spot;

	if (!explanation->file || explanation->decision.reason != REASON_PAYLOAD_NOT_JSON ||
	    payload_parse(explanation->scene.gate.parser, message->payload, message->payload_len,
			  &fault))
		return;
	spot = files_spot(message->payload, message->payload_len, fault.offset);
	output_print("  payload      %s:%lu:%lu\n", explanation->file, spot.line, spot.column);
}

static void print_text(const struct explanation *explanation, const struct output *output)
{
	const struct gate_request *request = &explanation->request;
	const struct decision *decision = &explanation->decision;

	if (decision->channel)
		explanation_print(explanation);
	if (is_unlisted(explanation))
		print_unlisted(explanation);
	print_state(&explanation->scene, request);
	print_steps(output, decision);
	print_verdict(output, decision);
	print_spot(explanation);
	for (size_t i = 1; i < explanation->fault_count; i++)
		output_print("  as well    %s%s%s\n", explanation->fault[i].instance,
			     explanation->fault[i].instance[0] ? ": " : "",
			     explanation->fault[i].message);
	if (is_closed(request, decision))
		(void)puts("  not acknowledged to MQTT 3.1.1, and to MQTT 5 by Mosquitto 2.0: the "
			   "client is disconnected, and sends it again");
}

/* ---- the subcommand --------------------------------------------------------------------- */

static void explain(struct explanation *explanation, const struct ctl_call *call)
{
	const struct explain_args *args = call->args;
	struct decision *decision = &explanation->decision;
	struct scene *scene = &explanation->scene;
	const struct access_principal *principal = scene_principal(scene, args->user, NULL);
	json_t *notice;

	if (!principal)
		ctl_no_user(call, scene, args->user);
	explanation->principal = principal;
	gate_decide(&scene->gate,
		    access_is_barred(principal, explanation->request.message.topic) ? NULL
										    : principal,
		    &explanation->request, decision);
	explanation->fault_count =
		gate_faults(scene->rules, decision, explanation->fault, NOTICE_FAULTS_MAX);
	notice = notice_json(explanation, args);
	if (principal && decision->channel && decision->channel->message_count > 1)
		explanation->candidate_count = candidates_list(
			&scene->gate, principal, &explanation->request, explanation->candidate);
	if (args->notice && notice)
		output_json(notice);
	else if (call->is_json)
		print_json(explanation, notice);
	else if (!args->notice)
		print_text(explanation, &call->output);
	json_decref(notice);
}

static void read_text(const char *text, struct property_text *ret)
{
	if (text)
		*ret = (struct property_text){ PROPERTY_PRESENT, text, strlen(text) };
}

/* What the options say of MQTT 5's properties; without one of them there is no such property. */
static int read_properties(const struct ctl_call *call, struct explanation *ret)
{
	const struct explain_args *args = call->args;
	struct message_properties *properties = &ret->properties;

	*properties = properties_absent();
	read_text(args->content_type, &properties->content_type);
	read_text(args->response_topic, &properties->response_topic);
	read_text(args->correlation, &properties->correlation);
	if (args->expiry >= 0) {
		properties->expiry_shown = PROPERTY_PRESENT;
		properties->expiry_s = (uint32_t)args->expiry;
	}
	for (size_t i = 0; i < args->headers.count; i++) {
		const char *name = args->headers.item[i], *equals = strchr(name, '=');

		if (!equals)
			return ctl_fail(call->name, "--header: expected NAME=VALUE, not \"%s\"",
					name);
		ret->user[i] = (struct payload_pair){ .name = name,
						      .name_len = (size_t)(equals - name),
						      .value = equals + 1,
						      .value_len = strlen(equals + 1) };
		properties->users_shown = PROPERTY_PRESENT;
	}
	properties->user_count = args->headers.count;
	properties->user = ret->user;
	ret->request.shown = properties;
	return CTL_OK;
}

static int read_request(struct ctl_call *call, struct explanation *explanation, char **payload)
{
	static const struct {
		const char *word;
		enum gate_action action;
	} actions[] = { { "publish", GATE_PUBLISH },
			{ "subscribe", GATE_SUBSCRIBE },
			{ "receive", GATE_DELIVER } };
	const struct explain_args *args = call->args;
	struct gate_request *ret = &explanation->request;
	int rc = 0;

	*ret = (struct gate_request){ .message = { .topic = call->operand[1],
						   .topic_len = strlen(call->operand[1]),
						   .qos = (unsigned)args->qos,
						   .is_retained = args->retain,
						   .is_will = args->will },
				      .method = ctl_login(args->login),
				      .client_id = args->client };
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].word, call->operand[0]) == 0)
			ret->action = actions[i].action;
	if (call->count > 2)
		rc = read_payload(call->operand[2], payload, &ret->message.payload_len,
				  &explanation->file, &call->diag);
	ret->message.payload = *payload;
	return rc;
}

static int run(struct ctl_call *call)
{
	struct explanation explanation = { .scene = { .rules = NULL } };
	const struct explain_args *args = call->args;
	char *payload = NULL;
	int status = CTL_FAILED;

	if (!args->user)
		return ctl_fail(call->name, "--user USER is missing");
	if (read_request(call, &explanation, &payload) == 0 &&
	    read_properties(call, &explanation) == CTL_OK &&
	    scene_open(&call->files, &explanation.scene, &call->diag) == 0) {
		explain(&explanation, call);
		status = explanation.decision.verdict == VERDICT_ALLOW ? CTL_OK : CTL_NO;
	}
	scene_clear(&explanation.scene);
	free(payload);
	return status;
}

const struct ctl_command ctl_explain = {
	.name = "explain",
	.arguments = "publish|subscribe|receive --user USER [OPTION...] TOPIC [PAYLOAD]",
	.summary = "what would be decided about a message, step by step",
	.help = "The decision is the broker's own, with the state in the database. PAYLOAD is the\n"
		"text itself, @FILE, or - for standard input.\n\n"
		"Exit status: 0 allowed, 1 refused, 2 a file is no use.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS | CTL_DATABASE,
	.options = rows,
	.args_size = sizeof(struct explain_args),
	.defaults = &defaults,
	.words = "publish subscribe receive",
	.operands_min = 2,
	.operands_max = 3,
	.run = run,
};

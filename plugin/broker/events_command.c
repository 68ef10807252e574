/*
 * events_command.c -- the operator's commands on $CONTROL/petstore/v1 and
 * $CONTROL/petstore-resend/v1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/suggest.h"
#include "base/version.h"
#include "broker/events.h"
#include "broker/events_contract.h"
#include "broker/events_history.h"
#include "broker/events_later.h"
#include "broker/events_mended.h"
#include "broker/events_whoami.h"
#include "broker/lookups.h"
#include "monitor/control.h"

static const char *const mode_names[] = {
	[CONTRACT_ENFORCE] = "enforce", [CONTRACT_OBSERVE] = "observe", [CONTRACT_OFF] = "off"
};

static json_t *describe_status(const struct plugin *plugin)
{
	const struct contract *contract = plugin->rules->contract;

	return json_pack("{ss ss ss ss ss sI sI}", "version", PETSTORE_VERSION, "broker",
			 plugin->broker.has_quota_code ? "2.1" : "2.0", "parser", payload_backend(),
			 "contract", contract->title, "contractVersion", contract->version,
			 "channels", (json_int_t)contract->channel_count, "sessions",
			 (json_int_t)sessions_count(plugin->sessions));
}

json_t *events_modes(const struct plugin *plugin)
{
	json_t *modes = json_object();

	for (int i = 0; modes && i < CONTRACT_GROUPS; i++) {
		enum contract_group group = (enum contract_group)i;

		(void)json_object_set_new(
			modes, contract_group_name(group),
			json_pack("{ss sb}", "mode",
				  mode_names[gate_mode(&plugin->gate, NULL, group)], "forced",
				  plugin->gate.forced[group] != 0));
	}
	return modes;
}

/* @name and @mode: of the group to be changed, and to what; NULL: they are only asked for. */
static json_t *change_mode(struct plugin *plugin, const char *name, const char *mode,
			   struct diag *diag)
{
	int group = 0, word = 0;

	if (!name)
		return events_modes(plugin);
	while (group < CONTRACT_GROUPS &&
	       strcmp(contract_group_name((enum contract_group)group), name) != 0)
		group++;
	while (word <= CONTRACT_OFF && strcmp(mode_names[word], mode) != 0)
		word++;
	if (group == CONTRACT_GROUPS || word > CONTRACT_OFF) {
		(void)diag_set(diag, ERR_INVALID,
			       "expected group schema, transition or limits, and mode enforce, "
			       "observe or off");
		return NULL;
	}
	if (!gate_force(&plugin->gate, (enum contract_group)group, (enum contract_mode)word)) {
		(void)diag_set(diag, ERR_INVALID, "only the contract says who may do what");
		return NULL;
	}
	return events_modes(plugin);
}

/* Who gives the commands. */
struct operator
{
	struct plugin *plugin;
	struct mosquitto *client;
	bool is_resend; /* for which the contract's scope was asked */
};

/*
 * Whose question it is: the user's that it names, however that one logged in; else the asking
 * client's, as it is: with its login, its listener and, unless another one is named, its client id.
 */
static const struct access_principal *explain_whom(const struct operator* asks,
						   const struct control_members *question,
						   struct gate_request *request)
{
	struct plugin *plugin = asks->plugin;
	struct session *session = events_session(plugin, asks->client);

	request->method = GATE_LOGIN_ANY;
	request->client_id = question->client_id;
	if (question->username)
		return events_named(plugin, question->username);
	if (!session)
		return NULL;
	request->method = events_method(session);
	request->port = session->port;
	if (!question->client_id)
		request->client_id = session->client_id;
	return events_actor(plugin, asks->client, session);
}

static json_t *explain(const struct operator* asks, const struct control_members *question,
		       struct diag *diag)
{
	struct plugin *plugin = asks->plugin;
	const struct decision *decision = &plugin->filter;
	struct gate_request request = { .message = { .topic = question->topic,
						     .topic_len = strlen(question->topic),
						     .payload = question->payload,
						     .payload_len = question->payload_len,
						     .qos = question->qos,
						     .is_retained = question->is_retained } };
	const struct access_principal *principal = explain_whom(asks, question, &request);

	if (strcmp(question->action, "publish") == 0) {
		request.action = GATE_PUBLISH;
	} else if (strcmp(question->action, "subscribe") == 0) {
		request.action = GATE_SUBSCRIBE;
	} else {
		(void)diag_set(diag, ERR_INVALID, "action: expected publish or subscribe");
		return NULL;
	}
	gate_decide(&plugin->gate, access_is_barred(principal, question->topic) ? NULL : principal,
		    &request, &plugin->filter);
	return json_pack("{sb ss sb ss ss ss ss ss ss}", "allowed",
			 decision->verdict == VERDICT_ALLOW, "reason",
			 reason_code(decision->reason), "observed", decision->is_observed,
			 "channel", decision->channel ? decision->channel->name : "", "field",
			 decision->error.instance, "keyword", decision->error.keyword, "message",
			 decision->error.message, "currentStatus", decision->current_status,
			 "messageName", decision->kind ? decision->kind->name : "");
}

static json_t *perform_now(struct operator* asks, enum control_command command,
			   const struct control_members *members, struct diag *diag)
{
	struct plugin *plugin = asks->plugin;
	struct feed_facts facts;

	switch (command) {
	case CONTROL_STATUS:
		return describe_status(plugin);
	case CONTROL_COUNTERS:
		facts = events_facts(plugin);
		return feed_counters(plugin->feed, &facts);
	case CONTROL_RELOAD:
		/* The broker asks for no session again, as it does at SIGHUP: events_principal().
		 */
		return events_reload(plugin, diag) == 0 ? describe_status(plugin) : NULL;
	case CONTROL_MODE:
		return change_mode(plugin, members->group, members->mode, diag);
	case CONTROL_LIST_BANS:
		return feed_list_bans(plugin->feed);
	case CONTROL_LIFT_BAN:
		return feed_lift_ban(plugin->feed, members->client_id, members->principal);
	case CONTROL_LIST_ALERTS:
		return feed_list_alerts(plugin->feed);
	case CONTROL_EXPLAIN:
		return explain(asks, members, diag);
	case CONTROL_HISTORY:
	case CONTROL_LIST_ENTITIES:
	case CONTROL_GET_ENTITY:
	case CONTROL_LIST_EVENTS:
	case CONTROL_LIST_REFUSALS:
	case CONTROL_COUNT_REFUSALS:
	case CONTROL_CONTRACT:
		break; /* answered later */
	case CONTROL_RESEND:
		return events_mended(plugin, asks->client, members->id, members->username, diag);
	case CONTROL_WHOAMI:
		return events_whoami(plugin, asks->client);
	}
	return NULL;
}

/* ---- whose commands are done ------------------------------------------------------------- */

static struct who who_asks(const struct operator* asks)
{
	const struct session *session = events_session(asks->plugin, asks->client);
	struct who who = broker_who(asks->client);

	if (session) {
		who.principal = session->name;
		who.is_proved = !session->is_anonymous;
	}
	return who;
}

/*
 * False: @ret says why not. Asked for each command, since the one before may have been a reload.
 */
static bool may_perform(const struct operator* asks, const char *name, struct control_answer *ret)
{
	struct plugin *plugin = asks->plugin;
	struct session *session = events_session(plugin, asks->client);
	const struct access_principal *principal = events_actor(plugin, asks->client, session);
	const struct who who = who_asks(asks);
	const char *lacks = NULL;

	if (!portions_take(&plugin->commands, &who, 1, clock_mono_ns() / 1000000000)) {
		ret->code = CONTROL_BUSY;
		(void)diag_set(&ret->diag, ERR_BUSY,
			       "too many commands in this second: try again later");
		return false;
	}
	if (asks->is_resend)
		return true;
	if (!access_may_ask(principal)) {
		(void)diag_set(&ret->diag, ERR_INVALID, "the client may give no commands");
		return false;
	}
	lacks = access_lacks(principal, name);
	if (!lacks)
		return true;
	ret->code = CONTROL_NO_SCOPE;
	(void)snprintf(ret->scope, sizeof(ret->scope), "%s", lacks);
	(void)diag_set(&ret->diag, ERR_INVALID, "%s needs the scope %s, which %s lacks", name,
		       lacks, principal->name);
	return false;
}

static void perform(void *ctx, enum control_command command, const struct control_members *members,
		    struct control_answer *ret)
{
	struct operator* asks = ctx;

	if (!may_perform(asks, members->name, ret))
		return;
	if (command == CONTROL_CONTRACT)
		events_contract(asks->plugin, asks->client, members, ret);
	else if (command == CONTROL_HISTORY)
		events_history(asks->plugin, asks->client, members, ret);
	else if (lookups_has(command))
		events_later_look(asks->plugin, asks->client, command, members, ret);
	else
		ret->data = perform_now(asks, command, members, &ret->diag);
}

/* What changes something, and what fails: what is only asked is asked too often for the log. */
static void log_command(void *ctx, const char *command, const char *error)
{
	const struct operator* asks = ctx;
	const struct who who = who_asks(asks);
	char name[80], id[80], user[80];

	if (!error[0] && !suggest_has("reload mode liftBan resend", command))
		return;
	if (!portions_take(&asks->plugin->command_lines, &who, 1, clock_mono_ns() / 1000000000))
		return;
	broker_log(BROKER_NOTICE, "command %s of %s (client %s)%s%s",
		   diag_name(name, sizeof(name), command, strlen(command)),
		   diag_name(user, sizeof(user), who.principal, strlen(who.principal)),
		   diag_name(id, sizeof(id), who.client_id, strlen(who.client_id)),
		   error[0] ? ": " : "", error);
}

/* Always SUCCESS: anything else would disconnect who asked. */
int events_on_control(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_control *event = event_data;
	struct plugin *plugin = userdata;
	struct operator asks = { .plugin = plugin, .client = event->client };
	struct control_ops ops = { .ctx = &asks, .perform = perform, .done = log_command };
	char *response = NULL;
	struct diag diag;

	(void)event_id;
	if (!events_begin(plugin))
		return MOSQ_ERR_SUCCESS;
	asks.is_resend = ops.is_resend = strcmp(event->topic, CONTROL_RESEND_TOPIC) == 0;
	if (control_handle(event->payload, event->payload ? event->payloadlen : 0, &ops, &response,
			   &diag) == 0 &&
	    response) {
		const struct who who = who_asks(&asks);

		events_send_answers(plugin, who.client_id, who.principal,
				    ops.is_resend ? CONTROL_RESEND_RESPONSE_TOPIC
						  : CONTROL_RESPONSE_TOPIC,
				    &response, 1);
	}
	free(response);
	return MOSQ_ERR_SUCCESS;
}

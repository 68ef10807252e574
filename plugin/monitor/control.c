#include "monitor/control.h"

#include <stdlib.h>
#include <string.h>

typedef json_t *handler(const json_t *command, const struct control_ops *ops, struct diag *diag);

/* ---- members ----------------------------------------------------------------------------- */

/* A member that is a string without NULs, or NULL; false: it is something else. */
static bool read_text(const json_t *command, const char *name, const char **ret, struct diag *diag)
{
	const json_t *value = json_object_get(command, name);

	*ret = json_string_value(value);
	if (!value || (*ret && strlen(*ret) == json_string_length(value)))
		return true;
	(void)diag_set(diag, ERR_INVALID, "%s: expected a string", name);
	return false;
}

static bool read_qos(const json_t *command, unsigned *ret, struct diag *diag)
{
	const json_t *value = json_object_get(command, "qos");
	json_int_t qos = json_integer_value(value);

	*ret = (unsigned)(qos & 3);
	if (!value || (json_is_integer(value) && qos >= 0 && qos <= 2))
		return true;
	(void)diag_set(diag, ERR_INVALID, "qos: expected 0, 1 or 2");
	return false;
}

/* ---- commands ---------------------------------------------------------------------------- */

static json_t *do_status(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	(void)command;
	return ops->status(ops->ctx, diag);
}

static json_t *do_counters(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	(void)command;
	return ops->counters(ops->ctx, diag);
}

static json_t *do_reload(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	(void)command;
	return ops->reload(ops->ctx, diag);
}

static json_t *do_mode(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	const char *group, *mode;

	if (!read_text(command, "group", &group, diag) || !read_text(command, "mode", &mode, diag))
		return NULL;
	if (!group != !mode) {
		(void)diag_set(diag, ERR_INVALID, "expected group and mode, or neither");
		return NULL;
	}
	return ops->mode(ops->ctx, group, mode, diag);
}

static json_t *do_list_bans(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	(void)command;
	return ops->list_bans(ops->ctx, diag);
}

/* "*" is any. */
static const char *unless_all(const char *name)
{
	return name && strcmp(name, "*") != 0 ? name : NULL;
}

static json_t *do_lift_ban(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	const char *client_id, *principal;

	if (!read_text(command, "clientId", &client_id, diag) ||
	    !read_text(command, "principal", &principal, diag))
		return NULL;
	if (!client_id && !principal) {
		(void)diag_set(
			diag, ERR_INVALID,
			"clientId and principal: one of them is missing (\"*\" stands for all)");
		return NULL;
	}
	return ops->lift_ban(ops->ctx, unless_all(client_id), unless_all(principal), diag);
}

static json_t *do_list_alerts(const json_t *command, const struct control_ops *ops,
			      struct diag *diag)
{
	(void)command;
	return ops->list_alerts(ops->ctx, diag);
}

static json_t *do_explain(const json_t *command, const struct control_ops *ops, struct diag *diag)
{
	struct control_question question = { .is_retained = json_is_true(
						     json_object_get(command, "retain")) };
	const json_t *payload = json_object_get(command, "payload");

	if (!read_text(command, "action", &question.action, diag) ||
	    !read_text(command, "topic", &question.topic, diag) ||
	    !read_text(command, "username", &question.username, diag) ||
	    !read_text(command, "clientId", &question.client_id, diag) ||
	    !read_qos(command, &question.qos, diag))
		return NULL;
	if (payload && !json_is_string(payload)) {
		(void)diag_set(diag, ERR_INVALID, "payload: expected a string, the payload's text");
		return NULL;
	}
	question.payload = json_string_value(payload);
	question.payload_len = json_string_length(payload);
	if (!question.action || !question.topic) {
		(void)diag_set(diag, ERR_INVALID, "action and topic: one of them is missing");
		return NULL;
	}
	return ops->explain(ops->ctx, &question, diag);
}

#define MEMBERS_MAX 8

static const struct control_command {
	const char *name;
	handler *handle;
	const char *members[MEMBERS_MAX]; /* beside command and correlationData */
} commands[] = {
	{ "status", do_status, { NULL } },
	{ "counters", do_counters, { NULL } },
	{ "reload", do_reload, { NULL } },
	{ "mode", do_mode, { "group", "mode", NULL } },
	{ "listBans", do_list_bans, { NULL } },
	{ "liftBan", do_lift_ban, { "clientId", "principal", NULL } },
	{ "listAlerts", do_list_alerts, { NULL } },
	{ "explain",
	  do_explain,
	  { "action", "topic", "payload", "username", "clientId", "qos", "retain", NULL } },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

const struct control_command_help *control_commands(void)
{
	static const struct control_command_help help[] = {
		{ "status", "what runs, since when, what is in force" },
		{ "counters", "the numbers that $SYS/broker/petstore/ has" },
		{ "reload", "load contract, access file, passwords and settings anew" },
		{ "mode", "each group's mode; with group and mode: set it until the next reload" },
		{ "listBans", "who is held off or banned, and how long" },
		{ "liftBan", "let clientId, or principal and its clients, back in; \"*\": all" },
		{ "listAlerts", "what is wrong at present" },
		{ "explain", "what would be decided: action, topic, payload, username, ..." },
		{ NULL, NULL },
	};

	return help;
}

/* ---- one command ------------------------------------------------------------------------- */

static bool is_member(const struct control_command *command, const char *name)
{
	if (strcmp(name, "command") == 0 || strcmp(name, "correlationData") == 0)
		return true;
	for (size_t i = 0; command->members[i]; i++)
		if (strcmp(name, command->members[i]) == 0)
			return true;
	return false;
}

static json_t *perform(const char *name, json_t *json, const struct control_ops *ops,
		       struct diag *diag)
{
	const char *key;
	json_t *value;
	size_t i = 0;

	while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
		i++;
	if (i == COMMANDS) {
		(void)diag_set(diag, ERR_INVALID, "there is no such command");
		return NULL;
	}
	json_object_foreach(json, key, value) {
		if (is_member(&commands[i], key))
			continue;
		(void)diag_set(diag, ERR_INVALID, "%s has no member \"%s\"", name, key);
		return NULL;
	}
	return commands[i].handle(json, ops, diag);
}

/* A response without data, new; NULL where memory ran out. */
static json_t *respond(const json_t *name, json_t *correlation)
{
	json_t *response = json_object();

	if (response && json_is_string(name) &&
	    json_object_set_new(response, "command", json_deep_copy(name)) != 0)
		goto fail;
	if (response && correlation && json_object_set(response, "correlationData", correlation))
		goto fail;
	return response;
fail:
	json_decref(response);
	return NULL;
}

/* What to send back as it came; too large or not text: nothing. */
static json_t *correlation_of(const json_t *json)
{
	json_t *correlation = json_object_get(json, "correlationData");

	return json_is_string(correlation) &&
			       json_string_length(correlation) <= CONTROL_CORRELATION_MAX
		       ? correlation
		       : NULL;
}

static json_t *answer(json_t *json, const struct control_ops *ops)
{
	const json_t *name = json_object_get(json, "command");
	const char *text = json_string_value(name);
	bool is_named = text && json_string_length(name) <= 64;
	json_t *response = respond(is_named ? name : NULL, correlation_of(json));
	json_t *data = NULL;
	struct diag diag;

	diag_init(&diag);
	if (!response)
		return NULL;
	if (is_named)
		data = perform(text, json, ops, &diag);
	else
		(void)diag_set(&diag, ERR_INVALID, "command: is missing, or no name");
	if (!data && !diag.text[0])
		(void)diag_nomem(&diag);
	ops->done(ops->ctx, is_named ? text : "?", diag.text);
	if (data ? json_object_set_new(response, "data", data)
		 : json_object_set_new(response, "error", json_string(diag.text))) {
		json_decref(response);
		return NULL;
	}
	return response;
}

/* ---- the request ------------------------------------------------------------------------- */

static int complain(json_t *responses, const char *error)
{
	json_t *response = json_pack("{ss}", "error", error);

	return json_array_append_new(responses, response) ? -1 : 0;
}

static int answer_all(const void *request, size_t len, const struct control_ops *ops,
		      json_t *responses)
{
	json_t *root = len <= CONTROL_BYTES_MAX && len > 0
			       ? json_loadb(request, len, JSON_REJECT_DUPLICATES, NULL)
			       : NULL;
	json_t *list = json_object_get(root, "commands");
	int rc = 0;

	if (!json_is_array(list)) {
		rc = complain(responses, len > CONTROL_BYTES_MAX
						 ? "the request is too long"
						 : "expected {\"commands\":[{\"command\":...}]}");
	} else if (json_array_size(list) > CONTROL_COMMANDS_MAX) {
		rc = complain(responses, "too many commands in one request");
	} else {
		for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
			rc = json_array_append_new(responses, answer(json_array_get(list, i), ops));
	}
	json_decref(root);
	return rc;
}

int control_handle(const void *request, size_t len, const struct control_ops *ops, char **ret,
		   struct diag *diag)
{
	json_t *responses = json_array();
	json_t *root = NULL;
	char *text = NULL;

	if (!responses || answer_all(request, len, ops, responses) != 0) {
		json_decref(responses);
		return diag_nomem(diag);
	}
	root = json_pack("{so}", "responses", responses); /* takes it, also when it fails */
	if (root)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (!text)
		return diag_nomem(diag);
	*ret = text;
	return 0;
}

#include "monitor/control.h"

#include <stdlib.h>
#include <string.h>

/* ---- commands and their members ---------------------------------------------------------- */

#define MEMBERS_MAX 8
#define AT(member) offsetof(struct control_members, member)

static const struct command {
	const char *name;
	const char *members[MEMBERS_MAX]; /* beside command and correlationData */
} commands[] = {
	[CONTROL_STATUS] = { "status", { NULL } },
	[CONTROL_COUNTERS] = { "counters", { NULL } },
	[CONTROL_RELOAD] = { "reload", { NULL } },
	[CONTROL_MODE] = { "mode", { "group", "mode", NULL } },
	[CONTROL_LIST_BANS] = { "listBans", { NULL } },
	[CONTROL_LIFT_BAN] = { "liftBan", { "clientId", "principal", NULL } },
	[CONTROL_LIST_ALERTS] = { "listAlerts", { NULL } },
	[CONTROL_EXPLAIN] = { "explain",
			      { "action", "topic", "payload", "username", "clientId", "qos",
				"retain", NULL } },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* Members that are strings without NULs. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{ "group", AT(group) },       { "mode", AT(mode) },   { "clientId", AT(client_id) },
	{ "action", AT(action) },     { "topic", AT(topic) }, { "principal", AT(principal) },
	{ "username", AT(username) },
};

static bool read_texts(const json_t *json, struct control_members *ret, struct diag *diag)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const json_t *value = json_object_get(json, texts[i].name);
		const char *text = json_string_value(value);

		if (value && (!text || strlen(text) != json_string_length(value))) {
			(void)diag_set(diag, ERR_INVALID, "%s: expected a string", texts[i].name);
			return false;
		}
		memcpy((char *)ret + texts[i].offset, &text, sizeof(text));
	}
	return true;
}

static bool read_members(const json_t *json, struct control_members *ret, struct diag *diag)
{
	const json_t *qos = json_object_get(json, "qos");
	const json_t *payload = json_object_get(json, "payload");
	json_int_t number = json_integer_value(qos);

	*ret = (struct control_members){ .payload = json_string_value(payload),
					 .payload_len = json_string_length(payload),
					 .qos = (unsigned)(number & 3),
					 .is_retained =
						 json_is_true(json_object_get(json, "retain")) };
	if (!read_texts(json, ret, diag))
		return false;
	if (qos && (!json_is_integer(qos) || number < 0 || number > 2)) {
		(void)diag_set(diag, ERR_INVALID, "qos: expected 0, 1 or 2");
		return false;
	}
	if (payload && !ret->payload) {
		(void)diag_set(diag, ERR_INVALID, "payload: expected a string, the payload's text");
		return false;
	}
	return true;
}

/* NULL, or what the command lacks. */
static const char *find_lack(enum control_command command, const struct control_members *members)
{
	if (command == CONTROL_MODE && !members->group != !members->mode)
		return "expected group and mode, or neither";
	if (command == CONTROL_LIFT_BAN && !members->client_id && !members->principal)
		return "clientId and principal: one of them is missing (\"*\" stands for all)";
	if (command == CONTROL_EXPLAIN && (!members->action || !members->topic))
		return "action and topic: one of them is missing";
	return NULL;
}

/* "*" is any. */
static const char *unless_all(const char *name)
{
	return name && strcmp(name, "*") != 0 ? name : NULL;
}

/* ---- one command ------------------------------------------------------------------------- */

static bool is_member(const struct command *command, const char *name)
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
	struct control_members members;
	const char *key, *lack;
	json_t *value;
	unsigned i = 0;

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
	if (!read_members(json, &members, diag))
		return NULL;
	lack = find_lack((enum control_command)i, &members);
	if (lack) {
		(void)diag_set(diag, ERR_INVALID, "%s", lack);
		return NULL;
	}
	if (i == CONTROL_LIFT_BAN) {
		members.client_id = unless_all(members.client_id);
		members.principal = unless_all(members.principal);
	}
	return ops->perform(ops->ctx, (enum control_command)i, &members, diag);
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

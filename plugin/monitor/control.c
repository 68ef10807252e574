#include "monitor/control.h"

#include <string.h>

#include "base/config.h"

#define NAME_MAX_BYTES 64u

/* ---- commands and their members ---------------------------------------------------------- */

#define COMMON "command correlationData"

static const struct command {
	const char *name;
	struct config_known members[4];
} commands[] = {
	[CONTROL_STATUS] = { "status", { { .name = COMMON } } },
	[CONTROL_COUNTERS] = { "counters", { { .name = COMMON } } },
	[CONTROL_RELOAD] = { "reload", { { .name = COMMON } } },
	[CONTROL_MODE] = { "mode", { { .name = COMMON " group mode" } } },
	[CONTROL_LIST_BANS] = { "listBans", { { .name = COMMON } } },
	[CONTROL_LIFT_BAN] = { "liftBan", { { .name = COMMON " clientId principal" } } },
	[CONTROL_LIST_ALERTS] = { "listAlerts", { { .name = COMMON } } },
	[CONTROL_EXPLAIN] = { "explain",
			      { { .name = COMMON " payload username clientId qos retain" },
				{ .name = "action", .is_required = true },
				{ .name = "topic", .is_required = true } } },
	[CONTROL_RESEND] = { "resend",
			     { { .name = COMMON },
			       { .name = "id", .is_required = true },
			       { .name = "username", .is_required = true } } },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* A member that is a string without U+0000, which may be empty; NULL where it is not there. */
static const char *read_text(struct config_report *report, const struct config *command,
			     const char *key)
{
	const struct config *at = config_member(command, key);
	const char *text = config_string(at);

	if (at && !text)
		(void)config_fail(report, at, NULL, ERR_INVALID, "expected a string");
	return text;
}

/* "*" is any. */
static const char *read_any(struct config_report *report, const struct config *command,
			    const char *key)
{
	const char *text = read_text(report, command, key);

	return text && strcmp(text, "*") != 0 ? text : NULL;
}

static void read_members(struct config_report *report, const struct config *at,
			 enum control_command command, struct control_members *ret)
{
	const struct config *payload = config_member(at, "payload");
	bool is_lift = command == CONTROL_LIFT_BAN;
	int64_t qos = 0;

	*ret = (struct control_members){
		.group = read_text(report, at, "group"),
		.mode = read_text(report, at, "mode"),
		.client_id = (is_lift ? read_any : read_text)(report, at, "clientId"),
		.principal = read_any(report, at, "principal"),
		.action = read_text(report, at, "action"),
		.topic = read_text(report, at, "topic"),
		.username = read_text(report, at, "username"),
		.id = read_text(report, at, "id"),
	};
	(void)config_integer(report, at, "qos", 0, 2, &qos);
	(void)config_boolean(report, at, "retain", &ret->is_retained);
	ret->qos = (unsigned)qos;
	if (config_expect(report, payload, CONFIG_STRING)) {
		ret->payload = payload->text;
		ret->payload_len = payload->count;
	}
	if (command == CONTROL_MODE && !ret->group != !ret->mode)
		(void)config_fail(report, at, NULL, ERR_INVALID,
				  "expected group and mode, or neither");
	if (is_lift && !config_member(at, "clientId") && !config_member(at, "principal"))
		(void)config_fail(report, at, NULL, ERR_INVALID,
				  "expected clientId, principal or both (\"*\" stands for all)");
}

/* ---- one command ------------------------------------------------------------------------- */

static json_t *perform(const struct config *at, const char *name, const struct control_ops *ops,
		       struct diag *diag)
{
	struct config_report report = { .diag = diag };
	struct control_members members;
	unsigned i = 0;

	while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
		i++;
	if (i == COMMANDS || (i == CONTROL_RESEND) != ops->is_resend) {
		(void)diag_set(diag, ERR_INVALID, "there is no such command%s",
			       i == CONTROL_RESEND ? " here: it is one of " CONTROL_RESEND_TOPIC
						   : "");
		return NULL;
	}
	(void)config_check(&report, at, name, commands[i].members);
	read_members(&report, at, (enum control_command)i, &members);
	return report.rc ? NULL : ops->perform(ops->ctx, (enum control_command)i, &members, diag);
}

/* A response without data, new; NULL where memory ran out. Too large a correlation is left out. */
static json_t *respond(const char *name, const struct config *correlation)
{
	bool is_kept = correlation && correlation->kind == CONFIG_STRING &&
		       correlation->count <= CONTROL_CORRELATION_MAX;

	return json_pack("{s:s*, s:o*}", "command", name, "correlationData",
			 is_kept ? config_json(correlation) : NULL);
}

static json_t *answer(const struct config *at, const struct control_ops *ops)
{
	const struct config *named = config_member(at, "command");
	const char *name = named && named->count <= NAME_MAX_BYTES ? config_string(named) : NULL;
	json_t *response = respond(name, config_member(at, "correlationData"));
	json_t *data = NULL;
	struct diag diag;

	diag_init(&diag);
	if (!response)
		return NULL;
	if (name)
		data = perform(at, name, ops, &diag);
	else
		(void)diag_set(&diag, ERR_INVALID, "command: is missing, or no name");
	if (!data && !diag.text[0])
		(void)diag_nomem(&diag);
	ops->done(ops->ctx, name ? name : "?", diag.text);
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
	struct config *root = NULL;
	const struct config *list;
	struct diag diag;
	int rc = 0;

	if (len > CONTROL_BYTES_MAX)
		return complain(responses, "the request is too long");
	if (len > 0)
		diag_ignore(config_parse_message("request", request, len, &root, &diag));
	list = config_member(root, "commands");
	if (!list || list->kind != CONFIG_ARRAY)
		rc = complain(responses, "expected {\"commands\":[{\"command\":...}]}");
	else if (list->count > CONTROL_COMMANDS_MAX)
		rc = complain(responses, "too many commands in one request");
	else
		for (size_t i = 0; rc == 0 && i < list->count; i++)
			rc = json_array_append_new(responses, answer(&list->item[i], ops));
	config_free(root);
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

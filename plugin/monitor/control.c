#include "monitor/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"

#define NAME_MAX_BYTES 64u
#define CONTROL_OFFSET_MAX (1 << 30)

/* ---- commands and their members ---------------------------------------------------------- */

#define COMMON "command correlationData"
#define PACKED " encoding"
#define PAGE PACKED " limit after"

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
	[CONTROL_CONTRACT] = { "contract", { { .name = COMMON " offset digest encoding parts" } } },
	[CONTROL_WHOAMI] = { "whoami", { { .name = COMMON } } },
	[CONTROL_HISTORY] = { "history", { { .name = COMMON PACKED " after" } } },
	[CONTROL_LIST_ENTITIES] = { "listEntities",
				    { { .name = COMMON PAGE " entity status owner id" } } },
	[CONTROL_GET_ENTITY] = { "getEntity",
				 { { .name = COMMON PAGE },
				   { .name = "entity", .is_required = true },
				   { .name = "id", .is_required = true } } },
	[CONTROL_LIST_EVENTS] = { "listEvents",
				  { { .name = COMMON PAGE " topic prefix mine since" } } },
	[CONTROL_LIST_REFUSALS] = { "listRefusals",
				    { { .name = COMMON PAGE
					" reason client principal topic since until" } } },
	[CONTROL_COUNT_REFUSALS] = { "countRefusals",
				     { { .name = COMMON PACKED " since limit" },
				       { .name = "by", .is_required = true } } },
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

/* How the answer is to be sent; the names are those of HTTP's content codings. */
static void read_encoding(struct config_report *report, const struct config *command,
			  struct control_members *ret)
{
	const char *name = read_text(report, command, "encoding");
	int64_t parts = 0;

	ret->is_gzip = name && strcmp(name, "gzip") == 0;
	if (name && !ret->is_gzip && strcmp(name, "identity") != 0)
		(void)config_fail(report, command, "encoding", ERR_INVALID,
				  "expected gzip or identity");
	(void)config_integer(report, command, "parts", 1, CONTROL_PARTS_MAX, &parts);
	if (parts > 0 && !ret->is_gzip)
		(void)config_fail(report, command, "parts", ERR_INVALID,
				  "only with the encoding gzip");
	ret->parts = (unsigned)parts;
}

static void read_members(struct config_report *report, const struct config *at,
			 enum control_command command, struct control_members *ret)
{
	const struct config *payload = config_member(at, "payload");
	bool is_lift = command == CONTROL_LIFT_BAN;
	int64_t qos = 0, limit = 0, offset = 0;

	*ret = (struct control_members){
		.group = read_text(report, at, "group"),
		.mode = read_text(report, at, "mode"),
		.client_id = (is_lift ? read_any : read_text)(report, at, "clientId"),
		.principal = (is_lift ? read_any : read_text)(report, at, "principal"),
		.action = read_text(report, at, "action"),
		.topic = read_text(report, at, "topic"),
		.username = read_text(report, at, "username"),
		.id = read_text(report, at, "id"),
		.entity = read_text(report, at, "entity"),
		.status = read_text(report, at, "status"),
		.owner = read_text(report, at, "owner"),
		.prefix = read_text(report, at, "prefix"),
		.reason = read_text(report, at, "reason"),
		.client = read_text(report, at, "client"),
		.by = read_text(report, at, "by"),
		.since = read_text(report, at, "since"),
		.until = read_text(report, at, "until"),
		.after = read_text(report, at, "after"),
		.digest = read_text(report, at, "digest"),
	};
	(void)config_integer(report, at, "limit", 1, CONTROL_LIMIT_MAX, &limit);
	(void)config_boolean(report, at, "mine", &ret->is_mine);
	ret->limit = (unsigned)limit;
	(void)config_integer(report, at, "qos", 0, 2, &qos);
	(void)config_boolean(report, at, "retain", &ret->is_retained);
	(void)config_integer(report, at, "offset", 0, CONTROL_OFFSET_MAX, &offset);
	read_encoding(report, at, ret);
	ret->qos = (unsigned)qos;
	ret->offset = (size_t)offset;
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

static void perform(const struct config *at, const char *name, const json_t *correlation,
		    const struct control_ops *ops, struct control_answer *ret)
{
	struct config_report report = { .diag = &ret->diag };
	struct control_members members;
	unsigned i = 0;

	while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
		i++;
	if (i == COMMANDS || (i == CONTROL_RESEND) != ops->is_resend) {
		ret->code = CONTROL_UNKNOWN;
		(void)diag_set(&ret->diag, ERR_INVALID, "there is no such command%s",
			       i == CONTROL_RESEND ? " here: it is one of " CONTROL_RESEND_TOPIC
						   : "");
		return;
	}
	(void)config_check(&report, at, name, commands[i].members);
	read_members(&report, at, (enum control_command)i, &members);
	members.name = commands[i].name;
	members.correlation = correlation;
	if (report.rc == 0)
		ops->perform(ops->ctx, (enum control_command)i, &members, ret);
}

/* What is sent back to tell the answer by, new; NULL: none was given, or it is too large. */
static json_t *read_correlation(const struct config *correlation)
{
	bool is_kept = correlation && correlation->kind == CONFIG_STRING &&
		       correlation->count <= CONTROL_CORRELATION_MAX;
	json_t *ret = is_kept ? config_json(correlation) : NULL;

	if (ret && json_dumpb(ret, NULL, 0, JSON_ENCODE_ANY) <= CONTROL_CORRELATION_MAX + 2)
		return ret;
	json_decref(ret);
	return NULL;
}

/* A response, new; NULL where memory ran out. Takes the data. */
static json_t *respond_take(const char *name, const json_t *correlation,
			    struct control_answer *answer)
{
	json_t *data = answer->data;
	json_t *echo = correlation ? json_deep_copy(correlation) : NULL;

	answer->data = NULL;
	if (!data && !answer->diag.text[0])
		(void)diag_nomem(&answer->diag);
	if (data)
		return json_pack("{s:s*, s:o*, s:o}", "command", name, "correlationData", echo,
				 "data", data);
	return json_pack("{s:s*, s:o*, s:s, s:s*, s:s*}", "command", name, "correlationData", echo,
			 "error", answer->diag.text, "code", answer->code, "scope",
			 answer->scope[0] ? answer->scope : NULL);
}

/* Adds the response, unless it comes later. Not 0: memory ran out. */
static int answer_one(const struct config *at, const struct control_ops *ops, json_t *responses)
{
	const struct config *named = config_member(at, "command");
	const char *name = named && named->count <= NAME_MAX_BYTES ? config_string(named) : NULL;
	json_t *correlation = read_correlation(config_member(at, "correlationData"));
	struct control_answer answer = { .data = NULL };
	int rc = 0;

	if (name)
		perform(at, name, correlation, ops, &answer);
	else
		(void)diag_set(&answer.diag, ERR_INVALID, "command: is missing, or no name");
	if (!answer.data && !answer.is_later && !answer.diag.text[0])
		(void)diag_nomem(&answer.diag);
	ops->done(ops->ctx, name ? name : "?", answer.diag.text);
	if (!answer.is_later)
		rc = json_array_append_new(responses, respond_take(name, correlation, &answer));
	json_decref(correlation);
	return rc;
}

/* {"responses":@responses} as text, which is the caller's; NULL: memory ran out. */
static char *print_take(json_t *responses)
{
	json_t *root = json_pack("{so}", "responses", responses); /* takes it, also if it fails */
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return text;
}

int control_respond_take(const char *name, const json_t *correlation, struct control_answer *answer,
			 char **ret)
{
	json_t *response = respond_take(name, correlation, answer);
	char *text = response ? print_take(json_pack("[o]", response)) : NULL;

	if (text && strlen(text) > CONTROL_ANSWER_MAX) {
		struct control_answer fault = { .code = CONTROL_TOO_LARGE };

		free(text);
		(void)diag_set(&fault.diag, ERR_LIMIT, "the answer is larger than %u bytes",
			       CONTROL_ANSWER_MAX);
		response = respond_take(name, correlation, &fault);
		text = response ? print_take(json_pack("[o]", response)) : NULL;
	}
	*ret = text;
	return text ? 0 : ERR_NOMEM;
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
			rc = answer_one(&list->item[i], ops, responses);
	config_free(root);
	return rc;
}

int control_handle(const void *request, size_t len, const struct control_ops *ops, char **ret,
		   struct diag *diag)
{
	json_t *responses = json_array();

	*ret = NULL;
	if (!responses || answer_all(request, len, ops, responses) != 0) {
		json_decref(responses);
		return diag_nomem(diag);
	}
	if (json_array_size(responses) == 0) {
		json_decref(responses);
		return 0;
	}
	*ret = print_take(responses);
	return *ret ? 0 : diag_nomem(diag);
}

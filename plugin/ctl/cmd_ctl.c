/*
 * petstorectl ctl: commands to a running broker's plugin; and petstorectl bans: lists the clients
 * and users that it holds off or has banned, and lets them in again.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/control_args.h"
#include "ctl/ctl.h"
#include "base/suggest.h"

#define COMMANDS                                                                                   \
	"whoami contract status counters reload mode listBans liftBan listAlerts explain history " \
	"listEntities getEntity listEvents listRefusals countRefusals"

/*
 * "qos=1" and "limit=1" as numbers, "retain=true" and "mine=true" as truths, all else as text. What
 * is to be a number or a truth, and is none, is NULL, and *@fault says what was expected.
 */
static json_t *value_of(const char *name, const char *text, const char **fault)
{
	char *end = NULL;
	long number = strtol(text, &end, 10);
	bool is_true = strcmp(text, "true") == 0;

	*fault = "not UTF-8";
	if (strcmp(name, "qos") == 0 || strcmp(name, "limit") == 0) {
		*fault = "expected a number";
		return end == text || *end ? NULL : json_integer(number);
	}
	if (strcmp(name, "retain") == 0 || strcmp(name, "mine") == 0) {
		*fault = "expected true or false";
		return is_true || strcmp(text, "false") == 0 ? json_boolean(is_true) : NULL;
	}
	return json_string(text);
}

static json_t *read_command(const struct ctl_call *call)
{
	json_t *command = json_pack("{ss}", "command", call->operand[0]);

	for (int i = 1; command && i < call->count; i++) {
		const char *word = call->operand[i], *equals = strchr(word, '=');
		char name[32] = "";
		const char *fault = "expected NAME=VALUE";

		if (equals && (size_t)(equals - word) < sizeof(name))
			(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
		if (name[0] &&
		    json_object_set_new(command, name, value_of(name, equals + 1, &fault)) == 0)
			continue;
		(void)ctl_fail(call->name, "%s: %s", word, fault);
		json_decref(command);
		return NULL;
	}
	/* As petstorectl explain has it. */
	if (strcmp(call->operand[0], "explain") == 0 && !json_object_get(command, "qos"))
		(void)json_object_set_new(command, "qos", json_integer(1));
	return command;
}

/* ---- contract: its parts together ------------------------------------------------------------ */

#define CONTRACT_BYTES_MAX (1u << 30)

/* A growing text. */
struct whole {
	char *text;
	size_t len;
};

static bool add_part(struct whole *whole, const json_t *part)
{
	const json_t *text = json_object_get(part, "text");
	size_t more = json_string_length(text);
	char *grown = more > 0 && whole->len + more < CONTRACT_BYTES_MAX
			      ? realloc(whole->text, whole->len + more)
			      : NULL;

	if (!grown)
		return false;
	memcpy(grown + whole->len, json_string_value(text), more);
	whole->text = grown;
	whole->len += more;
	return true;
}

/* Asks for one part after the other; they belong together by their digest. */
static int read_parts(struct ctl_call *call, struct whole *whole)
{
	json_t *next = json_integer(0), *digest = NULL;
	int status = CTL_OK;

	while (status == CTL_OK && json_is_integer(next)) {
		json_t *data = NULL;

		status = control_args_ask(call,
					  json_pack("{ss so sO*}", "command", "contract", "offset",
						    next, "digest", digest),
					  &data);
		next = json_incref(json_object_get(data, "next"));
		if (status == CTL_OK && !digest)
			digest = json_incref(json_object_get(data, "digest"));
		if (status == CTL_OK && !add_part(whole, data))
			status = ctl_fail(call->name, "contract: the answer is none");
		json_decref(data);
	}
	json_decref(next);
	json_decref(digest);
	return status;
}

static int run_contract(struct ctl_call *call)
{
	struct control_args *args = call->args;
	struct whole whole = { .len = 0 };
	int status;

	args->is_kept = true;
	status = read_parts(call, &whole);
	control_args_forget(args);
	if (status == CTL_OK &&
	    (fwrite(whole.text, 1, whole.len, stdout) != whole.len || putchar('\n') == EOF))
		status = ctl_fail(call->name, "contract: not all could be written");
	free(whole.text);
	return status;
}

static int run(struct ctl_call *call)
{
	struct control_args *args = call->args;
	struct suggest suggest = suggest_begin(call->operand[0]);
	json_t *data = NULL, *command = read_command(call);
	int status;

	if (!command)
		return CTL_FAILED;
	if (strcmp(call->operand[0], "contract") == 0) {
		json_decref(command);
		return run_contract(call);
	}
	if (strcmp(call->operand[0], "explain") == 0 &&
	    (!json_object_get(command, "action") || !json_object_get(command, "topic"))) {
		json_decref(command);
		return ctl_fail(call->name,
				"explain: expected action=publish|subscribe and topic=TOPIC");
	}
	/* The plugin is asked all the same: it may know more commands than this program. */
	suggest_add(&suggest, COMMANDS);
	args->guess = suggest_text(&suggest);
	status = control_args_ask(call, command, &data);
	if (status == CTL_OK)
		output_json(data);
	json_decref(data);
	return status;
}

const struct ctl_command ctl_ctl = {
	.name = "ctl",
	.arguments = "[OPTION...] COMMAND [NAME=VALUE...]",
	.summary = "gives a running broker's plugin a command; prints JSON",
	.help = "whoami and contract (the documents in force, as far as the user may use them) "
		"are\n"
		"for every user. Each other COMMAND needs the scope that is called as it is, like\n"
		"control:status:\n"
		"\n"
		"  status, counters, history, reload, listAlerts, listBans\n"
		"  mode [group=GROUP mode=MODE]\n"
		"  liftBan clientId=ID principal=USER\n"
		"  explain action=publish|subscribe topic=TOPIC [payload=TEXT\n"
		"      username=NAME clientId=ID qos=N (1) retain=true]\n"
		"  listEntities [entity=NAME status=STATUS owner=USER id=PREFIX]\n"
		"  getEntity entity=NAME id=ID\n"
		"  listEvents [topic=TOPIC prefix=TEXT mine=true since=TIME]\n"
		"  listRefusals [reason=CODE client=ID principal=USER topic=PREFIX\n"
		"      since=TIME until=TIME]\n"
		"  countRefusals by=reason|client_id|principal|topic\n"
		"\n"
		"The last five take limit=N and after=NEXT, too.\n",
	.shared = CTL_JSON | CTL_CONFIG,
	.options = control_args_rows,
	.args_size = sizeof(struct control_args),
	.defaults = &control_args_defaults,
	.hints = COMMANDS,
	.operands_min = 1,
	.operands_max = 16,
	.finds_files = true,
	.run = run,
};

/* ---- bans -------------------------------------------------------------------------------- */

static const struct output_column columns[] = {
	{ "state", "STATE", OUTPUT_BY_WORD },
	{ "kind", "FOR", OUTPUT_PLAIN },
	{ "secondsLeft", "SECONDS", OUTPUT_PLAIN },
	{ "whom", "OF", OUTPUT_PLAIN },
	{ "principal", "USER", OUTPUT_PLAIN },
	{ "clientId", "CLIENT", OUTPUT_PLAIN },
	{ .key = NULL },
};

static void print_bans(const struct ctl_call *call, const json_t *data)
{
	json_t *bans = json_object_get(data, "bans"), *ban;
	json_int_t total = json_integer_value(json_object_get(data, "total"));
	size_t i;

	json_array_foreach(bans, i, ban) {
		const char *of = json_string_value(json_object_get(ban, "of"));

		if (!call->is_json)
			(void)json_object_set_new(ban, "whom",
						  json_string(of && strcmp(of, "principal") == 0
								      ? "user"
								      : "client"));
	}
	ctl_rows(call, bans, columns);
	if ((json_int_t)json_array_size(bans) < total)
		(void)ctl_fail(call->name, "and %lld more",
			       (long long)(total - (json_int_t)json_array_size(bans)));
}

static int print_lifted(const struct ctl_call *call, const json_t *data)
{
	json_int_t lifted = json_integer_value(json_object_get(data, "lifted"));

	if (call->is_json)
		output_json(data);
	else
		(void)printf("lifted %lld\n", (long long)lifted);
	return lifted ? CTL_OK : CTL_NO;
}

static int run_bans(struct ctl_call *call)
{
	const char *word = call->count ? call->operand[0] : "list";
	bool is_lift =
		call->count == 2 && (strcmp(word, "lift") == 0 || strcmp(word, "lift-user") == 0);
	json_t *data = NULL, *command;
	int status;

	if (is_lift)
		command = json_pack("{ssss}", "command", "liftBan",
				    strcmp(word, "lift-user") == 0 ? "principal" : "clientId",
				    call->operand[1]);
	else if (call->count < 2 && strcmp(word, "list") == 0)
		command = json_pack("{ss}", "command", "listBans");
	else
		return ctl_fail(call->name,
				"expected list, lift and a client id, or lift-user and a user");
	status = control_args_ask(call, command, &data);
	if (status == CTL_OK && is_lift)
		status = print_lifted(call, data);
	else if (status == CTL_OK)
		print_bans(call, data);
	json_decref(data);
	return status;
}

const struct ctl_command ctl_bans = {
	.name = "bans",
	.arguments = "[OPTION...] [list | lift CLIENT | lift-user USER]",
	.summary = "who is held off or banned, and letting them back in",
	.help = "A user that is held off or banned is so with all its clients; CLIENT is the one\n"
		"that caused it. lift-user lets a user and all its clients back in, lift '*'\n"
		"everybody.\n",
	.shared = CTL_JSON | CTL_CONFIG,
	.options = control_args_rows,
	.args_size = sizeof(struct control_args),
	.defaults = &control_args_defaults,
	.words = "list lift lift-user",
	.operands_min = 0,
	.operands_max = 2,
	.finds_files = true,
	.run = run_bans,
};

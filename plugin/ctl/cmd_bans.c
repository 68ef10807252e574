/*
 * petstorectl bans: who is held off or banned by a running broker's plugin, and letting it in.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/control_args.h"
#include "ctl/ctl.h"

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
	output_rows(&call->output, bans, columns);
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

static int run(struct ctl_call *call)
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
	.run = run,
};

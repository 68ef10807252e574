/*
 * petstorectl ctl: commands to a running broker's plugin.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/control_args.h"
#include "ctl/ctl.h"
#include "base/suggest.h"

#define COMMANDS "status counters reload mode listBans liftBan listAlerts explain"

/* "qos=1" as a number, "retain=true" as a truth, all else as text. */
static json_t *value_of(const char *name, const char *text)
{
	if (strcmp(name, "qos") == 0)
		return json_integer(strtol(text, NULL, 10));
	if (strcmp(name, "retain") == 0)
		return json_boolean(strcmp(text, "true") == 0);
	return json_string(text);
}

static json_t *read_command(const struct ctl_call *call)
{
	json_t *command = json_pack("{ss}", "command", call->operand[0]);

	for (int i = 1; command && i < call->count; i++) {
		const char *word = call->operand[i], *equals = strchr(word, '=');
		char name[32] = "";
		const char *fault = NULL;

		if (equals && (size_t)(equals - word) < sizeof(name))
			(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
		if (!name[0])
			fault = "expected NAME=VALUE";
		else if (json_object_set_new(command, name, value_of(name, equals + 1)))
			fault = "not UTF-8";
		if (!fault)
			continue;
		(void)ctl_fail(call->name, "%s: %s", word, fault);
		json_decref(command);
		return NULL;
	}
	return command;
}

static int run(struct ctl_call *call)
{
	struct suggest suggest = suggest_begin(call->operand[0]);
	json_t *data = NULL, *command = read_command(call);
	int status;

	if (!command)
		return CTL_FAILED;
	status = control_args_ask(call, command, &data);
	/* The plugin may know more commands than this program. */
	if (status == CTL_NO && !suggest_has(COMMANDS, call->operand[0])) {
		suggest_add(&suggest, COMMANDS);
		if (suggest_text(&suggest)[0])
			(void)ctl_fail(call->name, "%s%s", call->operand[0],
				       suggest_text(&suggest));
	}
	if (status == CTL_OK)
		output_json(data);
	json_decref(data);
	return status;
}

const struct ctl_command ctl_ctl = {
	.name = "ctl",
	.arguments = "[OPTION...] COMMAND [NAME=VALUE...]",
	.summary = "gives a running broker's plugin a command; prints JSON",
	.help = "Commands: status, counters, reload, mode [group=GROUP mode=MODE], listBans,\n"
		"liftBan clientId=ID principal=USER, listAlerts, explain\n"
		"action=publish|subscribe topic=TOPIC [payload=TEXT username=NAME clientId=ID\n"
		"qos=N retain=true]. The user needs the scope that the contract asks for on\n"
		"$CONTROL/petstore/v1.\n",
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

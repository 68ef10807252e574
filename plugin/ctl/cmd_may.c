/*
 * petstorectl may: a table of everything that a user may do.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

/* clang-format off */
static const struct output_column columns[] = {
	{ "address", "topic", OUTPUT_PLAIN }, { "publish", "publish", OUTPUT_PLAIN },
	{ "qos", "QoS from", OUTPUT_PLAIN }, { "retain", "retain", OUTPUT_PLAIN },
	{ "will", "will", OUTPUT_PLAIN }, { "receive", "receive", OUTPUT_PLAIN }, { .key = NULL },
};
/* clang-format on */

/* For any topic of the channel: every parameter is open. */
static const char *grant_word(const struct access_principal *principal,
			      const struct contract_channel *channel,
			      const struct contract_operation *operation, size_t count)
{
	static const char *const words[] = {
		[GATE_NONE] = "no", [GATE_OWN] = "own", [GATE_FULL] = "yes"
	};
	struct contract_match match = { .channel = channel };
	enum gate_grant grant;

	if (count == 0 || principal->is_disabled)
		return "no";
	grant = gate_grant(principal, GATE_LOGIN_ANY, operation, count, &match);
	if (grant != GATE_NONE || operation != channel->receive)
		return words[grant];
	for (size_t i = 0; i < channel->param_count; i++)
		if (channel->param[i].own != CONTRACT_OWN_NONE)
			return "as addressed"; /* what carries its name and client id */
	return "no";
}

static json_t *row_of(const struct access_principal *principal,
		      const struct contract_channel *channel)
{
	static const char *const retain[] = { "may", "must", "must not" };
	const char *publish = grant_word(principal, channel, channel->send, channel->send_count);
	bool can = strcmp(publish, "no") != 0;

	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "channel", channel->name, "address",
			 channel->address, "publish", publish, "qos",
			 can ? json_integer(channel->send->qos) : json_null(), "retain",
			 can ? retain[channel->send->retain] : "", "will",
			 !can                       ? ""
			 : channel->is_will_allowed ? "may"
						    : "must not",
			 "receive",
			 grant_word(principal, channel, channel->receive, channel->receive_count));
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool holds(const struct access_principal *principal, const struct contract_channel *channel,
		  int scope, enum gate_grant least)
{
	struct contract_alternative needed = { .methods = 0 };
	struct contract_operation asked = { .alternative_count = 1, .alternative = &needed };
	struct contract_match match = { .channel = channel };

	if (scope < 0 || principal->is_disabled)
		return false;
	scopeset_add(&needed.scopes, (unsigned)scope);
	return gate_grant(principal, GATE_LOGIN_ANY, &asked, 1, &match) >= least;
}

/* "PLACED -> CANCELLED": the steps of a user that may publish on @channel for its own only. */
static void add_own_steps(json_t *list, const struct access_principal *principal,
			  const struct contract_channel *channel)
{
	const struct contract_transitions *machine =
		channel->mapping ? channel->mapping->transitions : NULL;

	if (!machine ||
	    strcmp(grant_word(principal, channel, channel->send, channel->send_count), "own") != 0)
		return;
	for (int from = -1; from < (int)machine->count; from++) {
		uint64_t next = from < 0 ? machine->first : machine->next[from];

		for (int to = 0; to < (int)machine->count; to++)
			if ((next >> to & 1) &&
			    holds(principal, channel, contract_step_scope(machine, from, to),
				  GATE_OWN))
				(void)json_array_append_new(
					list,
					json_sprintf("%s: %s -> %s", channel->address,
						     from < 0 ? "(new)" : machine->status[from],
						     machine->status[to]));
	}
}

/* May it put a status of the channel right? */
static bool may_correct(const struct access_principal *principal,
			const struct contract_channel *channel)
{
	return channel->mapping && channel->mapping->transitions &&
	       strcmp(grant_word(principal, channel, channel->send, channel->send_count), "yes") ==
		       0 &&
	       holds(principal, channel, channel->mapping->transitions->correct, GATE_FULL);
}

static void print_list(const char *title, const json_t *list)
{
	const json_t *each;
	size_t i;

	if (json_array_size(list) > 0)
		(void)printf("\n%s\n", title);
	json_array_foreach(list, i, each)
		(void)printf("  %s\n", json_string_value(each));
}

static json_t *texts_json(const char *const *text, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_string(text[i]));
	return list;
}

static json_t *attributes_json(const struct access_principal *principal)
{
	json_t *object = json_object();

	for (size_t i = 0; i < principal->attribute_count; i++) {
		const struct access_attribute *attribute = &principal->attribute[i];

		(void)json_object_set_new(object, attribute->name,
					  texts_json(attribute->value, attribute->value_count));
	}
	return object;
}

static void print_text(const struct access_principal *principal, const json_t *whole,
		       const struct output *output)
{
	(void)printf("%s%s, roles", principal->name, principal->is_disabled ? " (disabled)" : "");
	for (size_t i = 0; i < principal->role_count; i++)
		(void)printf("%s %s", i ? "," : "", principal->role[i]);
	(void)printf("%s\n\n", principal->role_count ? "" : " none");
	output_rows(output, json_object_get(whole, "channels"), columns);
	print_list("Steps on its own:", json_object_get(whole, "ownSteps"));
	print_list("Puts a status right on:", json_object_get(whole, "corrects"));
	if (principal->rule_count > 0)
		(void)puts("\nSome of this holds for certain topics only (where).");
}

static void print(const struct access_principal *principal, const struct scene *scene,
		  const struct output *output)
{
	json_t *channels = json_array(), *steps = json_array(), *corrects = json_array(), *whole;

	for (size_t i = 0; i < scene->rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &scene->rules->contract->channel[i];

		(void)json_array_append_new(channels, row_of(principal, channel));
		add_own_steps(steps, principal, channel);
		if (may_correct(principal, channel))
			(void)json_array_append_new(corrects, json_string(channel->address));
	}
	whole = json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "user", principal->name,
			  "disabled", (int)principal->is_disabled, "roles",
			  texts_json(principal->role, principal->role_count), "attributes",
			  attributes_json(principal), "channels", channels, "ownSteps", steps,
			  "corrects", corrects);
	if (output->is_json)
		output_json(whole);
	else
		print_text(principal, whole, output);
	json_decref(whole);
}

static int run(struct ctl_call *call)
{
	const struct access_principal *principal;
	struct scene scene = { .rules = NULL };
	int status;

	call->files.database = NULL; /* scopes do not depend on it, and few may read it */
	if (scene_open(&call->files, &scene, &call->diag))
		return CTL_FAILED;
	principal = scene_principal(&scene, call->operand[0], NULL);
	if (principal)
		print(principal, &scene, &call->output);
	else
		ctl_no_user(call, &scene, call->operand[0]);
	status = principal ? CTL_OK : CTL_NO;
	scene_clear(&scene);
	return status;
}

const struct ctl_command ctl_may = {
	.name = "may",
	.arguments = "USER [OPTION...]",
	.summary = "everything that a user may do",
	.help = "\"own\" is what belongs to the user, by the database or by an attribute.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};

/*
 * petstorectl diff: what a new contract or access file allows and refuses that the old did not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/diff.h"

static const struct contract_channel *find_channel(const struct scene *scene, const char *address)
{
	for (size_t i = 0; i < scene->rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &scene->rules->contract->channel[i];

		if (strcmp(channel->address, address) == 0)
			return channel;
	}
	return NULL;
}

/* ---- who may do what -------------------------------------------------------------------- */

static enum gate_grant grant_of(const struct access_principal *principal,
				const struct contract_channel *channel, bool is_send)
{
	struct contract_match match = { .channel = channel };

	if (!principal || principal->is_disabled || !channel)
		return GATE_NONE;
	return gate_grant(principal, is_send ? &channel->send : &channel->receive, &match);
}

static void compare_grants(struct diff *diff, const char *name, const char *address)
{
	static const char *const words[] = {
		[GATE_NONE] = "nothing", [GATE_OWN] = "its own", [GATE_FULL] = "all"
	};
	const struct access_principal *before = access_find(diff->from.rules->access, name);
	const struct access_principal *after = access_find(diff->to.rules->access, name);

	for (int is_send = 1; is_send >= 0; is_send--) {
		enum gate_grant had = grant_of(before, find_channel(&diff->from, address), is_send);
		enum gate_grant has = grant_of(after, find_channel(&diff->to, address), is_send);

		if (had != has)
			change_list_add(&diff->change, has > had, name,
					is_send ? "publish" : "receive", address,
					"%s instead of %s", words[has], words[had]);
	}
}

/* All users of both, with all channels of both: what one lacks is granted nothing there. */
static void compare_users(struct diff *diff, const char *address)
{
	const struct access_principal *principal;

	for (size_t i = 0; (principal = access_principal(diff->from.rules->access, i)); i++)
		compare_grants(diff, principal->name, address);
	for (size_t i = 0; (principal = access_principal(diff->to.rules->access, i)); i++)
		if (!access_find(diff->from.rules->access, principal->name))
			compare_grants(diff, principal->name, address);
}

/* ---- under which rules ------------------------------------------------------------------ */

/* Bit 0: a message that is not retained may pass, bit 1: one that is. */
static unsigned retain_set(enum contract_retain retain)
{
	return retain == CONTRACT_RETAIN_MAY ? 3 : retain == CONTRACT_RETAIN_MUST ? 2 : 1;
}

static void compare_rules(struct diff *diff, const struct contract_channel *from,
			  const struct contract_channel *to)
{
	static const char *const modes[] = { "enforce", "observe", "off" };
	struct change_list *change = &diff->change;
	unsigned had = retain_set(from->send.retain), has = retain_set(to->send.retain);

	if (from->send.qos != to->send.qos)
		change_list_add(change, to->send.qos < from->send.qos, NULL, "qos", to->address,
				"from %u, it was from %u", to->send.qos, from->send.qos);
	if (has & ~had)
		change_list_add(change, true, NULL, "retain", to->address, "messages %s retained",
				has & ~had & 2 ? "that are" : "that are not");
	if (had & ~has)
		change_list_add(change, false, NULL, "retain", to->address, "messages %s retained",
				had & ~has & 2 ? "that are" : "that are not");
	if (from->payload_max != to->payload_max)
		change_list_add(change, to->payload_max > from->payload_max, NULL, "size",
				to->address, "%zu bytes instead of %zu", to->payload_max,
				from->payload_max);
	if (from->is_will_allowed != to->is_will_allowed)
		change_list_add(change, to->is_will_allowed, NULL, "will", to->address,
				"last wills");
	for (int g = 0; g < CONTRACT_GROUPS; g++)
		if (from->mode[g] != to->mode[g])
			change_list_add(change, to->mode[g] > from->mode[g], NULL, "mode",
					to->address, "%s: %s instead of %s",
					contract_group_name((enum contract_group)g),
					modes[to->mode[g]], modes[from->mode[g]]);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool has_value(const struct contract_param *param, const char *value)
{
	for (size_t i = 0; i < param->value_count; i++)
		if (strcmp(param->value[i], value) == 0)
			return true;
	return param->value_count == 0;
}

/* Values that @a takes and @b does not. */
static void compare_values(struct diff *diff, bool is_allowed, const char *address,
			   const struct contract_param *a, const struct contract_param *b)
{
	if (a->value_count == 0 && b->value_count > 0)
		change_list_add(&diff->change, is_allowed, NULL, "parameter", address,
				"%s: what the list does not name", a->name);
	for (size_t i = 0; i < a->value_count; i++)
		if (!has_value(b, a->value[i]))
			change_list_add(&diff->change, is_allowed, NULL, "parameter", address,
					"%s: %s", a->name, a->value[i]);
}

static void compare_params(struct diff *diff, const struct contract_channel *from,
			   const struct contract_channel *to)
{
	for (size_t i = 0; i < to->param_count; i++) {
		const struct contract_param *a = &from->param[i], *b = &to->param[i];

		compare_values(diff, false, to->address, a, b);
		compare_values(diff, true, to->address, b, a);
		/* Two patterns can't be compared: a new one is taken for a stricter one. */
		if (!same_text(a->pattern, b->pattern))
			change_list_add(&diff->change, !b->pattern, NULL, "parameter", to->address,
					"%s: pattern %s instead of %s", b->name,
					b->pattern ? b->pattern : "none",
					a->pattern ? a->pattern : "none");
		if (!same_text(a->location, b->location))
			change_list_add(&diff->change, !b->location, NULL, "parameter", to->address,
					"%s: is to be %s of the payload", b->name,
					b->location ? b->location : "nothing");
	}
}

/* ---- all of it -------------------------------------------------------------------------- */

static void compare_channel(struct diff *diff, const char *address)
{
	const struct contract_channel *from = find_channel(&diff->from, address);
	const struct contract_channel *to = find_channel(&diff->to, address);

	compare_users(diff, address);
	if (!from || !to || !from->send.name || !to->send.name)
		return;
	compare_rules(diff, from, to);
	compare_params(diff, from, to);
	diff_transitions(diff, from, to);
	diff_payloads(diff, from, to);
}

static void compare(struct diff *diff)
{
	const struct contract *from = diff->from.rules->contract;
	const struct contract *to = diff->to.rules->contract;

	for (size_t i = 0; i < from->channel_count; i++)
		compare_channel(diff, from->channel[i].address);
	for (size_t i = 0; i < to->channel_count; i++)
		if (!find_channel(&diff->from, to->channel[i].address))
			compare_channel(diff, to->channel[i].address);
}

/* The same payload may come up from both examples. */
static void drop_repeats(struct change_list *change)
{
	for (size_t i = 0; i < json_array_size(change->rows); i++) {
		for (size_t k = json_array_size(change->rows) - 1; k > i; k--) {
			json_t *row = json_array_get(change->rows, k);
			bool is_allowed;

			if (!json_equal(json_array_get(change->rows, i), row))
				continue;
			is_allowed = strcmp(json_string_value(json_object_get(row, "change")),
					    "allows") == 0;
			*(is_allowed ? &change->allows : &change->refuses) -= 1;
			(void)json_array_remove(change->rows, k);
		}
	}
}

static int run(struct ctl_call *call)
{
	struct diff diff = { .change = { .rows = json_array() } };
	int status = CTL_FAILED;

	if (change_list_open(call->operand[0], &call->files, &diff.from, &call->diag) ||
	    change_list_open(call->operand[1], &call->files, &diff.to, &call->diag))
		goto out;
	compare(&diff);
	drop_repeats(&diff.change);
	change_list_print(&diff.change, NULL, &call->output);
	status = diff.change.refuses ? CTL_NO : CTL_OK;
out:
	scene_clear(&diff.from);
	scene_clear(&diff.to);
	json_decref(diff.change.rows);
	return status;
}

const struct ctl_command ctl_diff = {
	.name = "diff",
	.arguments = "[--access FILE | --contract FILE] OLD NEW",
	.summary = "what a new contract or access file newly allows and refuses",
	.help = "OLD and NEW are two contracts, held against the users of --access, or two access\n"
		"files, held against --contract. Compared are who may do what, the rules of\n"
		"messages, the status changes, and the schemas keyword by keyword, at every\n"
		"place of a message (/* is any other member, or an item). What can't be\n"
		"compared like this (anyOf, if, not, ...) counts as refused, and is tried with\n"
		"the messages' examples: as they are, without each of their members, and with\n"
		"one more. Two patterns or formats are two changes. See replay for what really\n"
		"came.\n\n"
		"Exit status: 0 nothing that was allowed is refused, 1 something is, 2 a file is\n"
		"no use.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};

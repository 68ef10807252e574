/*
 * petstorectl diff: what a new contract or access file allows and refuses that the old did not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonfile.h"
#include "ctl/change_list.h"
#include "ctl/ctl.h"
#include "ctl/deref.h"
#include "ctl/schema_compare.h"

struct diff {
	struct scene from;
	struct scene to;
	struct change_list change;
};

/* ---- who may do what -------------------------------------------------------------------- */

static const struct contract_channel *find_channel(const struct scene *scene, const char *address)
{
	for (size_t i = 0; i < contract_channel_count(scene->rules->contract); i++) {
		const struct contract_channel *channel =
			contract_channel(scene->rules->contract, i);

		if (strcmp(channel->address, address) == 0)
			return channel;
	}
	return NULL;
}

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

/* ---- on which terms --------------------------------------------------------------------- */

/* Bit 0: a message that is not retained may pass, bit 1: one that is. */
static unsigned retain_set(enum contract_retain retain)
{
	return retain == CONTRACT_RETAIN_MAY ? 3 : retain == CONTRACT_RETAIN_MUST ? 2 : 1;
}

static void compare_terms(struct diff *diff, const struct contract_channel *from,
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

/* ---- status changes --------------------------------------------------------------------- */

static int find_status(const struct contract_transitions *machine, const char *status)
{
	for (size_t i = 0; i < machine->count; i++)
		if (strcmp(machine->status[i], status) == 0)
			return (int)i;
	return -1;
}

/* May @to follow @from ("" for a new entity)? */
static bool may_follow(const struct contract_transitions *machine, const char *from, const char *to)
{
	int a = from[0] ? find_status(machine, from) : 0;
	int b = find_status(machine, to);

	if (a < 0 || b < 0)
		return false;
	return ((from[0] ? machine->next[a] : machine->first) >> b) & 1;
}

/* What @a takes and @b does not. */
static void compare_machine(struct diff *diff, bool is_allowed, const char *address,
			    const struct contract_transitions *a,
			    const struct contract_transitions *b)
{
	for (size_t from = 0; from <= a->count; from++) {
		const char *before = from < a->count ? a->status[from] : "";

		for (size_t to = 0; to < a->count; to++)
			if (may_follow(a, before, a->status[to]) &&
			    !may_follow(b, before, a->status[to]))
				change_list_add(&diff->change, is_allowed, NULL, "transition",
						address, "%s -> %s", before[0] ? before : "(new)",
						a->status[to]);
	}
}

/* The scope of a step; -1 where it has none. */
static int step_scope(const struct contract_transitions *machine, const char *from, const char *to)
{
	return contract_step_scope(machine, from[0] ? find_status(machine, from) : -1,
				   find_status(machine, to));
}

/* Has everyone the scope who may publish on the channel? Then a step's is for ":own" as well. */
static bool is_for_own(const struct contract_channel *channel, int scope)
{
	for (size_t i = 0; i < channel->send.alternative_count; i++)
		if (!scopeset_has(&channel->send.alternative[i], (unsigned)scope))
			return false;
	return channel->send.alternative_count > 0;
}

static void compare_step_scope(struct diff *diff, const struct contract_channel *to,
			       const char *step, const char *was, const char *is, bool is_for_own)
{
	if (strcmp(was, is) == 0)
		return;
	if (is[0] && is_for_own)
		change_list_add(&diff->change, true, NULL, "step", to->address, "%s: for %s:own",
				step, is);
	else
		change_list_add(&diff->change, !is[0], NULL, "step", to->address,
				"%s: needs %s, not %s", step, is[0] ? is : "no scope of its own",
				was[0] ? was : "none of its own");
}

/* Who may take a step that was and is legal? */
static void compare_step_scopes(struct diff *diff, const struct contract_channel *channel,
				const struct contract_transitions *a,
				const struct contract_transitions *b)
{
	const struct contract *old = diff->from.rules->contract, *now = diff->to.rules->contract;
	char step[2 * ENTITY_STATUS_MAX + 8];

	for (size_t from = 0; from <= a->count; from++) {
		const char *before = from < a->count ? a->status[from] : "";

		for (size_t to = 0; to < a->count; to++) {
			const char *after = a->status[to];
			int was, is;

			if (!may_follow(a, before, after) || !may_follow(b, before, after))
				continue;
			was = step_scope(a, before, after);
			is = step_scope(b, before, after);
			(void)snprintf(step, sizeof(step), "%s -> %s", before[0] ? before : "(new)",
				       after);
			compare_step_scope(diff, channel, step,
					   was < 0 ? "" : contract_scope(old, (size_t)was),
					   is < 0 ? "" : contract_scope(now, (size_t)is),
					   is >= 0 && is_for_own(channel, is));
		}
	}
}

static void compare_correct(struct diff *diff, const char *address,
			    const struct contract_transitions *a,
			    const struct contract_transitions *b)
{
	const char *was = a->correct < 0
				  ? ""
				  : contract_scope(diff->from.rules->contract, (size_t)a->correct);
	const char *is =
		b->correct < 0 ? "" : contract_scope(diff->to.rules->contract, (size_t)b->correct);

	if (strcmp(was, is) == 0)
		return;
	if (was[0])
		change_list_add(&diff->change, false, NULL, "correct", address, "by %s", was);
	if (is[0])
		change_list_add(&diff->change, true, NULL, "correct", address, "by %s", is);
}

/* A stricter word refuses what was taken. */
static void compare_repeat(struct diff *diff, const char *address,
			   const struct contract_transitions *a,
			   const struct contract_transitions *b)
{
	static const char *const words[] = { [CONTRACT_REPEAT_UPDATE] = "update",
					     [CONTRACT_REPEAT_SAME] = "same",
					     [CONTRACT_REPEAT_REFUSE] = "refuse" };

	if (a->repeat != b->repeat)
		change_list_add(&diff->change, b->repeat < a->repeat, NULL, "repeat", address,
				"%s, not %s", words[b->repeat], words[a->repeat]);
}

static void compare_transitions(struct diff *diff, const struct contract_channel *from,
				const struct contract_channel *to)
{
	const struct contract_transitions *a = from->mapping ? from->mapping->transitions : NULL;
	const struct contract_transitions *b = to->mapping ? to->mapping->transitions : NULL;

	if (a && b) {
		compare_machine(diff, false, to->address, a, b);
		compare_machine(diff, true, to->address, b, a);
		compare_step_scopes(diff, to, a, b);
		compare_correct(diff, to->address, a, b);
		compare_repeat(diff, to->address, a, b);
	} else if (a || b) {
		change_list_add(&diff->change, !b, NULL, "transition", to->address, "%s",
				b ? "changes that are not legal" : "any change");
	}
}

/* ---- payloads, by example: where schemas alone do not tell ---------- */

static enum schema_answer check_text(struct scene *scene, const struct contract_channel *channel,
				     const char *text)
{
	const struct schema *schema = scene->rules->channel[channel->index].schema;
	const struct payload_value *value;
	struct payload_error error;

	if (!schema)
		return SCHEMA_VALID;
	value = payload_parse(scene->gate.parser, text, strlen(text), &error);
	return value ? schema_check(schema, value) : SCHEMA_INVALID;
}

static void try_payload(struct diff *diff, const struct contract_channel *from,
			const struct contract_channel *to, const json_t *payload)
{
	char *text = json_dumps(payload, JSON_COMPACT | JSON_ENCODE_ANY);
	bool had, has;

	if (!text)
		return;
	had = check_text(&diff->from, from, text) == SCHEMA_VALID;
	has = check_text(&diff->to, to, text) == SCHEMA_VALID;
	if (had != has)
		change_list_add(&diff->change, has, NULL, "payload", to->address, "%s", text);
	free(text);
}

/* The example itself, without each of its members, and with one that nobody named. */
static void try_example(struct diff *diff, const struct contract_channel *from,
			const struct contract_channel *to, json_t *payload)
{
	json_t *changed;
	const char *key;
	json_t *value;

	try_payload(diff, from, to, payload);
	if (!json_is_object(payload))
		return;
	json_object_foreach(payload, key, value) {
		changed = json_copy(payload);
		(void)json_object_del(changed, key);
		try_payload(diff, from, to, changed);
		json_decref(changed);
	}
	changed = json_copy(payload);
	(void)json_object_set_new(changed, "memberThatNobodyNamed", json_true());
	try_payload(diff, from, to, changed);
	json_decref(changed);
}

/* Follows one $ref within the document. */
static json_t *follow(json_t *root, json_t *value)
{
	const char *ref = json_string_value(json_object_get(value, "$ref"));

	return ref && ref[0] == '#' ? jsonfile_at(root, ref + 1) : value;
}

static void try_examples_of(struct diff *diff, const struct scene *of,
			    const struct contract_channel *named,
			    const struct contract_channel *from, const struct contract_channel *to)
{
	json_t *root = contract_document(of->rules->contract, 0).json;
	json_t *channel = json_object_get(json_object_get(root, "channels"), named->name);
	json_t *messages = json_object_get(follow(root, channel), "messages");
	const char *key;
	json_t *message, *example;
	size_t i;

	json_object_foreach(messages, key, message) {
		json_array_foreach(json_object_get(follow(root, message), "examples"), i, example)
			try_example(diff, from, to, json_object_get(example, "payload"));
	}
}

/* ---- payloads, by schema ---------------------------------------------------------------- */

struct payload_compare {
	struct diff *diff;
	const char *address;
	bool is_open; /* something could not be compared */
};

static void on_difference(enum schema_compare_answer answer, const char *detail, void *ctx)
{
	struct payload_compare *compare = ctx;

	compare->is_open |= answer == SCHEMA_COMPARE_OPEN;
	change_list_add(&compare->diff->change, answer == SCHEMA_COMPARE_ALLOWS, NULL, "payload",
			compare->address, "%s", detail);
}

/* Are all schema files the same? */
static bool same_documents(const struct contract *a, const struct contract *b)
{
	size_t count = contract_document_count(a);

	if (count != contract_document_count(b))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!json_equal(contract_document(a, i).json, contract_document(b, i).json))
			return false;
	return true;
}

static json_t *schema_of(const struct scene *scene, const struct contract_channel *channel,
			 enum deref_extent *extent)
{
	enum deref_extent own = DEREF_WHOLE;
	json_t *schema = channel->schema_uri
				 ? deref_schema(scene->rules->contract, channel->schema_uri, &own)
				 : json_true();

	if (own > *extent)
		*extent = own;
	return schema;
}

static void compare_payloads(struct diff *diff, const struct contract_channel *from,
			     const struct contract_channel *to)
{
	struct payload_compare compare = { .diff = diff, .address = to->address };
	enum deref_extent extent = DEREF_WHOLE;
	json_t *old = schema_of(&diff->from, from, &extent);
	json_t *new = schema_of(&diff->to, to, &extent);

	schema_compare(old, new, on_difference, &compare);
	if (extent != DEREF_WHOLE &&
	    !same_documents(diff->from.rules->contract, diff->to.rules->contract))
		on_difference(
			SCHEMA_COMPARE_OPEN,
			extent == DEREF_PARTLY
				? "what $id, $anchor or another $schema name is not compared"
				: "the schema refers to itself in too many ways to be compared",
			&compare);
	json_decref(old);
	json_decref(new);
	if (!compare.is_open)
		return;
	try_examples_of(diff, &diff->from, from, from, to);
	try_examples_of(diff, &diff->to, to, from, to);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void compare_channel(struct diff *diff, const char *address)
{
	const struct contract_channel *from = find_channel(&diff->from, address);
	const struct contract_channel *to = find_channel(&diff->to, address);

	compare_users(diff, address);
	if (!from || !to || !from->send.name || !to->send.name)
		return;
	compare_terms(diff, from, to);
	compare_params(diff, from, to);
	compare_transitions(diff, from, to);
	compare_payloads(diff, from, to);
}

static void compare(struct diff *diff)
{
	const struct contract *from = diff->from.rules->contract;
	const struct contract *to = diff->to.rules->contract;

	for (size_t i = 0; i < contract_channel_count(from); i++)
		compare_channel(diff, contract_channel(from, i)->address);
	for (size_t i = 0; i < contract_channel_count(to); i++)
		if (!find_channel(&diff->from, contract_channel(to, i)->address))
			compare_channel(diff, contract_channel(to, i)->address);
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
		"files, held against --contract. Compared are who may do what, the terms, the\n"
		"status changes, and the schemas keyword by keyword, at every place of a message\n"
		"(/* is any other member, or an item). What can't be compared like this (anyOf, "
		"if,\n"
		"not, ...) counts as refused, and is tried with the messages' examples: as they\n"
		"are, without each of their members, and with one more. Two patterns or formats\n"
		"are two changes. See replay for what really came.\n\n"
		"Exit status: 0 nothing that was allowed is refused, 1 something is, 2 a file is "
		"no\n"
		"use.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};

/*
 * petstorectl diff: what a new contract or access file allows and refuses that the old did not.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/diff.h"

/* Have two addresses the same topics? The names of parameters say nothing of that. */
static bool is_same_address(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++) {
		if (*a != '{')
			continue;
		a += strcspn(a, "}");
		b += strcspn(b, "}");
	}
	return *a == *b;
}

static const struct contract_channel *find_channel(const struct scene *scene, const char *address)
{
	for (size_t i = 0; i < scene->rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &scene->rules->contract->channel[i];

		if (is_same_address(channel->address, address))
			return channel;
	}
	return NULL;
}

/* ---- who may do what -------------------------------------------------------------------- */

static enum gate_grant grant_of(const struct scene *scene, const char *name,
				const struct contract_channel *channel, bool is_send)
{
	const struct access_principal *principal = access_find(scene->rules->access, name);
	struct contract_match match = { .channel = channel };

	if (!principal || principal->is_disabled || !channel)
		return GATE_NONE;
	return gate_grant(scene->rules, principal, GATE_LOGIN_ANY,
			  is_send ? channel->send : channel->receive,
			  is_send ? channel->send_count : channel->receive_count, &match);
}

static void compare_grants(struct diff *diff, const char *name)
{
	static const char *const words[] = {
		[GATE_NONE] = "nothing", [GATE_OWN] = "its own", [GATE_FULL] = "all"
	};

	for (int is_send = 1; is_send >= 0; is_send--) {
		enum gate_grant had = grant_of(&diff->from, name, diff->old, is_send);
		enum gate_grant has = grant_of(&diff->to, name, diff->new, is_send);

		if (had != has)
			change_list_add(&diff->change, has > had, name,
					is_send ? "publish" : "receive", diff->address,
					"%s instead of %s", words[has], words[had]);
	}
}

/* 0: nothing, 1: observed, 2: all, on topics that no channel has. */
static unsigned unlisted_of(const struct scene *scene, const char *name, bool is_publish)
{
	const struct access_principal *principal = access_find(scene->rules->access, name);

	if (!principal || principal->is_disabled)
		return 0;
	if (scene->rules->contract->unlisted.mode == CONTRACT_UNLISTED_OBSERVE)
		return 1;
	return gate_admits_unlisted(scene->rules, principal, is_publish) ? 2 : 0;
}

/* As compare_grants(), of unlisted topics. */
static void compare_unlisted(struct diff *diff, const char *name)
{
	static const char *const words[] = { "nothing", "all, which is reported", "all" };

	for (int is_publish = 1; is_publish >= 0; is_publish--) {
		unsigned had = unlisted_of(&diff->from, name, is_publish);
		unsigned has = unlisted_of(&diff->to, name, is_publish);

		if (had != has)
			change_list_add(&diff->change, has > had, name,
					is_publish ? "publish" : "receive", diff->address,
					"%s instead of %s", words[has], words[had]);
	}
}

/* All users of both, with all channels of both: what one lacks is granted nothing there. */
static void compare_users(struct diff *diff, void (*compare)(struct diff *diff, const char *name))
{
	const struct access_principal *principal;

	for (size_t i = 0; (principal = access_principal(diff->from.rules->access, i)); i++)
		compare(diff, principal->name);
	for (size_t i = 0; (principal = access_principal(diff->to.rules->access, i)); i++)
		if (!access_find(diff->from.rules->access, principal->name))
			compare(diff, principal->name);
}

/* ---- under which rules ------------------------------------------------------------------ */

/* Bit 0: a message that is not retained may pass, bit 1: one that is. */
static unsigned retain_set(enum contract_retain retain)
{
	return retain == CONTRACT_RETAIN_MAY ? 3 : retain == CONTRACT_RETAIN_MUST ? 2 : 1;
}

static void compare_retain(struct diff *diff)
{
	unsigned had = retain_set(diff->old->send->retain),
		 has = retain_set(diff->new->send->retain);

	if (has & ~had)
		DIFF_ADD(diff, true, "retain", "messages %s retained",
			 has & ~had & 2 ? "that are" : "that are not");
	if (had & ~has)
		DIFF_ADD(diff, false, "retain", "messages %s retained",
			 had & ~has & 2 ? "that are" : "that are not");
}

static void compare_rules(struct diff *diff)
{
	static const char *const modes[] = { "enforce", "observe", "off" };
	const struct contract_channel *old = diff->old, *new = diff->new;

	if (old->send->qos != new->send->qos)
		DIFF_ADD(diff, new->send->qos < old->send->qos, "qos", "from %u, it was from %u",
			 new->send->qos, old->send->qos);
	compare_retain(diff);
	if (old->payload_max != new->payload_max)
		DIFF_ADD(diff, new->payload_max > old->payload_max, "size",
			 "%u bytes instead of %u", new->payload_max, old->payload_max);
	if (old->is_will_allowed != new->is_will_allowed)
		DIFF_ADD(diff, new->is_will_allowed, "will", "last wills");
	if (old->is_strict != new->is_strict)
		DIFF_ADD(diff, !new->is_strict, "consistency", "%s instead of %s",
			 new->is_strict ? "strict" : "eventual",
			 old->is_strict ? "strict" : "eventual");
	for (int g = 0; g < CONTRACT_GROUPS; g++)
		if (old->mode[g] != new->mode[g])
			DIFF_ADD(diff, new->mode[g] > old->mode[g], "mode", "%s: %s instead of %s",
				 contract_group_name((enum contract_group)g), modes[new->mode[g]],
				 modes[old->mode[g]]);
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
static void compare_values(struct diff *diff, bool is_allowed, const struct contract_param *a,
			   const struct contract_param *b)
{
	if (a->value_count == 0 && b->value_count > 0)
		DIFF_ADD(diff, is_allowed, "parameter", "%s: what the list does not name", a->name);
	for (size_t i = 0; i < a->value_count; i++)
		if (!has_value(b, a->value[i]))
			DIFF_ADD(diff, is_allowed, "parameter", "%s: %s", a->name, a->value[i]);
}

static void compare_lists(struct diff *diff, const struct contract_param *old,
			  const struct contract_param *new)
{
	for (size_t i = 0; i < diff->new->param_count; i++) {
		const struct contract_param *a = &old[i], *b = &new[i];

		compare_values(diff, false, a, b);
		compare_values(diff, true, b, a);
		/* Two patterns can't be compared: a new one is taken for a stricter one. */
		if (!same_text(a->pattern, b->pattern))
			DIFF_ADD(diff, !b->pattern, "parameter", "%s: pattern %s instead of %s",
				 b->name, b->pattern ? b->pattern : "none",
				 a->pattern ? a->pattern : "none");
		if (!same_text(a->location, b->location))
			DIFF_ADD(diff, !b->location, "parameter", "%s: is to be %s of the payload",
				 b->name, b->location ? b->location : "nothing");
	}
}

static bool is_same_operation(const struct diff *diff, const struct contract_operation *old,
			      const struct contract_operation *new)
{
	return old->party == new->party &&strcmp(old->name, new->name) == 0 &&
	       strcmp(diff->from.rules->contract->application[old->application].name,
		      diff->to.rules->contract->application[new->application].name) == 0;
}

/* Of several documents, each says for its own operations what the parameters may be. */
static void compare_params(struct diff *diff)
{
	const struct contract_channel *old = diff->old, *new = diff->new;

	if (!old->has_own_params && !new->has_own_params) {
		compare_lists(diff, old->param, new->param);
		return;
	}
	for (size_t i = 0; i < new->send_count; i++)
		for (size_t k = 0; k < old->send_count; k++)
			if (is_same_operation(diff, &old->send[k], &new->send[i]))
				compare_lists(diff,
					      old->send[k].param ? old->send[k].param : old->param,
					      new->send[i].param ? new->send[i].param : new->param);
}

/* ---- steps between statuses ------------------------------------------------------------- */

#define NOT_LEGAL (-2)

static int find_status(const struct contract_transitions *machine, const char *status)
{
	for (size_t i = 0; i < machine->count; i++)
		if (strcmp(machine->status[i], status) == 0)
			return (int)i;
	return -1;
}

/* The scope of the step to @to from @from ("" for a new entity), -1: it has none; or NOT_LEGAL. */
static int find_step(const struct contract_transitions *machine, const char *from, const char *to)
{
	int a = find_status(machine, from), b = find_status(machine, to);

	if (b < 0 || (from[0] && a < 0))
		return NOT_LEGAL;
	if (!((from[0] ? machine->next[a] : machine->first) >> b & 1))
		return NOT_LEGAL;
	return contract_step_scope(machine, a, b);
}

static const char *scope_name(const struct scene *scene, int scope)
{
	return scope < 0 ? "" : scene->rules->contract->scope[scope];
}

/* Has everyone the scope who may publish on the channel? Then a step's is for ":own" as well. */
static bool is_for_own(const struct contract_channel *channel, int scope)
{
	bool is_asked = false;

	for (size_t o = 0; o < channel->send_count; o++)
		for (size_t i = 0; i < channel->send[o].alternative_count; i++) {
			is_asked = true;
			if (!scopeset_has(&channel->send[o].alternative[i].scopes, (unsigned)scope))
				return false;
		}
	return is_asked;
}

/* Who may take a step that was and is legal? */
static void compare_step_scope(struct diff *diff, const char *step, int old, int new)
{
	const char *was = scope_name(&diff->from, old), *is = scope_name(&diff->to, new);

	if (strcmp(was, is) == 0)
		return;
	if (is[0] && is_for_own(diff->new, new))
		DIFF_ADD(diff, true, "step", "%s: for %s:own", step, is);
	else
		DIFF_ADD(diff, !is[0], "step", "%s: needs %s, not %s", step,
			 is[0] ? is : "no scope of its own", was[0] ? was : "none of its own");
}

/* Steps that @a takes and @b does not; with @are_scopes those that both take. */
static void compare_steps(struct diff *diff, bool is_allowed, bool are_scopes,
			  const struct contract_transitions *a,
			  const struct contract_transitions *b)
{
	char step[2 * ENTITY_STATUS_MAX + 8];

	for (size_t from = 0; from <= a->count; from++) {
		const char *before = from < a->count ? a->status[from] : "";

		for (size_t to = 0; to < a->count; to++) {
			int was = find_step(a, before, a->status[to]);
			int is = find_step(b, before, a->status[to]);

			(void)snprintf(step, sizeof(step), "%s -> %s", before[0] ? before : "(new)",
				       a->status[to]);
			if (was == NOT_LEGAL || (is == NOT_LEGAL) == are_scopes)
				continue;
			if (are_scopes)
				compare_step_scope(diff, step, was, is);
			else
				DIFF_ADD(diff, is_allowed, "transition", "%s", step);
		}
	}
}

static void compare_machines(struct diff *diff, const struct contract_transitions *a,
			     const struct contract_transitions *b)
{
	static const char *const repeats[] = { [CONTRACT_REPEAT_UPDATE] = "update",
					       [CONTRACT_REPEAT_SAME] = "same",
					       [CONTRACT_REPEAT_REFUSE] = "refuse" };
	const char *was = scope_name(&diff->from, a->correct);
	const char *is = scope_name(&diff->to, b->correct);

	compare_steps(diff, false, false, a, b);
	compare_steps(diff, true, false, b, a);
	compare_steps(diff, false, true, a, b);
	if (was[0] && strcmp(was, is) != 0)
		DIFF_ADD(diff, false, "correct", "by %s", was);
	if (is[0] && strcmp(was, is) != 0)
		DIFF_ADD(diff, true, "correct", "by %s", is);
	if (a->repeat != b->repeat) /* a stricter word refuses what was taken */
		DIFF_ADD(diff, b->repeat < a->repeat, "repeat", "%s, not %s", repeats[b->repeat],
			 repeats[a->repeat]);
}

static void compare_transitions(struct diff *diff)
{
	const struct contract_mapping *from = diff->old->mapping, *to = diff->new->mapping;
	const struct contract_transitions *a = from ? from->transitions : NULL;
	const struct contract_transitions *b = to ? to->transitions : NULL;

	if (a && b)
		compare_machines(diff, a, b);
	else if (a || b)
		DIFF_ADD(diff, !b, "transition", "%s",
			 b ? "changes that are not legal" : "any change");
}

/* ---- all of it -------------------------------------------------------------------------- */

static void compare_channel(struct diff *diff, const char *address)
{
	diff->address = address;
	diff->old = find_channel(&diff->from, address);
	diff->new = find_channel(&diff->to, address);
	compare_users(diff, compare_grants);
	if (!diff->old || !diff->new || diff->old->send_count == 0 || diff->new->send_count == 0)
		return;
	compare_rules(diff);
	compare_params(diff);
	compare_transitions(diff);
	diff_payloads(diff);
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
	diff->address = "(unlisted)";
	compare_users(diff, compare_unlisted);
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

/* Are OLD and NEW of one kind, *ret, and is there what files of that kind are held against? */
static int check_kinds(struct ctl_call *call, bool *ret)
{
	const char *old = call->operand[0], *new = call->operand[1];
	bool was_contract = false, is_contract = false;
	int rc = change_list_kind(old, &was_contract, &call->diag);

	if (rc == 0)
		rc = change_list_kind(new, &is_contract, &call->diag);
	if (rc)
		return rc;
	if (was_contract != is_contract)
		return diag_set(&call->diag, ERR_INVALID,
				"%s is a contract, %s is none, since it has no member "
				"\"asyncapi\": expected two contracts or two access files",
				was_contract ? old : new, was_contract ? new : old);
	if (is_contract && !call->files.access)
		return diag_set(&call->diag, ERR_INVALID,
				"%s and %s are contracts: expected --access FILE, whose users they "
				"are held against, or --config FILE, a mosquitto.conf that names "
				"one",
				old, new);
	if (!is_contract && !files_first(&call->files.contract))
		return diag_set(&call->diag, ERR_INVALID,
				"%s and %s are access files, since they have no member "
				"\"asyncapi\": expected --contract FILE, which they are held "
				"against, or --config FILE, a mosquitto.conf that names one",
				old, new);
	*ret = is_contract;
	return 0;
}

static int run(struct ctl_call *call)
{
	struct diff diff = { .change = { .rows = json_array() } };
	const char *old = call->operand[0], *new = call->operand[1];
	bool is_contract = false;
	int status = CTL_FAILED;

	if (check_kinds(call, &is_contract) ||
	    change_list_open(old, is_contract, &call->files, &diff.from, &call->diag) ||
	    change_list_open(new, is_contract, &call->files, &diff.to, &call->diag))
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
	.arguments = "OLD NEW --access FILE | OLD NEW --contract FILE",
	.summary = "what a new contract or access file newly allows and refuses",
	.help = "OLD and NEW are two contracts, each a document or a folder of them, held against\n"
		"the users of --access; or two access files, held against --contract. Either\n"
		"may come from --config, and does where no file is named. Compared\n"
		"are who may do what, the rules of messages, the status changes, and the\n"
		"schemas keyword by keyword, at every place of a message (/* is any other\n"
		"member, or an item). What can't be\n"
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

/*
 * diff_transitions.c -- state machines of two contracts against each other.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/diff.h"

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
			compare_step_scope(diff, channel, step, was < 0 ? "" : old->scope[was],
					   is < 0 ? "" : now->scope[is],
					   is >= 0 && is_for_own(channel, is));
		}
	}
}

static void compare_correct(struct diff *diff, const char *address,
			    const struct contract_transitions *a,
			    const struct contract_transitions *b)
{
	const char *was = a->correct < 0 ? "" : diff->from.rules->contract->scope[a->correct];
	const char *is = b->correct < 0 ? "" : diff->to.rules->contract->scope[b->correct];

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

void diff_transitions(struct diff *diff, const struct contract_channel *from,
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

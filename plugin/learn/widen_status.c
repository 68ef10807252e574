#include "learn/widen_status.h"

#include <string.h>

#include "learn/learned.h"
#include "learn/widen_schema.h"

const char *widen_status_member(const struct config *root, const struct config *channel,
				const char **machine)
{
	const struct config *mapping = config_member(channel, "x-entity");
	const char *entity = widen_text(mapping, "entity");
	const struct config *columns;

	if (!entity)
		return NULL;
	columns =
		config_member(config_member(config_member(root, "x-entities"), entity), "columns");
	config_foreach_member(column, config_member(mapping, "columns")) {
		const char *pointer = config_string(column);

		*machine = widen_text(config_member(columns, column->key), "stateMachine");
		if (*machine && pointer && pointer[0] == '/' && !strpbrk(pointer + 1, "/~"))
			return pointer + 1;
	}
	return NULL;
}

static bool has_step(const struct config *list, const char *to)
{
	config_foreach_item(step, list)
		if (config_is(step, to) || config_is(config_member(step, "to"), to))
			return true;
	return false;
}

/* Adds the statuses with a count to @list, whose old steps are @old. */
static void widen_steps(struct maker *maker, struct draft *machine, const char *name,
			const struct config *old, const struct statuswalk_member *member,
			const uint64_t *count)
{
	struct draft *list = old ? draft_alias(&maker->drafts, old) : draft_array(&maker->drafts);
	size_t added = 0;

	for (size_t to = 0; to < member->values; to++) {
		if (count[to] == 0 || has_step(old, member->value[to]))
			continue;
		draft_add(&maker->drafts, list, draft_string(&maker->drafts, member->value[to]));
		added++;
	}
	if (added == 0 && old)
		return;
	maker_put(maker, machine, name, list);
	widen_note(maker, machine, name, "%zu steps more", added);
}

void widen_machine(struct learned *learned, struct draft *root, const struct observed *observed)
{
	struct maker *maker = &learned->maker;
	const struct statuswalk_member *member = statuswalk_best(&observed->walk);
	const struct config *old = config_member(learned->given, "x-state-machines");
	struct draft *made = draft_get(&maker->drafts, root, "x-state-machines"), *next;
	const char *machine = NULL;

	if (!member && observed->walk.members > 0)
		member = observed->walk.member[0];
	if (!member || !widen_status_member(learned->given, observed->given, &machine))
		return;
	old = config_member(old, machine);
	made = draft_get(&maker->drafts, made, machine);
	if (!old || !made)
		return;
	widen_steps(maker, made, "first", config_member(old, "first"), member, member->first);
	next = draft_get(&maker->drafts, made, "next");
	for (size_t from = 0; from < member->values; from++)
		widen_steps(maker, next, member->value[from],
			    config_member(config_member(old, "next"), member->value[from]), member,
			    member->step[from]);
}

/* transitions.c -- /x-state-machines: which status may follow which, and who may take the step. */
#include "contract/contract_internal.h"

#include <string.h>

static const struct config_known machine_members[] = {
	{ .name = "first", .kind = CONFIG_ARRAY, .is_required = true },
	{ .name = "next", .kind = CONFIG_OBJECT, .is_required = true },
	{ .name = "longest", .kind = CONFIG_OBJECT },
	{ .name = "correct repeat description" },
};

static const struct config_known step_members[] = {
	{ .name = "to", .is_required = true },
	{ .name = "scope", .is_required = true },
};

const struct contract_transitions *transitions_find(const struct loader *loader, const char *name)
{
	const struct loader_document *doc = loader->doc;

	for (size_t i = 0; i < doc->machine_count; i++)
		if (strcmp(doc->machine[i].name, name) == 0)
			return &doc->machine[i];
	return NULL;
}

/* The statuses are the members of "next", in the order of the document. */
static bool load_statuses(struct loader *loader, const struct config *next,
			  struct contract_transitions *ret)
{
	size_t count = config_count(next);
	const char **status;
	size_t *len;

	if (!next || next->kind != CONFIG_OBJECT ||
	    !config_bound(loader->report, next, 1, CONTRACT_STATUSES_MAX, "statuses"))
		return false;
	status = loader_take(loader, count, sizeof(*status));
	len = loader_take(loader, count, sizeof(*len));
	if (!status || !len)
		return false;
	ret->count = count;
	ret->status = status;
	ret->status_len = len;
	config_foreach_member(at, next) {
		*len = strlen(at->key);
		if (*len == 0 || *len > ENTITY_STATUS_MAX)
			(void)config_fail(loader->report, at, NULL, ERR_LIMIT,
					  "expected a status of 1 to %u bytes", ENTITY_STATUS_MAX);
		*status++ = at->key;
		len++;
	}
	return true;
}

/* The index of the status @name, which stands at @at. */
static bool find_status(struct loader *loader, const struct config *at,
			const struct contract_transitions *machine, const char *name, size_t *ret)
{
	for (*ret = 0; *ret < machine->count; ++*ret)
		if (strcmp(machine->status[*ret], name) == 0)
			return true;
	return config_fail(loader->report, at, NULL, ERR_INVALID,
			   "\"%s\" is not a status: no member of \"next\"", name);
}

/* A step: a status, or { "to": STATUS, "scope": SCOPE }; *ret_scope is the scope + 1, or 0. */
static const char *load_step(struct loader *loader, const struct config *at, uint16_t *ret_scope)
{
	const char *name = NULL;
	unsigned number = 0;

	*ret_scope = 0;
	if (at->kind != CONFIG_OBJECT) {
		(void)config_text(loader->report, at, NULL, ENTITY_STATUS_MAX, &name);
		return name;
	}
	(void)config_check(loader->report, at, "a step", step_members);
	(void)config_text(loader->report, at, "to", ENTITY_STATUS_MAX, &name);
	if (scopes_name(loader, at, "scope", &number))
		*ret_scope = (uint16_t)(number + 1);
	return name;
}

/*
 * An array of steps as a set of statuses, their scopes to @scope; @self, an index, must not be in
 * it.
 */
static uint64_t load_set(struct loader *loader, const struct config *list,
			 const struct contract_transitions *machine, size_t self, uint16_t *scope)
{
	uint64_t set = 0;

	(void)config_expect(loader->report, list, CONFIG_ARRAY);
	config_foreach_item(at, list) {
		uint16_t needed = 0;
		const char *name = load_step(loader, at, &needed);
		size_t s = 0;

		if (!name || !find_status(loader, at, machine, name, &s))
			continue;
		if (s == self)
			(void)config_fail(
				loader->report, at, NULL, ERR_INVALID,
				"a status that follows itself is a repeat: leave it out, and let "
				"\"repeat\" of the state machine say what becomes of it");
		else if (set >> s & 1)
			(void)config_fail(loader->report, at, NULL, ERR_INVALID,
					  "\"%s\" stands here twice", name);
		set |= UINT64_C(1) << s;
		scope[s] = needed;
	}
	return set;
}

/* Most machines have no scopes, and are not asked about them. */
static bool has_scope(const uint16_t *scope, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (scope[i])
			return true;
	return false;
}

/* "longest": { "PLACED": 3600 }, seconds by status. */
static void load_longest(struct loader *loader, const struct config *longest,
			 struct contract_transitions *ret)
{
	uint32_t *seconds = loader_take(loader, ret->count, sizeof(*seconds));

	ret->longest_s = seconds;
	if (!seconds || !longest || longest->kind != CONFIG_OBJECT)
		return;
	config_foreach_member(at, longest) {
		int64_t number = 0;
		size_t i;

		if (find_status(loader, at, ret, at->key, &i) &&
		    config_integer(loader->report, at, NULL, 1, LOADER_LONGEST_MAX, &number))
			seconds[i] = (uint32_t)number;
	}
}

static void load_machine(struct loader *loader, const struct config *at,
			 struct contract_transitions *ret)
{
	static const char *const words[] = { "update", "same", "refuse", NULL };
	const struct config *first = config_member(at, "first");
	const struct config *next = config_member(at, "next");
	unsigned number = CONTRACT_REPEAT_UPDATE;
	uint16_t *scope;
	uint64_t *sets;

	ret->correct = -1;
	if (!config_check(loader->report, at, "a state machine", machine_members) ||
	    !load_statuses(loader, next, ret))
		return;
	scope = loader_take(loader, (ret->count + 1) * ret->count, sizeof(*scope));
	sets = loader_take(loader, ret->count, sizeof(*sets));
	if (!scope || !sets)
		return;
	ret->first = load_set(loader, first, ret, ret->count, scope);
	if (first && first->kind == CONFIG_ARRAY && first->count == 0)
		(void)config_fail(loader->report, first, NULL, ERR_INVALID,
				  "expected at least one status to begin with");
	for (size_t i = 0; i < ret->count; i++)
		sets[i] = load_set(loader, &next->item[i], ret, i, scope + (i + 1) * ret->count);
	ret->next = sets;
	if (has_scope(scope, (ret->count + 1) * ret->count))
		ret->scope = scope;
	(void)config_word(loader->report, at, "repeat", words, &number);
	ret->repeat = (enum contract_repeat)number;
	if (scopes_name(loader, at, "correct", &number)) /* who may put right what is wrong */
		ret->correct = (int)number;
	load_longest(loader, config_member(at, "longest"), ret);
}

void transitions_load(struct loader *loader)
{
	const struct config *machines = config_member(loader->doc->root, "x-state-machines");
	struct contract_transitions *machine;

	if (!config_expect(loader->report, machines, CONFIG_OBJECT) ||
	    !config_bound(loader->report, machines, 0, LOADER_MACHINES_MAX, "state machines"))
		return;
	loader->doc->machine = loader_take(loader, config_count(machines), sizeof(*machine));
	if (!loader->doc->machine)
		return;
	config_foreach_member(at, machines) {
		machine = &loader->doc->machine[loader->doc->machine_count++];

		machine->name = at->key;
		load_machine(loader, at, machine);
	}
}

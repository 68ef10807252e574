#include "contract/loader.h"

#include <string.h>

static const struct place_known machine_members[] = { { "first", NULL },   { "next", NULL },
						      { "longest", NULL }, { "correct", NULL },
						      { "repeat", NULL },  { "description", NULL },
						      { NULL, NULL } };

static const struct place_known step_members[] = { { "to", NULL },
						   { "scope", NULL },
						   { NULL, NULL } };

const struct contract_transitions *transitions_find(const struct loader *loader, const char *name)
{
	for (size_t i = 0; i < loader->machine_count; i++)
		if (strcmp(loader->machine[i].name, name) == 0)
			return &loader->machine[i].transitions;
	return NULL;
}

/* The statuses are the members of "next", in the order of the document. */
static int load_statuses(struct loader *loader, const struct place *next,
			 struct contract_transitions *ret)
{
	struct arena *arena = &loader->contract->arena;
	const char **status;
	size_t *len;
	const char *key;
	json_t *value;

	if (place_object(next, loader->diag))
		return ERR_INVALID;
	ret->count = json_object_size(next->json);
	if (ret->count == 0 || ret->count > CONTRACT_STATUSES_MAX)
		return place_fail(next, loader->diag, ERR_LIMIT, "expected 1 to %u statuses",
				  CONTRACT_STATUSES_MAX);
	status = arena_take(arena, ret->count, sizeof(*status));
	len = arena_take(arena, ret->count, sizeof(*len));
	if (!status || !len)
		return diag_nomem(loader->diag);
	ret->status = status;
	ret->status_len = len;
	json_object_foreach(next->json, key, value) {
		struct place at = place_member(next, key);

		if (!*key || strlen(key) > ENTITY_STATUS_MAX)
			return place_fail(&at, loader->diag, ERR_LIMIT,
					  "expected a status of 1 to %u bytes", ENTITY_STATUS_MAX);
		*status++ = key;
		*len++ = strlen(key);
	}
	return 0;
}

/* A step: a status, or { "to": STATUS, "scope": SCOPE }; *ret_scope is the scope + 1, or 0. */
static int load_step(struct loader *loader, struct place *at, const char **ret_name,
		     uint16_t *ret_scope)
{
	struct place step = *at;
	struct place to = place_member(&step, "to");
	struct place scope = place_member(&step, "scope");
	unsigned number = 0;
	int rc;

	*ret_scope = 0;
	if (!json_is_object(at->json))
		return place_text(at, ENTITY_STATUS_MAX, ret_name, loader->diag);
	rc = place_check(&step, "a step", step_members, loader->diag);
	if (rc == 0)
		rc = place_text(&to, ENTITY_STATUS_MAX, ret_name, loader->diag);
	if (rc == 0)
		rc = scopes_name(loader, &scope, &number);
	*ret_scope = (uint16_t)(number + 1);
	return rc;
}

/*
 * An array of steps as a set of statuses, their scopes to @scope; @self, an index, must not be in
 * it.
 */
static int load_set(struct loader *loader, const struct place *place,
		    const struct contract_transitions *machine, size_t self, uint64_t *ret,
		    uint16_t *scope)
{
	*ret = 0;
	if (place_array(place, loader->diag))
		return ERR_INVALID;
	for (size_t i = 0; i < json_array_size(place->json); i++) {
		struct place at = place_item(place, i);
		const char *name = NULL;
		uint16_t needed = 0;
		size_t s = 0;

		if (load_step(loader, &at, &name, &needed))
			return ERR_INVALID;
		while (s < machine->count && strcmp(machine->status[s], name) != 0)
			s++;
		if (s == machine->count)
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "\"%s\" is not a status: no member of \"next\"", name);
		if (s == self)
			return place_fail(
				&at, loader->diag, ERR_INVALID,
				"a status that follows itself is a repeat: leave it out, and let "
				"\"repeat\" of the state machine say what becomes of it");
		if (*ret >> s & 1)
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "\"%s\" stands here twice", name);
		*ret |= UINT64_C(1) << s;
		scope[s] = needed;
	}
	return 0;
}

/* "correct": the scope of who may put right what is wrong. */
static int load_correct(struct loader *loader, const struct place *place,
			struct contract_transitions *ret)
{
	struct place at = place_member(place, "correct");
	unsigned scope = 0;
	int rc = 0;

	ret->correct = -1;
	if (at.json)
		rc = scopes_name(loader, &at, &scope);
	if (rc == 0 && at.json)
		ret->correct = (int)scope;
	return rc;
}

/* "repeat": what becomes of the status that stands, said again. */
static int load_repeat(struct loader *loader, const struct place *place,
		       struct contract_transitions *ret)
{
	static const char *const words[] = { "update", "same", "refuse", NULL };
	struct place at = place_member(place, "repeat");
	unsigned word = CONTRACT_REPEAT_UPDATE;
	int rc = at.json ? place_word(&at, words, &word, loader->diag) : 0;

	ret->repeat = (enum contract_repeat)word;
	return rc;
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
static int load_longest(struct loader *loader, const struct place *place,
			struct contract_transitions *ret)
{
	struct place longest = place_member(place, "longest");
	uint32_t *seconds = arena_take(&loader->contract->arena, ret->count, sizeof(*seconds));
	const char *key;
	json_t *value;

	if (!seconds)
		return diag_nomem(loader->diag);
	ret->longest_s = seconds;
	if (!longest.json)
		return 0;
	if (place_object(&longest, loader->diag))
		return ERR_INVALID;
	json_object_foreach(longest.json, key, value) {
		struct place at = place_member(&longest, key);
		json_int_t number = 0;
		size_t i = 0;

		while (i < ret->count && strcmp(ret->status[i], key) != 0)
			i++;
		if (i == ret->count)
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "\"%s\" is not a status: no member of \"next\"", key);
		if (place_integer(&at, 1, LOADER_LONGEST_MAX, &number, loader->diag))
			return ERR_INVALID;
		seconds[i] = (uint32_t)number;
	}
	return 0;
}

static int load_machine(struct loader *loader, const struct place *place,
			struct contract_transitions *ret)
{
	struct place first = place_member(place, "first");
	struct place next = place_member(place, "next");
	uint16_t *scope;
	uint64_t *sets;
	int rc;

	rc = place_check(place, "a state machine", machine_members, loader->diag);
	if (rc == 0)
		rc = load_statuses(loader, &next, ret);
	if (rc)
		return rc;
	scope = arena_take(&loader->contract->arena, (ret->count + 1) * ret->count, sizeof(*scope));
	if (!scope)
		return diag_nomem(loader->diag);
	rc = load_set(loader, &first, ret, ret->count, &ret->first, scope);
	if (rc)
		return rc;
	if (!ret->first)
		return place_fail(&first, loader->diag, ERR_INVALID,
				  "expected at least one status to begin with");
	sets = arena_take(&loader->contract->arena, ret->count, sizeof(*sets));
	if (!sets)
		return diag_nomem(loader->diag);
	for (size_t i = 0; rc == 0 && i < ret->count; i++) {
		struct place at = place_member(&next, ret->status[i]);

		rc = load_set(loader, &at, ret, i, &sets[i], scope + (i + 1) * ret->count);
	}
	ret->next = sets;
	if (has_scope(scope, (ret->count + 1) * ret->count))
		ret->scope = scope;
	if (rc == 0)
		rc = load_correct(loader, place, ret);
	if (rc == 0)
		rc = load_repeat(loader, place, ret);
	return rc ? rc : load_longest(loader, place, ret);
}

int transitions_load(struct loader *loader, const struct place *root)
{
	struct place machines = place_member(root, "x-state-machines");
	const char *key;
	json_t *value;

	if (!machines.json)
		return 0;
	if (place_object(&machines, loader->diag))
		return ERR_INVALID;
	if (json_object_size(machines.json) > LOADER_MACHINES_MAX)
		return place_fail(&machines, loader->diag, ERR_LIMIT, "more than %u state machines",
				  LOADER_MACHINES_MAX);
	loader->machine = arena_take(&loader->contract->arena, json_object_size(machines.json),
				     sizeof(*loader->machine));
	if (!loader->machine)
		return diag_nomem(loader->diag);
	json_object_foreach(machines.json, key, value) {
		struct place at = place_member(&machines, key);
		struct loader_machine *machine = &loader->machine[loader->machine_count];
		int rc = load_machine(loader, &at, &machine->transitions);

		if (rc)
			return rc;
		machine->name = key;
		loader->machine_count++;
	}
	return 0;
}

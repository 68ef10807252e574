#include "learn/statuswalk.h"

#include <string.h>

#include "base/entity.h"

#define WALKERS_MIN 5u
#define STATUSES_MIN 3u
#define STEP_TIMES_MIN 2u

int statuswalk_watch(struct shape_scribe *scribe, struct statuswalk *walk, const char *name,
		     const struct shape_seen *shape)
{
	struct statuswalk_member *member;

	if (walk->members == STATUSWALK_CANDIDATES_MAX ||
	    shape->value.count > STATUSWALK_VALUES_MAX || strlen(name) > STATUSWALK_NAME_MAX)
		return 0;
	for (size_t i = 0; i < shape->value.count; i++)
		if (shape->value.entry[i]->len == 0 ||
		    shape->value.entry[i]->len > ENTITY_STATUS_MAX)
			return 0;
	member = arena_alloc(scribe->arena, sizeof(*member));
	if (!member)
		return ERR_NOMEM;
	member->name = name;
	for (size_t i = 0; i < shape->value.count; i++)
		member->value[member->values++] = shape->value.entry[i]->text;
	walk->member[walk->members++] = member;
	return 0;
}

/* The value's number, from 1; 0: it is none of them. */
static size_t number_of(const struct statuswalk_member *member, const struct payload_value *root)
{
	const char *text;
	size_t len;

	if (!payload_string(payload_member(root, member->name, strlen(member->name)), &text, &len))
		return 0;
	for (size_t i = 0; i < member->values; i++)
		if (strlen(member->value[i]) == len && memcmp(member->value[i], text, len) == 0)
			return i + 1;
	return 0;
}

/* What is known of an entity: its values' numbers, and whether it took a step. */
struct walker {
	uint8_t at[STATUSWALK_CANDIDATES_MAX];
	bool has_stepped[STATUSWALK_CANDIDATES_MAX];
};

static void note(struct statuswalk_member *member, size_t to, uint8_t *at, bool *has_stepped)
{
	size_t from = *at;

	if (to == 0 || to == from)
		return;
	*at = (uint8_t)to;
	if (from == 0) {
		member->first[to - 1]++;
		return;
	}
	member->step[from - 1][to - 1]++;
	member->steps++;
	member->walkers += !*has_stepped;
	*has_stepped = true;
}

int statuswalk_add(struct shape_scribe *scribe, struct statuswalk *walk, const char *id, size_t len,
		   const struct payload_value *root)
{
	struct texttable_entry *entry;
	struct walker *walker;

	if (walk->members == 0)
		return 0;
	if (walk->entity.count == STATUSWALK_ENTITIES_MAX) {
		entry = texttable_find(&walk->entity, &scribe->hash, id, len);
		if (!entry)
			return 0;
	} else {
		entry = texttable_add(&walk->entity, scribe->arena, &scribe->hash, id, len);
	}
	if (!entry ||
	    (!entry->value && !(entry->value = arena_alloc(scribe->arena, sizeof(struct walker)))))
		return ERR_NOMEM;
	walker = entry->value;
	for (size_t i = 0; i < walk->members; i++)
		note(walk->member[i], number_of(walk->member[i], root), &walker->at[i],
		     &walker->has_stepped[i]);
	return 0;
}

static bool is_status(const struct statuswalk_member *member)
{
	size_t kinds = 0;

	if (member->values < STATUSES_MIN || member->walkers < WALKERS_MIN)
		return false;
	for (size_t from = 0; from < member->values; from++)
		for (size_t to = 0; to < member->values; to++) {
			if (member->step[from][to] > 0 && member->step[from][to] < STEP_TIMES_MIN)
				return false;
			kinds += member->step[from][to] > 0;
		}
	return 2 * kinds <= member->values * (member->values - 1);
}

const struct statuswalk_member *statuswalk_best(const struct statuswalk *walk)
{
	const struct statuswalk_member *best = NULL;

	for (size_t i = 0; i < walk->members; i++)
		if (walk->member[i]->steps > (best ? best->steps : 0))
			best = walk->member[i];
	return best;
}

const struct statuswalk_member *statuswalk_status(const struct statuswalk *walk)
{
	const struct statuswalk_member *best = NULL;

	for (size_t i = 0; i < walk->members; i++)
		if (walk->member[i]->steps > (best ? best->steps : 0) && is_status(walk->member[i]))
			best = walk->member[i];
	return best;
}

#include "base/draft.h"

#include <string.h>

#include "base/config_internal.h"
#include "base/wordhash.h"

#define FEW 16u  /* members are looked for one by one up to here, by hash from here on */
#define FIRST 4u /* members that an object has room for at first */

struct draft_member {
	const char *key;     /* NULL: an item of an array */
	struct draft *value; /* NULL: the member was removed */
};

struct draft {
	enum config_kind kind;
	const struct config *alias; /* not NULL: it stands for this value and has nothing else */
	const struct config *place;
	union {
		bool boolean;
		int64_t integer;
		const char *text;
		struct {
			struct draft_member *member; /* or items, in their order */
			uint32_t *slot;              /* numbers of members from 1; NULL: few */
			size_t used, cap;            /* members, removed ones included */
			size_t removed;
		};
	};
};

/* ---- making ----------------------------------------------------------------------------- */

static void fail(struct drafts *drafts, int err)
{
	if (drafts->rc == 0)
		drafts->rc = err;
}

/* May @count more values be made? */
static bool charge(struct drafts *drafts, size_t count)
{
	if (drafts->rc == 0 && count > DRAFT_VALUES_MAX - drafts->values)
		fail(drafts, ERR_LIMIT);
	if (drafts->rc)
		return false;
	drafts->values += count;
	return true;
}

static void *take(struct drafts *drafts, size_t count, size_t size)
{
	void *taken = drafts->rc ? NULL : arena_take(drafts->arena, count, size);

	if (!taken)
		fail(drafts, ERR_NOMEM);
	return taken;
}

static struct draft *make(struct drafts *drafts, enum config_kind kind)
{
	struct draft *made = charge(drafts, 1) ? take(drafts, 1, sizeof(*made)) : NULL;

	if (made)
		made->kind = kind;
	return made;
}

struct draft *draft_object(struct drafts *drafts)
{
	return make(drafts, CONFIG_OBJECT);
}

struct draft *draft_array(struct drafts *drafts)
{
	return make(drafts, CONFIG_ARRAY);
}

struct draft *draft_null(struct drafts *drafts)
{
	return make(drafts, CONFIG_NULL);
}

struct draft *draft_string(struct drafts *drafts, const char *text)
{
	struct draft *made = make(drafts, CONFIG_STRING);

	if (!made)
		return NULL;
	made->text = arena_text(drafts->arena, text, strlen(text));
	if (made->text)
		return made;
	fail(drafts, ERR_NOMEM);
	return NULL;
}

struct draft *draft_integer(struct drafts *drafts, int64_t integer)
{
	struct draft *made = make(drafts, CONFIG_INTEGER);

	if (made)
		made->integer = integer;
	return made;
}

struct draft *draft_boolean(struct drafts *drafts, bool boolean)
{
	struct draft *made = make(drafts, CONFIG_BOOLEAN);

	if (made)
		made->boolean = boolean;
	return made;
}

struct draft *draft_alias(struct drafts *drafts, const struct config *value)
{
	struct draft *made = value ? make(drafts, value->kind) : NULL;

	if (made)
		made->alias = made->place = value;
	return made;
}

struct draft *draft_place(struct draft *made, const struct config *place)
{
	if (made)
		made->place = place;
	return made;
}

const struct config *draft_place_of(const struct draft *draft)
{
	return draft ? draft->place : NULL;
}

enum config_kind draft_kind(const struct draft *draft)
{
	return draft ? draft->kind : CONFIG_ANY;
}

size_t draft_count(const struct draft *draft)
{
	if (!draft || (draft->kind != CONFIG_OBJECT && draft->kind != CONFIG_ARRAY))
		return 0;
	return draft->alias ? draft->alias->count : draft->used - draft->removed;
}

struct draft *draft_child(const struct draft *draft, size_t i, const char **ret_key)
{
	bool has_it = i < draft_count(draft) && !draft->alias;

	*ret_key = has_it ? draft->member[i].key : NULL;
	return has_it ? draft->member[i].value : NULL;
}

/* ---- members ---------------------------------------------------------------------------- */

/* Where member @key is in the index, or would be; the index is at most half full. */
static uint32_t *find_slot(const struct draft *object, const char *key)
{
	size_t mask = 2 * object->cap - 1;
	size_t i = (size_t)wordhash(0, key, strlen(key)) & mask;

	while (object->slot[i] && strcmp(object->member[object->slot[i] - 1].key, key) != 0)
		i = (i + 1) & mask;
	return &object->slot[i];
}

/* Makes room for @count members in all; @cap stays a power of two. */
static bool reserve(struct drafts *drafts, struct draft *list, size_t count)
{
	size_t cap = list->cap ? list->cap : FIRST;
	struct draft_member *member;

	if (drafts->rc)
		return false;
	if (count <= list->cap)
		return true;
	while (cap < count)
		cap *= 2;
	member = take(drafts, cap, sizeof(*member));
	if (!member)
		return false;
	if (list->used > 0)
		memcpy(member, list->member, list->used * sizeof(*member));
	list->member = member;
	list->cap = cap;
	if (list->kind != CONFIG_OBJECT || cap <= FEW)
		return true;
	list->slot = take(drafts, 2 * cap, sizeof(*list->slot));
	for (size_t i = 0; i < list->used && list->slot; i++)
		*find_slot(list, member[i].key) = (uint32_t)i + 1;
	return list->slot != NULL;
}

/* The member @key of a made object, a removed one as well; NULL: there is none. */
static struct draft_member *find(const struct draft *object, const char *key)
{
	if (object->slot) {
		uint32_t number = *find_slot(object, key);

		return number ? &object->member[number - 1] : NULL;
	}
	for (size_t i = 0; i < object->used; i++)
		if (strcmp(object->member[i].key, key) == 0)
			return &object->member[i];
	return NULL;
}

static void append(struct drafts *drafts, struct draft *list, const char *key, struct draft *value)
{
	if (!reserve(drafts, list, list->used + 1))
		return;
	if (list->slot)
		*find_slot(list, key) = (uint32_t)list->used + 1;
	list->member[list->used++] = (struct draft_member){ key, value };
}

/* Makes an alias of an object or an array one that can be changed: its children become aliases. */
static bool open_alias(struct drafts *drafts, struct draft *draft)
{
	const struct config *value = draft->alias;

	if (!value)
		return drafts->rc == 0;
	draft->alias = NULL;
	draft->member = NULL;
	draft->slot = NULL;
	draft->used = draft->cap = draft->removed = 0;
	if (!reserve(drafts, draft, config_count(value)))
		return false;
	config_foreach(child, value)
		append(drafts, draft, child->key, draft_alias(drafts, child));
	return drafts->rc == 0;
}

void draft_put(struct drafts *drafts, struct draft *object, const char *key, struct draft *value)
{
	struct draft_member *member;

	if (!value || draft_kind(object) != CONFIG_OBJECT || !open_alias(drafts, object))
		return;
	member = find(object, key);
	if (!member) {
		append(drafts, object, key, value);
		return;
	}
	object->removed -= !member->value;
	member->value = value;
}

struct draft *draft_get(struct drafts *drafts, struct draft *object, const char *key)
{
	struct draft_member *member;

	if (draft_kind(object) != CONFIG_OBJECT)
		return NULL;
	if (object->alias && !config_member(object->alias, key))
		return NULL;
	if (!open_alias(drafts, object))
		return NULL;
	member = find(object, key);
	return member ? member->value : NULL;
}

void draft_remove(struct drafts *drafts, struct draft *object, const char *key)
{
	struct draft_member *member;

	if (!draft_get(drafts, object, key))
		return;
	member = find(object, key);
	member->value = NULL;
	object->removed++;
}

void draft_add(struct drafts *drafts, struct draft *array, struct draft *value)
{
	if (value && draft_kind(array) == CONFIG_ARRAY && open_alias(drafts, array))
		append(drafts, array, NULL, value);
}

void draft_copy(struct drafts *drafts, struct draft *object, const struct config *member)
{
	if (member)
		draft_put(drafts, object, member->key, draft_alias(drafts, member));
}

/* ---- merging ---------------------------------------------------------------------------- */

static struct draft *merge(struct drafts *drafts, struct draft *target, struct draft *patch,
			   unsigned depth)
{
	struct draft *made;

	if (draft_kind(patch) != CONFIG_OBJECT || draft_kind(target) != CONFIG_OBJECT)
		return patch;
	if (depth == CONFIG_DEPTH_MAX)
		fail(drafts, ERR_LIMIT);
	made = draft_place(draft_object(drafts), patch->place);
	if (!made || !open_alias(drafts, target) || !open_alias(drafts, patch) ||
	    !reserve(drafts, made, draft_count(target) + draft_count(patch)))
		return NULL;
	for (size_t i = 0; i < target->used; i++)
		draft_put(drafts, made, target->member[i].key, target->member[i].value);
	for (size_t i = 0; i < patch->used; i++) {
		const struct draft_member *wish = &patch->member[i];
		struct draft *old = draft_get(drafts, made, wish->key);

		if (draft_kind(wish->value) == CONFIG_NULL)
			draft_remove(drafts, made, wish->key);
		else
			draft_put(drafts, made, wish->key,
				  merge(drafts, old, wish->value, depth + 1));
	}
	return made;
}

struct draft *draft_merge(struct drafts *drafts, struct draft *target, struct draft *patch)
{
	return target ? merge(drafts, target, patch, 0) : patch;
}

/* ---- freezing --------------------------------------------------------------------------- */

struct freezer {
	struct drafts *drafts;
	struct arena *arena;
};

static void freeze(struct freezer *freezer, const struct draft *draft, unsigned depth,
		   struct config *ret);

static void freeze_items(struct freezer *freezer, const struct draft *draft, unsigned depth,
			 struct config *ret)
{
	struct drafts *drafts = freezer->drafts;
	size_t count = draft_count(draft), used = 0;
	struct config *item;

	if (depth == CONFIG_DEPTH_MAX)
		fail(drafts, ERR_LIMIT);
	if (!charge(drafts, count))
		return;
	item = config_take_items(freezer->arena, ret, count);
	if (!item) {
		fail(drafts, ERR_NOMEM);
		return;
	}
	for (size_t i = 0; i < draft->used && drafts->rc == 0; i++) {
		if (!draft->member[i].value)
			continue;
		item[used].key = draft->member[i].key;
		(void)config_add_to_index(ret, used); /* no two drafts of one key */
		freeze(freezer, draft->member[i].value, depth + 1, &item[used++]);
	}
}

static void freeze_text(struct freezer *freezer, const char *text, struct config *ret)
{
	ret->count = (uint32_t)strlen(text);
	ret->text = arena_text(freezer->arena, text, ret->count);
	if (!ret->text)
		fail(freezer->drafts, ERR_NOMEM);
}

/* Fills in @ret but for its key and "up". */
static void freeze(struct freezer *freezer, const struct draft *draft, unsigned depth,
		   struct config *ret)
{
	const struct config *place = draft->place;
	struct config made = { .kind = draft->kind };

	while (place && place->origin)
		place = place->origin;
	if (draft->alias)
		made = *draft->alias;
	else if (draft->kind == CONFIG_STRING)
		freeze_text(freezer, draft->text, &made);
	else if (draft->kind == CONFIG_INTEGER)
		made.integer = draft->integer;
	else if (draft->kind == CONFIG_BOOLEAN)
		made.boolean = draft->boolean;
	made.up = ret->up;
	made.key = ret->key;
	made.origin = place;
	*ret = made;
	if (!draft->alias && (draft->kind == CONFIG_OBJECT || draft->kind == CONFIG_ARRAY))
		freeze_items(freezer, draft, depth, ret);
}

struct config *draft_freeze(struct drafts *drafts, const struct draft *root, struct arena *arena,
			    const char *name)
{
	struct freezer freezer = { .drafts = drafts, .arena = arena };
	struct config *made = charge(drafts, 1) ? arena_alloc(arena, sizeof(*made)) : NULL;

	if (made)
		made->key = arena_text(arena, name, strlen(name));
	if (!made || !made->key) {
		fail(drafts, ERR_NOMEM);
		return NULL;
	}
	freeze(&freezer, root, 0, made);
	return drafts->rc ? NULL : made;
}

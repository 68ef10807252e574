#include "contract/loader.h"

#include <string.h>

static const struct place_known entity_members[] = {
	{ "table", NULL },       { "columns", NULL }, { "ownerVia", NULL },
	{ "description", NULL }, { NULL, NULL },
};
static const struct place_known column_members[] = {
	{ "type", NULL },        { "indexed", NULL }, { "stateMachine", NULL },
	{ "description", NULL }, { NULL, NULL },
};
static const struct place_known via_members[] = { { "entity", NULL },
						  { "column", NULL },
						  { NULL, NULL } };

static int check_name(struct loader *loader, const struct place *place, const char *name,
		      bool (*is_own)(const char *name))
{
	if (!entity_is_name(name))
		return place_fail(place, loader->diag, ERR_INVALID,
				  "expected a name of a-z, 0-9 and _, beginning with a letter");
	if (is_own(name))
		return place_fail(place, loader->diag, ERR_INVALID,
				  "\"%s\" is a name of the store's own", name);
	return 0;
}

static int load_machine_name(struct loader *loader, const struct place *column,
			     const struct entity_column *said,
			     const struct contract_transitions **ret)
{
	struct place at = place_member(column, "stateMachine");
	const char *name = NULL;
	int rc;

	if (!at.json)
		return 0;
	rc = place_text(&at, LOADER_NAME_MAX, &name, loader->diag);
	if (rc)
		return rc;
	*ret = transitions_find(loader, name);
	if (!*ret)
		return place_fail(&at, loader->diag, ERR_INVALID,
				  "there is no /x-state-machines/%s", name);
	if (said->type != VALUE_TEXT)
		return place_fail(&at, loader->diag, ERR_INVALID,
				  "expected a column of type \"text\": it holds a status");
	return 0;
}

static int load_column(struct loader *loader, const struct place *place, const char *name,
		       struct entity_column *ret, const struct contract_transitions **ret_machine)
{
	static const char *const types[] = { "text", "integer", "real", "boolean", NULL };
	struct place type_at = place_member(place, "type");
	struct place indexed = place_member(place, "indexed");
	unsigned type = 0;
	int rc;

	rc = place_check(place, "a column", column_members, loader->diag);
	if (rc == 0)
		rc = check_name(loader, place, name, entity_is_own_column);
	if (rc == 0 && type_at.json)
		rc = place_word(&type_at, types, &type, loader->diag);
	if (rc == 0 && indexed.json)
		rc = place_boolean(&indexed, &ret->is_indexed, loader->diag);
	ret->name = name;
	ret->type = VALUE_TEXT + type;
	return rc ? rc : load_machine_name(loader, place, ret, ret_machine);
}

static int load_columns(struct loader *loader, const struct place *columns, struct entity *entity)
{
	struct loader_entity *beside = &loader->entity[entity->index];
	struct entity_column *column;
	const char *key;
	json_t *value;
	size_t i = 0;

	if (place_object(columns, loader->diag))
		return ERR_INVALID;
	entity->column_count = json_object_size(columns->json);
	if (entity->column_count > ENTITY_COLUMNS_MAX)
		return place_fail(columns, loader->diag, ERR_LIMIT, "more than %u columns",
				  ENTITY_COLUMNS_MAX);
	column = arena_take(&loader->contract->arena, entity->column_count, sizeof(*column));
	if (!column)
		return diag_nomem(loader->diag);
	entity->column = column;
	json_object_foreach(columns->json, key, value) {
		struct place at = place_member(columns, key);
		int rc = load_column(loader, &at, key, &column[i], &beside->machine[i]);

		if (rc)
			return rc;
		if (beside->machine[i] && entity->slot_count == ENTITY_SLOTS_MAX)
			return place_fail(&at, loader->diag, ERR_LIMIT,
					  "more than %u columns with a state machine",
					  ENTITY_SLOTS_MAX);
		if (beside->machine[i])
			entity->slot[entity->slot_count++] = (unsigned)i;
		i++;
	}
	return 0;
}

static int load_table(struct loader *loader, const struct place *place, struct entity *entity)
{
	struct place at = place_member(place, "table");
	int rc;

	rc = place_text(&at, LOADER_NAME_MAX, &entity->table, loader->diag);
	if (rc == 0)
		rc = check_name(loader, &at, entity->table, entity_is_own_table);
	for (size_t i = 0; rc == 0 && i < entity->index; i++)
		if (strcmp(loader->contract->entity[i].table, entity->table) == 0)
			rc = place_fail(&at, loader->diag, ERR_INVALID,
					"entity \"%s\" has this table already",
					loader->contract->entity[i].name);
	return rc;
}

static int load_entity(struct loader *loader, const struct place *place, struct entity *entity)
{
	struct place columns = place_member(place, "columns");
	int rc;

	rc = place_check(place, "an entity", entity_members, loader->diag);
	if (rc == 0)
		rc = load_table(loader, place, entity);
	return rc ? rc : load_columns(loader, &columns, entity);
}

/* Names are compared as they are: an entity's columns are a few dozen at most. */
static int find_column(const struct entity *entity, const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < entity->column_count; i++) {
		if (strcmp(entity->column[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return ERR_INVALID;
}

static const struct entity *find_entity(const struct loader *loader, const char *name)
{
	for (size_t i = 0; i < loader->contract->plan.entity_count; i++)
		if (strcmp(loader->contract->entity[i].name, name) == 0)
			return &loader->contract->entity[i];
	return NULL;
}

/* @at's string as the name of an entity. */
int entities_name(struct loader *loader, const struct place *at, const struct entity **ret)
{
	const char *name = NULL;
	int rc = place_text(at, LOADER_NAME_MAX, &name, loader->diag);

	if (rc)
		return rc;
	*ret = find_entity(loader, name);
	if (!*ret)
		return place_fail(at, loader->diag, ERR_INVALID, "there is no /x-entities/%s",
				  name);
	return 0;
}

int entities_column(struct loader *loader, const struct place *at, const struct entity *entity,
		    const char *name, unsigned *ret)
{
	if (find_column(entity, name, ret) == 0)
		return 0;
	return place_fail(at, loader->diag, ERR_INVALID, "entity \"%s\" has no column \"%s\"",
			  entity->name, name);
}

/* A chain of owners that comes back would never end. */
static bool is_circle(const struct entity *entity)
{
	const struct entity *up = entity->owner_entity;

	for (unsigned i = 0; up && i < ENTITY_COUNT_MAX; i++)
		up = up->owner_entity;
	return up != NULL;
}

static int load_owner(struct loader *loader, const struct place *place, struct entity *entity)
{
	struct place via = place_member(place, "ownerVia");
	struct place target = place_member(&via, "entity");
	struct place column = place_member(&via, "column");
	const char *name = NULL;
	unsigned link = 0;
	int rc;

	entity->link_column = -1;
	if (!via.json)
		return 0;
	rc = place_check(&via, "ownerVia", via_members, loader->diag);
	if (rc == 0)
		rc = entities_name(loader, &target, &entity->owner_entity);
	if (rc == 0)
		rc = place_text(&column, LOADER_NAME_MAX, &name, loader->diag);
	if (rc == 0)
		rc = entities_column(loader, &column, entity, name, &link);
	if (rc)
		return rc;
	entity->link_column = (int)link;
	if (entity->column[link].type != VALUE_TEXT)
		return place_fail(&column, loader->diag, ERR_INVALID,
				  "expected a column of type \"text\": it holds an id");
	if (is_circle(entity))
		return place_fail(&via, loader->diag, ERR_INVALID,
				  "the owner is asked for in a circle");
	return 0;
}

static int load_each(struct loader *loader, const struct place *entities,
		     int (*load)(struct loader *, const struct place *, struct entity *))
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < loader->contract->plan.entity_count; i++) {
		struct entity *entity = &loader->contract->entity[i];
		struct place at = place_member(entities, entity->name);

		rc = load(loader, &at, entity);
	}
	return rc;
}

int entities_load(struct loader *loader, const struct place *root)
{
	struct contract *contract = loader->contract;
	struct place entities = place_member(root, "x-entities");
	const char *key;
	json_t *value;
	unsigned i = 0;
	int rc;

	if (!entities.json)
		return 0;
	if (place_object(&entities, loader->diag))
		return ERR_INVALID;
	if (json_object_size(entities.json) > ENTITY_COUNT_MAX)
		return place_fail(&entities, loader->diag, ERR_LIMIT, "more than %u entities",
				  ENTITY_COUNT_MAX);
	contract->plan.entity_count = json_object_size(entities.json);
	contract->entity = arena_take(&contract->arena, contract->plan.entity_count,
				      sizeof(*contract->entity));
	loader->entity =
		arena_take(&loader->scratch, contract->plan.entity_count, sizeof(*loader->entity));
	if (!contract->entity || !loader->entity)
		return diag_nomem(loader->diag);
	contract->plan.entity = contract->entity;
	json_object_foreach(entities.json, key, value) {
		contract->entity[i].name = key;
		contract->entity[i].index = i;
		i++;
	}
	rc = load_each(loader, &entities, load_entity);
	return rc ? rc : load_each(loader, &entities, load_owner);
}

/*
 * entities.c -- /x-entities: the tables whose rows the plugin keeps, and their columns; and
 * /channels/.../x-entity: what a publish on a channel says of one.
 */
#include "contract/contract_internal.h"

#include <string.h>

static const struct config_known entity_members[] = {
	{ .name = "table", .is_required = true },
	{ .name = "columns", .kind = CONFIG_OBJECT, .is_required = true },
	{ .name = "ownerVia description" },
};
static const struct config_known column_members[] = {
	{ .name = "type indexed stateMachine description" },
};
static const struct config_known via_members[] = {
	{ .name = "entity", .is_required = true },
	{ .name = "column", .is_required = true },
};
static const struct config_known mapping_members[] = {
	{ .name = "entity", .is_required = true },
	{ .name = "id", .is_required = true },
	{ .name = "owner" },
	{ .name = "columns", .kind = CONFIG_OBJECT },
};

static void check_name(struct loader *loader, const struct config *at, const char *name,
		       bool (*is_own)(const char *name))
{
	if (!entity_is_name(name))
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected a name of a-z, 0-9 and _, beginning with a letter");
	else if (is_own(name))
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "\"%s\" is a name of the store's own", name);
}

/* "stateMachine" of a column, or NULL. */
static const struct contract_transitions *
load_machine_name(struct loader *loader, const struct config *column, enum value_type type)
{
	const struct contract_transitions *machine;
	const char *name = NULL;

	if (!config_text(loader->report, column, "stateMachine", LOADER_NAME_MAX, &name))
		return NULL;
	machine = transitions_find(loader, name);
	if (!machine)
		(void)config_fail(loader->report, column, "stateMachine", ERR_INVALID,
				  "there is no /x-state-machines/%s", name);
	else if (type != VALUE_TEXT)
		(void)config_fail(loader->report, column, "stateMachine", ERR_INVALID,
				  "expected a column of type \"text\": it holds a status");
	return machine;
}

static const struct contract_transitions *
load_column(struct loader *loader, const struct config *at, struct entity_column *ret)
{
	static const char *const types[] = { "text", "integer", "real", "boolean", NULL };
	unsigned type = 0;

	ret->name = at->key;
	if (!config_check(loader->report, at, "a column", column_members))
		return NULL;
	check_name(loader, at, at->key, entity_is_own_column);
	(void)config_word(loader->report, at, "type", types, &type);
	(void)config_boolean(loader->report, at, "indexed", &ret->is_indexed);
	ret->type = VALUE_TEXT + type;
	return load_machine_name(loader, at, ret->type);
}

static struct entity_steps steps_of(const struct contract_transitions *machine)
{
	return (struct entity_steps){ .count = machine->count,
				      .status = machine->status,
				      .first = machine->first,
				      .next = machine->next };
}

static void load_columns(struct loader *loader, const struct config *columns, struct entity *entity)
{
	const struct contract_transitions **machine = loader->machines[entity->index];
	struct entity_column *column;

	if (!columns || columns->kind != CONFIG_OBJECT ||
	    !config_bound(loader->report, columns, 0, ENTITY_COLUMNS_MAX, "columns"))
		return;
	column = loader_take(loader, config_count(columns), sizeof(*column));
	if (!column)
		return;
	entity->column = column;
	config_foreach_member(at, columns) {
		unsigned i = (unsigned)entity->column_count++;

		machine[i] = load_column(loader, at, &column[i]);
		if (!machine[i])
			continue;
		if (entity->slot_count == ENTITY_SLOTS_MAX) {
			(void)config_fail(loader->report, at, NULL, ERR_LIMIT,
					  "more than %u columns with a state machine",
					  ENTITY_SLOTS_MAX);
			continue;
		}
		entity->steps[entity->slot_count] = steps_of(machine[i]);
		entity->slot[entity->slot_count++] = i;
	}
}

static void load_table(struct loader *loader, const struct config *at, struct entity *entity)
{
	const struct entity *other = loader->entity;

	if (!config_text(loader->report, at, "table", LOADER_NAME_MAX, &entity->table))
		return;
	check_name(loader, config_member(at, "table"), entity->table, entity_is_own_table);
	for (; other < entity; other++)
		if (other->table && strcmp(other->table, entity->table) == 0)
			(void)config_fail(loader->report, at, "table", ERR_INVALID,
					  "entity \"%s\" has this table already", other->name);
}

/* The entity that the string under @key of @at names, NULL where it is none. */
static const struct entity *find_entity(struct loader *loader, const struct config *at,
					const char *key)
{
	const struct contract *contract = loader->contract;
	const char *name = NULL;

	if (!config_text(loader->report, at, key, LOADER_NAME_MAX, &name))
		return NULL;
	for (size_t i = 0; i < contract->plan.entity_count; i++)
		if (strcmp(loader->entity[i].name, name) == 0)
			return &loader->entity[i];
	(void)config_fail(loader->report, at, key, ERR_INVALID, "there is no /x-entities/%s", name);
	return NULL;
}

/*
 * The number of the entity's column @name, which stands at @at, to *ret. Names are compared as they
 * are: an entity's columns are a few dozen at most.
 */
static bool find_column(struct loader *loader, const struct config *at, const struct entity *entity,
			const char *name, unsigned *ret)
{
	for (*ret = 0; *ret < entity->column_count; ++*ret)
		if (strcmp(entity->column[*ret].name, name) == 0)
			return true;
	return config_fail(loader->report, at, NULL, ERR_INVALID,
			   "entity \"%s\" has no column \"%s\"", entity->name, name);
}

/* A chain of owners that comes back would never end. */
static bool is_circle(const struct entity *entity)
{
	const struct entity *up = entity->owner_entity;

	for (unsigned i = 0; up && i < ENTITY_COUNT_MAX; i++)
		up = up->owner_entity;
	return up != NULL;
}

static void load_owner(struct loader *loader, const struct config *via, struct entity *entity)
{
	const struct config *column = config_member(via, "column");
	const char *name = NULL;
	unsigned link = 0;

	if (!config_check(loader->report, via, "ownerVia", via_members))
		return;
	entity->owner_entity = find_entity(loader, via, "entity");
	if (!config_text(loader->report, column, NULL, LOADER_NAME_MAX, &name) ||
	    !find_column(loader, column, entity, name, &link))
		return;
	entity->link_column = (int)link;
	if (entity->column[link].type != VALUE_TEXT)
		(void)config_fail(loader->report, column, NULL, ERR_INVALID,
				  "expected a column of type \"text\": it holds an id");
	if (is_circle(entity))
		(void)config_fail(loader->report, via, NULL, ERR_INVALID,
				  "the owner is asked for in a circle");
}

/* An entity of an earlier document has the name of @at. */
static void say_twice(struct loader *loader, const struct config *at)
{
	const struct config *other = NULL;

	for (size_t i = 0; i < loader->document_count && !other; i++) {
		const struct config *all = config_member(loader->document[i].root, "x-entities");

		other = config_member(all, at->key);
	}
	(void)config_fail(loader->report, at, NULL, ERR_INVALID,
			  "%s:%u:%u declares an entity of this name already: expected it in one "
			  "document",
			  config_root(other)->key, other->line, other->column);
}

/* Names the entities of loader->doc, behind those of others. */
static void name_entities(struct loader *loader, const struct config *entities)
{
	struct contract *contract = loader->contract;

	config_foreach_member(at, entities) {
		struct entity *entity = &loader->entity[contract->plan.entity_count];

		for (const struct entity *other = loader->entity; other < entity; other++)
			if (strcmp(other->name, at->key) == 0)
				say_twice(loader, at);
		entity->name = at->key;
		entity->link_column = -1;
		entity->index = (unsigned)contract->plan.entity_count++;
	}
}

static void load_entities(struct loader *loader, const struct config *entities,
			  struct entity *entity)
{
	config_foreach_member(at, entities) {
		if (config_check(loader->report, at, "an entity", entity_members)) {
			load_table(loader, at, entity);
			load_columns(loader, config_member(at, "columns"), entity);
		}
		entity++;
	}
}

/* /x-entities of a document; NULL where there are none that can be read. */
static const struct config *entities_of(struct loader *loader, const struct loader_document *doc)
{
	const struct config *entities = config_member(doc->root, "x-entities");

	return config_expect(loader->report, entities, CONFIG_OBJECT) ? entities : NULL;
}

void entities_load(struct loader *loader)
{
	struct contract *contract = loader->contract;
	const struct config *entities;
	struct entity *entity;
	size_t count = 0;

	for (size_t i = 0; i < loader->document_count; i++) {
		entities = entities_of(loader, &loader->document[i]);
		count += config_count(entities);
		if (count > ENTITY_COUNT_MAX) {
			(void)config_bound(loader->report, entities, 0, ENTITY_COUNT_MAX,
					   "entities");
			if (config_count(entities) <= ENTITY_COUNT_MAX)
				(void)config_fail(loader->report, entities, NULL, ERR_LIMIT,
						  "more than %u entities with those of the "
						  "other documents",
						  ENTITY_COUNT_MAX);
			return;
		}
	}
	loader->entity = loader_take(loader, count, sizeof(*loader->entity));
	loader->machines = arena_take(&loader->scratch, count, sizeof(*loader->machines));
	if (!loader->entity || !loader->machines) {
		(void)config_nomem(loader->report);
		return;
	}
	contract->plan.entity = entity = loader->entity;
	for (size_t i = 0; i < loader->document_count; i++)
		name_entities(loader, entities_of(loader, &loader->document[i]));
	for (size_t i = 0; i < loader->document_count; i++) {
		loader->doc = &loader->document[i];
		entities = entities_of(loader, loader->doc);
		load_entities(loader, entities, entity);
		entity += config_count(entities);
	}
	entity = loader->entity;
	for (size_t i = 0; i < loader->document_count; i++)
		config_foreach_member(at, entities_of(loader, &loader->document[i]))
			load_owner(loader, config_member(at, "ownerVia"), entity++);
}

/* ---- what a publish says -------------------------------------------------------------- */

struct contract_member entities_load_member(struct loader *loader, const struct config *at,
					    const char *key)
{
	static const struct contract_member none;
	const char *pointer = NULL;

	if (!config_text(loader->report, at, key, LOADER_NAME_MAX, &pointer))
		return none;
	if (pointer[0] == '/' && pointer[1] && !strpbrk(pointer + 1, "/~"))
		return (struct contract_member){ pointer + 1, strlen(pointer + 1) };
	(void)config_fail(loader->report, at, key, ERR_INVALID,
			  "expected a JSON Pointer to a member of the payload, like \"/status\"");
	return none;
}

static void load_id(struct loader *loader, const struct config *at,
		    const struct contract_channel *channel, unsigned *ret)
{
	const char *name = NULL;

	if (!config_text(loader->report, at, "id", LOADER_NAME_MAX, &name))
		return;
	for (*ret = 0; *ret < channel->param_count; ++*ret)
		if (strcmp(channel->param[*ret].name, name) == 0)
			return;
	(void)config_fail(loader->report, at, "id", ERR_INVALID,
			  "expected a parameter of the address \"%s\"", channel->address);
}

/* A column with a state machine is the status that this channel moves; others are filled. */
static void fill_column(struct loader *loader, const struct config *at,
			struct contract_mapping *map, struct contract_fill *fill)
{
	const struct entity *entity = map->entity;
	const struct contract_transitions *machine;
	unsigned column = 0;
	int slot;
	bool is_column = find_column(loader, at, entity, at->key, &column);
	struct contract_member member = entities_load_member(loader, at, NULL);

	if (!is_column || !member.name)
		return;
	machine = loader->machines[entity->index][column];
	if (!machine) {
		if (entity->link_column == (int)column)
			map->link = &fill[map->fill_count];
		fill[map->fill_count++] = (struct contract_fill){
			.column = column,
			.type = entity->column[column].type,
			.member = member,
		};
		return;
	}
	if (map->transitions) {
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "a channel moves one status, and this is the second");
		return;
	}
	slot = entity_slot(entity, column);
	if (slot < 0)
		return; /* it has too many of them, which is said already */
	map->slot = (unsigned)slot;
	map->status_member = member;
	map->transitions = machine;
	for (size_t i = 0; machine->longest_s && i < machine->count; i++)
		if (machine->longest_s[i] > 0)
			loader->entity[entity->index].is_timed[map->slot] = true;
}

/* Status, owner and columns are members of the payload: it has to be JSON. */
static void check_formats(struct loader *loader, const struct config *owner,
			  const struct contract_channel *channel)
{
	for (size_t i = 0; i < channel->message_count; i++)
		if (channel->message[i].has_payload && channel->message[i].format != CONTRACT_JSON)
			(void)config_fail(loader->report, owner, "x-entity", ERR_INVALID,
					  "needs messages of JSON: message \"%s\" is none",
					  channel->message[i].name);
}

void entities_load_mapping(struct loader *loader, const struct config *owner,
			   struct contract_channel *channel)
{
	const struct config *at = config_member(owner, "x-entity");
	const struct config *columns = config_member(at, "columns");
	struct contract_mapping *map;
	struct contract_fill *fill;

	if (!config_check(loader->report, at, "x-entity", mapping_members))
		return;
	check_formats(loader, owner, channel);
	map = loader_take(loader, 1, sizeof(*map));
	fill = loader_take(loader, config_count(columns), sizeof(*fill));
	if (!map || !fill)
		return;
	map->fill = fill;
	map->entity = find_entity(loader, at, "entity");
	if (channel->address)
		load_id(loader, at, channel, &map->param);
	map->owner_member = entities_load_member(loader, at, "owner");
	if (!map->entity)
		return;
	config_foreach_member(column, columns)
		fill_column(loader, column, map, fill);
	channel->mapping = map;
}

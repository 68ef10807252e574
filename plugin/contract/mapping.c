/* mapping.c -- /channels/.../x-entity: what a publish on the channel says of an entity. */
#include "contract/contract_internal.h"

#include <string.h>

static const struct config_known mapping_members[] = {
	{ .name = "entity", .is_required = true },
	{ .name = "id", .is_required = true },
	{ .name = "owner" },
	{ .name = "columns", .kind = CONFIG_OBJECT },
	{ .name = NULL },
};

const char *mapping_load_member(struct loader *loader, const struct config *at, const char *key)
{
	const char *pointer = NULL;

	if (!config_text(loader->report, at, key, LOADER_NAME_MAX, &pointer))
		return NULL;
	if (pointer[0] == '/' && pointer[1] && !strpbrk(pointer + 1, "/~"))
		return pointer + 1;
	(void)config_fail(loader->report, at, key, ERR_INVALID,
			  "expected a JSON Pointer to a member of the payload, like \"/status\"");
	return NULL;
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
static void load_column(struct loader *loader, const struct config *at,
			struct contract_mapping *map, struct contract_fill *fill)
{
	const struct entity *entity = map->entity;
	const struct contract_transitions *machine;
	unsigned column = 0;
	int slot;
	bool is_column = entities_column(loader, at, entity, at->key, &column);
	const char *member = mapping_load_member(loader, at, NULL);

	if (!is_column || !member)
		return;
	machine = loader->beside[entity->index].machine[column];
	if (!machine) {
		if (entity->link_column == (int)column)
			map->link = &fill[map->fill_count];
		fill[map->fill_count++] = (struct contract_fill){
			.column = column,
			.type = entity->column[column].type,
			.member = member,
			.member_len = strlen(member),
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
	map->status_member_len = strlen(member);
	map->transitions = machine;
	for (size_t i = 0; machine->longest_s && i < machine->count; i++)
		if (machine->longest_s[i] > 0)
			loader->entity[entity->index].is_timed[map->slot] = true;
}

void mapping_load(struct loader *loader, const struct config *owner,
		  struct contract_channel *channel)
{
	const struct config *at = config_member(owner, "x-entity");
	const struct config *columns = config_member(at, "columns");
	struct contract_mapping *map;
	struct contract_fill *fill;

	if (!config_check(loader->report, at, "x-entity", mapping_members))
		return;
	map = loader_take(loader, 1, sizeof(*map));
	fill = loader_take(loader, config_count(columns), sizeof(*fill));
	if (!map || !fill)
		return;
	map->fill = fill;
	map->entity = entities_name(loader, at, "entity");
	if (channel->address)
		load_id(loader, at, channel, &map->param);
	map->owner_member = mapping_load_member(loader, at, "owner");
	if (map->owner_member)
		map->owner_member_len = strlen(map->owner_member);
	if (!map->entity)
		return;
	config_foreach_member(column, columns)
		load_column(loader, column, map, fill);
	channel->mapping = map;
}

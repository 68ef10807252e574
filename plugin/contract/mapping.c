#include "contract/loader.h"

#include <string.h>

static const struct place_known mapping_members[] = {
	{ "entity", NULL }, { "id", NULL }, { "owner", NULL }, { "columns", NULL }, { NULL, NULL }
};

int mapping_load_member(struct loader *loader, const struct place *at, const char **ret)
{
	const char *pointer = NULL;
	int rc = place_text(at, LOADER_NAME_MAX, &pointer, loader->diag);

	if (rc)
		return rc;
	if (pointer[0] != '/' || !pointer[1] || strpbrk(pointer + 1, "/~"))
		return place_fail(
			at, loader->diag, ERR_INVALID,
			"expected a JSON Pointer to a member of the payload, like \"/status\"");
	*ret = pointer + 1;
	return 0;
}

static int load_id(struct loader *loader, const struct place *place,
		   const struct contract_channel *channel, unsigned *ret)
{
	struct place at = place_member(place, "id");
	const char *name = NULL;
	int rc = place_text(&at, LOADER_NAME_MAX, &name, loader->diag);

	if (rc)
		return rc;
	for (unsigned i = 0; i < channel->param_count; i++) {
		if (strcmp(channel->param[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return place_fail(&at, loader->diag, ERR_INVALID,
			  "expected a parameter of the address \"%s\"", channel->address);
}

/* A column with a state machine is the status that this channel moves; others are filled. */
static int load_column(struct loader *loader, const struct place *at, struct contract_mapping *map,
		       struct contract_fill *fill)
{
	const struct entity *entity = map->entity;
	const struct contract_transitions *machine;
	const char *member = NULL;
	unsigned column = 0;
	int rc;

	rc = entities_column(loader, at, entity, at->path.key, &column);
	if (rc == 0)
		rc = mapping_load_member(loader, at, &member);
	if (rc)
		return rc;
	machine = loader->entity[entity->index].machine[column];
	if (!machine) {
		if (entity->link_column == (int)column)
			map->link = &fill[map->fill_count];
		fill[map->fill_count++] = (struct contract_fill){
			.column = column,
			.type = entity->column[column].type,
			.member = member,
			.member_len = strlen(member),
		};
		return 0;
	}
	if (map->transitions)
		return place_fail(at, loader->diag, ERR_INVALID,
				  "a channel moves one status, and this is the second");
	while (entity->slot[map->slot] != column)
		map->slot++;
	map->status_member = member;
	map->status_member_len = strlen(member);
	map->transitions = machine;
	for (size_t i = 0; i < machine->count; i++)
		if (machine->longest_s[i] > 0)
			loader->contract->entity[entity->index].is_timed[map->slot] = true;
	return 0;
}

static int load_columns(struct loader *loader, const struct place *place,
			struct contract_mapping *map)
{
	struct place columns = place_member(place, "columns");
	struct contract_fill *fill;
	const char *key;
	json_t *value;

	if (!columns.json)
		return 0;
	if (place_object(&columns, loader->diag))
		return ERR_INVALID;
	fill = arena_take(&loader->contract->arena, json_object_size(columns.json), sizeof(*fill));
	if (!fill)
		return diag_nomem(loader->diag);
	map->fill = fill;
	json_object_foreach(columns.json, key, value) {
		struct place at = place_member(&columns, key);
		int rc = load_column(loader, &at, map, fill);

		if (rc)
			return rc;
	}
	return 0;
}

int mapping_load(struct loader *loader, const struct place *place, struct contract_channel *channel)
{
	struct contract_mapping *map = arena_alloc(&loader->contract->arena, sizeof(*map));
	struct place entity = place_member(place, "entity");
	struct place owner = place_member(place, "owner");
	int rc;

	if (!map)
		return diag_nomem(loader->diag);
	rc = place_check(place, "x-entity", mapping_members, loader->diag);
	if (rc == 0)
		rc = entities_name(loader, &entity, &map->entity);
	if (rc == 0)
		rc = load_id(loader, place, channel, &map->param);
	if (rc == 0 && owner.json)
		rc = mapping_load_member(loader, &owner, &map->owner_member);
	if (rc == 0)
		rc = load_columns(loader, place, map);
	if (rc)
		return rc;
	if (map->owner_member)
		map->owner_member_len = strlen(map->owner_member);
	channel->mapping = map;
	return 0;
}

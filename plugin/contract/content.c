/*
 * content.c -- what a message says beside the time, and whose columns other channels fill as well.
 */
#include "contract/contract_internal.h"

#include <string.h>

#include "base/wordhash.h"

#define DEPTH_MAX 8u     /* of schemas in schemas */
#define VISITS_MAX 2000u /* of a message's schemas; a time that none of these has is content */

bool content_look_around(struct content_search *search, const struct config *schema, unsigned depth,
			 content_look *look)
{
	static const char *const lists[] = { "allOf", "anyOf", "oneOf", NULL };
	static const char *const branches[] = { "then", "else", NULL };
	const struct config *ref = config_member(schema, "$ref"), *at = NULL;
	struct config_report unused = { .rc = 0 };

	if (depth >= DEPTH_MAX || search->visits >= VISITS_MAX) {
		search->is_blind = true;
		return false;
	}
	search->visits++;
	/* It may name nothing, or something by an $id, which this room does not know. */
	if (ref)
		at = sources_resolve(&search->loader->contract->sources, ref, &unused);
	if (unused.rc == ERR_NOMEM)
		(void)config_nomem(search->loader->report);
	search->is_blind |= ref && !at;
	if (at && look(search, at, depth + 1))
		return true;
	for (const char *const *name = lists; *name; name++)
		config_foreach_item(item, config_member(schema, *name))
			if (look(search, item, depth + 1))
				return true;
	for (const char *const *name = branches; *name; name++) {
		at = config_member(schema, *name);
		if (at && look(search, at, depth + 1))
			return true;
	}
	return false;
}

static bool is_time(struct content_search *search, const struct config *schema, unsigned depth)
{
	return config_is(config_member(schema, "format"), "date-time") ||
	       content_look_around(search, schema, depth, is_time);
}

/* A column says what the message said last: what fills one is never left out. */
static bool is_kept(const struct contract_mapping *map, const char *name)
{
	for (size_t i = 0; i < map->fill_count; i++)
		if (strcmp(map->fill[i].member, name) == 0)
			return true;
	return strcmp(map->status_member, name) == 0 ||
	       (map->owner_member && strcmp(map->owner_member, name) == 0);
}

static void add(struct contract_channel *channel, const char *name)
{
	struct contract_content *content = &channel->content;

	if (is_kept(channel->mapping, name))
		return;
	for (size_t i = 0; i < content->time_count; i++)
		if (strcmp(content->time[i].name, name) == 0)
			return;
	if (content->time_count < CONTRACT_TIMES_MAX)
		content->time[content->time_count++] =
			(struct contract_member){ name, strlen(name) };
	else
		content->surplus = name;
}

/* Never says yes: all of them are looked at. */
static bool add_members(struct content_search *search, const struct config *schema, unsigned depth)
{
	config_foreach_member(at, config_member(schema, "properties"))
		if (is_time(search, at, 0))
			add(search->ctx, at->key);
	return content_look_around(search, schema, depth, add_members);
}

/* Messages are compared as long as what is left out of them stays the same. */
static uint64_t mark_of(const struct contract_channel *channel)
{
	uint64_t mark = wordhash(0, channel->address, strlen(channel->address));

	for (size_t i = 0; i < channel->content.time_count; i++)
		mark = wordhash(mark, channel->content.time[i].name, channel->content.time[i].len);
	return mark ? mark : 1;
}

void content_load(struct loader *loader, struct contract_channel *channel)
{
	struct content_search search = { .loader = loader, .ctx = channel };

	if (!channel->mapping || !channel->mapping->transitions)
		return;
	if (channel->time_member)
		add(channel, channel->time_member);
	else
		(void)add_members(&search, loader->schema, 0);
	channel->content.mark = mark_of(channel);
}

void content_compare(struct loader *loader)
{
	struct contract *contract = loader->contract;
	size_t columns = contract->plan.entity_count * ENTITY_COLUMNS_MAX;
	unsigned *fills = arena_take(&loader->scratch, columns, sizeof(*fills)); /* channels */

	if (!fills) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_mapping *map = contract->channel[i].mapping;

		for (size_t k = 0; map && k < map->fill_count; k++)
			fills[map->entity->index * ENTITY_COLUMNS_MAX + map->fill[k].column]++;
	}
	for (size_t i = 0; i < contract->channel_count; i++) {
		struct contract_channel *channel = &loader->channel[i];
		const struct contract_mapping *map = channel->mapping;

		for (size_t k = 0; map && k < map->fill_count; k++)
			if (fills[map->entity->index * ENTITY_COLUMNS_MAX + map->fill[k].column] >
			    1)
				channel->content.is_shared = true;
	}
}

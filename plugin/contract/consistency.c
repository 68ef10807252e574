/*
 * consistency.c -- x-consistency: where brokers share a database, is a message committed there
 * before it is acknowledged (strict), or carried there afterwards (eventual)?
 *
 * Channels that move the same status must agree: a step that waits in a journal would be decided
 * without those that are committed at once.
 */
#include "contract/contract_internal.h"

#include <string.h>

void consistency_load(struct loader *loader, const struct config *owner,
		      struct contract_channel *channel)
{
	static const char *const words[] = { "eventual", "strict", NULL };
	unsigned word = 0;

	if (config_word(loader->report, owner, "x-consistency", words, &word) &&
	    !channel->is_recorded && !channel->mapping)
		(void)config_fail(
			loader->report, owner, "x-consistency", ERR_INVALID,
			"nothing is kept here: x-record is false and there is no x-entity");
	channel->is_strict = word == 1;
}

/* The first channel that moves the status of @map. */
static const struct contract_channel *find_first(const struct loader *loader,
						 const struct contract_mapping *map)
{
	const struct contract_channel *channel = loader->contract->channel;

	for (;; channel++) {
		const struct contract_mapping *other = channel->mapping;

		if (other && other->transitions && other->entity == map->entity &&
		    other->slot == map->slot)
			return channel;
	}
}

/* The place of the word, or of the channel that leaves it out. */
static const struct config *place_of(const struct loader *loader,
				     const struct contract_channel *channel)
{
	const struct config *at = loader->at[channel->index];
	const struct config *word = config_member(at, "x-consistency");

	return word ? word : at;
}

static void compare(struct loader *loader, const struct contract_channel *channel,
		    const struct contract_channel *first)
{
	static const char *const words[] = { "eventual", "strict" };
	const struct entity *entity = channel->mapping->entity;
	const struct config *there = place_of(loader, first);

	if (first->is_strict != channel->is_strict)
		(void)config_fail(loader->report, place_of(loader, channel), NULL, ERR_INVALID,
				  "is %s, and \"%s\", which moves %s of entity \"%s\" too, is %s "
				  "(%s:%u:%u): expected one word for both",
				  words[channel->is_strict], first->name,
				  entity->column[entity->slot[channel->mapping->slot]].name,
				  entity->name, words[first->is_strict], config_root(there)->key,
				  there->line, there->column);
}

void consistency_compare(struct loader *loader)
{
	for (size_t i = 0; i < loader->contract->channel_count; i++) {
		const struct contract_channel *channel = &loader->contract->channel[i];

		const struct contract_mapping *map = channel->mapping;

		if (!map || !map->transitions)
			continue;
		compare(loader, channel, find_first(loader, map));
		loader->entity[map->entity->index].is_strict[map->slot] = channel->is_strict;
	}
}

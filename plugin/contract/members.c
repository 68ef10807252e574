/*
 * members.c -- the members of /channels: which of the contract's channels each is. Those of one
 * address are one channel, which has the messages and operations of all; what else such a member
 * says counts from the first.
 */
#include "contract/contract_internal.h"

#include <string.h>

#include "base/wordhash.h"

/* Has it topics of this broker? Why not is a warning. */
static bool is_topic(struct loader *loader, const struct config *channel)
{
	const struct config *address = config_member(channel, "address");

	if (address && address->kind != CONFIG_NULL)
		return servers_serve(loader, channel);
	loader_warn(loader, channel, NULL,
		    "has no address: it is no topic, and what its operations say is not enforced");
	return false;
}

/* ---- members of one address -------------------------------------------------------------- */

/* 1 + the index of the last member with an address, by the address' hash. */
struct known {
	unsigned *slot;
	size_t mask;
};

static bool has_address(const struct loader_member *member, const char *address)
{
	return strcmp(config_string(config_member(member->at, "address")), address) == 0;
}

/* Where the member with @address stands or would. */
static unsigned *find_slot(const struct loader *loader, const struct known *known,
			   const char *address)
{
	size_t i = wordhash(0, address, strlen(address)) & known->mask;

	while (known->slot[i] > 0 && !has_address(&loader->member[known->slot[i] - 1], address))
		i = (i + 1) & known->mask;
	return &known->slot[i];
}

/* Warns of what @member says otherwise than @first, the first of its address. */
static void compare(struct loader *loader, const struct config *member, const struct config *first,
		    const char *name)
{
	static const char *const joined[] = { "address",     "messages", "title", "summary",
					      "description", "tags",     NULL };

	config_foreach_member(at, member) {
		const struct config *same = config_member(first, at->key);
		const char *const *word = joined;

		while (*word && strcmp(at->key, *word) != 0)
			word++;
		if (!*word && (!same || !config_equal(at, same)))
			loader_warn(loader, at, NULL,
				    "is not read: channel \"%s\", which is first, has the same "
				    "address and speaks for both",
				    name);
	}
}

/* ---- members that are references --------------------------------------------------------- */

/* Where the first member that refers to @target stands or would. */
static unsigned *find_target(const struct loader *loader, const struct config *target)
{
	const struct loader_targets *all = &loader->target;
	size_t i = wordhash(0, &target, sizeof(target)) & all->mask;

	while (all->slot[i] > 0 && loader->member[all->slot[i] - 1].target != target)
		i = (i + 1) & all->mask;
	return &all->slot[i];
}

static void add_target(struct loader *loader, size_t i, const struct config *target)
{
	unsigned *slot = find_target(loader, target);

	loader->member[i].target = target;
	if (*slot == 0)
		*slot = (unsigned)i + 1;
}

const struct config *members_of(struct loader *loader, const struct config *at)
{
	unsigned number;

	if (!at || !loader->channels)
		return NULL;
	if (at->up != loader->channels)
		at = loader_follow(loader, at);
	if (!at || at->up == loader->channels)
		return at;
	number = *find_target(loader, at);
	return number > 0 ? &loader->channels->item[number - 1] : NULL;
}

/* ---- members ----------------------------------------------------------------------------- */

/* A channel of its own, or one more member of another's. */
static void add_topic(struct loader *loader, struct loader_member *member, const char *name,
		      const struct known *known)
{
	struct contract *contract = loader->contract;
	const char *address = config_string(config_member(member->at, "address"));
	unsigned *slot = address ? find_slot(loader, known, address) : NULL;
	unsigned number = (unsigned)(member - loader->member) + 1;

	if (slot && *slot > 0) {
		member->channel = loader->member[*slot - 1].channel;
		loader->member[*slot - 1].next = number;
		compare(loader, member->at, loader->at[member->channel],
			loader->channel[member->channel].name);
	} else {
		struct contract_channel *channel = &loader->channel[contract->channel_count];

		channel->name = name;
		channel->index = (unsigned)contract->channel_count++;
		member->channel = channel->index;
		loader->at[channel->index] = member->at;
		loader->first[channel->index] = number;
	}
	if (slot)
		*slot = number;
}

/* Memory for all of them, and for finding an address. */
static bool take(struct loader *loader, size_t named, size_t all, struct known *known)
{
	size_t slots = 2;

	while (slots < 2 * named)
		slots *= 2;
	known->mask = loader->target.mask = slots - 1;
	known->slot = arena_take(&loader->scratch, slots, sizeof(*known->slot));
	loader->target.slot = arena_take(&loader->scratch, slots, sizeof(*known->slot));
	loader->member = arena_take(&loader->scratch, named, sizeof(*loader->member));
	loader->at = arena_take(&loader->scratch, named, sizeof(*loader->at));
	loader->first = arena_take(&loader->scratch, named, sizeof(*loader->first));
	if (!known->slot || !loader->target.slot || !loader->member || !loader->at ||
	    !loader->first)
		return config_nomem(loader->report);
	loader->channel = loader_take(loader, all, sizeof(*loader->channel));
	loader->contract->channel = loader->channel;
	return loader->channel != NULL;
}

void members_load(struct loader *loader)
{
	const struct config *channels = config_member(loader->root, "channels");
	size_t named = channels && channels->kind == CONFIG_OBJECT ? channels->count : 0;
	size_t all = named + config_count(config_member(loader->root, "x-broker-topics"));
	struct known known;

	if (all > CONTRACT_CHANNELS_MAX) {
		(void)config_fail(loader->report, channels, NULL, ERR_LIMIT,
				  "more than %u channels", CONTRACT_CHANNELS_MAX);
		return;
	}
	if (!take(loader, named, all, &known))
		return;
	loader->channels = channels;
	for (size_t i = 0; i < named; i++) {
		const struct config *at = loader_follow(loader, &channels->item[i]);

		if (at && at != &channels->item[i])
			add_target(loader, i, at);
		if (!at || at->kind != CONFIG_OBJECT || !is_topic(loader, at))
			continue;
		loader->member[i].at = at;
		add_topic(loader, &loader->member[i], channels->item[i].key, &known);
	}
	loader->named_count = loader->contract->channel_count;
}

/* ---- finding them ------------------------------------------------------------------------ */

const struct loader_member *members_find(const struct loader *loader, const struct config *at)
{
	const struct loader_member *member;

	if (!at || !at->up || at->up != loader->channels)
		return NULL;
	member = &loader->member[at - loader->channels->item];
	return member->at ? member : NULL;
}

const struct contract_message *members_message(const struct loader *loader,
					       const struct contract_channel *channel,
					       const struct config *at)
{
	loader_foreach_member(member, loader, channel->index)
	{
		const struct config *messages = config_member(member->at, "messages");

		if (at->up && at->up == messages)
			return &channel->message[member->message + (size_t)(at - messages->item)];
	}
	return NULL;
}

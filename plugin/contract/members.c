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
		    "has no address, and its name is none: it is no topic, and what its operations "
		    "say is not enforced");
	return false;
}

/* ---- members of one address -------------------------------------------------------------- */

/* 1 + the index of the last member with an address, by the address' hash. */
struct known {
	unsigned *slot;
	size_t mask;
};

/* Are they addresses of the same topics? Of two documents, parameters may differ in their names. */
static bool is_same_address(const char *a, const char *b, bool is_one_document)
{
	if (is_one_document)
		return strcmp(a, b) == 0;
	while (*a && *a == *b) {
		if (*a == '{') {
			a += strcspn(a, "}");
			b += strcspn(b, "}");
		}
		a += *a != '\0';
		b += *b != '\0';
	}
	return *a == *b;
}

/* A hash that names of parameters do not change. */
static uint64_t address_hash(const char *address)
{
	uint64_t hash = 0;

	while (*address) {
		size_t len = strcspn(address, "{");

		hash = wordhash(hash, address, len);
		address += len;
		address += strcspn(address, "}");
		address += *address != '\0';
	}
	return hash;
}

/* Where the member of loader->doc with @address stands or would. */
static unsigned *find_slot(const struct loader *loader, const struct known *known,
			   const char *address)
{
	size_t i = address_hash(address) & known->mask;

	for (; known->slot[i] > 0; i = (i + 1) & known->mask) {
		const struct loader_member *other = &loader->member[known->slot[i] - 1];

		if (is_same_address(config_string(config_member(other->at, "address")), address,
				    other->document == loader->doc))
			break;
	}
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
	const struct loader_targets *all = &loader->doc->target;
	size_t i = wordhash(0, &target, sizeof(target)) & all->mask;

	while (all->slot[i] > 0 && loader->doc->member[all->slot[i] - 1].target != target)
		i = (i + 1) & all->mask;
	return &all->slot[i];
}

static void add_target(struct loader *loader, size_t i, const struct config *target)
{
	unsigned *slot = find_target(loader, target);

	loader->doc->member[i].target = target;
	if (*slot == 0)
		*slot = (unsigned)i + 1;
}

const struct config *members_of(struct loader *loader, const struct config *at)
{
	unsigned number;

	if (!at || !loader->doc->channels)
		return NULL;
	if (at->up != loader->doc->channels)
		at = loader_follow(loader, at);
	if (!at || at->up == loader->doc->channels)
		return at;
	number = *find_target(loader, at);
	return number > 0 ? &loader->doc->channels->item[number - 1] : NULL;
}

/* ---- members ----------------------------------------------------------------------------- */

/* One more member of the channel of @before, the last one until now. */
static void join_channel(struct loader *loader, struct loader_member *member,
			 struct loader_member *before)
{
	const struct loader_document *doc = loader->doc;
	const struct loader_member *leader;

	member->channel = before->channel;
	before->next = (unsigned)(member - loader->member) + 1;
	/* What another document says of it is compared when all is known of them. */
	if (before->document != doc)
		return;
	member->leader = before->leader;
	leader = loader_member(loader, member->leader);
	compare(loader, member->at, leader->at, doc->channels->item[leader - doc->member].key);
}

/* A channel of its own, or one more member of another's. */
static void add_topic(struct loader *loader, struct loader_member *member, const char *name,
		      const struct known *known)
{
	struct contract *contract = loader->contract;
	const char *address = config_string(config_member(member->at, "address"));
	unsigned *slot = address ? find_slot(loader, known, address) : NULL;
	unsigned number = (unsigned)(member - loader->member) + 1;

	member->leader = number;
	if (slot && *slot > 0) {
		join_channel(loader, member, &loader->member[*slot - 1]);
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

/* How many members /channels of the document has. */
static size_t count_channels(const struct loader_document *document)
{
	const struct config *channels = config_member(document->root, "channels");

	return channels && channels->kind == CONFIG_OBJECT ? channels->count : 0;
}

/* A table with room for @count, half of it free; NULL where memory ran out. */
static unsigned *take_table(struct loader *loader, size_t count, size_t *ret_mask)
{
	size_t slots = 2;

	while (slots < 2 * count)
		slots *= 2;
	*ret_mask = slots - 1;
	return arena_take(&loader->scratch, slots, sizeof(unsigned));
}

/* Memory for @named members, for @all channels, and for finding an address. */
static bool take(struct loader *loader, size_t named, size_t all, struct known *known)
{
	known->slot = take_table(loader, named, &known->mask);
	loader->member = arena_take(&loader->scratch, named, sizeof(*loader->member));
	loader->at = arena_take(&loader->scratch, all, sizeof(*loader->at));
	loader->first = arena_take(&loader->scratch, named, sizeof(*loader->first));
	if (!known->slot || !loader->member || !loader->at || !loader->first)
		return config_nomem(loader->report);
	loader->channel = loader_take(loader, all, sizeof(*loader->channel));
	loader->contract->channel = loader->channel;
	return loader->channel != NULL;
}

/* The members of loader->doc. */
static void load_members(struct loader *loader, const struct known *known)
{
	struct loader_document *doc = loader->doc;
	size_t count = count_channels(doc);

	doc->channels = config_member(doc->root, "channels");
	doc->target.slot = take_table(loader, count, &doc->target.mask);
	if (!doc->target.slot) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct config *item = &doc->channels->item[i],
				    *at = loader_follow(loader, item);

		doc->member[i].document = doc;
		if (at && at != item)
			add_target(loader, i, at);
		if (!at || at->kind != CONFIG_OBJECT || !is_topic(loader, at))
			continue;
		doc->member[i].at = at;
		add_topic(loader, &doc->member[i], item->key, known);
	}
}

/* For who is to write the documents when the loader is gone. */
static void note_channels(struct loader *loader)
{
	const unsigned **all = loader_take(loader, loader->document_count, sizeof(*all));

	for (size_t i = 0; all && i < loader->document_count; i++) {
		const struct loader_document *doc = &loader->document[i];
		size_t count = count_channels(doc);
		unsigned *channel = loader_take(loader, count, sizeof(*channel));

		if (!channel)
			return;
		for (size_t k = 0; k < count; k++)
			channel[k] =
				doc->member[k].at ? doc->member[k].channel : CONTRACT_NO_CHANNEL;
		all[i] = channel;
	}
	loader->contract->member_channel = all;
}

void members_load(struct loader *loader)
{
	size_t named = 0, topics = 0;
	struct known known;

	for (size_t i = 0; i < loader->document_count; i++) {
		named += count_channels(&loader->document[i]);
		topics += config_count(config_member(loader->document[i].root, "x-broker-topics"));
	}
	if (named + topics > CONTRACT_CHANNELS_MAX) {
		(void)config_fail(loader->report, config_member(loader->doc->root, "channels"),
				  NULL, ERR_LIMIT, "more than %u channels", CONTRACT_CHANNELS_MAX);
		return;
	}
	if (!take(loader, named, named + topics, &known))
		return;
	named = 0;
	for (size_t i = 0; i < loader->document_count && loader->report->rc != ERR_NOMEM; i++) {
		loader->doc = &loader->document[i];
		loader->doc->member = &loader->member[named];
		named += count_channels(loader->doc);
		load_members(loader, &known);
	}
	loader->named_count = loader->contract->channel_count;
	note_channels(loader);
}

/* ---- finding them ------------------------------------------------------------------------ */

const struct loader_member *members_find(const struct loader *loader, const struct config *at)
{
	const struct loader_member *member;

	if (!at || !at->up || at->up != loader->doc->channels)
		return NULL;
	member = &loader->doc->member[at - loader->doc->channels->item];
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

/* brokertopics.c -- /x-broker-topics: the broker's own topics, "$...", as channels. */
#include "contract/contract_internal.h"

#include <string.h>

static const struct config_known topic_members[] = {
	{ .name = "address", .is_required = true },
	{ .name = "action security description" },
	{ .name = NULL },
};

static void load_topic(struct loader *loader, const struct config *at)
{
	static const char *const actions[] = { "receive", "send", NULL };
	struct contract *contract = loader->contract;
	struct contract_channel *channel = &loader->channel[contract->channel_count];
	struct contract_operation *operation;
	unsigned action = 0;

	if (!config_check(loader->report, at, "a broker topic", topic_members))
		return;
	*channel = (struct contract_channel){ .name = at->key,
					      .index = (unsigned)contract->channel_count++,
					      .payload_max = contract->defaults.payload_max };
	memcpy(channel->mode, contract->defaults.mode, sizeof(channel->mode));
	channel->address = address_load(loader, at, true);
	(void)config_word(loader->report, at, "action", actions, &action);
	operation = action == 1 ? &channel->send : &channel->receive;
	operation->name = at->key;
	scopes_load_security(loader, at, operation);
}

void brokertopics_load(struct loader *loader)
{
	const struct config *topics = config_member(loader->root, "x-broker-topics");

	if (config_expect(loader->report, topics, CONFIG_OBJECT))
		config_foreach_member(at, topics)
			load_topic(loader, at);
}

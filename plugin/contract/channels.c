/* channels.c -- /channels: each with its address, message, limits and what a publish does. */
#include "contract/contract_internal.h"

#include <string.h>

static const struct config_known channel_members[] = {
	{ .name = "address", .is_required = true },
	{ .name = "messages parameters bindings title summary description servers tags "
		  "externalDocs x-mode x-limits x-will x-record x-durability x-entity x-interval "
		  "x-time x-unique x-problem-types" },
	{ .name = NULL },
};
static const struct config_known mode_members[] = {
	{ .name = "permission schema transition limits" },
	{ .name = NULL },
};

/* Extensions that say what a publish does. */
static const char *const send_extensions[] = { "x-will",     "x-record", "x-durability", "x-entity",
					       "x-interval", "x-time",   "x-unique",     NULL };

void channels_make(struct loader *loader)
{
	struct contract *contract = loader->contract;
	const struct config *channels = config_member(loader->root, "channels");
	size_t all = config_count(channels) +
		     config_count(config_member(loader->root, "x-broker-topics"));

	if (!channels || channels->kind != CONFIG_OBJECT)
		return;
	if (all > CONTRACT_CHANNELS_MAX) {
		(void)config_fail(loader->report, channels, NULL, ERR_LIMIT,
				  "more than %u channels", CONTRACT_CHANNELS_MAX);
		return;
	}
	contract->channel = loader->channel = loader_take(loader, all, sizeof(*loader->channel));
	if (!loader->channel)
		return;
	loader->channels = channels;
	config_foreach_member(at, channels) {
		struct contract_channel *channel = &loader->channel[contract->channel_count];

		channel->name = at->key;
		channel->index = (unsigned)contract->channel_count++;
	}
	loader->named_count = contract->channel_count;
}

bool channels_has_message(struct loader *loader, const struct contract_channel *channel,
			  const struct config *message)
{
	const struct config *at = loader_follow(loader, &loader->channels->item[channel->index]);

	return message->up && message->up == config_member(at, "messages");
}

/* ---- extensions ------------------------------------------------------------------------- */

static bool load_mode_word(struct loader *loader, const struct config *at, const char *key,
			   enum contract_mode *ret)
{
	static const char *const modes[] = { "enforce", "observe", "off", NULL };
	unsigned mode = CONTRACT_ENFORCE;

	if (!config_word(loader->report, at, key, modes, &mode))
		return false;
	*ret = (enum contract_mode)mode;
	return true;
}

/*
 * One word is about messages: who may do what stays in force unless its group is named, so
 * that trying a contract out opens nothing.
 */
void channels_load_mode(struct loader *loader, const struct config *owner,
			enum contract_mode ret[CONTRACT_GROUPS])
{
	const struct config *at = config_member(owner, "x-mode");
	enum contract_mode mode = CONTRACT_ENFORCE;

	if (at && at->kind == CONFIG_OBJECT) {
		(void)config_check(loader->report, at, "x-mode", mode_members);
		for (unsigned i = 0; i < CONTRACT_GROUPS; i++)
			(void)load_mode_word(loader, at,
					     contract_group_name((enum contract_group)i), &ret[i]);
	} else if (load_mode_word(loader, owner, "x-mode", &mode)) {
		for (unsigned i = 0; i < CONTRACT_GROUPS; i++)
			if (i != CONTRACT_PERMISSION)
				ret[i] = mode;
	}
}

static void load_durability(struct loader *loader, const struct config *owner,
			    struct contract_channel *channel)
{
	static const char *const words[] = { "process", "power", NULL };
	unsigned word = CONTRACT_PROCESS;

	channel->is_recorded = channel->send.name != NULL;
	(void)config_boolean(loader->report, owner, "x-record", &channel->is_recorded);
	if (config_word(loader->report, owner, "x-durability", words, &word) &&
	    !channel->is_recorded && !channel->mapping)
		(void)config_fail(
			loader->report, owner, "x-durability", ERR_INVALID,
			"nothing is kept here: x-record is false and there is no x-entity");
	channel->durability = (enum contract_durability)word;
}

static void load_extensions(struct loader *loader, const struct config *at,
			    struct contract_channel *channel)
{
	static const char *const wills[] = { "forbidden", "allowed", NULL };
	unsigned will = 0;

	for (const char *const *name = send_extensions; *name && !channel->send.name; name++)
		if (config_member(at, *name))
			(void)config_fail(loader->report, at, *name, ERR_INVALID,
					  "expected a channel with a \"send\" operation");
	if (channel->send.name) {
		mapping_load(loader, at, channel);
		(void)config_word(loader->report, at, "x-will", wills, &will);
		channel->is_will_allowed = will == 1;
		load_durability(loader, at, channel);
		limits_load_times(loader, at, channel);
		unique_load(loader, at, channel);
	}
	channels_load_mode(loader, at, channel->mode);
	limits_load(loader, at, channel);
}

/* ---- channels --------------------------------------------------------------------------- */

static void load_channel(struct loader *loader, const struct config *at,
			 struct contract_channel *channel)
{
	unsigned before = loader->report->count;

	at = loader_follow(loader, at);
	if (!config_check(loader->report, at, "a channel", channel_members))
		return;
	memcpy(channel->mode, loader->contract->defaults.mode, sizeof(channel->mode));
	channel->payload_max = loader->contract->defaults.payload_max;
	channel->limits = loader->contract->defaults.limits;
	loader->schema = NULL;
	channel->address = address_load(loader, at, false);
	if (channel->address)
		params_load(loader, at, channel);
	messages_load(loader, at, channel);
	bindings_load(loader, at, LOADER_OTHER, NULL);
	load_extensions(loader, at, channel);
	if (loader->report->count > before)
		return;
	content_load(loader, channel);
	members_check(loader, at);
	if (channel->limits.topic_levels > 0 &&
	    address_levels(channel->address) > channel->limits.topic_levels)
		(void)config_fail(loader->report, at, "address", ERR_INVALID,
				  "has more levels than x-limits allows: topicLevels is %u",
				  channel->limits.topic_levels);
}

void channels_load(struct loader *loader)
{
	for (size_t i = 0; i < loader->named_count; i++)
		load_channel(loader, &loader->channels->item[i], &loader->channel[i]);
}

/*
 * channels.c -- reads /channels: the address, message and limits of each, and what a publish does;
 * also /x-broker-topics, and the channels that the plugin itself publishes to.
 */
#include "contract/contract_internal.h"
#include "contract/level.h"

#include <string.h>

#define INTERVAL_MAX 2592000 /* 30 days */

static const struct config_known mode_members[] = {
	{ .name = "permission schema transition limits" },
};
static const struct config_known topic_members[] = {
	{ .name = "address", .is_required = true },
	{ .name = "action security description" },
};

/* Extensions that say what a publish does. */
static const char *const send_extensions[] = {
	"x-will",     "x-record", "x-durability", "x-consistency", "x-entity",
	"x-interval", "x-time",   "x-unique",     "x-dead-letter", NULL
};

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
	bool is_recorded = channel->send_count > 0;
	unsigned word = CONTRACT_PROCESS;

	(void)config_boolean(loader->report, owner, "x-record", &is_recorded);
	channel->is_recorded = is_recorded;
	if (config_word(loader->report, owner, "x-durability", words, &word) &&
	    !channel->is_recorded && !channel->mapping)
		(void)config_fail(
			loader->report, owner, "x-durability", ERR_INVALID,
			"nothing is kept here: x-record is false and there is no x-entity");
	channel->durability = (enum contract_durability)word;
}

void channels_load_limits(struct loader *loader, const struct config *owner,
			  struct contract_channel *ret)
{
	const struct config *at = config_member(owner, "x-limits");
	struct limits *limits;
	int64_t payload;

	if (!at)
		return;
	limits = loader_take(loader, 1, sizeof(*limits));
	if (!limits)
		return;
	*limits = *ret->limits;
	ret->limits = limits;
	if (config_member(at, "messagesPerSecond"))
		limits->burst = 0; /* it belongs to the rate that this one takes the place of */
	if (!limits_read(loader->report, at, "x-limits",
			 "payloadBytes messagesPerSecond burst bytesPerSecond topicLevels "
			 "topicBytes clients",
			 limits))
		return;
	ret->has_length_limits = limits->topic_bytes > 0;
	if (config_integer(loader->report, at, "payloadBytes", 1, CONTRACT_PAYLOAD_MAX, &payload))
		ret->payload_max = (uint32_t)payload;
	if (config_member(at, "burst") && limits->messages_per_second == 0)
		(void)config_fail(loader->report, at, "burst", ERR_INVALID,
				  "says nothing without messagesPerSecond");
}

static void load_times(struct loader *loader, const struct config *owner,
		       struct contract_channel *channel)
{
	int64_t interval = 0;

	(void)config_integer(loader->report, owner, "x-interval", 1, INTERVAL_MAX, &interval);
	channel->interval_s = (uint32_t)interval;
	channel->time_member = entities_load_member(loader, owner, "x-time");
}

static void load_unique(struct loader *loader, const struct config *owner,
			struct contract_channel *channel)
{
	const struct config *list = config_member(owner, "x-unique");
	struct contract_member *unique;

	if (!config_expect(loader->report, list, CONFIG_ARRAY))
		return;
	if (channel->mapping && channel->mapping->transitions)
		(void)config_fail(loader->report, list, NULL, ERR_INVALID,
				  "the channel moves a status, which tells what is said again; "
				  "expected one without");
	else if (!channel->is_recorded)
		(void)config_fail(loader->report, list, NULL, ERR_INVALID,
				  "no event is kept here: x-record is false");
	if (!config_bound(loader->report, list, 1, CONTRACT_UNIQUE_MAX,
			  "members of the payload, like [\"/eventId\"]"))
		return;
	channel->unique = unique =
		loader_take(loader, config_count(list), sizeof(*channel->unique));
	if (!unique)
		return;
	config_foreach_item(at, list)
		unique[channel->unique_count++] = entities_load_member(loader, at, NULL);
}

static void load_extensions(struct loader *loader, const struct config *at,
			    struct contract_channel *channel)
{
	static const char *const wills[] = { "forbidden", "allowed", NULL };
	unsigned will = 0;

	for (const char *const *name = send_extensions; *name && channel->send_count == 0; name++)
		if (config_member(at, *name))
			(void)config_fail(loader->report, at, *name, ERR_INVALID,
					  "expected a channel with a \"send\" operation");
	if (channel->send_count > 0) {
		entities_load_mapping(loader, at, channel);
		(void)config_word(loader->report, at, "x-will", wills, &will);
		channel->is_will_allowed = will == 1;
		load_durability(loader, at, channel);
		consistency_load(loader, at, channel);
		load_times(loader, at, channel);
		load_unique(loader, at, channel);
	}
	channels_load_mode(loader, at, channel->mode);
	joined_mode(loader, channel);
	channels_load_limits(loader, at, channel);
}

/* ---- channels --------------------------------------------------------------------------- */

static void load_channel(struct loader *loader, const struct config *at,
			 struct contract_channel *channel)
{
	unsigned before = loader->report->count;

	memcpy(channel->mode, loader->doc->defaults.mode, sizeof(channel->mode));
	channel->payload_max = loader->doc->defaults.payload_max;
	channel->limits = loader->doc->defaults.limits;
	channel->has_length_limits = loader->doc->defaults.has_length_limits;
	channel->content = loader->doc->defaults.content;
	channel->application = loader->doc->application;
	channel->address = address_load(loader, at, false);
	if (channel->address)
		address_load_params(loader, at, channel);
	if (channel->param_count > 0)
		joined_params(loader, channel);
	(void)operations_load_bindings(loader, at, LOADER_CHANNEL, NULL);
	servers_load_ports(loader, channel);
	load_extensions(loader, at, channel);
	if (loader->report->count > before)
		return;
	content_load(loader, channel);
	content_check_members(loader, at, channel);
	if (channel->limits->topic_levels > 0 &&
	    address_levels(channel->address) > channel->limits->topic_levels)
		(void)config_fail(loader->report, at, "address", ERR_INVALID,
				  "has more levels than x-limits allows: topicLevels is %u",
				  channel->limits->topic_levels);
}

void channels_load(struct loader *loader)
{
	for (size_t i = 0; i < loader->named_count; i++) {
		const struct config *at = joined_channel(loader, (unsigned)i);

		if (at)
			load_channel(loader, at, &loader->channel[i]);
	}
}

/* ---- the broker's own topics ---------------------------------------------------------- */

static void load_topic(struct loader *loader, const struct config *at)
{
	static const char *const actions[] = { "receive", "send", NULL };
	struct contract *contract = loader->contract;
	struct contract_channel *channel = &loader->channel[contract->channel_count];
	struct contract_operation *operation;
	unsigned action = 0;

	if (!config_check(loader->report, at, "a broker topic", topic_members))
		return;
	operation = loader_take(loader, 1, sizeof(*operation));
	if (!operation)
		return;
	*channel = (struct contract_channel){ .name = at->key,
					      .index = (unsigned)contract->channel_count++,
					      .application = loader->doc->application,
					      .payload_max = loader->doc->defaults.payload_max,
					      .limits = &contract_no_limits,
					      .content = &contract_no_content };
	memcpy(channel->mode, loader->doc->defaults.mode, sizeof(channel->mode));
	loader->at[channel->index] = at;
	channel->address = address_load(loader, at, true);
	if (channel->address && strcmp(channel->address, "$CONTROL/petstore/v1") == 0)
		loader_warn(loader, at, "address",
			    "this entry has no effect: each command has a scope of its own now, "
			    "control:status for one, which roles have to name");
	(void)config_word(loader->report, at, "action", actions, &action);
	if (action == 1) {
		operation->is_send = true;
		channel->send = operation;
		channel->send_count = 1;
	} else {
		channel->receive = operation;
		channel->receive_count = 1;
	}
	operation->name = at->key;
	operations_own(loader, operation, CONTRACT_IS);
	scopes_load_security(loader, at, NULL, operation);
}

void channels_load_broker(struct loader *loader)
{
	const struct config *topics = config_member(loader->doc->root, "x-broker-topics");

	if (config_expect(loader->report, topics, CONFIG_OBJECT))
		config_foreach_member(at, topics)
			load_topic(loader, at);
}

/* ---- channels that the plugin publishes to -------------------------------------------- */

/*
 * The address of such a channel begins with a literal level, no client sends to it, and no other
 * channel's address is preferred to it. So all of its topics are its own: no client reads them by a
 * scope for something else, and none publishes to them in the plugin's place.
 */

/* Is it @first, then so many parameters and nothing more, and only received from? */
static bool is_published(const struct contract_channel *channel, const char *first, size_t params)
{
	const char *at = channel->address;
	struct level level;

	if (channel->send_count > 0 || channel->receive_count == 0 ||
	    channel->param_count != params)
		return false;
	level_read(&at, &level);
	if (level.len != strlen(first) || strncmp(level.text, first, level.len) != 0)
		return false;
	for (; at && params > 0; params--) {
		level_read(&at, &level);
		if (level.kind != LEVEL_PARAM)
			return false;
	}
	return !at && params == 0;
}

static const struct contract_channel *find_published(struct loader *loader, const char *first,
						     size_t params)
{
	const struct contract_channel *channel = loader->contract->channel, *ours = NULL;

	for (size_t i = 0; i < loader->named_count && !ours; i++)
		if (is_published(&channel[i], first, params))
			ours = &channel[i];
	for (size_t i = 0; i < loader->named_count && ours; i++)
		if (&channel[i] != ours && level_is_beaten(ours->address, channel[i].address))
			(void)config_fail(loader->report, loader->at[i], "address", ERR_INVALID,
					  "\"%s\" has topics of \"%s\" of channel \"%s\", where "
					  "only the plugin publishes",
					  channel[i].address, ours->address, ours->name);
	return ours;
}

/* x-problem-types, which only the channel of notices may have. */
static void load_problem_types(struct loader *loader, const struct contract_channel *notices)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-._~:/?#[]@!$&'()*+,;=%";
	const char *text = NULL;

	for (size_t i = 0; i < loader->named_count; i++) {
		const struct config *at = loader->at[i];
		struct contract_channel *channel = &loader->channel[i];

		if (!config_member(at, "x-problem-types"))
			continue;
		if (channel != notices)
			(void)config_fail(loader->report, at, "x-problem-types", ERR_INVALID,
					  "expected on the channel of notices only, %s/{...}/{...}",
					  CONTRACT_NOTICES);
		else if (config_text(loader->report, at, "x-problem-types",
				     CONTRACT_PROBLEM_TYPES_MAX, &text) &&
			 text[strspn(text, unreserved)] != '\0')
			(void)config_fail(loader->report, at, "x-problem-types", ERR_INVALID,
					  "expected a URI that the name of a problem is added to, "
					  "like \"https://example.com/errors/\"");
		else
			channel->problem_types = text;
	}
}

void channels_load_published(struct loader *loader)
{
	struct contract *contract = loader->contract;
	const struct contract_channel *notices = find_published(loader, CONTRACT_NOTICES, 2);

	contract->notices = notices;
	load_problem_types(loader, notices);
	contract->alerts = find_published(loader, CONTRACT_ALERTS, 1);
	/* Whose notice it is stands in the order in which the plugin writes it. */
	if (notices && (notices->param[0].own == CONTRACT_OWN_CLIENT ||
			notices->param[1].own == CONTRACT_OWN_PRINCIPAL))
		(void)config_fail(loader->report, loader->at[notices->index], "parameters",
				  ERR_INVALID,
				  "notices are published to %s/PRINCIPAL/CLIENT: expected x-own "
				  "\"principal\" at \"%s\" and \"clientId\" at \"%s\"",
				  CONTRACT_NOTICES, notices->param[0].name, notices->param[1].name);
}

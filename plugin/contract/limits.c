/* limits.c -- /x-limits, /x-interval and /x-time: how much, how large and how often. */
#include "contract/contract_internal.h"

#include <string.h>

#define RATE_MAX 1000000000
#define CLIENTS_MAX LIMITS_CLIENTS_MAX
#define TOPIC_LEVELS_MAX 32768 /* what MQTT has room for */
#define TOPIC_BYTES_MAX 65535
#define INTERVAL_MAX 2592000 /* 30 days */

#define LIMIT(member, most, field)                                                                 \
	{                                                                                          \
		.name = member, .max = most, .offset = offsetof(struct contract_channel, field)    \
	}

static const struct config_integer limits[] = {
	LIMIT("messagesPerSecond", RATE_MAX, rate.messages_per_second),
	LIMIT("burst", RATE_MAX, rate.burst),
	LIMIT("bytesPerSecond", RATE_MAX, rate.bytes_per_second),
	LIMIT("topicLevels", TOPIC_LEVELS_MAX, topic_limit.levels),
	LIMIT("topicBytes", TOPIC_BYTES_MAX, topic_limit.bytes),
	LIMIT("clients", CLIENTS_MAX, rate.clients),
	{ .name = NULL },
};
static const struct config_known limits_members[] = {
	{ .name = "payloadBytes messagesPerSecond burst bytesPerSecond topicLevels topicBytes "
		  "clients" },
	{ .name = NULL },
};

void limits_load(struct loader *loader, const struct config *owner, struct contract_channel *ret)
{
	const struct config *at = config_member(owner, "x-limits");
	int64_t payload;

	if (!config_check(loader->report, at, "x-limits", limits_members))
		return;
	if (config_integer(loader->report, at, "payloadBytes", 1, CONTRACT_PAYLOAD_MAX, &payload))
		ret->payload_max = (size_t)payload;
	if (config_member(at, "messagesPerSecond"))
		ret->rate.burst = 0; /* it belongs to the rate that this one takes the place of */
	config_integers(loader->report, at, limits, ret);
	if (config_member(at, "burst") && ret->rate.messages_per_second == 0)
		(void)config_fail(loader->report, at, "burst", ERR_INVALID,
				  "says nothing without messagesPerSecond");
}

void limits_load_times(struct loader *loader, const struct config *owner,
		       struct contract_channel *channel)
{
	int64_t interval = 0;

	(void)config_integer(loader->report, owner, "x-interval", 1, INTERVAL_MAX, &interval);
	channel->interval_s = (uint32_t)interval;
	channel->time_member = mapping_load_member(loader, owner, "x-time");
	if (channel->time_member)
		channel->time_member_len = strlen(channel->time_member);
}

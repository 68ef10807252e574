/* limits.c -- /x-limits, /x-interval and /x-time: how much, how large and how often. */
#include "contract/contract_internal.h"

#include <string.h>

#define INTERVAL_MAX 2592000 /* 30 days */

void limits_load(struct loader *loader, const struct config *owner, struct contract_channel *ret)
{
	const struct config *at = config_member(owner, "x-limits");
	int64_t payload;

	if (config_member(at, "messagesPerSecond"))
		ret->limits.burst = 0; /* it belongs to the rate that this one takes the place of */
	if (!limits_read(loader->report, at, "x-limits",
			 "payloadBytes messagesPerSecond burst bytesPerSecond topicLevels "
			 "topicBytes clients",
			 &ret->limits))
		return;
	if (config_integer(loader->report, at, "payloadBytes", 1, CONTRACT_PAYLOAD_MAX, &payload))
		ret->payload_max = (size_t)payload;
	if (config_member(at, "burst") && ret->limits.messages_per_second == 0)
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

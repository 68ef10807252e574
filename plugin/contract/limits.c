#include "contract/loader.h"

#include <string.h>

static const struct place_known limits_members[] = {
	{ "payloadBytes", NULL }, { "messagesPerSecond", NULL },
	{ "burst", NULL },        { "bytesPerSecond", NULL },
	{ "topicLevels", NULL },  { "topicBytes", NULL },
	{ "clients", NULL },      { NULL, NULL }
};

#define RATE_MAX 1000000000
#define CLIENTS_MAX 100000
#define TOPIC_LEVELS_MAX 32768 /* what MQTT has room for */
#define TOPIC_BYTES_MAX 65535
#define INTERVAL_MAX 2592000 /* 30 days */

static int load_number(struct loader *loader, const struct place *limits, const char *name,
		       json_int_t max, json_int_t *ret)
{
	struct place at = place_member(limits, name);

	return at.json ? place_integer(&at, 1, max, ret, loader->diag) : 0;
}

int limits_load(struct loader *loader, const struct place *owner, size_t *ret_payload_max,
		struct contract_rate *ret_rate, struct contract_topic_limit *ret_topic)
{
	struct place limits = place_member(owner, "x-limits");
	struct place burst_at = place_member(&limits, "burst");
	json_int_t payload = (json_int_t)*ret_payload_max;
	json_int_t messages = ret_rate->messages_per_second, bytes = ret_rate->bytes_per_second;
	json_int_t levels = ret_topic->levels, topic = ret_topic->bytes;
	json_int_t clients = ret_rate->clients;
	json_int_t burst = place_member(&limits, "messagesPerSecond").json ? 0 : ret_rate->burst;
	int rc;

	if (!limits.json)
		return 0;
	rc = place_check(&limits, "x-limits", limits_members, loader->diag);
	if (rc == 0)
		rc = load_number(loader, &limits, "payloadBytes", CONTRACT_PAYLOAD_MAX, &payload);
	if (rc == 0)
		rc = load_number(loader, &limits, "messagesPerSecond", RATE_MAX, &messages);
	if (rc == 0)
		rc = load_number(loader, &limits, "burst", RATE_MAX, &burst);
	if (rc == 0)
		rc = load_number(loader, &limits, "bytesPerSecond", RATE_MAX, &bytes);
	if (rc == 0)
		rc = load_number(loader, &limits, "topicLevels", TOPIC_LEVELS_MAX, &levels);
	if (rc == 0)
		rc = load_number(loader, &limits, "topicBytes", TOPIC_BYTES_MAX, &topic);
	if (rc == 0)
		rc = load_number(loader, &limits, "clients", CLIENTS_MAX, &clients);
	if (rc == 0 && burst_at.json && messages == 0)
		rc = place_fail(&burst_at, loader->diag, ERR_INVALID,
				"says nothing without messagesPerSecond");
	if (rc)
		return rc;
	*ret_payload_max = (size_t)payload;
	*ret_rate = (struct contract_rate){ .messages_per_second = (uint32_t)messages,
					    .burst = (uint32_t)burst,
					    .bytes_per_second = (uint32_t)bytes,
					    .clients = (uint32_t)clients };
	*ret_topic = (struct contract_topic_limit){ (uint32_t)levels, (uint32_t)topic };
	return 0;
}

int limits_load_habits(struct loader *loader, const struct place *owner,
		       struct contract_channel *channel)
{
	struct place time = place_member(owner, "x-time");
	json_int_t interval = 0;
	int rc = load_number(loader, owner, "x-interval", INTERVAL_MAX, &interval);

	channel->interval_s = (uint32_t)interval;
	if (rc == 0 && time.json)
		rc = mapping_load_member(loader, &time, &channel->time_member);
	if (channel->time_member)
		channel->time_member_len = strlen(channel->time_member);
	return rc;
}

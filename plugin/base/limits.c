#include "base/limits.h"

#include "base/suggest.h"

#define RATE_MAX 1000000000
#define SUBSCRIPTIONS_MAX 4096 /* each is remembered */
#define TOPIC_LEVELS_MAX 32768 /* what MQTT has room for */
#define TOPIC_BYTES_MAX 65535

#define AT(member) offsetof(struct limits, member)

static const struct {
	const char *name;
	uint32_t max;
	size_t offset;
} table[] = {
	{ "messagesPerSecond", RATE_MAX, AT(messages_per_second) },
	{ "burst", RATE_MAX, AT(burst) },
	{ "bytesPerSecond", RATE_MAX, AT(bytes_per_second) },
	{ "subscriptions", SUBSCRIPTIONS_MAX, AT(subscriptions) },
	{ "connectsPerMinute", RATE_MAX, AT(connects_per_minute) },
	{ "topicLevels", TOPIC_LEVELS_MAX, AT(topic_levels) },
	{ "topicBytes", TOPIC_BYTES_MAX, AT(topic_bytes) },
	{ "clients", LIMITS_CLIENTS_MAX, AT(clients) },
};

bool limits_read(struct config_report *report, const struct config *at, const char *noun,
		 const char *names, struct limits *ret)
{
	const struct config_known known[] = { { .name = names } };
	int64_t number = 0;

	if (!config_check(report, at, noun, known))
		return false;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (suggest_has(names, table[i].name) &&
		    config_integer(report, at, table[i].name, 1, table[i].max, &number))
			*(uint32_t *)((char *)ret + table[i].offset) = (uint32_t)number;
	return true;
}

/*
 * A retained message's properties: any bytes become a list of libmosquitto's or the beginning of
 * one, and the list becomes bytes that make the same list again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What the broker was given last, as bytes. */
static struct plugin plugin;
static unsigned char said[LEDGER_PROPERTIES_MAX];
static size_t said_len;

/* In the place of broker.c, which needs a broker. */
bool broker_publish_take(const struct broker *broker, const char *client_id,
			 const struct message *message, struct mqtt5__property *list)
{
	(void)broker;
	(void)client_id;
	(void)message;
	said_len = properties_read(&plugin, list, said, sizeof(said));
	mosquitto_property_free_all(&list);
	return true;
}

static void free_copy(void *copy)
{
	free(copy);
}

static void set_up(void)
{
	plugin.broker.properties = (struct broker_properties){
		.free_all = mosquitto_property_free_all,
		.is_there = true,
		.identifier = mosquitto_property_identifier,
		.next = mosquitto_property_next,
		.read_byte = mosquitto_property_read_byte,
		.read_text = mosquitto_property_read_string,
		.read_binary = mosquitto_property_read_binary,
		.read_pair = mosquitto_property_read_string_pair,
		.add_byte = mosquitto_property_add_byte,
		.add_text = mosquitto_property_add_string,
		.add_binary = mosquitto_property_add_binary,
		.add_pair = mosquitto_property_add_string_pair,
		.free = free_copy,
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct message message = { .topic = "t", .payload = "", .is_retained = true };
	unsigned char first[sizeof(said)];
	size_t len;

	if (!plugin.broker.properties.is_there)
		set_up();
	must(events_publish_retained(&plugin, &message, data, size));
	len = said_len;
	must(len <= size);
	memcpy(first, said, len);
	must(events_publish_retained(&plugin, &message, first, len));
	must(said_len == len && memcmp(said, first, len) == 0);
	return 0;
}

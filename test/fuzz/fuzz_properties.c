/*
 * A retained message's properties: any bytes become a list of libmosquitto's or the beginning of
 * one, and the list becomes bytes that make the same list again. What the gate is shown of the list
 * is bounded, and what was read by the list's layout is the same.
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

int mosquitto_client_protocol_version(const struct mosquitto *client)
{
	(void)client;
	return 5;
}

static bool is_same_text(const struct property_text *a, const struct property_text *b)
{
	return a->shown == b->shown && a->len == b->len &&
	       (a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

/* Is @shown the same as what was copied from another reading? */
static void check_shown(const struct message_properties *shown,
			const struct message_properties *other)
{
	size_t bytes = 0;

	must(shown->user_count <= PAYLOAD_MAX_PAIRS);
	for (size_t i = 0; i < shown->user_count; i++)
		bytes += shown->user[i].name_len + shown->user[i].value_len;
	must(bytes <= PROPERTIES_BYTES_MAX);
	must(is_same_text(&shown->content_type, &other->content_type));
	must(is_same_text(&shown->response_topic, &other->response_topic));
	must(is_same_text(&shown->correlation, &other->correlation));
	must(shown->user_count == other->user_count && shown->is_cut == other->is_cut);
	must(shown->format == other->format && shown->users_shown == other->users_shown);
}

/* The list as the gate is shown it: by the library's functions and by the layout. */
static void show(mosquitto_property *list)
{
	static struct plugin other;
	struct gate_request by_calls = { 0 }, by_layout = { 0 };

	if (!other.broker.properties.is_there) {
		other.broker.properties = plugin.broker.properties;
		must(property_layout_use(&other.broker.properties));
	}
	properties_show(&plugin, NULL, list, true, &by_calls);
	properties_show(&other, NULL, list, true, &by_layout);
	must(by_calls.shown && by_layout.shown);
	check_shown(by_calls.shown, by_layout.shown);
}

/* Of brokers that share a database; here is one alone. */
bool peers_is_kept_pair(const char *name)
{
	return strncmp(name, "petstore-", 9) == 0;
}

void peers_say_again(const struct plugin *of, struct mqtt5__property **list)
{
	(void)of;
	(void)list;
}

/* In the place of broker.c, which needs a broker. */
bool broker_publish_take(const struct broker *broker, const char *client_id,
			 const struct message *message, struct mqtt5__property *list)
{
	(void)broker;
	(void)client_id;
	(void)message;
	said_len = properties_read(&plugin, list, said, sizeof(said));
	show(list);
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

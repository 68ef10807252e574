/*
 * properties.c -- MQTT 5's properties of a message: from the broker's list to what the gate reads,
 * and, for a retained message, to bytes as on the wire (MQTT 5, 2.2.2) and back.
 *
 * Only properties that belong to the message. The message expiry interval is not among them: the
 * broker removes it from the list before a plugin sees it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/property_id.h"
#include "broker/events.h"

/* What is being written. */
struct sink {
	unsigned char *at;
	size_t left;
	bool is_full;
	bool is_of_others; /* without what brokers say to each other */
};

static void put(struct sink *sink, const void *data, size_t len)
{
	if (sink->is_full || len > sink->left) {
		sink->is_full = true;
		return;
	}
	if (len > 0)
		memcpy(sink->at, data, len);
	sink->at += len;
	sink->left -= len;
}

static void put_byte(struct sink *sink, unsigned value)
{
	unsigned char byte = (unsigned char)value;

	put(sink, &byte, 1);
}

static void put_text(struct sink *sink, const void *text, size_t len)
{
	put_byte(sink, (unsigned)(len >> 8));
	put_byte(sink, (unsigned)(len & 0xff));
	put(sink, text, len);
}

static void put_property(const struct broker_properties *api, struct sink *sink,
			 const mosquitto_property *property)
{
	int id = api->identifier(property);
	char *text = NULL, *value = NULL;
	void *data = NULL;
	uint8_t byte = 0;
	uint16_t len = 0;

	switch (id) { /* each is what it says to be: none of the calls fails but for memory */
	case PROPERTY_ID_PAYLOAD_FORMAT:
		(void)api->read_byte(property, id, &byte, false);
		put_byte(sink, (unsigned)id);
		put_byte(sink, byte);
		break;
	case PROPERTY_ID_CONTENT_TYPE:
	case PROPERTY_ID_RESPONSE_TOPIC:
		(void)api->read_text(property, id, &text, false);
		put_byte(sink, (unsigned)id);
		put_text(sink, text, text ? strlen(text) : 0);
		break;
	case PROPERTY_ID_CORRELATION_DATA:
		(void)api->read_binary(property, id, &data, &len, false);
		put_byte(sink, (unsigned)id);
		put_text(sink, data, data ? len : 0);
		break;
	case PROPERTY_ID_USER:
		sink->is_full |= !api->read_pair(property, id, &text, &value, false);
		if (sink->is_of_others && text && peers_is_kept_pair(text))
			break;
		put_byte(sink, (unsigned)id);
		put_text(sink, text, text ? strlen(text) : 0);
		put_text(sink, value, value ? strlen(value) : 0);
		break;
	}
	/* The broker gives an empty text as NULL (2.1), and its copies are the caller's. */
	api->free(text);
	api->free(value);
	api->free(data);
}

size_t properties_read(const struct plugin *plugin, const void *list, unsigned char *ret,
		       size_t cap)
{
	bool is_cut;

	return properties_read_whole(plugin, list, ret, cap, &is_cut);
}

/* Returns the bytes; 0 where there are more than @sink has room for. */
static size_t put_all(const struct plugin *plugin, const void *list, struct sink *sink)
{
	const struct broker_properties *api = &plugin->broker.properties;
	size_t cap = sink->left;

	sink->is_full = list && !api->is_there;
	for (const mosquitto_property *at = list; at && !sink->is_full; at = api->next(at))
		put_property(api, sink, at);
	return sink->is_full ? 0 : cap - sink->left;
}

size_t properties_read_whole(const struct plugin *plugin, const void *list, unsigned char *ret,
			     size_t cap, bool *is_cut)
{
	struct sink sink = { .at = ret, .left = cap };
	size_t len = put_all(plugin, list, &sink);

	*is_cut = sink.is_full;
	return len;
}

size_t properties_read_others(const struct plugin *plugin, const void *list, unsigned char *ret,
			      size_t cap, bool *is_cut)
{
	struct sink sink = { .at = ret, .left = cap, .is_of_others = true };
	size_t len = put_all(plugin, list, &sink);

	*is_cut = sink.is_full;
	return len;
}

/* ---- what the gate reads ----------------------------------------------------------------- */

void properties_forget(struct plugin *plugin)
{
	struct shown_properties *shown = &plugin->pending.shown;

	for (size_t i = 0; i < shown->copy_count; i++)
		plugin->broker.properties.free(shown->copy[i]);
	shown->copy_count = 0;
}

/* The broker's copy, which may be NULL, is kept until the next ones are read. */
static const char *keep(struct shown_properties *shown, void *copy)
{
	if (!copy)
		return "";
	shown->copy[shown->copy_count++] = copy;
	return copy;
}

static void show_text(const struct broker_properties *api, struct shown_properties *shown,
		      const mosquitto_property *property, int id, struct property_text *ret)
{
	char *text = NULL;

	if (ret->shown == PROPERTY_PRESENT)
		return; /* a second one is a fault that the broker has refused */
	(void)api->read_text(property, id, &text, false);
	ret->shown = PROPERTY_PRESENT;
	ret->text = keep(shown, text);
	ret->len = strlen(ret->text);
}

static void show_data(const struct broker_properties *api, struct shown_properties *shown,
		      const mosquitto_property *property)
{
	struct property_text *ret = &shown->properties.correlation;
	uint16_t len = 0;
	void *data = NULL;

	if (ret->shown == PROPERTY_PRESENT)
		return;
	(void)api->read_binary(property, PROPERTY_ID_CORRELATION_DATA, &data, &len, false);
	ret->shown = PROPERTY_PRESENT;
	ret->text = keep(shown, data);
	ret->len = data ? len : 0;
}

/* One that there is no room for, by number or bytes, is left out, and all behind it. */
static void show_user(const struct broker_properties *api, struct shown_properties *shown,
		      const mosquitto_property *property, size_t *bytes)
{
	struct message_properties *ret = &shown->properties;
	struct payload_pair *pair = &shown->user[ret->user_count];
	char *name = NULL, *value = NULL;

	ret->is_cut = ret->is_cut || ret->user_count == PAYLOAD_MAX_PAIRS ||
		      !api->read_pair(property, PROPERTY_ID_USER, &name, &value, false);
	/* The brokers' own, and no header. */
	if (name && (strcmp(name, PEERS_PROPERTY) == 0 || peers_is_kept_pair(name))) {
		api->free(name);
		api->free(value);
		return;
	}
	ret->users_shown = PROPERTY_PRESENT;
	*bytes += (name ? strlen(name) : 0) + (value ? strlen(value) : 0);
	if (ret->is_cut || *bytes > PROPERTIES_BYTES_MAX) {
		ret->is_cut = true;
		api->free(name);
		api->free(value);
		return;
	}
	pair->name = keep(shown, name);
	pair->name_len = strlen(pair->name);
	pair->value = keep(shown, value);
	pair->value_len = strlen(pair->value);
	ret->user_count++;
}

static void show(const struct broker_properties *api, struct shown_properties *shown,
		 const mosquitto_property *list)
{
	struct message_properties *ret = &shown->properties;
	size_t bytes = 0;
	uint8_t byte = 0;

	for (const mosquitto_property *at = list; at; at = api->next(at)) {
		switch (api->identifier(at)) {
		case PROPERTY_ID_PAYLOAD_FORMAT:
			(void)api->read_byte(at, PROPERTY_ID_PAYLOAD_FORMAT, &byte, false);
			ret->format_shown = PROPERTY_PRESENT;
			ret->format = byte;
			break;
		case PROPERTY_ID_CONTENT_TYPE:
			show_text(api, shown, at, PROPERTY_ID_CONTENT_TYPE, &ret->content_type);
			break;
		case PROPERTY_ID_RESPONSE_TOPIC:
			show_text(api, shown, at, PROPERTY_ID_RESPONSE_TOPIC, &ret->response_topic);
			break;
		case PROPERTY_ID_CORRELATION_DATA:
			show_data(api, shown, at);
			break;
		case PROPERTY_ID_USER:
			show_user(api, shown, at, &bytes);
			break;
		}
	}
}

void properties_show(struct plugin *plugin, const struct mosquitto *client, const void *list,
		     bool is_message, struct gate_request *request)
{
	struct shown_properties *shown = &plugin->pending.shown;
	bool has_none = mosquitto_client_protocol_version(client) < 5;

	/* 2.0 hands ACL_CHECK no list, whatever the message has. */
	if (!has_none && (!plugin->broker.properties.is_there ||
			  (!is_message && !plugin->broker.has_quota_code)))
		return;
	properties_forget(plugin);
	shown->properties = properties_absent();
	shown->properties.user = shown->user;
	if (!has_none) {
		shown->properties.expiry_shown = PROPERTY_NOT_SHOWN;
		show(&plugin->broker.properties, shown, list);
	}
	request->shown = &shown->properties;
}

void properties_show_list(struct plugin *plugin, const void *list, struct gate_request *request)
{
	struct shown_properties *shown = &plugin->pending.shown;

	properties_forget(plugin);
	shown->properties = properties_absent();
	shown->properties.user = shown->user;
	show(&plugin->broker.properties, shown, list);
	request->shown = &shown->properties;
}

/* What is being read. */
struct source {
	const unsigned char *at;
	size_t left;
};

static bool take_byte(struct source *source, unsigned *ret)
{
	if (source->left == 0)
		return false;
	*ret = *source->at++;
	source->left--;
	return true;
}

/* A text of its own, NUL-terminated, which is the caller's; NULL: there is none. */
static char *take_text(struct source *source, uint16_t *len)
{
	unsigned high, low;
	char *text;

	if (!take_byte(source, &high) || !take_byte(source, &low))
		return NULL;
	*len = (uint16_t)(high << 8 | low);
	if (*len > source->left)
		return NULL;
	text = malloc((size_t)*len + 1);
	if (!text)
		return NULL;
	memcpy(text, source->at, *len);
	text[*len] = '\0';
	source->at += *len;
	source->left -= *len;
	return text;
}

static bool add_pair(const struct broker_properties *api, struct source *source, char *name,
		     mosquitto_property **list)
{
	uint16_t len;
	char *value = name ? take_text(source, &len) : NULL;
	bool is_added = value && api->add_pair(list, PROPERTY_ID_USER, name, value) == 0;

	free(value);
	return is_added;
}

static bool add_property(const struct broker_properties *api, struct source *source,
			 mosquitto_property **list)
{
	unsigned id = 0, byte = 0;
	uint16_t len = 0;
	bool is_added = false;
	char *text;

	if (!take_byte(source, &id))
		return false;
	if (id == PROPERTY_ID_PAYLOAD_FORMAT)
		return take_byte(source, &byte) && api->add_byte(list, (int)id, (uint8_t)byte) == 0;
	text = take_text(source, &len);
	if (id == PROPERTY_ID_USER)
		is_added = add_pair(api, source, text, list);
	else if (text && id == PROPERTY_ID_CORRELATION_DATA)
		is_added = api->add_binary(list, (int)id, text, len) == 0;
	else if (text && (id == PROPERTY_ID_CONTENT_TYPE || id == PROPERTY_ID_RESPONSE_TOPIC))
		is_added = api->add_text(list, (int)id, text) == 0;
	free(text);
	return is_added;
}

/* Without them, where memory runs out, the message is what it is. */
static mosquitto_property *make_list(const struct broker_properties *api, const void *bytes,
				     size_t len)
{
	struct source source = { .at = bytes, .left = len };
	mosquitto_property *list = NULL;

	if (!api->is_there)
		return NULL;
	while (source.left > 0)
		if (!add_property(api, &source, &list))
			break;
	return list;
}

struct mqtt5__property *properties_make(const struct plugin *plugin, const void *bytes, size_t len)
{
	return make_list(&plugin->broker.properties, bytes, len);
}

bool events_publish_retained(const struct plugin *plugin, const struct message *message,
			     const void *properties, size_t properties_len)
{
	const struct broker *broker = &plugin->broker;
	mosquitto_property *list = make_list(&broker->properties, properties, properties_len);

	peers_say_again(plugin, &list);
	return broker_publish_take(broker, NULL, message, list);
}

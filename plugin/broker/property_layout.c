/*
 * property_layout.c -- reads MQTT 5 properties where the broker's program exports no function for
 * it, such as Debian's Mosquitto 2.0.21: by the layout of the list, which is the same in 1.6 to
 * 2.0.22 (lib/property_mosq.h). Lists that the broker makes itself are looked at first: if they do
 * not read as they were made, the layout is another one and nothing is read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/property_id.h"
#include "broker/broker.h"
#include "broker/broker_api.h"

struct text {
	char *text;
	uint16_t len;
};

struct property_layout {
	const struct property_layout *next;
	union {
		uint8_t byte;
		struct text text;
	} value;
	struct text name;
	int32_t identifier;
};

static const struct property_layout *as_layout(const mosquitto_property *property)
{
	return (const void *)property;
}

static const mosquitto_property *next(const mosquitto_property *property)
{
	return (const void *)as_layout(property)->next;
}

static int identifier(const mosquitto_property *property)
{
	return as_layout(property)->identifier;
}

/* A NUL-terminated copy, as the functions of the broker make it; false: memory ran out. */
static bool copy(const struct text *text, char **ret)
{
	*ret = text->text ? strndup(text->text, text->len) : NULL;
	return *ret || !text->text;
}

static const mosquitto_property *read_byte(const mosquitto_property *list, int id, uint8_t *ret,
					   bool skip_first)
{
	(void)skip_first;
	if (identifier(list) != id)
		return NULL;
	*ret = as_layout(list)->value.byte;
	return list;
}

static const mosquitto_property *read_text(const mosquitto_property *list, int id, char **ret,
					   bool skip_first)
{
	(void)skip_first;
	return identifier(list) == id && copy(&as_layout(list)->value.text, ret) ? list : NULL;
}

static const mosquitto_property *read_binary(const mosquitto_property *list, int id, void **ret,
					     uint16_t *len, bool skip_first)
{
	const struct text *text = &as_layout(list)->value.text;

	(void)skip_first;
	*len = 0;
	if (identifier(list) != id)
		return NULL;
	*ret = text->len > 0 ? malloc(text->len) : NULL;
	if (!*ret)
		return text->len > 0 ? NULL : list;
	memcpy(*ret, text->text, text->len);
	*len = text->len;
	return list;
}

static const mosquitto_property *read_pair(const mosquitto_property *list, int id, char **name,
					   char **value, bool skip_first)
{
	(void)skip_first;
	if (identifier(list) != id || !copy(&as_layout(list)->name, name))
		return NULL;
	if (copy(&as_layout(list)->value.text, value))
		return list;
	free(*name);
	*name = NULL;
	return NULL;
}

static bool is_text(const struct text *text, const char *expected)
{
	size_t len = strlen(expected);

	return text->len == len && text->text && memcmp(text->text, expected, len) == 0;
}

/* Does a list that the broker makes have this layout? */
static bool fits(const struct broker_properties *api)
{
	mosquitto_property *list = NULL;
	const struct property_layout *at;
	bool is_made = api->add_byte(&list, PROPERTY_ID_PAYLOAD_FORMAT, 1) == 0 &&
		       api->add_pair(&list, PROPERTY_ID_USER, "a name", "its value") == 0 &&
		       api->add_binary(&list, PROPERTY_ID_CORRELATION_DATA, "some data", 9) == 0;
	bool is_fit = false;

	at = as_layout(list);
	if (is_made && at->identifier == PROPERTY_ID_PAYLOAD_FORMAT && at->value.byte == 1 &&
	    at->next) {
		at = at->next;
		is_fit = at->identifier == PROPERTY_ID_USER && is_text(&at->name, "a name") &&
			 is_text(&at->value.text, "its value") && at->next;
	}
	if (is_fit) {
		at = at->next;
		is_fit = at->identifier == PROPERTY_ID_CORRELATION_DATA &&
			 is_text(&at->value.text, "some data") && !at->next;
	}
	api->free_all(&list);
	return is_fit;
}

bool property_layout_use(struct broker_properties *api)
{
	if (!api->add_byte || !api->add_text || !api->add_binary || !api->add_pair ||
	    !api->free_all || !fits(api))
		return false;
	api->identifier = identifier;
	api->next = next;
	api->read_byte = read_byte;
	api->read_text = read_text;
	api->read_binary = read_binary;
	api->read_pair = read_pair;
	return true;
}

/*
 * properties.h -- MQTT 5's properties of a publish, as far as a contract may speak of them (MQTT 5,
 * 3.3.2.3).
 *
 * The broker does not show all of them, and not always: Mosquitto 2.0 shows none to ACL_CHECK, and
 * so none of a last will; no release shows a message expiry interval. So there are three answers,
 * and a rule about a property that is not shown can't be checked then. All strings are borrowed.
 */
#ifndef PETSTORE_GATE_PROPERTIES_H
#define PETSTORE_GATE_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/payload.h"

/* Bytes of the user properties that are held against a schema, as JSON; and of another property. */
#define PROPERTIES_BYTES_MAX 65535u

enum property_shown { PROPERTY_NOT_SHOWN = 0, PROPERTY_ABSENT, PROPERTY_PRESENT };

/* @text is not NULL where it is present; it may be empty, and correlation data have any bytes. */
struct property_text {
	enum property_shown shown;
	const char *text;
	size_t len;
};

struct message_properties {
	struct property_text content_type;
	struct property_text response_topic;
	struct property_text correlation;
	enum property_shown format_shown;
	unsigned format; /* payload format indicator: 1: the payload is UTF-8 */
	enum property_shown expiry_shown;
	uint32_t expiry_s;
	enum property_shown users_shown; /* present: there is at least one */
	size_t user_count;               /* user properties, in their order */
	const struct payload_pair *user;
	bool is_cut; /* there are more than PAYLOAD_MAX_PAIRS: the first of them are here */
};

/* Those of a client that speaks MQTT 3.1 or 3.1.1, which has no properties. */
static inline struct message_properties properties_absent(void)
{
	return (struct message_properties){
		.content_type.shown = PROPERTY_ABSENT,
		.response_topic.shown = PROPERTY_ABSENT,
		.correlation.shown = PROPERTY_ABSENT,
		.format_shown = PROPERTY_ABSENT,
		.expiry_shown = PROPERTY_ABSENT,
		.users_shown = PROPERTY_ABSENT,
	};
}

#endif

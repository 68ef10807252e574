/*
 * message.h -- one MQTT message: what is published, delivered, kept, retained and refused.
 *
 * A noun that all rooms speak of. Everything is borrowed, for as long as whoever hands it out says.
 */
#ifndef PETSTORE_MESSAGE_H
#define PETSTORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wordhash.h"

struct message {
	const char *topic; /* of a subscription: its filter */
	size_t topic_len;
	const void *payload; /* NULL where payload_len is 0 */
	size_t payload_len;
	unsigned qos;
	bool is_retained; /* published with the retain flag, or stored by it */
	bool is_will;     /* a last will: it is published for a client that is gone */
};

/* A number for topic and payload: two topics with the same payload are two messages. */
static inline uint64_t message_digest(const struct message *message, uint64_t seed)
{
	return wordhash(wordhash(seed, message->topic, message->topic_len), message->payload,
			message->payload_len);
}

#endif

/*
 * message.h -- one MQTT message: what is published, delivered, kept, retained and refused.
 *
 * All rooms use this struct. Everything is borrowed; the function that returns one says for how
 * long.
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
	bool is_will;     /* a last will, which the broker publishes for a client that is gone */
};

/* A hash of topic and payload under @seed. */
static inline uint64_t message_digest(const struct message *message, uint64_t seed)
{
	return wordhash(wordhash(seed, message->topic, message->topic_len), message->payload,
			message->payload_len);
}

#endif

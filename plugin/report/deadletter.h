/*
 * deadletter.h -- a refused message, whole and with what was wrong with it, for people who mend it.
 *
 * As a message it keeps its payload and properties, and has pairs beside them that become user
 * properties (MQTT 5, 3.3.2.3.7). As an envelope it is a JSON object, which clients of MQTT 3.1.1
 * can read, too; schemas/dead-letter.schema.json describes it. Knows no broker and no table:
 * broker/letters.h publishes it.
 */
#ifndef PETSTORE_REPORT_DEADLETTER_H
#define PETSTORE_REPORT_DEADLETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/refusal.h"

/* Names of the pairs begin so; what a client gives names like these is left out. */
#define DEADLETTER_PREFIX "dead-letter-"
/* Bytes of a message's own properties; a message with more goes without them. */
#define DEADLETTER_PROPERTIES_MAX 65536u

/* Everything is borrowed. */
struct deadletter {
	const struct refusal *refusal;
	const struct message *message; /* its topic is NUL-terminated */
	const char *problem;           /* notice_print()'s document */
	size_t problem_len;
	const void *properties; /* of the message, as on the wire (MQTT 5, 2.2.2) */
	size_t properties_len;
	bool is_cut; /* it had more, which are not known */
};

/*
 * Is a message that is refused for @reason worth keeping, because the message is wrong? Not where
 * it is refused for who sent it, or for where it was sent, nor where its sender can send it again:
 * it was not acknowledged because the plugin had a problem.
 */
bool deadletter_is_due(enum reason reason);

/* Do these properties say that the message is a dead letter already, of another broker, say? */
bool deadletter_is_one(const void *properties, size_t len);

/* One property of those as on the wire. Texts are not NUL-terminated. */
struct deadletter_property {
	unsigned id;
	unsigned byte;    /* of a payload format indicator */
	const char *name; /* of a user property */
	size_t name_len;
	const char *value;
	size_t value_len;
};

/*
 * The next one at *@at, before @end; moves *@at behind it. False: there is none, or what follows is
 * none that a message has.
 */
bool deadletter_next(const unsigned char **at, const unsigned char *end,
		     struct deadletter_property *ret);

/* Does its name begin as the pairs' do? */
bool deadletter_is_ours(const struct deadletter_property *property);

#define DEADLETTER_PAIRS 11u

struct deadletter_pair {
	const char *name;
	const char *value;
};

struct deadletter_pairs {
	size_t count;
	struct deadletter_pair pair[DEADLETTER_PAIRS];
	char qos[2];
	char time[CLOCK_TEXT_MAX];
};

/* What becomes user properties: borrows from @letter, too. */
void deadletter_pairs(const struct deadletter *letter, struct deadletter_pairs *ret);

/*
 * The bytes that it needs as an envelope, without a NUL; writes it to @ret where @cap is not less.
 */
size_t deadletter_print(const struct deadletter *letter, char *ret, size_t cap);

#endif

/*
 * refusal.h -- one refusal in words: the contents of the notice, the row and the log line.
 *
 * report/refusals.h fills it in; the writers of notice, row and log line read it. Knows nothing of
 * the broker, of JSON or of SQL. Texts come from clients unchanged: their writers must escape them.
 */
#ifndef PETSTORE_REFUSAL_H
#define PETSTORE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/who.h"

/* Everything is borrowed. Strings are NUL-terminated and "" where there is nothing to say. */
struct refusal {
	const char *id; /* the decision's id: the same in the notice, the row and the log */
	int64_t time_ms;
	const char *action; /* "publish", "will", "subscribe" or "connect" */
	enum reason reason;
	bool is_observed; /* it was allowed: the contract only observes this group of rules */
	bool is_closed;   /* it was not acknowledged, and the client was disconnected */
	struct who who;
	const char *topic; /* not NUL-terminated; NULL where topic_len is 0 */
	size_t topic_len;
	unsigned qos;
	bool is_retained;
	const char *pointer;        /* JSON Pointer into the payload */
	const char *keyword;        /* of the schema, or the plugin's name for its own rule */
	const char *message;        /* one sentence */
	const char *current_status; /* the entity's, where it is against it */
	const char *message_name;   /* of the contract: which message it is, or is nearest to */
	bool is_one_of_several;     /* the channel has other messages, too */
	const void *payload;        /* its first bytes: as many as the row keeps */
	size_t payload_len;         /* bytes at @payload */
	size_t payload_bytes;       /* bytes that the message had */
	/* It is kept whole: all payload_bytes are at @payload. With these properties, as on the
	 * wire. */
	bool is_letter;
	const void *properties;
	size_t properties_len;
};

#endif

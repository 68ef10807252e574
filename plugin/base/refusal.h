/*
 * refusal.h -- one refusal in words: what the notice, the row and the log line all say.
 *
 * Filled in once by the room that reports (report/refusals.h), read by everyone who passes it
 * on. Knows nothing of the broker, of JSON or of SQL. Texts come from clients as they are:
 * whoever shows them escapes them.
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
	bool is_observed; /* it was let through: the contract only observes */
	bool is_closed;   /* it was not acknowledged, and the client was disconnected */
	struct who who;
	const char *topic; /* not NUL-terminated; NULL where topic_len is 0 */
	size_t topic_len;
	unsigned qos;
	bool is_retained;
	const char *pointer;        /* JSON Pointer into the payload */
	const char *keyword;        /* of the schema, or our own name of the rule */
	const char *message;        /* one sentence */
	const char *current_status; /* that the entity has, of an illegal transition */
	const void *payload;        /* the first bytes only, as many as are kept */
	size_t payload_len;
	size_t payload_bytes; /* that it had */
};

#endif

/*
 * kinds.h -- the messages that a publish may be, while it is found out which one it is.
 *
 * For the gate's own files kinds.c (which one is it?), nearest.c (which is it nearest to, where it
 * is none?) and candidates.c (what would each of them say?).
 */
#ifndef PETSTORE_GATE_KINDS_H
#define PETSTORE_GATE_KINDS_H

#include "gate/judgement.h"

/* The messages that count; of those that no publish can tell apart, the first. */
struct kinds {
	struct judgement *j;
	size_t count;
	const struct contract_message *message[CONTRACT_MESSAGES_MAX]; /* JSON before the others */
	bool is_all_json;                      /* all of them have a schema for JSON */
	bool has_schema;                       /* one of them has one */
	bool takes_empty;                      /* one of them has no payload */
	int64_t work;                          /* left of the message's budget */
	const struct contract_message *viewed; /* whose view j->payload or @error is */
	struct payload_error error;
};

/* Its schema; NULL: it has none. */
static inline const struct schema *kinds_schema(const struct judgement *j,
						const struct contract_message *message)
{
	return j->gate->rules->message[message->index].schema;
}

/*
 * Collects the messages of the operations that admit the principal: of all operations, where that
 * is not enforced; of the channel, where it has no operation.
 */
void kinds_collect(struct kinds *ret, struct judgement *j);

/*
 * The payload as @message's schema is to see it, in j->payload. NULL, with @error: it is not of
 * that format. JSON is parsed once for all that ask for it.
 */
const struct payload_value *kinds_view(struct kinds *kinds, const struct contract_message *message);

enum kinds_fit {
	KINDS_NO = 0,
	KINDS_YES,
	KINDS_REST,    /* it may be anything, so it is this one where it is no other */
	KINDS_UNKNOWN, /* the budget or the memory does not suffice */
};

/*
 * Is the payload what @message asks? One that names neither a payload nor a format is no more than
 * the empty one where others have a schema.
 */
enum kinds_fit kinds_fits(struct kinds *kinds, const struct contract_message *message);

/*
 * Refuses a payload that fits none: sets the decision's kind to the nearest message, and says what
 * is wrong with that. Returns false.
 */
bool nearest_refuse(struct kinds *kinds) __attribute__((cold));

#endif

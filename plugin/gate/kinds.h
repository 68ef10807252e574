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
	enum contract_format view;             /* what it was read as */
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
 * The payload as @message's schema is to see it: j->payload or, of a CloudEvent in binary mode, an
 * event that has it as its data. NULL, with @error: it is not of that format. JSON is parsed once
 * for all that ask for it.
 */
const struct payload_value *kinds_view(struct kinds *kinds, const struct contract_message *message);

/*
 * cloudevents.c: is the publish, as @message, a CloudEvent in binary mode (CloudEvents MQTT
 * Protocol Binding 1.0.2, 3)? Its content type is shown and is another one than CloudEvents'; *ret
 * is how data of that type is read. Where no content type is shown, it is in structured mode.
 */
bool cloudevents_is_binary(const struct judgement *j, const struct contract_message *message,
			   enum contract_format *ret);

/* Is it not known yet in which mode @message is? */
static inline bool cloudevents_waits(const struct judgement *j,
				     const struct contract_message *message)
{
	return message->is_cloudevents &&
	       (!j->request->shown || j->request->shown->content_type.shown == PROPERTY_NOT_SHOWN);
}

/* Such an event as an object; NULL: @error says what is wrong. */
const struct payload_value *cloudevents_view(const struct judgement *j,
					     const struct contract_message *message,
					     enum contract_format format,
					     struct payload_error *error);

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

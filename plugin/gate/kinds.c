/*
 * kinds.c -- which of its channel's messages is a publish, and which operation admits it?
 *
 * For channels where that has to be worked out: with several messages or operations, with one whose
 * payload is no JSON, and with none. Other channels have a sole message (struct contract_channel),
 * and never come here.
 *
 * The messages that count are those of the operations that admit the principal (AsyncAPI 3.0,
 * Operation Object, "messages"; Channel Object, "messages": "every message sent to this channel
 * must be valid against one, and only one, of the message objects"). Where several count, a message
 * whose payload may be anything, since it names no schema, is chosen only where no other fits. All
 * of them together may cost what one message may cost.
 */
#include <stdio.h>
#include <string.h>

#include "gate/judgement.h"

/* Faults of a message that are looked at, to find the nearest. */
#define FAULTS_MAX 8u

/* A message's bit is its position in the channel's message[], an operation's in send[]. */
_Static_assert(CONTRACT_MESSAGES_MAX <= 64, "a uint64_t has a bit for each message");
_Static_assert(CONTRACT_OPERATIONS_MAX <= 32, "a uint32_t has a bit for each operation");

/* The messages that count; of those that no payload can tell apart, the first. */
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

static unsigned twin_of(const struct judgement *j, const struct contract_message *message)
{
	return j->gate->rules->message[message->index].twin;
}

static const struct schema *schema_of(const struct judgement *j,
				      const struct contract_message *message)
{
	return j->gate->rules->message[message->index].schema;
}

/* ---- operations ------------------------------------------------------------------------- */

static bool has_message(const struct judgement *j, const struct contract_operation *operation,
			const struct contract_message *message)
{
	for (size_t i = 0; i < operation->message_count; i++)
		if (twin_of(j, operation->message[i]) == twin_of(j, message))
			return true;
	return false;
}

/* The operations that admit the principal, as bits: all of them, where that is not enforced. */
static uint32_t admitting(const struct judgement *j)
{
	uint32_t bits = j->admit_full | j->admit_own;

	return bits ? bits : UINT32_MAX;
}

/* 0: the operation takes the publish's QoS and retain; else how far it is from that. */
static unsigned distance(const struct judgement *j, const struct contract_operation *operation)
{
	const struct message *message = &j->request->message;
	bool is_retain_wrong = operation->retain == (message->is_retained ? CONTRACT_RETAIN_MUST_NOT
									  : CONTRACT_RETAIN_MUST);

	if (j->mode[CONTRACT_LIMITS] == CONTRACT_OFF)
		return 0;
	return (unsigned)(message->qos < operation->qos) + is_retain_wrong;
}

/* Of two that take the publish, or are as near, the one that is not for the own entities alone. */
void kinds_operation(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	uint32_t bits = admitting(j);
	unsigned best = UINT32_MAX;

	if (channel->send_count < 2) {
		j->operation = channel->send_count > 0 ? channel->send : NULL;
		return;
	}
	for (size_t i = 0; i < channel->send_count; i++) {
		const struct contract_operation *operation = &channel->send[i];
		bool is_own = j->admit_own >> i & 1;
		unsigned far;

		if (!(bits >> i & 1) ||
		    (j->decision->kind && !has_message(j, operation, j->decision->kind)))
			continue;
		far = 2 * distance(j, operation) + is_own;
		if (far >= best)
			continue;
		best = far;
		j->operation = operation;
		j->is_own_needed = is_own;
	}
}

/* ---- the messages that count -------------------------------------------------------------- */

/* Which messages the operations that admit the principal name, as bits. */
static uint64_t named(const struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	uint64_t bits = 0;

	if (channel->send_count == 0) /* which is only observed */
		return UINT64_MAX;
	for (size_t i = 0; i < channel->send_count; i++) {
		const struct contract_operation *operation = &channel->send[i];

		for (size_t m = 0; (admitting(j) >> i & 1) && m < operation->message_count; m++)
			bits |= UINT64_C(1) << (operation->message[m] - channel->message);
	}
	return bits;
}

static void collect(struct kinds *kinds, struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	uint64_t bits = named(j), seen = 0;

	*kinds = (struct kinds){ .j = j, .is_all_json = true, .work = SCHEMA_MESSAGE_WORK };
	for (unsigned format = CONTRACT_JSON; format <= CONTRACT_OPAQUE; format++) {
		for (size_t i = 0; i < channel->message_count; i++) {
			const struct contract_message *message = &channel->message[i];
			uint64_t twin = UINT64_C(1) << twin_of(j, message);

			if (!(bits >> i & 1) || message->format != format || (seen & twin))
				continue;
			seen |= twin;
			kinds->message[kinds->count++] = message;
			kinds->is_all_json &= format == CONTRACT_JSON && schema_of(j, message);
			kinds->has_schema |= schema_of(j, message) != NULL;
			kinds->takes_empty |= !message->has_payload;
		}
	}
}

/* ---- the payload -------------------------------------------------------------------------- */

/*
 * The payload as @message's schema is to see it, in j->payload. NULL, with @error: it is not of
 * that format. JSON is parsed once for all that ask for it.
 */
static const struct payload_value *view(struct kinds *kinds, const struct contract_message *message)
{
	const struct contract_message *last = kinds->viewed;
	struct judgement *j = kinds->j;
	const struct message *text = &j->request->message;

	kinds->viewed = message;
	if (last == message ||
	    (last && last->format == CONTRACT_JSON && message->format == CONTRACT_JSON))
		return j->payload;
	j->payload = message->format == CONTRACT_JSON
			     ? payload_parse(j->gate->parser, text->payload, text->payload_len,
					     &kinds->error)
			     : payload_text(j->gate->parser, text->payload, text->payload_len,
					    j->gate->rules->message[message->index].types,
					    &kinds->error);
	return j->payload;
}

enum fit { FIT_NO, FIT_YES, FIT_REST, FIT_UNKNOWN };

/*
 * FIT_REST: the message may be anything, so it is this one where it is no other. One that names
 * neither a payload nor a format is no more than the empty one where others have a schema.
 */
static enum fit fits(struct kinds *kinds, const struct contract_message *message)
{
	bool is_empty = kinds->j->request->message.payload_len == 0;
	const struct schema *schema = schema_of(kinds->j, message);

	if (is_empty)
		return message->has_payload ? FIT_NO : FIT_YES;
	if (!schema)
		return message->format == CONTRACT_JSON && kinds->has_schema ? FIT_NO : FIT_REST;
	if (!view(kinds, message))
		return kinds->error.fault == PAYLOAD_NOMEM ? FIT_UNKNOWN : FIT_NO;
	switch (schema_check_within(schema, kinds->j->payload, &kinds->work)) {
	case SCHEMA_VALID:
		return FIT_YES;
	case SCHEMA_LIMIT:
		return FIT_UNKNOWN;
	case SCHEMA_INVALID:
		break;
	}
	return FIT_NO;
}

/* ---- the nearest message -------------------------------------------------------------------- */

/* How far a payload is from a message, the weightiest part first. */
struct gap {
	bool is_other_format; /* it can't be held against the schema */
	bool is_other_type;   /* it is no object, say */
	/* Top-level members that have a value that is no constant of the schema's, and that have.
	 */
	struct schema_marks marks;
	bool is_other_word; /* one of them is none of the listed values */
	size_t faults;
	size_t depth; /* of the first fault: the deeper, the nearer */
};

static size_t depth_of(const char *pointer)
{
	size_t depth = 0;

	for (; *pointer; pointer++)
		depth += *pointer == '/';
	return depth;
}

static void add_faults(struct gap *gap, const struct schema_error *fault, size_t count)
{
	gap->faults = count;
	gap->depth = depth_of(fault->instance);
	for (size_t i = 0; i < count; i++) {
		size_t depth = depth_of(fault[i].instance);

		gap->is_other_type |= depth == 0 && strcmp(fault[i].keyword, "type") == 0;
		gap->is_other_word |= depth <= 1 && strcmp(fault[i].keyword, "enum") == 0;
		gap->marks.wrong += strcmp(fault[i].keyword, "discriminator") == 0;
	}
}

static bool is_nearer(const struct gap *a, const struct gap *b)
{
	if (a->is_other_format != b->is_other_format)
		return b->is_other_format;
	if (a->is_other_type != b->is_other_type)
		return b->is_other_type;
	if (a->marks.wrong != b->marks.wrong)
		return a->marks.wrong < b->marks.wrong;
	if (a->marks.right != b->marks.right)
		return a->marks.right > b->marks.right;
	if (a->is_other_word != b->is_other_word)
		return b->is_other_word;
	if (a->faults != b->faults)
		return a->faults < b->faults;
	return a->depth > b->depth;
}

/* Writes to the decision what is wrong, if it is nearer to @message than to what was there. */
static void compare(struct kinds *kinds, const struct contract_message *message, struct gap *best)
{
	struct decision *decision = kinds->j->decision;
	int64_t work = SCHEMA_MESSAGE_WORK / (int64_t)(kinds->count > 4 ? kinds->count : 4);
	const struct schema *schema = schema_of(kinds->j, message);
	struct schema_error fault[FAULTS_MAX];
	struct gap gap = { .is_other_format = true };
	size_t count;

	if (!schema || (!view(kinds, message) && decision->kind))
		return;
	if (kinds->j->payload) {
		count = schema_explain_within(schema, kinds->j->payload, SCHEMA_INVALID, fault,
					      FAULTS_MAX, work);
		gap = (struct gap){ .is_other_format = false };
		schema_mark(schema, kinds->j->payload, work, &gap.marks);
		add_faults(&gap, fault, count);
		if (decision->kind && !is_nearer(&gap, best))
			return;
		decision->error = fault[0];
	}
	decision->kind = message;
	*best = gap;
}

__attribute__((cold)) static bool refuse_nearest(struct kinds *kinds)
{
	struct judgement *j = kinds->j;
	struct gap best = { 0 };

	for (size_t i = 0; i < kinds->count; i++)
		compare(kinds, kinds->message[i], &best);
	if (!j->decision->kind) /* an empty payload, or one where all are empty */
		return judgement_refuse(j, REASON_SCHEMA_VIOLATION,
					"none of the channel's messages has such a payload");
	if (!view(kinds, j->decision->kind))
		return message_rules_refuse(j, j->decision->kind->format, &kinds->error);
	j->decision->reason = REASON_SCHEMA_VIOLATION;
	return false;
}

/* ---- the questions ------------------------------------------------------------------------ */

static bool refuse_two(struct judgement *j, const struct contract_message *one,
		       const struct contract_message *other)
{
	return judgement_refuse(j, REASON_MESSAGE_AMBIGUOUS,
				"the payload fits message %s and message %s, and may be only one",
				one->name, other->name);
}

/* Which of several messages is it? Sets the decision's kind, also where it refuses. */
static bool choose(struct kinds *kinds)
{
	const struct contract_message *found = NULL, *rest = NULL, *unknown = NULL;
	struct judgement *j = kinds->j;

	for (size_t i = 0; i < kinds->count; i++) {
		const struct contract_message *message = kinds->message[i];

		switch (fits(kinds, message)) {
		case FIT_YES:
			if (found)
				return refuse_two(j, found, message);
			found = message;
			break;
		case FIT_REST:
			rest = rest ? rest : message;
			break;
		case FIT_UNKNOWN:
			unknown = unknown ? unknown : message;
			break;
		case FIT_NO:
			break;
		}
	}
	j->decision->kind = unknown ? unknown : found ? found : rest;
	if (unknown && !view(kinds, unknown))
		return message_rules_refuse(j, unknown->format, &kinds->error);
	if (unknown)
		return judgement_refuse(j, REASON_SCHEMA_LIMIT,
					"the payload is too costly to hold against message %s",
					unknown->name);
	return j->decision->kind || refuse_nearest(kinds);
}

static bool ask_size(const struct kinds *kinds)
{
	return (kinds->takes_empty && kinds->j->request->message.payload_len == 0) ||
	       judgement_ask(kinds->j, GATE_STEP_SIZE, message_rules_size);
}

static bool ask_schema(struct kinds *kinds)
{
	kinds->j->decision->asked |= 1u << GATE_STEP_SCHEMA;
	return choose(kinds) || judgement_failed(kinds->j, GATE_STEP_SCHEMA, CONTRACT_SCHEMA);
}

/* JSON is asked for as on any channel, where all of them are JSON, as those of an entity are. */
static bool check_some(struct kinds *kinds)
{
	struct judgement *j = kinds->j;
	bool is_json = kinds->is_all_json ||
		       (j->match->channel->mapping && j->request->message.payload_len > 0);

	if (!ask_size(kinds) || (is_json && !message_rules_ask_json(j)))
		return false;
	if (j->mode[CONTRACT_SCHEMA] == CONTRACT_OFF || (is_json && !j->payload))
		return true;
	if (j->id.text && j->gate->ledger)
		ledger_expect_more(j->gate->ledger);
	if (is_json)
		kinds->viewed = kinds->message[0];
	if (!ask_schema(kinds))
		return false;
	if (j->decision->kind && schema_of(j, j->decision->kind))
		(void)view(kinds, j->decision->kind);
	else
		j->payload = NULL; /* bytes that only look like JSON */
	return !j->payload || j->decision->kind->format != CONTRACT_JSON ||
	       judgement_ask(j, GATE_STEP_IDS, message_rules_ids);
}

/* A channel without messages says nothing of its payloads. */
static bool check_none(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	bool is_any = channel->message_count == 0;

	if (is_any || j->mode[CONTRACT_SCHEMA] == CONTRACT_OFF)
		return j->request->message.payload_len == 0 ||
		       judgement_ask(j, GATE_STEP_SIZE, message_rules_size);
	j->decision->asked |= 1u << GATE_STEP_SCHEMA;
	(void)judgement_refuse(j, REASON_SCHEMA_VIOLATION, "operation %s takes no message",
			       channel->send->name);
	return judgement_failed(j, GATE_STEP_SCHEMA, CONTRACT_SCHEMA);
}

static bool check_one(struct kinds *kinds)
{
	struct judgement *j = kinds->j;

	j->decision->kind = kinds->message[0];
	if (kinds->is_all_json)
		return message_rules_payload(j);
	if (kinds->has_schema)
		return check_some(kinds);
	return ask_size(kinds); /* any bytes, or a message of which no payload is said */
}

bool kinds_payload(struct judgement *j)
{
	struct kinds kinds;
	bool is_right;

	collect(&kinds, j);
	is_right = kinds.count == 0   ? check_none(j)
		   : kinds.count == 1 ? check_one(&kinds)
				      : check_some(&kinds);
	kinds_operation(j);
	return is_right;
}

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
#include "gate/kinds.h"

/* A message's bit is its position in the channel's message[], an operation's in send[]. */
_Static_assert(CONTRACT_MESSAGES_MAX <= 64, "a uint64_t has a bit for each message");
_Static_assert(CONTRACT_OPERATIONS_MAX <= 64, "a uint64_t has a bit for each operation");

static unsigned twin_of(const struct judgement *j, const struct contract_message *message)
{
	return j->gate->rules->message[message->index].twin;
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
static uint64_t admitting(const struct judgement *j)
{
	uint64_t bits = j->admit_full | j->admit_own;

	return bits ? bits : UINT64_MAX;
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
	uint64_t bits = admitting(j);
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

void kinds_collect(struct kinds *kinds, struct judgement *j)
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
			kinds->is_all_json &= format == CONTRACT_JSON && kinds_schema(j, message) &&
					      !message->is_cloudevents;
			kinds->has_schema |= kinds_schema(j, message) != NULL;
			kinds->takes_empty |= !message->has_payload;
		}
	}
}

/* ---- the payload -------------------------------------------------------------------------- */

/* Reads the payload as @format, to j->payload; what is not read, such as an image, is NULL. */
static void read_payload(struct kinds *kinds, const struct contract_message *message,
			 enum contract_format format)
{
	struct judgement *j = kinds->j;
	const struct message *text = &j->request->message;
	unsigned types = message->is_cloudevents ? PAYLOAD_TYPE_STRING
						 : j->gate->rules->message[message->index].types;

	if (format == CONTRACT_JSON)
		j->payload = payload_parse(j->gate->parser, text->payload, text->payload_len,
					   &kinds->error);
	else if (format == CONTRACT_TEXT)
		j->payload = payload_text(j->gate->parser, text->payload, text->payload_len, types,
					  &kinds->error);
	else
		j->payload = NULL;
}

const struct payload_value *kinds_view(struct kinds *kinds, const struct contract_message *message)
{
	const struct contract_message *last = kinds->viewed;
	struct judgement *j = kinds->j;
	enum contract_format format = message->format;
	bool is_binary = cloudevents_is_binary(j, message, &format);

	if (last != message && !(last && kinds->view == CONTRACT_JSON && format == CONTRACT_JSON))
		read_payload(kinds, message, format);
	kinds->viewed = message;
	kinds->view = format;
	if (is_binary && (j->payload || format >= CONTRACT_BINARY))
		return cloudevents_view(j, message, format, &kinds->error);
	return j->payload;
}

enum kinds_fit kinds_fits(struct kinds *kinds, const struct contract_message *message)
{
	bool is_empty = kinds->j->request->message.payload_len == 0;
	const struct schema *schema = kinds_schema(kinds->j, message);
	const struct payload_value *view;

	if (is_empty)
		return message->has_payload ? KINDS_NO : KINDS_YES;
	if (!schema)
		return message->format == CONTRACT_JSON && kinds->has_schema ? KINDS_NO
									     : KINDS_REST;
	view = kinds_view(kinds, message);
	if (!view && kinds->error.fault == PAYLOAD_NOMEM)
		return KINDS_UNKNOWN;
	switch (!view ? SCHEMA_INVALID : schema_check_within(schema, view, &kinds->work)) {
	case SCHEMA_VALID:
		return KINDS_YES;
	case SCHEMA_LIMIT:
		return KINDS_UNKNOWN;
	case SCHEMA_INVALID:
		break;
	}
	/* It may be the data of an event: the properties' rules wait for them, see there. */
	return cloudevents_waits(kinds->j, message) ? KINDS_YES : KINDS_NO;
}

/* ---- the questions ------------------------------------------------------------------------ */

/* What all of them say of a payload. */
struct kinds_found {
	size_t count; /* of those that it fits */
	const struct contract_message *fit[CONTRACT_MESSAGES_MAX];
	const struct contract_message *rest, *unknown; /* the first of each; NULL: none */
};

static void ask_all(struct kinds *kinds, struct kinds_found *ret)
{
	ret->count = 0;
	ret->rest = ret->unknown = NULL;
	for (size_t i = 0; i < kinds->count; i++) {
		const struct contract_message *message = kinds->message[i];

		switch (kinds_fits(kinds, message)) {
		case KINDS_YES:
			ret->fit[ret->count++] = message;
			break;
		case KINDS_REST:
			ret->rest = ret->rest ? ret->rest : message;
			break;
		case KINDS_UNKNOWN:
			ret->unknown = ret->unknown ? ret->unknown : message;
			break;
		case KINDS_NO:
			break;
		}
	}
}

/* May a publish with these properties, as far as they are shown, be @message? */
static bool has_its_properties(struct kinds *kinds, const struct contract_message *message)
{
	struct judgement *j = kinds->j;
	bool has = true;

	if (!message->properties)
		return true;
	j->decision->kind = message;
	if (kinds_schema(j, message))
		(void)kinds_view(kinds, message);
	j->is_property_tried = true;
	has = property_rules_check(j);
	j->is_property_tried = false;
	j->decision->kind = NULL;
	j->decision->reason = REASON_NONE;
	j->decision->error = (struct schema_error){ .message = "" };
	return has;
}

/*
 * Of several messages that the payload fits, the one that the properties fit, too. Where they are
 * not shown yet, the first: the decision is made once more when they are. NULL: refused.
 */
__attribute__((cold, noinline)) static const struct contract_message *
tell_apart(struct kinds *kinds, const struct kinds_found *answers)
{
	const struct contract_message *first = NULL, *second = NULL;
	struct judgement *j = kinds->j;
	enum gate_open open = j->decision->open;

	for (size_t i = 0; i < answers->count; i++) {
		if (!has_its_properties(kinds, answers->fit[i]))
			continue;
		second = first && !second ? answers->fit[i] : second;
		first = first ? first : answers->fit[i];
	}
	if (j->property_work == 0) { /* some were not looked at */
		(void)judgement_refuse(
			j, REASON_SCHEMA_LIMIT,
			"the payload fits %zu messages, and it takes too much work to "
			"hold the properties against all of them",
			answers->count);
		return NULL;
	}
	if (second && j->decision->open > open && !j->request->message.is_will) {
		j->decision->open = GATE_OPEN;
		return first;
	}
	if (second)
		(void)judgement_refuse(j, REASON_MESSAGE_AMBIGUOUS,
				       "the payload fits message %s and message %s, and may be "
				       "only one",
				       first->name, second->name);
	/* Without a first, what is wrong with the properties is said of one of them. */
	return second ? NULL : first ? first : answers->fit[0];
}

static bool is_counted(const struct kinds *kinds, const struct contract_message *message)
{
	for (size_t i = 0; i < kinds->count; i++)
		if (twin_of(kinds->j, kinds->message[i]) == twin_of(kinds->j, message))
			return true;
	return false;
}

/*
 * It is none of the messages that count. Is it one of an operation that does not admit the
 * principal? Then that is what is wrong with it.
 */
__attribute__((cold, noinline)) static bool refuse_none(struct kinds *kinds)
{
	const struct contract_channel *channel = kinds->j->match->channel;

	for (size_t i = 0; i < channel->send_count; i++) {
		const struct contract_operation *operation = &channel->send[i];

		for (size_t m = 0; m < operation->message_count; m++) {
			const struct contract_message *message = operation->message[m];

			if (is_counted(kinds, message) || kinds_fits(kinds, message) != KINDS_YES)
				continue;
			kinds->j->decision->kind = message;
			return permission_refuse(kinds->j, operation, 1);
		}
	}
	return nearest_refuse(kinds);
}

/* Which of several messages is it? Sets the decision's kind, also where it refuses. */
static bool choose(struct kinds *kinds)
{
	struct judgement *j = kinds->j;
	struct kinds_found answers;

	ask_all(kinds, &answers);
	if (answers.unknown) {
		j->decision->kind = answers.unknown;
		if (!kinds_view(kinds, answers.unknown))
			return message_rules_refuse(j, answers.unknown->format, &kinds->error);
		return judgement_refuse(j, REASON_SCHEMA_LIMIT,
					"the payload is too costly to hold against message %s",
					answers.unknown->name);
	}
	if (answers.count > 1)
		j->decision->kind = tell_apart(kinds, &answers);
	else
		j->decision->kind = answers.count > 0 ? answers.fit[0] : answers.rest;
	if (j->decision->kind)
		return true;
	return answers.count == 0 && refuse_none(kinds);
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
	if (is_json) {
		kinds->viewed = kinds->message[0];
		kinds->view = CONTRACT_JSON;
	}
	if (!ask_schema(kinds))
		return false;
	if (j->decision->kind && kinds_schema(j, j->decision->kind))
		(void)kinds_view(kinds, j->decision->kind);
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
			       contract_operation_name(channel, channel->send));
	return judgement_failed(j, GATE_STEP_SCHEMA, CONTRACT_SCHEMA);
}

static bool check_one(struct kinds *kinds)
{
	struct judgement *j = kinds->j;

	j->decision->kind = kinds->message[0];
	if (kinds->is_all_json && j->match->channel->send_count < 2)
		return message_rules_payload(j);
	if (kinds->has_schema)
		return check_some(kinds);
	return ask_size(kinds); /* any bytes, or a message of which no payload is said */
}

bool kinds_payload(struct judgement *j)
{
	struct kinds kinds;
	bool is_right;

	kinds_collect(&kinds, j);
	is_right = kinds.count == 0   ? check_none(j)
		   : kinds.count == 1 ? check_one(&kinds)
				      : check_some(&kinds);
	kinds_operation(j);
	return is_right;
}

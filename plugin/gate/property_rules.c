/*
 * property_rules.c -- are the MQTT 5 properties of a publish what the contract says of its message?
 * User properties, correlation, content type, payload format, response topic.
 *
 * A rule about a property that is not shown leaves the decision open (decision.open): the caller
 * asks again when the broker shows it.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gate/kinds.h"

/* What it takes to read a user property, in units of a message's work: measured, rounded up. */
#define PAIR_WORK 200

static const struct contract_properties *rules_of(const struct judgement *j)
{
	return j->decision->kind->properties;
}

static const struct rules_message *compiled(const struct judgement *j)
{
	return &j->gate->rules->message[j->decision->kind->index];
}

/* A last will can't be checked later: the broker that shows none of it publishes it next. */
bool property_rules_wait(struct judgement *j, enum gate_open open)
{
	if (open == GATE_OPEN && j->request->message.is_will)
		return judgement_refuse(
			j, REASON_WILL_FORBIDDEN,
			"message %s needs properties, and this broker shows none of a last will",
			j->decision->kind->name);
	if (open > j->decision->open)
		j->decision->open = open;
	return true;
}

/*
 * Holds @value against @schema. On a no the fault is the decision's: "@what: /seq: ...", without a
 * pointer of its own, which would be one into the payload.
 */
static bool holds(struct judgement *j, const struct schema *schema,
		  const struct payload_value *value, enum reason reason, const char *what)
{
	enum schema_answer answer = schema_check_within(schema, value, &j->property_work);
	struct schema_error *error = &j->decision->error;
	char text[sizeof(error->message)], pointer[sizeof(error->instance)];

	if (answer == SCHEMA_VALID)
		return true;
	if (j->is_property_tried)
		return false;
	(void)schema_explain_answer(schema, value, answer, error, 1);
	(void)snprintf(text, sizeof(text), "%s", error->message);
	(void)snprintf(pointer, sizeof(pointer), "%s", error->instance);
	error->instance[0] = error->schema[0] = error->keyword[0] = '\0';
	return judgement_refuse(j, answer == SCHEMA_LIMIT ? REASON_SCHEMA_LIMIT : reason,
				"%s: %s%s%s", what, pointer, pointer[0] ? ": " : "", text);
}

/* ---- user properties --------------------------------------------------------------------- */

static bool check_headers(struct judgement *j, const struct message_properties *shown)
{
	const struct schema *schema = compiled(j)->headers;
	const struct payload_value *object;
	struct payload_error error;

	if (!schema)
		return true;
	if (shown->users_shown == PROPERTY_NOT_SHOWN)
		return property_rules_wait(j, compiled(j)->needs_headers ? GATE_OPEN
									 : GATE_OPEN_IF_PRESENT);
	if (shown->is_cut)
		return judgement_refuse(j, REASON_HEADER_VIOLATION, "more than %u user properties",
					PAYLOAD_MAX_PAIRS);
	j->property_work -= (int64_t)shown->user_count * PAIR_WORK;
	if (j->property_work <= 0) {
		j->property_work = 0;
		return judgement_refuse(j, REASON_SCHEMA_LIMIT,
					"user properties: held against too many messages");
	}
	object = payload_headers(j->gate->property_parser, shown->user, shown->user_count, schema,
				 &error);
	if (!object)
		return judgement_refuse(j, REASON_HEADER_VIOLATION, "user properties: %s",
					error.text);
	return holds(j, schema, object, REASON_HEADER_VIOLATION, "user properties");
}

static bool has_user(const struct message_properties *shown, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < shown->user_count; i++)
		if (shown->user[i].name_len == len && memcmp(shown->user[i].name, name, len) == 0)
			return true;
	return false;
}

/* ---- correlation ------------------------------------------------------------------------- */

static bool check_correlation_id(struct judgement *j, const struct message_properties *shown)
{
	const char *header = rules_of(j)->correlation_header;
	const char *pointer = rules_of(j)->correlation_pointer;

	if (pointer && j->payload && !message_rules_at(j->payload, pointer)) {
		judgement_point(j, pointer, "correlationId");
		return judgement_refuse(j, REASON_CORRELATION_ID,
					"the payload has no correlation id at %s", pointer);
	}
	if (!header || has_user(shown, header))
		return true;
	if (shown->users_shown == PROPERTY_NOT_SHOWN)
		return property_rules_wait(j, GATE_OPEN);
	return judgement_refuse(j, REASON_CORRELATION_ID,
				"expected the correlation id as user property \"%s\"", header);
}

/* A property that is there is held against @schema, as a string. */
static bool check_text(struct judgement *j, const struct property_text *property,
		       const struct schema *schema, enum reason reason, const char *what)
{
	const struct payload_value *value;
	struct payload_error error;

	if (!schema || property->shown == PROPERTY_ABSENT)
		return true;
	if (property->shown == PROPERTY_NOT_SHOWN)
		return property_rules_wait(j, GATE_OPEN_IF_PRESENT);
	value = payload_text(j->gate->property_parser, property->text, property->len,
			     PAYLOAD_TYPE_STRING, &error);
	if (!value)
		return judgement_refuse(j, reason, "%s: %s", what, error.text);
	return holds(j, schema, value, reason, what);
}

/* ---- content type, format, response topic ------------------------------------------------ */

/* Two media types, without regard of case and parameters (RFC 9110, 8.3.1). */
static bool is_type(const struct property_text *property, const char *type)
{
	size_t len = 0;

	while (len < property->len && !memchr("; \t", property->text[len], 3))
		len++;
	return len == strlen(type) && strncasecmp(property->text, type, len) == 0;
}

static bool check_content_type(struct judgement *j, const struct message_properties *shown)
{
	const struct property_text *type = &shown->content_type;

	if (!rules_of(j)->content_type || type->shown == PROPERTY_ABSENT)
		return true;
	if (type->shown == PROPERTY_NOT_SHOWN)
		return property_rules_wait(j, GATE_OPEN_IF_PRESENT);
	if (is_type(type, rules_of(j)->content_type))
		return true;
	return judgement_refuse(j, REASON_CONTENT_TYPE, "the content type is \"%.*s\", not \"%s\"",
				type->len > 80 ? 80 : (int)type->len, type->text,
				rules_of(j)->content_type);
}

/*
 * A CloudEvent whose content type is not shown is in structured mode or in binary mode; where the
 * payload is no event in the first, it must be one in the second.
 */
static bool check_mode(struct judgement *j)
{
	const struct schema *schema = compiled(j)->schema;

	if (!schema || !cloudevents_waits(j, j->decision->kind))
		return true;
	return property_rules_wait(j, j->payload && schema_check(schema, j->payload) == SCHEMA_VALID
					      ? GATE_OPEN_IF_PRESENT
					      : GATE_OPEN);
}

static bool check_format(struct judgement *j, const struct message_properties *shown)
{
	int format = rules_of(j)->format;

	if (format < 0 || shown->format_shown == PROPERTY_ABSENT)
		return true;
	if (shown->format_shown == PROPERTY_NOT_SHOWN)
		return property_rules_wait(j, GATE_OPEN_IF_PRESENT);
	return shown->format == (unsigned)format ||
	       judgement_refuse(j, REASON_PAYLOAD_FORMAT,
				"the payload format indicator is %u, not %d", shown->format,
				format);
}

static bool check_response_topic(struct judgement *j, const struct message_properties *shown)
{
	const struct property_text *topic = &shown->response_topic;
	const char *expected = rules_of(j)->response_topic;

	if (!expected || topic->shown == PROPERTY_ABSENT)
		return check_text(j, topic, compiled(j)->response_topic, REASON_RESPONSE_TOPIC,
				  "response topic");
	if (topic->shown == PROPERTY_NOT_SHOWN)
		return property_rules_wait(j, GATE_OPEN_IF_PRESENT);
	return (topic->len == strlen(expected) && memcmp(topic->text, expected, topic->len) == 0) ||
	       judgement_refuse(j, REASON_RESPONSE_TOPIC, "the response topic is not \"%s\"",
				expected);
}

bool property_rules_check(struct judgement *j)
{
	static const struct message_properties none; /* is shown */
	const struct message_properties *shown = j->request->shown ? j->request->shown : &none;

	return check_mode(j) && check_headers(j, shown) && check_correlation_id(j, shown) &&
	       check_text(j, &shown->correlation, compiled(j)->correlation, REASON_CORRELATION_ID,
			  "correlation data") &&
	       check_content_type(j, shown) && check_format(j, shown) &&
	       check_response_topic(j, shown);
}

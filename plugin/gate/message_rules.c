/*
 * message_rules.c -- is the message as the contract wants it? Length of the topic, size, JSON,
 * schema, ids, will, QoS, retain.
 */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sametext.h"
#include "contract/topics.h"
#include "gate/judgement.h"

/* ---- topic ----------------------------------------------------------------------------- */

static uint32_t count_levels(const char *topic, size_t len)
{
	uint32_t levels = 1;

	for (size_t i = 0; i < len; i++)
		levels += topic[i] == '/';
	return levels;
}

static bool check_length(struct judgement *j, const char *topic, size_t len, uint32_t bytes,
			 uint32_t levels)
{
	if (bytes > 0 && len > bytes)
		return judgement_refuse(j, REASON_TOPIC_TOO_LONG,
					"the topic has %zu bytes, %u are allowed", len, bytes);
	if (levels > 0 && count_levels(topic, len) > levels)
		return judgement_refuse(j, REASON_TOPIC_TOO_LONG,
					"the topic has more levels than the %u that are allowed",
					levels);
	return true;
}

/* That a channel's address has no more levels than the contract allows was seen to at load. */
bool message_rules_length(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	const struct limits *limit =
		channel ? channel->limits : j->gate->rules->contract->defaults.limits;
	const struct limits *own = j->principal->limits;
	size_t len = j->request->message.topic_len;
	const char *topic = topics_unshare(j->request->message.topic, &len);

	return check_length(j, topic, len, limit->topic_bytes, channel ? 0 : limit->topic_levels) &&
	       (!own || check_length(j, topic, len, own->topic_bytes, own->topic_levels));
}

/* ---- payload ------------------------------------------------------------------------- */

bool message_rules_size(struct judgement *j)
{
	if (j->request->message.payload_len == 0)
		return judgement_refuse(j, REASON_PAYLOAD_EMPTY, "the payload is empty");
	if (j->request->message.payload_len > j->match->channel->payload_max)
		return judgement_refuse(j, REASON_PAYLOAD_TOO_LARGE,
					"the payload has %zu bytes, the channel takes at most %u",
					j->request->message.payload_len,
					j->match->channel->payload_max);
	return true;
}

bool message_rules_refuse(struct judgement *j, enum contract_format format,
			  const struct payload_error *error)
{
	if (error->fault == PAYLOAD_NOMEM)
		return judgement_refuse(j, REASON_INTERNAL, "out of memory");
	if (error->fault == PAYLOAD_TOO_LARGE)
		return judgement_refuse(j, REASON_PAYLOAD_TOO_LARGE, "%s", error->text);
	return judgement_refuse(
		j, format == CONTRACT_JSON ? REASON_PAYLOAD_NOT_JSON : REASON_SCHEMA_VIOLATION,
		"at byte %zu: %s", error->offset, error->text);
}

bool message_rules_json(struct judgement *j)
{
	struct payload_error error;

	j->payload = payload_parse(j->gate->parser, j->request->message.payload,
				   j->request->message.payload_len, &error);
	return j->payload || message_rules_refuse(j, CONTRACT_JSON, &error);
}

bool message_rules_schema(struct judgement *j)
{
	const struct schema *schema = j->gate->rules->message[j->decision->kind->index].schema;
	enum schema_answer answer = schema_check(schema, j->payload);

	if (answer == SCHEMA_VALID)
		return true;
	(void)schema_explain_answer(schema, j->payload, answer, &j->decision->error, 1);
	j->decision->reason =
		answer == SCHEMA_LIMIT ? REASON_SCHEMA_LIMIT : REASON_SCHEMA_VIOLATION;
	return false;
}

#define INDEX_DIGITS_MAX 9u /* of an index: no payload has so many items */

/* The item of an array that a token of a pointer names: digits, no leading zero (RFC 6901, 4). */
static const struct payload_value *numbered_item(const struct payload_value *array,
						 const char *token, size_t len)
{
	size_t index = 0;

	if (len == 0 || len > INDEX_DIGITS_MAX || (token[0] == '0' && len > 1))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (token[i] < '0' || token[i] > '9')
			return NULL;
		index = 10 * index + (size_t)(token[i] - '0');
	}
	return payload_item(array, index);
}

/* The member that a token of a pointer names, "~0" and "~1" in it. */
static const struct payload_value *escaped_member(const struct payload_value *value,
						  const char *token, size_t raw)
{
	char name[128];
	size_t len = 0;

	for (size_t i = 0; i < raw && len < sizeof(name); i++) {
		name[len] = token[i];
		if (token[i] == '~' && i + 1 < raw)
			name[len] = token[++i] == '1' ? '/' : '~';
		len++;
	}
	return payload_member(value, name, len);
}

/* Not inlined: few contracts have a location that is no plain member. */
const struct payload_value *message_rules_at(const struct payload_value *value, const char *pointer)
{
	while (value && *pointer == '/') {
		const char *name = ++pointer;
		bool is_plain = true;

		for (; *pointer && *pointer != '/'; pointer++)
			is_plain &= *pointer != '~';
		if (payload_is_array(value))
			value = numbered_item(value, name, (size_t)(pointer - name));
		else
			value = is_plain ? payload_member(value, name, (size_t)(pointer - name))
					 : escaped_member(value, name, (size_t)(pointer - name));
	}
	return value;
}

static const struct payload_value *located(const struct payload_value *payload,
					   const struct contract_param *param)
{
	return param->member.name ? payload_member(payload, param->member.name, param->member.len)
				  : message_rules_at(payload, param->location);
}

#define NUMBER_TEXT_MAX 32

/* Makes what snprintf() wrote a number of JSON, whatever the locale separates decimals with. */
static void point_decimals(char *text)
{
	const char *point = localeconv()->decimal_point;
	size_t len = strlen(point);
	char *at = strstr(text, point);

	if (!at || len == 0)
		return;
	*at = '.';
	memmove(at + 1, at + len, strlen(at + len) + 1);
}

/*
 * The JSON text of a number or a boolean, as one writes it who adds no zeros: 7, 21.5, true. NULL:
 * @value is something else, or is not there.
 */
__attribute__((cold, noinline)) static const char *
plain_text(const struct payload_value *value, char ret[NUMBER_TEXT_MAX], size_t *len)
{
	char room[PAYLOAD_BIG_ROOM];
	const char *big;
	int64_t integer;
	double number;
	bool truth;

	if (payload_big(value, room, &big, len)) {
		if (*len >= NUMBER_TEXT_MAX)
			return NULL;
		memcpy(ret, big, *len);
		return ret;
	}
	if (payload_boolean(value, &truth))
		(void)snprintf(ret, NUMBER_TEXT_MAX, "%s", truth ? "true" : "false");
	else if (payload_integer(value, &integer))
		(void)snprintf(ret, NUMBER_TEXT_MAX, "%" PRId64, integer);
	else if (!payload_number(value, &number))
		return NULL;
	else /* the shortest text that is the same number */
		for (int digits = 15; digits <= 17; digits++) {
			(void)snprintf(ret, NUMBER_TEXT_MAX, "%.*g", digits, number);
			if (strtod(ret, NULL) == number)
				break;
		}
	point_decimals(ret);
	*len = strlen(ret);
	return ret;
}

/* Ids that are in the topic and in the payload must be the same. */
bool message_rules_ids(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;

	for (size_t i = 0; i < channel->param_count; i++) {
		const struct contract_param *param = &channel->param[i];
		const struct contract_span *span = &j->match->param[i];
		const char *text = NULL;
		size_t len = 0;
		char plain[NUMBER_TEXT_MAX];

		if (!param->location)
			continue;
		if (!payload_string(located(j->payload, param), &text, &len))
			text = plain_text(located(j->payload, param), plain, &len);
		if (text && len == span->len && sametext(text, span->text, len))
			continue;
		judgement_point(j, param->location, "location");
		if (!text)
			return judgement_refuse(
				j, REASON_ID_MISMATCH,
				"%s is \"%.*s\" in the topic, and the payload has no text there",
				param->name, (int)span->len, span->text);
		return judgement_refuse(j, REASON_ID_MISMATCH,
					"%s is \"%.*s\" in the topic and \"%.*s\" in the payload",
					param->name, (int)span->len, span->text,
					len > 80 ? 80 : (int)len, text);
	}
	return true;
}

bool message_rules_ask_json(struct judgement *j)
{
	bool is_needed = j->match->channel->mapping && j->mode[CONTRACT_SCHEMA] == CONTRACT_OFF;

	return judgement_ask_as(j, GATE_STEP_JSON,
				is_needed ? CONTRACT_TRANSITION : CONTRACT_SCHEMA,
				message_rules_json);
}

bool message_rules_payload(struct judgement *j)
{
	if (!judgement_ask(j, GATE_STEP_SIZE, message_rules_size) || !message_rules_ask_json(j))
		return false;
	if (j->id.text && j->gate->ledger)
		ledger_expect_more(j->gate->ledger);
	return !j->payload || (judgement_ask(j, GATE_STEP_SCHEMA, message_rules_schema) &&
			       judgement_ask(j, GATE_STEP_IDS, message_rules_ids));
}

/* ---- last will, QoS and retain ---------------------------------------------------------- */

bool message_rules_will(struct judgement *j)
{
	if (!j->request->message.is_will || j->match->channel->is_will_allowed)
		return true;
	return judgement_refuse(j, REASON_WILL_FORBIDDEN, "channel %s takes no last will",
				j->match->channel->name);
}

bool message_rules_retain(struct judgement *j)
{
	enum contract_retain retain = j->operation ? j->operation->retain : CONTRACT_RETAIN_MAY;

	if (j->request->message.is_retained && retain == CONTRACT_RETAIN_MUST_NOT)
		return judgement_refuse(j, REASON_RETAIN_FORBIDDEN,
					"channel %s takes no retained messages",
					j->match->channel->name);
	if (!j->request->message.is_retained && retain == CONTRACT_RETAIN_MUST)
		return judgement_refuse(j, REASON_RETAIN_REQUIRED,
					"channel %s takes retained messages only",
					j->match->channel->name);
	return true;
}

bool message_rules_qos(struct judgement *j)
{
	unsigned least = j->operation ? j->operation->qos : 0;

	if (j->request->message.qos >= least)
		return true;
	return judgement_refuse(j, REASON_QOS_TOO_LOW,
				"QoS %u was used, channel %s takes %u and above",
				j->request->message.qos, j->match->channel->name, least);
}

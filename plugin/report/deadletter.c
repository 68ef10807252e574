#include "report/deadletter.h"

#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "base/property_id.h"
#include "base/utf8.h"

/* Without a default, so that a new reason is decided here, too. */
bool deadletter_is_due(enum reason reason)
{
	switch (reason) {
	case REASON_TOPIC_PARAMETER:
	case REASON_WILL_FORBIDDEN:
	case REASON_QOS_TOO_LOW:
	case REASON_RETAIN_FORBIDDEN:
	case REASON_RETAIN_REQUIRED:
	case REASON_PAYLOAD_EMPTY:
	case REASON_PAYLOAD_TOO_LARGE:
	case REASON_PAYLOAD_NOT_JSON:
	case REASON_SCHEMA_VIOLATION:
	case REASON_SCHEMA_LIMIT:
	case REASON_ID_MISMATCH:
	case REASON_TRANSITION_ILLEGAL:
	case REASON_OWNER_CHANGE:
	case REASON_RATE_EXCEEDED:
	case REASON_TOPIC_TOO_LONG:
	case REASON_MESSAGE_AMBIGUOUS:
	case REASON_HEADER_VIOLATION:
	case REASON_CORRELATION_ID:
	case REASON_CONTENT_TYPE:
	case REASON_PAYLOAD_FORMAT:
		return true;
	case REASON_INTERNAL: /* the plugin's own trouble */
	case REASON_STORE_UNAVAILABLE:
	case REASON_NONE:             /* nothing was refused */
	case REASON_IDENTITY_UNKNOWN: /* who sent it, or where to */
	case REASON_TOPIC_UNKNOWN:
	case REASON_DIRECTION:
	case REASON_SCOPE_MISSING:
	case REASON_NOT_OWNER:
	case REASON_STEP_SCOPE:
	case REASON_RESPONSE_TOPIC:     /* another's topic, which its sender may not read */
	case REASON_FILTER_UNREACHABLE: /* subscriptions and deliveries */
	case REASON_SHARE_PARTIAL:
	case REASON_OVERTAKEN:
	case REASON_OVERRULED: /* it was kept */
	case REASON_COUNT:
		break;
	}
	return false;
}

/* ---- a message's own properties ------------------------------------------------------------ */

static bool take_text(const unsigned char **at, const unsigned char *end, const char **ret,
		      size_t *len)
{
	if (end - *at < 2)
		return false;
	*len = (size_t)(*at)[0] << 8 | (*at)[1];
	if ((size_t)(end - *at) < 2 + *len)
		return false;
	*ret = (const char *)*at + 2;
	*at += 2 + *len;
	return true;
}

bool deadletter_next(const unsigned char **at, const unsigned char *end,
		     struct deadletter_property *ret)
{
	*ret = (struct deadletter_property){ .name = "", .value = "" };
	if (end - *at < 2)
		return false;
	ret->id = *(*at)++;
	switch (ret->id) {
	case PROPERTY_ID_PAYLOAD_FORMAT:
		ret->byte = *(*at)++;
		return true;
	case PROPERTY_ID_USER:
		return take_text(at, end, &ret->name, &ret->name_len) &&
		       take_text(at, end, &ret->value, &ret->value_len);
	case PROPERTY_ID_CONTENT_TYPE:
	case PROPERTY_ID_RESPONSE_TOPIC:
	case PROPERTY_ID_CORRELATION_DATA:
		return take_text(at, end, &ret->value, &ret->value_len);
	default:
		return false;
	}
}

bool deadletter_is_ours(const struct deadletter_property *property)
{
	size_t len = strlen(DEADLETTER_PREFIX);

	return property->id == PROPERTY_ID_USER && property->name_len >= len &&
	       memcmp(property->name, DEADLETTER_PREFIX, len) == 0;
}

bool deadletter_is_one(const void *properties, size_t len)
{
	static const char id[] = DEADLETTER_PREFIX "id";
	const unsigned char *at = properties, *end = at ? at + len : at;
	struct deadletter_property property;

	while (at && deadletter_next(&at, end, &property))
		if (property.id == PROPERTY_ID_USER && property.name_len == sizeof(id) - 1 &&
		    memcmp(property.name, id, sizeof(id) - 1) == 0)
			return true;
	return false;
}

/* ---- as a message -------------------------------------------------------------------------- */

static void add(struct deadletter_pairs *pairs, const char *name, const char *value)
{
	assert(pairs->count < DEADLETTER_PAIRS);
	pairs->pair[pairs->count++] = (struct deadletter_pair){ name, value };
}

void deadletter_pairs(const struct deadletter *letter, struct deadletter_pairs *ret)
{
	const struct refusal *refusal = letter->refusal;

	ret->count = 0;
	ret->qos[0] = (char)('0' + refusal->qos % 10);
	ret->qos[1] = '\0';
	add(ret, DEADLETTER_PREFIX "id", refusal->id);
	add(ret, DEADLETTER_PREFIX "reason", reason_code(refusal->reason));
	add(ret, DEADLETTER_PREFIX "topic", letter->message->topic);
	add(ret, DEADLETTER_PREFIX "principal", refusal->who.principal);
	add(ret, DEADLETTER_PREFIX "client-id", refusal->who.client_id);
	add(ret, DEADLETTER_PREFIX "action", refusal->action);
	add(ret, DEADLETTER_PREFIX "qos", ret->qos);
	add(ret, DEADLETTER_PREFIX "retain", refusal->is_retained ? "true" : "false");
	add(ret, DEADLETTER_PREFIX "time", clock_print(refusal->time_ms, ret->time));
	add(ret, DEADLETTER_PREFIX "problem", letter->problem);
	if (letter->is_cut)
		add(ret, DEADLETTER_PREFIX "cut", "properties");
}

/* ---- as an envelope ------------------------------------------------------------------------ */

/* Counts what does not fit, so that one walk finds the room that another one needs. */
struct envelope {
	char *text;
	size_t cap;
	size_t len;
};

static void put(struct envelope *out, const char *text, size_t len)
{
	if (out->len + len <= out->cap && len > 0)
		memcpy(out->text + out->len, text, len);
	out->len += len;
}

static void put_word(struct envelope *out, const char *text)
{
	put(out, text, strlen(text));
}

static bool is_utf8(const char *text, size_t len)
{
	uint32_t code;
	size_t n = 1;

	for (size_t i = 0; i < len && n > 0; i += n)
		n = utf8_read(text + i, len - i, &code);
	return n > 0;
}

/* Does JSON ask for an escape (RFC 8259, 7), or is it a control that no line should have? */
static bool is_escaped(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

/* Without snprintf(), as there may be millions of them. */
static void put_escape(struct envelope *out, uint32_t code)
{
	static const char digits[] = "0123456789abcdef";
	const char escape[] = { '\\',
				'u',
				digits[code >> 12 & 15],
				digits[code >> 8 & 15],
				digits[code >> 4 & 15],
				digits[code & 15] };

	put(out, escape, sizeof(escape));
}

/* Bytes that are no UTF-8 become U+FFFD. */
static void put_string(struct envelope *out, const char *text, size_t len)
{
	size_t from = 0, i = 0;

	put_word(out, "\"");
	while (i < len) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);

		if (n > 0 && !is_escaped((unsigned char)text[i])) {
			i += n;
			continue;
		}
		put(out, text + from, i - from);
		put_escape(out, code);
		from = ++i;
	}
	put(out, text + from, i - from);
	put_word(out, "\"");
}

/* RFC 4648, in portions that need no room of their own to speak of. */
static void put_base64(struct envelope *out, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	char text[BASE64_ENCODED_SIZE(48)];

	put_word(out, "\"");
	for (size_t i = 0; i < len; i += 48)
		put_word(out, base64_encode(BASE64_PADDED, bytes + i, len - i < 48 ? len - i : 48,
					    text));
	put_word(out, "\"");
}

/* ',' and the member's name; of the first one '{'. */
static void put_name(struct envelope *out, const char *before, const char *name)
{
	put_word(out, before);
	put_word(out, "\"");
	put_word(out, name);
	put_word(out, "\":");
}

static void put_text(struct envelope *out, const char *name, const char *text)
{
	put_name(out, ",", name);
	put_string(out, text, strlen(text));
}

static void put_users(struct envelope *out, const unsigned char *at, const unsigned char *end,
		      const char *before)
{
	struct deadletter_property property;
	bool is_first = true;

	while (deadletter_next(&at, end, &property)) {
		if (property.id != PROPERTY_ID_USER || deadletter_is_ours(&property))
			continue;
		if (is_first)
			put_name(out, before, "userProperties");
		put_word(out, is_first ? "[[" : ",[");
		put_string(out, property.name, property.name_len);
		put_word(out, ",");
		put_string(out, property.value, property.value_len);
		put_word(out, "]");
		is_first = false;
	}
	if (!is_first)
		put_word(out, "]");
}

static void put_properties(struct envelope *out, const struct deadletter *letter)
{
	const unsigned char *begin = letter->properties, *at = begin;
	const unsigned char *end = begin + letter->properties_len;
	struct deadletter_property property;
	const char *before = "";

	put_name(out, ",", "properties");
	put_word(out, "{");
	while (deadletter_next(&at, end, &property)) {
		if (property.id == PROPERTY_ID_USER)
			continue;
		put_name(out, before,
			 property.id == PROPERTY_ID_PAYLOAD_FORMAT   ? "payloadFormat"
			 : property.id == PROPERTY_ID_CONTENT_TYPE   ? "contentType"
			 : property.id == PROPERTY_ID_RESPONSE_TOPIC ? "responseTopic"
								     : "correlationData");
		if (property.id == PROPERTY_ID_PAYLOAD_FORMAT)
			put_word(out, property.byte ? "1" : "0");
		else if (property.id == PROPERTY_ID_CORRELATION_DATA)
			put_base64(out, property.value, property.value_len);
		else
			put_string(out, property.value, property.value_len);
		before = ",";
	}
	put_users(out, begin, end, before);
	put_word(out, "}");
}

static void put_payload(struct envelope *out, const struct message *message)
{
	bool is_text = is_utf8(message->payload, message->payload_len);

	put_text(out, "encoding", is_text ? "text" : "base64");
	put_name(out, ",", "payload");
	if (is_text)
		put_string(out, message->payload, message->payload_len);
	else
		put_base64(out, message->payload, message->payload_len);
}

size_t deadletter_print(const struct deadletter *letter, char *ret, size_t cap)
{
	const struct refusal *refusal = letter->refusal;
	struct envelope out = { .text = ret, .cap = cap };
	char time[CLOCK_TEXT_MAX];

	put_name(&out, "{", "id");
	put_string(&out, refusal->id, strlen(refusal->id));
	put_text(&out, "topic", letter->message->topic);
	put_text(&out, "principal", refusal->who.principal);
	put_text(&out, "clientId", refusal->who.client_id);
	put_text(&out, "action", refusal->action);
	put_name(&out, ",", "qos");
	put(&out, &"0123456789"[refusal->qos % 10], 1);
	put_name(&out, ",", "retain");
	put_word(&out, refusal->is_retained ? "true" : "false");
	put_text(&out, "time", clock_print(refusal->time_ms, time));
	put_name(&out, ",", "problem");
	put(&out, letter->problem, letter->problem_len);
	if (letter->properties_len > 0)
		put_properties(&out, letter);
	if (letter->is_cut)
		put_text(&out, "cut", "properties");
	put_payload(&out, letter->message);
	put_word(&out, "}");
	return out.len;
}

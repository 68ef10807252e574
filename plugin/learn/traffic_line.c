#include "learn/traffic_line.h"

#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "schema/payload_view.h"

#define EXPECTED_LINE                                                                              \
	"expected a JSON object a line, as mosquitto_sub -F %j or petstorectl events --json "      \
	"prints it"

static bool is_decimal(char c)
{
	return c >= '0' && c <= '9';
}

int64_t traffic_second(const char *text, size_t len)
{
	static const char form[] = "0000-00-00T00:00:00";
	struct tm tm = { .tm_isdst = -1 };

	if (len < sizeof(form) - 1)
		return 0;
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == '0' ? !is_decimal(text[i]) : text[i] != form[i])
			return 0;
#define TWO(at) ((text[at] - '0') * 10 + (text[(at) + 1] - '0'))
	tm.tm_year = TWO(0) * 100 + TWO(2) - 1900;
	tm.tm_mon = TWO(5) - 1;
	tm.tm_mday = TWO(8);
	tm.tm_hour = TWO(11);
	tm.tm_min = TWO(14);
	tm.tm_sec = TWO(17);
#undef TWO
	return (int64_t)timegm(&tm);
}

/* The first of the members @name and @other that is there. */
static const struct payload_value *member(const struct payload_value *root, const char *name,
					  const char *other)
{
	const struct payload_value *value = payload_member(root, name, strlen(name));

	return value ? value : payload_member(root, other, strlen(other));
}

static bool number_of(const struct payload_value *value, int64_t max, int64_t *ret)
{
	bool is_true;

	if (payload_boolean(value, &is_true)) {
		*ret = is_true;
		return true;
	}
	return payload_integer(value, ret) && *ret >= 0 && *ret <= max;
}

/* Replaces bytes that are not UTF-8. True where there were any. */
static bool mend(char *text, size_t len)
{
	bool is_mended = false;

	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);

		if (n == 0) {
			text[i] = '?';
			is_mended = true;
		}
		i += n ? n : 1;
	}
	return is_mended;
}

/* Its payload. A recording cuts what is binary at its first NUL, so that the lengths differ. */
static enum traffic_answer read_payload(const struct payload_value *root, bool is_row,
					struct traffic_message *ret, const char **expected)
{
	const struct payload_value *value = payload_member(root, "payload", 7);
	const struct payload_value *count = member(root, "payloadlen", "payload_bytes");
	int64_t bytes = 0;
	bool has_text = payload_string(value, &ret->payload, &ret->len);

	if (value && !has_text && !view_is(value, VIEW_NULL)) {
		*expected = "expected \"payload\" to be a text: record with %j, not %J";
		return TRAFFIC_FAULT;
	}
	if (!has_text)
		ret->len = 0;
	ret->bytes = ret->len;
	if (count && !number_of(count, INT64_C(1) << 40, &bytes)) {
		*expected = "expected the payload's length to be a whole number";
		return TRAFFIC_FAULT;
	}
	if (count)
		ret->bytes = (size_t)bytes;
	if (ret->bytes != ret->len) {
		if (is_row)
			return TRAFFIC_CUT;
		ret->is_binary = true;
	}
	ret->is_binary |= has_text && memchr(ret->payload, '\0', ret->len) != NULL;
	return TRAFFIC_MESSAGE;
}

/* Of a row of refusals: was it a publish that passed all the same? Of anything else: yes. */
static bool was_accepted(const struct payload_value *root)
{
	const struct payload_value *action = payload_member(root, "action", 6);
	int64_t is_observed = 0;
	const char *text;
	size_t len;

	if (!action)
		return true;
	return payload_string(action, &text, &len) && len == 7 && memcmp(text, "publish", 7) == 0 &&
	       number_of(payload_member(root, "observed", 8), 1, &is_observed) && is_observed;
}

static void read_rest(const struct payload_value *root, struct traffic_message *ret)
{
	const struct payload_value *when = member(root, "tst", "received_at");
	const char *text;
	int64_t number;
	size_t len;

	if (number_of(member(root, "retain", "retained"), 1, &number))
		ret->is_retained = number == 1;
	if (number_of(payload_member(root, "will", 4), 1, &number))
		ret->is_will = number == 1;
	if (!payload_string(member(root, "publisher", "principal"), &ret->publisher,
			    &ret->publisher_len) ||
	    ret->publisher_len == 0)
		ret->publisher = NULL;
	if (!when)
		when = payload_member(root, "time", 4);
	if (payload_string(when, &text, &len))
		ret->second = traffic_second(text, len);
}

enum traffic_answer traffic_line(struct payload_parser *parser, char *line, size_t len,
				 struct traffic_message *ret, const char **expected)
{
	const struct payload_value *root;
	struct payload_error error;
	int64_t qos = 0;

	memset(ret, 0, sizeof(*ret));
	ret->is_binary = mend(line, len);
	root = payload_parse(parser, line, len, &error);
	if (!root || payload_is_array(root) || !payload_member(root, "topic", 5)) {
		*expected = root ? "expected an object with the member \"topic\"" : EXPECTED_LINE;
		return TRAFFIC_FAULT;
	}
	if (!payload_string(payload_member(root, "topic", 5), &ret->topic, &ret->topic_len) ||
	    ret->topic_len == 0 || ret->topic_len > UINT16_MAX ||
	    memchr(ret->topic, '\0', ret->topic_len) || strpbrk(ret->topic, "+#")) {
		*expected = "expected \"topic\" to be a topic, without + and #";
		return TRAFFIC_FAULT;
	}
	if (payload_member(root, "qos", 3) && !number_of(payload_member(root, "qos", 3), 2, &qos)) {
		*expected = "expected \"qos\" to be 0, 1 or 2";
		return TRAFFIC_FAULT;
	}
	ret->qos = (unsigned)qos;
	read_rest(root, ret);
	if (!was_accepted(root))
		return TRAFFIC_REFUSED;
	return read_payload(root, payload_member(root, "seq", 3) != NULL, ret, expected);
}

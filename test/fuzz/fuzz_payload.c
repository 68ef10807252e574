/*
 * One message through this build's backend, and the scan over the same text. The first byte
 * chooses how deep a message may be. What the scan refuses must be refused, in its words; a
 * message is read twice with one parser and must give the same answer. Where a member's text stands
 * is the same for the backend, which has parsed it, and for the search in the text alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/jsonscan.h"
#include "schema/jsonspan.h"
#include "schema/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void touch(const struct payload_value *value)
{
	const char *text = NULL;
	size_t len = 0;
	int64_t n;
	double d;
	bool flag;

	if (payload_string(value, &text, &len))
		must(len == 0 || memchr(text, 0xff, len) == NULL);
	if (payload_integer(value, &n))
		must(payload_number(value, &d) && d == (double)n);
	(void)payload_boolean(value, &flag);
	(void)payload_member(value, "orderId", 7);
}

static void find(const struct payload_parser *parser, const struct payload_value *value,
		 const char *text, size_t len)
{
	size_t start, end, from, to;
	bool is_there = jsonspan_find(text, len, "at", 2, &start, &end);

	must(!is_there || (start <= end && end <= len)); /* whatever the text is */
	if (!value)
		return;
	must(payload_span(parser, value, text, len, "at", 2, &from, &to) == is_there);
	if (!is_there)
		return;
	must(from == start && to == end);
	must(start > 0 && text[start - 1] == '"' && end < len && text[end] == '"');
	must(payload_string(payload_member(value, "at", 2), &text, &len) && len <= end - start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct payload_limits limits = { .max_bytes = 8192, .max_depth = 1 };
	struct payload_error error = { .fault = PAYLOAD_OK }, again = { .fault = PAYLOAD_OK };
	struct payload_parser *parser = NULL;
	const struct payload_value *value;
	struct jsonscan scan;
	bool is_json;

	if (size < 1 || size - 1 > limits.max_bytes)
		return 0;
	limits.max_depth += data[0] * 2u;
	must(payload_parser_new(&limits, &parser, NULL) == 0);
	value = payload_parse(parser, data + 1, size - 1, &error);
	is_json = jsonscan_run((const char *)data + 1, size - 1, limits.max_depth, NULL, 0, &scan);
	find(parser, value, (const char *)data + 1, size - 1);
	if (value) {
		must(is_json);
		touch(value);
	} else if (is_json) {
		must(error.fault == PAYLOAD_DUPLICATE && error.offset < size);
	} else {
		must(error.fault == scan.fault && error.offset == scan.offset &&
		     strcmp(error.text, scan.what) == 0 && error.offset < size);
	}
	must(!payload_parse(parser, data + 1, size - 1, &again) == !value);
	must(again.fault == error.fault);
	payload_parser_free(parser);
	return 0;
}

/*
 * One message through this build's backend, and the scan over the same text. The first byte
 * chooses how deep a message may be. What the scan refuses must be refused, in its words; a
 * message is read twice with one parser and must give the same answer. Where a member's text stands
 * is the same for the backend, which has parsed it, and for the search in the text alone. The tree
 * of jsonbig.h, which schemas and the Jansson backend read, is the one that Jansson itself makes.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/jsonbig.h"
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

/* Of a text that is JSON and has no big numbers, which Jansson refuses. */
static void compare(const char *text, size_t len, unsigned max_depth)
{
	size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
	json_error_t why;
	json_t *theirs = json_loadb(text, len, flags, &why);
	struct payload_error error;
	json_t *ours = jsonbig_parse(text, len, max_depth, &error);
	char *a, *b;

	if (!theirs) {
		must(!ours && json_error_code(&why) == json_error_duplicate_key);
		must(error.fault == PAYLOAD_DUPLICATE && text[error.offset] == '"');
		must(jsonspan_end(text, len, error.offset + 1) + 1 == (size_t)why.position);
		return;
	}
	/* Written out they have the same order, and the same digits. */
	a = json_dumps(ours, JSON_ENCODE_ANY);
	b = json_dumps(theirs, JSON_ENCODE_ANY);
	must(json_equal(ours, theirs) && a && b && strcmp(a, b) == 0);
	free(a);
	free(b);
	json_decref(ours);
	json_decref(theirs);
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
	if (is_json && scan.big_count == 0)
		compare((const char *)data + 1, size - 1, limits.max_depth);
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

/*
 * Both backends of payload.h over one message: the same answer, the same fault in the same
 * words, the same tree, the same numbers, the same place of a member's text. The first byte chooses
 * how deep a message may be.
 *
 * Needs both libraries: the program's own backend is payload_yyjson.c, payload_jansson.c is
 * linked in under the names of jansson_names.h.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "schema/jsonbig.h"
#include "schema/payload.h"

int jansson_payload_parser_new(const struct payload_limits *limits, struct payload_parser **ret,
			       struct diag *diag);
const struct payload_value *jansson_payload_parse(struct payload_parser *parser, const void *text,
						  size_t len, struct payload_error *error);
void jansson_payload_parser_free(struct payload_parser *parser);
bool jansson_payload_integer(const struct payload_value *value, int64_t *ret);
bool jansson_payload_number(const struct payload_value *value, double *ret);
bool jansson_payload_span(const struct payload_parser *parser, const struct payload_value *root,
			  const char *text, size_t len, const char *name, size_t name_len,
			  size_t *start, size_t *end);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void same_number(yyjson_val *y, json_t *j)
{
	const struct payload_value *a = (const struct payload_value *)y;
	const struct payload_value *b = (const struct payload_value *)j;
	const char *text;
	size_t len;
	int64_t i = 0, k = 0;
	double d, e;
	bool is_integer = payload_integer(a, &i);

	must(is_integer == jansson_payload_integer(b, &k) && (!is_integer || i == k));
	must(payload_number(a, &d) && jansson_payload_number(b, &e));
	must(memcmp(&d, &e, sizeof(d)) == 0);
	/* As the validator sees them: integer, real, or text. */
	if (jsonbig_text(j, &text, &len)) {
		if (yyjson_is_raw(y))
			must(yyjson_get_len(y) == len && !memcmp(yyjson_get_raw(y), text, len));
		else
			must(yyjson_is_uint(y) && yyjson_get_uint(y) == strtoull(text, NULL, 10));
	} else {
		must(yyjson_is_real(y) == json_is_real(j) && !yyjson_is_raw(y));
	}
}

static void same_value(yyjson_val *y, json_t *j);

static void same_object(yyjson_val *y, json_t *j)
{
	yyjson_obj_iter iter = yyjson_obj_iter_with(y);
	yyjson_val *name;

	must(yyjson_obj_size(y) == json_object_size(j));
	while ((name = yyjson_obj_iter_next(&iter))) {
		const struct payload_value *object = (const struct payload_value *)y;
		const char *text = yyjson_get_str(name);
		size_t len = yyjson_get_len(name);
		json_t *value = json_object_getn(j, text, len);

		must(value != NULL);
		must(payload_member(object, text, len) ==
		     (const struct payload_value *)yyjson_obj_iter_get_val(name));
		/* What a name begins or ends with is a name, too, or none. */
		if (len > 0) {
			must(!payload_member(object, text, len - 1) ==
			     !json_object_getn(j, text, len - 1));
			must(!payload_member(object, text + 1, len - 1) ==
			     !json_object_getn(j, text + 1, len - 1));
		}
		same_value(yyjson_obj_iter_get_val(name), value);
	}
}

static void same_array(yyjson_val *y, json_t *j)
{
	yyjson_arr_iter iter = yyjson_arr_iter_with(y);
	yyjson_val *item;
	size_t i = 0;

	must(yyjson_arr_size(y) == json_array_size(j));
	while ((item = yyjson_arr_iter_next(&iter)))
		same_value(item, json_array_get(j, i++));
}

static void same_value(yyjson_val *y, json_t *j)
{
	const char *text;
	size_t len;

	if (yyjson_is_num(y) || yyjson_is_raw(y)) {
		same_number(y, j);
	} else if (yyjson_is_str(y)) {
		must(json_is_string(j) && !jsonbig_text(j, &text, &len));
		must(yyjson_get_len(y) == json_string_length(j) &&
		     !memcmp(yyjson_get_str(y), json_string_value(j), json_string_length(j)));
	} else if (yyjson_is_obj(y)) {
		must(json_is_object(j));
		same_object(y, j);
	} else if (yyjson_is_arr(y)) {
		must(json_is_array(j));
		same_array(y, j);
	} else {
		must(yyjson_is_null(y) == json_is_null(j));
		must(yyjson_is_true(y) == json_is_true(j));
		must(yyjson_is_false(y) == json_is_false(j));
	}
}

static void same_span(const struct payload_parser *yyjson, const struct payload_value *y,
		      const struct payload_parser *jansson, const struct payload_value *j,
		      const char *text, size_t len)
{
	size_t start, end, from, to;
	bool is_there = payload_span(yyjson, y, text, len, "at", 2, &start, &end);

	must(jansson_payload_span(jansson, j, text, len, "at", 2, &from, &to) == is_there);
	must(!is_there || (start == from && end == to));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct payload_limits limits = { .max_bytes = 8192, .max_depth = 1 };
	struct payload_parser *yyjson = NULL, *jansson = NULL;
	const struct payload_value *y, *j;
	struct payload_error a, b;

	if (size < 1)
		return 0;
	limits.max_depth += data[0] * 2u;
	must(payload_parser_new(&limits, &yyjson, NULL) == 0);
	must(jansson_payload_parser_new(&limits, &jansson, NULL) == 0);
	y = payload_parse(yyjson, data + 1, size - 1, &a);
	j = jansson_payload_parse(jansson, data + 1, size - 1, &b);
	must(!y == !j);
	if (y) {
		same_value((yyjson_val *)(uintptr_t)y, (json_t *)(uintptr_t)j);
		same_span(yyjson, y, jansson, j, (const char *)data + 1, size - 1);
	} else {
		must(a.fault == b.fault && a.fault != PAYLOAD_OK && a.fault != PAYLOAD_NOMEM);
		must(a.offset <= size && b.offset <= size);
		must(a.offset == b.offset && strcmp(a.text, b.text) == 0);
	}
	payload_parser_free(yyjson);
	jansson_payload_parser_free(jansson);
	return 0;
}

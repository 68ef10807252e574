/*
 * payload_jansson.c -- payload.h on Jansson: a struct payload_value is a json_t.
 *
 * jsonscan.h looks at the text first, since Jansson neither takes a depth below its own nor
 * numbers of any size; jsonbig.h says how the latter are kept.
 */
#include "schema/payload.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/jsonbig.h"
#include "schema/jsonscan.h"
#include "schema/jsonspan.h"

struct payload_parser {
	struct payload_limits limits;
	json_t *root; /* of the last message, or NULL */
};

const char *payload_backend(void)
{
	return "jansson " JANSSON_VERSION;
}

static const json_t *node(const struct payload_value *value)
{
	return (const json_t *)value;
}

int payload_parser_new(const struct payload_limits *limits, struct payload_parser **ret,
		       struct diag *diag)
{
	struct payload_parser *parser;

	if (limits->max_bytes < 1 || limits->max_bytes > PAYLOAD_MAX_BYTES ||
	    limits->max_depth < 1 || limits->max_depth > PAYLOAD_MAX_DEPTH)
		return diag_set(diag, ERR_LIMIT,
				"a payload may have 1 to %u bytes and 1 to %u levels",
				PAYLOAD_MAX_BYTES, PAYLOAD_MAX_DEPTH);
	parser = calloc(1, sizeof(*parser));
	if (!parser)
		return diag_nomem(diag);
	parser->limits = *limits;
	*ret = parser;
	return 0;
}

void payload_parser_free(struct payload_parser *parser)
{
	if (!parser)
		return;
	json_decref(parser->root);
	free(parser);
}

const struct payload_value *payload_parse(struct payload_parser *parser, const void *text,
					  size_t len, struct payload_error *error)
{
	json_decref(parser->root);
	parser->root = NULL;
	if (len > parser->limits.max_bytes) {
		error->fault = PAYLOAD_TOO_LARGE;
		error->offset = parser->limits.max_bytes;
		(void)snprintf(error->text, sizeof(error->text),
			       "the text has %zu bytes, at most %zu are allowed", len,
			       parser->limits.max_bytes);
		return NULL;
	}
	parser->root = jsonbig_parse(len ? text : "", len, parser->limits.max_depth, error);
	return (const struct payload_value *)parser->root;
}

const struct payload_value *payload_member(const struct payload_value *value, const char *name,
					   size_t len)
{
	return (const struct payload_value *)json_object_getn(node(value), name, len);
}

bool payload_span(const struct payload_parser *parser, const struct payload_value *root,
		  const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		  size_t *end)
{
	(void)parser;
	(void)root;
	return jsonspan_find(text, len, name, name_len, start, end);
}

bool payload_string(const struct payload_value *value, const char **ret, size_t *ret_len)
{
	const char *text;
	size_t len;

	if (!json_is_string(node(value)) || jsonbig_text(node(value), &text, &len))
		return false;
	*ret = json_string_value(node(value));
	*ret_len = json_string_length(node(value));
	return true;
}

bool payload_integer(const struct payload_value *value, int64_t *ret)
{
	double real;

	if (json_is_integer(node(value))) {
		*ret = json_integer_value(node(value));
		return true;
	}
	real = json_real_value(node(value));
	/* 2^63 is a double, INT64_MAX is not. */
	if (!json_is_real(node(value)) || real < -0x1p63 || real >= 0x1p63 || real != trunc(real))
		return false;
	*ret = (int64_t)real;
	return true;
}

bool payload_number(const struct payload_value *value, double *ret)
{
	const char *text;
	size_t len;

	if (json_is_number(node(value))) {
		*ret = json_number_value(node(value));
		return true;
	}
	if (!value || !jsonbig_text(node(value), &text, &len))
		return false;
	*ret = jsonscan_big_value(text, len);
	return true;
}

bool payload_boolean(const struct payload_value *value, bool *ret)
{
	if (!json_is_boolean(node(value)))
		return false;
	*ret = json_is_true(node(value));
	return true;
}

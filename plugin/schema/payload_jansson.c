/*
 * payload_jansson.c -- payload.h on Jansson: a struct payload_value is a json_t.
 *
 * jsonscan.h checks the text, as strictly as payload.h says, and jsontree.h makes the values;
 * Jansson's own reader knows no other depth than its own, refuses big numbers, and takes six times
 * as long. jsonbig.h says how big numbers are kept.
 */
#include <jansson.h>
#include <stdlib.h>

#include "schema/jsonbig.h"
#include "schema/jsonspan.h"
#include "schema/payload_backend.h"
#include "schema/payload_view.h"

struct jansson_parser {
	struct payload_parser base;
	json_t *root; /* of the last message, or NULL */
};

const char *payload_backend(void)
{
	return "jansson " JANSSON_VERSION;
}

int payload_backend_new(const struct payload_limits *limits, struct payload_parser **ret,
			struct diag *diag)
{
	struct jansson_parser *parser = calloc(1, sizeof(*parser));

	if (!parser)
		return diag_nomem(diag);
	parser->base.limits = *limits;
	*ret = &parser->base;
	return 0;
}

void payload_parser_free(struct payload_parser *parser)
{
	if (!parser)
		return;
	json_decref(((struct jansson_parser *)parser)->root);
	free(parser->headers);
	free(parser);
}

const struct payload_value *payload_backend_parse(struct payload_parser *base, const char *text,
						  size_t len, struct payload_error *error)
{
	struct jansson_parser *parser = (struct jansson_parser *)base;

	json_decref(parser->root);
	parser->root = jsonbig_parse(text, len, base->limits.max_depth, error);
	return (const struct payload_value *)parser->root;
}

const struct payload_value *payload_backend_string(struct payload_parser *base, const char *text,
						   size_t len, struct payload_error *error)
{
	struct jansson_parser *parser = (struct jansson_parser *)base;

	json_decref(parser->root);
	parser->root = json_stringn_nocheck(text, len);
	if (!parser->root)
		payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
	return (const struct payload_value *)parser->root;
}

const struct payload_value *payload_member(const struct payload_value *value, const char *name,
					   size_t len)
{
	return (const struct payload_value *)json_object_getn(view_node(value), name, len);
}

bool payload_span(const struct payload_parser *parser, const struct payload_value *root,
		  const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		  size_t *end)
{
	(void)parser;
	if (!json_is_object(view_node(root)))
		return false; /* the text need not be JSON */
	return jsonspan_find(text, len, name, name_len, start, end);
}

/*
 * Holds what a schema's author wrote as `default` and `examples` (OpenAPI: `example`) against the
 * schema that it stands in. None of them decides anything, so a value that contradicts is a
 * warning: mostly the schema is not what its author means.
 */
#include <stdio.h>

#include "schema/compile.h"
#include "schema/jsontext.h"

/* The schema at @node as one of its own. */
static struct schema part_of(const struct schema *schema, const struct schema_node *node)
{
	struct schema part = *schema;

	part.root = node;
	return part;
}

static void check_value(struct compiler *c, const struct queued_schema *queued, const char *keyword,
			const json_t *json)
{
	const struct schema part = part_of(c->schema, queued->node);
	struct payload_parser *parser = NULL;
	const struct payload_value *value = NULL;
	enum schema_answer answer;
	struct schema_error error;
	struct diag why;
	int rc;

	diag_init(&why);
	rc = jsontext_parse(json, NULL, NULL, &parser, &value, &why);
	if (rc == ERR_NOMEM)
		c->rc = diag_nomem(c->diag);
	else if (rc != 0)
		compile_warn(c, queued->place, keyword, "%s", why.text);
	else if (schema_explain(&part, value, &error, 1, &answer) > 0)
		compile_warn(c, queued->place, keyword, "contradicts the schema: %s%s%s",
			     error.instance, error.instance[0] ? " " : "", error.message);
	payload_parser_free(parser);
}

void compile_examples(struct compiler *c)
{
	static const char *const keywords[] = { "default", "example" };

	for (size_t i = 0; c->checks_examples && i < c->queue_used; i++) {
		const struct queued_schema *queued = &c->queue[i];
		const struct dialect *dialect = queued->place->resource->dialect;
		const json_t *examples = keyword_value(dialect, queued->place->node, "examples");
		size_t index;
		json_t *item;

		if (queued->is_plain)
			continue;
		for (int k = 0; k < 2 && c->rc == 0; k++) {
			const json_t *value =
				keyword_value(dialect, queued->place->node, keywords[k]);

			if (value)
				check_value(c, queued, keywords[k], value);
		}
		json_array_foreach(examples, index, item) {
			char keyword[32];

			(void)snprintf(keyword, sizeof(keyword), "examples/%zu", index);
			if (c->rc == 0)
				check_value(c, queued, keyword, item);
		}
	}
}

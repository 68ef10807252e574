/*
 * dialect_check.c -- is a schema what its dialect asks? First the shapes of its keywords, from the
 * table of keywords, which says it best; then all that the metaschema says.
 */
#include <string.h>

#include "schema/dialect.h"
#include "schema/jsontext.h"

struct check {
	struct schema_set *set;
	const struct schema_place *place;
	struct diag *diag;
};

static bool is_foreign(void *ctx, const json_t *node)
{
	const struct check *check = ctx;
	const struct schema_place *place =
		document_place(check->set, check->place->resource->document, node);

	return place && place->resource->dialect != check->place->resource->dialect;
}

/* A schema of another dialect, or one whose $ref is all that counts. */
static bool is_left_out(void *ctx, const json_t *node)
{
	const struct check *check = ctx;

	return is_foreign(ctx, node) ||
	       (document_place(check->set, check->place->resource->document, node) &&
		keyword_hides(check->place->resource->dialect, node));
}

static int check_shapes(struct check *check, struct schema_place *place);

static int on_child(void *ctx, const struct keyword_child *child)
{
	struct check *check = ctx;
	struct schema_place *place =
		document_place(check->set, check->place->resource->document, child->node);

	if (!place || is_foreign(check, child->node))
		return 0;
	return check_shapes(check, place);
}

static int check_shapes(struct check *check, struct schema_place *place)
{
	const struct dialect *dialect = place->resource->dialect;
	const char *name;
	json_t *value;

	if (keyword_hides(dialect, place->node))
		return 0;
	json_object_foreach(place->node, name, value) {
		const struct keyword *keyword = keyword_find(dialect, name);
		char at[256] = "";
		int rc = keyword ? keyword_check(dialect, keyword, value, at, sizeof(at),
						 check->diag)
				 : 0;

		if (rc != 0) {
			diag_prefix(check->diag, "%s: %s/%s%s", place->resource->document->name,
				    place->pointer, name, at);
			return rc;
		}
	}
	return keyword_children(dialect, place->node, on_child, check);
}

/* The metaschema of a dialect; NULL where it has none. */
static const char *metaschema_uri(const struct resource *resource)
{
	switch (resource->dialect->draft) {
	case SCHEMA_ASYNCAPI:
		return dialect_uri(SCHEMA_DRAFT_07);
	case SCHEMA_OPENAPI_30:
		return NULL;
	default:
		return resource->dialect_uri;
	}
}

/* The compiled metaschema of a schema in @resource, made when it is first needed. */
static int find_metaschema(struct schema_set *set, const struct resource *resource,
			   const struct schema **ret, struct diag *diag)
{
	const struct schema_options options = { .max_work = SCHEMA_FILE_WORK };
	const char *uri = metaschema_uri(resource);
	struct known_dialect *known = NULL;
	int rc = uri ? dialect_find_known(set, uri, &known, diag) : 0;

	if (rc != 0 || !uri || known->is_in_progress) {
		*ret = NULL; /* in progress: it is its own metaschema, nothing can check it yet */
		return rc;
	}
	if (!known->metaschema) {
		known->is_in_progress = true;
		rc = schema_compile(set, known->uri, &options, &known->metaschema, diag);
		known->is_in_progress = false;
	}
	*ret = known->metaschema;
	return rc;
}

static int run_metaschema(struct check *check, const struct schema *metaschema)
{
	const struct schema_place *place = check->place;
	struct payload_parser *parser = NULL;
	const struct payload_value *value = NULL;
	struct schema_error error;
	enum schema_answer answer;
	struct diag why;
	int rc = jsontext_parse(place->node, is_left_out, check, &parser, &value, &why);

	if (rc == ERR_NOMEM)
		rc = diag_nomem(check->diag);
	else if (rc != 0)
		rc = document_fail(check->diag, rc, place->resource, place->pointer, NULL, "%s",
				   why.text);
	else if (schema_explain(metaschema, value, &error, 1, &answer) > 0)
		rc = document_fail(check->diag, ERR_INVALID, place->resource, place->pointer,
				   error.instance[0] ? error.instance + 1 : NULL,
				   "%s (metaschema %s)", error.message,
				   place->resource->dialect_uri);
	payload_parser_free(parser);
	return rc;
}

/* Was the schema, or one around it that it is a part of? */
static bool is_checked(const struct schema_place *place)
{
	while (!place->is_checked) {
		const struct schema_place *parent = place->parent;

		if (place->is_detached || !parent ||
		    parent->resource->dialect != place->resource->dialect ||
		    keyword_hides(parent->resource->dialect, parent->node))
			return false;
		place = parent;
	}
	return true;
}

int dialect_check(struct schema_set *set, struct schema_place *place, struct diag *diag)
{
	struct check check = { set, place, diag };
	const struct schema *metaschema = NULL;
	int rc;

	if (place->resource->document->is_builtin || is_checked(place)) {
		place->is_checked = true;
		return 0;
	}
	rc = check_shapes(&check, place);
	if (rc == 0)
		rc = find_metaschema(set, place->resource, &metaschema, diag);
	if (rc != 0)
		return rc;
	if (!metaschema) {
		place->is_checked = !metaschema_uri(place->resource);
		return 0;
	}
	rc = run_metaschema(&check, metaschema);
	place->is_checked = rc == 0;
	return rc;
}

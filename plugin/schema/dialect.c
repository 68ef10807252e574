#include "schema/dialect.h"

#include <string.h>

#include "base/embed.h"
#include "base/jsonfile.h"
#include "schema/jsontext.h"
#include "schema/uri.h"

EMBED(text_schema, "plugin/schema/metaschema/2020-12/schema.json");
EMBED(text_core, "plugin/schema/metaschema/2020-12/core.json");
EMBED(text_applicator, "plugin/schema/metaschema/2020-12/applicator.json");
EMBED(text_unevaluated, "plugin/schema/metaschema/2020-12/unevaluated.json");
EMBED(text_validation, "plugin/schema/metaschema/2020-12/validation.json");
EMBED(text_metadata, "plugin/schema/metaschema/2020-12/meta-data.json");
EMBED(text_format, "plugin/schema/metaschema/2020-12/format-annotation.json");
EMBED(text_assertion, "plugin/schema/metaschema/2020-12/format-assertion.json");
EMBED(text_content, "plugin/schema/metaschema/2020-12/content.json");
EMBED(text_draft7, "plugin/schema/metaschema/draft-07.json");

#define META_2020_12 "https://json-schema.org/draft/2020-12/meta/"
#define DRAFT_7_URI "http://json-schema.org/draft-07/schema"

/* A chain of metaschemas that describe each other; longer ones are taken for a circle. */
#define MAX_CHAIN 8u

static const struct dialect standard_2020_12 = {
	.draft = DRAFT_2020_12,
	.vocabularies = VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED |
			VOCABULARY_VALIDATION | VOCABULARY_METADATA | VOCABULARY_FORMAT |
			VOCABULARY_CONTENT,
};

static const struct dialect standard_7 = {
	.draft = DRAFT_7,
	.vocabularies = VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_VALIDATION |
			VOCABULARY_METADATA | VOCABULARY_FORMAT | VOCABULARY_CONTENT,
};

/* An empty fragment names the same as none. */
static size_t bare_length(const char *uri)
{
	size_t len = strlen(uri);

	return len > 0 && uri[len - 1] == '#' ? len - 1 : len;
}

static bool is_uri(const char *uri, const char *bare)
{
	return bare_length(uri) == strlen(bare) && strncmp(uri, bare, strlen(bare)) == 0;
}

bool dialect_is_draft7(const char *uri)
{
	return is_uri(uri, DRAFT_7_URI);
}

int dialect_add_metaschemas(struct schema_set *set, struct diag *diag)
{
	static const struct {
		const char *uri;
		const char *text;
		const char *end;
	} builtin[] = {
		{ DIALECT_DEFAULT, text_schema, text_schema_end },
		{ META_2020_12 "core", text_core, text_core_end },
		{ META_2020_12 "applicator", text_applicator, text_applicator_end },
		{ META_2020_12 "unevaluated", text_unevaluated, text_unevaluated_end },
		{ META_2020_12 "validation", text_validation, text_validation_end },
		{ META_2020_12 "meta-data", text_metadata, text_metadata_end },
		{ META_2020_12 "format-annotation", text_format, text_format_end },
		{ META_2020_12 "format-assertion", text_assertion, text_assertion_end },
		{ META_2020_12 "content", text_content, text_content_end },
		{ DRAFT_7_URI, text_draft7, text_draft7_end },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]) && rc == 0; i++) {
		json_t *json = NULL;

		/* These are JSON: only memory can be missing, whatever error Jansson reports. */
		if (jsonfile_parse(builtin[i].uri, builtin[i].text,
				   (size_t)(builtin[i].end - builtin[i].text), &json, diag) != 0)
			rc = diag_nomem(diag);
		if (rc == 0)
			rc = schema_set_add(set, builtin[i].uri, builtin[i].uri, json, diag);
		if (rc == 0)
			set->documents->is_builtin = true;
		json_decref(json);
	}
	return rc;
}

/* ---- dialects ---------------------------------------------------------------------------- */

static int read_vocabularies(const struct resource *metaschema, struct dialect *dialect,
			     struct diag *diag)
{
	json_t *map = json_object_get(metaschema->node, "$vocabulary");
	const char *uri;
	json_t *is_required;

	if (dialect->draft == DRAFT_7 || !json_is_object(map))
		return 0; /* what the draft itself has */
	dialect->vocabularies = VOCABULARY_CORE;
	json_object_foreach(map, uri, is_required) {
		unsigned bit = vocabulary_find(uri);

		if (bit == 0 && json_is_true(is_required))
			return document_fail(
				diag, ERR_INVALID, metaschema, metaschema->pointer, "$vocabulary",
				"the vocabulary \"%s\" is required but not known", uri);
		dialect->vocabularies |= bit;
	}
	return 0;
}

static struct known_dialect *find_known(const struct schema_set *set, const char *uri)
{
	struct known_dialect *known = set->dialects;

	while (known && !is_uri(uri, known->uri))
		known = known->next;
	return known;
}

/* The dialect of a custom metaschema: that of its own metaschema, with its $vocabulary. */
static int read_custom(struct schema_set *set, const char *uri, unsigned chain, struct dialect *ret,
		       struct diag *diag);

static int find_dialect(struct schema_set *set, const char *uri, unsigned chain,
			struct known_dialect **ret, struct diag *diag)
{
	struct known_dialect *known = find_known(set, uri);
	struct dialect dialect = standard_2020_12;
	int rc = 0;

	if (known) {
		*ret = known;
		return 0;
	}
	if (dialect_is_draft7(uri))
		dialect = standard_7;
	else if (!is_uri(uri, DIALECT_DEFAULT))
		rc = read_custom(set, uri, chain, &dialect, diag);
	if (rc != 0)
		return rc;
	known = arena_alloc(&set->arena, sizeof(*known));
	if (!known)
		return diag_nomem(diag);
	*known = (struct known_dialect){ .next = set->dialects, .dialect = dialect };
	known->uri = arena_text(&set->arena, uri, bare_length(uri));
	if (!known->uri)
		return diag_nomem(diag);
	set->dialects = known;
	*ret = known;
	return 0;
}

static int read_custom(struct schema_set *set, const char *uri, unsigned chain, struct dialect *ret,
		       struct diag *diag)
{
	struct resource *metaschema = NULL;
	struct known_dialect *base = NULL;
	const json_t *schema;
	char *bare = NULL;
	int rc = uri_resolve(&set->arena, "", uri, &bare);

	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	if (rc == 0)
		rc = document_find(set, NULL, bare, &metaschema, NULL);
	if (rc != 0 || chain >= MAX_CHAIN)
		return diag_set(diag, ERR_INVALID,
				"\"%s\" is not known (expected draft 2020-12, draft 7 or a "
				"metaschema of ours)",
				uri);
	schema = json_object_get(metaschema->node, "$schema");
	rc = find_dialect(set, json_is_string(schema) ? json_string_value(schema) : DIALECT_DEFAULT,
			  chain + 1, &base, diag);
	if (rc != 0)
		return rc;
	*ret = base->dialect;
	return read_vocabularies(metaschema, ret, diag);
}

int dialect_find(struct schema_set *set, const char *uri, const struct dialect **ret,
		 struct diag *diag)
{
	struct known_dialect *known = NULL;
	int rc = find_dialect(set, uri, 0, &known, diag);

	if (rc == 0)
		*ret = &known->dialect;
	return rc;
}

/* ---- is the schema what its metaschema asks? --------------------------------------------- */

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

	json_object_foreach(place->node, name, value) {
		const struct keyword *keyword = keyword_find(dialect, name);
		char at[256] = "";
		int rc = keyword ? keyword_check(keyword, value, at, sizeof(at), check->diag) : 0;

		if (rc != 0) {
			diag_prefix(check->diag, "%s: %s/%s%s", place->resource->document->name,
				    place->pointer, name, at);
			return rc;
		}
	}
	return keyword_children(dialect, place->node, on_child, check);
}

/* The compiled metaschema of @dialect_uri, made when it is first needed. */
static int find_metaschema(struct schema_set *set, const char *dialect_uri,
			   const struct schema **ret, struct diag *diag)
{
	const struct schema_options options = { .max_work = SCHEMA_FILE_WORK };
	struct known_dialect *known = NULL;
	int rc = find_dialect(set, dialect_uri, 0, &known, diag);

	if (rc != 0)
		return rc;
	if (known->is_in_progress) { /* it is its own metaschema: nothing can check it yet */
		*ret = NULL;
		return 0;
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
	int rc = jsontext_parse(place->node, is_foreign, check, &parser, &value, &why);

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
		    parent->resource->dialect != place->resource->dialect)
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
		rc = find_metaschema(set, place->resource->dialect_uri, &metaschema, diag);
	if (rc != 0 || !metaschema)
		return rc;
	rc = run_metaschema(&check, metaschema);
	place->is_checked = rc == 0;
	return rc;
}

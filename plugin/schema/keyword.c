#include "schema/keyword.h"

#include <string.h>

#include "schema/jsonbig.h"
#include "schema/keyword_shape.h"

struct keyword {
	const char *name;
	unsigned short dialects; /* IN_ bits */
	unsigned short vocabulary;
	enum keyword_shape shape;
};

#define SINCE_2020 (IN_2020_12 | IN_V1)
#define SINCE_2019 (IN_2019_09 | SINCE_2020)
#define LIKE_07 (IN_07 | IN_ASYNCAPI)
#define SINCE_07 (LIKE_07 | SINCE_2019)
#define SINCE_06 (IN_06 | SINCE_07)
#define DRAFTS (IN_04 | IN_06 | IN_07 | SINCE_2019)
#define ALL (DRAFTS | IN_ASYNCAPI | IN_OPENAPI)
#define CORE VOCABULARY_CORE
#define APPLICATOR VOCABULARY_APPLICATOR
#define UNEVALUATED VOCABULARY_UNEVALUATED
#define VALIDATION VOCABULARY_VALIDATION
#define METADATA VOCABULARY_METADATA
#define FORMAT (VOCABULARY_FORMAT | VOCABULARY_FORMAT_ASSERTION)
#define CONTENT VOCABULARY_CONTENT

/*
 * Sorted by name. A keyword that changed its shape stands once for each. "definitions" and
 * "dependencies" are in no vocabulary of 2019-09 and later, but the metaschemas keep a place for
 * them. In 2019-09 "unevaluated*" are in the vocabulary of the applicators.
 */
static const struct keyword keywords[] = {
	{ "$anchor", SINCE_2019, CORE, SHAPE_ANCHOR },
	{ "$comment", SINCE_07, CORE, SHAPE_STRING },
	{ "$defs", SINCE_2019 | IN_ASYNCAPI, CORE, SHAPE_SCHEMA_MAP },
	{ "$dynamicAnchor", SINCE_2020, CORE, SHAPE_ANCHOR },
	{ "$dynamicRef", SINCE_2020, CORE, SHAPE_STRING },
	{ "$id", SINCE_2019, CORE, SHAPE_ID },
	{ "$id", IN_06 | LIKE_07, CORE, SHAPE_STRING },
	{ "$recursiveAnchor", IN_2019_09, CORE, SHAPE_BOOLEAN },
	{ "$recursiveRef", IN_2019_09, CORE, SHAPE_STRING },
	{ "$ref", ALL, CORE, SHAPE_STRING },
	{ "$schema", DRAFTS | IN_ASYNCAPI, CORE, SHAPE_STRING },
	{ "$vocabulary", SINCE_2019, CORE, SHAPE_FLAGS },
	{ "additionalItems", IN_ITEMS_LIST, APPLICATOR, SHAPE_EXTRA },
	{ "additionalProperties", ALL, APPLICATOR, SHAPE_EXTRA },
	{ "allOf", ALL, APPLICATOR, SHAPE_SCHEMAS },
	{ "anyOf", ALL, APPLICATOR, SHAPE_SCHEMAS },
	{ "const", SINCE_06, VALIDATION, SHAPE_ANY },
	{ "contains", SINCE_06, APPLICATOR, SHAPE_SCHEMA },
	{ "contentEncoding", SINCE_07, CONTENT, SHAPE_STRING },
	{ "contentMediaType", SINCE_07, CONTENT, SHAPE_STRING },
	{ "contentSchema", SINCE_2019, CONTENT, SHAPE_SCHEMA },
	{ "default", ALL, METADATA, SHAPE_ANY },
	{ "definitions", DRAFTS | IN_ASYNCAPI, CORE, SHAPE_SCHEMA_MAP },
	{ "dependencies", DRAFTS | IN_ASYNCAPI, APPLICATOR, SHAPE_DEPENDENCIES },
	{ "dependentRequired", SINCE_2019, VALIDATION, SHAPE_NAMES_MAP },
	{ "dependentSchemas", SINCE_2019, APPLICATOR, SHAPE_SCHEMA_MAP },
	{ "deprecated", SINCE_2019 | IN_ASYNCAPI | IN_OPENAPI, METADATA, SHAPE_BOOLEAN },
	{ "description", ALL, METADATA, SHAPE_STRING },
	{ "discriminator", IN_ASYNCAPI, VALIDATION, SHAPE_STRING },
	{ "discriminator", IN_OPENAPI, VALIDATION, SHAPE_OBJECT },
	{ "else", SINCE_07, APPLICATOR, SHAPE_SCHEMA },
	{ "enum", ALL, VALIDATION, SHAPE_ARRAY },
	{ "example", IN_OPENAPI, METADATA, SHAPE_ANY },
	{ "examples", SINCE_06, METADATA, SHAPE_ARRAY },
	{ "exclusiveMaximum", IN_BOOLEAN_LIMITS, VALIDATION, SHAPE_BOOLEAN },
	{ "exclusiveMaximum", SINCE_06, VALIDATION, SHAPE_NUMBER },
	{ "exclusiveMinimum", IN_BOOLEAN_LIMITS, VALIDATION, SHAPE_BOOLEAN },
	{ "exclusiveMinimum", SINCE_06, VALIDATION, SHAPE_NUMBER },
	{ "externalDocs", IN_ASYNCAPI | IN_OPENAPI, METADATA, SHAPE_OBJECT },
	{ "format", ALL, FORMAT, SHAPE_STRING },
	{ "id", IN_04, CORE, SHAPE_STRING },
	{ "if", SINCE_07, APPLICATOR, SHAPE_SCHEMA },
	{ "items", IN_ITEMS_LIST, APPLICATOR, SHAPE_ITEMS },
	{ "items", SINCE_2020 | IN_OPENAPI, APPLICATOR, SHAPE_SCHEMA },
	{ "maxContains", SINCE_2019, VALIDATION, SHAPE_COUNT },
	{ "maxItems", ALL, VALIDATION, SHAPE_COUNT },
	{ "maxLength", ALL, VALIDATION, SHAPE_COUNT },
	{ "maxProperties", ALL, VALIDATION, SHAPE_COUNT },
	{ "maximum", ALL, VALIDATION, SHAPE_NUMBER },
	{ "minContains", SINCE_2019, VALIDATION, SHAPE_COUNT },
	{ "minItems", ALL, VALIDATION, SHAPE_COUNT },
	{ "minLength", ALL, VALIDATION, SHAPE_COUNT },
	{ "minProperties", ALL, VALIDATION, SHAPE_COUNT },
	{ "minimum", ALL, VALIDATION, SHAPE_NUMBER },
	{ "multipleOf", ALL, VALIDATION, SHAPE_POSITIVE },
	{ "not", ALL, APPLICATOR, SHAPE_SCHEMA },
	{ "nullable", IN_OPENAPI, VALIDATION, SHAPE_BOOLEAN },
	{ "oneOf", ALL, APPLICATOR, SHAPE_SCHEMAS },
	{ "pattern", ALL, VALIDATION, SHAPE_STRING },
	{ "patternProperties", DRAFTS | IN_ASYNCAPI, APPLICATOR, SHAPE_SCHEMA_MAP },
	{ "prefixItems", SINCE_2020, APPLICATOR, SHAPE_SCHEMAS },
	{ "properties", ALL, APPLICATOR, SHAPE_SCHEMA_MAP },
	{ "propertyDependencies", IN_V1, APPLICATOR, SHAPE_SCHEMA_MAPS },
	{ "propertyNames", SINCE_06, APPLICATOR, SHAPE_SCHEMA },
	{ "readOnly", SINCE_07 | IN_OPENAPI, METADATA, SHAPE_BOOLEAN },
	{ "required", ALL, VALIDATION, SHAPE_NAMES },
	{ "then", SINCE_07, APPLICATOR, SHAPE_SCHEMA },
	{ "title", ALL, METADATA, SHAPE_STRING },
	{ "type", ALL & ~IN_OPENAPI, VALIDATION, SHAPE_TYPES },
	{ "type", IN_OPENAPI, VALIDATION, SHAPE_TYPE },
	{ "unevaluatedItems", SINCE_2019, UNEVALUATED, SHAPE_SCHEMA },
	{ "unevaluatedProperties", SINCE_2019, UNEVALUATED, SHAPE_SCHEMA },
	{ "uniqueItems", ALL, VALIDATION, SHAPE_BOOLEAN },
	{ "writeOnly", SINCE_07 | IN_OPENAPI, METADATA, SHAPE_BOOLEAN },
	{ "xml", IN_OPENAPI, METADATA, SHAPE_OBJECT },
};

#define KEYWORD_COUNT (sizeof(keywords) / sizeof(keywords[0]))
/* Vocabularies that 2019-09 has and later drafts split or renamed. */
static unsigned old_vocabulary(const char *name)
{
	if (strcmp(name, "applicator") == 0)
		return VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED;
	return strcmp(name, "format") == 0 ? VOCABULARY_FORMAT : 0;
}

unsigned vocabulary_find(const char *uri)
{
	static const char *const names[] = {
		"core",      "applicator",        "unevaluated",      "validation",
		"meta-data", "format-annotation", "format-assertion", "content"
	};
	static const char *const prefixes[] = { "https://json-schema.org/draft/2019-09/vocab/",
						"https://json-schema.org/draft/2020-12/vocab/",
						"https://json-schema.org/v1/vocab/" };
	const char *name = NULL;
	unsigned old = 0;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !name; i++)
		if (strncmp(uri, prefixes[i], strlen(prefixes[i])) == 0) {
			name = uri + strlen(prefixes[i]);
			old = i == 0 ? old_vocabulary(name) : 0;
		}
	for (unsigned i = 0; name && !old && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return 1u << i;
	return old;
}

static bool is_active(const struct dialect *dialect, const struct keyword *keyword)
{
	return dialect_in(dialect, keyword->dialects) &&
	       (keyword->vocabulary & dialect->vocabularies);
}

/* The first row of the name; KEYWORD_COUNT where there is none. */
static size_t first_row(const char *name)
{
	size_t low = 0;
	size_t high = KEYWORD_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(keywords[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < KEYWORD_COUNT && strcmp(keywords[low].name, name) == 0 ? low : KEYWORD_COUNT;
}

const struct keyword *keyword_find(const struct dialect *dialect, const char *name)
{
	for (size_t i = first_row(name); i < KEYWORD_COUNT && strcmp(keywords[i].name, name) == 0;
	     i++)
		if (is_active(dialect, &keywords[i]))
			return &keywords[i];
	return NULL;
}

bool keyword_is_any(const char *name)
{
	return first_row(name) < KEYWORD_COUNT;
}

bool keyword_is_elsewhere(const struct dialect *dialect, const char *name)
{
	const unsigned asserts = APPLICATOR | UNEVALUATED | VALIDATION | FORMAT;
	bool ret = false;

	for (size_t i = first_row(name); i < KEYWORD_COUNT && strcmp(keywords[i].name, name) == 0;
	     i++) {
		if (dialect_in(dialect, keywords[i].dialects))
			return false;
		ret |= (keywords[i].vocabulary & asserts) != 0;
	}
	return ret;
}

const char *keyword_id(const struct dialect *dialect)
{
	if (dialect_in(dialect, IN_OPENAPI))
		return NULL;
	return dialect_in(dialect, IN_04) ? "id" : "$id";
}

bool keyword_hides(const struct dialect *dialect, const json_t *schema)
{
	return dialect_in(dialect, IN_LONE_REF) &&
	       jsonbig_is_string(json_object_get(schema, "$ref"));
}

void keyword_suggest(const struct dialect *dialect, struct suggest *suggest)
{
	for (size_t i = 0; i < KEYWORD_COUNT; i++)
		if (is_active(dialect, &keywords[i]))
			suggest_add(suggest, keywords[i].name);
}

json_t *keyword_value(const struct dialect *dialect, const json_t *schema, const char *name)
{
	json_t *value = json_object_get(schema, name); /* mostly there is none */

	return value && keyword_find(dialect, name) ? value : NULL;
}

bool keyword_asserts(const struct dialect *dialect, const char *name)
{
	static const char *const silent[] = { "$comment", "$defs", "$schema", "$anchor",
					      "definitions" };
	const struct keyword *keyword = keyword_find(dialect, name);

	if (!keyword || (keyword->vocabulary & (METADATA | CONTENT)))
		return false;
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (strcmp(silent[i], name) == 0)
			return false;
	return true;
}

static bool is_schema(const json_t *value)
{
	return json_is_object(value) || json_is_boolean(value);
}

struct visit {
	int (*visit)(void *ctx, const struct keyword_child *child);
	void *ctx;
};

static int visit_one(const struct visit *v, const struct keyword_child *child)
{
	return is_schema(child->node) ? v->visit(v->ctx, child) : 0;
}

/* @child is the keyword, or a member of it whose own members are the subschemas. */
static int visit_members(const struct visit *v, struct keyword_child child, bool is_deeper)
{
	json_t *map = child.node;
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(map, name, value) {
		struct keyword_child member = child;

		member.node = value;
		if (member.name)
			member.second = name;
		else
			member.name = name;
		if (rc == 0)
			rc = is_deeper ? visit_members(v, member, false) : visit_one(v, &member);
	}
	return rc;
}

static int visit_items(const struct visit *v, struct keyword_child child)
{
	const json_t *array = child.node;
	int rc = 0;

	child.has_index = true;
	json_array_foreach(array, child.index, child.node)
		if (rc == 0)
			rc = visit_one(v, &child);
	return rc;
}

static int visit_keyword(const struct visit *v, const struct keyword *keyword, json_t *value)
{
	struct keyword_child child = { .node = value, .keyword = keyword->name };

	switch (keyword->shape) {
	case SHAPE_SCHEMA:
	case SHAPE_EXTRA:
		return visit_one(v, &child);
	case SHAPE_ITEMS:
		return json_is_array(value) ? visit_items(v, child) : visit_one(v, &child);
	case SHAPE_SCHEMAS:
		return json_is_array(value) ? visit_items(v, child) : 0;
	case SHAPE_SCHEMA_MAP:
	case SHAPE_DEPENDENCIES:
	case SHAPE_SCHEMA_MAPS:
		return visit_members(v, child, keyword->shape == SHAPE_SCHEMA_MAPS);
	default:
		return 0;
	}
}

int keyword_children(const struct dialect *dialect, const json_t *schema,
		     int (*visit)(void *ctx, const struct keyword_child *child), void *ctx)
{
	struct visit v = { visit, ctx };
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)schema, name, value) {
		const struct keyword *keyword = keyword_find(dialect, name);
		int rc = keyword ? visit_keyword(&v, keyword, value) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

int keyword_check(const struct dialect *dialect, const struct keyword *keyword, const json_t *value,
		  char *at, size_t cap, struct diag *diag)
{
	const struct keyword_fault fault = { .has_boolean_schemas =
						     !dialect_in(dialect, IN_NO_BOOLEANS),
					     .at = at,
					     .cap = cap,
					     .diag = diag };

	at[0] = '\0';
	return keyword_shape_check(keyword->shape, value, &fault);
}

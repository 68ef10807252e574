#include "schema/keyword.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"
#include "schema/jsonbig.h"

enum keyword_shape {
	SHAPE_ANY,
	SHAPE_STRING,
	SHAPE_ID,     /* a string without a fragment that says anything */
	SHAPE_ANCHOR, /* a string that is a plain name */
	SHAPE_BOOLEAN,
	SHAPE_COUNT,    /* an integer of at least 0 */
	SHAPE_NUMBER,   /* a number */
	SHAPE_POSITIVE, /* a number above 0 */
	SHAPE_TYPE,     /* a type's name */
	SHAPE_TYPES,    /* the same, or an array of such */
	SHAPE_ARRAY,
	SHAPE_NAMES,        /* an array of strings, each once */
	SHAPE_FLAGS,        /* an object of booleans */
	SHAPE_NAMES_MAP,    /* an object of SHAPE_NAMES */
	SHAPE_DEPENDENCY,   /* a schema, or SHAPE_NAMES */
	SHAPE_SCHEMA,       /* from here on: with subschemas */
	SHAPE_SCHEMAS,      /* an array of at least one */
	SHAPE_SCHEMA_MAP,   /* an object of schemas */
	SHAPE_ITEMS,        /* a schema, or an array of schemas */
	SHAPE_DEPENDENCIES, /* an object of SHAPE_DEPENDENCY */
};

struct keyword {
	const char *name;
	unsigned char drafts; /* enum schema_draft, or-ed */
	unsigned char vocabulary;
	enum keyword_shape shape;
};

#define BOTH (DRAFT_7 | DRAFT_2020_12)
#define NEW DRAFT_2020_12
#define OLD DRAFT_7
#define CORE VOCABULARY_CORE
#define APPLICATOR VOCABULARY_APPLICATOR
#define UNEVALUATED VOCABULARY_UNEVALUATED
#define VALIDATION VOCABULARY_VALIDATION
#define METADATA VOCABULARY_METADATA
#define FORMAT (VOCABULARY_FORMAT | VOCABULARY_FORMAT_ASSERTION)
#define CONTENT VOCABULARY_CONTENT

/*
 * Sorted by name. A keyword that changed its shape stands once for each draft. "definitions"
 * and "dependencies" are in no vocabulary of 2020-12, but its metaschema keeps a place for them.
 */
static const struct keyword keywords[] = {
	{ "$anchor", NEW, CORE, SHAPE_ANCHOR },
	{ "$comment", BOTH, CORE, SHAPE_STRING },
	{ "$defs", NEW, CORE, SHAPE_SCHEMA_MAP },
	{ "$dynamicAnchor", NEW, CORE, SHAPE_ANCHOR },
	{ "$dynamicRef", NEW, CORE, SHAPE_STRING },
	{ "$id", NEW, CORE, SHAPE_ID },
	{ "$id", OLD, CORE, SHAPE_STRING },
	{ "$ref", BOTH, CORE, SHAPE_STRING },
	{ "$schema", BOTH, CORE, SHAPE_STRING },
	{ "$vocabulary", NEW, CORE, SHAPE_FLAGS },
	{ "additionalItems", OLD, APPLICATOR, SHAPE_SCHEMA },
	{ "additionalProperties", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "allOf", BOTH, APPLICATOR, SHAPE_SCHEMAS },
	{ "anyOf", BOTH, APPLICATOR, SHAPE_SCHEMAS },
	{ "const", BOTH, VALIDATION, SHAPE_ANY },
	{ "contains", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "contentEncoding", BOTH, CONTENT, SHAPE_STRING },
	{ "contentMediaType", BOTH, CONTENT, SHAPE_STRING },
	{ "contentSchema", NEW, CONTENT, SHAPE_SCHEMA },
	{ "default", BOTH, METADATA, SHAPE_ANY },
	{ "definitions", BOTH, CORE, SHAPE_SCHEMA_MAP },
	{ "dependencies", BOTH, APPLICATOR, SHAPE_DEPENDENCIES },
	{ "dependentRequired", NEW, VALIDATION, SHAPE_NAMES_MAP },
	{ "dependentSchemas", NEW, APPLICATOR, SHAPE_SCHEMA_MAP },
	{ "deprecated", NEW, METADATA, SHAPE_BOOLEAN },
	{ "description", BOTH, METADATA, SHAPE_STRING },
	{ "else", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "enum", BOTH, VALIDATION, SHAPE_ARRAY },
	{ "examples", BOTH, METADATA, SHAPE_ARRAY },
	{ "exclusiveMaximum", BOTH, VALIDATION, SHAPE_NUMBER },
	{ "exclusiveMinimum", BOTH, VALIDATION, SHAPE_NUMBER },
	{ "format", BOTH, FORMAT, SHAPE_STRING },
	{ "if", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "items", NEW, APPLICATOR, SHAPE_SCHEMA },
	{ "items", OLD, APPLICATOR, SHAPE_ITEMS },
	{ "maxContains", NEW, VALIDATION, SHAPE_COUNT },
	{ "maxItems", BOTH, VALIDATION, SHAPE_COUNT },
	{ "maxLength", BOTH, VALIDATION, SHAPE_COUNT },
	{ "maxProperties", BOTH, VALIDATION, SHAPE_COUNT },
	{ "maximum", BOTH, VALIDATION, SHAPE_NUMBER },
	{ "minContains", NEW, VALIDATION, SHAPE_COUNT },
	{ "minItems", BOTH, VALIDATION, SHAPE_COUNT },
	{ "minLength", BOTH, VALIDATION, SHAPE_COUNT },
	{ "minProperties", BOTH, VALIDATION, SHAPE_COUNT },
	{ "minimum", BOTH, VALIDATION, SHAPE_NUMBER },
	{ "multipleOf", BOTH, VALIDATION, SHAPE_POSITIVE },
	{ "not", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "oneOf", BOTH, APPLICATOR, SHAPE_SCHEMAS },
	{ "pattern", BOTH, VALIDATION, SHAPE_STRING },
	{ "patternProperties", BOTH, APPLICATOR, SHAPE_SCHEMA_MAP },
	{ "prefixItems", NEW, APPLICATOR, SHAPE_SCHEMAS },
	{ "properties", BOTH, APPLICATOR, SHAPE_SCHEMA_MAP },
	{ "propertyNames", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "readOnly", BOTH, METADATA, SHAPE_BOOLEAN },
	{ "required", BOTH, VALIDATION, SHAPE_NAMES },
	{ "then", BOTH, APPLICATOR, SHAPE_SCHEMA },
	{ "title", BOTH, METADATA, SHAPE_STRING },
	{ "type", BOTH, VALIDATION, SHAPE_TYPES },
	{ "unevaluatedItems", NEW, UNEVALUATED, SHAPE_SCHEMA },
	{ "unevaluatedProperties", NEW, UNEVALUATED, SHAPE_SCHEMA },
	{ "uniqueItems", BOTH, VALIDATION, SHAPE_BOOLEAN },
	{ "writeOnly", BOTH, METADATA, SHAPE_BOOLEAN },
};

#define KEYWORD_COUNT (sizeof(keywords) / sizeof(keywords[0]))
#define VOCABULARY_PREFIX "https://json-schema.org/draft/2020-12/vocab/"

unsigned vocabulary_find(const char *uri)
{
	static const char *const names[] = {
		"core",      "applicator",        "unevaluated",      "validation",
		"meta-data", "format-annotation", "format-assertion", "content"
	};
	size_t prefix = strlen(VOCABULARY_PREFIX);

	if (strncmp(uri, VOCABULARY_PREFIX, prefix) != 0)
		return 0;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(uri + prefix, names[i]) == 0)
			return 1u << i;
	return 0;
}

static bool is_active(const struct dialect *dialect, const struct keyword *keyword)
{
	return (keyword->drafts & dialect->draft) && (keyword->vocabulary & dialect->vocabularies);
}

const struct keyword *keyword_find(const struct dialect *dialect, const char *name)
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
	for (; low < KEYWORD_COUNT && strcmp(keywords[low].name, name) == 0; low++)
		if (is_active(dialect, &keywords[low]))
			return &keywords[low];
	return NULL;
}

bool keyword_suggest(struct suggest *suggest)
{
	bool is_one = false;

	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		is_one |= strcmp(keywords[i].name, suggest->typed) == 0;
		suggest_add(suggest, keywords[i].name);
	}
	return is_one;
}

json_t *keyword_value(const struct dialect *dialect, const json_t *schema, const char *name)
{
	return keyword_find(dialect, name) ? json_object_get(schema, name) : NULL;
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

static int visit_keyword(const struct visit *v, const struct keyword *keyword, json_t *value)
{
	struct keyword_child child = { .node = value, .keyword = keyword->name };
	bool is_map = keyword->shape == SHAPE_SCHEMA_MAP || keyword->shape == SHAPE_DEPENDENCIES;
	int rc = 0;

	if (keyword->shape < SHAPE_SCHEMA)
		return 0;
	if (!is_map && (keyword->shape == SHAPE_SCHEMA || !json_is_array(value)))
		return keyword->shape == SHAPE_SCHEMAS ? 0 : visit_one(v, &child);
	if (is_map) {
		json_object_foreach(value, child.name, child.node)
			if (rc == 0)
				rc = visit_one(v, &child);
		return rc;
	}
	child.has_index = true;
	json_array_foreach(value, child.index, child.node)
		if (rc == 0)
			rc = visit_one(v, &child);
	return rc;
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

/* ---- shapes ------------------------------------------------------------------------------ */

static const char *type_of(const json_t *value)
{
	const char *text;
	size_t len;

	if (jsonbig_text(value, &text, &len))
		return "a number";
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

bool keyword_is_string(const json_t *value)
{
	const char *text;
	size_t len;

	return json_is_string(value) && !jsonbig_text(value, &text, &len);
}

static int expected(struct diag *diag, const json_t *value, const char *what)
{
	return diag_set(diag, ERR_INVALID, "is %s, expected %s", type_of(value), what);
}

static int check_number(enum keyword_shape shape, const json_t *value, struct diag *diag)
{
	const char *text = NULL;
	size_t len;
	double d = json_number_value(value);

	if (jsonbig_text(value, &text, &len))
		d = text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
	else if (!json_is_number(value))
		return expected(diag, value, shape == SHAPE_COUNT ? "an integer" : "a number");
	if (shape == SHAPE_POSITIVE && d <= 0)
		return diag_set(diag, ERR_INVALID, "%g is not above 0", d);
	if (shape == SHAPE_COUNT && d < 0)
		return diag_set(diag, ERR_INVALID, "%g is below 0", d);
	if (shape == SHAPE_COUNT && floor(d) != d)
		return diag_set(diag, ERR_INVALID, "%g is not an integer", d);
	return 0;
}

/* [A-Za-z_][-A-Za-z0-9._]* */
static bool is_anchor(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	return *text && strchr(letters, *text) &&
	       text[1 + strspn(text + 1,
			       "-.0123456789"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static int check_string(enum keyword_shape shape, const json_t *value, struct diag *diag)
{
	const char *text = json_string_value(value);
	const char *hash;

	if (!keyword_is_string(value))
		return expected(diag, value, "a string");
	if (shape == SHAPE_ANCHOR && !is_anchor(text))
		return diag_set(diag, ERR_INVALID,
				"\"%s\" is not a name (expected a letter or _, then letters, "
				"digits, '-', '_' and '.')",
				text);
	hash = strchr(text, '#');
	if (shape == SHAPE_ID && hash && hash[1])
		return diag_set(diag, ERR_INVALID,
				"\"%s\" has a fragment (expected none; $anchor names a place)",
				text);
	return 0;
}

static int check_type(const json_t *value, struct diag *diag)
{
	static const char *const names[] = { "array",  "boolean", "integer", "null",
					     "number", "object",  "string" };

	if (!keyword_is_string(value))
		return expected(diag, value, "a type's name");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(json_string_value(value), names[i]) == 0)
			return 0;
	return diag_set(diag, ERR_INVALID,
			"\"%s\" is not a type (expected array, boolean, integer, null, number, "
			"object or string)",
			json_string_value(value));
}

static bool occurs_before(const json_t *array, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (json_equal(json_array_get(array, i), json_array_get(array, index)))
			return true;
	return false;
}

/* Where a fault is, below the value of a keyword, and what it is. */
struct fault {
	char *at;
	size_t cap;
	struct diag *diag;
};

static int check_shape(enum keyword_shape shape, const json_t *value, const struct fault *fault);

/* Items of shape @inner, each of which occurs once where they are names. */
static int check_items(enum keyword_shape inner, const json_t *array, const struct fault *fault)
{
	size_t index;
	json_t *item;

	json_array_foreach(array, index, item) {
		int rc = check_shape(inner, item, fault);

		if (rc == 0 && inner != SHAPE_SCHEMA && occurs_before(array, index))
			rc = diag_set(fault->diag, ERR_INVALID, "\"%s\" occurs twice",
				      json_string_value(item));
		if (rc != 0) {
			(void)snprintf(fault->at, fault->cap, "/%zu", index);
			return rc;
		}
	}
	return 0;
}

static int check_map(enum keyword_shape inner, const json_t *value, const struct fault *fault)
{
	char at[32] = "";
	const struct fault below = { at, sizeof(at), fault->diag };
	const char *name;
	json_t *entry;

	if (!json_is_object(value))
		return expected(fault->diag, value, "an object");
	json_object_foreach((json_t *)(uintptr_t)value, name, entry) {
		int rc = check_shape(inner, entry, &below);

		if (rc != 0) {
			size_t used = jsonpointer_put(fault->at, fault->cap, name, strlen(name));

			(void)snprintf(fault->at + used, fault->cap - used, "%s", at);
			return rc;
		}
	}
	return 0;
}

/* An array of at least one. */
static int check_some(enum keyword_shape inner, const char *one, const json_t *array,
		      const struct fault *fault)
{
	if (json_array_size(array) == 0)
		return diag_set(fault->diag, ERR_INVALID, "is empty, expected at least one %s",
				one);
	return check_items(inner, array, fault);
}

static int check_shape(enum keyword_shape shape, const json_t *value, const struct fault *fault)
{
	struct diag *diag = fault->diag;
	bool is_array = json_is_array(value);

	switch (shape) {
	case SHAPE_ANY:
		return 0;
	case SHAPE_STRING:
	case SHAPE_ID:
	case SHAPE_ANCHOR:
		return check_string(shape, value, diag);
	case SHAPE_BOOLEAN:
		return json_is_boolean(value) ? 0 : expected(diag, value, "a boolean");
	case SHAPE_COUNT:
	case SHAPE_NUMBER:
	case SHAPE_POSITIVE:
		return check_number(shape, value, diag);
	case SHAPE_TYPE:
		return check_type(value, diag);
	case SHAPE_TYPES:
		if (!is_array && !json_is_string(value))
			return expected(diag, value, "a type's name or an array of them");
		return is_array ? check_some(SHAPE_TYPE, "type", value, fault)
				: check_type(value, diag);
	case SHAPE_ARRAY:
		return is_array ? 0 : expected(diag, value, "an array");
	case SHAPE_NAMES:
		return is_array ? check_items(SHAPE_STRING, value, fault)
				: expected(diag, value, "an array of strings");
	case SHAPE_FLAGS:
		return check_map(SHAPE_BOOLEAN, value, fault);
	case SHAPE_NAMES_MAP:
		return check_map(SHAPE_NAMES, value, fault);
	case SHAPE_SCHEMA:
		return is_schema(value)
			       ? 0
			       : expected(diag, value, "a schema (an object or a boolean)");
	case SHAPE_SCHEMAS:
		return is_array ? check_some(SHAPE_SCHEMA, "schema", value, fault)
				: expected(diag, value, "an array of schemas");
	case SHAPE_ITEMS:
		return is_array ? check_items(SHAPE_SCHEMA, value, fault)
				: check_shape(SHAPE_SCHEMA, value, fault);
	case SHAPE_DEPENDENCY:
		return check_shape(is_array ? SHAPE_NAMES : SHAPE_SCHEMA, value, fault);
	case SHAPE_SCHEMA_MAP:
		return check_map(SHAPE_SCHEMA, value, fault);
	case SHAPE_DEPENDENCIES:
		return check_map(SHAPE_DEPENDENCY, value, fault);
	}
	return 0;
}

int keyword_check(const struct keyword *keyword, const json_t *value, char *at, size_t cap,
		  struct diag *diag)
{
	const struct fault fault = { at, cap, diag };

	at[0] = '\0';
	return check_shape(keyword->shape, value, &fault);
}

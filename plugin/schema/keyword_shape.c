#include "schema/keyword_shape.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"
#include "schema/jsonbig.h"

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

	if (!jsonbig_is_string(value))
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

	if (!jsonbig_is_string(value))
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

/* Items of shape @inner, each of which occurs once where they are names. */
static int check_items(enum keyword_shape inner, const json_t *array,
		       const struct keyword_fault *fault)
{
	size_t index;
	json_t *item;

	json_array_foreach(array, index, item) {
		int rc = keyword_shape_check(inner, item, fault);

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

static int check_map(enum keyword_shape inner, const json_t *value,
		     const struct keyword_fault *fault)
{
	char at[64] = "";
	const struct keyword_fault below = { fault->has_boolean_schemas, at, sizeof(at),
					     fault->diag };
	const char *name;
	json_t *entry;

	if (!json_is_object(value))
		return expected(fault->diag, value, "an object");
	json_object_foreach((json_t *)(uintptr_t)value, name, entry) {
		int rc = keyword_shape_check(inner, entry, &below);

		if (rc != 0) {
			size_t used = jsonpointer_put(fault->at, fault->cap, name, strlen(name));

			(void)snprintf(fault->at + used, fault->cap - used, "%s", at);
			return rc;
		}
	}
	return 0;
}

static int check_schema(const json_t *value, bool allows_boolean, const struct keyword_fault *fault)
{
	if (json_is_object(value) || (allows_boolean && json_is_boolean(value)))
		return 0;
	return expected(fault->diag, value,
			allows_boolean ? "a schema (an object or a boolean)"
				       : "a schema (an object)");
}

/* An array of at least one. */
static int check_some(enum keyword_shape inner, const char *one, const json_t *array,
		      const struct keyword_fault *fault)
{
	if (json_array_size(array) == 0)
		return diag_set(fault->diag, ERR_INVALID, "is empty, expected at least one %s",
				one);
	return check_items(inner, array, fault);
}

int keyword_shape_check(enum keyword_shape shape, const json_t *value,
			const struct keyword_fault *fault)
{
	struct diag *diag = fault->diag;
	bool is_array = json_is_array(value);

	switch (shape) {
	case SHAPE_ANY:
		return 0;
	case SHAPE_OBJECT:
		return json_is_object(value) ? 0 : expected(diag, value, "an object");
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
		return check_schema(value, fault->has_boolean_schemas, fault);
	case SHAPE_EXTRA:
		return check_schema(value, true, fault);
	case SHAPE_SCHEMAS:
		return is_array ? check_some(SHAPE_SCHEMA, "schema", value, fault)
				: expected(diag, value, "an array of schemas");
	case SHAPE_ITEMS:
		return is_array ? check_items(SHAPE_SCHEMA, value, fault)
				: keyword_shape_check(SHAPE_SCHEMA, value, fault);
	case SHAPE_DEPENDENCY:
		return keyword_shape_check(is_array ? SHAPE_NAMES : SHAPE_SCHEMA, value, fault);
	case SHAPE_SCHEMA_MAP:
		return check_map(SHAPE_SCHEMA, value, fault);
	case SHAPE_SCHEMA_MAPS:
		return check_map(SHAPE_SCHEMA_MAP, value, fault);
	case SHAPE_DEPENDENCIES:
		return check_map(SHAPE_DEPENDENCY, value, fault);
	}
	return 0;
}

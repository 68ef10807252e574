#include "ctl/sample.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ctl/sample_pattern.h"

#define TEXT_MAX 256u /* of a text that is made longer for minLength */
#define MERGE_MAX 64u /* schemas of allOf, anyOf and oneOf that become one */

struct sampling {
	unsigned left; /* values that may still be made */
};

static json_t *sample(struct sampling *sampling, json_t *schema, unsigned depth);

/* ---- one schema of several --------------------------------------------------------------- */

static void add_members(json_t *into, const char *key, json_t *from)
{
	json_t *there = json_object_get(into, key), *copy;

	if (!json_is_object(there)) {
		(void)json_object_set(into, key, from);
		return;
	}
	copy = json_copy(there);
	(void)json_object_update_missing(copy, from);
	(void)json_object_set_new(into, key, copy);
}

static void add_items(json_t *into, const char *key, json_t *from)
{
	json_t *there = json_object_get(into, key), *copy = there ? json_copy(there) : json_array();

	(void)json_array_extend(copy, from);
	(void)json_object_set_new(into, key, copy);
}

/* Adds to the object @into what @schema says; what both say in their own way stays as it was. */
static void merge(json_t *into, json_t *schema, unsigned *budget)
{
	const char *key;
	json_t *value, *each;
	size_t i;

	if (!json_is_object(schema) || *budget == 0)
		return;
	--*budget;
	json_object_foreach(schema, key, value) {
		bool is_all = strcmp(key, "allOf") == 0;

		if (strcmp(key, "properties") == 0)
			add_members(into, key, value);
		else if (strcmp(key, "required") == 0 && json_is_array(value))
			add_items(into, key, value);
		else if (is_all)
			json_array_foreach(value, i, each)
				merge(into, each, budget);
		else if (strcmp(key, "anyOf") == 0 || strcmp(key, "oneOf") == 0)
			merge(into, json_array_get(value, 0), budget);
		else if (!json_object_get(into, key))
			(void)json_object_set(into, key, value);
	}
}

/* ---- values ------------------------------------------------------------------------------ */

static json_t *sample_text(json_t *schema)
{
	static const struct {
		const char *format, *text;
	} known[] = {
		{ "date-time", "2026-01-15T10:30:00Z" },
		{ "date", "2026-01-15" },
		{ "time", "10:30:00Z" },
		{ "duration", "PT1M" },
		{ "uuid", "3f2b8c1e-7d4a-4e5b-9c6d-1a2b3c4d5e6f" },
		{ "email", "someone@example.com" },
		{ "idn-email", "someone@example.com" },
		{ "hostname", "example.com" },
		{ "idn-hostname", "example.com" },
		{ "ipv4", "192.0.2.1" },
		{ "ipv6", "2001:db8::1" },
		{ "uri", "https://example.com/" },
		{ "iri", "https://example.com/" },
		{ "uri-reference", "/example" },
		{ "json-pointer", "/example" },
	};
	const char *format = json_string_value(json_object_get(schema, "format"));
	const char *pattern = json_string_value(json_object_get(schema, "pattern"));
	json_int_t least = json_integer_value(json_object_get(schema, "minLength"));
	const json_t *most = json_object_get(schema, "maxLength");
	char text[TEXT_MAX + 1], made[TEXT_MAX + 1];
	size_t len = 4;

	for (size_t i = 0; format && i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].format, format) == 0)
			return json_string(known[i].text);
	if (least > (json_int_t)len)
		len = least < (json_int_t)TEXT_MAX ? (size_t)least : TEXT_MAX;
	if (json_is_integer(most) && json_integer_value(most) < (json_int_t)len)
		len = json_integer_value(most) > 0 ? (size_t)json_integer_value(most) : 0;
	memset(text, 'x', sizeof(text));
	memcpy(text, "text", 4);
	text[len] = '\0';
	if (!pattern || sample_pattern_takes(pattern, text) ||
	    !sample_pattern(pattern, least > 0 ? (size_t)least : 0, made, sizeof(made)))
		return json_string(text);
	return json_string(made);
}

static json_t *sample_number(json_t *schema, bool is_integer)
{
	const json_t *least = json_object_get(schema, "minimum"),
		     *above = json_object_get(schema, "exclusiveMinimum"),
		     *most = json_object_get(schema, "maximum"),
		     *below = json_object_get(schema, "exclusiveMaximum"),
		     *step = json_object_get(schema, "multipleOf");
	double value = 1, gap = is_integer ? 1 : 0.5;

	if (json_is_number(least) && json_number_value(least) > value)
		value = json_number_value(least);
	if (json_is_number(above) && json_number_value(above) >= value)
		value = json_number_value(above) + gap;
	if (json_is_number(most) && json_number_value(most) < value)
		value = json_number_value(most);
	if (json_is_number(below) && json_number_value(below) <= value)
		value = json_number_value(below) - gap;
	if (json_is_number(step) && json_number_value(step) > 0)
		value = ceil(value / json_number_value(step)) * json_number_value(step);
	if (is_integer)
		value = floor(value);
	if (floor(value) == value && fabs(value) < 1e15)
		return json_integer((json_int_t)value);
	return json_real(value);
}

static bool is_required(const json_t *schema, const char *name)
{
	const json_t *each;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, each)
		if (json_is_string(each) && strcmp(json_string_value(each), name) == 0)
			return true;
	return false;
}

static json_t *sample_object(struct sampling *sampling, json_t *schema, unsigned depth)
{
	json_t *ret = json_object(), *properties = json_object_get(schema, "properties"), *member,
	       *more = json_object_get(schema, "additionalProperties"), *each;
	const char *name;
	size_t i;

	json_object_foreach(properties, name, member) {
		if (depth > SAMPLE_DEPTH_MAX / 2 && !is_required(schema, name))
			continue;
		member = sample(sampling, member, depth + 1);
		if (member)
			(void)json_object_set_new(ret, name, member);
	}
	json_array_foreach(json_object_get(schema, "required"), i, each) {
		name = json_string_value(each);
		if (!name || json_object_get(ret, name) || json_object_get(properties, name))
			continue;
		member = more && !json_is_boolean(more) ? sample(sampling, more, depth + 1)
							: json_string("text");
		if (member)
			(void)json_object_set_new(ret, name, member);
	}
	return ret;
}

static json_t *sample_array(struct sampling *sampling, json_t *schema, unsigned depth)
{
	json_t *ret = json_array(), *first = json_object_get(schema, "prefixItems"),
	       *items = json_object_get(schema, "items"), *item;
	const json_t *least = json_object_get(schema, "minItems"),
		     *most = json_object_get(schema, "maxItems");
	json_int_t count = json_is_integer(least) ? json_integer_value(least) : 1;

	if (json_is_integer(most) && count > json_integer_value(most))
		count = json_integer_value(most);
	for (size_t i = 0; (json_int_t)i < count && sampling->left > 0; i++) {
		json_t *of = i < json_array_size(first) ? json_array_get(first, i) : items;

		sampling->left -= of == NULL;
		item = of ? sample(sampling, of, depth + 1) : json_integer((json_int_t)i);
		if (!item)
			break;
		(void)json_array_append_new(ret, item);
	}
	return ret;
}

/* The type that is made: the first that is named, else what the keywords are about. */
static const char *type_of(const json_t *schema)
{
	static const struct {
		const char *keyword, *type;
	} tells[] = {
		{ "properties", "object" }, { "required", "object" }, { "items", "array" },
		{ "prefixItems", "array" }, { "minimum", "number" },  { "maximum", "number" },
		{ "multipleOf", "number" },
	};
	const json_t *type = json_object_get(schema, "type");

	if (json_is_array(type))
		type = json_array_get(type, 0);
	if (json_is_string(type))
		return json_string_value(type);
	for (size_t i = 0; i < sizeof(tells) / sizeof(*tells); i++)
		if (json_object_get(schema, tells[i].keyword))
			return tells[i].type;
	return "string";
}

static json_t *sample_type(struct sampling *sampling, json_t *schema, unsigned depth)
{
	const char *type = type_of(schema);

	if (strcmp(type, "object") == 0)
		return sample_object(sampling, schema, depth);
	if (strcmp(type, "array") == 0)
		return sample_array(sampling, schema, depth);
	if (strcmp(type, "boolean") == 0)
		return json_true();
	if (strcmp(type, "null") == 0)
		return json_null();
	if (strcmp(type, "string") == 0)
		return sample_text(schema);
	return sample_number(schema, strcmp(type, "integer") == 0);
}

static json_t *sample(struct sampling *sampling, json_t *schema, unsigned depth)
{
	unsigned budget = MERGE_MAX;
	json_t *whole, *ret;

	if (json_is_true(schema))
		return json_string("text");
	if (!json_is_object(schema) || depth > SAMPLE_DEPTH_MAX || sampling->left == 0)
		return NULL;
	sampling->left--;
	whole = json_object();
	merge(whole, schema, &budget);
	ret = json_object_get(whole, "const");
	if (!ret)
		ret = json_array_get(json_object_get(whole, "enum"), 0);
	ret = ret ? json_deep_copy(ret) : sample_type(sampling, whole, depth);
	json_decref(whole);
	return ret;
}

json_t *sample_of(json_t *schema)
{
	struct sampling sampling = { .left = SAMPLE_VALUES_MAX };

	return sample(&sampling, schema, 0);
}

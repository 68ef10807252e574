/*
 * schema_compare_keywords.c -- compares keywords that do not depend on others: types, values,
 * bounds and the like.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/schema_compare_internal.h"

/* ---- types and values -------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned bits;
	unsigned own; /* what no row before has */
	const char *own_name;
} types[] = {
	{ "null", 1, 1, "null" },
	{ "boolean", 2, 2, "boolean" },
	{ "object", 4, 4, "object" },
	{ "array", 8, 8, "array" },
	{ "string", 16, 16, "string" },
	{ "integer", 32, 32, "integer" },
	{ "number", 96, 64, "number that is not whole" },
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))
#define TYPES_ALL 127u

static unsigned type_bits(const json_t *name)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (strcmp(types[i].name, json_string_value(name)) == 0)
			return types[i].bits;
	return 0;
}

static unsigned types_of(const struct message_place *place)
{
	unsigned bits = TYPES_ALL;

	for (size_t i = 0; i < place->count; i++) {
		const json_t *type = json_object_get(place->part[i], "type");
		unsigned any = 0;

		if (json_is_string(type))
			bits &= type_bits(type);
		for (size_t k = 0; k < json_array_size(type); k++)
			any |= type_bits(json_array_get(type, k));
		if (json_is_array(type))
			bits &= any;
	}
	return bits;
}

void schema_compare_types(struct schema_compare *compare, const struct schema_pair *pair)
{
	unsigned old = types_of(&pair->old), new = types_of(&pair->new);

	for (size_t i = 0; i < TYPE_COUNT; i++)
		if ((old ^ new) & types[i].own)
			schema_compare_add(compare,
					   new &types[i].own ? SCHEMA_COMPARE_ALLOWS
							     : SCHEMA_COMPARE_REFUSES,
					   "type: %s", types[i].own_name);
}

static bool lists(const json_t *list, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), value))
			return true;
	return false;
}

/* Leaves in *@values (NULL: any) what @list has, too. */
static void keep_listed(json_t **values, json_t *list)
{
	if (!*values)
		*values = json_copy(list);
	for (size_t i = json_array_size(*values); i-- > 0;)
		if (!lists(list, json_array_get(*values, i)))
			(void)json_array_remove(*values, i);
}

/* The values that enum and const leave, new; NULL: any. */
static json_t *values_of(const struct message_place *place)
{
	json_t *values = NULL;

	for (size_t i = 0; i < place->count; i++) {
		json_t *list = json_object_get(place->part[i], "enum");
		json_t *constant = json_object_get(place->part[i], "const");
		json_t *alone = constant ? json_pack("[O]", constant) : NULL;

		if (list)
			keep_listed(&values, list);
		if (alone)
			keep_listed(&values, alone);
		json_decref(alone);
	}
	return values;
}

/* What @a lists and @b does not. */
static void add_missing(struct schema_compare *compare, enum schema_compare_answer answer,
			const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!lists(b, json_array_get(a, i)))
			schema_compare_add_value(compare, answer, "enum", json_array_get(a, i));
}

void schema_compare_values(struct schema_compare *compare, const struct schema_pair *pair)
{
	json_t *old = values_of(&pair->old), *new = values_of(&pair->new);

	if (old && new) {
		add_missing(compare, SCHEMA_COMPARE_REFUSES, old, new);
		add_missing(compare, SCHEMA_COMPARE_ALLOWS, new, old);
	} else if (old || new) {
		schema_compare_add(compare, new ? SCHEMA_COMPARE_REFUSES : SCHEMA_COMPARE_ALLOWS,
				   "enum: what the list has not");
	}
	json_decref(old);
	json_decref(new);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static const struct bound {
	const char *keyword;
	int side;     /* 1: a larger one refuses more, -1: a smaller one does */
	double unset; /* what leaving it out means */
} bounds[] = {
	{ "minimum", 1, -INFINITY }, { "exclusiveMinimum", 1, -INFINITY },
	{ "maximum", -1, INFINITY }, { "exclusiveMaximum", -1, INFINITY },
	{ "minLength", 1, 0 },       { "maxLength", -1, INFINITY },
	{ "minItems", 1, 0 },        { "maxItems", -1, INFINITY },
	{ "minProperties", 1, 0 },   { "maxProperties", -1, INFINITY },
};

static double bound_of(const struct message_place *place, const struct bound *bound)
{
	double ret = bound->unset;

	for (size_t i = 0; i < place->count; i++) {
		const json_t *value = json_object_get(place->part[i], bound->keyword);

		if (json_is_number(value) && bound->side * (json_number_value(value) - ret) > 0)
			ret = json_number_value(value);
	}
	return ret;
}

static const char *print_bound(char ret[40], double value)
{
	(void)snprintf(ret, 40, "%.17g", value);
	return isinf(value) ? "none" : ret;
}

void schema_compare_bounds(struct schema_compare *compare, const struct schema_pair *pair)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		double old = bound_of(&pair->old, &bounds[i]);
		double new = bound_of(&pair->new, &bounds[i]);
		char was[40], is[40];

		if (old < new || old > new)
			schema_compare_add(compare,
					   (new > old) == (bounds[i].side > 0)
						   ? SCHEMA_COMPARE_REFUSES
						   : SCHEMA_COMPARE_ALLOWS,
					   "%s: %s instead of %s", bounds[i].keyword,
					   print_bound(is, new), print_bound(was, old));
	}
}

/* ---- keywords of which each asks for itself ---------------------------------------------- */

static bool asks(const struct message_place *place, const char *keyword, const json_t *value)
{
	for (size_t i = 0; i < place->count; i++) {
		const json_t *own = json_object_get(place->part[i], keyword);

		if (own && (json_equal(own, value) || lists(own, value)))
			return true;
	}
	return false;
}

/* What @a asks and @b does not. */
static void add_asked(struct schema_compare *compare, enum schema_compare_answer answer,
		      const char *keyword, const struct message_place *a,
		      const struct message_place *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const json_t *value = json_object_get(a->part[i], keyword);

		if (value && !json_is_array(value) && !json_is_false(value) &&
		    !asks(b, keyword, value))
			schema_compare_add_value(compare, answer, keyword, value);
		for (size_t k = 0; k < json_array_size(value); k++)
			if (!asks(b, keyword, json_array_get(value, k)))
				schema_compare_add_value(compare, answer, keyword,
							 json_array_get(value, k));
	}
}

void schema_compare_askers(struct schema_compare *compare, const struct schema_pair *pair)
{
	static const char *const keywords[] = { "required", "pattern", "format", "multipleOf",
						"uniqueItems" };

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		add_asked(compare, SCHEMA_COMPARE_REFUSES, keywords[i], &pair->new, &pair->old);
		add_asked(compare, SCHEMA_COMPARE_ALLOWS, keywords[i], &pair->old, &pair->new);
	}
}

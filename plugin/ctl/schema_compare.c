#include "ctl/schema_compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/pairs.h"

#define PARTS_MAX 64u
#define DEPTH_MAX 24u
#define PATH_MAX_BYTES 512u
/* Places of a message that are weighed; a schema of few parts may have very many. */
#define PLACES_MAX 5000u

/* What a place of a message has to satisfy, all of it. */
struct shape {
	size_t count;
	const json_t *part[PARTS_MAX]; /* the first is the outermost, where it is one schema */
	bool is_false;                 /* nothing does */
	bool is_cut;                   /* there was more than fits */
};

struct walk {
	schema_compare_row *row;
	void *ctx;
	unsigned depth;
	unsigned places;
	struct pairs same; /* which values are equal, of those that stand in many places */
	char path[PATH_MAX_BYTES];
};

/* The same place in both. */
struct pair {
	struct shape old, new;
};

/* ---- telling ----------------------------------------------------------------------------- */

static void tell(struct walk *walk, enum schema_compare_way way, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void tell(struct walk *walk, enum schema_compare_way way, const char *format, ...)
{
	char what[256], detail[PATH_MAX_BYTES + sizeof(what) + 8];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)snprintf(detail, sizeof(detail), "%s%s%s", walk->path, walk->path[0] ? ": " : "",
		       what);
	walk->row(way, detail, walk->ctx);
}

static void tell_value(struct walk *walk, enum schema_compare_way way, const char *keyword,
		       const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	tell(walk, way, "%s: %s", keyword, text ? text : "?");
	free(text);
}

/* ---- shapes ------------------------------------------------------------------------------ */

/* A schema that is but one in allOf is that one. */
static const json_t *unwrap(const json_t *schema)
{
	const json_t *all = json_object_get(schema, "allOf");

	while (json_array_size(all) == 1 && json_object_size(schema) == 1) {
		schema = json_array_get(all, 0);
		all = json_object_get(schema, "allOf");
	}
	return schema;
}

static void gather(struct shape *shape, const json_t *schema)
{
	const json_t *all;

	schema = unwrap(schema);
	all = json_object_get(schema, "allOf");
	if (json_is_false(schema))
		shape->is_false = true;
	if (!json_is_object(schema))
		return;
	for (size_t i = 0; i < shape->count; i++)
		if (shape->part[i] == schema)
			return; /* once is enough */
	if (shape->count == PARTS_MAX) {
		shape->is_cut = true;
		return;
	}
	shape->part[shape->count++] = schema;
	for (size_t i = 0; i < json_array_size(all); i++)
		gather(shape, json_array_get(all, i));
}

static bool has(const struct shape *shape, const char *keyword)
{
	for (size_t i = 0; i < shape->count; i++)
		if (json_object_get(shape->part[i], keyword))
			return true;
	return false;
}

static bool names(const struct shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->count; i++)
		if (json_object_get(json_object_get(shape->part[i], "properties"), name))
			return true;
	return false;
}

/*
 * What the member @name has to satisfy; NULL: any that no part names. What the other keywords
 * leave unevaluated is told for the outermost part only; see schema_compare_unevaluated().
 */
static void gather_member(const struct shape *shape, const char *name, struct shape *ret)
{
	bool is_seen = (name && names(shape, name)) || has(shape, "additionalProperties");

	*ret = (struct shape){ .count = 0 };
	for (size_t i = 0; i < shape->count; i++) {
		const json_t *part = shape->part[i];
		const json_t *own =
			name ? json_object_get(json_object_get(part, "properties"), name) : NULL;

		if (own)
			gather(ret, own);
		else
			gather(ret, json_object_get(part, "additionalProperties"));
		if (i == 0 && !is_seen)
			gather(ret, json_object_get(part, "unevaluatedProperties"));
	}
}

static void gather_keyword(const struct shape *shape, const char *keyword, struct shape *ret)
{
	*ret = (struct shape){ .count = 0 };
	for (size_t i = 0; i < shape->count; i++)
		gather(ret, json_object_get(shape->part[i], keyword));
}

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

static unsigned types_of(const struct shape *shape)
{
	unsigned bits = TYPES_ALL;

	for (size_t i = 0; i < shape->count; i++) {
		const json_t *type = json_object_get(shape->part[i], "type");
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

static void schema_compare_types(struct walk *walk, const struct pair *pair)
{
	unsigned old = types_of(&pair->old), new = types_of(&pair->new);

	for (size_t i = 0; i < TYPE_COUNT; i++)
		if ((old ^ new) & types[i].own)
			tell(walk, new &types[i].own ? WEIGH_ALLOWS : WEIGH_REFUSES, "type: %s",
			     types[i].own_name);
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
static json_t *values_of(const struct shape *shape)
{
	json_t *values = NULL;

	for (size_t i = 0; i < shape->count; i++) {
		json_t *list = json_object_get(shape->part[i], "enum");
		json_t *constant = json_object_get(shape->part[i], "const");
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
static void tell_missing(struct walk *walk, enum schema_compare_way way, const json_t *a,
			 const json_t *b)
{
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!lists(b, json_array_get(a, i)))
			tell_value(walk, way, "enum", json_array_get(a, i));
}

static void schema_compare_values(struct walk *walk, const struct pair *pair)
{
	json_t *old = values_of(&pair->old), *new = values_of(&pair->new);

	if (old && new) {
		tell_missing(walk, WEIGH_REFUSES, old, new);
		tell_missing(walk, WEIGH_ALLOWS, new, old);
	} else if (old || new) {
		tell(walk, new ? WEIGH_REFUSES : WEIGH_ALLOWS, "enum: what the list has not");
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

static double bound_of(const struct shape *shape, const struct bound *bound)
{
	double ret = bound->unset;

	for (size_t i = 0; i < shape->count; i++) {
		const json_t *value = json_object_get(shape->part[i], bound->keyword);

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

static void schema_compare_bounds(struct walk *walk, const struct pair *pair)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		double old = bound_of(&pair->old, &bounds[i]);
		double new = bound_of(&pair->new, &bounds[i]);
		char was[40], is[40];

		if (old < new || old > new)
			tell(walk,
			     (new > old) == (bounds[i].side > 0) ? WEIGH_REFUSES : WEIGH_ALLOWS,
			     "%s: %s instead of %s", bounds[i].keyword, print_bound(is, new),
			     print_bound(was, old));
	}
}

/* ---- keywords of which each asks for itself ---------------------------------------------- */

static bool asks(const struct shape *shape, const char *keyword, const json_t *value)
{
	for (size_t i = 0; i < shape->count; i++) {
		const json_t *own = json_object_get(shape->part[i], keyword);

		if (own && (json_equal(own, value) || lists(own, value)))
			return true;
	}
	return false;
}

/* What @a asks and @b does not. */
static void tell_asked(struct walk *walk, enum schema_compare_way way, const char *keyword,
		       const struct shape *a, const struct shape *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const json_t *value = json_object_get(a->part[i], keyword);

		if (value && !json_is_array(value) && !json_is_false(value) &&
		    !asks(b, keyword, value))
			tell_value(walk, way, keyword, value);
		for (size_t k = 0; k < json_array_size(value); k++)
			if (!asks(b, keyword, json_array_get(value, k)))
				tell_value(walk, way, keyword, json_array_get(value, k));
	}
}

static void schema_compare_askers(struct walk *walk, const struct pair *pair)
{
	static const char *const keywords[] = { "required", "pattern", "format", "multipleOf",
						"uniqueItems" };

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		tell_asked(walk, WEIGH_REFUSES, keywords[i], &pair->new, &pair->old);
		tell_asked(walk, WEIGH_ALLOWS, keywords[i], &pair->old, &pair->new);
	}
}

/* ---- equality ---------------------------------------------------------------------------- */

static bool same(struct walk *walk, const json_t *a, const json_t *b);

static bool same_items(struct walk *walk, const json_t *a, const json_t *b)
{
	bool is_same = json_array_size(a) == json_array_size(b);

	for (size_t i = 0; is_same && i < json_array_size(a); i++)
		is_same = same(walk, json_array_get(a, i), json_array_get(b, i));
	return is_same;
}

static bool same_members(struct walk *walk, const json_t *a, const json_t *b)
{
	bool is_same = json_object_size(a) == json_object_size(b);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)a, name, value)
		is_same = is_same && same(walk, value, json_object_get(b, name));
	return is_same;
}

/* json_equal() of values of which parts stand in many places: each pair is compared once. */
static bool same(struct walk *walk, const json_t *a, const json_t *b)
{
	uintptr_t known;

	if (a == b || !a || !b || json_typeof(a) != json_typeof(b) ||
	    !(json_is_object(a) || json_is_array(a)))
		return a == b || (a && b && json_equal(a, b));
	if (pairs_get(&walk->same, a, b, &known))
		return known;
	known = json_is_object(a) ? same_members(walk, a, b) : same_items(walk, a, b);
	(void)pairs_put(&walk->same, a, b, known);
	return known;
}

/* ---- keywords that are not weighed ------------------------------------------------------- */

/* Does a part below allOf ask @keyword? It does not see what stands beside it. */
static bool is_inner(const struct shape *shape, const char *keyword)
{
	for (size_t i = 1; i < shape->count; i++)
		if (json_object_get(shape->part[i], keyword))
			return true;
	return false;
}

/* The next value of @keyword from part *@at on, or NULL. */
static const json_t *said(const struct shape *shape, const char *keyword, size_t *at)
{
	const json_t *value = NULL;

	while (!value && *at < shape->count)
		value = json_object_get(shape->part[(*at)++], keyword);
	return value;
}

/* Do the parts say something else under @keyword, or in another order? */
static bool differs(struct walk *walk, const struct pair *pair, const char *keyword)
{
	size_t at_old = 0, at_new = 0;

	for (;;) {
		const json_t *old = said(&pair->old, keyword, &at_old);
		const json_t *new = said(&pair->new, keyword, &at_new);

		if (!old || !new)
			return old != new;
		if (!same(walk, old, new))
			return true;
	}
}

static bool same_parts(struct walk *walk, const struct pair *pair)
{
	if (pair->old.count != pair->new.count)
		return false;
	for (size_t i = 0; i < pair->old.count; i++)
		if (!same(walk, pair->old.part[i], pair->new.part[i]))
			return false;
	return true;
}

/* What is left over depends on all the rest. */
static void schema_compare_unevaluated(struct walk *walk, const struct pair *pair)
{
	static const char members[] = "unevaluatedProperties", items[] = "unevaluatedItems";

	if ((is_inner(&pair->old, members) || is_inner(&pair->new, members)) &&
	    !same_parts(walk, pair))
		tell(walk, WEIGH_OPEN, "%s below allOf is not weighed", members);
	if ((has(&pair->old, items) || has(&pair->new, items)) && differs(walk, pair, "items"))
		tell(walk, WEIGH_OPEN, "items beside %s is not weighed", items);
}

static void schema_compare_open(struct walk *walk, const struct pair *pair)
{
	static const char *const keywords[] = {
		"anyOf",
		"oneOf",
		"not",
		"if",
		"then",
		"else",
		"contains",
		"minContains",
		"maxContains",
		"prefixItems",
		"additionalItems",
		"unevaluatedItems",
		"patternProperties",
		"propertyNames",
		"dependentRequired",
		"dependentSchemas",
		"dependencies",
		"$ref",
		"$dynamicRef",
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (differs(walk, pair, keywords[i]))
			tell(walk, WEIGH_OPEN, "%s: has changed, which is not weighed",
			     keywords[i]);
	schema_compare_unevaluated(walk, pair);
	if (pair->old.is_cut || pair->new.is_cut)
		tell(walk, WEIGH_OPEN, "too many schemas in one place to be weighed");
}

/* ---- members and items ------------------------------------------------------------------- */

static void schema_compare_pair(struct walk *walk, const struct pair *pair);

/* @name NULL: "*", of which there is none by that name. */
static void schema_compare_below(struct walk *walk, const struct pair *pair, const char *name)
{
	size_t len = strlen(walk->path), used = len;

	if (used < sizeof(walk->path) - 4)
		walk->path[used++] = '/';
	for (const char *c = name ? name : "*"; *c && used < sizeof(walk->path) - 4; c++) {
		bool is_escaped = *c == '~' || *c == '/';

		walk->path[used++] = is_escaped ? '~' : *c;
		if (is_escaped)
			walk->path[used++] = *c == '~' ? '0' : '1';
	}
	walk->path[used] = '\0';
	schema_compare_pair(walk, pair);
	walk->path[len] = '\0';
}

static void schema_compare_member(struct walk *walk, const struct pair *pair, const char *name)
{
	struct pair below;

	if (name && names(&pair->old, name) != names(&pair->new, name) &&
	    (has(&pair->old, "patternProperties") || has(&pair->new, "patternProperties")))
		tell(walk, WEIGH_OPEN, "properties: %s may be one of patternProperties, too", name);
	gather_member(&pair->old, name, &below.old);
	gather_member(&pair->new, name, &below.new);
	schema_compare_below(walk, &below, name);
}

static void schema_compare_members(struct walk *walk, const struct pair *pair)
{
	const struct shape *sides[] = { &pair->old, &pair->new };
	json_t *seen = json_object();
	const char *name;
	json_t *ignored;

	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < sides[side]->count; i++) {
			json_object_foreach(json_object_get(sides[side]->part[i], "properties"),
					    name, ignored) {
				if (json_object_get(seen, name))
					continue;
				(void)json_object_set_new(seen, name, json_true());
				schema_compare_member(walk, pair, name);
			}
		}
	}
	json_decref(seen);
	schema_compare_member(walk, pair, NULL);
}

static void schema_compare_items(struct walk *walk, const struct pair *pair)
{
	struct pair below;

	gather_keyword(&pair->old, "items", &below.old);
	gather_keyword(&pair->new, "items", &below.new);
	schema_compare_below(walk, &below, NULL);
}

static void schema_compare_pair(struct walk *walk, const struct pair *pair)
{
	if (pair->old.is_false || pair->new.is_false) {
		if (pair->old.is_false != pair->new.is_false)
			tell(walk, pair->new.is_false ? WEIGH_REFUSES : WEIGH_ALLOWS,
			     "to be there");
		return;
	}
	if (pair->old.count == 0 && pair->new.count == 0)
		return;
	if (!pair->old.is_cut && !pair->new.is_cut && same_parts(walk, pair))
		return; /* and so is all that stands below */
	if (++walk->places > PLACES_MAX) {
		if (walk->places == PLACES_MAX + 1)
			tell(walk, WEIGH_OPEN, "too many places to be weighed: not from here on");
		return;
	}
	if (walk->depth == DEPTH_MAX) {
		tell(walk, WEIGH_OPEN, "too deep to be weighed");
		return;
	}
	walk->depth++;
	schema_compare_types(walk, pair);
	schema_compare_values(walk, pair);
	schema_compare_bounds(walk, pair);
	schema_compare_askers(walk, pair);
	schema_compare_open(walk, pair);
	schema_compare_members(walk, pair);
	schema_compare_items(walk, pair);
	walk->depth--;
}

void weigh(const json_t *old, const json_t *new, schema_compare_row *row, void *ctx)
{
	struct walk walk = { .row = row, .ctx = ctx };
	struct pair pair = { .old.count = 0 };

	if (!same(&walk, old, new)) {
		gather(&pair.old, old);
		gather(&pair.new, new);
		schema_compare_pair(&walk, &pair);
	}
	pairs_clear(&walk.same);
}

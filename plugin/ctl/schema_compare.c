#include "ctl/schema_compare_internal.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 24u
/* Places of a message that are compared; a schema of few parts may have very many. */
#define PLACES_MAX 5000u

/* ---- places of a message ----------------------------------------------------------------- */

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

/* Adds @schema and what stands below its allOf. */
static void place_add(struct message_place *place, const json_t *schema)
{
	const json_t *all;

	schema = unwrap(schema);
	all = json_object_get(schema, "allOf");
	if (json_is_false(schema))
		place->is_false = true;
	if (!json_is_object(schema))
		return;
	for (size_t i = 0; i < place->count; i++)
		if (place->part[i] == schema)
			return; /* once is enough */
	if (place->count == MESSAGE_PLACE_PARTS_MAX) {
		place->is_cut = true;
		return;
	}
	place->part[place->count++] = schema;
	for (size_t i = 0; i < json_array_size(all); i++)
		place_add(place, json_array_get(all, i));
}

/* Has a part the keyword? */
static bool place_has(const struct message_place *place, const char *keyword)
{
	for (size_t i = 0; i < place->count; i++)
		if (json_object_get(place->part[i], keyword))
			return true;
	return false;
}

/* Does a part name the member under "properties"? */
static bool place_names(const struct message_place *place, const char *name)
{
	for (size_t i = 0; i < place->count; i++)
		if (json_object_get(json_object_get(place->part[i], "properties"), name))
			return true;
	return false;
}

/*
 * What the member @name has to satisfy; NULL: any that no part names. What the other keywords
 * leave unevaluated is looked at in the outermost part only.
 */
static void place_member(const struct message_place *place, const char *name,
			 struct message_place *ret)
{
	bool is_seen =
		(name && place_names(place, name)) || place_has(place, "additionalProperties");

	*ret = (struct message_place){ .count = 0 };
	for (size_t i = 0; i < place->count; i++) {
		const json_t *part = place->part[i];
		const json_t *own =
			name ? json_object_get(json_object_get(part, "properties"), name) : NULL;

		if (own)
			place_add(ret, own);
		else
			place_add(ret, json_object_get(part, "additionalProperties"));
		if (i == 0 && !is_seen)
			place_add(ret, json_object_get(part, "unevaluatedProperties"));
	}
}

/* What the value of a keyword such as "items" has to satisfy. */
static void place_keyword(const struct message_place *place, const char *keyword,
			  struct message_place *ret)
{
	*ret = (struct message_place){ .count = 0 };
	for (size_t i = 0; i < place->count; i++)
		place_add(ret, json_object_get(place->part[i], keyword));
}

/* ---- differences ------------------------------------------------------------------------- */

void schema_compare_add(struct schema_compare *compare, enum schema_compare_answer answer,
			const char *format, ...)
{
	char what[256], detail[SCHEMA_COMPARE_PATH_MAX + sizeof(what) + 8];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)snprintf(detail, sizeof(detail), "%s%s%s", compare->path,
		       compare->path[0] ? ": " : "", what);
	compare->row(answer, detail, compare->ctx);
}

void schema_compare_add_value(struct schema_compare *compare, enum schema_compare_answer answer,
			      const char *keyword, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	schema_compare_add(compare, answer, "%s: %s", keyword, text ? text : "?");
	free(text);
}

/* ---- equality ---------------------------------------------------------------------------- */

static bool same(struct schema_compare *compare, const json_t *a, const json_t *b);

static bool same_items(struct schema_compare *compare, const json_t *a, const json_t *b)
{
	bool is_same = json_array_size(a) == json_array_size(b);

	for (size_t i = 0; is_same && i < json_array_size(a); i++)
		is_same = same(compare, json_array_get(a, i), json_array_get(b, i));
	return is_same;
}

static bool same_members(struct schema_compare *compare, const json_t *a, const json_t *b)
{
	bool is_same = json_object_size(a) == json_object_size(b);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)a, name, value)
		is_same = is_same && same(compare, value, json_object_get(b, name));
	return is_same;
}

/* json_equal() of values of which parts stand in many places: each pair is compared once. */
static bool same(struct schema_compare *compare, const json_t *a, const json_t *b)
{
	const json_t *known;
	bool is_same;

	if (a == b || !a || !b || json_typeof(a) != json_typeof(b) ||
	    !(json_is_object(a) || json_is_array(a)))
		return a == b || (a && b && json_equal(a, b));
	known = pairs_get(compare->same, a, b);
	if (known)
		return json_is_true(known);
	is_same = json_is_object(a) ? same_members(compare, a, b) : same_items(compare, a, b);
	pairs_put(compare->same, a, b, json_boolean(is_same));
	return is_same;
}

/* ---- keywords that are not compared ------------------------------------------------------- */

/* Does a part below allOf ask @keyword? It does not see what stands beside it. */
static bool is_inner(const struct message_place *place, const char *keyword)
{
	for (size_t i = 1; i < place->count; i++)
		if (json_object_get(place->part[i], keyword))
			return true;
	return false;
}

/* The next value of @keyword from part *@at on, or NULL. */
static const json_t *said(const struct message_place *place, const char *keyword, size_t *at)
{
	const json_t *value = NULL;

	while (!value && *at < place->count)
		value = json_object_get(place->part[(*at)++], keyword);
	return value;
}

/* Do the parts say something else under @keyword, or in another order? */
static bool differs(struct schema_compare *compare, const struct schema_pair *pair,
		    const char *keyword)
{
	size_t at_old = 0, at_new = 0;

	for (;;) {
		const json_t *old = said(&pair->old, keyword, &at_old);
		const json_t *new = said(&pair->new, keyword, &at_new);

		if (!old || !new)
			return old != new;
		if (!same(compare, old, new))
			return true;
	}
}

static bool same_parts(struct schema_compare *compare, const struct schema_pair *pair)
{
	if (pair->old.count != pair->new.count)
		return false;
	for (size_t i = 0; i < pair->old.count; i++)
		if (!same(compare, pair->old.part[i], pair->new.part[i]))
			return false;
	return true;
}

/* What is left over depends on all the rest. */
static void compare_unevaluated(struct schema_compare *compare, const struct schema_pair *pair)
{
	static const char members[] = "unevaluatedProperties", items[] = "unevaluatedItems";

	if ((is_inner(&pair->old, members) || is_inner(&pair->new, members)) &&
	    !same_parts(compare, pair))
		schema_compare_add(compare, SCHEMA_COMPARE_OPEN, "%s below allOf is not compared",
				   members);
	if ((place_has(&pair->old, items) || place_has(&pair->new, items)) &&
	    differs(compare, pair, "items"))
		schema_compare_add(compare, SCHEMA_COMPARE_OPEN, "items beside %s is not compared",
				   items);
}

static void compare_open(struct schema_compare *compare, const struct schema_pair *pair)
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
		"propertyDependencies",
		"discriminator",
		"$ref",
		"$dynamicRef",
		"$recursiveRef",
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (differs(compare, pair, keywords[i]))
			schema_compare_add(compare, SCHEMA_COMPARE_OPEN,
					   "%s: has changed, which is not compared", keywords[i]);
	compare_unevaluated(compare, pair);
	if (pair->old.is_cut || pair->new.is_cut)
		schema_compare_add(compare, SCHEMA_COMPARE_OPEN,
				   "too many schemas in one place to be compared");
}

/* ---- members and items ------------------------------------------------------------------- */

static void compare_pair(struct schema_compare *compare, const struct schema_pair *pair);

/* @name NULL: "*", of which there is none by that name. */
static void compare_below(struct schema_compare *compare, const struct schema_pair *pair,
			  const char *name)
{
	size_t len = strlen(compare->path), used = len;

	if (used < sizeof(compare->path) - 4)
		compare->path[used++] = '/';
	for (const char *c = name ? name : "*"; *c && used < sizeof(compare->path) - 4; c++) {
		bool is_escaped = *c == '~' || *c == '/';

		compare->path[used++] = is_escaped ? '~' : *c;
		if (is_escaped)
			compare->path[used++] = *c == '~' ? '0' : '1';
	}
	compare->path[used] = '\0';
	compare_pair(compare, pair);
	compare->path[len] = '\0';
}

static void compare_member(struct schema_compare *compare, const struct schema_pair *pair,
			   const char *name)
{
	struct schema_pair below;

	if (name && place_names(&pair->old, name) != place_names(&pair->new, name) &&
	    (place_has(&pair->old, "patternProperties") ||
	     place_has(&pair->new, "patternProperties")))
		schema_compare_add(compare, SCHEMA_COMPARE_OPEN,
				   "properties: %s may be one of patternProperties, too", name);
	place_member(&pair->old, name, &below.old);
	place_member(&pair->new, name, &below.new);
	compare_below(compare, &below, name);
}

static void compare_members(struct schema_compare *compare, const struct schema_pair *pair)
{
	const struct message_place *sides[] = { &pair->old, &pair->new };
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
				compare_member(compare, pair, name);
			}
		}
	}
	json_decref(seen);
	compare_member(compare, pair, NULL);
}

static void compare_items(struct schema_compare *compare, const struct schema_pair *pair)
{
	struct schema_pair below;

	place_keyword(&pair->old, "items", &below.old);
	place_keyword(&pair->new, "items", &below.new);
	compare_below(compare, &below, NULL);
}

static void compare_pair(struct schema_compare *compare, const struct schema_pair *pair)
{
	if (pair->old.is_false || pair->new.is_false) {
		if (pair->old.is_false != pair->new.is_false)
			schema_compare_add(compare,
					   pair->new.is_false ? SCHEMA_COMPARE_REFUSES
							      : SCHEMA_COMPARE_ALLOWS,
					   "to be there");
		return;
	}
	if (pair->old.count == 0 && pair->new.count == 0)
		return;
	if (!pair->old.is_cut && !pair->new.is_cut && same_parts(compare, pair))
		return; /* and so is all that stands below */
	if (++compare->places > PLACES_MAX) {
		if (compare->places == PLACES_MAX + 1)
			schema_compare_add(compare, SCHEMA_COMPARE_OPEN,
					   "too many places to be compared: not from here on");
		return;
	}
	if (compare->depth == DEPTH_MAX) {
		schema_compare_add(compare, SCHEMA_COMPARE_OPEN, "too deep to be compared");
		return;
	}
	compare->depth++;
	schema_compare_types(compare, pair);
	schema_compare_values(compare, pair);
	schema_compare_bounds(compare, pair);
	schema_compare_askers(compare, pair);
	compare_open(compare, pair);
	compare_members(compare, pair);
	compare_items(compare, pair);
	compare->depth--;
}

void schema_compare(const json_t *old, const json_t *new, schema_compare_row *row, void *ctx)
{
	struct schema_compare compare = { .row = row, .ctx = ctx, .same = json_object() };
	struct schema_pair pair = { .old.count = 0 };

	if (!same(&compare, old, new)) {
		place_add(&pair.old, old);
		place_add(&pair.new, new);
		compare_pair(&compare, &pair);
	}
	json_decref(compare.same);
}

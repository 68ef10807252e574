/*
 * Turns the keywords that apply to one type (minimum, pattern, items, properties, ...) into the
 * rules of a node: one struct each for numbers, strings, arrays and objects. The compiler works out
 * here what the engine would otherwise work out for every message.
 */
#include <math.h>
#include <string.h>

#include "schema/compile.h"
#include "schema/jsonbig.h"
#include "schema/run.h"

/* 2^63 */
#define INT64_LIMIT 9223372036854775808.0

/* The value of a keyword that counts; @otherwise where there is none. */
static uint64_t count_of(const struct filling *f, const char *keyword, uint64_t otherwise)
{
	const json_t *value = compile_keyword(f, keyword);
	const char *text;
	size_t len;

	if (!value)
		return otherwise;
	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	if (jsonbig_text(value, &text, &len) || json_real_value(value) >= INT64_LIMIT)
		return INT64_MAX; /* more than any message has */
	return (uint64_t)json_real_value(value);
}

/* A copy of rules that a node needs; most nodes need those of one type. NULL: memory ran out. */
static const void *keep(struct filling *f, const void *rules, size_t size)
{
	void *kept = compile_alloc(f->compiler, size);

	return kept ? memcpy(kept, rules, size) : NULL;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* What it costs to compare with a limit beyond 64 bits and beyond a double. */
static size_t limit_units(const struct number *limit)
{
	if (!limit || limit->kind == NUMBER_INT || limit->kind == NUMBER_REAL)
		return 0;
	return RUN_DECIMAL_UNITS + (limit->kind == NUMBER_BIG ? limit->big.len / 2 : 0);
}

/* Narrows the range of int64_t to what passes one limit. False where nothing does. */
static bool narrow(struct number_rules *rules, const struct number *limit, unsigned kind)
{
	bool is_upper = kind & LIMIT_UPPER;
	struct number number = { .kind = NUMBER_INT, .i = is_upper ? INT64_MIN : INT64_MAX };

	if (!run_is_within(&number, limit, kind))
		return false;
	number.i = is_upper ? INT64_MAX : INT64_MIN;
	if (run_is_within(&number, limit, kind))
		return true;
	number.i = number_whole(limit);
	if (!run_is_within(&number, limit, kind))
		number.i += is_upper ? -1 : 1;
	if (is_upper && number.i < rules->int_high)
		rules->int_high = number.i;
	if (!is_upper && number.i > rules->int_low)
		rules->int_low = number.i;
	return true;
}

/* Puts all limits into two for the usual case, an int64_t. */
static void set_int_limits(struct number_rules *rules)
{
	bool any = true;

	rules->int_low = INT64_MIN;
	rules->int_high = INT64_MAX;
	for (unsigned k = 0; k < LIMIT_COUNT; k++)
		if (rules->limits[k] && !narrow(rules, rules->limits[k], k))
			any = false;
	if (!any) {
		rules->int_low = INT64_MAX;
		rules->int_high = INT64_MIN;
	}
}

/* A limit that is a double, or an integer that a double holds. */
static bool is_real(const struct number *limit)
{
	const int64_t most = INT64_C(1) << 53;

	return limit->kind == NUMBER_REAL ||
	       (limit->kind == NUMBER_INT && limit->i >= -most && limit->i <= most);
}

/* The same for the doubles, where no limit has to be rounded. */
static void set_real_limits(struct number_rules *rules)
{
	rules->real_low = -HUGE_VAL;
	rules->real_high = HUGE_VAL;
	rules->has_real_limits = !rules->multiple;
	for (unsigned k = 0; k < LIMIT_COUNT; k++) {
		const struct number *limit = rules->limits[k];
		double inside = k & LIMIT_UPPER ? -HUGE_VAL : HUGE_VAL;
		double real;

		if (!limit)
			continue;
		if (!is_real(limit))
			rules->has_real_limits = false;
		real = number_real(limit);
		if (k & LIMIT_EXCLUSIVE)
			real = nextafter(real, inside);
		if (k & LIMIT_UPPER)
			rules->real_high = fmin(rules->real_high, real);
		else
			rules->real_low = fmax(rules->real_low, real);
	}
}

static void set_format_range(const struct filling *f, struct number_rules *rules)
{
	const struct format_range *range = f->format ? format_range(f->format) : NULL;

	if (!range)
		return;
	rules->format = f->format;
	rules->limits[LIMIT_FORMAT] = &range->low;
	rules->limits[LIMIT_FORMAT | LIMIT_UPPER] = &range->high;
	rules->is_integer = range->is_integer;
}

/* The limit of one kind. In draft 04 a boolean says that "minimum" or "maximum" is exclusive. */
static const struct number *limit_of(struct filling *f, unsigned kind)
{
	static const char *const keywords[LIMIT_KEYWORDS] = { "minimum", "maximum",
							      "exclusiveMinimum",
							      "exclusiveMaximum" };
	const char *plain = keywords[kind & LIMIT_UPPER];
	bool is_exclusive;

	if (!dialect_in(f->dialect, IN_BOOLEAN_LIMITS))
		return compile_number(f, keywords[kind]);
	is_exclusive = json_is_true(compile_keyword(f, keywords[kind | LIMIT_EXCLUSIVE]));
	return is_exclusive == !!(kind & LIMIT_EXCLUSIVE) ? compile_number(f, plain) : NULL;
}

void compile_number_rules(struct filling *f)
{
	struct number_rules own = { 0 }, *rules = &own;
	bool is_used = false;

	rules->multiple = compile_number(f, "multipleOf");
	for (unsigned k = 0; k < LIMIT_KEYWORDS; k++)
		rules->limits[k] = limit_of(f, k);
	set_format_range(f, rules);
	for (unsigned k = 0; k < LIMIT_COUNT; k++) {
		rules->limit_units += limit_units(rules->limits[k]);
		is_used |= rules->limits[k] != NULL;
	}
	if (rules->multiple && !number_divisor_init(&rules->divisor, rules->multiple))
		compile_fail(f, ERR_LIMIT, "multipleOf", "has more than 19 significant digits");
	set_int_limits(rules);
	set_real_limits(rules);
	if (!(f->node->types & VIEW_REAL) && (f->node->types & VIEW_INT)) {
		rules->is_integer = true;
		if (!dialect_in(f->dialect, IN_04))
			f->node->types |= VIEW_REAL; /* 1.0 is one; the rules look closer */
	}
	if (is_used || rules->is_integer || rules->multiple)
		f->node->number = keep(f, rules, sizeof(*rules));
}

/* ---- strings ----------------------------------------------------------------------------- */

static void set_pattern(struct filling *f, struct string_rules *rules)
{
	const json_t *value = compile_keyword(f, "pattern");
	const char *source = json_string_value(value);
	size_t len = json_string_length(value);

	if (!value)
		return;
	rules->pattern_source = compile_text(f->compiler, source, len);
	rules->pattern_len = len;
	rules->pattern = compile_pattern(f, "pattern", source, len);
	if (rules->pattern)
		rules->seq = pattern_seq(rules->pattern);
}

void compile_string_rules(struct filling *f)
{
	struct string_rules own = { 0 }, *rules = &own;

	rules->format = f->format && format_is_for_text(f->format) ? f->format : NULL;
	rules->has_costly_format = rules->format && format_is_costly(rules->format);
	set_pattern(f, rules);
	rules->min_length = count_of(f, "minLength", 0);
	rules->max_length = count_of(f, "maxLength", PROGRAM_NO_MAX);
	/* A code point has one to four bytes. */
	rules->sure_length = rules->min_length > SIZE_MAX / 4 ? SIZE_MAX
			     : rules->min_length > 0          ? 4 * rules->min_length - 3
							      : 0;
	rules->only_length = !rules->format && !rules->pattern;
	if (rules->min_length > 0 || rules->max_length < PROGRAM_NO_MAX || rules->format ||
	    rules->pattern)
		f->node->string = keep(f, rules, sizeof(*rules));
}

/* ---- arrays ------------------------------------------------------------------------------ */

/* From 2020-12: prefixItems and items. Before: an array in items, and additionalItems. */
static void set_items(struct filling *f, struct array_rules *rules)
{
	bool is_old = dialect_in(f->dialect, IN_ITEMS_LIST);
	const json_t *items = compile_keyword(f, "items");
	const json_t *prefix = compile_keyword(f, "prefixItems");

	rules->prefix_keyword = "prefixItems";
	rules->items_keyword = "items";
	if (is_old && json_is_array(items)) {
		prefix = items;
		rules->prefix_keyword = "items";
		rules->items_keyword = "additionalItems";
	}
	if (prefix) {
		rules->prefix_count = json_array_size(prefix);
		rules->prefix = compile_children(f, rules->prefix_keyword, prefix);
	}
	rules->items = compile_value(f, rules->items_keyword);
}

void compile_array_rules(struct filling *f)
{
	struct array_rules own = { 0 }, *rules = &own;

	set_items(f, rules);
	rules->contains = compile_value(f, "contains");
	rules->contains_evaluates = !dialect_in(f->dialect, IN_2019_09);
	f->node->unevaluated_items = compile_value(f, "unevaluatedItems");
	rules->min_items = count_of(f, "minItems", 0);
	rules->max_items = count_of(f, "maxItems", PROGRAM_NO_MAX);
	rules->min_contains = count_of(f, "minContains", 1);
	rules->max_contains = count_of(f, "maxContains", PROGRAM_NO_MAX);
	rules->is_unique = json_is_true(compile_keyword(f, "uniqueItems"));
	if (rules->min_items > 0 || rules->max_items < PROGRAM_NO_MAX || rules->is_unique ||
	    rules->prefix_count > 0 || rules->items || rules->contains ||
	    f->node->unevaluated_items)
		f->node->array = keep(f, rules, sizeof(*rules));
}

/* ---- objects ----------------------------------------------------------------------------- */

static void set_properties(struct filling *f, struct object_rules *rules)
{
	json_t *properties = compile_keyword(f, "properties");
	const json_t *required = compile_keyword(f, "required");
	size_t count = json_object_size(properties);
	const char *name;
	json_t *member;
	size_t index;

	json_array_foreach(required, index, member)
		count += !json_object_get(properties, json_string_value(member));
	if (count > 0)
		compile_table_init(f->compiler, &rules->names, count);
	json_object_foreach(properties, name, member) {
		struct name_slot *slot =
			compile_table_add(f->compiler, &rules->names, name, strlen(name));

		if (slot)
			slot->node = compile_member(f, "properties", name, member);
	}
}

static void set_required(struct filling *f, struct object_rules *rules)
{
	const json_t *required = compile_keyword(f, "required");
	size_t count = json_array_size(required);
	struct name_key *names = compile_alloc(f->compiler, count * sizeof(*names));
	size_t index;
	json_t *item;

	json_array_foreach(required, index, item) {
		struct name_slot *slot =
			compile_table_add(f->compiler, &rules->names, json_string_value(item),
					  json_string_length(item));

		if (!slot)
			return;
		slot->is_required = true;
		names[index] = slot->key;
	}
	rules->required = names;
	rules->required_count = count;
	if (rules->names.count > 0)
		compile_table_finish(&rules->names);
}

static void set_patterns(struct filling *f, struct object_rules *rules)
{
	json_t *map = compile_keyword(f, "patternProperties");
	struct pattern_property *patterns =
		compile_alloc(f->compiler, json_object_size(map) * sizeof(*patterns));
	const char *source;
	json_t *member;

	rules->patterns = patterns;
	json_object_foreach(map, source, member) {
		if (!patterns)
			return;
		patterns[rules->pattern_count++] = (struct pattern_property){
			.source = compile_text(f->compiler, source, strlen(source)),
			.pattern = compile_pattern(f, "patternProperties", source, strlen(source)),
			.node = compile_member(f, "patternProperties", source, member),
		};
	}
}

static void set_dependent_names(struct filling *f, const json_t *array, struct dependent *ret)
{
	size_t count = json_array_size(array);
	struct name_key *names = compile_alloc(f->compiler, count * sizeof(*names));
	size_t index;
	json_t *item;

	json_array_foreach(array, index, item) {
		if (names)
			names[index] = compile_name(f->compiler, json_string_value(item),
						    json_string_length(item));
	}
	ret->required = names;
	ret->required_count = count;
}

/* One member of a keyword's value, or of a member of propertyDependencies, @second. */
static void set_dependent(struct filling *f, const struct keyword_child *child,
			  struct dependent *ret)
{
	ret->keyword = child->keyword;
	ret->name = compile_name(f->compiler, child->name, strlen(child->name));
	if (child->second)
		ret->value = compile_name(f->compiler, child->second, strlen(child->second));
	if (json_is_array(child->node))
		set_dependent_names(f, child->node, ret);
	else
		ret->node = compile_child(f, child);
}

/* What depends on a member's being there. */
static void set_named_dependents(struct filling *f, const char *keyword, struct object_rules *rules,
				 struct dependent *room)
{
	struct keyword_child child = { .keyword = keyword };

	json_object_foreach(compile_keyword(f, keyword), child.name, child.node)
		set_dependent(f, &child, &room[rules->dependent_count++]);
}

/* What depends on its value. */
static void set_valued_dependents(struct filling *f, const char *keyword,
				  struct object_rules *rules, struct dependent *room)
{
	struct keyword_child child = { .keyword = keyword };
	json_t *values;

	json_object_foreach(compile_keyword(f, keyword), child.name, values)
		json_object_foreach(values, child.second, child.node)
			set_dependent(f, &child, &room[rules->dependent_count++]);
}

static void set_dependents(struct filling *f, struct object_rules *rules)
{
	static const char *const keywords[] = { "dependentRequired", "dependentSchemas",
						"dependencies" };
	static const char by_value[] = "propertyDependencies";
	struct dependent *dependents;
	size_t count = 0;
	const char *name;
	json_t *values;

	for (int i = 0; i < 3; i++)
		count += json_object_size(compile_keyword(f, keywords[i]));
	json_object_foreach(compile_keyword(f, by_value), name, values)
		count += json_object_size(values);
	dependents = compile_alloc(f->compiler, count * sizeof(*dependents));
	rules->dependents = dependents;
	for (int i = 0; dependents && i < 3; i++)
		set_named_dependents(f, keywords[i], rules, dependents);
	if (dependents)
		set_valued_dependents(f, by_value, rules, dependents);
}

void compile_object_rules(struct filling *f)
{
	struct object_rules own = { 0 }, *rules = &own;

	set_properties(f, rules);
	set_required(f, rules);
	set_patterns(f, rules);
	set_dependents(f, rules);
	rules->additional = compile_value(f, "additionalProperties");
	rules->property_names = compile_value(f, "propertyNames");
	f->node->unevaluated_members = compile_value(f, "unevaluatedProperties");
	rules->additional_keyword = "additionalProperties";
	rules->min_members = count_of(f, "minProperties", 0);
	rules->max_members = count_of(f, "maxProperties", PROGRAM_NO_MAX);
	rules->walks_members = rules->names.count > 0 || rules->pattern_count > 0 ||
			       rules->additional || rules->property_names;
	if (rules->walks_members || rules->min_members > 0 || rules->max_members < PROGRAM_NO_MAX ||
	    rules->dependent_count > 0 || f->node->unevaluated_members)
		f->node->object = keep(f, rules, sizeof(*rules));
}

/* Looking up this many names costs less than looking at every member. */
#define MAX_PROBES 2u

void compile_probes(struct filling *f)
{
	struct object_rules *rules = (struct object_rules *)(uintptr_t)f->node->object;
	const struct name_slot **probes;
	size_t count = 0;

	rules->only_names =
		rules->names.count > 0 && rules->pattern_count == 0 && !rules->property_names;
	if (rules->names.count == 0 || rules->names.count > MAX_PROBES ||
	    rules->pattern_count > 0 || rules->additional || rules->property_names)
		return;
	probes = compile_alloc(f->compiler, rules->names.count * sizeof(*probes));
	if (!probes)
		return;
	for (uint32_t i = 0; i <= rules->names.mask; i++)
		if (rules->names.slots[i].key.text)
			probes[count++] = &rules->names.slots[i];
	rules->probes = probes;
	rules->probe_count = count;
}

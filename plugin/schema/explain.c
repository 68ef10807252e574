/*
 * Makes the error list. The walk has the same order as the engine's run. But it goes on after a
 * failure, keeps track of where it is, and runs each keyword by itself, to say which one failed.
 * Where yes or no is enough (branches of anyOf, not, if), it runs the engine. schema_check() runs
 * before and decides whether the value is valid; the walk only explains that answer.
 */
#include <stdio.h>

#include "schema/explain.h"

static void explain_node(struct explain *x, const struct schema_node *node,
			 const struct payload_value *value, const struct trail *trail);

static bool is_full(const struct explain *x)
{
	return x->count >= x->max;
}

/* ---- arrays ------------------------------------------------------------------------------ */

/* A subschema that is `false` is reported under the keyword whose value it is. */
static void explain_item(struct explain *x, const struct subject *s, const char *keyword,
			 const struct schema_node *node, const struct payload_value *item,
			 size_t index)
{
	struct trail trail = { .up = s->trail, .index = index };
	struct subject at = { node, item, view_kind(item), &trail };

	if (node->is_boolean && node->types == 0)
		explain_report(x, &at, keyword, "is not allowed: no item is, from number %zu on",
			       index);
	else
		explain_node(x, node, item, &trail);
}

static void explain_items(struct explain *x, const struct subject *s)
{
	const struct array_rules *rules = s->node->array;
	struct view_walk walk = view_walk(s->value);
	const struct payload_value *item;

	for (size_t i = 0; !is_full(x) && (item = view_item(&walk)); i++) {
		bool in_prefix = i < rules->prefix_count;
		const struct schema_node *node = in_prefix ? rules->prefix[i] : rules->items;

		if (!node)
			return;
		explain_item(x, s, in_prefix ? rules->prefix_keyword : rules->items_keyword, node,
			     item, i);
	}
}

static void explain_contains(struct explain *x, const struct subject *s)
{
	static const struct explain_counted matching = { "has", "matching item", "", "minContains",
							 "maxContains" };
	const struct array_rules *rules = s->node->array;
	struct view_walk walk = view_walk(s->value);
	const struct payload_value *item;
	uint64_t found = 0;

	while ((item = view_item(&walk))) {
		found += run_node(&x->run, rules->contains, item, NULL);
		if (explain_passed_limit(x, s))
			return;
	}
	if (found < rules->min_contains && rules->min_contains == 1)
		explain_report(x, s, "contains", "has no item that is what contains asks");
	else
		explain_report_count(x, s, &matching, found, rules->min_contains,
				     rules->max_contains);
}

static void explain_unique(struct explain *x, const struct subject *s)
{
	struct view_walk outer = view_walk(s->value);
	const struct payload_value *item;

	if (run_unique(&x->run, s->value) || explain_passed_limit(x, s))
		return;
	for (size_t i = 0; (item = view_item(&outer)); i++) {
		struct view_walk inner = outer;
		const struct payload_value *later;

		for (size_t k = i + 1; (later = view_item(&inner)); k++) {
			bool is_equal = run_equal(&x->run, item, later);

			if (is_equal)
				explain_report(x, s, "uniqueItems", "has equal items: %zu and %zu",
					       i, k);
			else if (x->run.limit)
				explain_report(x, s, "uniqueItems", "has equal items");
			if (is_equal || x->run.limit) {
				(void)explain_passed_limit(x, s);
				return;
			}
		}
	}
}

static void explain_array(struct explain *x, const struct subject *s)
{
	static const struct explain_counted items = { "has", "item", "", "minItems", "maxItems" };
	const struct array_rules *rules = s->node->array;

	explain_report_count(x, s, &items, view_size(s->value), rules->min_items, rules->max_items);
	if (rules->prefix_count > 0 || rules->items)
		explain_items(x, s);
	if (rules->contains)
		explain_contains(x, s);
	if (rules->is_unique)
		explain_unique(x, s);
}

/* ---- objects ----------------------------------------------------------------------------- */

/* What no other keyword takes: additionalProperties and unevaluatedProperties. */
static void explain_extra(struct explain *x, const char *keyword, const struct schema_node *node,
			  const struct payload_value *member, const struct trail *trail)
{
	struct subject at = { node, member, view_kind(member), trail };
	char name[EXPLAIN_VALUE_MAX];

	if (!node->is_boolean || node->types != 0) {
		explain_node(x, node, member, trail);
		return;
	}
	explain_report(x, &at, keyword, "is not allowed: no member is called %s",
		       explain_print_text(name, trail->name, trail->len));
}

static void explain_name(struct explain *x, const struct schema_node *node,
			 const struct trail *trail)
{
	struct view_name room;
	bool was_name = x->is_name;

	x->is_name = true;
	explain_node(x, node, view_name(&room, trail->name, trail->len), trail);
	x->is_name = was_name;
}

static void explain_member(struct explain *x, const struct subject *s,
			   const struct payload_value *member, const struct trail *trail)
{
	const struct object_rules *rules = s->node->object;
	const struct name_slot *slot =
		rules->names.count > 0 ? name_find(&rules->names, trail->name, trail->len) : NULL;
	bool evaluated = slot && slot->node;

	(void)run_charge(&x->run, RUN_NODE_UNITS);
	if (explain_passed_limit(x, s))
		return;
	if (evaluated)
		explain_node(x, slot->node, member, trail);
	for (size_t i = 0; i < rules->pattern_count && !is_full(x); i++) {
		const struct pattern_property *p = &rules->patterns[i];

		if (run_pattern(&x->run, p->pattern, trail->name, trail->len)) {
			explain_node(x, p->node, member, trail);
			evaluated = true;
		}
		(void)explain_passed_limit(x, s);
	}
	if (!evaluated && rules->additional)
		explain_extra(x, rules->additional_keyword, rules->additional, member, trail);
	if (rules->property_names)
		explain_name(x, rules->property_names, trail);
}

/* The names that the object lacks of those that @keyword asks for, because it has @because. */
static void explain_lacking(struct explain *x, const struct subject *s, const char *keyword,
			    const struct name_key *names, size_t count, const char *because)
{
	char name[EXPLAIN_VALUE_MAX];

	for (size_t i = 0; i < count && !is_full(x); i++) {
		if (payload_member(s->value, names[i].text, names[i].len))
			continue;
		explain_report(x, s, keyword, "lacks the member %s%s%s%s",
			       explain_print_text(name, names[i].text, names[i].len),
			       because ? ", which " : "", because ? because : "",
			       because ? " needs" : "");
	}
}

static void explain_dependent(struct explain *x, const struct subject *s,
			      const struct dependent *dependent)
{
	char name[EXPLAIN_VALUE_MAX];

	run_pay(&x->run, (1 + dependent->required_count) * view_find_units(s->value));
	if (!run_depends(dependent, s->value))
		return;
	explain_lacking(x, s, dependent->keyword, dependent->required, dependent->required_count,
			explain_print_text(name, dependent->name.text, dependent->name.len));
	if (dependent->node)
		explain_node(x, dependent->node, s->value, s->trail);
}

static void explain_object(struct explain *x, const struct subject *s)
{
	static const struct explain_counted members = { "has", "member", "", "minProperties",
							"maxProperties" };
	const struct object_rules *rules = s->node->object;
	struct view_walk walk = view_walk(s->value);
	struct trail trail = { .up = s->trail };
	const struct payload_value *member;

	explain_report_count(x, s, &members, view_size(s->value), rules->min_members,
			     rules->max_members);
	run_pay(&x->run, rules->required_count * view_find_units(s->value));
	explain_lacking(x, s, "required", rules->required, rules->required_count, NULL);
	while (rules->walks_members && !is_full(x) &&
	       (member = view_member(&walk, &trail.name, &trail.len)))
		explain_member(x, s, member, &trail);
	for (size_t i = 0; i < rules->dependent_count && !is_full(x); i++)
		explain_dependent(x, s, &rules->dependents[i]);
}

/* ---- any value --------------------------------------------------------------------------- */

/* Where the value's type leaves one branch only, that one says more. */
static void explain_likely_branch(struct explain *x, const struct subject *s,
				  const struct step *step)
{
	const struct schema_node *likely = NULL;

	for (size_t i = 0; i < step->count; i++) {
		if (!(step->nodes[i]->types & s->kind))
			continue;
		if (likely)
			return;
		likely = step->nodes[i];
	}
	if (likely)
		explain_node(x, likely, s->value, s->trail);
}

static void explain_branches(struct explain *x, const struct subject *s, const struct step *step)
{
	size_t passes = 0;
	size_t which[2] = { 0, 0 };

	(void)run_charge(&x->run, step->count);
	if (explain_passed_limit(x, s))
		return;
	for (size_t i = 0; i < step->count; i++) {
		bool pass = run_node(&x->run, step->nodes[i], s->value, NULL);

		if (explain_passed_limit(x, s))
			return;
		if (pass && passes < 2)
			which[passes] = i;
		passes += pass;
	}
	if (passes == 0) {
		explain_report(x, s, step->keyword, "is none of the %zu alternatives", step->count);
		explain_likely_branch(x, s, step);
	} else if ((step->kind == STEP_ONE || step->is_one) && passes > 1) {
		explain_report(x, s, step->keyword,
			       "is %zu of the %zu alternatives (numbers %zu and %zu), expected one",
			       passes, step->count, which[0], which[1]);
	}
}

static void explain_if(struct explain *x, const struct subject *s, const struct step *step)
{
	bool holds = run_node(&x->run, step->nodes[0], s->value, NULL);
	const struct schema_node *next = step->nodes[holds ? 1 : 2];

	if (!explain_passed_limit(x, s) && next)
		explain_node(x, next, s->value, s->trail);
}

/* The names of a STEP_CHOICE, as many as there is room for. Returns @ret. */
static const char *list_names(const struct step *step, char ret[200])
{
	char item[EXPLAIN_VALUE_MAX];
	const struct name_slot *slot = step->names->first;
	size_t used = 0;

	ret[0] = '\0';
	for (uint32_t i = 0; i < step->names->count && used < 200 - 8; i++, slot = slot->next) {
		int n = snprintf(ret + used, 200 - used, "%s%s", used > 0 ? ", " : "",
				 explain_print_text(item, slot->key.text, slot->key.len));

		used += (size_t)n;
	}
	return ret;
}

static void explain_choice(struct explain *x, const struct subject *s, const struct step *step)
{
	const struct name_slot *slot = run_find_choice(&x->run, step, s->value);
	const struct name_key *name = step->property;
	const struct payload_value *member = payload_member(s->value, name->text, name->len);
	const char *one_of = step->names->count > 1 ? "one of " : "";
	struct trail trail = { .up = s->trail, .name = name->text, .len = name->len };
	struct subject at = { s->node, member, 0, &trail };
	char value[EXPLAIN_VALUE_MAX];
	char list[200];

	(void)run_charge(&x->run, step->names->count < 64 ? step->names->count : 64);
	if (explain_passed_limit(x, s))
		return;
	if (slot) {
		if (slot->node)
			explain_node(x, slot->node, s->value, s->trail);
	} else if (member) {
		at.kind = view_kind(member);
		explain_report(x, &at, step->keyword, "is %s, expected %s%s",
			       explain_print_value(member, at.kind, value), one_of,
			       list_names(step, list));
	} else {
		explain_report(x, s, step->keyword,
			       "lacks the member %s, which says what it is: %s%s",
			       explain_print_text(value, name->text, name->len), one_of,
			       list_names(step, list));
	}
}

static void explain_step(struct explain *x, const struct subject *s, const struct step *step)
{
	switch (step->kind) {
	case STEP_NAMES:
	case STEP_CONST:
		if (!run_step(&x->run, step, s->value, s->kind, NULL) &&
		    !explain_passed_limit(x, s))
			explain_constants(x, s, step);
		break;
	case STEP_SCHEMA:
		run_pay(&x->run, step->count);
		for (size_t i = 0; i < step->count && !is_full(x); i++)
			explain_node(x, step->nodes[i], s->value, s->trail);
		break;
	case STEP_DYNAMIC:
		explain_node(x, run_dynamic(&x->run, step), s->value, s->trail);
		break;
	case STEP_ANY:
	case STEP_ONE:
		explain_branches(x, s, step);
		break;
	case STEP_NOT:
		if (run_node(&x->run, step->nodes[0], s->value, NULL))
			explain_report(x, s, "not", "is what the schema rules out");
		(void)explain_passed_limit(x, s);
		break;
	case STEP_IF:
		explain_if(x, s, step);
		break;
	case STEP_CHOICE:
		if (s->kind & VIEW_OBJECT)
			explain_choice(x, s, step);
		else if (step->count > 0)
			explain_branches(x, s, step);
		break;
	}
}

/* What is left over counts only where everything else passes: then the engine's marks hold. */
static void explain_rest(struct explain *x, const struct subject *s, const struct schema_node *rest)
{
	bool is_object = s->kind & VIEW_OBJECT;
	const char *keyword = is_object ? "unevaluatedProperties" : "unevaluatedItems";
	struct view_walk walk = view_walk(s->value);
	struct trail trail = { .up = s->trail };
	struct run_marks marks;

	if (!run_marks_init(&x->run, &marks, s->value)) {
		(void)explain_passed_limit(x, s);
		return;
	}
	if (run_rules(&x->run, s->node, s->value, s->kind, &marks)) {
		for (size_t i = 0; i < marks.count && !is_full(x); i++) {
			const struct payload_value *child =
				is_object ? view_member(&walk, &trail.name, &trail.len)
					  : view_item(&walk);

			if (run_marks_has(&marks, i))
				continue;
			if (is_object)
				explain_extra(x, keyword, rest, child, &trail);
			else
				explain_item(x, s, keyword, rest, child, i);
		}
	}
	run_marks_clear(&x->run, &marks);
	(void)explain_passed_limit(x, s);
}

static void explain_rules(struct explain *x, const struct subject *s)
{
	const struct schema_node *node = s->node;

	if ((s->kind & VIEW_OBJECT) && node->object)
		explain_object(x, s);
	else if ((s->kind & VIEW_ARRAY) && node->array)
		explain_array(x, s);
	else if ((s->kind & VIEW_STRING) && node->string)
		explain_string(x, s);
	else if ((s->kind & VIEW_NUMBER) && node->number)
		explain_number(x, s);
	(void)explain_passed_limit(x, s);
	for (size_t i = 0; i < node->step_count && !is_full(x); i++)
		explain_step(x, s, &node->steps[i]);
}

static void explain_node(struct explain *x, const struct schema_node *node,
			 const struct payload_value *value, const struct trail *trail)
{
	struct subject s = { node, value, view_kind(value), trail };
	const struct schema_node *rest = s.kind & VIEW_OBJECT  ? node->unevaluated_members
					 : s.kind & VIEW_ARRAY ? node->unevaluated_items
							       : NULL;
	size_t before = x->count;
	struct run_scope scope;

	if (is_full(x))
		return;
	if (!(node->types & s.kind)) {
		if (node->is_boolean)
			explain_report(x, &s, "false", "is not allowed: nothing is, in this place");
		else
			explain_report_type(x, &s);
		return;
	}
	if (x->run.depth >= RUN_MAX_DEPTH)
		(void)run_fail_limit(&x->run, RUN_DEPTH);
	(void)run_charge(&x->run, RUN_EXPLAIN_UNITS);
	if (explain_passed_limit(x, &s))
		return;
	x->run.depth++;
	run_enter(&x->run, &scope, node);
	explain_rules(x, &s);
	if (rest && x->count == before && !is_full(x))
		explain_rest(x, &s, rest);
	run_leave(&x->run, &scope);
	x->run.depth--;
}

size_t schema_explain_within(const struct schema *schema, const struct payload_value *value,
			     enum schema_answer answer, struct schema_error *errors, size_t max,
			     int64_t work)
{
	struct explain x; /* not cleared: the run's scratch area has 16 KiB */
	struct trail trail = { 0 };
	struct subject whole = { schema->root, value, view_kind(value), &trail };

	if (answer == SCHEMA_VALID || max == 0)
		return 0;
	run_init(&x.run, schema, work);
	x.errors = errors;
	x.max = max;
	x.count = 0;
	x.is_limited = answer == SCHEMA_LIMIT;
	x.is_name = false;
	explain_node(&x, schema->root, value, &trail);
	x.max = max; /* the walk may have ended early, for want of work */
	if (x.count == 0)
		explain_report(&x, &whole, x.is_limited ? "" : "schema",
			       x.is_limited ? "is too costly to check"
					    : "is not what the schema asks");
	return x.count;
}

size_t schema_explain_answer(const struct schema *schema, const struct payload_value *value,
			     enum schema_answer answer, struct schema_error *errors, size_t max)
{
	return schema_explain_within(schema, value, answer, errors, max,
				     schema->max_work / (RUN_MAX_WORK / RUN_MAX_EXPLAIN_WORK));
}

size_t schema_explain(const struct schema *schema, const struct payload_value *value,
		      struct schema_error *errors, size_t max, enum schema_answer *answer)
{
	*answer = schema_check(schema, value);
	return schema_explain_answer(schema, value, *answer, errors, max);
}

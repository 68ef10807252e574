/*
 * Do two compiled schemas say the same? They are walked together, from their roots. A program has
 * no annotations, and references are followed in it; so what is left to differ is what a message is
 * held against. Where it is not the same text, but means the same by logic, the answer is no.
 */
#include <string.h>

#include "schema/run.h"

#define PAIRS_MAX 1024u /* slots for pairs of nodes that are known, or being compared */
#define PAIRS_FILL 768u
#define LEVELS_MAX 256u   /* nodes around each other */
#define FORWARDS_MAX 16u  /* nodes that are nothing but a reference, one after the other */
#define CONSTANT_WORK 100 /* units for two values that are compared, beside their sizes */

struct pair {
	const struct schema_node *a, *b; /* NULL: the slot is free */
};

struct comparison {
	struct run run; /* for values; its work is that of the whole comparison */
	unsigned level;
	unsigned count;
	struct pair pair[PAIRS_MAX];
};

static bool same_node(struct comparison *c, const struct schema_node *a,
		      const struct schema_node *b);

/* Was the pair compared before, or is it just now? Then it says nothing new. Else it is noted. */
static bool is_known(struct comparison *c, const struct schema_node *a, const struct schema_node *b)
{
	uint64_t hash = ((uint64_t)(uintptr_t)a ^ ((uint64_t)(uintptr_t)b << 1)) *
			UINT64_C(0x9e3779b97f4a7c15);
	uint32_t i = (uint32_t)(hash >> 32) % PAIRS_MAX;

	for (; c->pair[i].a; i = (i + 1) % PAIRS_MAX)
		if (c->pair[i].a == a && c->pair[i].b == b)
			return true;
	if (c->count < PAIRS_FILL) {
		c->pair[i] = (struct pair){ a, b };
		c->count++;
	}
	return false;
}

/* What a node refers to that does nothing else; @node itself where it does. */
static const struct schema_node *behind(const struct schema_node *node)
{
	for (unsigned i = 0; i < FORWARDS_MAX; i++) {
		if (node->types != VIEW_ANY || node->number || node->string || node->array ||
		    node->object || node->unevaluated_members || node->unevaluated_items ||
		    node->step_count != 1 || node->steps[0].kind != STEP_SCHEMA ||
		    node->steps[0].count != 1)
			break;
		node = node->steps[0].nodes[0];
	}
	return node;
}

static bool same_nodes(struct comparison *c, const struct schema_node *const *a,
		       const struct schema_node *const *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!same_node(c, a[i], b[i]))
			return false;
	return true;
}

static bool same_names(const struct name_key *a, size_t count_a, const struct name_key *b,
		       size_t count_b)
{
	if (count_a != count_b)
		return false;
	for (size_t i = 0; i < count_a; i++)
		if (!name_equal(&a[i], &b[i]))
			return false;
	return true;
}

/* The names of an object's rules, an enum or a discriminator, in any order. */
static bool same_tables(struct comparison *c, const struct name_table *a,
			const struct name_table *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; a->count > 0 && i <= a->mask; i++) {
		const struct name_slot *ours = &a->slots[i], *theirs;

		if (!ours->key.text)
			continue;
		theirs = run_charge(&c->run, b->find_units) ? name_find_key(b, &ours->key) : NULL;
		if (!theirs || ours->is_required != theirs->is_required ||
		    !same_node(c, ours->node, theirs->node))
			return false;
	}
	return true;
}

/* ---- rules ------------------------------------------------------------------------------ */

static bool same_limit(struct comparison *c, const struct number *a, const struct number *b)
{
	if (!a || !b)
		return a == b;
	return run_charge_number(&c->run, a) && run_charge_number(&c->run, b) &&
	       number_compare(a, b) == 0;
}

static bool same_number(struct comparison *c, const struct number_rules *a,
			const struct number_rules *b)
{
	if (!a || !b)
		return a == b;
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		if (!same_limit(c, a->limits[i], b->limits[i]))
			return false;
	return a->is_integer == b->is_integer && same_limit(c, a->multiple, b->multiple);
}

static bool same_string(const struct string_rules *a, const struct string_rules *b)
{
	if (!a || !b)
		return a == b;
	if (!a->pattern != !b->pattern)
		return false;
	return a->min_length == b->min_length && a->max_length == b->max_length &&
	       a->format == b->format &&
	       (!a->pattern || (a->pattern_len == b->pattern_len &&
				memcmp(a->pattern_source, b->pattern_source, a->pattern_len) == 0));
}

static bool same_array(struct comparison *c, const struct array_rules *a,
		       const struct array_rules *b)
{
	if (!a || !b)
		return a == b;
	return a->min_items == b->min_items && a->max_items == b->max_items &&
	       a->min_contains == b->min_contains && a->max_contains == b->max_contains &&
	       a->contains_evaluates == b->contains_evaluates && a->is_unique == b->is_unique &&
	       a->prefix_count == b->prefix_count &&
	       same_nodes(c, a->prefix, b->prefix, a->prefix_count) &&
	       same_node(c, a->items, b->items) && same_node(c, a->contains, b->contains);
}

static bool same_patterns(struct comparison *c, const struct object_rules *a,
			  const struct object_rules *b)
{
	if (a->pattern_count != b->pattern_count)
		return false;
	for (size_t i = 0; i < a->pattern_count; i++) {
		const struct pattern_property *ours = &a->patterns[i];
		size_t k = 0;

		while (k < b->pattern_count && strcmp(ours->source, b->patterns[k].source) != 0)
			k++;
		if (!run_charge(&c->run, k) || k == b->pattern_count ||
		    !same_node(c, ours->node, b->patterns[k].node))
			return false;
	}
	return true;
}

static bool same_dependent(struct comparison *c, const struct dependent *a,
			   const struct dependent *b)
{
	if (!a->value.text != !b->value.text ||
	    (a->value.text && !name_equal(&a->value, &b->value)))
		return false;
	return name_equal(&a->name, &b->name) &&
	       same_names(a->required, a->required_count, b->required, b->required_count) &&
	       same_node(c, a->node, b->node);
}

static bool same_object(struct comparison *c, const struct object_rules *a,
			const struct object_rules *b)
{
	if (!a || !b)
		return a == b;
	if (a->min_members != b->min_members || a->max_members != b->max_members ||
	    a->dependent_count != b->dependent_count || !same_tables(c, &a->names, &b->names) ||
	    !same_patterns(c, a, b) || !same_node(c, a->additional, b->additional) ||
	    !same_node(c, a->property_names, b->property_names))
		return false;
	for (size_t i = 0; i < a->dependent_count; i++)
		if (!same_dependent(c, &a->dependents[i], &b->dependents[i]))
			return false;
	return true;
}

/* ---- steps ------------------------------------------------------------------------------ */

static bool has_constant(struct comparison *c, const struct payload_value *list,
			 const struct payload_value *value)
{
	struct view_walk walk = view_walk(list);
	const struct payload_value *other;

	while ((other = view_item(&walk)) && run_charge(&c->run, CONSTANT_WORK))
		if (run_equal(&c->run, other, value))
			return true;
	return false;
}

/* Each value of @a is one of @b's. */
static bool has_constants(struct comparison *c, const struct payload_value *a,
			  const struct payload_value *b)
{
	struct view_walk walk = view_walk(a);
	const struct payload_value *value;

	while ((value = view_item(&walk)))
		if (!has_constant(c, b, value))
			return false;
	return true;
}

static bool same_step(struct comparison *c, const struct step *a, const struct step *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case STEP_NAMES:
		return same_tables(c, a->names, b->names);
	case STEP_CONST:
		return has_constants(c, a->constants, b->constants) &&
		       has_constants(c, b->constants, a->constants);
	case STEP_CHOICE:
		if (a->is_one != b->is_one || !name_equal(a->property, b->property) ||
		    !same_tables(c, a->names, b->names))
			return false;
		break;
	case STEP_DYNAMIC: /* what it leads to is not known here */
		return false;
	case STEP_SCHEMA:
	case STEP_ANY:
	case STEP_ONE:
	case STEP_NOT:
	case STEP_IF:
		break;
	}
	return a->count == b->count && same_nodes(c, a->nodes, b->nodes, a->count);
}

static bool same_parts(struct comparison *c, const struct schema_node *a,
		       const struct schema_node *b)
{
	if (a->types != b->types || a->step_count != b->step_count ||
	    !same_number(c, a->number, b->number) || !same_string(a->string, b->string) ||
	    !same_array(c, a->array, b->array) || !same_object(c, a->object, b->object))
		return false;
	for (size_t i = 0; i < a->step_count; i++)
		if (!same_step(c, &a->steps[i], &b->steps[i]))
			return false;
	return same_node(c, a->unevaluated_members, b->unevaluated_members) &&
	       same_node(c, a->unevaluated_items, b->unevaluated_items);
}

static bool same_node(struct comparison *c, const struct schema_node *a,
		      const struct schema_node *b)
{
	bool ret;

	if (!a || !b)
		return a == b;
	a = behind(a);
	b = behind(b);
	if (!run_charge(&c->run, RUN_NODE_UNITS) || c->level == LEVELS_MAX)
		return false;
	if (a == b || is_known(c, a, b))
		return true;
	c->level++;
	ret = same_parts(c, a, b);
	c->level--;
	return ret;
}

bool schema_is_same(const struct schema *a, const struct schema *b, int64_t *work)
{
	struct comparison c;
	bool ret;

	if (a == b || !a || !b)
		return a == b;
	run_init(&c.run, a, *work);
	c.level = c.count = 0;
	memset(c.pair, 0, sizeof(c.pair));
	ret = same_node(&c, a->root, b->root);
	*work = c.run.work > 0 ? c.run.work : 0;
	return ret && c.run.limit == RUN_WITHIN_LIMITS && c.run.work >= 0;
}

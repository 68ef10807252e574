/*
 * Estimates the worst cost of a schema, in units of work for each byte of a message (run.h).
 *
 * A schema at one place of a message costs @base once, and @text for each byte of a string. The
 * schemas of its members or items cost @below for each byte of those. The costs of schemas for the
 * same place (allOf, anyOf, ...) add up, and so do those of schemas for the same members. A member
 * or an item has at least two bytes. So the rate of a schema is the larger of the cost of the place
 * and the cost below it. Where a schema refers to itself twice for the same members, the rate
 * doubles with each level. So the estimate is made in rounds, at most as many as a message may have
 * levels, and ends as soon as a round changes nothing.
 */
#include <stdlib.h>

#include "schema/compile.h"
#include "schema/run.h"

#define ROUNDS_MAX 64u
/* More than any budget is for the smallest message. */
#define RATE_MAX 1e9
/* Units for each byte that need no warning: what many alternatives cost, each looked at once. */
#define RATE_USUAL 8.0

struct cost {
	double base;
	double text;
	double below;
	double rate;
};

struct estimate {
	struct cost *costs; /* by a node's ordinal */
	size_t max_bytes;
	bool has_changed;
};

static struct cost cost_of(const struct estimate *e, const struct schema_node *node)
{
	if (!node || node->is_boolean)
		return (struct cost){ .base = 1, .rate = 0.5 };
	return e->costs[node->ordinal];
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* Adds what is held against the same value. */
static void add(struct cost *cost, const struct cost *other)
{
	cost->base += other->base;
	cost->text += other->text;
	cost->below += other->below;
}

static void add_string(struct cost *cost, const struct string_rules *rules)
{
	if (rules->pattern)
		cost->text += 1.0 / 6; /* linear ones; the others have a warning of their own */
	if (rules->format)
		cost->text += rules->has_costly_format ? 2 : 0.25;
}

static void add_array(const struct estimate *e, struct cost *cost, const struct array_rules *rules)
{
	double items = rules->items ? cost_of(e, rules->items).rate : 0;

	for (size_t i = 0; i < rules->prefix_count; i++)
		items = larger(items, cost_of(e, rules->prefix[i]).rate);
	cost->below += items;
	if (rules->contains)
		cost->below += 0.5 + cost_of(e, rules->contains).rate;
	if (rules->is_unique) /* as many passes over the items as its table is small */
		cost->below += 1 + (double)e->max_bytes / 2048;
}

static void add_object(const struct estimate *e, struct cost *cost,
		       const struct object_rules *rules)
{
	double members = rules->additional ? cost_of(e, rules->additional).rate : 0;
	double patterns = 0;
	double names = (double)rules->pattern_count / 3;

	for (uint32_t i = 0; rules->names.count > 0 && i <= rules->names.mask; i++)
		if (rules->names.slots[i].node)
			members = larger(members, cost_of(e, rules->names.slots[i].node).rate);
	for (size_t i = 0; i < rules->pattern_count; i++)
		patterns += cost_of(e, rules->patterns[i].node).rate;
	if (rules->property_names)
		names += cost_of(e, rules->property_names).rate;
	/* A byte is of a name or of a value. */
	cost->below += larger(members + patterns, names);
	for (size_t i = 0; i < rules->dependent_count; i++) {
		cost->below += (double)(1 + rules->dependents[i].required_count) / 20;
		if (rules->dependents[i].node) {
			struct cost other = cost_of(e, rules->dependents[i].node);

			add(cost, &other);
		}
	}
}

/*
 * One of the alternatives is looked at. Where there are none, one of the heirs is: their costs have
 * that of the schema itself in them, and are left out.
 */
static void add_choice(const struct estimate *e, struct cost *cost, const struct step *step)
{
	struct cost most = { .base = 1 };

	for (size_t i = 0; i < step->count; i++) {
		struct cost other = cost_of(e, step->nodes[i]);

		most.base = larger(most.base, other.base);
		most.text = larger(most.text, other.text);
		most.below = larger(most.below, other.below);
	}
	add(cost, &most);
}

static void add_step(const struct estimate *e, struct cost *cost, const struct step *step)
{
	if (step->kind == STEP_NAMES || step->kind == STEP_CONST) {
		cost->base += step->kind == STEP_CONST ? (double)step->count : 1;
		return;
	}
	if (step->kind == STEP_CHOICE) {
		add_choice(e, cost, step);
		return;
	}
	for (size_t i = 0; i < step->count; i++) {
		struct cost other = cost_of(e, step->nodes[i]);

		if (step->nodes[i])
			add(cost, &other);
	}
}

static void estimate_node(struct estimate *e, const struct schema_node *node)
{
	struct cost cost = { .base = node->fast_path == FAST_PATH_NOTHING ? 1 : 2 };
	struct cost array = { .base = 0 };
	struct cost object = { .base = 0 };
	struct cost *known = &e->costs[node->ordinal];

	if (node->fast_path == FAST_PATH_DEEP)
		cost.base += RUN_NODE_UNITS;
	if (node->string)
		add_string(&cost, node->string);
	if (node->array)
		add_array(e, &array, node->array);
	if (node->object)
		add_object(e, &object, node->object);
	add(&cost, array.below > object.below ? &array : &object); /* no value is both */
	for (size_t i = 0; i < node->step_count; i++)
		add_step(e, &cost, &node->steps[i]);
	if (node->unevaluated_items)
		cost.below += 0.5 + cost_of(e, node->unevaluated_items).rate;
	if (node->unevaluated_members)
		cost.below += 0.5 + cost_of(e, node->unevaluated_members).rate;
	cost.rate = larger(cost.base / 2 + cost.text, cost.below);
	if (cost.base > RATE_MAX)
		cost.base = RATE_MAX;
	if (cost.below > RATE_MAX)
		cost.below = RATE_MAX;
	if (cost.rate > RATE_MAX)
		cost.rate = RATE_MAX;
	e->has_changed |=
		cost.rate > known->rate || cost.base > known->base || cost.below > known->below;
	*known = cost;
}

static bool is_over(const struct estimate *e, double rate)
{
	return rate > RATE_USUAL && rate * (double)e->max_bytes > RUN_MAX_WORK;
}

/* The innermost schema that is too costly: mostly the one to change. */
static size_t find_place(const struct compiler *c, const struct estimate *e)
{
	for (size_t i = c->queue_used; i-- > 0;)
		if (is_over(e, e->costs[i].rate))
			return i;
	return 0;
}

void compile_worst(struct compiler *c, size_t max_bytes)
{
	struct estimate e = { .max_bytes = max_bytes, .has_changed = true };

	if (c->rc || max_bytes == 0 || c->schema->root->is_boolean)
		return;
	e.costs = calloc(c->queue_used + 1, sizeof(*e.costs));
	if (!e.costs) {
		c->rc = diag_nomem(c->diag);
		return;
	}
	/* From the last to the first, as schemas mostly refer to later ones. */
	for (unsigned round = 0; e.has_changed && round < ROUNDS_MAX; round++) {
		e.has_changed = false;
		for (size_t i = c->queue_used; i-- > 0;)
			estimate_node(&e, c->queue[i].node);
	}
	if (is_over(&e, cost_of(&e, c->schema->root).rate))
		compile_warn(
			c, c->queue[find_place(c, &e)].place, NULL,
			"a message of %zu bytes may take more work to check than a message may "
			"cost, and is then refused (schema-limit)",
			max_bytes);
	free(e.costs);
}

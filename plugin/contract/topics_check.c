/*
 * topics_check.c -- is each topic's channel certain, and found in bounded time?
 */
#include <stdlib.h>

#include "contract/topics_internal.h"

/* ---- ties ------------------------------------------------------------------------------- */

#define PAIRS_MAX 4000000u /* pairs of nodes to be looked at: a second or less */

struct tie_search {
	const struct topics *topics;
	struct topics_pair *pair;
	size_t pairs; /* looked at */
};

static bool is_pair(struct tie_search *check, const struct contract_channel *channel,
		    const struct contract_channel *other)
{
	*check->pair = (struct topics_pair){ channel, other };
	return channel && other;
}

static bool meet(struct tie_search *check, const struct topics_node *a,
		 const struct topics_node *b);

static bool meet_if(struct tie_search *check, const struct topics_node *a,
		    const struct topics_node *b)
{
	return a && b && level_overlaps(&a->level, &b->level) && meet(check, a, b);
}

/* Has a topic below @a, which is under its parent, a match in some child of @other, too? */
static bool meet_children(struct tie_search *check, const struct topics_node *a,
			  const struct topics_node *other)
{
	bool is_text = a->level.kind == LEVEL_TEXT;

	if (meet_if(check, a, other->param) || meet_if(check, a, other->any))
		return true;
	if (is_text &&
	    meet_if(check, a, *topics_slot(check->topics, other, a->level.text, a->level.len)))
		return true;
	if (is_text && !other->parts)
		return false;
	for (const struct topics_node *b = other->child; b && check->pairs < PAIRS_MAX;
	     b = b->sibling) {
		check->pairs++;
		if (!(is_text && b->level.kind == LEVEL_TEXT) && meet_if(check, a, b))
			return true;
	}
	return false;
}

/*
 * Is there a topic that an address below @a and one below @b have, given that both nodes match the
 * levels so far? Stores such channels in check->pair.
 */
static bool meet(struct tie_search *check, const struct topics_node *a, const struct topics_node *b)
{
	if (check->pairs++ >= PAIRS_MAX)
		return false;
	if (a->rest || b->rest)
		return is_pair(check, a->rest ? a->rest : topics_some_channel(a),
			       b->rest ? b->rest : topics_some_channel(b));
	if (a->channel && b->channel)
		return is_pair(check, a->channel, b->channel);
	for (const struct topics_node *child = a->child; child; child = child->sibling)
		if (meet_children(check, child, b))
			return true;
	return (a->param && meet_children(check, a->param, b)) ||
	       (a->any && meet_children(check, a->any, b));
}

/* Is there a tie between @node, a child of @parent with parts, and another? */
static bool has_tie(struct tie_search *check, const struct topics_node *parent,
		    const struct topics_node *node)
{
	const struct level *level = &node->level;

	for (uint32_t i = 0; i < parent->parts->count; i++) {
		const struct topics_shape *shape = &parent->parts->shape[i];
		const struct topics_node *each;

		/* A text at the end that both can have is the end of the longer one. */
		if (shape->head != level->head || shape->tail > level->tail)
			continue;
		each = *topics_group(check->topics, parent, level->text, level->head,
				     level->text + level->len - shape->tail, shape->tail);
		for (; each; each = each->same)
			if (level_is_tie(&each->level, level) && meet(check, each, node))
				return true;
	}
	return false;
}

static enum topics_fault check_ties(const struct topics *topics, struct topics_pair *ret)
{
	struct tie_search check = { .topics = topics, .pair = ret };

	for (size_t i = 1; i < topics->node_count; i++) {
		const struct topics_node *node = &topics->node[i];

		if (node->level.kind == LEVEL_PARTS &&
		    has_tie(&check, &topics->node[node->parent], node))
			return TOPICS_TIE;
	}
	*ret = (struct topics_pair){ 0 };
	return check.pairs < PAIRS_MAX ? TOPICS_OK : TOPICS_COSTLY;
}

/* ---- the worst case ---------------------------------------------------------------------- */

/* Steps of a search at and below a node, for the topic that needs most. */
struct topic_cost {
	uint32_t text;  /* below the costliest literal child */
	uint32_t parts; /* below the costliest child with parts */
	uint32_t other; /* below the parameter and the "+" */
};

static uint32_t add_up(const struct topics_node *node, const struct topic_cost *cost)
{
	uint64_t tried = node->parts ? node->parts->tried : 0;
	uint64_t sum = 1 + (uint64_t)cost->text + cost->other + tried * (1 + (uint64_t)cost->parts);

	return sum < TOPICS_STEPS_MAX ? (uint32_t)sum : TOPICS_STEPS_MAX;
}

static void raise_to(uint32_t *most, uint32_t steps)
{
	if (*most < steps)
		*most = steps;
}

static enum topics_fault check_cost(const struct topics *topics)
{
	struct topic_cost *cost = calloc(topics->node_count, sizeof(*cost));
	uint32_t steps = 0;

	if (!cost)
		return TOPICS_NOMEM;
	for (size_t i = topics->node_count; i-- > 0;) { /* children come before their parents */
		const struct topics_node *node = &topics->node[i];
		struct topic_cost *above = &cost[node->parent];

		steps = add_up(node, &cost[i]);
		if (node->level.kind == LEVEL_TEXT)
			raise_to(&above->text, steps);
		else if (node->level.kind == LEVEL_PARTS)
			raise_to(&above->parts, steps);
		else
			above->other += steps; /* of two at most */
	}
	free(cost);
	return steps < TOPICS_STEPS_MAX ? TOPICS_OK : TOPICS_COSTLY;
}

enum topics_fault topics_check(const struct topics *topics, struct topics_pair *ret)
{
	enum topics_fault fault = check_ties(topics, ret);

	return fault ? fault : check_cost(topics);
}

/*
 * topics_nearest.c -- the channel whose address is most like a topic that none has.
 */
#include "base/ascii.h"
#include "contract/topics_internal.h"

#define LOOKS_MAX 256u   /* children that are looked at, of all nodes together */
#define CHILDREN_MAX 64u /* of one node, for one level */
#define BYTES_MAX 64u    /* of a level that are compared */
#define ASKED_MAX 32u    /* channels of which it is asked whether they may be named */

static const struct topics_node *text_child(const struct topics *topics,
					    const struct topics_node *node,
					    const struct topics_level *text)
{
	return *topics_slot(topics, node, text->text, text->len);
}

/* The child of @node that has the topic's level, the best one; or NULL. */
static const struct topics_node *exact_child(const struct topics *topics,
					     const struct topics_node *node,
					     const struct topics_level *text)
{
	const struct topics_node *child = text_child(topics, node, text);
	const struct topics_node *each[TOPICS_TRIED_MAX];

	if (child || !level_is_topic(text->text, text->len))
		return child;
	if (node->parts && topics_matching(topics, node, text, each) > 0)
		return each[0];
	return node->param && text->len > 0 ? node->param : node->any;
}

static char lower(char c)
{
	return ascii_is_alpha(c) ? (char)(c | 0x20) : c;
}

/*
 * How much of @level the topic's level has, from 0 to 100: by what both have in common at either
 * end. Of a level with parts, the text at its ends counts.
 */
static unsigned likeness(const struct level *level, const struct topics_level *text)
{
	bool is_text = level->kind == LEVEL_TEXT;
	size_t own = is_text ? level->len : (size_t)level->head + level->tail;
	size_t longer = is_text && text->len > own ? text->len : own;
	size_t shorter = own < text->len ? own : text->len;
	size_t head = 0, tail = 0;

	if (longer == 0 || longer > BYTES_MAX)
		return 0;
	while (head < shorter && (is_text || head < level->head) &&
	       lower(level->text[head]) == lower(text->text[head]))
		head++;
	while (tail < shorter - head && (is_text || tail < level->tail) &&
	       lower(level->text[level->len - 1 - tail]) == lower(text->text[text->len - 1 - tail]))
		tail++;
	return (unsigned)((head + tail) * 100 / longer);
}

static bool is_looked_at(const struct topics_node *child, unsigned i, unsigned *looks)
{
	if (!child || i == CHILDREN_MAX || *looks == 0)
		return false;
	--*looks;
	return true;
}

/* The child that the topic's level may have been meant to be; or NULL. */
static const struct topics_node *similar_child(const struct topics_node *node,
					       const struct topics_level *text, unsigned *looks)
{
	const struct topics_node *best = NULL;
	const struct topics_node *child = node->child;
	unsigned most = 49; /* half of it, at least, is the same */

	for (unsigned i = 0; is_looked_at(child, i, looks); i++, child = child->sibling) {
		unsigned alike = child->level.text[0] == '$' ? 0 : likeness(&child->level, text);

		if (alike > most) {
			most = alike;
			best = child;
		}
	}
	return best;
}

/* The child below which the topic's level is a literal: the topic lacks a level; or NULL. */
static const struct topics_node *skipped_child(const struct topics *topics,
					       const struct topics_node *node,
					       const struct topics_level *text, unsigned *looks)
{
	const struct topics_node *child = node->child;

	if (node->param && text_child(topics, node->param, text))
		return node->param;
	for (unsigned i = 0; is_looked_at(child, i, looks); i++, child = child->sibling)
		if (child->level.text[0] != '$' && text_child(topics, child, text))
			return child;
	return NULL;
}

/* ---- which may be named ------------------------------------------------------------------ */

struct naming {
	topics_shown *is_shown;
	void *ctx;
	unsigned asked;
};

static bool is_named(struct naming *naming, const struct contract_channel *channel)
{
	if (!channel || naming->asked >= ASKED_MAX)
		return false;
	naming->asked++;
	return !naming->is_shown || naming->is_shown(naming->ctx, channel);
}

/* Some channel at or below @node that may be named; NULL: none, of those that it asked of. */
static const struct contract_channel *named_below(struct naming *naming,
						  const struct topics_node *node)
{
	const struct contract_channel *ret = NULL;

	if (!node || naming->asked >= ASKED_MAX)
		return NULL;
	if (is_named(naming, node->channel))
		return node->channel;
	if (is_named(naming, node->rest))
		return node->rest;
	for (const struct topics_node *child = node->child; child && !ret; child = child->sibling) {
		if (naming->asked >= ASKED_MAX)
			return NULL;
		ret = named_below(naming, child);
	}
	if (!ret)
		ret = named_below(naming, node->param);
	return ret ? ret : named_below(naming, node->any);
}

const struct contract_channel *topics_nearest(const struct topics *topics, const char *topic,
					      size_t len, topics_shown *is_shown, void *ctx)
{
	const struct topics_node *node = topics->node, *next;
	const struct contract_channel *ret = NULL;
	struct naming naming = { is_shown, ctx, 0 };
	struct topics_levels levels;
	unsigned looks = LOOKS_MAX;

	if (len == 0 || len > TOPIC_MAX || topic[0] == '$')
		return NULL;
	topics_split(topic, len, &levels);
	for (size_t i = 0; i < levels.count; i++) {
		const struct topics_level *text = &levels.level[i];

		next = exact_child(topics, node, text);
		if (!next)
			next = similar_child(node, text, &looks);
		if (!next && i + 1 < levels.count && text_child(topics, node, &levels.level[i + 1]))
			continue; /* the topic has this level too many */
		if (!next && (next = skipped_child(topics, node, text, &looks)))
			i--; /* and once more, below that child */
		if (!next)
			break;
		node = next;
	}
	for (; node != topics->node && !ret; node = &topics->node[node->parent])
		ret = named_below(&naming, node);
	return ret;
}

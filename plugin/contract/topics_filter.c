/*
 * topics_filter.c -- which channels a topic filter can reach.
 */
#include <string.h>

#include "contract/topics_internal.h"

/* MQTT 5, 1.5.4: UTF-8. 4.7.1: wildcards stand alone in their level, "#" in the last one. */
static bool is_filter(const char *filter, size_t len)
{
	unsigned char bits = 0;

	if (len == 0 || len > TOPIC_MAX || memchr(filter, '\0', len))
		return false;
	for (size_t i = 0; i < len; i++) {
		bits |= (unsigned char)filter[i];
		if (filter[i] != '+' && filter[i] != '#')
			continue;
		if (i > 0 && filter[i - 1] != '/')
			return false;
		if (i + 1 < len && (filter[i] == '#' || filter[i + 1] != '/'))
			return false;
	}
	return bits < 0x80 || level_is_utf8(filter, len);
}

/* MQTT 5, 4.8.2: "$share/", a name without wildcards, "/", a filter. */
const char *topics_unshare(const char *filter, size_t *len)
{
	const size_t head = strlen("$share/");
	const char *slash;
	size_t name;

	if (*len <= head || memcmp(filter, "$share/", head) != 0)
		return filter;
	slash = memchr(filter + head, '/', *len - head);
	if (!slash || slash + 1 == filter + *len)
		return filter;
	name = (size_t)(slash - filter) - head;
	if (name == 0 || memchr(filter + head, '+', name) || memchr(filter + head, '#', name))
		return filter;
	*len -= head + name + 1;
	return slash + 1;
}

bool topics_is_shared(const char *filter, size_t len)
{
	return topics_unshare(filter, &len) != filter;
}

/* What is left of a shared filter, or is one in name only: "$share/orders", "$share//a". */
static bool is_share(const char *filter, size_t len)
{
	const size_t head = strlen("$share");

	return len >= head && memcmp(filter, "$share", head) == 0 &&
	       (len == head || filter[head] == '/');
}

bool topics_is_filter(const char *filter, size_t len)
{
	return is_filter(filter, len) && !is_share(filter, len);
}

struct filter_walk {
	const struct topics *topics;
	struct topics_levels levels;
	struct contract_match match;
	contract_visit *visit;
	void *ctx;
};

static bool visit(struct filter_walk *walk, const struct contract_channel *channel)
{
	walk->match.channel = channel;
	return channel && walk->visit(&walk->match, walk->ctx);
}

/* Is @child below the root, and of the broker's? 4.7.2: no wildcard is in its place. */
static bool is_hidden(const struct topics_node *child)
{
	return child->depth == 1 && child->level.text[0] == '$';
}

/* The parameters of @level, of which @params are before it, may be any text. Returns how many are
 * behind it. */
static size_t set_any(struct filter_walk *walk, const struct level *level, size_t params)
{
	for (size_t i = 0; i < level->params; i++)
		walk->match.param[params + i] = (struct contract_span){ 0 };
	return params + level->params;
}

/* Everything at and below @node. @params: how many parameters are above. */
static bool reach_below(struct filter_walk *walk, const struct topics_node *node, size_t params)
{
	if (visit(walk, node->channel) || visit(walk, node->rest))
		return true;
	for (const struct topics_node *child = node->child; child; child = child->sibling)
		if (!is_hidden(child) &&
		    reach_below(walk, child, set_any(walk, &child->level, params)))
			return true;
	if (node->param &&
	    reach_below(walk, node->param, set_any(walk, &node->param->level, params)))
		return true;
	return node->any && reach_below(walk, node->any, params);
}

static bool reach(struct filter_walk *walk, const struct topics_node *node, size_t i,
		  size_t params);

/* The filter's level @i is a "+". */
static bool reach_each(struct filter_walk *walk, const struct topics_node *node, size_t i,
		       size_t params)
{
	for (const struct topics_node *child = node->child; child; child = child->sibling)
		if (!is_hidden(child) &&
		    reach(walk, child, i + 1, set_any(walk, &child->level, params)))
			return true;
	if (node->param &&
	    reach(walk, node->param, i + 1, set_any(walk, &node->param->level, params)))
		return true;
	return node->any && reach(walk, node->any, i + 1, params);
}

__attribute__((noinline)) static bool
reach_parts(struct filter_walk *walk, const struct topics_node *node, size_t i, size_t params)
{
	const struct topics_level *text = &walk->levels.level[i];
	const struct topics_node *each[TOPICS_TRIED_MAX];
	size_t count = topics_matching(walk->topics, node, text, each);

	for (size_t k = 0; k < count; k++) {
		(void)level_match(&each[k]->level, text->text, text->len, /* it does */
				  &walk->match.param[params]);
		if (reach(walk, each[k], i + 1, params + each[k]->level.params))
			return true;
	}
	return false;
}

/* The filter's level @i is text. */
static bool reach_text(struct filter_walk *walk, const struct topics_node *node, size_t i,
		       size_t params)
{
	const struct topics_level *text = &walk->levels.level[i];
	const struct topics_node *child = NULL;

	/* Many nodes may ask this of a level that is long. */
	if (text->len <= walk->topics->longest)
		child = *topics_slot(walk->topics, node, text->text, text->len);
	if (child && reach(walk, child, i + 1, params))
		return true;
	if ((i == 0 && walk->levels.text[0] == '$') ||
	    !topics_is_topic(&walk->levels, text->text, text->len))
		return false;
	if (node->parts && reach_parts(walk, node, i, params))
		return true;
	if (node->param && text->len > 0) {
		walk->match.param[params] = (struct contract_span){ text->text, text->len };
		if (reach(walk, node->param, i + 1, params + 1))
			return true;
	}
	return node->any && reach(walk, node->any, i + 1, params);
}

static bool reach(struct filter_walk *walk, const struct topics_node *node, size_t i, size_t params)
{
	const struct topics_level *text = &walk->levels.level[i];

	if (i < walk->levels.count && text->len == 1 && text->text[0] == '#')
		return reach_below(walk, node, params);
	if ((i > 0 || walk->levels.text[0] != '$') && visit(walk, node->rest))
		return true;
	if (i == walk->levels.count)
		return visit(walk, node->channel);
	if (text->len == 1 && text->text[0] == '+')
		return reach_each(walk, node, i, params);
	return reach_text(walk, node, i, params);
}

bool topics_reach(const struct topics *topics, const char *filter, size_t len,
		  contract_visit *visit_channel, void *ctx)
{
	struct filter_walk walk; /* not cleared: it is large */

	walk.topics = topics;
	walk.visit = visit_channel;
	walk.ctx = ctx;
	filter = topics_unshare(filter, &len);
	if (!topics_is_filter(filter, len))
		return false;
	/* Without a wildcard it is a topic, and a topic has one channel. */
	if (!memchr(filter, '+', len) && !memchr(filter, '#', len)) {
		topics_find(topics, filter, len, &walk.match);
		return walk.match.channel && visit_channel(&walk.match, ctx);
	}
	topics_split(filter, len, &walk.levels);
	walk.levels.seen = LEVELS_GOOD; /* but for its wildcards, which stand alone */
	return reach(&walk, topics->node, 0, 0);
}

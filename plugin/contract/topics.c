#include "contract/topics.h"

#include <stdlib.h>
#include <string.h>

#include "contract/topics_internal.h"

/* ---- life ------------------------------------------------------------------------------- */

struct topics *topics_new(size_t levels)
{
	struct topics *topics = calloc(1, sizeof(*topics));
	size_t slots = 16;

	while (slots < 2 * levels)
		slots *= 2;
	if (!topics)
		return NULL;
	topics->slot_mask = slots - 1;
	topics->slot = calloc(slots, sizeof(struct topics_node *));
	topics->single = calloc(TOPICS_PLACES, sizeof(*topics->single));
	topics->node = calloc(levels + 1, sizeof(struct topics_node));
	topics->node_count = 1;
	if (topics->node)
		topics->node->is_literal = true;
	if (topics->slot && topics->node && topics->single)
		return topics;
	topics_free(topics);
	return NULL;
}

void topics_free(struct topics *topics)
{
	if (!topics)
		return;
	for (size_t i = 0; topics->node && i < topics->node_count; i++)
		free(topics->node[i].parts);
	free(topics->slot);
	free(topics->single);
	free(topics->node);
	free(topics);
}

/* ---- levels with parts ------------------------------------------------------------------- */

struct topics_node **topics_group(const struct topics *topics, const struct topics_node *node,
				  const char *head, size_t head_len, const char *tail,
				  size_t tail_len)
{
	uint32_t parent = topics_index(topics, node);
	/* Not the hash of a literal child that is called like the head. */
	uint64_t hash = wordhash(wordhash(~(uint64_t)parent, head, head_len), tail, tail_len);
	size_t i = (size_t)hash & topics->slot_mask;

	for (; topics->slot[i]; i = (i + 1) & topics->slot_mask) {
		const struct level *level = &topics->slot[i]->level;

		if (topics->slot[i]->parent == parent && level->kind == LEVEL_PARTS &&
		    level->head == head_len && level->tail == tail_len &&
		    memcmp(level->text, head, head_len) == 0 &&
		    memcmp(level->text + level->len - tail_len, tail, tail_len) == 0)
			break;
	}
	return &topics->slot[i];
}

/* Puts @node among the @count of @ret, which are in the order of level_compare(). */
static void insert(const struct topics_node **ret, size_t count, const struct topics_node *node)
{
	size_t i = count;

	for (; i > 0 && level_compare(&node->level, &ret[i - 1]->level) < 0; i--)
		ret[i] = ret[i - 1];
	ret[i] = node;
}

size_t topics_matching(const struct topics *topics, const struct topics_node *node,
		       const struct topics_level *text,
		       const struct topics_node *ret[TOPICS_TRIED_MAX])
{
	struct contract_span ignored[CONTRACT_PARAMS_MAX];
	size_t count = 0;

	for (uint32_t i = 0; i < node->parts->count; i++) {
		const struct topics_shape *shape = &node->parts->shape[i];
		const struct topics_node *each;

		if ((size_t)shape->head + shape->tail >= text->len)
			continue;
		each = *topics_group(topics, node, text->text, shape->head,
				     text->text + text->len - shape->tail, shape->tail);
		for (; each; each = each->same)
			if (level_match(&each->level, text->text, text->len, ignored))
				insert(ret, count++, each);
	}
	return count;
}

/* ---- building ---------------------------------------------------------------------------- */

/* The shape of @level among those of @node's children, which may be new; or NULL, a fault. */
static struct topics_shape *find_shape(struct topics_node *node, const struct level *level,
				       enum topics_fault *fault)
{
	struct topics_parts *parts = node->parts;
	uint32_t count = parts ? parts->count : 0;

	for (uint32_t i = 0; i < count; i++)
		if (parts->shape[i].head == level->head && parts->shape[i].tail == level->tail)
			return &parts->shape[i];
	*fault = count == TOPICS_TRIED_MAX ? TOPICS_CROWDED : TOPICS_NOMEM;
	if (count == TOPICS_TRIED_MAX)
		return NULL;
	parts = realloc(parts, sizeof(*parts) + (count + 1) * sizeof(parts->shape[0]));
	if (!parts)
		return NULL;
	if (!node->parts)
		parts->tried = 0;
	node->parts = parts;
	parts->count = count + 1;
	parts->shape[count] = (struct topics_shape){ level->head, level->tail, 0 };
	return &parts->shape[count];
}

static struct topics_node *add_node(struct topics *topics, struct topics_node *parent,
				    const struct level *level)
{
	struct topics_node *node = &topics->node[topics->node_count++];

	node->level = *level;
	node->parent = topics_index(topics, parent);
	node->depth = (uint16_t)(parent->depth + 1);
	node->is_literal = level->kind == LEVEL_TEXT && parent->is_literal;
	if (level->kind == LEVEL_TEXT || level->kind == LEVEL_PARTS) {
		node->sibling = parent->child;
		parent->child = node;
	}
	return node;
}

static struct topics_node *add_parts(struct topics *topics, struct topics_node *node,
				     const struct level *level, enum topics_fault *fault)
{
	struct topics_node **at = topics_group(topics, node, level->text, level->head,
					       level->text + level->len - level->tail, level->tail);
	struct topics_shape *shape;
	struct topics_node *made;
	uint32_t count = 1;
	int order = 1;

	for (struct topics_node *each = *at; each; each = each->same)
		count++;
	while (*at && (order = level_compare(&(*at)->level, level)) < 0)
		at = &(*at)->same;
	if (*at && order == 0)
		return *at;
	shape = find_shape(node, level, fault);
	if (!shape)
		return NULL;
	if (count > shape->most) {
		*fault = TOPICS_CROWDED;
		if (node->parts->tried == TOPICS_TRIED_MAX)
			return NULL;
		shape->most = count;
		node->parts->tried++;
	}
	made = add_node(topics, node, level);
	made->same = *at;
	*at = made;
	return made;
}

/* The child of @node that @level is, which may be new; NULL, and *fault: there is no room. */
static struct topics_node *add_level(struct topics *topics, struct topics_node *node,
				     const struct level *level, enum topics_fault *fault)
{
	struct topics_node **at = level->kind == LEVEL_PARAM ? &node->param : &node->any;

	if (level->kind == LEVEL_PARTS)
		return add_parts(topics, node, level, fault);
	if (level->kind == LEVEL_TEXT)
		at = topics_slot(topics, node, level->text, level->len);
	if (!*at)
		*at = add_node(topics, node, level);
	if (level->kind == LEVEL_TEXT && level->len > topics->longest)
		topics->longest = level->len;
	return *at;
}

enum topics_fault topics_add(struct topics *topics, const struct contract_channel *channel,
			     const struct contract_channel **ret_other)
{
	struct topics_node *node = topics->node;
	const struct contract_channel **end = NULL;
	const char *address = channel->address;
	enum topics_fault fault = TOPICS_OK;
	struct level level;

	while (address && !end) {
		level_read(&address, &level);
		if (level.kind == LEVEL_REST)
			end = &node->rest;
		else if (!(node = add_level(topics, node, &level, &fault)))
			return fault;
	}
	if (!end)
		end = &node->channel;
	*ret_other = *end;
	if (*end)
		return TOPICS_SAME;
	*end = channel;
	return TOPICS_OK;
}

/* ---- matching --------------------------------------------------------------------------- */

static const struct contract_channel *find(const struct topics *topics,
					   const struct topics_node *node,
					   struct topics_levels *levels, size_t i,
					   struct contract_span *param);

/* Kept apart, because few addresses have such levels, and it needs much of the stack. */
__attribute__((noinline)) static const struct contract_channel *
find_parts(const struct topics *topics, const struct topics_node *node,
	   struct topics_levels *levels, size_t i, struct contract_span *param)
{
	const struct topics_level *text = &levels->level[i];
	const struct topics_node *each[TOPICS_TRIED_MAX];
	const struct contract_channel *found = NULL;
	size_t count = topics_matching(topics, node, text, each);

	for (size_t k = 0; k < count && !found; k++) {
		(void)level_match(&each[k]->level, text->text, text->len, param); /* it does */
		found = find(topics, each[k], levels, i + 1, param + each[k]->level.params);
	}
	return found;
}

static const struct contract_channel *find(const struct topics *topics,
					   const struct topics_node *node,
					   struct topics_levels *levels, size_t i,
					   struct contract_span *param)
{
	const struct topics_level *text = &levels->level[i];
	const struct contract_channel *found = NULL;
	const struct topics_node *child;

	if (i == levels->count)
		return node->channel ? node->channel : node->rest;
	if (node->child) {
		uint32_t parent = topics_index(topics, node);
		uint64_t hash = topics_hash(parent, text->text, text->len);

		if (node->is_literal && topics_may_be_single(topics, hash) &&
		    (found = topics_find_single(topics, hash, levels, i, param)))
			return found;
		child = *topics_slot_at(topics, parent, text->text, text->len, hash);
		if (child)
			found = find(topics, child, levels, i + 1, param);
	}
	if (!found && node->parts && topics_is_topic(levels, text->text, text->len))
		found = find_parts(topics, node, levels, i, param);
	if (!found && node->param && text->len > 0 &&
	    topics_is_topic(levels, text->text, text->len)) {
		*param = (struct contract_span){ text->text, text->len };
		found = find(topics, node->param, levels, i + 1, param + 1);
	}
	if (!found && node->any && topics_is_topic(levels, text->text, text->len))
		found = find(topics, node->any, levels, i + 1, param);
	/* The levels before this one were looked at; those behind it were not. */
	if (!found && node->rest &&
	    topics_is_topic(levels, text->text, levels->len - (size_t)(text->text - levels->text)))
		found = node->rest;
	return found;
}

void topics_find(const struct topics *topics, const char *topic, size_t len,
		 struct contract_match *ret)
{
	const struct topics_node *node = topics->node;
	struct topics_levels levels;
	size_t first = 0;

	ret->channel = NULL;
	if (len == 0 || len > TOPIC_MAX)
		return;
	topics_split(topic, len, &levels);
	if (topic[0] == '$') { /* MQTT 5, 4.7.2: no wildcard, and no parameter, in its place */
		node = *topics_slot(topics, node, topic, levels.level[0].len);
		first = 1;
	}
	if (node)
		ret->channel = find(topics, node, &levels, first, ret->param);
}

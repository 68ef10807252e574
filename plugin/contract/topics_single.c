/*
 * topics_single.c -- the short way to a channel that has the rest of its address for itself.
 *
 * Of thousands of addresses like "line-7/{orderId}/status" most are alone behind their first text.
 * For the topmost such node, where all levels above it are text and those below it text or one
 * parameter, a table leads from the node's hash to the channel: what is read then is a place of the
 * table, the address and the channel, and no nodes, which thousands of channels have in no cache.
 * It changes no answer: the whole topic is held against the address, and if that does not fit the
 * nodes are searched.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/topics_internal.h"

/* What is below a node, itself included. */
struct below {
	uint32_t channels;
	bool is_complex; /* a level has parts, or is a wildcard */
};

static void look_below(const struct topics *topics, struct below *below)
{
	for (size_t i = topics->node_count; i-- > 0;) { /* children come before their parents */
		const struct topics_node *node = &topics->node[i];
		struct below *above = &below[node->parent];

		below[i].channels += (node->channel ? 1u : 0u) + (node->rest ? 1u : 0u);
		below[i].is_complex |= node->rest || (node->level.kind != LEVEL_TEXT &&
						      node->level.kind != LEVEL_PARAM);
		if (i > 0) {
			above->channels += below[i].channels;
			above->is_complex |= below[i].is_complex;
		}
	}
}

static void add_single(struct topics *topics, const struct topics_node *node)
{
	const struct contract_channel *channel = topics_some_channel(node);
	uint64_t hash = topics_hash(node->parent, node->level.text, node->level.len);
	/* The only one below the node is the one that brought it, if it had no fault. */
	size_t head = (size_t)(node->level.text + node->level.len - channel->address);

	if (head > strlen(channel->address))
		return;
	for (size_t i = 0; i < TOPICS_PLACES; i++) {
		struct topics_single *place = &topics->single[(hash & topics->single_mask) + i];

		if (place->channel)
			continue;
		*place = (struct topics_single){ channel, channel->address, (uint32_t)(hash >> 32),
						 (uint32_t)head };
		return;
	}
}

bool topics_settle(struct topics *topics)
{
	struct below *below = calloc(topics->node_count, sizeof(*below));
	struct topics_single *table = NULL;
	size_t count = 0, places = 16;

	if (!below)
		return false;
	look_below(topics, below);
	below[0].is_complex = true;
	for (size_t i = 1; i < topics->node_count; i++) {
		const struct topics_node *node = &topics->node[i];

		below[i].is_complex |= !node->is_literal || below[i].channels != 1;
		/* The topmost: what is below its own children is not asked for. */
		if (!below[i].is_complex && below[node->parent].is_complex)
			count++;
	}
	while (places < 2 * count)
		places *= 2;
	table = calloc(places + TOPICS_PLACES - 1, sizeof(*table));
	if (!table)
		goto out;
	free(topics->single);
	topics->single = table;
	topics->single_mask = places - 1;
	for (size_t i = 1; i < topics->node_count; i++) {
		const struct topics_node *node = &topics->node[i];

		if (!below[i].is_complex && below[node->parent].is_complex)
			add_single(topics, node);
	}
out:
	free(below);
	return table != NULL;
}

/* Does @address go on with this text? The topic's may have U+0000, an address' has none. */
static bool begins(const char *address, const struct topics_level *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (address[i] != text->text[i] || address[i] == '\0')
			return false;
	return true;
}

/* Do the topic's levels from @i on match @address, the rest of one of text and parameters? */
static bool fits(const char *address, struct topics_levels *levels, size_t i,
		 struct contract_span *param)
{
	for (; i < levels->count; i++) {
		const struct topics_level *text = &levels->level[i];

		if (*address++ != '/')
			return false;
		if (*address == '{') {
			if (text->len == 0 || !topics_is_topic(levels, text->text, text->len))
				return false;
			*param++ = (struct contract_span){ text->text, text->len };
			address = strchr(address, '}') + 1;
		} else {
			if (!begins(address, text))
				return false;
			address += text->len;
		}
	}
	return *address == '\0';
}

/* It is the one, most likely: the decision will read all of it. */
static void expect(const struct contract_channel *channel)
{
	for (size_t at = 0; at < sizeof(*channel); at += 64)
		__builtin_prefetch((const char *)channel + at);
}

const struct contract_channel *topics_find_single(const struct topics *topics, uint64_t hash,
						  struct topics_levels *levels, size_t i,
						  struct contract_span *param)
{
	const struct topics_level *text = &levels->level[i];
	size_t head = (size_t)(text->text + text->len - levels->text);

	for (size_t k = 0; k < TOPICS_PLACES; k++) {
		const struct topics_single *place =
			&topics->single[(hash & topics->single_mask) + k];

		if (!place->channel || place->tag != (uint32_t)(hash >> 32) || place->head != head)
			continue;
		expect(place->channel);
		if (memcmp(place->address, levels->text, head) == 0 &&
		    fits(place->address + head, levels, i + 1, param))
			return place->channel;
	}
	return NULL;
}

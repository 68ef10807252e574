/*
 * topics_internal.h -- the trie of topics.h, for topics*.c only.
 */
#ifndef PETSTORE_CONTRACT_TOPICS_INTERNAL_H
#define PETSTORE_CONTRACT_TOPICS_INTERNAL_H

#include "base/wordhash.h"
#include "contract/level.h"
#include "contract/topics.h"

#define TOPIC_MAX 65535u /* bytes of an MQTT string */

/* Levels with parts, of one node, whose texts at both ends have these lengths. */
struct topics_shape {
	uint16_t head, tail;
	uint32_t most; /* of them that have the same texts */
};

struct topics_parts {
	uint32_t tried; /* the sum of most */
	uint32_t count;
	struct topics_shape shape[];
};

struct topics_node {
	struct level level;        /* in the address of the channel that brought it */
	uint32_t parent;           /* index, which tells equal levels of different parents apart */
	uint16_t depth;            /* 0: the root */
	bool is_literal;           /* it and all above it are text */
	struct topics_node *child; /* the first with text or parts */
	struct topics_node *sibling; /* the next of them under the same parent */
	/* LEVEL_PARTS: the next with the same text at both ends, in the order of level_compare().
	 */
	struct topics_node *same;
	struct topics_node *param;              /* the child that is one parameter */
	struct topics_node *any;                /* the child that is a "+" */
	struct topics_parts *parts;             /* where a child has parts; NULL: none has */
	const struct contract_channel *channel; /* whose address ends here */
	const struct contract_channel *rest;    /* whose address ends in "#" below here */
};

struct topics {
	size_t node_count;
	struct topics_node *node; /* the first is the root; a parent is before its children */
	size_t longest;           /* bytes of a level of LEVEL_TEXT */
	size_t slot_mask;
	/*
	 * By parent: nodes of LEVEL_TEXT by their text, and the first of those of LEVEL_PARTS that
	 * have the same text at both ends, by these. Open addressing.
	 */
	struct topics_node **slot;
	/* The channels that topics_single.c finds, by the hash of a node: topics_settle(). */
	struct topics_single *single;
	size_t single_mask;
};

/* A channel that has all topics below a node, whose levels are text. */
struct topics_single {
	const struct contract_channel *channel; /* NULL: the place is free */
	const char *address;                    /* the channel's; both are fetched at once */
	uint32_t tag;                           /* of the node's hash */
	uint32_t head;                          /* bytes of its address with the node's level */
};

struct topics_level {
	const char *text;
	size_t len;
};

/* A topic or filter, cut at its slashes. */
struct topics_levels {
	const char *text; /* all of it */
	size_t len;
	size_t count; /* CONTRACT_LEVELS_MAX + 1 where there are more than fit */
	/* What topics_is_topic() knows of a topic. */
	enum { LEVELS_UNSEEN = 0, LEVELS_GOOD, LEVELS_BAD } seen;
	struct topics_level level[CONTRACT_LEVELS_MAX + 1];
};

/* Cuts @text of @len bytes. A topic is cut for every message: what is in its levels is not looked
 * at. */
static inline void topics_split(const char *text, size_t len, struct topics_levels *ret)
{
	const char *end = text + len;

	ret->text = text;
	ret->len = len;
	ret->count = 0;
	ret->seen = LEVELS_UNSEEN;
	while (ret->count <= CONTRACT_LEVELS_MAX) {
		const char *slash = memchr(text, '/', (size_t)(end - text));

		ret->level[ret->count++] =
			(struct topics_level){ text, (size_t)((slash ? slash : end) - text) };
		if (!slash)
			return;
		text = slash + 1;
	}
}

#define TOPIC_SHORT 64u /* bytes that are looked at again rather than all of the topic once */

/*
 * May @text, a part of the topic, be what a parameter or wildcard stands for (level_is_topic())?
 * Many nodes may ask: of a long one the answer is that for the whole topic, which is looked at
 * once. (Literal levels are the contract's own, so nothing is lost where another part is at fault.)
 */
static inline bool topics_is_topic(struct topics_levels *levels, const char *text, size_t len)
{
	if (len <= TOPIC_SHORT)
		return level_is_topic(text, len);
	if (levels->seen == LEVELS_UNSEEN)
		levels->seen = level_is_topic(levels->text, levels->len) ? LEVELS_GOOD : LEVELS_BAD;
	return levels->seen == LEVELS_GOOD;
}

static inline uint32_t topics_index(const struct topics *topics, const struct topics_node *node)
{
	return (uint32_t)(node - topics->node);
}

/* Some channel at or below @node; none below the root of a trie without channels. */
static inline const struct contract_channel *topics_some_channel(const struct topics_node *node)
{
	while (node && !node->channel && !node->rest)
		node = node->child ? node->child : node->param ? node->param : node->any;
	return !node ? NULL : node->channel ? node->channel : node->rest;
}

/* Of the literal child @text of the node with the index @parent. Keys are the contract's own: no
 * client can choose keys that collide. */
static inline uint64_t topics_hash(uint32_t parent, const char *text, size_t len)
{
	return wordhash(parent, text, len);
}

#define TOPICS_PLACES 2u /* of a hash: what found none of them free has none */

/* May one of the places be of a node with @hash? */
static inline bool topics_may_be_single(const struct topics *topics, uint64_t hash)
{
	const struct topics_single *place = &topics->single[hash & topics->single_mask];
	uint32_t tag = (uint32_t)(hash >> 32);

	return place[0].tag == tag || place[1].tag == tag;
}

/* The channel whose node, the literal child that the topic's level @i is, has @hash, if it is one
 * of those in topics->single and has the topic; else NULL. */
const struct contract_channel *topics_find_single(const struct topics *topics, uint64_t hash,
						  struct topics_levels *levels, size_t i,
						  struct contract_span *param);

/* The slot of @node's literal child @text, with its hash: it holds that child, or NULL where there
 * is none. */
static inline struct topics_node **topics_slot_at(const struct topics *topics, uint32_t parent,
						  const char *text, size_t len, uint64_t hash)
{
	size_t i = (size_t)hash & topics->slot_mask;

	for (; topics->slot[i]; i = (i + 1) & topics->slot_mask) {
		const struct topics_node *child = topics->slot[i];

		if (child->parent == parent && child->level.len == len &&
		    memcmp(child->level.text, text, len) == 0 && child->level.kind == LEVEL_TEXT)
			break;
	}
	return &topics->slot[i];
}

static inline struct topics_node **topics_slot(const struct topics *topics,
					       const struct topics_node *node, const char *text,
					       size_t len)
{
	uint32_t parent = topics_index(topics, node);

	return topics_slot_at(topics, parent, text, len, topics_hash(parent, text, len));
}

/* The same of its children with parts, by their text at both ends: the first of them. */
struct topics_node **topics_group(const struct topics *topics, const struct topics_node *node,
				  const char *head, size_t head_len, const char *tail,
				  size_t tail_len);

/*
 * Finds the children with parts of @node that match @text, which level_is_topic(), best first.
 * Returns how many, in @ret.
 */
size_t topics_matching(const struct topics *topics, const struct topics_node *node,
		       const struct topics_level *text,
		       const struct topics_node *ret[TOPICS_TRIED_MAX]);

#endif

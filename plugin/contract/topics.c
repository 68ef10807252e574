#include "contract/topics.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/percent.h"
#include "base/wordhash.h"

#define TOPIC_MAX 65535u /* bytes of an MQTT string */

struct topic_node {
	const char *text; /* the level, in the address of the channel that brought it */
	size_t len;
	uint32_t parent;            /* index, which tells equal levels of different parents apart */
	struct topic_node *child;   /* first literal child */
	struct topic_node *sibling; /* next literal child of the same parent */
	struct topic_node *param;   /* the child that any id is */
	bool takes_owners; /* this node: it is a parameter that stands for owners' levels */
	const struct contract_channel *channel; /* whose address ends here */
	const struct contract_channel *rest;    /* whose address ends in "#" below here */
};

struct topics {
	size_t node_count;
	struct topic_node *node; /* the first is the root */
	size_t slot_mask;
	struct topic_node **slot; /* literal nodes by parent and level, open addressing */
};

struct topic_level {
	const char *text;
	size_t len;
};

/* A topic or filter, cut at its slashes. */
struct levels {
	const char *text; /* all of it */
	size_t len;
	size_t count;   /* CONTRACT_LEVELS_MAX + 1 where there are more than fit */
	bool has_owner; /* an owner's level that is no id was taken for a parameter */
	struct topic_level level[CONTRACT_LEVELS_MAX + 1];
};

/* ---- levels ----------------------------------------------------------------------------- */

/* Bits, to be ORed over a text. "+", "#" and U+0000 are strange: no topic has them. */
enum level_kind { KIND_ID = 1, KIND_OWNER = 2, KIND_STRANGE = 4, KIND_OTHER = 8 };

/* clang-format off */
static const unsigned char kinds[256] = {
	[0] = KIND_STRANGE, [1 ... '"'] = KIND_OTHER, ['#'] = KIND_STRANGE, ['$'] = KIND_OTHER,
	['%'] = KIND_OWNER, ['&' ... '*'] = KIND_OTHER, ['+'] = KIND_STRANGE, [','] = KIND_OTHER,
	['-'] = KIND_ID, ['.'] = KIND_OWNER, ['/'] = KIND_OTHER, ['0' ... '9'] = KIND_ID,
	[':' ... '@'] = KIND_OTHER, ['A' ... 'Z'] = KIND_ID, ['[' ... '^'] = KIND_OTHER,
	['_'] = KIND_ID, ['`'] = KIND_OTHER, ['a' ... 'z'] = KIND_ID, ['{' ... '}'] = KIND_OTHER,
	['~'] = KIND_OWNER, [127 ... 255] = KIND_OTHER,
};
/* clang-format on */

static unsigned kinds_in(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned seen = 0;

	for (; len >= 4; at += 4, len -= 4)
		seen |= (unsigned)kinds[at[0]] | kinds[at[1]] | kinds[at[2]] | kinds[at[3]];
	for (; len > 0; at++, len--)
		seen |= kinds[*at];
	return seen;
}

/* A topic is cut for every message: what its levels are made of is seen where it matters. */
static void split(const char *text, size_t len, struct levels *ret)
{
	const char *end = text + len;

	ret->text = text;
	ret->len = len;
	ret->count = 0;
	ret->has_owner = false;
	while (ret->count <= CONTRACT_LEVELS_MAX) {
		const char *slash = memchr(text, '/', (size_t)(end - text));

		ret->level[ret->count++] =
			(struct topic_level){ text, (size_t)((slash ? slash : end) - text) };
		if (!slash)
			return;
		text = slash + 1;
	}
}

static bool has_strange(const struct levels *levels)
{
	return (kinds_in(levels->text, levels->len) & KIND_STRANGE) != 0;
}

bool topics_is_id(const char *text, size_t len)
{
	return len > 0 && len <= ENTITY_ID_MAX && kinds_in(text, len) == KIND_ID;
}

/* A client's or a principal's level as base/percent.h has it. */
static bool is_owner(const struct topic_level *level)
{
	return level->len > 0 && level->len <= PERCENT_LEVEL_MAX &&
	       (kinds_in(level->text, level->len) & ~(unsigned)(KIND_ID | KIND_OWNER)) == 0;
}

static bool takes(const struct topic_node *param, const struct topic_level *level,
		  struct levels *levels)
{
	if (topics_is_id(level->text, level->len))
		return true;
	if (!param->takes_owners || !is_owner(level))
		return false;
	levels->has_owner = true;
	return true;
}

static bool is_char(const struct topic_level *level, char c)
{
	return level->len == 1 && level->text[0] == c;
}

/* ---- building --------------------------------------------------------------------------- */

struct topics *topics_new(size_t levels)
{
	struct topics *topics = calloc(1, sizeof(*topics));
	size_t slots = 16;

	while (slots < 2 * levels)
		slots *= 2;
	if (!topics)
		return NULL;
	topics->slot_mask = slots - 1;
	topics->slot = calloc(slots, sizeof(struct topic_node *));
	topics->node = calloc(levels + 1, sizeof(struct topic_node));
	topics->node_count = 1;
	if (topics->slot && topics->node)
		return topics;
	topics_free(topics);
	return NULL;
}

void topics_free(struct topics *topics)
{
	if (!topics)
		return;
	free(topics->slot);
	free(topics->node);
	free(topics);
}

static uint32_t index_of(const struct topics *topics, const struct topic_node *node)
{
	return (uint32_t)(node - topics->node);
}

/* The slot of @node's literal child @level: it holds that child, or NULL where there is none. */
static struct topic_node **find_slot(const struct topics *topics, const struct topic_node *node,
				     const struct topic_level *level)
{
	uint32_t parent = index_of(topics, node);
	/* Keys are the contract's own: no client can choose keys that collide. */
	uint64_t hash = wordhash(parent, level->text, level->len);
	size_t i = (size_t)hash & topics->slot_mask;

	for (; topics->slot[i]; i = (i + 1) & topics->slot_mask) {
		const struct topic_node *child = topics->slot[i];

		if (child->parent == parent && child->len == level->len &&
		    memcmp(child->text, level->text, level->len) == 0)
			break;
	}
	return &topics->slot[i];
}

static struct topic_node *add_node(struct topics *topics, const struct topic_node *parent,
				   const struct topic_level *level)
{
	struct topic_node *node = &topics->node[topics->node_count++];

	node->text = level->text;
	node->len = level->len;
	node->parent = index_of(topics, parent);
	return node;
}

static struct topic_node *add_level(struct topics *topics, struct topic_node *node,
				    const struct topic_level *level)
{
	struct topic_node **slot;

	if (level->text[0] == '{') {
		if (!node->param)
			node->param = add_node(topics, node, level);
		return node->param;
	}
	slot = find_slot(topics, node, level);
	if (!*slot) {
		*slot = add_node(topics, node, level);
		(*slot)->sibling = node->child;
		node->child = *slot;
	}
	return *slot;
}

/*
 * Only in channels to which no client publishes: in the others a parameter is an id, or what is
 * kept of it.
 */
static bool is_of_owners(const struct contract_channel *channel, size_t param)
{
	return channel->send_count == 0 && param < channel->param_count &&
	       channel->param[param].own != CONTRACT_OWN_NONE;
}

const struct contract_channel *topics_add(struct topics *topics,
					  const struct contract_channel *channel)
{
	struct topic_node *node = topics->node;
	const struct contract_channel **end = NULL;
	struct levels levels;
	size_t params = 0;

	split(channel->address, strlen(channel->address), &levels);
	for (size_t i = 0; i < levels.count; i++) {
		if (is_char(&levels.level[i], '#')) {
			end = &node->rest;
			break;
		}
		node = add_level(topics, node, &levels.level[i]);
		if (levels.level[i].text[0] == '{')
			node->takes_owners |= is_of_owners(channel, params++);
	}
	if (!end)
		end = &node->channel;
	if (*end)
		return *end;
	*end = channel;
	return NULL;
}

/* ---- matching --------------------------------------------------------------------------- */

static const struct contract_channel *find(const struct topics *topics,
					   const struct topic_node *node, struct levels *levels,
					   size_t i, struct contract_span *param)
{
	const struct topic_level *level = &levels->level[i];
	const struct contract_channel *found = NULL;
	const struct topic_node *child;

	if (i == levels->count)
		return node->channel ? node->channel : node->rest;
	child = node->child ? *find_slot(topics, node, level) : NULL;
	if (child)
		found = find(topics, child, levels, i + 1, param);
	if (!found && node->param && takes(node->param, level, levels)) {
		*param = (struct contract_span){ level->text, level->len };
		found = find(topics, node->param, levels, i + 1, param + 1);
	}
	/* Levels that are literals or ids have nothing strange; the others were not looked at. */
	return found || !node->rest || has_strange(levels) ? found : node->rest;
}

/* Channels share a parameter's node: of this one, only that for owners takes their levels. */
static bool is_taken(const struct contract_match *match)
{
	for (size_t i = 0; i < match->channel->param_count; i++)
		if (!is_of_owners(match->channel, i) &&
		    !topics_is_id(match->param[i].text, match->param[i].len))
			return false;
	return true;
}

struct contract_match topics_match(const struct topics *topics, const char *topic, size_t len)
{
	struct contract_match match;
	struct levels levels;

	match.channel = NULL;
	if (len == 0 || len > TOPIC_MAX)
		return match;
	split(topic, len, &levels);
	match.channel = find(topics, topics->node, &levels, 0, match.param);
	if (levels.has_owner && match.channel && !is_taken(&match))
		match.channel = NULL;
	return match;
}

/* ---- filters ---------------------------------------------------------------------------- */

/* MQTT 5, 4.7.1: wildcards stand alone in their level, "#" in the last one. */
static bool is_filter(const char *filter, size_t len)
{
	if (len == 0 || len > TOPIC_MAX || memchr(filter, '\0', len))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (filter[i] != '+' && filter[i] != '#')
			continue;
		if (i > 0 && filter[i - 1] != '/')
			return false;
		if (i + 1 < len && (filter[i] == '#' || filter[i + 1] != '/'))
			return false;
	}
	return true;
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

struct filter_walk {
	const struct topics *topics;
	struct levels levels;
	struct contract_match match;
	contract_visit *visit;
	void *ctx;
};

static bool visit(struct filter_walk *walk, const struct contract_channel *channel)
{
	walk->match.channel = channel;
	return channel && walk->visit(&walk->match, walk->ctx);
}

/* Does a wildcard at level @i leave @child out? 4.7.2: topics that begin with '$'. */
static bool is_hidden(const struct topic_node *child, size_t i)
{
	return i == 0 && child->text[0] == '$';
}

/* Everything at and below @node, which is @i levels deep. */
static bool reach_below(struct filter_walk *walk, const struct topic_node *node, size_t i,
			size_t params)
{
	if (visit(walk, node->channel) || visit(walk, node->rest))
		return true;
	for (const struct topic_node *child = node->child; child; child = child->sibling)
		if (!is_hidden(child, i) && reach_below(walk, child, i + 1, params))
			return true;
	if (!node->param)
		return false;
	walk->match.param[params] = (struct contract_span){ 0 };
	return reach_below(walk, node->param, i + 1, params + 1);
}

static bool reach(struct filter_walk *walk, const struct topic_node *node, size_t i, size_t params)
{
	const struct topic_level *level = &walk->levels.level[i];
	bool is_any;

	if (i < walk->levels.count && is_char(level, '#'))
		return reach_below(walk, node, i, params);
	if (visit(walk, node->rest))
		return true;
	if (i == walk->levels.count)
		return visit(walk, node->channel);
	is_any = is_char(level, '+');
	if (is_any) {
		for (const struct topic_node *child = node->child; child; child = child->sibling)
			if (!is_hidden(child, i) && reach(walk, child, i + 1, params))
				return true;
	} else {
		const struct topic_node *child = *find_slot(walk->topics, node, level);

		if (child && reach(walk, child, i + 1, params))
			return true;
	}
	if (!node->param || (!is_any && !takes(node->param, level, &walk->levels)))
		return false;
	walk->match.param[params] = is_any ? (struct contract_span){ 0 }
					   : (struct contract_span){ level->text, level->len };
	return reach(walk, node->param, i + 1, params + 1);
}

bool topics_reach(const struct topics *topics, const char *filter, size_t len,
		  contract_visit *visit_channel, void *ctx)
{
	struct filter_walk walk = { .topics = topics, .visit = visit_channel, .ctx = ctx };

	filter = topics_unshare(filter, &len);
	if (!is_filter(filter, len) || is_share(filter, len))
		return false;
	/* Without a wildcard it is a topic, and a topic has one channel. */
	split(filter, len, &walk.levels);
	if (!has_strange(&walk.levels)) {
		walk.match = topics_match(topics, filter, len);
		return walk.match.channel && visit_channel(&walk.match, ctx);
	}
	return reach(&walk, topics->node, 0, 0);
}

/*
 * content.c -- what a message says besides the time, in columns that other channels fill as well;
 * and whether the message's schemas have the members that a channel names.
 */
#include "contract/contract_internal.h"

#include <string.h>

#include "base/jsonpointer.h"
#include "base/wordhash.h"

#define DEPTH_MAX 8u     /* of schemas in schemas */
#define VISITS_MAX 2000u /* of a message's schemas; a time that none of these has is content */

/* A walk over the schemas of a message. */
struct content_search {
	struct loader *loader;
	void *ctx; /* of who looks */
	unsigned visits;
	bool is_local; /* only references within a file are followed */
	bool is_blind; /* there are schemas that were not looked at */
};
typedef bool content_look(struct content_search *search, const struct config *schema,
			  unsigned depth);

/*
 * Asks @look about each schema that is for the same value as @schema, until one is answered yes.
 * @look calls it again with its own arguments.
 */
static bool look_around(struct content_search *search, const struct config *schema, unsigned depth,
			content_look *look)
{
	static const char *const lists[] = { "allOf", "anyOf", "oneOf", NULL };
	static const char *const branches[] = { "then", "else", NULL };
	const struct config *ref = config_member(schema, "$ref"), *at = NULL;
	struct config_report unused = { .rc = 0 };

	if (depth >= DEPTH_MAX || search->visits >= VISITS_MAX) {
		search->is_blind = true;
		return false;
	}
	search->visits++;
	/* It may name nothing, or something by an $id, which this room does not know. */
	if (ref && (!search->is_local || (config_string(ref) && ref->text[0] == '#')))
		at = sources_resolve(&search->loader->contract->sources, ref, &unused);
	if (unused.rc == ERR_NOMEM)
		(void)config_nomem(search->loader->report);
	search->is_blind |= ref && !at;
	if (at && look(search, at, depth + 1))
		return true;
	for (const char *const *name = lists; *name; name++)
		config_foreach_item(item, config_member(schema, *name))
			if (look(search, item, depth + 1))
				return true;
	for (const char *const *name = branches; *name; name++) {
		at = config_member(schema, *name);
		if (at && look(search, at, depth + 1))
			return true;
	}
	return false;
}

static bool is_time(struct content_search *search, const struct config *schema, unsigned depth)
{
	return config_is(config_member(schema, "format"), "date-time") ||
	       look_around(search, schema, depth, is_time);
}

/* A column says what the message said last: what fills one is never left out. */
static bool is_kept(const struct contract_mapping *map, const char *name)
{
	for (size_t i = 0; i < map->fill_count; i++)
		if (strcmp(map->fill[i].member.name, name) == 0)
			return true;
	return strcmp(map->status_member.name, name) == 0 ||
	       (map->owner_member.name && strcmp(map->owner_member.name, name) == 0);
}

/* What is worked out of a channel. */
struct found_content {
	const struct contract_channel *channel;
	struct contract_content *content;
};

static void add(struct found_content *found, const char *name)
{
	struct contract_content *content = found->content;

	if (is_kept(found->channel->mapping, name))
		return;
	for (size_t i = 0; i < content->time_count; i++)
		if (strcmp(content->time[i].name, name) == 0)
			return;
	if (content->time_count < CONTRACT_TIMES_MAX)
		content->time[content->time_count++] =
			(struct contract_member){ name, strlen(name) };
	else
		content->surplus = name;
}

/* Never says yes: all of them are looked at. */
static bool add_members(struct content_search *search, const struct config *schema, unsigned depth)
{
	config_foreach_member(at, config_member(schema, "properties"))
		if (is_time(search, at, 0))
			add(search->ctx, at->key);
	return look_around(search, schema, depth, add_members);
}

/* Messages are compared as long as what is left out of them stays the same. */
static uint64_t mark_of(const struct contract_channel *channel,
			const struct contract_content *content)
{
	uint64_t mark = wordhash(0, channel->address, strlen(channel->address));

	for (size_t i = 0; i < content->time_count; i++)
		mark = wordhash(mark, content->time[i].name, content->time[i].len);
	return mark ? mark : 1;
}

void content_load(struct loader *loader, struct contract_channel *channel)
{
	struct found_content found = { .channel = channel };
	struct content_search search = { .loader = loader, .ctx = &found };

	if (!channel->mapping || !channel->mapping->transitions)
		return;
	found.content = loader_take(loader, 1, sizeof(*found.content));
	if (!found.content)
		return;
	if (channel->time_member.name)
		add(&found, channel->time_member.name);
	else
		for (size_t i = 0; i < channel->message_count; i++)
			(void)add_members(&search, loader->schema[channel->message[i].index], 0);
	found.content->mark = mark_of(channel, found.content);
	channel->content = found.content;
}

/* Another channel fills a column of @channel's. */
static void share_content(struct loader *loader, struct contract_channel *channel)
{
	struct contract_content *made = loader_take(loader, 1, sizeof(*made));

	if (!made)
		return;
	*made = *channel->content;
	made->is_shared = true;
	channel->content = made;
}

void content_compare(struct loader *loader)
{
	struct contract *contract = loader->contract;
	size_t columns = contract->plan.entity_count * ENTITY_COLUMNS_MAX;
	unsigned *fills = arena_take(&loader->scratch, columns, sizeof(*fills)); /* channels */

	if (!fills) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_mapping *map = contract->channel[i].mapping;

		for (size_t k = 0; map && k < map->fill_count; k++)
			fills[map->entity->index * ENTITY_COLUMNS_MAX + map->fill[k].column]++;
	}
	for (size_t i = 0; i < contract->channel_count; i++) {
		struct contract_channel *channel = &loader->channel[i];
		const struct contract_mapping *map = channel->mapping;

		for (size_t k = 0; map && k < map->fill_count && !channel->content->is_shared; k++)
			if (fills[map->entity->index * ENTITY_COLUMNS_MAX + map->fill[k].column] >
			    1)
				share_content(loader, channel);
	}
}

/* ---- members that are named ----------------------------------------------------------- */

/*
 * Do the members of the message exist that a channel names in x-time, x-unique and x-entity? One
 * that no schema of the message has is misspelt, most likely, and then silently without effect: a
 * warning. Where a schema takes members that it does not name nothing is said.
 */

struct member_search {
	const char *name;
	bool is_time;
	bool has_names; /* some schema has properties at all */
	bool is_named;
	bool is_required; /* where it is no property, too */
};

static bool has_one(const struct config *schema, const char *const *names)
{
	while (*names && !config_member(schema, *names))
		names++;
	return *names != NULL;
}

static bool has_string(const struct config *list, const char *text)
{
	config_foreach_item(item, list)
		if (config_is(item, text))
			return true;
	return false;
}

/* Does it take members by other means than their names in "properties"? */
static bool is_blind(const struct config *schema)
{
	static const char *const names[] = { "patternProperties",
					     "dependentSchemas",
					     "dependencies",
					     "$dynamicRef",
					     "$recursiveRef",
					     "enum",
					     "const",
					     NULL };

	return (schema->kind == CONFIG_BOOLEAN && schema->boolean) ||
	       (schema->kind == CONFIG_OBJECT && schema->count == 0) ||
	       config_count(config_member(schema, "additionalProperties")) > 0 ||
	       config_count(config_member(schema, "unevaluatedProperties")) > 0 ||
	       has_one(schema, names);
}

static bool may_be_time(struct content_search *search, const struct config *schema, unsigned depth)
{
	static const char *const values[] = { "enum", "const", NULL };
	static const char *const parts[] = { "$ref",  "$dynamicRef", "allOf", "anyOf",
					     "oneOf", "then",        "else",  NULL };
	const struct config *type = config_member(schema, "type");

	if ((schema->kind == CONFIG_BOOLEAN && !schema->boolean) || has_one(schema, values))
		return false;
	if (type)
		return config_is(type, "string") || has_string(type, "string");
	return !has_one(schema, parts) || config_member(schema, "$dynamicRef") ||
	       look_around(search, schema, depth, may_be_time);
}

/* One that says nothing of the type does not say that. */
static bool says_string(struct content_search *search, const struct config *schema, unsigned depth)
{
	const struct config *type = config_member(schema, "type");
	const struct config *constant = config_member(schema, "const");

	if (type)
		return config_is(type, "string") || has_string(type, "string");
	config_foreach_item(item, config_member(schema, "enum"))
		if (item->kind == CONFIG_STRING)
			return true;
	return (constant && constant->kind == CONFIG_STRING) ||
	       look_around(search, schema, depth, says_string);
}

/* What is looked for: the rest of a JSON Pointer (RFC 6901), objects only. */
static bool names_rest(struct content_search *search, const struct config *schema, unsigned depth)
{
	const char *rest = search->ctx;
	char token[JSONPOINTER_TOKEN_MAX];
	const struct config *member;
	bool is_found;

	if (!jsonpointer_next(&rest, token, sizeof(token)))
		return false;
	member = config_member(config_member(schema, "properties"), token);
	if (member && *rest == '\0')
		return true;
	if (member) {
		const char *whole = search->ctx;

		search->ctx = (void *)rest;
		is_found = names_rest(search, member, depth + 1);
		search->ctx = (void *)whole;
		if (is_found)
			return true;
	}
	return look_around(search, schema, depth, names_rest);
}

bool content_names(struct loader *loader, const struct config *schema, const char *pointer)
{
	struct content_search search = { .loader = loader, .ctx = (void *)pointer };

	return schema && names_rest(&search, schema, 0);
}

bool content_says_string(struct loader *loader, const struct config *schema)
{
	struct content_search search = { .loader = loader, .is_local = true };

	return says_string(&search, schema, 0);
}

static bool find_member(struct content_search *search, const struct config *schema, unsigned depth)
{
	struct member_search *wanted = search->ctx;
	const struct config *properties = config_member(schema, "properties");
	const struct config *member = config_member(properties, wanted->name);
	const struct config *condition = config_member(schema, "if");

	search->is_blind |= is_blind(schema);
	wanted->has_names |= config_count(properties) > 0;
	wanted->is_required |= has_string(config_member(schema, "required"), wanted->name);
	wanted->is_named |= member != NULL;
	if (member && (!wanted->is_time || may_be_time(search, member, 0)))
		return true;
	return look_around(search, schema, depth, find_member) ||
	       (condition && find_member(search, condition, depth + 1));
}

/* The string @at, "/member", which was found to be one. */
static void check_member(struct loader *loader, const struct contract_channel *channel,
			 const struct config *at, bool is_time)
{
	struct member_search wanted = { .name = at->text + 1, .is_time = is_time };
	struct content_search search = { .loader = loader, .ctx = &wanted };
	bool is_found = false;

	for (size_t i = 0; i < channel->message_count && !is_found; i++) {
		const struct config *schema = loader->schema[channel->message[i].index];

		is_found = schema && find_member(&search, schema, 0);
	}
	if (is_found || search.is_blind || !wanted.has_names ||
	    (wanted.is_required && !wanted.is_named))
		return;
	if (wanted.is_named)
		loader_warn(loader, at, NULL,
			    "by the schema of member \"%s\" it is no time; expected a string "
			    "of format date-time",
			    wanted.name);
	else
		loader_warn(loader, at, NULL, "no schema of the message has a member \"%s\"",
			    wanted.name);
}

void content_check_members(struct loader *loader, const struct config *owner,
			   const struct contract_channel *channel)
{
	const struct config *time = config_member(owner, "x-time");
	const struct config *entity = config_member(owner, "x-entity");
	const struct config *owner_at = config_member(entity, "owner");

	if (time)
		check_member(loader, channel, time, true);
	config_foreach_item(at, config_member(owner, "x-unique"))
		check_member(loader, channel, at, false);
	if (owner_at)
		check_member(loader, channel, owner_at, false);
	config_foreach_member(at, config_member(entity, "columns"))
		check_member(loader, channel, at, false);
}

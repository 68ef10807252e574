/*
 * members.c -- do the members of the message exist that a channel names in x-time, x-unique and
 * x-entity? One that no schema of the message has is misspelt, most likely, and then silently
 * without effect: a warning. Where a schema takes members that it does not name nothing is said.
 */
#include "contract/contract_internal.h"

#include <string.h>

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
	       content_look_around(search, schema, depth, may_be_time);
}

static bool find(struct content_search *search, const struct config *schema, unsigned depth)
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
	return content_look_around(search, schema, depth, find) ||
	       (condition && find(search, condition, depth + 1));
}

static void warn(struct loader *loader, const char *text)
{
	struct contract *contract = loader->contract;

	if (loader->warning_count == CONTRACT_WARNINGS_MAX)
		return;
	text = arena_text(&contract->arena, text, strlen(text));
	if (text)
		contract->warning[loader->warning_count++] = text;
	else
		(void)config_nomem(loader->report);
}

/* The string @at, "/member", which was found to be one. */
static void check(struct loader *loader, const struct config *at, bool is_time)
{
	struct member_search wanted = { .name = at->text + 1, .is_time = is_time };
	struct content_search search = { .loader = loader, .ctx = &wanted };
	bool is_found = loader->schema && find(&search, loader->schema, 0);
	struct diag text;

	if (is_found || search.is_blind || !wanted.has_names ||
	    (wanted.is_required && !wanted.is_named))
		return;
	if (wanted.is_named)
		config_line(&text, at, NULL,
			    "by the schema of member \"%s\" it is no time; expected a string "
			    "of format date-time",
			    wanted.name);
	else
		config_line(&text, at, NULL, "no schema of the message has a member \"%s\"",
			    wanted.name);
	warn(loader, text.text);
}

void members_check(struct loader *loader, const struct config *owner)
{
	const struct config *time = config_member(owner, "x-time");
	const struct config *entity = config_member(owner, "x-entity");
	const struct config *owner_at = config_member(entity, "owner");

	if (time)
		check(loader, time, true);
	config_foreach_item(at, config_member(owner, "x-unique"))
		check(loader, at, false);
	if (owner_at)
		check(loader, owner_at, false);
	config_foreach_member(at, config_member(entity, "columns"))
		check(loader, at, false);
}

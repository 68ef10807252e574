/*
 * members.c -- do the members of the message exist that a channel names in x-time, x-unique and
 * x-entity? One that no schema of the message has is misspelt, most likely, and then silently
 * without effect: a warning. Where a schema takes members that it does not name nothing is said.
 */
#include "contract/loader.h"

#include <string.h>

struct wanted {
	const char *name;
	bool is_time;
	bool has_names; /* some schema has properties at all */
	bool is_named;
	bool is_required; /* where it is no property, too */
};

static bool has_one(const json_t *schema, const char *const *names)
{
	while (*names && !json_object_get(schema, *names))
		names++;
	return *names != NULL;
}

static bool has_string(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *each = json_string_value(json_array_get(list, i));

		if (each && strcmp(each, text) == 0)
			return true;
	}
	return false;
}

/* Does it take members by other means than their names in "properties"? */
static bool is_blind(const json_t *schema)
{
	static const char *const names[] = { "patternProperties",
					     "dependentSchemas",
					     "dependencies",
					     "$dynamicRef",
					     "$recursiveRef",
					     "enum",
					     "const",
					     NULL };

	return json_is_true(schema) || (json_is_object(schema) && json_object_size(schema) == 0) ||
	       json_object_size(json_object_get(schema, "additionalProperties")) > 0 ||
	       json_object_size(json_object_get(schema, "unevaluatedProperties")) > 0 ||
	       has_one(schema, names);
}

static bool may_be_time(struct content_search *search, const struct place *schema, unsigned depth)
{
	static const char *const values[] = { "enum", "const", NULL };
	static const char *const parts[] = { "$ref",  "$dynamicRef", "allOf", "anyOf",
					     "oneOf", "then",        "else",  NULL };
	const json_t *type = json_object_get(schema->json, "type");

	if (json_is_false(schema->json) || has_one(schema->json, values))
		return false;
	if (json_is_string(type))
		return strcmp(json_string_value(type), "string") == 0;
	if (type)
		return has_string(type, "string");
	return !has_one(schema->json, parts) || json_object_get(schema->json, "$dynamicRef") ||
	       content_look_around(search, schema, depth, may_be_time);
}

static bool find(struct content_search *search, const struct place *schema, unsigned depth)
{
	struct wanted *wanted = search->ctx;
	struct place properties = place_member(schema, "properties");
	struct place member = place_member(&properties, wanted->name);
	struct place condition = place_member(schema, "if");

	search->is_blind |= is_blind(schema->json);
	wanted->has_names |= json_object_size(properties.json) > 0;
	wanted->is_required |= has_string(json_object_get(schema->json, "required"), wanted->name);
	wanted->is_named |= member.json != NULL;
	if (member.json && (!wanted->is_time || may_be_time(search, &member, 0)))
		return true;
	return content_look_around(search, schema, depth, find) ||
	       (condition.json && find(search, &condition, depth + 1));
}

static int warn(struct loader *loader, const char *text)
{
	struct contract *contract = loader->contract;

	if (contract->warning_count == CONTRACT_WARNINGS_MAX)
		return 0;
	text = arena_text(&contract->arena, text, strlen(text));
	if (!text)
		return diag_nomem(loader->diag);
	contract->warning[contract->warning_count++] = text;
	return 0;
}

/* The string @at, "/member", which was found to be one. */
static int check(struct loader *loader, const struct place *at, bool is_time)
{
	struct wanted wanted = { .name = json_string_value(at->json) + 1, .is_time = is_time };
	struct content_search search = { .loader = loader, .ctx = &wanted };
	bool is_found = find(&search, &loader->schema, 0);
	struct diag text;

	if (search.is_nomem)
		return diag_nomem(loader->diag);
	if (is_found || search.is_blind || !wanted.has_names ||
	    (wanted.is_required && !wanted.is_named))
		return 0;
	diag_init(&text);
	if (wanted.is_named)
		(void)place_fail(at, &text, ERR_INVALID,
				 "by the schema of member \"%s\" it is no time; expected a string "
				 "of format date-time",
				 wanted.name);
	else
		(void)place_fail(at, &text, ERR_INVALID,
				 "no schema of the message has a member \"%s\"", wanted.name);
	return warn(loader, text.text);
}

int members_check(struct loader *loader, const struct place *owner)
{
	struct place time = place_member(owner, "x-time");
	struct place unique = place_member(owner, "x-unique");
	struct place entity = place_member(owner, "x-entity");
	struct place owner_at = place_member(&entity, "owner");
	struct place columns = place_member(&entity, "columns");
	const char *key;
	json_t *value;
	int rc = time.json ? check(loader, &time, true) : 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(unique.json); i++) {
		struct place at = place_item(&unique, i);

		rc = check(loader, &at, false);
	}
	if (rc == 0 && owner_at.json)
		rc = check(loader, &owner_at, false);
	json_object_foreach(columns.json, key, value) {
		struct place at = place_member(&columns, key);

		if (rc == 0)
			rc = check(loader, &at, false);
	}
	return rc;
}

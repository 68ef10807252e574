/*
 * lint_schema.c -- payloads' schemas that take members which they do not name: a misspelt one
 * passes.
 */
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "ctl/deref.h"
#include "ctl/lint.h"
#include "ctl/pairs.h"

#define DEPTH_MAX 600u /* of a schema without references: references and levels */

/* ---- schemas ---------------------------------------------------------------------------- */

/* Can the value be no object at all? */
static bool excludes_objects(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");

	if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
		return true; /* one by one */
	if (json_is_array(type))
		return !lint_lists(type, "object");
	return type && strcmp(json_string_value(type), "object") != 0;
}

/* A schema that is walked over; what stands in several places of it is looked at once. */
struct survey {
	struct lint *lint;
	const char *where; /* the file, and the pointer to the channel */
	struct pairs closed;
	struct pairs walked;
};

static bool is_closed(struct survey *survey, const json_t *schema);

static bool are_closed(struct survey *survey, const json_t *list, bool is_one_enough)
{
	size_t closed = 0, count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
		closed += is_closed(survey, json_array_get(list, i));
	return is_one_enough ? closed > 0 : count > 0 && closed == count;
}

static bool is_closed_at_all(struct survey *survey, const json_t *schema)
{
	const json_t *additional = json_object_get(schema, "additionalProperties");

	return excludes_objects(schema) || json_object_get(schema, "$ref") || /* a circle */
	       json_is_false(additional) || json_is_object(additional) ||
	       json_is_false(json_object_get(schema, "unevaluatedProperties")) ||
	       are_closed(survey, json_object_get(schema, "allOf"), true) ||
	       are_closed(survey, json_object_get(schema, "anyOf"), false) ||
	       are_closed(survey, json_object_get(schema, "oneOf"), false);
}

/* Does it take only members that it says something of? */
static bool is_closed(struct survey *survey, const json_t *schema)
{
	uintptr_t known;

	if (!json_is_object(schema))
		return json_is_false(schema);
	if (pairs_get(&survey->closed, schema, NULL, &known))
		return known;
	known = is_closed_at_all(survey, schema);
	(void)pairs_put(&survey->closed, schema, NULL, known);
	return known;
}

static void walk_schema(struct survey *survey, const json_t *schema, const struct config *path,
			unsigned depth);

/* What stands below @schema, of which allOf and the like are parts. */
static void walk_members(struct survey *survey, const json_t *schema, const struct config *path,
			 unsigned depth)
{
	static const char *const parts[] = { "allOf", "anyOf", "oneOf", "then", "else" };
	const json_t *items = json_object_get(schema, "items");
	struct config at = { .up = path, .key = "*" };
	json_t *value;

	if (depth == 0 || !json_is_object(schema) || pairs_seen(&survey->walked, schema, NULL))
		return;
	json_object_foreach(json_object_get(schema, "properties"), at.key, value)
		walk_schema(survey, value, &at, depth - 1);
	at.key = "*";
	if (items)
		walk_schema(survey, items, &at, depth - 1);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *part = json_object_get(schema, parts[i]);

		walk_members(survey, part, path, depth - 1); /* then, else */
		for (size_t k = 0; k < json_array_size(part); k++)
			walk_members(survey, json_array_get(part, k), path, depth - 1);
	}
}

static void add_open(struct survey *survey, const struct config *path)
{
	char pointer[512];

	lint_add(survey->lint, LINT_WARNING,
		 "%s: the payload%s%s takes members that it does not name (a misspelt one "
		 "passes): set additionalProperties or unevaluatedProperties to false",
		 survey->where, path->up ? " at " : "",
		 config_pointer(path, NULL, pointer, sizeof(pointer)));
}

static void walk_schema(struct survey *survey, const json_t *schema, const struct config *path,
			unsigned depth)
{
	if (!is_closed(survey, schema))
		add_open(survey, path);
	walk_members(survey, schema, path, depth);
}

static void check_schema(struct lint *lint, const char *path, const struct contract *contract,
			 const struct contract_channel *channel)
{
	const struct config root = { .up = NULL };
	char where[512];
	struct survey survey = { .lint = lint, .where = where };
	enum deref_extent extent;
	json_t *schema = deref_schema(contract, channel->schema_uri, &extent);

	(void)snprintf(where, sizeof(where), "%s: /channels/%s", path, channel->name);
	if (extent == DEREF_STOPPED)
		lint_add(lint, LINT_WARNING,
			 "%s: the payload's schema refers to itself in too many ways to be looked "
			 "at "
			 "(more than %u parts): whether it is closed is not known",
			 where, DEREF_MAX);
	else
		walk_schema(&survey, schema, &root, DEPTH_MAX);
	pairs_clear(&survey.closed);
	pairs_clear(&survey.walked);
	json_decref(schema);
}

void lint_schemas(struct lint *lint, const char *path, const struct contract *contract)
{
	size_t count = contract->channel_count;

	for (size_t i = 0; i < count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		bool is_first = true;

		if (!channel->schema_uri || !channel->send.name)
			continue;
		for (size_t k = 0; k < i; k++) {
			const char *before = contract->channel[k].schema_uri;

			is_first &= !before || strcmp(before, channel->schema_uri) != 0;
		}
		if (is_first)
			check_schema(lint, path, contract, channel);
	}
}

/*
 * translate_parts.c -- parameters and servers of 2.x.
 */
#include "contract/translate_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- parameters ------------------------------------------------------------------------- */

/* A topic level that is the JSON text of an integer. */
#define INTEGER_PATTERN "^-?(0|[1-9][0-9]*)$"
#define NUMBER_PATTERN "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$"
#define UUID_PATTERN "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"

/* A value of a schema as the text of a topic level; NULL, and a note, where it is none. */
static struct draft *level(struct translator *t, const struct config *at)
{
	char text[32];

	switch (at->kind) {
	case CONFIG_STRING:
		return draft_alias(&t->drafts, at);
	case CONFIG_INTEGER:
		(void)snprintf(text, sizeof(text), "%" PRId64, at->integer);
		return draft_place(draft_string(&t->drafts, text), at);
	case CONFIG_BOOLEAN:
		return draft_place(draft_string(&t->drafts, at->boolean ? "true" : "false"), at);
	default:
		translate_note(t, at, "is not carried over: it is no text of a topic level");
		return NULL;
	}
}

static struct draft *levels(struct translator *t, const struct config *list)
{
	struct draft *made = draft_place(draft_array(&t->drafts), list);

	config_foreach_item(item, list)
		draft_add(&t->drafts, made, level(t, item));
	return made;
}

/* What @schema says by type and format alone, as the pattern of a topic level. */
static const char *pattern_of(const struct config *schema)
{
	static const struct {
		const char *key, *value, *pattern;
	} row[] = {
		{ "format", "uuid", UUID_PATTERN },
		{ "type", "integer", INTEGER_PATTERN },
		{ "type", "number", NUMBER_PATTERN },
		{ "type", "boolean", "^(true|false)$" },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (config_is(config_member(schema, row[i].key), row[i].value))
			return row[i].pattern;
	return NULL;
}

static void note_rest(struct translator *t, const struct config *schema)
{
	static const char *const carried[] = { "enum",  "const",  "default",     "examples",
					       "title", "type",   "description", "pattern",
					       "$id",   "format", "$comment",    NULL };

	config_foreach_member(member, schema) {
		const char *const *name = carried;

		while (*name && strcmp(*name, member->key) != 0)
			name++;
		if (strcmp(member->key, "format") == 0 && !config_is(member, "uuid"))
			translate_note(t, member, "is not carried over: a parameter has no format");
		else if (!*name && strncmp(member->key, "x-", 2) != 0)
			translate_note(t, member,
				       "is not carried over: a parameter has enum, x-pattern, "
				       "default and examples");
	}
}

static void narrow(struct translator *t, struct draft *made, const struct config *schema)
{
	const struct config *pattern = config_member(schema, "pattern");
	const struct config *constant = config_member(schema, "const");
	const char *own = pattern_of(schema);
	struct draft *list;

	if (config_member(schema, "enum")) {
		draft_put(&t->drafts, made, "enum", levels(t, config_member(schema, "enum")));
	} else if (constant) {
		list = draft_place(draft_array(&t->drafts), constant);
		draft_add(&t->drafts, list, level(t, constant));
		draft_put(&t->drafts, made, "enum", list);
	} else if (pattern) {
		draft_put(&t->drafts, made, "x-pattern", draft_alias(&t->drafts, pattern));
	} else if (own) {
		draft_put(&t->drafts, made, "x-pattern",
			  draft_place(draft_string(&t->drafts, own), schema));
	}
	if (config_member(schema, "default"))
		draft_put(&t->drafts, made, "default", level(t, config_member(schema, "default")));
	if (config_member(schema, "examples"))
		draft_put(&t->drafts, made, "examples",
			  levels(t, config_member(schema, "examples")));
	if (!draft_get(&t->drafts, made, "description"))
		draft_copy(&t->drafts, made, config_member(schema, "description"));
	note_rest(t, schema);
}

struct draft *translate_parameter(struct translator *t, const struct config *at)
{
	struct draft *made = draft_place(draft_object(&t->drafts), at);
	const struct config *schema = sources_follow(t->sources, config_member(at, "schema"));

	config_foreach_member(member, at)
		if (strcmp(member->key, "schema") != 0)
			draft_copy(&t->drafts, made, member);
	if (schema && schema->kind == CONFIG_OBJECT)
		narrow(t, made, schema);
	return made;
}

/* ---- servers ---------------------------------------------------------------------------- */

/* @len bytes of the text of @url, as member @key. */
static void put_part(struct translator *t, struct draft *made, const char *key, const char *text,
		     size_t len, const struct config *url)
{
	const char *part = arena_text(t->drafts.arena, text, len);

	if (part)
		draft_put(&t->drafts, made, key, draft_place(draft_string(&t->drafts, part), url));
	else if (t->drafts.rc == 0)
		t->drafts.rc = ERR_NOMEM;
}

/* "mqtt://host:1883/path" -> host, pathname, and protocol where the server does not say it. */
static void split_url(struct translator *t, const struct config *at, const struct config *url,
		      struct draft *made)
{
	const char *text = config_string(url), *scheme, *path;

	if (!text) {
		draft_put(&t->drafts, made, "host", draft_alias(&t->drafts, url));
		return;
	}
	scheme = strstr(text, "://");
	if (scheme && !config_member(at, "protocol")) {
		put_part(t, made, "protocol", text, (size_t)(scheme - text), url);
	}
	text = scheme ? scheme + 3 : text;
	path = strchr(text, '/');
	put_part(t, made, "host", text, strcspn(text, "/"), url);
	if (path)
		put_part(t, made, "pathname", path, strlen(path), url);
}

struct draft *translate_server(struct translator *t, const struct config *at)
{
	struct draft *made = draft_place(draft_object(&t->drafts), at);

	config_foreach_member(member, at) {
		if (strcmp(member->key, "url") == 0)
			split_url(t, at, member, made);
		else if (strcmp(member->key, "security") == 0)
			draft_put(&t->drafts, made, "security", translate_security(t, member));
		else
			draft_copy(&t->drafts, made, member);
	}
	return made;
}

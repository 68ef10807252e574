/*
 * sources_load.c -- loads all files that references name, so that schemas can be compiled.
 */
#include "contract/sources_internal.h"

#include <string.h>

static bool is_one_of(const char *key, const char *const *words)
{
	while (*words && strcmp(*words, key) != 0)
		words++;
	return *words != NULL;
}

/* Is there an $id that says @ref? Then it names a schema inside of this file. */
static bool has_id(const struct config *value, const char *ref, size_t len)
{
	const struct config *id = config_member(value, "$id");

	if (id && id->kind == CONFIG_STRING && id->count == len && memcmp(id->text, ref, len) == 0)
		return true;
	config_foreach(child, value)
		if (has_id(child, ref, len))
			return true;
	return false;
}

/* Most references are to this file or to one that is loaded: the search for an $id is last. */
static void load_reference(struct sources *set, const struct config *at)
{
	const struct sources_file *from = sources_file_of(set, at);
	const char *ref = NULL;
	size_t len;
	bool is_known;

	if (!config_text(set->report, at, NULL, SOURCES_URI_MAX, &ref))
		return;
	len = strcspn(ref, "#");
	is_known = sources_find_known(set, from, ref, len) != NULL;
	if (!is_known && (len == 0 || sources_has_scheme(ref)))
		return;
	if (is_known ||
	    (!sources_is_loaded(set, at, ref, len) && !has_id(from->original, ref, len)))
		(void)sources_open_reference(set, at, ref, set->report);
}

/*
 * Walks a file. @is_named: the members' names are an author's own (the properties of a schema, the
 * messages of a channel), so that one called "$ref" refers to nothing, and one called "default" is
 * looked into.
 */
static void load_below(struct sources *set, const struct config *value, bool is_named)
{
	static const char *const refs[] = { "$ref", "$dynamicRef", NULL };
	static const char *const data[] = { "const", "enum", "default", "examples", NULL };
	static const char *const maps[] = { "properties",  "patternProperties", "$defs",
					    "definitions", "dependentSchemas",  "channels",
					    "operations",  "messages",          "schemas",
					    "servers",     "parameters",        "messageTraits",
					    NULL };

	config_foreach(child, value) {
		bool is_keyword = child->key && !is_named;

		if (config_is_full(set->report))
			return;
		if (is_keyword && is_one_of(child->key, refs))
			load_reference(set, child);
		else if (!is_keyword || !is_one_of(child->key, data))
			load_below(set, child, is_keyword && is_one_of(child->key, maps));
	}
}

void sources_load_all(struct sources *sources)
{
	/* The walk itself adds files. */
	for (size_t i = 0; i < sources->count; i++)
		load_below(sources, sources->file[i]->original, false);
}

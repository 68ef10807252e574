/*
 * sources_load.c -- loads all files that references name, so that schemas can be compiled.
 */
#include "contract/sources_internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *key, const char *const *words)
{
	while (*words && strcmp(*words, key) != 0)
		words++;
	return *words != NULL;
}

/* ---- what is in a file by its $id --------------------------------------------------------- */

/* Counts the $id of @value and of what is below; with room for them, in @ret, writes them too. */
static size_t list_ids(const struct config *value, const char **ret, size_t count)
{
	const char *id = config_string(config_member(value, "$id"));

	if (id && ret)
		ret[count] = id;
	count += id != NULL;
	config_foreach(child, value)
		if (child->kind >= CONFIG_ARRAY)
			count = list_ids(child, ret, count);
	return count;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool make_list(struct sources *set, struct sources_file *file)
{
	size_t count = list_ids(file->original, NULL, 0);

	file->inner = arena_take(set->arena, count, sizeof(*file->inner));
	if (!file->inner)
		return config_nomem(set->report);
	file->inner_count = list_ids(file->original, file->inner, 0);
	qsort(file->inner, count, sizeof(*file->inner), compare_ids);
	return true;
}

/* Is there an $id that says @ref (@len bytes)? Then it names a schema inside of this file. */
static bool has_id(struct sources *set, struct sources_file *file, const char *ref, size_t len)
{
	char text[SOURCES_URI_MAX + 1];
	const char *key = text;

	if (!file->inner && !make_list(set, file))
		return false;
	memcpy(text, ref, len);
	text[len] = '\0';
	return file->inner_count > 0 &&
	       bsearch(&key, file->inner, file->inner_count, sizeof(*file->inner), compare_ids);
}

/* ---- references --------------------------------------------------------------------------- */

/* Most references are to this file or to one that is loaded: the search for an $id is last. */
static void load_reference(struct sources *set, const struct config *at)
{
	struct sources_file *from = sources_file_of(set, at);
	const char *ref = NULL;
	size_t len;
	bool is_known;

	if (!config_text(set->report, at, NULL, SOURCES_URI_MAX, &ref))
		return;
	len = strcspn(ref, "#");
	is_known = sources_find_known(set, from, ref, len) != NULL;
	if (!is_known && (len == 0 || sources_has_scheme(ref)))
		return;
	if (is_known || (!sources_is_loaded(set, at, ref, len) && !has_id(set, from, ref, len)))
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

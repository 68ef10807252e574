#include "gate/rules_made.h"

#include <string.h>

#include "base/arena.h"
#include "schema/uri.h"

static bool is_one_of(const char *key, const char *const *words)
{
	while (*words && strcmp(*words, key) != 0)
		words++;
	return *words != NULL;
}

/* The reference @at as a URI, relative to the file that it stands in. */
static bool set_reference(const struct sources *sources, const struct config *at, json_t *owner)
{
	const char *ref = config_string(at);
	struct arena arena = { 0 };
	json_t *made = NULL;
	char *uri;

	if (!ref || strlen(ref) > URI_MAX_BYTES)
		return true; /* the engine says what is wrong with it */
	if (uri_resolve(&arena, sources_file_of(sources, at)->uri, ref, &uri) == 0)
		made = json_sprintf("%s%s%s", uri, strchr(ref, '#') ? "#" : "", uri_fragment(ref));
	arena_clear(&arena);
	return made && json_object_set_new(owner, at->key, made) == 0;
}

/*
 * Sets the references in @json, which is @value. @is_named: the members' names are an author's own,
 * so that "$ref" is none of a reference. False: memory ran out.
 */
static bool set_references(const struct sources *sources, const struct config *value, json_t *json,
			   bool is_named)
{
	static const char *const refs[] = { "$ref", "$dynamicRef", NULL };
	static const char *const data[] = { "const", "enum", "default", "examples", NULL };
	static const char *const maps[] = { "properties",  "patternProperties", "$defs",
					    "definitions", "dependentSchemas",  NULL };
	const struct config *id = is_named ? NULL : config_member(value, "$id");

	if (id && config_string(id) && config_string(id)[0] != '#')
		return true;
	config_foreach(child, value) {
		bool is_keyword = child->key && !is_named;
		json_t *its = child->key ? json_object_get(json, child->key)
					 : json_array_get(json, (size_t)(child - value->item));

		if (is_keyword && is_one_of(child->key, refs)) {
			if (!set_reference(sources, child, json))
				return false;
		} else if ((!is_keyword || !is_one_of(child->key, data)) &&
			   !set_references(sources, child, its,
					   is_keyword && is_one_of(child->key, maps))) {
			return false;
		}
	}
	return true;
}

int rules_add_made(const struct sources *sources, const struct sources_made *made,
		   struct schema_set *set, struct diag *diag)
{
	json_t *json = config_json(made->root);
	int rc;

	rc = json && set_references(sources, made->root, json, false)
		     ? schema_set_add(set, made->uri, made->name, json, SCHEMA_UNSAID, diag)
		     : diag_nomem(diag);
	json_decref(json);
	return rc;
}

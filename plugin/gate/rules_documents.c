#include "gate/rules_documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/jsonpointer.h"
#include "base/percent.h"
#include "gate/rules_made.h"
#include "schema/uri.h"

/* Schemas of one set. A set compiles metaschemas anew, which takes as long as some dozen schemas.
 */
#define PART_MAX 1024u

struct rules_documents {
	const struct contract *contract;
	const struct rules_wanted *wanted, *part; /* all of them, and those of the last set */
	size_t count, part_count;
	bool has_operations; /* something refers to them; no schema stands in them else */
	bool is_in_parts;
	json_t **json; /* of each file; its units are those of the last set */
	size_t unit_count, unit_cap;
	const struct config **unit; /* that the last set has */
};

/*
 * A unit is a member of a file's /channels or of a group of its /components. The documents have it
 * only where a schema of the set stands in it, or something refers to it that they have.
 */
struct unit {
	const struct config *at;
	json_t *group; /* where its JSON is, or would be */
};

/* ---- references ------------------------------------------------------------------------- */

static bool is_one_of(const char *key, const char *const *words)
{
	while (*words && strcmp(*words, key) != 0)
		words++;
	return *words != NULL;
}

/* The text of a reference; NULL: @value is none. */
static const char *reference(const struct config *value)
{
	static const char *const refs[] = { "$ref", "$dynamicRef", "$recursiveRef", NULL };

	return value->key && is_one_of(value->key, refs) ? config_string(value) : NULL;
}

/* Writes @text without percent-encoding to @ret (SOURCES_URI_MAX bytes); false: it is too long. */
static bool decode(const char *text, char *ret)
{
	size_t len = strlen(text);

	if (len >= SOURCES_URI_MAX)
		return false;
	memcpy(ret, text, len + 1);
	(void)percent_decode(ret);
	return true;
}

/* The number of the file with the URI @uri (@len bytes); as many as there are: it is none's. */
static size_t file_by_uri(const struct sources *sources, const char *uri, size_t len)
{
	size_t i = 0;

	while (i < sources->count && (strncmp(sources->file[i]->uri, uri, len) != 0 ||
				      sources->file[i]->uri[len] != '\0'))
		i++;
	return i;
}

/* The same for the file that the reference @text, which stands in @at, leads to. */
static size_t file_by_reference(const struct sources *sources, const struct config *at,
				const char *text)
{
	const struct sources_file *file = sources_file_of(sources, at);
	struct arena arena = { 0 };
	size_t ret = sources->count;
	char *uri;

	if (text[0] == '#')
		return file_by_uri(sources, file->uri, strlen(file->uri));
	if (strlen(text) <= URI_MAX_BYTES && uri_resolve(&arena, file->uri, text, &uri) == 0)
		ret = file_by_uri(sources, uri, strcspn(uri, "#"));
	arena_clear(&arena);
	return ret;
}

/* ---- may the documents be in parts? ----------------------------------------------------- */

/* Does "POINTER", or "/POINTER/...", name no unit, but all of them? */
static bool is_of_many(const char *pointer)
{
	size_t slashes = 0;

	for (const char *at = pointer; *at; at++)
		slashes += *at == '/';
	return slashes < (strncmp(pointer, "/components", 11) == 0 ? 3u : 2u);
}

/* @value is a reference with this @text, in a unit or elsewhere. */
static void look_at_reference(struct rules_documents *documents, const struct config *value,
			      const char *text, bool is_in_unit)
{
	const struct sources *sources = &documents->contract->sources;
	char decoded[SOURCES_URI_MAX];
	const char *pointer;

	if (!decode(text, decoded)) {
		documents->is_in_parts = false;
		return;
	}
	documents->has_operations |= strstr(decoded, "operations") != NULL;
	pointer = strchr(decoded, '#');
	pointer = pointer ? pointer + 1 : "";
	if (strncmp(pointer, "/channels", 9) != 0 && strncmp(pointer, "/components", 11) != 0)
		return;
	if (!is_in_unit || is_of_many(pointer) ||
	    file_by_reference(sources, value, text) == sources->count)
		documents->is_in_parts = false;
}

/*
 * Looks at @value and all below. What has a name of its own may be meant by a reference without a
 * pointer to it, and a discriminator finds its schemas by themselves.
 */
static void look(struct rules_documents *documents, const struct config *value, bool is_in_unit)
{
	static const char *const names[] = { "$id", "id", "$anchor", "$dynamicAnchor", NULL };
	const char *key = value->key ? value->key : "";
	const char *text = reference(value);

	if (text)
		look_at_reference(documents, value, text, is_in_unit);
	else if (strcmp(key, "discriminator") == 0 ||
		 (is_in_unit && is_one_of(key, names) && config_string(value)))
		documents->is_in_parts = false;
	if (strcmp(key, "examples") == 0)
		return; /* data; a reference to it as a schema says where it is */
	config_foreach(child, value)
		look(documents, child, is_in_unit);
}

/* What these refer to are no schemas. */
static bool has_no_schemas(const char *key)
{
	static const char *const keys[] = { "operations", "servers", "info", NULL };

	return is_one_of(key, keys);
}

static bool has_units(const char *key)
{
	return strcmp(key, "channels") == 0 || strcmp(key, "components") == 0;
}

static void look_at_all(struct rules_documents *documents)
{
	const struct sources *sources = &documents->contract->sources;

	for (size_t i = 0; i < sources->count; i++) {
		config_foreach(child, sources->file[i]->original)
			if (!child->key || !has_no_schemas(child->key))
				look(documents, child, child->key && has_units(child->key));
	}
	documents->is_in_parts &= !documents->has_operations;
}

/* ---- all documents ---------------------------------------------------------------------- */

/* The document without its operations and units, which most of a large one are. */
static json_t *document_json(const struct rules_documents *documents, const struct config *root)
{
	json_t *json;

	if (root->kind != CONFIG_OBJECT)
		return config_json(root);
	json = json_object();
	config_foreach_member(member, root) {
		bool is_left_out =
			(strcmp(member->key, "operations") == 0 && !documents->has_operations) ||
			(has_units(member->key) && documents->is_in_parts);
		json_t *made = is_left_out ? NULL : config_json(member);

		if (is_left_out ||
		    (made && json_object_set_new_nocheck(json, member->key, made) == 0))
			continue;
		json_decref(json);
		return NULL;
	}
	return json;
}

int rules_documents_new(const struct contract *contract, const struct rules_wanted *wanted,
			size_t count, struct rules_documents **ret, struct diag *diag)
{
	struct rules_documents *documents = calloc(1, sizeof(*documents));
	size_t files = contract->sources.count;

	if (!documents || !(documents->json = calloc(files + 1, sizeof(json_t *)))) {
		free(documents);
		return diag_nomem(diag);
	}
	documents->contract = contract;
	documents->wanted = wanted;
	documents->count = count;
	documents->is_in_parts = count > PART_MAX;
	look_at_all(documents);
	for (size_t i = 0; i < files; i++) {
		const struct config *root = contract->sources.file[i]->original;

		documents->json[i] = root ? document_json(documents, root) : NULL;
		if (!root || documents->json[i])
			continue;
		rules_documents_free(documents);
		return diag_nomem(diag);
	}
	*ret = documents;
	return 0;
}

void rules_documents_free(struct rules_documents *documents)
{
	if (!documents)
		return;
	for (size_t i = 0; i < documents->contract->sources.count; i++)
		json_decref(documents->json[i]);
	free(documents->json);
	free(documents->unit);
	free(documents);
}

size_t rules_documents_part(const struct rules_documents *documents, size_t from)
{
	size_t rest = documents->count - from;

	return documents->is_in_parts && rest > PART_MAX ? PART_MAX : rest;
}

/* ---- what one set gets ------------------------------------------------------------------ */

/* The unit of the @i-th file that @fragment, percent-encoded, names or leads into. */
static bool find_unit(const struct rules_documents *documents, size_t i, const char *fragment,
		      struct unit *ret)
{
	char decoded[SOURCES_URI_MAX], token[JSONPOINTER_TOKEN_MAX];
	const char *rest = decoded;
	unsigned levels;

	if (!decode(fragment, decoded) || *rest != '/' ||
	    !jsonpointer_next(&rest, token, sizeof(token)) || !has_units(token))
		return false;
	levels = strcmp(token, "components") == 0 ? 2 : 1;
	ret->at = config_member(documents->contract->sources.file[i]->original, token);
	ret->group = json_object_get(documents->json[i], token);
	for (; levels > 0; levels--) {
		if (*rest != '/' || !jsonpointer_next(&rest, token, sizeof(token)))
			return false;
		ret->at = config_member(ret->at, token);
		if (levels > 1)
			ret->group = json_object_get(ret->group, token);
	}
	return ret->at && ret->group;
}

/* /channels or /components without a unit: for that the groups are there, empty. */
static json_t *empty_json(const struct config *value)
{
	json_t *json = json_object();

	if (strcmp(value->key, "components") != 0)
		return json;
	config_foreach_member(group, value) {
		if (json_object_set_new_nocheck(json, group->key, json_object()) == 0)
			continue;
		json_decref(json);
		return NULL;
	}
	return json;
}

static int leave_out_units(struct rules_documents *documents, size_t i)
{
	int rc = 0;

	documents->unit_count = 0;
	config_foreach_member(member, documents->contract->sources.file[i]->original)
		if (has_units(member->key) && rc == 0)
			rc = json_object_set_new_nocheck(documents->json[i], member->key,
							 empty_json(member));
	return rc ? ERR_NOMEM : 0;
}

static int add_unit(struct rules_documents *documents, const struct unit *unit)
{
	if (json_object_get(unit->group, unit->at->key))
		return 0;
	if (documents->unit_count == documents->unit_cap) {
		size_t cap = 2 * documents->unit_cap + 64;
		const struct config **larger =
			realloc(documents->unit, cap * sizeof(*documents->unit));

		if (!larger)
			return ERR_NOMEM;
		documents->unit = larger;
		documents->unit_cap = cap;
	}
	documents->unit[documents->unit_count++] = unit->at;
	return json_object_set_new_nocheck(unit->group, unit->at->key, config_json(unit->at))
		       ? ERR_NOMEM
		       : 0;
}

/* Adds the units that something in @value refers to. */
static int add_references(struct rules_documents *documents, const struct config *value)
{
	const struct sources *sources = &documents->contract->sources;
	const char *text = reference(value);
	size_t i = text ? file_by_reference(sources, value, text) : sources->count;
	struct unit unit;
	int rc = 0;

	if (i < sources->count && find_unit(documents, i, uri_fragment(text), &unit))
		rc = add_unit(documents, &unit);
	config_foreach(child, value) {
		if (rc)
			break;
		rc = add_references(documents, child);
	}
	return rc;
}

static int add_units(struct rules_documents *documents)
{
	const struct sources *sources = &documents->contract->sources;
	int rc = 0;

	for (size_t i = 0; i < sources->count && rc == 0; i++)
		rc = leave_out_units(documents, i);
	for (size_t w = 0; w < documents->part_count && rc == 0; w++) {
		const char *uri = documents->part[w].uri;
		size_t i = file_by_uri(sources, uri, strcspn(uri, "#"));
		struct unit unit;

		if (i < sources->count && find_unit(documents, i, uri_fragment(uri), &unit))
			rc = add_unit(documents, &unit);
	}
	for (const struct sources_made *made = sources->made; made && rc == 0; made = made->next)
		if (rules_documents_has(documents, made->uri))
			rc = add_references(documents, made->root);
	for (size_t i = 0; i < documents->unit_count && rc == 0; i++)
		rc = add_references(documents, documents->unit[i]);
	return rc;
}

/* A file that is no AsyncAPI document is written in what the schemas are that refer to it. */
static enum schema_dialect dialect_of(const json_t *document)
{
	return json_object_get(document, "asyncapi") ? SCHEMA_ASYNCAPI : SCHEMA_UNSAID;
}

int rules_documents_add(struct rules_documents *documents, size_t from, size_t count,
			struct schema_set *set, struct diag *diag)
{
	const struct sources *sources = &documents->contract->sources;
	int rc = 0;

	documents->part = documents->wanted + from;
	documents->part_count = count;
	if (documents->is_in_parts && add_units(documents))
		return diag_nomem(diag);
	for (size_t i = 0; rc == 0 && i < sources->count; i++) {
		const struct sources_file *file = sources->file[i];
		json_t *json = documents->json[i];

		if (json)
			rc = schema_set_add(set, file->uri, file->path, json, dialect_of(json),
					    diag);
	}
	for (const struct sources_made *made = sources->made; made && rc == 0; made = made->next)
		if (rules_documents_has(documents, made->uri))
			rc = rules_add_made(sources, made, set, diag);
	return rc;
}

static int by_uri(const void *uri, const void *wanted)
{
	return strcmp(uri, ((const struct rules_wanted *)wanted)->uri);
}

bool rules_documents_has(const struct rules_documents *documents, const char *uri)
{
	const struct sources *sources = &documents->contract->sources;
	struct unit unit;
	size_t i;

	if (!documents->is_in_parts)
		return true;
	if (strncmp(uri, SOURCES_MADE, sizeof(SOURCES_MADE) - 1) == 0)
		return bsearch(uri, documents->part, documents->part_count,
			       sizeof(*documents->part), by_uri);
	i = file_by_uri(sources, uri, strcspn(uri, "#"));
	return i == sources->count || !find_unit(documents, i, uri_fragment(uri), &unit) ||
	       json_object_get(unit.group, unit.at->key);
}

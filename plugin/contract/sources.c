#include "contract/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonpointer.h"
#include "base/percent.h"

#define URI_BASE "contract:/"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"

static const struct place_known reference_members[] = { { "$ref", NULL }, { NULL, NULL } };

/* ---- files ------------------------------------------------------------------------------ */

/* Writes @text percent-encoded where a URI's path or fragment asks for it; false: no room. */
static bool encode(char *ret, size_t cap, const char *text)
{
	return percent_encode(ret, cap, text, strlen(text), "/$") < cap;
}

static int add_file(struct sources *set, const char *name, json_t *json, struct diag *diag)
{
	char uri[SOURCES_URI_MAX] = URI_BASE;
	size_t base = strlen(URI_BASE);
	struct source *file = arena_alloc(set->arena, sizeof(*file));

	if (!encode(uri + base, sizeof(uri) - base, name))
		return diag_set(diag, ERR_LIMIT, "%s: the file's name is too long", name);
	if (!file)
		return diag_nomem(diag);
	file->name = arena_text(set->arena, name, strlen(name));
	file->uri = arena_text(set->arena, uri, strlen(uri));
	if (!file->name || !file->uri)
		return diag_nomem(diag);
	file->json = json_incref(json);
	set->file[set->count++] = file;
	return 0;
}

static int load_file(struct sources *set, const char *name, struct diag *diag)
{
	json_t *json = NULL;
	char *path;
	int rc;

	if (asprintf(&path, "%s%s", set->folder, name) < 0)
		return diag_nomem(diag);
	rc = jsonfile_load(path, &json, diag);
	if (rc == 0)
		rc = add_file(set, name, json, diag);
	json_decref(json);
	free(path);
	return rc;
}

int sources_open(struct sources *ret, struct arena *arena, const char *path, struct diag *diag)
{
	const char *slash = strrchr(path, '/');
	size_t folder_len = slash ? (size_t)(slash + 1 - path) : 0;

	*ret = (struct sources){ .arena = arena };
	ret->folder = arena_text(arena, path, folder_len);
	ret->file = arena_take(arena, SOURCES_FILES_MAX, sizeof(struct source *));
	if (!ret->folder || !ret->file)
		return diag_nomem(diag);
	return load_file(ret, path + folder_len, diag);
}

void sources_clear(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		json_decref(sources->file[i]->json);
	sources->count = 0;
}

/* ---- references ------------------------------------------------------------------------- */

static bool has_scheme(const char *ref)
{
	size_t len = strcspn(ref, ":/?#");

	return len > 0 && ref[len] == ':';
}

/*
 * Joins the folder of file @from with the path @ref (@len bytes) and takes "." and ".." out,
 * to @ret (SOURCES_NAME_MAX + 1 bytes). NULL, or what was expected instead.
 */
static const char *join(const char *from, const char *ref, size_t len, char *ret)
{
	const char *slash = strrchr(from, '/');
	size_t used = slash ? (size_t)(slash + 1 - from) : 0;

	memcpy(ret, from, used);
	if (*ref == '/' || strspn(ref, NAME_CHARS) < len)
		return "expected a path relative to this file, of letters, digits and -._~";
	for (size_t i = 0, n; i < len; i += n + 1) {
		n = strcspn(ref + i, "/#");
		if (n == 0 || (n == 1 && ref[i] == '.'))
			continue;
		if (n == 2 && ref[i] == '.' && ref[i + 1] == '.') {
			if (used == 0)
				return "expected a file in the contract's folder or below";
			for (used--; used > 0 && ret[used - 1] != '/';)
				used--;
			continue;
		}
		if (used + n + 1 > SOURCES_NAME_MAX)
			return "the path is too long";
		memcpy(ret + used, ref + i, n);
		used += n;
		if (i + n < len)
			ret[used++] = '/';
	}
	ret[used] = '\0';
	return used > 0 && ret[used - 1] != '/' ? NULL : "expected the path of a file";
}

static struct source *find_file(struct sources *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->file[i]->name, name) == 0)
			return set->file[i];
	return NULL;
}

/* The file that the reference in @place names, loaded where it was not yet. */
static int open_reference(struct sources *set, const struct place *place, const char *ref,
			  const struct source **ret, struct diag *diag)
{
	char name[SOURCES_NAME_MAX + 1];
	size_t len = strcspn(ref, "#");
	const char *expected;
	int rc;

	*ret = place->file;
	if (len == 0)
		return 0;
	if (has_scheme(ref))
		return place_fail(place, diag, ERR_INVALID,
				  "expected a file of the contract: nothing is fetched");
	expected = join(place->file->name, ref, len, name);
	if (expected)
		return place_fail(place, diag, ERR_INVALID, "%s", expected);
	*ret = find_file(set, name);
	if (*ret)
		return 0;
	if (set->count == SOURCES_FILES_MAX)
		return place_fail(place, diag, ERR_LIMIT, "more than %u files", SOURCES_FILES_MAX);
	rc = load_file(set, name, diag);
	if (rc == ERR_IO) {
		struct diag cause = *diag;

		return place_fail(place, diag, rc, "%s", cause.text);
	}
	if (rc == 0)
		*ret = set->file[set->count - 1];
	return rc;
}

/* Decodes %XX in place; false where it is not one, or U+0000. */
static bool decode_percent(char *text)
{
	const char *end = text + strlen(text);

	for (const char *at = strchr(text, '%'); at; at = strchr(at + 1, '%'))
		if (percent_byte(at, end) <= 0)
			return false;
	(void)percent_decode(text);
	return true;
}

/* Decodes the ~0 and ~1 of a pointer's token in place; false where it is neither. */
static bool decode_token(char *token)
{
	for (const char *at = strchr(token, '~'); at; at = strchr(at + 1, '~'))
		if (at[1] != '0' && at[1] != '1')
			return false;
	token[jsonpointer_decode(token, strlen(token))] = '\0';
	return true;
}

/* Goes down one step, to member or item @key. @up is where the way so far is kept. */
static bool descend(struct place *at, struct jsonpath *up, const char *key)
{
	char *end;
	unsigned long index;

	*up = at->path;
	at->path = (struct jsonpath){ .up = up, .key = key };
	if (!json_is_array(at->json)) {
		at->json = json_object_get(at->json, key);
		return at->json != NULL;
	}
	index = strtoul(key, &end, 10);
	at->json = *key >= '0' && *key <= '9' && !*end ? json_array_get(at->json, index) : NULL;
	return at->json != NULL;
}

/*
 * Follows the JSON Pointer @pointer from @at down. Its text is cut up and stays in use: the
 * steps of the way are named by it.
 */
static int point(struct arena *scratch, char *pointer, const struct place *ref, struct place *at,
		 struct diag *diag)
{
	char *next = *pointer ? pointer + 1 : NULL;
	struct jsonpath *steps;
	size_t count = 0;

	if (*pointer && *pointer != '/')
		return place_fail(ref, diag, ERR_INVALID, "expected a JSON Pointer behind the #");
	for (; *pointer; pointer++)
		count += *pointer == '/';
	if (count > SOURCES_TOKENS_MAX)
		return place_fail(ref, diag, ERR_LIMIT, "a JSON Pointer of more than %u steps",
				  SOURCES_TOKENS_MAX);
	steps = arena_take(scratch, count, sizeof(*steps));
	if (!steps)
		return diag_nomem(diag);
	while (next) {
		char *key = next;

		next = strchr(key, '/');
		if (next)
			*next++ = '\0';
		if (!decode_token(key) || !descend(at, steps++, key))
			return place_fail(ref, diag, ERR_INVALID, "there is no \"%s\"",
					  json_string_value(ref->json));
	}
	return 0;
}

int sources_resolve(struct sources *sources, struct arena *scratch, const struct place *ref,
		    struct place *ret, struct diag *diag)
{
	struct place at = { 0 };
	const char *text = NULL;
	char *pointer;
	int rc;

	rc = place_text(ref, SOURCES_URI_MAX, &text, diag);
	if (rc == 0)
		rc = open_reference(sources, ref, text, &at.file, diag);
	if (rc)
		return rc;
	at.json = at.file->json;
	text = strchr(text, '#');
	pointer = arena_text(scratch, text ? text + 1 : "", text ? strlen(text + 1) : 0);
	if (!pointer)
		return diag_nomem(diag);
	if (!decode_percent(pointer))
		return place_fail(ref, diag, ERR_INVALID, "expected %%XX behind each %%");
	rc = point(scratch, pointer, ref, &at, diag);
	if (rc == 0)
		*ret = at;
	return rc;
}

/* Goes from @place, which has a $ref, to what that names. @hops counts. */
static int hop(struct sources *sources, struct arena *scratch, struct place *place, unsigned *hops,
	       struct diag *diag)
{
	struct place ref = place_member(place, "$ref");
	struct place next;
	int rc;

	if ((*hops)++ == SOURCES_FOLLOW_MAX)
		return place_fail(place, diag, ERR_LIMIT,
				  "more than %u references that lead to each other",
				  SOURCES_FOLLOW_MAX);
	rc = sources_resolve(sources, scratch, &ref, &next, diag);
	if (rc == 0)
		*place = next;
	return rc;
}

int sources_follow(struct sources *sources, struct arena *scratch, struct place *place,
		   struct diag *diag)
{
	unsigned hops = 0;
	int rc = 0;

	while (rc == 0 && json_object_get(place->json, "$ref")) {
		rc = place_check(place, "a reference", reference_members, diag);
		if (rc == 0)
			rc = hop(sources, scratch, place, &hops, diag);
	}
	return rc;
}

int sources_follow_schema(struct sources *sources, struct arena *scratch, struct place *place,
			  struct diag *diag)
{
	unsigned hops = 0;
	int rc = 0;

	while (rc == 0 && json_object_get(place->json, "$ref") &&
	       json_object_size(place->json) == 1)
		rc = hop(sources, scratch, place, &hops, diag);
	return rc;
}

/* ---- everything that is referred to ----------------------------------------------------- */

static bool is_one_of(const char *key, const char *const *words)
{
	while (*words && strcmp(*words, key) != 0)
		words++;
	return *words != NULL;
}

/* Is there an $id that says @ref? Then it names a schema inside of this file. */
static bool has_id(json_t *json, const char *ref, size_t len)
{
	const char *id = json_string_value(json_object_get(json, "$id"));
	const char *key;
	json_t *value;
	size_t i;

	if (id && strlen(id) == len && memcmp(id, ref, len) == 0)
		return true;
	json_object_foreach(json, key, value) {
		if (has_id(value, ref, len))
			return true;
	}
	json_array_foreach(json, i, value) {
		if (has_id(value, ref, len))
			return true;
	}
	return false;
}

static bool is_loaded(struct sources *set, const struct place *place, const char *ref, size_t len)
{
	char name[SOURCES_NAME_MAX + 1];

	return !join(place->file->name, ref, len, name) && find_file(set, name);
}

/* Most references are to this file or to one that is loaded: the search for an $id is last. */
static int load_reference(struct sources *set, const struct place *place, struct diag *diag)
{
	const struct source *file;
	const char *ref = NULL;
	size_t len;
	int rc;

	rc = place_text(place, SOURCES_URI_MAX, &ref, diag);
	if (rc)
		return rc;
	len = strcspn(ref, "#");
	if (len == 0 || has_scheme(ref) || is_loaded(set, place, ref, len) ||
	    has_id(place->file->json, ref, len))
		return 0;
	return open_reference(set, place, ref, &file, diag);
}

/*
 * Walks a file. @is_named: the members' names are an author's own (the properties of a
 * schema), so that one of them called "$ref" refers to nothing.
 */
static int walk(struct sources *set, const struct place *place, bool is_named, struct diag *diag)
{
	static const char *const refs[] = { "$ref", "$dynamicRef", NULL };
	static const char *const data[] = { "const", "enum", "default", "examples", NULL };
	static const char *const maps[] = { "properties",  "patternProperties", "$defs",
					    "definitions", "dependentSchemas",  NULL };
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(place->json, key, value) {
		struct place member = place_member(place, key);

		if (!is_named && is_one_of(key, data))
			continue;
		if (!is_named && is_one_of(key, refs))
			rc = load_reference(set, &member, diag);
		else
			rc = walk(set, &member, !is_named && is_one_of(key, maps), diag);
		if (rc)
			return rc;
	}
	for (size_t i = 0; rc == 0 && i < json_array_size(place->json); i++) {
		struct place item = place_item(place, i);

		rc = walk(set, &item, false, diag);
	}
	return rc;
}

int sources_load_all(struct sources *sources, struct diag *diag)
{
	int rc = 0;

	/* The walk itself adds files. */
	for (size_t i = 0; rc == 0 && i < sources->count; i++) {
		struct place root = { .file = sources->file[i], .json = sources->file[i]->json };

		rc = walk(sources, &root, false, diag);
	}
	return rc;
}

int sources_uri(struct sources *sources, const struct place *place, const char **ret,
		struct diag *diag)
{
	char pointer[SOURCES_URI_MAX];
	char uri[SOURCES_URI_MAX];
	size_t len;

	if (!place->path.up) {
		*ret = place->file->uri;
		return 0;
	}
	jsonpath_print(&place->path, pointer, sizeof(pointer));
	len = (size_t)snprintf(uri, sizeof(uri), "%s#", place->file->uri);
	if (strlen(pointer) + 1 == sizeof(pointer) ||
	    !encode(uri + len, sizeof(uri) - len, pointer))
		return place_fail(place, diag, ERR_LIMIT, "the way to the schema is too long");
	*ret = arena_text(sources->arena, uri, strlen(uri));
	return *ret ? 0 : diag_nomem(diag);
}

#include "contract/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/percent.h"

#define URI_BASE "contract:/"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"

static const struct config_known reference_members[] = { { .name = "$ref" }, { .name = NULL } };

/* ---- files ------------------------------------------------------------------------------ */

/* Writes @text percent-encoded where a URI's path or fragment asks for it; false: no room. */
static bool encode(char *ret, size_t cap, const char *text)
{
	return percent_encode(ret, cap, text, strlen(text), "/$") < cap;
}

/* The file @name, NULL where memory ran out; what can't be had has a fault instead of a root. */
static struct sources_file *load_file(struct sources *set, const char *name,
				      struct config_report *report)
{
	char uri[SOURCES_URI_MAX] = URI_BASE;
	size_t base = strlen(URI_BASE);
	struct sources_file *file = arena_alloc(set->arena, sizeof(*file));
	struct diag diag = { "the file's name is too long" };
	char *path = NULL;

	if (!file || asprintf(&path, "%s%s", set->folder, name) < 0)
		goto out;
	set->file[set->count] = file;
	file->rc = ERR_LIMIT;
	if (encode(uri + base, sizeof(uri) - base, name))
		file->rc = config_load(path, name, &file->root, &diag);
	file->name = arena_text(set->arena, name, strlen(name));
	file->uri = arena_text(set->arena, uri, strlen(uri));
	file->fault = arena_text(set->arena, diag.text, strlen(diag.text));
	set->count++;
	if (file->rc != ERR_NOMEM && file->name && file->uri && file->fault) {
		free(path);
		return file;
	}
out:
	free(path);
	(void)config_nomem(report);
	return NULL;
}

bool sources_open(struct sources *ret, struct arena *arena, const char *path,
		  struct config_report *report)
{
	const char *slash = strrchr(path, '/');
	size_t folder_len = slash ? (size_t)(slash + 1 - path) : 0;
	const struct sources_file *file;

	*ret = (struct sources){ .arena = arena, .report = report };
	ret->folder = arena_text(arena, path, folder_len);
	ret->file = arena_take(arena, SOURCES_FILES_MAX, sizeof(struct sources_file *));
	if (!ret->folder || !ret->file)
		return config_nomem(report);
	file = load_file(ret, path + folder_len, report);
	return file && (file->root || config_add(report, file->rc, file->fault));
}

void sources_forget_json(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		json_decref(sources->file[i]->json);
		sources->file[i]->json = NULL;
	}
}

void sources_clear(struct sources *sources)
{
	sources_forget_json(sources);
	for (size_t i = 0; i < sources->count; i++)
		config_free(sources->file[i]->root);
	sources->count = 0;
}

json_t *sources_json(struct sources_file *file)
{
	if (!file->json)
		file->json = config_json(file->root);
	return file->json;
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

static struct sources_file *find_file(const struct sources *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->file[i]->name, name) == 0)
			return set->file[i];
	return NULL;
}

static struct sources_file *file_of(const struct sources *set, const struct config *at)
{
	size_t i = 0;

	while (at->up)
		at = at->up;
	while (set->file[i]->root != at)
		i++;
	return set->file[i];
}

/* What is wrong with a file is said once, and counted for each that refers to it. */
static void say_fault(struct sources *set, struct sources_file *file, const struct config *at,
		      struct config_report *report)
{
	if (report == set->report && file->is_said) {
		report->count++;
		return;
	}
	file->is_said |= report == set->report;
	if (file->rc == ERR_IO)
		(void)config_fail(report, at, NULL, file->rc, "%s", file->fault);
	else
		(void)config_add(report, file->rc, file->fault);
}

/* The file that the reference @at, whose text is @ref, names; loaded where it was not yet. */
static struct sources_file *open_reference(struct sources *set, const struct config *at,
					   const char *ref, struct config_report *report)
{
	struct sources_file *file = file_of(set, at);
	char name[SOURCES_NAME_MAX + 1];
	size_t len = strcspn(ref, "#");
	const char *expected = "expected a file of the contract: nothing is fetched";

	if (len == 0)
		return file;
	if (!has_scheme(ref))
		expected = join(file->name, ref, len, name);
	if (expected) {
		(void)config_fail(report, at, NULL, ERR_INVALID, "%s", expected);
		return NULL;
	}
	file = find_file(set, name);
	if (!file && set->count == SOURCES_FILES_MAX) {
		(void)config_fail(report, at, NULL, ERR_LIMIT, "more than %u files",
				  SOURCES_FILES_MAX);
		return NULL;
	}
	if (!file)
		file = load_file(set, name, report);
	if (!file || file->root)
		return file;
	say_fault(set, file, at, report);
	return NULL;
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

/* The value that the fragment @pointer, whose percent signs are decoded, names in @file. */
static const struct config *find_value(const struct sources_file *file, const char *pointer,
				       const struct config *ref, struct config_report *report)
{
	const struct config *found;
	size_t count = 0;

	if (*pointer && *pointer != '/') {
		(void)config_fail(report, ref, NULL, ERR_INVALID,
				  "expected a JSON Pointer behind the #");
		return NULL;
	}
	for (const char *at = pointer; *at; at++)
		count += *at == '/';
	if (count > SOURCES_TOKENS_MAX) {
		(void)config_fail(report, ref, NULL, ERR_LIMIT,
				  "a JSON Pointer of more than %u steps", SOURCES_TOKENS_MAX);
		return NULL;
	}
	found = config_at(file->root, pointer);
	if (!found)
		(void)config_fail(report, ref, NULL, ERR_INVALID, "there is no \"%s\"", ref->text);
	return found;
}

const struct config *sources_resolve(struct sources *sources, const struct config *ref,
				     struct config_report *report)
{
	char pointer[SOURCES_URI_MAX + 1] = "";
	const struct sources_file *file;
	const char *text = NULL;

	if (!config_text(report, ref, NULL, SOURCES_URI_MAX, &text))
		return NULL;
	file = open_reference(sources, ref, text, report);
	if (!file)
		return NULL;
	text = strchr(text, '#');
	if (text)
		memcpy(pointer, text + 1, strlen(text + 1) + 1);
	if (decode_percent(pointer))
		return find_value(file, pointer, ref, report);
	(void)config_fail(report, ref, NULL, ERR_INVALID, "expected %%XX behind each %%");
	return NULL;
}

/* Goes from @at, which has a $ref, to what that names. @hops counts. */
static const struct config *hop(struct sources *sources, const struct config *at, unsigned *hops)
{
	if ((*hops)++ < SOURCES_FOLLOW_MAX)
		return sources_resolve(sources, config_member(at, "$ref"), sources->report);
	(void)config_fail(sources->report, at, NULL, ERR_LIMIT,
			  "more than %u references that lead to each other", SOURCES_FOLLOW_MAX);
	return NULL;
}

const struct config *sources_follow(struct sources *sources, const struct config *at)
{
	unsigned hops = 0;

	while (config_member(at, "$ref")) {
		(void)config_check(sources->report, at, "a reference", reference_members);
		at = hop(sources, at, &hops);
	}
	return at;
}

const struct config *sources_follow_schema(struct sources *sources, const struct config *at)
{
	unsigned hops = 0;

	while (config_member(at, "$ref") && config_count(at) == 1)
		at = hop(sources, at, &hops);
	return at;
}

/* ---- everything that is referred to ----------------------------------------------------- */

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

/* There is nothing more to say of it, either. */
static bool is_loaded(const struct sources *set, const struct config *at, const char *ref,
		      size_t len)
{
	char name[SOURCES_NAME_MAX + 1];
	const struct sources_file *file =
		join(file_of(set, at)->name, ref, len, name) ? NULL : find_file(set, name);

	return file && (file->root || file->is_said);
}

/* Most references are to this file or to one that is loaded: the search for an $id is last. */
static void load_reference(struct sources *set, const struct config *at)
{
	const char *ref = NULL;
	size_t len;

	if (!config_text(set->report, at, NULL, SOURCES_URI_MAX, &ref))
		return;
	len = strcspn(ref, "#");
	if (len > 0 && !has_scheme(ref) && !is_loaded(set, at, ref, len) &&
	    !has_id(file_of(set, at)->root, ref, len))
		(void)open_reference(set, at, ref, set->report);
}

/*
 * Walks a file. @is_named: the members' names are an author's own (the properties of a
 * schema), so that one of them called "$ref" refers to nothing.
 */
static void load_below(struct sources *set, const struct config *value, bool is_named)
{
	static const char *const refs[] = { "$ref", "$dynamicRef", NULL };
	static const char *const data[] = { "const", "enum", "default", "examples", NULL };
	static const char *const maps[] = { "properties",  "patternProperties", "$defs",
					    "definitions", "dependentSchemas",  NULL };

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
		load_below(sources, sources->file[i]->root, false);
}

const char *sources_uri(struct sources *sources, const struct config *at)
{
	const char *base = file_of(sources, at)->uri;
	char pointer[SOURCES_URI_MAX];
	char uri[SOURCES_URI_MAX];
	const char *made;
	size_t len;

	if (!at->up)
		return base;
	config_pointer(at, NULL, pointer, sizeof(pointer));
	len = (size_t)snprintf(uri, sizeof(uri), "%s#", base);
	if (strlen(pointer) + 2 >= sizeof(pointer) ||
	    !encode(uri + len, sizeof(uri) - len, pointer)) {
		(void)config_fail(sources->report, at, NULL, ERR_LIMIT,
				  "the JSON Pointer of the schema is too long");
		return NULL;
	}
	made = arena_text(sources->arena, uri, strlen(uri));
	if (!made)
		(void)config_nomem(sources->report);
	return made;
}

#include "contract/sources_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonpointer.h"
#include "base/percent.h"

#define URI_BASE "contract:/"

bool sources_encode(char *ret, size_t cap, const char *text)
{
	return percent_encode(ret, cap, text, strlen(text), "/$") < cap;
}

bool sources_decode(char *text)
{
	const char *end = text + strlen(text);

	for (const char *at = strchr(text, '%'); at; at = strchr(at + 1, '%'))
		if (percent_byte(at, end) <= 0)
			return false;
	(void)percent_decode(text);
	return true;
}

size_t sources_put_token(char *ret, size_t cap, const char *token)
{
	char pointer[SOURCES_URI_MAX + 1];
	size_t len;

	(void)jsonpointer_put(pointer, sizeof(pointer), token, strlen(token));
	len = percent_encode(ret, cap, pointer, strlen(pointer), "/~{}!$&'()*+,;=:@");
	return len < cap ? len : cap - 1;
}

bool sources_has_scheme(const char *ref)
{
	size_t len = strcspn(ref, ":/?#");

	return len > 0 && ref[len] == ':';
}

int sources_folder_len(const char *folder)
{
	size_t len = strlen(folder);

	while (len > 0 && folder[len - 1] == '/')
		len--;
	return (int)len;
}

/* ---- files ------------------------------------------------------------------------------ */

struct sources_file *sources_read(struct sources *set, const char *path, const char *real,
				  const char *name, const char *uri)
{
	struct sources_file *file = arena_alloc(set->arena, sizeof(*file));
	struct diag diag = { "the file's name is too long" };

	if (!file)
		return NULL;
	file->path = arena_text(set->arena, path, strlen(path));
	file->rc = uri ? config_load(real ? real : path, path, &file->original, &diag) : ERR_LIMIT;
	file->root = file->original;
	file->name = arena_text(set->arena, name, strlen(name));
	file->uri = uri ? arena_text(set->arena, uri, strlen(uri)) : "";
	file->fault = arena_text(set->arena, diag.text, strlen(diag.text));
	if (file->rc != ERR_NOMEM && file->path && file->name && file->uri && file->fault)
		return file;
	config_free(file->original);
	return NULL;
}

bool sources_is_below(const char *real, const char *folder)
{
	size_t len = (size_t)sources_folder_len(folder);

	return strncmp(real, folder, len) == 0 && (real[len] == '/' || real[len] == '\0');
}

/*
 * What is read for the file @path: its path without links, so that what was checked is what is
 * read. *ret is to be freed; NULL where there is no such file, which reading it will say. False
 * where a link leads out of the root.
 */
static bool check_links(const struct sources *set, const char *path, char **ret)
{
	*ret = realpath(path, NULL);
	return !*ret || !set->real || sources_is_below(*ret, set->real);
}

struct sources_file *sources_load(struct sources *set, const char *name, bool is_document,
				  struct config_report *report)
{
	char uri[SOURCES_URI_MAX] = URI_BASE;
	size_t base = strlen(URI_BASE);
	struct sources_file *file = NULL;
	char *path = NULL, *real = NULL;
	bool is_inside, is_named;

	if (asprintf(&path, "%s%s", set->folder, name) < 0) {
		(void)config_nomem(report);
		return NULL;
	}
	/* A document itself may be a link to anywhere: the operator has named it. */
	is_inside = is_document || check_links(set, path, &real);
	is_named = is_inside && sources_encode(uri + base, sizeof(uri) - base, name);
	file = sources_read(set, path, real, name, is_named ? uri : NULL);
	if (file && !is_inside)
		file->fault = "a link leads out of the contract's root folder";
	if (file)
		set->file[set->count++] = file;
	else
		(void)config_nomem(report);
	free(real);
	free(path);
	return file;
}

void sources_forget_json(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		json_decref(sources->file[i]->json);
		json_decref(sources->file[i]->part);
		sources->file[i]->json = sources->file[i]->part = NULL;
	}
}

/* Files that are known by their $id are in both lists: they are freed with their own. */
void sources_clear(struct sources *sources)
{
	sources_forget_json(sources);
	for (size_t i = 0; i < sources->count; i++)
		if (!sources->file[i]->id)
			config_free(sources->file[i]->original);
	for (size_t i = 0; i < sources->known_count; i++)
		config_free(sources->known[i]->original);
	sources->count = sources->known_count = 0;
}

json_t *sources_json(struct sources_file *file)
{
	if (!file->json)
		file->json = config_json(file->original);
	return file->json;
}

json_t *sources_part_json(struct sources_file *file, const struct config *at)
{
	if (file->part && file->part_at == at)
		return file->part;
	json_decref(file->part);
	file->part_at = at;
	file->part = config_json(at);
	return file->part;
}

/* ---- finding one ------------------------------------------------------------------------ */

const char *sources_join(const struct sources *set, const char *from, size_t base, const char *ref,
			 char *ret)
{
	const char *slash = strrchr(from + base, '/');
	size_t used = slash ? (size_t)(slash + 1 - from) : base, n;

	if (*ref == '/')
		return "expected a path relative to this file";
	if (used > SOURCES_NAME_MAX)
		return "the path is too long";
	memcpy(ret, from, used);
	for (; *ref; ref += n + (ref[n] == '/')) {
		n = strcspn(ref, "/");
		if (n == 0 || (n == 1 && ref[0] == '.'))
			continue;
		if (n == 2 && ref[0] == '.' && ref[1] == '.') {
			if (used == base)
				return set->has_root
					       ? "expected a file in the contract's root or below"
					       : "expected a file in the contract's folder or "
						 "below (plugin_opt_contract_root, or "
						 "--contract-root, names another)";
			for (used--; used > base && ret[used - 1] != '/';)
				used--;
			continue;
		}
		if (used + n + 1 > SOURCES_NAME_MAX)
			return "the path is too long";
		memcpy(ret + used, ref, n);
		used += n;
		if (ref[n])
			ret[used++] = '/';
	}
	ret[used] = '\0';
	return used > base && ret[used - 1] != '/' ? NULL : "expected the path of a file";
}

/* The name of the file that the path @ref of a reference in @from leads to, as sources_join(). */
static const char *name_of(const struct sources *set, const struct sources_file *from,
			   const char *ref, size_t len, char *ret)
{
	char path[SOURCES_URI_MAX + 1];

	memcpy(path, ref, len);
	path[len] = '\0';
	if (strchr(path, '?'))
		return "expected a path without \"?\", which a file's name has as %3F";
	if (!sources_decode(path))
		return "expected %XX behind each %";
	return sources_join(set, from->name, 0, path, ret);
}

struct sources_file *sources_find(const struct sources *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (!set->file[i]->id && strcmp(set->file[i]->name, name) == 0)
			return set->file[i];
	return NULL;
}

struct sources_file *sources_file_of(const struct sources *sources, const struct config *at)
{
	size_t i = 0;

	at = config_root(at);
	while (sources->file[i]->original != at)
		i++;
	return sources->file[i];
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
	if (file->rc == ERR_IO || !file->uri[0])
		(void)config_fail(report, at, NULL, file->rc, "%s", file->fault);
	else
		(void)config_add(report, file->rc, file->fault);
}

/* A document that is known by its $id takes part from the first reference to it. */
static struct sources_file *use_known(struct sources *set, struct sources_file *known)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->file[i] == known)
			return known;
	set->file[set->count++] = known;
	return known;
}

struct sources_file *sources_open_reference(struct sources *set, const struct config *at,
					    const char *ref, struct config_report *report)
{
	struct sources_file *from = sources_file_of(set, at), *file;
	char name[SOURCES_NAME_MAX + 1];
	size_t len = strcspn(ref, "#");
	const char *expected = "expected a file of the contract, or the $id of a document in "
			       "plugin_opt_contract_schemas: nothing is fetched";

	if (len == 0)
		return from;
	file = sources_find_known(set, from, ref, len);
	if (!file && !from->id && !sources_has_scheme(ref)) {
		expected = name_of(set, from, ref, len, name);
		file = expected ? NULL : sources_find(set, name);
	} else if (file) {
		expected = NULL;
	}
	if (expected) {
		(void)config_fail(report, at, NULL, ERR_INVALID, "%s", expected);
		return NULL;
	}
	if ((!file || file->id) && set->count == SOURCES_FILES_MAX) {
		(void)config_fail(report, at, NULL, ERR_LIMIT, "more than %u files",
				  SOURCES_FILES_MAX);
		return NULL;
	}
	file = file && file->id ? use_known(set, file)
	       : file           ? file
				: sources_load(set, name, false, report);
	if (!file || file->root)
		return file;
	say_fault(set, file, at, report);
	return NULL;
}

bool sources_is_loaded(const struct sources *set, const struct config *at, const char *ref,
		       size_t len)
{
	char name[SOURCES_NAME_MAX + 1];
	const struct sources_file *from = sources_file_of(set, at);
	const struct sources_file *file =
		name_of(set, from, ref, len, name) ? NULL : sources_find(set, name);

	return file && (file->root || file->is_said);
}

const char *sources_uri(struct sources *sources, const struct config *at)
{
	const char *base = sources_file_of(sources, at)->uri;
	char pointer[SOURCES_URI_MAX];
	char uri[SOURCES_URI_MAX];
	const char *made;
	size_t len;

	config_pointer(at, NULL, pointer, sizeof(pointer));
	if (!pointer[0])
		return base;
	len = (size_t)snprintf(uri, sizeof(uri), "%s#", base);
	if (strlen(pointer) + 2 >= sizeof(pointer) ||
	    !sources_encode(uri + len, sizeof(uri) - len, pointer)) {
		(void)config_fail(sources->report, at, NULL, ERR_LIMIT,
				  "the JSON Pointer of the schema is too long");
		return NULL;
	}
	made = arena_text(sources->arena, uri, strlen(uri));
	if (!made)
		(void)config_nomem(sources->report);
	return made;
}

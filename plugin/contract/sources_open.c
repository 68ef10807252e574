/*
 * sources_open.c -- which files are the documents of a contract, and the root folder that they and
 * what they refer to are in.
 */
#include "contract/sources_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The paths of the documents, or of what may be some. */
struct found_documents {
	struct sources *set;
	size_t count;
	struct document {
		const char *path;
		bool is_found; /* in a folder: it counts if it is an AsyncAPI document */
	} at[SOURCES_DOCUMENTS_MAX];
};

/* ---- what was named --------------------------------------------------------------------- */

int sources_is_tree(const struct dirent *entry)
{
	static const char *const endings[] = { ".json", ".yaml", ".yml" };
	const char *dot = strrchr(entry->d_name, '.');

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings) && entry->d_name[0] != '.'; i++)
		if (dot && strcmp(dot, endings[i]) == 0)
			return 1;
	return 0;
}

static bool fail(struct sources *set, int rc, const char *path, const char *what)
{
	struct diag diag;

	(void)diag_set(&diag, rc, "%s: %s", path, what);
	return config_add(set->report, rc, diag.text);
}

static bool add_path(struct found_documents *documents, const char *path, bool is_found)
{
	const char *copy = arena_text(documents->set->arena, path, strlen(path));
	char what[64];

	if (!copy)
		return config_nomem(documents->set->report);
	(void)snprintf(what, sizeof(what), "more than %u files in all", SOURCES_DOCUMENTS_MAX);
	if (documents->count == SOURCES_DOCUMENTS_MAX)
		return fail(documents->set, ERR_LIMIT, path, what);
	documents->at[documents->count++] = (struct document){ copy, is_found };
	return true;
}

static bool add_folder(struct found_documents *documents, const char *path)
{
	struct dirent **entry;
	int count = scandir(path, &entry, sources_is_tree, alphasort);
	bool is_ok = true;

	if (count < 0)
		return fail(documents->set, errno == ENOMEM ? ERR_NOMEM : ERR_IO, path,
			    strerror(errno));
	for (int i = 0; i < count; i++) {
		char *file = NULL;

		if (is_ok && asprintf(&file, "%.*s/%s", sources_folder_len(path), path,
				      entry[i]->d_name) < 0)
			is_ok = config_nomem(documents->set->report);
		else if (is_ok)
			is_ok = add_path(documents, file, true);
		free(file);
		free(entry[i]);
	}
	free(entry);
	return is_ok;
}

static bool list_documents(struct found_documents *documents, const struct sources_place *place)
{
	struct stat what;

	for (size_t i = 0; i < place->count; i++) {
		const char *path = place->path[i];
		bool is_folder = stat(path, &what) == 0 && S_ISDIR(what.st_mode);

		if (!(is_folder ? add_folder(documents, path) : add_path(documents, path, false)))
			return false;
	}
	return documents->count > 0 ||
	       fail(documents->set, ERR_INVALID, place->count > 0 ? place->path[0] : "the contract",
		    "expected AsyncAPI documents: *.json, *.yaml or *.yml");
}

/* ---- the root --------------------------------------------------------------------------- */

/* Bytes of the folder that @path is in, with the final '/'. */
static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash + 1 - path) : 0;
}

/* Are all documents in one folder, by what their paths say? */
static bool is_one_folder(const struct found_documents *documents)
{
	size_t len = folder_len(documents->at[0].path);

	for (size_t i = 1; i < documents->count; i++)
		if (folder_len(documents->at[i].path) != len ||
		    memcmp(documents->at[i].path, documents->at[0].path, len) != 0)
			return false;
	return true;
}

/* The path, without links, of the folder that a document is in; to be freed. */
static char *real_folder(const struct document *document)
{
	char *folder = strndup(document->path, folder_len(document->path)), *real;

	if (!folder)
		return NULL;
	real = realpath(*folder ? folder : ".", NULL);
	free(folder);
	return real;
}

/* Cuts @ret to the folder that @other is in or below, too. */
static void cut_to_common(char *ret, const char *other)
{
	while (*ret && !sources_is_below(other, ret)) {
		char *slash = strrchr(ret, '/');

		*(slash ? slash : ret) = '\0';
	}
}

/*
 * The folder @real as messages name it: from here on where @document was named like that, too, and
 * the folder is the current one or below.
 */
static const char *as_named(struct arena *arena, const char *real, const char *document)
{
	char *here = document[0] == '/' ? NULL : getcwd(NULL, 0);
	const char *shown = real;

	if (here && sources_is_below(real, here)) {
		shown += strlen(here);
		shown += *shown == '/';
	}
	free(here);
	return arena_text(arena, shown, strlen(shown));
}

/* The deepest folder that all documents are below, without links; NULL: a fault. */
static const char *common_folder(const struct found_documents *documents)
{
	struct sources *set = documents->set;
	char *common = NULL;
	const char *ret = NULL;

	for (size_t i = 0; i < documents->count; i++) {
		char *real = real_folder(&documents->at[i]);

		if (!real) {
			(void)fail(set, ERR_IO, documents->at[i].path, strerror(errno));
			free(common);
			return NULL;
		}
		if (common)
			cut_to_common(common, real);
		else
			common = strdup(real);
		free(real);
	}
	if (common && *common && strcmp(common, "/") != 0)
		ret = as_named(set->arena, common, documents->at[0].path);
	else
		(void)fail(set, ERR_INVALID, documents->at[documents->count - 1].path,
			   "is in no folder with the other documents: expected one below / that "
			   "has all of them, or plugin_opt_contract_root");
	free(common);
	return ret;
}

/* Fills in the set's folder, with a final '/', and its real path. */
static bool find_root(const struct found_documents *documents, const struct sources_place *place)
{
	struct sources *set = documents->set;
	const char *root = place->root;
	char *text = NULL, *real;
	int n;

	if (!root && is_one_folder(documents))
		n = asprintf(&text, "%.*s", (int)folder_len(documents->at[0].path),
			     documents->at[0].path);
	else if (root || (root = common_folder(documents)))
		n = asprintf(&text, "%.*s%s", sources_folder_len(root), root, *root ? "/" : "");
	else
		return false;
	if (n < 0)
		return config_nomem(set->report);
	real = realpath(*text ? text : ".", NULL);
	set->folder = arena_text(set->arena, text, strlen(text));
	set->real = real ? arena_text(set->arena, real, strlen(real)) : NULL;
	set->has_root = place->root != NULL;
	free(text);
	free(real);
	return set->folder ? true : config_nomem(set->report);
}

/*
 * Writes the document's path below the root to @ret, as long as links in either path do not matter.
 * False, with a fault, where it is not below, or one of the two does not exist.
 */
static bool name_of(const struct sources *set, const struct document *document, const char *root,
		    char *ret)
{
	const char *file = document->path + folder_len(document->path);
	char *real = real_folder(document);
	bool is_ok = real && set->real && sources_is_below(real, set->real);
	struct diag diag;
	int len = -1;

	if (is_ok) {
		const char *rest = real + strlen(set->real);

		rest += *rest == '/';
		len = snprintf(ret, SOURCES_NAME_MAX + 1, "%s%s%s", rest, *rest ? "/" : "", file);
	}
	free(real);
	if (is_ok && len <= (int)SOURCES_NAME_MAX)
		return true;
	(void)diag_set(&diag, ERR_INVALID, "%s: expected a file below the contract's root, %s",
		       document->path, root);
	return config_add(set->report, ERR_INVALID, diag.text);
}

/* ---- the documents ---------------------------------------------------------------------- */

static bool load_document(struct sources *set, const struct document *document,
			  const struct sources_place *place, bool is_below)
{
	char name[SOURCES_NAME_MAX + 1];
	struct sources_file *file;

	if (is_below) {
		if (!name_of(set, document, place->root ? place->root : set->folder, name))
			return false;
	} else {
		(void)snprintf(name, sizeof(name), "%s",
			       document->path + folder_len(document->path));
	}
	if (sources_find(set, name))
		return fail(set, ERR_INVALID, document->path, "is named twice");
	file = sources_load(set, name, true, set->report);
	if (!file)
		return false;
	if (!file->original)
		return config_add(set->report, file->rc, file->fault);
	if (document->is_found && !config_member(file->original, "asyncapi")) {
		config_free(file->original); /* a file of schemas and the like */
		set->count--;
		return true;
	}
	set->document_count++;
	return true;
}

bool sources_open(struct sources *ret, struct arena *arena, const struct sources_place *place,
		  struct config_report *report)
{
	struct found_documents *documents = arena_alloc(arena, sizeof(*documents));
	bool is_below;

	ret->arena = arena;
	ret->report = report;
	ret->file = arena_take(arena, SOURCES_FILES_MAX, sizeof(struct sources_file *));
	if (!ret->file || !documents)
		return config_nomem(report);
	documents->set = ret;
	documents->count = 0;
	if (!list_documents(documents, place) || !find_root(documents, place))
		return false;
	is_below = place->root || !is_one_folder(documents);
	for (size_t i = 0; i < documents->count && report->rc != ERR_NOMEM; i++)
		(void)load_document(ret, &documents->at[i], place, is_below);
	if (report->rc == 0 && ret->document_count == 0)
		(void)fail(ret, ERR_INVALID, place->path[0],
			   "no file in it is an AsyncAPI document, with a member \"asyncapi\"");
	if (report->rc == 0 && place->schemas)
		sources_read_known(ret, place->schemas);
	return report->rc == 0;
}

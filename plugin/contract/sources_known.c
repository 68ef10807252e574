/*
 * sources_known.c -- the folder of documents that are known by their "$id", so that a $ref with a
 * scheme leads to one of them and not to a network.
 */
#include "contract/sources_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URI_BASE "contract-schemas:/"

/* "$id", or "id" as draft 04 has it, without an empty fragment; NULL: there is none. */
static const char *id_of(struct sources *set, const struct config *root)
{
	const char *id = config_string(config_member(root, "$id"));
	size_t len;

	id = id ? id : config_string(config_member(root, "id"));
	if (!id || !sources_has_scheme(id))
		return NULL;
	len = strcspn(id, "#");
	if (id[len] && id[len + 1])
		return NULL;
	id = arena_text(set->arena, id, len);
	if (!id)
		(void)config_nomem(set->report);
	return id;
}

static void add(struct sources *set, struct sources_file *file)
{
	const struct sources_file *other;

	if (!file->original) {
		(void)config_add(set->report, file->rc, file->fault);
		return;
	}
	file->id = id_of(set, file->original);
	other = file->id ? sources_find_known(set, NULL, file->id, strlen(file->id)) : NULL;
	if (file->id && !other) {
		set->known[set->known_count++] = file;
		return;
	}
	if (other)
		(void)config_fail(set->report, file->original, NULL, ERR_INVALID,
				  "%s has the same $id, \"%s\"", other->path, file->id);
	else if (set->warn)
		set->warn(set->warn_ctx, file->original,
			  "has no $id with a scheme, like https:, so that nothing can refer to it");
	config_free(file->original);
}

static void read_document(struct sources *set, const char *folder, const char *entry)
{
	char uri[SOURCES_URI_MAX] = URI_BASE;
	size_t base = strlen(URI_BASE);
	const char *head = strrchr(folder, '/');
	struct sources_file *file;
	char *path = NULL, *name = NULL;

	head = head && head[1] ? head + 1 : folder;
	if (asprintf(&path, "%.*s/%s", sources_folder_len(folder), folder, entry) < 0 ||
	    asprintf(&name, "%s/%s", head, entry) < 0) {
		(void)config_nomem(set->report);
	} else {
		file = sources_read(set, path, NULL, name,
				    sources_encode(uri + base, sizeof(uri) - base, entry) ? uri
											  : NULL);
		if (file)
			add(set, file);
		else
			(void)config_nomem(set->report);
	}
	free(path);
	free(name);
}

void sources_read_known(struct sources *set, const char *path)
{
	struct dirent **entry = NULL;
	int count = scandir(path, &entry, sources_is_tree, alphasort);
	struct diag diag;

	if (count < 0)
		diag_ignore(diag_set(&diag, ERR_IO, "%s: %s", path, strerror(errno)));
	else if (count > (int)SOURCES_KNOWN_MAX)
		diag_ignore(diag_set(&diag, ERR_LIMIT, "%s: more than %u documents", path,
				     SOURCES_KNOWN_MAX));
	if (count < 0 || count > (int)SOURCES_KNOWN_MAX)
		(void)config_add(set->report, count < 0 ? ERR_IO : ERR_LIMIT, diag.text);
	set->known = arena_take(set->arena, SOURCES_KNOWN_MAX, sizeof(struct sources_file *));
	if (!set->known)
		(void)config_nomem(set->report);
	for (int i = 0; i < count; i++) {
		if (set->report->rc == 0)
			read_document(set, path, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
}

/*
 * Writes what the path @ref (@len bytes) of a reference in the document @id leads to, a URI, to
 * @ret (SOURCES_NAME_MAX + 1 bytes). False where it leads nowhere.
 */
static bool join_id(const struct sources *set, const char *id, const char *ref, size_t len,
		    char *ret)
{
	char from[SOURCES_URI_MAX + 1], path[SOURCES_URI_MAX + 1];
	const char *host = strstr(id, "://");
	size_t base = host ? (size_t)(host + 3 - id) : 0;

	base += strcspn(id + base, "/");
	base += id[base] == '/';
	(void)snprintf(from, sizeof(from), "%.*s", ref[0] == '/' ? (int)base : (int)sizeof(from),
		       id);
	(void)snprintf(path, sizeof(path), "%.*s", (int)len, ref);
	return !sources_join(set, from, base, path + (path[0] == '/'), ret);
}

struct sources_file *sources_find_known(const struct sources *set, const struct sources_file *from,
					const char *ref, size_t len)
{
	char uri[SOURCES_NAME_MAX + 1];

	if (len == 0 || set->known_count == 0)
		return NULL;
	if (from && from->id && !sources_has_scheme(ref)) {
		if (!join_id(set, from->id, ref, len, uri))
			return NULL;
		ref = uri;
		len = strlen(uri);
	}
	for (size_t i = 0; i < set->known_count; i++)
		if (strlen(set->known[i]->id) == len && memcmp(set->known[i]->id, ref, len) == 0)
			return set->known[i];
	return NULL;
}

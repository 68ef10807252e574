/*
 * sources_internal.h -- what the files of sources.h share: sources.c (files), sources_open.c (the
 * root and the documents), sources_known.c (documents with an $id), sources_follow.c (references),
 * sources_load.c (all files).
 */
#ifndef PETSTORE_CONTRACT_SOURCES_INTERNAL_H
#define PETSTORE_CONTRACT_SOURCES_INTERNAL_H

#include "contract/sources.h"

struct dirent;

/* For scandir(): is it called like a file of JSON or YAML? */
int sources_is_tree(const struct dirent *entry);

/* How many bytes of the folder's name stay without the slashes at its end, for "%.*s/". */
int sources_folder_len(const char *folder);

/* Does the reference begin like "https:"? */
bool sources_has_scheme(const char *ref);

/*
 * A new file with the tree of @real, which is @path without links or NULL for the same; all texts
 * are copied. What can't be had has a fault instead of a tree; NULL where memory ran out.
 */
struct sources_file *sources_read(struct sources *set, const char *path, const char *real,
				  const char *name, const char *uri);

/*
 * Adds the file @name of the root; NULL where memory ran out. What can't be had, like a file that a
 * link brings from outside of the root, has a fault instead of a tree; a document may be such a
 * link.
 */
struct sources_file *sources_load(struct sources *set, const char *name, bool is_document,
				  struct config_report *report);

/* The file of that name that is loaded, or NULL. */
struct sources_file *sources_find(const struct sources *set, const char *name);

/* Is the path @real, which has no links, the folder @folder or below? */
bool sources_is_below(const char *real, const char *folder);

/*
 * The file that the reference @at, whose text is @ref, names; loaded where it was not yet. NULL:
 * @report has the fault.
 */
struct sources_file *sources_open_reference(struct sources *set, const struct config *at,
					    const char *ref, struct config_report *report);

/* Is the file that @ref (@len bytes before its fragment) names loaded, or its fault said? */
bool sources_is_loaded(const struct sources *set, const struct config *at, const char *ref,
		       size_t len);

/*
 * Joins the folder of @from with the path @ref, takes "." and ".." out, and writes the result to
 * @ret (SOURCES_NAME_MAX + 1 bytes). @from up to @base stays as it is. NULL, or what was expected
 * instead.
 */
const char *sources_join(const struct sources *set, const char *from, size_t base, const char *ref,
			 char *ret);

/* Reads the documents of the folder @path that have an "$id". */
void sources_read_known(struct sources *set, const char *path);

/*
 * The document that @ref (@len bytes) names by its $id; seen from @from, which is known by an $id
 * itself or is NULL. NULL: there is none.
 */
struct sources_file *sources_find_known(const struct sources *set, const struct sources_file *from,
					const char *ref, size_t len);

#endif

/*
 * sources.h -- the contract's files and the references between them.
 *
 * Knows files in one folder, JSON Pointer and the $ref of AsyncAPI; knows nothing of the files'
 * meaning. Files are named relative to the folder of the first one and must be in it or below;
 * nothing is fetched over a network. A file's URI is "contract:/" and that name, so that references
 * between the files resolve by RFC 3986, wherever the folder is.
 *
 * Faults go to the caller's report.
 */
#ifndef PETSTORE_CONTRACT_SOURCES_H
#define PETSTORE_CONTRACT_SOURCES_H

#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/config.h"

#define SOURCES_FILES_MAX 1024u
#define SOURCES_NAME_MAX 255u  /* bytes of a name relative to the folder */
#define SOURCES_TOKENS_MAX 16u /* reference tokens of a JSON Pointer that is followed */
#define SOURCES_FOLLOW_MAX 8u  /* references that lead to each other */
#define SOURCES_URI_MAX 1024u  /* bytes of a URI with its fragment */

struct sources_file {
	const char *name;
	const char *uri;
	struct config *root; /* NULL: it can't be read, see @fault */
	json_t *json;        /* the same; NULL until sources_json() */
	int rc;              /* enum err of @fault */
	const char *fault;
	bool is_said; /* @fault is in the report */
};

struct sources {
	struct arena *arena;          /* memory of names, URIs and results; outlives the sources */
	const char *folder;           /* "" or a path with the final '/' */
	struct config_report *report; /* while they are loaded */
	size_t count;
	struct sources_file **file;
};

/* Reads the first file. @ret needs sources_clear() after a failure, too. */
bool sources_open(struct sources *ret, struct arena *arena, const char *path,
		  struct config_report *report);
void sources_clear(struct sources *sources);

/* The file as a Jansson value, made at the first call; borrowed; NULL: memory ran out. */
json_t *sources_json(struct sources_file *file);
void sources_forget_json(struct sources *sources);

/*
 * If @at is an object with a $ref: the value that it refers to, through any further $ref; else @at
 * itself. Members beside a $ref are a fault, since AsyncAPI ignores them. NULL where a reference
 * leads nowhere, or @at is NULL.
 */
const struct config *sources_follow(struct sources *sources, const struct config *at);

/*
 * The same for a schema. One that has members beside its $ref is the schema itself and is not
 * followed.
 */
const struct config *sources_follow_schema(struct sources *sources, const struct config *at);

/* The value that the "$ref" string @ref names, which may have a $ref itself. NULL: @report has the
 * fault. */
const struct config *sources_resolve(struct sources *sources, const struct config *ref,
				     struct config_report *report);

/*
 * Loads every file that a $ref in the files names, also those that the new files name. References
 * with a scheme are skipped: they may name a schema's $id.
 */
void sources_load_all(struct sources *sources);

/* The URI of @at: its file's, and a fragment where it is not the whole file. NULL: it is too long.
 */
const char *sources_uri(struct sources *sources, const struct config *at);

#endif

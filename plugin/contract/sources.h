/*
 * sources.h -- the contract's files and the references between them.
 *
 * Knows files in one folder, JSON Pointer and the $ref of AsyncAPI; knows nothing of what they
 * say. Files are named relative to the folder of the first one and lie in it or below; nothing is
 * ever fetched. A file's URI is "contract:/" and that name, so that references between the files
 * resolve against it by RFC 3986 wherever the folder stands.
 *
 * What is wrong goes to the report of who asks.
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
	struct config *root; /* NULL: it can't be had, for @fault */
	json_t *json;        /* the same; NULL until somebody asks, see sources_json() */
	int rc;
	const char *fault;
	bool is_said; /* the fault */
};

struct sources {
	struct arena *arena; /* the names and URIs, and what is returned; outlives the sources */
	const char *folder;  /* "" or a path with the final '/' */
	struct config_report *report; /* while they are loaded */
	size_t count;
	struct sources_file **file;
};

/* Reads the first file. @ret needs sources_clear() after a failure, too. */
bool sources_open(struct sources *ret, struct arena *arena, const char *path,
		  struct config_report *report);
void sources_clear(struct sources *sources);

/* The file as Jansson has it, made when it is first asked for; borrowed; NULL: no memory. */
json_t *sources_json(struct sources_file *file);
void sources_forget_json(struct sources *sources);

/*
 * What @at stands for: where it is an object with a $ref, what that refers to, again and again.
 * Members beside a $ref are refused: AsyncAPI would have them ignored. NULL where it leads
 * nowhere, or @at is NULL.
 */
const struct config *sources_follow(struct sources *sources, const struct config *at);

/*
 * The same for a schema, which may have members beside a $ref: such a one is not followed, it
 * is the schema.
 */
const struct config *sources_follow_schema(struct sources *sources, const struct config *at);

/* One step of the same: what the "$ref" string @ref names. What is wrong goes to @report. */
const struct config *sources_resolve(struct sources *sources, const struct config *ref,
				     struct config_report *report);

/*
 * Loads every file that a $ref somewhere in the files names, those of the new files too.
 * References to URIs with a scheme are left alone: they may name a schema's $id.
 */
void sources_load_all(struct sources *sources);

/* The URI of @at: its file's, and a fragment where it is not the whole file. NULL: it is too long.
 */
const char *sources_uri(struct sources *sources, const struct config *at);

#endif

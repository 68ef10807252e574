/*
 * sources.h -- the contract's files and the references between them.
 *
 * Knows JSON documents in one folder, JSON Pointer and the $ref of AsyncAPI; knows nothing of
 * what they say. Files are named relative to the folder of the first one and lie in it or
 * below; nothing is ever fetched. A file's URI is "contract:/" and that name, so that
 * references between the files resolve against it by RFC 3986 wherever the folder stands.
 */
#ifndef PETSTORE_CONTRACT_SOURCES_H
#define PETSTORE_CONTRACT_SOURCES_H

#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "contract/place.h"

#define SOURCES_FILES_MAX 1024u
#define SOURCES_NAME_MAX 255u  /* bytes of a name relative to the folder */
#define SOURCES_TOKENS_MAX 16u /* reference tokens of a JSON Pointer that is followed */
#define SOURCES_FOLLOW_MAX 8u  /* references that lead to each other */
#define SOURCES_URI_MAX 1024u  /* bytes of a URI with its fragment */

struct source {
	const char *name;
	const char *uri;
	json_t *json;
};

struct sources {
	struct arena *arena; /* the names and URIs, and what is returned; outlives the sources */
	const char *folder;  /* "" or a path with the final '/' */
	size_t count;
	struct source **file;
};

/* Reads the first file. @ret needs sources_clear() after a failure, too. */
int sources_open(struct sources *ret, struct arena *arena, const char *path, struct diag *diag);
void sources_clear(struct sources *sources);

/*
 * Where @place is an object with a $ref, replaces it by what that refers to, again and again.
 * The way to the new place is allocated from @scratch, which must outlive it. Members beside
 * a $ref are refused: AsyncAPI would have them ignored.
 */
int sources_follow(struct sources *sources, struct arena *scratch, struct place *place,
		   struct diag *diag);

/*
 * The same for a schema, which may have members beside a $ref: such a one is not followed, it
 * is the schema.
 */
int sources_follow_schema(struct sources *sources, struct arena *scratch, struct place *place,
			  struct diag *diag);

/*
 * One step of the same: @ref is the place of a "$ref" string, *ret becomes what it names.
 */
int sources_resolve(struct sources *sources, struct arena *scratch, const struct place *ref,
		    struct place *ret, struct diag *diag);

/*
 * Loads every file that a $ref somewhere in the files names, those of the new files too.
 * References to URIs with a scheme are left alone: they may name a schema's $id.
 */
int sources_load_all(struct sources *sources, struct diag *diag);

/* The URI of @place: its file's, and a fragment where it is not the whole file. */
int sources_uri(struct sources *sources, const struct place *place, const char **ret,
		struct diag *diag);

#endif

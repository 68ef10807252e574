/*
 * sources.h -- the contract's files and the references between them.
 *
 * Knows files below one folder, the root, JSON Pointer and the $ref of AsyncAPI; knows nothing of
 * the files' meaning. Files are named relative to the root, but in messages by their path; a
 * reference may lead anywhere below it, but not out of it, nor may a link of the file system.
 * Beside the root there may be a folder of documents that are known by their "$id". Nothing is
 * fetched over a network.
 *
 * A file's URI is "contract:/" and its name, so that references between the files resolve by RFC
 * 3986, wherever the root is.
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
#define SOURCES_DOCUMENTS_MAX 256u /* AsyncAPI documents that make up a contract */
#define SOURCES_KNOWN_MAX 1024u    /* documents that are known by their $id */
#define SOURCES_NAME_MAX 255u      /* bytes of a name relative to the root */
#define SOURCES_TOKENS_MAX 64u     /* reference tokens of a JSON Pointer that is followed */
#define SOURCES_FOLLOW_MAX 32u     /* references that lead to each other */
#define SOURCES_HOPS_MAX                                                                           \
	256u                  /* references that are followed for one, those on its way included   \
			       */
#define SOURCES_URI_MAX 1024u /* bytes of a URI with its fragment */

/* Where files are. */
struct sources_place {
	/* Documents, or folders of them: of *.json, *.yaml and *.yml directly in a folder those
	 * count that have a member "asyncapi", in the order of their names. */
	size_t count;
	const char *const *path;
	const char *root; /* NULL: the folder that the documents are in, or that has theirs below */
	const char *schemas; /* the folder of documents with an "$id"; NULL: there is none */
};

/* The place of one document; the array lives as long as the enclosing block. */
#define SOURCES_AT(file)                                                                           \
	{                                                                                          \
		.count = 1, .path = (const char *const[])                                          \
		{                                                                                  \
			file                                                                       \
		}                                                                                  \
	}

struct sources_file {
	const char *name;
	const char *path; /* what messages call it: it opens from where the program runs */
	const char *uri;
	const char *id; /* the "$id" that the file is known by; NULL: it is known by its name */
	struct config *original; /* as it is; NULL: it can't be read, see @fault */
	/* Where references of AsyncAPI lead: the original, or what it was translated to. What that
	 * lacks is looked for in the original. */
	const struct config *root;
	json_t *json; /* the original; NULL until sources_json() */
	json_t *part; /* that of @part_at, likewise */
	const struct config *part_at;
	/* The "$id" of all that is in it, in the order of strcmp(): sources_load_all(). */
	const char **inner;
	size_t inner_count;
	int rc; /* enum err of @fault */
	const char *fault;
	bool is_said; /* @fault is in the report */
};

#define SOURCES_MADE "merged:/" /* begins the URI of each */

/*
 * A schema that stands in no file, since it was merged of several (draft.h): a document of its own,
 * whose values' origins are in the files. No other schema refers to it; references in it are
 * relative to their origins' files.
 */
struct sources_made {
	struct sources_made *next; /* older */
	const char *name, *uri;    /* "merged:/0" or the like */
	const struct config *root;
	const struct config *owner;
};

/* Takes a warning, "TEXT" about @at: see config_line(). */
typedef void sources_warn(void *ctx, const struct config *at, const char *text);

struct sources {
	struct arena *arena;          /* memory of names, URIs and results; outlives the sources */
	const char *folder;           /* the root: "" or a path with the final '/' */
	const char *real;             /* the root's path without links; NULL: there is none */
	bool has_root;                /* it was named, and is not the contract's folder as such */
	struct config_report *report; /* while they are loaded */
	sources_warn *warn;           /* likewise; NULL: warnings are dropped */
	void *warn_ctx;
	size_t document_count; /* the first ones of @file */
	size_t count;
	struct sources_file **file;
	size_t made_count;
	struct sources_made *made; /* newest first */
	size_t known_count; /* files by their $id; those that are referred to are in @file, too */
	struct sources_file **known;
};

/*
 * Reads the documents. @ret is zero but for @warn; it needs sources_clear() after a failure, too.
 */
bool sources_open(struct sources *ret, struct arena *arena, const struct sources_place *place,
		  struct config_report *report);
void sources_clear(struct sources *sources);

/* The file as a Jansson value, made at the first call; borrowed; NULL: memory ran out. */
json_t *sources_json(struct sources_file *file);

/* Likewise the value @at of the original; borrowed until the call for another one. */
json_t *sources_part_json(struct sources_file *file, const struct config *at);
void sources_forget_json(struct sources *sources);

/*
 * If @at is an object with a $ref: the value that it refers to, through any further $ref; else @at
 * itself. AsyncAPI ignores members beside a $ref: each is a warning. NULL where a reference leads
 * nowhere or in a circle, or @at is NULL.
 */
const struct config *sources_follow(struct sources *sources, const struct config *at);

/*
 * The same for a schema. One that has members beside its $ref is the schema itself and is not
 * followed; nor is one whose $ref is a URI of no document here, which may be a schema's own $id.
 */
const struct config *sources_follow_schema(struct sources *sources, const struct config *at);

/*
 * The value that the "$ref" string @ref names, which may have a $ref itself. Steps of the pointer
 * lead through references: "#/channels/a/messages/m", where "a" is one. NULL: @report has the
 * fault.
 */
const struct config *sources_resolve(struct sources *sources, const struct config *ref,
				     struct config_report *report);

/*
 * The value that @pointer names below the root of @file, not its original; steps lead through
 * references. NULL: there is none, and nothing is said of it.
 */
const struct config *sources_at(struct sources *sources, const struct sources_file *file,
				const char *pointer);

/*
 * Loads every file that a $ref in the files names, also those that the new files name. References
 * with a scheme that no document is known by are skipped: they may name a schema's $id.
 */
void sources_load_all(struct sources *sources);

/* Texts of references. Writes @text percent-encoded where a URI's path or fragment asks for it;
 * false: no room. */
bool sources_encode(char *ret, size_t cap, const char *text);

/* Decodes %XX in place; false where it is not one, or U+0000. */
bool sources_decode(char *text);

/* Writes "/token" as a fragment has it to @ret; returns the length of what fits. */
size_t sources_put_token(char *ret, size_t cap, const char *token);

/* The file that @at, or the value that it stands for, is in. */
struct sources_file *sources_file_of(const struct sources *sources, const struct config *at);

/* The URI of @at: its file's, and a fragment where it is not the whole file. NULL: it is too long.
 */
const char *sources_uri(struct sources *sources, const struct config *at);

/*
 * The URI of the schema @root, a value of a frozen draft: as sources_uri() where it is the same as
 * its origin, else that of the document that it becomes. @root and what is below must stay in
 * memory as long as the sources. That of one @owner under one key is made once, however often its
 * owner is merged.
 */
const char *sources_made_uri(struct sources *sources, const struct config *root,
			     const struct config *owner);

/*
 * Makes "PATH: POINTER: TEXT" about one of the files "PATH:LINE:COLUMN: POINTER: TEXT"; where the
 * pointer leads nowhere, the place is that of the nearest value above. Of a document that was made
 * it names the file and the pointer of the origin. Other lines stay as they are.
 */
void sources_add_place(const struct sources *sources, struct diag *line);

#endif

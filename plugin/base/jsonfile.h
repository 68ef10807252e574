/*
 * jsonfile.h -- our own JSON files (contract, schemas, access.json) read into Jansson values.
 *
 * Not for messages: those go through schema/payload.h. Every failure names the file, and the
 * line and column or the JSON Pointer.
 */
#ifndef PETSTORE_JSONFILE_H
#define PETSTORE_JSONFILE_H

#include <jansson.h>
#include <stddef.h>

#include "base/diag.h"

/* A contract with 10,000 channels is about 20 MB. */
#define JSONFILE_MAX_BYTES (64u << 20)

/*
 * Reads @path whole. On success *ret is a new reference and the result is 0. Refuses members
 * that occur twice, trailing text and files above JSONFILE_MAX_BYTES. On failure *ret is
 * untouched and @diag reads like "access.json:12:7: '}' expected near 'x'".
 */
int jsonfile_load(const char *path, json_t **ret, struct diag *diag);

/* The same over text in memory; @name stands for the file in @diag. */
int jsonfile_parse(const char *name, const char *text, size_t len, json_t **ret, struct diag *diag);

/*
 * The value that RFC 6901 pointer @pointer ("" or "/a/0/b~1c") names below @root, borrowed;
 * NULL where there is none.
 */
json_t *jsonfile_at(json_t *root, const char *pointer);

/* Deepest place that struct jsonpath can name; deeper levels are left out of the text. */
#define JSONPATH_DEPTH 32

/*
 * A place in a document while it is walked: a linked list on the stack, so that going down
 * costs nothing and cannot fail.
 *
 *     struct jsonpath here = { .up = up, .key = "channels" };
 */
struct jsonpath {
	const struct jsonpath *up; /* NULL at the root, whose key and index are not read */
	const char *key;           /* member name, or NULL when it is an index */
	size_t index;
};

/*
 * Writes the RFC 6901 pointer of @path to @ret (@cap bytes, always terminated; "" is the
 * root). Returns @ret.
 */
char *jsonpath_print(const struct jsonpath *path, char *ret, size_t cap);

/*
 * "<file>: <pointer>: <text>" into @diag, or "<file>: <text>" for the document itself, whose
 * pointer is empty. Returns @err.
 */
int jsonpath_fail(struct diag *diag, int err, const char *file, const struct jsonpath *path,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif

/*
 * jsonfile.h -- JSON text as Jansson values: metaschemas, and what base/config.h says of text that
 * is no JSON.
 *
 * Not for messages: those go through schema/payload.h. Every failure names the file, line and
 * column.
 */
#ifndef PETSTORE_JSONFILE_H
#define PETSTORE_JSONFILE_H

#include <jansson.h>
#include <stddef.h>

#include "base/diag.h"

/*
 * Reads @text; @name stands for the file in @diag. On success *ret is a new reference and the
 * result is 0. Refuses members that occur twice and trailing text. On failure *ret is untouched and
 * @diag reads like "access.json:12:7: '}' expected near 'x'".
 */
int jsonfile_parse(const char *name, const char *text, size_t len, json_t **ret,
		   struct diag *diag) MUST_CHECK;

/*
 * The value that RFC 6901 pointer @pointer ("" or "/a/0/b~1c") names below @root, borrowed;
 * NULL where there is none.
 */
json_t *jsonfile_at(json_t *root, const char *pointer);

#endif

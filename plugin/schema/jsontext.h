/*
 * jsontext.h -- a Jansson value written as JSON, numbers of any size (jsonbig.h) included.
 */
#ifndef PETSTORE_SCHEMA_JSONTEXT_H
#define PETSTORE_SCHEMA_JSONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "schema/payload.h"

/*
 * Writes @value as text to *ret, *@len bytes and a NUL; the caller frees it. If @is_left_out (may
 * be NULL) returns true for an object, the text has `{}` in its place. Returns 0 or ERR_NOMEM.
 */
int jsontext_write(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, char **ret, size_t *len);

/*
 * Writes @value as jsontext_write() does and parses the text: *ret is the root, borrowed from
 * *parser. The caller frees *parser, after a failure, too. ERR_LIMIT where the text is larger or
 * deeper than payload.h allows.
 */
int jsontext_parse(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, struct payload_parser **parser, const struct payload_value **ret,
		   struct diag *diag) MUST_CHECK;

#endif

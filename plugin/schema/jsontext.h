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
 * Writes @value to *ret, @len bytes and a NUL, which the caller frees. Where @is_left_out (may
 * be NULL) says so of an object, `true` stands in its place. Returns 0 or ERR_NOMEM.
 */
int jsontext_write(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, char **ret, size_t *len);

/*
 * The same as a message's value, *ret, whose parser *parser the caller frees, after a failure, too.
 * ERR_LIMIT where it is larger or deeper than a message can be.
 */
int jsontext_parse(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, struct payload_parser **parser, const struct payload_value **ret,
		   struct diag *diag) MUST_CHECK;

#endif

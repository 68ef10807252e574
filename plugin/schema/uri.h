/*
 * uri.h -- URI references resolved against a base (RFC 3986, section 5.2).
 *
 * The functions work on text only: they fetch, look up and validate nothing. A text that is not a
 * URI gives some other string, which then names nothing.
 */
#ifndef PETSTORE_SCHEMA_URI_H
#define PETSTORE_SCHEMA_URI_H

#include <stddef.h>

#include "base/arena.h"

/* The longest $id or $ref, in bytes. */
#define URI_MAX_BYTES 4096u

/*
 * Resolves @ref against @base (absolute, without fragment). Stores the resulting URI, without its
 * fragment and allocated from @arena, in *ret. Returns 0, ERR_NOMEM, or ERR_LIMIT where @base or
 * @ref is longer than URI_MAX_BYTES.
 */
int uri_resolve(struct arena *arena, const char *base, const char *ref, char **ret);

/* Returns the fragment of @ref without its '#', borrowed, not decoded; "" where there is none. */
const char *uri_fragment(const char *ref);

#endif

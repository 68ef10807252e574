/*
 * uri.h -- URI references resolved against a base (RFC 3986, section 5.2).
 *
 * Text in, text out: nothing is fetched, looked up or validated; what is not a URI comes out as
 * some other string that then names nothing.
 */
#ifndef PETSTORE_SCHEMA_URI_H
#define PETSTORE_SCHEMA_URI_H

#include <stddef.h>

#include "base/arena.h"

/* The longest $id or $ref, in bytes. */
#define URI_MAX_BYTES 4096u

/*
 * Resolves @ref against @base (absolute, without fragment) and stores the URI without its
 * fragment, allocated from @arena, to *ret. Returns 0, ERR_NOMEM, or ERR_LIMIT where one of
 * them is longer than URI_MAX_BYTES.
 */
int uri_resolve(struct arena *arena, const char *base, const char *ref, char **ret);

/* The fragment of @ref without its '#', borrowed, not decoded; "" where there is none. */
const char *uri_fragment(const char *ref);

#endif

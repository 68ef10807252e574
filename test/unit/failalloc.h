/*
 * failalloc.h -- allocations that are counted, and the n-th that fails.
 *
 * Test programs are linked with --wrap for malloc, calloc, realloc, strdup and strndup, so
 * that every call of our rooms comes here; failalloc_start() routes Jansson here as well.
 *
 *     for (size_t n = 1;; n++) {
 *             failalloc_start(n);
 *             rc = acl_compile(json, &acl, &diag);
 *             if (!failalloc_stop())
 *                     break;                  // fewer than n allocations: all were tried
 *             assert_int_equal(rc, ERR_NOMEM);
 *     }
 */
#ifndef PETSTORE_FAILALLOC_H
#define PETSTORE_FAILALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the @nth allocation (1 is the first) and all later ones fail; 0: none. */
void failalloc_start(size_t nth);

/* Back to normal. True where an allocation was made to fail since the start. */
bool failalloc_stop(void);

/* Allocations since failalloc_start(). */
size_t failalloc_count(void);

#endif

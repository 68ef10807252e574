/*
 * jsontree.h -- a tree of Jansson's values of a text that jsonscan.h has accepted.
 *
 * Jansson's own reader takes each byte by three calls and checks what the scan has checked
 * already (test/bench/NOTES.md); this file only makes the values, by Jansson's API. The tree is the
 * one that json_loadb() makes, but for big numbers, which are kept as jsonbig.h says.
 */
#ifndef PETSTORE_JSONTREE_H
#define PETSTORE_JSONTREE_H

#include <jansson.h>
#include <stddef.h>

#include "schema/jsonscan.h"
#include "schema/payload.h"

/* The first byte of a string that is a big number's text; UTF-8 has no such byte. */
#define JSONTREE_BIG_MARK 0xff

/*
 * Returns a new reference to the value of @text. jsonscan_run() must have accepted these very @len
 * bytes, and have found @big_count big numbers, all of them in @big. NULL with @error filled in
 * where a member name occurs twice, or there is no memory.
 */
json_t *jsontree_new(const char *text, size_t len, const struct jsonscan_big *big, size_t big_count,
		     struct payload_error *error);

#endif

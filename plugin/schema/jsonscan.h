/*
 * jsonscan.h -- a strict look over JSON text, before or instead of a parser.
 *
 * Knows RFC 8259 and UTF-8 to the byte; builds nothing and allocates nothing. Both backends of
 * payload.h report the place and the sentence of a fault from here, so that they report the same;
 * the Jansson one also learns here how deep a text is and which numbers Jansson cannot hold. Only
 * a member name that occurs twice is not found here.
 */
#ifndef PETSTORE_JSONSCAN_H
#define PETSTORE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/payload.h"

/* Deepest nesting that can be followed; Jansson's own limit. */
#define JSONSCAN_MAX_DEPTH 2048u

/*
 * A number that neither int64_t nor a finite double holds, or whose double is whole where the
 * number is not (1e-400, 1.00000000000000000001), where it stands in the text.
 */
struct jsonscan_big {
	size_t ordinal; /* how many strings, numbers and literals come before; names excluded */
	size_t offset;
	size_t len;
};

struct jsonscan {
	enum payload_fault fault; /* PAYLOAD_OK, or the first fault of the text */
	size_t offset;            /* where it is */
	const char *what;         /* what it is, a literal sentence */
	size_t big_count;         /* numbers as struct jsonscan_big has them */
};

/*
 * Scans @len bytes of @text and fills *ret. At most @max_depth (<= JSONSCAN_MAX_DEPTH) arrays
 * and objects may be open at a time. The first @big_max big numbers are stored to @big, which
 * may be NULL when @big_max is 0. True where the text is JSON.
 */
bool jsonscan_run(const char *text, size_t len, unsigned max_depth, struct jsonscan_big *big,
		  size_t big_max, struct jsonscan *ret);

/* Fills @error from a scan that failed. */
void jsonscan_report(const struct jsonscan *scan, struct payload_error *error);

#endif

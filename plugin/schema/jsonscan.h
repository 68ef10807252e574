/*
 * jsonscan.h -- a strict check of JSON text, before or instead of a parser.
 *
 * The scan follows RFC 8259 and UTF-8 to the byte. It builds nothing and allocates nothing. Both
 * backends of payload.h take the offset and the sentence of a fault from it, so both report the
 * same. The Jansson backend makes its tree of a text that the scan has accepted (jsontree.h),
 * without another check, and learns of the numbers that Jansson cannot hold. The scan does not find
 * a member name that occurs twice.
 */
#ifndef PETSTORE_JSONSCAN_H
#define PETSTORE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/payload.h"

/* The deepest nesting that the scan can follow; Jansson's own limit. */
#define JSONSCAN_MAX_DEPTH 2048u

/*
 * The position of a big number in the text: one that neither int64_t nor a finite double holds, or
 * that is not whole although its double is (1e-400, 1.00000000000000000001).
 */
struct jsonscan_big {
	size_t offset;
	size_t len;
};

struct jsonscan {
	enum payload_fault fault; /* PAYLOAD_OK, or the first fault of the text */
	size_t offset;            /* of the fault, in bytes */
	const char *what;         /* the fault as a sentence, a literal */
	size_t big_count;         /* how many big numbers the text has */
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

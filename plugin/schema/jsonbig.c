#include "schema/jsonbig.h"

#include <stdlib.h>

#include "schema/jsonscan.h"
#include "schema/payload_backend.h"

/* Most texts have no big numbers. The others are scanned once more, to note where they stand. */
json_t *jsonbig_parse(const char *text, size_t len, unsigned max_depth, struct payload_error *error)
{
	struct jsonscan_big *big = NULL;
	struct jsonscan scan;
	json_t *root = NULL;

	if (!jsonscan_run(text, len, max_depth, NULL, 0, &scan)) {
		jsonscan_report(&scan, error);
		return NULL;
	}
	if (scan.big_count > 0) {
		big = malloc(scan.big_count * sizeof(*big));
		if (!big) {
			payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
			return NULL;
		}
		(void)jsonscan_run(text, len, max_depth, big, scan.big_count, &scan);
	}
	root = jsontree_new(text, len, big, scan.big_count, error);
	free(big);
	return root;
}

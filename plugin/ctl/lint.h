/*
 * lint.h -- what petstorectl lint has found, and those that find it.
 */
#ifndef PETSTORE_CTL_LINT_H
#define PETSTORE_CTL_LINT_H

#include <jansson.h>
#include <stdbool.h>

enum lint_level { LINT_ERROR, LINT_WARNING };

struct lint {
	json_t *findings; /* objects of level and text */
	unsigned errors;
	unsigned warnings;
};

/* One finding, which names file and place. */
void lint_add(struct lint *lint, enum lint_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Certificate, key and authorities of the listeners, as arrays of paths (NULL: none): are they
 * readable, in force, and do they belong together? The i-th key goes with the i-th certificate.
 */
void lint_certs(struct lint *lint, const json_t *certfiles, const json_t *keyfiles,
		const json_t *cafiles);

#endif

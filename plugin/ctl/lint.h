/*
 * lint.h -- what petstorectl lint has found, and those that find it.
 */
#ifndef PETSTORE_CTL_LINT_H
#define PETSTORE_CTL_LINT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/brokerfile.h"

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
 * What stands in the broker's configuration beside the plugin's options. @path is the file, where
 * no line can be named.
 */
void lint_config(struct lint *lint, const struct brokerfile *file, const char *path);

/* Do messages with a payload of @payload_max bytes, the contract's largest, get through? */
void lint_sizes(struct lint *lint, const struct brokerfile *file, size_t payload_max);

/*
 * The files that a line names: readable, in force, and do certificate and key belong together?
 * @keyfile may be NULL: there is none.
 */
void lint_certfile(struct lint *lint, const struct brokerfile_line *certfile,
		   const struct brokerfile_line *keyfile);
void lint_cafile(struct lint *lint, const struct brokerfile_line *cafile);
void lint_crlfile(struct lint *lint, const struct brokerfile_line *crlfile);

/* State machines of the contract @document, which was loaded: unused ones, statuses out of reach.
 */
void lint_machines(struct lint *lint, const char *path, const json_t *document);

#endif

/*
 * dialect.h -- what $schema means, and whether a schema is valid against its metaschema.
 *
 * The metaschemas of draft 2020-12 and draft 7 are built in. Any other $schema must name a
 * document of the set that is a metaschema itself. The $schema of that metaschema gives the draft,
 * and its $vocabulary gives the keywords that the dialect knows.
 */
#ifndef PETSTORE_SCHEMA_DIALECT_H
#define PETSTORE_SCHEMA_DIALECT_H

#include <stdbool.h>

#include "schema/document.h"

/* The dialect of a document that has no $schema. */
#define DIALECT_DEFAULT "https://json-schema.org/draft/2020-12/schema"

/* Is @uri draft 7's own metaschema? */
bool dialect_is_draft7(const char *uri);

/*
 * Stores the dialect that $schema @uri stands for in *ret, borrowed from @set. ERR_INVALID where
 * the metaschema is not known, or requires a vocabulary that is not known.
 */
int dialect_find(struct schema_set *set, const char *uri, const struct dialect **ret,
		 struct diag *diag) MUST_CHECK;

/* Adds the built-in metaschemas to a new set. */
int dialect_add_metaschemas(struct schema_set *set, struct diag *diag) MUST_CHECK;

/*
 * Checks the schema at @place and all schemas below it that have the same dialect: first the shape
 * of every keyword, then the metaschema. A place is checked only once. ERR_INVALID: @diag names the
 * document, the JSON Pointer and what was expected.
 */
int dialect_check(struct schema_set *set, struct schema_place *place, struct diag *diag) MUST_CHECK;

#endif

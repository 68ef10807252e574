/*
 * dialect.h -- what $schema means, and whether a schema is what its metaschema asks.
 *
 * The metaschemas of draft 2020-12 and draft 7 are built in. Any other $schema must name a
 * document of the set that is a metaschema itself: its own $schema gives the draft and its
 * $vocabulary the keywords that count.
 */
#ifndef PETSTORE_SCHEMA_DIALECT_H
#define PETSTORE_SCHEMA_DIALECT_H

#include <stdbool.h>

#include "schema/document.h"

/* What a document without $schema is written in. */
#define DIALECT_DEFAULT "https://json-schema.org/draft/2020-12/schema"

/* Is @uri draft 7's own metaschema? */
bool dialect_is_draft7(const char *uri);

/*
 * The dialect that $schema @uri stands for, to *ret, borrowed from @set. ERR_INVALID where the
 * metaschema is not known or requires a vocabulary that is not.
 */
int dialect_find(struct schema_set *set, const char *uri, const struct dialect **ret,
		 struct diag *diag) MUST_CHECK;

/* Adds the built-in metaschemas to a new set. */
int dialect_add_metaschemas(struct schema_set *set, struct diag *diag) MUST_CHECK;

/*
 * Checks the schema at @place and all below it that is of the same dialect, once: the shape of
 * every keyword, then the metaschema. ERR_INVALID with document, JSON Pointer and what was
 * expected.
 */
int dialect_check(struct schema_set *set, struct schema_place *place, struct diag *diag) MUST_CHECK;

#endif

/*
 * dialect.h -- what a schema is written in, and whether it is what that dialect asks.
 *
 * The drafts, AsyncAPI's and OpenAPI's Schema Objects have a row in a table each. Any other
 * $schema must name a document of the set that is a metaschema itself. The $schema of that
 * metaschema gives the draft, and its $vocabulary gives the keywords that the dialect knows.
 */
#ifndef PETSTORE_SCHEMA_DIALECT_H
#define PETSTORE_SCHEMA_DIALECT_H

#include <stdbool.h>

#include "schema/document.h"

/* The URI of a dialect, as in $schema; of AsyncAPI and OpenAPI one that stands for it. */
const char *dialect_uri(enum schema_dialect dialect);

/* The dialect that @uri names; SCHEMA_UNSAID where it is none of the above. */
enum schema_dialect dialect_of_uri(const char *uri);

/* Do the two name the same? An empty fragment says nothing. */
bool dialect_same_uri(const char *a, const char *b);

/*
 * Stores the dialect that $schema @uri stands for in *ret, borrowed from @set. ERR_INVALID where
 * the metaschema is not known, or requires a vocabulary that is not known.
 */
int dialect_find(struct schema_set *set, const char *uri, const struct dialect **ret,
		 struct diag *diag) MUST_CHECK;

/* The same, as the set keeps it. */
int dialect_find_known(struct schema_set *set, const char *uri, struct known_dialect **ret,
		       struct diag *diag) MUST_CHECK;

/*
 * dialect_check.c: checks the schema at @place and all schemas below it that have the same
 * dialect: first the shape of every keyword, then the metaschema, which AsyncAPI shares with draft
 * 07 and OpenAPI has none of. What stands beside a $ref that hides it is not looked at. A place is
 * checked only once. ERR_INVALID: @diag names the document, the JSON Pointer and what was expected.
 */
int dialect_check(struct schema_set *set, struct schema_place *place, struct diag *diag) MUST_CHECK;

#endif

/*
 * heirs.h -- which schemas inherit which, for `discriminator`.
 *
 * A schema inherits another where its allOf has a reference to it (AsyncAPI 3.0, Composition and
 * Inheritance; OpenAPI 3.0.3, the same). Only schemas with a name can be told apart: those in
 * /components/schemas, /definitions and /$defs at a document's root, and a document's root itself,
 * which is called what its file is called without the extension. Names with '%', '~' or '/' do not
 * count. The places of all these are made when the first discriminator asks, and not before. All of
 * it is in the set's arena.
 */
#ifndef PETSTORE_SCHEMA_HEIRS_H
#define PETSTORE_SCHEMA_HEIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/document.h"

/* The longest chain of schemas that inherit each other; what is above does not count. */
#define HEIRS_MAX_DEPTH 256u

/* A schema that inherits the one whose list it is in. */
struct heir {
	struct heir *next;
	struct schema_place *place;
};

/* Makes places, names and lists of heirs of all documents that were added by now. */
int heirs_find(struct schema_set *set, struct diag *diag) MUST_CHECK;

/*
 * Has @place a discriminator, or does it inherit a schema that has one? Stores the answer in *ret.
 * Returns 0 or ERR_NOMEM. A reference that leads nowhere is nobody's heir.
 */
int heirs_is_kind(struct schema_set *set, struct schema_place *place, bool *ret,
		  struct diag *diag) MUST_CHECK;

/*
 * Stores the schemas above @place that have a discriminator in @ret, at most @max, each once and
 * the nearest first, and how many they are in *count. Returns 0 or ERR_NOMEM.
 */
int heirs_bases(struct schema_set *set, struct schema_place *place, struct schema_place **ret,
		size_t max, size_t *count, struct diag *diag) MUST_CHECK;

/*
 * Stores the place that @ref names from @from in *ret, with references that say nothing else
 * followed; NULL where it names nothing, or a boolean. Returns 0 or ERR_NOMEM.
 */
int heirs_resolve(struct schema_set *set, const struct schema_place *from, const char *ref,
		  struct schema_place **ret, struct diag *diag) MUST_CHECK;

#endif

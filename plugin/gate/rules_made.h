/*
 * rules_made.h -- the contract's merged schemas, for the schema engine.
 */
#ifndef PETSTORE_GATE_RULES_MADE_H
#define PETSTORE_GATE_RULES_MADE_H

#include "base/diag.h"
#include "contract/sources.h"
#include "schema/schema.h"

/*
 * Adds @made, of @sources, to @set, with its references as they are meant where they stand:
 * relative to their files. Those below a schema with an $id are relative to that.
 */
int rules_add_made(const struct sources *sources, const struct sources_made *made,
		   struct schema_set *set, struct diag *diag) MUST_CHECK;

#endif

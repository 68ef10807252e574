/*
 * deref.h -- a contract's schema in one piece, without references.
 *
 * For comparing schemas, not for checking messages: each "$ref" is replaced by a member of "allOf"
 * with what it refers to, and members that only describe (titles, examples, $defs) are left out.
 * What other dialects say in their own way (lists in "items", boolean limits, "nullable") is
 * written as draft 2020-12 has it.
 */
#ifndef PETSTORE_CTL_DEREF_H
#define PETSTORE_CTL_DEREF_H

#include <jansson.h>
#include <stdbool.h>

#include "contract/contract.h"
#include "schema/schema.h"

/* Schemas in one result, at most; one that is referred to twice mostly counts once. */
#define DEREF_MAX 50000u

enum deref_extent {
	DEREF_WHOLE,
	DEREF_PARTLY,  /* without schemas that "$id" or "$anchor" name, or of another dialect */
	DEREF_STOPPED, /* after DEREF_MAX: it refers to itself in too many ways */
};

struct deref_result {
	enum deref_extent extent;
	enum schema_dialect dialect; /* that the schema is written in */
};

/*
 * The schema that @uri names (a channel's schema_uri). New, or NULL where memory ran out. A
 * reference into itself stays as it is. What is referred to more than once is one value that
 * stands in all of those places (pairs.h): more paths may lead through it than it has parts.
 * @keeps_unknown: with members that are no keyword, and say nothing.
 */
json_t *deref_schema(const struct contract *contract, const char *uri, bool keeps_unknown,
		     struct deref_result *ret);

#endif

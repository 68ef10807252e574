/*
 * keyword.h -- the keywords of all dialects: vocabulary, shape, where the subschemas are.
 *
 * One table describes all keywords. With it the other files walk a schema (for ids and anchors),
 * check the shape of its keywords and compile it. Knows nothing of references or of messages.
 */
#ifndef PETSTORE_SCHEMA_KEYWORD_H
#define PETSTORE_SCHEMA_KEYWORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/suggest.h"
#include "schema/schema.h"

enum vocabulary {
	VOCABULARY_CORE = 1 << 0,
	VOCABULARY_APPLICATOR = 1 << 1,
	VOCABULARY_UNEVALUATED = 1 << 2,
	VOCABULARY_VALIDATION = 1 << 3,
	VOCABULARY_METADATA = 1 << 4,
	VOCABULARY_FORMAT = 1 << 5,           /* format is an annotation, if no option asserts it */
	VOCABULARY_FORMAT_ASSERTION = 1 << 6, /* format is an assertion */
	VOCABULARY_CONTENT = 1 << 7,
};

/* Sets of dialects. */
enum {
	IN_04 = 1 << SCHEMA_DRAFT_04,
	IN_06 = 1 << SCHEMA_DRAFT_06,
	IN_07 = 1 << SCHEMA_DRAFT_07,
	IN_2019_09 = 1 << SCHEMA_DRAFT_2019_09,
	IN_2020_12 = 1 << SCHEMA_DRAFT_2020_12,
	IN_V1 = 1 << SCHEMA_V1,
	IN_ASYNCAPI = 1 << SCHEMA_ASYNCAPI,
	IN_OPENAPI = 1 << SCHEMA_OPENAPI_30,

	/* $ref is all that counts: the keywords beside it are ignored. */
	IN_LONE_REF = IN_04 | IN_06 | IN_07 | IN_ASYNCAPI | IN_OPENAPI,
	/* References are JSON References: "#/..." starts at the file's root, whatever $id says. */
	IN_JSON_REFERENCE = IN_ASYNCAPI | IN_OPENAPI,
	/* A list in "items" stands for what is "prefixItems" from 2020-12. */
	IN_ITEMS_LIST = IN_04 | IN_06 | IN_07 | IN_2019_09 | IN_ASYNCAPI,
	/* exclusiveMinimum and exclusiveMaximum are booleans that change minimum and maximum. */
	IN_BOOLEAN_LIMITS = IN_04 | IN_OPENAPI,
	/* `true` and `false` are no schemas, except in additionalItems and additionalProperties. */
	IN_NO_BOOLEANS = IN_04 | IN_OPENAPI,
};

/* What a schema is written in: a draft or a specification, and the vocabularies of it. */
struct dialect {
	enum schema_dialect draft;
	unsigned vocabularies; /* enum vocabulary, or-ed */
};

/* Is the dialect in the set @dialects? */
static inline bool dialect_in(const struct dialect *dialect, unsigned dialects)
{
	return 1u << dialect->draft & dialects;
}

/* Returns the bit of the vocabulary with this URI, 0 for an unknown one. */
unsigned vocabulary_find(const char *uri);

struct keyword; /* a row of the table */

/* Returns the keyword @name, or NULL where @dialect has none; @name is then an annotation. */
const struct keyword *keyword_find(const struct dialect *dialect, const char *name);

/* Is @name a keyword of some dialect? */
bool keyword_is_any(const char *name);

/*
 * Is @name no keyword of @dialect, whatever its vocabularies, though one of another dialect that
 * can make an instance invalid there?
 */
bool keyword_is_elsewhere(const struct dialect *dialect, const char *name);

/* The name of the keyword that gives a schema its URI: "$id", or "id"; NULL where none does. */
const char *keyword_id(const struct dialect *dialect);

/* Has @schema a $ref that hides all keywords beside it? */
bool keyword_hides(const struct dialect *dialect, const json_t *schema);

/* Adds the keywords of @dialect to @suggest. */
void keyword_suggest(const struct dialect *dialect, struct suggest *suggest);

/*
 * Returns the value of keyword @name in @schema, borrowed. NULL where @schema has none or @dialect
 * does not know it.
 */
json_t *keyword_value(const struct dialect *dialect, const json_t *schema, const char *name);

/* Can keyword @name make an instance invalid? Keywords that only describe cannot. */
bool keyword_asserts(const struct dialect *dialect, const char *name);

/* A subschema of a keyword: the keyword's value, or an item or a member of it. */
struct keyword_child {
	json_t *node;
	const char *keyword;
	const char *name;   /* of the member; NULL for an item or the keyword's value itself */
	const char *second; /* of propertyDependencies: of the member's member; else NULL */
	size_t index;
	bool has_index;
};

/*
 * Calls @visit for every subschema right below @schema (an object), in the order of its members.
 * Stops at the first answer that is not 0 and returns it. Values of a wrong shape are skipped.
 */
int keyword_children(const struct dialect *dialect, const json_t *schema,
		     int (*visit)(void *ctx, const struct keyword_child *child), void *ctx);

/*
 * Checks that @value has the shape that @keyword requires in @dialect. Returns 0, or ERR_INVALID;
 * @diag then says what the value is and what was expected, and @at (@cap bytes) is the pointer from
 * the keyword's value to the fault. Of a subschema it checks only that it is an object or a
 * boolean.
 */
int keyword_check(const struct dialect *dialect, const struct keyword *keyword, const json_t *value,
		  char *at, size_t cap, struct diag *diag) MUST_CHECK;

#endif

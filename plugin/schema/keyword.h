/*
 * keyword.h -- the keywords of both drafts: vocabulary, shape, where the subschemas are.
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

enum vocabulary {
	VOCABULARY_CORE = 1 << 0,
	VOCABULARY_APPLICATOR = 1 << 1,
	VOCABULARY_UNEVALUATED = 1 << 2,
	VOCABULARY_VALIDATION = 1 << 3,
	VOCABULARY_METADATA = 1 << 4,
	VOCABULARY_FORMAT = 1 << 5,           /* format-annotation; all of draft 7's format */
	VOCABULARY_FORMAT_ASSERTION = 1 << 6, /* format is an assertion */
	VOCABULARY_CONTENT = 1 << 7,
};

enum schema_draft {
	DRAFT_7 = 1,
	DRAFT_2020_12 = 2,
};

/* What a schema's $schema stands for. */
struct dialect {
	enum schema_draft draft;
	unsigned vocabularies; /* enum vocabulary, or-ed */
};

/* Returns the bit of the vocabulary with this URI, 0 for an unknown one. */
unsigned vocabulary_find(const char *uri);

struct keyword; /* a row of the table */

/* Returns the keyword @name, or NULL where @dialect has none; @name is then an annotation. */
const struct keyword *keyword_find(const struct dialect *dialect, const char *name);

/* Adds the keywords of both drafts to @suggest. True where @suggest's word is one of them. */
bool keyword_suggest(struct suggest *suggest);

/*
 * Returns the value of keyword @name in @schema, borrowed. NULL where @schema has none or @dialect
 * does not know it.
 */
json_t *keyword_value(const struct dialect *dialect, const json_t *schema, const char *name);

/* Is the value a string? A number that jsonbig.h keeps as a string is not. */
bool keyword_is_string(const json_t *value);

/* Can keyword @name make an instance invalid? Keywords that only describe cannot. */
bool keyword_asserts(const struct dialect *dialect, const char *name);

/* A subschema of a keyword: the keyword's value, or an item or a member of it. */
struct keyword_child {
	json_t *node;
	const char *keyword;
	const char *name; /* of the member; NULL for an item or the keyword's value itself */
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
 * Checks that @value has the shape that @keyword requires. Returns 0, or ERR_INVALID; @diag then
 * says what the value is and what was expected, and @at (@cap bytes) is the pointer from the
 * keyword's value to the fault. Of a subschema it checks only that it is an object or a boolean.
 */
int keyword_check(const struct keyword *keyword, const json_t *value, char *at, size_t cap,
		  struct diag *diag) MUST_CHECK;

#endif

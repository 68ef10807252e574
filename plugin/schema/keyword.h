/*
 * keyword.h -- the keywords of both drafts: vocabulary, shape, where the subschemas are.
 *
 * One table, from which schemas are walked (ids, anchors), checked for shape with a sentence
 * that names the fault, and compiled. Knows nothing of references or of messages.
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

/* The bit of a vocabulary's URI, 0 for one that is not known. */
unsigned vocabulary_find(const char *uri);

struct keyword; /* a row of the table */

/* The keyword called @name, or NULL where @dialect has none: it is then an annotation. */
const struct keyword *keyword_find(const struct dialect *dialect, const char *name);

/* Adds the keywords of both drafts; true: @suggest's word is one of them. */
bool keyword_suggest(struct suggest *suggest);

/*
 * The value of keyword @name in @schema, borrowed. NULL where @schema has none or @dialect does
 * not know it.
 */
json_t *keyword_value(const struct dialect *dialect, const json_t *schema, const char *name);

/* Is the value a string, and no number that jsonbig.h keeps as one? */
bool keyword_is_string(const json_t *value);

/* Does keyword @name ask something of a message, other than what only describes? */
bool keyword_asserts(const struct dialect *dialect, const char *name);

/* A subschema of a keyword: itself, or what an index or a name picks from it. */
struct keyword_child {
	json_t *node;
	const char *keyword;
	const char *name; /* NULL: picked by index, or the keyword's value itself */
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
 * Does the value of @keyword have the shape that the keyword asks? Returns 0, or ERR_INVALID
 * with @diag saying what it is and what was expected. Subschemas are only looked at for being
 * an object or a boolean. *at, of @cap bytes, is the pointer from the keyword's value to the
 * fault.
 */
int keyword_check(const struct keyword *keyword, const json_t *value, char *at, size_t cap,
		  struct diag *diag) MUST_CHECK;

#endif

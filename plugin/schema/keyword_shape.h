/*
 * keyword_shape.h -- what the value of a keyword looks like: a count, a map of schemas, ...
 *
 * Checks a value against its shape and says what is wrong. Knows no keyword by its name.
 */
#ifndef PETSTORE_SCHEMA_KEYWORD_SHAPE_H
#define PETSTORE_SCHEMA_KEYWORD_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

enum keyword_shape {
	SHAPE_ANY,
	SHAPE_OBJECT,
	SHAPE_STRING,
	SHAPE_ID,     /* a string without a fragment that says anything */
	SHAPE_ANCHOR, /* a string that is a plain name */
	SHAPE_BOOLEAN,
	SHAPE_COUNT,    /* an integer of at least 0 */
	SHAPE_NUMBER,   /* a number */
	SHAPE_POSITIVE, /* a number above 0 */
	SHAPE_TYPE,     /* a type's name */
	SHAPE_TYPES,    /* the same, or an array of such */
	SHAPE_ARRAY,
	SHAPE_NAMES,        /* an array of strings, each once */
	SHAPE_FLAGS,        /* an object of booleans */
	SHAPE_NAMES_MAP,    /* an object of SHAPE_NAMES */
	SHAPE_DEPENDENCY,   /* a schema, or SHAPE_NAMES */
	SHAPE_SCHEMA,       /* from here on: with subschemas */
	SHAPE_EXTRA,        /* the same; also a boolean where that is no schema */
	SHAPE_SCHEMAS,      /* an array of at least one */
	SHAPE_SCHEMA_MAP,   /* an object of schemas */
	SHAPE_ITEMS,        /* a schema, or an array of schemas */
	SHAPE_SCHEMA_MAPS,  /* an object of SHAPE_SCHEMA_MAP */
	SHAPE_DEPENDENCIES, /* an object of SHAPE_DEPENDENCY */
};

/* Where a fault is, below the value of a keyword, and what it is. */
struct keyword_fault {
	bool has_boolean_schemas; /* of the dialect: `true` and `false` are schemas */
	char *at;   /* the pointer from the keyword's value to the fault; "" at first */
	size_t cap; /* bytes at @at */
	struct diag *diag;
};

/*
 * Returns 0, or ERR_INVALID with @fault filled in. Of a subschema it checks only that it is an
 * object or a boolean.
 */
int keyword_shape_check(enum keyword_shape shape, const json_t *value,
			const struct keyword_fault *fault) MUST_CHECK;

#endif

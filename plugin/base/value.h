/*
 * value.h -- the value of a column: as it is in a payload, a record or a row.
 */
#ifndef PETSTORE_BASE_VALUE_H
#define PETSTORE_BASE_VALUE_H

#include <stddef.h>
#include <stdint.h>

/* The journal's records hold these numbers (ledger/record.h): none of them changes. */
enum value_type {
	VALUE_NULL = 0,
	VALUE_TEXT = 1,
	VALUE_INTEGER = 2,
	VALUE_REAL = 3,
	VALUE_BOOLEAN = 4
};

struct value {
	unsigned column; /* the struct that holds the value says how columns are numbered */
	enum value_type type;
	const char *text; /* VALUE_TEXT: @len bytes, not NUL-terminated, borrowed */
	size_t len;
	int64_t integer; /* VALUE_INTEGER, VALUE_BOOLEAN */
	double real;     /* VALUE_REAL */
};

#endif

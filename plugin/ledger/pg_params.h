/*
 * pg_params.h -- a statement's text, its parameters ($1, $2, ...), and arrays as parameters.
 *
 * Knows PostgreSQL's formats on the wire of text, numbers and bytes; knows no connection. Numbers
 * go as text, so that the server takes them for whatever type the statement asks for; texts and
 * bytes go as they are and need no NUL; arrays go in the binary format, so that the statement must
 * name their type: unnest($1::bigint[], $2::text[]).
 */
#ifndef PETSTORE_PG_PARAMS_H
#define PETSTORE_PG_PARAMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define PG_PARAMS_MAX 96u                 /* of one statement */
#define PG_NUMBER_MAX 32u                 /* bytes of a number's text */
#define PG_ARRAY_BYTES ((size_t)64 << 20) /* of one array */

/* All zero is none. What it points to is borrowed until the statement was sent. */
struct pg_params {
	unsigned count;
	const char *value[PG_PARAMS_MAX]; /* NULL: NULL */
	int len[PG_PARAMS_MAX];
	int is_binary[PG_PARAMS_MAX];
	char number[PG_PARAMS_MAX][PG_NUMBER_MAX];
};

static inline void pg_params_clear(struct pg_params *params)
{
	params->count = 0;
}

/* Each adds one, at most PG_PARAMS_MAX of them (a caller's bug else). */
void pg_add_null(struct pg_params *params);
void pg_add_text(struct pg_params *params, const char *text, size_t len);   /* @text NULL: NULL */
void pg_add_string(struct pg_params *params, const char *text);             /* likewise */
void pg_add_bytes(struct pg_params *params, const void *bytes, size_t len); /* BYTEA; likewise */
void pg_add_number(struct pg_params *params, int64_t number);
void pg_add_real(struct pg_params *params, double real);

/* What an array's elements are: the statement must say $n::TYPE[]. */
enum pg_type {
	PG_TEXT,   /* text[] */
	PG_BYTES,  /* bytea[] */
	PG_NUMBER, /* bigint[] */
	PG_REAL,   /* double precision[] */
};

/* All zero is an empty array of texts that has no memory yet. */
struct pg_array {
	enum pg_type type;
	bool is_failed; /* memory ran out, or PG_ARRAY_BYTES: pg_add_array() says so */
	bool has_null;
	uint32_t count;
	size_t len, size;
	char *bytes;
};

/* Empties the array for elements of @type; what memory it has stays. */
void pg_array_begin(struct pg_array *array, enum pg_type type);
void pg_array_free(struct pg_array *array); /* its memory only; it is all zero then */

/* Each adds an element, which must be of the array's type. */
void pg_array_null(struct pg_array *array);
void pg_array_text(struct pg_array *array, const char *text, size_t len); /* PG_TEXT, PG_BYTES */
void pg_array_number(struct pg_array *array, int64_t number);
void pg_array_real(struct pg_array *array, double real);

/* Adds the array, which is borrowed. ERR_NOMEM, ERR_LIMIT: an element was not taken. */
int pg_add_array(struct pg_params *params, struct pg_array *array, struct diag *diag) MUST_CHECK;

/*
 * Appends to the statement of *len bytes in @sql, which has room for @size with its NUL. What has
 * no room is cut, and the server refuses the statement.
 */
void pg_sql_add(char *sql, size_t size, size_t *len, const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));

#endif

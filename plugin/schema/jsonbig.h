/*
 * jsonbig.h -- Jansson values with numbers of any size.
 *
 * Jansson refuses integers beyond int64_t and reals beyond double, but JSON Schema compares them
 * like any other number. This file keeps such a number as its text, in a JSON string whose first
 * byte is 0xff. UTF-8 never has that byte, so no string of a message looks like it. The string is
 * owned, compared (json_equal) and freed like every other value, but Jansson cannot dump it.
 */
#ifndef PETSTORE_JSONBIG_H
#define PETSTORE_JSONBIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/jsontree.h"
#include "schema/payload.h"

/*
 * Parses @len bytes of JSON text as strictly as payload.h says, with at most @max_depth
 * (<= 2048) arrays and objects open at a time. Returns a new reference, or NULL with @error
 * filled in.
 */
json_t *jsonbig_parse(const char *text, size_t len, unsigned max_depth,
		      struct payload_error *error);

/*
 * True where @value is a number that is kept as text: an integer outside int64_t, a real beyond the
 * largest double, or a real that is not whole but whose double is. *ret, *ret_len are then its text
 * as in the message ("-12345678901234567890", "1e400", "1e-400"), borrowed and NUL-terminated.
 */
static inline bool jsonbig_text(const json_t *value, const char **ret, size_t *ret_len)
{
	const char *text = json_string_value(value);

	if (!text || (unsigned char)text[0] != JSONTREE_BIG_MARK)
		return false;
	*ret = text + 1;
	*ret_len = json_string_length(value) - 1;
	return true;
}

/* Is @value a string? A number that is kept as text is none. */
static inline bool jsonbig_is_string(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && (unsigned char)text[0] != JSONTREE_BIG_MARK;
}

#endif

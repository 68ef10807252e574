/*
 * jsonbig.h -- Jansson values with numbers of any size.
 *
 * Jansson refuses integers beyond int64_t and reals beyond double; JSON Schema wants them
 * compared like any other. Such a number is kept as its text, in a JSON string that no text
 * can produce: its first byte is 0xff, which UTF-8 does not have. It is therefore owned,
 * compared (json_equal) and freed like every other value, but cannot be dumped.
 */
#ifndef PETSTORE_JSONBIG_H
#define PETSTORE_JSONBIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/payload.h"

#define JSONBIG_MARK 0xff

/*
 * Parses @len bytes of JSON text, as strict as payload.h asks, with at most @max_depth
 * (<= 2048) arrays and objects open at a time. Returns a new reference, or NULL with @error
 * filled in.
 */
json_t *jsonbig_parse(const char *text, size_t len, unsigned max_depth,
		      struct payload_error *error);

/*
 * True where @value is such a number: *ret, *ret_len are its text as it stood in the message
 * ("-12345678901234567890", "1e400", "1e-400"), borrowed and NUL-terminated: an integer outside
 * int64_t, a real beyond the largest double, or one whose double is whole though it is not.
 */
static inline bool jsonbig_text(const json_t *value, const char **ret, size_t *ret_len)
{
	const char *text = json_string_value(value);

	if (!text || (unsigned char)text[0] != JSONBIG_MARK)
		return false;
	*ret = text + 1;
	*ret_len = json_string_length(value) - 1;
	return true;
}

#endif

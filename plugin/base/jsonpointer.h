/*
 * jsonpointer.h -- the reference tokens of a JSON Pointer, "~0" for '~' and "~1" for '/' (RFC
 * 6901).
 */
#ifndef PETSTORE_JSONPOINTER_H
#define PETSTORE_JSONPOINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define JSONPOINTER_TOKEN_MAX 1024u /* bytes of a token that is looked up, NUL included */

/*
 * Writes '/', the token of @len bytes and a NUL to @ret, which has @cap bytes (at least 1). Stops
 * before the first character that does not fit. Returns the length of what was written.
 */
static inline size_t jsonpointer_put(char *ret, size_t cap, const char *token, size_t len)
{
	size_t used = 0;

	if (cap > 1)
		ret[used++] = '/';
	for (size_t i = 0; i < len; i++) {
		bool is_escaped = token[i] == '~' || token[i] == '/';

		if (used + is_escaped + 2 > cap)
			break;
		if (is_escaped)
			ret[used++] = '~';
		ret[used++] = is_escaped ? (token[i] == '~' ? '0' : '1') : token[i];
	}
	ret[used] = '\0';
	return used;
}

/* Decodes a token of @len bytes in place; a '~' before anything but 0 and 1 stays. Returns the new
 * length. */
static inline size_t jsonpointer_decode(char *token, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		char next = token[i] == '~' && i + 1 < len ? token[i + 1] : '\0';

		token[used++] = next == '0' ? '~' : next == '1' ? '/' : token[i];
		if (next == '0' || next == '1')
			i++;
	}
	return used;
}

/*
 * Cuts the next token off *pointer, which begins with '/', and writes it to @ret (@cap bytes),
 * decoded. False where the token is malformed or does not fit.
 */
static inline bool jsonpointer_next(const char **pointer, char *ret, size_t cap)
{
	const char *token = *pointer + 1;
	size_t len = strcspn(token, "/");

	if (len >= cap)
		return false;
	for (size_t i = 0; i < len; i++)
		if (token[i] == '~' && token[i + 1] != '0' && token[i + 1] != '1')
			return false;
	memcpy(ret, token, len);
	ret[jsonpointer_decode(ret, len)] = '\0';
	*pointer = token + len;
	return true;
}

/* Reads the token as an index into an array with @count items; false where it is none. */
static inline bool jsonpointer_index(const char *token, size_t count, size_t *ret)
{
	size_t digits = strspn(token, "0123456789");

	if (digits == 0 || digits > 9 || token[digits] || (*token == '0' && digits > 1))
		return false;
	*ret = strtoul(token, NULL, 10);
	return *ret < count;
}

#endif

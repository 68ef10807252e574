/*
 * percent.h -- percent-encoding, as URIs have it (RFC 3986, section 2.1).
 */
#ifndef PETSTORE_PERCENT_H
#define PETSTORE_PERCENT_H

#include <stddef.h>

/*
 * Writes @len bytes of @text and a NUL to @ret, which has @cap bytes (at least 1). Letters, digits,
 * "-._~" and the characters of @also stand for themselves, every other byte becomes '%' and two
 * capital hexadecimal digits. Returns the length of the whole result, as snprintf() does; where
 * that is @cap or more, @ret ends before the first character that did not fit.
 */
size_t percent_encode(char *ret, size_t cap, const char *text, size_t len, const char *also);

/* The byte that "%XX" at @at (before @end) stands for, or -1 where there is none. */
int percent_byte(const char *at, const char *end);

/*
 * Decodes @text in place and leaves a '%' that begins no %XX as it is. Returns the new length; the
 * text may then hold a NUL.
 */
size_t percent_decode(char *text);

/* ---- a client's id, or a principal's name, as one level of a topic -------------------------- */

/*
 * An id may be any text, also "+", "#", "a/b" or "$SYS"; a level may not. So the id is
 * percent-encoded: letters, digits and "-._~" stay, each other byte of its UTF-8 becomes '%' and
 * two hexadecimal digits in capitals (RFC 3986, 2.1 to 2.3; Python's quote(id, safe="")). Two ids
 * never have the same level, and no level is a wildcard, begins with '$' or contains a slash.
 */

/* Bytes of a level. Any id of up to 64 bytes fits; of plain characters, up to 192. */
#define PERCENT_LEVEL_MAX 192u

/*
 * Writes the level and a NUL to @ret (PERCENT_LEVEL_MAX + 1 bytes). Returns its length, or 0 where
 * the id is empty or its level would be longer.
 */
size_t percent_level(const char *id, char *ret);

#endif

/*
 * clientlevel.h -- a client's id, or a principal's name, as one level of a topic.
 *
 * An id may be any text, also "+", "#", "a/b" or "$SYS"; a level may not. So the id is
 * percent-encoded: letters, digits and "-._~" stay, each other byte of its UTF-8 becomes '%' and
 * two hexadecimal digits in capitals (RFC 3986, 2.1 to 2.3; Python's quote(id, safe="")). Two ids
 * never have the same level, and no level is a wildcard, begins with '$' or contains a slash.
 */
#ifndef PETSTORE_CLIENTLEVEL_H
#define PETSTORE_CLIENTLEVEL_H

#include <stddef.h>

/* Bytes of a level. Any id of up to 64 bytes fits; of plain characters, up to 192. */
#define CLIENTLEVEL_MAX 192u

/*
 * Writes the level and a NUL to @ret (CLIENTLEVEL_MAX + 1 bytes). Returns its length, or 0 where
 * the id is empty or its level would be longer.
 */
size_t clientlevel_print(const char *id, char *ret);

#endif

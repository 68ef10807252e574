/*
 * clientlevel.h -- a client's id, or a principal's name, as one level of a topic.
 *
 * Either may be any text, "+", "#", "a/b" and "$SYS" among them; a level may not. So it is
 * percent-encoded: letters, digits and "-._~" stand for themselves, each other byte of the id's
 * UTF-8 is '%' and two hexadecimal digits in capitals (RFC 3986, 2.1 to 2.3; Python's
 * quote(id, safe="")). No two ids have the same level, and none is a wildcard, begins with '$'
 * or has a slash in it.
 */
#ifndef PETSTORE_CLIENTLEVEL_H
#define PETSTORE_CLIENTLEVEL_H

#include <stddef.h>

/* Bytes of a level: every text of 64 bytes has one, and a plain one of three times as many. */
#define CLIENTLEVEL_MAX 192u

/*
 * Writes the level and a NUL to @ret (CLIENTLEVEL_MAX + 1 bytes). Returns its length, or 0 where
 * the id is empty or its level would be longer.
 */
size_t clientlevel_print(const char *id, char *ret);

#endif

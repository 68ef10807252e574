/*
 * utf8.h -- stepping through text that a parser has already found to be UTF-8.
 *
 * Nothing is validated, but nothing is read at or behind the end either, whatever the bytes.
 */
#ifndef PETSTORE_SCHEMA_UTF8_H
#define PETSTORE_SCHEMA_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The code point at *@at (before @end), which moves behind it. */
static inline uint32_t utf8_next(const char **at, const char *end)
{
	const unsigned char *s = (const unsigned char *)*at;
	size_t left = (size_t)(end - *at);
	size_t more = s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
	uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> more);

	if (more >= left)
		more = left - 1;
	for (size_t i = 1; i <= more; i++)
		c = c << 6 | (s[i] & 0x3f);
	*at += more + 1;
	return c;
}

#endif

/*
 * utf8.h -- where one character of UTF-8 ends (RFC 3629).
 */
#ifndef PETSTORE_UTF8_H
#define PETSTORE_UTF8_H

#include <stddef.h>

/*
 * The length of the sequence at @s, of which @len bytes (at least 1) are there, or 0 where it
 * is none: an overlong form, a surrogate, above U+10FFFF, cut short.
 */
static inline size_t utf8_length(const unsigned char *s, size_t len)
{
	size_t need = s[0] < 0x80   ? 1
		      : s[0] < 0xc2 ? 0
		      : s[0] < 0xe0 ? 2
		      : s[0] < 0xf0 ? 3
		      : s[0] < 0xf5 ? 4
				    : 0;

	if (need == 0 || need > len)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return need;
}

#endif

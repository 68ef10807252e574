/*
 * utf8.h -- where one character of UTF-8 ends (RFC 3629), and what it would do to a line of text.
 */
#ifndef PETSTORE_UTF8_H
#define PETSTORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* The code point of the sequence at @s, whose length utf8_length() found to be @len. */
static inline uint32_t utf8_code(const unsigned char *s, size_t len)
{
	uint32_t code = len == 1 ? s[0] : s[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (s[i] & 0x3f);
	return code;
}

/*
 * Does @code stay where it stands in a line? Not so: C0 and C1 controls and DEL, which steer
 * terminals; U+2028 and U+2029, which end lines; what changes the direction of the text around
 * it (UAX #9: marks, embeddings, overrides, isolates); and what shows nothing at all (zero
 * width, invisible operators, U+FEFF), by which one name passes for another.
 */
static inline bool utf8_is_plain(uint32_t code)
{
	if (code < 0xa0)
		return code >= 0x20 && code < 0x7f;
	return code != 0x61c && (code < 0x200b || code > 0x200f) &&
	       (code < 0x2028 || code > 0x202e) && (code < 0x2060 || code > 0x206f) &&
	       code != 0xfeff;
}

#endif

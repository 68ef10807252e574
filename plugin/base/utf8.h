/*
 * utf8.h -- UTF-8 character by character (RFC 3629): where each ends, and which ones are safe to
 * show in a line of text.
 */
#ifndef PETSTORE_UTF8_H
#define PETSTORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The length of the sequence at @s, where @len bytes (at least 1) follow; 0 where it is not UTF-8:
 * an overlong form, a surrogate, above U+10FFFF, or cut short.
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
 * The length of the character at @text, where @len bytes (at least 1) follow, and its code point in
 * *code; 0, and U+FFFD in *code, where it is not UTF-8.
 */
static inline size_t utf8_read(const void *text, size_t len, uint32_t *code)
{
	size_t n = utf8_length(text, len);

	*code = n > 0 ? utf8_code(text, n) : 0xfffd;
	return n;
}

/*
 * The code point at *@at, which is before @end; moves *@at behind it. A byte that is not UTF-8
 * counts as one U+FFFD.
 */
static inline uint32_t utf8_next(const char **at, const char *end)
{
	uint32_t code;
	size_t n = utf8_read(*at, (size_t)(end - *at), &code);

	*at += n > 0 ? n : 1;
	return code;
}

/* Writes the sequence of @code, one to four bytes, to @to; returns what is behind it. */
static inline char *utf8_write(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xf0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}
	return to;
}

/* Is this the second or a later byte of a character? */
static inline bool utf8_is_inner(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* How many characters the text of @len bytes has. */
static inline size_t utf8_count(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += !utf8_is_inner(text[i]);
	return count;
}

/* Where to cut a text longer than @max bytes so that no character is cut: at most @max. */
static inline size_t utf8_cut(const char *text, size_t max)
{
	while (max > 0 && utf8_is_inner(text[max]))
		max--;
	return max;
}

/* Copies as many whole characters of @from as fit @to (@cap bytes, at least 1), and a NUL. */
static inline void utf8_copy(char *to, size_t cap, const char *from)
{
	size_t len = strnlen(from, cap);

	if (len == cap)
		len = utf8_cut(from, cap - 1);
	memcpy(to, from, len);
	to[len] = '\0';
}

/* C0 and C1 controls and DEL, which steer terminals; U+2028 and U+2029, which end lines. */
static inline bool utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

/*
 * Is @code a character that shows nothing, so that two different names look alike? True for those
 * that change the direction of the text (UAX #9: marks, embeddings, overrides, isolates), and for
 * Unicode's Default_Ignorable_Code_Point (zero width, fillers, variation selectors, tags, U+FEFF).
 */
static inline bool utf8_is_invisible(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00ad, 0x00ad },   { 0x034f, 0x034f },   { 0x061c, 0x061c },
		{ 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
		{ 0x200b, 0x200f },   { 0x202a, 0x202e },   { 0x2060, 0x206f },
		{ 0x3164, 0x3164 },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },   { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges) && code >= ranges[i].first; i++)
		if (code <= ranges[i].last)
			return true;
	return false;
}

/* Is @code safe in a line: neither a control nor invisible? */
static inline bool utf8_is_plain(uint32_t code)
{
	return !utf8_is_control(code) && !utf8_is_invisible(code);
}

/* Do databases take it for text: is it UTF-8 without U+0000? */
static inline bool utf8_is_text(const char *data, size_t len)
{
	size_t i = 0;
	uint64_t word;

	while (i < len) {
		size_t n;

		/* Eight bytes of ASCII, none of them 0, at once. */
		if (len - i >= sizeof(word)) {
			memcpy(&word, data + i, sizeof(word));
			if (((word | (word - UINT64_C(0x0101010101010101))) &
			     UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof(word);
				continue;
			}
		}
		n = utf8_length((const unsigned char *)data + i, len - i);
		if (n == 0 || data[i] == '\0')
			return false;
		i += n;
	}
	return true;
}

/* Does the text begin with a byte order mark (U+FEFF)? */
static inline bool utf8_has_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
}

#endif

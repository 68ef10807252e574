#include "base/percent.h"

#include <stdbool.h>
#include <string.h>

#include "base/ascii.h"

static bool is_plain(char c, const char *also)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	       (c != '\0' && (strchr("-._~", c) || strchr(also, c)));
}

size_t percent_encode(char *ret, size_t cap, const char *text, size_t len, const char *also)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t whole = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = is_plain(text[i], also);
		char piece[] = { plain ? text[i] : '%', hex[c >> 4], hex[c & 15] };
		size_t size = plain ? 1 : 3;

		if (whole < cap && whole + size < cap) {
			memcpy(ret + whole, piece, size);
			ret[whole + size] = '\0';
		} else if (whole < cap) {
			cap = whole; /* nothing shorter may follow what did not fit */
		}
		whole += size;
	}
	return whole;
}

int percent_byte(const char *at, const char *end)
{
	int high = end - at >= 3 && at[0] == '%' ? ascii_hex(at[1]) : -1;
	int low = high >= 0 ? ascii_hex(at[2]) : -1;

	return low >= 0 ? high * 16 + low : -1;
}

size_t percent_decode(char *text)
{
	const char *end = text + strlen(text);
	char *to = text;

	for (const char *at = text; at < end; at++) {
		int byte = percent_byte(at, end);

		*to++ = byte >= 0 ? (char)byte : *at;
		if (byte >= 0)
			at += 2;
	}
	*to = '\0';
	return (size_t)(to - text);
}

size_t percent_level(const char *id, char *ret)
{
	size_t len = percent_encode(ret, PERCENT_LEVEL_MAX + 1, id, strlen(id), "");

	if (len <= PERCENT_LEVEL_MAX)
		return len;
	ret[0] = '\0';
	return 0;
}

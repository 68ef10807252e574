/*
 * What one level of a topic looks like: a number, a UUID, hexadecimal digits, a name with a number.
 */
#include <string.h>

#include "learn/topictree.h"
#include "schema/format.h"

#define HEX_MIN 8u

static bool is_decimal(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(const char *text, size_t len)
{
	size_t decimal = 0;

	if (len > 2 && text[0] == '0' && text[1] == 'x') {
		text += 2;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++) {
		if (!text[i] || !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
		decimal += is_decimal(text[i]);
	}
	return len >= HEX_MIN && decimal > 0;
}

/* Writes the text with # for each run of digits. False: there is none, or it is too long. */
static bool write_alike(const char *text, size_t len, char *ret)
{
	size_t used = 0, numbers = 0;

	for (size_t i = 0; i < len; i++) {
		bool is_digit = is_decimal(text[i]);

		if (text[i] == '#' || used + 1 == TOPICTREE_ALIKE_MAX)
			return false;
		if (is_digit && i > 0 && is_decimal(text[i - 1]))
			continue;
		ret[used++] = is_digit ? '#' : text[i];
		numbers += is_digit;
	}
	ret[used] = '\0';
	return numbers > 0;
}

enum topictree_look topictree_look(const char *text, size_t len, char *alike)
{
	const struct format *uuid = format_find("uuid", 4);

	alike[0] = '\0';
	if (len == 0)
		return TOPICTREE_ANY;
	if (strspn(text, "0123456789") >= len)
		return TOPICTREE_NUMBERS;
	if (uuid && format_check(uuid, text, len))
		return TOPICTREE_UUIDS;
	if (is_hex(text, len))
		return TOPICTREE_HEX;
	return write_alike(text, len, alike) ? TOPICTREE_ALIKE : TOPICTREE_ANY;
}

#include "base/yamlcore.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 5u /* bytes of the longest word, "false" */

static const struct {
	const char *text;
	enum yamlcore_kind kind;
} words[] = {
	{ "", YAMLCORE_NULL },       { "~", YAMLCORE_NULL },      { "null", YAMLCORE_NULL },
	{ "Null", YAMLCORE_NULL },   { "NULL", YAMLCORE_NULL },   { "true", YAMLCORE_TRUE },
	{ "True", YAMLCORE_TRUE },   { "TRUE", YAMLCORE_TRUE },   { "false", YAMLCORE_FALSE },
	{ "False", YAMLCORE_FALSE }, { "FALSE", YAMLCORE_FALSE }, { ".inf", YAMLCORE_INF },
	{ ".Inf", YAMLCORE_INF },    { ".INF", YAMLCORE_INF },    { ".nan", YAMLCORE_INF },
	{ ".NaN", YAMLCORE_INF },    { ".NAN", YAMLCORE_INF },
};

static enum yamlcore_kind find_word(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words) && len <= WORD_MAX; i++)
		if (strlen(words[i].text) == len && memcmp(words[i].text, text, len) == 0)
			return words[i].kind;
	return YAMLCORE_STRING;
}

/* How many of the first @len bytes of @text are digits of @base, one behind the other. */
static size_t digits(const char *text, size_t len, unsigned base)
{
	size_t n = 0;

	for (; n < len; n++) {
		char c = text[n];
		bool is_letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		if (!(c >= '0' && c <= '9' && (unsigned)(c - '0') < base) &&
		    !(is_letter && base == 16))
			break;
	}
	return n;
}

/* A number that begins with a digit or a point. */
static enum yamlcore_kind find_number(const char *text, size_t len)
{
	size_t whole = digits(text, len, 10), used = whole, part = 0;

	if (whole == len)
		return YAMLCORE_DECIMAL;
	if (text[used] == '.') {
		part = digits(text + used + 1, len - used - 1, 10);
		used += 1 + part;
	}
	if (whole + part == 0)
		return YAMLCORE_STRING;
	if (used < len && (text[used] == 'e' || text[used] == 'E')) {
		used++;
		used += used < len && (text[used] == '-' || text[used] == '+');
		part = digits(text + used, len - used, 10);
		if (part == 0)
			return YAMLCORE_STRING;
		used += part;
	}
	return used == len ? YAMLCORE_FLOAT : YAMLCORE_STRING;
}

enum yamlcore_kind yamlcore_kind(const char *text, size_t len)
{
	enum yamlcore_kind kind = find_word(text, len);
	bool has_sign = len > 0 && (*text == '-' || *text == '+');

	if (kind != YAMLCORE_STRING)
		return kind;
	if (len > 2 && text[0] == '0' && text[1] == 'o')
		return digits(text + 2, len - 2, 8) == len - 2 ? YAMLCORE_OCTAL : YAMLCORE_STRING;
	if (len > 2 && text[0] == '0' && text[1] == 'x')
		return digits(text + 2, len - 2, 16) == len - 2 ? YAMLCORE_HEX : YAMLCORE_STRING;
	if (!has_sign)
		return find_number(text, len);
	text++;
	len--;
	if (len == 4 && find_word(text, len) == YAMLCORE_INF && (text[1] | 0x20) == 'i')
		return YAMLCORE_INF;
	return len > 0 ? find_number(text, len) : YAMLCORE_STRING;
}

/*
 * Reads the characters of a pattern, escaped or not, and writes them for PCRE2. A character that is
 * not an ASCII letter or digit is written as \x{...}, so that it has no special meaning to PCRE2.
 */
#include "schema/pattern_ecma_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

bool ecma_fail_at(struct ecma *e, const char *where, const char *what)
{
	e->what = what;
	e->where = where;
	return false;
}

bool ecma_fail(struct ecma *e, const char *what)
{
	return ecma_fail_at(e, e->at, what);
}

/* ---- writing ---------------------------------------------------------------------------- */

static void put(struct ecma *e, const char *text, size_t len)
{
	if (e->out && e->len + len <= e->cap)
		memcpy(e->out + e->len, text, len);
	e->len += len;
}

void ecma_puts(struct ecma *e, const char *text)
{
	put(e, text, strlen(text));
}

void ecma_putf(struct ecma *e, const char *format, ...)
{
	char text[96];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(e, text, (size_t)n); /* all our formats are short */
}

bool ecma_is_plain(uint32_t c)
{
	return c < 0x80 && (ascii_is_digit((char)c) || ascii_is_alpha((char)c));
}

void ecma_put_char(struct ecma *e, uint32_t c)
{
	if (ecma_is_plain(c))
		ecma_putf(e, "%c", (int)c);
	else
		ecma_putf(e, "\\x{%x}", c);
}

/* ---- reading ---------------------------------------------------------------------------- */

bool ecma_sees(const struct ecma *e, char c)
{
	return e->at < e->end && *e->at == c;
}

bool ecma_takes(struct ecma *e, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(e->end - e->at) < len || memcmp(e->at, text, len) != 0)
		return false;
	e->at += len;
	return true;
}

bool ecma_sees_digit(const struct ecma *e)
{
	return e->at < e->end && ascii_is_digit(*e->at);
}

uint32_t ecma_take_number(struct ecma *e)
{
	uint64_t n = 0;

	for (; ecma_sees_digit(e); e->at++)
		if (n < UINT32_MAX)
			n = n * 10 + (uint64_t)(*e->at - '0');
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX - 1;
}

/* Exactly @count hexadecimal digits; false where they are not there, and nothing is taken. */
static bool take_hex(struct ecma *e, unsigned count, uint32_t *ret)
{
	uint32_t value = 0;

	if ((size_t)(e->end - e->at) < count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		int digit = ascii_hex(e->at[i]);

		if (digit < 0)
			return false;
		value = value * 16 + (uint32_t)digit;
	}
	e->at += count;
	*ret = value;
	return true;
}

/* Behind "\u": four digits, a surrogate pair of two such escapes, or digits in braces. */
static bool take_unicode(struct ecma *e, uint32_t *ret)
{
	const char *start = e->at;
	uint32_t low;

	if (ecma_takes(e, "{")) {
		uint32_t value = 0;
		const char *first = e->at;

		while (e->at < e->end && ascii_hex(*e->at) >= 0 && value <= UNICODE_MAX)
			value = value * 16 + (uint32_t)ascii_hex(*e->at++);
		if (e->at == first || value > UNICODE_MAX || !ecma_takes(e, "}"))
			return ecma_fail_at(e, start, "\\u{...} is no code point");
		*ret = value;
		return true;
	}
	if (!take_hex(e, 4, ret))
		return ecma_fail_at(e, start, "\\u needs four hexadecimal digits");
	start = e->at;
	if (*ret >= 0xd800 && *ret <= 0xdbff && ecma_takes(e, "\\u")) {
		if (take_hex(e, 4, &low) && low >= 0xdc00 && low <= 0xdfff)
			*ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
		else
			e->at = start; /* a lone surrogate and something else */
	}
	return true;
}

bool ecma_take_escape(struct ecma *e, bool in_class, uint32_t *ret)
{
	static const char controls[] = "t\tn\nv\vf\fr\r";
	const char *start = e->at - 1;
	char c;

	if (e->at == e->end)
		return ecma_fail_at(e, start, "a backslash ends the pattern");
	c = *e->at++;
	for (size_t i = 0; i + 1 < sizeof(controls); i += 2) {
		if (c == controls[i]) {
			*ret = (uint32_t)controls[i + 1];
			return true;
		}
	}
	if (c == 'c') {
		if (e->at == e->end || !ascii_is_alpha(*e->at))
			return ecma_fail_at(e, start, "\\c needs a letter");
		*ret = (uint32_t)(*e->at++ & 0x1f);
		return true;
	}
	if (c == '0' && !ecma_sees_digit(e)) {
		*ret = 0;
		return true;
	}
	if (c == 'x')
		return take_hex(e, 2, ret) ||
		       ecma_fail_at(e, start, "\\x needs two hexadecimal digits");
	if (c == 'u')
		return take_unicode(e, ret);
	if (c != '\0' && (strchr("^$\\.*+?()[]{}|/", c) || (in_class && c == '-'))) {
		*ret = (uint32_t)c;
		return true;
	}
	return ecma_fail_at(e, start, "ECMA-262 has no such escape");
}

/*
 * The scan is one loop over the text. For each open bracket it keeps one bit: is it an object or an
 * array? It does not recurse, because a message could then choose the depth of the stack.
 */
#include "schema/jsonscan.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "base/eightbytes.h"
#include "base/utf8.h"
#include "schema/number.h"
#include "schema/payload_backend.h"

struct scan {
	const unsigned char *text;
	size_t len;
	size_t at;
	unsigned depth;
	unsigned max_depth;
	struct jsonscan_big *big;
	size_t big_max;
	struct jsonscan *ret;
	uint64_t object[JSONSCAN_MAX_DEPTH / 64]; /* bit n: bracket n is a brace */
};

static bool fail_at(struct scan *s, size_t offset, enum payload_fault fault, const char *what)
{
	s->ret->fault = fault;
	s->ret->offset = offset;
	s->ret->what = what;
	return false;
}

static bool fail(struct scan *s, const char *what)
{
	return fail_at(s, s->at, PAYLOAD_NOT_JSON, what);
}

/* The byte at the scan's place; 0, which no JSON text holds here, at its end. */
static unsigned peek(const struct scan *s)
{
	return s->at < s->len ? s->text[s->at] : 0;
}

static void skip_space(struct scan *s)
{
	while (s->at < s->len && (s->text[s->at] == ' ' || s->text[s->at] == '\t' ||
				  s->text[s->at] == '\n' || s->text[s->at] == '\r'))
		s->at++;
}

/* The length of the character here, or 0 where it is no UTF-8. Out of line, as most are ASCII. */
static __attribute__((noinline)) size_t character_length(const struct scan *s)
{
	return utf8_length(s->text + s->at, s->len - s->at);
}

/* Something stands where it must not: says which kind of fault that is. */
static bool unexpected(struct scan *s, const char *what)
{
	if (s->at >= s->len)
		return fail(s, "the text ends too early");
	if (s->at == 0 && utf8_has_mark((const char *)s->text, s->len))
		return fail(s, "the text starts with a byte order mark");
	if (character_length(s) == 0)
		return fail_at(s, s->at, PAYLOAD_NOT_UTF8, "the text is not UTF-8");
	return fail(s, what);
}

/* The four digits of \uXXXX at @at, or -1. */
static long unit_at(const struct scan *s, size_t at)
{
	long unit = 0;

	if (s->len - at < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = ascii_hex((char)s->text[at + i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* At the "u" of \uXXXX, whose backslash is at @start. */
static bool scan_unicode(struct scan *s, size_t start, bool is_name)
{
	long unit = unit_at(s, s->at + 1);
	long low;

	if (unit < 0)
		return fail_at(s, start, PAYLOAD_NOT_JSON, "\\u needs four hexadecimal digits");
	s->at += 5;
	if (unit == 0 && is_name)
		return fail_at(s, start, PAYLOAD_DUPLICATE, "a member name contains U+0000");
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	low = s->len - s->at >= 2 && s->text[s->at] == '\\' && s->text[s->at + 1] == 'u'
		      ? unit_at(s, s->at + 2)
		      : -1;
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return fail_at(s, start, PAYLOAD_NOT_JSON, "half of a surrogate pair stands alone");
	s->at += 6;
	return true;
}

static bool scan_escape(struct scan *s, bool is_name)
{
	size_t start = s->at++;

	if (s->at >= s->len)
		return unexpected(s, "");
	if (s->text[s->at] == 'u')
		return scan_unicode(s, start, is_name);
	/* memchr, as strchr would take U+0000 for the end of the list. */
	if (!memchr("\"\\/bfnrt", (int)s->text[s->at], 8))
		return fail_at(s, start, PAYLOAD_NOT_JSON, "no such escape in a string");
	s->at++;
	return true;
}

/*
 * Where what a string holds plainly ends: ASCII but control characters, quote and backslash. Eight
 * bytes at a time.
 */
static size_t plain_end(const struct scan *s, size_t at)
{
	uint64_t word, ends;

	for (; s->len - at >= sizeof(word); at += sizeof(word)) {
		word = eightbytes_read(s->text + at);
		ends = (word | (word - eightbytes_of(0x20)) |
			((word ^ eightbytes_of('"')) - eightbytes_of(1)) |
			((word ^ eightbytes_of('\\')) - eightbytes_of(1))) &
		       eightbytes_of(0x80);
		if (ends)
			return at + eightbytes_first(ends);
	}
	while (at < s->len && s->text[at] >= 0x20 && s->text[at] < 0x80 && s->text[at] != '"' &&
	       s->text[at] != '\\')
		at++;
	return at;
}

/* At the opening quote. */
static bool scan_string(struct scan *s, bool is_name)
{
	s->at++;
	for (;;) {
		size_t n;

		s->at = plain_end(s, s->at);
		if (s->at >= s->len)
			return fail(s, "the text ends within a string");
		if (s->text[s->at] == '"') {
			s->at++;
			return true;
		}
		if (s->text[s->at] == '\\') {
			if (!scan_escape(s, is_name))
				return false;
			continue;
		}
		if (s->text[s->at] < 0x20)
			return fail(s, "a control character stands within a string");
		n = character_length(s);
		if (n == 0)
			return fail_at(s, s->at, PAYLOAD_NOT_UTF8, "the text is not UTF-8");
		s->at += n;
	}
}

/* The end of the decimal digits at @at. */
static size_t digits_end(const struct scan *s, size_t at)
{
	while (at < s->len && s->text[at] >= '0' && s->text[at] <= '9')
		at++;
	return at;
}

/* Is the integer of decimal digits [from, to) outside int64_t? */
static bool is_big_integer(const struct scan *s, size_t from, size_t to, bool is_negative)
{
	const char *limit = is_negative ? "9223372036854775808" : "9223372036854775807";

	if (to - from != 19)
		return to - from > 19;
	return memcmp(s->text + from, limit, 19) > 0;
}

static void note_big(struct scan *s, size_t start)
{
	if (s->ret->big_count < s->big_max) {
		struct jsonscan_big *big = &s->big[s->ret->big_count];

		big->offset = start;
		big->len = s->at - start;
	}
	s->ret->big_count++;
}

static bool scan_exponent(struct scan *s)
{
	size_t start;

	s->at++;
	if (peek(s) == '-' || peek(s) == '+')
		s->at++;
	start = s->at;
	s->at = digits_end(s, start);
	return s->at > start || unexpected(s, "an exponent needs digits");
}

/* Digits and a point: a number with no more of them, and without exponent, is no big one. */
#define SHORT_REAL 16u

/* Behind the digits before the point, which begin at @whole. Notes a number that is big. */
static bool scan_real(struct scan *s, size_t start, size_t whole)
{
	bool has_exponent;

	if (peek(s) == '.') {
		size_t fraction = s->at + 1;

		s->at = digits_end(s, fraction);
		if (s->at == fraction)
			return unexpected(s, "a decimal point needs digits behind it");
	}
	has_exponent = (peek(s) | 0x20) == 'e';
	if (has_exponent && !scan_exponent(s))
		return false;
	if ((has_exponent || s->at - whole > SHORT_REAL) &&
	    number_needs_text((const char *)s->text + start, s->at - start))
		note_big(s, start);
	return true;
}

/* A number, at its sign or first digit. */
static bool scan_number(struct scan *s)
{
	size_t start = s->at;
	size_t whole = start + (peek(s) == '-');

	s->at = digits_end(s, whole);
	if (s->at == whole)
		return unexpected(s, "a number needs a digit here");
	if (s->text[whole] == '0' && s->at - whole > 1)
		return fail_at(s, start, PAYLOAD_NOT_JSON, "a number starts with a zero too many");
	if (peek(s) == '.' || (peek(s) | 0x20) == 'e')
		return scan_real(s, start, whole);
	if (is_big_integer(s, whole, s->at, whole > start))
		note_big(s, start);
	return true;
}

static bool scan_literal(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
		return fail(s, "a value was expected");
	s->at += len;
	return true;
}

static bool scan_scalar(struct scan *s)
{
	unsigned c = peek(s);
	bool ok;

	if (c == '"')
		ok = scan_string(s, false);
	else if (c == '-' || (c >= '0' && c <= '9'))
		ok = scan_number(s);
	else if (c == 't' || c == 'f' || c == 'n')
		ok = scan_literal(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
	else
		ok = unexpected(s, "a value was expected");
	return ok;
}

/* A member's name and the colon, at the space before them. */
static bool scan_name(struct scan *s)
{
	skip_space(s);
	if (peek(s) != '"')
		return unexpected(s, "a member name was expected");
	if (!scan_string(s, true))
		return false;
	skip_space(s);
	if (peek(s) != ':')
		return unexpected(s, "':' was expected after a member name");
	s->at++;
	return true;
}

static bool in_object(const struct scan *s)
{
	return s->object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1;
}

static bool open_bracket(struct scan *s)
{
	uint64_t bit = UINT64_C(1) << (s->depth % 64);

	if (s->depth == s->max_depth)
		return fail_at(s, s->at, PAYLOAD_TOO_DEEP, "the text is nested too deep");
	if (s->text[s->at] == '{')
		s->object[s->depth / 64] |= bit;
	else
		s->object[s->depth / 64] &= ~bit;
	s->depth++;
	s->at++;
	return true;
}

static bool at_closing(const struct scan *s)
{
	return s->depth > 0 && peek(s) == (in_object(s) ? '}' : ']');
}

/*
 * From behind a value to where the next one is due. *is_done where the text ended well.
 */
static bool scan_separator(struct scan *s, bool *is_done)
{
	skip_space(s);
	while (at_closing(s)) {
		s->at++;
		s->depth--;
		skip_space(s);
	}
	if (s->depth == 0) {
		*is_done = s->at == s->len;
		return *is_done || unexpected(s, "something follows the value");
	}
	if (peek(s) != ',')
		return unexpected(s, in_object(s) ? "',' or '}' was expected"
						  : "',' or ']' was expected");
	s->at++;
	return !in_object(s) || scan_name(s);
}

static bool scan_all(struct scan *s)
{
	bool is_done = false;

	while (!is_done) {
		skip_space(s);
		if (peek(s) == '{' || peek(s) == '[') {
			if (!open_bracket(s))
				return false;
			skip_space(s);
			if (!at_closing(s)) {
				if (in_object(s) && !scan_name(s))
					return false;
				continue; /* the first member's or element's value */
			}
		} else if (!scan_scalar(s)) {
			return false;
		}
		if (!scan_separator(s, &is_done))
			return false;
	}
	return true;
}

bool jsonscan_run(const char *text, size_t len, unsigned max_depth, struct jsonscan_big *big,
		  size_t big_max, struct jsonscan *ret)
{
	struct scan s;

	memset(ret, 0, sizeof(*ret));
	ret->what = "";
	s.text = (const unsigned char *)text;
	s.len = len;
	s.at = 0;
	s.depth = 0;
	s.max_depth = max_depth < JSONSCAN_MAX_DEPTH ? max_depth : JSONSCAN_MAX_DEPTH;
	s.big = big;
	s.big_max = big_max;
	s.ret = ret;
	return scan_all(&s);
}

void jsonscan_report(const struct jsonscan *scan, struct payload_error *error)
{
	payload_report(error, scan->fault, scan->offset, scan->what);
}

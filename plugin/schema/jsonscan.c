/*
 * The scan is one loop over the text with one bit of memory for each open bracket: was it an
 * object? Recursion would let a message choose our stack's depth.
 */
#include "schema/jsonscan.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"

struct scan {
	const unsigned char *text;
	size_t len;
	size_t at;
	unsigned depth;
	unsigned max_depth;
	size_t ordinal;
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

/* At the opening quote. */
static bool scan_string(struct scan *s, bool is_name)
{
	s->at++;
	for (;;) {
		size_t n;

		while (s->at < s->len && s->text[s->at] >= 0x20 && s->text[s->at] < 0x80 &&
		       s->text[s->at] != '"' && s->text[s->at] != '\\')
			s->at++;
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

/* Where a number's parts stand; an absent part is empty. */
struct scanned_number {
	size_t whole;    /* first digit before the point */
	size_t whole_to; /* behind the last one */
	size_t frac;     /* the same after the point */
	size_t frac_to;
	int64_t exponent; /* saturated; far beyond any text's length */
	bool is_real;     /* it has a point or an exponent */
};

#define EXPONENT_MAX (INT64_C(1) << 40)

/* The n-th digit after leading zeros, which begin at @n of whole and fraction in a row. */
static char digit_at(const struct scan *s, const struct scanned_number *num, size_t n)
{
	size_t whole = num->whole_to - num->whole;

	if (n < whole)
		return (char)s->text[num->whole + n];
	n -= whole;
	return n < num->frac_to - num->frac ? (char)s->text[num->frac + n] : '0';
}

/*
 * Does the real round to infinity? Exact, and free of the locale: from 2^1024 - 2^970 on, the
 * middle between the largest double and the next power of two.
 */
static bool is_big_real(const struct scan *s, const struct scanned_number *num)
{
	static const char limit[] =
		"17976931348623158079372897140530341507993413271003782693617377898044496829276475"
		"09466490179775872070963302864166928879109465555478519404026306574886715058206819"
		"08902000708383676273854845817711531764475730270069855571366959622842914819860834"
		"936475292719074168444365510704342711559699508093042880";
	size_t digits = (num->whole_to - num->whole) + (num->frac_to - num->frac);
	size_t first = 0;
	int64_t scale;

	if (num->exponent == 0 && num->whole_to - num->whole < 309)
		return false;
	while (first < digits && digit_at(s, num, first) == '0')
		first++;
	if (first == digits)
		return false;
	/* The number is d.ddd * 10^scale. */
	scale = (int64_t)(num->whole_to - num->whole) - 1 - (int64_t)first + num->exponent;
	if (scale != 308)
		return scale > 308;
	for (size_t i = 0; i < sizeof(limit) - 1; i++) {
		char digit = digit_at(s, num, first + i);

		if (digit != limit[i])
			return digit > limit[i];
	}
	return true;
}

/* Digits that a double keeps; with as few, a number that is not whole has no whole double. */
#define DIGITS_KEPT 15u
/* Far above the smallest double. */
#define SCALE_SAFE (-300)

/*
 * Could the double be whole? Only where the digits that it keeps are all 0 or all 9 behind the
 * point, or are all before it, or the number is next to 0.
 */
static bool may_round(const struct scan *s, const struct scanned_number *num, size_t digits)
{
	int64_t point = (int64_t)(num->whole_to - num->whole) + num->exponent;
	int64_t first = 0;

	while (first < (int64_t)digits && digit_at(s, num, (size_t)first) == '0')
		first++;
	if (point < first)
		return point - first < SCALE_SAFE;
	for (int64_t i = point + 1; i < first + DIGITS_KEPT; i++)
		if (digit_at(s, num, (size_t)i) != digit_at(s, num, (size_t)point))
			return false;
	return point >= first + DIGITS_KEPT || digit_at(s, num, (size_t)point) == '0' ||
	       digit_at(s, num, (size_t)point) == '9';
}

/*
 * Is the number not whole, but so close to a whole one (or to 0) that its double is? With few
 * digits and no great exponent, which is nearly always, that takes a glance.
 */
static bool is_rounded(const struct scan *s, const struct scanned_number *num, size_t start)
{
	size_t whole = num->whole_to - num->whole;
	size_t digits = whole + (num->frac_to - num->frac);
	size_t last = digits;
	double value;

	if (digits <= DIGITS_KEPT && num->exponent > SCALE_SAFE)
		return false;
	if (!may_round(s, num, digits))
		return false;
	while (last > 0 && digit_at(s, num, last - 1) == '0')
		last--;
	/* The last digit that is not 0 is of 10^(whole - last + exponent). */
	if (last == 0 || (int64_t)whole - (int64_t)last + num->exponent >= 0)
		return false;
	value = jsonscan_big_value((const char *)s->text + start, s->at - start);
	return isfinite(value) && value == trunc(value);
}

static bool scan_exponent(struct scan *s, struct scanned_number *num)
{
	bool is_negative;
	size_t to;

	s->at++;
	is_negative = peek(s) == '-';
	if (peek(s) == '-' || peek(s) == '+')
		s->at++;
	to = digits_end(s, s->at);
	if (to == s->at)
		return unexpected(s, "an exponent needs digits");
	for (; s->at < to; s->at++)
		if (num->exponent < EXPONENT_MAX)
			num->exponent = num->exponent * 10 + (s->text[s->at] - '0');
	if (is_negative)
		num->exponent = -num->exponent;
	return true;
}

static void note_big(struct scan *s, size_t start)
{
	if (s->ret->big_count < s->big_max) {
		struct jsonscan_big *big = &s->big[s->ret->big_count];

		big->ordinal = s->ordinal;
		big->offset = start;
		big->len = s->at - start;
	}
	s->ret->big_count++;
}

/* A number, at its sign or first digit. */
static bool scan_parts(struct scan *s, struct scanned_number *num)
{
	size_t start = s->at;

	num->whole = start + (peek(s) == '-');
	num->whole_to = digits_end(s, num->whole);
	s->at = num->whole_to;
	if (num->whole == num->whole_to)
		return unexpected(s, "a number needs a digit here");
	if (s->text[num->whole] == '0' && num->whole_to - num->whole > 1)
		return fail_at(s, start, PAYLOAD_NOT_JSON, "a number starts with a zero too many");
	if (peek(s) == '.') {
		num->is_real = true;
		num->frac = s->at + 1;
		num->frac_to = digits_end(s, num->frac);
		s->at = num->frac_to;
		if (num->frac == num->frac_to)
			return unexpected(s, "a decimal point needs digits behind it");
	}
	if ((peek(s) | 0x20) == 'e') {
		num->is_real = true;
		return scan_exponent(s, num);
	}
	return true;
}

static bool scan_number(struct scan *s)
{
	size_t start = s->at;
	struct scanned_number num = { 0 };

	if (!scan_parts(s, &num))
		return false;
	if (num.is_real ? is_big_real(s, &num) || is_rounded(s, &num, start)
			: is_big_integer(s, num.whole, num.whole_to, num.whole > start))
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
	s->ordinal++;
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
	s.ordinal = 0;
	s.big = big;
	s.big_max = big_max;
	s.ret = ret;
	return scan_all(&s);
}

void jsonscan_report(const struct jsonscan *scan, struct payload_error *error)
{
	error->fault = scan->fault;
	error->offset = scan->offset;
	(void)snprintf(error->text, sizeof(error->text), "%s", scan->what);
}

/* Digits of a number that decide its double, and one more for all that follow. */
#define DIGITS_DECIDING 800u

/* The digits without the point go to @ret, which has room for DIGITS_DECIDING + 1; how many. */
static size_t copy_digits(const struct scan *s, const struct scanned_number *num, size_t first,
			  size_t count, char *ret)
{
	size_t n = 0;

	for (size_t i = first; i < count && n < DIGITS_DECIDING; i++)
		ret[n++] = digit_at(s, num, i);
	for (size_t i = first + n; i < count; i++) {
		if (digit_at(s, num, i) != '0') {
			ret[n++] = '1'; /* it is a little more */
			break;
		}
	}
	return n;
}

static void read_number(const char *text, size_t len, struct scan *s, struct scanned_number *num,
			struct jsonscan *ignored)
{
	memset(s, 0, offsetof(struct scan, object));
	memset(num, 0, sizeof(*num));
	s->text = (const unsigned char *)text;
	s->len = len;
	s->ret = ignored;
	(void)scan_parts(s, num);
}

double jsonscan_big_value(const char *text, size_t len)
{
	char copy[DIGITS_DECIDING + 32];
	struct jsonscan ignored;
	struct scanned_number num;
	struct scan s;
	size_t count, first = 0, n;
	int64_t scale;
	double value;

	read_number(text, len, &s, &num, &ignored);
	count = (num.whole_to - num.whole) + (num.frac_to - num.frac);
	while (first < count && digit_at(&s, &num, first) == '0')
		first++;
	n = copy_digits(&s, &num, first, count, copy);
	/* The copied digits end at 10^scale. */
	scale = (int64_t)(num.whole_to - num.whole) - (int64_t)(first + n) + num.exponent;
	if (scale > 10000)
		scale = 10000;
	if (scale < -10000)
		scale = -10000;
	(void)snprintf(copy + n, sizeof(copy) - n, "e%d", (int)scale);
	value = n > 0 ? strtod(copy, NULL) : 0; /* no point: the locale has no say */
	return text[0] == '-' ? -value : value;
}

bool jsonscan_is_rounded(const char *text, size_t len)
{
	struct jsonscan ignored;
	struct scanned_number num;
	struct scan s;

	read_number(text, len, &s, &num, &ignored);
	return is_rounded(&s, &num, 0);
}

/* Behind the string whose opening quote is at @at. */
static size_t string_end(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at + 1;
}

bool jsonscan_next_number(const char *text, size_t len, size_t *at, size_t *start)
{
	size_t i = *at;

	while (i < len && text[i] != '-' && !(text[i] >= '0' && text[i] <= '9'))
		i = text[i] == '"' ? string_end(text, len, i) : i + 1;
	if (i >= len)
		return false;
	*start = i;
	while (i < len && (strchr("+-.eE", text[i]) || (text[i] >= '0' && text[i] <= '9')) &&
	       text[i])
		i++;
	*at = i;
	return true;
}

size_t jsonscan_string_start(const char *text, size_t len, size_t end)
{
	size_t start = 0;

	for (size_t i = 0; i < len && i < end;) {
		if (text[i] != '"') {
			i++;
			continue;
		}
		start = i;
		i = string_end(text, len, i);
	}
	return start;
}

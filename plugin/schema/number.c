#include "schema/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

/* 2^63, the first double above every int64_t. */
#define INT64_LIMIT 9223372036854775808.0
/* Up to here every integer is a double. */
#define EXACT_LIMIT ((int64_t)1 << 53)
/* Exponents of a text are cut here; no text of PAYLOAD_MAX_BYTES has as many digits. */
#define EXPONENT_LIMIT 1000000000l

/*
 * A number as 0.DDD * 10^point, the first and the last digit not 0 (none at all for zero). The
 * digits stay where they are, in a text that may have a point among them.
 */
struct decimal {
	char buffer[40]; /* the text of what is not text yet */
	const char *at;
	const char *end;
	size_t count;
	long point;
	bool is_negative;
};

/* The fewest digits that read as @d again. */
static void print_real(double d, char *ret, size_t cap)
{
	for (int digits = 15; digits <= 17; digits++) {
		double back = 0;

		(void)snprintf(ret, cap, "%.*g", digits, d);
		if (sscanf(ret, "%lf", &back) == 1 && back == d)
			return;
	}
}

static long read_exponent(const char *text, const char *end)
{
	bool is_negative = false;
	long value = 0;

	if (text < end && (*text == '+' || *text == '-'))
		is_negative = *text++ == '-';
	for (; text < end; text++)
		if (value < EXPONENT_LIMIT)
			value = value * 10 + (*text - '0');
	return is_negative ? -value : value;
}

/* The point is whatever is neither digit nor 'e', as snprintf() follows the locale. */
static void decimal_read(struct decimal *ret, const char *text, size_t len)
{
	const char *end = text + len;
	const char *stop;
	bool in_fraction = false;

	ret->is_negative = text < end && *text == '-';
	if (ret->is_negative)
		text++;
	for (stop = text; stop < end && *stop != 'e' && *stop != 'E';)
		stop++;
	ret->point = stop < end ? read_exponent(stop + 1, end) : 0;
	ret->count = 0;
	ret->at = ret->end = text;
	for (const char *s = text; s < stop; s++) {
		if (!ascii_is_digit(*s)) {
			in_fraction = true;
			continue;
		}
		if (ret->count == 0 && *s == '0') { /* a leading zero */
			ret->point -= in_fraction;
			continue;
		}
		if (ret->count == 0)
			ret->at = s;
		ret->count++;
		ret->point += !in_fraction;
		ret->end = s + 1;
	}
	while (ret->end > ret->at && !(ascii_is_digit(ret->end[-1]) && ret->end[-1] != '0'))
		ret->count -= ascii_is_digit(*--ret->end);
}

static void decimal_init(struct decimal *ret, const struct number *number)
{
	switch (number->kind) {
	case NUMBER_INT:
		(void)snprintf(ret->buffer, sizeof(ret->buffer), "%" PRId64, number->i);
		break;
	case NUMBER_UINT:
		(void)snprintf(ret->buffer, sizeof(ret->buffer), "%" PRIu64, number->u);
		break;
	case NUMBER_REAL:
		print_real(number->d, ret->buffer, sizeof(ret->buffer));
		break;
	case NUMBER_BIG:
		decimal_read(ret, number->big.text, number->big.len);
		return;
	}
	decimal_read(ret, ret->buffer, strlen(ret->buffer));
}

/* The next digit, 0 behind the last one. */
static int decimal_digit(const char **at, const char *end)
{
	while (*at < end && !ascii_is_digit(**at))
		(*at)++;
	return *at < end ? *(*at)++ - '0' : 0;
}

/* Compares without the signs. */
static int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	const char *at_a = a->at;
	const char *at_b = b->at;

	if (a->count == 0 || b->count == 0)
		return (a->count > 0) - (b->count > 0);
	if (a->point != b->point)
		return a->point < b->point ? -1 : 1;
	while (at_a < a->end || at_b < b->end) {
		int digit_a = decimal_digit(&at_a, a->end);
		int digit_b = decimal_digit(&at_b, b->end);

		if (digit_a != digit_b)
			return digit_a - digit_b;
	}
	return 0;
}

static int compare_text(const struct number *a, const struct number *b)
{
	struct decimal da;
	struct decimal db;
	int sign_a;
	int sign_b;

	decimal_init(&da, a);
	decimal_init(&db, b);
	sign_a = da.count == 0 ? 0 : da.is_negative ? -1 : 1;
	sign_b = db.count == 0 ? 0 : db.is_negative ? -1 : 1;
	if (sign_a != sign_b)
		return sign_a - sign_b;
	return sign_a * decimal_compare(&da, &db);
}

static int compare_int_real(int64_t i, double d)
{
	int64_t whole;

	if (i >= -EXACT_LIMIT && i <= EXACT_LIMIT)
		return ((double)i > d) - ((double)i < d);
	if (d >= INT64_LIMIT)
		return -1;
	if (d < -INT64_LIMIT)
		return 1;
	whole = (int64_t)d;
	if (i != whole)
		return i < whole ? -1 : 1;
	return ((double)whole > d) - ((double)whole < d);
}

/* Digits of a number that decide its double, and one more for all that follow. */
#define DIGITS_DECIDING 800u

static double read_text(const char *text, size_t len)
{
	char copy[DIGITS_DECIDING + 32];
	struct decimal decimal;
	size_t n = 0;
	double value;
	long scale;

	decimal_read(&decimal, text, len);
	while (n < decimal.count && n < DIGITS_DECIDING)
		copy[n++] = (char)('0' + decimal_digit(&decimal.at, decimal.end));
	if (n < decimal.count)
		copy[n++] = '1'; /* it is a little more */
	/* The copied digits end at 10^scale; no point: the locale has no say. */
	scale = decimal.point - (long)n;
	scale = scale > 10000 ? 10000 : scale < -10000 ? -10000 : scale;
	(void)snprintf(copy + n, sizeof(copy) - n, "e%ld", scale);
	value = n > 0 ? strtod(copy, NULL) : 0;
	return decimal.is_negative ? -value : value;
}

double number_real(const struct number *number)
{
	switch (number->kind) {
	case NUMBER_INT:
		return (double)number->i;
	case NUMBER_UINT:
		return (double)number->u;
	case NUMBER_REAL:
		return number->d;
	case NUMBER_BIG:
		break;
	}
	return read_text(number->big.text, number->big.len);
}

/*
 * Does the number round to infinity? From 2^1024 - 2^970 on, the middle between the largest double
 * and the next power of two; both have 309 digits before the point.
 */
static bool is_beyond(const struct decimal *decimal)
{
	static const char limit[] =
		"17976931348623158079372897140530341507993413271003782693617377898044496829276475"
		"09466490179775872070963302864166928879109465555478519404026306574886715058206819"
		"08902000708383676273854845817711531764475730270069855571366959622842914819860834"
		"936475292719074168444365510704342711559699508093042880177904174497792";
	struct decimal least;

	if (decimal->count == 0 || decimal->point != sizeof(limit) - 1)
		return decimal->count > 0 && decimal->point >= (long)sizeof(limit);
	decimal_read(&least, limit, sizeof(limit) - 1);
	return decimal_compare(decimal, &least) >= 0;
}

/* Digits that a double keeps; with as few, a number that is not whole has no whole double. */
#define DIGITS_KEPT 15
/* Far above the smallest double. */
#define POINT_SAFE (-300)

/*
 * Could the double of a number that is not whole be whole? Only where the digits that it keeps are
 * 0 or 9 behind the point, or are all before it, or the number is next to 0.
 */
static bool may_round(const struct decimal *decimal)
{
	const char *at = decimal->at;

	if (decimal->point < 0)
		return decimal->point < POINT_SAFE;
	for (int i = 0; i < DIGITS_KEPT; i++) {
		int digit = decimal_digit(&at, decimal->end);

		if (i >= decimal->point && digit != 0 && digit != 9)
			return false;
	}
	return true;
}

bool number_needs_text(const char *text, size_t len)
{
	struct decimal decimal;
	double value;

	decimal_read(&decimal, text, len);
	if (is_beyond(&decimal))
		return true;
	if (decimal.count == 0 || decimal.point >= (long)decimal.count || !may_round(&decimal))
		return false;
	value = read_text(text, len);
	return value == trunc(value);
}

int number_compare(const struct number *a, const struct number *b)
{
	if (a->kind == NUMBER_INT && b->kind == NUMBER_INT)
		return (a->i > b->i) - (a->i < b->i);
	if (a->kind == NUMBER_REAL && b->kind == NUMBER_REAL)
		return (a->d > b->d) - (a->d < b->d);
	if (a->kind == NUMBER_INT && b->kind == NUMBER_REAL)
		return compare_int_real(a->i, b->d);
	if (a->kind == NUMBER_REAL && b->kind == NUMBER_INT)
		return -compare_int_real(b->i, a->d);
	return compare_text(a, b);
}

bool number_is_integer(const struct number *number)
{
	struct decimal decimal;

	if (number->kind == NUMBER_REAL)
		return number->d >= INT64_LIMIT || number->d < -INT64_LIMIT ||
		       (double)(int64_t)number->d == number->d; /* faster than floor() */
	if (number->kind != NUMBER_BIG)
		return true;
	decimal_init(&decimal, number);
	return decimal.point >= (long)decimal.count;
}

int64_t number_whole(const struct number *number)
{
	struct decimal decimal;
	int64_t whole = 0;

	if (number->kind == NUMBER_INT)
		return number->i;
	if (number->kind == NUMBER_REAL)
		return (int64_t)number->d;
	decimal_init(&decimal, number);
	for (long i = 0; i < decimal.point; i++)
		whole = whole * 10 + decimal_digit(&decimal.at, decimal.end);
	return decimal.is_negative ? -whole : whole;
}

uint64_t number_hash(const struct number *number)
{
	struct decimal decimal;
	double d = number->kind == NUMBER_INT ? (double)number->i : number->d;
	uint64_t hash = 0;

	if (number->kind == NUMBER_INT ||
	    (number->kind == NUMBER_REAL && d >= -INT64_LIMIT && d < INT64_LIMIT)) {
		d += 0.0; /* -0.0 is 0 */
		memcpy(&hash, &d, sizeof(hash));
		return hash;
	}
	decimal_init(&decimal, number);
	for (int i = 0; i < 15; i++)
		hash = hash * 10 + (uint64_t)decimal_digit(&decimal.at, decimal.end);
	hash = hash * 1000003 + (uint64_t)decimal.point;
	return decimal.is_negative ? ~hash : hash;
}

bool number_divisor_init(struct number_divisor *ret, const struct number *number)
{
	struct decimal decimal;

	decimal_init(&decimal, number);
	if (decimal.is_negative || decimal.count == 0 || decimal.count > 19 ||
	    decimal.point > EXPONENT_LIMIT || decimal.point < -EXPONENT_LIMIT)
		return false;
	ret->mantissa = 0;
	ret->exponent = (int)(decimal.point - (long)decimal.count);
	while (decimal.at < decimal.end)
		ret->mantissa =
			ret->mantissa * 10 + (uint64_t)decimal_digit(&decimal.at, decimal.end);
	return true;
}

static uint64_t multiply_modulo(uint64_t a, uint64_t b, uint64_t modulus)
{
	return (uint64_t)((unsigned __int128)a * b % modulus);
}

static uint64_t power_of_ten_modulo(unsigned long exponent, uint64_t modulus)
{
	uint64_t base = 10 % modulus;
	uint64_t result = 1 % modulus;

	for (; exponent > 0; exponent >>= 1) {
		if (exponent & 1)
			result = multiply_modulo(result, base, modulus);
		base = multiply_modulo(base, base, modulus);
	}
	return result;
}

/*
 * digits * 10^e is a multiple of mantissa * 10^f: as the digits do not end in 0, e must not be
 * below f, and then digits * 10^(e - f) is divided by the mantissa.
 */
static bool decimal_is_multiple(const struct number *number, const struct number_divisor *divisor)
{
	struct decimal decimal;
	uint64_t rest = 0;
	long shift;

	decimal_init(&decimal, number);
	shift = decimal.point - (long)decimal.count - divisor->exponent;
	if (decimal.count == 0)
		return true;
	if (shift < 0)
		return false;
	while (decimal.at < decimal.end) {
		int digit = decimal_digit(&decimal.at, decimal.end);

		rest = (multiply_modulo(rest, 10, divisor->mantissa) + (uint64_t)digit) %
		       divisor->mantissa;
	}
	return multiply_modulo(rest, power_of_ten_modulo((unsigned long)shift, divisor->mantissa),
			       divisor->mantissa) == 0;
}

/*
 * For money and the like, without printing: is @d the double that n * 10^-places reads as, for
 * a whole n that is a multiple? Dividing two exact doubles rounds correctly, so that n / 10^places
 * is that double. False also where the question is beyond exact doubles.
 */
bool number_is_short_multiple(double d, const struct number_divisor *divisor)
{
	static const double power[] = { 1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
					1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };
	double n;

	if (divisor->exponent > 0 || divisor->exponent < -12)
		return false;
	n = nearbyint(d * power[-divisor->exponent]);
	if (fabs(n) > 1e15 || n / power[-divisor->exponent] != d)
		return false;
	return (uint64_t)fabs(n) % divisor->mantissa == 0;
}

bool number_is_multiple(const struct number *number, const struct number_divisor *divisor)
{
	if (number->kind == NUMBER_INT && divisor->exponent == 0) {
		uint64_t i = number->i < 0 ? 0 - (uint64_t)number->i : (uint64_t)number->i;

		return i % divisor->mantissa == 0;
	}
	if (number->kind == NUMBER_REAL && number_is_short_multiple(number->d, divisor))
		return true;
	return decimal_is_multiple(number, divisor);
}

char *number_print(const struct number *number, char *ret)
{
	if (number->kind == NUMBER_INT)
		(void)snprintf(ret, NUMBER_TEXT_MAX, "%" PRId64, number->i);
	else if (number->kind == NUMBER_UINT)
		(void)snprintf(ret, NUMBER_TEXT_MAX, "%" PRIu64, number->u);
	else if (number->kind == NUMBER_REAL)
		print_real(number->d, ret, NUMBER_TEXT_MAX);
	else if (number->big.len < NUMBER_TEXT_MAX)
		(void)snprintf(ret, NUMBER_TEXT_MAX, "%.*s", (int)number->big.len,
			       number->big.text);
	else
		(void)snprintf(ret, NUMBER_TEXT_MAX, "%.*s...", NUMBER_TEXT_MAX - 4,
			       number->big.text);
	return ret;
}

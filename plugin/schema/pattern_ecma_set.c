/* Classes, "[a-z]", and the sets that have letters, "\d" and "\p{Lu}". */
#include "schema/pattern_ecma.h"
#include "schema/pattern_ecma_internal.h"

#include <string.h>

#include "base/utf8.h"

/* The whitespace and line terminators of ECMA-262: \s. */
static const uint32_t spaces[][2] = {
	{ 0x9, 0xd },       { 0x20, 0x20 },     { 0xa0, 0xa0 },     { 0x1680, 0x1680 },
	{ 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
	{ 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};
static const uint32_t digits[][2] = { { '0', '9' } };
static const uint32_t words[][2] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A range of a class, also added to @set; written without the surrogates, which no UTF-8 text
 * holds. */
static void put_range(struct ecma *e, struct seq_class *set, uint32_t first, uint32_t last)
{
	seq_class_add(set, first, last);
	if (first >= 0xd800 && first <= 0xdfff)
		first = 0xe000;
	if (last >= 0xd800 && last <= 0xdfff)
		last = 0xd7ff;
	if (first > last)
		return;
	ecma_put_char(e, first);
	if (first < last) {
		ecma_puts(e, "-");
		ecma_put_char(e, last);
	}
}

/* The ranges of \s, \d or \w, or with @is_inverse what lies between them, within brackets. */
static void put_ranges(struct ecma *e, const uint32_t ranges[][2], size_t count, bool is_inverse,
		       struct seq_class *set)
{
	uint32_t next = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t first = is_inverse ? next : ranges[i][0];
		uint32_t last = is_inverse ? ranges[i][0] - 1 : ranges[i][1];

		next = ranges[i][1] + 1;
		put_range(e, set, first, last);
	}
	if (is_inverse)
		put_range(e, set, next, UNICODE_MAX);
}

/* Behind "\p" or "\P". */
static bool take_property(struct ecma *e, bool is_inverse, struct seq_class *set)
{
	const char *start = e->at;
	const char *close = NULL;
	char name[64];
	bool flip;

	if (ecma_takes(e, "{"))
		close = memchr(e->at, '}', (size_t)(e->end - e->at));
	if (!close || !ecma_property(e->at, (size_t)(close - e->at), name, sizeof(name), &flip))
		return ecma_fail_at(e, start, "ECMA-262 has no such Unicode property");
	ecma_putf(e, "\\%c{%s}", is_inverse != flip ? 'P' : 'p', name);
	set->beyond = SEQ_BEYOND_SOME;
	e->at = close + 1;
	return true;
}

bool ecma_take_set(struct ecma *e, struct seq_class *set, bool *is_set)
{
	char c = e->at < e->end ? *e->at : '\0';

	*is_set = c != '\0' && strchr("dDsSwWpP", c);
	if (!*is_set)
		return true;
	e->at++;
	switch (c | 0x20) {
	case 'd':
		put_ranges(e, digits, COUNT(digits), c == 'D', set);
		return true;
	case 's':
		put_ranges(e, spaces, COUNT(spaces), c == 'S', set);
		return true;
	case 'w':
		put_ranges(e, words, COUNT(words), c == 'W', set);
		return true;
	default:
		return take_property(e, c == 'P', set);
	}
}

/* One atom of a class: a character to *ret, or a whole set, which is written. */
static bool take_class_atom(struct ecma *e, struct seq_class *set, uint32_t *ret, bool *is_set)
{
	*is_set = false;
	if (!ecma_takes(e, "\\")) {
		*ret = utf8_next(&e->at, e->end);
		return true;
	}
	if (ecma_takes(e, "b")) {
		*ret = '\b';
		return true;
	}
	return ecma_take_set(e, set, is_set) && (*is_set || ecma_take_escape(e, true, ret));
}

/* Is a "-" next that makes a range, and not the last in its class? */
static bool sees_range(const struct ecma *e)
{
	return e->end - e->at >= 2 && e->at[0] == '-' && e->at[1] != ']';
}

/*
 * A class that holds nothing, or everything. PCRE2's own [] cannot be repeated: it fails even
 * where it is to match no times.
 */
void ecma_put_nothing(struct ecma *e)
{
	ecma_puts(e, "(?:(?!))");
}

static void put_anything(struct ecma *e)
{
	ecma_puts(e, "(?s:.)");
}

bool ecma_take_class(struct ecma *e, struct seq_class *set)
{
	const char *start = e->at - 1;
	size_t before = e->len;
	bool is_inverse = ecma_takes(e, "^");
	size_t empty;

	ecma_puts(e, is_inverse ? "[^" : "[");
	empty = e->len;
	while (!ecma_sees(e, ']')) {
		const char *item = e->at;
		uint32_t first, last;
		bool is_set, ends_in_set;

		if (e->at == e->end)
			return ecma_fail_at(e, start, "a class has no end");
		if (!take_class_atom(e, set, &first, &is_set))
			return false;
		if (sees_range(e)) {
			e->at++;
			if (!take_class_atom(e, set, &last, &ends_in_set))
				return false;
			if (is_set || ends_in_set)
				return ecma_fail_at(e, item, "a set cannot be an end of a range");
			if (first > last)
				return ecma_fail_at(e, item, "a range ends before it begins");
		} else if (is_set) {
			continue;
		} else {
			last = first;
		}
		put_range(e, set, first, last);
	}
	e->at++;
	if (e->len > empty) {
		ecma_puts(e, "]");
	} else { /* empty, or nothing but surrogates: the bracket is taken back */
		e->len = before;
		if (is_inverse)
			put_anything(e);
		else
			ecma_put_nothing(e);
	}
	if (is_inverse)
		seq_class_invert(set);
	return true;
}

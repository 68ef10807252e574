/*
 * A recursive descent over the grammar of ECMA-262, section 21.2.1 (edition 11), with the
 * parameters U and N, which writes the PCRE2 source as it goes. Characters that are no plain
 * letters or digits are written as \x{...}, so that nothing of ours can mean something to
 * PCRE2. Groups capture only where a back reference needs their numbers.
 */
#include "schema/pattern_ecma.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/utf8.h"

#define UNICODE_MAX 0x10ffffu

/* The whitespace and line terminators of ECMA-262: \s. */
static const uint32_t spaces[][2] = {
	{ 0x9, 0xd },       { 0x20, 0x20 },     { 0xa0, 0xa0 },     { 0x1680, 0x1680 },
	{ 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
	{ 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};
static const uint32_t digits[][2] = { { '0', '9' } };
static const uint32_t words[][2] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct ecma {
	const char *source;
	const char *at;
	const char *end;
	const char *what;  /* what is wrong, once something is */
	const char *where; /* and where */
	unsigned groups;   /* capturing ones in the whole source */
	bool has_back;     /* is there any back reference? */
	unsigned number;   /* the capturing group that was opened last */
	unsigned depth;
	struct seq *seq;
	/* The PCRE2 source; with out == NULL only its length is counted. */
	char *out;
	size_t cap;
	size_t len;
};

static bool fail_at(struct ecma *e, const char *where, const char *what)
{
	e->what = what;
	e->where = where;
	return false;
}

static bool fail(struct ecma *e, const char *what)
{
	return fail_at(e, e->at, what);
}

/* ---- writing ---------------------------------------------------------------------------- */

static void put(struct ecma *e, const char *text, size_t len)
{
	if (e->out && e->len + len <= e->cap)
		memcpy(e->out + e->len, text, len);
	e->len += len;
}

static void puts_(struct ecma *e, const char *text)
{
	put(e, text, strlen(text));
}

static void __attribute__((format(printf, 2, 3))) putf_(struct ecma *e, const char *format, ...)
{
	char text[96];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(e, text, (size_t)n); /* all our formats are short */
}

static bool is_plain(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void put_char(struct ecma *e, uint32_t c)
{
	if (is_plain(c))
		putf_(e, "%c", (int)c);
	else
		putf_(e, "\\x{%x}", c);
}

/* ---- reading ---------------------------------------------------------------------------- */

/* Is @c what comes next? */
static bool sees(const struct ecma *e, char c)
{
	return e->at < e->end && *e->at == c;
}

static bool takes(struct ecma *e, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(e->end - e->at) < len || memcmp(e->at, text, len) != 0)
		return false;
	e->at += len;
	return true;
}

static bool sees_digit(const struct ecma *e)
{
	return e->at < e->end && *e->at >= '0' && *e->at <= '9';
}

/* A decimal number, saturated. */
static uint32_t take_number(struct ecma *e)
{
	uint64_t n = 0;

	for (; sees_digit(e); e->at++)
		if (n < UINT32_MAX)
			n = n * 10 + (uint64_t)(*e->at - '0');
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX - 1;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* Exactly @count hexadecimal digits; false where they are not there, and nothing is taken. */
static bool take_hex(struct ecma *e, unsigned count, uint32_t *ret)
{
	uint32_t value = 0;

	if ((size_t)(e->end - e->at) < count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		int digit = hex_value(e->at[i]);

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

	if (takes(e, "{")) {
		uint32_t value = 0;
		const char *first = e->at;

		while (e->at < e->end && hex_value(*e->at) >= 0 && value <= UNICODE_MAX)
			value = value * 16 + (uint32_t)hex_value(*e->at++);
		if (e->at == first || value > UNICODE_MAX || !takes(e, "}"))
			return fail_at(e, start, "\\u{...} is no code point");
		*ret = value;
		return true;
	}
	if (!take_hex(e, 4, ret))
		return fail_at(e, start, "\\u needs four hexadecimal digits");
	start = e->at;
	if (*ret >= 0xd800 && *ret <= 0xdbff && takes(e, "\\u")) {
		if (take_hex(e, 4, &low) && low >= 0xdc00 && low <= 0xdfff)
			*ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
		else
			e->at = start; /* a lone surrogate and something else */
	}
	return true;
}

/*
 * Behind a backslash: an escape that stands for one character, in a class or out of it. The
 * letters that mean a class or an assertion have been tried before.
 */
static bool take_escape(struct ecma *e, bool in_class, uint32_t *ret)
{
	static const char controls[] = "t\tn\nv\vf\fr\r";
	const char *start = e->at - 1;
	char c;

	if (e->at == e->end)
		return fail_at(e, start, "a backslash ends the pattern");
	c = *e->at++;
	for (size_t i = 0; i + 1 < sizeof(controls); i += 2) {
		if (c == controls[i]) {
			*ret = (uint32_t)controls[i + 1];
			return true;
		}
	}
	if (c == 'c') {
		if (e->at == e->end || (*e->at | 0x20) < 'a' || (*e->at | 0x20) > 'z')
			return fail_at(e, start, "\\c needs a letter");
		*ret = (uint32_t)(*e->at++ & 0x1f);
		return true;
	}
	if (c == '0' && !sees_digit(e)) {
		*ret = 0;
		return true;
	}
	if (c == 'x')
		return take_hex(e, 2, ret) || fail_at(e, start, "\\x needs two hexadecimal digits");
	if (c == 'u')
		return take_unicode(e, ret);
	if (c != '\0' && (strchr("^$\\.*+?()[]{}|/", c) || (in_class && c == '-'))) {
		*ret = (uint32_t)c;
		return true;
	}
	return fail_at(e, start, "ECMA-262 has no such escape");
}

/* ---- sets ------------------------------------------------------------------------------- */

/* A range of a class, without the surrogates, which no UTF-8 text holds. */
static void put_range(struct ecma *e, uint32_t first, uint32_t last)
{
	if (first >= 0xd800 && first <= 0xdfff)
		first = 0xe000;
	if (last >= 0xd800 && last <= 0xdfff)
		last = 0xd7ff;
	if (first > last)
		return;
	put_char(e, first);
	if (first < last) {
		puts_(e, "-");
		put_char(e, last);
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
		put_range(e, first, last);
		seq_class_add(set, first, last);
	}
	if (is_inverse) {
		put_range(e, next, UNICODE_MAX);
		seq_class_add(set, next, UNICODE_MAX);
	}
}

/* Behind "\p" or "\P". */
static bool take_property(struct ecma *e, bool is_inverse, struct seq_class *set)
{
	const char *start = e->at;
	const char *close = NULL;
	char name[64];
	bool flip;

	if (takes(e, "{"))
		close = memchr(e->at, '}', (size_t)(e->end - e->at));
	if (!close || !ecma_property(e->at, (size_t)(close - e->at), name, sizeof(name), &flip))
		return fail_at(e, start, "ECMA-262 has no such Unicode property");
	putf_(e, "\\%c{%s}", is_inverse != flip ? 'P' : 'p', name);
	set->beyond = SEQ_BEYOND_SOME;
	e->at = close + 1;
	return true;
}

/*
 * At the letter behind a backslash: \d \D \s \S \w \W \p{} \P{}, written without brackets.
 * *is_set where it was one of them; false on failure only.
 */
static bool take_set(struct ecma *e, struct seq_class *set, bool *is_set)
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
	if (!takes(e, "\\")) {
		*ret = utf8_next(&e->at, e->end);
		return true;
	}
	if (takes(e, "b")) {
		*ret = '\b';
		return true;
	}
	return take_set(e, set, is_set) && (*is_set || take_escape(e, true, ret));
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
static void put_nothing(struct ecma *e)
{
	puts_(e, "(?:(?!))");
}

static void put_anything(struct ecma *e)
{
	puts_(e, "(?s:.)");
}

/* Behind "[". */
static bool take_class(struct ecma *e, struct seq_class *set)
{
	const char *start = e->at - 1;
	size_t before = e->len;
	bool is_inverse = takes(e, "^");
	size_t empty;

	puts_(e, is_inverse ? "[^" : "[");
	empty = e->len;
	while (!sees(e, ']')) {
		const char *item = e->at;
		uint32_t first, last;
		bool is_set, ends_in_set;

		if (e->at == e->end)
			return fail_at(e, start, "a class has no end");
		if (!take_class_atom(e, set, &first, &is_set))
			return false;
		if (sees_range(e)) {
			e->at++;
			if (!take_class_atom(e, set, &last, &ends_in_set))
				return false;
			if (is_set || ends_in_set)
				return fail_at(e, item, "a set cannot be an end of a range");
			if (first > last)
				return fail_at(e, item, "a range ends before it begins");
		} else if (is_set) {
			continue;
		} else {
			last = first;
		}
		put_range(e, first, last);
		seq_class_add(set, first, last);
	}
	e->at++;
	if (e->len > empty) {
		puts_(e, "]");
	} else { /* empty, or nothing but surrogates: the bracket is taken back */
		e->len = before;
		if (is_inverse)
			put_anything(e);
		else
			put_nothing(e);
	}
	if (is_inverse)
		seq_class_invert(set);
	return true;
}

/* ---- groups ----------------------------------------------------------------------------- */

/* A group's name behind "<", to its ">"; NULL where it is none. Escapes in it are not taken. */
static const char *name_end(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at != '>') {
		char c = *at++;

		if (!(c & 0x80) && !is_plain((unsigned char)c) && c != '_' && c != '$')
			return NULL;
		if (at == start + 1 && c >= '0' && c <= '9')
			return NULL;
	}
	return at < end && at > start ? at : NULL;
}

/* Steps over a class, whose "[" is at @at. */
static const char *skip_class(const char *at, const char *end)
{
	for (at++; at < end && *at != ']'; at++)
		if (*at == '\\')
			at++;
	return at;
}

/*
 * Walks over the source before it is read: counts its capturing groups and returns the number
 * of the one called @name, 0 where there is none. With @name NULL it only counts.
 */
static unsigned find_group(struct ecma *e, const char *name, size_t len)
{
	unsigned count = 0;

	for (const char *at = e->source; at < e->end; at++) {
		const char *open = at + 1;

		if (*at == '\\') {
			if (open < e->end && ((*open >= '1' && *open <= '9') || *open == 'k'))
				e->has_back = true;
			at++;
		} else if (*at == '[') {
			at = skip_class(at, e->end);
		} else if (*at == '(' && e->end - at >= 3 && open[0] == '?') {
			if (open[1] != '<' ||
			    (e->end - at >= 4 && (open[2] == '=' || open[2] == '!')))
				continue;
			count++;
			if (name && (size_t)(e->end - open) > 2 + len &&
			    memcmp(open + 2, name, len) == 0 && open[2 + len] == '>')
				return count;
		} else if (*at == '(') {
			count++;
		}
	}
	if (!name)
		e->groups = count;
	return 0;
}

static bool take_back(struct ecma *e, uint32_t number, const char *start)
{
	if (number == 0 || number > e->groups)
		return fail_at(e, start, "there is no such group to refer to");
	putf_(e, "\\g{%u}", number);
	e->seq->is_possible = false;
	return true;
}

/* Behind "\k". */
static bool take_named_back(struct ecma *e)
{
	const char *start = e->at;
	const char *close = takes(e, "<") ? name_end(e->at, e->end) : NULL;
	unsigned number;

	if (!close)
		return fail_at(e, start, "\\k needs the name of a group");
	number = find_group(e, e->at, (size_t)(close - e->at));
	e->at = close + 1;
	return take_back(e, number, start);
}

static bool take_alternatives(struct ecma *e);

/* Behind "(?<", at the name. */
static bool take_name(struct ecma *e)
{
	const char *close = name_end(e->at, e->end);

	e->number++;
	if (!close)
		return fail(e, "a group has no valid name");
	if (find_group(e, e->at, (size_t)(close - e->at)) != e->number)
		return fail(e, "two groups have the same name");
	e->at = close + 1;
	return true;
}

/* Behind "(". *is_assertion where nothing may repeat it. */
static bool take_group(struct ecma *e, bool *is_assertion)
{
	static const char *const assertions[] = { "?=", "?!", "?<=", "?<!" };
	const char *start = e->at - 1;
	const char *open = e->has_back ? "(" : "(?:";

	*is_assertion = false;
	e->seq->is_possible = false;
	if (++e->depth > ECMA_MAX_DEPTH)
		return fail_at(e, start, "groups are nested too deep");
	for (size_t i = 0; i < COUNT(assertions) && !*is_assertion; i++) {
		*is_assertion = takes(e, assertions[i]);
		if (*is_assertion)
			putf_(e, "(%s", assertions[i]);
	}
	if (!*is_assertion) {
		if (takes(e, "?:"))
			open = "(?:";
		else if (takes(e, "?<")) {
			if (!take_name(e))
				return false;
		} else if (sees(e, '?'))
			return fail_at(e, start, "ECMA-262 has no such group");
		else
			e->number++;
		puts_(e, open);
	}
	if (!take_alternatives(e))
		return false;
	if (!takes(e, ")"))
		return fail_at(e, start, "a group has no end");
	puts_(e, ")");
	e->depth--;
	return true;
}

/* ---- terms ------------------------------------------------------------------------------ */

/* A quantifier, or none: once. */
static bool take_quantifier(struct ecma *e, uint32_t *min, uint32_t *max)
{
	const char *start = e->at;

	*min = takes(e, "+") ? 1 : 0;
	*max = SEQ_UNBOUNDED;
	if (e->at != start || takes(e, "*")) {
		putf_(e, "%c", *min ? '+' : '*');
	} else if (takes(e, "?")) {
		*max = 1;
		puts_(e, "?");
	} else if (takes(e, "{")) {
		if (!sees_digit(e))
			return fail_at(e, start, "'{' must be escaped where it repeats nothing");
		*min = take_number(e);
		if (!takes(e, ","))
			*max = *min;
		else if (sees_digit(e))
			*max = take_number(e);
		if (!takes(e, "}"))
			return fail_at(e, start, "'{' must be escaped where it repeats nothing");
		if (*max < *min)
			return fail_at(e, start, "a repetition ends before it begins");
		if (*max == SEQ_UNBOUNDED)
			putf_(e, "{%u,}", *min);
		else
			putf_(e, "{%u,%u}", *min, *max);
	} else {
		*min = *max = 1;
		return true;
	}
	if (takes(e, "?"))
		puts_(e, "?");
	return true;
}

/* A set, a class, a dot or a character was written: what repeats it follows. */
static bool end_atom(struct ecma *e, const struct seq_class *set)
{
	uint32_t min, max;

	if (!take_quantifier(e, &min, &max))
		return false;
	seq_add(e->seq, set, min, max);
	return true;
}

static void put_lone(struct ecma *e, uint32_t c, struct seq_class *set)
{
	if (c >= 0xd800 && c <= 0xdfff)
		put_nothing(e); /* no text has it */
	else
		put_char(e, c);
	seq_class_add(set, c, c);
}

/* Behind a backslash, outside of a class. */
static bool take_backslash(struct ecma *e)
{
	struct seq_class set = { .beyond = SEQ_BEYOND_NONE };
	const char *start = e->at - 1;
	size_t mark = e->len;
	uint32_t c, min, max;
	bool is_set;

	if (sees(e, 'b') || sees(e, 'B')) {
		putf_(e, "\\%c", *e->at++);
		e->seq->is_possible = false;
		return true;
	}
	if (sees_digit(e) && *e->at != '0')
		return take_back(e, take_number(e), start) && take_quantifier(e, &min, &max);
	if (takes(e, "k"))
		return take_named_back(e) && take_quantifier(e, &min, &max);
	puts_(e, "[");
	if (!take_set(e, &set, &is_set))
		return false;
	if (is_set) {
		puts_(e, "]");
		return end_atom(e, &set);
	}
	e->len = mark; /* no set: the bracket is taken back */
	if (!take_escape(e, false, &c))
		return false;
	put_lone(e, c, &set);
	return end_atom(e, &set);
}

static bool take_dot(struct ecma *e)
{
	struct seq_class set = { { ~((UINT64_C(1) << '\n') | (UINT64_C(1) << '\r')), ~UINT64_C(0) },
				 SEQ_BEYOND_DOT };

	puts_(e, "[^\\n\\r\\x{2028}\\x{2029}]");
	return end_atom(e, &set);
}

static bool take_literal(struct ecma *e)
{
	struct seq_class set = { .beyond = SEQ_BEYOND_NONE };

	put_lone(e, utf8_next(&e->at, e->end), &set);
	return end_atom(e, &set);
}

static bool take_term(struct ecma *e)
{
	struct seq_class set = { .beyond = SEQ_BEYOND_NONE };
	uint32_t min, max;
	bool is_assertion;

	switch (*e->at++) {
	case '^':
		puts_(e, "^");
		seq_add_start(e->seq);
		return true;
	case '$':
		puts_(e, "$");
		seq_add_end(e->seq);
		return true;
	case '(':
		return take_group(e, &is_assertion) &&
		       (is_assertion || take_quantifier(e, &min, &max));
	case '.':
		return take_dot(e);
	case '[':
		return take_class(e, &set) && end_atom(e, &set);
	case '\\':
		return take_backslash(e);
	case '*':
	case '+':
	case '?':
		return fail_at(e, e->at - 1, "there is nothing to repeat");
	case '{':
	case '}':
	case ']':
		return fail_at(e, e->at - 1, "a closing or curly bracket must be escaped");
	default:
		e->at--;
		return take_literal(e);
	}
}

static bool take_alternatives(struct ecma *e)
{
	while (e->at < e->end && *e->at != ')') {
		if (takes(e, "|")) {
			puts_(e, "|");
			e->seq->is_possible = false;
			continue;
		}
		if (!take_term(e))
			return false;
	}
	return true;
}

/* ---- the whole -------------------------------------------------------------------------- */

static bool take_pattern(struct ecma *e)
{
	seq_init(e->seq);
	(void)find_group(e, NULL, 0); /* counts */
	if (!take_alternatives(e))
		return false;
	return e->at == e->end || fail(e, "')' must be escaped where it ends no group");
}

static void start(struct ecma *e, const char *source, size_t len, struct seq *seq)
{
	memset(e, 0, sizeof(*e));
	e->source = e->at = source;
	e->end = source + len;
	e->seq = seq;
}

bool ecma_is_valid(const char *source, size_t len)
{
	struct seq seq;
	struct ecma e;

	start(&e, source, len, &seq);
	return take_pattern(&e);
}

int ecma_translate(const char *source, size_t len, char **ret, size_t *ret_len, struct seq *seq,
		   struct diag *diag)
{
	size_t need;
	struct ecma e;
	char *out;

	start(&e, source, len, seq);
	if (!take_pattern(&e))
		return diag_set(diag, ERR_SYNTAX, "at offset %zu: %s", (size_t)(e.where - source),
				e.what);
	need = e.len;
	out = malloc(need + 1);
	if (!out)
		return diag_nomem(diag);
	start(&e, source, len, seq);
	e.out = out;
	e.cap = need;
	(void)take_pattern(&e); /* as before */
	out[need] = '\0';
	*ret = out;
	*ret_len = need;
	return 0;
}

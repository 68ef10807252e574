/*
 * A recursive descent over the grammar of ECMA-262, section 21.2.1 (edition 11), with the
 * parameters U and N, which writes the PCRE2 source as it goes. Groups capture only where a back
 * reference needs their numbers.
 */
#include "schema/pattern_ecma.h"
#include "schema/pattern_ecma_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Where PCRE2 calls on_callout() of pattern.c. */
#define CALLOUT "(?C)"

/* ---- the other matchers ------------------------------------------------------------------ */

/* PCRE2's only: no sequence, and no finite automaton either. */
static void not_regular(struct ecma *e)
{
	e->seq->is_possible = false;
	dfa_refuse(e->parts);
}

/* ---- groups ----------------------------------------------------------------------------- */

/* A group's name behind "<", to its ">"; NULL where it is none. Escapes in it are not taken. */
static const char *name_end(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at != '>') {
		char c = *at++;

		if (!(c & 0x80) && !ecma_is_plain((unsigned char)c) && c != '_' && c != '$')
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
		return ecma_fail_at(e, start, "there is no such group to refer to");
	ecma_putf(e, "\\g{%u}", number);
	not_regular(e);
	e->reach = UINT32_MAX; /* what it refers to may be long */
	return true;
}

/* Behind "\k". */
static bool take_named_back(struct ecma *e)
{
	const char *start = e->at;
	const char *close = ecma_takes(e, "<") ? name_end(e->at, e->end) : NULL;
	unsigned number;

	if (!close)
		return ecma_fail_at(e, start, "\\k needs the name of a group");
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
		return ecma_fail(e, "a group has no valid name");
	if (find_group(e, e->at, (size_t)(close - e->at)) != e->number)
		return ecma_fail(e, "two groups have the same name");
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
		return ecma_fail_at(e, start, "groups are nested too deep");
	for (size_t i = 0; i < sizeof(assertions) / sizeof(assertions[0]) && !*is_assertion; i++) {
		*is_assertion = ecma_takes(e, assertions[i]);
		if (*is_assertion)
			ecma_putf(e, "(%s", assertions[i]);
	}
	if (*is_assertion)
		not_regular(e);
	if (!*is_assertion) {
		if (ecma_takes(e, "?:"))
			open = "(?:";
		else if (ecma_takes(e, "?<")) {
			if (!take_name(e))
				return false;
		} else if (ecma_sees(e, '?'))
			return ecma_fail_at(e, start, "ECMA-262 has no such group");
		else
			e->number++;
		ecma_puts(e, open);
	}
	if (!take_alternatives(e))
		return false;
	if (!ecma_takes(e, ")"))
		return ecma_fail_at(e, start, "a group has no end");
	ecma_puts(e, ")");
	e->depth--;
	return true;
}

/* ---- terms ------------------------------------------------------------------------------ */

/* A quantifier, or none: once. */
static bool take_quantifier(struct ecma *e, uint32_t *min, uint32_t *max)
{
	const char *start = e->at;

	*min = ecma_takes(e, "+") ? 1 : 0;
	*max = SEQ_UNBOUNDED;
	if (e->at != start || ecma_takes(e, "*")) {
		ecma_putf(e, "%c", *min ? '+' : '*');
	} else if (ecma_takes(e, "?")) {
		*max = 1;
		ecma_puts(e, "?");
	} else if (ecma_takes(e, "{")) {
		if (!ecma_sees_digit(e))
			return ecma_fail_at(e, start,
					    "'{' must be escaped where it repeats nothing");
		*min = ecma_take_number(e);
		if (!ecma_takes(e, ","))
			*max = *min;
		else if (ecma_sees_digit(e))
			*max = ecma_take_number(e);
		if (!ecma_takes(e, "}"))
			return ecma_fail_at(e, start,
					    "'{' must be escaped where it repeats nothing");
		if (*max < *min)
			return ecma_fail_at(e, start, "a repetition ends before it begins");
		if (*max == SEQ_UNBOUNDED)
			ecma_putf(e, "{%u,}", *min);
		else
			ecma_putf(e, "{%u,%u}", *min, *max);
	} else {
		*min = *max = 1;
		return true;
	}
	if (ecma_takes(e, "?"))
		ecma_puts(e, "?");
	dfa_add_repeat(e->parts, *min, *max);
	if (*min > e->reach)
		e->reach = *min;
	if (*min != *max)
		ecma_puts(e, CALLOUT);
	return true;
}

/* A set, a class, a dot or a character was written: what repeats it follows. */
static bool end_atom(struct ecma *e, const struct seq_class *set)
{
	uint32_t min, max;

	dfa_add_class(e->parts, set);
	if (!take_quantifier(e, &min, &max))
		return false;
	seq_add(e->seq, set, min, max);
	return true;
}

static void put_lone(struct ecma *e, uint32_t c, struct seq_class *set)
{
	if (c >= 0xd800 && c <= 0xdfff)
		ecma_put_nothing(e); /* no text has it */
	else
		ecma_put_char(e, c);
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

	if (ecma_sees(e, 'b') || ecma_sees(e, 'B')) {
		ecma_putf(e, "\\%c", *e->at++);
		not_regular(e);
		return true;
	}
	if (ecma_sees_digit(e) && *e->at != '0')
		return take_back(e, ecma_take_number(e), start) && take_quantifier(e, &min, &max);
	if (ecma_takes(e, "k"))
		return take_named_back(e) && take_quantifier(e, &min, &max);
	ecma_puts(e, "[");
	if (!ecma_take_set(e, &set, &is_set))
		return false;
	if (is_set) {
		ecma_puts(e, "]");
		return end_atom(e, &set);
	}
	e->len = mark; /* no set: the bracket is taken back */
	if (!ecma_take_escape(e, false, &c))
		return false;
	put_lone(e, c, &set);
	return end_atom(e, &set);
}

static bool take_dot(struct ecma *e)
{
	struct seq_class set = { { ~((UINT64_C(1) << '\n') | (UINT64_C(1) << '\r')), ~UINT64_C(0) },
				 SEQ_BEYOND_DOT };

	ecma_puts(e, "[^\\n\\r\\x{2028}\\x{2029}]");
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
		ecma_puts(e, "^");
		seq_add_start(e->seq);
		dfa_add(e->parts, DFA_START);
		return true;
	case '$':
		ecma_puts(e, "$");
		seq_add_end(e->seq);
		dfa_add(e->parts, DFA_END);
		return true;
	case '(':
		return take_group(e, &is_assertion) &&
		       (is_assertion || take_quantifier(e, &min, &max));
	case '.':
		return take_dot(e);
	case '[':
		return ecma_take_class(e, &set) && end_atom(e, &set);
	case '\\':
		return take_backslash(e);
	case '*':
	case '+':
	case '?':
		return ecma_fail_at(e, e->at - 1, "there is nothing to repeat");
	case '{':
	case '}':
	case ']':
		return ecma_fail_at(e, e->at - 1, "a closing or curly bracket must be escaped");
	default:
		e->at--;
		return take_literal(e);
	}
}

static bool take_alternatives(struct ecma *e)
{
	uint32_t alternatives = 1;
	uint32_t terms = 1;

	dfa_add(e->parts, DFA_EMPTY);
	ecma_puts(e, CALLOUT);
	while (e->at < e->end && *e->at != ')') {
		if (ecma_takes(e, "|")) {
			ecma_puts(e, "|" CALLOUT);
			e->seq->is_possible = false;
			dfa_join(e->parts, DFA_CAT, terms);
			dfa_add(e->parts, DFA_EMPTY);
			alternatives++;
			terms = 1;
			continue;
		}
		if (!take_term(e))
			return false;
		terms++;
	}
	dfa_join(e->parts, DFA_CAT, terms);
	dfa_join(e->parts, DFA_ALT, alternatives);
	return true;
}

/* ---- the whole -------------------------------------------------------------------------- */

static bool take_pattern(struct ecma *e)
{
	seq_init(e->seq);
	(void)find_group(e, NULL, 0); /* counts */
	if (!take_alternatives(e))
		return false;
	return e->at == e->end || ecma_fail(e, "')' must be escaped where it ends no group");
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

int ecma_translate(const char *source, size_t len, struct ecma_result *ret, struct diag *diag)
{
	struct dfa_source *parts = ret->parts;
	struct ecma e;

	ret->text = NULL;
	start(&e, source, len, &ret->seq);
	if (!take_pattern(&e))
		return diag_set(diag, ERR_SYNTAX, "at offset %zu: %s", (size_t)(e.where - source),
				e.what);
	ret->len = e.len;
	ret->text = malloc(ret->len + 1);
	if (!ret->text)
		return diag_nomem(diag);
	start(&e, source, len, &ret->seq);
	e.out = ret->text;
	e.cap = ret->len;
	e.parts = parts;
	dfa_source_init(parts);
	(void)take_pattern(&e); /* as before */
	ret->text[ret->len] = '\0';
	ret->reach = e.reach;
	return 0;
}

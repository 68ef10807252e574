#include "schema/pattern_seq.h"

#include <string.h>

/* ---- classes ---------------------------------------------------------------------------- */

void seq_class_add(struct seq_class *set, uint32_t first, uint32_t last)
{
	for (uint32_t c = first; c <= last && c < 0x80; c++)
		set->ascii[c / 64] |= UINT64_C(1) << (c % 64);
	if (last < 0x80)
		return;
	if (first <= 0x80 && last == 0x10ffff)
		set->beyond = SEQ_BEYOND_ALL;
	else if (set->beyond != SEQ_BEYOND_ALL)
		set->beyond = SEQ_BEYOND_SOME;
}

void seq_class_invert(struct seq_class *set)
{
	set->ascii[0] = ~set->ascii[0];
	set->ascii[1] = ~set->ascii[1];
	if (set->beyond == SEQ_BEYOND_NONE)
		set->beyond = SEQ_BEYOND_ALL;
	else if (set->beyond == SEQ_BEYOND_ALL)
		set->beyond = SEQ_BEYOND_NONE;
	else
		set->beyond = SEQ_BEYOND_SOME;
}

static bool has_ascii(const struct seq_class *set, unsigned char c)
{
	return set->ascii[c / 64] >> (c % 64) & 1;
}

static bool overlap(const struct seq_class *a, const struct seq_class *b)
{
	return (a->ascii[0] & b->ascii[0]) || (a->ascii[1] & b->ascii[1]) ||
	       (a->beyond != SEQ_BEYOND_NONE && b->beyond != SEQ_BEYOND_NONE);
}

/* The one ASCII character that @set holds, or -1. */
static int only_char(const struct seq_class *set)
{
	if (set->beyond != SEQ_BEYOND_NONE ||
	    __builtin_popcountll(set->ascii[0]) + __builtin_popcountll(set->ascii[1]) != 1)
		return -1;
	return set->ascii[0] ? __builtin_ctzll(set->ascii[0]) : 64 + __builtin_ctzll(set->ascii[1]);
}

/*
 * What names, ids and amounts are made of, a bit each. A class that is a union of these, and
 * most are, is matched with one look into this table for each character, which all patterns
 * share.
 */
enum seq_kind {
	KIND_DIGIT = 1 << 0,
	KIND_UPPER_HEX = 1 << 1, /* A to F */
	KIND_UPPER = 1 << 2,     /* G to Z */
	KIND_LOWER_HEX = 1 << 3,
	KIND_LOWER = 1 << 4,
	KIND_UNDERSCORE = 1 << 5,
	KIND_HYPHEN = 1 << 6,
	KIND_DOT = 1 << 7,
	KIND_OTHER = 1 << 8, /* in no union */
};

/* clang-format off */
static const uint16_t kind_of[256] = {
	[0 ... ','] = KIND_OTHER, ['-'] = KIND_HYPHEN, ['.'] = KIND_DOT, ['/'] = KIND_OTHER,
	['0' ... '9'] = KIND_DIGIT, [':' ... '@'] = KIND_OTHER,
	['A' ... 'F'] = KIND_UPPER_HEX, ['G' ... 'Z'] = KIND_UPPER, ['[' ... '^'] = KIND_OTHER,
	['_'] = KIND_UNDERSCORE, ['`'] = KIND_OTHER,
	['a' ... 'f'] = KIND_LOWER_HEX, ['g' ... 'z'] = KIND_LOWER, ['{' ... 255] = KIND_OTHER,
};
/* clang-format on */

/* The kinds that @set is made of, or 0 where it is made of anything else. */
static uint8_t kinds_of(const struct seq_class *set)
{
	unsigned kinds = 0;

	if (set->beyond != SEQ_BEYOND_NONE)
		return 0;
	for (unsigned c = 0; c < 0x80; c++)
		if (has_ascii(set, (unsigned char)c))
			kinds |= kind_of[c];
	for (unsigned c = 0; c < 0x80; c++)
		if (has_ascii(set, (unsigned char)c) != ((kind_of[c] & kinds) != 0))
			return 0;
	return kinds & KIND_OTHER ? 0 : (uint8_t)kinds;
}

/* ---- building --------------------------------------------------------------------------- */

void seq_init(struct seq *seq)
{
	memset(seq, 0, sizeof(*seq));
	seq->is_possible = true;
}

void seq_add_start(struct seq *seq)
{
	if (seq->count > 0 || seq->at_start || seq->at_end)
		seq->is_possible = false;
	seq->at_start = true;
}

void seq_add_end(struct seq *seq)
{
	if (seq->at_end)
		seq->is_possible = false;
	seq->at_end = true;
}

/* Puts one byte behind the literal that ends the sequence, or begins one. */
static void add_literal(struct seq *seq, char c)
{
	struct seq_part *last = seq->count > 0 ? &seq->part[seq->count - 1] : NULL;

	if (seq->text_len == SEQ_MAX_LITERAL) {
		seq->is_possible = false;
		return;
	}
	if (!last || last->literal_len == 0) {
		last = &seq->part[seq->count++];
		last->literal = (uint16_t)seq->text_len;
	}
	last->literal_len++;
	seq->text[seq->text_len++] = c;
}

void seq_add(struct seq *seq, const struct seq_class *set, uint32_t min, uint32_t max)
{
	int c = only_char(set);

	if (seq->at_end || set->beyond == SEQ_BEYOND_SOME || seq->count == SEQ_MAX_PARTS)
		seq->is_possible = false;
	if (!seq->is_possible || max == 0)
		return;
	if (c >= 0 && min == 1 && max == 1) {
		add_literal(seq, (char)c);
		return;
	}
	seq->part[seq->count].set = *set;
	seq->part[seq->count].min = min;
	seq->part[seq->count].max = max;
	seq->part[seq->count].kinds = kinds_of(set);
	seq->count++;
}

/* Could a character that part @i takes be wanted by what may come next? */
static bool is_ambiguous(const struct seq *seq, unsigned i)
{
	const struct seq_part *part = &seq->part[i];

	if (part->literal_len > 0 || part->min == part->max)
		return false;
	for (unsigned k = i + 1; k < seq->count; k++) {
		const struct seq_part *next = &seq->part[k];

		if (next->literal_len > 0)
			return has_ascii(&part->set, (unsigned char)seq->text[next->literal]);
		if (overlap(&part->set, &next->set))
			return true;
		if (next->min > 0)
			return false;
	}
	return false;
}

bool seq_finish(struct seq *seq)
{
	/* Without `^` the place is not known: only a literal can be looked for. */
	if (!seq->at_start && (seq->count > 1 || (seq->count == 1 && !seq->part[0].literal_len)))
		seq->is_possible = false;
	seq->has_kinds_only = seq->at_start;
	for (unsigned i = 0; i < seq->count; i++) {
		if (is_ambiguous(seq, i))
			seq->is_possible = false;
		if (!seq->part[i].kinds && !seq->part[i].literal_len)
			seq->has_kinds_only = false;
	}
	seq->is_one_class =
		seq->has_kinds_only && seq->at_end && seq->count == 1 && seq->part[0].kinds;
	/* Nothing has to follow: the least is enough. */
	if (seq->count > 0 && !seq->at_end)
		seq->part[seq->count - 1].max = seq->part[seq->count - 1].min;
	return seq->is_possible;
}

/* ---- matching --------------------------------------------------------------------------- */

/* The length of the character beyond ASCII at @at where @set holds it, else 0. */
static size_t beyond_length(const struct seq_class *set, const unsigned char *at, size_t left)
{
	size_t n = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (set->beyond == SEQ_BEYOND_NONE)
		return 0;
	if (set->beyond == SEQ_BEYOND_DOT && n == 3 && left >= 3 && at[0] == 0xe2 &&
	    at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9))
		return 0;
	return n < left ? n : left;
}

/* Are the eight characters at @s all of these kinds? */
static inline bool are_kinds(const unsigned char *s, unsigned kinds)
{
	unsigned seen = kind_of[s[0]] | kind_of[s[1]] | kind_of[s[2]] | kind_of[s[3]] |
			kind_of[s[4]] | kind_of[s[5]] | kind_of[s[6]] | kind_of[s[7]];

	return (seen & ~kinds) == 0;
}

/* take() for a class that is a union of kinds, all of them ASCII. Returns the end. */
static inline const unsigned char *take_kinds(const struct seq_part *part, const unsigned char *s,
					      const unsigned char *end)
{
	const unsigned char *stop = (size_t)(end - s) > part->max ? s + part->max : end;
	unsigned kinds = part->kinds;

	while (stop - s >= 8 && are_kinds(s, kinds))
		s += 8;
	while (s < stop && (kind_of[*s] & kinds))
		s++;
	return s;
}

/*
 * Moves *@at over at most part->max characters of the class; how many they were. Nearly all
 * are ASCII: those are taken in a loop of their own, which bytes of other characters end.
 */
static uint32_t take(const struct seq_part *part, const unsigned char **at,
		     const unsigned char *end)
{
	const unsigned char *s = *at;
	uint32_t left = part->max;

	if (part->kinds) {
		*at = take_kinds(part, s, end);
		return (uint32_t)(*at - s);
	}
	while (left > 0 && s < end) {
		const unsigned char *from = s;
		const unsigned char *stop = (size_t)(end - s) > left ? s + left : end;
		size_t n;

		while (s < stop && has_ascii(&part->set, *s))
			s++;
		left -= (uint32_t)(s - from);
		if (s == stop || *s < 0x80)
			break;
		n = beyond_length(&part->set, s, (size_t)(end - s));
		if (n == 0)
			break;
		s += n;
		left--;
	}
	*at = s;
	return part->max - left;
}

/* Without `^`: one literal or nothing. */
static __attribute__((noinline)) bool search_literal(const struct seq *seq, const char *text,
						     size_t len)
{
	size_t need = seq->text_len;

	if (!seq->at_end)
		return memmem(text, len, seq->text, need) != NULL;
	return len >= need && memcmp(text + len - need, seq->text, need) == 0;
}

/*
 * seq_search() of a sequence of kinds and literals: what most are. It makes no call, and being
 * a function of its own has no registers to save.
 */
static __attribute__((noinline)) bool search_kinds(const struct seq *seq, const unsigned char *at,
						   const unsigned char *end)
{
	const struct seq_part *behind = seq->part + seq->count;

	for (const struct seq_part *part = seq->part; part < behind; part++) {
		const unsigned char *from = at;
		const unsigned char *literal;

		if (part->kinds) {
			at = take_kinds(part, at, end);
			if ((size_t)(at - from) < part->min)
				return false;
			continue;
		}
		if ((size_t)(end - at) < part->literal_len)
			return false;
		literal = (const unsigned char *)seq->text + part->literal;
		while (at < from + part->literal_len)
			if (*at++ != *literal++)
				return false;
	}
	return !seq->at_end || at == end;
}

static __attribute__((noinline)) bool search_any(const struct seq *seq, const unsigned char *at,
						 const unsigned char *end)
{
	for (unsigned i = 0; i < seq->count; i++) {
		const struct seq_part *part = &seq->part[i];

		if (part->literal_len > 0) {
			if ((size_t)(end - at) < part->literal_len ||
			    memcmp(at, seq->text + part->literal, part->literal_len) != 0)
				return false;
			at += part->literal_len;
		} else if (take(part, &at, end) < part->min) {
			return false;
		}
	}
	return !seq->at_end || at == end;
}

/*
 * seq_search() where one class has to take the whole text, as ids and codes mostly have it: no
 * end has to be found, and the last eight characters may overlap those before.
 */
static __attribute__((noinline)) bool is_of_class(const struct seq_part *part,
						  const unsigned char *at, size_t len)
{
	unsigned kinds = part->kinds, seen = 0;
	const unsigned char *last;

	if (len < part->min || len > part->max)
		return false;
	if (len < 8) {
		for (const unsigned char *end = at + len; at < end; at++)
			seen |= kind_of[*at];
		return (seen & ~kinds) == 0;
	}
	last = at + len - 8;
	for (; at < last; at += 8)
		if (!are_kinds(at, kinds))
			return false;
	return are_kinds(last, kinds);
}

bool seq_search(const struct seq *seq, const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;

	if (seq->is_one_class)
		return is_of_class(&seq->part[0], at, len);
	if (seq->has_kinds_only)
		return search_kinds(seq, at, at + len);
	return seq->at_start ? search_any(seq, at, at + len) : search_literal(seq, text, len);
}

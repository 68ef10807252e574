/*
 * pattern_seq.h -- the matcher for patterns that need no backtracking: a sequence of literals and
 * character classes with bounds.
 *
 * Most schemas use such patterns: `^x-`, `^placed$`, `^[0-9]+\.[0-9]{2}$`. The matcher goes through
 * the parts once, from left to right, and each part takes as many characters as it can. This is
 * right only where no part can take characters that a later part needs. seq_finish() refuses all
 * other patterns, which are left to the other matchers. Time is linear in the text and nothing is
 * allocated.
 */
#ifndef PETSTORE_PATTERN_SEQ_H
#define PETSTORE_PATTERN_SEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which characters beyond ASCII a class holds. */
enum seq_beyond {
	SEQ_BEYOND_NONE,
	SEQ_BEYOND_ALL,
	SEQ_BEYOND_DOT,  /* all but U+2028 and U+2029 */
	SEQ_BEYOND_SOME, /* some of them; this matcher cannot do that */
};

/* A set of characters, with one bit for each ASCII character. */
struct seq_class {
	uint64_t ascii[4]; /* a bit for each byte; the upper half stays 0 */
	enum seq_beyond beyond;
};

void seq_class_add(struct seq_class *set, uint32_t first, uint32_t last);
void seq_class_invert(struct seq_class *set);

#define SEQ_MAX_PARTS 12u
#define SEQ_MAX_LITERAL 128u
#define SEQ_UNBOUNDED UINT32_MAX

/* Where literal_len > 0, a literal, once. Else @min to @max characters of the class @set. */
struct seq_part {
	struct seq_class set;
	uint32_t min;
	uint32_t max;
	uint16_t literal; /* offset in struct seq's text */
	uint16_t literal_len;
	uint8_t kinds; /* if the class is a union of kinds of characters (pattern_seq.c) */
};

struct seq {
	bool is_possible;    /* false once the pattern has a part that this matcher cannot do */
	bool at_start;       /* `^` */
	bool at_end;         /* `$` */
	bool has_kinds_only; /* `^`, and every part is a literal or has kinds */
	bool is_one_class;   /* `^[...]{..}$`, and the class has kinds */
	unsigned count;
	size_t text_len;
	struct seq_part part[SEQ_MAX_PARTS];
	char text[SEQ_MAX_LITERAL];
};

void seq_init(struct seq *seq);

/* Add the parts of a pattern in order. A part that does not fit sets is_possible to false. */
void seq_add_start(struct seq *seq);
void seq_add_end(struct seq *seq);
void seq_add(struct seq *seq, const struct seq_class *set, uint32_t min, uint32_t max);

/* Ends the pattern. True where seq_search() may be called for it. */
bool seq_finish(struct seq *seq);

bool seq_search(const struct seq *seq, const char *text, size_t len);

#endif

/*
 * pattern_seq.h -- the matcher for patterns that need no search: literals and character classes
 * with bounds, one behind the other.
 *
 * `^x-`, `^placed$`, `^[0-9]+\.[0-9]{2}$`: what most schemas write. Taking as much as possible
 * for each part, once, from left to right, gives the right answer where no part can take what
 * the parts behind it need; seq_finish() refuses all others, which are left to PCRE2. Time is
 * linear in the text and nothing is allocated.
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
	SEQ_BEYOND_SOME, /* some others: not for this matcher */
};

/* A set of characters, of which ASCII's are known one by one. */
struct seq_class {
	uint64_t ascii[4]; /* a bit for each byte; the upper half stays 0 */
	enum seq_beyond beyond;
};

void seq_class_add(struct seq_class *set, uint32_t first, uint32_t last);
void seq_class_invert(struct seq_class *set);

#define SEQ_MAX_PARTS 12u
#define SEQ_MAX_LITERAL 128u
#define SEQ_UNBOUNDED UINT32_MAX

/* @min to @max characters of a class, or, where literal_len > 0, these bytes once. */
struct seq_part {
	struct seq_class set;
	uint32_t min;
	uint32_t max;
	uint16_t literal; /* offset in struct seq's text */
	uint16_t literal_len;
	uint8_t kinds; /* where the class is a union of kinds of characters (pattern_seq.c) */
};

struct seq {
	bool is_possible;    /* false from the first thing that does not fit */
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

/* The parts of a pattern in order. What does not fit makes the sequence impossible. */
void seq_add_start(struct seq *seq);
void seq_add_end(struct seq *seq);
void seq_add(struct seq *seq, const struct seq_class *set, uint32_t min, uint32_t max);

/* Ends the pattern. True where seq_search() may be asked from now on. */
bool seq_finish(struct seq *seq);

bool seq_search(const struct seq *seq, const char *text, size_t len);

#endif

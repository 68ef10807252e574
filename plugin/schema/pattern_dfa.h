/*
 * pattern_dfa.h -- the matcher for regular patterns: a finite automaton, made when the pattern is
 * compiled.
 *
 * Takes what ECMA-262 has but for back references, look-around, \b and classes that name single
 * characters beyond ASCII. Each character of the text is one step in a table, whatever the
 * pattern: time is linear in the text, nothing is allocated and nothing changes. A pattern whose
 * automaton would be larger than the bounds here is left to PCRE2.
 */
#ifndef PETSTORE_PATTERN_DFA_H
#define PETSTORE_PATTERN_DFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/pattern_seq.h"

/* Parts of a pattern as written. */
#define DFA_MAX_OPS 1024u
/* States before and after they were made deterministic; transitions of the latter. */
#define DFA_MAX_PLACES 384u
#define DFA_MAX_CELLS 4096u

enum dfa_kind {
	DFA_CLASS,  /* one character of the set */
	DFA_EMPTY,  /* nothing */
	DFA_START,  /* `^` */
	DFA_END,    /* `$` */
	DFA_CAT,    /* @count parts, one behind the other */
	DFA_ALT,    /* one of @count parts */
	DFA_REPEAT, /* the part before, @min to @max times */
};

/* A part; what it is made of stands right before it. */
struct dfa_op {
	enum dfa_kind kind;
	uint32_t count;
	uint32_t size; /* ops, itself included */
	uint32_t min;
	uint32_t max;
	struct seq_class set;
};

/* A pattern while it is read. */
struct dfa_source {
	bool is_possible; /* false from the first thing that does not fit */
	size_t used;
	struct dfa_op ops[DFA_MAX_OPS];
};

void dfa_source_init(struct dfa_source *source);

/* Where @source is NULL these do nothing. */
void dfa_refuse(struct dfa_source *source); /* it has something that does not fit */
void dfa_add(struct dfa_source *source, enum dfa_kind kind);
void dfa_add_class(struct dfa_source *source, const struct seq_class *set);
void dfa_add_repeat(struct dfa_source *source, uint32_t min, uint32_t max);

/* Makes one part of the last @count (at least one); @kind is DFA_CAT or DFA_ALT. */
void dfa_join(struct dfa_source *source, enum dfa_kind kind, uint32_t count);

struct dfa;

/*
 * The automaton of a whole pattern, which is one part. *ret is NULL where it has none within the
 * bounds; false only where memory ran out. Free it with dfa_free().
 */
bool dfa_new(const struct dfa_source *source, struct dfa **ret);
void dfa_free(struct dfa *dfa); /* NULL is fine */

/* Searches @len bytes of UTF-8; *steps is how many of them were looked at. */
bool dfa_search(const struct dfa *dfa, const char *text, size_t len, size_t *steps);

#endif

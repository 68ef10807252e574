/*
 * pattern_dfa.h -- the matcher for regular patterns: a finite automaton, made when the pattern is
 * compiled.
 *
 * It takes all of ECMA-262 except back references, look-around, \b and classes that name single
 * characters beyond ASCII. For each character of the text the search makes one step in a table. So
 * its time is linear in the text; it allocates nothing and does not change the automaton. A pattern
 * whose automaton would exceed the bounds here is left to PCRE2.
 */
#ifndef PETSTORE_PATTERN_DFA_H
#define PETSTORE_PATTERN_DFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/pattern_seq.h"

/* The largest number of parts of a pattern. */
#define DFA_MAX_OPS 1024u
/* The largest number of states before, and of transitions after, the automaton is deterministic. */
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

/* One part of a pattern. The parts that it consists of stand right before it. */
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
	bool is_possible; /* false once the pattern has a part that the automaton cannot do */
	size_t used;
	struct dfa_op ops[DFA_MAX_OPS];
};

void dfa_source_init(struct dfa_source *source);

/* These functions do nothing where @source is NULL. */
void dfa_refuse(struct dfa_source *source); /* the automaton cannot do this pattern */
void dfa_add(struct dfa_source *source, enum dfa_kind kind);
void dfa_add_class(struct dfa_source *source, const struct seq_class *set);
void dfa_add_repeat(struct dfa_source *source, uint32_t min, uint32_t max);

/* Joins the last @count parts (at least one) into one; @kind is DFA_CAT or DFA_ALT. */
void dfa_join(struct dfa_source *source, enum dfa_kind kind, uint32_t count);

struct dfa;

/*
 * Makes the automaton of a whole pattern, which must be one part, and stores it in *ret; free it
 * with dfa_free(). *ret is NULL where the automaton would exceed the bounds. False only where there
 * is no memory.
 */
bool dfa_new(const struct dfa_source *source, struct dfa **ret);
void dfa_free(struct dfa *dfa); /* NULL is fine */

/* Searches @len bytes of UTF-8. Stores in *steps how many of these bytes it read. */
bool dfa_search(const struct dfa *dfa, const char *text, size_t len, size_t *steps);

#endif

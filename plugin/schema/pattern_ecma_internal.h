/*
 * pattern_ecma_internal.h -- what the translator's files share: pattern_ecma_text.c (characters and
 * escapes, writing), pattern_ecma_set.c (classes and sets), pattern_ecma.c (the grammar).
 *
 * Each ecma_take_*() reads one part of the source at e->at, writes it for PCRE2 and moves e->at
 * behind it. It returns false on an error; e->what and e->where then describe the first one.
 */
#ifndef PETSTORE_PATTERN_ECMA_INTERNAL_H
#define PETSTORE_PATTERN_ECMA_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/pattern_dfa.h"
#include "schema/pattern_seq.h"

#define UNICODE_MAX 0x10ffffu

struct ecma {
	const char *source;
	const char *at;
	const char *end;
	const char *what;  /* the error; NULL while there is none */
	const char *where; /* where the error is in the source */
	unsigned groups;   /* how many capturing groups the whole source has */
	bool has_back;     /* the source has a back reference */
	unsigned number;   /* the capturing group that was opened last */
	unsigned depth;
	struct seq *seq;
	struct dfa_source *parts; /* NULL where they are not needed */
	uint32_t reach;           /* see struct ecma_result */
	/* The PCRE2 source; with out == NULL only its length is counted. */
	char *out;
	size_t cap;
	size_t len;
};

/* Store the error @what, at @where or at e->at. Always return false. */
bool ecma_fail_at(struct ecma *e, const char *where, const char *what);
bool ecma_fail(struct ecma *e, const char *what);

/* ---- writing ---------------------------------------------------------------------------- */

void ecma_puts(struct ecma *e, const char *text);
void ecma_putf(struct ecma *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ecma_put_char(struct ecma *e, uint32_t c); /* escaped so that it stands for itself */
void ecma_put_nothing(struct ecma *e);          /* an expression that matches nowhere */

/* Is it an ASCII letter or digit, which needs no escape anywhere? */
bool ecma_is_plain(uint32_t c);

/* ---- reading ---------------------------------------------------------------------------- */

bool ecma_sees(const struct ecma *e, char c); /* is @c next? */
bool ecma_sees_digit(const struct ecma *e);
bool ecma_takes(struct ecma *e, const char *text); /* steps behind @text if it is next */
uint32_t ecma_take_number(struct ecma *e);         /* decimal, saturated */

/*
 * Call it behind a backslash. Reads an escape that stands for one character, inside a class or
 * outside. The caller has already tried the letters that mean a class or an assertion.
 */
bool ecma_take_escape(struct ecma *e, bool in_class, uint32_t *ret);

/*
 * Call it at the letter behind a backslash. Reads \d \D \s \S \w \W \p{} \P{}, writes it without
 * brackets and adds it to @set. *is_set is true where it was one of these. False on failure only.
 */
bool ecma_take_set(struct ecma *e, struct seq_class *set, bool *is_set);

/* Reads a class. Call it behind the "[". */
bool ecma_take_class(struct ecma *e, struct seq_class *set);

#endif

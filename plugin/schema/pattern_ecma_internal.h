/*
 * pattern_ecma_internal.h -- what the translator's files share: pattern_ecma_text.c (characters and
 * escapes, writing), pattern_ecma_set.c (classes and sets), pattern_ecma.c (the grammar).
 *
 * Each ecma_take_*() reads the part of its name at @e's place, writes it as PCRE2 has it and steps
 * behind it; false once something is wrong, which @e then says.
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
	const char *what;  /* what is wrong, once something is */
	const char *where; /* and where */
	unsigned groups;   /* capturing ones in the whole source */
	bool has_back;     /* is there any back reference? */
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

/* Says what is wrong, at @where or where the reading is. Always false. */
bool ecma_fail_at(struct ecma *e, const char *where, const char *what);
bool ecma_fail(struct ecma *e, const char *what);

/* ---- writing ---------------------------------------------------------------------------- */

void ecma_puts(struct ecma *e, const char *text);
void ecma_putf(struct ecma *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ecma_put_char(struct ecma *e, uint32_t c); /* standing for itself */
void ecma_put_nothing(struct ecma *e);          /* what matches nowhere */

/* A letter or digit of ASCII, which stands for itself everywhere? */
bool ecma_is_plain(uint32_t c);

/* ---- reading ---------------------------------------------------------------------------- */

bool ecma_sees(const struct ecma *e, char c); /* is it next? */
bool ecma_sees_digit(const struct ecma *e);
bool ecma_takes(struct ecma *e, const char *text); /* if it is next */
uint32_t ecma_take_number(struct ecma *e);         /* decimal, saturated */

/*
 * Behind a backslash: an escape that stands for one character, in a class or out of it. The
 * letters that mean a class or an assertion have been tried before.
 */
bool ecma_take_escape(struct ecma *e, bool in_class, uint32_t *ret);

/*
 * At the letter behind a backslash: \d \D \s \S \w \W \p{} \P{}, written without brackets and
 * added to @set. *is_set where it was one of them; false on failure only.
 */
bool ecma_take_set(struct ecma *e, struct seq_class *set, bool *is_set);

/* Behind "[". */
bool ecma_take_class(struct ecma *e, struct seq_class *set);

#endif

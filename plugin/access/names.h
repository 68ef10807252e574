/*
 * names.h -- what a name may look like, patterns over names, and names made from others.
 *
 * A principal's name ends up in topics, client ids, logs and table columns, so there is one
 * rule for all that come from outside: a file, a certificate, a token.
 *
 * A pattern is literal text with at most one '*', which stands for one byte or more: whether
 * it matches, and what the '*' stood for, never has two answers.
 */
#ifndef PETSTORE_NAMES_H
#define PETSTORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define NAMES_PARTS_MAX 8u /* pieces of a template */

/* Bytes of text that is not NUL-terminated. */
struct span {
	const char *text; /* NULL: absent */
	size_t len;
};

/*
 * NULL where @len bytes may be a name: 1 to @max bytes of UTF-8 without control characters, without
 * what does not show (utf8_is_invisible()), by which one name passes for another, and without
 * + # / * { }. Else what is wrong with it, a literal such as "is empty".
 */
const char *names_fault(const char *text, size_t len, size_t max);

/* The same for text that is only compared or shown: just UTF-8 that shows. */
const char *names_text_fault(const char *text, size_t len, size_t max);

struct names_pattern {
	struct span before; /* all of the text where is_wild is false */
	struct span after;
	bool is_wild;
};

/* Reads a pattern that points into @text (borrowed). False with more than one '*'. */
bool names_pattern_read(const char *text, size_t len, struct names_pattern *ret);

/* Does @pattern match? *star (may be NULL) is what '*' stood for, pointing into @text. */
bool names_pattern_match(const struct names_pattern *pattern, const char *text, size_t len,
			 struct span *star);

/*
 * A template such as "collar-{*}": pieces that are literal (source -1) or the number of a
 * source. Which names may stand in braces is the caller's list.
 */
struct names_template {
	size_t count;
	struct {
		struct span literal;
		int source;
	} part[NAMES_PARTS_MAX];
};

/*
 * Reads a template that points into @text (borrowed). @source[0..source_count) are the names
 * that may stand in braces. NULL, or what is wrong with it, a literal.
 */
const char *names_template_read(const char *text, size_t len, const char *const *source,
				size_t source_count, struct names_template *ret);

/*
 * Writes the template with @value[source] put in to @ret (@cap bytes, terminated). False
 * where a value is absent, holds a NUL, or it does not fit.
 */
bool names_template_fill(const struct names_template *tmpl, const struct span *value, char *ret,
			 size_t cap);

#endif

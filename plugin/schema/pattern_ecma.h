/*
 * pattern_ecma.h -- ECMA-262 regular expressions (edition 11, flag u) translated for PCRE2.
 *
 * The translator knows both grammars and runs no pattern. It refuses what ECMA-262 refuses with the
 * u flag: identity escapes of letters, braces that are no quantifier, quantified assertions. The
 * result is for PCRE2 with UTF and without UCP; pattern.c sets the flags.
 *
 * One difference remains. When a loop starts its next round, ECMA-262 forgets what the groups in
 * the loop captured; PCRE2 keeps it. Only a back reference to a group in a loop shows the
 * difference.
 */
#ifndef PETSTORE_PATTERN_ECMA_H
#define PETSTORE_PATTERN_ECMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "schema/pattern_dfa.h"
#include "schema/pattern_seq.h"

/* Deepest nesting of groups; PCRE2's own limit is 250. */
#define ECMA_MAX_DEPTH 200u

/* A source, translated for each of the three matchers. */
struct ecma_result {
	char *text; /* for PCRE2; yours to free */
	size_t len;
	struct seq seq;           /* for pattern_seq.h; valid where seq_finish() returned true */
	struct dfa_source *parts; /* for pattern_dfa.h; the caller allocates it */
	/*
	 * The PCRE2 source has a callout at the start of each alternative and behind everything
	 * that may repeat. Between two callouts a search steps once over the text between their
	 * positions, and over at most this many characters more.
	 */
	uint32_t reach;
};

/*
 * Translates @len bytes of UTF-8. On failure the result is negative, ret->text NULL, and @diag
 * names the offset.
 */
int ecma_translate(const char *source, size_t len, struct ecma_result *ret,
		   struct diag *diag) MUST_CHECK;

/* Is the source valid? Allocates nothing, unless it must ask PCRE2 for the name of a script. */
bool ecma_is_valid(const char *source, size_t len);

/*
 * Translates the Unicode property "Name" or "Name=Value" of ECMA-262 (@name, @len bytes) and writes
 * PCRE2's name for it ("L", "sc:Greek") to @ret (@cap bytes). *is_inverse is true where the
 * negation of PCRE2's property is meant. False where ECMA-262 has no such property.
 */
bool ecma_property(const char *name, size_t len, char *ret, size_t cap, bool *is_inverse);

#endif

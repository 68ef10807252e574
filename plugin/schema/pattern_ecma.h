/*
 * pattern_ecma.h -- ECMA-262 regular expressions (edition 11, flag u) translated for PCRE2.
 *
 * Knows both grammars and runs neither. What ECMA-262 refuses with the u flag is refused here:
 * identity escapes of letters, braces that are no quantifier, quantified assertions. Meant for
 * PCRE2 with UTF and without UCP; the flags stand in pattern.c.
 *
 * One difference stays: ECMA-262 forgets what a group captured when a loop around it starts
 * anew, PCRE2 does not. Only a pattern with a back reference into a loop shows it.
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

/* What a source means to the three matchers. */
struct ecma_result {
	char *text; /* for PCRE2; yours to free */
	size_t len;
	struct seq seq;           /* the same, where seq_finish() says so */
	struct dfa_source *parts; /* the same; yours to give, its content to use */
	/*
	 * The PCRE2 source calls out at the start of each alternative and behind everything that
	 * may repeat, so that no search does more in between than to step once over the text
	 * that it says it stepped over, and over at most this many characters besides.
	 */
	uint32_t reach;
};

/*
 * Translates @len bytes of UTF-8. On failure the result is negative, ret->text NULL, and @diag
 * names the offset.
 */
int ecma_translate(const char *source, size_t len, struct ecma_result *ret,
		   struct diag *diag) MUST_CHECK;

/* Is it one at all? Nothing is allocated, unless PCRE2 is asked for a script's name. */
bool ecma_is_valid(const char *source, size_t len);

/*
 * What PCRE2 calls the Unicode property "Name" or "Name=Value" of ECMA-262, @len bytes, in
 * *ret (@cap bytes): "L", "sc:Greek". False where ECMA-262 has no such property. *is_inverse
 * where the negation is meant.
 */
bool ecma_property(const char *name, size_t len, char *ret, size_t cap, bool *is_inverse);

#endif

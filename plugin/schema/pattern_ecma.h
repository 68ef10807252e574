/*
 * pattern_ecma.h -- ECMA-262 regular expressions (edition 11, flag u) put into PCRE2's words.
 *
 * Knows both grammars and runs neither. What ECMA-262 refuses with the u flag is refused here:
 * identity escapes of letters, braces that are no quantifier, quantified assertions. Meant for
 * PCRE2 with UTF and without UCP; the flags stand in pattern.c.
 *
 * One difference stays: ECMA-262 forgets what a group captured when a loop around it starts
 * anew, PCRE2 does not. Only a back reference into a loop can tell.
 */
#ifndef PETSTORE_PATTERN_ECMA_H
#define PETSTORE_PATTERN_ECMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "schema/pattern_seq.h"

/* Deepest nesting of groups; PCRE2's own limit is 250. */
#define ECMA_MAX_DEPTH 200u

/*
 * Translates @len bytes of UTF-8. *ret is the PCRE2 source, yours to free, *ret_len its
 * length, and *seq the same as a sequence where seq_finish() says so. On failure the result
 * is negative, *ret untouched, and @diag names the offset.
 */
int ecma_translate(const char *source, size_t len, char **ret, size_t *ret_len, struct seq *seq,
		   struct diag *diag);

/* Is it one at all? Nothing is allocated, unless PCRE2 is asked for a script's name. */
bool ecma_is_valid(const char *source, size_t len);

/*
 * What PCRE2 calls the Unicode property "Name" or "Name=Value" of ECMA-262, @len bytes, in
 * *ret (@cap bytes): "L", "sc:Greek". False where ECMA-262 has no such property. *is_inverse
 * where the negation is meant.
 */
bool ecma_property(const char *name, size_t len, char *ret, size_t cap, bool *is_inverse);

#endif

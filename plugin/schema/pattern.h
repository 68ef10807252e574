/*
 * pattern.h -- the regular expressions of `pattern` and `patternProperties`.
 *
 * ECMA-262 with the u flag (JSON Schema 2020-12, core 6.4); searched, not anchored. What is
 * regular (no back reference, no look-around) has a matcher of our own, in a time that is linear
 * in the text; the rest is translated for PCRE2, and how much it may try is bounded.
 */
#ifndef PETSTORE_PATTERN_H
#define PETSTORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct pattern;
struct seq;

/* Longest source in bytes. */
#define PATTERN_MAX_BYTES 8192u

/*
 * Compiles @len bytes of UTF-8. On failure *ret is untouched and @diag says what is wrong and
 * at which offset of the source; a source that ECMA-262 does not have (a leading "(*", \A) is
 * ERR_SYNTAX, one that PCRE2 cannot run ERR_INVALID, a longer one ERR_LIMIT.
 */
int pattern_compile(const char *source, size_t len, struct pattern **ret,
		    struct diag *diag) MUST_CHECK;

/*
 * Does ECMA-262 have this source (format "regex")? True also for what PCRE2 cannot run, such
 * as a look-behind of any width.
 */
bool pattern_is_valid(const char *source, size_t len);

/*
 * pattern_compile() for PCRE2 alone, whatever the pattern: what the tests compare the other two
 * matchers with.
 */
int pattern_compile_plain(const char *source, size_t len, struct pattern **ret,
			  struct diag *diag) MUST_CHECK;

void pattern_free(struct pattern *pattern); /* NULL is fine */

/* The sequence (pattern_seq.h) that the pattern is, borrowed; NULL where it is none. */
const struct seq *pattern_seq(const struct pattern *pattern);

/* Is every search done in a time that is linear in the text? */
bool pattern_is_linear(const struct pattern *pattern);

enum pattern_answer {
	PATTERN_NO = 0,
	PATTERN_YES = 1,
	PATTERN_LIMIT = 2, /* gave up: the work was used up */
};

/*
 * Work is counted in units of some 10 nanoseconds, by what is done and not by the clock, so that
 * the same text gets the same answer everywhere. This much is for one search outside of a schema.
 */
#define PATTERN_MAX_WORK 50000

/*
 * Searches @len bytes, which the parser has checked to be UTF-8. What it costs is taken off
 * *work: a search that is linear is done whatever is left, one by PCRE2 ends with PATTERN_LIMIT
 * as soon as *work is below 0. Any number of threads may search with one pattern; with one thread
 * at a time nothing is allocated, but for the first long text that needs more stack than a thread
 * has to spare.
 */
enum pattern_answer pattern_search(const struct pattern *pattern, const char *text, size_t len,
				   int64_t *work);

#endif

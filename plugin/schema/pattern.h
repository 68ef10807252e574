/*
 * pattern.h -- the regular expressions of `pattern` and `patternProperties`.
 *
 * The syntax is ECMA-262 with the u flag (JSON Schema 2020-12, core 6.4). A pattern may match
 * anywhere in the text; it is not anchored. For regular patterns (no back reference, no
 * look-around) the plugin has matchers of its own, whose time is linear in the text. All other
 * patterns are translated for PCRE2, and the work of each search is bounded.
 */
#ifndef PETSTORE_PATTERN_H
#define PETSTORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct pattern;
struct seq;

/* The longest source, in bytes. */
#define PATTERN_MAX_BYTES 8192u

/*
 * Compiles @len bytes of UTF-8. On failure *ret is untouched and @diag says what is wrong and
 * at which offset of the source. ERR_SYNTAX: ECMA-262 does not allow the source (a leading "(*",
 * \A). ERR_INVALID: PCRE2 cannot run it. ERR_LIMIT: it is longer than PATTERN_MAX_BYTES.
 */
int pattern_compile(const char *source, size_t len, struct pattern **ret,
		    struct diag *diag) MUST_CHECK;

/*
 * Does ECMA-262 allow this source (format "regex")? True also for a source that PCRE2 cannot run,
 * such as a look-behind of any width.
 */
bool pattern_is_valid(const char *source, size_t len);

/*
 * As pattern_compile(), but always for PCRE2. The tests compare the other two matchers with it.
 */
int pattern_compile_plain(const char *source, size_t len, struct pattern **ret,
			  struct diag *diag) MUST_CHECK;

void pattern_free(struct pattern *pattern); /* NULL is fine */

/* Returns the pattern as a sequence (pattern_seq.h), borrowed; NULL where it is not a sequence. */
const struct seq *pattern_seq(const struct pattern *pattern);

/* Is the time of every search linear in the text? */
bool pattern_is_linear(const struct pattern *pattern);

enum pattern_answer {
	PATTERN_NO = 0,
	PATTERN_YES = 1,
	PATTERN_LIMIT = 2, /* gave up: the work was used up */
};

/*
 * The work for one search outside of a schema. Work is counted in units of about 10 nanoseconds. It
 * counts operations and does not read the clock, so the same text gets the same answer everywhere.
 */
#define PATTERN_MAX_WORK 50000

/*
 * Searches @len bytes, which the parser has checked to be UTF-8, and subtracts the cost from *work.
 * A linear search always runs to its end. A search by PCRE2 ends with PATTERN_LIMIT as soon as
 * *work is below 0. Any number of threads may search with one pattern. With one thread at a time
 * nothing is allocated, except once: for the first long text that needs more stack than a thread
 * has to spare.
 */
enum pattern_answer pattern_search(const struct pattern *pattern, const char *text, size_t len,
				   int64_t *work);

#endif

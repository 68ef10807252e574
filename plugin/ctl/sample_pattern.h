/*
 * sample_pattern.h -- a text that a pattern takes, for commands to try.
 *
 * It is a guess for regular patterns: of alternatives the first one, of repetitions as few as
 * may be, of sets of characters a plain one. What is guessed is held against the pattern.
 */
#ifndef PETSTORE_CTL_SAMPLE_PATTERN_H
#define PETSTORE_CTL_SAMPLE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes a text of @least characters or more to @ret (@cap bytes, terminated), all of ASCII that
 * shows. False: none was found, the pattern is none, or memory ran out; @ret may have anything
 * then.
 */
bool sample_pattern(const char *pattern, size_t least, char *ret, size_t cap);

/* Does the pattern take @text? False as well where it is none. */
bool sample_pattern_takes(const char *pattern, const char *text);

#endif

/*
 * jsonspan.h -- where strings, numbers and members stand in a message.
 *
 * Use it for texts that a backend of payload.h has accepted as JSON. (jsonscan.h checks whether a
 * text is JSON.) For any other text the answer is meaningless, but lies within the text. Builds
 * nothing and allocates nothing.
 */
#ifndef PETSTORE_JSONSPAN_H
#define PETSTORE_JSONSPAN_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the offset of the closing quote; @at is the first byte behind the opening quote. */
size_t jsonspan_end(const char *text, size_t len, size_t at);

/*
 * Finds the string that is the member @name of the object @text: [*start, *end) are the bytes
 * between its quotes. False where there is no such string, or where the text writes the name with
 * escapes. Reads the text once.
 */
bool jsonspan_find(const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		   size_t *end);

/*
 * Finds the next number at or behind *@at: it is [*start, *at) after the call. False behind the
 * last number.
 */
bool jsonspan_next_number(const char *text, size_t len, size_t *at, size_t *start);

#endif

/*
 * jsonspan.h -- where strings, numbers and members stand in a message.
 *
 * For texts that a backend of payload.h took for JSON, while jsonscan.h finds out whether they are:
 * anything else gives some answer within the text. Builds nothing and allocates nothing.
 */
#ifndef PETSTORE_JSONSPAN_H
#define PETSTORE_JSONSPAN_H

#include <stdbool.h>
#include <stddef.h>

/* The closing quote of the string whose first byte behind the opening one is at @at. */
size_t jsonspan_end(const char *text, size_t len, size_t at);

/*
 * The bytes between the quotes of the string that the object @text has as its member @name, which
 * stands there without escapes: [*start, *end). False where there is none. Looks at the text once.
 */
bool jsonspan_find(const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		   size_t *end);

/* The opening quote of the string that ends right before @end; 0 where there is none. */
size_t jsonspan_string_start(const char *text, size_t len, size_t end);

/* Steps to the next number from *@at on. False behind the last; else it is [*start, *at). */
bool jsonspan_next_number(const char *text, size_t len, size_t *at, size_t *start);

#endif

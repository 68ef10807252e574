/*
 * jsonspan.h -- where a member's text stands in a message.
 *
 * For texts that a backend of payload.h took for JSON; anything else gives some answer within the
 * text. Builds nothing and allocates nothing.
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

#endif

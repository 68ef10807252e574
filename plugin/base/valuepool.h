/*
 * valuepool.h -- values that are equal byte by byte are kept once.
 *
 * For objects that are made once and then only read, and of which many say the same: a value is
 * put in when its own pointers lead to pooled values already, so that those with equal parts are
 * equal, too. The values live in an arena of the caller's; the pool itself is needed only while
 * they are made. A pool that is all zero but for its arena is empty and ready.
 *
 * Padding counts: what is put in twice was cleared as a whole before it was filled, or is only not
 * found to be equal.
 */
#ifndef PETSTORE_VALUEPOOL_H
#define PETSTORE_VALUEPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct valuepool_value {
	const void *at; /* in the arena; NULL: the place is free */
	size_t size;
	const void *note; /* the caller's: NULL at first */
};

struct valuepool {
	struct arena *arena;
	struct valuepool_value *value;
	size_t count, mask;
	bool is_failed; /* memory ran out: what was returned since then may be NULL */
};

/*
 * The value that is equal to the @size bytes at @data, which is copied where there is none yet,
 * aligned to @align, a power of two. NULL: memory ran out. @ret is valid until the next call.
 */
struct valuepool_value *valuepool_find(struct valuepool *pool, const void *data, size_t size,
				       size_t align);

/* The same, the value itself. NULL, too, where @data is NULL or @size 0. */
const void *valuepool_put(struct valuepool *pool, const void *data, size_t size, size_t align);

/* @text with its NUL; NULL for NULL. */
const char *valuepool_text(struct valuepool *pool, const char *text);

/* Forgets which values there are; they stay in the arena. */
void valuepool_clear(struct valuepool *pool);

#endif

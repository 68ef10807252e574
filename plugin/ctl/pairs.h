/*
 * pairs.h -- what is known of pairs of things, so that nothing is looked at twice.
 *
 * A schema that is referred to from many places is one JSON value that stands in all of them
 * (deref.h). A walk over such schemas notes here, by address, where it was; else a kilobyte of
 * references would take as long as there are paths through it, which may be billions.
 */
#ifndef PETSTORE_CTL_PAIRS_H
#define PETSTORE_CTL_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pairs_slot {
	const void *a; /* NULL: empty */
	const void *b;
	uintptr_t value;
};

/* Zeros are an empty map. */
struct pairs {
	struct pairs_slot *slots;
	size_t count;
	size_t cap; /* a power of two, or 0 */
};

/* Is there a value of @a (not NULL) and @b? Then it is in *ret. */
bool pairs_get(const struct pairs *pairs, const void *a, const void *b, uintptr_t *ret);

/* Sets it; false where memory ran out. */
bool pairs_put(struct pairs *pairs, const void *a, const void *b, uintptr_t value);

/* Was it there? If not it is from now on. True where memory ran out, which ends the walk. */
bool pairs_seen(struct pairs *pairs, const void *a, const void *b);

void pairs_clear(struct pairs *pairs);

#endif

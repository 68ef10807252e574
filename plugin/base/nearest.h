/*
 * nearest.h -- what was meant by a word that is none of those known.
 */
#ifndef PETSTORE_BASE_NEAREST_H
#define PETSTORE_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#define NEAREST_BYTES_MAX 64u /* of a word; nothing is near a longer one */

/*
 * The best so far. Begin with { .word = WORD }, call nearest_try() for each known word, and read
 * best: NULL where none differs in so few letters that it was meant, probably.
 */
struct nearest {
	const char *word;
	const char *best; /* borrowed from the caller of nearest_try() */
	unsigned distance;
};

/* Letters left out, put in, changed, or swapped with their neighbour count one each. */
void nearest_try(struct nearest *nearest, const char *known);

#endif

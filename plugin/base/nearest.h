/*
 * nearest.h -- the known word that looks most like an unknown one.
 */
#ifndef PETSTORE_BASE_NEAREST_H
#define PETSTORE_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#define NEAREST_BYTES_MAX 64u /* of a word; nothing is near a longer one */

/*
 * The best so far. Begin with { .word = WORD }, call nearest_try() for each known word, then read
 * best: NULL where every known word differs in too many letters.
 */
struct nearest {
	const char *word;
	const char *best; /* borrowed from the caller of nearest_try() */
	unsigned distance;
};

/* Makes @known the best where it is nearer. A letter left out, added, changed, or swapped with its
 * neighbour is a distance of one. */
void nearest_try(struct nearest *nearest, const char *known);

#endif

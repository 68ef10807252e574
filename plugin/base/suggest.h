/*
 * suggest.h -- lists of words, and "did you mean" for a word that is not among them.
 */
#ifndef PETSTORE_BASE_SUGGEST_H
#define PETSTORE_BASE_SUGGEST_H

#include <stdbool.h>

#define SUGGEST_BYTES_MAX 64u /* of a word; nothing is near a longer one */

/* Letters left out, put in, changed, or swapped with their neighbour count one each. */
struct suggest {
	const char *typed;                /* borrowed */
	char best[SUGGEST_BYTES_MAX + 1]; /* the word that differs least; "": none is near */
	unsigned distance;                /* of it */
	char text[SUGGEST_BYTES_MAX + 24];
};

struct suggest suggest_begin(const char *typed);

/* Is @word one of @words, which have spaces between them? */
bool suggest_has(const char *words, const char *word);

/* Writes the words with commas between them, and "or" before the last, to @ret. Returns @ret. */
#define SUGGEST_LIST_MAX 1024
const char *suggest_list(const char *words, char ret[SUGGEST_LIST_MAX]);

/* Adds one candidate, or several with spaces between them. */
void suggest_add(struct suggest *suggest, const char *words);

/* Adds one candidate that may have spaces in it. */
void suggest_add_name(struct suggest *suggest, const char *name);

/* "; did you mean \"WORD\"?", or "" where no candidate is near. Borrowed from @suggest. */
const char *suggest_text(struct suggest *suggest);

#endif

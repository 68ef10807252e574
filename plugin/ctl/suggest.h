/*
 * suggest.h -- lists of words, and "did you mean": the word that looks most like what was typed.
 */
#ifndef PETSTORE_CTL_SUGGEST_H
#define PETSTORE_CTL_SUGGEST_H

#include <stdbool.h>

#define SUGGEST_MAX 64u /* bytes of a word; longer ones are not compared */

struct suggest {
	const char *typed; /* borrowed */
	unsigned distance; /* of the best one so far: characters to insert, drop, change or swap */
	char best[SUGGEST_MAX];
	char text[SUGGEST_MAX + 24];
};

struct suggest suggest_begin(const char *typed);

/* Is @word one of @words, which have spaces between them? */
bool suggest_has(const char *words, const char *word);

/* The words with commas between them, "or" before the last, in @ret. Returns @ret. */
#define SUGGEST_LIST_MAX 1024
const char *suggest_list(const char *words, char ret[SUGGEST_LIST_MAX]);

/* One candidate, or several with spaces between them. */
void suggest_add(struct suggest *suggest, const char *words);

/* "; did you mean \"WORD\"?", or "" where none is near. Borrowed. */
const char *suggest_text(struct suggest *suggest);

#endif

/*
 * pairs.h -- what is known of pairs of things, so that nothing is looked at twice.
 *
 * A schema that is referred to from many places is one JSON value that stands in all of them
 * (deref.h). A walk over such schemas notes here, by address, where it was; else a kilobyte of
 * references would take as long as there are paths through it, which may be billions.
 *
 * What is known is kept in a JSON object, of which memory may have run out (NULL): then nothing is.
 */
#ifndef PETSTORE_CTL_PAIRS_H
#define PETSTORE_CTL_PAIRS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define PAIRS_KEY_MAX 48

static inline const char *pairs_key(char ret[PAIRS_KEY_MAX], const void *a, const void *b)
{
	(void)snprintf(ret, PAIRS_KEY_MAX, "%p %p", a, b);
	return ret;
}

/* The value of @a and @b, borrowed, or NULL. */
static inline json_t *pairs_get(const json_t *pairs, const void *a, const void *b)
{
	char key[PAIRS_KEY_MAX];

	return json_object_get(pairs, pairs_key(key, a, b));
}

/* Sets it. Where memory ran out it is not known. */
static inline void pairs_put(json_t *pairs, const void *a, const void *b, json_t *value)
{
	char key[PAIRS_KEY_MAX];

	(void)json_object_set(pairs, pairs_key(key, a, b), value);
}

/* Was it there? If not it is from now on. True where memory ran out, which ends the walk. */
static inline bool pairs_seen(json_t *pairs, const void *a, const void *b)
{
	char key[PAIRS_KEY_MAX];

	return pairs_get(pairs, a, b) ||
	       json_object_set_new(pairs, pairs_key(key, a, b), json_true()) != 0;
}

#endif

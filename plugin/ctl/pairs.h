/*
 * pairs.h -- a map from pairs of addresses to values, so that no pair is visited twice.
 *
 * A schema that is referred to from many places is one JSON value that stands in all of them
 * (deref.h). A walk over such schemas notes here, by address, where it was; else a kilobyte of
 * references would take as long as there are paths through it, which may be billions.
 *
 * The map is a JSON object; NULL (memory ran out) is an empty map.
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

/* Sets the value. If memory runs out, nothing is stored. */
static inline void pairs_put(json_t *pairs, const void *a, const void *b, json_t *value)
{
	char key[PAIRS_KEY_MAX];

	(void)json_object_set(pairs, pairs_key(key, a, b), value);
}

/* Adds the pair; true: it was there already, or memory ran out, which ends the walk. */
static inline bool pairs_seen(json_t *pairs, const void *a, const void *b)
{
	char key[PAIRS_KEY_MAX];

	return pairs_get(pairs, a, b) ||
	       json_object_set_new(pairs, pairs_key(key, a, b), json_true()) != 0;
}

#endif

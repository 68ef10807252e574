/*
 * statuswalk.h -- how members of an entity's messages went from value to value.
 *
 * For channels whose address has one parameter, which is the entity's id. Each candidate is a
 * member that is always there and is one of few words. Its steps are counted, entity by entity; a
 * repeat is no step.
 */
#ifndef PETSTORE_LEARN_STATUSWALK_H
#define PETSTORE_LEARN_STATUSWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "learn/shape.h"

#define STATUSWALK_CANDIDATES_MAX 4u
#define STATUSWALK_VALUES_MAX 16u
#define STATUSWALK_NAME_MAX 100u           /* bytes of a member's name */
#define STATUSWALK_ENTITIES_MAX (1u << 18) /* that are followed, of a channel */

struct statuswalk_member {
	const char *name;
	size_t values;
	const char *value[STATUSWALK_VALUES_MAX];
	uint64_t first[STATUSWALK_VALUES_MAX];                       /* entities that began so */
	uint64_t step[STATUSWALK_VALUES_MAX][STATUSWALK_VALUES_MAX]; /* [from][to] */
	uint64_t steps;
	size_t walkers; /* entities that took one */
};

struct statuswalk {
	size_t members;
	struct statuswalk_member *member[STATUSWALK_CANDIDATES_MAX];
	struct texttable entity;
};

/* Adds a candidate, unless its name or a value is none that a contract can have for a status. */
int statuswalk_watch(struct shape_scribe *scribe, struct statuswalk *walk, const char *name,
		     const struct shape_seen *shape);

/* A message of the entity. Values that were not known at statuswalk_watch() are left out. */
int statuswalk_add(struct shape_scribe *scribe, struct statuswalk *walk, const char *id, size_t len,
		   const struct payload_value *root);

/*
 * The member that is a status by what was seen, or NULL: at least five entities took a step, each
 * step was taken twice or more, and at most half of all that could be were.
 */
const struct statuswalk_member *statuswalk_status(const struct statuswalk *walk);

/* The member with the most steps, or NULL: none took one. */
const struct statuswalk_member *statuswalk_best(const struct statuswalk *walk);

#endif

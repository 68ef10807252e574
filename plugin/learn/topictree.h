/*
 * topictree.h -- the topics that were seen, as a tree of levels, and which of its levels vary.
 *
 * A level varies where it has many values whose topics go on alike, or values that look like ids
 * (numbers, UUIDs, device-7). It then becomes a parameter, and what was below its values becomes
 * one. That also happens while topics come, as soon as a level has TOPICTREE_CHILDREN_MAX values,
 * so that a tree stays small however many topics there are. The first level of all can only be a
 * parameter where its values look like ids.
 *
 * Nodes are in the arena and stay where they are until topictree_fold().
 */
#ifndef PETSTORE_LEARN_TOPICTREE_H
#define PETSTORE_LEARN_TOPICTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "learn/texttable.h"
#include "learn/traffic_line.h"

#define TOPICTREE_CHILDREN_MAX 256u /* values of a level that are told apart */
#define TOPICTREE_LEVELS_MAX 128u   /* of a topic; as contracts have them */
#define TOPICTREE_PARAMS_MAX 32u    /* of an address; likewise */

/* What levels look like, from the narrowest. */
enum topictree_look {
	TOPICTREE_NUMBERS, /* digits only */
	TOPICTREE_UUIDS,
	TOPICTREE_HEX,   /* eight hexadecimal digits or more, some of them decimal; also 0x... */
	TOPICTREE_ALIKE, /* one text with numbers in it: device-7, device-12 */
	TOPICTREE_ANY,
};

struct topictree_node {
	struct topictree_node *up;
	const char *text;             /* the level; of a parameter NULL */
	const char *name;             /* of a parameter that is given: its name; else NULL */
	struct texttable child;       /* level -> node */
	struct topictree_node *param; /* stands for levels that vary; or NULL */
	uint64_t messages;            /* on the topic that ends here */
	struct traffic_place first;   /* of the first of them */
	bool is_given;                /* it is there from the beginning, by topictree_give() */
	void *channel;                /* the caller's, of an end of topics */
};

struct topictree {
	struct arena *arena;
	const struct keyhash *hash;
	struct topictree_node root;
};

/*
 * Adds a topic. ERR_LIMIT: it has too many levels, or begins in a way of its own, as
 * TOPICTREE_CHILDREN_MAX others before it: @diag says so, with the place.
 */
int topictree_add(struct topictree *tree, const char *topic, size_t len,
		  const struct traffic_place *place, struct diag *diag) MUST_CHECK;

/*
 * Adds the address of a contract that is there already: {name} is a parameter, any other level is
 * itself. Returns its end, or NULL: memory ran out, or a level is more than one of these.
 */
struct topictree_node *topictree_give(struct topictree *tree, const char *address);

/* Makes parameters of all levels that vary. After it nothing may be added. */
int topictree_fold(struct topictree *tree) MUST_CHECK;

/* A level of a topic that a parameter stands for. */
struct topictree_value {
	const char *text;
	size_t len;
};

/*
 * Where the topic ends, and the values of its parameters in @ret (TOPICTREE_PARAMS_MAX). NULL: it
 * was not among those that were added.
 */
struct topictree_node *topictree_find(const struct topictree *tree, const char *topic, size_t len,
				      struct topictree_value *ret, size_t *count);

/* Calls @visit for each end of topics that were added or given, in their order. */
int topictree_each(struct topictree_node *node, int (*visit)(void *ctx, struct topictree_node *end),
		   void *ctx);

/* What one level looks like. @alike (TOPICTREE_ALIKE_MAX bytes): it, with # for each number. */
#define TOPICTREE_ALIKE_MAX 64u
enum topictree_look topictree_look(const char *text, size_t len, char *alike);

#endif

/*
 * configbuild_internal.h -- a tree in the making, for configbuild.c and configbuild_copy.c.
 */
#ifndef PETSTORE_BASE_CONFIGBUILD_INTERNAL_H
#define PETSTORE_BASE_CONFIGBUILD_INTERNAL_H

#include "base/config_internal.h"
#include "base/configbuild.h"

#define CONFIGBUILD_SHARED 1024u /* texts that are remembered, since most stand there often */

struct shared_text {
	const char *text; /* NULL: none yet */
	size_t len;
};

/* An object or array that is open. */
struct build_level {
	size_t first;   /* its children in @pending; the value before them is its own */
	bool has_merge; /* one of them has configbuild_merge_key */
};

struct configbuild {
	struct config *root; /* NULL: handed over */
	struct arena *arena; /* its own */
	const char *name;
	struct diag *diag;
	size_t values;
	size_t copies, copies_max; /* of them by alias */
	const char *key;           /* of the next value; NULL: it is an item */
	struct configbuild_place key_place;
	struct config *pending; /* values whose parents are still open */
	size_t used, cap;
	unsigned depth;
	struct build_level level[CONFIG_DEPTH_MAX];
	struct shared_text shared[CONFIGBUILD_SHARED]; /* by hash */
};

/* The key of a value that is to be merged; known by its address. */
extern const char configbuild_merge_key[];

/* May the tree have @count more values? */
int configbuild_charge(struct configbuild *build, size_t count, struct configbuild_place place);

/* The next value, @value with its own key and place; NULL: memory ran out. */
struct config *configbuild_push(struct configbuild *build, const struct config *value,
				struct configbuild_place place);

/* Puts what is to be merged behind the own members of the open object, which begin at @first. */
int configbuild_add_merged(struct configbuild *build, size_t first);

#endif

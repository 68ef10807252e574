/*
 * draft.h -- trees of values that are made out of others: a contract of AsyncAPI 2.x as one of 3.x,
 * a message with its traits merged into it.
 *
 * A draft is a value in the making: an object or an array that can still be changed, or an alias,
 * which stands for a value of a tree that exists. draft_freeze() makes a tree (base/config.h) of
 * it. In that tree an alias has the kind and the very children of its value, and its origin is that
 * value: a line about it, or about what is below, names the file, place and pointer of the
 * original. A made object or array stands for the value that draft_place() names.
 *
 * Drafts are in an arena and freed with it. Values that aliases stand for, and the keys, are
 * borrowed: they outlive the drafts and the frozen tree.
 *
 * Nothing has to be checked on the way: after memory ran out or a bound was passed, functions
 * return NULL or do nothing, each takes NULL, and draft_freeze() fails.
 */
#ifndef PETSTORE_BASE_DRAFT_H
#define PETSTORE_BASE_DRAFT_H

#include "base/arena.h"
#include "base/config.h"

/* Drafts that are made, and values of frozen trees, together. */
#define DRAFT_VALUES_MAX (4u << 20)

struct draft;

/* Everything that is made together. */
struct drafts {
	struct arena *arena;
	size_t values; /* made so far */
	int rc;        /* enum err of what failed first: ERR_NOMEM or ERR_LIMIT; 0: nothing did */
};

struct draft *draft_object(struct drafts *drafts);
struct draft *draft_array(struct drafts *drafts);
struct draft *draft_string(struct drafts *drafts, const char *text); /* is copied */
struct draft *draft_integer(struct drafts *drafts, int64_t integer);
struct draft *draft_boolean(struct drafts *drafts, bool boolean);
struct draft *draft_null(struct drafts *drafts);

/* Stands for @value; NULL for NULL, which draft_put() and draft_add() leave out. */
struct draft *draft_alias(struct drafts *drafts, const struct config *value);

/* @made stands for @place in what is said of it. Returns @made. */
struct draft *draft_place(struct draft *made, const struct config *place);

/* What it stands for, or NULL. */
const struct config *draft_place_of(const struct draft *draft);

enum config_kind draft_kind(const struct draft *draft); /* CONFIG_ANY for NULL */
size_t draft_count(const struct draft *draft);          /* members or items, as config_count() */

/*
 * The @i-th member or item of what was made and has had none removed; *ret_key is its key. NULL,
 * with no key: there is none.
 */
struct draft *draft_child(const struct draft *draft, size_t i, const char **ret_key);

/*
 * Members of an object. draft_put() takes the place of a member of that name; draft_get() returns
 * NULL where there is none. draft_remove() is free to find none. An alias of an object, and a
 * member of it that was got, can be changed as well: the original stays as it is.
 */
void draft_put(struct drafts *drafts, struct draft *object, const char *key, struct draft *value);
struct draft *draft_get(struct drafts *drafts, struct draft *object, const char *key);
void draft_remove(struct drafts *drafts, struct draft *object, const char *key);

/* Adds an item to an array, or to an alias of one. */
void draft_add(struct drafts *drafts, struct draft *array, struct draft *value);

/* An alias of @value, a member, under its own name. */
void draft_copy(struct drafts *drafts, struct draft *object, const struct config *member);

/*
 * JSON Merge Patch (RFC 7396): @target with the members of @patch, where @patch wins, and null in
 * it removes what @target has. Neither is changed. AsyncAPI's traits: draft_merge(trait, object).
 *
 * It differs from the RFC in one thing: what @target has no member for is taken as it is, so that a
 * "const": null in a schema, which removes nothing, stays.
 */
struct draft *draft_merge(struct drafts *drafts, struct draft *target, struct draft *patch);

/*
 * The tree, in @arena, which may be that of the drafts; @name is its root's key and is copied.
 * NULL:
 * @drafts->rc says why. ERR_LIMIT: more than DRAFT_VALUES_MAX values, or CONFIG_DEPTH_MAX levels.
 */
struct config *draft_freeze(struct drafts *drafts, const struct draft *root, struct arena *arena,
			    const char *name);

/*
 * Is @value of a frozen tree, or of a file, the same as its origin, with all that is below? Then
 * the origin's file and pointer name the whole of it. False for what was merged or made.
 */
static inline bool draft_is_original(const struct config *value)
{
	const struct config *origin = value->origin;

	return !origin || (value->kind == origin->kind && value->count == origin->count &&
			   (value->kind < CONFIG_ARRAY || value->item == origin->item));
}

#endif

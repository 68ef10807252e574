/*
 * config_internal.h -- how trees of values are made: the items of an object or an array, and the
 * index of an object with many members. For what makes trees in this room only.
 */
#ifndef PETSTORE_BASE_CONFIG_INTERNAL_H
#define PETSTORE_BASE_CONFIG_INTERNAL_H

#include "base/arena.h"
#include "base/config.h"

/*
 * A null value that is the root of a new tree, to be freed with config_free(); *ret_arena is the
 * tree's memory. NULL: memory ran out.
 */
struct config *config_new_root(const char *name, struct arena **ret_arena);

/*
 * Gives @ret, whose kind is CONFIG_OBJECT or CONFIG_ARRAY, @count items in @arena, all of them zero
 * but for "up". Returns them, to be filled in; NULL: memory ran out.
 */
struct config *config_take_items(struct arena *arena, struct config *ret, size_t count);

/*
 * Makes member @i of @object, which has its key now, one that config_member() finds. False where a
 * member before it has the same key: only checked in objects that have an index, and at no cost.
 */
bool config_add_to_index(struct config *object, size_t i);

#endif

/*
 * nametable.h -- from a name to a number, by hash.
 *
 * Sized once for a known count. The names stand in files that the operator wrote, so the hash
 * needs no secret; a peer can ask for any name, but can't put one in.
 */
#ifndef PETSTORE_NAMETABLE_H
#define PETSTORE_NAMETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define NAMETABLE_NONE UINT32_MAX

struct nametable_slot {
	const char *name; /* borrowed; NULL: free */
	uint32_t len;
	uint32_t value;
};

struct nametable {
	struct nametable_slot *slot;
	size_t mask;
};

/* Room for @count names (at most 2^30) in @arena. False when memory ran out. */
bool nametable_init(struct nametable *table, struct arena *arena, size_t count);

/*
 * Puts @name (borrowed for the table's life) with @value. Where it is there already nothing
 * changes and the value that it has is returned, else @value.
 */
uint32_t nametable_put(struct nametable *table, const char *name, size_t len, uint32_t value);

/* The value of @name, or NAMETABLE_NONE. Allocates nothing. */
uint32_t nametable_find(const struct nametable *table, const char *name, size_t len);

#endif

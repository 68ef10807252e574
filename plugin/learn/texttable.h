/*
 * texttable.h -- texts, each once, with how often it was seen and a value of the caller's.
 *
 * For what traffic names: levels of topics, members, values. Entries keep the order in which they
 * came, so that the same traffic is learned the same way. Everything is in the caller's arena, and
 * an entry stays where it is. Texts of clients are hashed under a random key.
 */
#ifndef PETSTORE_LEARN_TEXTTABLE_H
#define PETSTORE_LEARN_TEXTTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/keyhash.h"

struct texttable_entry {
	const char *text; /* NUL-terminated; may have further NULs in it */
	size_t len;
	uint64_t hash;
	uint64_t count; /* the caller's; 0 in a new entry */
	void *value;    /* likewise; NULL */
};

/* All zero: empty and ready. */
struct texttable {
	struct texttable_entry **entry; /* in the order in which they came */
	size_t count;
	uint32_t *slot; /* numbers of entries, from 1; a power of two of them, or none */
	size_t slots;
};

/* The entry, or NULL. */
struct texttable_entry *texttable_find(const struct texttable *table, const struct keyhash *hash,
				       const char *text, size_t len);

/* The entry, which is made where there is none: a copy of @text. NULL: memory ran out. */
struct texttable_entry *texttable_add(struct texttable *table, struct arena *arena,
				      const struct keyhash *hash, const char *text, size_t len);

#endif

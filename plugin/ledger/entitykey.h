/*
 * entitykey.h -- an entity's name to what is kept in memory about it.
 *
 * A table's number and an id, and one hash of both under a secret of the ledger's: clients choose
 * ids, and no client must be able to choose what its ids hash to. It is worked out once for a
 * message; state.h finds its place by it and idfilter.h its bits.
 */
#ifndef PETSTORE_ENTITYKEY_H
#define PETSTORE_ENTITYKEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"

struct entitykey {
	uint64_t hash;
	uint32_t table;
	uint32_t len;   /* bytes of the id, ENTITY_ID_MAX at most */
	const char *id; /* borrowed, not NUL-terminated */
};

static inline struct entitykey entitykey_make(const uint64_t secret[2], uint32_t table,
					      const char *id, size_t len)
{
	struct siphash hash;

	siphash_begin(&hash, secret);
	siphash_word(&hash, table, 1);
	siphash_text(&hash, id, len, 1);
	return (struct entitykey){ siphash_end(&hash, 3), table, (uint32_t)len, id };
}

#endif

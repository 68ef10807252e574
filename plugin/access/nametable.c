#include "access/nametable.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, its upper half folded in since the mask keeps the low bits only. */
static size_t hash_of(const char *name, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
	return (size_t)(hash ^ (hash >> 32));
}

/* The slot that holds @name, or the free one where it belongs. */
static struct nametable_slot *slot_of(const struct nametable *table, const char *name, size_t len)
{
	size_t i = hash_of(name, len) & table->mask;

	for (;; i = (i + 1) & table->mask) {
		struct nametable_slot *slot = &table->slot[i];

		if (!slot->name || (slot->len == len && memcmp(slot->name, name, len) == 0))
			return slot;
	}
}

bool nametable_init(struct nametable *table, size_t count)
{
	size_t size = 8;

	while (size < 2 * count)
		size *= 2;
	table->slot = calloc(size, sizeof(*table->slot));
	table->mask = size - 1;
	return table->slot != NULL;
}

void nametable_clear(struct nametable *table)
{
	free(table->slot);
	table->slot = NULL;
}

uint32_t nametable_put(struct nametable *table, const char *name, size_t len, uint32_t value)
{
	struct nametable_slot *slot = slot_of(table, name, len);

	if (!slot->name)
		*slot = (struct nametable_slot){ name, (uint32_t)len, value };
	return slot->value;
}

uint32_t nametable_find(const struct nametable *table, const char *name, size_t len)
{
	const struct nametable_slot *slot;

	if (!table->slot || len > UINT32_MAX)
		return NAMETABLE_NONE;
	slot = slot_of(table, name, len);
	return slot->name ? slot->value : NAMETABLE_NONE;
}

#include "access/nametable.h"

#include <string.h>

#include "base/wordhash.h"

/* The slot that holds @name, or the free one where it belongs. */
static struct nametable_slot *slot_of(const struct nametable *table, const char *name, size_t len)
{
	size_t i = (size_t)wordhash(0, name, len) & table->mask;

	for (;; i = (i + 1) & table->mask) {
		struct nametable_slot *slot = &table->slot[i];

		if (!slot->name || (slot->len == len && memcmp(slot->name, name, len) == 0))
			return slot;
	}
}

bool nametable_init(struct nametable *table, struct arena *arena, size_t count)
{
	size_t size = 8;

	while (size < 2 * count)
		size *= 2;
	table->slot = arena_take(arena, size, sizeof(*table->slot));
	table->mask = size - 1;
	return table->slot != NULL;
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

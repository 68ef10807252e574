#include "learn/texttable.h"

#include <string.h>

#define SLOTS_MIN 8u /* a power of two */

static size_t place_of(const struct texttable *table, uint64_t hash, const char *text, size_t len)
{
	size_t at = hash & (table->slots - 1);

	for (; table->slot[at]; at = (at + 1) & (table->slots - 1)) {
		const struct texttable_entry *entry = table->entry[table->slot[at] - 1];

		if (entry->hash == hash && entry->len == len && memcmp(entry->text, text, len) == 0)
			break;
	}
	return at;
}

struct texttable_entry *texttable_find(const struct texttable *table, const struct keyhash *hash,
				       const char *text, size_t len)
{
	uint32_t number;

	if (table->count == 0)
		return NULL;
	number = table->slot[place_of(table, keyhash_bytes(hash, text, len), text, len)];
	return number ? table->entry[number - 1] : NULL;
}

/* Half of the slots stay free. What was there before stays in the arena. */
static int grow(struct texttable *table, struct arena *arena)
{
	size_t slots = table->slots ? 2 * table->slots : SLOTS_MIN;
	uint32_t *slot = arena_take(arena, slots, sizeof(*slot));
	struct texttable_entry **entry =
		arena_take(arena, slots / 2, sizeof(struct texttable_entry *));

	if (!slot || !entry)
		return ERR_NOMEM;
	if (table->count > 0)
		memcpy(entry, table->entry, table->count * sizeof(struct texttable_entry *));
	for (size_t i = 0; i < table->count; i++) {
		size_t at = entry[i]->hash & (slots - 1);

		while (slot[at])
			at = (at + 1) & (slots - 1);
		slot[at] = (uint32_t)i + 1;
	}
	table->entry = entry;
	table->slot = slot;
	table->slots = slots;
	return 0;
}

struct texttable_entry *texttable_add(struct texttable *table, struct arena *arena,
				      const struct keyhash *hash, const char *text, size_t len)
{
	uint64_t number = keyhash_bytes(hash, text, len);
	struct texttable_entry *entry;
	size_t at;

	if (2 * table->count >= table->slots && grow(table, arena))
		return NULL;
	at = place_of(table, number, text, len);
	if (table->slot[at])
		return table->entry[table->slot[at] - 1];
	entry = arena_alloc(arena, sizeof(*entry));
	if (!entry || !(entry->text = arena_text(arena, text, len)))
		return NULL;
	entry->len = len;
	entry->hash = number;
	table->entry[table->count++] = entry;
	table->slot[at] = (uint32_t)table->count;
	return entry;
}

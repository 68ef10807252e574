#include "ctl/pairs.h"

#include <stdlib.h>

static struct pairs_slot *find(struct pairs_slot *slots, size_t cap, const void *a, const void *b)
{
	uint64_t hash = ((uint64_t)(uintptr_t)a * UINT64_C(0x9e3779b97f4a7c15)) ^
			((uint64_t)(uintptr_t)b * UINT64_C(0xd6e8feb86659fd93));
	size_t i = (size_t)(hash >> 20) & (cap - 1);

	while (slots[i].a && (slots[i].a != a || slots[i].b != b))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

bool pairs_get(const struct pairs *pairs, const void *a, const void *b, uintptr_t *ret)
{
	const struct pairs_slot *slot;

	if (pairs->cap == 0)
		return false;
	slot = find(pairs->slots, pairs->cap, a, b);
	*ret = slot->value;
	return slot->a != NULL;
}

static bool grow(struct pairs *pairs)
{
	size_t cap = pairs->cap ? 2 * pairs->cap : 64;
	struct pairs_slot *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < pairs->cap; i++)
		if (pairs->slots[i].a)
			*find(slots, cap, pairs->slots[i].a, pairs->slots[i].b) = pairs->slots[i];
	free(pairs->slots);
	pairs->slots = slots;
	pairs->cap = cap;
	return true;
}

bool pairs_put(struct pairs *pairs, const void *a, const void *b, uintptr_t value)
{
	struct pairs_slot *slot;

	if (2 * pairs->count >= pairs->cap && !grow(pairs))
		return false;
	slot = find(pairs->slots, pairs->cap, a, b);
	pairs->count += !slot->a;
	*slot = (struct pairs_slot){ a, b, value };
	return true;
}

bool pairs_seen(struct pairs *pairs, const void *a, const void *b)
{
	uintptr_t ignored;

	return pairs_get(pairs, a, b, &ignored) || !pairs_put(pairs, a, b, 1);
}

void pairs_clear(struct pairs *pairs)
{
	free(pairs->slots);
	*pairs = (struct pairs){ .count = 0 };
}

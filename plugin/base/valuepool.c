#include "base/valuepool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/wordhash.h"

#define PLACES_FIRST 64u

/* Where the value is, or would be. */
static struct valuepool_value *place_of(const struct valuepool *pool, const void *data, size_t size)
{
	size_t i = (size_t)wordhash(0, data, size) & pool->mask;

	for (; pool->value[i].at; i = (i + 1) & pool->mask)
		if (pool->value[i].size == size && memcmp(pool->value[i].at, data, size) == 0)
			break;
	return &pool->value[i];
}

/* Makes room for one more: half of the places are free. */
static bool grow(struct valuepool *pool)
{
	size_t places = pool->value ? pool->mask + 1 : 0;
	struct valuepool more = { .arena = pool->arena, .count = pool->count };

	if (2 * (pool->count + 1) <= places)
		return true;
	more.mask = (places ? 2 * places : PLACES_FIRST) - 1;
	more.value = calloc(more.mask + 1, sizeof(*more.value));
	if (!more.value)
		return false;
	for (size_t i = 0; i < places; i++)
		if (pool->value[i].at)
			*place_of(&more, pool->value[i].at, pool->value[i].size) = pool->value[i];
	free(pool->value);
	*pool = more;
	return true;
}

struct valuepool_value *valuepool_find(struct valuepool *pool, const void *data, size_t size,
				       size_t align)
{
	struct valuepool_value *value;
	void *copy;

	if (pool->is_failed || !grow(pool))
		goto fail;
	value = place_of(pool, data, size);
	if (value->at)
		return value;
	copy = arena_alloc_at(pool->arena, size, align);
	if (!copy)
		goto fail;
	memcpy(copy, data, size);
	*value = (struct valuepool_value){ .at = copy, .size = size };
	pool->count++;
	return value;
fail:
	pool->is_failed = true;
	return NULL;
}

const void *valuepool_put(struct valuepool *pool, const void *data, size_t size, size_t align)
{
	const struct valuepool_value *value =
		data && size > 0 ? valuepool_find(pool, data, size, align) : NULL;

	return value ? value->at : NULL;
}

const char *valuepool_text(struct valuepool *pool, const char *text)
{
	return text ? valuepool_put(pool, text, strlen(text) + 1, 1) : NULL;
}

void valuepool_clear(struct valuepool *pool)
{
	free(pool->value);
	*pool = (struct valuepool){ .arena = pool->arena };
}

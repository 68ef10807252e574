#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_FIRST ((size_t)1024)
#define PIECE_MAX ((size_t)1 << 20)
#define ALIGN (sizeof(max_align_t))

struct arena_piece {
	struct arena_piece *next;
	size_t used;
	size_t size;
	max_align_t data[];
};

/* A piece is as large as all before it: a small schema costs little, and a large file few calls. */
static struct arena_piece *grow(struct arena *arena, size_t need)
{
	size_t size = arena->total / PIECE_FIRST * PIECE_FIRST;
	struct arena_piece *piece;

	if (size < PIECE_FIRST)
		size = PIECE_FIRST;
	if (size > PIECE_MAX)
		size = PIECE_MAX;
	if (size < need)
		size = need;
	piece = malloc(sizeof(*piece) + size);
	if (!piece)
		return NULL;
	piece->next = arena->piece;
	piece->used = 0;
	piece->size = size;
	arena->piece = piece;
	arena->total += sizeof(*piece) + size;
	return piece;
}

void *arena_alloc_at(struct arena *arena, size_t size, size_t align)
{
	struct arena_piece *piece = arena->piece;
	size_t gap = 0;
	void *taken;

	if (size > SIZE_MAX / 2)
		return NULL;
	if (piece)
		gap = -(uintptr_t)((char *)piece->data + piece->used) & (align - 1);
	if (!piece || piece->size - piece->used < gap + size) {
		piece = grow(arena, size + align);
		if (!piece)
			return NULL;
		gap = -(uintptr_t)piece->data & (align - 1);
	}
	taken = (char *)piece->data + piece->used + gap;
	piece->used += gap + size;
	return memset(taken, 0, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return arena_alloc_at(arena, size, ALIGN);
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
	size_t need;

	return __builtin_mul_overflow(count, size, &need) ? NULL : arena_alloc(arena, need);
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
	char *copy = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;

	if (copy && len > 0)
		memcpy(copy, text, len);
	return copy;
}

void arena_clear(struct arena *arena)
{
	while (arena->piece) {
		struct arena_piece *piece = arena->piece;

		arena->piece = piece->next;
		free(piece);
	}
	arena->total = 0;
}

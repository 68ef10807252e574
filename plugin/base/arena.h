/*
 * arena.h -- many small objects that are built together and freed at once.
 *
 * Loaded files are kept in one: objects are cut from large pieces of memory and never freed one by
 * one. An arena that is all zero is empty and ready.
 */
#ifndef PETSTORE_ARENA_H
#define PETSTORE_ARENA_H

#include <stddef.h>

struct arena_piece;

struct arena {
	struct arena_piece *piece; /* newest first */
	size_t total;              /* bytes taken from malloc */
};

/* @size bytes of zeros, aligned for anything; NULL when memory ran out. @size may be 0. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same, aligned to @align, a power of two, such as 1 for text and 64 for a line of the caches.
 */
void *arena_alloc_at(struct arena *arena, size_t size, size_t align);

/* The same for @count objects of @size bytes. */
void *arena_take(struct arena *arena, size_t count, size_t size);

/* A copy of @len bytes of @text and a NUL; NULL when memory ran out. */
char *arena_text(struct arena *arena, const char *text, size_t len);

/* Frees everything that came from @arena, which is then empty again. */
void arena_clear(struct arena *arena);

#endif

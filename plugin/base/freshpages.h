/*
 * freshpages.h -- zeroed memory for tables that are large, and of which mostly little is used.
 *
 * A large table gets pages of its own from the system, which take no memory before their first use.
 * calloc() may hand out what was freed before, and then writes zeros to all of it: after a large
 * contract was loaded, that would be some 100 MB.
 */
#ifndef PETSTORE_BASE_FRESHPAGES_H
#define PETSTORE_BASE_FRESHPAGES_H

#include <stdlib.h>
#include <sys/mman.h>

#define FRESHPAGES_MIN ((size_t)256 << 10) /* bytes: smaller ones come from calloc() */

/* @count objects of @size bytes, all zeros; NULL: memory ran out. */
static inline void *freshpages_take(size_t count, size_t size)
{
	size_t need;
	void *taken;

	if (__builtin_mul_overflow(count, size, &need))
		return NULL;
	if (need < FRESHPAGES_MIN)
		return calloc(count, size);
	taken = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return taken == MAP_FAILED ? NULL : taken;
}

/* Frees them, with the same numbers. @taken may be NULL. */
static inline void freshpages_free(void *taken, size_t count, size_t size)
{
	if (count * size < FRESHPAGES_MIN)
		free(taken);
	else if (taken)
		(void)munmap(taken, count * size);
}

#endif

/*
 * hugepages.h -- memory for a table that is looked into at random.
 *
 * Where a table has more pages than the processor remembers, each look has to find its page first,
 * which in a virtual machine takes as long as the look itself. Pages of 2 MiB are few. The system
 * gives them where it has them, and small ones otherwise.
 */
#ifndef PETSTORE_BASE_HUGEPAGES_H
#define PETSTORE_BASE_HUGEPAGES_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGEPAGES_BYTES ((size_t)2 << 20)

/* Asks for them in memory from freshpages_take(), where it is so large; it stays as it is. */
static inline void hugepages_ask(void *taken, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)taken + page - 1) / page * page;

	if (bytes >= HUGEPAGES_BYTES)
		(void)madvise((void *)from, bytes - (from - (uintptr_t)taken), MADV_HUGEPAGE);
}

/* @bytes, rounded up to whole pages of 2 MiB from half of one on; free() them. NULL: no memory. */
static inline void *hugepages_take(size_t bytes)
{
	void *taken;

	if (bytes < HUGEPAGES_BYTES / 2)
		return malloc(bytes);
	if (bytes > SIZE_MAX - HUGEPAGES_BYTES)
		return NULL;
	bytes = (bytes + HUGEPAGES_BYTES - 1) / HUGEPAGES_BYTES * HUGEPAGES_BYTES;
	taken = aligned_alloc(HUGEPAGES_BYTES, bytes);
	if (taken)
		(void)madvise(taken, bytes, MADV_HUGEPAGE); /* else they are small ones */
	return taken;
}

#endif

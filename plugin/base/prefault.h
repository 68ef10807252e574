/*
 * prefault.h -- memory that will be written soon, made so by a thread that has the time.
 *
 * The first store to a page of fresh memory, or to one of a mapped file that was just written
 * out, takes the system some microseconds. MADV_POPULATE_WRITE (Linux 5.14) does that ahead of
 * time and changes nothing; where it is missing the thread that stores waits as ever.
 */
#ifndef PETSTORE_PREFAULT_H
#define PETSTORE_PREFAULT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* The whole pages from the one that @at lies in; other threads may use them meanwhile. */
static inline void prefault(void *at, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t before = (uintptr_t)at % page;

	(void)madvise((char *)at - before, (before + bytes) / page * page, MADV_POPULATE_WRITE);
}

#endif

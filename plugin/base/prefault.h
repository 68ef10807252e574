/*
 * prefault.h -- makes pages writable ahead of the first store, on a thread that has the time.
 *
 * The first store to a page of fresh memory, or to a page of a mapped file that was just written
 * out, takes the system some microseconds. MADV_POPULATE_WRITE (Linux 5.14) does that work ahead of
 * time and changes no byte. On older kernels nothing happens here, and the store waits.
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

/* Does so for whole pages, from the one that contains @at; other threads may use them meanwhile. */
static inline void prefault(void *at, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t before = (uintptr_t)at % page;

	(void)madvise((char *)at - before, (before + bytes) / page * page, MADV_POPULATE_WRITE);
}

#endif

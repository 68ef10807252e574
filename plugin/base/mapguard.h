/*
 * mapguard.h -- a mapped file that is cut or can't be read costs its pages, not the process.
 *
 * A store to, or a load from, a page of a mapped file that has no bytes behind it (the file was
 * truncated, the disk is full or broken) raises SIGBUS, which ends a process. In a guarded range
 * the page is replaced by an empty one of memory and the range's mark is set, so that the thread
 * goes on, and finds out by the mark that what it stored or read there is nothing. A SIGBUS
 * elsewhere goes to the handler that was there before.
 *
 * A signal's handler is the process's and is handed no context, so this room has what the rest of
 * the plugin must not have: a global, the table of the ranges. The handler is taken out again with
 * the last range, before the plugin is unloaded. A thread that blocks SIGBUS is not guarded.
 */
#ifndef PETSTORE_MAPGUARD_H
#define PETSTORE_MAPGUARD_H

#include <stdatomic.h>
#include <stddef.h>

#define MAPGUARD_RANGES 16u /* of the process */

/*
 * Guards the whole pages of @bytes at @at, which are mapped readable and writable. A fault changes
 * *mark from 0 to 1 (any other value stays); it must live until mapguard_remove(). 0, or an errno:
 * EBUSY where all places of the table are taken.
 */
int mapguard_add(void *at, size_t bytes, _Atomic int *mark);

/* Before the range is unmapped. An unknown @at, or NULL, is fine. */
void mapguard_remove(void *at);

#endif

/*
 * mapguard.h -- a mapped file that is cut or can't be read does not end the process.
 *
 * A store to, or a load from, a page of a mapped file that has no bytes behind it (the file was
 * truncated, the disk is full or broken) raises SIGBUS, which ends a process. In a guarded range
 * the handler replaces the page by an empty page of memory and sets the range's mark. The thread
 * goes on; it must look at the mark before it trusts what it stored or read there. A SIGBUS
 * elsewhere goes to the handler that was installed before.
 *
 * A signal handler belongs to the process and gets no context, so this file has the only global of
 * the plugin: the table of the ranges. The last mapguard_remove() removes the handler, so before
 * the plugin is unloaded. A thread that blocks SIGBUS is not guarded.
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

/* Ends the guard; call it before the range is unmapped. An unknown @at, or NULL, is fine. */
void mapguard_remove(void *at);

#endif

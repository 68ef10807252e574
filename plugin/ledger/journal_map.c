/* journal_map.c -- the journal's file in memory, and what its file system promises. */
#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "ledger/journal_internal.h"

static size_t mapped_bytes(const struct journal *j)
{
	return JOURNAL_RING_AT + 2 * j->capacity;
}

void journal_unmap(struct journal *j)
{
	mapguard_remove(j->map);
	if (j->map)
		(void)munmap(j->map, mapped_bytes(j));
	if (j->writer_map)
		(void)munmap((void *)(uintptr_t)j->writer_map, mapped_bytes(j));
	j->map = NULL;
	j->writer_map = NULL;
}

/* Header and ring, and the ring once more. NULL: errno says why. */
static unsigned char *map_twice(const struct journal *j, int fd, int protection)
{
	const int shared = MAP_SHARED | MAP_FIXED;
	unsigned char *map =
		mmap(NULL, mapped_bytes(j), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *again;
	int error;

	if (map == MAP_FAILED)
		return NULL;
	again = map + JOURNAL_RING_AT + j->capacity;
	if (mmap(map, JOURNAL_RING_AT + j->capacity, protection, shared, fd, 0) != MAP_FAILED &&
	    mmap(again, j->capacity, protection, shared, fd, JOURNAL_RING_AT) != MAP_FAILED)
		return map;
	error = errno;
	(void)munmap(map, mapped_bytes(j));
	errno = error;
	return NULL;
}

int journal_map(struct journal *j, struct diag *diag)
{
	int error = 0;

	j->map = map_twice(j, j->fd, PROT_READ | PROT_WRITE);
	if (!j->map)
		return journal_fail(j, "cannot map the journal", errno, diag);
	j->writer_map = map_twice(j, j->writer_fd, PROT_READ);
	if (!j->writer_map)
		error = errno;
	else
		error = mapguard_add(j->map, mapped_bytes(j), &j->broken);
	if (!error)
		return 0;
	journal_unmap(j);
	return journal_fail(j, "cannot map the journal", error, diag);
}

/* Which of the file systems that copy on write the file lies on; "" where on none. */
static const char *copying_system(const struct journal *j)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} known[] = {
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ F2FS_SUPER_MAGIC, "F2FS" },
		{ 0x2fc12fc1, "ZFS" },
		{ 0xca451a4e, "bcachefs" },
	};
	struct statfs fs;

	if (fstatfs(j->fd, &fs) != 0)
		return "";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((uint32_t)fs.f_type == known[i].magic)
			return known[i].name;
	return "";
}

void journal_forbid_copying(const struct journal *j)
{
	int flags = 0;

	if (strcmp(copying_system(j), "btrfs") != 0 || ioctl(j->fd, FS_IOC_GETFLAGS, &flags) != 0)
		return;
	flags |= FS_NOCOW_FL;
	(void)ioctl(j->fd, FS_IOC_SETFLAGS, &flags); /* journal_is_copied() sees whether it did */
}

bool journal_is_copied(const struct journal *j, const char **system)
{
	int flags = 0;

	*system = copying_system(j);
	if (!**system)
		return false;
	return strcmp(*system, "btrfs") != 0 || ioctl(j->fd, FS_IOC_GETFLAGS, &flags) != 0 ||
	       !(flags & FS_NOCOW_FL);
}

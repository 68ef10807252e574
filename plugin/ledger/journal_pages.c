/* journal_pages.c -- maps the file into memory, and cares for the pages ahead of the records. */
#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "base/prefault.h"
#include "ledger/journal_internal.h"

#define AHEAD_MAX ((size_t)4 << 20)

/* ---- mapped, and what the file system promises ---------------------------------------------- */

/* A ring stands there twice. */
static size_t mapped_bytes(const struct journal *j)
{
	return JOURNAL_RING_AT + (j->is_ring ? 2 : 1) * j->capacity;
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
	journal_segments_clear(j);
}

/* The file, and a ring once more. NULL: errno says why. */
static unsigned char *map_file(const struct journal *j, int fd, int protection)
{
	const int shared = MAP_SHARED | MAP_FIXED;
	const size_t file = JOURNAL_RING_AT + j->capacity;
	unsigned char *map =
		mmap(NULL, mapped_bytes(j), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	if (map == MAP_FAILED)
		return NULL;
	if (mmap(map, file, protection, shared, fd, 0) != MAP_FAILED &&
	    (!j->is_ring ||
	     mmap(map + file, j->capacity, protection, shared, fd, JOURNAL_RING_AT) != MAP_FAILED))
		return map;
	error = errno;
	(void)munmap(map, mapped_bytes(j));
	errno = error;
	return NULL;
}

int journal_map(struct journal *j, struct diag *diag)
{
	int error = 0;

	j->map = map_file(j, j->fd, PROT_READ | PROT_WRITE);
	if (!j->map)
		return journal_fail(j, "cannot map the journal", errno, diag);
	/* What is read ahead of a page may be all of the file, of which little is needed. */
	if (!j->is_ring)
		(void)madvise(j->map, mapped_bytes(j), MADV_RANDOM);
	j->writer_map = map_file(j, j->writer_fd, PROT_READ);
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

/* ---- pages ahead of the records, and those of the past ------------------------------------- */

/* Where the segment lies, as far as is known: up to one behind that of @head. */
static bool find_slot(const struct journal *j, uint64_t number, uint64_t head, uint32_t *ret)
{
	const struct journal_segment *segment;
	uint64_t next;

	if (number <= head >> j->shift) {
		segment = journal_segment(j, number);
		*ret = segment ? segment->slot : 0;
		return segment != NULL;
	}
	next = atomic_load_explicit(&j->next_segment, memory_order_acquire);
	*ret = (uint32_t)(next & ((1u << JOURNAL_SLOT_BITS) - 1));
	return next != JOURNAL_NO_SEGMENT && next >> JOURNAL_SLOT_BITS == number;
}

/* Each page once: a window's half at a time, when half of it is used up. */
static void make_ready(struct journal *j, uint64_t head)
{
	size_t bytes = journal_segment_bytes(j), window = bytes < AHEAD_MAX ? bytes : AHEAD_MAX;
	uint64_t end = head + window;
	uint32_t slot;

	if (j->prefaulted < head)
		j->prefaulted = head;
	if (j->prefaulted >= head + window / 2)
		return;
	while (j->prefaulted < end && find_slot(j, j->prefaulted >> j->shift, head, &slot)) {
		size_t begin = journal_offset(j, j->prefaulted);
		size_t len = end - j->prefaulted < bytes - begin ? (size_t)(end - j->prefaulted)
								 : bytes - begin;

		prefault(j->map + journal_slot_begin(j, slot) + begin, len);
		j->prefaulted += len;
	}
}

/* The memory of what the journal had grown by; the file keeps what stands there. */
static void give_back(struct journal *j, uint64_t head)
{
	uint64_t first = atomic_load_explicit(&j->reusable, memory_order_relaxed) >> j->shift;
	uint64_t last = (head >> j->shift) + 1;

	for (uint32_t slot = 0; slot < j->slots; slot++) {
		bool is_needed = false;
		uint32_t other;

		for (uint64_t number = first; number <= last && !is_needed; number++)
			is_needed = find_slot(j, number, head, &other) && other == slot;
		if (!is_needed)
			(void)madvise(j->map + journal_slot_begin(j, slot),
				      journal_segment_bytes(j), MADV_DONTNEED);
	}
}

void journal_prefault(struct journal *j)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire);
	size_t fast = journal_fast_bytes(j), used = journal_used(j);

	if (j->is_ring)
		return;
	if (used > fast)
		j->has_grown = true;
	if (j->has_grown && used <= fast / 2) {
		give_back(j, head);
		j->has_grown = false;
	}
	if (head != j->pages_seen) /* idle: leave the pages clean */
		make_ready(j, head);
	j->pages_seen = head;
}

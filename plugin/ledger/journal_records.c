/* journal_records.c -- maps the file into memory, appends records and takes them out. */
#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "base/prefault.h"
#include "ledger/journal_internal.h"

#define PREFAULT_MAX ((size_t)2 << 20)
#define EXPECTED_BYTES 512u /* of a usual record */

size_t journal_size(size_t bytes)
{
	return bytes ? journal_round_up(bytes, JOURNAL_BYTES_MIN) : JOURNAL_BYTES_MIN;
}

/* A record is so much of the ring at most: small enough that one with room takes any. */
#define RECORD_SHARE 4

size_t journal_record_max(const struct journal *j)
{
	return j->capacity / RECORD_SHARE;
}

size_t journal_least(size_t len)
{
	return journal_size(len * RECORD_SHARE);
}

void journal_inspect(const struct journal *j, struct journal_facts *ret)
{
	*ret = (struct journal_facts){
		.bytes = j->capacity,
		.number = j->salt,
		.used = (size_t)(atomic_load(&j->head) - j->tail.position),
		.first_seq = j->tail.seq,
		.next_seq = j->next_seq,
		.torn_seq = j->torn_seq,
		.missing = j->missing,
	};
	memcpy(ret->identity, j->identity, sizeof(ret->identity));
}

const char *journal_damage(const struct journal *j)
{
	return j->damage.text[0] ? j->damage.text : NULL;
}

/* ---- mapped, and what the file system promises ---------------------------------------------- */

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

/* ---- appending --------------------------------------------------------------------------- */

/* The zero behind a record needs its room too. */
static size_t room_needed(size_t len)
{
	return journal_record_size(len) + sizeof(struct journal_header);
}

size_t journal_used(const struct journal *j)
{
	return (size_t)(atomic_load_explicit(&j->head, memory_order_relaxed) -
			atomic_load_explicit(&j->reusable, memory_order_acquire));
}

bool journal_has_room(const struct journal *j, size_t len)
{
	return len <= journal_record_max(j) && room_needed(len) <= j->capacity - journal_used(j);
}

size_t journal_bytes(const struct journal *j)
{
	return j->capacity;
}

size_t journal_fast_bytes(const struct journal *j)
{
	return j->capacity;
}

bool journal_is_half_full(const struct journal *j)
{
	return journal_used(j) > j->capacity / 2;
}

void *journal_reserve(struct journal *j, size_t len)
{
	if (!journal_has_room(j, len))
		return NULL;
	j->reserved = len;
	j->record = journal_record_at(j, atomic_load_explicit(&j->head, memory_order_relaxed));
	return j->record + 1;
}

/* The writer's thread read these lines a lap ago: they are fetched while the broker answers. */
static void expect(const struct journal_header *record)
{
	for (size_t at = 0; at < EXPECTED_BYTES; at += 64)
		__builtin_prefetch((const char *)record + at, 1);
}

static int fail_broken(const struct journal *j, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: is broken, and takes no writes until it was made anew",
			j->path);
}

/* A fault in one of the stores above has set the mark by now, not later. */
static bool is_kept(const struct journal *j)
{
	atomic_signal_fence(memory_order_seq_cst);
	return !journal_is_broken(j);
}

int journal_commit(struct journal *j, bool is_power, uint64_t *seq, struct diag *diag)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t size = journal_record_size(j->reserved);
	struct journal_header *record = j->record;
	/* The ring is mapped twice: what follows it is its beginning. */
	struct journal_header *next = (void *)((char *)record + size);
	int error;

	atomic_store_explicit(&next->seq, 0, memory_order_relaxed);
	record->len = (uint32_t)j->reserved;
	record->crc = journal_record_crc(j, head, j->next_seq, record->len, record + 1);
	atomic_store_explicit(&record->seq, j->next_seq | JOURNAL_COMMITTED, memory_order_release);
	if (is_power) {
		error = journal_power_sync(j, head + size);
		if (error) {
			atomic_store(&record->seq, 0);
			return journal_fail(j, "cannot sync the journal", error, diag);
		}
	}
	if (!is_kept(j)) {
		atomic_store(&record->seq, 0);
		return fail_broken(j, diag);
	}
	*seq = j->next_seq++;
	atomic_store_explicit(&j->head, head + size, memory_order_release);
	expect(next);
	return 0;
}

uint64_t journal_place(const struct journal *j)
{
	return atomic_load_explicit(&j->head, memory_order_relaxed);
}

/* Positions never come twice, and the checksum is of position and number. */
const void *journal_reread(const struct journal *j, uint64_t place, size_t *len)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	uint64_t seq;

	if (place % 8 != 0 || place >= head || head - place > j->capacity || journal_is_broken(j))
		return NULL;
	seq = atomic_load_explicit(&journal_record_at(j, place)->seq, memory_order_acquire);
	return journal_record_read(j, (struct journal_place){ place, seq & ~JOURNAL_COMMITTED },
				   head, len);
}

/* ---- taking out -------------------------------------------------------------------------- */

static int fail_damaged(struct journal *j, struct diag *diag)
{
	journal_break(j, "something wrote to the file");
	return diag_set(diag, ERR_INVALID,
			"%s: record %llu is damaged: something wrote to the file", j->path,
			(unsigned long long)j->read.seq);
}

/* To the next whole record. */
static bool pass_hole(struct journal *j, struct journal_record *ret)
{
	struct journal_place next = j->read;

	if (!journal_find(j, &next, j->seen, 0))
		return false;
	ret->body = journal_record_read(j, next, j->seen, &ret->len);
	if (ret->body)
		j->read = next;
	return ret->body != NULL;
}

int journal_next(struct journal *j, struct journal_record *ret, struct diag *diag)
{
	/* Once a batch: to look at the head is to take its line from the appending thread. */
	if (j->read.position == j->seen || j->has_holes)
		j->seen = atomic_load_explicit(&j->head, memory_order_acquire);
	if (j->read.position == j->seen)
		return 0;
	ret->body = journal_record_read(j, j->read, j->seen, &ret->len);
	if (!ret->body && !j->has_holes)
		return fail_damaged(j, diag);
	if (!ret->body && !pass_hole(j, ret))
		return 0;
	ret->seq = j->read.seq;
	journal_pass(&j->read, ret->len);
	return 1;
}

int journal_recheck(const struct journal *j, struct diag *diag)
{
	struct journal_place at = j->tail;
	bool is_known = true;
	size_t len;

	while (is_known && at.position < j->read.position) {
		if (journal_record_read(j, at, j->read.position, &len))
			journal_pass(&at, len);
		else
			is_known = j->has_holes && journal_find(j, &at, j->read.position, 0);
	}
	/* Passing over holes one may come to another number than reading did. */
	if (at.position == j->read.position && at.seq == j->read.seq)
		return 0;
	return diag_set(diag, ERR_IO, "%s: changed while it was read", j->path);
}

void journal_rewind(struct journal *j)
{
	j->read = j->tail;
}

void journal_prefault(struct journal *j)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t window = j->capacity / 4 < PREFAULT_MAX ? j->capacity / 4 : PREFAULT_MAX;
	size_t begin = (size_t)(head % j->capacity);
	size_t wrapped;

	if (head == j->prefaulted)
		return; /* idle: leave the pages clean */
	j->prefaulted = head;
	wrapped = begin + window > j->capacity ? begin + window - j->capacity : 0;
	prefault(j->map + JOURNAL_RING_AT + begin, window - wrapped);
	if (wrapped)
		prefault(j->map + JOURNAL_RING_AT, wrapped);
}

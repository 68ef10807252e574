#include "ledger/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/crc32c.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; older kernels answer EINVAL */
#endif

#define FILE_VERSION 1u
#define FILE_ORDER 0x01020304u
#define SLOT_AT(i) (4096u * (1u + (i)))
#define SLOTS_END (4096u * 3u)
#define RING_AT 65536u /* a multiple of every page size that Linux has */
#define PREFAULT_MAX ((size_t)2 << 20)

static const char file_magic[8] = "PETJRNL";

struct file_header {
	char magic[8];
	uint32_t order;
	uint32_t version;
	uint64_t capacity;
	uint64_t salt;
	unsigned char identity[JOURNAL_IDENTITY];
	uint32_t unused;
	uint32_t crc; /* of all before it */
};

struct slot {
	uint64_t position;
	uint64_t seq; /* of the record that stands, or will stand, there */
	uint64_t crc;
};

/* Keeps a damaged sequence number from reading 0, which is how the end reads. */
#define COMMITTED (UINT64_C(1) << 63)

/* In front of each body; both are multiples of 8 bytes long. */
struct record_header {
	_Atomic uint64_t seq; /* with COMMITTED; stored last: the record counts */
	uint32_t len;
	uint32_t crc;
};

/*
 * Positions count bytes from the beginning of time; position modulo capacity is the place in
 * the ring. The ring is mapped twice in a row, so that a record that crosses its end is still
 * one piece of memory.
 */
struct journal {
	int fd;
	char *path;
	unsigned char *map; /* header, ring, ring; NULL while blank */
	size_t capacity;
	uint64_t salt;
	unsigned char identity[JOURNAL_IDENTITY];
	uint64_t damaged_seq;

	/* the appending thread's */
	uint64_t next_seq;
	size_t reserved; /* bytes of the body under way */

	/* the writer's */
	uint64_t read, read_seq;
	uint64_t tail, tail_seq;
	uint64_t slot[2]; /* positions, as the file has them */
	unsigned next_slot;
	uint64_t prefaulted;

	/* shared */
	_Atomic uint64_t head;     /* where the next record goes */
	_Atomic uint64_t reusable; /* everything before it may be overwritten */
	_Atomic uint64_t synced;   /* everything before it is on the disk */
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t record_size(size_t len)
{
	return sizeof(struct record_header) + round_up(len, 8);
}

static struct record_header *record_at(const struct journal *j, uint64_t position)
{
	void *at = j->map + RING_AT + position % j->capacity;

	return at;
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

static uint32_t record_crc(const struct journal *j, uint64_t position, uint64_t seq, uint32_t len,
			   const void *body)
{
	const uint64_t head[4] = { j->salt, position, seq, len };

	return crc32c(crc32c(0, head, sizeof(head)), body, len);
}

/* The body of the record @seq at @position where it stands there whole, else NULL. */
static const void *record_read(const struct journal *j, uint64_t position, uint64_t seq,
			       size_t room, size_t *len)
{
	const struct record_header *record = record_at(j, position);

	if (room < sizeof(*record) ||
	    atomic_load_explicit(&record->seq, memory_order_acquire) != (seq | COMMITTED))
		return NULL;
	if (record->len > journal_record_max(j) || record_size(record->len) > room)
		return NULL;
	if (record->crc != record_crc(j, position, seq, record->len, record + 1))
		return NULL;
	*len = record->len;
	return record + 1;
}

/* ---- the file ---------------------------------------------------------------------------- */

/* Rights, or a folder that is not there, do not pass by themselves; a full disk may. */
static int fail_io(const struct journal *j, const char *what, int error, struct diag *diag)
{
	bool may_pass = error == ENOSPC || error == EDQUOT || error == EIO || error == ENOMEM ||
			error == EMFILE || error == ENFILE || error == EFBIG;

	return diag_set(diag, may_pass ? ERR_IO : ERR_INVALID, "%s: %s: %s", j->path, what,
			strerror(error));
}

static uint32_t header_crc(const struct file_header *header)
{
	return crc32c(0, header, offsetof(struct file_header, crc));
}

static uint64_t slot_crc(const struct journal *j, const struct slot *slot)
{
	const uint64_t all[3] = { j->salt, slot->position, slot->seq };

	return crc32c(0, all, sizeof(all));
}

static bool slot_read(const struct journal *j, unsigned i, struct slot *ret)
{
	memcpy(ret, j->map + SLOT_AT(i), sizeof(*ret));
	return ret->crc == slot_crc(j, ret) && ret->position % 8 == 0 && ret->seq != 0;
}

static void slot_write(struct journal *j, unsigned i, uint64_t position, uint64_t seq)
{
	struct slot slot = { .position = position, .seq = seq };

	slot.crc = slot_crc(j, &slot);
	memcpy(j->map + SLOT_AT(i), &slot, sizeof(slot));
	j->slot[i] = position;
}

static void ring_unmap(struct journal *j)
{
	if (j->map)
		(void)munmap(j->map, RING_AT + 2 * j->capacity);
	j->map = NULL;
}

static int ring_map(struct journal *j, struct diag *diag)
{
	const int protection = PROT_READ | PROT_WRITE;
	const int shared = MAP_SHARED | MAP_FIXED;
	const size_t all = RING_AT + 2 * j->capacity;
	unsigned char *map = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return diag_nomem(diag);
	j->map = map;
	if (mmap(map, RING_AT + j->capacity, protection, shared, j->fd, 0) == MAP_FAILED ||
	    mmap(map + RING_AT + j->capacity, j->capacity, protection, shared, j->fd, RING_AT) ==
		    MAP_FAILED) {
		int error = errno;

		ring_unmap(j);
		return fail_io(j, "cannot map the journal", error, diag);
	}
	return 0;
}

/* Every block is there afterwards: a store to the mapping can't meet a full disk. */
static int file_allocate(struct journal *j, struct diag *diag)
{
	int error;

	do
		error = posix_fallocate(j->fd, 0, (off_t)(RING_AT + j->capacity));
	while (error == EINTR);
	if (error)
		return fail_io(j, "cannot allocate the journal", error, diag);
	return 0;
}

/* Reads the header. 1: it is a journal's; 0: the file is blank. */
static int header_read(struct journal *j, struct file_header *ret, struct diag *diag)
{
	static const char nothing[sizeof(file_magic)];
	ssize_t n = pread(j->fd, ret, sizeof(*ret), 0);

	if (n < 0)
		return fail_io(j, "cannot read the journal", errno, diag);
	if (n == 0)
		return 0;
	if (n == sizeof(*ret) && memcmp(ret->magic, nothing, sizeof(nothing)) == 0)
		return 0;
	if (n < (ssize_t)sizeof(*ret) || memcmp(ret->magic, file_magic, sizeof(file_magic)) != 0)
		return diag_set(diag, ERR_VERSION, "%s: not a journal of this plugin", j->path);
	if (ret->order == __builtin_bswap32(FILE_ORDER))
		return diag_set(diag, ERR_VERSION,
				"%s: written by a machine of the other byte order", j->path);
	if (ret->order == FILE_ORDER && ret->version > FILE_VERSION)
		return diag_set(diag, ERR_VERSION,
				"%s: format %u of a newer plugin (this one knows format %u)",
				j->path, ret->version, FILE_VERSION);
	if (ret->order != FILE_ORDER || ret->version != FILE_VERSION || ret->crc != header_crc(ret))
		return diag_set(diag, ERR_INVALID, "%s: the journal's header is damaged", j->path);
	return 1;
}

static int header_accept(struct journal *j, const struct file_header *header, struct diag *diag)
{
	struct stat st;

	if (fstat(j->fd, &st) != 0)
		return fail_io(j, "cannot read the journal", errno, diag);
	if (header->capacity < JOURNAL_BYTES_MIN || header->capacity > JOURNAL_BYTES_MAX ||
	    header->capacity % JOURNAL_BYTES_MIN != 0 ||
	    (uint64_t)st.st_size != RING_AT + header->capacity)
		return diag_set(diag, ERR_INVALID,
				"%s: the file has %lld bytes where its header says %llu", j->path,
				(long long)st.st_size,
				(unsigned long long)header->capacity + RING_AT);
	j->capacity = (size_t)header->capacity;
	j->salt = header->salt;
	memcpy(j->identity, header->identity, sizeof(j->identity));
	return 0;
}

/*
 * From the newer slot through all whole records. The place behind them is made to read 0, so
 * that what stood there is not looked at again.
 */
static int ring_scan(struct journal *j, struct diag *diag)
{
	struct slot slot[2];
	bool good[2] = { slot_read(j, 0, &slot[0]), slot_read(j, 1, &slot[1]) };
	unsigned newer;
	uint64_t position, seq, stands;
	size_t len;

	if (!good[0] && !good[1])
		return diag_set(diag, ERR_INVALID, "%s: both tail slots are damaged", j->path);
	newer = !good[0] || (good[1] && slot[1].position > slot[0].position);
	position = slot[newer].position;
	seq = slot[newer].seq;
	j->read = j->tail = position;
	j->read_seq = j->tail_seq = seq;
	slot_write(j, !newer, position, seq);
	j->slot[newer] = position;
	while (record_read(j, position, seq, j->tail + j->capacity - position, &len)) {
		position += record_size(len);
		seq++;
	}
	stands = atomic_load(&record_at(j, position)->seq);
	if (position - j->tail < j->capacity && stands != 0) {
		j->damaged_seq = seq;
		atomic_store(&record_at(j, position)->seq, 0);
	}
	j->next_seq = seq;
	atomic_store(&j->head, position);
	atomic_store(&j->reusable, j->tail);
	atomic_store(&j->synced, j->tail);
	j->prefaulted = position;
	return 0;
}

static int file_lock(struct journal *j, struct diag *diag)
{
	if (flock(j->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return fail_io(j, "cannot lock the journal", errno, diag);
	return diag_set(diag, ERR_BUSY,
			"%s: in use: another broker, or this plugin loaded twice, has the database",
			j->path);
}

static int file_load(struct journal *j, struct diag *diag)
{
	struct file_header header;
	int rc = header_read(j, &header, diag);

	if (rc <= 0)
		return rc;
	rc = header_accept(j, &header, diag);
	if (rc == 0)
		rc = file_allocate(j, diag);
	if (rc == 0)
		rc = ring_map(j, diag);
	if (rc == 0)
		rc = ring_scan(j, diag);
	return rc;
}

int journal_open(const char *path, struct journal **ret, struct diag *diag)
{
	struct journal *j = calloc(1, sizeof(*j));
	int rc;

	if (!j)
		return diag_nomem(diag);
	j->fd = -1;
	j->path = strdup(path);
	if (!j->path) {
		rc = diag_nomem(diag);
		goto out;
	}
	j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->fd < 0) {
		rc = fail_io(j, "cannot open the journal", errno, diag);
		goto out;
	}
	rc = file_lock(j, diag);
	if (rc == 0)
		rc = file_load(j, diag);
	if (rc)
		goto out;
	*ret = j;
	j = NULL; /* handed over */
out:
	journal_close(j);
	return rc;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	ring_unmap(j);
	if (j->fd >= 0)
		(void)close(j->fd); /* nothing is buffered; the lock goes with it */
	free(j->path);
	free(j);
}

bool journal_is_blank(const struct journal *j)
{
	return !j->map;
}

/* A new file's name is on the disk as well; EINVAL: the file system has no such thing. */
static int folder_sync(const struct journal *j, struct diag *diag)
{
	const char *slash = strrchr(j->path, '/');
	char *folder = slash ? strndup(j->path, (size_t)(slash - j->path) + 1) : strdup(".");
	int rc = 0, fd;

	if (!folder)
		return diag_nomem(diag);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		rc = fail_io(j, "cannot sync the journal's folder", errno, diag);
	if (fd >= 0)
		(void)close(fd);
	free(folder);
	return rc;
}

/* From here to header_write() the file is blank, whatever happens. */
static int file_blank(struct journal *j, struct diag *diag)
{
	int rc;

	if (ftruncate(j->fd, 0) != 0 || fsync(j->fd) != 0)
		return fail_io(j, "cannot empty the journal", errno, diag);
	rc = file_allocate(j, diag);
	if (rc && ftruncate(j->fd, 0) != 0)
		return fail_io(j, "cannot empty the journal", errno, diag);
	return rc;
}

static int header_write(struct journal *j, struct diag *diag)
{
	struct file_header header = {
		.order = FILE_ORDER,
		.version = FILE_VERSION,
		.capacity = j->capacity,
		.salt = j->salt,
	};
	ssize_t n;

	memcpy(header.magic, file_magic, sizeof(header.magic));
	memcpy(header.identity, j->identity, sizeof(header.identity));
	header.crc = header_crc(&header);
	/* The slots must be there before the header says that they are. */
	if (fsync(j->fd) != 0)
		return fail_io(j, "cannot sync the journal", errno, diag);
	n = pwrite(j->fd, &header, sizeof(header), 0);
	if (n != (ssize_t)sizeof(header) || fsync(j->fd) != 0)
		return fail_io(j, "cannot write the journal", n < 0 ? errno : EIO, diag);
	return folder_sync(j, diag);
}

size_t journal_size(size_t bytes)
{
	return bytes ? round_up(bytes, JOURNAL_BYTES_MIN) : JOURNAL_BYTES_MIN;
}

int journal_format(struct journal *j, size_t bytes, const unsigned char identity[JOURNAL_IDENTITY],
		   uint64_t next_seq, struct diag *diag)
{
	int rc;

	assert(next_seq > 0);
	if (bytes > JOURNAL_BYTES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: a journal has at most %zu bytes", j->path,
				JOURNAL_BYTES_MAX);
	ring_unmap(j);
	j->capacity = journal_size(bytes);
	if (getrandom(&j->salt, sizeof(j->salt), 0) != (ssize_t)sizeof(j->salt))
		return fail_io(j, "cannot get random bytes", errno, diag);
	memcpy(j->identity, identity, JOURNAL_IDENTITY);
	rc = file_blank(j, diag);
	if (rc == 0)
		rc = ring_map(j, diag);
	if (rc)
		return rc;
	slot_write(j, 0, 0, next_seq);
	slot_write(j, 1, 0, next_seq);
	rc = header_write(j, diag);
	if (rc == 0)
		rc = ring_scan(j, diag);
	j->damaged_seq = 0;
	if (rc)
		ring_unmap(j);
	return rc;
}

void journal_inspect(const struct journal *j, struct journal_facts *ret)
{
	*ret = (struct journal_facts){
		.bytes = j->capacity,
		.used = (size_t)(atomic_load(&j->head) - j->tail),
		.first_seq = j->tail_seq,
		.next_seq = j->next_seq,
		.damaged_seq = j->damaged_seq,
	};
	memcpy(ret->identity, j->identity, sizeof(ret->identity));
}

/* ---- appending --------------------------------------------------------------------------- */

/* The zero behind a record needs its room too. */
static size_t room_needed(size_t len)
{
	return record_size(len) + sizeof(struct record_header);
}

static size_t ring_used(const struct journal *j)
{
	return (size_t)(atomic_load_explicit(&j->head, memory_order_relaxed) -
			atomic_load_explicit(&j->reusable, memory_order_acquire));
}

bool journal_has_room(const struct journal *j, size_t len)
{
	return len <= journal_record_max(j) && room_needed(len) <= j->capacity - ring_used(j);
}

size_t journal_bytes(const struct journal *j)
{
	return j->capacity;
}

size_t journal_used(const struct journal *j)
{
	return ring_used(j);
}

bool journal_is_half_full(const struct journal *j)
{
	return ring_used(j) > j->capacity / 2;
}

void *journal_reserve(struct journal *j, size_t len)
{
	if (!journal_has_room(j, len))
		return NULL;
	j->reserved = len;
	return record_at(j, atomic_load_explicit(&j->head, memory_order_relaxed)) + 1;
}

/* Syncs the ring's bytes of positions @from to @to, and the zero that stands there. */
static int range_sync(struct journal *j, uint64_t from, uint64_t to)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t begin = RING_AT + (size_t)(from % j->capacity);
	size_t end = begin + (size_t)(to - from) + sizeof(uint64_t);
	uint64_t seen = atomic_load(&j->synced);

	begin -= begin % page;
	if (msync(j->map + begin, end - begin, MS_SYNC) != 0)
		return errno;
	while (seen < to && !atomic_compare_exchange_weak(&j->synced, &seen, to))
		;
	return 0;
}

/* The oldest position that the disk might not have and a restart would need. */
static uint64_t unsynced_from(const struct journal *j)
{
	uint64_t synced = atomic_load(&j->synced);
	uint64_t reusable = atomic_load(&j->reusable);

	return synced > reusable ? synced : reusable;
}

int journal_commit(struct journal *j, bool is_power, uint64_t *seq, struct diag *diag)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	uint64_t next = head + record_size(j->reserved);
	struct record_header *record = record_at(j, head);
	int error;

	atomic_store_explicit(&record_at(j, next)->seq, 0, memory_order_relaxed);
	record->len = (uint32_t)j->reserved;
	record->crc = record_crc(j, head, j->next_seq, record->len, record + 1);
	atomic_store_explicit(&record->seq, j->next_seq | COMMITTED, memory_order_release);
	if (is_power) {
		error = range_sync(j, unsynced_from(j), next);
		if (error) {
			atomic_store(&record->seq, 0);
			return fail_io(j, "cannot sync the journal", error, diag);
		}
	}
	*seq = j->next_seq++;
	atomic_store_explicit(&j->head, next, memory_order_release);
	return 0;
}

/* ---- taking out -------------------------------------------------------------------------- */

int journal_next(struct journal *j, struct journal_record *ret, struct diag *diag)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire);

	if (j->read == head)
		return 0;
	ret->seq = j->read_seq;
	ret->body = record_read(j, j->read, j->read_seq, (size_t)(head - j->read), &ret->len);
	if (!ret->body)
		return diag_set(diag, ERR_INVALID,
				"%s: record %llu is damaged: something wrote to the file", j->path,
				(unsigned long long)j->read_seq);
	j->read += record_size(ret->len);
	j->read_seq++;
	return 1;
}

void journal_rewind(struct journal *j)
{
	j->read = j->tail;
	j->read_seq = j->tail_seq;
}

int journal_release(struct journal *j, struct diag *diag)
{
	uint64_t passed;

	j->tail = j->read;
	j->tail_seq = j->read_seq;
	if (j->slot[0] == j->tail && j->slot[1] == j->tail && atomic_load(&j->reusable) == j->tail)
		return 0;
	slot_write(j, j->next_slot, j->tail, j->tail_seq);
	if (msync(j->map, SLOTS_END, MS_SYNC) != 0)
		return fail_io(j, "cannot sync the journal", errno, diag);
	j->next_slot = !j->next_slot;
	passed = j->slot[0] < j->slot[1] ? j->slot[0] : j->slot[1];
	atomic_store_explicit(&j->reusable, passed, memory_order_release);
	return 0;
}

int journal_sync(struct journal *j, struct diag *diag)
{
	uint64_t from = unsynced_from(j);
	uint64_t to = atomic_load_explicit(&j->head, memory_order_acquire);
	int error;

	if (from >= to)
		return 0;
	error = range_sync(j, from, to);
	return error ? fail_io(j, "cannot sync the journal", error, diag) : 0;
}

void journal_prefault(struct journal *j)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t window = j->capacity / 4 < PREFAULT_MAX ? j->capacity / 4 : PREFAULT_MAX;
	size_t begin = (size_t)(head % j->capacity);
	size_t wrapped;

	if (head == j->prefaulted)
		return; /* idle: leave the pages clean */
	j->prefaulted = head;
	begin -= begin % page;
	wrapped = begin + window > j->capacity ? begin + window - j->capacity : 0;
	/* Only an optimisation: without it the appending thread takes the faults. */
	(void)madvise(j->map + RING_AT + begin, window - wrapped, MADV_POPULATE_WRITE);
	if (wrapped)
		(void)madvise(j->map + RING_AT, wrapped, MADV_POPULATE_WRITE);
}

/* journal_file.c -- the journal's file: made, opened, locked, mapped, scanned. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ledger/crc32c.h"
#include "ledger/journal_inside.h"

#define FILE_VERSION 1u
#define FILE_ORDER 0x01020304u

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

/* Rights, or a folder that is not there, do not pass by themselves; a full disk may. */
int journal_fail(const struct journal *j, const char *what, int error, struct diag *diag)
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
	memcpy(ret, j->map + JOURNAL_SLOT_AT(i), sizeof(*ret));
	return ret->crc == slot_crc(j, ret) && ret->position % 8 == 0 && ret->seq != 0;
}

void journal_slot_write(struct journal *j, unsigned i, uint64_t position, uint64_t seq)
{
	struct slot slot = { .position = position, .seq = seq };

	slot.crc = slot_crc(j, &slot);
	memcpy(j->map + JOURNAL_SLOT_AT(i), &slot, sizeof(slot));
	j->slot[i] = position;
}

static void ring_unmap(struct journal *j)
{
	if (j->map)
		(void)munmap(j->map, JOURNAL_RING_AT + 2 * j->capacity);
	j->map = NULL;
}

static int ring_map(struct journal *j, struct diag *diag)
{
	const int protection = PROT_READ | PROT_WRITE;
	const int shared = MAP_SHARED | MAP_FIXED;
	const size_t all = JOURNAL_RING_AT + 2 * j->capacity;
	unsigned char *map = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return diag_nomem(diag);
	j->map = map;
	if (mmap(map, JOURNAL_RING_AT + j->capacity, protection, shared, j->fd, 0) == MAP_FAILED ||
	    mmap(map + JOURNAL_RING_AT + j->capacity, j->capacity, protection, shared, j->fd,
		 JOURNAL_RING_AT) == MAP_FAILED) {
		int error = errno;

		ring_unmap(j);
		return journal_fail(j, "cannot map the journal", error, diag);
	}
	return 0;
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

/* Asks btrfs, which does it for empty files only, to write this one in place. */
static void forbid_copying(const struct journal *j)
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

/*
 * Every block is there afterwards: a store to the mapping can't meet a full disk, but for what
 * journal_is_copied() says.
 */
static int file_allocate(struct journal *j, struct diag *diag)
{
	int error;

	do
		error = posix_fallocate(j->fd, 0, (off_t)(JOURNAL_RING_AT + j->capacity));
	while (error == EINTR);
	if (error)
		return journal_fail(j, "cannot allocate the journal", error, diag);
	return 0;
}

/* Reads the header. 1: it is a journal's; 0: the file is blank. */
static int header_read(struct journal *j, struct file_header *ret, struct diag *diag)
{
	static const char nothing[sizeof(file_magic)];
	ssize_t n = pread(j->fd, ret, sizeof(*ret), 0);

	if (n < 0)
		return journal_fail(j, "cannot read the journal", errno, diag);
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
		return journal_fail(j, "cannot read the journal", errno, diag);
	if (header->capacity < JOURNAL_BYTES_MIN || header->capacity > JOURNAL_BYTES_MAX ||
	    header->capacity % JOURNAL_BYTES_MIN != 0 ||
	    (uint64_t)st.st_size != JOURNAL_RING_AT + header->capacity)
		return diag_set(diag, ERR_INVALID,
				"%s: the file has %lld bytes where its header says %llu", j->path,
				(long long)st.st_size,
				(unsigned long long)header->capacity + JOURNAL_RING_AT);
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
	j->read = j->tail = j->seen = position;
	j->read_seq = j->tail_seq = seq;
	journal_slot_write(j, !newer, position, seq);
	j->slot[newer] = position;
	while (journal_record_read(j, position, seq, j->tail + j->capacity - position, &len)) {
		position += journal_record_size(len);
		seq++;
	}
	stands = atomic_load(&journal_record_at(j, position)->seq);
	if (position - j->tail < j->capacity && stands != 0) {
		j->damaged_seq = seq;
		atomic_store(&journal_record_at(j, position)->seq, 0);
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
		return journal_fail(j, "cannot lock the journal", errno, diag);
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

/*
 * Whoever can write to the journal says what was acknowledged, and can cut it under the mapping:
 * it must be a file of the broker's own. root may have put it back from a copy.
 */
static int file_check(struct journal *j, struct diag *diag)
{
	struct stat st;

	if (fstat(j->fd, &st) != 0)
		return journal_fail(j, "cannot read the journal", errno, diag);
	if (!S_ISREG(st.st_mode))
		return diag_set(diag, ERR_INVALID, "%s: expected a regular file", j->path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return diag_set(diag, ERR_INVALID,
				"%s: belongs to the user with id %lu, expected %lu, the broker's",
				j->path, (unsigned long)st.st_uid, (unsigned long)geteuid());
	if (st.st_mode & S_IWOTH)
		return diag_set(diag, ERR_INVALID,
				"%s: everybody may write to it, expected mode 600", j->path);
	return 0;
}

/* A link is not followed, and nothing is waited for. */
static int file_open(struct journal *j, struct diag *diag)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

	j->fd = open(j->path, flags, 0600);
	if (j->fd < 0 && errno == ELOOP)
		return diag_set(diag, ERR_INVALID,
				"%s: expected a regular file, not a symbolic link", j->path);
	if (j->fd < 0)
		return journal_fail(j, "cannot open the journal", errno, diag);
	return file_check(j, diag);
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
	rc = file_open(j, diag);
	if (rc == 0)
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
		rc = journal_fail(j, "cannot sync the journal's folder", errno, diag);
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
		return journal_fail(j, "cannot empty the journal", errno, diag);
	forbid_copying(j);
	rc = file_allocate(j, diag);
	if (rc && ftruncate(j->fd, 0) != 0)
		return journal_fail(j, "cannot empty the journal", errno, diag);
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
		return journal_fail(j, "cannot sync the journal", errno, diag);
	n = pwrite(j->fd, &header, sizeof(header), 0);
	if (n != (ssize_t)sizeof(header) || fsync(j->fd) != 0)
		return journal_fail(j, "cannot write the journal", n < 0 ? errno : EIO, diag);
	return folder_sync(j, diag);
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
		return journal_fail(j, "cannot get random bytes", errno, diag);
	memcpy(j->identity, identity, JOURNAL_IDENTITY);
	rc = file_blank(j, diag);
	if (rc == 0)
		rc = ring_map(j, diag);
	if (rc)
		return rc;
	journal_slot_write(j, 0, 0, next_seq);
	journal_slot_write(j, 1, 0, next_seq);
	rc = header_write(j, diag);
	if (rc == 0)
		rc = ring_scan(j, diag);
	j->damaged_seq = 0;
	if (rc)
		ring_unmap(j);
	return rc;
}

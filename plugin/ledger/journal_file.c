/* journal_file.c -- makes, opens, locks and maps the journal's file, and has it scanned. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/crc32c.h"
#include "ledger/journal_internal.h"

#define FILE_VERSION 2u
#define FILE_VERSION_RING 1u
#define FILE_ORDER 0x01020304u

static const char file_magic[8] = "PETJRNL";

struct file_header {
	char magic[8];
	uint32_t order;
	uint32_t version;
	uint64_t capacity;
	uint64_t salt;
	unsigned char identity[JOURNAL_IDENTITY];
	uint32_t shift; /* of a segment's bytes; 0 in format 1 */
	uint32_t crc;   /* of all before it */
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

/*
 * Every block is there afterwards: a store to the mapping can't meet a full disk, but for what
 * journal_is_copied() says.
 */
int journal_allocate(struct journal *j, struct diag *diag)
{
	int error;

	do
		error = posix_fallocate(j->fd, 0, (off_t)(JOURNAL_RING_AT + j->capacity));
	while (error == EINTR);
	if (error)
		return journal_fail(j, "cannot allocate the journal", error, diag);
	return 0;
}

/* What stands there is a whole header of this program. */
static bool header_is_good(const struct file_header *header)
{
	return memcmp(header->magic, file_magic, sizeof(file_magic)) == 0 &&
	       header->order == FILE_ORDER && header->version >= FILE_VERSION_RING &&
	       header->version <= FILE_VERSION && header->crc == header_crc(header);
}

/*
 * The copy is written when the header is on the disk: where only the copy is good the header was
 * damaged, also where it reads as blank.
 */
static bool header_copy_read(struct journal *j, struct file_header *ret)
{
	return pread(j->fd, ret, sizeof(*ret), JOURNAL_COPY_AT) == (ssize_t)sizeof(*ret) &&
	       header_is_good(ret);
}

static int header_refuse(const struct journal *j, const struct file_header *header, ssize_t len,
			 struct diag *diag)
{
	if (len < (ssize_t)sizeof(*header) ||
	    memcmp(header->magic, file_magic, sizeof(file_magic)) != 0)
		return diag_set(diag, ERR_VERSION,
				"%s: not a journal of this plugin: put the right one back, or "
				"start without what it holds: petstorectl restored",
				j->path);
	if (header->order == __builtin_bswap32(FILE_ORDER))
		return diag_set(diag, ERR_VERSION,
				"%s: written by a machine of the other byte order", j->path);
	if (header->order == FILE_ORDER && header->version > FILE_VERSION)
		return diag_set(
			diag, ERR_VERSION,
			"%s: format %u of a newer plugin (this one knows format %u): install "
			"that one",
			j->path, header->version, FILE_VERSION);
	return diag_set(
		diag, ERR_INVALID,
		"%s: the journal's header is damaged, and so is its copy: start without what "
		"it holds: petstorectl restored",
		j->path);
}

/* Reads the header. 1: it is a journal's; 0: the file is blank. */
static int header_read(struct journal *j, struct file_header *ret, struct diag *diag)
{
	static const char nothing[sizeof(file_magic)];
	struct file_header copy;
	ssize_t n = pread(j->fd, ret, sizeof(*ret), 0);
	bool is_newer;

	if (n < 0)
		return journal_fail(j, "cannot read the journal", errno, diag);
	if (n == 0)
		return 0;
	if (n == sizeof(*ret) && header_is_good(ret))
		return 1;
	is_newer = n == sizeof(*ret) && ret->version > FILE_VERSION && ret->crc == header_crc(ret);
	if (!is_newer && header_copy_read(j, &copy)) {
		*ret = copy;
		j->is_header_bad = true;
		return 1;
	}
	if (n == sizeof(*ret) && memcmp(ret->magic, nothing, sizeof(nothing)) == 0)
		return 0;
	return header_refuse(j, ret, n, diag);
}

/* Of a file that this program, or an older one, may have made. */
static bool are_sizes_good(const struct file_header *header)
{
	bool is_ring = header->version == FILE_VERSION_RING;

	if (header->capacity < JOURNAL_BYTES_MIN || header->capacity > JOURNAL_BYTES_MAX)
		return false;
	if (is_ring)
		return header->capacity % JOURNAL_BYTES_MIN == 0;
	return header->shift >= JOURNAL_SEGMENT_SHIFT_MIN && header->shift < 40 &&
	       header->capacity % ((uint64_t)1 << header->shift) == 0 &&
	       header->capacity >> header->shift >= JOURNAL_SEGMENTS_MIN &&
	       header->capacity >> header->shift <= JOURNAL_SEGMENTS_MAX;
}

static int header_accept(struct journal *j, const struct file_header *header, struct diag *diag)
{
	struct stat st;

	if (fstat(j->fd, &st) != 0)
		return journal_fail(j, "cannot read the journal", errno, diag);
	if (!are_sizes_good(header) || (uint64_t)st.st_size > JOURNAL_RING_AT + header->capacity)
		return diag_set(diag, ERR_INVALID,
				"%s: the file has %lld bytes where its header says %llu", j->path,
				(long long)st.st_size,
				(unsigned long long)header->capacity + JOURNAL_RING_AT);
	/* What was cut off is missing as any damage is. */
	j->is_cut = (uint64_t)st.st_size < JOURNAL_RING_AT + header->capacity;
	j->capacity = j->asked_max = (size_t)header->capacity;
	j->shift = header->shift;
	j->is_ring = header->version == FILE_VERSION_RING;
	j->salt = header->salt;
	memcpy(j->identity, header->identity, sizeof(j->identity));
	return 0;
}

bool journal_header_stands(const struct journal *j)
{
	struct file_header header;

	memcpy(&header, j->map, sizeof(header));
	return j->is_header_bad || (header_is_good(&header) && header.salt == j->salt);
}

int journal_header_write(struct journal *j, struct diag *diag)
{
	struct file_header header = {
		.order = FILE_ORDER,
		.version = FILE_VERSION,
		.capacity = j->capacity,
		.shift = j->shift,
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
	/* The copy counts where the header is on the disk; any later sync brings it there. */
	n = pwrite(j->fd, &header, sizeof(header), JOURNAL_COPY_AT);
	if (n != (ssize_t)sizeof(header))
		return journal_fail(j, "cannot write the journal", n < 0 ? errno : EIO, diag);
	return journal_folder_sync(j, diag);
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

/*
 * What was read may be in the page cache only: a broker before this one may have been killed
 * after a sync had failed. The slots, which were written anew, are believed when they are on the
 * disk; the records are, too, or go into the database before any is added.
 */
static int file_settle(struct journal *j, const struct file_header *header, struct diag *diag)
{
	int error;

	if (j->is_cut && !j->damage.text[0])
		(void)diag_set(&j->damage, 0,
			       "%s: the file had been cut: all that is left in it is kept, and "
			       "nothing that was synced is missing",
			       j->path);
	if (j->is_header_bad && !j->damage.text[0])
		(void)diag_set(&j->damage, 0,
			       "%s: the journal's header was damaged: its copy was good, and "
			       "nothing is missing",
			       j->path);
	if (pwrite(j->fd, header, sizeof(*header), JOURNAL_COPY_AT) != (ssize_t)sizeof(*header))
		return journal_fail(j, "cannot write the journal", errno, diag);
	error = journal_rewrite_head(j);
	if (!error)
		error = journal_file_sync(j);
	return error ? journal_fail(j, "cannot sync the journal", error, diag) : 0;
}

static int file_load(struct journal *j, struct diag *diag)
{
	struct file_header header;
	int rc = header_read(j, &header, diag);

	if (rc <= 0)
		return rc;
	rc = header_accept(j, &header, diag);
	if (rc == 0 && !j->is_ring)
		rc = journal_segments_init(j, diag);
	if (rc == 0)
		rc = journal_allocate(j, diag);
	if (rc == 0)
		rc = journal_map(j, diag);
	if (rc == 0)
		rc = journal_scan(j, diag);
	return rc ? rc : file_settle(j, &header, diag);
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

/* Another open file of the same one, for the writer's syncs. */
static int file_open_again(struct journal *j, struct diag *diag)
{
	struct stat one, other;

	j->writer_fd = open(j->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (j->writer_fd < 0)
		return journal_fail(j, "cannot open the journal", errno, diag);
	if (fstat(j->fd, &one) != 0 || fstat(j->writer_fd, &other) != 0)
		return journal_fail(j, "cannot read the journal", errno, diag);
	if (one.st_dev != other.st_dev || one.st_ino != other.st_ino)
		return diag_set(diag, ERR_INVALID, "%s: was replaced while it was opened", j->path);
	return 0;
}

int journal_open(const char *path, struct journal **ret, struct diag *diag)
{
	struct journal *j = calloc(1, sizeof(*j));
	int rc;

	if (!j)
		return diag_nomem(diag);
	j->fd = j->writer_fd = -1;
	j->path = strdup(path);
	if (!j->path) {
		rc = diag_nomem(diag);
		goto out;
	}
	if (getrandom(&j->era, sizeof(j->era), 0) != (ssize_t)sizeof(j->era)) {
		rc = journal_fail(j, "cannot get random bytes", errno, diag);
		goto out;
	}
	rc = file_open(j, diag);
	if (rc == 0)
		rc = file_lock(j, diag);
	if (rc == 0)
		rc = file_open_again(j, diag);
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
	journal_unmap(j);
	if (j->writer_fd >= 0)
		(void)close(j->writer_fd);
	if (j->fd >= 0)
		(void)close(j->fd); /* nothing is buffered; the lock goes with it */
	free(j->path);
	free(j);
}

bool journal_is_blank(const struct journal *j)
{
	return !j->map;
}

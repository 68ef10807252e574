/*
 * journal_make.c -- makes the journal's file anew, as large as its disk has room for.
 *
 * All blocks are allocated, so that a full disk can't stop an append. Where the file system would
 * write to each block to do so, that takes seconds for a large file, and holds up the start: the
 * journal is not made for growing there.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ledger/journal_internal.h"

#define ROOM_SHARE 2u /* the journal takes one of so many parts of what the disk has free */

/* ---- the file made anew -------------------------------------------------------------------- */

/* Without that, posix_fallocate() writes to each block. */
static bool may_allocate(const struct journal *j)
{
	return fallocate(j->fd, FALLOC_FL_KEEP_SIZE, 0, 1) == 0 || errno != EOPNOTSUPP;
}

/* Half of @all as often as the disk has too little room for it, but not less than @fast. */
static size_t size_for_disk(const struct journal *j, const struct journal_sizes *sizes)
{
	const size_t segment = (size_t)1 << sizes->shift;
	size_t ret = sizes->all;
	struct statvfs disk;
	struct stat st;
	uint64_t room;

	if (ret == sizes->fast || fstatvfs(j->fd, &disk) != 0 || fstat(j->fd, &st) != 0)
		return ret;
	if (!may_allocate(j))
		return sizes->fast;
	room = (uint64_t)disk.f_bavail * disk.f_frsize + (uint64_t)st.st_blocks * 512;
	while (ret > sizes->fast && ret > room / ROOM_SHARE)
		ret = journal_round_up(ret / 2, segment);
	return ret > sizes->fast ? ret : sizes->fast;
}

bool journal_is_sized(const struct journal *j, size_t bytes, size_t bytes_max)
{
	const struct journal_sizes sizes = journal_sizes(bytes, bytes_max);

	return j->map && !j->is_ring && j->shift == sizes.shift &&
	       (j->capacity == sizes.all || j->capacity == size_for_disk(j, &sizes));
}

/* All of it now: a quota, or a limit, may be smaller than the disk. */
static int file_fill(struct journal *j, const struct journal_sizes *sizes, struct diag *diag)
{
	int rc;

	for (size_t all = size_for_disk(j, sizes);;
	     all = journal_round_up(all / 2, journal_segment_bytes(j))) {
		if (all < sizes->fast)
			all = sizes->fast;
		if (j->capacity != all) /* other threads read it */
			j->capacity = all;
		rc = journal_allocate(j, diag);
		if (!rc)
			return 0;
		if (ftruncate(j->fd, 0) != 0)
			return journal_fail(j, "cannot empty the journal", errno, diag);
		if (all == sizes->fast)
			return rc;
	}
}

/* From here to journal_header_write() the file is blank, whatever happens. */
static int file_blank(struct journal *j, const struct journal_sizes *sizes, struct diag *diag)
{
	if (ftruncate(j->fd, 0) != 0 || fsync(j->fd) != 0)
		return journal_fail(j, "cannot empty the journal", errno, diag);
	journal_forbid_copying(j);
	return file_fill(j, sizes, diag);
}

/* Its only segment and its slots, then the header that says that they are there. */
static int file_begin(struct journal *j, uint64_t next_seq, struct diag *diag)
{
	const struct journal_place first = { JOURNAL_SEGMENT_HEAD, next_seq };
	int rc = journal_segments_init(j, diag);

	if (rc == 0)
		rc = journal_map(j, diag);
	if (rc)
		return rc;
	journal_slot_write(j, 0, first);
	journal_slot_write(j, 1, first);
	journal_segments_format(j, next_seq);
	rc = journal_header_write(j, diag);
	return rc ? rc : journal_scan(j, diag);
}

int journal_format(struct journal *j, size_t bytes, size_t bytes_max,
		   const unsigned char identity[JOURNAL_IDENTITY], uint64_t next_seq,
		   struct diag *diag)
{
	const struct journal_sizes sizes = journal_sizes(bytes, bytes_max);
	uint64_t noted[JOURNAL_NOTES] = { 0 };
	int rc;

	assert(next_seq > 0);
	if (bytes > JOURNAL_BYTES_MAX || bytes_max > JOURNAL_BYTES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: a journal has at most %zu bytes", j->path,
				JOURNAL_BYTES_MAX);
	if (memcmp(identity, j->identity, JOURNAL_IDENTITY) == 0)
		for (unsigned i = 0; i < JOURNAL_NOTES; i++)
			noted[i] = journal_noted(j, i);
	journal_unmap(j);
	if (j->is_ring || j->shift != sizes.shift) { /* other threads read them */
		j->shift = sizes.shift;
		j->is_ring = false;
	}
	j->asked_max = bytes_max;
	if (getrandom(&j->salt, sizeof(j->salt), 0) != (ssize_t)sizeof(j->salt))
		return journal_fail(j, "cannot get random bytes", errno, diag);
	if (identity != j->identity)
		memcpy(j->identity, identity, JOURNAL_IDENTITY);
	rc = file_blank(j, &sizes, diag);
	if (rc == 0)
		rc = file_begin(j, next_seq, diag);
	if (rc)
		journal_unmap(j);
	for (unsigned i = 0; rc == 0 && i < JOURNAL_NOTES; i++)
		journal_note_write(j, i, noted[i]);
	j->is_header_bad = j->is_cut = false;
	diag_init(&j->damage);
	atomic_store(&j->repaired, atomic_load(&j->failures));
	return rc;
}

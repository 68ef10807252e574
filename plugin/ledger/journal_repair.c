/* journal_repair.c -- checks the file; copies it, makes it anew or puts it back where it changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger/journal_internal.h"

#define CHECK_BYTES_MAX ((uint64_t)4 << 20) /* of records, at once */
#define COPY_BYTES 16384u                   /* at once */

static const char copy_suffix[] = ".damaged-";

/* ---- the check --------------------------------------------------------------------------- */

void journal_break(struct journal *j, const char *reason)
{
	int whole = JOURNAL_WHOLE;

	if (!j->reason)
		j->reason = reason;
	(void)atomic_compare_exchange_strong(&j->broken, &whole, JOURNAL_BROKEN);
}

bool journal_is_broken(const struct journal *j)
{
	return atomic_load_explicit(&j->broken, memory_order_acquire) != JOURNAL_WHOLE;
}

int journal_check_place(const struct journal *j, struct diag *diag)
{
	struct stat open_one, there;

	if (fstat(j->fd, &open_one) != 0)
		return diag_set(diag, ERR_IO, "%s: cannot read the journal: %s", j->path,
				strerror(errno));
	if (lstat(j->path, &there) != 0)
		return diag_set(diag, errno == ENOENT || errno == ENOTDIR ? ERR_INVALID : ERR_IO,
				errno == ENOENT || errno == ENOTDIR
					? "%s: is gone: it is made again"
					: "%s: cannot be looked at",
				j->path);
	if (open_one.st_dev != there.st_dev || open_one.st_ino != there.st_ino)
		return diag_set(diag, ERR_INVALID,
				"%s: is another file than the journal that the broker has open: "
				"move it away, or restart the broker",
				j->path);
	return 0;
}

/* Up to the newest record, or as far as is checked at once. */
static bool records_stand(const struct journal *j)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire);
	struct journal_place at = j->tail;
	size_t len;

	while (at.position < head && at.position - j->tail.position < CHECK_BYTES_MAX) {
		if (journal_record_read(j, at, head, &len))
			journal_pass(&at, len);
		else if (!journal_turn(j, &at, head))
			return false;
	}
	return true;
}

/* Of those that have something that was not released. */
static bool segments_stand(const struct journal *j)
{
	uint64_t last = atomic_load_explicit(&j->head, memory_order_acquire) >> j->shift;

	for (uint64_t n = j->tail.position >> j->shift; !j->is_ring && n <= last; n++) {
		const struct journal_segment *segment = journal_segment(j, n);

		if (segment && !journal_segment_stands(j, segment))
			return false;
	}
	return true;
}

static bool slots_stand(const struct journal *j)
{
	struct journal_place place;

	for (unsigned i = 0; i < 2; i++)
		if (!journal_slot_read(j, i, &place) || place.position != j->slot[i].position ||
		    place.seq != j->slot[i].seq)
			return false;
	return true;
}

/* NULL: all is well. */
static const char *find_fault(const struct journal *j)
{
	struct stat st;

	if (fstat(j->fd, &st) != 0 || (uint64_t)st.st_size != JOURNAL_RING_AT + j->capacity)
		return "something changed its size";
	if (!journal_header_stands(j) || !slots_stand(j) || !segments_stand(j))
		return "something wrote to the file";
	if (!j->has_holes && !records_stand(j))
		return "something wrote to the file";
	return NULL;
}

static const char *reason_of(const struct journal *j)
{
	return j->reason ? j->reason : "its pages cannot be used";
}

int journal_check(struct journal *j, struct diag *diag)
{
	const char *fault = j->map ? find_fault(j) : NULL;

	if (fault)
		journal_break(j, fault);
	if (journal_is_broken(j))
		return diag_set(diag, ERR_INVALID, "%s: the journal is broken: %s", j->path,
				reason_of(j));
	return journal_check_place(j, diag);
}

/* ---- the copy ---------------------------------------------------------------------------- */

/* What comes before the name in a path; free it. */
static char *folder_of(const struct journal *j, const char **name)
{
	const char *slash = strrchr(j->path, '/');

	*name = slash ? slash + 1 : j->path;
	return slash ? strndup(j->path, (size_t)(slash - j->path) + 1) : strdup(".");
}

/* A new file's name is on the disk as well; EINVAL: the file system has no such thing. */
int journal_folder_sync(const struct journal *j, struct diag *diag)
{
	const char *name;
	char *folder = folder_of(j, &name);
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

static unsigned count_copies(const struct journal *j)
{
	const char *name;
	char *folder = folder_of(j, &name);
	DIR *dir = folder ? opendir(folder) : NULL;
	const struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, name, strlen(name)) == 0 &&
		    strncmp(entry->d_name + strlen(name), copy_suffix, strlen(copy_suffix)) == 0)
			count++;
	if (dir)
		(void)closedir(dir);
	free(folder);
	return count;
}

/*
 * Moves *at to the next bytes that were ever written: most of a journal that
 * never grew is a hole. False: there are none. A file system that knows no holes has one piece.
 */
static bool next_data(int fd, off_t *at)
{
	off_t data;

	data = lseek(fd, *at, SEEK_DATA);
	if (data < 0)
		return errno != ENXIO;
	if (data > *at)
		*at = data - data % (off_t)COPY_BYTES;
	return true;
}

/*
 * To a new file at @path, synced; 0 or errno, and there is none then. By reading, not from the
 * mapping: what can't be read fails here and faults nowhere.
 */
static int copy_to(const struct journal *j, const char *path)
{
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	char buffer[COPY_BYTES];
	struct stat st;
	int error = 0;
	off_t at = 0;
	ssize_t n;

	if (to < 0)
		return errno;
	/* What is read ahead of a hole would be data. */
	(void)posix_fadvise(j->fd, 0, 0, POSIX_FADV_RANDOM);
	while (!error && next_data(j->fd, &at) &&
	       (n = pread(j->fd, buffer, sizeof(buffer), at)) != 0) {
		if (n < 0)
			error = errno;
		else if (pwrite(to, buffer, (size_t)n, at) != n)
			error = errno ? errno : ENOSPC;
		at += n;
	}
	if (!error && (fstat(j->fd, &st) != 0 || ftruncate(to, st.st_size) != 0))
		error = errno;
	if (!error && fsync(to) != 0)
		error = errno;
	(void)close(to); /* it was synced */
	if (error)
		(void)unlink(path);
	return error;
}

static void copy_name(const struct journal *j, char *ret, size_t cap)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm);
	(void)snprintf(ret, cap, "%s%s%s.%06ldZ", j->path, copy_suffix, text, now.tv_nsec / 1000);
}

/* To "<path>.damaged-<time>", synced; *ret is its name, "" where there is none. */
static int copy_file(const struct journal *j, char *ret, size_t cap, struct diag *diag)
{
	struct stat st;
	int error;

	ret[0] = '\0';
	if (fstat(j->fd, &st) != 0)
		return journal_fail(j, "cannot read the journal", errno, diag);
	if (st.st_size == 0 || count_copies(j) >= JOURNAL_COPIES_MAX)
		return 0;
	do {
		copy_name(j, ret, cap); /* of another microsecond, each time */
		error = copy_to(j, ret);
	} while (error == EEXIST);
	return error ? journal_fail(j, "cannot copy the damaged journal", error, diag)
		     : journal_folder_sync(j, diag);
}

int journal_keep_damaged(const struct journal *j, const char *what,
			 const struct journal_tally *tally, struct diag *line, struct diag *diag)
{
	char copy[600];
	int rc = copy_file(j, copy, sizeof(copy), diag);

	if (rc)
		return rc;
	return diag_set(line, 0,
			"%s: %s: %llu writes that were acknowledged are missing (%s), %llu are "
			"kept; %s%s",
			j->path, what, (unsigned long long)tally->missing, tally->which,
			(unsigned long long)tally->kept, copy[0] ? "as it was: " : "no copy of it",
			copy);
}

/* ---- made anew --------------------------------------------------------------------------- */

void journal_stop(struct journal *j)
{
	int broken = JOURNAL_BROKEN;

	(void)atomic_compare_exchange_strong(&j->broken, &broken, JOURNAL_STOPPED);
}

void journal_leave(struct journal *j)
{
	atomic_store(&j->has_left, true);
}

static bool is_stopped(const struct journal *j)
{
	return atomic_load(&j->broken) == JOURNAL_STOPPED ||
	       (journal_is_broken(j) && atomic_load(&j->has_left));
}

static int fail_early(const struct journal *j, struct diag *diag)
{
	return diag_set(diag, ERR_BUSY, "%s: is being made anew", j->path);
}

int journal_salvage(struct journal *j, struct diag *diag)
{
	struct journal_tally tally;
	char what[100];
	int rc = 0;

	if (j->is_salvaged)
		return 1;
	if (!is_stopped(j))
		return fail_early(j, diag);
	journal_rewind(j);
	j->seen = atomic_load(&j->head);
	journal_tally(j, j->tail, j->seen, &tally);
	if (j->next_seq > tally.end.seq)
		journal_tally_gap(&tally, tally.end.seq, j->next_seq);
	(void)snprintf(what, sizeof(what), "the journal is broken: %s", reason_of(j));
	if (tally.missing > 0)
		rc = journal_keep_damaged(j, what, &tally, diag, diag);
	else
		(void)diag_set(diag, 0, "%s: %s; nothing is missing in it", j->path, what);
	if (rc == 0)
		j->has_holes = j->is_salvaged = true;
	return rc;
}

static bool is_drained(const struct journal *j)
{
	struct journal_place at = j->read;

	return j->tail.position == j->read.position &&
	       !journal_find(j, &at, atomic_load(&j->head), 0);
}

int journal_renew(struct journal *j, struct diag *diag)
{
	int rc;

	if (!is_stopped(j) || !j->is_salvaged || (j->map && !is_drained(j)))
		return fail_early(j, diag);
	rc = journal_check_place(j, diag);
	if (rc == 0)
		rc = journal_format(j, journal_fast_bytes(j), j->asked_max, j->identity,
				    j->next_seq, diag);
	if (rc)
		return rc;
	j->is_salvaged = j->has_holes = false;
	j->reason = NULL;
	atomic_store_explicit(&j->broken, JOURNAL_WHOLE, memory_order_release);
	return 0;
}

/* ---- a file that was removed while it was open -------------------------------------------- */

int journal_put_back(const struct journal *j, struct diag *diag)
{
	char *from;
	int error;

	if (asprintf(&from, "%s.new", j->path) < 0)
		return diag_nomem(diag);
	(void)unlink(from); /* what an earlier attempt left */
	error = copy_to(j, from);
	/* By link(), which takes no other file's place. */
	if (!error && link(from, j->path) != 0)
		error = errno;
	(void)unlink(from);
	free(from);
	if (error)
		return journal_fail(j, "cannot put the journal back", error, diag);
	return journal_folder_sync(j, diag);
}

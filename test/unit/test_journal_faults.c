/*
 * What the journal does when its disk or its file fails. The disk is a stand-in for the kernel's
 * part of it: msync(), fsync() and pwrite() are this program's own, see below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "between.h"
#include "failalloc.h"
#include "journalfile.h"
#include "base/mapguard.h"
#include "base/thread.h"
#include "ledger/pace.h"
#include "ledger/writer.h"

#define PAGE 4096u
#define RING_AT 65536u
#define FILE_BYTES (RING_AT + JOURNAL_BYTES_MIN)
#define FILE_PAGES (FILE_BYTES / PAGE)
#define SLOT_AT(i) (PAGE * (1u + (i)))
#define MARKS_AT (PAGE * 3u)
#define COPY_AT (PAGE * 4u)
#define SEGMENT_HEAD 64u
#define HEADER_BYTES 16u /* in front of a record */

/* ---- a disk that forgets ------------------------------------------------------------------- */

/*
 * What the disk has of one file. A page is dirty where its bytes are others than at the last sync,
 * or where pwrite() wrote since; a sync that fails leaves its dirty pages clean and unwritten, as
 * Linux does, and is told of once by each open file.
 */
static struct {
	int fd; /* 0: nothing is followed */
	unsigned fails;
	unsigned msyncs;
	unsigned char stable[FILE_BYTES], seen[FILE_BYTES];
	bool is_written[FILE_PAGES];
} disk;

static void disk_follow(const char *path)
{
	disk.fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(disk.fd > 0);
	assert_int_equal(pread(disk.fd, disk.stable, FILE_BYTES, 0), FILE_BYTES);
	memcpy(disk.seen, disk.stable, FILE_BYTES);
	memset(disk.is_written, 0, sizeof(disk.is_written));
	disk.fails = disk.msyncs = 0;
}

static void disk_leave(void)
{
	if (disk.fd > 0)
		(void)close(disk.fd);
	disk.fd = 0;
	disk.fails = 0;
}

static bool is_followed(int fd)
{
	struct stat one, other;

	return disk.fd > 0 && fstat(disk.fd, &one) == 0 && fstat(fd, &other) == 0 &&
	       one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

/* -1 and EIO, or 0. */
static int sync_pages(size_t first, size_t end)
{
	static unsigned char now[FILE_BYTES];
	bool fails = disk.fails > 0;

	if (pread(disk.fd, now, FILE_BYTES, 0) < 0)
		return 0;
	for (size_t i = first; i < end && i < FILE_PAGES; i++) {
		size_t at = i * PAGE;

		if (!disk.is_written[i] && memcmp(now + at, disk.seen + at, PAGE) == 0)
			continue;
		if (!fails)
			memcpy(disk.stable + at, now + at, PAGE);
		memcpy(disk.seen + at, now + at, PAGE);
		disk.is_written[i] = false;
	}
	if (!fails)
		return 0;
	disk.fails--;
	errno = EIO;
	return -1;
}

/* Which pages of the followed file are mapped at @addr: as /proc/self/maps has it. */
static int sync_mapping(uintptr_t addr, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[600];
	struct stat st;
	int rc = 0;

	assert_non_null(maps);
	assert_int_equal(fstat(disk.fd, &st), 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long begin, end, offset, inode;

		if (sscanf(line, "%lx-%lx %*s %lx %*s %lu", &begin, &end, &offset, &inode) != 4 ||
		    inode != st.st_ino || end <= addr || begin >= addr + len)
			continue;
		if (begin < addr) {
			offset += addr - begin;
			begin = addr;
		}
		if (end > addr + len)
			end = addr + len;
		if (sync_pages(offset / PAGE, (offset + (end - begin) + PAGE - 1) / PAGE) != 0)
			rc = -1;
	}
	(void)fclose(maps);
	return rc;
}

int msync(void *addr, size_t len, int flags)
{
	disk.msyncs++;
	if (disk.fd > 0 && sync_mapping((uintptr_t)addr, len) != 0)
		return -1;
	return (int)syscall(SYS_msync, addr, len, flags);
}

int fsync(int fd)
{
	if (is_followed(fd) && sync_pages(0, FILE_PAGES) != 0)
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	if (is_followed(fd) && n > 0)
		for (size_t i = (size_t)at / PAGE; i <= ((size_t)at + n - 1) / PAGE; i++)
			disk.is_written[i < FILE_PAGES ? i : 0] = true;
	return (ssize_t)syscall(SYS_pwrite64, fd, data, n, at);
}

/* ---- the fixture --------------------------------------------------------------------------- */

static int leave_disk(void **state)
{
	disk_leave();
	return tear_down(state);
}

static void new_journal(struct fixture *f)
{
	open_journal(f);
	assert_int_equal(journal_format(f->journal, JOURNAL_BYTES_MIN, 0, ours, 1, &f->diag), 0);
}

/* The body says which record it is. */
static int append(struct fixture *f, size_t len, bool is_power)
{
	uint64_t seq = inspect(f->journal).next_seq, given = 0;
	unsigned char *body = journal_reserve(f->journal, len);
	int rc;

	assert_non_null(body);
	memset(body, (int)(seq % 251), len);
	rc = journal_commit(f->journal, is_power, &given, &f->diag);
	if (rc == 0)
		assert_int_equal(given, seq);
	return rc;
}

/* Takes all out and says which there are: "1-3 5". */
static const char *take_all(struct fixture *f)
{
	static char text[200];
	struct journal_record record;
	uint64_t first = 0, last = 0;
	int rc;

	text[0] = '\0';
	do {
		rc = journal_next(f->journal, &record, &f->diag);
		assert_true(rc >= 0);
		if (first && (rc == 0 || record.seq != last + 1)) {
			size_t n = strlen(text);

			(void)snprintf(text + n, sizeof(text) - n,
				       first == last ? "%s%llu" : "%s%llu-%llu", n ? " " : "",
				       (unsigned long long)first, (unsigned long long)last);
			first = 0;
		}
		if (rc == 1) {
			first = first ? first : record.seq;
			last = record.seq;
			for (size_t i = 0; i < record.len; i++)
				assert_int_equal(((const unsigned char *)record.body)[i],
						 last % 251);
		}
	} while (rc == 1);
	return text;
}

static void poke(const char *path, size_t at, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
	assert_int_equal(close(fd), 0);
}

/* The power fails: the journal is opened from what the disk has. */
static void cut_power(struct fixture *f)
{
	close_journal(f);
	disk_leave();
	poke(f->path, 0, disk.stable, FILE_BYTES);
	open_journal(f);
}

static unsigned count_copies(struct fixture *f, char *one, size_t cap)
{
	DIR *dir = opendir(f->folder.path);
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "ring.damaged-", 13) != 0)
			continue;
		if (one)
			(void)snprintf(one, cap, "%s", folder_file(&f->folder, entry->d_name));
		count++;
	}
	(void)closedir(dir);
	return count;
}

static void assert_line(const char *line, const char *part)
{
	if (!line || !strstr(line, part))
		fail_msg("'%s' lacks '%s'", line ? line : "(none)", part);
}

/* ---- failed syncs ---------------------------------------------------------------------------- */

/* Records over several pages that no sync has seen, then a power record whose sync fails once. */
static void test_journal_commit__a_failed_sync_is_not_believed(void **state)
{
	struct fixture *f = *state;
	int error;

	new_journal(f);
	disk_follow(f->path);
	for (int i = 0; i < 30; i++)
		assert_int_equal(append(f, 700, false), 0);
	disk.fails = 1;
	assert_int_equal(append(f, 100, true), ERR_IO);
	assert_line(f->diag.text, "Input/output error");
	assert_int_equal(journal_failures(f->journal, &error), 1);
	assert_int_equal(error, EIO);
	/* The disk is well again, and a sync would succeed: what it would be of is not written. */
	assert_false(journal_takes_power(f->journal));
	assert_int_equal(append(f, 100, true), ERR_IO);
	assert_int_equal(append(f, 700, false), 0);
	assert_true(journal_must_sync(f->journal));
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	assert_false(journal_must_sync(f->journal));
	assert_true(journal_takes_power(f->journal));
	assert_int_equal(append(f, 100, true), 0);
	cut_power(f);
	assert_null(journal_damage(f->journal));
	assert_string_equal(take_all(f), "1-32");
}

/* Making it good fails, too: it is tried again, all of it. */
static void test_journal_sync__fails_while_it_makes_good(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	disk_follow(f->path);
	for (int i = 0; i < 30; i++)
		assert_int_equal(append(f, 700, false), 0);
	disk.fails = 4; /* the power record's, two that ask for old errors, the one that counts */
	assert_int_equal(append(f, 100, true), ERR_IO);
	assert_int_equal(journal_sync(f->journal, &f->diag), ERR_IO);
	assert_false(journal_takes_power(f->journal));
	assert_false(journal_must_sync(f->journal)); /* not at once */
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	assert_int_equal(append(f, 100, true), 0);
	cut_power(f);
	assert_string_equal(take_all(f), "1-31");
}

/* The writer's sync fails: the appending thread does not believe its own next one. */
static void test_journal_sync__failed(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	disk_follow(f->path);
	for (int i = 0; i < 30; i++)
		assert_int_equal(append(f, 700, false), 0);
	disk.fails = 1;
	assert_int_equal(journal_sync(f->journal, &f->diag), ERR_IO);
	assert_int_equal(append(f, 100, true), ERR_IO);
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	assert_int_equal(append(f, 100, true), 0);
	cut_power(f);
	assert_string_equal(take_all(f), "1-31");
}

/* Room is used again only after the slots are on the disk: else a restart begins in the middle. */
static void test_journal_release__failed(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;

	new_journal(f);
	disk_follow(f->path);
	for (int i = 0; i < 60; i++)
		assert_int_equal(append(f, 1000, false), 0);
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	(void)take_all(f);
	disk.fails = 1;
	journal_release(f->journal);
	for (int i = 0; i < 5; i++)
		journal_release(f->journal); /* nothing fails any more */
	while (journal_has_room(f->journal, 1000) && append(f, 1000, false) == 0)
		count++;
	assert_true(count < 6);
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	journal_release(f->journal);
	journal_release(f->journal);
	while (journal_has_room(f->journal, 1000) && append(f, 1000, false) == 0)
		count++;
	assert_true(count > 50);
	assert_int_equal(append(f, 10, true), 0);
	cut_power(f);
	assert_null(journal_damage(f->journal));
	assert_int_equal(inspect(f->journal).first_seq, 61);
	assert_int_equal(inspect(f->journal).next_seq, 62 + count);
}

/* What a killed broker left in the page cache may not be on the disk: the slots are written anew.
 */
static void test_journal_open__after_a_failed_release(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int i = 0; i < 60; i++)
		assert_int_equal(append(f, 1000, false), 0);
	(void)take_all(f);
	close_journal(f);
	open_journal(f);
	disk_follow(f->path);
	(void)take_all(f);
	disk.fails = 1;
	journal_release(f->journal);
	close_journal(f); /* killed */
	disk.fails = 1;
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), ERR_IO);
	assert_null(f->journal);
	open_journal(f);
	for (int i = 0; i < 50; i++)
		assert_int_equal(append(f, 1000, i == 49), 0);
	cut_power(f);
	assert_null(journal_damage(f->journal));
	assert_string_equal(take_all(f), "61-110");
}

static void test_journal_format__failed(void **state)
{
	struct fixture *f = *state;

	open_journal(f);
	disk.fd = open(f->path, O_RDONLY | O_CLOEXEC);
	memset(disk.stable, 0, sizeof(disk.stable));
	memset(disk.seen, 0, sizeof(disk.seen));
	for (unsigned n = 1;; n++) {
		disk.fails = 0;
		memset(disk.is_written, 0, sizeof(disk.is_written));
		disk.fails = n % 2; /* the first sync fails, then none does */
		if (journal_format(f->journal, JOURNAL_BYTES_MIN, 0, ours, 1, &f->diag) == 0)
			break;
		assert_true(journal_is_blank(f->journal));
	}
	assert_int_equal(append(f, 100, true), 0);
	cut_power(f);
	assert_string_equal(take_all(f), "1");
}

/* ---- segments, when the power fails -----------------------------------------------------------
 */

/* Appends up to the first record of the next segment, which is not there yet. */
static void fill_segment(struct fixture *f)
{
	uint64_t begun = journal_place(f->journal) / (JOURNAL_BYTES_MIN / 4);

	for (;;) {
		assert_non_null(journal_reserve(f->journal, 1000));
		if (journal_place(f->journal) / (JOURNAL_BYTES_MIN / 4) != begun)
			return;
		assert_int_equal(append(f, 1000, false), 0);
	}
}

/* A power record is as safe as the head of its segment. */
static void test_journal_commit__power_in_a_new_segment(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	disk_follow(f->path);
	for (int i = 0; i < 2; i++)
		fill_segment(f);
	assert_int_equal(append(f, 1000, true), 0);
	cut_power(f);
	assert_null(journal_damage(f->journal));
	assert_string_equal(take_all(f), "1-33");
}

/*
 * Its segment was begun, and read in part, before any sync: what is synced begins in its middle,
 * the head has to be synced as well.
 */
static void test_journal_commit__power_in_a_segment_read_in_part(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	new_journal(f);
	disk_follow(f->path);
	for (int lap = 0; lap < 9; lap++) {
		fill_segment(f);
		for (int i = 0; i < 8; i++) /* beyond the head's page */
			assert_int_equal(append(f, 1000, false), 0);
		(void)take_all(f);
		journal_release(f->journal);
		journal_release(f->journal);
		assert_int_equal(append(f, 1000, lap % 2 != 0), 0);
		if (lap % 2 == 0)
			assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	}
	fill_segment(f);
	for (int i = 0; i < 8; i++)
		assert_int_equal(append(f, 1000, false), 0);
	(void)take_all(f);
	journal_release(f->journal);
	journal_release(f->journal);
	assert_int_equal(append(f, 1000, true), 0);
	seq = inspect(f->journal).next_seq;
	cut_power(f);
	assert_null(journal_damage(f->journal));
	assert_int_equal(inspect(f->journal).next_seq, seq);
	assert_null(strchr(take_all(f), '-')); /* the one record, whole */
}

/* A sync fails while there are several segments: their heads are written anew as well. */
static void test_journal_sync__makes_segments_good(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	disk_follow(f->path);
	for (int i = 0; i < 2; i++)
		fill_segment(f);
	assert_int_equal(append(f, 1000, false), 0);
	disk.fails = 1;
	assert_int_equal(append(f, 1000, true), ERR_IO);
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	assert_int_equal(append(f, 1000, true), 0);
	cut_power(f);
	assert_null(journal_damage(f->journal));
	assert_string_equal(take_all(f), "1-34");
}

/* ---- damage -------------------------------------------------------------------------------- */

static size_t place_of(unsigned record, size_t len)
{
	return RING_AT + SEGMENT_HEAD + record * (HEADER_BYTES + len);
}

/* What is whole behind what is not is kept, whatever is broken in front of it. */
static void test_journal_open__damage_in_the_middle(void **state)
{
	static const struct {
		size_t at, len;
		const char *left, *line;
	} damage[] = {
		{ 0, 8, "2-40", "1 writes that were acknowledged are missing (1), 39 are kept" },
		{ 3 * 80, 8, "1-3 5-40", "missing (4)" },     /* its number */
		{ 3 * 80 + 8, 4, "1-3 5-40", "missing (4)" }, /* its length */
		{ 3 * 80 + 12, 4, "1-3 5-40", "missing (4)" },
		{ 3 * 80 + 40, 1, "1-3 5-40", "missing (4)" },
		{ 3 * 80 + 75, 8, "1-3 6-40", "2 writes that were acknowledged are missing (4-5)" },
		{ 10 * 80 + 3, 1000, "1-10 24-40", "missing (11-23), 27 are kept" },
	};
	static unsigned char junk[1000], copied[FILE_BYTES];
	struct fixture *f = *state;
	char copy[400] = "";
	int fd;

	memset(junk, 0xab, sizeof(junk));
	for (size_t i = 0; i < sizeof(damage) / sizeof(*damage); i++) {
		new_journal(f);
		for (int k = 0; k < 40; k++)
			assert_int_equal(append(f, 64, false), 0);
		close_journal(f);
		poke(f->path, place_of(0, 0) + damage[i].at, junk, damage[i].len);
		disk_follow(f->path);
		disk_leave(); /* disk.stable is the damaged file */
		open_journal(f);
		assert_line(journal_damage(f->journal), damage[i].line);
		assert_int_equal(count_copies(f, copy, sizeof(copy)), 1);
		assert_line(journal_damage(f->journal), copy);
		fd = open(copy, O_RDONLY | O_CLOEXEC);
		assert_int_equal(read(fd, copied, FILE_BYTES), FILE_BYTES);
		(void)close(fd);
		assert_memory_equal(copied, disk.stable, FILE_BYTES);
		assert_string_equal(take_all(f), damage[i].left);
		close_journal(f);
		assert_int_equal(unlink(copy), 0);
		assert_int_equal(unlink(f->path), 0);
	}
}

/* Many holes: the line stays one line, and so many copies lie beside the file at most. */
static void test_journal_open__damage_is_bounded(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int k = 0; k < 200; k++)
		assert_int_equal(append(f, 64, false), 0);
	close_journal(f);
	for (unsigned k = 0; k < 200; k += 2)
		poke(f->path, place_of(k, 64) + 20, "\xff", 1);
	for (unsigned i = 0; i < JOURNAL_COPIES_MAX + 2; i++) {
		open_journal(f);
		assert_line(journal_damage(f->journal), "100 writes that were acknowledged are");
		assert_line(journal_damage(f->journal), ", ...)");
		assert_line(journal_damage(f->journal),
			    i < JOURNAL_COPIES_MAX ? "as it was: " : "no copy of it");
		close_journal(f);
	}
	assert_int_equal(count_copies(f, NULL, 0), JOURNAL_COPIES_MAX);
}

/* A copy that can't be made: nothing is overwritten. */
static void test_journal_open__damage_without_a_copy(void **state)
{
	struct fixture *f = *state;

	if (geteuid() == 0)
		skip(); /* root writes everywhere */
	new_journal(f);
	for (int k = 0; k < 3; k++)
		assert_int_equal(append(f, 64, false), 0);
	close_journal(f);
	poke(f->path, place_of(1, 64) + 20, "#", 1);
	assert_int_equal(chmod(f->folder.path, 0500), 0);
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), ERR_IO);
	assert_int_equal(chmod(f->folder.path, 0700), 0);
	open_journal(f);
	assert_string_equal(take_all(f), "1 3");
}

/* The newest record: damage where it was synced, the end that a power cut leaves where it was not.
 */
static void test_journal_open__damaged_end(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int k = 0; k < 5; k++)
		assert_int_equal(append(f, 64, k == 4), 0);
	close_journal(f);
	poke(f->path, place_of(4, 64) + 20, "#", 1);
	open_journal(f);
	assert_line(journal_damage(f->journal), "missing (5), 4 are kept");
	assert_int_equal(inspect(f->journal).next_seq, 6); /* 5 is not used again */
	assert_string_equal(take_all(f), "1-4");
	assert_int_equal(append(f, 64, false), 0);
	assert_string_equal(take_all(f), "6");
	close_journal(f);
	assert_int_equal(unlink(f->path), 0);

	new_journal(f);
	for (int k = 0; k < 5; k++)
		assert_int_equal(append(f, 64, k == 3), 0);
	close_journal(f);
	poke(f->path, place_of(4, 64) + 20, "#", 1);
	open_journal(f);
	assert_null(journal_damage(f->journal));
	assert_int_equal(inspect(f->journal).torn_seq, 5);
	assert_string_equal(take_all(f), "1-4");
}

/* The writer's syncs are marked as well. */
static void test_journal_sync__marks_how_far(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int k = 0; k < 5; k++)
		assert_int_equal(append(f, 64, false), 0);
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	close_journal(f);
	poke(f->path, place_of(3, 64), "################", 16);
	poke(f->path, place_of(4, 64), "################", 16);
	open_journal(f);
	assert_line(journal_damage(f->journal), "missing (4-5), 3 are kept");
}

/* What waited while the disk was slow is brought to it at once, not a segment at a time. */
static void check_one_sync(struct fixture *f, bool is_power)
{
	static unsigned char now[FILE_BYTES];

	new_journal(f);
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	disk_follow(f->path);
	while (inspect(f->journal).used < JOURNAL_BYTES_MIN / 8 * 7)
		assert_int_equal(append(f, 240, false), 0);
	disk.msyncs = 0;
	if (is_power)
		assert_int_equal(append(f, 240, true), 0);
	else
		assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	assert_int_equal(disk.msyncs, 1);
	assert_int_equal(pread(disk.fd, now, FILE_BYTES, 0), FILE_BYTES);
	assert_memory_equal(now + RING_AT, disk.stable + RING_AT, JOURNAL_BYTES_MIN);
	disk_leave();
}

static void test_journal_sync__many_segments_are_one_sync(void **state)
{
	check_one_sync(*state, false);
}

static void test_journal_commit__a_power_record_waits_for_one_sync(void **state)
{
	check_one_sync(*state, true);
}

/* A power cut may leave later pages than those that it took: what is whole there is kept. */
static void test_journal_open__a_page_of_the_unsynced_end_is_missing(void **state)
{
	static const char nothing[PAGE];
	struct fixture *f = *state;

	new_journal(f);
	for (int k = 0; k < 60; k++)
		assert_int_equal(append(f, 240, false), 0);
	close_journal(f);
	poke(f->path, RING_AT + PAGE, nothing, PAGE);
	open_journal(f);
	assert_line(journal_damage(f->journal), "missing (16-32), 43 are kept");
	assert_string_equal(take_all(f), "1-15 33-60");
}

static void test_journal_open__both_slots_damaged(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int lap = 0; lap < 7; lap++) {
		for (int k = 0; k < 50; k++)
			assert_int_equal(append(f, 240, false), 0);
		if (lap == 6)
			break;
		(void)take_all(f);
		journal_release(f->journal);
		journal_release(f->journal);
	}
	assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	close_journal(f);
	poke(f->path, SLOT_AT(0), "########", 8);
	poke(f->path, SLOT_AT(1), "########", 8);
	open_journal(f);
	/* From the oldest that was not overwritten, which the database has; up to the last. */
	assert_uint_in_range(inspect(f->journal).first_seq, 2, 301);
	assert_int_equal(inspect(f->journal).next_seq, 351);
	(void)take_all(f);
	assert_int_equal(append(f, 10, true), 0);
	close_journal(f);
	poke(f->path, SLOT_AT(0), "########", 8);
	poke(f->path, SLOT_AT(1), "########", 8);
	poke(f->path, MARKS_AT, "########", 8);
	poke(f->path, MARKS_AT + 1024, "########", 8);
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), ERR_INVALID);
	assert_line(f->diag.text, "both tail slots are damaged");
	assert_line(f->diag.text, "petstorectl restored");
}

static void test_journal_open__damaged_header(void **state)
{
	static const char nothing[PAGE];
	struct fixture *f = *state;

	new_journal(f);
	assert_int_equal(append(f, 64, false), 0);
	close_journal(f);
	poke(f->path, 0, nothing, PAGE); /* reads as blank */
	open_journal(f);
	assert_line(journal_damage(f->journal), "header was damaged");
	assert_string_equal(take_all(f), "1");
	close_journal(f);
	poke(f->path, 0, "#", 1);
	poke(f->path, COPY_AT + 20, "#", 1);
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), ERR_VERSION);
	assert_line(f->diag.text, "petstorectl restored");
}

/* What is left of a file that was cut while nobody had it open. */
static void test_journal_open__cut(void **state)
{
	struct fixture *f = *state;

	for (int is_synced = 0; is_synced < 2; is_synced++) {
		new_journal(f);
		for (int k = 0; k < 60; k++)
			assert_int_equal(append(f, 240, is_synced && k == 39), 0);
		close_journal(f);
		assert_int_equal(truncate(f->path, RING_AT + 2 * PAGE), 0);
		open_journal(f);
		assert_line(journal_damage(f->journal),
			    is_synced ? "9 writes that were acknowledged are missing (32-40)"
				      : "the file had been cut");
		assert_string_equal(take_all(f), "1-31");
		assert_int_equal(append(f, 240, true), 0);
		close_journal(f);
		assert_int_equal(unlink(f->path), 0);
	}
}

/* Slots that are damaged before anything was synced. */
static void test_journal_open__both_slots_damaged_early(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int k = 0; k < 10; k++)
		assert_int_equal(append(f, 240, false), 0);
	close_journal(f);
	poke(f->path, SLOT_AT(0), "########", 8);
	poke(f->path, SLOT_AT(1), "########", 8);
	open_journal(f);
	assert_string_equal(take_all(f), "1-10");
}

/* A body full of what looks like records costs no more than bounded time, and passes for none. */
static void test_journal_open__forgeries_behind_damage(void **state)
{
	struct fixture *f = *state;
	struct {
		uint64_t seq;
		uint32_t len, crc;
	} forged = { .seq = UINT64_C(1) << 63 | 4, .len = JOURNAL_BYTES_MIN / 4, .crc = 7 };
	unsigned char *body;
	uint64_t seq;

	new_journal(f);
	for (int i = 0; i < 3; i++) {
		body = journal_reserve(f->journal, 16000);
		for (size_t at = 0; at < 16000; at += sizeof(forged))
			memcpy(body + at, &forged, sizeof(forged));
		assert_int_equal(journal_commit(f->journal, false, &seq, &f->diag), 0);
	}
	close_journal(f);
	poke(f->path, RING_AT, "#", 1);
	open_journal(f);
	assert_line(journal_damage(f->journal) ? journal_damage(f->journal) : "missing", "missing");
	assert_true(inspect(f->journal).next_seq <= 4);
}

/* ---- the file breaks under the mapping ---------------------------------------------------------
 */

static void test_journal_check__sees_what_happened_to_the_file(void **state)
{
	struct fixture *f = *state;
	char away[400], other[400];
	int fd;

	(void)snprintf(away, sizeof(away), "%s.away", f->path);
	(void)snprintf(other, sizeof(other), "%s.other", f->path);
	new_journal(f);
	assert_int_equal(append(f, 64, false), 0);
	assert_int_equal(journal_check(f->journal, &f->diag), 0);
	assert_int_equal(rename(f->path, away), 0);
	assert_int_equal(journal_check(f->journal, &f->diag), ERR_INVALID);
	assert_line(f->diag.text, "is gone");
	fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(close(fd), 0);
	assert_int_equal(journal_check(f->journal, &f->diag), ERR_INVALID);
	assert_line(f->diag.text, "is another file");
	assert_false(journal_is_broken(f->journal));
	assert_int_equal(rename(away, f->path), 0); /* back: all is well */
	assert_int_equal(journal_check(f->journal, &f->diag), 0);
	poke(f->path, place_of(0, 64) + 20, "#", 1);
	assert_int_equal(journal_check(f->journal, &f->diag), ERR_INVALID);
	assert_line(f->diag.text, "something wrote to the file");
	assert_true(journal_is_broken(f->journal));
}

static void break_and_mend(struct fixture *f, const char *line, const char *left)
{
	assert_true(journal_is_broken(f->journal));
	assert_int_equal(append(f, 64, false), ERR_IO);
	assert_int_equal(journal_salvage(f->journal, &f->diag), ERR_BUSY);
	journal_stop(f->journal);
	assert_int_equal(journal_renew(f->journal, &f->diag), ERR_BUSY);
	assert_int_equal(journal_salvage(f->journal, &f->diag), 0);
	assert_line(f->diag.text, line);
	assert_string_equal(take_all(f), left);
	journal_release(f->journal);
	assert_int_equal(journal_renew(f->journal, &f->diag), 0);
	assert_false(journal_is_broken(f->journal));
}

/* A store to a page that is gone: nothing is said to be kept, and the process lives. */
static void test_journal_commit__the_file_was_cut(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	new_journal(f);
	for (int k = 0; k < 60; k++)
		assert_int_equal(append(f, 240, k == 20), 0);
	assert_int_equal(truncate(f->path, RING_AT + 2 * PAGE), 0);
	assert_int_equal(append(f, 10000, false), ERR_IO);
	assert_line(f->diag.text, "is broken");
	break_and_mend(f, "29 writes that were acknowledged are missing (32-60), 31 are kept",
		       "1-31");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, FILE_BYTES);
	assert_int_equal(inspect(f->journal).next_seq, 61);
	assert_int_equal(append(f, 64, true), 0);
	assert_int_equal(journal_check(f->journal, &f->diag), 0);
	close_journal(f);
	open_journal(f);
	assert_string_equal(take_all(f), "61");
}

/* Nobody touches the pages: the check finds out. */
static void test_journal_check__the_file_was_emptied(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	assert_int_equal(append(f, 64, false), 0);
	(void)take_all(f);
	journal_release(f->journal);
	journal_release(f->journal);
	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(journal_check(f->journal, &f->diag), ERR_INVALID);
	assert_line(f->diag.text, "changed its size");
	break_and_mend(f, "nothing is missing", "");
	assert_int_equal(append(f, 64, true), 0);
}

/* Read by the writer's thread, which must not be one that blocks SIGBUS. */
static void *run_take_all(void *ctx)
{
	struct journal_record record;

	return journal_next(ctx, &record, NULL) == ERR_INVALID ? ctx : NULL;
}

static void test_journal_next__the_file_was_cut(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *answer = NULL;

	new_journal(f);
	assert_int_equal(append(f, 64, false), 0);
	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(thread_start(&thread, run_take_all, f->journal, "taker"), 0);
	assert_int_equal(pthread_join(thread, &answer), 0);
	assert_ptr_equal(answer, f->journal);
	break_and_mend(f, "missing (1), 0 are kept", "");
}

/* An older copy is written over the file; then a record that is damaged under the running writer.
 */
static void test_journal_next__damaged(void **state)
{
	struct fixture *f = *state;
	struct journal_record record;

	new_journal(f);
	for (int k = 0; k < 6; k++)
		assert_int_equal(append(f, 64, false), 0);
	poke(f->path, place_of(2, 64) + 20, "#", 1);
	assert_int_equal(journal_next(f->journal, &record, &f->diag), 1);
	assert_int_equal(journal_next(f->journal, &record, &f->diag), 1);
	assert_int_equal(journal_next(f->journal, &record, &f->diag), ERR_INVALID);
	break_and_mend(f, "1 writes that were acknowledged are missing (3), 5 are kept", "1-2 4-6");
	assert_int_equal(count_copies(f, NULL, 0), 1);
	assert_int_equal(append(f, 64, false), 0);
	assert_string_equal(take_all(f), "7");
}

static void test_journal_recheck__what_was_read_changed(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	for (int k = 0; k < 6; k++)
		assert_int_equal(append(f, 64, false), 0);
	(void)take_all(f);
	assert_int_equal(journal_recheck(f->journal, &f->diag), 0);
	poke(f->path, place_of(2, 64) + 20, "#", 1);
	assert_int_equal(journal_recheck(f->journal, &f->diag), ERR_IO);
}

/* Only a range that is guarded is mended: elsewhere the process ends as ever. */
static void test_mapguard__elsewhere_is_passed_on(void **state)
{
	struct fixture *f = *state;
	void (*before)(int) = signal(SIGBUS, SIG_DFL); /* not the sanitizer's */
	pid_t child;
	int status;

	new_journal(f);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = open(folder_file(&f->folder, "empty"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		*(volatile char *)map = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	close_journal(f);
	(void)signal(SIGBUS, before);
}

static void test_mapguard__is_taken_out_with_the_last_range(void **state)
{
	struct fixture *f = *state;
	struct sigaction before, with, after;

	assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
	new_journal(f);
	assert_int_equal(sigaction(SIGBUS, NULL, &with), 0);
	assert_true(with.sa_sigaction != before.sa_sigaction);
	close_journal(f);
	assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
	assert_true(after.sa_sigaction == before.sa_sigaction);
}

static void test_mapguard_add__table_is_full(void **state)
{
	static char at[MAPGUARD_RANGES + 1][PAGE];
	_Atomic int mark = 0;

	(void)state;
	for (unsigned i = 0; i < MAPGUARD_RANGES; i++)
		assert_int_equal(mapguard_add(at[i], PAGE, &mark), 0);
	assert_int_equal(mapguard_add(at[MAPGUARD_RANGES], PAGE, &mark), EBUSY);
	for (unsigned i = 0; i < MAPGUARD_RANGES; i++)
		mapguard_remove(at[i]);
	mapguard_remove(at[0]);
}

/* ---- a slow disk ----------------------------------------------------------------------------- */

#define MS INT64_C(1000000)

static void test_pace__many_quick_syncs_are_not_slow(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	for (int64_t at = 0; at < 5000; at += 10)
		pace_add(&pace, at * MS, (at + 9) * MS);
	assert_false(pace_is_slow(&pace, 5000 * MS));
}

static void test_pace__one_long_sync(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	pace_add(&pace, 0, (PACE_SHARE_MAX_MS - 1) * MS);
	assert_false(pace_is_slow(&pace, 1000 * MS));
	pace_add(&pace, 1000 * MS, 1500 * MS);
	assert_true(pace_is_slow(&pace, 1500 * MS));
	assert_int_equal(pace_took_ns(&pace, 1500 * MS), 500 * MS);
	assert_true(pace_must_probe(&pace));
	/* Slow and quick ones, then quick ones only. */
	for (int i = 0; i < 3; i++) {
		pace_begin(&pace, 2000 * MS);
		pace_end(&pace, 2010 * MS, true);
		pace_begin(&pace, 2500 * MS);
		pace_end(&pace, 2560 * MS, true);
	}
	pace_begin(&pace, 3000 * MS);
	pace_end(&pace, 3001 * MS, false); /* failed: says nothing */
	assert_true(pace_is_slow(&pace, 3001 * MS));
	for (unsigned i = 0; i < PACE_QUICK; i++) {
		assert_true(pace_is_slow(&pace, 3001 * MS));
		pace_begin(&pace, 4000 * MS);
		pace_end(&pace, 4001 * MS, true);
	}
	assert_false(pace_is_slow(&pace, 4001 * MS));
}

static void test_pace__a_share_of_a_second(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	for (int64_t second = 0; second < 5; second++) /* two of 100 ms in each */
		for (int64_t i = 0; i < 2; i++)
			pace_add(&pace, (second * 1100 + i * 400) * MS,
				 (second * 1100 + i * 400 + 100) * MS);
	assert_false(pace_is_slow(&pace, 6000 * MS));
	for (int64_t i = 0; i < 3; i++)
		pace_add(&pace, (7000 + i * 110) * MS, (7100 + i * 110) * MS);
	assert_true(pace_is_slow(&pace, 7400 * MS));
	assert_int_equal(atomic_load(&pace.slow_syncs), 13);
}

/* A sync of the writer's that does not end says it before the broker's thread waits for one. */
static void test_pace__the_writers_sync_hangs(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	pace_begin(&pace, 1000 * MS);
	assert_false(pace_is_slow(&pace, 1499 * MS));
	assert_true(pace_is_slow(&pace, 1500 * MS));
	assert_int_equal(pace_took_ns(&pace, 1600 * MS), 600 * MS);
	pace_end(&pace, 9000 * MS, true);
	assert_true(pace_is_slow(&pace, 9001 * MS));
	assert_int_equal(pace_took_ns(&pace, 9001 * MS), 8000 * MS);
}

/* ---- stall ------------------------------------------------------------------------------- */

/* Looks each 100 ms for @ms, while @rounds stand. */
static bool look_for(struct writer_stall *stall, uint64_t rounds, int64_t *now_ms, int64_t ms)
{
	bool hangs = false;

	for (int64_t end = *now_ms + ms; *now_ms < end; *now_ms += 100)
		hangs = writer_stall_look(stall, rounds, *now_ms * MS);
	return hangs;
}

/* Some system calls of ten seconds each in half a round. */
static void test_stall__a_slow_disk_is_no_hanging(void **state)
{
	struct writer_stall stall = { 0 };
	int64_t now_ms = 5000;

	(void)state;
	for (uint64_t rounds = 0; rounds < 5; rounds++)
		assert_false(look_for(&stall, rounds, &now_ms, 40000));
	assert_true(look_for(&stall, 4, &now_ms, WRITER_STALL_MS));
	assert_false(look_for(&stall, 5, &now_ms, 100));
}

/* The broker's thread waited for the disk itself: what it did not see is no hanging. */
static void test_stall__time_that_nobody_looked_is_not_counted(void **state)
{
	struct writer_stall stall = { 0 };
	int64_t now_ms = 5000;

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_false(look_for(&stall, 7, &now_ms, 1000));
		now_ms += 2 * WRITER_STALL_MS;
	}
	assert_false(look_for(&stall, 7, &now_ms, WRITER_STALL_MS / 2));
	assert_true(look_for(&stall, 7, &now_ms, WRITER_STALL_MS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, leave_disk)
	const struct CMUnitTest tests[] = {
		TEST(test_journal_commit__a_failed_sync_is_not_believed),
		TEST(test_journal_sync__fails_while_it_makes_good),
		TEST(test_journal_sync__failed),
		TEST(test_journal_release__failed),
		TEST(test_journal_open__after_a_failed_release),
		TEST(test_journal_format__failed),
		TEST(test_journal_commit__power_in_a_new_segment),
		TEST(test_journal_commit__power_in_a_segment_read_in_part),
		TEST(test_journal_sync__makes_segments_good),
		TEST(test_journal_open__damage_in_the_middle),
		TEST(test_journal_open__damage_is_bounded),
		TEST(test_journal_open__damage_without_a_copy),
		TEST(test_journal_open__damaged_end),
		TEST(test_journal_sync__marks_how_far),
		TEST(test_journal_sync__many_segments_are_one_sync),
		TEST(test_journal_commit__a_power_record_waits_for_one_sync),
		TEST(test_journal_open__a_page_of_the_unsynced_end_is_missing),
		TEST(test_journal_open__both_slots_damaged),
		TEST(test_journal_open__both_slots_damaged_early),
		TEST(test_journal_open__damaged_header),
		TEST(test_journal_open__cut),
		TEST(test_journal_open__forgeries_behind_damage),
		TEST(test_journal_check__sees_what_happened_to_the_file),
		TEST(test_journal_commit__the_file_was_cut),
		TEST(test_journal_check__the_file_was_emptied),
		TEST(test_journal_next__the_file_was_cut),
		TEST(test_journal_next__damaged),
		TEST(test_journal_recheck__what_was_read_changed),
		TEST(test_mapguard__elsewhere_is_passed_on),
		TEST(test_mapguard__is_taken_out_with_the_last_range),
		cmocka_unit_test(test_mapguard_add__table_is_full),
		cmocka_unit_test(test_pace__many_quick_syncs_are_not_slow),
		cmocka_unit_test(test_pace__one_long_sync),
		cmocka_unit_test(test_pace__a_share_of_a_second),
		cmocka_unit_test(test_pace__the_writers_sync_hangs),
		cmocka_unit_test(test_stall__a_slow_disk_is_no_hanging),
		cmocka_unit_test(test_stall__time_that_nobody_looked_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

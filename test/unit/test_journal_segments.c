/* The journal as a log in segments: how it grows, what it uses again, and what stands in the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "journalfile.h"
#include "ledger/crc32c.h"

#define SEGMENT (JOURNAL_BYTES_MIN / 4)
#define SEGMENTS 16u
#define BYTES_MAX (SEGMENTS * SEGMENT)
#define SEGMENTS_AT 65536u
#define FOLDER_AT (5u * 4096u) /* copies of the segments' heads */
#define HEAD_BYTES 32u
#define FILE_BYTES (SEGMENTS_AT + BYTES_MAX)

/* What the disk has free; UINT64_MAX: what it says. This program's own, as the linker takes it. */
static uint64_t disk_free = UINT64_MAX;

int fstatvfs(int fd, struct statvfs *ret)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return -1;
	memset(ret, 0, sizeof(*ret));
	ret->f_frsize = 4096;
	ret->f_bavail = disk_free == UINT64_MAX ? fs.f_bavail * (uint64_t)fs.f_bsize / 4096
						: disk_free / 4096;
	return 0;
}

static void new_journal(struct fixture *f)
{
	open_journal(f);
	assert_int_equal(
		journal_format(f->journal, JOURNAL_BYTES_MIN, BYTES_MAX, ours, 1, &f->diag), 0);
}

/* The length and each byte say which record it is. */
static size_t len_of(uint64_t seq)
{
	return (size_t)(seq * 7919 % (seq % 10 ? 900 : SEGMENT - 200));
}

static bool append_bytes(struct journal *journal, size_t len)
{
	uint64_t seq = inspect(journal).next_seq, given;
	unsigned char *body = journal_reserve(journal, len);

	if (!body)
		return false;
	memset(body, (int)(seq % 251), len);
	assert_int_equal(journal_commit(journal, false, &given, NULL), 0);
	assert_int_equal(given, seq);
	return true;
}

static bool append(struct journal *journal)
{
	return append_bytes(journal, len_of(inspect(journal).next_seq));
}

static void check_body(const struct journal_record *record)
{
	for (size_t i = 0; i < record->len; i++)
		assert_int_equal(((const unsigned char *)record->body)[i], record->seq % 251);
}

/* Takes out all there is, which must be [first, end), and gives its room back. */
static void drain(struct journal *journal, uint64_t first, uint64_t end)
{
	struct journal_record record;

	for (; first < end; first++) {
		assert_int_equal(journal_next(journal, &record, NULL), 1);
		assert_int_equal(record.seq, first);
		check_body(&record);
	}
	assert_int_equal(journal_next(journal, &record, NULL), 0);
	assert_int_equal(journal_recheck(journal, NULL), 0);
	journal_release(journal);
	journal_release(journal);
}

static void read_file(const char *path, void *data)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, data, FILE_BYTES, 0), FILE_BYTES);
	(void)close(fd);
}

static void write_file(const char *path, const void *data)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, FILE_BYTES, 0), FILE_BYTES);
	(void)close(fd);
}

static void remove_copies(struct fixture *f)
{
	char command[400];

	(void)snprintf(command, sizeof(command), "rm -f %s.damaged-*", f->path);
	assert_int_equal(system(command), 0); // NOLINT: a path of our own making
}

/* ---- growing ------------------------------------------------------------------------------- */

static void test_journal__grows_while_nothing_is_taken_out(void **state)
{
	struct fixture *f = *state;
	uint64_t first = 1;

	new_journal(f);
	assert_int_equal(journal_fast_bytes(f->journal), JOURNAL_BYTES_MIN);
	assert_int_equal(journal_bytes(f->journal), BYTES_MAX);
	for (int lap = 0; lap < 5; lap++) {
		uint64_t end;

		while (append(f->journal))
			assert_int_equal(journal_check(f->journal, &f->diag), 0);
		assert_true(journal_used(f->journal) > BYTES_MAX - 2 * SEGMENT);
		assert_true(journal_is_half_full(f->journal));
		end = inspect(f->journal).next_seq;
		if (lap == 3) { /* what a killed process left */
			close_journal(f);
			open_journal(f);
			assert_null(journal_damage(f->journal));
			assert_int_equal(inspect(f->journal).torn_seq, 0);
		}
		drain(f->journal, first, end);
		assert_int_equal(journal_used(f->journal), 0);
		journal_prefault(f->journal);
		first = end;
	}
}

/* Where half is free the largest record has room, wherever head and tail are. */
static void test_journal_has_room__of_any_record_when_half_is_free(void **state)
{
	struct fixture *f = *state;
	struct journal_record record;

	open_journal(f);
	assert_int_equal(
		journal_format(f->journal, JOURNAL_BYTES_MIN, JOURNAL_BYTES_MIN, ours, 1, &f->diag),
		0);
	for (int i = 0; i < 3000; i++) {
		if (!journal_is_half_full(f->journal))
			assert_true(journal_has_room(f->journal, journal_record_max(f->journal)));
		if (i % 3 && append_bytes(f->journal, (size_t)(i * 37 % 1500)))
			continue;
		for (int n = 0; n < 3 && journal_next(f->journal, &record, NULL) == 1; n++)
			check_body(&record);
		journal_release(f->journal);
	}
}

/* Which slots begin a segment while so many records come and go. */
static unsigned slots_used(struct fixture *f, unsigned records)
{
	static unsigned char before[FILE_BYTES], after[FILE_BYTES];
	unsigned count = 0;

	read_file(f->path, before);
	for (unsigned i = 0; i < records; i++) {
		uint64_t seq = inspect(f->journal).next_seq;

		assert_true(append_bytes(f->journal, 1000));
		drain(f->journal, seq, seq + 1);
	}
	read_file(f->path, after);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		size_t at = FOLDER_AT + i * HEAD_BYTES;

		assert_memory_equal(after + at, after + SEGMENTS_AT + i * SEGMENT, HEAD_BYTES);
		count += memcmp(before + at, after + at, HEAD_BYTES) != 0;
	}
	return count;
}

/* The pages of few slots stay in memory: also after the journal had grown. */
static void test_journal__uses_few_slots_while_records_are_taken_out(void **state)
{
	struct fixture *f = *state;

	new_journal(f);
	assert_in_range(slots_used(f, 500), 1, 3);
	while (append(f->journal))
		;
	drain(f->journal, inspect(f->journal).first_seq, inspect(f->journal).next_seq);
	assert_in_range(slots_used(f, 500), 1, 4);
	close_journal(f);
	open_journal(f);
	assert_in_range(slots_used(f, 500), 1, 4);
}

/* ---- what a kill leaves --------------------------------------------------------------------- */

struct model {
	uint64_t first, next, read, random;
};

static uint64_t random_below(struct model *m, uint64_t limit)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % limit;
}

/* What a restart would find in the file as it is now. */
static void check_copy(struct fixture *f, const struct model *m)
{
	static unsigned char data[FILE_BYTES];
	struct journal *copy = NULL;
	char path[300];

	(void)strcpy(path, folder_file(&f->folder, "copy"));
	read_file(f->path, data);
	write_file(path, data);
	assert_int_equal(journal_open(path, &copy, &f->diag), 0);
	assert_null(journal_damage(copy));
	assert_int_equal(inspect(copy).first_seq, m->first);
	assert_int_equal(inspect(copy).next_seq, m->next);
	assert_int_equal(inspect(copy).torn_seq, 0);
	drain(copy, m->first, m->next);
	journal_close(copy);
	assert_int_equal(unlink(path), 0);
}

static void take_some(struct fixture *f, struct model *m, uint64_t count)
{
	struct journal_record record;

	for (; count > 0 && m->read < m->next; count--, m->read++) {
		assert_int_equal(journal_next(f->journal, &record, NULL), 1);
		assert_int_equal(record.seq, m->read);
		check_body(&record);
	}
}

static void step(struct fixture *f, struct model *m)
{
	uint64_t what = random_below(m, 100);

	if (what < 70) {
		m->next += append(f->journal);
	} else if (what < 90) {
		take_some(f, m, random_below(m, 12));
	} else if (what < 95) {
		journal_release(f->journal);
		m->first = m->read;
	} else if (what < 97) {
		journal_prefault(f->journal);
		assert_int_equal(journal_sync(f->journal, &f->diag), 0);
		assert_int_equal(journal_check(f->journal, &f->diag), 0);
	} else if (what < 98) {
		(void)journal_reserve(f->journal, SEGMENT - 200); /* and nothing comes of it */
		check_copy(f, m);
	} else if (what < 99) {
		check_copy(f, m);
	} else {
		close_journal(f);
		open_journal(f);
		m->read = m->first;
	}
	if (!journal_has_room(f->journal, SEGMENT - 200) && random_below(m, 4) == 0)
		take_some(f, m, random_below(m, m->next - m->read + 1));
}

static void test_journal__behaves_as_its_model(void **state)
{
	struct fixture *f = *state;
	struct model m = { 1, 1, 1, 88172645463325252u };

	new_journal(f);
	for (int i = 0; i < 6000; i++)
		step(f, &m);
	assert_true(m.next > 2000);
	check_copy(f, &m);
}

/* Fills the segment and begins the next one, where nothing stands yet; returns its first number. */
static uint64_t fill(struct fixture *f)
{
	uint64_t begun = journal_place(f->journal) / SEGMENT;

	for (;;) {
		assert_non_null(journal_reserve(f->journal, 1000));
		if (journal_place(f->journal) / SEGMENT != begun)
			return inspect(f->journal).next_seq;
		assert_true(append_bytes(f->journal, 1000));
	}
}

/* The slot whose head is another one in the two files. */
static unsigned slot_between(const unsigned char *before, const unsigned char *after)
{
	for (unsigned i = 0; i < SEGMENTS; i++)
		if (memcmp(before + FOLDER_AT + i * HEAD_BYTES, after + FOLDER_AT + i * HEAD_BYTES,
			   HEAD_BYTES) != 0)
			return i;
	fail_msg("no segment began");
	return 0;
}

/* Both, in what order the stores come: @words of the head, then of its copy. */
static void copy_words(unsigned char *to, const unsigned char *from, unsigned slot, unsigned words)
{
	size_t head = SEGMENTS_AT + slot * SEGMENT, copy = FOLDER_AT + slot * HEAD_BYTES;

	memcpy(to + head + 64, from + head + 64, 8); /* the place of the first record */
	memcpy(to + head, from + head, (words < 4 ? words : 4) * sizeof(uint64_t));
	if (words > 4)
		memcpy(to + copy, from + copy, (words - 4) * sizeof(uint64_t));
}

/* The file is well: it has records [first, end), takes another one, and is well again. */
static void assert_whole(struct fixture *f, uint64_t first, uint64_t end)
{
	open_journal(f);
	assert_null(journal_damage(f->journal));
	assert_int_equal(inspect(f->journal).torn_seq, 0);
	assert_int_equal(inspect(f->journal).next_seq, end);
	assert_true(append_bytes(f->journal, 5000));
	close_journal(f);
	open_journal(f);
	assert_null(journal_damage(f->journal));
	drain(f->journal, first, end + 1);
	close_journal(f);
}

/* Killed while a segment begins, after each word of its head and of the head's copy. */
static void test_journal_reserve__killed_while_a_segment_begins(void **state)
{
	static unsigned char before[FILE_BYTES], after[FILE_BYTES], now[FILE_BYTES];
	struct fixture *f = *state;
	uint64_t first = 1, next = 1;
	unsigned slot;

	new_journal(f);
	for (unsigned i = 0; i < 40; i++) { /* in slots that had others before */
		first = next;
		next = fill(f);
		if (i < 39)
			drain(f->journal, first, next);
		while (i == 38 && append_bytes(f->journal, 1000)) {
			read_file(f->path, before);
			next = inspect(f->journal).next_seq;
			if (journal_place(f->journal) % SEGMENT > SEGMENT - 1032)
				break;
		}
	}
	read_file(f->path, after);
	next = inspect(f->journal).next_seq;
	first = inspect(f->journal).first_seq;
	close_journal(f);
	slot = slot_between(before, after);
	for (unsigned words = 0; words <= 8; words++) {
		memcpy(now, before, FILE_BYTES);
		copy_words(now, after, slot, words);
		write_file(f->path, now);
		assert_whole(f, first, next);
	}
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void flip(const char *path, size_t at, size_t len)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;

	assert_true(fd >= 0);
	for (; len > 0; len--, at++) {
		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		byte ^= 0x55;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	}
	(void)close(fd);
}

/* Three segments and a part of the fourth; *second and *third are the numbers they begin with. */
static uint64_t fill_some(struct fixture *f, uint64_t *second, uint64_t *third)
{
	new_journal(f);
	*second = fill(f);
	*third = fill(f);
	(void)fill(f);
	for (int i = 0; i < 3; i++)
		assert_true(append_bytes(f->journal, 1000));
	return inspect(f->journal).next_seq;
}

/* A segment's head stands twice: each byte of one costs nothing. The slots are 0, 1, 2 and 3. */
static void test_journal_open__damaged_segment_heads(void **state)
{
	static unsigned char good[FILE_BYTES];
	struct fixture *f = *state;
	uint64_t second, third, end = fill_some(f, &second, &third);

	read_file(f->path, good);
	close_journal(f);
	for (size_t at = 0; at < 4 * (size_t)HEAD_BYTES; at++) {
		write_file(f->path, good);
		flip(f->path,
		     at % 2 ? FOLDER_AT + at
			    : SEGMENTS_AT + at / HEAD_BYTES * SEGMENT + at % HEAD_BYTES,
		     1);
		assert_whole(f, 1, end);
	}
	write_file(f->path, good);
	flip(f->path, FOLDER_AT, 4 * HEAD_BYTES);
	assert_whole(f, 1, end);
}

static void assert_line(const char *line, const char *part)
{
	if (!line || !strstr(line, part))
		fail_msg("'%s' lacks '%s'", line ? line : "(none)", part);
}

/* Both heads of a segment: its records are missing, and said to be; all others are kept. */
static void test_journal_open__a_segment_is_missing(void **state)
{
	struct fixture *f = *state;
	struct journal_record record;
	uint64_t second, third, end = fill_some(f, &second, &third), seq = 0, count = 0;
	char part[60];

	close_journal(f);
	flip(f->path, FOLDER_AT + HEAD_BYTES, HEAD_BYTES);
	flip(f->path, SEGMENTS_AT + SEGMENT, HEAD_BYTES);
	open_journal(f);
	(void)snprintf(part, sizeof(part), "missing (%u-%u), %u are kept", (unsigned)second,
		       (unsigned)third - 1, (unsigned)(end - 1 - (third - second)));
	assert_line(journal_damage(f->journal), part);
	for (; journal_next(f->journal, &record, NULL) == 1; count++) {
		assert_true(record.seq > seq && (record.seq < second || record.seq >= third));
		seq = record.seq;
		check_body(&record);
	}
	assert_int_equal(count, end - 1 - (third - second));
	assert_int_equal(journal_recheck(f->journal, &f->diag), 0);
	assert_true(append_bytes(f->journal, 1000));
	assert_int_equal(journal_next(f->journal, &record, NULL), 1);
	assert_int_equal(record.seq, end);
	remove_copies(f);
}

/* A damaged record costs itself, in whichever segment it is. */
static void test_journal_open__a_damaged_record_in_each_segment(void **state)
{
	struct fixture *f = *state;
	struct journal_record record;
	uint64_t second, third, end = fill_some(f, &second, &third), count = 0;

	close_journal(f);
	for (unsigned i = 0; i < 3; i++) /* the first and the second, and one in the middle */
		flip(f->path, SEGMENTS_AT + i * SEGMENT + 64 + i * 1016 + 20, 1);
	open_journal(f);
	assert_line(journal_damage(f->journal), "3 writes that were acknowledged are missing (1, ");
	while (journal_next(f->journal, &record, NULL) == 1) {
		check_body(&record);
		count++;
	}
	assert_int_equal(count, end - 1 - 3);
	remove_copies(f);
}

/* Without slots: from the oldest segment that others follow up to the newest. */
static void test_journal_open__both_slots_damaged(void **state)
{
	struct fixture *f = *state;
	struct journal_record record;
	uint64_t next, count = 0;

	new_journal(f);
	while (append(f->journal))
		; /* all slots are used once */
	drain(f->journal, 1, inspect(f->journal).next_seq);
	for (int i = 0; i < 10; i++) {
		next = fill(f);
		if (i < 8)
			drain(f->journal, inspect(f->journal).first_seq, next);
	}
	next = inspect(f->journal).next_seq;
	close_journal(f);
	flip(f->path, 4096, 24);
	flip(f->path, 8192, 24);
	open_journal(f);
	assert_null(journal_damage(f->journal));
	assert_int_equal(inspect(f->journal).next_seq, next);
	while (journal_next(f->journal, &record, NULL) == 1) {
		check_body(&record);
		count++;
	}
	assert_true(count >= 2 * (SEGMENT / 1016 - 1) && count <= 5 * (uint64_t)SEGMENT / 1016);
}

/* The power failed before the heads of the last segments were on the disk. */
static void test_journal_open__the_unsynced_end_has_no_head(void **state)
{
	static unsigned char good[FILE_BYTES];
	struct fixture *f = *state;
	uint64_t second, third, end = fill_some(f, &second, &third);

	read_file(f->path, good);
	close_journal(f);
	memset(good + FOLDER_AT + 2 * HEAD_BYTES, 0, 2 * HEAD_BYTES);
	memset(good + SEGMENTS_AT + 2 * SEGMENT, 0, HEAD_BYTES);
	memset(good + SEGMENTS_AT + 3 * SEGMENT, 0, HEAD_BYTES);
	write_file(f->path, good);
	assert_whole(f, 1, third);
	/* What those segments had is no part of the log, whatever is written in front of it. */
	write_file(f->path, good);
	open_journal(f);
	assert_true(append_bytes(f->journal, 1000));
	close_journal(f);
	assert_whole(f, 1, third + 1);
	write_file(f->path, good);
	open_journal(f);
	for (uint64_t i = third; i < end + 20; i++)
		assert_true(append_bytes(f->journal, 1000));
	close_journal(f);
	assert_whole(f, 1, end + 20);
}

/* A page with the last records of a segment is not on the disk; the next one's head is. */
static void test_journal_open__a_segment_begins_behind_a_lost_end(void **state)
{
	static unsigned char good[FILE_BYTES];
	struct fixture *f = *state;
	uint64_t second, third;

	(void)fill_some(f, &second, &third);
	close_journal(f);
	assert_int_equal(unlink(f->path), 0);
	new_journal(f);
	second = fill(f);
	read_file(f->path, good);
	close_journal(f);
	memset(good + SEGMENTS_AT + SEGMENT - 4096, 0, 4096);
	write_file(f->path, good);
	open_journal(f);
	assert_null(journal_damage(f->journal));
	third = inspect(f->journal).next_seq;
	assert_true(third < second);
	assert_int_equal(inspect(f->journal).torn_seq, third);
	close_journal(f);
	open_journal(f);
	assert_int_equal(inspect(f->journal).next_seq, third);
	for (int i = 0; i < 40; i++)
		assert_true(append_bytes(f->journal, 1000));
	close_journal(f);
	assert_whole(f, 1, third + 40);
}

/* What was never written is not copied. */
static void test_journal_open__the_copy_has_the_files_holes(void **state)
{
	struct fixture *f = *state;
	struct stat file, copy;
	DIR *dir;
	const struct dirent *entry;
	bool has_holes;
	int fd;

	open_journal(f);
	assert_int_equal(journal_format(f->journal, 1 << 20, 64 << 20, ours, 1, &f->diag), 0);
	for (int i = 0; i < 10; i++)
		assert_true(append_bytes(f->journal, 1000));
	close_journal(f);
	flip(f->path, SEGMENTS_AT + 64 + 2 * 1016 + 20, 1);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	has_holes = lseek(fd, 0, SEEK_HOLE) < (32 << 20); /* does the file system say so? */
	(void)close(fd);
	open_journal(f);
	assert_line(journal_damage(f->journal), "missing (3), 9 are kept");
	assert_int_equal(stat(f->path, &file), 0);
	dir = opendir(f->folder.path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) && strncmp(entry->d_name, "ring.damaged-", 13) != 0)
		;
	assert_non_null(entry);
	assert_int_equal(stat(folder_file(&f->folder, entry->d_name), &copy), 0);
	(void)closedir(dir);
	assert_int_equal(copy.st_size, file.st_size);
	if (has_holes)
		assert_true(copy.st_blocks * 512 < (16 << 20));
	remove_copies(f);
}

/* ---- the disk's room --------------------------------------------------------------------------
 */

static void test_journal_format__takes_what_the_disk_has(void **state)
{
	struct fixture *f = *state;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit before, small;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = SEGMENTS_AT + BYTES_MAX - 1;
	open_journal(f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(
		journal_format(f->journal, JOURNAL_BYTES_MIN, BYTES_MAX, ours, 1, &f->diag), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, handler);
	assert_int_equal(journal_bytes(f->journal), BYTES_MAX / 2);
	assert_int_equal(journal_fast_bytes(f->journal), JOURNAL_BYTES_MIN);
	while (append(f->journal))
		;
	close_journal(f);
	open_journal(f);
	assert_int_equal(journal_bytes(f->journal), BYTES_MAX / 2);
	drain(f->journal, 1, inspect(f->journal).next_seq);
	/* There would be room now. */
	assert_false(journal_is_sized(f->journal, JOURNAL_BYTES_MIN, BYTES_MAX));
	assert_int_equal(
		journal_format(f->journal, JOURNAL_BYTES_MIN, BYTES_MAX, ours, 1, &f->diag), 0);
	assert_int_equal(journal_bytes(f->journal), BYTES_MAX);
	assert_true(journal_is_sized(f->journal, JOURNAL_BYTES_MIN, BYTES_MAX));
	assert_false(journal_is_sized(f->journal, JOURNAL_BYTES_MIN, 2 * BYTES_MAX));
	assert_false(journal_is_sized(f->journal, 2 * JOURNAL_BYTES_MIN, BYTES_MAX));
}

/*
 * Not more than half of what is free, so that the database has room to grow as well. In memory: no
 * disk of the tests is filled.
 */
static void test_journal_format__leaves_half_of_the_disk(void **state)
{
	const char path[] = "/dev/shm/petstore-test-room";
	struct journal *journal = NULL;

	(void)state;
	disk_free = (uint64_t)40 << 20;
	assert_int_equal(journal_open(path, &journal, NULL), 0);
	assert_int_equal(journal_format(journal, 1 << 20, 64 << 20, ours, 1, NULL), 0);
	assert_int_equal(journal_bytes(journal), 16 << 20);
	assert_true(journal_is_sized(journal, 1 << 20, 64 << 20));
	disk_free = (uint64_t)1 << 40;
	assert_false(journal_is_sized(journal, 1 << 20, 64 << 20));
	disk_free = 0;
	assert_int_equal(journal_format(journal, 1 << 20, 64 << 20, ours, 1, NULL), 0);
	assert_int_equal(journal_bytes(journal), 1 << 20);
	disk_free = UINT64_MAX;
	journal_close(journal);
	assert_int_equal(unlink(path), 0);
}

/* Small sizes and a large maximum: there are so many segments at most. */
static void test_journal_size__is_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(journal_size(0, 0), JOURNAL_BYTES_MIN);
	assert_int_equal(journal_size(1, 1), JOURNAL_BYTES_MIN);
	assert_int_equal(journal_size(16 << 20, 256 << 20), 256 << 20);
	assert_int_equal(journal_size(17 << 20, 1), 32 << 20);
	assert_int_equal(journal_size(16 << 20, (256 << 20) + 1), (256 << 20) + (4 << 20));
	assert_int_equal(journal_size(JOURNAL_BYTES_MIN, 1 << 30), 1 << 30);
	for (size_t len = 0; len < 300000; len += 977) {
		struct journal *journal = NULL;
		char path[] = "/dev/shm/petstore-test-least";

		if (len % 9 != 0)
			continue;
		assert_int_equal(journal_open(path, &journal, NULL), 0);
		assert_int_equal(journal_format(journal, journal_least(len), 0, ours, 1, NULL), 0);
		assert_true(journal_record_max(journal) >= len);
		journal_close(journal);
		assert_int_equal(unlink(path), 0);
	}
}

/* ---- a file of format 1 ------------------------------------------------------------------------
 */

/* As the plugin wrote it that knew format 1: a ring of 64 KiB that was gone round. */
static void make_format_1(const char *path, uint64_t first, uint64_t end, uint64_t *position)
{
	static unsigned char data[SEGMENTS_AT + JOURNAL_BYTES_MIN];
	const uint64_t salt = 0x1234567, capacity = JOURNAL_BYTES_MIN;
	const uint32_t words[] = { 0x01020304, 1 };
	unsigned char header[56] = "PETJRNL";
	uint64_t at = *position, slot[3] = { at, first };
	uint64_t all[3] = { salt, at, first };
	uint32_t crc;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	memset(data, 0, sizeof(data));
	memcpy(header + 8, words, 8);
	memcpy(header + 16, &capacity, 8);
	memcpy(header + 24, &salt, 8);
	memcpy(header + 32, ours, 16);
	crc = crc32c(0, header, 52);
	memcpy(header + 52, &crc, 4);
	memcpy(data, header, sizeof(header));
	memcpy(data + 16384, header, sizeof(header));
	slot[2] = crc32c(0, all, sizeof(all));
	memcpy(data + 4096, slot, sizeof(slot));
	memcpy(data + 8192, slot, sizeof(slot));
	for (; first < end; first++) {
		unsigned char record[16 + 1000];
		const uint64_t sum[] = { salt, at, first, 1000 }, seq = first | UINT64_C(1) << 63;
		const uint32_t len = 1000;

		memset(record + 16, (int)(first % 251), 1000);
		crc = crc32c(crc32c(0, sum, sizeof(sum)), record + 16, 1000);
		memcpy(record, &seq, 8);
		memcpy(record + 8, &len, 4);
		memcpy(record + 12, &crc, 4);
		for (size_t i = 0; i < sizeof(record); i++)
			data[SEGMENTS_AT + (at + i) % capacity] = record[i];
		at += sizeof(record);
	}
	*position = at;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	assert_int_equal(close(fd), 0);
}

static void test_journal_open__format_1(void **state)
{
	struct fixture *f = *state;
	uint64_t position = 5 * JOURNAL_BYTES_MIN - 20000;
	struct journal_record record;

	make_format_1(f->path, 100, 150, &position);
	for (int i = 0; i < 2; i++) {
		open_journal(f);
		assert_null(journal_damage(f->journal));
		assert_int_equal(inspect(f->journal).first_seq, 100);
		assert_int_equal(inspect(f->journal).next_seq, 150);
		assert_false(journal_has_room(f->journal, 1));
		assert_null(journal_reserve(f->journal, 1));
		assert_int_equal(journal_check(f->journal, &f->diag), 0);
		assert_int_equal(journal_sync(f->journal, &f->diag), 0);
		journal_prefault(f->journal);
		if (i == 0)
			close_journal(f);
	}
	drain(f->journal, 100, 150);
	assert_false(journal_is_sized(f->journal, JOURNAL_BYTES_MIN, JOURNAL_BYTES_MIN));
	assert_int_equal(
		journal_format(f->journal, JOURNAL_BYTES_MIN, BYTES_MAX, ours, 150, &f->diag), 0);
	assert_true(append_bytes(f->journal, 1000));
	close_journal(f);
	open_journal(f);
	drain(f->journal, 150, 151);
	close_journal(f);

	position = 0;
	assert_int_equal(unlink(f->path), 0);
	make_format_1(f->path, 1, 60, &position);
	flip(f->path, SEGMENTS_AT + 3 * 1016 + 100, 1);
	open_journal(f);
	assert_line(journal_damage(f->journal), "missing (4), 58 are kept");
	for (uint64_t seq = 1; seq < 60; seq += seq == 3 ? 2 : 1) {
		assert_int_equal(journal_next(f->journal, &record, NULL), 1);
		assert_int_equal(record.seq, seq);
		check_body(&record);
	}
	remove_copies(f);
}

/* ---- two threads --------------------------------------------------------------------------------
 */

enum { STREAM = 12000 };

/* Sleeps until the journal has grown, takes all out, again and again. */
static void *run_taker(void *ctx)
{
	static char bad[] = "not what was appended";
	struct fixture *f = ctx;
	struct journal_record record;
	uint64_t expected = 1;

	while (expected <= STREAM) {
		int rc;

		for (int i = 0; i < 2000 && !journal_is_half_full(f->journal); i++)
			(void)usleep(10);
		while ((rc = journal_next(f->journal, &record, NULL)) == 1) {
			const unsigned char *body = record.body;

			if (record.seq != expected++ || body[0] != record.seq % 251 ||
			    body[record.len - 1] != record.seq % 251)
				return bad;
			if (expected % 64 == 0)
				journal_release(f->journal);
		}
		if (rc != 0 || journal_recheck(f->journal, NULL) != 0)
			return bad;
		journal_release(f->journal);
		journal_release(f->journal);
		if (journal_sync(f->journal, NULL) != 0 || journal_check(f->journal, NULL) != 0)
			return bad;
		journal_prefault(f->journal);
	}
	return NULL;
}

static void test_journal__one_appends_and_one_falls_behind(void **state)
{
	struct fixture *f = *state;
	pthread_t taker;
	void *complaint;
	uint64_t seq = 0;

	new_journal(f);
	assert_int_equal(pthread_create(&taker, NULL, run_taker, f), 0);
	while (seq < STREAM) {
		size_t len = 1 + seq * 7919 % 2500;
		unsigned char *body = journal_reserve(f->journal, len);

		if (!body)
			continue;
		memset(body, (int)((seq + 1) % 251), len);
		assert_int_equal(journal_commit(f->journal, seq % 4096 == 4095, &seq, NULL), 0);
	}
	assert_int_equal(pthread_join(taker, &complaint), 0);
	if (complaint)
		fail_msg("%s", (const char *)complaint);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_journal__grows_while_nothing_is_taken_out),
		TEST(test_journal_has_room__of_any_record_when_half_is_free),
		TEST(test_journal__uses_few_slots_while_records_are_taken_out),
		TEST(test_journal__behaves_as_its_model),
		TEST(test_journal_reserve__killed_while_a_segment_begins),
		TEST(test_journal_open__damaged_segment_heads),
		TEST(test_journal_open__a_segment_is_missing),
		TEST(test_journal_open__a_damaged_record_in_each_segment),
		TEST(test_journal_open__both_slots_damaged),
		TEST(test_journal_open__the_unsynced_end_has_no_head),
		TEST(test_journal_open__a_segment_begins_behind_a_lost_end),
		TEST(test_journal_open__the_copy_has_the_files_holes),
		TEST(test_journal_format__takes_what_the_disk_has),
		TEST(test_journal_format__leaves_half_of_the_disk),
		cmocka_unit_test(test_journal_size__is_rounded_up),
		TEST(test_journal_open__format_1),
		TEST(test_journal__one_appends_and_one_falls_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

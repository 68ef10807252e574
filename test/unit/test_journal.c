#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "failalloc.h"
#include "journalfile.h"
#include "ledger/crc32c.h"
#include "ledger/record.h"

#define RING_AT 65536u
#define HEADER_BYTES 56u
#define NOTES_AT 14336u
#define MARKS_END (4u * 4096u)
#define COPY_AT MARKS_END
#define FOLDER_AT (5u * 4096u)
#define SEGMENT_HEAD 64u
#define RECORDS_AT (RING_AT + SEGMENT_HEAD) /* of the first segment */

static struct journal *new_journal(struct fixture *f, uint64_t next_seq)
{
	open_journal(f);
	assert_true(journal_is_blank(f->journal));
	assert_int_equal(journal_format(f->journal, JOURNAL_BYTES_MIN, 0, ours, next_seq, &f->diag),
			 0);
	return f->journal;
}

/* A body whose bytes tell which one it is. */
static unsigned char body_byte(uint64_t seq, size_t i)
{
	return (unsigned char)(seq * 31 + i * 7);
}

static bool append(struct journal *journal, uint64_t expected_seq, size_t len)
{
	struct diag diag;
	uint64_t seq = 0;
	unsigned char *body = journal_reserve(journal, len);

	if (!body)
		return false;
	for (size_t i = 0; i < len; i++)
		body[i] = body_byte(expected_seq, i);
	assert_int_equal(journal_commit(journal, false, &seq, &diag), 0);
	assert_int_equal(seq, expected_seq);
	return true;
}

/* Takes the next record out and checks every byte; returns its length. */
static size_t take(struct journal *journal, uint64_t expected_seq)
{
	struct journal_record record;
	struct diag diag;

	assert_int_equal(journal_next(journal, &record, &diag), 1);
	assert_int_equal(record.seq, expected_seq);
	for (size_t i = 0; i < record.len; i++)
		assert_int_equal(((const unsigned char *)record.body)[i],
				 body_byte(expected_seq, i));
	return record.len;
}

static void assert_drained(struct journal *journal)
{
	struct journal_record record;
	struct diag diag;

	assert_int_equal(journal_next(journal, &record, &diag), 0);
}

/* ---- the checksum ------------------------------------------------------------------------ */

static void test_crc32c__known_sums(void **state)
{
	unsigned char data[900]; /* four rounds of three lanes, and rests */

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283);
	/* RFC 3720, B.4 */
	memset(data, 0, 32);
	assert_int_equal(crc32c(0, data, 32), 0x8a9136aa);
	memset(data, 0xff, 32);
	assert_int_equal(crc32c(0, data, 32), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = body_byte(3, i);
	for (size_t len = 0; len <= sizeof(data); len++) {
		uint32_t whole = crc32c(0, data, len);

		assert_int_equal(whole, crc32c_portable(0, data, len));
		assert_int_equal(whole,
				 crc32c(crc32c(0, data, len / 3), data + len / 3, len - len / 3));
	}
}

/* ---- notes ------------------------------------------------------------------------------- */

static void assert_noted(const struct journal *journal, uint64_t kept, uint64_t signed_one)
{
	assert_int_equal(journal_noted(journal, JOURNAL_NOTE_KEPT), kept);
	assert_int_equal(journal_noted(journal, JOURNAL_NOTE_SIGNED), signed_one);
}

static void test_journal_note__is_kept(void **state)
{
	static const unsigned char theirs[JOURNAL_IDENTITY] = "another one";
	const uint64_t torn = 1;
	struct fixture *f = *state;
	int fd;

	open_journal(f);
	journal_note(f->journal, JOURNAL_NOTE_KEPT, 5); /* a blank file has no room */
	assert_noted(f->journal, 0, 0);
	close_journal(f);
	new_journal(f, 1);
	assert_noted(f->journal, 0, 0);
	journal_note(f->journal, JOURNAL_NOTE_KEPT, 5);
	journal_note(f->journal, JOURNAL_NOTE_SIGNED, UINT64_MAX >> 16);
	journal_note(f->journal, JOURNAL_NOTE_SIGNED, UINT64_MAX); /* which is no such number */
	assert_true(append(f->journal, 1, 100));
	assert_noted(f->journal, 5, UINT64_MAX >> 16);
	close_journal(f);
	open_journal(f);
	assert_noted(f->journal, 5, UINT64_MAX >> 16);
	(void)take(f->journal, 1);
	/* A journal that is made anew keeps them, that of another database begins without. */
	assert_int_equal(journal_format(f->journal, JOURNAL_BYTES_MIN, 0, ours, 2, &f->diag), 0);
	assert_noted(f->journal, 5, UINT64_MAX >> 16);
	journal_note(f->journal, JOURNAL_NOTE_SIGNED, 0);
	assert_noted(f->journal, 5, 0);
	close_journal(f);
	/* A byte that is wrong. */
	fd = open(f->path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &torn, sizeof(torn), NOTES_AT), sizeof(torn));
	(void)close(fd);
	open_journal(f);
	assert_noted(f->journal, 0, 0);
	journal_note(f->journal, JOURNAL_NOTE_KEPT, 6);
	assert_int_equal(journal_format(f->journal, JOURNAL_BYTES_MIN, 0, theirs, 2, &f->diag), 0);
	assert_noted(f->journal, 0, 0);
}

/* ---- the file ---------------------------------------------------------------------------- */

static void test_journal_open__keeps_records(void **state)
{
	struct fixture *f = *state;

	new_journal(f, 7);
	assert_true(append(f->journal, 7, 0));
	assert_true(append(f->journal, 8, 1));
	assert_true(append(f->journal, 9, 1000));
	close_journal(f);
	open_journal(f);
	assert_false(journal_is_blank(f->journal));
	assert_int_equal(inspect(f->journal).first_seq, 7);
	assert_int_equal(inspect(f->journal).next_seq, 10);
	assert_int_equal(inspect(f->journal).torn_seq, 0);
	assert_memory_equal(inspect(f->journal).identity, ours, sizeof(ours));
	assert_int_equal(take(f->journal, 7), 0);
	assert_int_equal(take(f->journal, 8), 1);
	journal_release(f->journal);
	close_journal(f);
	open_journal(f);
	assert_int_equal(take(f->journal, 9), 1000);
	assert_drained(f->journal);
	journal_rewind(f->journal);
	assert_int_equal(take(f->journal, 9), 1000);
	assert_true(append(f->journal, 10, 5));
	assert_int_equal(take(f->journal, 10), 5);
}

static void test_journal_open__second_is_refused(void **state)
{
	struct fixture *f = *state;
	struct journal *second = NULL;

	new_journal(f, 1);
	assert_int_equal(journal_open(f->path, &second, &f->diag), ERR_BUSY);
	assert_null(second);
	close_journal(f);
	open_journal(f);
}

/* Overwrites bytes of the file. */
static void poke(const char *path, long at, const void *data, size_t len)
{
	FILE *file = fopen(path, "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void assert_refused(struct fixture *f, int err, const char *line)
{
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), err);
	assert_null(f->journal);
	if (!strstr(f->diag.text, line) || !strstr(f->diag.text, f->path))
		fail_msg("'%s' lacks '%s'", f->diag.text, line);
}

static void test_journal_open__foreign_files(void **state)
{
	struct fixture *f = *state;
	const uint32_t turned = __builtin_bswap32(0x01020304), newer = 3;

	new_journal(f, 1);
	close_journal(f);
	poke(f->path, COPY_AT, "no copy", 8);
	poke(f->path, 12, &newer, 4);
	assert_refused(f, ERR_VERSION, "format 3 of a newer plugin");
	poke(f->path, 8, &turned, 4);
	assert_refused(f, ERR_VERSION, "other byte order");
	poke(f->path, 0, "SQLite f", 8);
	assert_refused(f, ERR_VERSION, "not a journal");
	assert_int_equal(truncate(f->path, 20), 0);
	assert_refused(f, ERR_VERSION, "not a journal");
	assert_int_equal(unlink(f->path), 0);
	new_journal(f, 1);
	close_journal(f);
	assert_int_equal(truncate(f->path, RING_AT + JOURNAL_BYTES_MIN + 4096), 0);
	assert_refused(f, ERR_INVALID, "header says");
	assert_int_equal(truncate(f->path, 0), 0);
	open_journal(f);
	assert_true(journal_is_blank(f->journal));
}

static void test_journal_open__nth_allocation_fails(void **state)
{
	struct fixture *f = *state;
	size_t n;

	new_journal(f, 1);
	close_journal(f);
	for (n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = journal_open(f->path, &f->journal, &f->diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(f->journal);
	}
	assert_true(n > 2);
}

static void test_journal_format__disk_full(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, small;
	struct stat st;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 100000;
	open_journal(f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(journal_format(f->journal, JOURNAL_BYTES_MIN, 0, ours, 1, &f->diag),
			 ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, handler);
	assert_non_null(strstr(f->diag.text, f->path));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 0);
	close_journal(f);
	new_journal(f, 1);
	assert_true(append(f->journal, 1, 10));
}

static void test_journal_is_copied__not_in_memory(void **state)
{
	const char path[] = "/dev/shm/petstore-test-journal";
	struct journal *journal = NULL;
	const char *system = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(journal_open(path, &journal, &diag), 0);
	assert_int_equal(journal_format(journal, JOURNAL_BYTES_MIN, 0, ours, 1, &diag), 0);
	assert_false(journal_is_copied(journal, &system));
	assert_string_equal(system, "");
	journal_close(journal);
	assert_int_equal(unlink(path), 0);
}

/* ---- appending and taking out ------------------------------------------------------------ */

static void test_journal_reserve__full_until_both_slots_passed(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 1, taken = 1;

	new_journal(f, 1);
	assert_int_equal(journal_record_max(f->journal), JOURNAL_BYTES_MIN / 4 - SEGMENT_HEAD - 32);
	assert_null(journal_reserve(f->journal, journal_record_max(f->journal) + 1));
	while (append(f->journal, seq, 1000))
		seq++;
	assert_int_equal(seq - 1, 4 * ((JOURNAL_BYTES_MIN / 4 - SEGMENT_HEAD - 16) / 1016));
	assert_true(journal_is_half_full(f->journal));
	while (taken < seq)
		take(f->journal, taken++);
	assert_false(append(f->journal, seq, 1000));
	journal_release(f->journal);
	assert_false(append(f->journal, seq, 1000));
	journal_release(f->journal);
	assert_false(journal_is_half_full(f->journal));
	assert_true(append(f->journal, seq, 1000));
}

static void test_journal_commit__power(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	new_journal(f, 1);
	for (uint64_t i = 1; i < 400; i++) {
		unsigned char *body = journal_reserve(f->journal, 500);

		assert_non_null(body);
		for (size_t k = 0; k < 500; k++)
			body[k] = body_byte(i, k);
		assert_int_equal(journal_commit(f->journal, true, &seq, &f->diag), 0);
		assert_int_equal(seq, i);
		assert_int_equal(take(f->journal, i), 500);
		journal_release(f->journal);
		assert_int_equal(journal_sync(f->journal, &f->diag), 0);
	}
}

/* ---- a model ----------------------------------------------------------------------------- */

struct model {
	uint64_t first, next; /* records that must be there: [first, next) */
	uint64_t read;        /* the next that journal_next() gives */
	size_t len[4096];     /* by sequence number modulo 4096 */
	uint64_t random;
};

static uint64_t random_below(struct model *m, uint64_t limit)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % limit;
}

static void copy_file(const char *from, const char *to)
{
	static char data[RING_AT + JOURNAL_BYTES_MIN];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");

	assert_non_null(in);
	assert_non_null(out);
	assert_int_equal(fread(data, 1, sizeof(data), in), sizeof(data));
	assert_int_equal(fwrite(data, 1, sizeof(data), out), sizeof(data));
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

/* What a restart would find in a copy of the file as it is at this moment. */
static void check_copy(struct fixture *f, const struct model *m)
{
	struct journal *copy = NULL;
	char path[300];

	(void)strcpy(path, folder_file(&f->folder, "copy"));
	copy_file(f->path, path);
	assert_int_equal(journal_open(path, &copy, &f->diag), 0);
	assert_int_equal(inspect(copy).first_seq, m->first);
	assert_int_equal(inspect(copy).next_seq, m->next);
	assert_int_equal(inspect(copy).torn_seq, 0);
	for (uint64_t seq = m->first; seq < m->next; seq++)
		assert_int_equal(take(copy, seq), m->len[seq % 4096]);
	assert_drained(copy);
	journal_close(copy);
}

static void step_model(struct fixture *f, struct model *m)
{
	uint64_t what = random_below(m, 100);
	size_t len;

	if (what < 60) {
		len = random_below(m, 10) ? random_below(m, 300)
					  : random_below(m, JOURNAL_BYTES_MIN / 4 + 1);
		if (append(f->journal, m->next, len))
			m->len[m->next++ % 4096] = len;
		else
			assert_true(len + 32 > JOURNAL_BYTES_MIN / 8);
	} else if (what < 90) {
		for (uint64_t n = random_below(m, 20); n > 0 && m->read < m->next; n--, m->read++)
			assert_int_equal(take(f->journal, m->read), m->len[m->read % 4096]);
	} else if (what < 95) {
		journal_release(f->journal);
		m->first = m->read;
	} else if (what < 96) {
		journal_rewind(f->journal);
		m->read = m->first;
	} else if (what < 98) {
		check_copy(f, m);
	} else if (what < 99) {
		/* A body that was not committed does not count. */
		unsigned char *body = journal_reserve(f->journal, 200);

		if (body)
			memset(body, 0xa5, 200);
		check_copy(f, m);
	} else {
		close_journal(f);
		open_journal(f);
		m->read = m->first;
	}
	/* Never so full that the small ones do not fit for long. */
	if (m->next - m->first > 200 || !journal_has_room(f->journal, JOURNAL_BYTES_MIN / 8)) {
		while (m->read < m->next)
			assert_int_equal(take(f->journal, m->read), m->len[m->read % 4096]),
				m->read++;
		journal_release(f->journal);
		journal_release(f->journal);
		m->first = m->read;
	}
}

static void test_journal__behaves_as_its_model(void **state)
{
	struct fixture *f = *state;
	struct model m = { .first = 1, .next = 1, .read = 1, .random = 88172645463325252u };

	new_journal(f, 1);
	for (int i = 0; i < 20000; i++)
		step_model(f, &m);
	assert_true(m.next > 5000);
	check_copy(f, &m);
}

/* ---- damage ------------------------------------------------------------------------------ */

enum { RECORDS = 12 };

/* What an opened journal gives must be what was appended, in order, byte for byte. How many? */
static unsigned count_good(struct journal *journal)
{
	struct journal_record record;
	struct diag diag;
	uint64_t last = 0;
	unsigned count = 0;

	while (journal_next(journal, &record, &diag) == 1) {
		assert_true(record.seq > last);
		last = record.seq;
		assert_int_equal(record.len, 100 + last);
		for (size_t i = 0; i < record.len; i++)
			assert_int_equal(((const unsigned char *)record.body)[i],
					 body_byte(last, i));
		count++;
	}
	return count;
}

static void remove_copies(struct fixture *f)
{
	char command[400];

	(void)snprintf(command, sizeof(command), "rm -f %s.damaged-*", f->path);
	assert_int_equal(system(command), 0); // NOLINT: a path of our own making
}

/*
 * Header and slots stand twice, so that a byte of them costs nothing; one of a record costs that
 * record and no other, since what is whole is found behind it.
 */
static void test_journal_open__each_byte_flipped(void **state)
{
	static unsigned char good[RING_AT + JOURNAL_BYTES_MIN];
	struct fixture *f = *state;
	size_t end, last, missing = 0, torn = 0, padding = 0;
	FILE *file;

	new_journal(f, 1);
	for (uint64_t seq = 1; seq < RECORDS; seq++)
		assert_true(append(f->journal, seq, 100 + seq));
	last = RECORDS_AT + inspect(f->journal).used;
	assert_true(append(f->journal, RECORDS, 100 + RECORDS));
	end = RECORDS_AT + inspect(f->journal).used + 16;
	close_journal(f);
	file = fopen(f->path, "r");
	assert_non_null(file);
	assert_int_equal(fread(good, 1, sizeof(good), file), sizeof(good));
	assert_int_equal(fclose(file), 0);
	for (size_t at = 0; at < end; at++) {
		unsigned char flipped;
		struct journal_facts facts;
		unsigned count;

		if (at < RING_AT && at % 1024 == 64)
			at += 1024 - 64; /* nothing stands there */
		if (at == MARKS_END)
			at = FOLDER_AT;
		if (at == FOLDER_AT + 64)
			at = RING_AT;
		/* The whole file anew: the last opening repaired what it could. */
		poke(f->path, 0, good, RING_AT);
		poke(f->path, RING_AT, good + RING_AT, end - RING_AT);
		flipped = (unsigned char)(good[at] ^ (1 << at % 8));
		poke(f->path, (long)at, &flipped, 1);
		open_journal(f);
		facts = inspect(f->journal);
		count = count_good(f->journal);
		if (at < RECORDS_AT || at >= end - 16) {
			assert_int_equal(count, RECORDS);
			assert_int_equal(facts.missing, 0);
		} else if (count == RECORDS) {
			padding++; /* behind a body, to the next 8 bytes */
			assert_int_equal(facts.missing, 0);
		} else {
			assert_int_equal(count, RECORDS - 1);
			/* Of the last one nothing says that it was synced. */
			assert_int_equal(facts.missing, at < last);
			assert_int_equal(facts.torn_seq, at < last ? 0 : RECORDS);
		}
		assert_int_equal(!!journal_damage(f->journal),
				 at < HEADER_BYTES || facts.missing > 0);
		missing += facts.missing;
		torn += facts.torn_seq != 0;
		close_journal(f);
		remove_copies(f);
	}
	assert_true(missing > 1000);
	assert_true(torn > 100);
	assert_true(padding < 8 * RECORDS);
}

/* The last record written in part, at each of its bytes, as a power failure may leave it. */
static void test_journal_open__torn_tail(void **state)
{
	struct fixture *f = *state;
	const char zero[256] = "";
	size_t before, after;

	new_journal(f, 1);
	assert_true(append(f->journal, 1, 101));
	before = inspect(f->journal).used;
	assert_true(append(f->journal, 2, 102));
	after = inspect(f->journal).used;
	close_journal(f);
	for (size_t at = before + 1; at < after - 8; at++) {
		char path[300];
		struct journal *journal = NULL;

		(void)strcpy(path, folder_file(&f->folder, "torn"));
		copy_file(f->path, path);
		poke(path, (long)(RECORDS_AT + at), zero, after - at);
		assert_int_equal(journal_open(path, &journal, &f->diag), 0);
		assert_int_equal(count_good(journal), 1);
		journal_close(journal);
	}
}

/* A payload that looks like the next records is not taken for them. */
static void test_journal_open__forged_records(void **state)
{
	struct fixture *f = *state;
	struct {
		uint64_t seq;
		uint32_t len, crc;
	} forged = { .seq = UINT64_C(1) << 63 | 101, .len = 0, .crc = crc32c(0, "", 0) };
	unsigned char *body;
	uint64_t seq;

	new_journal(f, 1);
	/* The ring is full of forgeries of record 101 once it was gone round. */
	for (uint64_t i = 1; i <= 100; i++) {
		body = journal_reserve(f->journal, 1600);
		assert_non_null(body);
		for (size_t at = 0; at < 1600; at += sizeof(forged))
			memcpy(body + at, &forged, sizeof(forged));
		assert_int_equal(journal_commit(f->journal, false, &seq, &f->diag), 0);
		assert_int_equal(seq, i);
		assert_int_equal(journal_next(f->journal, &(struct journal_record){ 0 }, &f->diag),
				 1);
		journal_release(f->journal);
	}
	close_journal(f);
	open_journal(f);
	assert_int_equal(inspect(f->journal).next_seq, 101);
	assert_int_equal(inspect(f->journal).torn_seq, 0);
}

/* ---- two threads ------------------------------------------------------------------------- */

enum { STREAM = 20000 };

/* Returns what went wrong, or NULL. */
static void *run_taker(void *ctx)
{
	static char bad_next[] = "journal_next failed", bad_record[] = "not what was appended",
		    bad_sync[] = "journal_sync failed";
	struct fixture *f = ctx;
	struct journal_record record;
	struct diag diag;
	uint64_t expected = 1;

	while (expected <= STREAM) {
		int rc = journal_next(f->journal, &record, &diag);
		unsigned char sum = 0;

		if (rc < 0)
			return bad_next;
		for (size_t i = 0; rc == 1 && i < record.len; i++)
			sum = (unsigned char)(sum + ((const unsigned char *)record.body)[i]);
		if (rc == 1 && (record.seq != expected || sum != 0))
			return bad_record;
		expected += (uint64_t)rc;
		if (rc == 0 || expected % 16 == 0) {
			journal_release(f->journal);
			journal_prefault(f->journal);
			if (expected % 512 == 0 && journal_sync(f->journal, &diag) != 0)
				return bad_sync;
		}
	}
	return NULL;
}

static void test_journal__one_appends_and_one_takes_out(void **state)
{
	struct fixture *f = *state;
	pthread_t taker;
	void *complaint;
	uint64_t seq = 0;

	new_journal(f, 1);
	assert_int_equal(pthread_create(&taker, NULL, run_taker, f), 0);
	while (seq < STREAM) {
		size_t len = 1 + seq * 7919 % 500;
		unsigned char *body = journal_reserve(f->journal, len);
		unsigned char sum = 0;

		if (!body)
			continue;
		for (size_t i = 1; i < len; i++) {
			body[i] = body_byte(seq, i);
			sum = (unsigned char)(sum + body[i]);
		}
		body[0] = (unsigned char)(0 - sum);
		assert_int_equal(journal_commit(f->journal, seq % 4096 == 4095, &seq, &f->diag), 0);
	}
	assert_int_equal(pthread_join(taker, &complaint), 0);
	if (complaint)
		fail_msg("%s", (const char *)complaint);
}

/* ---- what a record says ------------------------------------------------------------------ */

static void test_record_decode__is_what_was_encoded(void **state)
{
	struct record record = {
		.table = 7,
		.is_retained = true,
		.is_will = true,
		.qos = 2,
		.received_ms = 1700000000123,
		.digest = UINT64_MAX,
		.unique = 9,
		.revision = 3,
		.id = { "1", 1 },
		.owner = { "", 0 },
		.topic = { "a/b", 3 },
		.publisher = { "p", 1 },
		.client_id = { "c", 1 },
		.payload = { "\0x", 2 },
		.kind = { "status", 6 },
		.peer = { "ann@far", 7 },
		.before_column = UINT32_MAX,
		.before = { "NEW", 3 },
		.is_taken_over = true,
		.is_repeat = true,
		.value_count = 4,
		.value =
			(struct value[]){
				{ .column = 1, .type = VALUE_TEXT, .text = "PLACED", .len = 6 },
				{ .column = 2, .type = VALUE_INTEGER, .integer = -5 },
				{ .column = 3, .type = VALUE_REAL, .real = 2.5 },
				{ .column = 4, .type = VALUE_NULL },
			},
	};
	struct value value[ENTITY_COLUMNS_MAX];
	struct record read = { 0 };
	struct diag diag;
	size_t len = record_bytes(&record);
	char *bytes = malloc(len), *copy;

	(void)state;
	assert_int_equal(record_check(&record, &diag), 0);
	record_encode(&record, bytes);
	assert_int_equal(record_decode(bytes, len, value, &read, &diag), 0);
	assert_int_equal(read.table, 7);
	assert_true(read.is_retained && read.is_will && !read.is_unrecorded);
	assert_int_equal(read.received_ms, 1700000000123);
	assert_true(read.digest == UINT64_MAX && read.revision == 3 && read.unique == 9);
	assert_non_null(read.owner.text);
	assert_int_equal(read.owner.len, 0);
	assert_memory_equal(read.payload.text, "\0x", 2);
	assert_int_equal(read.kind.len, 6);
	assert_memory_equal(read.kind.text, "status", 6);
	assert_true(read.is_taken_over && read.is_repeat && read.peer.len == 7);
	assert_memory_equal(read.peer.text, "ann@far", 7);
	assert_true(read.before_column == UINT32_MAX && read.before.len == 3);
	assert_memory_equal(read.before.text, "NEW", 3);
	assert_memory_equal(read.value[0].text, "PLACED", 6);
	assert_int_equal(read.value[1].integer, -5);
	assert_true(read.value[2].real == 2.5);
	assert_int_equal(read.value[3].type, VALUE_NULL);
	/* Any shorter piece is none. */
	for (size_t n = 0; n < len; n++) {
		copy = malloc(n + 1);
		memcpy(copy, bytes, n);
		assert_int_equal(record_decode(copy, n, value, &read, &diag), ERR_SYNTAX);
		free(copy);
	}
	bytes[0] = 9;
	assert_int_equal(record_decode(bytes, len, value, &read, &diag), ERR_VERSION);
	free(bytes);
	record.kind.len = LEDGER_KIND_MAX + 1;
	assert_int_equal(record_check(&record, &diag), ERR_LIMIT);
	record.kind.len = 0;
	record.peer.len = LEDGER_PEER_MAX + 1;
	assert_int_equal(record_check(&record, &diag), ERR_LIMIT);
	record.peer.len = 0;
	record.before.len = ENTITY_STATUS_MAX + 1;
	assert_int_equal(record_check(&record, &diag), ERR_LIMIT);
	record.before.len = 0;
	record.topic.len = 65536;
	assert_int_equal(record_check(&record, &diag), ERR_LIMIT);
}

/* A record without numbers is, byte by byte, what was written before there were any. */
static void test_record_decode__of_before_the_numbers(void **state)
{
	static const unsigned char head[32] = {
		1,    1, 2, 0,             /* kind, retained, QoS, no values */
		0,    0, 0, 0,             /* no table */
		0x7b, 0, 0, 0, 0, 0, 0, 0, /* received_ms */
		2,    0, 0, 0,             /* payload */
		3,    0, 1, 0, 1, 0,       /* topic, publisher, client id */
		0,    0, 0, 0, 0, 0,       /* owner, id, nothing */
	};
	char old[sizeof(head) + 7], bytes[sizeof(old)];
	struct value value[ENTITY_COLUMNS_MAX];
	struct record read = { 0 };
	struct diag diag;

	(void)state;
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		skip();
	memcpy(old, head, sizeof(head));
	memcpy(old + sizeof(head), "a/bpc{}", 7);
	assert_int_equal(record_decode(old, sizeof(old), value, &read, &diag), 0);
	assert_true(read.digest == 0 && read.revision == 0 && read.kind.len == 0);
	assert_int_equal(read.received_ms, 123);
	assert_memory_equal(read.topic.text, "a/b", 3);
	assert_memory_equal(read.payload.text, "{}", 2);
	assert_int_equal(record_bytes(&read), sizeof(old));
	record_encode(&read, bytes);
	assert_memory_equal(bytes, old, sizeof(old));
	old[0] = 2; /* numbers, of a kind that only a newer plugin knows */
	old[30] = (char)128;
	assert_int_equal(record_decode(old, sizeof(old), value, &read, &diag), ERR_VERSION);
	old[30] = 1; /* one that is 0, and so is none */
	memset(old + sizeof(head), 0, 7);
	assert_int_equal(record_decode(old, sizeof(old), value, &read, &diag), ERR_SYNTAX);
}

/* A step of an entity that had no status yet; and a status before of no column, which is none. */
static void test_record_decode__the_status_before(void **state)
{
	struct record record = {
		.table = 1, .revision = 1, .before_column = 5, .id = { "1", 1 }, .topic = { "a", 1 }
	};
	char bytes[100];
	struct value value[ENTITY_COLUMNS_MAX];
	struct record read = { 0 };
	struct diag diag;
	size_t len = record_bytes(&record);

	(void)state;
	assert_in_range(len, 32 + 2 * 8 + 2, sizeof(bytes));
	record_encode(&record, bytes);
	assert_int_equal(record_decode(bytes, len, value, &read, &diag), 0);
	assert_true(read.before_column == 5 && read.before.len == 0);
	memset(bytes + 32 + 8, 0, 8);
	bytes[32 + 8] = 1; /* a byte of no column */
	assert_int_equal(record_decode(bytes, len, value, &read, &diag), ERR_SYNTAX);
}

static void expect_refused(struct fixture *f, const char *why)
{
	char expected[400];

	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), ERR_INVALID);
	(void)snprintf(expected, sizeof(expected), "%s: %s", f->path, why);
	assert_string_equal(f->diag.text, expected);
	assert_int_equal(unlink(f->path), 0);
}

static void test_journal_open__takes_a_file_of_its_own_only(void **state)
{
	struct fixture *f = *state;
	char target[400];
	char why[100];
	int fd;

	(void)snprintf(target, sizeof(target), "%s.precious", f->path);
	fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, "keep me", 7) == 7 && close(fd) == 0);
	assert_int_equal(symlink(target, f->path), 0);
	expect_refused(f, "expected a regular file, not a symbolic link");
	assert_int_equal(mkfifo(f->path, 0600), 0);
	expect_refused(f, "expected a regular file");
	fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && fchmod(fd, 0606) == 0);
	expect_refused(f, "everybody may write to it, expected mode 600");
	(void)close(fd);
	if (geteuid() == 0) { /* only root gives files away */
		fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0 && fchown(fd, 12345, (gid_t)-1) == 0 && close(fd) == 0);
		(void)snprintf(why, sizeof(why),
			       "belongs to the user with id 12345, expected %lu, the broker's",
			       (unsigned long)geteuid());
		expect_refused(f, why);
	}
	assert_int_equal(journal_open(f->path, &f->journal, &f->diag), 0);
	journal_close(f->journal);
	f->journal = NULL;
	assert_int_equal(unlink(target), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c__known_sums),
		TEST(test_journal_note__is_kept),
		TEST(test_journal_open__keeps_records),
		TEST(test_journal_open__second_is_refused),
		TEST(test_journal_open__foreign_files),
		TEST(test_journal_open__takes_a_file_of_its_own_only),
		TEST(test_journal_open__nth_allocation_fails),
		TEST(test_journal_format__disk_full),
		cmocka_unit_test(test_journal_is_copied__not_in_memory),
		TEST(test_journal_reserve__full_until_both_slots_passed),
		TEST(test_journal_commit__power),
		TEST(test_journal__behaves_as_its_model),
		TEST(test_journal_open__each_byte_flipped),
		TEST(test_journal_open__torn_tail),
		TEST(test_journal_open__forged_records),
		TEST(test_journal__one_appends_and_one_takes_out),
		cmocka_unit_test(test_record_decode__is_what_was_encoded),
		cmocka_unit_test(test_record_decode__the_status_before),
		cmocka_unit_test(test_record_decode__of_before_the_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The first byte says what the rest is: 0: a journal's file from its beginning; 1: the ring of
 * a sound file; 2: the body of a record; 3: slots, marks and the header's copy of a sound file.
 * What is read must be whole, what is missing must be said, and the journal must take a record
 * afterwards; a record that decodes must encode to as many bytes.
 */
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "ledger/record.h"

#define RING_AT 65536u
#define FILE_BYTES (RING_AT + JOURNAL_BYTES_MIN)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char identity[JOURNAL_IDENTITY] = "a database";

static void must(int ok)
{
	if (!ok)
		abort();
}

/* A formatted journal with three records, made once. No link leads to it: none is followed. */
struct sound {
	int fd;
	char path[64];
	unsigned char *image;
};

static struct sound sound;

/* Where the fuzzer ends by a finding the file is left. */
static void remove_file(void)
{
	(void)unlink(sound.path);
}

/* In memory where the system has a place for that. */
static void make_file(void)
{
	(void)snprintf(sound.path, sizeof(sound.path), "/dev/shm/fuzz_journal-XXXXXX");
	sound.fd = mkstemp(sound.path);
	if (sound.fd < 0) {
		(void)snprintf(sound.path, sizeof(sound.path), "/tmp/fuzz_journal-XXXXXX");
		sound.fd = mkstemp(sound.path);
	}
	must(sound.fd >= 0 && atexit(remove_file) == 0);
}

static void make_sound(void)
{
	struct journal *journal = NULL;
	uint64_t seq;

	make_file();
	must(journal_open(sound.path, &journal, NULL) == 0);
	must(journal_format(journal, JOURNAL_BYTES_MIN, 0, identity, 1, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		memset(journal_reserve(journal, 100), i, 100);
		must(journal_commit(journal, 0, &seq, NULL) == 0);
	}
	journal_close(journal);
	sound.image = malloc(FILE_BYTES);
	must(sound.image && pread(sound.fd, sound.image, FILE_BYTES, 0) == FILE_BYTES);
}

static void check_record(const void *body, size_t len)
{
	struct value value[ENTITY_COLUMNS_MAX];
	struct record record;
	void *again;

	if (record_decode(body, len, value, &record, NULL) != 0)
		return;
	must(record_bytes(&record) == len && record_check(&record, NULL) == 0);
	again = malloc(len);
	must(again != NULL);
	record_encode(&record, again);
	free(again);
}

/* Of damaged files, as the journal keeps them beside itself. */
static void remove_copies(void)
{
	char pattern[sizeof(sound.path) + 16];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s.damaged-*", sound.path);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		(void)unlink(found.gl_pathv[i]);
	globfree(&found);
}

static void check_file(void)
{
	struct journal *journal = NULL;
	struct journal_record record;
	struct journal_facts facts;
	uint64_t expected, seq, missing = 0;

	if (journal_open(sound.path, &journal, NULL) != 0)
		return;
	if (!journal_is_blank(journal)) {
		journal_inspect(journal, &facts);
		expected = facts.first_seq;
		while (journal_next(journal, &record, NULL) == 1) {
			must(record.seq >= expected);
			missing += record.seq - expected;
			expected = record.seq + 1;
			check_record(record.body, record.len);
		}
		/* Those that a mark knows of count as well. */
		must(missing + facts.next_seq - expected == facts.missing);
		must(facts.missing == 0 || journal_damage(journal));
		if (journal_reserve(journal, 8)) {
			must(journal_commit(journal, 0, &seq, NULL) == 0);
			must(seq == facts.next_seq);
			must(journal_next(journal, &record, NULL) == 1 && record.seq == seq);
		}
	}
	journal_close(journal);
	remove_copies();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at;

	if (!sound.image)
		make_sound();
	if (size < 2)
		return 0;
	if (data[0] == 2) {
		check_record(data + 1, size - 1);
		return 0;
	}
	at = data[0] == 0 ? 0 : data[0] == 3 ? 4096 : RING_AT;
	data++;
	size--;
	if (size > FILE_BYTES - at)
		size = FILE_BYTES - at;
	must(ftruncate(sound.fd, FILE_BYTES) == 0);
	must(pwrite(sound.fd, sound.image, FILE_BYTES, 0) == FILE_BYTES);
	must(pwrite(sound.fd, data, size, (off_t)at) == (ssize_t)size);
	check_file();
	return 0;
}

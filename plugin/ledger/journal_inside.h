/*
 * journal_inside.h -- what the journal's two files share; nobody else includes it.
 *
 * journal_file.c makes, opens and scans the file; journal.c appends records and takes them out.
 */
#ifndef PETSTORE_JOURNAL_INSIDE_H
#define PETSTORE_JOURNAL_INSIDE_H

#include <stdatomic.h>

#include "ledger/journal.h"

#define JOURNAL_SLOT_AT(i) (4096u * (1u + (i)))
#define JOURNAL_SLOTS_END (4096u * 3u)
#define JOURNAL_RING_AT 65536u /* a multiple of every page size that Linux has */

/* Keeps a damaged sequence number from reading 0, which is how the end reads. */
#define JOURNAL_COMMITTED (UINT64_C(1) << 63)

/* Processors fetch two lines of 64 bytes at a time. */
#define JOURNAL_APART 128u

/* In front of each body; both are multiples of 8 bytes long. */
struct journal_header {
	_Atomic uint64_t seq; /* with JOURNAL_COMMITTED; stored last: the record counts */
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

	char apart[JOURNAL_APART]; /* what one thread writes is not fetched with the other's */

	/* the appending thread's */
	uint64_t next_seq;
	struct journal_header *record; /* the one under way */
	size_t reserved;               /* bytes of its body */

	char apart_from_writer[JOURNAL_APART];

	/* the writer's */
	uint64_t read, read_seq;
	uint64_t seen; /* head, when it was last looked at */
	uint64_t tail, tail_seq;
	uint64_t slot[2]; /* positions, as the file has them */
	unsigned next_slot;
	uint64_t prefaulted;

	char apart_from_both[JOURNAL_APART];

	/* shared */
	_Atomic uint64_t head;     /* where the next record goes */
	_Atomic uint64_t reusable; /* everything before it may be overwritten */
	_Atomic uint64_t synced;   /* everything before it is on the disk */
};

static inline size_t journal_round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static inline size_t journal_record_size(size_t len)
{
	return sizeof(struct journal_header) + journal_round_up(len, 8);
}

static inline struct journal_header *journal_record_at(const struct journal *j, uint64_t position)
{
	void *at = j->map + JOURNAL_RING_AT + position % j->capacity;

	return at;
}

uint32_t journal_record_crc(const struct journal *j, uint64_t position, uint64_t seq, uint32_t len,
			    const void *body);

/* The body of the record @seq at @position where it stands there whole, else NULL. */
const void *journal_record_read(const struct journal *j, uint64_t position, uint64_t seq,
				size_t room, size_t *len);

/* Writes where the tail is to one of the two slots; the caller syncs. */
void journal_slot_write(struct journal *j, unsigned i, uint64_t position, uint64_t seq);

/* "<path>: <what>: <the system's word for @error>" */
int journal_fail(const struct journal *j, const char *what, int error, struct diag *diag);

#endif

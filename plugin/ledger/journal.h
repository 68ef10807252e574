/*
 * journal.h -- a ring of records in a memory-mapped file: kept the moment they are appended.
 *
 * Knows sequence numbers and bytes; knows nothing of what a record means or of SQLite. One
 * thread appends (the broker's), one takes records out (the writer's); neither waits for the
 * other. All blocks of the file are allocated when it is made, so that storing to the mapping
 * can't run out of disk; but see journal_is_copied().
 *
 * What holds at every instruction, whatever kills the process:
 *  - A record counts from one aligned store of its sequence number on, made after its body.
 *    The place behind the newest record always reads 0.
 *  - The oldest record still needed (the tail) stands in the file twice, in two slots written
 *    in turn. Space is used again only after both slots have passed it and were synced; a
 *    slot that is torn or stale therefore never points at something overwritten.
 *  - Reading begins at the tail and ends at the first place whose sequence number, length or
 *    checksum is not the next record's. The checksum is seeded with a random number of the
 *    file, so that bytes a client chose can't pass for a record.
 *
 * The file, in the machine's byte order: header at 0, slots at 4096 and 8192, the ring from
 * 65536 on. It is locked (flock) while open.
 */
#ifndef PETSTORE_JOURNAL_H
#define PETSTORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* A ring is a multiple of JOURNAL_BYTES_MIN; sizes asked for are rounded up. */
#define JOURNAL_BYTES_MIN (64u << 10)
#define JOURNAL_BYTES_MAX ((size_t)1 << 40)
#define JOURNAL_IDENTITY 16u /* bytes that name the database a journal belongs to */

struct journal;

struct journal_record {
	uint64_t seq;
	const void *body; /* in the mapping; good until journal_release() */
	size_t len;
};

/*
 * Opens and locks the file at @path, making an empty one where there is none, and finds its
 * records. ERR_BUSY: another process (or this one) has it open. ERR_VERSION: made by a newer
 * program, a machine of the other byte order, or no journal at all; ERR_INVALID: its header
 * is damaged or its size is not what the header says, or the file can't be opened; ERR_IO:
 * the disk is full or broken. Nothing is changed then.
 */
int journal_open(const char *path, struct journal **ret, struct diag *diag);

/* Unlocks and closes; records that were not taken out stay. NULL is fine. */
void journal_close(struct journal *journal);

/* True for a file that was never formatted, or whose formatting was interrupted. */
bool journal_is_blank(const struct journal *journal);

/*
 * True on a file system that puts what is overwritten to a new place (copy on write: ZFS, F2FS,
 * bcachefs, and btrfs where it would not make an exception of this file): allocated blocks are
 * no promise there, and when such a disk is full a store to the mapping ends the process by
 * SIGBUS. *system is its name.
 */
bool journal_is_copied(const struct journal *journal, const char **system);

/* The size that a ring made for @bytes has: rounded up to what is possible. */
size_t journal_size(size_t bytes);

/*
 * Makes the file an empty ring of @bytes that belongs to @identity; the next record will be
 * @next_seq. Whatever it held is gone. ERR_IO: the disk is full or broken; the file is blank
 * then.
 */
int journal_format(struct journal *journal, size_t bytes,
		   const unsigned char identity[JOURNAL_IDENTITY], uint64_t next_seq,
		   struct diag *diag);

/* What a formatted journal holds. */
struct journal_facts {
	size_t bytes; /* of the ring */
	size_t used;
	uint64_t first_seq; /* oldest record that was not released; == next_seq: none */
	uint64_t next_seq;
	uint64_t damaged_seq; /* journal_open() cut at this record, which was not whole; 0: none */
	unsigned char identity[JOURNAL_IDENTITY];
};
/* For tests, and before and after there are two threads. */
void journal_inspect(const struct journal *journal, struct journal_facts *ret);

/*
 * Appending: reserve room for a body, fill it, then commit or forget it. NULL: no room now,
 * or @len is above journal_record_max(). No system call, no allocation.
 */
void *journal_reserve(struct journal *journal, size_t len);

/*
 * Makes the reserved record count and stores its sequence number in *seq. With @is_power the
 * call returns after it (and all before it) was synced to the disk; where that fails, the
 * record does not count and the result is ERR_IO.
 */
int journal_commit(struct journal *journal, bool is_power, uint64_t *seq, struct diag *diag);

/* Bytes of the largest body that the ring takes. */
size_t journal_record_max(const struct journal *journal);

/* The size of the smallest ring that takes bodies of @len bytes. */
size_t journal_least(size_t len);

/* Room for a body of @len bytes? May be asked by the appending thread only. */
bool journal_has_room(const struct journal *journal, size_t len);

/* Bytes of the ring, and of those in use. Any thread. */
size_t journal_bytes(const struct journal *journal);
size_t journal_used(const struct journal *journal);

/* True while more than half of the ring is in use. */
bool journal_is_half_full(const struct journal *journal);

/*
 * Taking out: the next record that was not read yet. 1: *ret is filled; 0: there is none;
 * ERR_INVALID: what stands there is not the record that was appended.
 */
int journal_next(struct journal *journal, struct journal_record *ret, struct diag *diag);

/* Back to the oldest record that was not released. */
void journal_rewind(struct journal *journal);

/*
 * All that was read so far is safe elsewhere: its space may be used again (that of the last
 * call's records after the next call, see above). Syncs the slots. Does nothing where both
 * slots stand there already.
 */
int journal_release(struct journal *journal, struct diag *diag);

/* The disk has all records that were committed before the call. */
int journal_sync(struct journal *journal, struct diag *diag);

/*
 * Makes the pages that the next records will land on writable ahead of time, so that the
 * appending thread does not wait for the file system. The writer's thread calls it.
 */
void journal_prefault(struct journal *journal);

#endif

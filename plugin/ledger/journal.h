/*
 * journal.h -- a ring of records in a memory-mapped file. An appended record survives kill -9.
 *
 * Knows sequence numbers and bytes; knows nothing of what a record means or of SQLite. One
 * thread appends (the broker's), one takes records out (the writer's); neither waits for the
 * other. All blocks of the file are allocated when it is made, so that storing to the mapping
 * can't run out of disk; but see journal_is_copied().
 *
 * What holds at every instruction, whatever kills the process:
 *  - A record counts as soon as its sequence number is stored, by one aligned store after its
 *    body. The place behind the newest record always reads 0.
 *  - Two slots of the file, written in turn, say where the oldest record is that is still needed
 *    (the tail). Space is used again only after both slots have passed it and were synced; a slot
 *    that is torn or stale therefore never points at something that was overwritten.
 *  - Reading begins at the tail and takes every whole record up to the newest. A record is whole
 *    where its number, its length and its checksum say so. The checksum is seeded with a random
 *    number of the file and with the record's position, so that neither bytes that a client
 *    chose nor what a former lap left can pass for a record.
 *  - A damaged record does not hide those behind it: whole records are looked for at each 8 bytes.
 *    So whatever was acknowledged and is whole is kept. Two marks say up to where the disk was
 *    synced; they are stored after a sync, so that an old one says too little, never too much.
 *    What is missing before a mark, or before a whole record, is damage: the file is copied beside
 *    itself before anything in it is overwritten, and a line says what is missing. What is not
 *    whole behind the marks and the last whole record is what a power failure left of writes that
 *    had not been synced: a normal start, with a line that says where the journal was cut. A power
 *    record is acknowledged after its sync only, so that a power failure costs none.
 *
 * When a sync fails (Linux since 4.13; lwn.net/Articles/752063, Documentation/filesystems/vfs.rst
 * "Handling errors during writeback"), Linux marks the pages clean that it could not write, and
 * reports the error once for each open file, so that the next sync of the same range succeeds and
 * writes nothing. Hence, after a failed sync the journal counts nothing that a restart would need
 * as written, and takes no power record, until all of it was written anew with pwrite(), which
 * makes the pages dirty whatever they hold, and was synced. The two threads sync through open
 * files of their own, so that neither takes the other's error away. Other records are taken
 * meanwhile: the page cache has them, which survives kill -9. Making the file begins with an empty
 * one each time, so that nothing of a failed attempt remains.
 *
 * When the file breaks under the mapping (it is cut or overwritten, its disk is full on a file
 * system that copies on write, or a page can't be read) no record is taken any more; what is whole
 * can still be taken out, and then the file is made anew (journal_renew()).
 *
 * The file, in the machine's byte order: header at 0, slots at 4096 and 8192, marks at 12288, a
 * copy of the header at 16384, the ring from 65536 on. It is locked (flock) while open.
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
#define JOURNAL_COPIES_MAX 4u /* of damaged files, beside one journal */
#define JOURNAL_IDENTITY 16u  /* bytes that name the database a journal belongs to */

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
int journal_open(const char *path, struct journal **ret, struct diag *diag) MUST_CHECK;

/* Unlocks and closes; records that were not taken out stay. NULL is fine. */
void journal_close(struct journal *journal);

/* True for a file that was never formatted, or whose formatting was interrupted. */
bool journal_is_blank(const struct journal *journal);

/*
 * True on a file system that puts what is overwritten to a new place (copy on write: ZFS, F2FS,
 * bcachefs, and btrfs where it would not make an exception of this file): allocated blocks are
 * no promise there, and when such a disk is full a store to the mapping breaks the journal.
 * *system is its name.
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
		   struct diag *diag) MUST_CHECK;

/* What a formatted journal holds. */
struct journal_facts {
	size_t bytes; /* of the ring */
	size_t used;
	uint64_t number;    /* random, another one each time the file is made anew */
	uint64_t first_seq; /* oldest record that was not released; == next_seq: none */
	uint64_t next_seq;
	uint64_t torn_seq; /* this record was not whole, nor synced: no damage; 0: there was none */
	uint64_t missing;  /* records that journal_open() found damaged: see journal_damage() */
	unsigned char identity[JOURNAL_IDENTITY];
};
/* For tests, and before and after there are two threads. */
void journal_inspect(const struct journal *journal, struct journal_facts *ret);

/*
 * What journal_open() found damaged, in one line: how many records are missing, which, how many
 * are kept, and where the copy of the file is. NULL: nothing. Make such a file anew
 * (journal_format()) once its records were taken out.
 */
const char *journal_damage(const struct journal *journal);

/*
 * Appending: reserve room for a body, fill it, then commit or forget it. NULL: no room now,
 * or @len is above journal_record_max(). No system call, no allocation.
 */
void *journal_reserve(struct journal *journal, size_t len);

/*
 * Makes the reserved record count and stores its sequence number in *seq. With @is_power the
 * call returns after it (and all before it) was synced to the disk. ERR_IO: the sync failed, or
 * one failed before and is not made good yet, or the journal is broken; the record does not count
 * then.
 */
int journal_commit(struct journal *journal, bool is_power, uint64_t *seq,
		   struct diag *diag) MUST_CHECK;

/* The position of the next record, a multiple of 8 bytes; for journal_reread(). */
uint64_t journal_place(const struct journal *journal);

/*
 * The body that was committed at @place, released or not, as long as nothing was written over it:
 * good until the next journal_reserve(), for the appending thread. NULL: it is not there any more.
 */
const void *journal_reread(const struct journal *journal, uint64_t place, size_t *len);

/* Bytes of the largest body that the ring takes. */
size_t journal_record_max(const struct journal *journal);

/* The size of the smallest ring that takes bodies of @len bytes. */
size_t journal_least(size_t len);

/* Is there room for a body of @len bytes? For the appending thread only. */
bool journal_has_room(const struct journal *journal, size_t len);

/* Bytes of the ring, and of those in use. Any thread. */
size_t journal_bytes(const struct journal *journal);
size_t journal_used(const struct journal *journal);

/* True while more than half of the ring is in use. */
bool journal_is_half_full(const struct journal *journal);

/* False after a failed sync until journal_sync() has succeeded. Any thread. */
bool journal_takes_power(const struct journal *journal);

/*
 * Taking out: the next record that was not read yet. 1: *ret is filled; 0: there is none;
 * ERR_INVALID: what stands there is not the record that was appended, and the journal is broken
 * from here on. In a journal that was opened damaged, or salvaged, what is not whole is passed
 * over.
 */
int journal_next(struct journal *journal, struct journal_record *ret, struct diag *diag) MUST_CHECK;

/* Back to the oldest record that was not released. */
void journal_rewind(struct journal *journal);

/*
 * ERR_IO: a record that was read since the last release has changed, so that what was made of it
 * may be wrong. To be called before a transaction is committed.
 */
int journal_recheck(const struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * All records that were read so far are safe in the database: their space may be used again (for
 * the records of the last call, only after the next call, see above). Syncs the slots; if that
 * fails, the space is not used until journal_sync() has succeeded. Does nothing if nothing was read
 * since the last two calls.
 */
void journal_release(struct journal *journal);

/*
 * Syncs all records that were committed before the call. After a failed sync of either thread it
 * first writes anew all that a restart would need.
 */
int journal_sync(struct journal *journal, struct diag *diag) MUST_CHECK;

/* Did a sync fail since the last journal_sync()? Then it should be called now. */
bool journal_must_sync(const struct journal *journal);

/* Syncs that failed, and the errno of the last of them. Any thread. */
uint64_t journal_failures(const struct journal *journal, int *error);

/*
 * Writes an unused page and syncs it, so that the caller can measure how long a sync takes.
 */
int journal_probe(struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * Is the file at the path still the one that is open, of the right size, and does it hold what the
 * journal put there: header, slots, and the records that were not released (of a large ring some
 * MiB of them)? For the writer's thread, once a second or after each commit: some system calls.
 *
 * ERR_INVALID: no, and @diag says what is wrong. If the file is gone from its path, or another one
 * is there, the journal is not broken, but a restart may not find what is appended: refuse writes
 * until the check is 0 again. If the file was cut or overwritten, the journal is broken
 * (journal_is_broken()). ERR_IO: the check itself failed.
 */
int journal_check(struct journal *journal, struct diag *diag) MUST_CHECK;

/* The first question of journal_check() only: is the file at the path the one that is open? */
int journal_check_place(const struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * A broken journal takes no record. How it is repaired, by the writer's thread but for step 1:
 *  1. The appending thread says by journal_stop() that it has seen it, and appends no more until
 *     journal_is_broken() is false again; or by journal_leave() that it never appends again.
 *  2. journal_salvage() copies the file where something is missing and says what, once.
 *  3. journal_next() and journal_release() take out what is whole.
 *  4. journal_renew() makes the file anew; numbers go on where they were.
 * Steps 2 to 4 return ERR_BUSY before the step that precedes them.
 */
bool journal_is_broken(const struct journal *journal); /* any thread; one load */
void journal_stop(struct journal *journal);
void journal_leave(struct journal *journal);
int journal_salvage(struct journal *journal,
		    struct diag *diag) MUST_CHECK; /* 0: @diag has the line; 1: did */
int journal_renew(struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * For a file that is gone from its path, while nothing is appended: makes a file there with all
 * that the open one holds. Close the journal then and open the new file. ERR_INVALID, ERR_IO: there
 * is another file by now, or the disk is full or broken.
 */
int journal_put_back(const struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * Makes the pages of the next records writable ahead of time, so that the appending thread does
 * not wait for the file system. The writer's thread calls it.
 */
void journal_prefault(struct journal *journal);

#endif

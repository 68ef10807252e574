/*
 * journal.h -- a log of records in a memory-mapped file. An appended record survives kill -9.
 *
 * Knows sequence numbers and bytes; knows nothing of what a record means or of SQLite. One
 * thread (the broker's) appends records, another (the writer's) takes them out; neither waits for
 * the other. All blocks of the file are allocated when it is made, so that a store to the mapping
 * can't run out of disk; but see journal_is_copied().
 *
 * The log is cut into segments of the same size, and the file has slots for so many of them.
 * Records lie one behind the other in a segment; one that does not fit into the rest of a segment
 * is the first of the next. A segment whose records were all taken out is free, and the slot that
 * was freed last is used again first. So while records are taken out as they come, three or four
 * slots are in use, whose pages are in memory; while they are not, the log grows into the others.
 *
 * What holds at every instruction, whatever kills the process:
 *  - A record counts as soon as its sequence number is stored, by one aligned store after its
 *    body. The place behind the newest record always reads 0.
 *  - A segment begins with a head, which has a copy at the file's beginning: which segment of the
 *    log this is, and the number of its first record. So the next segment, not the bytes behind the
 *    last record of this one, says that the rest of this one was passed over and that nothing is
 *    missing there; and a segment that is lost hides no other. Where both heads are damaged the
 *    records of that segment are missing, as those are that are damaged themselves.
 *  - Two slots of the file's beginning, written in turn, say where the oldest record is that is
 *    still needed (the tail). Space is used again only after both have passed it and were
 *    synced. So one that is torn or stale never points at something that was overwritten.
 *  - Reading begins at the tail and takes every whole record up to the newest. A record is whole
 *    if its number, its length and its checksum are right. The checksum is seeded with a random
 *    number of its segment's head and with the record's position in the log. So neither bytes that
 *    a client chose, nor bytes that an earlier segment left, nor those of a segment whose head was
 *    lost, can pass for a record.
 *  - A damaged record does not hide those behind it: whole records are looked for at each 8 bytes.
 *    So a record that was acknowledged and is whole is kept. Two marks say up to where the disk was
 *    synced; they are stored after a sync, so that an old mark says too little, never too much.
 *    A record that is missing before a mark, or before a whole record, is damage: the file is
 *    copied beside itself before anything in it is overwritten, and a line says what is missing.
 *    A record that is not whole, behind the marks and the last whole record, is what a power
 *    failure left of a write that was not synced. The start is normal then, with a line that says
 *    where the journal was cut. A power record is acknowledged only after its sync, and that of its
 *    segment's head, so that a power failure loses none.
 *
 * When a sync fails (Linux since 4.13; lwn.net/Articles/752063, Documentation/filesystems/vfs.rst
 * "Handling errors during writeback"), Linux marks the pages clean that it could not write, and
 * reports the error once for each open file. The next sync of the same range succeeds and writes
 * nothing. So after a failed sync the journal writes all that a restart would need anew with
 * pwrite(), which makes the pages dirty whatever they hold, and syncs it. Until that has succeeded,
 * nothing of it counts as written, and no power record is taken. Other records are taken
 * meanwhile: they are in the page cache, which survives kill -9. Each thread syncs through an open
 * file of its own, so that neither takes the other's error away. Making the file begins with an
 * empty one each time, so that nothing of a failed attempt remains.
 *
 * If the file breaks under the mapping (it is cut or overwritten, its disk is full on a file
 * system that copies on write, or a page can't be read), the journal takes no more records. Whole
 * records can still be taken out; then the file is made anew (journal_renew()).
 *
 * The file, format 2, in the machine's byte order: header at 0, slots of the tail at 4096 and 8192,
 * marks at 12288, notes at 14336, a copy of the header at 16384, copies of the segments' heads from
 * 20480 on, the segments from 65536 on. It is locked (flock) while open. A file of format 1, whose
 * records lie in one ring, is read, and takes none: make it anew when it is empty.
 */
#ifndef PETSTORE_JOURNAL_H
#define PETSTORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* Sizes asked for are rounded up, see journal_size(). */
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
 * Opens and locks the file at @path, or makes an empty one if there is none, and finds its
 * records. ERR_BUSY: another process (or this one) has it open. ERR_VERSION: a newer program or
 * a machine of the other byte order made it, or it is no journal. ERR_INVALID: its header is
 * damaged, its size is not what the header says, or the file can't be opened. ERR_IO: the disk is
 * full or broken. After an error the file is unchanged.
 */
int journal_open(const char *path, struct journal **ret, struct diag *diag) MUST_CHECK;

/* Unlocks and closes the file; records that were not taken out stay in it. NULL is fine. */
void journal_close(struct journal *journal);

/* True for a file that was never formatted, or whose formatting was interrupted. */
bool journal_is_blank(const struct journal *journal);

/*
 * True on a file system that writes to a new place what is overwritten (copy on write: ZFS, F2FS,
 * bcachefs, and btrfs if it would not make an exception of this file). Allocated blocks guarantee
 * nothing there: when such a disk is full, a store to the mapping breaks the journal. *system is
 * the file system's name.
 */
bool journal_is_copied(const struct journal *journal, const char **system);

/*
 * The size that a journal made for these has: rounded up to what is possible. A fourth of @bytes,
 * or the 1024th part of @bytes_max where that is more, is made a power of two.
 */
size_t journal_size(size_t bytes, size_t bytes_max);

/*
 * Is it of the format and of the size that journal_format() would make of it now? It would be made
 * smaller where the file system has no room, or allocates none ahead.
 */
bool journal_is_sized(const struct journal *journal, size_t bytes, size_t bytes_max);

/*
 * Makes the file an empty journal that belongs to @identity; the next record will be @next_seq. It
 * uses @bytes of the file while records are taken out as they come, and up to @bytes_max (@bytes,
 * where that is more) while they are not. All that the file held is lost. ERR_IO: the disk is full
 * or broken; the file is blank then.
 */
int journal_format(struct journal *journal, size_t bytes, size_t bytes_max,
		   const unsigned char identity[JOURNAL_IDENTITY], uint64_t next_seq,
		   struct diag *diag) MUST_CHECK;

/* What a formatted journal holds. */
struct journal_facts {
	size_t bytes; /* that it may hold in all */
	size_t used;
	uint64_t number;    /* random, another one each time the file is made anew */
	uint64_t first_seq; /* oldest record that was not released; == next_seq: none */
	uint64_t next_seq;
	uint64_t torn_seq; /* this record was not whole, nor synced: no damage; 0: there was none */
	uint64_t missing;  /* records that journal_open() found damaged: see journal_damage() */
	unsigned char identity[JOURNAL_IDENTITY];
};
/* For tests, and while no second thread uses the journal. */
void journal_inspect(const struct journal *journal, struct journal_facts *ret);

/*
 * What journal_open() found damaged, in one line: how many records are missing, which, how many
 * are kept, and where the copy of the file is. NULL: nothing was damaged. Take the records out of
 * a damaged file, then make it anew (journal_format()).
 */
const char *journal_damage(const struct journal *journal);

/*
 * Appending: reserve room for a body, fill it, then commit or forget it. NULL: no room now,
 * or @len is above journal_record_max(). No system call, no allocation.
 */
void *journal_reserve(struct journal *journal, size_t len);

/*
 * Makes the reserved record count and stores its sequence number in *seq. With @is_power the call
 * returns only after the record, and all before it, were synced to the disk. ERR_IO: this sync
 * failed, or an earlier one failed and was not repaired yet, or the journal is broken; the record
 * does not count then.
 */
int journal_commit(struct journal *journal, bool is_power, uint64_t *seq,
		   struct diag *diag) MUST_CHECK;

/* The position of the reserved record, a multiple of 8 bytes; for journal_reread(). */
uint64_t journal_place(const struct journal *journal);

/*
 * The body that was committed at @place, released or not; borrowed until the next
 * journal_reserve(). NULL: it was overwritten. For the appending thread only.
 */
const void *journal_reread(const struct journal *journal, uint64_t place, size_t *len);

/* Bytes of the largest body that the journal takes. */
size_t journal_record_max(const struct journal *journal);

/* The least @bytes of journal_format() for bodies of @len bytes. */
size_t journal_least(size_t len);

/* Is there room for a body of @len bytes? For the appending thread only. */
bool journal_has_room(const struct journal *journal, size_t len);

/*
 * Bytes that the journal may hold in all; of its part that is in use while records are taken out
 * as they come; and of those in use. Any thread.
 */
size_t journal_bytes(const struct journal *journal);
size_t journal_fast_bytes(const struct journal *journal);
size_t journal_used(const struct journal *journal);

/* True while more than half of journal_fast_bytes() is in use: records come faster than they go. */
bool journal_is_behind(const struct journal *journal);

/* True while more than half of journal_bytes() is in use. */
bool journal_is_half_full(const struct journal *journal);

/* False after a failed sync until journal_sync() has succeeded. Any thread. */
bool journal_takes_power(const struct journal *journal);

/*
 * Taking out: reads the next record. 1: *ret is filled; 0: there is none; ERR_INVALID: the file
 * does not hold the record that was appended, and the journal is broken from now on. In a journal
 * that was opened damaged, or salvaged, records that are not whole are skipped.
 */
int journal_next(struct journal *journal, struct journal_record *ret, struct diag *diag) MUST_CHECK;

/* Lets journal_next() begin again at the oldest record that was not released. */
void journal_rewind(struct journal *journal);

/*
 * Call it before a transaction is committed. ERR_IO: a record that was read since the last release
 * has changed, so that the rows made from it may be wrong.
 */
int journal_recheck(const struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * Call it when all records that were read so far are safe in the database. Their space may be used
 * again then; that of the records since the last call only after the next call (see above). Syncs
 * the slots; if that fails, the space is not used until journal_sync() has succeeded. Does nothing
 * if nothing was read since the last two calls.
 */
void journal_release(struct journal *journal);

/*
 * Syncs all records that were committed before the call. After a failed sync of either thread it
 * first writes anew all that a restart would need.
 */
int journal_sync(struct journal *journal, struct diag *diag) MUST_CHECK;

/* Did a sync fail since the last journal_sync()? Then call journal_sync() now. */
bool journal_must_sync(const struct journal *journal);

/* Syncs that failed, and the errno of the last of them. Any thread. */
uint64_t journal_failures(const struct journal *journal, int *error);

/*
 * Writes an unused page and syncs it, so that the caller can measure how long a sync takes.
 */
int journal_probe(struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * Is the file at the path still the one that is open, of the right size, and does it hold what the
 * journal put there: header, slots, and the records that were not released (of many some MiB of
 * them)? For the writer's thread, once a second or after each commit: some system calls.
 *
 * ERR_INVALID: no, and @diag says what is wrong. If the file is gone from its path, or another one
 * is there, the journal is not broken, but a restart may not find what is appended: refuse writes
 * until the check is 0 again. If the file was cut or overwritten, the journal is broken
 * (journal_is_broken()). ERR_IO: the check itself failed.
 */
int journal_check(struct journal *journal, struct diag *diag) MUST_CHECK;

/* The first check of journal_check() only: is the file at the path the one that is open? */
int journal_check_place(const struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * A broken journal takes no record. The appending thread does step 1 of the repair, the writer's
 * thread the others:
 *  1. The appending thread calls journal_stop() when it has seen that the journal is broken, and
 *     appends nothing until journal_is_broken() is false again. Or it calls journal_leave(), and
 *     never appends again.
 *  2. journal_salvage() copies the file if something is missing, and says what, once.
 *  3. journal_next() and journal_release() take out what is whole.
 *  4. journal_renew() makes the file anew; numbers go on where they were.
 * Steps 2 to 4 return ERR_BUSY if the step before was not done.
 */
bool journal_is_broken(const struct journal *journal); /* any thread; one load */
void journal_stop(struct journal *journal);
void journal_leave(struct journal *journal);
int journal_salvage(struct journal *journal,
		    struct diag *diag) MUST_CHECK; /* 0: @diag has the line; 1: did */
int journal_renew(struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * For a file that is gone from its path, while nothing is appended: makes a file at the path with
 * all that the open one holds. Then close the journal and open the new file. ERR_INVALID, ERR_IO:
 * another file is there by now, or the disk is full or broken.
 */
int journal_put_back(const struct journal *journal, struct diag *diag) MUST_CHECK;

/*
 * Numbers, up to 2^48, that the file keeps beside its records, of what does not go through it. They
 * survive kill -9 as records do, and journal_renew(); they reach the disk with the next
 * journal_release(), or when the system writes the page. A journal that is formatted for another
 * database has none. 0: none was noted, or it is damaged. Each is noted by one thread.
 */
enum journal_noted { JOURNAL_NOTE_KEPT, JOURNAL_NOTE_SIGNED, JOURNAL_NOTES };
void journal_note(struct journal *journal, enum journal_noted which, uint64_t number);
uint64_t journal_noted(const struct journal *journal, enum journal_noted which);

/*
 * Makes the pages of the next records writable ahead of time, once each, so that the appending
 * thread does not wait for the file system. Where the journal had grown and is small again, gives
 * the memory of the other pages back; what stands there stays in the file. The writer's thread
 * calls it.
 */
void journal_prefault(struct journal *journal);

#endif

/*
 * journal_internal.h -- what the journal's files share; no other file includes it.
 *
 * journal_file.c opens the file; journal_make.c makes it; journal_segments.c knows where in it
 * which part of the log is; journal_scan.c finds the records in it; journal_records.c maps it,
 * appends records and takes them out; journal_sync.c brings them to the disk; journal_note.c keeps
 * numbers beside them; journal_repair.c checks the file, makes it anew, and puts back one that was
 * removed; journal_pages.c has its pages in memory when they are needed.
 */
#ifndef PETSTORE_JOURNAL_INTERNAL_H
#define PETSTORE_JOURNAL_INTERNAL_H

#include <stdatomic.h>

#include "base/mapguard.h"
#include "ledger/journal.h"

#define JOURNAL_SLOT_AT(i) (4096u * (1u + (i)))
#define JOURNAL_MARK_AT(i) (4096u * 3u + 1024u * (i))
#define JOURNAL_NOTE_AT(i) (4096u * 3u + 2048u + 1024u * (i))
#define JOURNAL_MARKS_END (4096u * 4u)
#define JOURNAL_COPY_AT (4096u * 4u)   /* of the header */
#define JOURNAL_FOLDER_AT (4096u * 5u) /* a copy of each segment's head */
#define JOURNAL_SEGMENTS_MAX 1024u     /* copies fit between there and the first segment */
#define JOURNAL_SEGMENTS_MIN 4u       /* a record that has room when half is free is one of these */
#define JOURNAL_SEGMENT_SHIFT_MIN 14u /* JOURNAL_BYTES_MIN has so many */
#define JOURNAL_SEGMENT_HEAD 64u      /* bytes of a segment in front of its records */
#define JOURNAL_SLOT_BITS 16u
#define JOURNAL_NO_SEGMENT UINT64_MAX
#define JOURNAL_POSITION_MAX (UINT64_C(1) << 62)
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

struct journal_place {
	uint64_t position;
	uint64_t seq; /* of the record that is, or will be, there */
};

/* Whether records are taken. */
enum {
	JOURNAL_WHOLE = 0,
	JOURNAL_BROKEN = 1,  /* as base/mapguard.h sets it */
	JOURNAL_STOPPED = 2, /* and the appending thread knows */
};

/* The marks: one of each thread. */
enum { JOURNAL_OF_APPENDER, JOURNAL_OF_WRITER };

/* One segment of the log: which, and where in the file it lies. */
struct journal_segment {
	uint64_t number;    /* of the log's segments, from its beginning; JOURNAL_NO_SEGMENT */
	uint64_t first_seq; /* number of the first record that is, or will be, in it */
	uint64_t salt;      /* the sums of its records are seeded with it */
	uint32_t slot;      /* its place among those of the file */
};

/*
 * Positions count bytes of the log from the beginning of time. A segment of the log has 2^shift of
 * them; @table says in which slot of the file it lies. The segments that are in use follow each
 * other, so that a table as large as the file, or the next power of two, has a place of its own for
 * each.
 *
 * In a file of format 1 position modulo capacity is the place in its only segment, a ring. It is
 * mapped twice in a row, so that a record that crosses its end is still one piece of memory. Its
 * records are taken out; none is added.
 */
struct journal {
	int fd;
	int writer_fd; /* the same file, opened again: each reports a sync's error once */
	char *path;
	unsigned char *map;              /* NULL while blank */
	const unsigned char *writer_map; /* the same of writer_fd, for syncs; never read */
	_Atomic size_t capacity; /* bytes of all segments; for others while it is made anew */
	unsigned shift;
	unsigned slots;
	size_t asked_max; /* that it was made for; its disk may have had less room */
	bool is_ring;     /* format 1 */
	struct journal_segment *table;
	uint64_t mask; /* number & mask is a segment's place in the table */
	uint64_t salt;
	uint64_t era; /* random, of this opening: seeds the salts of segments that it begins */
	unsigned char identity[JOURNAL_IDENTITY];
	uint64_t torn_seq;
	uint64_t missing;
	bool is_cut;        /* the file was shorter than its header says */
	bool is_header_bad; /* the header's copy was read in its place */
	bool has_holes;     /* records are missing, and reading skips the gaps */
	struct diag damage;

	char apart[JOURNAL_APART]; /* keeps the two threads' members in different cache lines */

	/* the appending thread's */
	uint64_t next_seq;
	struct journal_header *record; /* the next one; NULL: its segment is not in the file */
	size_t record_max;             /* bytes of a body; 0 where none is added */
	size_t left;                   /* bytes of its segment from there on */
	uint64_t segment_salt;         /* of that segment */
	size_t reserved;               /* bytes of the record's body */
	uint32_t *free_slot;           /* the last of them was freed last */
	unsigned free_slots;
	uint64_t collected; /* segments before this one are free, or were never in the file */

	char apart_from_writer[JOURNAL_APART];

	/* the writer's */
	struct journal_place read;    /* the next record to be taken out */
	struct journal_place tail;    /* the oldest that was not released */
	uint64_t seen;                /* head, when it was last looked at */
	struct journal_place slot[2]; /* as the file has them */
	unsigned next_slot;
	uint64_t prefaulted;         /* pages up to this position were made writable */
	uint64_t pages_seen;         /* head, when that was last looked at */
	bool has_grown;              /* more memory than that of the fast part is in use */
	struct journal_place walked; /* up to here records were counted, for the writer's mark */
	unsigned tried;              /* the value of @failures at the last attempt to repair */
	const char *reason;          /* why the journal is broken, if the writer's thread saw it */
	bool is_salvaged;

	char apart_from_both[JOURNAL_APART];

	/* shared */
	_Atomic uint64_t head;     /* where the next record goes */
	_Atomic uint64_t reusable; /* everything before it may be overwritten */
	/* The segment behind head's: number << JOURNAL_SLOT_BITS | slot; JOURNAL_NO_SEGMENT */
	_Atomic uint64_t next_segment;
	_Atomic uint64_t synced;   /* everything before it is on the disk */
	_Atomic unsigned failures; /* of syncs */
	_Atomic unsigned repaired; /* failures after which all was written anew */
	_Atomic int sync_error;    /* of the last */
	_Atomic int broken;        /* JOURNAL_WHOLE, ... */
	_Atomic bool has_left;     /* journal_leave() was called */
};

static inline size_t journal_round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static inline size_t journal_record_size(size_t len)
{
	return sizeof(struct journal_header) + journal_round_up(len, 8);
}

/* Moves @place from a record whose body has @len bytes to the next record. */
static inline void journal_pass(struct journal_place *place, size_t len)
{
	place->position += journal_record_size(len);
	place->seq++;
}

static inline size_t journal_segment_bytes(const struct journal *j)
{
	return (size_t)1 << j->shift;
}

/* Bytes between the segment's beginning and @position. */
static inline size_t journal_offset(const struct journal *j, uint64_t position)
{
	return (size_t)(position & (journal_segment_bytes(j) - 1));
}

/* NULL: it is not in the file. @number is of one that may be in use, see struct journal. */
static inline const struct journal_segment *journal_segment(const struct journal *j,
							    uint64_t number)
{
	const struct journal_segment *segment = &j->table[number & j->mask];

	return segment->number == number ? segment : NULL;
}

/* Where in the file. */
static inline size_t journal_slot_begin(const struct journal *j, uint32_t slot)
{
	return JOURNAL_RING_AT + ((size_t)slot << j->shift);
}

/* NULL: the segment that it was in is not in the file. */
static inline struct journal_header *journal_record_at(const struct journal *j, uint64_t position)
{
	const struct journal_segment *segment;
	void *at = NULL;

	if (__builtin_expect(j->is_ring, 0)) {
		at = j->map + JOURNAL_RING_AT + position % j->capacity;
	} else {
		segment = journal_segment(j, position >> j->shift);
		if (segment)
			at = j->map + journal_slot_begin(j, segment->slot) +
			     journal_offset(j, position);
	}
	return at;
}

uint32_t journal_record_crc(uint64_t salt, uint64_t position, uint64_t seq, uint32_t len,
			    const void *body);

/*
 * Moves @place to the beginning of the next segment, if that says that the record at @place is its
 * first one and begins before @end: the rest of a segment was passed over.
 */
bool journal_turn(const struct journal *j, struct journal_place *place, uint64_t end);

/* The body of the record at @at, if it is whole and ends before @end; else NULL. */
const void *journal_record_read(const struct journal *j, struct journal_place at, uint64_t end,
				size_t *len);

/*
 * Moves *place to the first whole record from there on that ends before @end. Its number must be
 * place->seq or a later one that is possible there: at most @ahead_max later at @place, and more
 * behind it. False: there is none, or it was not found with bounded work.
 */
bool journal_find(const struct journal *j, struct journal_place *place, uint64_t end,
		  uint64_t ahead_max);

/* ---- segments ---- */

/* What a journal for these sizes has; see journal_format(). */
struct journal_sizes {
	unsigned shift;
	size_t fast, all; /* bytes */
};
struct journal_sizes journal_sizes(size_t bytes, size_t bytes_max);

/* Sets the members that follow from the file's size; ERR_NOMEM. */
int journal_segments_init(struct journal *j, struct diag *diag) MUST_CHECK;
void journal_segments_clear(struct journal *j);

/* Begins the first segment, number 0, of a file that has none. */
void journal_segments_format(struct journal *j, uint64_t first_seq);

/*
 * Reads which segments are in the file and puts those into the table that are @first or one of
 * those that may follow it; NULL: those that follow each other up to the newest, the first of which
 * becomes *first then. Returns the position behind the newest of them.
 */
uint64_t journal_segments_read(struct journal *j, const uint64_t *first, uint64_t *from);

/*
 * The log was found to go from @tail to @head: segments behind it are erased in the file, those
 * before it are free. The caller syncs the file before it adds a record.
 */
void journal_segments_settle(struct journal *j, uint64_t tail, uint64_t head);

/* Does the segment's head in the file say what it must? */
bool journal_segment_stands(const struct journal *j, const struct journal_segment *segment);

/* May the appending thread begin another segment? And: it does so. */
bool journal_may_move_on(const struct journal *j);
bool journal_move_on(struct journal *j);

/* Finds the records in the mapped file, and sets @j's members accordingly. */
int journal_scan(struct journal *j, struct diag *diag) MUST_CHECK;

/* What journal_tally() counts between two places: whole records, and numbers without one. */
struct journal_tally {
	uint64_t kept, missing;
	struct journal_place end; /* behind the last whole record, and the number after it */
	char which[160];          /* numbers that are missing: "4, 7-9, ..." */
};
void journal_tally(const struct journal *j, struct journal_place from, uint64_t end,
		   struct journal_tally *ret);
void journal_tally_gap(struct journal_tally *tally, uint64_t from, uint64_t to);

/* Writes @place to one of the two slots; the caller syncs. */
void journal_slot_write(struct journal *j, unsigned i, struct journal_place place);
bool journal_slot_read(const struct journal *j, unsigned i, struct journal_place *ret);

/* Writes the mark that everything before @place is on the disk; does not sync it. */
void journal_mark_write(struct journal *j, unsigned of, struct journal_place place);

/* As journal_note(), of a journal that is being made. */
void journal_note_write(struct journal *j, enum journal_noted which, uint64_t number);

/* The sync of a power record that ends at @to; 0 or errno. */
int journal_power_sync(struct journal *j, uint64_t to);

/* Writes header and slots anew, as they are in the mapping; 0 or errno. */
int journal_rewrite_head(struct journal *j);

/* Syncs both open files; 0 or errno. No other thread may be syncing. */
int journal_file_sync(struct journal *j);

/*
 * Every block is there afterwards: a store to the mapping can't meet a full disk, but for what
 * journal_is_copied() says.
 */
int journal_allocate(struct journal *j, struct diag *diag) MUST_CHECK;

/* Syncs the file, then writes its header and syncs again: until then the file is blank. */
int journal_header_write(struct journal *j, struct diag *diag) MUST_CHECK;

/* Maps and guards the file, which has all its bytes; unmaps what is mapped. */
int journal_map(struct journal *j, struct diag *diag) MUST_CHECK;
void journal_unmap(struct journal *j);

/* Asks btrfs to write this file in place (no copy on write); it does so for empty files only. */
void journal_forbid_copying(const struct journal *j);

/* Is the journal's own header in the mapping? */
bool journal_header_stands(const struct journal *j);

/*
 * Copies the file, which is @what, to "<path>.damaged-<time>"; @line says what is missing in it.
 */
int journal_keep_damaged(const struct journal *j, const char *what,
			 const struct journal_tally *tally, struct diag *line,
			 struct diag *diag) MUST_CHECK;

/* Syncs the folder, so that a new file's name is on the disk, too. */
int journal_folder_sync(const struct journal *j, struct diag *diag) MUST_CHECK;

/* Breaks the journal: it takes no record any more. @reason is a literal. */
void journal_break(struct journal *j, const char *reason);

/* "<path>: <what>: <the system's word for @error>" */
int journal_fail(const struct journal *j, const char *what, int error,
		 struct diag *diag) MUST_CHECK;

#endif

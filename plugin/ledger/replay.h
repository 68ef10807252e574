/*
 * replay.h -- moves records from the journal to the store, each exactly once; and refusals from the
 * backlog.
 *
 * Each transaction writes the number of its last record together with the rows, and each begins by
 * reading that number. So whatever fails between the two files, records that the database has are
 * skipped and the others are written. Used at the start, and then by the writer's thread.
 *
 * Refusals are written between batches of accepted writes, in transactions of their own. They never
 * delay accepted writes: if the database is locked, a bounded number of them waits; if it takes no
 * writes, they are counted as lost.
 */
#ifndef PETSTORE_REPLAY_H
#define PETSTORE_REPLAY_H

#include <stdint.h>

#include "base/diag.h"
#include "base/histogram.h"
#include "ledger/age.h"
#include "ledger/backlog.h"
#include "ledger/journal.h"
#include "ledger/store.h"

/*
 * A transaction ends at so many bytes of records, however few they are: the journal gets their room
 * back only then. Where more than the journal's fast part is in use it takes up to REPLAY_TIMES as
 * much, in bytes and in rows, but half of what waits at most: it costs the same syncs however large
 * it is, five or so with those of the journal, and on a slow disk the journal fills up meanwhile.
 */
#define REPLAY_BYTES ((size_t)4 << 20)
#define REPLAY_TIMES 8u

struct replay {
	struct journal *journal;
	struct store *store;
	struct store_limits limits;
	unsigned batch_rows;
	bool is_shared;  /* other brokers wait for its transactions, which do not grow */
	bool has_more;   /* the last batch ended before the journal did */
	bool is_waiting; /* it ended before a step that waits for another broker's */
	uint64_t wal_bytes_max;
	int64_t held_ns;                /* since when it may write nothing for it; 0: it may */
	int64_t was_held_ns;            /* likewise, also after it */
	bool is_held_told;              /* replay_line() said so */
	struct age age;                 /* whether rows may go for their age */
	int64_t checked_ns;             /* when the files were last looked at; 0: never */
	bool is_journal_gone;           /* its file was not at its path then */
	bool is_journal_given_up;       /* it is known not to be, and only emptied */
	int64_t trimmed_ns;             /* when an idle store was last looked at for old events */
	int64_t trim_every_ns;          /* until the next look */
	int64_t clock_ns;               /* and when it last kept a time that was believed */
	int64_t retained_ns;            /* when what was cleared long ago was last removed */
	struct backlog *backlog;        /* of refusals */
	struct backlog_item *waiting;   /* refusals not written since the database was locked */
	int64_t flushed_ns;             /* when refusals were last written, or trimmed */
	struct histogram batch_records; /* any thread may read these two */
	struct histogram batch_ns;
};

/* Sets up the histograms; the rest is the caller's to fill in. */
void replay_init(struct replay *replay);

/*
 * Are the files of database and journal still those that are open? ERR_IO, ERR_INVALID: no, see
 * store_check() and journal_check_place(). replay_batch() asks four times a second, and after each
 * commit, before the journal may forget what was in it. Where that is given up only the database
 * has to be where it was.
 */
int replay_check(struct replay *replay, struct diag *diag) MUST_CHECK;

/*
 * Writes one batch. 1: some records were written, and more wait; 2: all that there were; 0: there
 * was none. REPLAY_WAITS: those before a step that waits for another broker's were written; try
 * again in some milliseconds. On
 * failure (the store's or the journal's error) the journal still has all that it had, and the call
 * may be repeated.
 * *applied is set to the number of the last record that is known to be in the database, or
 * left alone.
 */
#define REPLAY_WAITS 4
int replay_batch(struct replay *replay, uint64_t *applied, struct diag *diag) MUST_CHECK;

/* Batch after batch, until the journal has no more: 0, or as replay_batch() fails. */
int replay_all(struct replay *replay, uint64_t *applied, struct diag *diag) MUST_CHECK;

/*
 * Did replay_batch() fail with ERR_BUSY because the WAL is at its bound? A process that keeps
 * reading an old state keeps it from being begun anew. The database itself is fine, and records
 * wait in the journal.
 */
static inline bool replay_is_held(const struct replay *replay)
{
	return replay->held_ns != 0;
}

/* A line of news when that begins, and when it ends; false: there is none. */
bool replay_line(struct replay *replay, struct diag *ret);

/* Writes the refusals that there are where it is time to, or at once where @is_last. */
void replay_flush(struct replay *replay, bool is_last);

/* Forgets the refusals that still wait. */
void replay_drop_refusals(struct replay *replay);

#endif

/*
 * writer.h -- the thread that writes accepted messages to the database.
 *
 * Knows when to work, to wait, to try again and to report; struct writer_ops has the work itself.
 * Work that fails is repeated with growing pauses until it succeeds. If it fails for another reason
 * than a short lock, the writer is in trouble until all work is done. There is a line of news when
 * a trouble begins, when it turns out to be one that does not end by itself (damage, a foreign
 * table; one line for each), and when it ends.
 */
#ifndef PETSTORE_WRITER_H
#define PETSTORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

#define WRITER_PATIENCE_MS 1000 /* ERR_BUSY for so long is trouble */
#define WRITER_PAUSE_MS 25      /* after the first failure; doubled up to the maximum */
#define WRITER_PAUSE_MAX_MS 400

/* Nothing may be written now, which is no failure: to be tried again after a pause. */
#define WRITER_HELD 3
/* Likewise, after a pause of WRITER_SOON_MS: another broker's write is on its way. */
#define WRITER_SOON 4
#define WRITER_SOON_MS 5
/* It failed, and is not to be tried again: the process ends. */
#define WRITER_OVER 5

/* The work. The functions are called by the thread only, one at a time. */
struct writer_ops {
	/*
	 * One batch. 1: done, there is more; 2: done, and that was all there was; 0: there was
	 * nothing to do; WRITER_HELD, WRITER_SOON, WRITER_OVER; negative: failed, to be repeated.
	 * Sets *applied to the last sequence number that arrived.
	 */
	int (*replay)(void *ctx, uint64_t *applied, struct diag *diag);
	/*
	 * Called between batches, also after one that failed, and at least twice a second. @line
	 * is empty; what is put there is a line of news.
	 */
	void (*tend)(void *ctx, struct diag *line);
	void *ctx;
};

struct writer;

/*
 * Starts the thread, which looks for work every @wait_ms, and begins no batch sooner after the last
 * one unless more waits or it is woken: many small ones cost more than one. @applied: what has
 * arrived already.
 * @trouble: why the work failed before there was a thread, or NULL; it begins in trouble then.
 */
int writer_start(const struct writer_ops *ops, unsigned wait_ms, uint64_t applied,
		 const struct diag *trouble, struct writer **ret, struct diag *diag) MUST_CHECK;

/*
 * Works until nothing is left, but not longer than @timeout_ms, then ends the thread and
 * frees. NULL is fine.
 */
void writer_stop(struct writer *writer, unsigned timeout_ms);

/* There is work: ends the thread's wait. Cheap; a system call at most. */
void writer_wake(struct writer *writer);

/* The last sequence number that arrived. */
uint64_t writer_applied(const struct writer *writer);

/* True from the trouble's first news to its last. */
bool writer_is_troubled(const struct writer *writer);

/* And one that does not end by itself: the database refuses what is written. */
bool writer_is_stuck(const struct writer *writer);

/* The next line of news; false: none. Never waits. */
bool writer_news(struct writer *writer, struct diag *ret);

/* A number that grows with each batch and each call of tend(), so while the thread works. */
uint64_t writer_rounds(const struct writer *writer);

/*
 * Does the thread work, or does it hang? The broker's thread looks at writer_rounds() at each tick.
 * On a slow disk one system call may take seconds, and a round has several: that is not hanging,
 * and accepted writes wait in the journal meanwhile. No round takes WRITER_STALL_MS on a disk that
 * answers. Time between two looks beyond WRITER_STALL_LOOK_MS is not counted: the broker's thread
 * was blocked then, too, most likely by the same disk.
 */
#define WRITER_STALL_MS 60000 /* no round was made for so long: it hangs */
/* From one look to the next; what is beyond it is not counted. */
#define WRITER_STALL_LOOK_MS 1000

struct writer_stall {
	uint64_t rounds;   /* at the last look that found it had got on */
	int64_t stood_ns;  /* for so long it has not since */
	int64_t looked_ns; /* of the last look; 0: there was none */
};

/* @rounds were made so far. True: it hangs. */
bool writer_stall_look(struct writer_stall *stall, uint64_t rounds, int64_t now_ns);

#endif

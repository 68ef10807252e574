/*
 * stall.h -- does a thread that works behind the broker's back get on, or does it hang?
 *
 * It counts the rounds that it made; the broker's thread looks at the count at each tick. A thread
 * that waits for a slow disk is in one system call for seconds, of which a round has several: that
 * is no hanging, and what was accepted waits in the journal meanwhile. Hence STALL_MS, which no
 * round takes on a disk that ever answers. Time in which nobody looked is not counted: the broker's
 * own thread stood still then, most likely for the same disk, and says nothing about the other.
 */
#ifndef PETSTORE_LEDGER_STALL_H
#define PETSTORE_LEDGER_STALL_H

#include <stdbool.h>
#include <stdint.h>

#define STALL_MS 60000     /* no round was made for so long: it hangs */
#define STALL_LOOK_MS 1000 /* from one look to the next; what is beyond it is not counted */

struct stall {
	uint64_t rounds;   /* when it last got on */
	int64_t stood_ns;  /* for so long it did not since */
	int64_t looked_ns; /* 0: nobody did yet */
};

/* Looks: @rounds were made so far. True: it hangs. */
bool stall_look(struct stall *stall, uint64_t rounds, int64_t now_ns);

#endif

/*
 * accepted.h -- the last accepted messages of each sender, in memory.
 *
 * Some messages are not in the database yet, and some never will be (of an entity without events,
 * a repeated status): these are known here alone, until a restart. Senders and messages are numbers
 * that no client can predict. A sender's number chooses one of ACCEPTED_PLACES, which keeps the
 * last messages of its senders: a sender that floods pushes out its own messages, and those of the
 * few senders in the same place.
 *
 * For the broker's thread alone. All zero is empty. The functions are inline for each commit.
 */
#ifndef PETSTORE_ACCEPTED_H
#define PETSTORE_ACCEPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/wordhash.h"

#define ACCEPTED_PLACES 64u /* a power of two */
#define ACCEPTED_KEPT 256u  /* messages of each; likewise */

struct accepted {
	struct {
		uint64_t key, seq; /* 0: none */
	} message[ACCEPTED_PLACES][ACCEPTED_KEPT];
	uint32_t count[ACCEPTED_PLACES]; /* messages that were ever added to it */
};

/* Adds a message, which was accepted as write @seq. The low bits of @sender must be random. */
static inline void accepted_add(struct accepted *accepted, uint64_t sender, uint64_t digest,
				uint64_t seq)
{
	unsigned place = sender % ACCEPTED_PLACES;
	unsigned at = accepted->count[place]++ % ACCEPTED_KEPT;

	accepted->message[place][at].key = wordhash_mix(sender ^ WORDHASH_GOLDEN, digest);
	accepted->message[place][at].seq = seq;
}

/* Is it known that @sender's message was accepted, as number @until_seq or before? */
static inline bool accepted_has(const struct accepted *accepted, uint64_t sender, uint64_t digest,
				uint64_t until_seq)
{
	unsigned place = sender % ACCEPTED_PLACES;
	uint64_t key = wordhash_mix(sender ^ WORDHASH_GOLDEN, digest);

	for (unsigned i = 0; i < ACCEPTED_KEPT; i++)
		if (accepted->message[place][i].key == key && accepted->message[place][i].seq &&
		    accepted->message[place][i].seq <= until_seq)
			return true;
	return false;
}

#endif

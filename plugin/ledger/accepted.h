/*
 * accepted.h -- which messages were accepted last, by their senders.
 *
 * What the database does not have yet, and what it never will (an entity without events, a
 * repeated status), is known here alone, and forgotten by a restart. Senders and messages are
 * numbers that no client can predict. Each sender keeps its last messages in one of
 * ACCEPTED_PLACES, which its number chooses: a sender that floods loses its own messages,
 * and those of the few senders in the same place.
 *
 * For the broker's thread alone. All of it 0: there are none. Costs no call where it is written to.
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
	uint32_t count[ACCEPTED_PLACES]; /* that were ever put there */
};

/* @sender is drawn from all numbers, and so are its low bits. */
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

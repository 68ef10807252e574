/*
 * derivations.h -- limits the time that goes into key derivations.
 *
 * While the broker's thread derives the key of a password it serves no client. So only a share of
 * each second may go into that: in any t seconds at most (t + 1) times the share, plus one
 * derivation. Addresses that failed lately get a quarter of the share together, so that guesses
 * leave three quarters to the others.
 *
 * Knows no clock (times are arguments) and no passwords. In place; for one thread.
 */
#ifndef PETSTORE_DERIVATIONS_H
#define PETSTORE_DERIVATIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DERIVATIONS_SUSPECTS 4 /* suspect addresses get this fraction of the share: 1/4 */

struct derivations {
	unsigned percent;
	int64_t filled_ms;
	int64_t left_ns; /* for all together; below 0 by one derivation at most */
	int64_t suspects_left_ns;
};

/* @percent (1 .. 100) of each second; all of one second's share is there at first. */
void derivations_init(struct derivations *derivations, unsigned percent);

/* May a derivation begin at @now_ms, which never goes back? @is_suspect: see lockout.h. */
bool derivations_may(struct derivations *derivations, bool is_suspect, int64_t now_ms);

/* One was made and took @took_ns. */
void derivations_spent(struct derivations *derivations, bool is_suspect, int64_t took_ns);

#endif

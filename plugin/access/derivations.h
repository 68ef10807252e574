/*
 * derivations.h -- how much of the time may go into key derivations.
 *
 * The broker's thread serves nobody while it derives the key of a password. So no more than a
 * share of each second goes into that: in any t seconds at most (t + 1) times the share, and one
 * derivation. Addresses that failed lately have a quarter of it between them, so that guesses leave
 * three quarters to the others.
 *
 * Knows no clock (times are arguments) and no passwords. In place; for one thread.
 */
#ifndef PETSTORE_DERIVATIONS_H
#define PETSTORE_DERIVATIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DERIVATIONS_SUSPECTS 4 /* addresses that failed lately have one part in so many */

struct derivations {
	unsigned percent;
	int64_t filled_ms;
	int64_t left_ns; /* of everybody's; below 0 by one derivation at most */
	int64_t suspects_left_ns;
};

/* @percent (1 .. 100) of each second; all of one second's share is there at first. */
void derivations_init(struct derivations *derivations, unsigned percent);

/* May another be begun at @now_ms, which never goes back, for an address that @is_suspect? */
bool derivations_may(struct derivations *derivations, bool is_suspect, int64_t now_ms);

/* One was made and took @took_ns. */
void derivations_spent(struct derivations *derivations, bool is_suspect, int64_t took_ns);

#endif

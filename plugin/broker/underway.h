/*
 * underway.h -- which clients' answers are on their way inside the broker.
 *
 * A message to one client is sent by its client id, and the broker hands it out when it begins its
 * next round: until then a client of somebody else could come under the same id and get it. Whoever
 * lets clients in asks here first. Knows no broker; the names are kept as hashes. For one thread.
 */
#ifndef PETSTORE_BROKER_UNDERWAY_H
#define PETSTORE_BROKER_UNDERWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct underway_answer {
	uint64_t client; /* of the client id */
	uint64_t owner;  /* of the principal */
	unsigned turns;  /* that came since it was sent */
};

/* Empty where it is all zero, but for @seed. */
struct underway {
	uint64_t seed; /* that nobody can guess */
	size_t count;
	size_t cap;
	struct underway_answer *answer;
};

void underway_clear(struct underway *underway);

/* An answer is about to be sent to a client of @principal. ERR_NOMEM: it must not be. */
int underway_add(struct underway *underway, const char *client_id,
		 const char *principal) MUST_CHECK;

/* Is one underway to this client id, of another principal? */
bool underway_is_others(const struct underway *underway, const char *client_id,
			const char *principal);

/* At each tick: what was sent before the last one has arrived. */
void underway_turn(struct underway *underway);

#endif

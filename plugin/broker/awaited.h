/*
 * awaited.h -- retained messages of other brokers that the database told of, and that no bridge
 * has brought yet.
 *
 * A bridge mostly brings a message before the database tells of it. What it did not bring a while
 * after may never come: the bridge was down, or a queue of its broker's was full. Then the caller
 * publishes what stands. Where a bridge is only slow, so that what comes over it of that broker is
 * older than what is awaited, and something came just now, it has longer.
 *
 * A ring in the order in which they were heard, and an index by key. Bounded; what has no room is
 * the caller's to make good. Knows no broker and no ledger. For the broker's thread alone.
 */
#ifndef PETSTORE_AWAITED_H
#define PETSTORE_AWAITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define AWAITED_MAX 65536u                 /* that wait, at most; a power of two */
#define AWAITED_ORIGINS 64u                /* of which the bridges' progress is known */
#define AWAITED_NS INT64_C(1000000000)     /* a bridge has so long */
#define AWAITED_MAX_NS INT64_C(5000000000) /* a slow one */

struct awaited;

int awaited_new(struct awaited **ret, struct diag *diag) MUST_CHECK;
void awaited_free(struct awaited *awaited); /* NULL is fine */

struct awaited_event {
	uint64_t key; /* of @origin and @sequence */
	const char *origin;
	int64_t sequence;
	const char *topic;
	size_t len;
	uint64_t revision; /* of its entity, as the database settled it; 0: none */
	int64_t heard_ns;
};

/* Heard after all that were added before. Copies it. False: there is no room, or no memory. */
bool awaited_add(struct awaited *awaited, const struct awaited_event *event);

/* A bridge brings the event, awaited or not. */
void awaited_came(struct awaited *awaited, const struct awaited_event *event, int64_t now_ns);

/*
 * The one that is due and waits longest; its texts are borrowed until awaited_done(), which ends
 * its wait. False: none is due.
 */
bool awaited_next(struct awaited *awaited, int64_t now_ns, struct awaited_event *ret);
void awaited_done(struct awaited *awaited);

/* How many wait, with those that came and were not the first. */
size_t awaited_count(const struct awaited *awaited);

#endif

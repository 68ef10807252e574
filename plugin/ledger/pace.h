/*
 * pace.h -- is the disk quick enough for the broker's thread to wait for a sync?
 *
 * A write of durability power is synced before it is acknowledged, by the broker's thread, which
 * serves all clients. The disk is too slow when syncs of PACE_SLOW_MS or more together took the
 * broker's thread PACE_SHARE_MAX_MS of a second, or when one sync of the writer's thread took
 * PACE_SYNC_MAX_MS or has been running for so long. It is quick again after PACE_QUICK syncs of the
 * writer's thread in a row that were not slow. Quick syncs do not count, however many there are:
 * each makes clients wait for a moment only.
 *
 * Two threads: the broker's adds its syncs and asks, the writer's measures. Neither waits.
 */
#ifndef PETSTORE_LEDGER_PACE_H
#define PETSTORE_LEDGER_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PACE_SLOW_MS 50
#define PACE_SYNC_MAX_MS 500
#define PACE_SHARE_MAX_MS 250 /* of a second */
#define PACE_QUICK 2u

struct pace {
	/* the broker's thread's */
	int64_t second_ns; /* when this second began */
	int64_t spent_ns;  /* on slow syncs in it */

	/* the writer's */
	int64_t began_ns;
	unsigned quick;

	/* both's */
	_Atomic bool is_slow;
	_Atomic int64_t under_way_ns; /* since when the writer's sync runs; 0: none does */
	_Atomic int64_t worst_ns;     /* the sync that made it slow */
	_Atomic uint64_t slow_syncs;
};

/* A sync of the broker's thread. */
void pace_add(struct pace *pace, int64_t began_ns, int64_t ended_ns);

/* Around a sync of the writer's thread. @is_good: it succeeded. */
void pace_begin(struct pace *pace, int64_t now_ns);
void pace_end(struct pace *pace, int64_t now_ns, bool is_good);

/* Should the writer's thread call journal_probe(), to notice when a slow disk is quick again? */
bool pace_must_probe(const struct pace *pace);

/* How long the sync that made the disk slow took, or takes already. */
int64_t pace_took_ns(const struct pace *pace, int64_t now_ns);

/* True while the broker's thread should not wait for a sync. */
bool pace_is_slow(const struct pace *pace, int64_t now_ns);

#endif

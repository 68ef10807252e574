/*
 * pressure.h -- how long the broker's thread waits where the writer's thread is behind.
 *
 * While less than half of the journal's fast part is in use nobody waits. Beyond, whoever publishes
 * waits until there is less, or until the time for it is used up: what may be waited in all between
 * two ticks grows with what the journal holds, from nothing to all of max_ms where the fast part is
 * full. So the broker takes in as much as the writer carries, in many small steps, and publishers
 * feel it through TCP, as with any broker that is busy.
 *
 * Two threads: the broker's waits, the writer's says when there is room.
 */
#ifndef PETSTORE_LEDGER_PRESSURE_H
#define PETSTORE_LEDGER_PRESSURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

struct journal;

#define PRESSURE_MS_MAX 1000
/* Where no tick comes: 2.0.11 to 2.0.14 send none with per_listener_settings. */
#define PRESSURE_TICK_MS 100
/* Nobody waited for so long, and less than half of the fast part is in use: it keeps up again. */
#define PRESSURE_OVER_MS 5000

struct pressure {
	int64_t max_ns; /* between two ticks; 0: nobody waits */

	/* the broker's thread's */
	int64_t ticked_ns;
	int64_t spent_ns;   /* since then */
	int64_t since_ns;   /* when a time of waiting began; 0: there is none */
	int64_t last_ns;    /* when somebody waited last */
	uint64_t told_ns;   /* @waited_ns when that time began */
	uint64_t waited_ns; /* in all */
	uint64_t waits;
	bool is_begin_told;

	/* both's: the writer's thread signals @room */
	pthread_mutex_t lock; /* held for no longer than it takes to signal, or to begin to wait */
	pthread_cond_t room;
};

/* @max_ms: up to PRESSURE_MS_MAX. Call pressure_end() when no thread uses it any more. */
void pressure_begin(struct pressure *pressure, unsigned max_ms);
void pressure_end(struct pressure *pressure);

/* The broker's thread, before it appends: waits as long as that is due. */
void pressure_wait(struct pressure *pressure, const struct journal *journal);

/* The broker's thread, at each tick. */
void pressure_tick(struct pressure *pressure);

/* The writer's thread: something was released from the journal. */
void pressure_release(struct pressure *pressure);

/* The broker's thread: true where a time of waiting began or ended; *ret is the line about it. */
bool pressure_news(struct pressure *pressure, const struct journal *journal, const char *path,
		   struct diag *ret);

#endif

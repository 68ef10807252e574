/*
 * buckets.h -- how much, how fast: token buckets of eight bytes.
 *
 * A bucket is one number, the moment at which it will be full again (the generic cell rate
 * algorithm, ITU-T I.371, which admits exactly what a token bucket admits). What it is measured
 * against is handed in with each question, so that a reload changes limits and no bucket. A
 * bucket that is all zero is full. Time is an argument: nanoseconds that never go back.
 */
#ifndef PETSTORE_MONITOR_BUCKETS_H
#define PETSTORE_MONITOR_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKETS_UNITS_MAX UINT32_MAX /* a second, of one question, and of a burst */

struct bucket {
	int64_t full_ns;
};

/* @per_period units in @period_ns, and as many as @burst at once. */
struct bucket_rate {
	uint32_t per_period; /* 0: no limit */
	uint32_t burst;      /* at least 1 */
	int64_t period_ns;   /* 1 .. an hour */
};

/* The rate of @units a second; @burst 0 stands for one second's worth. */
struct bucket_rate bucket_per_second(uint32_t units, uint32_t burst);

/* Would bucket_take() take? Changes nothing. */
bool bucket_has(const struct bucket *bucket, const struct bucket_rate *rate, uint32_t units,
		int64_t now_ns);

/*
 * Takes @units, or takes nothing and returns false. What is larger than the burst passes only
 * through a full bucket, and is waited for afterwards: it would never pass otherwise.
 */
bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint32_t units,
		 int64_t now_ns);

#endif

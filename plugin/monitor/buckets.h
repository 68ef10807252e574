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

#define BUCKETS_FRACTION 20 /* bits: 2^32 units a second are off by less than a thousandth */
#define BUCKETS_UNITS_MAX UINT32_MAX /* a second, of one question, and of a burst */

struct bucket {
	int64_t full_ns;
};

/* A rate made ready, so that asking divides nothing. All zero: no limit. */
struct bucket_rate {
	uint32_t per_period; /* 0: no limit */
	uint32_t burst;
	int64_t unit;     /* nanoseconds that one unit takes, in 2^-BUCKETS_FRACTION */
	int64_t burst_ns; /* that a burst takes */
};

#define BUCKETS_PERIOD_MAX_NS (INT64_C(3600) * 1000000000)

/*
 * @units in @period_ns (1 .. BUCKETS_PERIOD_MAX_NS), and as many as @burst at once; @burst 0
 * stands for one period's worth. @units 0: no limit.
 */
struct bucket_rate bucket_rate(uint32_t units, uint32_t burst, int64_t period_ns);

/* The same for a second. */
struct bucket_rate bucket_per_second(uint32_t units, uint32_t burst);

/* What @units of @rate take; asked for with every message, and so inline as the two below. */
static inline int64_t bucket_cost(const struct bucket_rate *rate, uint32_t units)
{
	return (int64_t)((__int128)units * rate->unit >> BUCKETS_FRACTION);
}

/* Would bucket_take() take? Changes nothing. */
static inline bool bucket_has(const struct bucket *bucket, const struct bucket_rate *rate,
			      uint32_t units, int64_t now_ns)
{
	if (rate->per_period == 0 || bucket->full_ns <= now_ns)
		return true;
	return bucket->full_ns - now_ns + bucket_cost(rate, units) <= rate->burst_ns;
}

/* Takes @units that bucket_has(). */
static inline void bucket_pay(struct bucket *bucket, const struct bucket_rate *rate, uint32_t units,
			      int64_t now_ns)
{
	if (rate->per_period != 0)
		bucket->full_ns = (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) +
				  bucket_cost(rate, units);
}

/*
 * Takes @units, or takes nothing and returns false. What is larger than the burst passes only
 * through a full bucket, and is waited for afterwards: it would never pass otherwise.
 */
static inline bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate,
			       uint32_t units, int64_t now_ns)
{
	if (!bucket_has(bucket, rate, units, now_ns))
		return false;
	bucket_pay(bucket, rate, units, now_ns);
	return true;
}

#endif

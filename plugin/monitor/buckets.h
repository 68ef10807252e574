/*
 * buckets.h -- token buckets of eight bytes, for rate limits.
 *
 * A bucket is one number, the time at which it will be full again (the generic cell rate algorithm,
 * ITU-T I.371, which admits exactly what a token bucket admits). The rate is an argument of each
 * call, so that a reload changes rates and no bucket. A bucket that is all zero is full. Time is an
 * argument: nanoseconds that never go back.
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

/* Messages and the bytes in them. */
struct bucket_pair {
	struct bucket messages;
	struct bucket bytes;
};

/* A rate, prepared so that a check needs no division. All zero: no limit. */
struct bucket_rate {
	uint32_t per_period; /* 0: no limit */
	uint32_t burst;
	int64_t unit;     /* nanoseconds that one unit takes, in 2^-BUCKETS_FRACTION */
	int64_t one_ns;   /* the same in whole ones */
	int64_t burst_ns; /* that a burst takes */
};

#define BUCKETS_PERIOD_MAX_NS (INT64_C(3600) * 1000000000)

/* What @units of @rate take; asked for with every message, and so inline as those below. */
static inline int64_t bucket_cost(const struct bucket_rate *rate, uint32_t units)
{
	return (int64_t)((__int128)units * rate->unit >> BUCKETS_FRACTION);
}

/*
 * @units in @period_ns (1 .. BUCKETS_PERIOD_MAX_NS), and as many as @burst at once; @burst 0
 * stands for one period's worth. @units 0: no limit.
 */
static inline struct bucket_rate bucket_rate(uint32_t units, uint32_t burst, int64_t period_ns)
{
	struct bucket_rate rate = { .per_period = units, .burst = burst ? burst : units };

	if (units == 0)
		return (struct bucket_rate){ 0 };
	rate.unit = (int64_t)(((uint64_t)period_ns << BUCKETS_FRACTION) / units);
	rate.one_ns = bucket_cost(&rate, 1);
	rate.burst_ns = bucket_cost(&rate, rate.burst);
	return rate;
}

/* The same for a second. */
static inline struct bucket_rate bucket_per_second(uint32_t units, uint32_t burst)
{
	return bucket_rate(units, burst, INT64_C(1000000000));
}

/*
 * Has @bucket, were its burst @bursts times as large, enough for @cost_ns? *ret is the bucket after
 * taking it. A cost larger than the burst is allowed only from a full bucket, which then takes
 * longer to be full again; otherwise it would never be allowed.
 */
static inline bool bucket_has(const struct bucket *bucket, const struct bucket_rate *rate,
			      int64_t cost_ns, unsigned bursts, int64_t now_ns, struct bucket *ret)
{
	int64_t owed_ns = bucket->full_ns - now_ns;

	*ret = *bucket;
	if (rate->per_period == 0)
		return true;
	ret->full_ns = (owed_ns > 0 ? bucket->full_ns : now_ns) + cost_ns;
	return owed_ns <= 0 || owed_ns + cost_ns <= (int64_t)bursts * rate->burst_ns;
}

#endif

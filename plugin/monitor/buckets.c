#include "monitor/buckets.h"

#include <stddef.h>

/* What @units cost; 2^32 units of an hour each fit, as the product is made in 128 bits. */
static int64_t cost(const struct bucket_rate *rate, uint32_t units)
{
	if (units == 1)
		return rate->period_ns / rate->per_period;
	return (int64_t)((__int128)units * rate->period_ns / rate->per_period);
}

struct bucket_rate bucket_per_second(uint32_t units, uint32_t burst)
{
	return (struct bucket_rate){ .per_period = units,
				     .burst = burst ? burst : units ? units : 1,
				     .period_ns = INT64_C(1000000000) };
}

bool bucket_has(const struct bucket *bucket, const struct bucket_rate *rate, uint32_t units,
		int64_t now_ns)
{
	int64_t full_ns = bucket->full_ns > now_ns ? bucket->full_ns : now_ns;

	if (rate->per_period == 0 || full_ns == now_ns)
		return true;
	return full_ns - now_ns + cost(rate, units) <= cost(rate, rate->burst);
}

bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint32_t units,
		 int64_t now_ns)
{
	if (!bucket_has(bucket, rate, units, now_ns))
		return false;
	if (rate->per_period == 0)
		return true;
	bucket->full_ns =
		(bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + cost(rate, units);
	return true;
}

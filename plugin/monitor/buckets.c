#include "monitor/buckets.h"

struct bucket_rate bucket_rate(uint32_t units, uint32_t burst, int64_t period_ns)
{
	struct bucket_rate rate = { .per_period = units, .burst = burst ? burst : units };

	if (units == 0)
		return (struct bucket_rate){ 0 };
	rate.unit = (int64_t)(((uint64_t)period_ns << BUCKETS_FRACTION) / units);
	rate.one_ns = bucket_cost(&rate, 1);
	rate.burst_ns = bucket_cost(&rate, rate.burst);
	return rate;
}

struct bucket_rate bucket_per_second(uint32_t units, uint32_t burst)
{
	return bucket_rate(units, burst, INT64_C(1000000000));
}

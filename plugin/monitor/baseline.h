/*
 * baseline.h -- what is usual: an exponentially weighted mean and mean deviation.
 *
 * Learns from one number after the other; the last sixteen or so count. A number that is far
 * off is learned as if it were just as far as is still usual, so that an attack shifts its own
 * yardstick slowly, and a lasting change is accepted in the end. All zero knows nothing.
 */
#ifndef PETSTORE_MONITOR_BASELINE_H
#define PETSTORE_MONITOR_BASELINE_H

#include <float.h>
#include <stdint.h>

#define BASELINE_WEIGHT 0.0625f

struct baseline {
	float mean;
	float deviation;
	uint32_t learned; /* numbers seen */
};

/* What @baseline would take for far: this many deviations, and never less than @least. */
struct baseline_bounds {
	float factor;
	float least;
	uint32_t learned; /* before so many numbers nothing is far */
};

/* How far off the mean a number may be. */
static inline float baseline_distance(const struct baseline *baseline,
				      const struct baseline_bounds *bounds)
{
	float usual = baseline->deviation;
	float far;

	if (usual < baseline->mean / 8)
		usual = baseline->mean / 8;
	far = bounds->factor * usual;
	return far > bounds->least ? far : bounds->least;
}

/*
 * The largest number that is not far above. A deviation below an eighth of the mean counts as
 * an eighth: what is very regular is not therefore suspicious.
 */
static inline float baseline_limit(const struct baseline *baseline,
				   const struct baseline_bounds *bounds)
{
	if (baseline->learned < bounds->learned)
		return FLT_MAX;
	return baseline->mean + baseline_distance(baseline, bounds);
}

static inline void baseline_learn(struct baseline *baseline, const struct baseline_bounds *bounds,
				  float number)
{
	float difference = number - baseline->mean;
	float far = baseline_distance(baseline, bounds);

	if (baseline->learned == 0) {
		baseline->mean = number;
		baseline->learned = 1;
		return;
	}
	if (baseline->learned >= bounds->learned) {
		difference = difference > far ? far : difference < -far ? -far : difference;
	}
	baseline->mean += BASELINE_WEIGHT * difference;
	baseline->deviation += BASELINE_WEIGHT *
			       ((difference < 0 ? -difference : difference) - baseline->deviation);
	if (baseline->learned < UINT32_MAX)
		baseline->learned++;
}

#endif

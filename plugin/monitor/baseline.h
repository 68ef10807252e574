/*
 * baseline.h -- usual values: an exponentially weighted mean and mean deviation.
 *
 * Learns one number after the other; about the last sixteen count. An unusual number is learned as
 * if it were at the edge of what is usual, so that an attack changes the baseline only slowly, and
 * a lasting change becomes usual in the end. All zero: nothing is learned yet.
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

/* A number is unusual if it is further from the mean than @factor deviations and than @least. */
struct baseline_bounds {
	float factor;
	float least;
	uint32_t learned; /* until so many numbers were learned, none is unusual */
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
 * The largest number that is usual. A deviation below an eighth of the mean counts as an eighth, so
 * that small changes of a very regular client are usual.
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

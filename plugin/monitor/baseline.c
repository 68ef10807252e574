#include "monitor/baseline.h"

#include <float.h>

#define WEIGHT 0.0625f

static float distance(const struct baseline *baseline, const struct baseline_bounds *bounds)
{
	float usual = baseline->deviation;
	float far;

	if (usual < baseline->mean / 8)
		usual = baseline->mean / 8;
	far = bounds->factor * usual;
	return far > bounds->least ? far : bounds->least;
}

float baseline_limit(const struct baseline *baseline, const struct baseline_bounds *bounds)
{
	if (baseline->learned < bounds->learned)
		return FLT_MAX;
	return baseline->mean + distance(baseline, bounds);
}

bool baseline_is_far(const struct baseline *baseline, const struct baseline_bounds *bounds,
		     float number)
{
	float difference = number - baseline->mean;

	if (baseline->learned < bounds->learned)
		return false;
	return (difference < 0 ? -difference : difference) > distance(baseline, bounds);
}

void baseline_learn(struct baseline *baseline, const struct baseline_bounds *bounds, float number)
{
	float difference = number - baseline->mean;
	float far = distance(baseline, bounds);

	if (baseline->learned == 0) {
		baseline->mean = number;
		baseline->learned = 1;
		return;
	}
	if (baseline->learned >= bounds->learned) {
		difference = difference > far ? far : difference < -far ? -far : difference;
	}
	baseline->mean += WEIGHT * difference;
	baseline->deviation +=
		WEIGHT * ((difference < 0 ? -difference : difference) - baseline->deviation);
	if (baseline->learned < UINT32_MAX)
		baseline->learned++;
}

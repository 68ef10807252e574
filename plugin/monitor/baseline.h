/*
 * baseline.h -- what is usual: an exponentially weighted mean and mean deviation.
 *
 * Learns from one number after the other; the last sixteen or so count. A number that is far
 * off is learned as if it were just as far as is still usual, so that an attack shifts its own
 * yardstick slowly, and a lasting change is accepted in the end. All zero knows nothing.
 */
#ifndef PETSTORE_MONITOR_BASELINE_H
#define PETSTORE_MONITOR_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

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

/*
 * The largest number that is not far above. A deviation below an eighth of the mean counts as
 * an eighth: what is very regular is not therefore suspicious.
 */
float baseline_limit(const struct baseline *baseline, const struct baseline_bounds *bounds);

bool baseline_is_far(const struct baseline *baseline, const struct baseline_bounds *bounds,
		     float number);

void baseline_learn(struct baseline *baseline, const struct baseline_bounds *bounds, float number);

#endif

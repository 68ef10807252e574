/*
 * histogram.h -- how often a number fell between which bounds.
 *
 * One thread adds, any thread reads. A reader may see the last number in the sum but not yet in its
 * bucket, or the other way round; for metrics that does not matter. All zero but for the bounds is
 * empty.
 */
#ifndef PETSTORE_HISTOGRAM_H
#define PETSTORE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 16u

struct histogram {
	const uint64_t *bound; /* rising, @bounds of them; lives as long as the histogram */
	unsigned bounds;
	/* bucket[i]: numbers up to bound[i]; the one behind the last bound: all others */
	_Atomic uint64_t bucket[HISTOGRAM_BOUNDS_MAX + 1];
	_Atomic uint64_t sum;
};

/* Only one thread writes, so a load and a store suffice; they cost less than a locked addition. */
static inline void histogram_grow(_Atomic uint64_t *number, uint64_t by)
{
	atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

static inline void histogram_add(struct histogram *histogram, uint64_t number)
{
	unsigned i = 0;

	while (i < histogram->bounds && number > histogram->bound[i])
		i++;
	histogram_grow(&histogram->bucket[i], 1);
	histogram_grow(&histogram->sum, number);
}

#endif

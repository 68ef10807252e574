/*
 * histogram.h -- how often a number fell between which bounds.
 *
 * One thread adds, any thread reads: what is read may miss the last number in one place and
 * have it in another, which no reader of metrics minds. All zero but for the bounds is empty.
 */
#ifndef PETSTORE_HISTOGRAM_H
#define PETSTORE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 16u

struct histogram {
	const uint64_t *bound; /* rising, @bounds of them; lives as long as the histogram */
	unsigned bounds;
	_Atomic uint64_t bucket[HISTOGRAM_BOUNDS_MAX + 1]; /* up to and with each; and above */
	_Atomic uint64_t sum;
};

static inline void histogram_add(struct histogram *histogram, uint64_t number)
{
	unsigned i = 0;

	while (i < histogram->bounds && number > histogram->bound[i])
		i++;
	atomic_fetch_add_explicit(&histogram->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, number, memory_order_relaxed);
}

#endif

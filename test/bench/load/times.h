/*
 * times.h -- durations by the million, in constant memory.
 *
 * A duration is counted by its size, each octave in TIMES_PARTS parts: what times_us() says is
 * within 3 % of the truth. Nothing is allocated and nothing fails.
 */
#ifndef PETSTORE_LOAD_TIMES_H
#define PETSTORE_LOAD_TIMES_H

#include <stdint.h>

#define TIMES_PARTS 32

struct times {
	uint64_t count[64 * TIMES_PARTS], total;
	int64_t max_ns;
};

/* One that is negative counts as 0. */
void times_add(struct times *times, int64_t ns);

/* The duration, in microseconds, that the part @part (0 to 1) of all stays below. */
double times_us(const struct times *times, double part);

#endif

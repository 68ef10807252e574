/* times.c -- a histogram of durations. */
#include "times.h"

void times_add(struct times *times, int64_t ns)
{
	unsigned octave = ns < TIMES_PARTS ? 0 : 59u - (unsigned)__builtin_clzll((uint64_t)ns);
	unsigned slot = octave ? octave * TIMES_PARTS + (unsigned)(ns >> (octave - 1)) - TIMES_PARTS
			       : (unsigned)(ns < 0 ? 0 : ns);

	times->count[slot]++;
	times->total++;
	if (ns > times->max_ns)
		times->max_ns = ns;
}

double times_us(const struct times *times, double part)
{
	uint64_t wanted = (uint64_t)(part * (double)times->total), seen = 0;

	for (unsigned slot = 0; slot < 64 * TIMES_PARTS; slot++) {
		unsigned octave = slot / TIMES_PARTS;

		seen += times->count[slot];
		if (seen > wanted)
			return (double)(octave ? (uint64_t)(slot % TIMES_PARTS + TIMES_PARTS)
							 << (octave - 1)
					       : slot) /
			       1e3;
	}
	return (double)times->max_ns / 1e3;
}

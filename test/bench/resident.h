/* resident.h -- the memory that a benchmark's process holds, for what a table takes as it grows. */
#ifndef BENCH_RESIDENT_H
#define BENCH_RESIDENT_H

#include <stdio.h>
#include <unistd.h>

/* KiB; 0 where the system does not tell. */
static inline long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (file)
		(void)fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

#endif

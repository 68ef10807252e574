/*
 * cpu.h -- the processor's time that another process took, as a whole and by thread, and its
 * memory.
 */
#ifndef PETSTORE_LOAD_CPU_H
#define PETSTORE_LOAD_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Nanoseconds since the process began. */
struct cpu {
	int64_t main, others; /* its first thread, and all the others that live */
	int64_t user, system; /* all threads, also those that ended; in ticks of 10 ms or so */
	bool is_busy;         /* one of the others runs, could, or waits for a disk */
};

/* All zero where the process is not there. Threads that run now are seen to the last tick. */
struct cpu cpu_of(pid_t pid);

/*
 * Waits until the threads but the first have had nothing to do for a while, 90 s at most. Since
 * when that is, on the monotonic clock, is in *since_ns.
 */
struct cpu cpu_settled(pid_t pid, int64_t *since_ns);

/* Nanoseconds that this process itself has taken. */
int64_t cpu_own_ns(void);

/* What is in memory, in KiB; 0 where the process is not there. */
long cpu_resident_kib(pid_t pid);

#endif

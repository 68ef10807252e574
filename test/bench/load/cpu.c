/* cpu.c -- the processor's time that another process took, out of /proc. */
#include "cpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_A_SECOND INT64_C(1000000000)
#define QUIET_NS (3 * NS_A_SECOND / 20) /* longer than a batch waits (batch_ms) */
#define IDLE_NS 200000 /* a thread that only looks at its clock takes less than this */
#define SETTLE_NS (20 * NS_A_SECOND)

/* The first word of schedstat: nanoseconds on a processor. */
static int64_t thread_ns(pid_t pid, const char *thread)
{
	long long ns = 0;
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/schedstat", (long)pid, thread);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%lld", &ns) != 1)
		ns = 0;
	(void)fclose(file);
	return ns;
}

struct cpu cpu_of(pid_t pid)
{
	struct cpu ret = { 0 };
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL) {
		int64_t ns = entry->d_name[0] == '.' ? 0 : thread_ns(pid, entry->d_name);

		if (strtol(entry->d_name, NULL, 10) == pid)
			ret.main = ns;
		else
			ret.others += ns;
	}
	if (dir)
		(void)closedir(dir);
	return ret;
}

struct cpu cpu_settled(pid_t pid, int64_t *since_ns)
{
	int64_t start = clock_mono_ns(), quiet = start;
	struct cpu last = cpu_of(pid), now = last;

	while (clock_mono_ns() - quiet < QUIET_NS && clock_mono_ns() - start < SETTLE_NS) {
		(void)usleep(20000);
		now = cpu_of(pid);
		if (now.others - last.others > IDLE_NS)
			quiet = clock_mono_ns();
		last = now;
	}
	*since_ns = quiet;
	return now;
}

long cpu_resident_kib(pid_t pid)
{
	long size = 0, resident = 0;
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

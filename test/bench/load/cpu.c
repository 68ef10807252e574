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
#define SETTLE_NS (90 * NS_A_SECOND) /* a journal of 256 MiB may have to be carried */

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

/* Does it run, or wait for a processor or a disk (R, D)? The word behind "(name) " of its stat. */
static bool is_thread_busy(pid_t pid, const char *thread)
{
	char path[128], line[256] = "";
	const char *behind;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/stat", (long)pid, thread);
	file = fopen(path, "r");
	if (!file)
		return false;
	behind = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	(void)fclose(file);
	return behind && behind[1] == ' ' && (behind[2] == 'R' || behind[2] == 'D');
}

/* User's and system's time of all threads: words 14 and 15 of stat, behind "(name) ". */
static void process_ns(pid_t pid, struct cpu *ret)
{
	int64_t tick_ns = NS_A_SECOND / sysconf(_SC_CLK_TCK);
	unsigned long user = 0, system = 0;
	char path[64], line[1024] = "";
	const char *behind;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	file = fopen(path, "r");
	if (!file)
		return;
	behind = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (behind && sscanf(behind + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu",
			     &user, &system) == 2) {
		ret->user = (int64_t)user * tick_ns;
		ret->system = (int64_t)system * tick_ns;
	}
	(void)fclose(file);
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
		if (entry->d_name[0] == '.')
			continue;
		if (strtol(entry->d_name, NULL, 10) == pid) {
			ret.main = thread_ns(pid, entry->d_name);
		} else {
			ret.others += thread_ns(pid, entry->d_name);
			ret.is_busy |= is_thread_busy(pid, entry->d_name);
		}
	}
	if (dir)
		(void)closedir(dir);
	process_ns(pid, &ret);
	return ret;
}

struct cpu cpu_settled(pid_t pid, int64_t *since_ns)
{
	int64_t start = clock_mono_ns(), quiet = start;
	struct cpu last = cpu_of(pid), now = last;

	while (clock_mono_ns() - quiet < QUIET_NS && clock_mono_ns() - start < SETTLE_NS) {
		(void)usleep(20000);
		now = cpu_of(pid);
		if (now.is_busy || now.others - last.others > IDLE_NS)
			quiet = clock_mono_ns();
		last = now;
	}
	*since_ns = quiet;
	return now;
}

int64_t cpu_own_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* of Linux: it can't fail */
	return now.tv_sec * NS_A_SECOND + now.tv_nsec;
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

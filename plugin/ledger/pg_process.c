#include "ledger/pg_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT_MAX 64u
#define NAMESPACE_MAX 40u
#define START_FIELD 22 /* of /proc/PID/stat, counted from 1 */

/* The parts of the text. */
struct process {
	char boot[BOOT_MAX];
	char space[NAMESPACE_MAX];
	long pid;
	unsigned long long start;
};

/* Up to @cap - 1 bytes of a small file, with a NUL. */
static bool read_file(const char *path, char *ret, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, ret, cap - 1);

	if (fd >= 0)
		(void)close(fd);
	if (len <= 0)
		return false;
	ret[len] = '\0';
	return true;
}

/* When a process began, in the clock's ticks since the machine's start. */
static bool start_of(long pid, unsigned long long *ret)
{
	char path[40], line[1024], *at;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (!read_file(path, line, sizeof(line)))
		return false;
	/* The second field is its name in parentheses, which may have any bytes. */
	at = strrchr(line, ')');
	for (int field = 2; at && field < START_FIELD; field++) {
		at = strchr(at + 1, ' ');
	}
	if (!at)
		return false;
	*ret = strtoull(at + 1, NULL, 10);
	return true;
}

/* Where this process is; its number is not among it. */
static bool find_place(struct process *ret)
{
	ssize_t len = readlink("/proc/self/ns/pid", ret->space, sizeof(ret->space) - 1);

	if (len <= 0 || !read_file("/proc/sys/kernel/random/boot_id", ret->boot, sizeof(ret->boot)))
		return false;
	ret->space[len] = '\0';
	ret->boot[strcspn(ret->boot, "\n")] = '\0';
	return true;
}

char *pg_process_self(char *ret)
{
	struct process self = { .pid = (long)getpid() };

	ret[0] = '\0';
	if (find_place(&self) && start_of(self.pid, &self.start))
		(void)snprintf(ret, PG_PROCESS_MAX, "%s %s %ld %llu", self.boot, self.space,
			       self.pid, self.start);
	return ret;
}

bool pg_process_is_gone(const char *text)
{
	struct process here, it = { .pid = 0 };
	unsigned long long start;

	if (sscanf(text, "%63s %39s %ld %llu", it.boot, it.space, &it.pid, &it.start) != 4 ||
	    it.pid <= 0 || !find_place(&here))
		return false;
	if (strcmp(it.boot, here.boot) != 0 || strcmp(it.space, here.space) != 0)
		return false;
	if (kill((pid_t)it.pid, 0) != 0 && errno == ESRCH)
		return true;
	/* Another process may have its number by now. */
	return start_of(it.pid, &start) && start != it.start;
}

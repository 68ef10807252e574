/*
 * slowsync.c -- a disk whose syncs take their time, or none at all, for one process.
 *
 * Preloaded into a broker (LD_PRELOAD). The file SLOWSYNC_CONTROL, which both map, begins with the
 * milliseconds that each sync takes longer, and goes on with how many were begun. Below 0 nothing
 * is synced: what a process wrote that is killed is the kernel's, whatever the disk does.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static struct {
	pthread_once_t once;
	_Atomic int32_t *control;
} world = { .once = PTHREAD_ONCE_INIT };

static void begin(void)
{
	const char *path = getenv("SLOWSYNC_CONTROL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = MAP_FAILED;

	if (fd >= 0) {
		at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		(void)close(fd);
	}
	if (at == MAP_FAILED)
		abort();
	world.control = at;
}

/* False: there is nothing to be done. */
static bool wait_for_disk(void)
{
	struct timespec left;
	int32_t ms;

	(void)pthread_once(&world.once, begin);
	ms = atomic_load(&world.control[0]);
	atomic_fetch_add(&world.control[1], 1);
	if (ms < 0)
		return false;
	left = (struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 };
	while (nanosleep(&left, &left) != 0)
		;
	return true;
}

int msync(void *addr, size_t len, int flags)
{
	int (*call)(void *, size_t, int) = dlsym(RTLD_NEXT, "msync");

	return wait_for_disk() ? call(addr, len, flags) : 0;
}

int fsync(int fd)
{
	int (*call)(int) = dlsym(RTLD_NEXT, "fsync");

	return wait_for_disk() ? call(fd) : 0;
}

int fdatasync(int fd)
{
	int (*call)(int) = dlsym(RTLD_NEXT, "fdatasync");

	return wait_for_disk() ? call(fd) : 0;
}

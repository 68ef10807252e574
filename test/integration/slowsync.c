/*
 * slowsync.c -- a disk whose syncs take their time, for one process.
 *
 * Preloaded into a broker (LD_PRELOAD). The file SLOWSYNC_CONTROL, which both map, begins with the
 * milliseconds that each sync takes longer, and goes on with how many were begun.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
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

static void wait_for_disk(void)
{
	struct timespec left;
	int32_t ms;

	(void)pthread_once(&world.once, begin);
	ms = atomic_load(&world.control[0]);
	atomic_fetch_add(&world.control[1], 1);
	left = (struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 };
	while (nanosleep(&left, &left) != 0)
		;
}

int msync(void *addr, size_t len, int flags)
{
	int (*call)(void *, size_t, int) = dlsym(RTLD_NEXT, "msync");

	wait_for_disk();
	return call(addr, len, flags);
}

int fsync(int fd)
{
	int (*call)(int) = dlsym(RTLD_NEXT, "fsync");

	wait_for_disk();
	return call(fd);
}

int fdatasync(int fd)
{
	int (*call)(int) = dlsym(RTLD_NEXT, "fdatasync");

	wait_for_disk();
	return call(fd);
}

#include "base/mapguard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct range {
	_Atomic uintptr_t begin; /* 0: the place is free; stored last, cleared first */
	_Atomic uintptr_t end;
	_Atomic(_Atomic int *) mark;
};

/* What the handler needs; see the header. */
static struct {
	pthread_mutex_t lock; /* for changes; the handler reads without */
	struct range range[MAPGUARD_RANGES];
	unsigned ranges;
	struct sigaction before;
	uintptr_t page;
} guards = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct range *range_of(uintptr_t at)
{
	for (unsigned i = 0; i < MAPGUARD_RANGES; i++) {
		struct range *range = &guards.range[i];
		uintptr_t begin = atomic_load(&range->begin);

		if (begin && at >= begin && at < atomic_load(&range->end))
			return range;
	}
	return NULL;
}

/* mmap() is a bare system call: a handler may make it. */
static bool replace_page(uintptr_t at)
{
	void *page = (void *)(at - at % guards.page); // NOLINT: an address out of siginfo_t

	return mmap(page, guards.page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/* As if we were not there. A fault whose handler is the default one ends the process. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	if (guards.before.sa_flags & SA_SIGINFO) {
		guards.before.sa_sigaction(number, info, context);
		return;
	}
	if (guards.before.sa_handler != SIG_DFL && guards.before.sa_handler != SIG_IGN) {
		guards.before.sa_handler(number);
		return;
	}
	/* The instruction is run again and faults again; one that was sent is sent again. */
	(void)signal(number, SIG_DFL);
	if (info->si_code <= 0)
		(void)raise(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int error = errno;
	/* si_code <= 0: a process sent the signal, and there is no address. */
	uintptr_t at = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
	struct range *range = at ? range_of(at) : NULL;
	_Atomic int *mark = range ? atomic_load(&range->mark) : NULL;
	int whole = 0;

	if (mark && replace_page(at))
		(void)atomic_compare_exchange_strong(mark, &whole, 1);
	else
		pass_on(number, info, context);
	errno = error;
}

static int handler_install(void)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	guards.page = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, &guards.before) == 0 ? 0 : errno;
}

/* Somebody who came after us and kept our handler would call it yet: then it stays. */
static void handler_remove(void)
{
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == on_fault)
		(void)sigaction(SIGBUS, &guards.before, NULL);
}

int mapguard_add(void *at, size_t bytes, _Atomic int *mark)
{
	struct range *free_one = NULL;
	int error = 0;

	(void)pthread_mutex_lock(&guards.lock);
	for (unsigned i = 0; i < MAPGUARD_RANGES && !free_one; i++)
		if (atomic_load(&guards.range[i].begin) == 0)
			free_one = &guards.range[i];
	if (!free_one)
		error = EBUSY;
	else if (guards.ranges == 0)
		error = handler_install();
	if (!error) {
		atomic_store(&free_one->mark, mark);
		atomic_store(&free_one->end, (uintptr_t)at + bytes);
		atomic_store(&free_one->begin, (uintptr_t)at);
		guards.ranges++;
	}
	(void)pthread_mutex_unlock(&guards.lock);
	return error;
}

void mapguard_remove(void *at)
{
	if (!at)
		return;
	(void)pthread_mutex_lock(&guards.lock);
	for (unsigned i = 0; i < MAPGUARD_RANGES; i++) {
		if (atomic_load(&guards.range[i].begin) != (uintptr_t)at)
			continue;
		atomic_store(&guards.range[i].begin, 0);
		if (--guards.ranges == 0)
			handler_remove();
	}
	(void)pthread_mutex_unlock(&guards.lock);
}

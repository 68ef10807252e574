#include "ledger/pressure.h"

#include <time.h>

#include "base/clock.h"
#include "ledger/journal.h"

#define MS INT64_C(1000000)
#define STEP_NS (50 * INT64_C(1000)) /* a shorter wait is not worth a system call */

void pressure_begin(struct pressure *p, unsigned max_ms)
{
	pthread_condattr_t attributes;

	*p = (struct pressure){ .max_ns = max_ms * MS };
	/* None of these can fail with these arguments on Linux. */
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->room, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

void pressure_end(struct pressure *p)
{
	(void)pthread_cond_destroy(&p->room);
	(void)pthread_mutex_destroy(&p->lock);
}

/* What may be waited between two ticks with so much in the journal. */
static int64_t due_ns(const struct pressure *p, const struct journal *journal)
{
	size_t full = journal_fast_bytes(journal), half = full / 2;
	size_t used = journal_used(journal);

	if (used <= half)
		return 0;
	if (used >= full)
		return p->max_ns;
	return (int64_t)((double)p->max_ns * (double)(used - half) / (double)(full - half));
}

/* Until there is room, or the time is up: each release of the writer's changes what is due. */
static void wait_for_room(struct pressure *p, const struct journal *journal, int64_t begun_ns)
{
	int64_t until_ns;

	(void)pthread_mutex_lock(&p->lock);
	while ((until_ns = begun_ns + due_ns(p, journal) - p->spent_ns) > clock_mono_ns()) {
		const struct timespec until = { .tv_sec = until_ns / 1000000000,
						.tv_nsec = until_ns % 1000000000 };

		(void)pthread_cond_timedwait(&p->room, &p->lock, &until);
	}
	(void)pthread_mutex_unlock(&p->lock);
}

__attribute__((cold, noinline)) static void wait_due(struct pressure *p,
						     const struct journal *journal)
{
	int64_t begun_ns = clock_mono_ns(), took_ns;

	if (begun_ns - p->ticked_ns > PRESSURE_TICK_MS * MS) {
		p->ticked_ns = begun_ns;
		p->spent_ns = 0;
	}
	if (due_ns(p, journal) - p->spent_ns < STEP_NS)
		return;
	wait_for_room(p, journal, begun_ns);
	p->last_ns = clock_mono_ns();
	took_ns = p->last_ns - begun_ns;
	if (p->since_ns == 0) {
		p->since_ns = begun_ns;
		p->told_ns = p->waited_ns;
	}
	p->spent_ns += took_ns;
	p->waited_ns += (uint64_t)took_ns;
	p->waits++;
}

void pressure_wait(struct pressure *p, const struct journal *journal)
{
	if (p->max_ns > 0 && journal_is_behind(journal))
		wait_due(p, journal);
}

void pressure_tick(struct pressure *p)
{
	p->spent_ns = 0;
	if (p->since_ns != 0)
		p->ticked_ns = clock_mono_ns();
}

void pressure_release(struct pressure *p)
{
	(void)pthread_mutex_lock(&p->lock); /* so that no release falls between look and wait */
	(void)pthread_cond_signal(&p->room);
	(void)pthread_mutex_unlock(&p->lock);
}

bool pressure_news(struct pressure *p, const struct journal *journal, const char *path,
		   struct diag *ret)
{
	int64_t now_ns;

	if (p->since_ns == 0)
		return false;
	if (!p->is_begin_told) {
		p->is_begin_told = true;
		(void)diag_set(ret, 0,
			       "%s: takes writes slower than they come: publishers wait (the "
			       "journal has %zu KiB of at most %zu)",
			       path, journal_used(journal) >> 10, journal_bytes(journal) >> 10);
		return true;
	}
	now_ns = clock_mono_ns();
	/* Where a full journal refuses all nobody waits either. */
	if (now_ns - p->last_ns < PRESSURE_OVER_MS * MS || journal_is_behind(journal))
		return false;
	(void)diag_set(ret, 0, "%s: keeps up again: publishers waited %llu ms in %lld s", path,
		       (unsigned long long)(p->waited_ns - p->told_ns) / MS,
		       (long long)((p->last_ns - p->since_ns + 999 * MS) / (1000 * MS)));
	p->since_ns = 0;
	p->is_begin_told = false;
	return true;
}

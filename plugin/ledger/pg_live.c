#include "ledger/pg_live.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

#define MS INT64_C(1000000)
#define LOOK_MS 1000 /* the thread looks around at least so often */

static const char application[] = "petstore";
static const uint64_t wait_bounds[] = { 100,   250,   500,   1000,   2500,   5000,
					10000, 25000, 50000, 100000, 250000, 1000000 };

/* A connection that was given up. */
struct given {
	struct pg *pg;
	uint64_t doubt;   /* the statement whose answer did not come; 0: none that writes */
	int64_t until_ns; /* for so long its answer is waited for */
};

struct pg_live {
	char *conninfo;
	struct pg_ending *ending;
	_Atomic unsigned wait_ms; /* the owner's; the thread reads it when it connects */
	bool is_plain, has_lock, has_thread;
	pthread_t thread;
	int event; /* wakes the thread */

	/* the owner's */
	struct pg *pg;       /* NULL: there is none, or it is in @fresh */
	unsigned told_ms;    /* the bound that its server was told */
	int64_t shut_ns;     /* the breaker is open until then, though there is a connection */
	int64_t shut_for_ns; /* the last time, so long; 0: an answer came since */
	struct pg_live_counts counts;
	struct histogram waits;

	/* handed over: of connections that are in use there is one, so that a place each way will
	 * do */
	_Atomic(struct pg *) fresh; /* made by the thread */
	unsigned fresh_told_ms;     /* likewise, of that one; written before it */
	struct given given;         /* given up by the owner; the thread's while @is_given */
	_Atomic bool is_given;
	_Atomic bool is_stopping;
	_Atomic uint64_t answers, connects;

	pthread_mutex_t lock; /* for what follows; held for a copy only */
	pthread_cond_t tried; /* an attempt to connect has ended */
	int tried_rc;         /* the last one's; 1: there was none */
	struct diag tried_line;
	struct pg_live_settled settled[PG_LIVE_SETTLED_MAX];
	unsigned settled_count;

	/* the thread's */
	struct given doubt[PG_LIVE_DOUBTS];
	unsigned doubts;
	bool has_made;        /* a connection that was not given up yet */
	uint64_t answers_had; /* when it was made */
	int64_t pause_ns;     /* before the next attempt, unless this connection answers */
	int64_t next_ns;      /* the next attempt */
};

/* ---- connecting ---------------------------------------------------------------------------- */

/* The server gives a statement up before the owner does, so that fewer are in doubt. */
static unsigned statement_ms(unsigned wait_ms)
{
	return wait_ms - wait_ms / 4;
}

static int connect_once(const struct pg_live *live, unsigned wait_ms, struct pg **ret,
			struct diag *diag)
{
	struct pg_place place = { .conninfo = live->conninfo,
				  .application = application,
				  .wait_ms = PG_LIVE_CONNECT_MS,
				  .ending = live->ending };
	int rc;

	if (live->is_plain && wait_ms > PG_LIVE_CONNECT_MS)
		place.wait_ms = wait_ms;
	else if (!live->is_plain)
		place.statement_ms = statement_ms(wait_ms);
	rc = pg_open(&place, ret, diag);
	if (rc == 0)
		pg_set_wait(*ret, wait_ms);
	return rc;
}

static int64_t longer(int64_t pause_ns)
{
	if (pause_ns == 0)
		return PG_LIVE_PAUSE_MS * MS;
	return pause_ns < PG_LIVE_PAUSE_MAX_MS * MS / 2 ? 2 * pause_ns : PG_LIVE_PAUSE_MAX_MS * MS;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Also wakes who waits for the first attempt. */
static void note_attempt(struct pg_live *live, int rc, const struct diag *diag)
{
	(void)pthread_mutex_lock(&live->lock); /* cannot fail: not recursive, always unlocked */
	live->tried_rc = rc;
	live->tried_line = *diag;
	(void)pthread_cond_broadcast(&live->tried);
	(void)pthread_mutex_unlock(&live->lock);
}

static void try_to_connect(struct pg_live *live)
{
	struct diag diag = { "" };
	struct pg *pg = NULL;
	unsigned wait_ms = atomic_load(&live->wait_ms);
	int rc = connect_once(live, wait_ms, &pg, &diag);

	/* A connection that never answers is followed by a pause, as one that is not made. */
	live->pause_ns = longer(live->pause_ns);
	live->next_ns = clock_mono_ns() + live->pause_ns;
	if (rc == 0) {
		live->has_made = true;
		live->answers_had = atomic_load(&live->answers);
		atomic_fetch_add(&live->connects, 1);
		live->fresh_told_ms = wait_ms;
		atomic_store(&live->fresh, pg);
	}
	note_attempt(live, rc, &diag);
}

static void note_settled(struct pg_live *live, uint64_t doubt, bool is_certain)
{
	if (doubt == 0)
		return;
	(void)pthread_mutex_lock(&live->lock);
	if (live->settled_count == PG_LIVE_SETTLED_MAX) /* nobody asks */
		memmove(&live->settled[0], &live->settled[1],
			--live->settled_count * sizeof(live->settled[0]));
	live->settled[live->settled_count++] = (struct pg_live_settled){ doubt, is_certain };
	(void)pthread_mutex_unlock(&live->lock);
}

static void settle(struct pg_live *live, unsigned at, bool is_certain)
{
	struct given doubt = live->doubt[at];

	live->doubts--;
	memmove(&live->doubt[at], &live->doubt[at + 1],
		(live->doubts - at) * sizeof(live->doubt[0]));
	pg_close(doubt.pg);
	note_settled(live, doubt.doubt, is_certain);
}

/* What the owner gave up. */
static void take_given(struct pg_live *live)
{
	struct given given;

	if (!atomic_load(&live->is_given))
		return;
	given = live->given;
	live->has_made = false;
	if (atomic_load(&live->answers) != live->answers_had) {
		live->pause_ns = 0;
		live->next_ns = 0;
	}
	atomic_store(&live->is_given, false);
	if (given.doubt == 0) {
		pg_close(given.pg);
		return;
	}
	if (live->doubts == PG_LIVE_DOUBTS)
		settle(live, 0, false);
	live->doubt[live->doubts++] = given;
}

/* Until something happens, or the next attempt is due. */
static void wait_for_work(struct pg_live *live)
{
	struct pollfd fd[1 + PG_LIVE_DOUBTS] = { { .fd = live->event, .events = POLLIN } };
	int64_t now = clock_mono_ns(), until = now + LOOK_MS * MS;
	unsigned doubts = live->doubts;
	uint64_t times;

	for (unsigned i = 0; i < doubts; i++) {
		fd[1 + i] = (struct pollfd){ .fd = pg_socket(live->doubt[i].pg), .events = POLLIN };
		if (live->doubt[i].until_ns < until)
			until = live->doubt[i].until_ns;
	}
	if (!live->has_made && live->next_ns < until)
		until = live->next_ns;
	until = until > now ? (until - now + MS - 1) / MS : 0;
	if (poll(fd, 1 + doubts, (int)until) < 0)
		return;
	if (fd[0].revents)
		(void)!read(live->event, &times, sizeof(times)); /* resets it; it never blocks */
	now = clock_mono_ns();
	for (unsigned i = doubts; i-- > 0;)
		if (fd[1 + i].revents || live->doubt[i].until_ns <= now)
			settle(live, i, fd[1 + i].revents != 0);
}

static void *run(void *ctx)
{
	struct pg_live *live = ctx;

	while (!atomic_load(&live->is_stopping)) {
		take_given(live);
		if (!live->has_made && clock_mono_ns() >= live->next_ns)
			try_to_connect(live);
		else
			wait_for_work(live);
	}
	return NULL;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int start(struct pg_live *live, struct diag *diag)
{
	int rc;

	live->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (live->event < 0)
		return diag_set(diag, ERR_IO, "no eventfd can be made");
	rc = thread_start(&live->thread, run, live, "petstore-pg");
	if (rc)
		return diag_set(diag, ERR_NOMEM, "no thread can be started: %s", strerror(rc));
	live->has_thread = true;
	return 0;
}

static int make_lock(struct pg_live *live, struct diag *diag)
{
	pthread_condattr_t monotonic;
	int rc;

	if (pthread_condattr_init(&monotonic) != 0)
		return diag_nomem(diag);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* it is known */
	rc = pthread_cond_init(&live->tried, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (rc != 0 || pthread_mutex_init(&live->lock, NULL) != 0)
		return diag_nomem(diag);
	live->has_lock = true;
	return 0;
}

int pg_live_open(const struct pg_live_options *options, struct pg_live **ret, struct diag *diag)
{
	struct pg_live *live = calloc(1, sizeof(*live));
	int rc;

	if (!live)
		return diag_nomem(diag);
	live->event = -1;
	live->tried_rc = 1;
	atomic_store(&live->wait_ms, options->wait_ms);
	live->is_plain = options->is_plain;
	live->ending = options->ending;
	live->waits.bound = wait_bounds;
	live->waits.bounds = sizeof(wait_bounds) / sizeof(wait_bounds[0]);
	live->conninfo = strdup(options->conninfo);
	rc = live->conninfo ? make_lock(live, diag) : diag_nomem(diag);
	if (rc == 0)
		rc = live->is_plain ? connect_once(live, options->wait_ms, &live->pg, diag)
				    : start(live, diag);
	if (rc) {
		pg_live_close(live);
		return rc;
	}
	*ret = live;
	return 0;
}

static void wake(struct pg_live *live)
{
	const uint64_t one = 1;

	(void)!write(live->event, &one, sizeof(one)); /* it can only be awake already */
}

void pg_live_close(struct pg_live *live)
{
	if (!live)
		return;
	if (live->has_thread) {
		atomic_store(&live->is_stopping, true);
		wake(live);
		(void)pthread_join(live->thread, NULL);
	}
	take_given(live);
	while (live->doubts > 0)
		settle(live, 0, false);
	pg_close(atomic_load(&live->fresh));
	pg_close(live->pg);
	if (live->event >= 0)
		(void)close(live->event);
	if (live->has_lock) {
		(void)pthread_mutex_destroy(&live->lock);
		(void)pthread_cond_destroy(&live->tried);
	}
	free(live->conninfo);
	free(live);
}

int pg_live_await(struct pg_live *live, unsigned wait_ms, struct diag *diag)
{
	int64_t until_ns = clock_mono_ns() + wait_ms * MS;
	struct timespec until = { .tv_sec = until_ns / 1000000000,
				  .tv_nsec = until_ns % 1000000000 };
	int rc = 0;

	if (live->is_plain || live->pg || atomic_load(&live->fresh))
		return 0;
	(void)pthread_mutex_lock(&live->lock);
	while (live->tried_rc == 1 && rc == 0)
		rc = pthread_cond_timedwait(&live->tried, &live->lock, &until);
	rc = live->tried_rc;
	if (rc == 1)
		rc = diag_set(diag, ERR_BUSY, "PostgreSQL: no connection in %u ms", wait_ms);
	else if (rc && diag)
		*diag = live->tried_line;
	(void)pthread_mutex_unlock(&live->lock);
	return rc;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* To the thread, which closes it. @doubt: whose answer it waits for first. */
static void give_up(struct pg_live *live, uint64_t doubt)
{
	live->counts.lost++;
	if (live->is_plain) {
		pg_close(live->pg);
		live->pg = NULL;
		return;
	}
	live->given = (struct given){ .pg = live->pg,
				      .doubt = doubt,
				      .until_ns = clock_mono_ns() + PG_LIVE_DOUBT_MS * MS };
	live->pg = NULL;
	live->shut_ns = live->shut_for_ns = 0;
	atomic_store(&live->is_given, true);
	wake(live);
}

/* In one round trip, once for each connection at most, unless the bound changes again. */
static void tell_bound(struct pg_live *live)
{
	unsigned wait_ms = atomic_load(&live->wait_ms);
	char sql[48];

	if (live->told_ms == wait_ms)
		return;
	live->told_ms = wait_ms;
	pg_set_wait(live->pg, wait_ms);
	if (live->is_plain)
		return;
	(void)snprintf(sql, sizeof(sql), "SET statement_timeout = %u", statement_ms(wait_ms));
	diag_ignore(pg_exec(live->pg, sql, NULL, NULL, "cannot set the bound", NULL));
	if (pg_is_lost(live->pg))
		give_up(live, 0);
}

/* The connection to ask on; NULL: there is none, or the breaker is open. */
static struct pg *take(struct pg_live *live)
{
	if (!live->pg && (live->pg = atomic_exchange(&live->fresh, NULL)) != NULL)
		live->told_ms = live->fresh_told_ms;
	return live->shut_ns == 0 || clock_mono_ns() >= live->shut_ns ? live->pg : NULL;
}

void pg_live_set_wait(struct pg_live *live, unsigned wait_ms)
{
	atomic_store(&live->wait_ms, wait_ms);
	if (take(live))
		tell_bound(live);
}

bool pg_live_is_up(struct pg_live *live)
{
	return take(live) != NULL || live->is_plain;
}

/* The thread's last line says why, if it is not just being written. */
static int fail_shut(struct pg_live *live, struct diag *diag)
{
	struct diag why = { "" };

	live->counts.refused++;
	if (!live->pg && pthread_mutex_trylock(&live->lock) == 0) {
		if (live->tried_rc < 0)
			why = live->tried_line;
		(void)pthread_mutex_unlock(&live->lock);
	}
	if (why.text[0])
		return diag_set(diag, ERR_BUSY, "%s", why.text);
	return diag_set(diag, ERR_BUSY, "PostgreSQL: %s",
			live->pg ? "it did not answer in time" : "the connection was lost");
}

/* The server gave it up for its time, and the connection is whole: the next one may take as long.
 */
static void shut(struct pg_live *live, int64_t now_ns)
{
	live->shut_for_ns = longer(live->shut_for_ns);
	live->shut_ns = now_ns + live->shut_for_ns;
}

/* What the answer, or that there was none, says of the connection. */
static int look_at_answer(struct pg_live *live, const struct pg_live_ask *ask, int64_t began_ns,
			  int rc)
{
	int64_t now = clock_mono_ns();
	bool is_late = rc != 0 && now - began_ns >= statement_ms(atomic_load(&live->wait_ms)) * MS;

	live->counts.asked++;
	live->counts.late += is_late;
	histogram_add(&live->waits, (uint64_t)(now - began_ns) / 1000);
	if (pg_is_lost(live->pg)) {
		if (rc == ERR_DOUBT && ask->doubt == 0)
			rc = ERR_BUSY;
		live->counts.doubts += rc == ERR_DOUBT;
		give_up(live, rc == ERR_DOUBT ? ask->doubt : 0);
		return rc;
	}
	(void)atomic_fetch_add_explicit(&live->answers, 1, memory_order_relaxed);
	if (is_late && !live->is_plain)
		shut(live, now);
	else
		live->shut_ns = live->shut_for_ns = 0;
	return rc;
}

int pg_live_exec(struct pg_live *live, const struct pg_live_ask *ask, struct pg_rows *ret,
		 struct diag *diag)
{
	int64_t began;
	int rc;

	if (take(live))
		tell_bound(live);
	if (!take(live) && !live->is_plain)
		return fail_shut(live, diag);
	if (!live->pg) {
		rc = connect_once(live, atomic_load(&live->wait_ms), &live->pg, diag);
		if (rc)
			return rc;
		atomic_fetch_add(&live->connects, 1);
	}
	began = clock_mono_ns();
	rc = pg_exec(live->pg, ask->sql, ask->params, ret, ask->what, diag);
	return look_at_answer(live, ask, began, rc);
}

const char *pg_live_state(const struct pg_live *live)
{
	return live->pg ? pg_state(live->pg) : "";
}

/* ---- what is known ----------------------------------------------------------------------------
 */

bool pg_live_settled(struct pg_live *live, struct pg_live_settled *ret)
{
	bool is_one;

	if (pthread_mutex_trylock(&live->lock) != 0)
		return false; /* the next tick asks again */
	is_one = live->settled_count > 0;
	if (is_one) {
		*ret = live->settled[0];
		memmove(&live->settled[0], &live->settled[1],
			--live->settled_count * sizeof(live->settled[0]));
	}
	(void)pthread_mutex_unlock(&live->lock);
	return is_one;
}

void pg_live_counts(const struct pg_live *live, struct pg_live_counts *ret)
{
	*ret = live->counts;
	ret->connects = atomic_load(&live->connects);
}

const struct histogram *pg_live_waits(const struct pg_live *live)
{
	return &live->waits;
}

#include "ledger/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

#define MS INT64_C(1000000)
#define NEWS_MAX 4u

struct writer {
	struct writer_ops ops;
	int wait_ms;
	int event;
	pthread_t thread;
	_Atomic bool is_kicked;
	_Atomic bool is_stopping;
	_Atomic int64_t stop_at_ns; /* do not try longer than until then */
	_Atomic bool is_troubled;
	_Atomic bool is_stuck;
	_Atomic uint64_t applied;
	_Atomic uint64_t rounds;

	/* the thread's own */
	int64_t failing_since_ns; /* 0: all is well */
	int pause_ms;
	char last[DIAG_MAX]; /* the last line, of a trouble that goes on */

	pthread_mutex_t lock; /* for what follows; held for a copy only */
	struct diag news[NEWS_MAX];
	unsigned news_count;
};

static void add_news(struct writer *w, const struct diag *line)
{
	(void)pthread_mutex_lock(&w->lock); /* cannot fail: not recursive, always unlocked */
	if (w->news_count == NEWS_MAX) {
		/* Nobody asks: the two oldest go, a beginning and its end. */
		memmove(&w->news[0], &w->news[2], (NEWS_MAX - 2) * sizeof(w->news[0]));
		w->news_count -= 2;
	}
	w->news[w->news_count++] = *line;
	(void)pthread_mutex_unlock(&w->lock);
}

bool writer_news(struct writer *w, struct diag *ret)
{
	bool has_news;

	if (pthread_mutex_trylock(&w->lock) != 0)
		return false; /* the next tick asks again */
	has_news = w->news_count > 0;
	if (has_news) {
		*ret = w->news[0];
		w->news_count--;
		memmove(&w->news[0], &w->news[1], w->news_count * sizeof(w->news[0]));
	}
	(void)pthread_mutex_unlock(&w->lock);
	return has_news;
}

static void begin_trouble(struct writer *w, struct diag *diag)
{
	memcpy(w->last, diag->text, sizeof(w->last));
	diag_prefix(diag, "the store takes no writes");
	atomic_store(&w->is_troubled, true); /* before it is said: who hears of it may ask */
	add_news(w, diag);
}

/* Damage, or another program's table: it stays until the operator acts. */
static bool is_lasting(int rc)
{
	return rc == ERR_INVALID || rc == ERR_VERSION;
}

static void on_failure(struct writer *w, int rc, struct diag *diag)
{
	int64_t now = clock_mono_ns();
	bool is_news = !atomic_load(&w->is_troubled) ||
		       (is_lasting(rc) && strcmp(diag->text, w->last) != 0);

	if (w->failing_since_ns == 0) {
		w->failing_since_ns = now;
		w->pause_ms = WRITER_PAUSE_MS;
	} else if (w->pause_ms < WRITER_PAUSE_MAX_MS) {
		w->pause_ms *= 2;
	}
	if (!is_news)
		return;
	if (rc == ERR_BUSY && now - w->failing_since_ns < WRITER_PATIENCE_MS * MS)
		return;
	atomic_store(&w->is_stuck, is_lasting(rc));
	begin_trouble(w, diag);
}

static void on_success(struct writer *w, bool is_done)
{
	struct diag line;

	w->pause_ms = 0;
	if (!atomic_load(&w->is_troubled)) {
		w->failing_since_ns = 0;
		return;
	}
	if (!is_done)
		return; /* the next batch may fail again */
	diag_set(&line, 0, "the store takes writes again, after %lld s",
		 (long long)((clock_mono_ns() - w->failing_since_ns) / 1000000000));
	w->failing_since_ns = 0;
	atomic_store(&w->is_stuck, false);
	atomic_store(&w->is_troubled, false); /* before it is said */
	add_news(w, &line);
}

/* One batch; the result is the replay's. */
static int work(struct writer *w)
{
	struct diag diag;
	uint64_t applied = atomic_load(&w->applied);
	struct diag line = { "" };
	int rc;

	diag_init(&diag);
	rc = w->ops.replay(w->ops.ctx, &applied, &diag);
	atomic_store(&w->applied, applied);
	atomic_fetch_add(&w->rounds, 1); /* on a slow disk half a round takes its time */
	/* Also after a failure: the journal must reach the disk while the database can't. */
	w->ops.tend(w->ops.ctx, &line);
	if (line.text[0])
		add_news(w, &line);
	if (rc < 0)
		on_failure(w, rc, &diag);
	else if (rc != WRITER_HELD && rc != WRITER_SOON && rc != WRITER_OVER)
		on_success(w, rc != 1);
	atomic_fetch_add(&w->rounds, 1);
	return rc;
}

static void wait_for_work(struct writer *w, int timeout_ms)
{
	struct pollfd event = { .fd = w->event, .events = POLLIN };
	uint64_t count;

	if (poll(&event, 1, timeout_ms) > 0)
		(void)!read(w->event, &count, sizeof(count)); /* only empties it */
	atomic_store(&w->is_kicked, false);
}

/* What is left of wait_ms since @began_ns. */
static int rest_ms(const struct writer *w, int64_t began_ns)
{
	int64_t passed_ms = (clock_mono_ns() - began_ns) / MS;

	return passed_ms < w->wait_ms ? w->wait_ms - (int)passed_ms : 0;
}

static void *run(void *ctx)
{
	struct writer *w = ctx;
	int64_t began_ns;
	bool is_last;
	int rc;

	for (;;) {
		began_ns = clock_mono_ns();
		/* Asked before the work: what was there at the stop is replayed. */
		is_last = atomic_load(&w->is_stopping);
		rc = work(w);
		if (is_last &&
		    (rc == 0 || rc == WRITER_OVER || clock_mono_ns() > atomic_load(&w->stop_at_ns)))
			return NULL;
		if (rc < 0)
			wait_for_work(w, w->pause_ms);
		else if (rc == WRITER_HELD)
			wait_for_work(w, WRITER_PAUSE_MAX_MS);
		else if (rc == WRITER_SOON)
			wait_for_work(w, WRITER_SOON_MS);
		else if (rc == 0 && !is_last)
			wait_for_work(w, w->wait_ms);
		else if (rc == 2 && !is_last)
			wait_for_work(w, rest_ms(w, began_ns));
	}
}

static void writer_free(struct writer *w)
{
	if (w->event >= 0)
		(void)close(w->event);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

int writer_start(const struct writer_ops *ops, unsigned wait_ms, uint64_t applied,
		 const struct diag *trouble, struct writer **ret, struct diag *diag)
{
	struct writer *w = calloc(1, sizeof(*w));
	struct diag line;
	int error;

	if (!w)
		return diag_nomem(diag);
	w->ops = *ops;
	w->wait_ms = wait_ms > WRITER_PAUSE_MAX_MS ? WRITER_PAUSE_MAX_MS : (int)wait_ms;
	atomic_store(&w->applied, applied);
	(void)pthread_mutex_init(&w->lock, NULL); /* cannot fail with these attributes */
	if (trouble) {
		line = *trouble;
		w->failing_since_ns = clock_mono_ns();
		w->pause_ms = WRITER_PAUSE_MS;
		begin_trouble(w, &line);
	}
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = w->event < 0 ? errno : thread_start(&w->thread, run, w, "petstore-writer");
	if (error) {
		writer_free(w);
		return diag_set(diag, ERR_IO, "cannot start the store's writer: %s",
				strerror(error));
	}
	*ret = w;
	return 0;
}

void writer_stop(struct writer *w, unsigned timeout_ms)
{
	if (!w)
		return;
	atomic_store(&w->stop_at_ns, clock_mono_ns() + timeout_ms * MS);
	atomic_store(&w->is_stopping, true);
	writer_wake(w);
	(void)pthread_join(w->thread, NULL);
	writer_free(w);
}

void writer_wake(struct writer *w)
{
	const uint64_t one = 1;

	/*
	 * While the thread works it is asked for again and again: an exchange would take the line
	 * from its processor each time. The look may come before it is seen that the thread has
	 * just begun to wait; then the next call wakes it, or it finds the work itself in time.
	 */
	if (atomic_load_explicit(&w->is_kicked, memory_order_relaxed))
		return;
	if (!atomic_exchange(&w->is_kicked, true))
		(void)!write(w->event, &one, sizeof(one)); /* full: it is awake anyway */
}

uint64_t writer_applied(const struct writer *w)
{
	return atomic_load_explicit(&w->applied, memory_order_acquire);
}

bool writer_is_troubled(const struct writer *w)
{
	return atomic_load_explicit(&w->is_troubled, memory_order_acquire);
}

bool writer_is_stuck(const struct writer *w)
{
	return atomic_load_explicit(&w->is_stuck, memory_order_acquire);
}

uint64_t writer_rounds(const struct writer *w)
{
	return atomic_load(&w->rounds);
}

bool writer_stall_look(struct writer_stall *s, uint64_t rounds, int64_t now_ns)
{
	int64_t passed = s->looked_ns ? now_ns - s->looked_ns : 0;

	s->looked_ns = now_ns;
	if (rounds != s->rounds) {
		s->rounds = rounds;
		s->stood_ns = 0;
		return false;
	}
	s->stood_ns += passed < WRITER_STALL_LOOK_MS * MS ? passed : WRITER_STALL_LOOK_MS * MS;
	return s->stood_ns > WRITER_STALL_MS * MS;
}

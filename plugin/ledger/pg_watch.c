#include "ledger/pg_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "ledger/pg_live.h"
#include "ledger/pg_watch_internal.h"
#include "ledger/store.h"

#define MS INT64_C(1000000)
#define CONNECT_PAUSE_MS 250 /* after the database could not be reached */

/* ---- the list ------------------------------------------------------------------------------ */

static void chunk_free(struct watch_chunk *chunk)
{
	if (chunk)
		free(chunk->text);
	free(chunk);
}

struct watch_chunk *watch_chunk_new(size_t size)
{
	struct watch_chunk *chunk = malloc(sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->count = 0;
	chunk->used = 0;
	chunk->size = size;
	chunk->text = malloc(size + 1);
	if (chunk->text)
		return chunk;
	free(chunk);
	return NULL;
}

const char *watch_keep(struct watch_chunk *chunk, const void *text, size_t len)
{
	char *ret = chunk->text + chunk->used;

	if (len > 0)
		memcpy(ret, text, len);
	ret[len] = '\0';
	chunk->used += len + 1;
	return ret;
}

bool watch_push_take(struct pg_watch *w, struct watch_chunk *chunk)
{
	bool is_taken;

	(void)pthread_mutex_lock(&w->lock); /* cannot fail: not recursive, always unlocked */
	while (atomic_load(&w->chunks) >= WATCH_CHUNKS_MAX && !atomic_load(&w->is_stopping))
		(void)pthread_cond_wait(&w->is_taken, &w->lock);
	is_taken = !atomic_load(&w->is_stopping);
	if (is_taken) {
		*(w->last ? &w->last->next : &w->first) = chunk;
		w->last = chunk;
		atomic_fetch_add(&w->chunks, 1);
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (!is_taken)
		chunk_free(chunk);
	return is_taken;
}

static struct watch_chunk *take(struct pg_watch *w)
{
	struct watch_chunk *chunk;

	if (atomic_load_explicit(&w->chunks, memory_order_relaxed) == 0)
		return NULL;
	(void)pthread_mutex_lock(&w->lock);
	chunk = w->first;
	if (chunk) {
		w->first = chunk->next;
		if (!w->first)
			w->last = NULL;
		atomic_fetch_sub(&w->chunks, 1);
		(void)pthread_cond_signal(&w->is_taken);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return chunk;
}

bool pg_watch_next(struct pg_watch *w, struct others_news *ret)
{
	while (!w->taken || w->at == w->taken->count) {
		chunk_free(w->taken);
		w->at = 0;
		w->taken = take(w);
		if (!w->taken)
			return false;
	}
	*ret = w->taken->news[w->at++];
	return true;
}

bool pg_watch_is_hearing(const struct pg_watch *w, int64_t now_ns)
{
	return now_ns - atomic_load_explicit(&w->asked_ns, memory_order_relaxed) <
	       WATCH_DEAF_MS * MS;
}

/* ---- brokers and bans ---------------------------------------------------------------------- */

size_t pg_watch_brokers(struct pg_watch *w, struct others_broker *ret, size_t max)
{
	size_t count;

	(void)pthread_mutex_lock(&w->lock);
	count = w->known_count < max ? w->known_count : max;
	memcpy(ret, w->known, count * sizeof(*ret));
	(void)pthread_mutex_unlock(&w->lock);
	return count;
}

int pg_watch_find(struct pg_live *live, const char *name, struct diag *diag)
{
	struct pg_params params = { .count = 0 };
	struct pg_rows rows = { 0 };
	const struct pg_live_ask ask = { .sql = "SELECT 1 FROM brokers WHERE name = $1",
					 .params = &params,
					 .what = "cannot read the brokers" };
	int rc;

	pg_add_string(&params, name);
	rc = pg_live_exec(live, &ask, &rows, diag);
	if (rc == 0)
		rc = pg_rows_count(&rows) > 0;
	pg_rows_clear(&rows);
	return rc;
}

static bool copy_name(char *ret, size_t cap, const char *name)
{
	size_t len = strlen(name);

	if (len >= cap)
		return false;
	memcpy(ret, name, len + 1);
	return true;
}

void pg_watch_ban(struct pg_watch *w, const struct others_ban *ban)
{
	struct watch_ban made = { .is_principal = ban->is_principal,
				  .is_lifted = ban->is_lifted,
				  .until_ms = ban->until_ms };
	const uint64_t one = 1;

	/* The monitor cuts names at the same length; a longer one would be another's. */
	if (!copy_name(made.name, sizeof(made.name), ban->name) ||
	    !copy_name(made.principal, sizeof(made.principal), ban->principal) ||
	    !copy_name(made.cause, sizeof(made.cause), ban->cause))
		return;
	(void)pthread_mutex_lock(&w->lock);
	if (w->ban_count == OTHERS_BANS_MAX) {
		w->ban_first = (w->ban_first + 1) % OTHERS_BANS_MAX;
		w->ban_count--;
	}
	w->ban[(w->ban_first + w->ban_count++) % OTHERS_BANS_MAX] = made;
	(void)pthread_mutex_unlock(&w->lock);
	(void)!write(w->event, &one, sizeof(one)); /* a full counter wakes as well */
}

void pg_watch_carried(struct pg_watch *w)
{
	const uint64_t one = 1;

	if (!atomic_exchange(&w->has_carried, true))
		(void)!write(w->event, &one, sizeof(one));
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void let_go(struct pg_watch *w)
{
	pg_close(w->pg);
	w->pg = NULL;
}

static void rest(struct pg_watch *w, int ms)
{
	struct pollfd wait = { .fd = w->event, .events = POLLIN };
	uint64_t count;

	if (poll(&wait, 1, ms) > 0)
		(void)!read(w->event, &count, sizeof(count));
}

/* Until there may be something new. */
static void wait_for_news(struct pg_watch *w)
{
	struct diag diag;

	rest(w, WATCH_PACE_MS);
	if (!w->has_listen) {
		rest(w, WATCH_POLL_MS - WATCH_PACE_MS);
		return;
	}
	diag_init(&diag);
	if (pg_wait(w->pg, WATCH_POLL_MS - WATCH_PACE_MS, w->event, &diag) < 0)
		let_go(w);
}

/* One round: false: the database could not be asked. */
static bool ask(struct pg_watch *w)
{
	struct diag diag;

	diag_init(&diag);
	if (!w->pg && watch_connect(w, &diag))
		return false; /* the writer's thread says what is wrong */
	if (watch_read(w, &diag) == 0) {
		w->asked_ns = clock_mono_ns();
		return true;
	}
	let_go(w);
	return false;
}

static void *run(void *ctx)
{
	struct pg_watch *w = ctx;

	while (!atomic_load(&w->is_stopping)) {
		if (ask(w))
			wait_for_news(w);
		else
			rest(w, CONNECT_PAUSE_MS);
	}
	return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int begin(struct pg_watch *w, const struct store_place *place, struct diag *diag)
{
	int rc;

	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event < 0)
		return diag_set(diag, ERR_IO, "cannot watch other brokers: %s", strerror(errno));
	if (!copy_name(w->broker, sizeof(w->broker), place->broker))
		return diag_set(diag, ERR_LIMIT, "a broker's name has at most %u bytes",
				OTHERS_NAME_MAX - 1);
	w->ending = place->ending;
	w->conninfo = strdup(place->place);
	if (!w->conninfo)
		return diag_nomem(diag);
	(void)ask(w);         /* else the thread tries again */
	w->has_thread = true; /* the thread reads it */
	rc = thread_start(&w->thread, run, w, "petstore-watch");
	if (rc == 0)
		return 0;
	w->has_thread = false;
	return diag_set(diag, ERR_IO, "cannot start a thread: %s", strerror(rc));
}

int pg_watch_new(const struct store_place *place, struct pg_watch **ret, struct diag *diag)
{
	struct pg_watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return diag_nomem(diag);
	w->event = -1;
	(void)pthread_mutex_init(&w->lock, NULL); /* cannot fail without attributes */
	(void)pthread_cond_init(&w->is_taken, NULL);
	rc = begin(w, place, diag);
	if (rc)
		pg_watch_free(w);
	else
		*ret = w;
	return rc;
}

static void stop(struct pg_watch *w)
{
	const uint64_t one = 1;

	(void)pthread_mutex_lock(&w->lock);
	atomic_store(&w->is_stopping, true);
	(void)pthread_cond_signal(&w->is_taken);
	(void)pthread_mutex_unlock(&w->lock);
	(void)!write(w->event, &one, sizeof(one));
	(void)pthread_join(w->thread, NULL);
}

void pg_watch_free(struct pg_watch *w)
{
	struct watch_chunk *next;

	if (!w)
		return;
	if (w->has_thread)
		stop(w);
	let_go(w);
	chunk_free(w->taken);
	for (struct watch_chunk *chunk = w->first; chunk; chunk = next) {
		next = chunk->next;
		chunk_free(chunk);
	}
	if (w->event >= 0)
		(void)close(w->event);
	(void)pthread_cond_destroy(&w->is_taken);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->conninfo);
	free(w);
}

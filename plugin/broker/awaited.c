#include "broker/awaited.h"

#include <stdlib.h>
#include <string.h>

/* How far bridges brought what one broker kept: of its journal, and of its strict steps. */
struct progress {
	char *origin;    /* owned */
	int64_t last[2]; /* the highest number, without its sign */
	int64_t came_ns[2];
};

struct waiting {
	struct awaited_event
		event; /* its topic is owned, NULL: it came; its origin is a progress' */
	const struct progress *progress;
	uint32_t next; /* with the same place in the index: one more than where it lies; 0: none */
};

struct awaited {
	size_t first, count; /* of the ring */
	unsigned origins;
	struct progress progress[AWAITED_ORIGINS];
	uint32_t head[AWAITED_MAX];
	struct waiting waiting[AWAITED_MAX];
};

int awaited_new(struct awaited **ret, struct diag *diag)
{
	struct awaited *a = calloc(1, sizeof(*a));

	if (!a)
		return diag_nomem(diag);
	*ret = a;
	return 0;
}

void awaited_free(struct awaited *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < AWAITED_MAX; i++)
		free((char *)a->waiting[i].event.topic);
	for (unsigned i = 0; i < a->origins; i++)
		free(a->progress[i].origin);
	free(a);
}

/* Of @origin, new where it was not known; NULL: there are too many, or memory ran out. */
static struct progress *find_progress(struct awaited *a, const char *origin)
{
	struct progress *progress;

	for (unsigned i = 0; i < a->origins; i++)
		if (strcmp(a->progress[i].origin, origin) == 0)
			return &a->progress[i];
	if (a->origins == AWAITED_ORIGINS)
		return NULL;
	progress = &a->progress[a->origins];
	progress->origin = strdup(origin);
	if (!progress->origin)
		return NULL;
	a->origins++;
	return progress;
}

/* The lowest number has no other sign; a peer may say it all the same. */
static int64_t number_of(int64_t sequence)
{
	return sequence == INT64_MIN ? INT64_MAX : sequence < 0 ? -sequence : sequence;
}

bool awaited_add(struct awaited *a, const struct awaited_event *event)
{
	size_t at = (a->first + a->count) % AWAITED_MAX;
	uint32_t *head = &a->head[event->key % AWAITED_MAX];
	struct progress *progress = find_progress(a, event->origin);
	char *topic = NULL;

	if (progress && a->count < AWAITED_MAX)
		topic = strndup(event->topic, event->len);
	if (!topic)
		return false;
	a->waiting[at] = (struct waiting){ .event = *event, .progress = progress, .next = *head };
	a->waiting[at].event.topic = topic;
	a->waiting[at].event.origin = progress->origin;
	*head = (uint32_t)at + 1;
	a->count++;
	return true;
}

static void forget(struct waiting *waiting)
{
	free((char *)waiting->event.topic);
	waiting->event.topic = NULL;
}

void awaited_came(struct awaited *a, const struct awaited_event *event, int64_t now_ns)
{
	struct progress *progress = find_progress(a, event->origin);
	bool is_strict = event->sequence < 0;

	if (progress) {
		progress->came_ns[is_strict] = now_ns;
		if (number_of(event->sequence) > progress->last[is_strict])
			progress->last[is_strict] = number_of(event->sequence);
	}
	for (uint32_t at = a->head[event->key % AWAITED_MAX]; at; at = a->waiting[at - 1].next)
		if (a->waiting[at - 1].event.key == event->key)
			forget(&a->waiting[at - 1]);
}

/* What was kept before it comes yet. */
static bool is_slow(const struct waiting *waiting, int64_t now_ns)
{
	const struct awaited_event *event = &waiting->event;
	bool is_strict = event->sequence < 0;

	return number_of(event->sequence) > waiting->progress->last[is_strict] &&
	       now_ns - waiting->progress->came_ns[is_strict] < AWAITED_NS &&
	       now_ns - event->heard_ns < AWAITED_MAX_NS;
}

bool awaited_next(struct awaited *a, int64_t now_ns, struct awaited_event *ret)
{
	while (a->count > 0) {
		const struct waiting *waiting = &a->waiting[a->first];

		if (waiting->event.topic) {
			*ret = waiting->event;
			return now_ns - ret->heard_ns >= AWAITED_NS && !is_slow(waiting, now_ns);
		}
		awaited_done(a);
	}
	return false;
}

void awaited_done(struct awaited *a)
{
	struct waiting *waiting = &a->waiting[a->first];
	uint32_t *at = &a->head[waiting->event.key % AWAITED_MAX];

	while (*at != a->first + 1) /* it is the last there */
		at = &a->waiting[*at - 1].next;
	*at = waiting->next;
	forget(waiting);
	a->first = (a->first + 1) % AWAITED_MAX;
	a->count--;
}

size_t awaited_count(const struct awaited *a)
{
	return a->count;
}

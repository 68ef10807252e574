#include "broker/crossings.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/wordhash.h"

struct met {
	uint64_t key; /* 0: none */
	const void *path;
};

struct delivered {
	uint64_t key; /* 0: none */
	uint64_t revision;
	uint64_t last;      /* which event was delivered last; 0: what stood, or none */
	uint64_t doubtful;  /* events that settle with this revision, or more, may be newer */
	uint64_t settled;   /* the highest revision of those that are */
	int64_t written_ns; /* 0: not by this broker */
	bool is_standing;   /* what stands was delivered last, and nothing was heard since */
};

struct crossings {
	uint64_t seed;
	struct met met[CROSSINGS_MET / 2][2]; /* the newer one first */
	struct delivered delivered[CROSSINGS_TOPICS];
	struct crossings_topic waiting[CROSSINGS_WAITING]; /* their texts are owned */
	size_t count;
	char *taken; /* owned: of the topic that was due last */
};

int crossings_new(struct crossings **ret, struct diag *diag)
{
	struct crossings *c = calloc(1, sizeof(*c));

	if (!c)
		return diag_nomem(diag);
	if (random_bytes(&c->seed, sizeof(c->seed), diag)) {
		free(c);
		return ERR_IO;
	}
	*ret = c;
	return 0;
}

void crossings_free(struct crossings *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		free((char *)c->waiting[i].topic);
	free(c->taken);
	free(c);
}

/* Never 0. */
static uint64_t hash(const struct crossings *c, const char *text, size_t len, uint64_t number)
{
	uint64_t key = wordhash(wordhash(c->seed, text, len), &number, sizeof(number));

	return key ? key : 1;
}

uint64_t crossings_key(const struct crossings *c, const char *origin, int64_t sequence)
{
	return hash(c, origin, strlen(origin), (uint64_t)sequence);
}

static bool meet(struct crossings *c, uint64_t key, const void *path, unsigned qos)
{
	struct met *met = c->met[key % (CROSSINGS_MET / 2)];

	for (unsigned i = 0; i < 2; i++)
		if (met[i].key == key)
			return qos < 2 || met[i].path != path;
	met[1] = met[0];
	met[0] = (struct met){ key, path };
	return false;
}

bool crossings_meet(struct crossings *c, const char *origin, int64_t sequence, const void *path,
		    unsigned qos)
{
	return meet(c, crossings_key(c, origin, sequence), path, qos);
}

void crossings_pass(struct crossings *c, uint64_t key)
{
	(void)meet(c, key, NULL, 0);
}

bool crossings_has_met(const struct crossings *c, uint64_t key)
{
	const struct met *met = c->met[key % (CROSSINGS_MET / 2)];

	return met[0].key == key || met[1].key == key;
}

/* Of the topic, where another one may have been. */
static struct delivered *put_delivered(struct crossings *c, const char *topic, size_t len)
{
	uint64_t key = hash(c, topic, len, 0);
	struct delivered *delivered = &c->delivered[key % CROSSINGS_TOPICS];

	if (delivered->key != key)
		*delivered = (struct delivered){ .key = key };
	return delivered;
}

static const struct delivered *find_delivered(const struct crossings *c, const char *topic,
					      size_t len)
{
	uint64_t key = hash(c, topic, len, 0);
	const struct delivered *delivered = &c->delivered[key % CROSSINGS_TOPICS];

	return delivered->key == key ? delivered : NULL;
}

static uint64_t event_key(const struct crossings *c, const struct crossings_delivery *event)
{
	return crossings_key(c, event->origin, event->sequence);
}

void crossings_deliver(struct crossings *c, const struct crossings_delivery *delivery)
{
	struct delivered *delivered = put_delivered(c, delivery->topic, delivery->len);

	delivered->last = delivery->sequence ? event_key(c, delivery) : 0;
	delivered->is_standing = false;
	delivered->doubtful = delivery->revision;
	if (delivery->revision > delivered->revision)
		delivered->revision = delivery->revision;
	if (delivery->written_ns)
		delivered->written_ns = delivery->written_ns;
}

void crossings_stand(struct crossings *c, const char *topic, size_t len)
{
	struct delivered *delivered = put_delivered(c, topic, len);

	delivered->last = 0;
	delivered->is_standing = true;
	delivered->doubtful = delivered->settled + 1;
	if (delivered->settled > delivered->revision)
		delivered->revision = delivered->settled;
}

/* Of a topic that is not known nothing was delivered that has to be told of yet. */
void crossings_retain(struct crossings *c, const char *topic, size_t len)
{
	struct delivered *delivered = (struct delivered *)find_delivered(c, topic, len);

	if (!delivered || delivered->is_standing)
		return;
	delivered->last = 0;
	delivered->doubtful = delivered->settled + 1;
}

void crossings_hear(struct crossings *c, const char *topic, size_t len)
{
	struct delivered *delivered = (struct delivered *)find_delivered(c, topic, len);

	if (delivered)
		delivered->is_standing = false;
}

bool crossings_is_standing(const struct crossings *c, const char *topic, size_t len)
{
	const struct delivered *delivered = find_delivered(c, topic, len);

	return delivered && delivered->is_standing;
}

bool crossings_lacks(const struct crossings *c, const char *topic, size_t len, uint64_t key,
		     uint64_t revision, int64_t heard_ns)
{
	const struct delivered *delivered = find_delivered(c, topic, len);

	if (!delivered)
		return true;
	if (delivered->last == key || delivered->is_standing)
		return false;
	return revision > 0 ? revision >= delivered->doubtful : delivered->written_ns <= heard_ns;
}

static bool is_recent(const struct delivered *delivered, int64_t now_ns)
{
	return delivered->written_ns && now_ns - delivered->written_ns < CROSSINGS_NS;
}

bool crossings_is_last(const struct crossings *c, const struct crossings_delivery *delivery)
{
	const struct delivered *delivered = find_delivered(c, delivery->topic, delivery->len);

	return delivered && delivered->last == event_key(c, delivery);
}

/* Does what the topic has here go by what this broker knows, and not by bridges alone? */
static bool is_open(const struct delivered *delivered, const struct crossings_delivery *event,
		    int64_t now_ns)
{
	bool is_known = delivered->last || delivered->revision > 0;

	return is_recent(delivered, now_ns) || (event->is_will && is_known);
}

enum crossings_settled crossings_settle(struct crossings *c, const struct crossings_delivery *event,
					int64_t now_ns)
{
	struct delivered *delivered;

	if (event->revision == 0 && !find_delivered(c, event->topic, event->len))
		return CROSSINGS_AGREES;
	delivered = put_delivered(c, event->topic, event->len);
	if (event->revision > delivered->settled)
		delivered->settled = event->revision;
	if (delivered->last == event_key(c, event)) {
		delivered->revision = delivered->doubtful = event->revision;
		return CROSSINGS_AGREES;
	}
	if (!crossings_has_met(c, event_key(c, event)))
		return is_open(delivered, event, now_ns) ? CROSSINGS_OPEN : CROSSINGS_AGREES;
	if (event->revision == 0)
		return delivered->last || delivered->is_standing ? CROSSINGS_AGREES
								 : CROSSINGS_DIFFERS;
	return event->revision >= delivered->doubtful ? CROSSINGS_DIFFERS : CROSSINGS_AGREES;
}

uint64_t crossings_delivered(const struct crossings *c, const char *topic, size_t len)
{
	const struct delivered *delivered = find_delivered(c, topic, len);

	return delivered ? delivered->revision : 0;
}

bool crossings_has_written(const struct crossings *c, const char *topic, size_t len, int64_t now_ns)
{
	const struct delivered *delivered = find_delivered(c, topic, len);

	return delivered && is_recent(delivered, now_ns);
}

/* One waits for each topic: for what comes last. */
static struct crossings_topic *find(struct crossings *c, const struct crossings_topic *topic)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->waiting[i].len == topic->len && c->waiting[i].sequence == topic->sequence &&
		    c->waiting[i].is_settled == topic->is_settled &&
		    memcmp(c->waiting[i].topic, topic->topic, topic->len) == 0 &&
		    strcmp(c->waiting[i].origin, topic->origin) == 0)
			return &c->waiting[i];
	return NULL;
}

bool crossings_wait(struct crossings *c, const struct crossings_topic *topic)
{
	size_t origin_len = strlen(topic->origin);
	struct crossings_topic *waiting = find(c, topic);
	char *text;

	if (waiting)
		return true;
	text = c->count < CROSSINGS_WAITING ? malloc(topic->len + origin_len + 2) : NULL;
	if (!text)
		return false;
	memcpy(text, topic->topic, topic->len);
	text[topic->len] = '\0';
	memcpy(text + topic->len + 1, topic->origin, origin_len + 1);
	waiting = &c->waiting[c->count++];
	*waiting = *topic;
	waiting->topic = text;
	waiting->origin = text + topic->len + 1;
	return true;
}

void crossings_put_off(struct crossings *c, int64_t until_ns)
{
	for (size_t i = 0; i < c->count; i++)
		if (!c->waiting[i].is_settled && c->waiting[i].until_ns < until_ns)
			c->waiting[i].until_ns = until_ns;
}

bool crossings_due(struct crossings *c,
		   bool (*has_heard)(void *ctx, const char *origin, int64_t sequence), void *ctx,
		   int64_t now_ns, struct crossings_topic *ret)
{
	for (size_t i = 0; i < c->count; i++) {
		struct crossings_topic *waiting = &c->waiting[i];

		if (now_ns < waiting->until_ns &&
		    (waiting->is_settled || !has_heard(ctx, waiting->origin, waiting->sequence)))
			continue;
		*ret = *waiting;
		free(c->taken);
		c->taken = (char *)waiting->topic;
		*waiting = c->waiting[--c->count];
		return true;
	}
	return false;
}

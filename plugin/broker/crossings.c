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
	int64_t written_ns; /* 0: not by this broker */
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

bool crossings_meet(struct crossings *c, const char *origin, int64_t sequence, const void *path,
		    unsigned qos)
{
	uint64_t key = hash(c, origin, strlen(origin), (uint64_t)sequence);
	struct met *met = c->met[key % (CROSSINGS_MET / 2)];

	for (unsigned i = 0; i < 2; i++)
		if (met[i].key == key)
			return qos < 2 || met[i].path != path;
	met[1] = met[0];
	met[0] = (struct met){ key, path };
	return false;
}

void crossings_deliver(struct crossings *c, const char *topic, size_t len, uint64_t revision,
		       int64_t now_ns)
{
	uint64_t key = hash(c, topic, len, 0);
	struct delivered *delivered = &c->delivered[key % CROSSINGS_TOPICS];

	if (delivered->key != key)
		*delivered = (struct delivered){ .key = key };
	if (revision > delivered->revision)
		delivered->revision = revision;
	if (now_ns)
		delivered->written_ns = now_ns;
}

static const struct delivered *find_delivered(const struct crossings *c, const char *topic,
					      size_t len)
{
	uint64_t key = hash(c, topic, len, 0);
	const struct delivered *delivered = &c->delivered[key % CROSSINGS_TOPICS];

	return delivered->key == key ? delivered : NULL;
}

uint64_t crossings_delivered(const struct crossings *c, const char *topic, size_t len)
{
	const struct delivered *delivered = find_delivered(c, topic, len);

	return delivered ? delivered->revision : 0;
}

bool crossings_has_written(const struct crossings *c, const char *topic, size_t len, int64_t now_ns)
{
	const struct delivered *delivered = find_delivered(c, topic, len);

	return delivered && delivered->written_ns && now_ns - delivered->written_ns < CROSSINGS_NS;
}

/* One waits for each topic: for what comes last. */
static struct crossings_topic *find(struct crossings *c, const struct crossings_topic *topic)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->waiting[i].len == topic->len && c->waiting[i].sequence == topic->sequence &&
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

bool crossings_due(struct crossings *c,
		   bool (*has_heard)(void *ctx, const char *origin, int64_t sequence), void *ctx,
		   int64_t now_ns, struct crossings_topic *ret)
{
	for (size_t i = 0; i < c->count; i++) {
		struct crossings_topic *waiting = &c->waiting[i];

		if (now_ns < waiting->until_ns &&
		    !has_heard(ctx, waiting->origin, waiting->sequence))
			continue;
		*ret = *waiting;
		free(c->taken);
		c->taken = (char *)waiting->topic;
		*waiting = c->waiting[--c->count];
		return true;
	}
	return false;
}

#include "broker/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "access/certid.h"
#include "access/names.h"
#include "base/random.h"
#include "base/wordhash.h"

#define FIRST_BUCKETS 256u

struct sessions_owner {
	char *name;
	uint64_t hash;
	size_t count;           /* of its sessions, live and gone */
	size_t gone_count;      /* of those gone, its rank */
	struct session *oldest; /* of the gone */
	struct session *newest;
	struct sessions_owner *next;   /* in its bucket */
	struct sessions_owner *before; /* of the same rank */
	struct sessions_owner *after;
};

struct sessions {
	uint64_t seed; /* of hashes of what clients choose */
	struct session **bucket;
	struct session **id_bucket;
	struct sessions_owner **owner_bucket; /* as many of each: a power of two */
	size_t bucket_count;
	size_t count;
	size_t gone_count;
	int64_t next_end_ms; /* no session ends before; INT64_MAX: none does */
	/* Below bucket @walked every live session is of generation @walk. */
	uint64_t walk;
	size_t walked;
	size_t due_at; /* bucket in which sessions_due() goes on */
	/* Owners by how many gone sessions they have, so that who has most is at hand. */
	struct sessions_owner **rank; /* SESSIONS_GONE_OF_ONE + 2 of them */
	size_t most;                  /* the highest rank that anybody has */
	uint64_t lost;
	char loser[ACCESS_NAME_MAX];
};

int sessions_new(struct sessions **ret, struct diag *diag)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	int rc = ERR_NOMEM;

	if (!sessions)
		return diag_nomem(diag);
	sessions->bucket_count = FIRST_BUCKETS;
	sessions->next_end_ms = INT64_MAX;
	sessions->bucket = calloc(FIRST_BUCKETS, sizeof(struct session *));
	sessions->id_bucket = calloc(FIRST_BUCKETS, sizeof(struct session *));
	sessions->owner_bucket = calloc(FIRST_BUCKETS, sizeof(struct sessions_owner *));
	sessions->rank = calloc(SESSIONS_GONE_OF_ONE + 2, sizeof(struct sessions_owner *));
	if (!sessions->bucket || !sessions->id_bucket || !sessions->owner_bucket || !sessions->rank)
		(void)diag_nomem(diag);
	else
		rc = random_bytes(&sessions->seed, sizeof(sessions->seed), diag);
	if (rc) {
		sessions_free(sessions);
		return rc;
	}
	*ret = sessions;
	return 0;
}

static uint64_t hash_text(const struct sessions *sessions, const char *text)
{
	return wordhash(sessions->seed, text, strlen(text));
}

/* ---- whose they are ----------------------------------------------------------------------- */

static void leave_rank(struct sessions *sessions, struct sessions_owner *owner)
{
	if (owner->before)
		owner->before->after = owner->after;
	else
		sessions->rank[owner->gone_count] = owner->after;
	if (owner->after)
		owner->after->before = owner->before;
	owner->before = owner->after = NULL;
}

static void enter_rank(struct sessions *sessions, struct sessions_owner *owner, size_t rank)
{
	struct sessions_owner **first = &sessions->rank[rank];

	owner->gone_count = rank;
	owner->after = *first;
	if (*first)
		(*first)->before = owner;
	*first = owner;
	if (rank > sessions->most)
		sessions->most = rank;
	while (sessions->most > 0 && !sessions->rank[sessions->most])
		sessions->most--;
}

static void change_rank(struct sessions *sessions, struct sessions_owner *owner, size_t rank)
{
	leave_rank(sessions, owner);
	enter_rank(sessions, owner, rank);
}

/* The owner called @name, made where there is none, with one more session; NULL: no memory. */
static struct sessions_owner *join_owner(struct sessions *sessions, const char *name)
{
	uint64_t hash = hash_text(sessions, name);
	struct sessions_owner **bucket =
		&sessions->owner_bucket[hash & (sessions->bucket_count - 1)];
	struct sessions_owner *owner = *bucket;

	while (owner && (owner->hash != hash || strcmp(owner->name, name) != 0))
		owner = owner->next;
	if (!owner) {
		owner = calloc(1, sizeof(*owner));
		if (!owner)
			return NULL;
		owner->name = strdup(name);
		if (!owner->name) {
			free(owner);
			return NULL;
		}
		owner->hash = hash;
		owner->next = *bucket;
		*bucket = owner;
		enter_rank(sessions, owner, 0);
	}
	owner->count++;
	return owner;
}

/* One session less; who has none is forgotten. */
static void part_owner(struct sessions *sessions, struct sessions_owner *owner)
{
	struct sessions_owner **link =
		&sessions->owner_bucket[owner->hash & (sessions->bucket_count - 1)];

	if (--owner->count > 0)
		return;
	while (*link != owner)
		link = &(*link)->next;
	*link = owner->next;
	leave_rank(sessions, owner);
	free(owner->name);
	free(owner);
}

/* ---- one of them --------------------------------------------------------------------------- */

static void drop_identity(struct session *session)
{
	access_principal_drop(session->made);
	free(session->certificate);
	if (session->token)
		explicit_bzero(session->token, strlen(session->token));
	free(session->token);
	session->made = NULL;
	session->certificate = NULL;
	session->token = NULL;
	session->principal = NULL;
	session->expires_ms = 0;
	session->is_scram = false;
}

static void free_session(struct session *session)
{
	drop_identity(session);
	free(session->client_id);
	free(session);
}

void sessions_free(struct sessions *sessions)
{
	if (!sessions)
		return;
	for (size_t i = 0; sessions->bucket && i < sessions->bucket_count; i++)
		while (sessions->bucket[i]) {
			struct session *session = sessions->bucket[i];

			sessions->bucket[i] = session->next;
			part_owner(sessions, session->owner);
			free_session(session);
		}
	free(sessions->bucket);
	free(sessions->id_bucket);
	free(sessions->owner_bucket);
	free(sessions->rank);
	free(sessions);
}

/* Heap addresses differ in their middle bits: spread them over the table. */
static size_t bucket_of(const void *handle, size_t bucket_count)
{
	uint64_t mixed = (uint64_t)(uintptr_t)handle * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(mixed >> 32) & (bucket_count - 1);
}

struct session *sessions_find(const struct sessions *sessions, const void *handle)
{
	struct session *session = sessions->bucket[bucket_of(handle, sessions->bucket_count)];

	while (session && session->handle != handle)
		session = session->next;
	return session;
}

static struct session **id_bucket(const struct sessions *sessions, const char *client_id)
{
	return &sessions->id_bucket[hash_text(sessions, client_id) & (sessions->bucket_count - 1)];
}

bool sessions_is_live(const struct sessions *sessions, const char *client_id)
{
	const struct session *session = *id_bucket(sessions, client_id);

	while (session && strcmp(session->client_id, client_id) != 0)
		session = session->next_id;
	return session != NULL;
}

bool sessions_is_alone(const struct sessions *sessions, const struct session *session)
{
	const struct session *other = *id_bucket(sessions, session->client_id);

	while (other && (other == session || strcmp(other->client_id, session->client_id) != 0))
		other = other->next_id;
	return other == NULL;
}

static void link_id(struct sessions *sessions, struct session *session)
{
	struct session **first = id_bucket(sessions, session->client_id);

	session->next_id = *first;
	*first = session;
}

static void unlink_id(struct sessions *sessions, struct session *session)
{
	struct session **link = id_bucket(sessions, session->client_id);

	while (*link != session)
		link = &(*link)->next_id;
	*link = session->next_id;
	session->next_id = NULL;
}

/* ---- the tables grow ----------------------------------------------------------------------- */

static void move_owners(struct sessions_owner **from, size_t count, struct sessions_owner **to,
			size_t wider)
{
	for (size_t i = 0; i < count; i++)
		while (from[i]) {
			struct sessions_owner *owner = from[i];
			struct sessions_owner **first = &to[owner->hash & (wider - 1)];

			from[i] = owner->next;
			owner->next = *first;
			*first = owner;
		}
}

static void move_sessions(struct sessions *sessions, struct session **from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		while (from[i]) {
			struct session *session = from[i];
			struct session **first = &sessions->bucket[bucket_of(
				session->handle, sessions->bucket_count)];

			from[i] = session->next;
			session->next = *first;
			*first = session;
			if (!session->is_gone)
				link_id(sessions, session);
		}
}

/* Doubles the tables when they are full; where memory lacks the chains just grow longer. */
static void grow(struct sessions *sessions)
{
	size_t count = sessions->bucket_count, wider = 2 * count;
	struct session **old = sessions->bucket;
	struct session **bucket, **ids;
	struct sessions_owner **owners;

	if (sessions->count < count)
		return;
	bucket = calloc(wider, sizeof(struct session *));
	ids = calloc(wider, sizeof(struct session *));
	owners = calloc(wider, sizeof(struct sessions_owner *));
	if (!bucket || !ids || !owners) {
		free(bucket);
		free(ids);
		free(owners);
		return;
	}
	move_owners(sessions->owner_bucket, count, owners, wider);
	free(sessions->owner_bucket);
	free(sessions->id_bucket);
	sessions->owner_bucket = owners;
	sessions->id_bucket = ids;
	sessions->bucket = bucket;
	sessions->bucket_count = wider;
	sessions->walked = 0; /* those not walked over yet may lie anywhere now */
	move_sessions(sessions, old, count);
	free(old);
}

/* ---- coming and going ---------------------------------------------------------------------- */

static void link_gone(struct sessions *sessions, struct session *session)
{
	struct sessions_owner *owner = session->owner;

	session->is_gone = true;
	session->older = owner->newest;
	session->newer = NULL;
	if (owner->newest)
		owner->newest->newer = session;
	else
		owner->oldest = session;
	owner->newest = session;
	sessions->gone_count++;
	change_rank(sessions, owner, owner->gone_count + 1);
}

static void unlink_gone(struct sessions *sessions, struct session *session)
{
	struct sessions_owner *owner = session->owner;

	if (session->older)
		session->older->newer = session->newer;
	else
		owner->oldest = session->newer;
	if (session->newer)
		session->newer->older = session->older;
	else
		owner->newest = session->older;
	sessions->gone_count--;
	change_rank(sessions, owner, owner->gone_count - 1);
}

static void forget(struct sessions *sessions, struct session *session)
{
	size_t at = bucket_of(session->handle, sessions->bucket_count);
	struct session **link = &sessions->bucket[at];

	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	if (session->is_gone)
		unlink_gone(sessions, session);
	else
		unlink_id(sessions, session);
	sessions->count--;
	part_owner(sessions, session->owner);
	free_session(session);
}

void sessions_forget(struct sessions *sessions, const void *handle)
{
	struct session *session = sessions_find(sessions, handle);

	if (session)
		forget(sessions, session);
}

struct session *sessions_open(struct sessions *sessions, const void *handle, const char *name,
			      const char *client_id)
{
	struct session *session = calloc(1, sizeof(*session));
	size_t at;

	sessions_forget(sessions, handle);
	if (!session)
		return NULL;
	session->client_id = strdup(client_id);
	session->owner = session->client_id ? join_owner(sessions, name) : NULL;
	if (!session->owner) {
		free_session(session);
		return NULL;
	}
	grow(sessions);
	at = bucket_of(handle, sessions->bucket_count);
	session->handle = handle;
	session->name = session->owner->name;
	session->next = sessions->bucket[at];
	sessions->bucket[at] = session;
	link_id(sessions, session);
	sessions->count++;
	return session;
}

/* Makes room: the principal that has most loses the one that is gone longest. */
static void lose_one(struct sessions *sessions, struct sessions_owner *owner)
{
	size_t len = strlen(owner->name);

	sessions->lost++;
	if (len >= sizeof(sessions->loser))
		len = sizeof(sessions->loser) - 1;
	memcpy(sessions->loser, owner->name, len);
	sessions->loser[len] = '\0';
	forget(sessions, owner->oldest);
}

void sessions_leave(struct sessions *sessions, const void *handle)
{
	struct session *session = sessions_find(sessions, handle);

	if (!session)
		return;
	if (session->is_gone) {
		forget(sessions, session);
		return;
	}
	unlink_id(sessions, session);
	link_gone(sessions, session);
	if (session->owner->gone_count > SESSIONS_GONE_OF_ONE)
		lose_one(sessions, session->owner);
	else if (sessions->gone_count > SESSIONS_GONE_MAX)
		lose_one(sessions, sessions->rank[sessions->most]);
}

uint64_t sessions_lost(struct sessions *sessions, const char **name)
{
	uint64_t lost = sessions->lost;

	sessions->lost = 0;
	*name = sessions->loser;
	return lost;
}

/* ---- what becomes of it -------------------------------------------------------------------- */

void sessions_expire(struct session *session)
{
	session->expires_ms = 0;
	if (session->state == SESSION_VALID)
		session->state = SESSION_EXPIRED;
}

void sessions_bar(struct session *session)
{
	drop_identity(session);
	session->state = SESSION_BARRED;
}

void sessions_renew_take(struct session *session, const struct access_principal *principal,
			 struct access_principal *made)
{
	access_principal_drop(session->made);
	session->principal = principal;
	session->made = made;
}

void sessions_end_at(struct sessions *sessions, struct session *session, int64_t expires_ms)
{
	session->expires_ms = expires_ms;
	if (expires_ms && expires_ms < sessions->next_end_ms)
		sessions->next_end_ms = expires_ms;
}

/* The first that is due in the buckets from @from on; else *next is when the next ends, if sooner.
 */
static struct session *find_due(struct sessions *sessions, size_t from, int64_t now_ms,
				int64_t *next)
{
	for (size_t i = from; i < sessions->bucket_count; i++)
		for (struct session *s = sessions->bucket[i]; s; s = s->next) {
			if (!s->expires_ms)
				continue;
			if (s->expires_ms <= now_ms) {
				sessions->due_at = i;
				return s;
			}
			if (s->expires_ms < *next)
				*next = s->expires_ms;
		}
	return NULL;
}

/*
 * Goes on where the last one was found: a fleet whose tokens end in one second would else cost the
 * square of its size. What became due behind that is found by the round that finds none.
 */
struct session *sessions_due(struct sessions *sessions, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	struct session *due = NULL;

	if (now_ms < sessions->next_end_ms)
		return NULL;
	if (sessions->due_at > 0)
		due = find_due(sessions, sessions->due_at, now_ms, &next);
	if (due)
		return due;
	next = INT64_MAX;
	due = find_due(sessions, 0, now_ms, &next);
	if (due)
		return due;
	sessions->due_at = 0;
	sessions->next_end_ms = next;
	return NULL;
}

struct session *sessions_stale(struct sessions *sessions, uint64_t generation)
{
	if (sessions->walk != generation) {
		sessions->walk = generation;
		sessions->walked = 0;
	}
	for (; sessions->walked < sessions->bucket_count; sessions->walked++)
		for (struct session *s = sessions->bucket[sessions->walked]; s; s = s->next)
			if (!s->is_gone && s->generation != generation)
				return s;
	return NULL;
}

size_t sessions_count(const struct sessions *sessions)
{
	return sessions->count;
}

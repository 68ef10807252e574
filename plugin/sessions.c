#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "access/certid.h"

#define FIRST_BUCKETS 256u

struct sessions {
	struct session **bucket;
	size_t bucket_count; /* a power of two */
	size_t count;
	size_t gone_count;
	int64_t next_end_ms;    /* no live session ends before; INT64_MAX: none does */
	struct session *oldest; /* of the gone */
	struct session *newest;
};

int sessions_new(struct sessions **ret, struct diag *diag)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));

	if (!sessions)
		return diag_nomem(diag);
	sessions->bucket_count = FIRST_BUCKETS;
	sessions->next_end_ms = INT64_MAX;
	sessions->bucket = calloc(FIRST_BUCKETS, sizeof(struct session *));
	if (!sessions->bucket) {
		free(sessions);
		return diag_nomem(diag);
	}
	*ret = sessions;
	return 0;
}

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
	free(session->name);
	free(session);
}

void sessions_free(struct sessions *sessions)
{
	if (!sessions)
		return;
	for (size_t i = 0; i < sessions->bucket_count; i++)
		while (sessions->bucket[i]) {
			struct session *session = sessions->bucket[i];

			sessions->bucket[i] = session->next;
			free_session(session);
		}
	free(sessions->bucket);
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

/* Doubles the table when it is full; where memory lacks the chains just grow longer. */
static void grow(struct sessions *sessions)
{
	size_t wider = 2 * sessions->bucket_count;
	struct session **bucket;

	if (sessions->count < sessions->bucket_count)
		return;
	bucket = calloc(wider, sizeof(struct session *));
	if (!bucket)
		return;
	for (size_t i = 0; i < sessions->bucket_count; i++)
		while (sessions->bucket[i]) {
			struct session *session = sessions->bucket[i];
			size_t to = bucket_of(session->handle, wider);

			sessions->bucket[i] = session->next;
			session->next = bucket[to];
			bucket[to] = session;
		}
	free(sessions->bucket);
	sessions->bucket = bucket;
	sessions->bucket_count = wider;
}

static void unlink_gone(struct sessions *sessions, struct session *session)
{
	if (session->older)
		session->older->newer = session->newer;
	else
		sessions->oldest = session->newer;
	if (session->newer)
		session->newer->older = session->older;
	else
		sessions->newest = session->older;
	session->older = session->newer = NULL;
	session->is_gone = false;
	sessions->gone_count--;
}

static void forget(struct sessions *sessions, struct session *session)
{
	size_t at = bucket_of(session->handle, sessions->bucket_count);
	struct session **link = &sessions->bucket[at];

	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	sessions->count--;
	free_session(session);
}

void sessions_return(struct sessions *sessions, struct session *session)
{
	if (session->is_gone)
		unlink_gone(sessions, session);
}

struct session *sessions_open(struct sessions *sessions, const void *handle, const char *name)
{
	struct session *session = sessions_find(sessions, handle);
	char *copy = strdup(name);
	size_t at;

	if (!copy)
		return NULL;
	if (session) {
		sessions_return(sessions, session);
		free(session->name);
	} else {
		session = calloc(1, sizeof(*session));
		if (!session) {
			free(copy);
			return NULL;
		}
		grow(sessions);
		at = bucket_of(handle, sessions->bucket_count);
		session->handle = handle;
		session->next = sessions->bucket[at];
		sessions->bucket[at] = session;
		sessions->count++;
	}
	drop_identity(session);
	session->is_over = false;
	session->name = copy;
	session->generation = 0;
	return session;
}

void sessions_expire(struct session *session)
{
	drop_identity(session);
	session->is_over = true;
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

struct session *sessions_due(struct sessions *sessions, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	if (now_ms < sessions->next_end_ms)
		return NULL;
	for (size_t i = 0; i < sessions->bucket_count; i++)
		for (struct session *s = sessions->bucket[i]; s; s = s->next) {
			if (!s->expires_ms)
				continue;
			if (s->expires_ms <= now_ms)
				return s;
			if (s->expires_ms < next)
				next = s->expires_ms;
		}
	sessions->next_end_ms = next;
	return NULL;
}

void sessions_leave(struct sessions *sessions, const void *handle)
{
	struct session *session = sessions_find(sessions, handle);
	struct session *oldest;

	if (!session || session->is_gone)
		return;
	session->is_gone = true;
	session->older = sessions->newest;
	session->newer = NULL;
	if (sessions->newest)
		sessions->newest->newer = session;
	else
		sessions->oldest = session;
	sessions->newest = session;
	sessions->gone_count++;
	if (sessions->gone_count > SESSIONS_GONE_MAX) {
		oldest = sessions->oldest;
		unlink_gone(sessions, oldest);
		forget(sessions, oldest);
	}
}

void sessions_forget(struct sessions *sessions, const void *handle)
{
	struct session *session = sessions_find(sessions, handle);

	if (!session)
		return;
	sessions_return(sessions, session);
	forget(sessions, session);
}

size_t sessions_count(const struct sessions *sessions)
{
	return sessions->count;
}

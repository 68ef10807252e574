#include "broker/sessions.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHAINS 256u

/* A text that sessions share, in a tree of its kind; it goes with the last of them. */
struct session_name {
	const char *text;
	size_t count; /* of its sessions, live and gone */
};

struct sessions_id {
	struct session_name name;
	size_t live_count;
	size_t named_count; /* of principals but ACCESS_ANONYMOUS, live or not */
};

struct sessions_owner {
	struct session_name name;
	size_t gone_count; /* its rank */
	TAILQ_HEAD(, session) gone;
	LIST_ENTRY(sessions_owner) rank; /* that it is in */
};

LIST_HEAD(session_chain, session);
LIST_HEAD(session_rank, sessions_owner);

struct sessions {
	struct session_chain *chain; /* by handle */
	size_t chain_count;          /* a power of two */
	TAILQ_HEAD(, session) all;   /* in the order in which they were opened */
	void *ids, *owners;          /* trees, see join() */
	size_t count;
	size_t gone_count;
	size_t connected[LOGIN_METHODS]; /* those that are not gone, by their login */
	int64_t next_end_ms;             /* no session ends before; INT64_MAX: none does */
	struct session *due_at;          /* where sessions_due() goes on; NULL: at the first */
	uint64_t last_number;
	uint64_t walk;            /* all live sessions before @stale_at are of this generation */
	struct session *stale_at; /* NULL: all are */
	size_t most;              /* the highest rank that anybody has */
	uint64_t lost;
	char loser[ACCESS_NAME_MAX];
	/* Owners by how many gone sessions they have, so that the one with most is at hand. */
	struct session_rank rank[SESSIONS_GONE_OF_ONE + 2];
};

int sessions_new(struct sessions **ret, struct diag *diag)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));

	if (!sessions)
		return diag_nomem(diag);
	TAILQ_INIT(&sessions->all);
	sessions->next_end_ms = INT64_MAX;
	sessions->chain_count = FIRST_CHAINS;
	sessions->chain = calloc(FIRST_CHAINS, sizeof(*sessions->chain));
	if (!sessions->chain) {
		sessions_free(sessions);
		return diag_nomem(diag);
	}
	*ret = sessions;
	return 0;
}

/* ---- ids and owners ------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct session_name *)a)->text,
		      ((const struct session_name *)b)->text);
}

/*
 * The record called @text in @tree, made (@size bytes, the first of them a struct session_name)
 * where there is none, with one more session; NULL: no memory. Trees are balanced whatever clients
 * choose.
 */
static void *join(void **tree, const char *text, size_t size)
{
	struct session_name wanted = { .text = text };
	struct session_name *const *found = tfind(&wanted, tree, compare_names);
	struct session_name *name = found ? *found : calloc(1, size + strlen(text) + 1);

	if (!name)
		return NULL;
	if (!found) {
		name->text = strcpy((char *)name + size, text);
		if (!tsearch(name, tree, compare_names)) {
			free(name);
			return NULL;
		}
	}
	name->count++;
	return name;
}

/* One session less; what has none is forgotten. */
static void part(void **tree, struct session_name *name)
{
	if (--name->count > 0)
		return;
	(void)tdelete(name, tree, compare_names);
	free(name);
}

static void enter_rank(struct sessions *sessions, struct sessions_owner *owner, size_t rank)
{
	owner->gone_count = rank;
	LIST_INSERT_HEAD(&sessions->rank[rank], owner, rank);
	if (rank > sessions->most)
		sessions->most = rank;
	while (sessions->most > 0 && LIST_EMPTY(&sessions->rank[sessions->most]))
		sessions->most--;
}

static void change_rank(struct sessions *sessions, struct sessions_owner *owner, size_t rank)
{
	LIST_REMOVE(owner, rank);
	enter_rank(sessions, owner, rank);
}

static struct sessions_owner *join_owner(struct sessions *sessions, const char *name)
{
	struct sessions_owner *owner = join(&sessions->owners, name, sizeof(*owner));

	if (owner && owner->name.count == 1) {
		TAILQ_INIT(&owner->gone);
		enter_rank(sessions, owner, 0);
	}
	return owner;
}

static void part_owner(struct sessions *sessions, struct sessions_owner *owner)
{
	if (owner->name.count == 1)
		LIST_REMOVE(owner, rank);
	part(&sessions->owners, &owner->name);
}

bool sessions_is_live(const struct sessions *sessions, const char *client_id)
{
	struct session_name wanted = { .text = client_id };
	struct sessions_id *const *found = tfind(&wanted, &sessions->ids, compare_names);

	return found && (*found)->live_count > 0;
}

static bool is_named(const struct session *session)
{
	return strcmp(session->name, ACCESS_ANONYMOUS) != 0;
}

bool sessions_is_named(const struct sessions *sessions, const char *client_id)
{
	struct session_name wanted = { .text = client_id };
	struct sessions_id *const *found = tfind(&wanted, &sessions->ids, compare_names);

	return found && (*found)->named_count > 0;
}

bool sessions_is_alone(const struct session *session)
{
	return session->id->live_count == (session->is_gone ? 0 : 1);
}

/* ---- by handle ----------------------------------------------------------------------------- */

/* Heap addresses differ in their middle bits: spread them over the table. */
static struct session_chain *chain_of(const struct sessions *sessions, const void *handle)
{
	uint64_t mixed = (uint64_t)(uintptr_t)handle * UINT64_C(0x9e3779b97f4a7c15);

	return &sessions->chain[(size_t)(mixed >> 32) & (sessions->chain_count - 1)];
}

struct session *sessions_find(const struct sessions *sessions, const void *handle)
{
	struct session *session = LIST_FIRST(chain_of(sessions, handle));

	while (session && session->handle != handle)
		session = LIST_NEXT(session, chain);
	return session;
}

/* Doubles the table when it is full; where memory lacks the chains just grow longer. */
static void grow(struct sessions *sessions)
{
	struct session *session;
	struct session_chain *wider;

	if (sessions->count < sessions->chain_count)
		return;
	wider = calloc(2 * sessions->chain_count, sizeof(*wider));
	if (!wider)
		return;
	free(sessions->chain);
	sessions->chain = wider;
	sessions->chain_count *= 2;
	TAILQ_FOREACH(session, &sessions->all, all)
		LIST_INSERT_HEAD(chain_of(sessions, session->handle), session, chain);
}

/* ---- how many are connected ---------------------------------------------------------------- */

static size_t *connected_so(struct sessions *sessions, enum login_method method)
{
	return &sessions->connected[method == LOGIN_BOTH ? LOGIN_CERTIFICATE : method];
}

void sessions_prove(struct sessions *sessions, struct session *session, enum login_method method)
{
	if (!session->is_gone) {
		--*connected_so(sessions, session->method);
		++*connected_so(sessions, method);
	}
	session->method = method;
}

size_t sessions_connected(const struct sessions *sessions, enum login_method method)
{
	return sessions->connected[method];
}

/* A client came. */
static void add_live(struct sessions *sessions, struct session *session)
{
	session->id->live_count++;
	++*connected_so(sessions, session->method);
}

/* It left, or its session is forgotten. */
static void drop_live(struct sessions *sessions, struct session *session)
{
	session->id->live_count--;
	--*connected_so(sessions, session->method);
}

/* ---- coming and going ---------------------------------------------------------------------- */

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

static void unlink_gone(struct sessions *sessions, struct session *session)
{
	TAILQ_REMOVE(&session->owner->gone, session, gone);
	sessions->gone_count--;
	change_rank(sessions, session->owner, session->owner->gone_count - 1);
}

static void forget(struct sessions *sessions, struct session *session)
{
	if (session->is_gone)
		unlink_gone(sessions, session);
	else
		drop_live(sessions, session);
	if (sessions->due_at == session)
		sessions->due_at = TAILQ_NEXT(session, all);
	if (sessions->stale_at == session)
		sessions->stale_at = TAILQ_NEXT(session, all);
	LIST_REMOVE(session, chain);
	TAILQ_REMOVE(&sessions->all, session, all);
	sessions->count--;
	session->id->named_count -= is_named(session);
	part_owner(sessions, session->owner);
	part(&sessions->ids, &session->id->name);
	drop_identity(session);
	free(session->network);
	free(session->rates);
	free(session);
}

void sessions_forget(struct sessions *sessions, const void *handle)
{
	struct session *session = sessions_find(sessions, handle);

	if (session)
		forget(sessions, session);
}

void sessions_free(struct sessions *sessions)
{
	if (!sessions)
		return;
	while (!TAILQ_EMPTY(&sessions->all))
		forget(sessions, TAILQ_FIRST(&sessions->all));
	free(sessions->chain);
	free(sessions);
}

struct session *sessions_open(struct sessions *sessions, const void *handle, const char *name,
			      const char *client_id)
{
	struct session *session = calloc(1, sizeof(*session));

	sessions_forget(sessions, handle);
	if (!session)
		return NULL;
	session->id = join(&sessions->ids, client_id, sizeof(*session->id));
	session->owner = session->id ? join_owner(sessions, name) : NULL;
	if (!session->owner) {
		if (session->id)
			part(&sessions->ids, &session->id->name);
		free(session);
		return NULL;
	}
	grow(sessions);
	session->number = ++sessions->last_number;
	session->handle = handle;
	session->name = session->owner->name.text;
	session->client_id = session->id->name.text;
	add_live(sessions, session);
	session->id->named_count += is_named(session);
	LIST_INSERT_HEAD(chain_of(sessions, handle), session, chain);
	TAILQ_INSERT_TAIL(&sessions->all, session, all);
	sessions->count++;
	return session;
}

/* Makes room: the principal that has most loses the one that is gone longest. */
static void lose_one(struct sessions *sessions, struct sessions_owner *owner)
{
	sessions->lost++;
	(void)snprintf(sessions->loser, sizeof(sessions->loser), "%s", owner->name.text);
	forget(sessions, TAILQ_FIRST(&owner->gone));
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
	session->is_gone = true;
	drop_live(sessions, session);
	sessions->gone_count++;
	TAILQ_INSERT_TAIL(&session->owner->gone, session, gone);
	change_rank(sessions, session->owner, session->owner->gone_count + 1);
	if (session->owner->gone_count > SESSIONS_GONE_OF_ONE)
		lose_one(sessions, session->owner);
	else if (sessions->gone_count > SESSIONS_GONE_MAX)
		lose_one(sessions, LIST_FIRST(&sessions->rank[sessions->most]));
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

static bool is_due(const struct session *session, int64_t now_ms)
{
	return session->expires_ms && session->expires_ms <= now_ms;
}

/*
 * Goes on where the last one was found: a fleet whose tokens end in one second would else cost the
 * square of its size. What became due behind that is found by the round that finds none.
 */
struct session *sessions_due(struct sessions *sessions, int64_t now_ms)
{
	struct session **at = &sessions->due_at;
	int64_t next = INT64_MAX;

	if (now_ms < sessions->next_end_ms)
		return NULL;
	for (; *at; *at = TAILQ_NEXT(*at, all))
		if (is_due(*at, now_ms))
			return *at;
	for (*at = TAILQ_FIRST(&sessions->all); *at; *at = TAILQ_NEXT(*at, all)) {
		if (is_due(*at, now_ms))
			return *at;
		if ((*at)->expires_ms && (*at)->expires_ms < next)
			next = (*at)->expires_ms;
	}
	sessions->next_end_ms = next;
	return NULL;
}

struct session *sessions_stale(struct sessions *sessions, uint64_t generation)
{
	struct session **at = &sessions->stale_at;

	if (sessions->walk != generation) {
		sessions->walk = generation;
		*at = TAILQ_FIRST(&sessions->all);
	}
	while (*at && ((*at)->is_gone || (*at)->generation == generation))
		*at = TAILQ_NEXT(*at, all);
	return *at;
}

size_t sessions_count(const struct sessions *sessions)
{
	return sessions->count;
}

/*
 * sessions.h -- what we know of each client the broker has, by the broker's own handle.
 *
 * A handle (struct mosquitto *) is the only thing that tells two connections apart: at a
 * takeover two of them carry the same client id, and the new one is authenticated before the
 * old one is disconnected. A session whose client is gone is kept for a while, because its
 * last will is judged after the disconnect, and a delayed will much later.
 *
 * For the broker's thread alone. Handles are compared, never followed.
 */
#ifndef PETSTORE_SESSIONS_H
#define PETSTORE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/access.h"
#include "base/diag.h"
#include "monitor/monitor.h"

/* Sessions of clients that are gone; beyond it the one gone longest is forgotten. */
#define SESSIONS_GONE_MAX 65536u

struct session {
	const void *handle;
	char *name; /* the principal's */
	/* Borrowed from the rules of @generation, or @made: whoever asks sees to both. */
	const struct access_principal *principal;
	uint64_t generation;
	struct access_principal *made; /* owned: made for a certificate or a token, else NULL */
	struct certid *certificate;    /* owned: what it was made for; NULL without one */
	char *token;                   /* owned: what it was made for; NULL without one */
	int64_t expires_ms;            /* unix time at which the session is to end; 0: none */
	bool is_scram; /* proved itself by SCRAM, and can't do so again when it is asked */
	bool is_over;  /* has expired: it is nobody, whatever its name */
	bool is_gone;
	struct monitor_seat seat;   /* where the monitor finds its client */
	struct monitor_rates rates; /* of the principal's limits, as of @seat_generation */
	uint64_t seat_generation;
	struct session *next;  /* in its bucket */
	struct session *older; /* gone ones, in the order they went */
	struct session *newer;
};

struct sessions;

int sessions_new(struct sessions **ret, struct diag *diag);
void sessions_free(struct sessions *sessions); /* NULL is fine */

/* The session of @handle, borrowed until the next sessions_*() call, or NULL. */
struct session *sessions_find(const struct sessions *sessions, const void *handle);

/*
 * @handle is a client known as @name: makes its session, or renews it (nothing of who it was
 * stays). NULL when memory ran out.
 */
struct session *sessions_open(struct sessions *sessions, const void *handle, const char *name);

/* No longer valid as whoever it was: the principal and what it was made for are dropped. */
void sessions_expire(struct session *session);

/*
 * The same session under new rules: @principal in the place of the old one, with @made (taken
 * over, may be NULL) behind it. What it was made for stays.
 */
void sessions_renew_take(struct session *session, const struct access_principal *principal,
			 struct access_principal *made);

/*
 * The next live session that ends by @now_ms, borrowed, or NULL. Costs nothing while none is
 * due, a walk over all sessions when one is.
 */
struct session *sessions_due(struct sessions *sessions, int64_t now_ms);

/* @session ends at @expires_ms (unix time, 0: never). */
void sessions_end_at(struct sessions *sessions, struct session *session, int64_t expires_ms);

/* @handle's client went away. Unknown handles are fine. */
void sessions_leave(struct sessions *sessions, const void *handle);

/* @handle's session never came to be: forgets it. Unknown handles are fine. */
void sessions_forget(struct sessions *sessions, const void *handle);

/* @handle spoke, so its client is there after all. */
void sessions_return(struct sessions *sessions, struct session *session);

size_t sessions_count(const struct sessions *sessions);

#endif

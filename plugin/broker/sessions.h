/*
 * sessions.h -- what we know of each client the broker has, by the broker's own handle.
 *
 * A handle (struct mosquitto *) tells two connections apart as long as both are there: at a
 * takeover two of them carry the same client id, and the new one is authenticated before the
 * old one is disconnected. The broker frees a client some time after it said that it left, and
 * gives its address to another: a session whose client left never becomes a live one again, it
 * has to be opened anew. It is kept, because its last will is judged after the disconnect, a
 * delayed one much later, and what is delivered to a client that is away is judged as well.
 *
 * Sessions that are gone are bounded, of each principal and of all; above a bound the principal
 * that has most loses its own, the one gone longest first. A client whose session is forgotten is
 * nobody from then on, and refused.
 *
 * For the broker's thread alone. Handles are compared, never followed.
 */
#ifndef PETSTORE_SESSIONS_H
#define PETSTORE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access/access.h"
#include "base/diag.h"
#include "monitor/monitor.h"

/* Sessions of clients that are gone: of all, and of one principal. */
#define SESSIONS_GONE_MAX 65536u
#define SESSIONS_GONE_OF_ONE 16384u

#define SESSION_RESENDS 256u /* questions to the database about what a connection sends again */

struct sessions_owner; /* of a principal's sessions; sessions.c's own */
struct sessions_id;

enum session_state {
	SESSION_VALID,
	/* The proof ran out: it may do nothing, but keeps what it has, and has its last will. */
	SESSION_EXPIRED,
	SESSION_BARRED, /* the rules do not let it in any more: it is nobody, whatever its name */
};

struct session {
	const void *handle; /* of its connection, or of the last one that it had */
	const char *name;   /* the principal's */
	const char *client_id;
	/* Borrowed from the rules of @generation, or @made: whoever asks sees to both. */
	const struct access_principal *principal;
	uint64_t generation;
	struct access_principal *made; /* owned: made for a certificate or a token, else NULL */
	struct certid *certificate;    /* owned: what it was made for; NULL without one */
	char *token;                   /* owned: what it was made for; NULL without one */
	uint64_t entry;                /* login_answer's; 0: not proved by a file's entry */
	int64_t proved_ms;             /* unix time of its login */
	int64_t expires_ms;            /* unix time at which it is to end; 0: never, or it did */
	uint64_t asked;                /* the reload after which the broker asked for it last */
	enum session_state state;
	bool was_closed; /* its connection before was, over a publish that was not kept */
	bool is_scram;   /* proved itself by SCRAM, and can't do so again when it is asked */
	bool is_gone;
	uint64_t sender;            /* as in struct ledger_resend_query */
	uint64_t since_seq;         /* ledger_last() when its connection began */
	unsigned resends_asked;     /* of the database, SESSION_RESENDS at most */
	bool has_held;              /* it published at QoS 2 what may wait for its release */
	struct monitor_seat seat;   /* where the monitor finds its client */
	struct monitor_rates rates; /* of the principal's limits, as of @seat_generation */
	uint64_t seat_generation;
	/* sessions.c's own: */
	struct sessions_owner *owner;
	struct sessions_id *id;
	LIST_ENTRY(session) chain; /* that it is in */
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) gone; /* of its owner's gone ones, in the order they went */
};

struct sessions;

int sessions_new(struct sessions **ret, struct diag *diag);
void sessions_free(struct sessions *sessions); /* NULL is fine */

/*
 * The session that was opened last under @handle, also where its client is gone; NULL: none.
 * Borrowed until a function is called that opens or forgets one: sessions_open(), _leave(),
 * _forget().
 */
struct session *sessions_find(const struct sessions *sessions, const void *handle);

/* Is a client connected that has this id? */
bool sessions_is_live(const struct sessions *sessions, const char *client_id);

/* Is no other client connected under the id of @session? One that takes it over is one. */
bool sessions_is_alone(const struct session *session);

/*
 * The broker's client @handle proved to be principal @name, and connects as @client_id: makes its
 * session, borrowed. What there was under @handle is forgotten: it was another client's. NULL when
 * memory ran out; then nothing is known of @handle.
 */
struct session *sessions_open(struct sessions *sessions, const void *handle, const char *name,
			      const char *client_id);

/* The proof has run out. What the session is stays, see SESSION_EXPIRED. */
void sessions_expire(struct session *session);

/* The rules don't let it in: it is nobody from now on, and what it was made for is dropped. */
void sessions_bar(struct session *session);

/*
 * The same session under new rules: @principal in the place of the old one, with @made (taken
 * over, may be NULL) behind it. What it was made for stays.
 */
void sessions_renew_take(struct session *session, const struct access_principal *principal,
			 struct access_principal *made);

/*
 * The next session that ends by @now_ms, borrowed, or NULL. Costs nothing while none is due, a
 * few walks over all sessions for all that are.
 */
struct session *sessions_due(struct sessions *sessions, int64_t now_ms);

/*
 * The next session of a client that is connected whose generation is not @generation, borrowed,
 * or NULL. Whoever asks sees to it that it is of that generation then. Costs nothing once all are,
 * else a walk over all sessions by so many calls.
 */
struct session *sessions_stale(struct sessions *sessions, uint64_t generation);

/* @session ends at @expires_ms (unix time, 0: never). */
void sessions_end_at(struct sessions *sessions, struct session *session, int64_t expires_ms);

/*
 * @handle's client went away. Unknown handles are fine. The broker says it once more of one that
 * is gone already when it ends the session for good, and then it is forgotten.
 */
void sessions_leave(struct sessions *sessions, const void *handle);

/* Forgets the session of @handle: nobody has the handle now. Unknown ones are fine. */
void sessions_forget(struct sessions *sessions, const void *handle);

size_t sessions_count(const struct sessions *sessions);

/*
 * How many sessions were forgotten for want of room since the last call; 0: none. *name is the
 * principal that lost the last of them, borrowed until the next sessions_*() call.
 */
uint64_t sessions_lost(struct sessions *sessions, const char **name);

#endif

/*
 * sessions.h -- what the plugin knows of each client, by the broker's handle.
 *
 * A handle (struct mosquitto *) identifies a connection while it exists: at a takeover two of them
 * have the same client id, and the new one is authenticated before the old one is disconnected.
 * Some time after DISCONNECT the broker frees the client and may use its address for another one.
 * So a session whose client left never becomes live again: a new one is opened. The old one is
 * kept, because its last will (a delayed one much later) and deliveries to a client that is away
 * are judged by it.
 *
 * Sessions of clients that left are bounded, per principal and in all. Above a bound the principal
 * with the most loses the one that left first. A client whose session was forgotten has no identity
 * and is refused.
 *
 * For the broker's thread alone. Handles are compared, never dereferenced.
 */
#ifndef PETSTORE_SESSIONS_H
#define PETSTORE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access/access.h"
#include "base/diag.h"
#include "base/login_method.h"
#include "monitor/monitor.h"

/* Sessions of clients that left, at most: of all principals, and of one. */
#define SESSIONS_GONE_MAX 65536u
#define SESSIONS_GONE_OF_ONE 16384u

/* Reads of the database for messages that a connection sends again. */
#define SESSION_RESENDS 256u

struct sessions_owner; /* of a principal's sessions; sessions.c's own */
struct sessions_id;

enum session_state {
	SESSION_VALID,
	/* The proof expired: it may do nothing new, but keeps its subscriptions and its last will.
	 */
	SESSION_EXPIRED,
	SESSION_BARRED, /* new rules refuse it: it has no identity any more */
};

struct session {
	uint64_t number;    /* never given twice */
	const void *handle; /* of its connection, or of the last one that it had */
	const char *name;   /* the principal's */
	const char *client_id;
	/* Borrowed from the rules of @generation, or from @made: see events_principal(). */
	const struct access_principal *principal;
	uint64_t generation;
	struct access_principal *made; /* owned: made for a certificate or a token, else NULL */
	struct certid *certificate;    /* owned: what it was made for; NULL without one */
	char *token;                   /* owned: what it was made for; NULL without one */
	char *network;      /* owned: where one without a name came from (base/peer.h); else NULL */
	uint64_t entry;     /* login_answer.entry; 0: not proved by an entry of a file */
	int64_t proved_ms;  /* unix time of its login */
	int64_t expires_ms; /* unix time at which it ends; 0: never, or it has ended */
	uint64_t asked;     /* number of the reload after which the broker asked last */
	enum session_state state;
	enum login_method method; /* how it logged in: sessions_prove() */
	uint16_t port;            /* of its listener; 0: not known (2.0) */
	bool was_closed;   /* its connection before was closed because of a publish (holdoffs.h) */
	bool is_anonymous; /* it has no name at the broker, see access_anonymous() */
	/* The broker has not said yet whether it comes in (2.1 says it by CONNECT). */
	bool is_unsure;
	bool begins_clean; /* while is_unsure: it begins a new session */
	bool is_scram;     /* it logged in by SCRAM, so a reload can't ask for its proof again */
	bool is_gone;      /* its client left */
	bool has_held;     /* it published at QoS 2: releases_left() must be called */
	unsigned resends_asked;   /* reads of the database, SESSION_RESENDS at most */
	uint64_t sender;          /* as in struct ledger_resend_query */
	uint64_t since_seq;       /* ledger_last() when its connection began */
	uint64_t since_step;      /* ledger_last_step(), likewise */
	struct monitor_seat seat; /* where the monitor finds the client's record */
	/* Owned: of the principal's limits, as of @seat_generation; NULL: not made yet. */
	struct monitor_rates *rates;
	uint64_t seat_generation;
	/* sessions.c's own: */
	struct sessions_owner *owner;
	struct sessions_id *id;
	LIST_ENTRY(session) chain; /* that it is in */
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) gone; /* of its owner's gone ones, in the order they went */
};

struct sessions;

int sessions_new(struct sessions **ret, struct diag *diag) MUST_CHECK;
void sessions_free(struct sessions *sessions); /* NULL is fine */

/*
 * The session that was opened last under @handle, also where its client left; NULL: none. Borrowed
 * until the next call of sessions_open(), sessions_leave() or sessions_forget().
 */
struct session *sessions_find(const struct sessions *sessions, const void *handle);

/* Is a client with this id connected? */
bool sessions_is_live(const struct sessions *sessions, const char *client_id);

/*
 * Is there a session with this id, of a client that is connected or that left, whose principal is
 * not ACCESS_ANONYMOUS?
 */
bool sessions_is_named(const struct sessions *sessions, const char *client_id);

/* Is no other client connected under the client id of @session? False during a takeover. */
bool sessions_is_alone(const struct session *session);

/*
 * The client @handle logged in as principal @name with @client_id: makes its session, borrowed. A
 * session that was there under @handle was another client's and is forgotten. NULL: memory ran out,
 * and @handle has no session.
 */
struct session *sessions_open(struct sessions *sessions, const void *handle, const char *name,
			      const char *client_id);

/* How the session's client logged in, which is LOGIN_PASSWORD until this is called. */
void sessions_prove(struct sessions *sessions, struct session *session, enum login_method method);

/* The session's proof expired: it becomes SESSION_EXPIRED and keeps its principal. */
void sessions_expire(struct session *session);

/* New rules refuse it: it becomes SESSION_BARRED, without principal, certificate and token. */
void sessions_bar(struct session *session);

/*
 * Under new rules: replaces the session's principal by @principal and @made (may be NULL; the
 * session owns it then). Certificate and token stay.
 */
void sessions_renew_take(struct session *session, const struct access_principal *principal,
			 struct access_principal *made);

/*
 * The next session whose expires_ms is not after @now_ms, borrowed, or NULL. Costs nothing while
 * none is due, and a few walks over all sessions for all that are.
 */
struct session *sessions_due(struct sessions *sessions, int64_t now_ms);

/*
 * The next session of a connected client whose generation is not @generation, borrowed, or NULL.
 * The caller must set its generation. Costs nothing when all sessions have it; until then the calls
 * together walk once over all sessions.
 */
struct session *sessions_stale(struct sessions *sessions, uint64_t generation);

/* Sets when @session ends: @expires_ms (unix time; 0: never). */
void sessions_end_at(struct sessions *sessions, struct session *session, int64_t expires_ms);

/*
 * The client of @handle left. Unknown handles are fine. The broker raises DISCONNECT a second time
 * when it ends the session of a client that left; then the session is forgotten.
 */
void sessions_leave(struct sessions *sessions, const void *handle);

/* Forgets the session of @handle. Unknown handles are fine. */
void sessions_forget(struct sessions *sessions, const void *handle);

size_t sessions_count(const struct sessions *sessions);

/* How many clients are connected that logged in so; LOGIN_CERTIFICATE has those of LOGIN_BOTH. */
size_t sessions_connected(const struct sessions *sessions, enum login_method method);

/*
 * How many sessions were forgotten for lack of room since the last call. If any, *name is the
 * principal that lost the last of them, borrowed until the next sessions_*() call.
 */
uint64_t sessions_lost(struct sessions *sessions, const char **name);

#endif

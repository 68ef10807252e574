/*
 * login.h -- who connects? Password, token, certificate or SCRAM -> principal, or a refusal.
 *
 * A login is judged in this order: is its address locked, what does it prove, was its client closed
 * over a publish that was not kept (holdoffs.h), how often did it connect, and what does the access
 * file say about the principal. What a peer does before its proof counts for its address alone.
 * Knows nothing of the broker. For the broker's thread alone. A reason is for the log: the peer
 * hears no more than that it is not authorized.
 */
#ifndef PETSTORE_LOGIN_H
#define PETSTORE_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/login_method.h"
#include "base/reason.h"
#include "broker/holdoffs.h"
#include "broker/login_request.h"
#include "gate/rules.h"

/* Bytes of a client id; one that is longer is refused. */
#define LOGIN_CLIENT_ID_MAX 1024u

struct login;
struct derivations;

struct login_options {
	size_t credentials; /* verified passwords that are remembered */
	bool has_lockout;
	const char *never_lock; /* networks, see peer.h; borrowed for the call; NULL: none */
	uint32_t connects; /* of a principal's client id in a minute, where has_lockout; 0: any */
	const struct holdoffs *holdoffs; /* borrowed while the login lives; NULL: none */
	unsigned percent; /* of the time that derivations may take (1 .. 100), without a wake */
	/*
	 * Called by other threads when login_next() has something; NULL: no login is answered
	 * later, and the broker waits while a password is checked.
	 */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

int login_new(const struct login_options *options, struct login **ret, struct diag *diag);
void login_free(struct login *login); /* NULL is fine */

/* The time that is left to key derivations, borrowed: for tests. */
struct derivations *login_derivations(struct login *login);

/* Passwords that were remembered, and those that had to be derived. */
void login_count(const struct login *login, uint64_t *hits, uint64_t *misses);

struct login_answer {
	enum verdict verdict;
	enum login_method method;
	const struct access_principal *principal; /* borrowed from the rules, or from @made */
	struct access_principal *made;            /* yours: access_principal_drop() */
	int64_t expires_ms; /* unix time at which the session is to end; 0: none */
	uint64_t entry;     /* stands for the file's entry that proved it; 0: none */
	bool is_waiting;    /* neither yes nor no: login_next() gives the answer */
	bool is_busy;       /* refused unseen, for want of time or of a place */
	bool is_guess;      /* busy, and yet known to be wrong */
	bool was_closed;    /* its connection before was, over a publish that was not kept */
	/*
	 * Refused for that, or since it connected too often after it. The refusal is not to read as
	 * if its proof were wrong: @principal is proved.
	 */
	bool is_held_off;
	enum reason held_for; /* was_closed: what the publish was refused for */
	struct diag why;      /* of a refusal */
};

/*
 * Checks a login. Where a key is to be derived, which takes long, and options.wake was given,
 * the answer is_waiting and comes out of login_next(), but for is_repeat: the broker wants to
 * know at once then. Without a wake a key is derived within the call, as long as percent of the
 * time were not used up by others: then the answer is_busy. Who is known, and is_repeat, are
 * answered whatever was used up.
 */
void login_check(struct login *login, const struct rules *rules,
		 const struct login_request *request, struct login_answer *ret);

/*
 * The next login that was waiting and is answered now, under @rules, which may be newer than those
 * it began under. @request becomes what it was, but for the times, which the caller sets; it is
 * borrowed until the next call. False: none. Of a login whose client is known to be gone a failure
 * is counted, and it is passed over; of the others the client may be gone all the same.
 */
bool login_next(struct login *login, const struct rules *rules, struct login_request *request,
		struct login_answer *ret);

/*
 * SCRAM-SHA-256, over MQTT 5's enhanced authentication (4.12): begin answers the client-first
 * message, finish the client-final one. The request's handle tells the exchanges apart; at most
 * LOGIN_EXCHANGES are open, of one address LOGIN_EXCHANGES_OF_PEER (of those that are never locked
 * any number): beyond it its own oldest is dropped, and where all are taken the oldest of the
 * address that has most.
 *
 * login_begin() returns true where the exchange goes on, else ret->why says why not.
 * login_finish() fills @ret like login_check(); the name is in @ret->principal.
 */
#define LOGIN_EXCHANGES 256u
#define LOGIN_EXCHANGES_OF_PEER 16u

struct login_message {
	const void *data; /* NULL when len is 0 */
	size_t len;
	char *reply; /* SCRAM_REPLY_MAX bytes */
};

bool login_begin(struct login *login, const struct rules *rules,
		 const struct login_request *request, const struct login_message *message,
		 struct login_answer *ret);
void login_finish(struct login *login, const struct rules *rules,
		  const struct login_request *request, const struct login_message *message,
		  struct login_answer *ret);

/* Is there an exchange of @handle's that waits for its second step? */
bool login_is_begun(struct login *login, const void *handle);

/* The client behind @handle is gone: so is what it had begun or waited for. */
void login_abandon(struct login *login, const void *handle);

#endif

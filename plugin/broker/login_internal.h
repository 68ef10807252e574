/*
 * login_internal.h -- what the login's files share: login.c (life, the order of its steps, limits),
 * login_proof.c (what a client shows), login_password.c (passwords), login_scram.c (exchanges)
 * and pending_logins.c (logins that wait for a key derivation).
 */
#ifndef PETSTORE_LOGIN_INTERNAL_H
#define PETSTORE_LOGIN_INTERNAL_H

#include "access/credcache.h"
#include "access/derivations.h"
#include "access/lockout.h"
#include "access/scram.h"
#include "access/verifier.h"
#include "base/peer.h"
#include "broker/login.h"

/* ---- pending_logins.c -------------------------------------------------------------------------
 */

/* Logins that wait at a time. At 0.2 s each on two threads the last of them waits 6 s. */
#define PENDING_LOGINS_MAX 64u
#define PENDING_LOGINS_OF_PEER 16u /* of one address */

struct pending_login {
	/* Strings and certificate are copies; user name and password are the job's. */
	struct login_request request;
	struct peer peer;         /* it counts for this peer's limit; PEER_UNKNOWN: for none */
	uint64_t number;          /* of the job */
	bool is_gone;             /* its client is gone */
	struct verifier_job *job; /* owned; NULL until it is done */
};

struct pending_logins;

/* @wake as in verifier.h. */
int pending_logins_new(void (*wake)(void *ctx), void *ctx, struct pending_logins **ret,
		       struct diag *diag) MUST_CHECK;
/* NULL is fine. Waits as verifier_free() does. */
void pending_logins_free(struct pending_logins *logins);

/*
 * Copies @request and starts the check of its password. 0; ERR_BUSY where PENDING_LOGINS_MAX logins
 * wait already, or PENDING_LOGINS_OF_PEER of the same @peer; ERR_NOMEM.
 */
int pending_logins_add(struct pending_logins *logins, const struct login_request *request,
		       const struct peer *peer, struct passwords *passwords);

/*
 * The client that waits under @handle or as @client_id (each may be NULL) is gone. A job that has
 * not begun is dropped. One that has begun is later returned by pending_logins_next() with is_gone,
 * so that a failure is still counted.
 */
void pending_logins_forget(struct pending_logins *logins, const void *handle,
			   const char *client_id);

/* The next login whose job is done; free it with pending_login_free(). NULL: none. */
struct pending_login *pending_logins_next(struct pending_logins *logins);

void pending_login_free(struct pending_login *login); /* NULL is fine */

/* ---- the others ------------------------------------------------------------------------------ */

/* An exchange of SCRAM that waits for its second message. */
struct login_exchange {
	const void *handle; /* NULL: free */
	struct peer peer;
	struct scram_login *scram;
	uint64_t entry; /* login_entry() of the SCRAM file's entry when it began; 0: none */
	uint64_t begun; /* a number that counts up: the smallest is the oldest */
};

struct login {
	struct credcache *credentials;
	struct credcache *proved;  /* users whose password was verified, without the password */
	struct credcache *refused; /* wrong passwords at a reload: a user may have many sessions */
	uint64_t hits;             /* of @credentials */
	uint64_t misses;
	struct peer_networks *never_locked; /* NULL: none */
	struct lockout *lockout;         /* NULL: no address is locked, no connects are counted */
	const struct holdoffs *holdoffs; /* NULL: no client is held off */
	bool has_connects;               /* connects are limited */
	struct derivations derivations;
	struct pending_logins *pending;      /* NULL: no login is answered later */
	struct pending_login *answered;      /* the last that login_next() returned */
	const struct pending_login *derived; /* while login_next() answers it: its key is derived */
	struct login_exchange exchange[LOGIN_EXCHANGES];
	uint64_t exchanges; /* begun so far */
};

/* One login while it is being checked. */
struct login_try {
	struct login *login;
	const struct rules *rules;
	const struct login_request *request;
	struct login_answer *answer;
	struct peer peer; /* the request's address */
};

/* Clears the answer, and begins the check of a login. */
struct login_try login_try(struct login *login, const struct rules *rules,
			   const struct login_request *request, struct login_answer *answer);

static inline bool login_has_text(const char *text)
{
	return text && text[0];
}

/* Stores why the login is refused. Always false. */
bool login_refuse(struct login_answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* False: its client id is too long, or its address is locked; the answer says so. */
bool login_may_try(const struct login_try *try);

/* False: the address is locked, and the answer says so. */
bool login_is_unlocked(const struct login_try *try);

/* Counts a wrong proof for its address. */
void login_count_failure(const struct login_try *try);

/* Completes the answer after the proof was right (@is_proved) or wrong. */
void login_finish_try(const struct login_try *try, bool is_proved);

/* A client begins to log in: forgets a login that waits under the same handle or client id. */
void login_forget_waiting(const struct login_try *try);

/* The peer that the login's open exchange or waiting login is counted for; PEER_UNKNOWN: none. */
struct peer login_sharer(const struct login_try *try);

/* Looks the proved @user up in the access file, or makes its principal of `default`. False: the
 * answer says why there is none. */
bool login_find_principal(const struct login_try *try, const char *user);

/* A hash of an entry of the password or SCRAM file, so that a change is seen; 0: @stored is NULL.
 */
uint64_t login_entry(const char *stored);

/* The stored secret of @user, borrowed; NULL: there is no entry or no such file. */
const char *login_password_entry(const struct rules *rules, const char *user);
const char *login_scram_entry(const struct rules *rules, const char *user);

/* Is the password field a token for us, and not a password that only looks like one? */
bool login_has_token(const struct login_try *try);

/* Do the credentials prove a principal? False: the answer says why not, or is_waiting. */
bool login_prove(const struct login_try *try);

/* Is the password the user's? False: as login_prove(); @wrong is the text for a wrong password. */
bool login_verify_password(const struct login_try *try, const char *wrong);
bool login_prove_password(const struct login_try *try);

#endif

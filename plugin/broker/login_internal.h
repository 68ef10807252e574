/*
 * login_internal.h -- what the login's files share: login.c (life, the order of its steps, limits),
 * login_proof.c (what a client shows), login_password.c (passwords) and login_scram.c (exchanges).
 */
#ifndef PETSTORE_LOGIN_INTERNAL_H
#define PETSTORE_LOGIN_INTERNAL_H

#include "access/credcache.h"
#include "access/derivations.h"
#include "access/lockout.h"
#include "access/scram.h"
#include "base/peer.h"
#include "broker/login.h"
#include "broker/pending_logins.h"

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

/* Looks the proved @user up in the access file. False: it has no entry, and the answer says so. */
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

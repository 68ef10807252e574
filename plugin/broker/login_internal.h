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

/* An exchange of SCRAM that waits for its second step. */
struct login_exchange {
	const void *handle; /* NULL: free */
	struct peer peer;
	struct scram_login *scram;
	uint64_t entry; /* of the SCRAM file, when it was begun; 0: none */
	uint64_t begun; /* counts up: the smallest is the oldest */
};

struct login {
	struct credcache *credentials;
	struct credcache *proved;  /* whose password is among them, without the password */
	struct credcache *refused; /* on repeats: what a hundred sessions of a user would show */
	uint64_t hits;             /* of the cache */
	uint64_t misses;
	struct peer_networks *never_locked; /* NULL: none */
	struct lockout *lockout;            /* NULL: nobody waits for failures or connects */
	const struct holdoffs *holdoffs;    /* NULL: nor for a close */
	bool has_connects;                  /* connects are counted */
	struct derivations derivations;
	struct pending_logins *pending;      /* NULL: no login is answered later */
	struct pending_login *answered;      /* the last that login_next() gave out */
	const struct pending_login *derived; /* whose key was derived, while it is answered */
	struct login_exchange exchange[LOGIN_EXCHANGES];
	uint64_t exchanges; /* begun so far */
};

/* One login while it is judged. */
struct login_try {
	struct login *login;
	const struct rules *rules;
	const struct login_request *request;
	struct login_answer *answer;
	struct peer peer; /* the request's address */
};

/* Clears the answer, and begins to judge a login. */
struct login_try login_try(struct login *login, const struct rules *rules,
			   const struct login_request *request, struct login_answer *answer);

static inline bool login_has_text(const char *text)
{
	return text && text[0];
}

/* Says why the login is refused. Always false. */
bool login_refuse(struct login_answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* May the client try at all? Not with too long an id, nor from an address that is locked. */
bool login_may_try(const struct login_try *try);

/* Is the address not locked? */
bool login_is_unlocked(const struct login_try *try);

/* A wrong proof was shown. */
void login_count_failure(const struct login_try *try);

/* What follows a proof, or that there was none: the answer is complete then. */
void login_finish_try(const struct login_try *try, bool is_proved);

/* A client begins to log in: one that waited under its handle or its id is gone. */
void login_forget_waiting(const struct login_try *try);

/* Who shares out what peers without a proof may have open at a time: unknown is nobody. */
struct peer login_sharer(const struct login_try *try);

/* Looks @user up in the access file, of whom a proof was given. False: it has no entry there. */
bool login_find_principal(const struct login_try *try, const char *user);

/* A number for an entry of the password or SCRAM file, by which a change of it is seen; 0: none. */
uint64_t login_entry(const char *stored);

/* What the files say of @user; NULL: nothing, or there is no such file. */
const char *login_password_entry(const struct rules *rules, const char *user);
const char *login_scram_entry(const struct rules *rules, const char *user);

/* Does the client show a token, and nothing that merely looks like one? */
bool login_has_token(const struct login_try *try);

/* Does what it shows prove who it is? Else the answer says why not, or that it waits. */
bool login_prove(const struct login_try *try);

/* Is the password the user's? @wrong is why not, for the log. */
bool login_verify_password(const struct login_try *try, const char *wrong);
bool login_prove_password(const struct login_try *try);

#endif

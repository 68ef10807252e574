#include "broker/login.h"

#include <stdlib.h>
#include <string.h>

#include "access/credcache.h"
#include "access/derivations.h"
#include "access/lockout.h"
#include "access/scram.h"
#include "access/token.h"
#include "base/clock.h"
#include "base/wordhash.h"

#define REFUSED_PASSWORDS 1024

struct exchange {
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
	struct lockout *lockout;            /* NULL: nobody is held off for failures or connects */
	const struct holdoffs *holdoffs;    /* NULL: nor for a close */
	bool has_connects;                  /* connects are counted */
	struct derivations derivations;
	struct pending_logins *pending;      /* NULL: nobody waits */
	struct pending_login *settled;       /* the last that login_next() gave out */
	const struct pending_login *derived; /* whose login is being settled */
	struct exchange exchange[LOGIN_EXCHANGES];
	uint64_t exchanges;
};

int login_new(const struct login_options *options, struct login **ret, struct diag *diag)
{
	struct lockout_limits limits = lockout_defaults();
	struct login *login = calloc(1, sizeof(*login));
	int rc;

	if (!login)
		return diag_nomem(diag);
	if (options->connects > 0)
		limits.connects = options->connects;
	login->has_connects = options->connects > 0;
	login->holdoffs = options->holdoffs;
	derivations_init(&login->derivations, options->percent);
	rc = credcache_new(options->credentials, &login->credentials, diag);
	if (rc == 0)
		rc = credcache_new(options->credentials, &login->proved, diag);
	if (rc == 0)
		rc = credcache_new(REFUSED_PASSWORDS, &login->refused, diag);
	if (rc == 0 && options->never_lock)
		rc = peer_networks_parse(options->never_lock, &login->never_locked, diag);
	if (rc == 0 && options->has_lockout)
		rc = lockout_new(&limits, &login->lockout, diag);
	if (rc == 0 && options->wake)
		rc = pending_logins_new(options->wake, options->wake_ctx, &login->pending, diag);
	if (rc) {
		login_free(login);
		return rc;
	}
	*ret = login;
	return 0;
}

void login_free(struct login *login)
{
	if (!login)
		return;
	for (size_t i = 0; i < LOGIN_EXCHANGES; i++)
		scram_drop(login->exchange[i].scram);
	pending_logins_free(login->pending);
	pending_login_free(login->settled);
	credcache_free(login->credentials);
	credcache_free(login->proved);
	credcache_free(login->refused);
	peer_networks_free(login->never_locked);
	lockout_free(login->lockout);
	free(login);
}

struct derivations *login_derivations(struct login *login)
{
	return &login->derivations;
}

void login_count(const struct login *login, uint64_t *hits, uint64_t *misses)
{
	*hits = login->hits;
	*misses = login->misses;
}

static bool has_text(const char *text)
{
	return text && text[0];
}

/* Marks the answer as refused. Always false. */
__attribute__((format(printf, 2, 3))) static bool no(struct login_answer *answer,
						     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)diag_vset(&answer->why, ERR_INVALID, format, args);
	va_end(args);
	return false;
}

/* A number for an entry of the password or SCRAM file, by which a change of it is seen. */
static uint64_t number_of(const char *stored)
{
	uint64_t number = wordhash(0, stored, strlen(stored));

	return number ? number : 1;
}

/* May many stand behind this address, none of whom is to be kept out for another? */
static bool is_never_locked(const struct login *login, const struct peer *peer)
{
	return peer_networks_have(login->never_locked, peer);
}

/* Who shares out what peers without a proof may have open at a time: unknown is nobody. */
static struct peer source_of(const struct login *login, const struct login_request *request)
{
	struct peer peer = peer_read(request->address);

	if (is_never_locked(login, &peer))
		peer = (struct peer){ .kind = PEER_UNKNOWN };
	return peer;
}

/* ---- the proofs ------------------------------------------------------------------------- */

/* Was the login's key derived, from what the password file still says? */
static bool is_derived(const struct login *login, const char *stored)
{
	const struct verifier_job *job = login->derived ? login->derived->job : NULL;
	const char *then = job ? passwords_entry(job->passwords, job->user) : NULL;

	if (!job || !then || !stored)
		return job && !then && !stored;
	return strcmp(then, stored) == 0;
}

/*
 * For want of time or place the password was only held against the one that is remembered: where
 * there is one, it was a wrong guess, or guesses would cost nothing while we are busy.
 */
static bool too_busy(struct login *login, const struct passwords *passwords,
		     const struct login_request *request, struct login_answer *answer,
		     const char *why)
{
	const char *stored = passwords_entry(passwords, request->username);

	answer->is_busy = true;
	answer->is_guess =
		stored && credcache_knows(login->proved, request->username, stored, "", 0);
	return no(answer, "%s", why);
}

/* Has the key derived elsewhere, where that can be. False, and the answer says what follows. */
static bool put_off(struct login *login, struct passwords *passwords,
		    const struct login_request *request, struct login_answer *answer)
{
	struct pending_login_who who = { .handle = request->handle,
					 .client_id = request->client_id,
					 .address = request->address,
					 .peer = source_of(login, request),
					 .certificate = request->certificate,
					 .is_clean = request->is_clean };
	int rc = pending_logins_enter(login->pending, &who, passwords, request->username,
				      request->password);

	answer->is_waiting = rc == 0;
	if (rc == ERR_BUSY)
		return too_busy(login, passwords, request, answer,
				"too many logins wait for their password's check");
	return no(answer, "out of memory");
}

/* Derives the key while the broker waits, if there is time for that. */
static bool derive(struct login *login, const struct passwords *passwords,
		   const struct login_request *request, struct login_answer *answer,
		   enum verdict *ret)
{
	struct peer peer = peer_read(request->address);
	bool is_suspect =
		login->lockout && lockout_is_suspect(login->lockout, &peer, request->mono_ms);
	int64_t began_ns;

	if (!request->is_repeat &&
	    !derivations_may(&login->derivations, is_suspect, request->mono_ms))
		return too_busy(login, passwords, request, answer,
				"too many passwords to check at once, try again");
	login->misses++;
	began_ns = clock_mono_ns();
	*ret = passwords_check(passwords, request->username, request->password,
			       strlen(request->password));
	if (!request->is_repeat)
		derivations_spent(&login->derivations, is_suspect, clock_mono_ns() - began_ns);
	return true;
}

/*
 * A reload asks for every session with the password of its beginning: one that is not right any
 * more is derived once, however many sessions show it. (Who connects is derived for each time:
 * how long an answer takes must not tell a guess from another.)
 */
static bool is_refused_again(struct login *login, const char *stored,
			     const struct login_request *request)
{
	return request->is_repeat &&
	       (!stored || credcache_knows(login->refused, request->username, stored,
					   request->password, strlen(request->password)));
}

/*
 * Is it the user's password? Remembered ones cost no key derivation. @wrong is why not, for the
 * log.
 */
static bool verify(struct login *login, struct passwords *passwords,
		   const struct login_request *request, struct login_answer *answer,
		   const char *wrong)
{
	const char *stored = passwords_entry(passwords, request->username);
	size_t len = strlen(request->password);
	enum verdict verdict = VERDICT_DENY;

	if (stored && credcache_knows(login->credentials, request->username, stored,
				      request->password, len)) {
		login->hits++;
		(void)credcache_knows(login->proved, request->username, stored, "", 0); /* a use */
		return true;
	}
	if (is_refused_again(login, stored, request))
		return no(answer, "%s", wrong);
	if (is_derived(login, stored)) {
		verdict = login->derived->job->verdict;
	} else if (login->pending && !request->is_repeat && len <= PASSWORD_MAX_BYTES) {
		/* What can't be a password is refused below, without a derivation. */
		login->misses++;
		return put_off(login, passwords, request, answer);
	} else if (!derive(login, passwords, request, answer, &verdict)) {
		return false;
	}
	if (verdict != VERDICT_ALLOW) {
		if (request->is_repeat && stored)
			credcache_keep(login->refused, request->username, stored, request->password,
				       len);
		return no(answer, "%s", wrong);
	}
	credcache_keep(login->credentials, request->username, stored, request->password, len);
	credcache_keep(login->proved, request->username, stored, "", 0);
	return true;
}

static bool prove_password(struct login *login, const struct rules *rules,
			   const struct login_request *request, struct login_answer *answer)
{
	answer->method = LOGIN_PASSWORD;
	if (!has_text(request->username))
		return no(answer, "no username was given (a TLS-PSK identity is none)");
	if (strlen(request->username) >= ACCESS_NAME_MAX)
		return no(answer, "the username is longer than %u bytes", ACCESS_NAME_MAX - 1);
	if (!request->password)
		return no(answer, "no password was given");
	if (!rules->passwords)
		return no(answer, "there is no password file");
	if (!verify(login, rules->passwords, request, answer, "unknown user or wrong password"))
		return false;
	answer->entry = number_of(passwords_entry(rules->passwords, request->username));
	answer->principal = access_find(rules->access, request->username);
	return answer->principal || no(answer, "the user has no entry in the access file");
}

static bool prove_token(const struct rules *rules, const struct login_request *request,
			struct login_answer *answer)
{
	struct access_token_facts facts;

	answer->method = LOGIN_TOKEN;
	if (access_token(rules->access, request->password, strlen(request->password),
			 request->now_ms, &answer->made, &facts, &answer->why))
		return false;
	answer->principal = answer->made;
	answer->expires_ms = facts.expires_ms;
	if (has_text(request->username) && strcmp(request->username, answer->made->name) != 0)
		return no(answer, "the token is for %s", answer->made->name);
	return true;
}

/* A certificate speaks for itself; what else is shown must speak for the same principal. */
static bool prove_certificate(struct login *login, const struct rules *rules,
			      const struct login_request *request, struct login_answer *answer)
{
	answer->method = LOGIN_CERTIFICATE;
	if (request->certificate_fault)
		return no(answer, "%s", request->certificate_fault);
	if (rules->revoked && revoked_has(rules->revoked, request->certificate))
		return no(answer, "the certificate was revoked");
	if (access_certificate(rules->access, request->certificate, &answer->made, &answer->why))
		return false;
	answer->principal = answer->made;
	answer->expires_ms = request->certificate->expires_ms;
	if (has_text(request->username) && strcmp(request->username, answer->made->name) != 0)
		return no(answer, "the certificate is for %s", answer->made->name);
	if (request->password && !has_text(request->username))
		return no(answer, "a password was given without a username");
	if (!request->password)
		return true;
	if (!rules->passwords)
		return no(answer,
			  "there is no password file for the password beside the certificate");
	return verify(login, rules->passwords, request, answer,
		      "the password beside the certificate is wrong");
}

/* Whoever came by SCRAM and is still there: are its keys? */
static bool still_scram(const struct rules *rules, const struct login_request *request,
			struct login_answer *answer)
{
	answer->method = LOGIN_SCRAM;
	if (!has_text(request->username) || !rules->scram ||
	    !scram_entry(rules->scram, request->username))
		return no(answer, "the user has no SCRAM keys any more");
	answer->entry = number_of(scram_entry(rules->scram, request->username));
	if (request->entry && request->entry != answer->entry)
		return no(answer, "the user's SCRAM keys were changed");
	answer->principal = access_find(rules->access, request->username);
	return answer->principal || no(answer, "the user has no entry in the access file");
}

/* Whoever came by a password before: has it one still? */
static bool still_password(const struct rules *rules, const struct login_request *request,
			   struct login_answer *answer)
{
	answer->method = LOGIN_PASSWORD;
	if (!has_text(request->username) || !rules->passwords ||
	    !passwords_entry(rules->passwords, request->username))
		return no(answer, "the user has no password any more");
	answer->entry = number_of(passwords_entry(rules->passwords, request->username));
	if (request->entry && request->entry != answer->entry)
		return no(answer, "the user's password was changed");
	answer->principal = access_find(rules->access, request->username);
	return answer->principal || no(answer, "the user has no entry in the access file");
}

static bool prove(struct login *login, const struct rules *rules,
		  const struct login_request *request, struct login_answer *answer)
{
	bool has_certificate = request->certificate || request->certificate_fault;

	if (has_certificate && access_has_certificates(rules->access))
		return prove_certificate(login, rules, request, answer);
	if (request->is_repeat && request->is_scram)
		return still_scram(rules, request, answer);
	if (request->password && access_has_issuers(rules->access) &&
	    token_is(request->password, strlen(request->password)))
		return prove_token(rules, request, answer);
	if (request->is_known)
		return still_password(rules, request, answer);
	return prove_password(login, rules, request, answer);
}

/* ---- what the access file says about whoever it is ----------------------------------------- */

/* Another's client id, or one that could be: names those that are the principal's. */
static bool no_client(const struct access_principal *principal, struct login_answer *answer)
{
	char list[DIAG_MAX / 2];

	access_client_list(principal, list, sizeof(list));
	return no(answer, "%s may not use this client id; it may use %s, or none of its own",
		  principal->name, list);
}

static bool admit(const struct login_request *request, struct login_answer *answer)
{
	const struct access_principal *principal = answer->principal;

	if (principal->is_disabled)
		return no(answer, "%s is disabled", principal->name);
	if (principal->needs_certificate && answer->method != LOGIN_CERTIFICATE &&
	    !request->is_away)
		return no(answer, "%s has to come with a certificate", principal->name);
	if (!access_client_ok(principal, request->client_id))
		return no_client(principal, answer);
	return true;
}

/* ---- holding off ------------------------------------------------------------------------------
 */

/* Does the login stand on a token? What merely looks like one is a password. */
static bool has_token(const struct rules *rules, const struct login_request *request)
{
	return request->password && access_has_issuers(rules->access) &&
	       token_is(request->password, strlen(request->password));
}

/* Does it stand on a certificate alone? */
static bool has_certificate_only(const struct rules *rules, const struct login_request *request)
{
	return request->certificate && !request->password && access_has_certificates(rules->access);
}

/* Whose secret is guessed at where the login fails; NULL: nobody's. */
static const char *guessed_name(const struct rules *rules, const struct login_request *request)
{
	return has_token(rules, request) || has_certificate_only(rules, request)
		       ? NULL
		       : request->username;
}

static int64_t lock_of(const struct login *login, const struct login_request *request)
{
	struct peer peer = peer_read(request->address);

	return login->lockout && !is_never_locked(login, &peer)
		       ? lockout_wait(login->lockout, &peer, request->mono_ms)
		       : 0;
}

/*
 * Is the address not locked? A certificate was proved to the broker before, and a token can't be
 * guessed: neither is kept out by what a neighbour did.
 */
static bool is_unlocked(const struct login *login, const struct rules *rules,
			const struct login_request *request, struct diag *why)
{
	int64_t wait;

	if (request->is_repeat || has_token(rules, request) || has_certificate_only(rules, request))
		return true;
	wait = lock_of(login, request);
	if (wait > 0)
		(void)diag_set(why, ERR_BUSY, "too many failures: locked for %lld s",
			       (long long)(wait + 999) / 1000);
	return wait <= 0;
}

static bool may_try(const struct login *login, const struct rules *rules,
		    const struct login_request *request, struct diag *why)
{
	if (request->client_id && strlen(request->client_id) > LOGIN_CLIENT_ID_MAX) {
		(void)diag_set(why, ERR_LIMIT, "the client id is longer than %u bytes",
			       LOGIN_CLIENT_ID_MAX);
		return false;
	}
	return is_unlocked(login, rules, request, why);
}

/* What failed in spite of a lock, see is_unlocked(), does not lengthen it. */
static void count_failure(struct login *login, const struct rules *rules,
			  const struct login_request *request)
{
	struct peer peer = peer_read(request->address);

	if (login->lockout && !request->is_repeat && lock_of(login, request) <= 0)
		lockout_failed(login->lockout, &peer, guessed_name(rules, request),
			       request->mono_ms);
}

static void count_success(struct login *login, const struct rules *rules,
			  const struct login_request *request)
{
	struct peer peer = peer_read(request->address);

	if (login->lockout && !request->is_repeat)
		lockout_succeeded(login->lockout, &peer, guessed_name(rules, request));
}

/* Counted of who is proved: a stranger can't have a client held off by coming under its id. */
static bool may_connect(struct login *login, const struct login_request *request,
			struct login_answer *answer)
{
	int64_t wait;

	if (!login->lockout || !login->has_connects || request->is_repeat || !answer->principal ||
	    !has_text(request->client_id))
		return true;
	wait = lockout_connect(login->lockout, answer->principal->name, request->client_id,
			       request->mono_ms);
	if (wait > 0)
		(void)diag_set(&answer->why, ERR_BUSY, "connects too often: held off for %lld s",
			       (long long)(wait + 999) / 1000);
	return wait <= 0;
}

/* Asked of who is proved, as above, and before: who is held off connects no more often for it. */
static bool is_held_off(const struct login *login, const struct login_request *request,
			struct login_answer *answer)
{
	struct holdoff holdoff;

	if (!login->holdoffs || request->is_repeat || !answer->principal ||
	    !has_text(request->client_id) ||
	    !holdoffs_find(login->holdoffs, answer->principal->name, request->client_id,
			   request->mono_ms, &holdoff))
		return false;
	answer->was_closed = true;
	answer->is_held_off = holdoff.wait_ms > 0;
	answer->held_for = holdoff.reason;
	if (answer->is_held_off)
		(void)diag_set(&answer->why, ERR_BUSY,
			       "held off for %lld s: it was closed over a publish that could not "
			       "be kept",
			       (long long)(holdoff.wait_ms + 999) / 1000);
	return answer->is_held_off;
}

static void refuse(struct login_answer *answer)
{
	access_principal_drop(answer->made);
	answer->made = NULL;
	answer->principal = NULL;
}

/* A proof is a success even where its principal is not let in after all. */
static void settle(struct login *login, const struct rules *rules,
		   const struct login_request *request, struct login_answer *answer, bool is_proved)
{
	if (!is_proved) {
		refuse(answer);
		if (!answer->is_waiting && (!answer->is_busy || answer->is_guess))
			count_failure(login, rules, request);
		return;
	}
	count_success(login, rules, request);
	if (is_held_off(login, request, answer))
		return;
	if (!may_connect(login, request, answer)) {
		answer->is_held_off = answer->was_closed;
		if (!answer->is_held_off)
			refuse(answer);
		return;
	}
	if (!admit(request, answer)) {
		refuse(answer);
		return;
	}
	answer->verdict = VERDICT_ALLOW;
}

static void clear(struct login_answer *answer)
{
	memset(answer, 0, offsetof(struct login_answer, why));
	diag_init(&answer->why);
}

/* A newcomer: whoever waited under its handle or its id is gone. */
static void displace(struct login *login, const struct login_request *request)
{
	if (login->pending && !request->is_repeat)
		pending_logins_forget(login->pending, request->handle,
				      has_text(request->client_id) ? request->client_id : NULL);
}

void login_check(struct login *login, const struct rules *rules,
		 const struct login_request *request, struct login_answer *ret)
{
	clear(ret);
	displace(login, request);
	if (!may_try(login, rules, request, &ret->why))
		return;
	settle(login, rules, request, ret, prove(login, rules, request, ret));
}

/* ---- logins that waited ----------------------------------------------------------------------
 */

/*
 * The lock is asked again: guesses that were made side by side must be worth no more than the
 * same guesses one after the other.
 */
static void settle_late(struct login *login, const struct rules *rules,
			const struct login_request *request, struct login_answer *answer)
{
	if (is_unlocked(login, rules, request, &answer->why))
		settle(login, rules, request, answer, prove(login, rules, request, answer));
}

/* Nobody waits any more; a wrong guess counts. */
static void settle_gone(struct login *login, const struct rules *rules,
			const struct login_request *request, enum verdict verdict)
{
	if (verdict != VERDICT_ALLOW)
		count_failure(login, rules, request);
}

static void restore(const struct pending_login *parked, struct login_request *ret)
{
	*ret = (struct login_request){ .handle = parked->who.handle,
				       .username = parked->job->user,
				       .password = parked->job->password,
				       .client_id = parked->who.client_id,
				       .address = parked->who.address,
				       .certificate = parked->who.certificate,
				       .is_clean = parked->who.is_clean,
				       .now_ms = ret->now_ms,
				       .mono_ms = ret->mono_ms };
}

bool login_next(struct login *login, const struct rules *rules, struct login_request *request,
		struct login_answer *ret)
{
	struct pending_login *parked;

	while (login->pending && (parked = pending_logins_next(login->pending))) {
		pending_login_free(login->settled);
		login->settled = parked;
		restore(parked, request);
		clear(ret);
		if (parked->is_gone) {
			settle_gone(login, rules, request, parked->job->verdict);
			continue;
		}
		login->derived = parked;
		settle_late(login, rules, request, ret);
		login->derived = NULL;
		if (!ret->is_waiting) /* once more, where the password was changed meanwhile */
			return true;
	}
	return false;
}

/* ---- SCRAM ------------------------------------------------------------------------------------
 */

static struct exchange *find_exchange(struct login *login, const void *handle)
{
	for (size_t i = 0; i < LOGIN_EXCHANGES; i++)
		if (login->exchange[i].handle == handle)
			return &login->exchange[i];
	return NULL;
}

static void end_exchange(struct exchange *exchange)
{
	scram_drop(exchange->scram);
	*exchange = (struct exchange){ 0 };
}

bool login_is_begun(struct login *login, const void *handle)
{
	return find_exchange(login, handle) != NULL;
}

void login_abandon(struct login *login, const void *handle)
{
	struct exchange *exchange = handle ? find_exchange(login, handle) : NULL;

	if (exchange)
		end_exchange(exchange);
	if (handle && login->pending)
		pending_logins_forget(login->pending, handle, NULL);
}

/* How many exchanges are of @peer's; the oldest of them in *ret. */
static size_t count_of(struct login *login, const struct peer *peer, struct exchange **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < LOGIN_EXCHANGES; i++) {
		struct exchange *exchange = &login->exchange[i];

		if (!exchange->handle || !peer_is_same(&exchange->peer, peer))
			continue;
		if (count++ == 0 || exchange->begun < (*ret)->begun)
			*ret = exchange;
	}
	return count;
}

/* The oldest of whoever has most, where all places are taken. */
static struct exchange *find_most(struct login *login)
{
	struct exchange *most = NULL;
	size_t max = 0;

	for (size_t i = 0; i < LOGIN_EXCHANGES; i++) {
		struct exchange *oldest = NULL;
		size_t count = count_of(login, &login->exchange[i].peer, &oldest);

		if (count < max || (count == max && oldest->begun >= most->begun))
			continue;
		most = oldest;
		max = count;
	}
	return most;
}

/* A place for an exchange of @peer's: of its own ones, where it has its share. */
static struct exchange *take_place(struct login *login, const struct peer *peer)
{
	struct exchange *oldest = NULL;
	size_t count = count_of(login, peer, &oldest);

	if (peer->kind == PEER_UNKNOWN || count < LOGIN_EXCHANGES_OF_PEER) {
		for (size_t i = 0; i < LOGIN_EXCHANGES; i++)
			if (!login->exchange[i].handle)
				return &login->exchange[i];
		oldest = find_most(login);
	}
	end_exchange(oldest);
	return oldest;
}

/* The login of @scram is for the name in its own messages, which CONNECT need not repeat. */
static struct login_request named(const struct login_request *request,
				  const struct scram_login *scram)
{
	struct login_request copy = *request;

	copy.username = scram_user(scram);
	return copy;
}

static uint64_t entry_of(const struct rules *rules, const char *user)
{
	const char *stored = rules->scram ? scram_entry(rules->scram, user) : NULL;

	return stored ? number_of(stored) : 0;
}

bool login_begin(struct login *login, const struct rules *rules,
		 const struct login_request *request, const struct login_message *message,
		 char *reply, struct login_answer *ret)
{
	struct scram_login *scram = NULL;
	struct peer peer = source_of(login, request);
	struct exchange *exchange;

	clear(ret);
	ret->method = LOGIN_SCRAM;
	login_abandon(login, message->handle);
	displace(login, request);
	if (!may_try(login, rules, request, &ret->why))
		return false;
	if (!rules->scram)
		return no(ret, "there is no SCRAM file");
	if (scram_begin(rules->scram, message->data, message->len, NULL, &scram, reply,
			&ret->why)) {
		count_failure(login, rules, request);
		return false;
	}
	exchange = take_place(login, &peer);
	*exchange = (struct exchange){ message->handle, peer, scram,
				       entry_of(rules, scram_user(scram)), ++login->exchanges };
	return true;
}

static bool finish(const struct rules *rules, const struct login_request *request,
		   const struct login_message *message, const struct exchange *exchange,
		   char *reply, struct login_answer *answer)
{
	struct scram_login *scram = exchange->scram;

	if (scram_finish(scram, message->data, message->len, reply, &answer->why))
		return false;
	if (has_text(request->username) && strcmp(request->username, scram_user(scram)) != 0)
		return no(answer, "the proof is for %s", scram_user(scram));
	answer->principal = access_find(rules->access, scram_user(scram));
	if (!answer->principal)
		return no(answer, "the user has no entry in the access file");
	answer->entry = entry_of(rules, scram_user(scram));
	return answer->entry == exchange->entry ||
	       no(answer, "the user's SCRAM keys were changed meanwhile");
}

void login_finish(struct login *login, const struct rules *rules,
		  const struct login_request *request, const struct login_message *message,
		  char *reply, struct login_answer *ret)
{
	struct exchange *exchange = find_exchange(login, message->handle);
	struct login_request own;

	clear(ret);
	ret->method = LOGIN_SCRAM;
	if (!exchange) {
		(void)no(ret, "no exchange was begun");
		return;
	}
	own = named(request, exchange->scram);
	/* Again: guesses side by side are worth no more than one after the other. */
	if (is_unlocked(login, rules, &own, &ret->why))
		settle(login, rules, &own, ret,
		       finish(rules, request, message, exchange, reply, ret));
	end_exchange(exchange);
}

#include "broker/login_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_PASSWORDS 1024

/* ---- life -------------------------------------------------------------------------------- */

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
	if (rc)
		goto out;
	rc = credcache_new(options->credentials, &login->proved, diag);
	if (rc)
		goto out;
	rc = credcache_new(REFUSED_PASSWORDS, &login->refused, diag);
	if (rc)
		goto out;
	if (options->never_lock)
		rc = peer_networks_parse(options->never_lock, &login->never_locked, diag);
	if (rc)
		goto out;
	if (options->has_lockout)
		rc = lockout_new(&limits, &login->lockout, diag);
	if (rc)
		goto out;
	if (options->wake)
		rc = pending_logins_new(options->wake, options->wake_ctx, &login->pending, diag);
	if (rc)
		goto out;
	*ret = login;
	login = NULL; /* handed over */
out:
	login_free(login);
	return rc;
}

void login_free(struct login *login)
{
	if (!login)
		return;
	for (size_t i = 0; i < LOGIN_EXCHANGES; i++)
		scram_drop(login->exchange[i].scram);
	pending_logins_free(login->pending);
	pending_login_free(login->answered);
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

/* ---- what its files share ----------------------------------------------------------------- */

struct login_try login_try(struct login *login, const struct rules *rules,
			   const struct login_request *request, struct login_answer *answer)
{
	memset(answer, 0, offsetof(struct login_answer, why));
	diag_init(&answer->why);
	return (struct login_try){ .login = login,
				   .rules = rules,
				   .request = request,
				   .answer = answer,
				   .peer = peer_read(request->address) };
}

bool login_refuse(struct login_answer *answer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)diag_vset(&answer->why, ERR_INVALID, format, args);
	va_end(args);
	return false;
}

/* May many stand behind this address, none of whom is to be kept out for another? */
static bool is_never_locked(const struct login_try *try)
{
	return peer_networks_have(try->login->never_locked, &try->peer);
}

struct peer login_sharer(const struct login_try *try)
{
	return is_never_locked(try) ? (struct peer){ .kind = PEER_UNKNOWN } : try->peer;
}

void login_forget_waiting(const struct login_try *try)
{
	const char *client_id = try->request->client_id;

	if (try->login->pending && !try->request->is_repeat)
		pending_logins_forget(try->login->pending, try->request->handle,
				      login_has_text(client_id) ? client_id : NULL);
}

/* ---- locked addresses ---------------------------------------------------------------------- */

/* Does it stand on a certificate alone? */
static bool has_certificate_only(const struct login_try *try)
{
	return try->request->certificate && !try->request->password &&
	       access_has_certificates(try->rules->access);
}

/* The user name whose secret a failed login guessed at; NULL: none. */
static const char *guessed_name(const struct login_try *try)
{
	return login_has_token(try) || has_certificate_only(try) ? NULL : try->request->username;
}

static int64_t lock_of(const struct login_try *try)
{
	return try->login->lockout && !is_never_locked(try)
		       ? lockout_wait(try->login->lockout, &try->peer, try->request->mono_ms)
		       : 0;
}

/* Whole seconds, for people. */
static long long seconds(int64_t ms)
{
	return (long long)(ms + 999) / 1000;
}

/*
 * A certificate was proved to the broker before, and a token can't be guessed: neither is kept out
 * by what a neighbour did.
 */
bool login_is_unlocked(const struct login_try *try)
{
	int64_t wait_ms;

	if (try->request->is_repeat || login_has_token(try) || has_certificate_only(try))
		return true;
	wait_ms = lock_of(try);
	if (wait_ms > 0)
		(void)diag_set(&try->answer->why, ERR_BUSY, "too many failures: locked for %lld s",
			       seconds(wait_ms));
	return wait_ms <= 0;
}

bool login_may_try(const struct login_try *try)
{
	const char *client_id = try->request->client_id;

	if (client_id && strlen(client_id) > LOGIN_CLIENT_ID_MAX)
		return login_refuse(try->answer, "the client id is longer than %u bytes",
				    LOGIN_CLIENT_ID_MAX);
	return login_is_unlocked(try);
}

/* What failed in spite of a lock, see login_is_unlocked(), does not lengthen it. */
void login_count_failure(const struct login_try *try)
{
	if (try->login->lockout && !try->request->is_repeat && lock_of(try) <= 0)
		lockout_failed(try->login->lockout, &try->peer, guessed_name(try),
			       try->request->mono_ms);
}

static void count_success(const struct login_try *try)
{
	if (try->login->lockout && !try->request->is_repeat)
		lockout_succeeded(try->login->lockout, &try->peer, guessed_name(try));
}

/* ---- clients that are proved, and have to wait all the same -------------------------------- */

/* Only of a client that is proved: a stranger can't have one held off by coming under its id. */
static bool may_be_held_off(const struct login_try *try)
{
	return !try->request->is_repeat && try->answer->principal &&
	       login_has_text(try->request->client_id);
}

/* Asked before its connect is counted: a client that is held off connects no more often for it. */
static bool is_held_off(const struct login_try *try)
{
	struct login_answer *answer = try->answer;
	struct holdoff holdoff;

	if (!try->login->holdoffs || !may_be_held_off(try) ||
	    !holdoffs_find(try->login->holdoffs, answer->principal->name, try->request->client_id,
			   try->request->mono_ms, &holdoff))
		return false;
	answer->was_closed = true;
	answer->is_held_off = holdoff.wait_ms > 0;
	answer->held_for = holdoff.reason;
	if (answer->is_held_off)
		(void)diag_set(&answer->why, ERR_BUSY,
			       "held off for %lld s: it was closed over a publish that could not "
			       "be kept",
			       seconds(holdoff.wait_ms));
	return answer->is_held_off;
}

static bool may_connect(const struct login_try *try)
{
	int64_t wait_ms;

	if (!try->login->lockout || !try->login->has_connects || !may_be_held_off(try))
		return true;
	wait_ms = lockout_connect(try->login->lockout, try->answer->principal->name,
				  try->request->client_id, try->request->mono_ms);
	if (wait_ms > 0)
		(void)diag_set(&try->answer->why, ERR_BUSY,
			       "connects too often: held off for %lld s", seconds(wait_ms));
	return wait_ms <= 0;
}

/* ---- what the access file says of the principal -------------------------------------------- */

/* Another's client id, or one that could be: names those that are the principal's. */
static bool refuse_client_id(const struct access_principal *principal, struct login_answer *answer)
{
	char list[DIAG_MAX / 2];

	access_client_list(principal, list, sizeof(list));
	return login_refuse(answer,
			    "%s may not use this client id; it may use %s, or none of its own",
			    principal->name, list);
}

/* The member of a server's binding that the login does not keep to; NULL: it does. */
static const char *rule_broken(const struct contract_connect *rule,
			       const struct login_request *request)
{
	if (rule->client_id && strcmp(rule->client_id, login_who(request).client_id) != 0)
		return "clientId";
	if (rule->is_clean >= 0 && rule->is_clean != request->is_clean)
		return "cleanSession";
	if (rule->keep_alive_max > 0 &&
	    (request->keep_alive <= 0 || request->keep_alive > rule->keep_alive_max))
		return "keepAlive";
	return NULL;
}

/*
 * Does the login keep to the rules of one server that it may have come by? NULL, or what is wrong
 * with the last of them.
 */
static const char *connect_fault(const struct contract *contract,
				 const struct login_request *request)
{
	uint16_t port = contract_has_port(contract, request->port) ? request->port : 0;
	const char *fault = NULL;

	for (size_t i = 0; i < contract->connect_count; i++) {
		const struct contract_connect *rule = &contract->connect[i];

		if (port > 0 && rule->port > 0 && rule->port != port)
			continue;
		fault = rule_broken(rule, request);
		if (!fault)
			return NULL;
	}
	return fault;
}

/* x-enforce of the contract's servers is about a client that connects. */
static bool is_connect_right(const struct login_try *try)
{
	const struct login_request *request = try->request;
	const char *fault = request->is_repeat || request->is_known || request->is_away
				    ? NULL
				    : connect_fault(try->rules->contract, request);

	return !fault ||
	       login_refuse(try->answer,
			    "the connection is not as the contract's servers want it: %s", fault);
}

bool login_is_entered(const struct rules *rules, const char *name)
{
	return login_password_entry(rules, name) || login_scram_entry(rules, name);
}

static bool is_entered(const void *ctx, const char *name)
{
	return login_is_entered(ctx, name);
}

/* Who proved nothing takes nobody's session over, nor the client id that somebody may come under.
 */
static bool is_id_free(const struct login_try *try)
{
	const struct login_request *request = try->request;

	if (request->is_repeat || !request->client_id)
		return true;
	return (!request->is_named_id &&
		!access_client_is_others(try->rules->access, request->client_id, is_entered,
					 try->rules)) ||
	       login_refuse(try->answer,
			    "a client without a name may not use this client id: it is another's");
}

static bool is_admitted(const struct login_try *try)
{
	const struct login_request *request = try->request;
	struct login_answer *answer = try->answer;
	const struct access_principal *principal = answer->principal;

	if (principal->is_disabled)
		return login_refuse(answer, "%s is disabled", principal->name);
	if (principal->needs_certificate && answer->method != LOGIN_CERTIFICATE &&
	    !request->is_away)
		return login_refuse(answer, "%s has to come with a certificate", principal->name);
	if (!access_client_ok(principal, request->client_id))
		return refuse_client_id(principal, answer);
	if (principal->is_anonymous && !is_id_free(try))
		return false;
	return is_connect_right(try);
}

/* ---- the order ----------------------------------------------------------------------------- */

static void drop_principal(struct login_answer *answer)
{
	access_principal_drop(answer->made);
	answer->made = NULL;
	answer->principal = NULL;
}

/* A proof is a success even where its principal is not let in after all. */
void login_finish_try(const struct login_try *try, bool is_proved)
{
	struct login_answer *answer = try->answer;

	if (!is_proved) {
		drop_principal(answer);
		if (!answer->is_waiting && (!answer->is_busy || answer->is_guess))
			login_count_failure(try);
		return;
	}
	count_success(try);
	if (is_held_off(try))
		return;
	if (!may_connect(try)) {
		answer->is_held_off = answer->was_closed;
		if (!answer->is_held_off)
			drop_principal(answer);
		return;
	}
	if (is_admitted(try))
		answer->verdict = VERDICT_ALLOW;
	else
		drop_principal(answer);
}

void login_check(struct login *login, const struct rules *rules,
		 const struct login_request *request, struct login_answer *ret)
{
	struct login_try try = login_try(login, rules, request, ret);

	login_forget_waiting(&try);
	if (login_may_try(&try))
		login_finish_try(&try, login_prove(&try));
}

/*
 * Answers a login whose key was derived. The lock is asked again: guesses that were made side by
 * side must be worth no more than the same guesses one after the other.
 */
static void finish_waiting(const struct login_try *try, const struct pending_login *waiting)
{
	if (waiting->is_gone) {
		if (waiting->job->verdict != VERDICT_ALLOW)
			login_count_failure(try);
		return;
	}
	try->login->derived = waiting;
	if (login_is_unlocked(try))
		login_finish_try(try, login_prove(try));
	try->login->derived = NULL;
}

bool login_next(struct login *login, const struct rules *rules, struct login_request *request,
		struct login_answer *ret)
{
	const int64_t now_ms = request->now_ms, mono_ms = request->mono_ms;
	struct pending_login *waiting;

	while (login->pending && (waiting = pending_logins_next(login->pending))) {
		struct login_try try;

		pending_login_free(login->answered);
		login->answered = waiting;
		*request = waiting->request;
		request->now_ms = now_ms;
		request->mono_ms = mono_ms;
		try = login_try(login, rules, request, ret);
		finish_waiting(&try, waiting);
		/* One whose password was changed meanwhile waits once more. */
		if (!waiting->is_gone && !ret->is_waiting)
			return true;
	}
	return false;
}

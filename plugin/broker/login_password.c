/*
 * login_password.c -- checks passwords. A remembered one costs no key derivation. For others the
 * key is derived here, while the broker waits, or by the verifier's threads (pending_logins.c).
 */
#include <string.h>

#include "base/clock.h"
#include "broker/login_internal.h"

/* Was the login's key derived, from what the password file still says? */
static bool is_derived(const struct login *login, const char *stored)
{
	const struct verifier_job *job = login->derived ? login->derived->job : NULL;
	const char *then = job ? credfile_find(&job->passwords->file, job->user) : NULL;

	if (!job || !then || !stored)
		return job && !then && !stored;
	return strcmp(then, stored) == 0;
}

/*
 * For want of time or place the password was only compared with the one that is remembered: where
 * there is one it was a wrong guess, or guesses would cost nothing while the plugin is busy.
 */
static bool refuse_busy(const struct login_try *try, const char *why)
{
	const char *username = try->request->username;
	const char *stored = credfile_find(&try->rules->passwords->file, username);

	try->answer->is_busy = true;
	try->answer->is_guess =
		stored && credcache_knows(try->login->proved, username, stored, "", 0);
	return login_refuse(try->answer, "%s", why);
}

/* Has the key derived by another thread. Always false, and the answer says what follows. */
static bool queue_derivation(const struct login_try *try)
{
	struct peer sharer = login_sharer(try);
	int rc = pending_logins_add(try->login->pending, try->request, &sharer,
				    try->rules->passwords);

	try->login->misses++;
	try->answer->is_waiting = rc == 0;
	if (rc == ERR_BUSY)
		return refuse_busy(try, "too many logins wait for their password's check");
	return login_refuse(try->answer, "out of memory");
}

/* Derives the key while the broker waits, if there is time for that. */
static bool derive(const struct login_try *try, enum verdict *ret)
{
	const struct login_request *request = try->request;
	struct login *login = try->login;
	bool is_suspect =
		login->lockout && lockout_is_suspect(login->lockout, &try->peer, request->mono_ms);
	int64_t began_ns;

	if (!request->is_repeat &&
	    !derivations_may(&login->derivations, is_suspect, request->mono_ms))
		return refuse_busy(try, "too many passwords to check at once, try again");
	login->misses++;
	began_ns = clock_mono_ns();
	*ret = passwords_check(try->rules->passwords, request->username, request->password,
			       strlen(request->password));
	if (!request->is_repeat)
		derivations_spent(&login->derivations, is_suspect, clock_mono_ns() - began_ns);
	return true;
}

/*
 * A reload asks for every session with the password of its beginning: one that is not right any
 * more is derived once, however many sessions show it. (For a client that connects it is derived
 * each time: how long an answer takes must not tell a guess from another.)
 */
static bool is_refused_again(const struct login_try *try, const char *stored)
{
	const struct login_request *request = try->request;

	return request->is_repeat &&
	       (!stored || credcache_knows(try->login->refused, request->username, stored,
					   request->password, strlen(request->password)));
}

bool login_verify_password(const struct login_try *try, const char *wrong)
{
	const struct login_request *request = try->request;
	struct login *login = try->login;
	const char *user = request->username, *password = request->password;
	const char *stored = credfile_find(&try->rules->passwords->file, user);
	size_t len = strlen(password);
	enum verdict verdict = VERDICT_DENY;

	if (stored && credcache_knows(login->credentials, user, stored, password, len)) {
		login->hits++;
		(void)credcache_knows(login->proved, user, stored, "", 0); /* a use */
		return true;
	}
	if (is_refused_again(try, stored))
		return login_refuse(try->answer, "%s", wrong);
	if (is_derived(login, stored))
		verdict = login->derived->job->verdict;
	else if (login->pending && !request->is_repeat && len <= PASSWORD_MAX_BYTES)
		return queue_derivation(try); /* a longer one is refused without a derivation */
	else if (!derive(try, &verdict))
		return false;
	if (verdict != VERDICT_ALLOW) {
		if (request->is_repeat && stored)
			credcache_keep(login->refused, user, stored, password, len);
		return login_refuse(try->answer, "%s", wrong);
	}
	credcache_keep(login->credentials, user, stored, password, len);
	credcache_keep(login->proved, user, stored, "", 0);
	return true;
}

bool login_prove_password(const struct login_try *try)
{
	const struct login_request *request = try->request;
	struct login_answer *answer = try->answer;

	answer->method = LOGIN_PASSWORD;
	if (!login_has_text(request->username))
		return login_refuse(answer, "no username was given (a TLS-PSK identity is none)");
	if (strlen(request->username) >= ACCESS_NAME_MAX)
		return login_refuse(answer, "the username is longer than %u bytes",
				    ACCESS_NAME_MAX - 1);
	if (!request->password)
		return login_refuse(answer, "no password was given");
	if (!try->rules->passwords)
		return login_refuse(answer, "there is no password file");
	if (!login_verify_password(try, "unknown user or wrong password"))
		return false;
	answer->entry = login_entry(credfile_find(&try->rules->passwords->file, request->username));
	return login_find_principal(try, request->username);
}

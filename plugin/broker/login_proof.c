/*
 * login_proof.c -- checks a client's certificate, token or password; and whether the proof of an
 * earlier login would still be accepted.
 */
#include <string.h>

#include "access/token.h"
#include "base/wordhash.h"
#include "broker/login_internal.h"

uint64_t login_entry(const char *stored)
{
	uint64_t number = stored ? wordhash(0, stored, strlen(stored)) : 0;

	return stored && number == 0 ? 1 : number;
}

const char *login_password_entry(const struct rules *rules, const char *user)
{
	return rules->passwords ? credfile_find(&rules->passwords->file, user) : NULL;
}

const char *login_scram_entry(const struct rules *rules, const char *user)
{
	return rules->scram ? credfile_find(&rules->scram->file, user) : NULL;
}

bool login_find_principal(const struct login_try *try, const char *user)
{
	struct login_answer *answer = try->answer;

	answer->principal = access_find(try->rules->access, user);
	if (answer->principal)
		return true;
	if (access_default(try->rules->access, user, &answer->made, &answer->why))
		return false;
	answer->principal = answer->made;
	return true;
}

bool login_has_token(const struct login_try *try)
{
	const char *password = try->request->password;

	return password && access_has_issuers(try->rules->access) &&
	       token_is(password, strlen(password));
}

/* Does the user name beside a token or a certificate, if there is one, say the same? */
static bool is_same_name(const struct login_try *try, const char *what)
{
	const char *username = try->request->username;
	const char *name = try->answer->made->name;

	return !login_has_text(username) || strcmp(username, name) == 0 ||
	       login_refuse(try->answer, "the %s is for %s", what, name);
}

static bool prove_token(const struct login_try *try)
{
	const struct login_request *request = try->request;
	struct login_answer *answer = try->answer;
	struct access_token_facts facts;

	answer->method = LOGIN_TOKEN;
	if (access_token(try->rules->access, request->password, strlen(request->password),
			 request->now_ms, &answer->made, &facts, &answer->why))
		return false;
	answer->principal = answer->made;
	answer->expires_ms = facts.expires_ms;
	return is_same_name(try, "token");
}

/* A certificate is a proof by itself; what else is shown must be the same principal's. */
static bool prove_certificate(const struct login_try *try)
{
	const struct login_request *request = try->request;
	const struct rules *rules = try->rules;
	struct login_answer *answer = try->answer;

	answer->method = LOGIN_CERTIFICATE;
	if (request->certificate_fault)
		return login_refuse(answer, "%s", request->certificate_fault);
	if (rules->revoked && revoked_has(rules->revoked, request->certificate))
		return login_refuse(answer, "the certificate was revoked");
	if (access_certificate(rules->access, request->certificate, &answer->made, &answer->why))
		return false;
	answer->principal = answer->made;
	answer->expires_ms = request->certificate->expires_ms;
	if (!is_same_name(try, "certificate"))
		return false;
	if (!request->password)
		return true;
	if (!login_has_text(request->username))
		return login_refuse(answer, "a password was given without a username");
	if (!rules->passwords)
		return login_refuse(answer, "there is no password file for the password beside the "
					    "certificate");
	return login_verify_password(try, "the password beside the certificate is wrong");
}

/* A client that proved itself before by a password or by SCRAM: does its user still have them? */
static bool prove_by_entry(const struct login_try *try, enum login_method method)
{
	const struct login_request *request = try->request;
	struct login_answer *answer = try->answer;
	bool is_scram = method == LOGIN_SCRAM;
	const char *stored = NULL;

	if (login_has_text(request->username))
		stored = is_scram ? login_scram_entry(try->rules, request->username)
				  : login_password_entry(try->rules, request->username);
	answer->method = method;
	answer->entry = login_entry(stored);
	if (!stored)
		return login_refuse(answer, "the user has no %s any more",
				    is_scram ? "SCRAM keys" : "password");
	if (request->entry && request->entry != answer->entry)
		return login_refuse(answer, "the user's %s changed",
				    is_scram ? "SCRAM keys were" : "password was");
	return login_find_principal(try, request->username);
}

/* A client without any credentials is who the access file says, without a proof. */
static bool is_anonymous(const struct login_try *try)
{
	const struct login_request *request = try->request;

	try->answer->method = LOGIN_NONE;
	if (!request->username && !request->password)
		try->answer->principal = access_anonymous(try->rules->access);
	return try->answer->principal != NULL;
}

bool login_prove(const struct login_try *try)
{
	const struct login_request *request = try->request;

	if ((request->certificate || request->certificate_fault) &&
	    access_has_certificates(try->rules->access))
		return prove_certificate(try);
	if (is_anonymous(try))
		return true;
	if (request->is_repeat && request->is_scram)
		return prove_by_entry(try, LOGIN_SCRAM);
	if (login_has_token(try))
		return prove_token(try);
	if (request->is_known)
		return prove_by_entry(try, LOGIN_PASSWORD);
	return login_prove_password(try);
}

/*
 * login_request.h -- a client's credentials and what is known about it when it logs in.
 */
#ifndef PETSTORE_LOGIN_REQUEST_H
#define PETSTORE_LOGIN_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "access/certid.h"
#include "base/who.h"

/* Everything is borrowed for the call. Strings may be NULL where the client sent none. */
struct login_request {
	const void *handle; /* identifies the client; compared, never dereferenced */
	const char *username;
	const char *password;
	const char *client_id;
	const char *address;
	const struct certid *certificate; /* NULL: the client showed none */
	const char *certificate_fault;    /* why the certificate can't be read; NULL: it can */
	bool is_clean;                    /* the client begins a new session */
	/*
	 * The broker asks again after a reload, about a session that this plugin accepted: nothing
	 * is counted. A client of SCRAM can't prove itself again here: it is accepted while its
	 * user has the same keys.
	 */
	bool is_repeat;
	bool is_scram;
	/*
	 * The plugin itself asks again. It has kept the certificate and the token, which are
	 * checked again. It has not kept the password, which was right: it is enough that the
	 * user's entry is unchanged, see @entry.
	 */
	bool is_known;
	bool is_away;   /* the client is away, and will prove itself at its next CONNECT */
	uint64_t entry; /* login_answer.entry of its login, which must be the same; 0: any */
	int64_t now_ms; /* unix time; of a repeat: of its login, since expiry is not checked here */
	int64_t mono_ms; /* milliseconds of clock_mono_ns() */
};

/* What the client claims to be; is_proved is false. Borrowed from @request. */
static inline struct who login_who(const struct login_request *request)
{
	return (struct who){ .client_id = request->client_id ? request->client_id : "",
			     .principal = request->username ? request->username : "",
			     .address = request->address ? request->address : "" };
}

#endif

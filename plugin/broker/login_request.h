/*
 * login_request.h -- what a client comes with when it logs in.
 */
#ifndef PETSTORE_LOGIN_REQUEST_H
#define PETSTORE_LOGIN_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "access/certid.h"
#include "base/who.h"

/* Everything is borrowed for the call. Strings may be NULL where the client sent none. */
struct login_request {
	const void *handle; /* tells clients apart; compared, never followed */
	const char *username;
	const char *password;
	const char *client_id;
	const char *address;
	const struct certid *certificate; /* NULL: the client showed none */
	const char *certificate_fault;    /* it showed one that can't be read: why; else NULL */
	bool is_clean;                    /* it begins a new session */
	/*
	 * Asked again after a reload, about a session that this plugin let in: nothing is counted.
	 * A client that came by SCRAM can't be asked for its proof again: it stays while its user
	 * has the keys.
	 */
	bool is_repeat;
	bool is_scram;
	/*
	 * Asked again by the plugin itself: certificate and token are at hand and are judged again,
	 * a password was proved and is not at hand: it is enough that its user still has it, see
	 * @entry.
	 */
	bool is_known;
	bool is_away;    /* the client is, and has to prove itself anew when it is back */
	uint64_t entry;  /* login_answer's of then, which must be the same now; 0: any will do */
	int64_t now_ms;  /* unix time; of a repeat: when it was proved, its end is not asked here */
	int64_t mono_ms; /* never goes back */
};

/* Who it is of, not proved. */
static inline struct who login_who(const struct login_request *request)
{
	return (struct who){ .client_id = request->client_id ? request->client_id : "",
			     .principal = request->username ? request->username : "",
			     .address = request->address ? request->address : "" };
}

#endif

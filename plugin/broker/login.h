/*
 * login.h -- from a password, token, certificate or SCRAM exchange to a principal, or a refusal.
 *
 * A login is checked in this order: is its address locked; is the proof right; is the client held
 * off (holdoffs.h); does it connect too often; what does the access file say of the principal.
 * What a peer does before its proof is charged to its address alone. A client without any
 * credentials is the access file's `anonymous`, where that has one: the answer then says only that
 * the plugin has nothing against it; whether it comes in is the broker's decision, by
 * allow_anonymous. Knows nothing of the broker.
 * For the broker's thread alone. The reason is for the log: the peer only learns that it is not
 * authorized.
 */
#ifndef PETSTORE_LOGIN_H
#define PETSTORE_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/certid.h"
#include "base/diag.h"
#include "base/login_method.h"
#include "base/reason.h"
#include "base/who.h"
#include "broker/holdoffs.h"
#include "gate/rules.h"

/* Everything is borrowed for the call. Strings may be NULL where the client sent none. */
struct login_request {
	const void *handle; /* identifies the client; compared, never dereferenced */
	const char *username;
	const char *password;
	const char *client_id;
	const char *address;
	const struct certid *certificate; /* NULL: the client showed none */
	const char *certificate_fault;    /* why the certificate can't be read; NULL: it can */
	bool is_named_id; /* there is a session of this client id, of somebody with a name */
	bool is_clean;    /* the client begins a new session */
	int keep_alive;   /* seconds, as the client has it */
	uint16_t port;    /* of its listener; 0: not known */
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

/* Bytes of a client id; one that is longer is refused. */
#define LOGIN_CLIENT_ID_MAX 1024u

struct login;
struct derivations;

struct login_options {
	size_t credentials; /* verified passwords that are remembered, at most */
	bool has_lockout;
	const char *never_lock; /* networks, see peer.h; borrowed for the call; NULL: none */
	uint32_t connects;      /* per client id and minute, where has_lockout; 0: no limit */
	const struct holdoffs *holdoffs; /* borrowed while the login lives; NULL: none */
	unsigned percent; /* share of the time for key derivations (1 .. 100), without a wake */
	/*
	 * Called by other threads when login_next() has an answer; NULL: passwords are checked
	 * within login_check(), and the broker waits.
	 */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

int login_new(const struct login_options *options, struct login **ret,
	      struct diag *diag) MUST_CHECK;
void login_free(struct login *login); /* NULL is fine */

/* The account of the time for key derivations, borrowed: for tests. */
struct derivations *login_derivations(struct login *login);

/* How many passwords were remembered, and how many had to be derived. */
void login_count(const struct login *login, uint64_t *hits, uint64_t *misses);

struct login_answer {
	enum verdict verdict;
	enum login_method method;
	const struct access_principal *principal; /* borrowed from the rules, or from @made */
	struct access_principal *made;            /* yours: access_principal_drop() */
	int64_t expires_ms; /* unix time at which the session ends; 0: never */
	uint64_t entry;     /* login_entry() of the file's entry that proved it; 0: none */
	bool is_waiting;    /* no answer yet: login_next() will give it */
	bool is_busy;       /* refused without a check: no time or no place was left */
	bool is_guess;      /* is_busy, but the password is known to be wrong */
	bool was_closed;    /* its last connection was closed because of a publish (holdoffs.h) */
	/*
	 * Refused because of that close, or because it connected too often after it. @principal is
	 * proved, so the broker must not answer as for a wrong password.
	 */
	bool is_held_off;
	enum reason held_for; /* where was_closed: the reason of the refused publish */
	struct diag why;      /* of a refusal, for the log */
};

/*
 * Checks a login. If a key has to be derived, which takes long, and options.wake was given, then
 * is_waiting is set and login_next() gives the answer. Without a wake the key is derived within the
 * call if there is time left (options.percent); else is_busy is set. A request with is_repeat, or
 * with a remembered password, is always answered at once.
 */
void login_check(struct login *login, const struct rules *rules,
		 const struct login_request *request, struct login_answer *ret);

/*
 * The next login that waited and has an answer now, under @rules, which may be newer than those
 * that it began under. The caller sets the times in @request; the rest becomes what it was,
 * borrowed until the next call. False: there is none. Logins whose client is known to be gone are
 * skipped, but their failures are counted; the client of a returned login may be gone, too.
 */
bool login_next(struct login *login, const struct rules *rules, struct login_request *request,
		struct login_answer *ret);

/*
 * SCRAM-SHA-256 over MQTT 5's enhanced authentication (MQTT 5, 4.12): login_begin() answers the
 * client-first message, login_finish() the client-final one. An exchange belongs to the request's
 * handle. At most LOGIN_EXCHANGES are open, and LOGIN_EXCHANGES_OF_PEER of one address (no limit
 * for networks that are never locked). Beyond its limit the address's oldest exchange is dropped;
 * when all places are taken, the oldest of the address with the most.
 *
 * login_begin() returns true where the exchange goes on, else ret->why says why not.
 * login_finish() fills *ret like login_check(); the name is in ret->principal.
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

/* Is @name in the file of passwords, or of SCRAM keys? */
bool login_is_entered(const struct rules *rules, const char *name);

/* Has @handle an exchange that waits for its second message? */
bool login_is_begun(struct login *login, const void *handle);

/* The client of @handle is gone: drops its exchange and forgets its waiting login. */
void login_abandon(struct login *login, const void *handle);

#endif

/*
 * login.h -- who connects? Password, token or certificate -> principal, or a refusal.
 *
 * Puts the access room's parts in order for one login: locked addresses first, then the proof,
 * then how often the client came, then what the access file says about the principal. What a
 * peer does before its proof counts for its address alone. Who was closed over a publish waits,
 * once it is proved (holdoffs.h). Knows nothing of the broker. For the broker's thread alone. What
 * comes out as a reason is for the log: the peer hears no more than that it is not authorized.
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
#include "broker/pending_logins.h"
#include "gate/rules.h"

/* Bytes of a client id; one that is longer is refused. */
#define LOGIN_CLIENT_ID_MAX 1024u

struct login;
struct derivations;

struct login_options {
	size_t credentials; /* verified passwords that are remembered */
	bool has_lockout;
	const char *never_lock; /* networks, see peer.h; borrowed for the call; NULL: none */
	uint32_t connects; /* of a principal's client id in a minute, where has_lockout; 0: any */
	const struct holdoffs *holdoffs; /* borrowed while the login lives; NULL: none */
	unsigned percent; /* of the time that derivations may take (1 .. 100), without a wake */
	/*
	 * Called by other threads when login_next() has something; NULL: the broker is not told
	 * of a login later, and every password is checked while it waits.
	 */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

int login_new(const struct login_options *options, struct login **ret, struct diag *diag);
void login_free(struct login *login); /* NULL is fine */

/* The time that is left to derivations, borrowed: for tests. */
struct derivations *login_derivations(struct login *login);

/* Passwords that were remembered, and those that had to be derived. */
void login_count(const struct login *login, uint64_t *hits, uint64_t *misses);

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
	 * One of SCRAM can't be asked for its proof again: it stays while its user has the keys.
	 */
	bool is_repeat;
	bool is_scram;
	/*
	 * Repeated by ourselves: certificate and token are at hand and are judged again, a password
	 * was proved and is not: it is enough that its user still has it, see @entry.
	 */
	bool is_known;
	/* Its client is away, and has to prove itself anew when it is back. */
	bool is_away;
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

struct login_answer {
	enum verdict verdict;
	enum login_method method;
	const struct access_principal *principal; /* borrowed from the rules, or from @made */
	struct access_principal *made;            /* yours: access_principal_drop() */
	int64_t expires_ms; /* unix time at which the session is to end; 0: none */
	uint64_t entry;     /* stands for the file's entry that proved it; 0: none */
	bool is_waiting;    /* neither yes nor no: login_next() will tell */
	bool is_busy;       /* refused unseen, for want of time or of a place */
	bool is_guess;      /* busy, and yet known to be wrong */
	bool was_closed;    /* its connection before was, over a publish that was not kept */
	/*
	 * Refused for that, or since it connected too often after it: not for who it is, and it is
	 * not to read so. @principal is proved.
	 */
	bool is_held_off;
	enum reason held_for; /* was_closed: what the publish was refused for */
	struct diag why;      /* of a refusal */
};

/*
 * Checks a login. Where a key is to be derived, which takes long, and options.wake was given,
 * the answer is_waiting and comes out of login_next(), but for is_repeat: the broker wants to
 * know at once then. Without a wake a key is derived within the call, as long as percent of the
 * time were not used up by others: then the answer is_busy. Who is known, and is_repeat, are
 * answered whatever was used up.
 */
void login_check(struct login *login, const struct rules *rules,
		 const struct login_request *request, struct login_answer *ret);

/*
 * The next login that was waiting and is settled under @rules, which may be newer than those it
 * began under. @request is filled, but for the times, which the caller sets; it is as it was,
 * and borrowed until the next call. False: none. Logins whose client is known to be gone are
 * counted and not told of; of the others the client may be gone all the same.
 */
bool login_next(struct login *login, const struct rules *rules, struct login_request *request,
		struct login_answer *ret);

/*
 * SCRAM-SHA-256, over MQTT 5's enhanced authentication (4.12): begin answers the client-first
 * message, finish the client-final one. @handle tells the exchanges apart; at most
 * LOGIN_EXCHANGES are open, of one address LOGIN_EXCHANGES_OF_PEER (of those that are never locked
 * any number): beyond it its own oldest is dropped, and where all are taken the oldest of whoever
 * has most. @reply has SCRAM_REPLY_MAX bytes.
 *
 * login_begin() returns true where the exchange goes on, else ret->why says why not.
 * login_finish() fills @ret like login_check(); the name is in @ret->principal.
 */
#define LOGIN_EXCHANGES 256u
#define LOGIN_EXCHANGES_OF_PEER 16u

struct login_message {
	const void *handle;
	const void *data; /* NULL when len is 0 */
	size_t len;
};

bool login_begin(struct login *login, const struct rules *rules,
		 const struct login_request *request, const struct login_message *message,
		 char *reply, struct login_answer *ret);
void login_finish(struct login *login, const struct rules *rules,
		  const struct login_request *request, const struct login_message *message,
		  char *reply, struct login_answer *ret);

/* Is there an exchange of @handle's that waits for its second step? */
bool login_is_begun(struct login *login, const void *handle);

/* The client behind @handle is gone: so is what it had begun or waited for. */
void login_abandon(struct login *login, const void *handle);

#endif

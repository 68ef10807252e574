/*
 * pending_logins.h -- logins that wait for a key derivation.
 *
 * Keeps a copy of each request while the threads of verifier.h derive the key. By the time of the
 * answer the client may be gone, and its handle or its client id may belong to another client. 2.1
 * raises no event when a waiting client leaves. But a new client under the same handle or id proves
 * that the one before is gone, so each login calls pending_logins_forget() first. For the broker's
 * thread alone.
 */
#ifndef PETSTORE_PENDING_LOGINS_H
#define PETSTORE_PENDING_LOGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/verifier.h"
#include "base/diag.h"
#include "base/peer.h"
#include "broker/login_request.h"

/* Logins that wait at a time. At 0.2 s each on two threads the last of them waits 6 s. */
#define PENDING_LOGINS_MAX 64u
#define PENDING_LOGINS_OF_PEER 16u /* of one address */

struct pending_login {
	/* Strings and certificate are copies; user name and password are the job's. */
	struct login_request request;
	struct peer peer;         /* it counts for this peer's limit; PEER_UNKNOWN: for none */
	uint64_t number;          /* of the job */
	bool is_gone;             /* its client is gone */
	struct verifier_job *job; /* owned; NULL until it is done */
};

struct pending_logins;

/* @wake as in verifier.h. */
int pending_logins_new(void (*wake)(void *ctx), void *ctx, struct pending_logins **ret,
		       struct diag *diag);
/* NULL is fine. Waits as verifier_free() does. */
void pending_logins_free(struct pending_logins *logins);

/*
 * Copies @request and starts the check of its password. 0; ERR_BUSY where PENDING_LOGINS_MAX logins
 * wait already, or PENDING_LOGINS_OF_PEER of the same @peer; ERR_NOMEM.
 */
int pending_logins_add(struct pending_logins *logins, const struct login_request *request,
		       const struct peer *peer, struct passwords *passwords);

/*
 * The client that waits under @handle or as @client_id (each may be NULL) is gone. A job that has
 * not begun is dropped. One that has begun is later returned by pending_logins_next() with is_gone,
 * so that a failure is still counted.
 */
void pending_logins_forget(struct pending_logins *logins, const void *handle,
			   const char *client_id);

/* The next login whose job is done; free it with pending_login_free(). NULL: none. */
struct pending_login *pending_logins_next(struct pending_logins *logins);

void pending_login_free(struct pending_login *login); /* NULL is fine */

#endif

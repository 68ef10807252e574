/*
 * pending_logins.h -- logins that wait for a key derivation.
 *
 * Keeps a copy of each request while the threads of verifier.h do the work: by the time of the
 * answer the client may be gone, its handle freed and given to another, and its id taken by
 * another. The broker does not say when a waiting client goes (2.1: no event at all). That another
 * client comes under the same handle or id proves that the one before is gone: at each login
 * pending_logins_forget() is called first. For the broker's thread alone.
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
	/* Its strings and certificate are copies, but for user name and password: the job's. */
	struct login_request request;
	struct peer peer;         /* whose share it takes; unknown: of nobody's */
	uint64_t number;          /* of the job */
	bool is_gone;             /* nobody waits for the answer any more */
	struct verifier_job *job; /* once it is done */
};

struct pending_logins;

/* @wake as in verifier.h. */
int pending_logins_new(void (*wake)(void *ctx), void *ctx, struct pending_logins **ret,
		       struct diag *diag);
/* NULL is fine. Waits as verifier_free() does. */
void pending_logins_free(struct pending_logins *logins);

/*
 * @request waits for the check of its password. 0, ERR_BUSY where PENDING_LOGINS_MAX wait already,
 * or PENDING_LOGINS_OF_PEER of the same @peer, ERR_NOMEM.
 */
int pending_logins_add(struct pending_logins *logins, const struct login_request *request,
		       const struct peer *peer, struct passwords *passwords);

/*
 * Whoever waits under @handle or as @client_id (each may be NULL) is gone. What was not begun is
 * dropped; what was comes out of pending_logins_next() as gone, so that a failure still counts.
 */
void pending_logins_forget(struct pending_logins *logins, const void *handle,
			   const char *client_id);

/* The next one whose job is done, yours: pending_login_free(). NULL: none. */
struct pending_login *pending_logins_next(struct pending_logins *logins);

void pending_login_free(struct pending_login *login); /* NULL is fine */

#endif

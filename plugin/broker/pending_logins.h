/*
 * pending_logins.h -- logins that wait for a key derivation.
 *
 * Keeps what was asked, while verifier.h does the work: copies, since by the time of the answer
 * the client may be gone, its handle freed and given to another, and its id taken by another.
 * The broker does not say when a waiting client goes (2.1: no event at all), so whoever comes
 * under the same handle or the same client id is the proof that the one before is gone:
 * pending_logins_forget() first, whoever comes. For the broker's thread alone.
 */
#ifndef PETSTORE_PENDING_LOGINS_H
#define PETSTORE_PENDING_LOGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/certid.h"
#include "base/peer.h"
#include "access/verifier.h"
#include "base/diag.h"

/* Logins that wait at a time. At 0.2 s each on two threads the last of them waits 6 s. */
#define PENDING_LOGINS_MAX 64u
#define PENDING_LOGINS_OF_PEER 16u /* of one address */

/* Who waits. Strings are copied, but for password and username, which the job has. */
struct pending_login_who {
	const void *handle; /* compared, never followed */
	const char *client_id;
	const char *address;              /* NULL: unknown */
	struct peer peer;                 /* whose share it takes; unknown: of nobody's */
	const struct certid *certificate; /* NULL: showed none */
	bool is_clean;
};

struct pending_login {
	struct pending_login_who who;
	uint64_t number;          /* of the job */
	bool is_gone;             /* nobody waits for the answer any more */
	struct verifier_job *job; /* once it is done */
};

struct pending_logins;

/* @wake as in verifier.h. */
int pending_logins_new(void (*wake)(void *ctx), void *ctx, struct pending_logins **ret,
		       struct diag *diag);
void pending_logins_free(
	struct pending_logins *logins); /* NULL is fine; waits as verifier_free() does */

/*
 * @who waits for the check of @user's @password. 0, ERR_BUSY where PENDING_LOGINS_MAX wait already,
 * or PENDING_LOGINS_OF_PEER of the same address, ERR_NOMEM.
 */
int pending_logins_enter(struct pending_logins *logins, const struct pending_login_who *who,
			 struct passwords *passwords, const char *user, const char *password);

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

/*
 * parked.h -- logins that wait for a key derivation.
 *
 * Keeps what was asked, while verifier.h does the work: copies, since by the time of the answer
 * the client may be gone, its handle freed and given to another, and its id taken by another.
 * The broker does not say when a waiting client goes (2.1: no event at all), so whoever comes
 * under the same handle or the same client id is the proof that the one before is gone:
 * parking_forget() first, whoever comes. For the broker's thread alone.
 */
#ifndef PETSTORE_PARKED_H
#define PETSTORE_PARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/certid.h"
#include "access/peer.h"
#include "access/verifier.h"
#include "base/diag.h"

/* Logins that wait at a time. At 0.2 s each on two threads the last of them waits 6 s. */
#define PARKED_MAX 64u
#define PARKED_OF_PEER 16u /* of one address */

/* Who waits. Strings are copied, but for password and username, which the job has. */
struct parked_who {
	const void *handle; /* compared, never followed */
	const char *client_id;
	const char *address;              /* NULL: unknown */
	struct peer peer;                 /* whose share it takes; unknown: of nobody's */
	const struct certid *certificate; /* NULL: showed none */
	bool is_clean;
};

struct parked {
	struct parked_who who;
	uint64_t number;          /* of the job */
	bool is_gone;             /* nobody waits for the answer any more */
	struct verifier_job *job; /* once it is done */
};

struct parking;

/* @wake as in verifier.h. */
int parking_new(void (*wake)(void *ctx), void *ctx, struct parking **ret, struct diag *diag);
void parking_free(struct parking *parking); /* NULL is fine; waits as verifier_free() does */

/*
 * @who waits for the check of @user's @password. 0, ERR_BUSY where PARKED_MAX wait already, or
 * PARKED_OF_PEER of the same address, ERR_NOMEM.
 */
int parking_enter(struct parking *parking, const struct parked_who *who,
		  struct passwords *passwords, const char *user, const char *password);

/*
 * Whoever waits under @handle or as @client_id (each may be NULL) is gone. What was not begun is
 * dropped; what was comes out of parking_next() as gone, so that a failure still counts.
 */
void parking_forget(struct parking *parking, const void *handle, const char *client_id);

/* The next one whose job is done, yours: parked_free(). NULL: none. */
struct parked *parking_next(struct parking *parking);

void parked_free(struct parked *parked); /* NULL is fine */

#endif

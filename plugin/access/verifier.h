/*
 * verifier.h -- passwords checked on threads of their own.
 *
 * A key derivation takes a tenth of a second and more, for which other clients should not wait. A
 * job owns copies of all it needs, so that meanwhile the passwords may be reloaded and the client
 * may leave. Bounded: a job that finds no place is refused at once, which is better than a queue in
 * which clients time out before their turn.
 *
 * verifier_submit(), _cancel() and _take() are for one thread, the owner's.
 */
#ifndef PETSTORE_VERIFIER_H
#define PETSTORE_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access/password.h"
#include "base/diag.h"

#define VERIFIER_THREADS_MAX 8u
#define VERIFIER_PLACES_MAX 1024u

struct verifier;

struct verifier_options {
	unsigned threads; /* 1 .. VERIFIER_THREADS_MAX */
	size_t places;    /* jobs at a time, from submit to take: 1 .. VERIFIER_PLACES_MAX */
	/* Called on a thread of the verifier's after each finished job; may be NULL. */
	void (*wake)(void *ctx);
	void *ctx;
};

struct verifier_job {
	uint64_t number; /* never given twice */
	struct passwords *passwords;
	char *user;
	char *password; /* NUL-terminated, also where password_len counts others */
	size_t password_len;
	enum verdict verdict;             /* of passwords_check(), once it is taken */
	STAILQ_ENTRY(verifier_job) place; /* in a line: first in, first out */
};
STAILQ_HEAD(verifier_line, verifier_job);

int verifier_new(const struct verifier_options *options, struct verifier **ret,
		 struct diag *diag) MUST_CHECK;

/*
 * Waits for the jobs that are being worked at, at most one a thread; the others are dropped.
 * NULL is fine.
 */
void verifier_free(struct verifier *verifier);

/*
 * Asks passwords_check(). All is copied (the passwords are shared). 0 and the job's number in
 * *ret; ERR_BUSY where no place is free; ERR_LIMIT where the password is longer than
 * PASSWORD_MAX_BYTES, so that it needs no derivation to be wrong; ERR_NOMEM.
 */
int verifier_submit(struct verifier *verifier, struct passwords *passwords, const char *user,
		    const char *password, size_t password_len, uint64_t *ret);

/* Drops a job that has not begun. False: it has begun or is done, and verifier_take() will return
 * it. */
bool verifier_cancel(struct verifier *verifier, uint64_t number);

/* The next job that is done, yours: verifier_job_free(). NULL: none. Never waits for work. */
struct verifier_job *verifier_take(struct verifier *verifier);

void verifier_job_free(struct verifier_job *job); /* NULL is fine; wipes the password */

#endif

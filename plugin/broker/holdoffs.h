/*
 * holdoffs.h -- clients that were closed because of a publish, and may not connect again at once.
 *
 * A client whose publish could be neither kept nor refused is closed without an acknowledgement, so
 * that it sends the message again later (broker_answer()). If it connected at once, it would be
 * closed at once. So its CONNECTs are refused for a time, the hold-off: one second after the first
 * close, twice as long after each further close, half a minute at most. The count starts again
 * after a publish of the client was kept, or HOLDOFFS_FORGET_MS after the last hold-off ended.
 *
 * Clients are known by principal and client id, and login.c asks only after the client's proof, so
 * no client can hold off another. Bounded: beyond HOLDOFFS_CLIENTS a record of the principal with
 * the most records is replaced (base/fixedtable.h); its client may then connect sooner. Knows no
 * clock (milliseconds that never go back are an argument) and no broker. For one thread.
 */
#ifndef PETSTORE_HOLDOFFS_H
#define PETSTORE_HOLDOFFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/reason.h"

#define HOLDOFFS_CLIENTS 65536u
#define HOLDOFFS_FIRST_MS 1000
#define HOLDOFFS_MAX_MS 30000
#define HOLDOFFS_FORGET_MS 60000

struct holdoffs;

/* Allocates up to 4 MB, which the system gives as clients are held off. */
int holdoffs_new(struct holdoffs **ret, struct diag *diag) MUST_CHECK;
void holdoffs_free(struct holdoffs *holdoffs); /* NULL is fine */

/*
 * The client is closed now because a publish was refused for @reason. Returns for how many
 * milliseconds it is held off; 0 for the client id "", which identifies no client.
 */
int64_t holdoffs_close(struct holdoffs *holdoffs, const char *principal, const char *client_id,
		       enum reason reason, int64_t now_ms);

struct holdoff {
	int64_t wait_ms;    /* how long CONNECTs are still refused; 0: the client may connect */
	enum reason reason; /* of the last close */
};

/* Is there a record of the client? Then *ret is filled. */
bool holdoffs_find(const struct holdoffs *holdoffs, const char *principal, const char *client_id,
		   int64_t now_ms, struct holdoff *ret);

/* A publish of the client was kept: its record is removed. */
void holdoffs_forget(struct holdoffs *holdoffs, const char *principal, const char *client_id);

#endif

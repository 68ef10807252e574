/*
 * holdoffs.h -- which clients were closed over a publish, and may not come back at once.
 *
 * A client whose publish could be neither kept nor refused is closed unacknowledged, so that it
 * sends again when it is back (broker_answer()). If it were back at once it would be closed at
 * once: a hold-off is the time for which its CONNECTs are refused, a second after the first close,
 * twice as long after each further one, half a minute at most. It ends when a publish of the client
 * is kept, or HOLDOFFS_FORGET_MS after the last one was over.
 *
 * Clients are known by principal and client id, and only asked about when they proved who they are:
 * nobody holds off another. Bounded: beyond HOLDOFFS_CLIENTS the principal that has most loses its
 * own (base/fixedtable.h), and whose is lost may come back sooner. Knows no clock (milliseconds
 * that never go back are an argument) and no broker. For one thread.
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

/* Memory (4 MB at most) is touched as clients are held off. */
int holdoffs_new(struct holdoffs **ret, struct diag *diag);
void holdoffs_free(struct holdoffs *holdoffs); /* NULL is fine */

/*
 * @client_id of @principal is closed now, over a publish that was refused for @reason. Returns for
 * how many milliseconds it is held off; 0: it is not, its id names nobody ("").
 */
int64_t holdoffs_close(struct holdoffs *holdoffs, const char *principal, const char *client_id,
		       enum reason reason, int64_t now_ms);

struct holdoff {
	int64_t wait_ms;    /* for so long CONNECTs are refused; 0: it may come in */
	enum reason reason; /* of the last close */
};

/* Was the client closed, and is that not forgotten? Then *ret says what follows. */
bool holdoffs_find(const struct holdoffs *holdoffs, const char *principal, const char *client_id,
		   int64_t now_ms, struct holdoff *ret);

/* A publish of the client was kept: it begins anew. */
void holdoffs_forget(struct holdoffs *holdoffs, const char *principal, const char *client_id);

#endif

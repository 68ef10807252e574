/*
 * refusals.h -- every refusal gets its id, its words and its bounds here.
 *
 * Knows decisions, and how many notices a client may get; knows no broker, no log and no table:
 * what is prepared here goes to the log, to the ledger and to the client by broker/notify.c.
 */
#ifndef PETSTORE_REPORT_REFUSALS_H
#define PETSTORE_REPORT_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/percent.h"
#include "base/diag.h"
#include "base/refusal.h"
#include "gate/decision.h"
#include "report/decisionid.h"
#include "report/notice.h"

/*
 * Where notices go: this, the principal's level, "/" and the client's (base/percent.h). An id
 * alone would address whoever uses it.
 */
#define REFUSALS_TOPIC CONTRACT_NOTICES "/"
#define REFUSALS_TOPIC_MAX (sizeof(REFUSALS_TOPIC) + NOTICE_KEY_MAX)

struct refusals;

struct refusals_options {
	unsigned notices_per_second; /* for one client; 0: none are sent */
	size_t payload_bytes;        /* kept of a refused payload; 0: nothing */
};

int refusals_new(const struct refusals_options *options, struct refusals **ret, struct diag *diag);
void refusals_free(struct refusals *refusals); /* NULL is fine */

/*
 * Puts a refused or observed decision in words and gives it an id. *ret borrows from all
 * arguments, and its id from @refusals until the next call.
 */
void refusals_describe(struct refusals *refusals, const struct gate_request *request,
		       const struct decision *decision, const struct who *who, int64_t now_ms,
		       struct refusal *ret);

/* The same about a connection: @message is what was wrong. */
void refusals_describe_connect(struct refusals *refusals, enum reason reason, const char *message,
			       const struct who *who, int64_t now_ms, struct refusal *ret);

/* A message for the broker to send. */
struct refusals_notice {
	char topic[REFUSALS_TOPIC_MAX];
	size_t len;
	char text[NOTICE_MAX];
};

/*
 * Is a notice of @refusal to be sent? True is counted. None is sent about subscriptions and
 * connections (the client hears of these from the broker), to a client that proved to be nobody,
 * or whose name or id makes too long a level (base/percent.h), and beyond the bound, which is
 * made up for by refusals_held().
 */
bool refusals_may_tell(struct refusals *refusals, const struct refusal *refusal);

/* The notice of a refusal that refusals_may_tell() let through, as notice_print() makes it. */
void refusals_notice(const char *types, const struct refusal *refusal,
		     const struct schema_error *fault, size_t count, struct refusals_notice *ret);

/*
 * Notices that say how many were held back: call it now and then until it is false. Cheap
 * where nothing was.
 */
bool refusals_held(struct refusals *refusals, const char *types, int64_t now_ms,
		   struct refusals_notice *ret);

#endif

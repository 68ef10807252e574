/*
 * refusals.h -- gives a refusal its id and its texts, and limits notices.
 *
 * Knows decisions, and how many notices a client may get; knows no broker, no log and no table:
 * broker/notify.c passes the results on to the log, the ledger and the client.
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
 * The topic of a notice: this, the principal's level, "/" and the client id's (base/percent.h). The
 * principal is in it because any client may choose any client id.
 */
#define REFUSALS_TOPIC CONTRACT_NOTICES "/"
#define REFUSALS_TOPIC_MAX (sizeof(REFUSALS_TOPIC) + NOTICE_KEY_MAX)

struct refusals;

/*
 * @notices_per_second: for one client; 0: none are sent. @payload_bytes: kept of a refused payload;
 * 0: nothing.
 */
int refusals_new(unsigned notices_per_second, size_t payload_bytes, struct refusals **ret,
		 struct diag *diag) MUST_CHECK;
void refusals_free(struct refusals *refusals); /* NULL is fine */

/*
 * Puts a refused or observed decision in words and gives it an id. *ret borrows from all
 * arguments, and its id from @refusals until the next call.
 */
void refusals_describe(struct refusals *refusals, const struct gate_request *request,
		       const struct decision *decision, const struct who *who, int64_t now_ms,
		       struct refusal *ret);

/* The same for a refused connection; @message says what was wrong. */
void refusals_describe_connect(struct refusals *refusals, enum reason reason, const char *message,
			       const struct who *who, int64_t now_ms, struct refusal *ret);

/* A message for the broker to send. */
struct refusals_notice {
	char topic[REFUSALS_TOPIC_MAX];
	size_t len;
	char text[NOTICE_MAX];
};

/*
 * May a notice of @refusal be sent? True counts for the quota. False: for subscriptions and
 * connections, which the broker itself answers; for a client without a principal; where the
 * principal or client id is too long for a level (base/percent.h); and beyond the quota, which
 * refusals_held() reports later.
 */
bool refusals_may_tell(struct refusals *refusals, const struct refusal *refusal);

/* Makes the notice of a refusal, see notice_print(), after refusals_may_tell() was true. */
void refusals_notice(const char *types, const struct refusal *refusal,
		     const struct schema_error *fault, size_t count, struct refusals_notice *ret);

/*
 * The next notice that reports how many were held back; false: none. Call it from time to time
 * until it is false. Cheap where nothing was held back.
 */
bool refusals_held(struct refusals *refusals, const char *types, int64_t now_ms,
		   struct refusals_notice *ret);

#endif

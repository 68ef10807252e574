/*
 * notice.h -- a refusal as a problem document (RFC 9457), for the client that sent the message.
 *
 * Members: type (the contract's x-problem-types and a name, or "about:blank"), title and status,
 * as an HTTP API would answer; detail, one sentence;
 * instance, the topic as a relative URI reference; errors, where the payload was at fault, each
 * with field (a JSON Pointer), code (the schema's keyword) and message. Our own: reason (a code of
 * base/reason.h), decisionId, topic, qos, time, currentStatus (the status that the entity has, of
 * an illegal transition or of a step that was overruled), messageName (which message of the
 * contract it is nearest to, where its channel has several), observed (true where the message was
 * let through all the same) and closed (true where it was not acknowledged, and the client was
 * disconnected). schemas/refusal.schema.json describes it.
 */
#ifndef PETSTORE_REPORT_NOTICE_H
#define PETSTORE_REPORT_NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/percent.h"
#include "base/refusal.h"
#include "schema/schema.h"

/* Faults that one notice lists. */
#define NOTICE_FAULTS_MAX 8u

/* Bytes of a notice, NUL included; longer texts are cut. */
#define NOTICE_MAX 12544u

/* Bytes of "principal/client", the receiver of a notice, each as its level (base/percent.h). */
#define NOTICE_KEY_MAX (2 * PERCENT_LEVEL_MAX + 1)

#define NOTICE_CONTENT_TYPE "application/problem+json"

/*
 * Writes the document, one line and a NUL, to @ret (NOTICE_MAX bytes). Returns its length. @types:
 * the contract's x-problem-types, or NULL.
 * @fault: what is wrong with the payload, @count entries, of which the first
 * NOTICE_FAULTS_MAX are listed.
 */
size_t notice_print(const char *types, const struct refusal *refusal,
		    const struct schema_error *fault, size_t count, char *ret);

/*
 * Writes the document that reports that @count notices for @key ("principal/client") were held
 * back. reason is "notices-held-back", heldBack the number; there is no decisionId. As
 * notice_print().
 */
size_t notice_print_held(const char *types, const char *key, uint64_t count, int64_t time_ms,
			 char *ret);

#endif

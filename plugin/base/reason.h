/*
 * reason.h -- allow or refuse, and why: the names that all rooms and users use.
 *
 * The text codes are part of the product's interface (logs, notices, tables, metrics): a code
 * is never renamed and never used for something else.
 *
 * Each reason has a cause: what has to change before the same message is accepted. Where the
 * protocol has no code for a refusal, an acknowledgement means "kept", so the cause says whether
 * one may be sent (broker_answer()).
 */
#ifndef PETSTORE_REASON_H
#define PETSTORE_REASON_H

#include <stdbool.h>

/* The answer to a check. DENY is 0: a case that no rule covers is refused. */
enum verdict {
	VERDICT_DENY = 0,
	VERDICT_ALLOW = 1,
};

/*
 * What has to change before the same message is accepted.
 *
 * MESSAGE: the message, its topic or its sender breaks a rule of the contract or of the access
 * file. Sent again it is refused again; its sender can correct it. Where there is no code for a
 * refusal it is acknowledged, so that its sender does not send it for ever.
 *
 * PACE: it came too soon. Its sender can send more slowly. If its connection were closed, it would
 * send all unacknowledged messages again, which makes more messages, not fewer.
 *
 * TROUBLE: the plugin has a problem that passes: the disk is full, the database is locked, memory
 * ran out. Nothing is known to be wrong with the message, its sender can do nothing about it, and
 * sent again later it is kept. If it were acknowledged it would be lost.
 *
 * BOUND: the message costs more to check than the plugin allows. Nothing is known to be wrong with
 * it: the contract may well allow it. Its sender can do nothing about it; the author of the
 * contract can, and sent again after that it is kept.
 */
enum reason_cause {
	REASON_OF_MESSAGE,
	REASON_OF_PACE,
	REASON_OF_TROUBLE,
	REASON_OF_BOUND,
};

/* What kind of problem it is, as an HTTP API would answer (report/notice.h). */
enum reason_problem {
	PROBLEM_BROKEN,
	PROBLEM_UNAUTHORIZED,
	PROBLEM_FORBIDDEN,
	PROBLEM_NOT_FOUND,
	PROBLEM_INVALID,
	PROBLEM_TOO_MANY,
};

/*
 * X(enumerator, code, cause, problem, title for people). A publish is never refused with "allowed",
 * and with "overtaken" only that of a trusted peer. One that was accepted is "overruled"
 * afterwards, where brokers share a database.
 */
#define REASON_TABLE(X)                                                                            \
	X(REASON_INTERNAL, "internal-error", REASON_OF_TROUBLE, PROBLEM_BROKEN,                    \
	  "The plugin could not decide")                                                           \
	X(REASON_NONE, "allowed", REASON_OF_MESSAGE, PROBLEM_BROKEN, "Allowed")                    \
	X(REASON_IDENTITY_UNKNOWN, "identity-unknown", REASON_OF_MESSAGE, PROBLEM_UNAUTHORIZED,    \
	  "The client has no known identity")                                                      \
	X(REASON_TOPIC_UNKNOWN, "topic-unknown", REASON_OF_MESSAGE, PROBLEM_NOT_FOUND,             \
	  "No channel has this topic")                                                             \
	X(REASON_TOPIC_PARAMETER, "topic-parameter", REASON_OF_MESSAGE, PROBLEM_INVALID,           \
	  "A topic level is not what the channel asks")                                            \
	X(REASON_DIRECTION, "operation-missing", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,             \
	  "The channel has no such operation")                                                     \
	X(REASON_SCOPE_MISSING, "scope-missing", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,             \
	  "The client lacks the scope")                                                            \
	X(REASON_NOT_OWNER, "not-owner", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,                     \
	  "The entity belongs to someone else")                                                    \
	X(REASON_FILTER_UNREACHABLE, "filter-unreachable", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,   \
	  "The filter reaches nothing readable")                                                   \
	X(REASON_WILL_FORBIDDEN, "will-forbidden", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,           \
	  "The channel takes no last will")                                                        \
	X(REASON_QOS_TOO_LOW, "qos-too-low", REASON_OF_MESSAGE, PROBLEM_INVALID,                   \
	  "The QoS is below the channel's")                                                        \
	X(REASON_RETAIN_FORBIDDEN, "retain-forbidden", REASON_OF_MESSAGE, PROBLEM_INVALID,         \
	  "The channel forbids the retain flag")                                                   \
	X(REASON_RETAIN_REQUIRED, "retain-required", REASON_OF_MESSAGE, PROBLEM_INVALID,           \
	  "The channel requires the retain flag")                                                  \
	X(REASON_PAYLOAD_EMPTY, "payload-empty", REASON_OF_MESSAGE, PROBLEM_INVALID,               \
	  "The payload is empty")                                                                  \
	X(REASON_PAYLOAD_TOO_LARGE, "payload-too-large", REASON_OF_MESSAGE, PROBLEM_INVALID,       \
	  "The payload is too large")                                                              \
	X(REASON_PAYLOAD_NOT_JSON, "payload-not-json", REASON_OF_MESSAGE, PROBLEM_INVALID,         \
	  "The payload is not JSON")                                                               \
	X(REASON_SCHEMA_VIOLATION, "schema-violation", REASON_OF_MESSAGE, PROBLEM_INVALID,         \
	  "The payload is not what the schema asks")                                               \
	X(REASON_SCHEMA_LIMIT, "schema-limit", REASON_OF_BOUND, PROBLEM_INVALID,                   \
	  "The payload is too costly to check")                                                    \
	X(REASON_ID_MISMATCH, "id-mismatch", REASON_OF_MESSAGE, PROBLEM_INVALID,                   \
	  "The topic's id and the payload's differ")                                               \
	X(REASON_TRANSITION_ILLEGAL, "transition-illegal", REASON_OF_MESSAGE, PROBLEM_INVALID,     \
	  "The status cannot change like this")                                                    \
	X(REASON_OWNER_CHANGE, "owner-change", REASON_OF_MESSAGE, PROBLEM_INVALID,                 \
	  "The entity's owner cannot change")                                                      \
	X(REASON_STORE_UNAVAILABLE, "store-unavailable", REASON_OF_TROUBLE, PROBLEM_BROKEN,        \
	  "The write cannot be kept now")                                                          \
	X(REASON_RATE_EXCEEDED, "rate-exceeded", REASON_OF_PACE, PROBLEM_TOO_MANY,                 \
	  "Too many messages")                                                                     \
	X(REASON_TOPIC_TOO_LONG, "topic-too-long", REASON_OF_MESSAGE, PROBLEM_INVALID,             \
	  "The topic or filter is too long")                                                       \
	X(REASON_SHARE_PARTIAL, "share-partial", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,             \
	  "A shared filter reaches more than may be read")                                         \
	X(REASON_OVERTAKEN, "overtaken", REASON_OF_MESSAGE, PROBLEM_INVALID,                       \
	  "A newer status stands")                                                                 \
	X(REASON_STEP_SCOPE, "step-scope", REASON_OF_MESSAGE, PROBLEM_FORBIDDEN,                   \
	  "The client lacks the scope of this step")                                               \
	X(REASON_MESSAGE_AMBIGUOUS, "message-ambiguous", REASON_OF_MESSAGE, PROBLEM_INVALID,       \
	  "The payload fits several messages of the channel")                                      \
	X(REASON_HEADER_VIOLATION, "header-violation", REASON_OF_MESSAGE, PROBLEM_INVALID,         \
	  "The user properties are not what the schema asks")                                      \
	X(REASON_CORRELATION_ID, "correlation-id", REASON_OF_MESSAGE, PROBLEM_INVALID,             \
	  "The correlation id is missing or wrong")                                                \
	X(REASON_CONTENT_TYPE, "content-type", REASON_OF_MESSAGE, PROBLEM_INVALID,                 \
	  "The content type is not the message's")                                                 \
	X(REASON_PAYLOAD_FORMAT, "payload-format", REASON_OF_MESSAGE, PROBLEM_INVALID,             \
	  "The payload format indicator is not the message's")                                     \
	X(REASON_RESPONSE_TOPIC, "response-topic", REASON_OF_MESSAGE, PROBLEM_INVALID,             \
	  "The response topic cannot take the reply")                                              \
	X(REASON_OVERRULED, "overruled", REASON_OF_MESSAGE, PROBLEM_INVALID,                       \
	  "The step was overruled by another broker's")

enum reason {
#define X(name, code, cause, problem, title) name,
	REASON_TABLE(X)
#undef X
		REASON_COUNT,
};

/* The stable text code, a literal; "internal-error" for a number that is no reason. */
const char *reason_code(enum reason reason);

/* One short sentence without a full stop, a literal. */
const char *reason_title(enum reason reason);

/* REASON_OF_TROUBLE and PROBLEM_BROKEN for a number that is no reason. */
enum reason_cause reason_cause(enum reason reason);
enum reason_problem reason_problem(enum reason reason);

/* Is its cause TROUBLE or BOUND, so not the client's? Then the message is not acknowledged. */
bool reason_is_ours(enum reason reason);

/* The reason whose code is @code, or REASON_COUNT. */
enum reason reason_find(const char *code);

#endif

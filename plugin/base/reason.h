/*
 * reason.h -- allow or refuse, and why: the words every room and every user shares.
 *
 * The text codes are part of the product's interface (logs, notices, tables, metrics): a code
 * is never renamed and never used for something else.
 */
#ifndef PETSTORE_REASON_H
#define PETSTORE_REASON_H

/* The answer of a gate. DENY is 0, so that whatever was forgotten refuses. */
enum verdict {
	VERDICT_DENY = 0,
	VERDICT_ALLOW = 1,
};

/* X(enumerator, code, title for a person) */
#define REASON_TABLE(X)                                                                            \
	X(REASON_INTERNAL, "internal-error", "The plugin could not decide")                        \
	X(REASON_NONE, "allowed", "Allowed")                                                       \
	X(REASON_IDENTITY_UNKNOWN, "identity-unknown", "The client has no known identity")         \
	X(REASON_TOPIC_UNKNOWN, "topic-unknown", "No channel has this topic")                      \
	X(REASON_TOPIC_PARAMETER, "topic-parameter", "A topic level is not what the channel asks") \
	X(REASON_DIRECTION, "operation-missing", "The channel has no such operation")              \
	X(REASON_SCOPE_MISSING, "scope-missing", "The client lacks the scope")                     \
	X(REASON_NOT_OWNER, "not-owner", "The entity belongs to someone else")                     \
	X(REASON_FILTER_UNREACHABLE, "filter-unreachable", "The filter reaches nothing readable")  \
	X(REASON_WILL_FORBIDDEN, "will-forbidden", "The channel takes no last will")               \
	X(REASON_QOS_TOO_LOW, "qos-too-low", "The QoS is below the channel's")                     \
	X(REASON_RETAIN_FORBIDDEN, "retain-forbidden", "The channel forbids the retain flag")      \
	X(REASON_RETAIN_REQUIRED, "retain-required", "The channel requires the retain flag")       \
	X(REASON_PAYLOAD_EMPTY, "payload-empty", "The payload is empty")                           \
	X(REASON_PAYLOAD_TOO_LARGE, "payload-too-large", "The payload is too large")               \
	X(REASON_PAYLOAD_NOT_JSON, "payload-not-json", "The payload is not JSON")                  \
	X(REASON_SCHEMA_VIOLATION, "schema-violation", "The payload is not what the schema asks")  \
	X(REASON_SCHEMA_LIMIT, "schema-limit", "The payload is too costly to check")               \
	X(REASON_ID_MISMATCH, "id-mismatch", "The topic's id and the payload's differ")            \
	X(REASON_TRANSITION_ILLEGAL, "transition-illegal", "The status cannot change like this")   \
	X(REASON_OWNER_CHANGE, "owner-change", "The entity's owner cannot change")                 \
	X(REASON_STORE_UNAVAILABLE, "store-unavailable", "The write cannot be kept now")           \
	X(REASON_RATE_EXCEEDED, "rate-exceeded", "Too many messages")                              \
	X(REASON_TOPIC_TOO_LONG, "topic-too-long", "The topic or filter is too long")              \
	X(REASON_SHARE_PARTIAL, "share-partial", "A shared filter reaches more than may be read")  \
	X(REASON_OVERTAKEN, "overtaken", "A newer status stands")                                  \
	X(REASON_STEP_SCOPE, "step-scope", "The client lacks the scope of this step")

enum reason {
#define X(name, code, title) name,
	REASON_TABLE(X)
#undef X
		REASON_COUNT,
};

/* The stable text code, a literal; "internal-error" for a number that is none. */
const char *reason_code(enum reason reason);

/* One short sentence without a full stop, a literal. */
const char *reason_title(enum reason reason);

#endif

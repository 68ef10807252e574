/*
 * decision.h -- the gate, what it is asked and its answers: types only.
 *
 * All files of the gate include it: those that ask one question each, and gate.h, which asks them
 * in turn.
 */
#ifndef PETSTORE_GATE_DECISION_H
#define PETSTORE_GATE_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/login_method.h"
#include "base/message.h"
#include "base/reason.h"
#include "contract/contract.h"
#include "gate/properties.h"
#include "ledger/ledger_types.h"
#include "schema/schema.h"

struct ledger;
struct payload_parser;
struct payload_value;
struct rules;

/* As a gate_request's method: one that meets whatever an operation asks for. */
#define GATE_LOGIN_ANY LOGIN_METHODS

enum gate_action { GATE_PUBLISH, GATE_DELIVER, GATE_SUBSCRIBE, GATE_UNSUBSCRIBE };

/* Everything is borrowed for the call. */
struct gate_request {
	enum gate_action action;
	struct message message;
	/* GATE_DELIVER: the caller knows that the status is current or may be delivered anyway. */
	bool is_settled;
	/*
	 * GATE_PUBLISH: the message was accepted before. Asked is only whether the principal may
	 * still publish there: the rest was judged then, and the message itself changed the status.
	 */
	bool is_asked_again;
	/*
	 * GATE_PUBLISH by a trusted peer, where gate.is_shared: it was not accepted by a broker
	 * that keeps in the same database, so that this one must keep it.
	 */
	bool is_of_elsewhere;
	/* GATE_PUBLISH: it was accepted and is retained; the broker asks again whether its
	 * publisher may publish it (check_retain_source). */
	bool is_source;
	/* How the client that asks proved its principal; GATE_LOGIN_ANY: not known, and any will
	 * do. */
	enum login_method method;
	uint16_t port;          /* of the listener that its client is on; 0: not known */
	const char *client_id;  /* of the client that asks; NULL: it has none */
	const void *properties; /* GATE_PUBLISH: the broker's list; the gate does not look at it */
	/* GATE_PUBLISH: what is known of MQTT 5's properties; NULL: the broker shows none now. */
	const struct message_properties *shown;
};

/*
 * The questions about a request, in the order in which they are asked: X(step, name, group). The
 * mode of the group says whether a no refuses the request. A client without an identity is always
 * refused.
 */
#define GATE_STEP_TABLE(X)                                                                         \
	X(GATE_STEP_IDENTITY, "identity", CONTRACT_PERMISSION)                                     \
	X(GATE_STEP_TOPIC, "topic", CONTRACT_PERMISSION)                                           \
	X(GATE_STEP_SCOPE, "scope", CONTRACT_PERMISSION)                                           \
	X(GATE_STEP_LENGTH, "length", CONTRACT_LIMITS)                                             \
	X(GATE_STEP_PARAMETERS, "parameters", CONTRACT_SCHEMA)                                     \
	X(GATE_STEP_WILL, "will", CONTRACT_LIMITS)                                                 \
	X(GATE_STEP_SIZE, "size", CONTRACT_LIMITS)                                                 \
	X(GATE_STEP_JSON, "json", CONTRACT_SCHEMA)                                                 \
	X(GATE_STEP_SCHEMA, "schema", CONTRACT_SCHEMA)                                             \
	X(GATE_STEP_IDS, "ids", CONTRACT_SCHEMA)                                                   \
	X(GATE_STEP_PROPERTIES, "properties", CONTRACT_SCHEMA)                                     \
	X(GATE_STEP_REPLY, "reply", CONTRACT_PERMISSION)                                           \
	X(GATE_STEP_QOS, "qos", CONTRACT_LIMITS)                                                   \
	X(GATE_STEP_RETAIN, "retain", CONTRACT_LIMITS)                                             \
	X(GATE_STEP_OWN, "own", CONTRACT_PERMISSION)                                               \
	X(GATE_STEP_ENTITY, "entity", CONTRACT_TRANSITION)                                         \
	X(GATE_STEP_STEP, "step", CONTRACT_PERMISSION)                                             \
	X(GATE_STEP_TRANSITION, "transition", CONTRACT_TRANSITION)                                 \
	X(GATE_STEP_STORE, "store", CONTRACT_TRANSITION)

enum gate_step {
#define X(step, name, group) step,
	GATE_STEP_TABLE(X)
#undef X
		GATE_STEP_COUNT,
};

/* Inline, because each publish calls it some ten times; for a constant step it is a constant. */
static inline enum contract_group gate_step_group(enum gate_step step)
{
	switch (step) {
#define X(name, text, group)                                                                       \
	case name:                                                                                 \
		return group;
		GATE_STEP_TABLE(X)
#undef X
	case GATE_STEP_COUNT:
		break;
	}
	return CONTRACT_PERMISSION;
}

#define GATE_TOPIC_MEMO 256u

/*
 * What decisions are made with. Rules and ledger are borrowed. For one thread at a time.
 */
struct gate {
	const struct rules *rules;
	struct ledger *ledger; /* NULL: no entity is known, and nothing is kept */
	bool is_shared;        /* other brokers keep in the same database */
	/*
	 * Without a ledger: what is known of an entity, as ledger_look() says it. False: it can't
	 * be asked. NULL: nothing is known of any.
	 */
	bool (*look)(void *ctx, const struct entity *entity, const char *id, size_t len,
		     struct ledger_state *ret);
	void *look_ctx;
	struct payload_parser *parser;
	/* Of properties; NULL: the rules have no schema of one. */
	struct payload_parser *property_parser;
	struct payload_parser
		*event_parser; /* of CloudEvents in binary mode; NULL: there are none */
	/*
	 * The last topic that was matched: a publish is followed by its deliveries to
	 * subscribers, which have the same topic.
	 */
	struct contract_match memo;
	const char *memo_base; /* what the match's spans point into */
	size_t memo_len;       /* 0: empty */
	char memo_topic[GATE_TOPIC_MEMO];
	/* By group: 0: the contract's mode counts; else 1 + the mode that gate_force() set. */
	uint8_t forced[CONTRACT_GROUPS];
	bool is_forced; /* some forced[] is not 0 */
	/* The first fault that was only observed, while the decision goes on. */
	struct {
		enum reason reason;
		struct schema_error error;
		char current_status[ENTITY_STATUS_MAX];
	} first;
};

/* What scopes allow: nothing, only the principal's own entities, everything. */
enum gate_grant { GATE_NONE = 0, GATE_OWN, GATE_FULL };

/*
 * Are there rules about properties that the broker did not show? They are asked by deciding once
 * more, when it shows them.
 */
enum gate_open {
	GATE_OPEN_NOTHING = 0,
	GATE_OPEN_IF_PRESENT, /* a message without the property breaks none of them */
	GATE_OPEN,
};

struct decision {
	enum verdict verdict;
	enum reason reason; /* REASON_NONE where nothing was wrong */
	/*
	 * The fault is only observed: @verdict is ALLOW although @reason names a fault.
	 */
	bool is_observed;
	uint32_t asked;                         /* steps that were asked, bits by enum gate_step */
	uint32_t failed;                        /* steps that were answered with no, likewise */
	const struct contract_channel *channel; /* NULL where the topic has none */
	/*
	 * Of a publish: the channel's message that it is, or is nearest to where it is none. NULL:
	 * not known, as where the schema's group is off and there are several.
	 */
	const struct contract_message *kind;
	enum gate_open open;
	/*
	 * The fault in words, for people. "" strings where nothing was wrong, and for
	 * GATE_DELIVER: refused deliveries are many, and are not reported.
	 */
	struct schema_error error;
	/* For an illegal transition and a correction: the entity's status before the message. */
	char current_status[ENTITY_STATUS_MAX];
	/* The contract does not have this step, but the principal may correct the status. */
	bool is_correction;
	/*
	 * Some of what the message says of its entity is only observed to be wrong, and @write
	 * takes it over all the same: what stands counts once it is enforced. Only with @has_write.
	 */
	bool is_adopted;
	bool is_peer; /* a publish by the user of a bridge */
	/* By a peer that is trusted on the topic: another broker decided it, and it is kept as
	 * said.
	 */
	bool is_taken_over;
	/*
	 * The same where gate.is_shared, and the peer's broker may have kept it in the same
	 * database: nothing is to be written, and @write says what it means (ENTITY_NONE: it moves
	 * nothing).
	 */
	bool is_kept_there;
	/*
	 * Refused: a peer published where the plugin alone does. A notice about a notice might come
	 * back over the bridge, and so on.
	 */
	bool is_echo;
	bool is_repeat; /* the message has the current status; with has_write: other content */
	/*
	 * The publish is allowed and has to be written to the ledger: @write is set. Its strings
	 * point into the request, the rules and the parser, and are valid until the next decision.
	 */
	bool has_write;
	/*
	 * The publish changes only what is retained on the topic, or nothing where it is strict
	 * and the database is to be asked: @write is that. Never together with @has_write.
	 */
	bool has_retained;
	const struct payload_value *payload; /* NULL: not parsed; valid as long as @write */
	struct ledger_write write;
	struct value value[ENTITY_COLUMNS_MAX];
};

#endif

/*
 * decision.h -- what the gate answers, and what it works with: types only.
 *
 * Below all files of the gate: those that ask one question each, and gate.h, which asks them in
 * turn.
 */
#ifndef PETSTORE_GATE_DECISION_H
#define PETSTORE_GATE_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "contract/contract.h"
#include "gate/request.h"
#include "ledger/ledger_types.h"
#include "schema/schema.h"

struct ledger;
struct payload_parser;
struct payload_value;
struct rules;

/*
 * What is asked of a request, in the order in which it is asked: X(step, name, group). The
 * group's mode says whether an answer of no refuses; a client without identity is always
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

/* Inline, as each publish asks some ten times: a known step's group is a constant. */
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
 * What decisions are made with. The rules and the ledger are borrowed and may be exchanged
 * between decisions (gate_use()); one thread uses a gate at a time.
 */
struct gate {
	const struct rules *rules;
	struct ledger *ledger; /* NULL: nothing is known of any entity, nothing is kept */
	struct payload_parser *parser;
	/*
	 * The last topic that was matched: a message is judged once and then delivered to
	 * each of its subscribers, all under the same topic.
	 */
	struct contract_match memo;
	const char *memo_base; /* what the match's spans point into */
	size_t memo_len;       /* 0: empty */
	char memo_topic[GATE_TOPIC_MEMO];
	/* A mode and 1 in the place of the contract's, see gate_force(); 0: as the contract says.
	 */
	uint8_t forced[CONTRACT_GROUPS];
	bool is_forced; /* one of them is */
	/* The first thing that was wrong, while observed ones are passed over. */
	struct {
		enum reason reason;
		struct schema_error error;
		char current_status[ENTITY_STATUS_MAX];
	} first;
};

enum gate_grant { GATE_NONE = 0, GATE_OWN, GATE_FULL };

struct decision {
	enum verdict verdict;
	enum reason reason; /* REASON_NONE where nothing was wrong */
	/*
	 * What was wrong is only observed: @verdict is ALLOW although @reason would have refused.
	 */
	bool is_observed;
	uint32_t asked;                         /* steps, as bits by enum gate_step */
	uint32_t failed;                        /* those of them that were answered with no */
	const struct contract_channel *channel; /* NULL where the topic has none */
	/*
	 * Why, for a person; filled in where something was wrong and the action is not
	 * GATE_DELIVER (nobody reads those, and there may be many). Strings are "" otherwise.
	 */
	struct schema_error error;
	/* The status that the entity has, of an illegal transition and of a correction. */
	char current_status[ENTITY_STATUS_MAX];
	/* A step that is not the contract's, taken by a principal that may correct: @current_status
	 * is what it was. */
	bool is_correction;
	bool is_repeat; /* it says the entity's current status; has_write: with other content */
	/*
	 * What an allowed publish means for the ledger; unset where @has_write is false. The
	 * strings in it point into the request, the rules and the parser: good until the next
	 * decision.
	 */
	bool has_write;
	/*
	 * Nothing but what is retained on the topic changes: @write says only that. Never together
	 * with @has_write.
	 */
	bool has_retained;
	const struct payload_value *payload; /* NULL where it was not parsed; as good as @write */
	struct ledger_write write;
	struct value value[ENTITY_COLUMNS_MAX];
};

#endif

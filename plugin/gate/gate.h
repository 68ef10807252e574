/*
 * gate.h -- the decision: may this happen?
 *
 * gate_decide() is the one function that everything in this product is built around. The
 * broker's callbacks, petstorectl, the unit tests, the fuzzers and the benchmark call it, and
 * nothing else decides. It asks the contract, access, schema and ledger rooms in turn, which
 * do not know each other; it has no side effect, allocates nothing that outlives it, knows
 * no broker, and never logs. What happens with the answer is the caller's business.
 */
#ifndef PETSTORE_GATE_H
#define PETSTORE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/message.h"
#include "base/reason.h"
#include "contract/contract.h"
#include "ledger/ledger.h"
#include "gate/rules.h"
#include "schema/payload.h"
#include "schema/schema.h"

#define GATE_TOPIC_MEMO 256u

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

/* "transition"; a literal. */
const char *gate_step_name(enum gate_step step);

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

/*
 * What decisions are made with. The rules and the ledger are borrowed and may be exchanged
 * between decisions (gate_rules()); one thread uses a gate at a time.
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
		char standing[ENTITY_STATUS_MAX];
	} first;
};

/* On failure @ret needs no clearing. */
int gate_init(struct gate *ret, const struct rules *rules, struct ledger *ledger,
	      struct diag *diag);
void gate_clear(struct gate *gate);

/* The mode that a group of rules is under; @channel NULL: of a topic that has none. */
static inline enum contract_mode gate_mode(const struct gate *gate,
					   const struct contract_channel *channel,
					   enum contract_group group)
{
	if (gate->forced[group])
		return (enum contract_mode)(gate->forced[group] - 1);
	return channel ? channel->mode[group] : contract_mode(gate->rules->contract)[group];
}

/*
 * Puts a group of rules under @mode on all channels, whatever the contract says, until other
 * rules are put in force. Who may do what (CONTRACT_PERMISSION) is not to be forced: false.
 */
bool gate_force(struct gate *gate, enum contract_group group, enum contract_mode mode);

/* Puts other rules in force. On failure the old ones stay. */
int gate_use(struct gate *gate, const struct rules *rules, struct diag *diag);

enum gate_action { GATE_PUBLISH, GATE_DELIVER, GATE_SUBSCRIBE, GATE_UNSUBSCRIBE };

/* Everything is borrowed for the call. */
struct gate_request {
	enum gate_action action;
	struct message message;
	/* GATE_DELIVER: that the message says what stands, or may be handed out all the same, is
	 * known. */
	bool is_settled;
	/*
	 * GATE_PUBLISH: it was accepted before. May the principal still publish there? Nothing else
	 * is asked: what it says was judged then, and where its entity stands is its own doing.
	 */
	bool is_asked_again;
	/* GATE_PUBLISH: it was accepted and is retained; may its publisher have it handed out? */
	bool is_source;
	const char *client_id;  /* of the client that asks; NULL: it has none */
	const void *properties; /* GATE_PUBLISH: the broker's list, of no interest to the gate */
};

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
	/* The status that stands, of an illegal transition and of a correction. */
	char standing[ENTITY_STATUS_MAX];
	/* A step that is not the contract's, taken by who may correct: @standing is what stood. */
	bool is_correction;
	bool is_repeat; /* it says the status that stands; has_write: with other content */
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

/*
 * Decides. @principal NULL is a client without identity and is refused. The result is in @ret,
 * always complete; the caller adds publisher, client and time to an implied write.
 */
void gate_decide(struct gate *gate, const struct access_principal *principal,
		 const struct gate_request *request, struct decision *ret);

/*
 * Everything that a payload was refused or observed for: a decision stops at the first fault,
 * this goes on, and is for those who tell of it. At most @max to @ret, of which the first is
 * @decision->error; returns how many, 0 where it was not a member of the payload that was
 * wrong. @decision was made under @rules and is the last that its gate made.
 */
size_t gate_faults(const struct rules *rules, const struct decision *decision,
		   struct schema_error *ret, size_t max);

/*
 * A number for the entity, and its status, that the topic asked about last moves; 0: it moves
 * none. Two entities may have the same, which nobody can bring about who lacks @seed.
 */
uint64_t gate_entity_key(const struct gate *gate, uint64_t seed);

/*
 * Does @request, of a channel that moves a status, say the one that stands? True, too, where it
 * can't be told.
 */
bool gate_is_current(struct gate *gate, const struct gate_request *request);

/*
 * Is @request, but for its times, what the channel that moves a status said last of its entity?
 * True, too, where it can't be told. May cost an indexed read.
 */
bool gate_is_last(struct gate *gate, const struct gate_request *request);

enum gate_grant { GATE_NONE = 0, GATE_OWN, GATE_FULL };

/*
 * What the principal's scopes are worth for an operation of @match's channel: nothing, its own
 * entities, all. A wildcard in @match stands for any value.
 */
enum gate_grant gate_grant(const struct access_principal *principal,
			   const struct contract_operation *operation,
			   const struct contract_match *match);

#endif

/*
 * judgement.h -- one decision while it is being made.
 *
 * For the gate's own files only. Each question is a function that takes the judgement and returns
 * true, or calls judgement_refuse() with the reason and returns false. judgement_ask() applies the
 * contract's mode to a question: it skips it, or only observes a no, or refuses. gate.c has their
 * order.
 */
#ifndef PETSTORE_GATE_JUDGEMENT_H
#define PETSTORE_GATE_JUDGEMENT_H

#include <string.h>

#include "access/access.h"
#include "gate/decision.h"
#include "gate/rules.h"
#include "ledger/ledger.h"
#include "schema/payload.h"

struct judgement {
	struct gate *gate;
	const struct access_principal *principal;
	const struct gate_request *request;
	struct decision *decision;
	const struct contract_match *match; /* its channel is NULL until it is found */
	/*
	 * The operation that admits the publish, whose QoS and retain count; NULL until it is
	 * known. Where a channel has several, kinds.c finds it among those that admit the
	 * principal, of which these are the bits; the second's are for its own entities only.
	 */
	const struct contract_operation *operation;
	uint64_t admit_full, admit_own;
	bool is_property_tried; /* whether they fit a message is all that is asked, not why */
	int64_t property_work;  /* what is left for the properties, of all messages together */
	const struct payload_value *payload; /* NULL until parsed */
	enum contract_mode
		mode[CONTRACT_GROUPS]; /* of the channel's rules, once it is found; for a topic
					  without a channel the document's defaults */
	bool is_trusted;    /* a peer's message, which is taken over as its broker decided it */
	bool is_own_needed; /* the scope is for the principal's own entities only */
	bool is_repeat;     /* the message has the entity's current status */
	bool is_same;       /* and nothing but its times differs from the last message */
	/* The channel's; NULL until entity_rules_begin(). */
	const struct contract_mapping *mapping;
	struct contract_span id; /* the entity's, in the request's topic */
	bool has_state;          /* @state is set */
	const char *status;      /* in the payload; not NUL-terminated */
	size_t status_len;
	int from, to; /* statuses, as indexes of the state machine's; -1: none, or unknown to it */
	uint64_t content;          /* repeat_content(), where is_repeat */
	struct ledger_state state; /* of the entity, where has_state */
	uint64_t unique;           /* as in struct ledger_write */
};

typedef bool judgement_question(struct judgement *j);

/* Before the first question; what is not set here is set by the question that finds it. */
static inline void judgement_begin(struct judgement *ret, struct gate *gate,
				   const struct access_principal *principal,
				   const struct gate_request *request, struct decision *decision)
{
	static const struct contract_match nowhere;

	/* One by one: to clear all of it first costs more than the questions of a delivery. */
	ret->gate = gate;
	ret->principal = principal;
	ret->request = request;
	ret->decision = decision;
	ret->match = &nowhere;
	ret->operation = NULL;
	ret->property_work = SCHEMA_MESSAGE_WORK;
	ret->is_property_tried = false;
	ret->admit_full = ret->admit_own = 0;
	ret->payload = NULL;
	memset(ret->mode, 0, sizeof(ret->mode)); /* CONTRACT_ENFORCE */
	ret->is_own_needed = ret->is_repeat = ret->is_same = ret->has_state = false;
	ret->is_trusted = false;
	ret->id.text = NULL;
	ret->unique = 0;
}

/* Records that a fault is only observed: keeps the first one in the gate. Returns true. */
bool judgement_observe(struct judgement *j) __attribute__((cold));

/* Records that @step was answered with no. True: @group is only observed, the decision goes on. */
bool judgement_failed(struct judgement *j, enum gate_step step, enum contract_group group)
	__attribute__((cold));

/* judgement_ask() under the mode of @group. */
static inline bool judgement_ask_as(struct judgement *j, enum gate_step step,
				    enum contract_group group, judgement_question *question)
{
	if (j->mode[group] == CONTRACT_OFF)
		return true;
	j->decision->asked |= 1u << step;
	return question(j) || judgement_failed(j, step, group);
}

/* Asks @question under the mode of @step's group. False: refused, the decision ends. */
static inline bool judgement_ask(struct judgement *j, enum gate_step step,
				 judgement_question *question)
{
	return judgement_ask_as(j, step, gate_step_group(step), question);
}

/*
 * Stores the reason and its text. Always false, so that a question ends in `return
 * judgement_refuse(...)`. Cold, like all functions that explain: the compiler then keeps the code
 * of refusals apart, and an accepted message needs fewer fetches of code.
 */
bool judgement_refuse(struct judgement *j, enum reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Sets the place of the fault: the payload's top-level member @member, or what @pointer (RFC 6901)
 * names; @keyword is the rule. */
void judgement_point_member(struct judgement *j, const char *member, const char *keyword)
	__attribute__((cold));
void judgement_point(struct judgement *j, const char *pointer, const char *keyword)
	__attribute__((cold));

/* Refuses because the entity's table does not have all that the contract needs yet. Returns false.
 */
bool judgement_lack(struct judgement *j, const char *table) __attribute__((cold));

/*
 * Looks an entity up; without a ledger, and with an id of more than ENTITY_ID_MAX bytes, every
 * entity is unknown. False: refused, because the store can't be asked.
 */
bool judgement_look(struct judgement *j, const struct entity *entity, const char *id, size_t len,
		    struct ledger_state *ret);

/*
 * What the contract asks of a publish on a channel, once it is known that the client may publish
 * there; sets the write that it implies. False: refused. In gate.c.
 */
bool judgement_message(struct judgement *j);

/* ---- permission.c ------------------------------------------------------------------------ */

/* The channel of a topic. A topic that is the same as the last one costs no search. */
const struct contract_match *permission_channel(struct gate *gate, const char *topic, size_t len);

judgement_question permission_topic; /* has the topic a channel? */
judgement_question permission_scope; /* does some scope allow the action? sets is_own_needed */
/* Is it about a topic of the plugin's commands, and by one that may give some? Allowed, then. */
judgement_question command_rules_admit __attribute__((cold));
judgement_question permission_params; /* are the topic's parameters valid? */
judgement_question permission_own;    /* where is_own_needed: is it the principal's own? */

/* The least that is allowed on all topics that the wildcards in @match stand for. */
enum gate_grant permission_grant_all(const struct judgement *j,
				     const struct contract_operation *operation,
				     const struct contract_match *match);

/* What @scope allows the principal on the request's topic. */
enum gate_grant permission_holds(const struct judgement *j, unsigned scope);

/* What the principal's scopes allow it to receive on @match's channel. */
enum gate_grant permission_receive(const struct judgement *j, const struct contract_match *match);

/* Does the principal own the entity of @match? False for a wildcard in place of the id. */
bool permission_is_own(struct judgement *j, const struct contract_match *match);

/* How the client is connected, as far as "security" asks. */
struct permission_login {
	enum login_method method;
	uint16_t port; /* of a server of the contract; 0: not known, or of none */
};

/* As gate_grant(). */
enum gate_grant permission_best(const struct rules *rules, const struct access_principal *principal,
				struct permission_login login,
				const struct contract_operation *operation, size_t count,
				const struct contract_match *match);

/*
 * Refuses because none of @count operations admits the principal; says what the first asks for.
 * Returns false.
 */
bool permission_refuse(struct judgement *j, const struct contract_operation *operation,
		       size_t count) __attribute__((cold));

/* ---- message_rules.c --------------------------------------------------------------------- */

judgement_question message_rules_length; /* of topic or filter, by the contract and the roles */
judgement_question message_rules_size;
judgement_question message_rules_json;   /* parses: sets payload */
judgement_question message_rules_schema; /* of the decision's kind of message */

/* Refuses because the payload can't be read as @format. Returns false. */
bool message_rules_refuse(struct judgement *j, enum contract_format format,
			  const struct payload_error *error) __attribute__((cold));

/*
 * Is the payload what the decision's kind asks, a message of JSON with a schema? Asks all
 * questions about it, from its size to its ids. False: refused.
 */
bool message_rules_payload(struct judgement *j);

/* Asks for JSON, where the schema's or the transition's group is on: the status is in the payload.
 */
bool message_rules_ask_json(struct judgement *j);

judgement_question message_rules_ids; /* has the payload the topic's ids? */
judgement_question message_rules_will;
judgement_question message_rules_qos;
judgement_question message_rules_retain;

/* The value that RFC 6901 pointer @pointer names; through objects only. NULL: there is none. */
const struct payload_value *message_rules_at(const struct payload_value *value, const char *pointer)
	__attribute__((noinline));

/* ---- kinds.c ----------------------------------------------------------------------------- */

/*
 * As message_rules_payload(), on a channel where it has to be worked out which of its messages the
 * publish is. Sets the decision's kind, and the operation as kinds_operation() does.
 */
bool kinds_payload(struct judgement *j) __attribute__((noinline));

/*
 * Of the operations that admit the principal and the decision's kind (any message, where that is
 * NULL): the one that takes the publish's QoS and retain, else the nearest. Sets is_own_needed,
 * too.
 */
void kinds_operation(struct judgement *j) __attribute__((noinline));

/* ---- property_rules.c -------------------------------------------------------------------- */

/* Are the properties what the contract says? Needs the decision's kind, with its properties. */
judgement_question property_rules_check;

/*
 * Rules about properties that are not shown can't be checked now. False: refused, because it is a
 * last will that breaks them without the properties (GATE_OPEN).
 */
bool property_rules_wait(struct judgement *j, enum gate_open open) __attribute__((cold));

/* ---- reply_rules.c ----------------------------------------------------------------------- */

/* Is the topic for the reply one that can take it? Needs the operation, with its reply. */
judgement_question reply_rules_check;

/* ---- peer_rules.c ------------------------------------------------------------------------ */

/*
 * Of a publish by a peer, before anything else is asked: is it what no peer may publish (false:
 * refused), or the state of its own bridge (*is_done: allowed, there is nothing more to ask)? Sets
 * is_trusted.
 */
bool peer_rules_begin(struct judgement *j, bool *is_done) __attribute__((cold, noinline));

/*
 * A step to the status @j->to is said on a topic on which the peer is trusted. False: it is no
 * status of the state machine; or the contract does not have the step and the same message was
 * accepted before: then it is an old one that came again, as retained ones do when a bridge
 * connects.
 */
bool peer_rules_step(struct judgement *j) __attribute__((cold, noinline));

/* ---- unlisted_rules.c -------------------------------------------------------------------- */

/* Does @way admit the principal, where x-unlisted is "pass"? */
bool unlisted_rules_admit(const struct contract_unlisted_way *way,
			  const struct access_principal *principal);

/*
 * Is the request's topic, which no channel has, one that x-unlisted lets the principal use? Where
 * that is only observed the answer is no, and the mode of permissions is made so.
 */
bool unlisted_rules_topic(struct judgement *j) __attribute__((cold, noinline));

/*
 * Has the filter some topic that no channel has, and which the principal may receive? Deliveries
 * are judged again. *is_observed: it may because nobody is refused, which is to be reported.
 */
bool unlisted_rules_filter(const struct judgement *j, bool *is_observed)
	__attribute__((cold, noinline));

/* Would a shared filter take from its group what others may receive on unlisted topics? */
bool unlisted_rules_swallows(const struct judgement *j) __attribute__((cold, noinline));

#define UNLISTED_WHY_MAX 160u

/* Why the principal may not use an unlisted topic: "; ...", or "" where none is open to anybody. */
void unlisted_rules_why(const struct judgement *j, char ret[static UNLISTED_WHY_MAX])
	__attribute__((cold, noinline));

/* Does a publish on an unlisted topic keep to the documents' limits? True of other topics. */
bool unlisted_rules_limits(struct judgement *j) __attribute__((cold, noinline));

/* ---- entity_rules.c ---------------------------------------------------------------------- */

/*
 * Begins a publish to a channel with an entity: sets @j's mapping and id, and starts to bring what
 * entity_rules_check() will read into the processor's caches (ledger_expect()).
 */
void entity_rules_begin(struct judgement *j);

/*
 * May the message act on the entity and change its status? For channels with a mapping, after the
 * payload was parsed. Collects the values that an accepted message writes. False: refused.
 */
bool entity_rules_check(struct judgement *j);

/*
 * Does a delivered message have the entity's current status? True, too, where the message has no
 * status of the state machine, or the entity is unknown. Not inlined: most deliveries don't ask.
 */
bool entity_rules_current(struct judgement *j) __attribute__((noinline));

/*
 * Takes over what a trusted peer says of the entity: as entity_rules_check(), but nobody's right to
 * it is asked for, nor whether the contract has the step. False: refused.
 */
bool entity_rules_take_over(struct judgement *j) __attribute__((cold, noinline));

/*
 * Reads what such a message says of the entity into the decision's write, where the entity itself
 * is not asked about: it was decided, and kept in the same database.
 */
void entity_rules_read(struct judgement *j) __attribute__((cold, noinline));

judgement_question entity_rules_store; /* could the write be kept now? */

/*
 * Has the database, which is shared, an accepted message before it is acknowledged? Few channels
 * are strict: the rest is out of line, and of those no more is asked.
 */
bool entity_rules_shares(const struct judgement *j) __attribute__((cold, noinline));
static inline bool entity_rules_is_strict(const struct judgement *j)
{
	return __builtin_expect(j->match->channel->is_strict, false) && entity_rules_shares(j);
}

/* Completes the decision's write with topic, payload and the like from the request. */
void entity_rules_describe(struct judgement *j);

/* ---- adopt.c ----------------------------------------------------------------------------- */

/*
 * @failed: the questions of the schema and the transition that the message fails, which is only
 * observed. True: what it says of its entity can be told all the same, and differs from what is
 * known of it. The decision takes that over, and is_adopted.
 */
bool adopt_observed(struct judgement *j, uint32_t failed) __attribute__((cold, noinline));

/*
 * Of a payload that may break the schema: members that are not of their column's type stay what
 * they were, and so does a link that is no id.
 */
void adopt_drop_unfit(struct judgement *j) __attribute__((cold, noinline));

/* ---- repeat.c ---------------------------------------------------------------------------- */

/*
 * A hash of the parsed message without its times; always odd. The ledger keeps it where no event
 * will have the message. Needs a ledger.
 */
uint64_t repeat_content(const struct judgement *j) __attribute__((noinline));

/*
 * Does the state machine allow this repeat? Sets is_same and content of the judgement. False:
 * refused. Not inlined: most messages are steps.
 */
bool repeat_check(struct judgement *j) __attribute__((noinline));

/* The same of a trusted peer's, whatever the state machine allows. */
void repeat_take_over(struct judgement *j) __attribute__((cold, noinline));

/*
 * Is the message the same as the last accepted one of its channel and entity? True, too, where that
 * is unknown. What is not in the ledger's memory is read from the topic's newest event.
 */
bool repeat_is_last(struct judgement *j) __attribute__((cold, noinline));

/* Computes j->unique, for a channel with x-unique. True: an event has this number already. */
bool repeat_is_said(struct judgement *j) __attribute__((noinline));

/* ---- subscription.c ---------------------------------------------------------------------- */

/* To be asked after the modes are known and the filter's length was checked. */
judgement_question subscription_judge;

#endif

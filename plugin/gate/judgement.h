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
	const struct contract_match *match;       /* its channel is NULL until it is found */
	const struct payload_value *payload;      /* NULL until parsed */
	enum contract_mode mode[CONTRACT_GROUPS]; /* of the channel's rules, once it is found */
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

/* The mode of a group of rules; for a topic without a channel the document's defaults. */
static inline enum contract_mode judgement_mode(const struct judgement *j,
						enum contract_group group)
{
	return j->mode[group];
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
	if (judgement_mode(j, group) == CONTRACT_OFF)
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
 * Looks an entity up; without a ledger every entity is unknown. False: refused, because the store
 * can't be asked.
 */
bool judgement_look(struct judgement *j, const struct entity *entity, const char *id, size_t len,
		    struct ledger_state *ret);

#endif

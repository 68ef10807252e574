/*
 * judgement.h -- one decision while it is being made.
 *
 * For the files behind gate.h only. Each question is a function of the judgement that answers
 * yes, or no after it said why with judgement_refuse(); judgement_ask() puts it, or leaves it
 * out, or lets a no pass, as the contract's modes want it. gate.c has the order of them.
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
	const struct contract_match *match;       /* with no channel until the topic's is found */
	const struct payload_value *payload;      /* NULL until parsed */
	enum contract_mode mode[CONTRACT_GROUPS]; /* of the channel's rules, once it is found */
	bool is_own_needed; /* the scope holds for the principal's own entities only */
	bool is_repeat;     /* the entity has the status that the message says */
	bool is_same;       /* and nothing but the time differs from what was said last */
	const struct contract_mapping
		*mapping;        /* of the channel, once it is asked about an entity */
	struct contract_span id; /* of the entity that a publish is about, in the request's topic */
	bool has_state;
	const char *status; /* that the payload says; not NUL-terminated */
	size_t status_len;
	int from, to; /* statuses, as indexes of the machine's; -1: none, or none that it knows */
	uint64_t content;          /* repeat_content() of a repeat, where is_repeat */
	struct ledger_state state; /* of the entity, where has_state */
	uint64_t unique;           /* as in struct ledger_write */
};

typedef bool judgement_question(struct judgement *j);

/* The mode of a group of rules; a topic of no channel is under the document's own modes. */
static inline enum contract_mode judgement_mode(const struct judgement *j,
						enum contract_group group)
{
	return j->mode[group];
}

/* What is wrong is only observed: the first of it is remembered, and the way is free: true. */
bool judgement_observe(struct judgement *j) __attribute__((cold));

/* @step was answered with no: is the way free all the same, as @group is only observed? */
bool judgement_failed(struct judgement *j, enum gate_step step, enum contract_group group)
	__attribute__((cold));

/* judgement_ask() under another group's mode. */
static inline bool judgement_ask_as(struct judgement *j, enum gate_step step,
				    enum contract_group group, judgement_question *question)
{
	if (judgement_mode(j, group) == CONTRACT_OFF)
		return true;
	j->decision->asked |= 1u << step;
	return question(j) || judgement_failed(j, step, group);
}

/* Asks @question as @step's group wants it. False: refused, and there is no more to ask. */
static inline bool judgement_ask(struct judgement *j, enum gate_step step,
				 judgement_question *question)
{
	return judgement_ask_as(j, step, gate_step_group(step), question);
}

/*
 * Says why not. Always false, so that a question ends in `return judgement_refuse(...)`. Cold, as
 * are the others that explain: what leads to them is then apart from the code for a message that
 * is accepted, which is that much less to be fetched for each.
 */
bool judgement_refuse(struct judgement *j, enum reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* What judgement_refuse() says is about this top-level member of the payload, or about what
 * @pointer (RFC 6901) names. */
void judgement_point_member(struct judgement *j, const char *member, const char *keyword)
	__attribute__((cold));
void judgement_point(struct judgement *j, const char *pointer, const char *keyword)
	__attribute__((cold));

/* Refuses since the entity's table is not as the contract needs it yet. */
bool judgement_lack(struct judgement *j, const char *table) __attribute__((cold));

/*
 * Looks an entity up; without a ledger nothing is known of any. False: refused, the store can't
 * be asked.
 */
bool judgement_look(struct judgement *j, const struct entity *entity, const char *id, size_t len,
		    struct ledger_state *ret);

#endif

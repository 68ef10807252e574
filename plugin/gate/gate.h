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

#include "base/diag.h"
#include "gate/decision.h"
#include "gate/rules.h"
#include "ledger/ledger.h"

/* "transition"; a literal. */
const char *gate_step_name(enum gate_step step);

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
	return channel ? channel->mode[group] : gate->rules->contract->defaults.mode[group];
}

/*
 * Puts a group of rules under @mode on all channels, whatever the contract says, until other
 * rules are put in force. Who may do what (CONTRACT_PERMISSION) is not to be forced: false.
 */
bool gate_force(struct gate *gate, enum contract_group group, enum contract_mode mode);

/* Puts other rules in force. On failure the old ones stay. */
int gate_use(struct gate *gate, const struct rules *rules, struct diag *diag);

/*
 * Decides. @principal NULL is a client without identity and is refused. The result is in @ret,
 * always complete; the caller adds publisher, client and time to an implied write.
 */
void gate_decide(struct gate *gate, const struct access_principal *principal,
		 const struct gate_request *request, struct decision *ret);

/*
 * Everything that a payload was refused or observed for: a decision stops at the first fault,
 * this goes on, and is for reports. At most @max to @ret, of which the first is
 * @decision->error; returns how many, 0 where it was not a member of the payload that was
 * wrong. @decision was made under @rules and is the last that its gate made.
 */
size_t gate_faults(const struct rules *rules, const struct decision *decision,
		   struct schema_error *ret, size_t max);

/*
 * A number for the entity, and its status, that @message's topic moves; 0: it moves none. Two
 * entities may have the same, which nobody can bring about without @seed.
 */
uint64_t gate_entity_key(struct gate *gate, const struct message *message, uint64_t seed);

/*
 * Does @request, of a channel that moves a status, say the current one? True, too, where that
 * is not known.
 */
bool gate_is_current(struct gate *gate, const struct gate_request *request);

/*
 * Is @request, but for its times, what the channel that moves a status said last of its entity?
 * True, too, where that is not known. May cost an indexed read.
 */
bool gate_is_last(struct gate *gate, const struct gate_request *request);

/*
 * What the principal's scopes are worth for an operation of @match's channel: nothing, its own
 * entities, all. A wildcard in @match stands for any value.
 */
enum gate_grant gate_grant(const struct access_principal *principal,
			   const struct contract_operation *operation,
			   const struct contract_match *match);

#endif

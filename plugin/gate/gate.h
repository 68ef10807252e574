/*
 * gate.h -- the decision: may this happen?
 *
 * gate_decide() makes all decisions: the broker's events, petstorectl, the unit tests, the fuzzers
 * and the benchmark call it. It asks the rooms contract, access, schema and ledger in turn, which
 * do not know each other. It has no side effect, keeps no memory that it allocates, knows no
 * broker, and never logs. The caller acts on the decision.
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

/* The step's name, such as "transition", a literal. "" for a number that is no step. */
const char *gate_step_name(enum gate_step step);

/* @rules and @ledger (may be NULL) are borrowed. On failure @ret needs no clearing. */
int gate_init(struct gate *ret, const struct rules *rules, struct ledger *ledger,
	      struct diag *diag) MUST_CHECK;
void gate_clear(struct gate *gate);

/* The mode of a group of rules on @channel; NULL: on topics without a channel. */
static inline enum contract_mode gate_mode(const struct gate *gate,
					   const struct contract_channel *channel,
					   enum contract_group group)
{
	if (gate->forced[group])
		return (enum contract_mode)(gate->forced[group] - 1);
	return channel ? channel->mode[group] : gate->rules->contract->defaults.mode[group];
}

/*
 * Sets the mode of a group of rules on all channels, whatever the contract says, until a gate
 * is made of other rules. False: CONTRACT_PERMISSION can't be forced.
 */
bool gate_force(struct gate *gate, enum contract_group group, enum contract_mode mode);

/*
 * Decides. @principal NULL: a client without an identity, which is refused. *ret is always
 * complete; the caller adds publisher, client and time to its write.
 */
void gate_decide(struct gate *gate, const struct access_principal *principal,
		 const struct gate_request *request, struct decision *ret);

/*
 * Before a publish is refused because of what is known of its entity, in a database that brokers
 * share: reads it, and the entity that has its owner, where that was not done in the last @age_ms.
 * 1: something else is known now: decide again. 0: it is not. Negative: the database can't be
 * asked.
 */
int gate_confirm(struct gate *gate, const struct message *message, unsigned age_ms)
	__attribute__((cold));

/* Makes @decision a refusal for a reason of the caller's; @text, why, is escaped. */
void gate_refuse(struct decision *decision, enum reason reason, const char *text)
	__attribute__((cold));

/*
 * All faults of a payload, for reports: a decision has only the first. Writes at most @max to @ret,
 * the first of which is @decision->error, and returns how many; 0 where the fault is not in the
 * payload. Where a channel has several messages, they are those of the nearest, decision->kind.
 * @decision was made under @rules and is the last one of its gate.
 */
size_t gate_faults(const struct rules *rules, const struct decision *decision,
		   struct schema_error *ret, size_t max);

/*
 * A hash of the entity and of the status that messages on this topic change; 0: they change none.
 * Two entities may have the same number, but without @seed a client can't make them collide.
 */
uint64_t gate_entity_key(struct gate *gate, const struct message *message, uint64_t seed);

/*
 * What does a message that stood before the contract say of its entity, whoever published it? True:
 * @ret has a write that takes that over (is_adopted), of a message that is not retained, with all
 * but its time and its publisher set. False: it can't be told, or is no message of the contract's;
 * @ret has the reason, where there is one. @is_strict: the payload must be right, else what the
 * channel's mode of the schema says. Only topic and payload of @request count.
 */
bool gate_adopt(struct gate *gate, const struct gate_request *request, bool is_strict,
		struct decision *ret) __attribute__((cold));

/*
 * Does the message of @request, on a channel with a status, have the entity's current status? True,
 * too, where that is unknown.
 */
bool gate_is_current(struct gate *gate, const struct gate_request *request);

/*
 * Is the message of @request, apart from its times, the same as the last accepted one of its
 * channel and entity? True, too, where that is unknown. May cost an indexed read.
 */
bool gate_is_last(struct gate *gate, const struct gate_request *request);

/*
 * What the principal's grants and scopes allow of @count operations of @match's channel, the best
 * of them: nothing, its own entities, or all. A wildcard in @match stands for any value. @method:
 * how it proved itself, or GATE_LOGIN_ANY.
 */
enum gate_grant gate_grant(const struct rules *rules, const struct access_principal *principal,
			   enum login_method method, const struct contract_operation *operation,
			   size_t count, const struct contract_match *match);

/*
 * What may the principal send on @channel at most, or receive of it? Where the contract does not
 * enforce who may, everybody does; GATE_OWN is also said of what carries its name or client id.
 */
enum gate_grant gate_may(const struct rules *rules, const struct access_principal *principal,
			 enum login_method method, const struct contract_channel *channel,
			 bool is_send);

/* May it know of the channel, because it may do either there? */
bool gate_shows(const struct rules *rules, const struct access_principal *principal,
		enum login_method method, const struct contract_channel *channel);

/*
 * Which rows of @entity may the principal see, who asks as @who says (method, port and client id of
 * it count)? Those are of whom a channel of the entity would tell it, whatever the channel's other
 * parameters are. The best for any row: GATE_FULL only where it is all of them. *columns: a bit for
 * each of the entity's columns that such a channel fills, of some row; GATE_WHOLE where it may read
 * all that any channel says of any row.
 */
#define GATE_WHOLE UINT64_MAX
enum gate_grant gate_view(struct gate *gate, const struct access_principal *principal,
			  const struct gate_request *who, const struct entity *entity,
			  uint64_t *columns);

/*
 * Is the row with the id @id one of them, and which of its columns are told to the principal? Asks
 * who owns it where that matters.
 */
bool gate_views(struct gate *gate, const struct access_principal *principal,
		const struct gate_request *who, const struct entity *entity, const char *id,
		size_t len, uint64_t *columns);

/* May it receive all that is published on @channel, whatever the topic, and not only its own? */
bool gate_receives_all(struct gate *gate, const struct access_principal *principal,
		       const struct gate_request *who, const struct contract_channel *channel);

/*
 * What may it receive of @channel at most: GATE_FULL where topics of it are that whoever owns what
 * they are about; GATE_OWN where they are only those of its own entities, or that its attributes or
 * its name stand in. For a reader that wants to look at no more topics than it has to: each one is
 * judged for itself.
 */
enum gate_grant gate_reach(struct gate *gate, const struct access_principal *principal,
			   const struct gate_request *who, const struct contract_channel *channel);

/* May the principal publish (else: receive) on unlisted topics, by an x-unlisted that passes them?
 */
bool gate_admits_unlisted(const struct rules *rules, const struct access_principal *principal,
			  bool is_publish);

#endif

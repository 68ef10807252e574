/*
 * entity_rules.h -- what a publish changes in its entity: owner, status, columns.
 */
#ifndef PETSTORE_GATE_ENTITY_RULES_H
#define PETSTORE_GATE_ENTITY_RULES_H

#include "gate/judgement.h"

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

judgement_question entity_rules_store; /* could the write be kept now? */

/* Completes the decision's write with topic, payload and the like from the request. */
void entity_rules_describe(struct judgement *j);

#endif

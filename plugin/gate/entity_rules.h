/*
 * entity_rules.h -- what a publish means for the entity it is about: owner, status, columns.
 */
#ifndef PETSTORE_GATE_ENTITY_RULES_H
#define PETSTORE_GATE_ENTITY_RULES_H

#include "gate/judgement.h"

/*
 * A publish to a channel that fills or moves an entity begins: sets @j's id, and expects what
 * entity_rules_check() reads of it when the message turns out to be in order.
 */
void entity_rules_begin(struct judgement *j);

/*
 * Asks whether the message may move the entity from its status, and collects what an
 * acceptance would write. For channels with a mapping, once the payload is parsed.
 */
bool entity_rules_check(struct judgement *j);

/*
 * Is the status that a delivered message says the entity's current one? Yes as well where it says
 * none that is known, or nothing is known of the entity. Not inlined: most deliveries don't ask.
 */
bool entity_rules_current(struct judgement *j) __attribute__((noinline));

judgement_question entity_rules_store; /* could the write be kept now? */

/* Completes the implied write with what the request says about it. */
void entity_rules_describe(struct judgement *j);

#endif

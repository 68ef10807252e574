/*
 * repeat.h -- the current status, said again: is it the same, and may it be?
 *
 * Two messages of a channel are the same where their bytes are, but for those of the times that the
 * contract names (struct contract_content). What was said last the ledger knows; what it does not
 * know is taken for different.
 */
#ifndef PETSTORE_GATE_REPEAT_H
#define PETSTORE_GATE_REPEAT_H

#include "gate/judgement.h"

/*
 * A number for what the parsed message says beside its times, odd: for the ledger to keep where
 * there will be no event to read it from. With a ledger only.
 */
uint64_t repeat_content(const struct judgement *j) __attribute__((noinline));

/*
 * For a repeat: may it be said, as the state machine has it? Sets is_same and content of the
 * judgement. False: refused. Not inlined: most messages are steps.
 */
bool repeat_check(struct judgement *j) __attribute__((noinline));

/*
 * Is the message the same as what the channel said last of the entity? True, too, where that is
 * not known. What the ledger's memory does not know is read from the topic's newest event.
 */
bool repeat_is_last(struct judgement *j) __attribute__((cold, noinline));

#endif

/*
 * repeat.h -- messages that repeat the current status: is one the same, and is it allowed?
 *
 * Two messages of a channel are the same where all their bytes are, except those of the times that
 * the contract names (struct contract_content). The ledger knows the last message; if it does not,
 * the new message counts as different.
 */
#ifndef PETSTORE_GATE_REPEAT_H
#define PETSTORE_GATE_REPEAT_H

#include "gate/judgement.h"

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

/*
 * Is the message the same as the last accepted one of its channel and entity? True, too, where that
 * is unknown. What is not in the ledger's memory is read from the topic's newest event.
 */
bool repeat_is_last(struct judgement *j) __attribute__((cold, noinline));

#endif

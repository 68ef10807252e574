/*
 * unique.h -- was a message said before, by what the contract says makes it unique?
 *
 * Where a channel has x-unique, messages of one principal on one topic with the same values in
 * these members are one event, however often they come. A message that lacks one of them, or has
 * something in it that is no text, number or truth, is an event of its own.
 */
#ifndef PETSTORE_GATE_UNIQUE_H
#define PETSTORE_GATE_UNIQUE_H

#include "gate/judgement.h"

/* Works out j->unique, of a channel that has members for it. True: an event has it already. */
bool unique_is_said(struct judgement *j) __attribute__((noinline));

#endif

/*
 * unique.h -- does the ledger have the event of this message already?
 *
 * Where a channel has x-unique, messages of one principal on one topic with the same values in
 * these members are one event, however often they come. A message that lacks one of the members, or
 * has a null, an array or an object in it, is an event of its own.
 */
#ifndef PETSTORE_GATE_UNIQUE_H
#define PETSTORE_GATE_UNIQUE_H

#include "gate/judgement.h"

/* Computes j->unique, for a channel with x-unique. True: an event has this number already. */
bool unique_is_said(struct judgement *j) __attribute__((noinline));

#endif

/*
 * widen.h -- a contract that is there already, made wider by what was recorded.
 *
 * Nothing is narrowed and nothing is taken away but what forbids a recorded message: a type, a
 * value of an enum, a required member, a format, a bound, a step of a status. What the contract
 * says by $ref, allOf and the like stays as it is.
 */
#ifndef PETSTORE_LEARN_WIDEN_H
#define PETSTORE_LEARN_WIDEN_H

#include "base/diag.h"
#include "learn/maker.h"

struct learned;

/* Before reading: the given contract's channels, for the topics that are theirs. */
int widen_channels(struct learned *learned, struct diag *diag) MUST_CHECK;

/* The contract, wider. */
struct draft *widen_contract(struct learned *learned);

#endif

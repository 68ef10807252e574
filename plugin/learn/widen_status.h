/*
 * widen_status.h -- a given state machine, with the steps that were seen.
 */
#ifndef PETSTORE_LEARN_WIDEN_STATUS_H
#define PETSTORE_LEARN_WIDEN_STATUS_H

#include "learn/maker.h"
#include "learn/observed.h"

struct learned;

/* The member of @channel's payloads that fills a column with a state machine, whose name goes to
 * *machine; or NULL. @root: the given contract. */
const char *widen_status_member(const struct config *root, const struct config *channel,
				const char **machine);

/* @root: a draft of the given contract. */
void widen_machine(struct learned *learned, struct draft *root, const struct observed *observed);

#endif

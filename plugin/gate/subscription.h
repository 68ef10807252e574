/*
 * subscription.h -- may this filter be subscribed to?
 *
 * A filter is granted when some channel that it can reach is readable: each delivery is judged
 * again. A shared one ("$share/group/filter") is granted only when everything that it can reach
 * is readable in full, since the broker hands each message to one member and asks for that member
 * alone: what it may not read would be lost to the whole group.
 */
#ifndef PETSTORE_GATE_SUBSCRIPTION_H
#define PETSTORE_GATE_SUBSCRIPTION_H

#include "gate/judgement.h"

/* The modes are found, and the filter's length was asked about. */
judgement_question subscription_judge;

#endif

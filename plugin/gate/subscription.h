/*
 * subscription.h -- may this filter be subscribed to?
 *
 * A filter is granted when the principal may read at least one channel that it can reach, because
 * each delivery is judged again. A shared filter ("$share/group/filter") is granted only when the
 * principal may read everything that it can reach: the broker gives each message to one member of
 * the group, and a message that this member may not read would be lost to the group.
 */
#ifndef PETSTORE_GATE_SUBSCRIPTION_H
#define PETSTORE_GATE_SUBSCRIPTION_H

#include "gate/judgement.h"

/* To be asked after the modes are known and the filter's length was checked. */
judgement_question subscription_judge;

#endif

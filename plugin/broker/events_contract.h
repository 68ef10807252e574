/*
 * events_contract.h -- the contract in force, for who asks: the command contract.
 */
#ifndef PETSTORE_EVENTS_CONTRACT_H
#define PETSTORE_EVENTS_CONTRACT_H

#include "broker/events.h"
#include "monitor/control.h"

/* Has the part that @members ask for made, for an answer that comes later. */
void events_contract(struct plugin *plugin, const struct mosquitto *client,
		     const struct control_members *members, struct control_answer *ret);

#endif

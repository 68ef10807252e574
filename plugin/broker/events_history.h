/*
 * events_history.h -- the numbers of the last hour, for who asks: the command history.
 */
#ifndef PETSTORE_EVENTS_HISTORY_H
#define PETSTORE_EVENTS_HISTORY_H

#include "broker/events.h"
#include "monitor/control.h"

/* Has the rows that @members ask for made a text of, for an answer that comes later. */
void events_history(struct plugin *plugin, const struct mosquitto *client,
		    const struct control_members *members, struct control_answer *ret);

#endif

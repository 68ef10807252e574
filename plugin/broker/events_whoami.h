/*
 * events_whoami.h -- what the one who asks is to the broker: the command whoami.
 */
#ifndef PETSTORE_EVENTS_WHOAMI_H
#define PETSTORE_EVENTS_WHOAMI_H

#include <jansson.h>

#include "broker/events.h"

/* A new reference; NULL: memory ran out, or @client is nobody who may give commands. */
json_t *events_whoami(struct plugin *plugin, const struct mosquitto *client);

/* Each group's mode, and whether a command set it; NULL: memory ran out. */
json_t *events_modes(const struct plugin *plugin);

#endif

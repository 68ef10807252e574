/*
 * events_mended.h -- refused messages that an operator publishes again, once what was wrong is
 * mended.
 */
#ifndef PETSTORE_EVENTS_MENDED_H
#define PETSTORE_EVENTS_MENDED_H

#include <jansson.h>

#include "base/diag.h"
#include "broker/events.h"

/*
 * Publishes the refused message with this decision id, which was kept whole, as @user: it is judged
 * and kept as if that user had published it now, but for limits per second. @client is who asks for
 * it, and the client that the event names. The answer, new: "accepted", "topic", "sentBy", and the
 * event's number, "event", or why it was refused again. NULL: it can't be published, and @diag says
 * why; a message is published again only once.
 */
json_t *events_mended(struct plugin *plugin, const struct mosquitto *client, const char *id,
		      const char *user, struct diag *diag) __attribute__((cold));

#endif

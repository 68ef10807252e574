/*
 * control_client.h -- one request to a running broker's plugin, and its answer.
 *
 * Knows MQTT 5 by libmosquitto; knows nothing of what is asked. Blocks, with a deadline.
 */
#ifndef PETSTORE_CTL_CONTROL_CLIENT_H
#define PETSTORE_CTL_CONTROL_CLIENT_H

#include <stdbool.h>

#include "base/diag.h"

/* Where and as whom. Strings are borrowed; NULL where there is nothing to say. */
struct control_broker {
	const char *host;
	long port;
	const char *ca_file; /* NULL: without TLS, which only this machine may be asked by */
	const char *certificate;
	const char *key;
	const char *user;
	const char *password;
	const char *client_id; /* NULL: the broker chooses one */
	long timeout_s;
};

/*
 * Publishes @text to the plugin's command topic. On success *ret is the answer, to be freed
 * with free(). ERR_IO where the broker can't be reached or refuses; ERR_BUSY where it does not
 * answer in time; @diag says which.
 */
int control_client_ask(const struct control_broker *broker, const char *text, char **ret,
		       struct diag *diag);

#endif

/*
 * who.h -- which client and principal a login, a message, a refusal or an alert is about.
 */
#ifndef PETSTORE_WHO_H
#define PETSTORE_WHO_H

#include <stdbool.h>

/* Strings are borrowed, and "" where there is nothing to say. */
struct who {
	const char *client_id;
	const char *principal; /* where is_proved is false: the name that the client claims */
	const char *address;   /* "" for a local socket, and for a client that is not connected */
	bool is_proved;        /* the client logged in as @principal */
};

#endif

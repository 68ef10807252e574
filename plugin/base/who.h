/*
 * who.h -- who a login, a message, a refusal or an alert is about.
 */
#ifndef PETSTORE_WHO_H
#define PETSTORE_WHO_H

#include <stdbool.h>

/* Strings are borrowed, and "" where there is nothing to say. */
struct who {
	const char *client_id;
	const char *principal; /* or the name that the client claims, where it is not proved */
	const char *address;   /* "" of a local socket, and of a client that is not connected */
	bool is_proved;        /* the client proved to be @principal */
};

#endif

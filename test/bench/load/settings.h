/*
 * settings.h -- what the load was asked for on the command line.
 */
#ifndef PETSTORE_LOAD_SETTINGS_H
#define PETSTORE_LOAD_SETTINGS_H

#define SETTINGS_WINDOW_MAX 20 /* Mosquitto's max_inflight_messages */

/* Each is an option of its name, with - for _. */
struct settings {
	unsigned long port, version, qos;
	unsigned long clients, subscribers;
	unsigned long window; /* messages of a client in flight */
	unsigned long messages, warm_up;
	unsigned long seconds;       /* 0: until all messages are sent; else for so long */
	unsigned long rate;          /* messages a second of all; 0: as many as go */
	unsigned long pause;         /* microseconds between two looks at what came; 0: none */
	unsigned long pid;           /* of the broker; 0: its processor's time is not measured */
	const char *user, *password; /* no user: NULL */
	const char *client_id;       /* what all of them begin with */
	const char *work;            /* one of work.c's names */
	const char *tls;             /* the authority's certificate; NULL: plain */
};

/* Everything at its default but for what is on the command line. What can't be ends the program. */
void settings_read(int argc, char **argv, struct settings *ret);

#endif

/*
 * control_args.h -- what ctl and bans share: options for broker and user, and sending one command.
 *
 * Where no option names the broker, a configuration (files.h) does: its listener for this machine
 * alone, else one with TLS whose authority it names. Where a file "credentials" of users and their
 * passwords stands beside the password file, as `make run` and the package write it, the user comes
 * from there: the first one that may give commands. A line on standard error says which broker and
 * user.
 */
#ifndef PETSTORE_CTL_CONTROL_ARGS_H
#define PETSTORE_CTL_CONTROL_ARGS_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl/args.h"
#include "ctl/ctl.h"

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

#define CONTROL_ARGS_PASSWORD_MAX 1024u
#define CONTROL_ARGS_ID_MAX 160u /* of what is made of a user's name, of 128 bytes at most */
#define CONTROL_ARGS_NAME_MAX 160u

/* A command's own arguments begin with these, or are these. */
struct control_args {
	struct control_broker broker;
	const char *topic; /* that commands are published on; NULL: CONTROL_TOPIC; "/response" is
			    * where the answer comes */
	const char *password_file;
	bool is_kept;        /* further commands follow: control_args_forget() is called then */
	bool is_ready;       /* control_args.c's own: the broker and the user are known */
	const char *command; /* that is asked; borrowed for the call of control_args_ask() */
	const char *guess;   /* said where the plugin has no such command; NULL: nothing */
	/* Room for what the options leave open: @broker points here then. */
	char host[CONTROL_ARGS_NAME_MAX], user[CONTROL_ARGS_NAME_MAX];
	char password[CONTROL_ARGS_PASSWORD_MAX];
	char id[CONTROL_ARGS_ID_MAX];
};

extern const struct args_row control_args_rows[];
extern const struct control_args control_args_defaults;

/*
 * Sends @command, whose reference is taken, to the plugin. CTL_OK: *data, new, is the answer, an
 * object or an array. CTL_NO: the plugin refused it, and the reason was printed. CTL_FAILED:
 * call->diag says why.
 */
int control_args_ask(struct ctl_call *call, json_t *command, json_t **data);

/* Forgets the password. */
void control_args_forget(struct control_args *args);

#endif

/*
 * control.h -- commands to the plugin, as JSON in and JSON out.
 *
 * In the manner of Mosquitto's dynamic security plugin: a request
 *     {"commands":[{"command":"status","correlationData":"7"}]}
 * is answered by
 *     {"responses":[{"command":"status","correlationData":"7","data":{...}}]}
 * and a command that failed has "error", one sentence, in the place of "data". One command's
 * failure does not keep the next from being done. What may ask is not decided here.
 *
 *     status                      what runs, since when, what is in force
 *     counters                    the numbers of $SYS/broker/petstore/
 *     reload                      loads contract, access file, passwords and settings anew
 *     mode [group mode]           a group's mode until the next reload; asks where nothing is given
 *     listBans
 *     liftBan clientId|principal  of a client id, of a principal, or of both; "*" stands for all
 *     listAlerts                  those that stand
 *     explain action topic [payload username clientId qos retain]
 */
#ifndef PETSTORE_MONITOR_CONTROL_H
#define PETSTORE_MONITOR_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

#define CONTROL_TOPIC "$CONTROL/petstore/v1"
#define CONTROL_RESPONSE_TOPIC "$CONTROL/petstore/v1/response"

#define CONTROL_BYTES_MAX 65536u /* of a request */
#define CONTROL_COMMANDS_MAX 32u
#define CONTROL_CORRELATION_MAX 1024u

/* Borrowed for the call; NULL where it was not given. */
struct control_question {
	const char *action; /* "publish" or "subscribe" */
	const char *topic;
	const char *payload;
	size_t payload_len;
	const char *username;
	const char *client_id;
	unsigned qos;
	bool is_retained;
};

/*
 * What commands do. Each returns a new reference, the answer's data, or NULL with the reason
 * in @diag ("" stands for want of memory).
 */
struct control_ops {
	void *ctx;
	json_t *(*status)(void *ctx, struct diag *diag);
	json_t *(*counters)(void *ctx, struct diag *diag);
	json_t *(*reload)(void *ctx, struct diag *diag);
	json_t *(*mode)(void *ctx, const char *group, const char *mode, struct diag *diag);
	json_t *(*list_bans)(void *ctx, struct diag *diag);
	/* NULL: whichever. */
	json_t *(*lift_ban)(void *ctx, const char *client_id, const char *principal,
			    struct diag *diag);
	json_t *(*list_alerts)(void *ctx, struct diag *diag);
	json_t *(*explain)(void *ctx, const struct control_question *question, struct diag *diag);
	/* Called after each command, for the log; @error is "" where it succeeded. */
	void (*done)(void *ctx, const char *command, const char *error);
};

/*
 * Does what @request (@len bytes) says. *ret is the answer, NUL-terminated, to be freed with
 * free(); a request that is none is answered too. ERR_NOMEM where memory ran out.
 */
int control_handle(const void *request, size_t len, const struct control_ops *ops, char **ret,
		   struct diag *diag);

/* The commands, for help texts: name and one line; the name after the last is NULL. */
struct control_command_help {
	const char *name;
	const char *help;
};
const struct control_command_help *control_commands(void);

#endif

/*
 * control.h -- commands to the plugin, as JSON in and JSON out.
 *
 * In the manner of Mosquitto's dynamic security plugin: a request
 *     {"commands":[{"command":"status","correlationData":"7"}]}
 * is answered by
 *     {"responses":[{"command":"status","correlationData":"7","data":{...}}]}
 * and a command that failed has "error", one sentence, instead of "data". After a failed command
 * the next ones are done all the same. Whether a client may give commands is not decided here.
 *
 *     status                      what runs, since when, what is in force
 *     counters                    the numbers of $SYS/broker/petstore/
 *     reload                      loads contract, access file, passwords and settings anew
 *     mode [group mode]           a group's mode until the next reload; asks where nothing is given
 *     listBans
 *     liftBan clientId|principal  of a client id, of a principal, or of both; "*" stands for all
 *     listAlerts                  active alerts
 *     explain action topic [payload username clientId qos retain]
 *
 * On a topic of its own, so that the right to it is one of its own:
 *     resend id username          publishes a refused message, which was kept whole, as that user
 */
#ifndef PETSTORE_MONITOR_CONTROL_H
#define PETSTORE_MONITOR_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

#define CONTROL_TOPIC "$CONTROL/petstore/v1"
#define CONTROL_RESPONSE_TOPIC "$CONTROL/petstore/v1/response"

#define CONTROL_RESEND_TOPIC "$CONTROL/petstore-resend/v1"
#define CONTROL_RESEND_RESPONSE_TOPIC "$CONTROL/petstore-resend/v1/response"

#define CONTROL_BYTES_MAX 65536u /* of a request */
#define CONTROL_COMMANDS_MAX 32u
#define CONTROL_CORRELATION_MAX 1024u

enum control_command {
	CONTROL_STATUS,
	CONTROL_COUNTERS,
	CONTROL_RELOAD,
	CONTROL_MODE,
	CONTROL_LIST_BANS,
	CONTROL_LIFT_BAN,
	CONTROL_LIST_ALERTS,
	CONTROL_EXPLAIN,
	CONTROL_RESEND,
};

/* A command's members. Strings are borrowed for the call, NULL where they were not given. */
struct control_members {
	const char *group; /* with @mode, or neither */
	const char *mode;
	const char *client_id; /* of liftBan NULL: any */
	const char *principal; /* likewise */
	const char *action;
	const char *topic;
	const char *payload;
	size_t payload_len;
	const char *username;
	const char *id; /* of a decision */
	unsigned qos;
	bool is_retained;
};

/* What commands do. */
struct control_ops {
	void *ctx;
	bool is_resend; /* it came on CONTROL_RESEND_TOPIC, which has that command and no other */
	/*
	 * Returns a new reference, the answer's data, or NULL with the reason in @diag ("" stands
	 * for want of memory).
	 */
	json_t *(*perform)(void *ctx, enum control_command command,
			   const struct control_members *members, struct diag *diag);
	/* Called after each command, for the log; @error is "" where it succeeded. */
	void (*done)(void *ctx, const char *command, const char *error);
};

/*
 * Carries out @request (@len bytes). *ret is the answer, NUL-terminated, to be freed with free(); a
 * malformed request is answered, too. ERR_NOMEM where memory ran out.
 */
int control_handle(const void *request, size_t len, const struct control_ops *ops, char **ret,
		   struct diag *diag) MUST_CHECK;

#endif

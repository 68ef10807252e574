/*
 * control.h -- commands to the plugin, as JSON in and JSON out.
 *
 * In the manner of Mosquitto's dynamic security plugin: a request
 *     {"commands":[{"command":"status","correlationData":"7"}]}
 * is answered by
 *     {"responses":[{"command":"status","correlationData":"7","data":{...}}]}
 * and a command that failed has "error", one sentence, instead of "data", and "code", a word, where
 * that helps a program. After a failed command the next ones are done all the same. What takes
 * longer is answered later, in a message of its own. Whether a client may give commands is not
 * decided here.
 *
 *     status                      what runs, since when, what is in force
 *     counters                    the numbers of $SYS/broker/petstore/
 *     reload                      loads contract, access file, passwords and settings anew
 *     mode [group mode]           a group's mode until the next reload; asks where nothing is given
 *     listBans
 *     liftBan clientId|principal  of a client id, of a principal, or of both; "*" stands for all
 *     listAlerts                  active alerts
 *     explain action topic [payload username clientId qos retain]
 *                                 what would be said to that user, or to the asking client itself
 *     history [after]             the numbers of the last hour: rows from the oldest on, and "next"
 *
 * What the database has, as far as the one who asks may read it. Lists have "limit" (1 to 200) and
 * answer "next", which is given back as "after", or null:
 *     listEntities [entity status owner id]
 *                                 latest updated_at first, then the largest id; id: how it begins;
 *                                 without an entity: which there are, all that an answer has room
 *                                 for where no limit is given
 *     getEntity entity id         with its history
 *     listEvents [topic prefix mine since]
 *                                 mine: those that the same client published
 *     listRefusals [reason client principal topic since until]
 *     countRefusals by [since]    by reason, client_id, principal or topic
 *
 * Those that read the database, and history, have "encoding", too, which is "gzip" or "identity"
 * (the default): with "gzip" data of more than some 4 KB are sent as small parts, whose text is
 * gzip of the data's JSON (packedparts.h); each part is the data of an answer in a message of its
 * own, in their order, all of them at once. What is smaller, or has failed, comes as without.
 *
 * For whoever is signed in; the others need a scope each (base/commands.h):
 *     whoami                      what the one who asks is, and may, and what is in force
 *     contract [offset digest encoding parts]
 *                                 a part of the contract's documents, cut to what that one may
 *
 * The answer to contract is {"digest","size","offset","next","text"}: "text" is a part of one JSON
 * text of "size" bytes, which begins at its byte "offset"; "next" is where the next part begins, or
 * null. With the digest of the parts before it makes sure that they belong together. The request's
 * "encoding" is as HTTP's content codings are named. With "gzip", which the answer then says, too,
 * "text" is base64 of a part of that text compressed by gzip, and size, offset and next count the
 * compressed bytes: all parts, each decoded, one behind the other, are one gzip file. The digest is
 * that of the text, whatever its encoding. "parts" (1 to 32, with gzip only) asks for as many parts
 * behind one another, each an answer in a message of its own, in their order: fewer where the text
 * ends. They are then so small that a message has less than 4 KiB, of which Mosquitto 2.0 hands any
 * number at once to a client by websockets, and of larger ones 4 KiB in each round of its loop.
 *
 * On a topic of its own, so that the right to it is one of its own:
 *     resend id username          publishes a refused message, which was kept whole, as that user
 */
#ifndef PETSTORE_MONITOR_CONTROL_H
#define PETSTORE_MONITOR_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/commands.h"
#include "base/diag.h"

#define CONTROL_TOPIC COMMANDS_TOPIC
#define CONTROL_RESPONSE_TOPIC COMMANDS_RESPONSE_TOPIC

#define CONTROL_RESEND_TOPIC "$CONTROL/petstore-resend/v1"
#define CONTROL_RESEND_RESPONSE_TOPIC "$CONTROL/petstore-resend/v1/response"

#define CONTROL_BYTES_MAX 65536u /* of a request */
#define CONTROL_COMMANDS_MAX 32u
#define CONTROL_CORRELATION_MAX 1024u /* bytes, as the answer has it: escaped, without quotes */

enum control_command {
	CONTROL_STATUS,
	CONTROL_COUNTERS,
	CONTROL_RELOAD,
	CONTROL_MODE,
	CONTROL_LIST_BANS,
	CONTROL_LIFT_BAN,
	CONTROL_LIST_ALERTS,
	CONTROL_EXPLAIN,
	CONTROL_HISTORY,
	CONTROL_LIST_ENTITIES,
	CONTROL_GET_ENTITY,
	CONTROL_LIST_EVENTS,
	CONTROL_LIST_REFUSALS,
	CONTROL_COUNT_REFUSALS,
	CONTROL_RESEND,
	CONTROL_WHOAMI,
	CONTROL_CONTRACT,
};

#define CONTROL_LIMIT_MAX 200u

#define CONTROL_ANSWER_MAX 65536u /* bytes of an answer that comes later */
#define CONTROL_PARTS_MAX 32u
#define CONTROL_SCOPE_MAX 128u

/* What comes of a command; all zero stands for want of memory. */
struct control_answer {
	json_t *data;  /* new; NULL: it failed, or is answered later */
	bool is_later; /* the answer comes in a message of its own */
	/* Of one that comes later: data is an array, and each item's answer is a message of its
	 * own. CONTROL_PARTS_MAX at most. */
	bool is_parts;
	/* Of a failure: one of the literals below; NULL: a person has to read the sentence. */
	const char *code;
	char scope[CONTROL_SCOPE_MAX]; /* that is missing; "": it is not about one */
	struct diag diag;              /* of a failure: one sentence */
	struct diag note;              /* likewise, for the log and not for who asked; mostly "" */
};

#define CONTROL_UNKNOWN "unknown-command"
#define CONTROL_NO_SCOPE "scope-missing"
#define CONTROL_BUSY "busy"           /* it may work later */
#define CONTROL_NOT_FOUND "not-found" /* there is nothing of that name */
#define CONTROL_CHANGED "changed"     /* other rules are in force meanwhile */
#define CONTROL_TOO_LARGE "too-large"
#define CONTROL_NO_DATABASE "no-database"

/* A command's members. Strings are borrowed for the call, NULL where they were not given. */
struct control_members {
	const char *name;          /* the command's */
	const json_t *correlation; /* a string; NULL: none was given, or too large a one */
	const char *group;         /* with @mode, or neither */
	const char *mode;
	const char *client_id; /* of liftBan NULL: any */
	const char *principal; /* likewise */
	const char *action;
	const char *topic;
	const char *payload;
	size_t payload_len;
	const char *username;
	const char *id; /* of a decision, or an entity */
	const char *entity, *status, *owner;
	const char *prefix, *reason, *client, *by;
	const char *since, *until; /* RFC 3339 */
	const char *after;
	unsigned limit; /* 0: none was given */
	const char *digest;
	size_t offset;
	unsigned parts; /* 0: none were given; with gzip only */
	bool is_gzip;   /* the encoding asked for */
	unsigned qos;
	bool is_retained;
	bool is_mine;
};

/* What commands do. */
struct control_ops {
	void *ctx;
	bool is_resend; /* it came on CONTROL_RESEND_TOPIC, which has that command and no other */
	/* Fills @ret, which is all zero. */
	void (*perform)(void *ctx, enum control_command command,
			const struct control_members *members, struct control_answer *ret);
	/* Called after each command, for the log; @error is "" where it succeeded. */
	void (*done)(void *ctx, const char *command, const char *error);
};

/*
 * Carries out @request (@len bytes). *ret is the answer, NUL-terminated, to be freed with free(); a
 * malformed request is answered, too. NULL: nothing is to be answered now. ERR_NOMEM where memory
 * ran out.
 */
int control_handle(const void *request, size_t len, const struct control_ops *ops, char **ret,
		   struct diag *diag) MUST_CHECK;

/*
 * The answer to one command in a message of its own, as control_handle()'s *ret, of
 * CONTROL_ANSWER_MAX bytes at most: what is longer becomes the failure CONTROL_TOO_LARGE. Takes
 * @answer's data. @correlation may be NULL. For any thread.
 */
int control_respond_take(const char *name, const json_t *correlation, struct control_answer *answer,
			 char **ret) MUST_CHECK;

#endif

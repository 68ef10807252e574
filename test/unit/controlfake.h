/*
 * controlfake.h -- a plugin that control_handle() gives commands to, and that notes them down.
 */
#ifndef PETSTORE_TEST_CONTROLFAKE_H
#define PETSTORE_TEST_CONTROLFAKE_H

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "monitor/control.h"

/* What the commands did: "lift:app,-:;done:liftBan:;". */
struct control_log {
	char text[8192];
};

static inline void control_note(struct control_log *log, const char *what, const char *a,
				const char *b)
{
	size_t used = strlen(log->text);

	(void)snprintf(log->text + used, sizeof(log->text) - used, "%s:%s:%s;", what, a ? a : "-",
		       b ? b : "-");
}

static inline json_t *control_fake_lift(void *ctx, const struct control_members *members)
{
	char who[256];

	(void)snprintf(who, sizeof(who), "%s,%s", members->client_id ? members->client_id : "-",
		       members->principal ? members->principal : "-");
	control_note(ctx, "lift", who, NULL);
	return json_pack("{si}", "lifted", 1);
}

static inline json_t *control_fake_explain(void *ctx, const struct control_members *members)
{
	char rest[256];

	(void)snprintf(rest, sizeof(rest), "%s %zu %s %s %u %d", members->topic,
		       members->payload_len, members->username ? members->username : "-",
		       members->client_id ? members->client_id : "-", members->qos,
		       members->is_retained);
	control_note(ctx, "explain", members->action, rest);
	return json_object();
}

static inline json_t *control_fake_contract(void *ctx, const struct control_members *members)
{
	char parts[16];

	(void)snprintf(parts, sizeof(parts), "%u", members->parts);
	control_note(ctx, "contract", members->is_gzip ? "gzip" : "plain", parts);
	return json_integer((json_int_t)members->offset);
}

static inline json_t *control_fake_data(void *ctx, enum control_command command,
					const struct control_members *members, struct diag *diag)
{
	switch (command) {
	case CONTROL_STATUS:
		return json_pack("{ss}", "version", "1");
	case CONTROL_COUNTERS:
		return json_object();
	case CONTROL_RELOAD:
		(void)diag_set(diag, ERR_SYNTAX, "access.json:3:1: '}' expected");
		return NULL;
	case CONTROL_MODE:
		control_note(ctx, "mode", members->group, members->mode);
		return json_object();
	case CONTROL_LIFT_BAN:
		return control_fake_lift(ctx, members);
	case CONTROL_EXPLAIN:
		return control_fake_explain(ctx, members);
	case CONTROL_RESEND:
		control_note(ctx, "resend", members->id, members->username);
		return json_object();
	case CONTROL_LIST_ENTITIES:
		control_note(ctx, "entities", members->entity, members->after);
		return json_integer(members->limit);
	case CONTROL_LIST_EVENTS:
		control_note(ctx, "events", members->topic,
			     members->is_mine   ? "mine"
			     : members->is_gzip ? "gzip"
						: NULL);
		return json_integer(members->limit);
	case CONTROL_CONTRACT:
		return control_fake_contract(ctx, members);
	case CONTROL_WHOAMI:
	case CONTROL_HISTORY:
	case CONTROL_GET_ENTITY:
	case CONTROL_LIST_REFUSALS:
	case CONTROL_COUNT_REFUSALS:
	case CONTROL_LIST_BANS:
	case CONTROL_LIST_ALERTS:
		break;
	}
	return json_array();
}

/* explain with the action "later" is answered later; "scope" lacks one. */
static inline void control_fake_perform(void *ctx, enum control_command command,
					const struct control_members *members,
					struct control_answer *ret)
{
	ret->is_later = command == CONTROL_EXPLAIN && strcmp(members->action, "later") == 0;
	if (ret->is_later) {
		control_note(ctx, "later", members->name, json_string_value(members->correlation));
	} else if (command == CONTROL_EXPLAIN && strcmp(members->action, "scope") == 0) {
		ret->code = CONTROL_NO_SCOPE;
		(void)snprintf(ret->scope, sizeof(ret->scope), "control:explain");
		(void)diag_set(&ret->diag, ERR_INVALID, "not you");
	} else {
		ret->data = control_fake_data(ctx, command, members, &ret->diag);
	}
}

static inline void control_fake_done(void *ctx, const char *command, const char *error)
{
	control_note(ctx, "done", command, error[0] ? "failed" : "");
}

static inline struct control_ops control_fakes(struct control_log *log)
{
	return (struct control_ops){ .ctx = log,
				     .perform = control_fake_perform,
				     .done = control_fake_done };
}

#endif

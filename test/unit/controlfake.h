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

static inline json_t *control_fake_status(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_pack("{ss}", "version", "1");
}

static inline json_t *control_fake_counters(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_object();
}

static inline json_t *control_fake_reload(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag_set(diag, ERR_SYNTAX, "access.json:3:1: '}' expected");
	return NULL;
}

static inline json_t *control_fake_mode(void *ctx, const char *group, const char *mode,
					struct diag *diag)
{
	(void)diag;
	control_note(ctx, "mode", group, mode);
	return json_object();
}

static inline json_t *control_fake_list(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_array();
}

static inline json_t *control_fake_lift(void *ctx, const char *client_id, const char *principal,
					struct diag *diag)
{
	char who[256];

	(void)diag;
	(void)snprintf(who, sizeof(who), "%s,%s", client_id ? client_id : "-",
		       principal ? principal : "-");
	control_note(ctx, "lift", who, NULL);
	return json_pack("{si}", "lifted", 1);
}

static inline json_t *control_fake_explain(void *ctx, const struct control_question *question,
					   struct diag *diag)
{
	char rest[256];

	(void)diag;
	(void)snprintf(rest, sizeof(rest), "%s %zu %s %s %u %d", question->topic,
		       question->payload_len, question->username ? question->username : "-",
		       question->client_id ? question->client_id : "-", question->qos,
		       question->is_retained);
	control_note(ctx, "explain", question->action, rest);
	return json_object();
}

static inline void control_fake_done(void *ctx, const char *command, const char *error)
{
	control_note(ctx, "done", command, error[0] ? "failed" : "");
}

static inline struct control_ops control_fakes(struct control_log *log)
{
	return (struct control_ops){ .ctx = log,
				     .status = control_fake_status,
				     .counters = control_fake_counters,
				     .reload = control_fake_reload,
				     .mode = control_fake_mode,
				     .list_bans = control_fake_list,
				     .lift_ban = control_fake_lift,
				     .list_alerts = control_fake_list,
				     .explain = control_fake_explain,
				     .done = control_fake_done };
}

#endif

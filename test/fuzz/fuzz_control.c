/* Whatever is sent to $CONTROL/petstore/v1 is answered with JSON, and never with a crash. */
#include <stdlib.h>
#include <string.h>

#include "monitor/control.h"

static json_t *nothing(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_object();
}

static json_t *mode(void *ctx, const char *group, const char *word, struct diag *diag)
{
	(void)ctx;
	(void)diag_set(diag, ERR_INVALID, "%s %s", group ? group : "", word ? word : "");
	return NULL;
}

static json_t *lift(void *ctx, const char *client_id, struct diag *diag)
{
	(void)ctx;
	(void)diag_set(diag, ERR_INVALID, "%s", client_id ? client_id : "all");
	return NULL;
}

static json_t *explain(void *ctx, const struct control_question *question, struct diag *diag)
{
	size_t sum = strlen(question->action) + strlen(question->topic);

	(void)ctx;
	(void)diag;
	for (size_t i = 0; i < question->payload_len; i++)
		sum += (unsigned char)question->payload[i];
	return json_integer((json_int_t)sum);
}

static void done(void *ctx, const char *command, const char *error)
{
	(void)ctx;
	if (strlen(command) > 64 || strlen(error) > DIAG_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct control_ops ops = { .status = nothing,
					 .counters = nothing,
					 .reload = nothing,
					 .mode = mode,
					 .list_bans = nothing,
					 .lift_ban = lift,
					 .list_alerts = nothing,
					 .explain = explain,
					 .done = done };
	char *response = NULL;
	json_t *json;
	struct diag diag;

	if (control_handle(data, size, &ops, &response, &diag) != 0)
		return 0;
	json = json_loads(response, 0, NULL);
	if (!json_is_array(json_object_get(json, "responses")))
		abort();
	json_decref(json);
	free(response);
	return 0;
}

/* Whatever is sent to $CONTROL/petstore/v1 is answered with JSON, and never with a crash. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/controlfake.h"

/* Reads the payload to its end. What is retained is answered later. */
static void perform(void *ctx, enum control_command command, const struct control_members *members,
		    struct control_answer *ret)
{
	uint64_t sum = 0;

	(void)ctx;
	(void)command;
	if (members->parts > (members->is_gzip ? CONTROL_PARTS_MAX : 0u))
		abort();
	for (size_t i = 0; i < members->payload_len; i++)
		sum += (unsigned char)members->payload[i];
	ret->is_later = members->is_retained;
	if (!ret->is_later)
		ret->data = json_integer((json_int_t)sum);
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
	struct control_log log = { .text = "" };
	struct control_ops ops = control_fakes(&log);
	char *response = NULL;
	json_t *json;
	struct diag diag;

	ops.perform = perform;
	ops.done = done;
	ops.is_resend = size % 2 == 1;
	if (control_handle(data, size, &ops, &response, &diag) != 0 || !response)
		return 0;
	json = json_loads(response, JSON_ALLOW_NUL, NULL); /* as "correlationData" may have */
	if (!json_is_array(json_object_get(json, "responses")))
		abort();
	json_decref(json);
	free(response);
	return 0;
}

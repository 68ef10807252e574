/*
 * petstorectl restored: lets a database that is a copy, or whose journal is lost, go on without it.
 */
#include "ledger/restored.h"

#include <jansson.h>
#include <stdio.h>

#include "ctl/ctl.h"

static int run(struct ctl_call *call)
{
	const struct ledger_place place = files_ledger(&call->files);
	struct diag said;
	json_t *answer;
	int rc = files_need(&call->files, "database", call->files.database, &call->diag);

	diag_init(&said);
	if (!rc)
		rc = restored(&place, &said, &call->diag);
	if (rc < 0)
		return CTL_FAILED;
	answer = json_pack("{s:b, s:s}", "restored", rc == 0, "text", said.text);
	if (call->is_json)
		output_json(answer);
	else
		(void)puts(said.text);
	json_decref(answer);
	return rc == 0 ? CTL_OK : CTL_NO;
}

const struct ctl_command ctl_restored = {
	.name = "restored",
	.arguments = "[--config FILE] [--database PLACE]",
	.summary = "declares the database a copy, or its journal lost",
	.help = "A database that was in use when it was copied, or whose broker was killed, says\n"
		"which journal it was in use with, and the broker takes no writes with another\n"
		"one, or with none: that journal may have writes that are nowhere else. This says\n"
		"that they are given up. A journal that is there is moved to <journal>.left, or\n"
		".left-2 and so on. Stop the broker first.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_DATABASE,
	.run = run,
};

/*
 * petstorectl init: the files to begin with.
 */
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/init_documents.h"
#include "ctl/init_learn.h"

#define NAME "init"

struct init_args {
	struct init_learn_args learn;
	struct init_documents_args documents; /* but for @out, which is the other one's */
};

static const struct init_args defaults = { .learn = { .title = "Learned from traffic" },
					   .documents = { .port = 1883 } };

/* clang-format off */
#define AT(member) .offset = offsetof(struct init_args, member)
static const struct args_row rows[] = {
	{ "out", ARGS_FILE, "DIR", "the folder that gets the files", AT(learn.out) },
	{ "force", ARGS_SWITCH, NULL, "replace files that DIR has already", AT(documents.is_forced) },
	{ "port", ARGS_NUMBER, "PORT", "of the broker, on this machine only (1883)",
	  AT(documents.port), 1, 65535 },
	{ "plugin", ARGS_FILE, "FILE", "mosquitto_petstore.so (beside petstorectl, or installed)",
	  AT(documents.plugin) },
	{ "contract-root", ARGS_FILE, "ROOT",
	  "the folder that references may not leave (the documents' own)", AT(documents.root) },
	{ "learn", ARGS_LIST, "FILE", "recorded messages; may be given several times",
	  AT(learn.recording) },
	{ "contract", ARGS_FILE, "FILE", "the contract to widen (the one in DIR, if there is one)",
	  AT(learn.contract) },
	{ "title", ARGS_TEXT, "TEXT", "of a new contract (Learned from traffic)", AT(learn.title) },
	{ .name = NULL },
};
/* clang-format on */

static int run(struct ctl_call *call)
{
	struct init_args *args = call->args;

	args->documents.out = args->learn.out;
	if (args->learn.recording.count > 0 && call->count == 0)
		return init_learn(call, &args->learn);
	if (args->learn.recording.count == 0 && call->count > 0)
		return init_documents(call, &args->documents);
	(void)diag_set(&call->diag, ERR_INVALID, "expected either documents or --learn FILE");
	return CTL_FAILED;
}

const struct ctl_command ctl_init = {
	.name = NAME,
	.arguments = "DOCUMENT... --out DIR [OPTION...] | --learn FILE... --out DIR [OPTION...]",
	.summary = "makes the first files, from documents or from recorded messages",
	.help = "DOCUMENT is an AsyncAPI document, or a folder of them. DIR gets users with\n"
		"passwords, one for each application and one for its counterpart (access.json,\n"
		"passwords, credentials), mosquitto.conf, a document for notices of refusals, and\n"
		"commands to try them (commands.txt), which are printed. The documents stay where\n"
		"and as they are.\n\n"
		"With --learn DIR gets a contract. FILE is what `mosquitto_sub -q 2 -V 5\n"
		"--retain-as-published -F %j -t '#'` printed, or `petstorectl events --json\n"
		"--limit 0`, or `refusals --json --limit 0`, or a database of the plugin; - is\n"
		"standard input. Of refusals only those count that were observed. DIR gets\n"
		"contract.asyncapi.yaml, which accepts all that was recorded and not much more,\n"
		"with counts as comments beside each guess. Where all publishers are known DIR\n"
		"also gets access.json, unless it is there.\n\n"
		"A contract that is there is widened: what it lacks is added, what it forbids\n"
		"and was recorded is allowed, each with a comment; nothing else changes.\n",
	.options = rows,
	.args_size = sizeof(struct init_args),
	.defaults = &defaults,
	.operands_max = ARGS_LIST_MAX,
	.run = run,
};

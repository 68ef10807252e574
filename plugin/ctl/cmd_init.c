/*
 * petstorectl init: the files to begin with.
 */
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/init_learn.h"

#define NAME "init"

static const struct init_learn_args defaults = { .title = "Learned from traffic" };

/* clang-format off */
#define AT(member) .offset = offsetof(struct init_learn_args, member)
static const struct args_row rows[] = {
	{ "learn", ARGS_LIST, "FILE", "recorded messages; may be given several times", AT(recording) },
	{ "out", ARGS_FILE, "DIR", "the folder that gets the files", AT(out) },
	{ "contract", ARGS_FILE, "FILE", "the contract to widen (the one in DIR, if there is one)",
	  AT(contract) },
	{ "title", ARGS_TEXT, "TEXT", "of a new contract (Learned from traffic)", AT(title) },
	{ .name = NULL },
};
/* clang-format on */

static int run(struct ctl_call *call)
{
	const struct init_learn_args *args = call->args;

	if (args->recording.count > 0)
		return init_learn(call, args);
	(void)diag_set(&call->diag, ERR_INVALID, "expected --learn FILE");
	return CTL_FAILED;
}

const struct ctl_command ctl_init = {
	.name = NAME,
	.arguments = "--learn FILE... --out DIR [OPTION...]",
	.summary = "makes a first contract out of recorded messages, or widens one",
	.help = "FILE is what `mosquitto_sub -q 2 -V 5 --retain-as-published -F %j -t '#'` "
		"printed,\n"
		"or `petstorectl events --json --limit 0`, or `refusals --json --limit 0`, or a\n"
		"database of the plugin; - is standard input. Of refusals only those count that\n"
		"were observed. DIR gets contract.asyncapi.yaml, which accepts all that was\n"
		"recorded and not much more, with counts as comments beside each guess. Where\n"
		"all publishers are known DIR also gets access.json, unless it is there.\n\n"
		"A contract that is there is widened: what it lacks is added, what it forbids\n"
		"and was recorded is allowed, each with a comment; nothing else changes.\n",
	.options = rows,
	.args_size = sizeof(struct init_learn_args),
	.defaults = &defaults,
	.run = run,
};

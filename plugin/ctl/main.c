/*
 * petstorectl: what the plugin decides, from the command line.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"

/* Anywhere before "--"; "-h" at the beginning only, since it may be a payload. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || (i == 1 && strcmp(argv[i], "-h") == 0))
			return true;
	return false;
}

/*
 * payments, pets, ...: tables of the database, whatever the contract calls them. A word is taken
 * for one only where there is a configuration that may know it, or an option may name one.
 */
static bool is_table(int argc, char **argv)
{
	bool has_option = false;

	for (int i = 1; i < argc; i++)
		has_option |= strncmp(argv[i], "--", 2) == 0;
	return argv[0][strspn(argv[0], "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' &&
	       (has_option || files_default());
}

static int no_command(const char *name)
{
	struct suggest suggest = suggest_begin(name);

	ctl_suggest(&suggest);
	(void)fprintf(stderr, "petstorectl: no such command: %s%s\n\n", name,
		      suggest_text(&suggest)[0]
			      ? suggest_text(&suggest)
			      : "; for a table expected --config FILE or --database PLACE");
	ctl_usage(stderr);
	return CTL_FAILED;
}

static int run(const struct ctl_command *command, struct ctl_call *call, int argc, char **argv)
{
	int status = CTL_FAILED;

	if (args_read(command, argc, argv, call))
		return CTL_FAILED;
	output_init(&call->output, call->is_json, call->color);
	if (command->finds_files || !(command->shared & CTL_CONFIG) ||
	    files_find(&call->files, call->name, &call->diag) == 0)
		status = command->run(call);
	if (status == CTL_FAILED && call->diag.text[0])
		(void)ctl_fail(call->name, "%s", call->diag.text);
	return status;
}

/* @argv[0] is the subcommand's name. */
static int start(const struct ctl_command *command, int argc, char **argv)
{
	struct ctl_call call = { .name = argv[0] };
	int status;

	diag_init(&call.diag);
	call.args = calloc(1, command->args_size + 1);
	if (!call.args)
		return ctl_fail(call.name, "out of memory");
	if (command->defaults)
		memcpy(call.args, command->defaults, command->args_size);
	status = run(command, &call, argc, argv);
	brokerfile_clear(&call.files.broker);
	free(call.args);
	return status;
}

/* What was printed has to arrive: a full disk is no success. */
static int finish(const char *name, int status)
{
	bool has_failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) != 0 || has_failed)
		return ctl_fail(name, "standard output: %s",
				errno ? strerror(errno) : "not all could be written");
	return status;
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;

	if (argc < 2) {
		ctl_usage(stderr);
		return CTL_FAILED;
	}
	argc--, argv++;
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
		ctl_usage(stdout);
		return finish("help", CTL_OK);
	}
	command = strcmp(argv[0], "--version") == 0 ? &ctl_version
		  : strcmp(argv[0], "--words") == 0 ? &ctl_words
						    : ctl_find(argv[0]);
	if (!command && is_table(argc, argv))
		command = &ctl_entity;
	if (!command)
		return no_command(argv[0]);
	if (wants_help(argc, argv)) {
		ctl_help_print(command, argv[0]);
		return finish(argv[0], CTL_OK);
	}
	return finish(argv[0], start(command, argc, argv));
}

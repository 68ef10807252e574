/*
 * petstorectl: what the plugin decides, from the command line.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/version.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "schema/payload.h"

struct wanted {
	bool json;
};

static const struct args_row version_rows[] = {
	{ "json", ARGS_SWITCH, NULL, "JSON", offsetof(struct wanted, json), 0, 0 },
	{ .name = NULL },
};

static int run_version(int argc, char **argv);

static const struct ctl_command version = {
	.name = "version",
	.arguments = "[--json]",
	.summary = "the version, the parser of messages and the libraries",
	.options = version_rows,
	.run = run_version,
};

static int run_version(int argc, char **argv)
{
	struct wanted wanted = { .json = false };
	char pcre2[64] = "";
	json_t *all;

	if (args_read(&version, argc, argv, &wanted) < 0)
		return CTL_FAILED;
	(void)pcre2_config(PCRE2_CONFIG_VERSION, pcre2); /* the answer is its length */
	pcre2[strcspn(pcre2, " ")] = '\0';
	all = json_pack("{s:s, s:s, s:s, s:s, s:s}", "petstorectl", PETSTORE_VERSION, "parser",
			payload_backend(), "jansson", jansson_version_str(), "pcre2", pcre2,
			"openssl", OpenSSL_version(OPENSSL_VERSION));
	if (wanted.json)
		(void)output_print_json(all);
	else
		output_print_object(all);
	json_decref(all);
	return CTL_OK;
}

/* clang-format off */
static const struct ctl_command *const commands[] = {
	&ctl_lint,
	&ctl_explain,
	&ctl_may,
	&ctl_list,
	&ctl_entity,
	&ctl_refusals,
	&ctl_diff,
	&ctl_replay,
	&ctl_ctl,
	&ctl_bans,
	&ctl_restored,
	&ctl_passwd,
	&ctl_validate,
	&version,
};
/* clang-format on */

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int ctl_fail(const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fprintf(stderr, "petstorectl %s: ", name);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	return CTL_FAILED;
}

static void print_usage(FILE *file)
{
	(void)fputs("usage: petstorectl COMMAND [ARGUMENT...]\n\n", file);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)fprintf(file, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	(void)fputs("\n`petstorectl COMMAND --help` says more. Exit status: 0 yes, 1 no, "
		    "2 could not be done.\n",
		    file);
}

/* @name: as it was typed, which for a table is not the command's. */
static void print_help(const struct ctl_command *command, const char *name)
{
	(void)printf("usage: petstorectl %s %s\n\n%s.\n", name, command->arguments,
		     command->summary);
	if (command->help)
		(void)printf("\n%s", command->help);
	if (command->options) {
		(void)puts("");
		args_print(stdout, command->options);
	}
}

static bool is_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* Anywhere before "--"; "-h" at the beginning only, since it may be a payload. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || (i == 2 && is_help(argv[i])))
			return true;
	return false;
}

/*
 * payments, pets, ...: tables of the database, whatever the contract calls them. A word alone is
 * taken for one only where there is a configuration that may know it.
 */
static bool is_table(int argc, char **argv)
{
	return argv[1][strspn(argv[1], "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' &&
	       (argc > 2 || access(FILES_CONFIG, R_OK) == 0);
}

int main(int argc, char **argv)
{
	const struct ctl_command *command = NULL;

	if (argc < 2) {
		print_usage(stderr);
		return CTL_FAILED;
	}
	if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return CTL_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			command = commands[i];
	if (!command && is_table(argc, argv))
		command = &ctl_entity;
	if (!command) {
		(void)fprintf(stderr, "petstorectl: no such command: %s\n\n", argv[1]);
		print_usage(stderr);
		return CTL_FAILED;
	}
	if (wants_help(argc, argv)) {
		print_help(command, argv[1]);
		return CTL_OK;
	}
	return command->run(argc - 1, argv + 1);
}

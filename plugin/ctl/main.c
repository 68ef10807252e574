/*
 * petstorectl: what the plugin decides, from the command line.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/version.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "schema/payload.h"

static int run_version(int argc, char **argv)
{
	char pcre2[64] = "";

	if (argc > 1)
		return ctl_fail(argv[0], "takes no argument");
	(void)pcre2_config(PCRE2_CONFIG_VERSION, pcre2); /* the answer is its length */
	(void)printf("petstorectl %s\n", PETSTORE_VERSION);
	(void)printf("payload parser: %s\n", payload_backend());
	(void)printf("jansson %s\n", jansson_version_str());
	(void)printf("pcre2 %.*s\n", (int)strcspn(pcre2, " "), pcre2);
	(void)printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
	return CTL_OK;
}

static const struct ctl_command version = {
	.name = "version",
	.arguments = "",
	.summary = "the version, the parser of messages and the libraries",
	.run = run_version,
};

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

static void print_help(const struct ctl_command *command)
{
	(void)printf("usage: petstorectl %s %s\n\n%s.\n", command->name, command->arguments,
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

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return CTL_FAILED;
	}
	if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return CTL_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i]->name) != 0)
			continue;
		if (argc > 2 && is_help(argv[2])) {
			print_help(commands[i]);
			return CTL_OK;
		}
		return commands[i]->run(argc - 1, argv + 1);
	}
	/* payments, pets, ...: tables of the database, whatever the contract calls them. */
	if (argv[1][strspn(argv[1], "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' && argc > 2)
		return ctl_entity.run(argc - 1, argv + 1);
	(void)fprintf(stderr, "petstorectl: no such command: %s\n\n", argv[1]);
	print_usage(stderr);
	return CTL_FAILED;
}

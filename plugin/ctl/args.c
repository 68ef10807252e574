#include "ctl/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

#define ROWS_MAX 32u

/* The member of @ret that @row is about; alignment is the struct's. */
static void *member(void *ret, const struct args_row *row)
{
	return (char *)ret + row->offset;
}

static int set(const struct ctl_command *command, const struct args_row *row, char *value,
	       void *ret)
{
	char *end = NULL;
	long number;

	switch (row->kind) {
	case ARGS_SWITCH:
		*(bool *)member(ret, row) = true;
		return 0;
	case ARGS_TEXT:
		*(const char **)member(ret, row) = value;
		return 0;
	case ARGS_NUMBER:
		break;
	}
	errno = 0;
	number = strtol(value, &end, 10);
	if (end == value || *end || errno || number < row->min || number > row->max) {
		(void)ctl_fail(command->name, "--%s: \"%s\" is not a number from %ld to %ld",
			       row->name, value, row->min, row->max);
		return -1;
	}
	*(long *)member(ret, row) = number;
	return 0;
}

static void fill(const struct args_row *rows, struct option *option)
{
	size_t n = 0;

	for (; rows && rows[n].name; n++)
		option[n] = (struct option){
			.name = rows[n].name,
			.has_arg = rows[n].kind == ARGS_SWITCH ? no_argument : required_argument,
			.val = (int)n + 1,
		};
	option[n] = (struct option){ .name = NULL };
}

static int usage(const struct ctl_command *command)
{
	(void)ctl_fail(command->name, "usage: petstorectl %s %s", command->name,
		       command->arguments);
	return -1;
}

int args_read(const struct ctl_command *command, int argc, char **argv, void *ret)
{
	struct option option[ROWS_MAX + 1];
	int c;

	fill(command->options, option);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", option, NULL)) != -1) {
		if (c == ':') {
			(void)ctl_fail(command->name, "%s needs an argument", argv[optind - 1]);
			return -1;
		}
		if (c == '?') {
			(void)ctl_fail(command->name, "there is no option %s (see --help)",
				       argv[optind - 1]);
			return -1;
		}
		if (set(command, &command->options[c - 1], optarg, ret))
			return -1;
	}
	if (argc - optind < command->operands_min || argc - optind > command->operands_max)
		return usage(command);
	return optind;
}

void args_print(FILE *file, const struct args_row *rows)
{
	for (; rows && rows->name; rows++) {
		int n = fprintf(file, "  --%s%s%s", rows->name, rows->value ? " " : "",
				rows->value ? rows->value : "");

		(void)fprintf(file, "%*s%s\n", n < 22 ? 24 - n : 2, "", rows->help);
	}
}

/*
 * args.h -- a subcommand's options: one table for the parser, --help and completion scripts.
 */
#ifndef PETSTORE_CTL_ARGS_H
#define PETSTORE_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/args_list.h"

struct ctl_call;
struct ctl_command;

enum args_kind {
	ARGS_SWITCH, /* bool */
	ARGS_TEXT,   /* const char *, borrowed from argv; NULL where it was not given */
	ARGS_FILE,   /* likewise, a file's name */
	ARGS_WORD,   /* likewise, one of the row's words */
	ARGS_NUMBER, /* long */
	ARGS_LIST,   /* struct args_list: it may be given several times */
	ARGS_FILES,  /* likewise, names of files */
	ARGS_TIME,   /* char [ARGS_TIME_MAX]: RFC 3339 in UTC, or its head; "": not given */
};

#define ARGS_TIME_MAX 32
#define ARGS_TIME_HELP                                                                             \
	"TIME is RFC 3339 in UTC or the head of one (2026-01-15, 2026-01-15T10:30:00Z),\n"         \
	"an age (90s, 15m, 2h, 7d), today or yesterday (of UTC).\n"

/* The last row has no name. */
struct args_row {
	const char *name; /* without the dashes */
	enum args_kind kind;
	const char *value; /* what --help calls the argument; NULL for a switch */
	const char *help;
	size_t offset;     /* in the subcommand's own struct, of a shared one in struct ctl_call */
	long min, max;     /* of a number */
	const char *words; /* of ARGS_WORD, by spaces */
};

/* The command's @n-th row, its own first, then those that several have; NULL behind the last. */
const struct args_row *args_row(const struct ctl_command *command, size_t n);

/*
 * Reads options into @ret->args and @ret's own members, which hold their defaults, and operands
 * into
 * @ret. CTL_OK; or CTL_FAILED with a line on standard error: an unknown option, one without its
 * argument or with one that it can't take, too few or too many operands, or a wrong one.
 */
int args_read(const struct ctl_command *command, int argc, char **argv, struct ctl_call *ret);

/* One line an option. */
void args_print(FILE *file, const struct ctl_command *command);

#endif

/*
 * args.h -- a subcommand's options: one table, walked by the parser and by --help.
 */
#ifndef PETSTORE_CTL_ARGS_H
#define PETSTORE_CTL_ARGS_H

#include <stddef.h>
#include <stdio.h>

struct ctl_command;

enum args_kind {
	ARGS_SWITCH, /* bool */
	ARGS_TEXT,   /* const char *, borrowed from argv; NULL where it was not given */
	ARGS_NUMBER  /* long */
};

/* Members beyond @offset stand in the subcommand's own struct. The last row has no name. */
struct args_row {
	const char *name; /* without the dashes */
	enum args_kind kind;
	const char *value; /* what --help calls the argument; NULL for a switch */
	const char *help;
	size_t offset;
	long min, max; /* of a number */
};

/*
 * Reads options into @ret, whose members hold their defaults, and leaves the operands behind
 * them. Returns the index of the first operand, at least 1, or -1 with a line on standard
 * error: an unknown option, one without its argument, a number out of bounds, too few or too
 * many operands.
 */
int args_read(const struct ctl_command *command, int argc, char **argv, void *ret);

/* One line an option. */
void args_print(FILE *file, const struct args_row *rows);

#endif

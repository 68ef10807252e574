/*
 * help.h -- what petstorectl says of itself.
 */
#ifndef PETSTORE_CTL_HELP_H
#define PETSTORE_CTL_HELP_H

#include <stdio.h>

struct ctl_command;

/* All subcommands, a line each. */
void help_usage(FILE *file);

/* One of them. @name: as it was typed, which for a table is not the command's. */
void help_print(const struct ctl_command *command, const char *name);

#endif

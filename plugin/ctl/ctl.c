#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/tables.h"

const struct ctl_command *const ctl_commands[] = {
	&ctl_lint,     &ctl_explain,    &ctl_may,  &ctl_list,    &ctl_entity,   &ctl_refusals,
	&ctl_diff,     &ctl_replay,     &ctl_ctl,  &ctl_bans,    &ctl_restored, &ctl_passwd,
	&ctl_validate, &ctl_completion, &ctl_help, &ctl_version, NULL,
};

const struct ctl_command *ctl_find(const char *name)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		if (strcmp(name, ctl_commands[i]->name) == 0)
			return ctl_commands[i];
	return NULL;
}

void ctl_suggest(struct suggest *suggest)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		suggest_add(suggest, ctl_commands[i]->name);
}

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

void ctl_rows(const struct ctl_call *call, json_t *rows, const struct output_column *columns)
{
	output_rows(&call->output, rows, columns);
	if (!call->is_json && json_array_size(rows) == 0)
		(void)ctl_fail(call->name, "none");
}

void ctl_usage(FILE *file)
{
	(void)fputs("usage: petstorectl COMMAND [ARGUMENT...]\n\n", file);
	for (size_t i = 0; ctl_commands[i]; i++)
		(void)fprintf(file, "  %-12s %s\n", ctl_commands[i]->name,
			      ctl_commands[i]->summary);
	(void)fputs("\n`petstorectl help COMMAND` says more. Exit status: 0 yes, or done; 1 no; "
		    "2 could\nnot be done.\n",
		    file);
}

void ctl_help_print(const struct ctl_command *command, const char *name)
{
	const struct tables_columns *columns = tables_columns(name);

	(void)printf("usage: petstorectl %s %s\n\n", name,
		     columns->table && command == &ctl_entity ? "[OPTION...]" : command->arguments);
	if (command == &ctl_entity)
		(void)printf("rows of the table %s.\n", name);
	else
		(void)printf("%s.\n", command->summary);
	if (command->help)
		(void)printf("\n%s", command->help);
	(void)puts("");
	args_print(stdout, command);
	if (command != &ctl_entity || !columns->table)
		return;
	(void)printf("\nColumns: %s\n", columns->names);
	if (columns->states)
		(void)printf("Statuses: %s\n", columns->states);
}

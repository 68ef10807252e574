#include "ctl/help.h"

#include "ctl/args.h"
#include "ctl/ctl.h"

void help_usage(FILE *file)
{
	(void)fputs("usage: petstorectl COMMAND [ARGUMENT...]\n\n", file);
	for (size_t i = 0; ctl_commands[i]; i++)
		(void)fprintf(file, "  %-12s %s\n", ctl_commands[i]->name,
			      ctl_commands[i]->summary);
	(void)fputs("\n`petstorectl help COMMAND` says more. Exit status: 0 yes, or done; 1 no; "
		    "2 could\nnot be done.\n",
		    file);
}

void help_print(const struct ctl_command *command, const char *name)
{
	(void)printf("usage: petstorectl %s %s\n\n", name, command->arguments);
	if (command == &ctl_entity)
		(void)printf("rows of the table %s.\n", name);
	else
		(void)printf("%s.\n", command->summary);
	if (command->help)
		(void)printf("\n%s", command->help);
	(void)puts("");
	args_print(stdout, command);
}

#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

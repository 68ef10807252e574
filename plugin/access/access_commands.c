/* access_commands.c -- who may give the plugin's commands. */
#include "access/access_internal.h"

#include <string.h>

#include "base/commands.h"

bool access_may_ask(const struct access_principal *principal)
{
	return principal && !principal->is_disabled && !principal->is_anonymous &&
	       !principal->is_peer;
}

/* What a role gives on some topics only (`where`) is nothing here: a command has no topic. */
static bool holds(const struct access_principal *principal, unsigned scope)
{
	struct access_held held;

	if (principal->rule_count == 0)
		return scopeset_has(&principal->full, scope);
	access_hold(principal, NULL, 0, true, &held);
	return scopeset_has(&held.full, scope);
}

const char *access_lacks(const struct access_principal *principal, const char *command)
{
	for (unsigned i = 0; commands_scope(i); i++)
		if (strcmp(commands_name(i), command) == 0)
			return holds(principal, SCOPES_MAX + i) ? NULL : commands_scope(i);
	return NULL;
}

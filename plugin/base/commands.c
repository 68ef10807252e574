#include "base/commands.h"

#include <string.h>

static const char *const scopes[] = {
	"control:status",       "control:counters",      "control:reload",     "control:mode",
	"control:listBans",     "control:liftBan",       "control:listAlerts", "control:explain",
	"control:history",      "control:listEntities",  "control:getEntity",  "control:listEvents",
	"control:listRefusals", "control:countRefusals",
};

#define COUNT (sizeof(scopes) / sizeof(*scopes))
#define PREFIX_LEN (sizeof(COMMANDS_PREFIX) - 1)
_Static_assert(COUNT <= SCOPES_OF_COMMANDS, "each has a bit");

const char *commands_scope(unsigned i)
{
	return i < COUNT ? scopes[i] : NULL;
}

const char *commands_name(unsigned i)
{
	return i < COUNT ? scopes[i] + PREFIX_LEN : NULL;
}

bool commands_add(const char *word, size_t len, struct scopeset *ret)
{
	bool is_all = len == PREFIX_LEN + 1 && memcmp(word, COMMANDS_PREFIX "*", len) == 0;
	bool is_found = false;

	for (unsigned i = 0; i < COUNT; i++) {
		if (!is_all && (strlen(scopes[i]) != len || memcmp(scopes[i], word, len) != 0))
			continue;
		scopeset_add(ret, SCOPES_MAX + i);
		is_found = true;
	}
	return is_found;
}

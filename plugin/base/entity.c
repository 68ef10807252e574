#include "base/entity.h"

#include <string.h>

#define NAME_MAX_BYTES 63u

const struct entity_own_column entity_own_column[ENTITY_OWN_COLUMNS] = {
	{ "id", VALUE_TEXT, true, false },          { "owner", VALUE_TEXT, false, false },
	{ "revision", VALUE_INTEGER, true, false }, { "created_at", VALUE_TEXT, true, false },
	{ "updated_at", VALUE_TEXT, true, false },  { "adopted_at", VALUE_TEXT, false, true },
};

static const char *const own_table[] = { "events", "refusals", "alerts", "retained" };

bool entity_is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len <= NAME_MAX_BYTES && name[len] == '\0' && name[0] >= 'a' &&
	       name[0] <= 'z';
}

bool entity_is_own_column(const char *name)
{
	for (size_t i = 0; i < ENTITY_OWN_COLUMNS; i++)
		if (strcmp(name, entity_own_column[i].name) == 0)
			return true;
	return false;
}

bool entity_is_own_table(const char *name)
{
	for (size_t i = 0; i < sizeof(own_table) / sizeof(own_table[0]); i++)
		if (strcmp(name, own_table[i]) == 0)
			return true;
	return strncmp(name, "sqlite_", 7) == 0 || strncmp(name, "store", 5) == 0;
}

#include "base/entity.h"

#include <string.h>

#define NAME_MAX_BYTES 63u

const struct entity_own_column entity_own_column[ENTITY_OWN_COLUMNS] = {
	{ "id", VALUE_TEXT, true, false },          { "owner", VALUE_TEXT, false, false },
	{ "revision", VALUE_INTEGER, true, false }, { "created_at", VALUE_TEXT, true, false },
	{ "updated_at", VALUE_TEXT, true, false },  { "adopted_at", VALUE_TEXT, false, true },
};

static const char *const own_table[] = { "events",   "refusals", "alerts",
					 "retained", "brokers",  "bans" };

/* Nor any name that begins so: of the store, of SQLite, of PostgreSQL. */
static const char *const own_beginning[] = { "store", "sqlite_", "pg_" };

/* Columns that PostgreSQL has in every table. */
static const char *const system_column[] = { "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid" };

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
	for (size_t i = 0; i < sizeof(system_column) / sizeof(system_column[0]); i++)
		if (strcmp(name, system_column[i]) == 0)
			return true;
	return false;
}

bool entity_is_own_table(const char *name)
{
	for (size_t i = 0; i < sizeof(own_table) / sizeof(own_table[0]); i++)
		if (strcmp(name, own_table[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(own_beginning) / sizeof(own_beginning[0]); i++)
		if (strncmp(name, own_beginning[i], strlen(own_beginning[i])) == 0)
			return true;
	return false;
}

/* -1: it is none. */
static int find_status(const struct entity_steps *steps, const char *text, size_t len)
{
	for (size_t i = 0; i < steps->count; i++)
		if (strlen(steps->status[i]) == len && memcmp(steps->status[i], text, len) == 0)
			return (int)i;
	return -1;
}

/* The set of what may follow @from; none of an unknown one. */
static uint64_t next_of(const struct entity_steps *steps, const char *from, size_t from_len)
{
	int before = from_len > 0 ? find_status(steps, from, from_len) : -1;

	if (from_len == 0)
		return steps->first;
	return before < 0 ? 0 : steps->next[before];
}

bool entity_has_step(const struct entity_steps *steps, const char *from, size_t from_len,
		     const char *to, size_t to_len)
{
	int after = find_status(steps, to, to_len);

	return after >= 0 && (next_of(steps, from, from_len) >> after & 1);
}

bool entity_leads(const struct entity_steps *steps, const char *from, size_t from_len,
		  const char *to, size_t to_len)
{
	uint64_t reached = next_of(steps, from, from_len), before = 0;
	int after = find_status(steps, to, to_len);

	while (reached != before) {
		before = reached;
		for (size_t i = 0; i < steps->count; i++)
			if (before >> i & 1)
				reached |= steps->next[i];
	}
	return after >= 0 && (reached >> after & 1);
}

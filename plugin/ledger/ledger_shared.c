/* ledger_shared.c -- where a ledger is, and what one that several brokers share needs. */
#include <stdio.h>
#include <string.h>

#include "ledger/ledger_internal.h"

bool ledger_is_shared(const char *database)
{
	return store_is_shared(database);
}

void ledger_check_database(const char *database,
			   void (*say)(void *ctx, bool is_of_file, const char *text), void *ctx)
{
	store_check_text(database, say, ctx);
}

int ledger_check_place(const struct ledger_place *place, struct diag *diag)
{
	if (!store_is_shared(place->database))
		return 0;
	if (!place->broker)
		return diag_set(diag, ERR_INVALID,
				"plugin_opt_broker: is missing: brokers that share a database need "
				"a name each");
	if (!place->journal)
		return diag_set(diag, ERR_INVALID,
				"plugin_opt_journal: is missing: expected the path of this "
				"broker's journal, since the database is no file");
	return 0;
}

int ledger_name_journal(const struct ledger_place *place, const char *path, char **ret,
			struct diag *diag)
{
	if (place->journal)
		*ret = strdup(place->journal);
	else if (asprintf(ret, "%s-journal.ring", path) < 0)
		*ret = NULL;
	return *ret ? 0 : diag_nomem(diag);
}

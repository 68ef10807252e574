/* store_names.c -- what the permanent numbers of tables and columns stand for. */
#include <stdlib.h>
#include <string.h>

#include "ledger/store.h"
#include "ledger/store_internal.h"

bool store_is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len <= 63 && name[len] == '\0' && name[0] >= 'a' && name[0] <= 'z';
}

static void table_free(struct store_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < STORE_UPSERTS_MAX; i++)
		(void)sqlite3_finalize(table->upsert[i].statement);
	for (size_t i = 0; i < table->column_count; i++)
		free(table->column[i].name);
	free(table->name);
	free(table);
}

void store_names_free(struct store_names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->table_count; i++)
		table_free(names->table[i]);
	free(names->table);
	free(names->place);
	free(names);
}

static struct store_table *names_table(struct store_names *names, const char *name)
{
	struct store_table **grown;
	struct store_table *table;

	for (size_t i = 0; i < names->table_count; i++)
		if (strcmp(names->table[i]->name, name) == 0)
			return names->table[i];
	grown = realloc(names->table, (names->table_count + 1) * sizeof(struct store_table *));
	if (!grown)
		return NULL;
	names->table = grown;
	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->name = strdup(name);
	if (!table->name) {
		free(table);
		return NULL;
	}
	names->table[names->table_count++] = table;
	return table;
}

static int names_add(struct store_names *names, uint32_t number, const char *table_name,
		     const char *column_name)
{
	struct store_table *table = names_table(names, table_name);
	struct store_place *grown;
	unsigned column = STORE_IS_TABLE;

	if (!table)
		return ERR_NOMEM;
	grown = realloc(names->place, ((size_t)number + 1) * sizeof(*grown));
	if (!grown)
		return ERR_NOMEM;
	names->place = grown;
	while (names->place_count <= number)
		grown[names->place_count++] = (struct store_place){ NULL, 0 };
	if (*column_name == '\0') {
		table->number = number;
	} else {
		if (table->column_count == STORE_COLUMNS_MAX)
			return ERR_LIMIT;
		column = (unsigned)table->column_count;
		table->column[column].number = number;
		table->column[column].name = strdup(column_name);
		if (!table->column[column].name)
			return ERR_NOMEM;
		table->column_count++;
	}
	grown[number] = (struct store_place){ table, column };
	return 0;
}

static int names_read(struct store *store, sqlite3_stmt *select, struct store_names *names,
		      struct diag *diag)
{
	int step, rc;

	while ((step = sqlite3_step(select)) == SQLITE_ROW) {
		int64_t number = sqlite3_column_int64(select, 0);
		const char *table = (const char *)sqlite3_column_text(select, 1);
		const char *column = (const char *)sqlite3_column_text(select, 2);

		if (!table || !column)
			return diag_nomem(diag);
		if (number <= 0 || number >= STORE_NAMES_MAX)
			return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld",
					store->path, (long long)number);
		rc = names_add(names, (uint32_t)number, table, column);
		if (rc == ERR_LIMIT)
			return diag_set(diag, rc, "%s: table %s: more than %u columns", store->path,
					table, STORE_COLUMNS_MAX);
		if (rc)
			return diag_nomem(diag);
	}
	if (step != SQLITE_DONE)
		return store_fail(store->db, store->path, "cannot read the names", diag);
	return 0;
}

int store_names_load(struct store *store, struct store_names **ret, struct diag *diag)
{
	struct store_names *names = calloc(1, sizeof(*names));
	sqlite3_stmt *select = NULL;
	int rc;

	if (!names)
		return diag_nomem(diag);
	if (sqlite3_prepare_v2(store->db,
			       "SELECT number, table_name, column_name FROM store_names "
			       "ORDER BY number",
			       -1, &select, NULL) == SQLITE_OK)
		rc = names_read(store, select, names, diag);
	else
		rc = store_fail(store->db, store->path, "cannot read the names", diag);
	(void)sqlite3_finalize(select);
	if (rc) {
		store_names_free(names);
		return rc;
	}
	*ret = names;
	return 0;
}

const struct store_place *store_find_place(const struct store *store, uint32_t number)
{
	const struct store_names *names = store->names;

	if (number >= names->place_count || !names->place[number].table)
		return NULL;
	return &names->place[number];
}

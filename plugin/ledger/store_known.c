/* store_known.c -- the tables and columns that are there, for whoever may not ask the database. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ledger/store.h"
#include "ledger/store_internal.h"

struct store_known {
	char *path;
	size_t table_count;
	struct known_table {
		char *name;
		uint32_t number;
		size_t column_count;
		struct known_column {
			char *name;
			char *type; /* as it was declared; NULL: the column is not there */
			uint32_t number;
		} column[STORE_COLUMNS_MAX];
	} * table;
};

void store_known_free(struct store_known *known)
{
	if (!known)
		return;
	for (size_t i = 0; i < known->table_count; i++) {
		for (size_t k = 0; k < known->table[i].column_count; k++) {
			free(known->table[i].column[k].name);
			free(known->table[i].column[k].type);
		}
		free(known->table[i].name);
	}
	free(known->table);
	free(known->path);
	free(known);
}

/* ---- learning ---------------------------------------------------------------------------- */

static int copy_names(const struct store_table *from, struct known_table *to)
{
	to->number = from->number;
	to->name = strdup(from->name);
	if (!to->name)
		return ERR_NOMEM;
	for (; to->column_count < from->column_count; to->column_count++) {
		struct known_column *column = &to->column[to->column_count];

		column->number = from->column[to->column_count].number;
		column->name = strdup(from->column[to->column_count].name);
		if (!column->name)
			return ERR_NOMEM;
	}
	return 0;
}

static int set_type(struct known_table *table, const char *name, const char *type)
{
	for (size_t i = 0; name && type && i < table->column_count; i++) {
		struct known_column *column = &table->column[i];

		if (column->type || strcasecmp(column->name, name) != 0)
			continue;
		column->type = strdup(type);
		if (!column->type)
			return ERR_NOMEM;
	}
	return name && type ? 0 : ERR_NOMEM;
}

static int read_types(struct store *store, sqlite3_stmt *info, struct known_table *table,
		      struct diag *diag)
{
	int rc = 0, step = SQLITE_ERROR;

	if (sqlite3_bind_text(info, 1, table->name, -1, SQLITE_STATIC) == SQLITE_OK)
		while (rc == 0 && (step = sqlite3_step(info)) == SQLITE_ROW)
			rc = set_type(table, (const char *)sqlite3_column_text(info, 0),
				      (const char *)sqlite3_column_text(info, 1));
	if (rc)
		(void)diag_nomem(diag);
	else if (step != SQLITE_DONE)
		rc = store_fail(store->db, store->path, "cannot read a table's columns", diag);
	(void)sqlite3_reset(info); /* repeats the step's error */
	return rc;
}

static int learn_all(struct store *store, struct store_known *known, struct diag *diag)
{
	const struct store_names *names = store->names;
	sqlite3_stmt *info = NULL;
	int rc = 0;

	known->path = strdup(store->path);
	known->table = calloc(names->table_count + 1, sizeof(*known->table));
	if (!known->path || !known->table)
		return diag_nomem(diag);
	if (sqlite3_prepare_v2(store->db, "SELECT name, type FROM pragma_table_info(?1)", -1, &info,
			       NULL) != SQLITE_OK)
		rc = store_fail(store->db, store->path, "cannot read a table's columns", diag);
	for (size_t i = 0; rc == 0 && i < names->table_count; i++) {
		struct known_table *table = &known->table[known->table_count++];

		rc = copy_names(names->table[i], table);
		if (rc)
			(void)diag_nomem(diag);
		else
			rc = read_types(store, info, table, diag);
	}
	(void)sqlite3_finalize(info);
	return rc;
}

int store_known_load(struct store *store, struct store_known **ret, struct diag *diag)
{
	struct store_known *known = calloc(1, sizeof(*known));
	int rc = known ? learn_all(store, known, diag) : diag_nomem(diag);

	if (rc) {
		store_known_free(known);
		return rc;
	}
	*ret = known;
	return 0;
}

/* ---- asking ------------------------------------------------------------------------------ */

static const struct known_table *find_table(const struct store_known *known, const char *name)
{
	for (size_t i = 0; known && i < known->table_count; i++)
		if (strcmp(known->table[i].name, name) == 0)
			return &known->table[i];
	return NULL;
}

/* NULL: it is not there. */
static const struct known_column *find_column(const struct known_table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (table->column[i].type && strcmp(table->column[i].name, name) == 0)
			return &table->column[i];
	return NULL;
}

static int fill_columns(const struct store_known *known, const struct known_table *table,
			const struct entity *entity, struct store_entity *ret, struct diag *diag)
{
	size_t missing = 0;

	for (size_t i = 0; i < entity->column_count; i++) {
		const struct known_column *column = find_column(table, entity->column[i].name);
		const char *should = store_type_name(entity->column[i].type);

		if (!column) {
			missing++;
			continue;
		}
		if (strcasecmp(column->type, should) != 0)
			return store_mismatch(known->path, table->name, column->name, column->type,
					      should, diag);
		ret->column[i].number = column->number;
	}
	if (table->column_count + missing > STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", known->path,
				table->name, STORE_COLUMNS_MAX);
	return 0;
}

int store_known_entity(const struct store_known *known, const struct entity *entity,
		       struct store_entity *ret, struct diag *diag)
{
	const struct known_table *table = find_table(known, entity->table);

	store_entity_shape(entity, ret);
	if (!table)
		return 0;
	ret->table = table->number;
	return fill_columns(known, table, entity, ret, diag);
}

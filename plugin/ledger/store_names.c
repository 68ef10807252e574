/*
 * store_names.c -- the tables and columns that the database has, and the permanent numbers by which
 * records name them.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ledger/store.h"
#include "ledger/store_internal.h"

void store_names_free(struct store_names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->table_count; i++) {
		struct store_table *table = &names->table[i];

		for (size_t k = 0; k < table->column_count; k++) {
			free(table->column[k].name);
			free(table->column[k].type);
		}
		free(table->name);
	}
	free(names->table);
	free(names->place);
	free(names->path);
	free(names);
}

/* ---- learning ---------------------------------------------------------------------------- */

static struct store_table *find_table(const struct store_names *names, const char *name)
{
	for (size_t i = 0; names && i < names->table_count; i++)
		if (strcmp(names->table[i].name, name) == 0)
			return &names->table[i];
	return NULL;
}

/* The table called @name, added where it is new; NULL: memory ran out. */
static struct store_table *get_table(struct store_names *names, const char *name)
{
	struct store_table *table = find_table(names, name);

	if (table)
		return table;
	table = realloc(names->table, (names->table_count + 1) * sizeof(*table));
	if (!table)
		return NULL;
	names->table = table;
	table += names->table_count;
	memset(table, 0, sizeof(*table));
	table->name = strdup(name);
	if (!table->name)
		return NULL;
	names->table_count++;
	return table;
}

/* Where @number leads, to be filled in; NULL: memory ran out. */
static struct store_place *get_place(struct store_names *names, uint32_t number)
{
	struct store_place *place =
		realloc(names->place, ((size_t)number + 1) * sizeof(*names->place));

	if (!place)
		return NULL;
	names->place = place;
	while (names->place_count <= number)
		place[names->place_count++] = (struct store_place){ STORE_NOWHERE, 0 };
	return &place[number];
}

static int add_name(struct store_names *names, uint32_t number, const char *table_name,
		    const char *column_name)
{
	struct store_table *table = get_table(names, table_name);
	struct store_place *place = get_place(names, number);
	size_t column;

	if (!table || !place)
		return ERR_NOMEM;
	*place = (struct store_place){ (unsigned)(table - names->table), STORE_IS_TABLE };
	if (*column_name == '\0') {
		table->number = number;
		return 0;
	}
	column = table->column_count;
	if (column == STORE_COLUMNS_MAX)
		return ERR_LIMIT;
	place->column = (unsigned)column;
	table->column[column].number = number;
	table->column[column].name = strdup(column_name);
	if (!table->column[column].name)
		return ERR_NOMEM;
	table->column_count++;
	return 0;
}

static int read_name(struct store_names *names, sqlite3_stmt *row, struct diag *diag)
{
	int64_t number = sqlite3_column_int64(row, 0);
	const char *table = (const char *)sqlite3_column_text(row, 1);
	const char *column = (const char *)sqlite3_column_text(row, 2);
	int rc;

	if (!table || !column)
		return diag_nomem(diag);
	if (number <= 0 || number >= STORE_NAMES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld", names->path,
				(long long)number);
	rc = add_name(names, (uint32_t)number, table, column);
	if (rc == ERR_LIMIT)
		return diag_set(diag, rc, "%s: table %s: more than %u columns", names->path, table,
				STORE_COLUMNS_MAX);
	return rc ? diag_nomem(diag) : 0;
}

static int read_names(struct store *store, struct store_names *names, struct diag *diag)
{
	static const char what[] = "cannot read the names";
	sqlite3_stmt *select = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT number, table_name, column_name FROM store_names "
			     "ORDER BY number",
			     what, &select, diag);

	while (rc == 0 && (rc = sql_step(&store->sql, select, what, diag)) == 1)
		rc = read_name(names, select, diag);
	(void)sqlite3_finalize(select);
	return rc;
}

static int set_type(struct store_table *table, const char *name, const char *type)
{
	for (size_t i = 0; name && type && i < table->column_count; i++) {
		if (table->column[i].type || strcasecmp(table->column[i].name, name) != 0)
			continue;
		table->column[i].type = strdup(type);
		if (!table->column[i].type)
			return ERR_NOMEM;
	}
	return name && type ? 0 : ERR_NOMEM;
}

static int read_types(struct store *store, struct store_table *table, struct diag *diag)
{
	static const char what[] = "cannot read a table's columns";
	sqlite3_stmt *info = NULL;
	int rc = sql_prepare(&store->sql, "SELECT name, type FROM pragma_table_info(?1)", what,
			     &info, diag);

	if (rc == 0)
		sql_bind(info, 1, table->name);
	while (rc == 0 && (rc = sql_step(&store->sql, info, what, diag)) == 1) {
		rc = set_type(table, (const char *)sqlite3_column_text(info, 0),
			      (const char *)sqlite3_column_text(info, 1));
		if (rc)
			(void)diag_nomem(diag);
	}
	(void)sqlite3_finalize(info);
	return rc;
}

int store_names_load(struct store *store, struct store_names **ret, struct diag *diag)
{
	struct store_names *names = calloc(1, sizeof(*names));
	int rc;

	if (!names || !(names->path = strdup(store->sql.path))) {
		rc = diag_nomem(diag);
		goto out;
	}
	rc = read_names(store, names, diag);
	for (size_t i = 0; rc == 0 && i < names->table_count; i++)
		rc = read_types(store, &names->table[i], diag);
	if (rc)
		goto out;
	*ret = names;
	names = NULL; /* handed over */
out:
	store_names_free(names);
	return rc;
}

void store_set_names(struct store *store, struct store_names *names)
{
	for (size_t i = 0; store->upserts && i < store->names->table_count; i++)
		for (size_t k = 0; k < STORE_UPSERTS_MAX; k++)
			(void)sqlite3_finalize(store->upserts[i].upsert[k].statement);
	free(store->upserts);
	store->upserts = NULL;
	store_names_free(store->names);
	store->names = names;
}

/* ---- asking ------------------------------------------------------------------------------ */

const struct store_place *store_find_place(const struct store *store, uint32_t number)
{
	const struct store_names *names = store->names;

	if (number >= names->place_count || names->place[number].table == STORE_NOWHERE)
		return NULL;
	return &names->place[number];
}

/* The column's index; STORE_NOWHERE: it is not there. */
static unsigned find_column(const struct store_table *table, const char *name)
{
	for (unsigned i = 0; i < table->column_count; i++)
		if (table->column[i].type && strcmp(table->column[i].name, name) == 0)
			return i;
	return STORE_NOWHERE;
}

int store_names_find(const struct store_names *names, const struct entity *entity,
		     struct store_numbers *ret, struct diag *diag)
{
	const struct store_table *table = find_table(names, entity->table);
	size_t missing = 0;

	*ret = (struct store_numbers){ .table = table ? table->number : 0 };
	for (size_t i = 0; table && i < entity->column_count; i++) {
		const struct entity_column *wanted = &entity->column[i];
		unsigned at = find_column(table, wanted->name);

		if (at == STORE_NOWHERE) {
			missing++;
			continue;
		}
		if (strcasecmp(table->column[at].type, store_type_name(wanted->type)) != 0)
			return store_mismatch(names->path, table->name, wanted->name,
					      table->column[at].type, store_type_name(wanted->type),
					      diag);
		ret->column[i] = table->column[at].number;
	}
	if (table && table->column_count + missing > STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", names->path,
				table->name, STORE_COLUMNS_MAX);
	return 0;
}

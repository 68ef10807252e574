/*
 * store_names.c -- the tables and columns that the database has, and the permanent numbers by which
 * records name them.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ledger/store_internal.h"

void store_names_free(struct store_names *names)
{
	if (!names)
		return;
	arena_clear(&names->arena);
	free(names);
}

/* ---- learning ---------------------------------------------------------------------------- */

/* NULL where the cell is, and where memory ran out. */
static const char *copy_text(struct store_names *names, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? arena_text(&names->arena, text, strlen(text)) : NULL;
}

static int read_name(struct store_names *names, sqlite3_stmt *row, struct diag *diag)
{
	int64_t number = sqlite3_column_int64(row, 0), of = sqlite3_column_int64(row, 3);
	struct store_name *name;

	if (number <= 0 || number > names->last || of < 0 || of > names->last)
		return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld", names->path,
				(long long)number);
	name = &names->name[number];
	name->table = copy_text(names, row, 1);
	name->column = copy_text(names, row, 2);
	name->type = copy_text(names, row, 4);
	name->of = (uint32_t)of;
	if (!name->table || !name->column ||
	    (!name->type && sqlite3_column_type(row, 4) != SQLITE_NULL))
		return diag_nomem(diag);
	if (!*name->column)
		return 0;
	if (names->name[of].columns == STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", names->path,
				name->table, STORE_COLUMNS_MAX);
	name->columns = names->name[of].columns++;
	return 0;
}

static int read_names(struct store *store, struct store_names *names, struct diag *diag)
{
	static const char what[] = "cannot read the names";
	sqlite3_stmt *select = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT number, table_name, column_name, (SELECT number FROM "
			     "store_names WHERE table_name = one.table_name AND column_name = ''), "
			     "(SELECT type FROM pragma_table_info(one.table_name) WHERE "
			     "name = one.column_name COLLATE NOCASE) "
			     "FROM store_names AS one ORDER BY number",
			     what, &select, diag);

	while (rc == 0 && (rc = sql_step(&store->sql, select, what, diag)) == 1)
		rc = read_name(names, select, diag);
	(void)sqlite3_finalize(select);
	return rc;
}

/* Room for as many as there are. */
static int make_room(struct store *store, struct store_names *names, struct diag *diag)
{
	int rc = sql_number(&store->sql, "SELECT max(number) FROM store_names", &names->last, diag);

	if (rc)
		return rc;
	names->path = arena_text(&names->arena, store->sql.path, strlen(store->sql.path));
	if (names->path && names->last >= STORE_NAMES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table store_names: number %lld", names->path,
				(long long)names->last);
	names->name = arena_take(&names->arena, (size_t)names->last + 1, sizeof(*names->name));
	return names->path && names->name ? 0 : diag_nomem(diag);
}

int store_names_load(struct store *store, struct store_names **ret, struct diag *diag)
{
	struct store_names *names = calloc(1, sizeof(*names));
	int rc = names ? make_room(store, names, diag) : diag_nomem(diag);

	if (rc == 0)
		rc = read_names(store, names, diag);
	if (rc) {
		store_names_free(names);
		return rc;
	}
	*ret = names;
	return 0;
}

void store_set_names(struct store *store, struct store_names *names)
{
	struct store_upserts *upserts;

	while ((upserts = store->upserts)) {
		for (size_t i = 0; i < STORE_UPSERTS_MAX; i++)
			(void)sqlite3_finalize(upserts->upsert[i].statement);
		store->upserts = upserts->other;
		free(upserts);
	}
	store_names_free(store->names);
	store->names = names;
}

/* ---- asking ------------------------------------------------------------------------------ */

const struct store_name *store_find_name(const struct store *store, uint32_t number)
{
	const struct store_names *names = store->names;

	return number <= names->last && names->name[number].table ? &names->name[number] : NULL;
}

/* The column @name is there: which of the entity's it is, if any. */
static int take_column(const struct store_names *names, uint32_t number,
		       const struct entity *entity, struct store_numbers *ret, struct diag *diag)
{
	const struct store_name *name = &names->name[number];

	for (size_t i = 0; name->type && i < entity->column_count; i++) {
		const char *type = store_type_name(entity->column[i].type);

		if (strcmp(name->column, entity->column[i].name) != 0)
			continue;
		if (strcasecmp(name->type, type) != 0)
			return store_mismatch(names->path, name->table, name->column, name->type,
					      type, diag);
		ret->column[i] = number;
	}
	return 0;
}

int store_names_find(const struct store_names *names, const struct entity *entity,
		     struct store_numbers *ret, struct diag *diag)
{
	size_t missing = 0;
	int rc = 0;

	*ret = (struct store_numbers){ 0 };
	for (uint32_t i = 1; rc == 0 && names && i <= names->last; i++) {
		if (!names->name[i].table || strcmp(names->name[i].table, entity->table) != 0)
			continue;
		if (*names->name[i].column)
			rc = take_column(names, i, entity, ret, diag);
		else
			ret->table = i;
	}
	for (size_t i = 0; i < entity->column_count; i++)
		missing += ret->column[i] == 0;
	if (rc == 0 && ret->table && names->name[ret->table].columns + missing > STORE_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: table %s: more than %u columns", names->path,
				entity->table, STORE_COLUMNS_MAX);
	return rc;
}

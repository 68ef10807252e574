/* store_plan.c -- tables, columns and indexes that a plan asks for. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ledger/store.h"
#include "ledger/store_internal.h"

/* The columns that every entity's table has, in front of the plan's. */
static const struct own_column {
	const char *name;
	const char *type;
	bool is_required;
} own_column[] = {
	{ "id", "TEXT", true },          { "owner", "TEXT", false },
	{ "revision", "INTEGER", true }, { "created_at", "TEXT", true },
	{ "updated_at", "TEXT", true },
};

#define OWN_COLUMNS (sizeof(own_column) / sizeof(own_column[0]))

static const char *const own_table[] = { "events", "refusals", "alerts", "retained" };

const char *store_type_name(enum value_type type)
{
	switch (type) {
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		return "INTEGER";
	case VALUE_REAL:
		return "REAL";
	case VALUE_TEXT:
	case VALUE_NULL:
		break;
	}
	return "TEXT";
}

/* ---- names ------------------------------------------------------------------------------- */

static bool is_own_column(const char *name)
{
	for (size_t i = 0; i < OWN_COLUMNS; i++)
		if (strcmp(name, own_column[i].name) == 0)
			return true;
	return false;
}

static bool is_own_table(const char *name)
{
	for (size_t i = 0; i < sizeof(own_table) / sizeof(own_table[0]); i++)
		if (strcmp(name, own_table[i]) == 0)
			return true;
	return strncmp(name, "sqlite_", 7) == 0 || strncmp(name, "store", 5) == 0;
}

static int check_columns(const struct entity *entity, struct diag *diag)
{
	if (entity->column_count > ENTITY_COLUMNS_MAX || entity->slot_count > ENTITY_SLOTS_MAX)
		return diag_set(diag, ERR_LIMIT, "table %s: more than %u columns or %u statuses",
				entity->table, ENTITY_COLUMNS_MAX, ENTITY_SLOTS_MAX);
	for (size_t i = 0; i < entity->column_count; i++) {
		const char *name = entity->column[i].name;

		if (!store_is_name(name) || is_own_column(name))
			return diag_set(diag, ERR_INVALID,
					"table %s: a column cannot be named '%s'", entity->table,
					name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(name, entity->column[k].name) == 0)
				return diag_set(diag, ERR_INVALID, "table %s: column %s twice",
						entity->table, name);
	}
	return 0;
}

int store_check_plan(const struct entity_plan *plan, struct diag *diag)
{
	int rc;

	if (plan->entity_count > ENTITY_COUNT_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u entities", ENTITY_COUNT_MAX);
	for (size_t i = 0; i < plan->entity_count; i++) {
		const char *table = plan->entity[i].table;

		if (!store_is_name(table) || is_own_table(table))
			return diag_set(diag, ERR_INVALID, "a table cannot be named '%s'", table);
		for (size_t k = 0; k < i; k++)
			if (strcmp(table, plan->entity[k].table) == 0)
				return diag_set(diag, ERR_INVALID, "table %s twice", table);
		rc = check_columns(&plan->entity[i], diag);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* Runs what @sql was built to be, or says why it was not built. */
static int run_built(struct store *store, sqlite3_str *sql, struct diag *diag)
{
	char *text = sqlite3_str_finish(sql);
	int rc = text ? store_run(store->db, store->path, text, diag) : diag_nomem(diag);

	sqlite3_free(text);
	return rc;
}

/*
 * No rowid: the row stands in the id's own tree, so that an upsert walks one tree. All text
 * that is formatted in has passed store_is_name().
 */
static int make_table(struct store *store, const struct entity *entity, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->db);

	sqlite3_str_appendf(sql, "CREATE TABLE \"%w\" (", entity->table);
	for (size_t i = 0; i < OWN_COLUMNS; i++)
		sqlite3_str_appendf(
			sql, "%s%s %s%s%s", i ? ", " : "", own_column[i].name, own_column[i].type,
			own_column[i].is_required ? " NOT NULL" : "", i == 0 ? " PRIMARY KEY" : "");
	for (size_t i = 0; i < entity->column_count; i++)
		sqlite3_str_appendf(sql, ", \"%w\" %s", entity->column[i].name,
				    store_type_name(entity->column[i].type));
	sqlite3_str_appendall(sql, ") STRICT, WITHOUT ROWID");
	return run_built(store, sql, diag);
}

static int make_column(struct store *store, const char *table, const struct entity_column *column,
		       struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->db);

	sqlite3_str_appendf(sql, "ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s", table, column->name,
			    store_type_name(column->type));
	return run_built(store, sql, diag);
}

/* The dot keeps index names apart from tables' and from each other. */
static int make_index(struct store *store, const char *table, const char *column, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->db);

	sqlite3_str_appendf(sql, "CREATE INDEX IF NOT EXISTS \"%w.%w\" ON \"%w\" (\"%w\")", table,
			    column, table, column);
	return run_built(store, sql, diag);
}

/* For how long a status has not changed: see store_reader_unchanged(). */
static int make_timed_index(struct store *store, const char *table, const char *column,
			    struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->db);

	sqlite3_str_appendf(sql,
			    "CREATE INDEX IF NOT EXISTS \"%w.%w.updated_at\" ON \"%w\" "
			    "(\"%w\", updated_at)",
			    table, column, table, column);
	return run_built(store, sql, diag);
}

/* What a table in the database has, against what it should. */
struct seen {
	bool own[OWN_COLUMNS];
	bool column[ENTITY_COLUMNS_MAX];
};

int store_mismatch(const char *path, const char *table, const char *column, const char *is,
		   const char *should, struct diag *diag)
{
	return diag_set(diag, ERR_INVALID,
			"%s: table %s: column %s is %s where the contract "
			"needs %s",
			path, table, column, is, should);
}

static int check_column(const struct store *store, const struct entity *entity, sqlite3_stmt *info,
			struct seen *seen, struct diag *diag)
{
	const char *name = (const char *)sqlite3_column_text(info, 0);
	const char *type = (const char *)sqlite3_column_text(info, 1);
	bool is_needed = sqlite3_column_int(info, 2) && sqlite3_column_type(info, 3) == SQLITE_NULL;
	int key = sqlite3_column_int(info, 4);
	const char *should = NULL;

	if (!name || !type)
		return diag_nomem(diag);
	if ((strcmp(name, "id") == 0) != (key == 1))
		return store_mismatch(store->path, entity->table, name, key ? "a key" : "no key",
				      "id alone as the primary key", diag);
	for (size_t i = 0; i < OWN_COLUMNS; i++) {
		if (strcasecmp(name, own_column[i].name) != 0)
			continue;
		seen->own[i] = true;
		should = own_column[i].type;
		is_needed = false;
	}
	for (size_t i = 0; i < entity->column_count; i++) {
		if (strcasecmp(name, entity->column[i].name) != 0)
			continue;
		seen->column[i] = true;
		should = store_type_name(entity->column[i].type);
	}
	if (should && strcasecmp(type, should) != 0)
		return store_mismatch(store->path, entity->table, name, type, should, diag);
	if (is_needed)
		return store_mismatch(store->path, entity->table, name,
				      "NOT NULL without a default", "one that may stay unset",
				      diag);
	return 0;
}

static int check_table(struct store *store, const struct entity *entity, struct seen *seen,
		       struct diag *diag)
{
	sqlite3_stmt *info = NULL;
	int rc = 0, step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(store->db,
			       "SELECT name, type, \"notnull\", dflt_value, pk FROM "
			       "pragma_table_info(?1)",
			       -1, &info, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(info, 1, entity->table, -1, SQLITE_STATIC) == SQLITE_OK)
		while (rc == 0 && (step = sqlite3_step(info)) == SQLITE_ROW)
			rc = check_column(store, entity, info, seen, diag);
	if (rc == 0 && step != SQLITE_DONE)
		rc = store_fail(store->db, store->path, "cannot read a table's columns", diag);
	(void)sqlite3_finalize(info);
	for (size_t i = 0; rc == 0 && i < OWN_COLUMNS; i++)
		if (!seen->own[i])
			rc = store_mismatch(store->path, entity->table, own_column[i].name,
					    "missing", own_column[i].type, diag);
	return rc;
}

/* 1: there is such a table; 0: nothing has the name; ERR_INVALID: something else has. */
static int find_table(struct store *store, const char *table, struct diag *diag)
{
	sqlite3_stmt *find = NULL;
	int rc, step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(store->db,
			       "SELECT type = 'table' FROM sqlite_master WHERE name = ?1 "
			       "COLLATE NOCASE",
			       -1, &find, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(find, 1, table, -1, SQLITE_STATIC) == SQLITE_OK)
		step = sqlite3_step(find);
	if (step == SQLITE_DONE)
		rc = 0;
	else if (step != SQLITE_ROW)
		rc = store_fail(store->db, store->path, "cannot read the schema", diag);
	else if (sqlite3_column_int(find, 0))
		rc = 1;
	else
		rc = diag_set(diag, ERR_INVALID,
			      "%s: %s is a view or an index where the contract "
			      "needs a table",
			      store->path, table);
	(void)sqlite3_finalize(find);
	return rc;
}

static int plan_indexes(struct store *store, const struct entity *entity, struct diag *diag)
{
	int rc = make_index(store, entity->table, "owner", diag);

	for (size_t i = 0; rc == 0 && i < entity->column_count; i++)
		if (entity->column[i].is_indexed)
			rc = make_index(store, entity->table, entity->column[i].name, diag);
	for (size_t i = 0; rc == 0 && i < entity->slot_count; i++)
		if (entity->is_timed[i])
			rc = make_timed_index(store, entity->table,
					      entity->column[entity->slot[i]].name, diag);
	return rc;
}

static int plan_table(struct store *store, const struct entity *entity, struct diag *diag)
{
	struct seen seen = { 0 };
	int rc = find_table(store, entity->table, diag);

	if (rc < 0)
		return rc;
	if (rc == 0) {
		rc = make_table(store, entity, diag);
	} else {
		rc = check_table(store, entity, &seen, diag);
		for (size_t i = 0; rc == 0 && i < entity->column_count; i++)
			if (!seen.column[i])
				rc = make_column(store, entity->table, &entity->column[i], diag);
	}
	return rc ? rc : plan_indexes(store, entity, diag);
}

/* ---- numbers ----------------------------------------------------------------------------- */

static int number_name(struct store *store, sqlite3_stmt *insert, const char *table,
		       const char *column, struct diag *diag)
{
	if (sqlite3_bind_text(insert, 1, table, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(insert, 2, column, -1, SQLITE_STATIC) != SQLITE_OK)
		return store_fail(store->db, store->path, "cannot number a name", diag);
	return store_step(store, insert, "cannot number a name", diag);
}

/* Names that have a number keep it. */
static int number_all(struct store *store, const struct entity_plan *plan, struct diag *diag)
{
	sqlite3_stmt *insert = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(store->db,
			       "INSERT INTO store_names (table_name, column_name) VALUES (?1, ?2) "
			       "ON CONFLICT DO NOTHING",
			       -1, &insert, NULL) != SQLITE_OK)
		rc = store_fail(store->db, store->path, "cannot number names", diag);
	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++) {
		const struct entity *entity = &plan->entity[i];

		rc = number_name(store, insert, entity->table, "", diag);
		for (size_t k = 0; rc == 0 && k < entity->column_count; k++)
			rc = number_name(store, insert, entity->table, entity->column[k].name,
					 diag);
	}
	(void)sqlite3_finalize(insert);
	return rc;
}

static uint32_t find_number(const struct store_table *table, const char *column)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (strcmp(table->column[i].name, column) == 0)
			return table->column[i].number;
	return 0;
}

static const struct store_table *find_names(const struct store_names *names, const char *table)
{
	for (size_t i = 0; i < names->table_count; i++)
		if (strcmp(names->table[i]->name, table) == 0)
			return names->table[i];
	return NULL;
}

void store_entity_shape(const struct entity *entity, struct store_entity *ret)
{
	*ret = (struct store_entity){
		.column_count = entity->column_count,
		.slot_count = entity->slot_count,
		.link_column = entity->link_column,
	};
	memcpy(ret->slot, entity->slot, sizeof(ret->slot));
	memcpy(ret->is_timed, entity->is_timed, sizeof(ret->is_timed));
	for (size_t i = 0; i < entity->column_count; i++)
		ret->column[i].type = entity->column[i].type;
	for (size_t k = 0; k < entity->slot_count; k++)
		ret->column[entity->slot[k]].is_remembered = true;
	if (entity->link_column >= 0)
		ret->column[entity->link_column].is_remembered = true;
}

static int resolve(const struct store *store, const struct store_names *names,
		   const struct entity *entity, struct store_entity *ret, struct diag *diag)
{
	const struct store_table *table = find_names(names, entity->table);

	store_entity_shape(entity, ret);
	ret->table = table ? table->number : 0;
	for (size_t i = 0; table && i < entity->column_count; i++) {
		ret->column[i].number = find_number(table, entity->column[i].name);
		if (ret->column[i].number == 0)
			table = NULL;
	}
	if (!table)
		return diag_set(diag, ERR_INVALID, "%s: table store_names lacks a column of %s",
				store->path, entity->table);
	return 0;
}

static int plan_all(struct store *store, const struct entity_plan *plan, struct store_entity *ret,
		    struct store_names **names, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++)
		rc = plan_table(store, &plan->entity[i], diag);
	if (rc == 0)
		rc = number_all(store, plan, diag);
	if (rc == 0)
		rc = store_names_load(store, names, diag);
	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++)
		rc = resolve(store, *names, &plan->entity[i], &ret[i], diag);
	return rc;
}

int store_plan(struct store *store, const struct entity_plan *plan, struct store_entity *ret,
	       struct diag *diag)
{
	struct store_names *names = NULL;
	int rc = store_check_plan(plan, diag);

	if (rc)
		return rc;
	rc = store_step(store, store->statement[STORE_BEGIN], "cannot begin to write", diag);
	if (rc)
		return rc;
	rc = plan_all(store, plan, ret, &names, diag);
	if (rc == 0)
		rc = store_step(store, store->statement[STORE_COMMIT], "cannot commit", diag);
	if (rc) {
		store_rollback(store);
		store_names_free(names);
		return rc;
	}
	store_names_free(store->names);
	store->names = names;
	return 0;
}

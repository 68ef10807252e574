/* store_plan.c -- makes the tables, columns and indexes that a plan asks for. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ledger/store_sqlite_internal.h"

const char *lite_type_name(enum value_type type)
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

/* ---- tables ------------------------------------------------------------------------------ */

/* Runs what @sql was built to be, or says why it was not built. */
static int run_built(struct sqlite_store *store, sqlite3_str *sql, struct diag *diag)
{
	char *text = sqlite3_str_finish(sql);
	int rc = text ? sql_change(&store->sql, text, diag) : diag_nomem(diag);

	sqlite3_free(text);
	return rc;
}

/*
 * With a rowid: rows lie in the order in which they came, and a new id that lies anywhere among the
 * others costs a small place in the index of ids. Tables of earlier versions are WITHOUT ROWID, and
 * stay so. All text that is formatted in has passed entity_is_name().
 */
static int make_table(struct sqlite_store *store, const struct entity *entity, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);

	sqlite3_str_appendf(sql, "CREATE TABLE \"%w\" (", entity->table);
	for (size_t i = 0; i < ENTITY_OWN_COLUMNS; i++) {
		const struct entity_own_column *own = &entity_own_column[i];

		sqlite3_str_appendf(sql, "%s%s %s%s%s", i ? ", " : "", own->name,
				    lite_type_name(own->type), own->is_required ? " NOT NULL" : "",
				    i == 0 ? " PRIMARY KEY" : "");
	}
	for (size_t i = 0; i < entity->column_count; i++)
		sqlite3_str_appendf(sql, ", \"%w\" %s", entity->column[i].name,
				    lite_type_name(entity->column[i].type));
	sqlite3_str_appendall(sql, ") STRICT");
	return run_built(store, sql, diag);
}

static int make_column(struct sqlite_store *store, const char *table,
		       const struct entity_column *column, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);

	sqlite3_str_appendf(sql, "ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s", table, column->name,
			    lite_type_name(column->type));
	return run_built(store, sql, diag);
}

int lite_add_adopted(struct sqlite_store *store, struct diag *diag)
{
	static const char what[] = "cannot read the tables";
	const struct entity_column column = { .name = "adopted_at", .type = VALUE_TEXT };
	sqlite3_stmt *next = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN "
			     "(SELECT table_name FROM store_names) AND NOT EXISTS (SELECT 1 FROM "
			     "pragma_table_info(sqlite_master.name) AS info WHERE info.name = "
			     "'adopted_at') LIMIT 1",
			     what, &next, diag);

	while (rc == 0 && (rc = sql_step(&store->sql, next, what, diag)) == 1) {
		char *table = sqlite3_mprintf("%s", sqlite3_column_text(next, 0));

		(void)sqlite3_reset(next); /* a table that is read can't be changed */
		rc = table ? make_column(store, table, &column, diag) : diag_nomem(diag);
		sqlite3_free(table);
	}
	(void)sqlite3_finalize(next);
	return rc;
}

/*
 * An index of one column, or of a status and how long it has been unchanged
 * (store_reader_unchanged()). The dots keep index names apart from tables' and from each other.
 */
struct index {
	const char *table, *column;
	bool is_timed;
	bool is_sparse; /* rows where the column is NULL have no place in it */
};

static const char *suffix_of(const struct index *index)
{
	return index->is_timed ? ".updated_at" : "";
}

static int make_index(struct sqlite_store *store, const struct index *index, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);

	sqlite3_str_appendf(sql, "CREATE INDEX IF NOT EXISTS \"%w.%w%s\" ON \"%w\" (\"%w\"%s)",
			    index->table, index->column, suffix_of(index), index->table,
			    index->column, index->is_timed ? ", updated_at" : "");
	if (index->is_sparse)
		sqlite3_str_appendf(sql, " WHERE \"%w\" IS NOT NULL", index->column);
	return run_built(store, sql, diag);
}

static int drop_index(struct sqlite_store *store, const struct index *index, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);

	sqlite3_str_appendf(sql, "DROP INDEX IF EXISTS \"%w.%w%s\"", index->table, index->column,
			    suffix_of(index));
	return run_built(store, sql, diag);
}

/* Earlier versions made all indexes with a place for each row. 1: it is one of them. */
static int is_full(struct sqlite_store *store, const struct index *index, struct diag *diag)
{
	static const char what[] = "cannot read the schema";
	sqlite3_stmt *find = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?1 || "
			     "'.' || ?2 || ?3 AND instr(sql, ' IS NOT NULL') = 0",
			     what, &find, diag);

	if (rc == 0) {
		sql_bind(find, 1, index->table);
		sql_bind(find, 2, index->column);
		sql_bind(find, 3, suffix_of(index));
		rc = sql_step(&store->sql, find, what, diag);
	}
	(void)sqlite3_finalize(find);
	return rc;
}

static int plan_index(struct sqlite_store *store, const struct index *index, struct diag *diag)
{
	int rc = index->is_sparse ? is_full(store, index, diag) : 0;

	if (rc == 1)
		rc = drop_index(store, index, diag);
	return rc ? rc : make_index(store, index, diag);
}

/* What a table in the database has, against what it should. */
struct seen {
	bool own[ENTITY_OWN_COLUMNS];
	bool column[ENTITY_COLUMNS_MAX];
};

static int check_column(const struct sqlite_store *store, const struct entity *entity,
			sqlite3_stmt *info, struct seen *seen, struct diag *diag)
{
	const char *name = (const char *)sqlite3_column_text(info, 0);
	const char *type = (const char *)sqlite3_column_text(info, 1);
	bool is_needed = sqlite3_column_int(info, 2) && sqlite3_column_type(info, 3) == SQLITE_NULL;
	int key = sqlite3_column_int(info, 4);
	const char *should = NULL;

	if (!name || !type)
		return diag_nomem(diag);
	if ((strcmp(name, "id") == 0) != (key == 1))
		return store_mismatch(store->sql.path, entity->table, name,
				      key ? "a key" : "no key", "id alone as the primary key",
				      diag);
	for (size_t i = 0; i < ENTITY_OWN_COLUMNS; i++) {
		if (strcasecmp(name, entity_own_column[i].name) != 0)
			continue;
		seen->own[i] = true;
		should = lite_type_name(entity_own_column[i].type);
		is_needed = false;
	}
	for (size_t i = 0; i < entity->column_count; i++) {
		if (strcasecmp(name, entity->column[i].name) != 0)
			continue;
		seen->column[i] = true;
		should = lite_type_name(entity->column[i].type);
	}
	if (should && strcasecmp(type, should) != 0)
		return store_mismatch(store->sql.path, entity->table, name, type, should, diag);
	if (is_needed)
		return store_mismatch(store->sql.path, entity->table, name,
				      "NOT NULL without a default", "one that may stay unset",
				      diag);
	return 0;
}

static int check_table(struct sqlite_store *store, const struct entity *entity, struct seen *seen,
		       struct diag *diag)
{
	static const char what[] = "cannot read a table's columns";
	sqlite3_stmt *info = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT name, type, \"notnull\", dflt_value, pk FROM "
			     "pragma_table_info(?1)",
			     what, &info, diag);

	if (rc == 0)
		sql_bind(info, 1, entity->table);
	while (rc == 0 && (rc = sql_step(&store->sql, info, what, diag)) == 1)
		rc = check_column(store, entity, info, seen, diag);
	(void)sqlite3_finalize(info);
	for (size_t i = 0; rc == 0 && i < ENTITY_OWN_COLUMNS; i++)
		if (!seen->own[i] && !entity_own_column[i].is_added)
			rc = store_mismatch(store->sql.path, entity->table,
					    entity_own_column[i].name, "missing",
					    lite_type_name(entity_own_column[i].type), diag);
	return rc;
}

/* 1: there is such a table; 0: nothing has the name; ERR_INVALID: something else has. */
static int find_table(struct sqlite_store *store, const char *table, struct diag *diag)
{
	static const char what[] = "cannot read the schema";
	sqlite3_stmt *find = NULL;
	int rc = sql_prepare(&store->sql,
			     "SELECT type = 'table' FROM sqlite_master WHERE name = ?1 "
			     "COLLATE NOCASE",
			     what, &find, diag);

	if (rc == 0) {
		sql_bind(find, 1, table);
		rc = sql_step(&store->sql, find, what, diag);
	}
	if (rc == 1 && !sqlite3_column_int(find, 0))
		rc = diag_set(diag, ERR_INVALID,
			      "%s: %s is a view or an index where the contract needs a table",
			      store->sql.path, table);
	(void)sqlite3_finalize(find);
	return rc;
}

/*
 * Nearly all rows have an owner and the first status. Of other columns many are NULL, and a place
 * in an index costs as much as the row: theirs are sparse. An index by status and time answers what
 * one by status would.
 */
static int plan_column(struct sqlite_store *store, const struct entity *entity, unsigned column,
		       struct diag *diag)
{
	struct index index = { .table = entity->table, .column = entity->column[column].name };
	int rc, slot = entity_slot(entity, column);

	index.is_sparse = slot != 0;
	if (slot >= 0 && entity->is_timed[slot]) {
		rc = drop_index(store, &index, diag);
		index.is_timed = true;
		return rc ? rc : plan_index(store, &index, diag);
	}
	return entity->column[column].is_indexed ? plan_index(store, &index, diag) : 0;
}

static int plan_indexes(struct sqlite_store *store, const struct entity *entity, struct diag *diag)
{
	const struct index owner = { .table = entity->table, .column = "owner" };
	int rc = plan_index(store, &owner, diag);

	for (unsigned i = 0; rc == 0 && i < entity->column_count; i++)
		rc = plan_column(store, entity, i, diag);
	return rc;
}

/* What the table lacks, check_table() has allowed it. */
static int make_missing(struct sqlite_store *store, const struct entity *entity,
			const struct seen *seen, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ENTITY_OWN_COLUMNS; i++) {
		const struct entity_column own = { .name = entity_own_column[i].name,
						   .type = entity_own_column[i].type };

		if (!seen->own[i])
			rc = make_column(store, entity->table, &own, diag);
	}
	for (size_t i = 0; rc == 0 && i < entity->column_count; i++)
		if (!seen->column[i])
			rc = make_column(store, entity->table, &entity->column[i], diag);
	return rc;
}

static int plan_table(struct sqlite_store *store, const struct entity *entity, struct diag *diag)
{
	struct seen seen = { 0 };
	int rc = find_table(store, entity->table, diag);

	if (rc < 0)
		return rc;
	if (rc == 0) {
		rc = make_table(store, entity, diag);
	} else {
		rc = check_table(store, entity, &seen, diag);
		if (rc == 0)
			rc = make_missing(store, entity, &seen, diag);
	}
	return rc ? rc : plan_indexes(store, entity, diag);
}

/* ---- numbers ----------------------------------------------------------------------------- */

static int number_name(struct sqlite_store *store, sqlite3_stmt *insert, const char *table,
		       const char *column, struct diag *diag)
{
	sql_bind(insert, 1, table);
	sql_bind(insert, 2, column);
	return sql_run(&store->sql, insert, "cannot number a name", diag);
}

/* Names that have a number keep it. */
static int number_all(struct sqlite_store *store, const struct entity_plan *plan, struct diag *diag)
{
	sqlite3_stmt *insert = NULL;
	int rc = sql_prepare(&store->sql,
			     "INSERT INTO store_names (table_name, column_name) VALUES (?1, ?2) "
			     "ON CONFLICT DO NOTHING",
			     "cannot number names", &insert, diag);

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

static int plan_all(struct sqlite_store *store, const struct entity_plan *plan,
		    struct store_names **names, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++)
		rc = plan_table(store, &plan->entity[i], diag);
	if (rc == 0)
		rc = number_all(store, plan, diag);
	return rc ? rc : lite_names_load(&store->base, names, diag);
}

int lite_plan(struct store *base, const struct entity_plan *plan, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct store_names *names = NULL;
	int rc = store_check_plan(plan, diag);

	if (rc == 0)
		rc = sql_run(&store->sql, store->statement[STORE_BEGIN], "cannot begin to write",
			     diag);
	if (rc)
		return rc;
	rc = plan_all(store, plan, &names, diag);
	if (rc == 0)
		rc = sql_run(&store->sql, store->statement[STORE_COMMIT], "cannot commit", diag);
	if (rc) {
		lite_rollback(&store->base);
		store_names_free(names);
		return rc;
	}
	lite_set_names(store, names);
	return 0;
}

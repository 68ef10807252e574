/*
 * pg_store_plan.c -- makes the tables, columns and indexes that a plan asks for in PostgreSQL, and
 * numbers their names, for all brokers alike.
 *
 * Several brokers do so at once: the row of table store is locked meanwhile. Where all is there
 * already nothing is locked, nor is a right to make tables needed. Names that are put into SQL have
 * passed entity_is_name().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/wordhash.h"
#include "ledger/pg_carry.h"
#include "ledger/pg_store_internal.h"

#define SQL_MAX 8192u      /* of a table with all its columns */
#define NAME_MAX_BYTES 63u /* PostgreSQL cuts longer names */

const char *pg_store_type_name(enum value_type type)
{
	switch (type) {
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		return "BIGINT";
	case VALUE_REAL:
		return "DOUBLE PRECISION";
	case VALUE_TEXT:
	case VALUE_NULL:
		break;
	}
	return "TEXT";
}

/* ---- SQL as text ------------------------------------------------------------------------- */

struct plan_text {
	size_t len;
	char sql[SQL_MAX];
};

__attribute__((format(printf, 2, 3))) static void append(struct plan_text *text, const char *format,
							 ...)
{
	va_list args;

	va_start(args, format);
	/* 48 columns with the longest names have room. */
	pg_sql_add(text->sql, SQL_MAX, &text->len, format, args);
	va_end(args);
}

static int run(struct pg_store *store, const struct plan_text *text, struct diag *diag)
{
	int rc = pg_script(store->pg, text->sql, "cannot make a table", diag);

	return rc == ERR_DOUBT ? ERR_BUSY : rc;
}

/* ---- what is there ----------------------------------------------------------------------- */

/* What a table in the database has, of what it should have. */
struct plan_seen {
	bool is_there;
	bool own[ENTITY_OWN_COLUMNS];
	bool column[ENTITY_COLUMNS_MAX];
};

/* A column as it is in the database. */
struct plan_column {
	const char *name, *type;
	bool is_needed; /* NOT NULL, without a default */
	bool is_key;
};

static int check_column(const struct pg_store *store, const struct entity *entity,
			const struct plan_column *column, struct plan_seen *seen, struct diag *diag)
{
	bool is_needed = column->is_needed;
	const char *should = NULL;

	if ((strcmp(column->name, "id") == 0) != column->is_key)
		return store_mismatch(store->shown, entity->table, column->name,
				      column->is_key ? "a key" : "no key",
				      "id alone as the primary key", diag);
	for (size_t i = 0; i < ENTITY_OWN_COLUMNS; i++) {
		if (strcmp(column->name, entity_own_column[i].name) != 0)
			continue;
		seen->own[i] = true;
		should = pg_store_type_name(entity_own_column[i].type);
		is_needed = false;
	}
	for (size_t i = 0; i < entity->column_count; i++) {
		if (strcmp(column->name, entity->column[i].name) != 0)
			continue;
		seen->column[i] = true;
		should = pg_store_type_name(entity->column[i].type);
	}
	if (should && strcasecmp(column->type, should) != 0)
		return store_mismatch(store->shown, entity->table, column->name, column->type,
				      should, diag);
	if (is_needed)
		return store_mismatch(store->shown, entity->table, column->name,
				      "NOT NULL without a default", "one that may stay unset",
				      diag);
	return 0;
}

static int check_rows(const struct pg_store *store, const struct entity *entity,
		      const struct pg_rows *rows, struct plan_seen *seen, struct diag *diag)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < pg_rows_count(rows); i++) {
		const struct plan_column column = {
			.name = pg_text(rows, i, 0),
			.type = pg_text(rows, i, 1),
			.is_needed = pg_number(rows, i, 2) != 0,
			.is_key = pg_number(rows, i, 3) != 0,
		};

		rc = check_column(store, entity, &column, seen, diag);
	}
	for (size_t i = 0; rc == 0 && seen->is_there && i < ENTITY_OWN_COLUMNS; i++)
		if (!seen->own[i] && !entity_own_column[i].is_added)
			rc = store_mismatch(store->shown, entity->table, entity_own_column[i].name,
					    "missing",
					    pg_store_type_name(entity_own_column[i].type), diag);
	return rc;
}

/*
 * One query for both, is the name taken and which columns has the table: another broker may commit
 * the table at any moment. One row without a column: the name is no table's that may be read.
 */
#define TABLE_SQL                                                                                  \
	"SELECT c.column_name::text, c.data_type::text, c.is_nullable = 'NO' AND "                 \
	"c.column_default IS NULL, EXISTS (SELECT 1 FROM "                                         \
	"information_schema.table_constraints t JOIN information_schema.key_column_usage "         \
	"k ON k.constraint_schema = t.constraint_schema AND k.constraint_name = "                  \
	"t.constraint_name AND k.table_name = t.table_name WHERE t.constraint_type = "             \
	"'PRIMARY KEY' AND t.table_schema = c.table_schema AND t.table_name = "                    \
	"c.table_name AND k.column_name = c.column_name) FROM pg_catalog.pg_class r JOIN "         \
	"pg_catalog.pg_namespace n ON n.oid = r.relnamespace LEFT JOIN "                           \
	"(information_schema.columns c JOIN information_schema.tables b ON b.table_schema = "      \
	"c.table_schema AND b.table_name = c.table_name AND b.table_type = 'BASE TABLE') ON "      \
	"c.table_schema = n.nspname AND c.table_name = r.relname WHERE n.nspname = "               \
	"current_schema() AND r.relname = $1"

static int look_at_table(struct pg_store *store, const struct entity *entity,
			 struct plan_seen *seen, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	*seen = (struct plan_seen){ .is_there = false };
	pg_add_string(&params, entity->table);
	rc = pg_store_exec(store, TABLE_SQL, &params, &rows, "cannot read a table's columns", diag);
	if (rc)
		return rc;
	seen->is_there = pg_rows_count(&rows) > 0;
	if (seen->is_there && pg_is_null(&rows, 0, 0))
		rc = diag_set(diag, ERR_INVALID,
			      "%s: %s is a view, an index or a table that may not be read, where "
			      "the contract needs a table",
			      store->shown, entity->table);
	else
		rc = check_rows(store, entity, &rows, seen, diag);
	pg_rows_clear(&rows);
	return rc;
}

/* ---- indexes ----------------------------------------------------------------------------- */

/* As the embedded store's: the dots keep their names apart from tables' and from each other. */
struct plan_index {
	const char *table, *column;
	bool is_timed;
	bool is_sparse;
	char name[NAME_MAX_BYTES + 1];
};

static void name_index(struct plan_index *index)
{
	char full[3 * NAME_MAX_BYTES];
	int len = snprintf(full, sizeof(full), "%s.%s%s", index->table, index->column,
			   index->is_timed ? ".updated_at" : "");

	if (len <= (int)NAME_MAX_BYTES)
		(void)snprintf(index->name, sizeof(index->name), "%.*s", len, full);
	else
		(void)snprintf(index->name, sizeof(index->name), "%.46s.%016llx", full,
			       (unsigned long long)wordhash(0, full, (size_t)len));
}

static void append_index(struct plan_text *text, const struct plan_index *index)
{
	append(text, "CREATE INDEX IF NOT EXISTS \"%s\" ON \"%s\" (\"%s\"%s)", index->name,
	       index->table, index->column, index->is_timed ? ", updated_at" : "");
	if (index->is_sparse)
		append(text, " WHERE \"%s\" IS NOT NULL", index->column);
	append(text, ";");
}

/* Which indexes the table is to have; returns their number. */
static unsigned indexes_of(const struct entity *entity,
			   struct plan_index ret[ENTITY_COLUMNS_MAX + 1])
{
	unsigned count = 0;

	ret[count++] = (struct plan_index){ .table = entity->table, .column = "owner" };
	for (unsigned i = 0; i < entity->column_count; i++) {
		int slot = entity_slot(entity, i);
		bool is_timed = slot >= 0 && entity->is_timed[slot];

		if (entity->column[i].is_indexed || is_timed)
			ret[count++] = (struct plan_index){ .table = entity->table,
							    .column = entity->column[i].name,
							    .is_timed = is_timed,
							    .is_sparse = slot != 0 };
	}
	for (unsigned i = 0; i < count; i++)
		name_index(&ret[i]);
	return count;
}

/* Has it all of them? 1: yes. */
static int has_indexes(struct pg_store *store, const struct entity *entity, struct diag *diag)
{
	struct plan_index index[ENTITY_COLUMNS_MAX + 1];
	unsigned count = indexes_of(entity, index);
	struct pg_array names = { 0 };
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	pg_array_begin(&names, PG_TEXT);
	for (unsigned i = 0; i < count; i++)
		pg_array_text(&names, index[i].name, strlen(index[i].name));
	pg_add_string(&params, entity->table);
	rc = pg_add_array(&params, &names, diag);
	if (rc == 0)
		rc = pg_store_exec(store,
				   "SELECT count(*) FROM pg_catalog.pg_indexes WHERE schemaname = "
				   "current_schema() AND tablename = $1 AND indexname = ANY "
				   "($2::text[])",
				   &params, &rows, "cannot read the indexes", diag);
	pg_array_free(&names);
	if (rc)
		return rc;
	rc = pg_number(&rows, 0, 0) >= count;
	pg_rows_clear(&rows);
	return rc;
}

/* ---- making it --------------------------------------------------------------------------- */

/* The ids are in the order of their bytes, as all brokers compare them. */
static void append_table(struct plan_text *text, const struct entity *entity)
{
	append(text, "CREATE TABLE \"%s\" (", entity->table);
	for (size_t i = 0; i < ENTITY_OWN_COLUMNS; i++) {
		const struct entity_own_column *own = &entity_own_column[i];

		append(text, "%s%s %s%s%s%s", i ? ", " : "", own->name,
		       pg_store_type_name(own->type), i == 0 ? " COLLATE \"C\"" : "",
		       own->is_required ? " NOT NULL" : "", i == 0 ? " PRIMARY KEY" : "");
	}
	for (size_t i = 0; i < entity->column_count; i++)
		append(text, ", \"%s\" %s", entity->column[i].name,
		       pg_store_type_name(entity->column[i].type));
	append(text, ");");
}

static void append_column(struct plan_text *text, const char *table, const char *column,
			  enum value_type type)
{
	append(text, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s;", table, column,
	       pg_store_type_name(type));
}

static int make_indexes(struct pg_store *store, const struct entity *entity, struct diag *diag)
{
	struct plan_index index[ENTITY_COLUMNS_MAX + 1];
	unsigned count = indexes_of(entity, index);
	int rc = has_indexes(store, entity, diag);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		struct plan_text text = { 0 };

		append_index(&text, &index[i]);
		rc = run(store, &text, diag);
	}
	return rc;
}

static int make_table(struct pg_store *store, const struct entity *entity, struct diag *diag)
{
	struct plan_text text = { 0 };
	struct plan_seen seen;
	int rc = look_at_table(store, entity, &seen, diag);

	if (rc)
		return rc;
	if (!seen.is_there)
		append_table(&text, entity);
	for (size_t i = 0; seen.is_there && i < ENTITY_OWN_COLUMNS; i++)
		if (!seen.own[i])
			append_column(&text, entity->table, entity_own_column[i].name,
				      entity_own_column[i].type);
	for (size_t i = 0; seen.is_there && i < entity->column_count; i++)
		if (!seen.column[i])
			append_column(&text, entity->table, entity->column[i].name,
				      entity->column[i].type);
	if (text.len > 0)
		rc = run(store, &text, diag);
	return rc ? rc : make_indexes(store, entity, diag);
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Names that have a number keep it; under the lock, no two get the same. */
static int number_name(struct pg_store *store, const char *table, const char *column,
		       struct diag *diag)
{
	struct pg_params params = { 0 };

	pg_add_string(&params, table);
	pg_add_string(&params, column);
	return pg_store_exec(
		store,
		"INSERT INTO store_names (number, table_name, column_name) SELECT "
		"coalesce(max(number), 0) + 1, $1::text, $2::text FROM store_names HAVING "
		"NOT EXISTS (SELECT 1 FROM store_names WHERE table_name = $1 AND "
		"column_name = $2)",
		&params, NULL, "cannot number names", diag);
}

static int number_all(struct pg_store *store, const struct entity_plan *plan, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++) {
		const struct entity *entity = &plan->entity[i];

		rc = number_name(store, entity->table, "", diag);
		for (size_t k = 0; rc == 0 && k < entity->column_count; k++)
			rc = number_name(store, entity->table, entity->column[k].name, diag);
	}
	return rc;
}

/* ---- planning ---------------------------------------------------------------------------- */

static int check_names(const struct pg_store *store, const struct entity_plan *plan,
		       struct diag *diag)
{
	/* Of the server's own, pg_..., one is meant where a name has no schema. */
	static const char *const own[] = { "brokers", "bans" };

	for (size_t i = 0; i < plan->entity_count; i++) {
		const char *table = plan->entity[i].table;
		bool is_taken = strncmp(table, "pg_", 3) == 0;

		for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
			is_taken = is_taken || strcmp(table, own[k]) == 0;
		if (is_taken)
			return diag_set(diag, ERR_INVALID,
					"%s: a table cannot be named '%s' in a database that "
					"brokers share",
					store->shown, table);
	}
	return 0;
}

/* A plan that can't be is told of before the database is asked. */
static int connect_for(struct pg_store *store, const struct entity_plan *plan, struct diag *diag)
{
	int rc = store_check_plan(plan, diag);

	if (rc == 0)
		rc = check_names(store, plan, diag);
	return rc ? rc : pg_store_connect(store, diag);
}

/* Of a database that no broker has used yet; 1: it is not so any more. */
static int look_for(struct pg_store *store, const char *table, struct diag *diag)
{
	unsigned version;
	int rc = pg_store_has_table(store, table, diag);

	if (rc <= 0)
		return rc;
	/* Another broker may have made it meanwhile: the ledger's own tables are there by then. */
	rc = pg_store_version(store, pg_store_versions, &version, diag);
	if (rc || version > 0)
		return rc ? rc : 1;
	return diag_set(diag, ERR_VERSION, "%s: %s: " PG_STORE_TAKEN, store->shown, table);
}

/* The ledger's own tables are made all or none: of them the first one that is taken ends it. */
int pg_store_look(struct store *base, const struct entity_plan *plan, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	unsigned version = 0;
	int rc = connect_for(store, plan, diag);

	if (rc == 0)
		rc = pg_store_version(store, pg_store_versions, &version, diag);
	for (size_t i = 0; rc == 0 && version == 0 && i < plan->entity_count; i++)
		rc = look_for(store, plan->entity[i].table, diag);
	return rc < 0 ? rc : 0;
}

/* 1: nothing is to be made for this entity. */
static int is_entity_made(struct pg_store *store, const struct entity *entity,
			  const struct store_names *names, struct diag *diag)
{
	struct store_numbers number;
	struct plan_seen seen;
	int rc = store_names_find(names, entity, &number, diag);

	if (rc)
		return rc;
	rc = look_at_table(store, entity, &seen, diag);
	if (rc)
		return rc;
	if (!seen.is_there || number.table == 0)
		return 0;
	for (size_t i = 0; i < ENTITY_OWN_COLUMNS; i++)
		if (!seen.own[i])
			return 0;
	for (size_t i = 0; i < entity->column_count; i++)
		if (!seen.column[i] || number.column[i] == 0)
			return 0;
	return has_indexes(store, entity, diag);
}

static int is_made(struct pg_store *store, const struct entity_plan *plan,
		   const struct store_names *names, struct diag *diag)
{
	int rc = 1;

	for (size_t i = 0; rc == 1 && i < plan->entity_count; i++)
		rc = is_entity_made(store, &plan->entity[i], names, diag);
	return rc;
}

static int make_all(struct pg_store *store, const struct entity_plan *plan, struct diag *diag)
{
	/* Whatever the database's default is: what is read after the lock is what it is by then. */
	int rc = pg_store_exec(store, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL, NULL,
			       "cannot begin to write", diag);

	store->is_begun = rc == 0;
	if (rc == 0)
		rc = pg_store_exec(store, "SELECT one FROM store FOR UPDATE", NULL, NULL,
				   "cannot lock the schema", diag);
	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++)
		rc = make_table(store, &plan->entity[i], diag);
	if (rc == 0)
		rc = number_all(store, plan, diag);
	if (rc == 0)
		rc = pg_store_exec(store, "COMMIT", NULL, NULL, "cannot commit", diag);
	if (rc)
		pg_store_rollback(&store->base);
	store->is_begun = false;
	return rc;
}

int pg_store_plan(struct store *base, const struct entity_plan *plan, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct store_names *names = NULL;
	int rc = connect_for(store, plan, diag);

	if (rc == 0)
		rc = pg_store_names_load(base, &names, diag);
	if (rc == 0)
		rc = is_made(store, plan, names, diag);
	if (rc == 0) {
		store_names_free(names);
		names = NULL;
		rc = make_all(store, plan, diag);
		if (rc == 0)
			rc = pg_store_names_load(base, &names, diag);
	}
	if (rc < 0) {
		store_names_free(names);
		return rc;
	}
	store_names_free(store->names);
	store->names = names;
	rc = pg_store_make_carry(store, diag);
	return rc ? rc : pg_carry_plan(store->carry, plan, diag);
}

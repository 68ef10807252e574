#include "ledger/pg_look.h"

#include <stdio.h>
#include <string.h>

#include "ledger/pg_store_internal.h"

int pg_look(int rc, const char *state, const struct pg_rows *rows, struct diag *diag)
{
	/* No such table, column or schema. */
	if (rc && (strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0))
		return diag_set(diag, ERR_VERSION, "%s",
				"no database of this plugin: it has no such tables");
	if (rc)
		return rc;
	if (pg_rows_count(rows) != 1 || strcmp(pg_text(rows, 0, 0), PG_LOOK_PROGRAM) != 0)
		return diag_set(diag, ERR_VERSION, "the database of another program");
	if (pg_number(rows, 0, 2) > (int64_t)pg_store_versions)
		return diag_set(diag, ERR_VERSION,
				"schema version %lld, made by a newer plugin: this one knows %u",
				(long long)pg_number(rows, 0, 1), pg_store_versions);
	return 0;
}

static void read_column(const struct pg_rows *rows, unsigned row, struct pg_look_column *ret)
{
	static const struct {
		const char *name;
		enum value_type type;
		bool is_bytes;
	} known[] = {
		{ "text", VALUE_TEXT, false },        { "character varying", VALUE_TEXT, false },
		{ "bigint", VALUE_INTEGER, false },   { "integer", VALUE_INTEGER, false },
		{ "smallint", VALUE_INTEGER, false }, { "double precision", VALUE_REAL, false },
		{ "bytea", VALUE_TEXT, true }
	};
	const char *type = pg_text(rows, row, 1);

	(void)snprintf(ret->name, sizeof(ret->name), "%s", pg_text(rows, row, 0));
	ret->may_be_null = strcmp(pg_text(rows, row, 2), "NO") != 0;
	ret->type = VALUE_NULL;
	ret->is_bytes = false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(type, known[i].name) != 0)
			continue;
		ret->type = known[i].type;
		ret->is_bytes = known[i].is_bytes;
	}
}

int pg_look_table(struct pg *pg, const char *table, struct pg_look_table *ret, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows = { 0 };
	int rc;

	ret->count = 0;
	pg_add_string(&params, table);
	rc = pg_exec(pg, PG_LOOK_COLUMNS, &params, &rows, "cannot read the columns", diag);
	for (unsigned i = 0; i < pg_rows_count(&rows) && i < PG_LOOK_COLUMNS_MAX; i++)
		read_column(&rows, i, &ret->column[ret->count++]);
	pg_rows_clear(&rows);
	return rc;
}

const struct pg_look_column *pg_look_find(const struct pg_look_table *table, const char *name)
{
	for (unsigned i = 0; i < table->count; i++)
		if (strcmp(table->column[i].name, name) == 0)
			return &table->column[i];
	return NULL;
}

/* refusals have a number that is called payload_bytes. */
bool pg_look_is_second(const struct pg_look_table *table, unsigned column)
{
	const struct pg_look_column *is = &table->column[column];

	return is->is_bytes &&
	       (strcmp(is->name, "payload_bytes") == 0 || strcmp(is->name, "payload_raw") == 0);
}

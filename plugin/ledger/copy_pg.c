/* copy_pg.c -- a PostgreSQL database that a ledger is copied from, or to. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ledger/copy_end.h"
#include "ledger/pg_look.h"
#include "ledger/pg_store_internal.h"
#include "ledger/query_pg.h"

#define CONNECT_MS 5000u
#define WAIT_MS 600000u /* a commit of all rows may take its time */
#define ROWS_AT_ONCE 2000u
#define BYTES_AT_ONCE ((size_t)4 << 20)
#define SQL_MAX 16384u

static const char unreadable[] = "cannot read the database";
static const char unwritable[] = "cannot write";

/* The arrays that one column's values go by: of a payload two. */
struct column {
	enum copy_kind kind;
	unsigned first; /* array */
};

struct pg_end {
	struct copy_end base;
	struct pg *pg;
	/* the table that is written */
	char sql[SQL_MAX];
	size_t len;
	unsigned columns, arrays, rows;
	size_t bytes;
	struct column column[COPY_COLUMNS_MAX];
	struct pg_array array[PG_PARAMS_MAX];
	struct pg_params params;
};

static const struct copy_engine pg_copy_engine;

static struct pg_end *of(struct copy_end *end)
{
	return (struct pg_end *)end;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What was not committed is rolled back when the connection closes. */
static void close_end(struct copy_end *base)
{
	struct pg_end *end = of(base);

	for (unsigned i = 0; i < PG_PARAMS_MAX; i++)
		pg_array_free(&end->array[i]);
	pg_close(end->pg);
	free(end);
}

static int execute(struct pg_end *end, const char *sql, struct pg_rows *ret, const char *what,
		   struct diag *diag)
{
	return pg_exec(end->pg, sql, NULL, ret, what, diag);
}

/* Connects, and begins a transaction in which no broker can begin to use the database. */
static int open_end(const char *place, const char *begin, struct pg_end **ret, struct diag *diag)
{
	const struct pg_place to = { .conninfo = place,
				     .application = "petstorectl",
				     .wait_ms = CONNECT_MS };
	struct pg_end *end = calloc(1, sizeof(*end));
	struct pg_rows rows = { 0 };
	int rc;

	if (!end)
		return diag_nomem(diag);
	*ret = end;
	end->base.engine = &pg_copy_engine;
	end->base.is_shared = true;
	rc = pg_open(&to, &end->pg, diag);
	if (rc)
		return rc;
	rc = execute(end, PG_LOOK_SQL, &rows, unreadable, diag);
	rc = pg_look(rc, pg_state(end->pg), &rows, diag);
	pg_rows_clear(&rows);
	if (rc == ERR_VERSION)
		diag_prefix(diag, "%s", pg_name(end->pg));
	if (rc == 0)
		rc = execute(end, begin, NULL, unreadable, diag);
	if (rc == 0)
		rc = execute(end, "SELECT one FROM store FOR UPDATE", NULL,
			     "cannot lock the database", diag);
	pg_set_wait(end->pg, WAIT_MS);
	return rc;
}

/* One that was killed has a journal of which nobody knows what it holds. */
static int check_brokers(struct pg_end *end, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	int rc =
		execute(end,
			"SELECT name, host, seen_at > " PG_NOW_MS " - 5000 AND seen_at < " PG_NOW_MS
			" + 5000, waiting FROM brokers WHERE (seen_at > " PG_NOW_MS
			" - 5000 AND seen_at < " PG_NOW_MS
			" + 5000) OR waiting > 0 OR ring <> '' ORDER BY 3 DESC, name",
			&rows, "cannot read the brokers", diag);

	if (rc || pg_rows_count(&rows) == 0) {
		pg_rows_clear(&rows);
		return rc;
	}
	if (pg_number(&rows, 0, 2) != 0)
		rc = diag_set(diag, ERR_BUSY,
			      "%s: broker %s uses it, on %s: stop all brokers first",
			      pg_name(end->pg), pg_text(&rows, 0, 0), pg_text(&rows, 0, 1));
	else
		rc = diag_set(
			diag, ERR_INVALID,
			"%s: broker %s was not stopped, but ended: its journal may have writes "
			"that are not here: start it, stop it, and copy then",
			pg_name(end->pg), pg_text(&rows, 0, 0));
	pg_rows_clear(&rows);
	return rc;
}

int copy_pg_from(const char *place, struct copy_end **ret, struct diag *diag)
{
	struct pg_end *end = NULL;
	int rc = open_end(place, "BEGIN ISOLATION LEVEL REPEATABLE READ", &end, diag);

	if (rc == 0)
		rc = check_brokers(end, diag);
	if (rc == 0)
		rc = execute(end, "SELECT name FROM brokers FOR UPDATE", NULL,
			     "cannot lock the brokers", diag);
	if (rc && end)
		close_end(&end->base);
	if (rc == 0)
		*ret = &end->base;
	return rc;
}

/* ---- what is there --------------------------------------------------------------------------- */

static int check_empty_one(struct pg_end *end, const char *table, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	char sql[128];
	int rc;

	(void)snprintf(sql, sizeof(sql), "SELECT 1 FROM \"%.63s\" LIMIT 1", table);
	rc = execute(end, sql, &rows, unreadable, diag);
	if (rc == 0 && pg_rows_count(&rows) > 0)
		rc = copy_fail_filled(pg_name(end->pg), table, diag);
	pg_rows_clear(&rows);
	return rc;
}

static int check_empty(struct pg_end *end, struct diag *diag)
{
	static const char *const own[] = { "brokers", "events",        "retained", "refusals",
					   "alerts",  "store_letters", "bans" };
	struct pg_rows rows = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(own) / sizeof(own[0]); i++)
		rc = check_empty_one(end, own[i], diag);
	if (rc == 0)
		rc = execute(end, "SELECT table_name FROM store_names WHERE column_name = ''",
			     &rows, unreadable, diag);
	for (unsigned i = 0; rc == 0 && i < pg_rows_count(&rows); i++)
		rc = check_empty_one(end, pg_text(&rows, i, 0), diag);
	pg_rows_clear(&rows);
	return rc;
}

int copy_pg_to(const char *place, struct copy_end **ret, struct diag *diag)
{
	struct pg_end *end = NULL;
	int rc = open_end(place, "BEGIN", &end, diag);

	if (rc == 0)
		rc = check_empty(end, diag);
	if (rc && end)
		close_end(&end->base);
	if (rc == 0)
		*ret = &end->base;
	return rc;
}

static enum copy_kind kind_of(const struct pg_look_table *table, unsigned i)
{
	const struct pg_look_column *column = &table->column[i];

	if (i + 1 < table->count && pg_look_is_second(table, i + 1))
		return COPY_PAYLOAD;
	if (column->is_bytes)
		return COPY_BYTES;
	switch (column->type) {
	case VALUE_TEXT:
		return COPY_TEXT;
	case VALUE_INTEGER:
		return COPY_INTEGER;
	case VALUE_REAL:
		return COPY_REAL;
	default:
		return COPY_UNKNOWN;
	}
}

static int columns(struct copy_end *base, const char *name, struct copy_columns *ret,
		   struct diag *diag)
{
	struct pg_look_table table;
	int rc = pg_look_table(of(base)->pg, name, &table, diag);

	ret->count = 0;
	for (unsigned i = 0; rc == 0 && i < table.count; i++) {
		struct copy_column *column = &ret->column[ret->count];

		if (pg_look_is_second(&table, i))
			continue;
		(void)snprintf(column->name, sizeof(column->name), "%s", table.column[i].name);
		column->kind = kind_of(&table, i);
		column->is_needed = !table.column[i].may_be_null;
		ret->count++;
	}
	return rc;
}

static int query(struct copy_end *base, struct query **ret, struct diag *diag)
{
	return query_pg_on(of(base)->pg, ret, diag);
}

/* Numbers of several brokers: the last of an embedded database is above all of them. */
static int facts(struct copy_end *base, struct copy_facts *ret, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	int rc = execute(of(base),
			 "SELECT identity, made_at, (SELECT max(clock_at) FROM brokers), "
			 "coalesce((SELECT max(applied_seq) FROM brokers), 0) FROM store",
			 &rows, unreadable, diag);

	*ret = (struct copy_facts){ .last = 0 };
	if (rc == 0 && pg_rows_count(&rows) == 1) {
		(void)snprintf(ret->identity, sizeof(ret->identity), "%s", pg_text(&rows, 0, 0));
		(void)snprintf(ret->made_at, sizeof(ret->made_at), "%s", pg_text(&rows, 0, 1));
		(void)snprintf(ret->clock_at, sizeof(ret->clock_at), "%s", pg_text(&rows, 0, 2));
		ret->last = (uint64_t)pg_number(&rows, 0, 3);
	}
	pg_rows_clear(&rows);
	return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void add(struct pg_end *end, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pg_sql_add(end->sql, SQL_MAX, &end->len, format, args);
	va_end(args);
}

static const struct {
	enum pg_type type;
	const char *name;
} array_type[] = { [COPY_TEXT] = { PG_TEXT, "text" },
		   [COPY_INTEGER] = { PG_NUMBER, "bigint" },
		   [COPY_REAL] = { PG_REAL, "double precision" },
		   [COPY_BYTES] = { PG_BYTES, "bytea" },
		   [COPY_PAYLOAD] = { PG_TEXT, "text" },
		   [COPY_UNKNOWN] = { PG_TEXT, "text" } };

static void add_array(struct pg_end *end, enum copy_kind kind)
{
	pg_array_begin(&end->array[end->arrays], array_type[kind].type);
	end->arrays++;
}

/* The statement's list of columns; of a payload both. */
static int list_columns(struct pg_end *end, const char *name, const struct copy_columns *what,
			struct diag *diag)
{
	struct pg_look_table table;
	int rc = pg_look_table(end->pg, name, &table, diag);

	for (unsigned i = 0; rc == 0 && i < what->count; i++) {
		const struct copy_column *column = &what->column[i];
		const struct pg_look_column *is = pg_look_find(&table, column->name);

		if (!is || end->arrays + 2 > PG_PARAMS_MAX)
			return diag_set(diag, ERR_LIMIT, "table %s: too many columns", name);
		end->column[i] = (struct column){ column->kind, end->arrays };
		add(end, "%s\"%s\"", i ? ", " : "", column->name);
		add_array(end, column->kind);
		if (column->kind == COPY_PAYLOAD) {
			add(end, ", \"%s\"", is[1].name);
			add_array(end, COPY_BYTES);
		}
	}
	return rc;
}

static const char *sql_type(enum pg_type type)
{
	for (size_t i = 0; i < COPY_PAYLOAD; i++)
		if (array_type[i].type == type)
			return array_type[i].name;
	return "text";
}

static int begin(struct copy_end *base, const char *table, const struct copy_columns *what,
		 struct diag *diag)
{
	struct pg_end *end = of(base);
	int rc;

	end->len = 0;
	end->arrays = end->rows = 0;
	end->bytes = 0;
	end->columns = what->count;
	add(end, "INSERT INTO \"%s\" (", table);
	rc = list_columns(end, table, what, diag);
	add(end, ") SELECT * FROM unnest(");
	for (unsigned i = 0; i < end->arrays; i++)
		add(end, "%s$%u::%s[]", i ? ", " : "", i + 1, sql_type(end->array[i].type));
	add(end, ")");
	return rc;
}

static int flush(struct pg_end *end, struct diag *diag)
{
	int rc = 0;

	if (end->rows == 0)
		return 0;
	pg_params_clear(&end->params);
	for (unsigned i = 0; rc == 0 && i < end->arrays; i++)
		rc = pg_add_array(&end->params, &end->array[i], diag);
	if (rc == 0)
		rc = pg_exec(end->pg, end->sql, &end->params, NULL, unwritable, diag);
	for (unsigned i = 0; i < end->arrays; i++)
		pg_array_begin(&end->array[i], end->array[i].type);
	end->rows = 0;
	end->bytes = 0;
	return rc;
}

static void put(struct pg_array *array, const struct query_cell *cell)
{
	switch (cell->type) {
	case VALUE_TEXT:
		pg_array_text(array, cell->text, cell->len);
		break;
	case VALUE_INTEGER:
		pg_array_number(array, cell->integer);
		break;
	case VALUE_REAL:
		pg_array_real(array, cell->real);
		break;
	default:
		pg_array_null(array);
	}
}

static void put_cell(struct pg_end *end, const struct column *column, const struct query_cell *cell)
{
	static const struct query_cell null;
	struct pg_array *array = &end->array[column->first];
	bool is_bytes = column->kind == COPY_PAYLOAD && cell->type == VALUE_TEXT &&
			!utf8_is_text(cell->text, cell->len);

	end->bytes += cell->type == VALUE_TEXT ? cell->len : sizeof(cell->integer);
	put(array, is_bytes ? &null : cell);
	if (column->kind == COPY_PAYLOAD)
		put(array + 1, is_bytes ? cell : &null);
}

static int row(struct copy_end *base, const struct query_cell *cell, struct diag *diag)
{
	struct pg_end *end = of(base);

	for (unsigned i = 0; i < end->columns; i++)
		put_cell(end, &end->column[i], &cell[i]);
	end->rows++;
	return end->rows >= ROWS_AT_ONCE || end->bytes >= BYTES_AT_ONCE ? flush(end, diag) : 0;
}

static int end_table(struct copy_end *base, struct diag *diag)
{
	return flush(of(base), diag);
}

static int run(struct copy_end *base, const char *sql, struct diag *diag)
{
	return execute(of(base), sql, NULL, unwritable, diag);
}

/* The numbers that the database gives go on behind those that were copied. */
static int set_sequences(struct pg_end *end, struct diag *diag)
{
	static const char *const table[] = { "events", "refusals", "alerts", "store_letters" };
	char sql[200];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(table) / sizeof(table[0]); i++) {
		(void)snprintf(sql, sizeof(sql),
			       "SELECT setval(pg_get_serial_sequence('%s', 'seq'), max(seq)) FROM "
			       "%s HAVING max(seq) IS NOT NULL",
			       table[i], table[i]);
		rc = execute(end, sql, NULL, unwritable, diag);
	}
	return rc;
}

static int set_store(struct pg_end *end, const struct copy_facts *what, struct diag *diag)
{
	pg_params_clear(&end->params);
	pg_add_string(&end->params, what->identity);
	pg_add_string(&end->params, what->made_at);
	return pg_exec(end->pg, "UPDATE store SET identity = $1, made_at = $2", &end->params, NULL,
		       unwritable, diag);
}

/* The row of the broker that goes on with what was its own; nobody has its name. */
static int add_broker(struct pg_end *end, const struct copy_facts *what, const char *broker,
		      struct diag *diag)
{
	char time[CLOCK_TEXT_MAX];

	pg_params_clear(&end->params);
	pg_add_string(&end->params, broker);
	pg_add_string(&end->params, clock_print(clock_unix_ms(), time));
	pg_add_number(&end->params, pg_store_versions);
	pg_add_number(&end->params, (int64_t)what->last);
	pg_add_string(&end->params, what->clock_at[0] ? what->clock_at : NULL);
	return pg_exec(end->pg,
		       "INSERT INTO brokers (name, instance, started_at, seen_at, version, "
		       "applied_seq, ring, clock_at) VALUES ($1, '', $2, 0, $3, $4, '', $5)",
		       &end->params, NULL, unwritable, diag);
}

/* Did a broker begin to use it meanwhile? Its rows are seen when they are committed. */
static int check_alone(struct pg_end *end, struct diag *diag)
{
	struct pg_rows rows = { 0 };
	int rc = execute(end, "SELECT name FROM brokers WHERE instance <> ''", &rows, unreadable,
			 diag);

	if (rc == 0 && pg_rows_count(&rows) > 0)
		rc = diag_set(diag, ERR_BUSY, "%s: broker %s began to use it: nothing was copied",
			      pg_name(end->pg), pg_text(&rows, 0, 0));
	pg_rows_clear(&rows);
	return rc;
}

static int finish(struct copy_end *base, const struct copy_facts *what, const char *broker,
		  struct diag *diag)
{
	struct pg_end *end = of(base);
	int rc = set_store(end, what, diag);

	if (rc == 0 && broker)
		rc = add_broker(end, what, broker, diag);
	if (rc == 0 && broker)
		rc = check_alone(end, diag);
	if (rc == 0)
		rc = run(base, "UPDATE brokers SET seen_at = 0", diag);
	if (rc == 0)
		rc = set_sequences(end, diag);
	return rc ? rc : run(base, "COMMIT", diag);
}

static const struct copy_engine pg_copy_engine = { .close = close_end,
						   .columns = columns,
						   .query = query,
						   .facts = facts,
						   .begin = begin,
						   .row = row,
						   .end = end_table,
						   .run = run,
						   .finish = finish };

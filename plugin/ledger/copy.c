#include "ledger/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "base/utf8.h"
#include "ledger/copy_end.h"
#include "ledger/fileuser.h"

#define PATIENCE_MS 5000u

struct copy_work {
	const struct copy_options *options;
	struct copy_end *from, *to;
	struct query *source, *target;
	struct copy_facts facts;
	const char *broker;
	copy_visit *visit;
	void *ctx;
	struct diag *diag;
	char *name[COPY_TABLES_MAX]; /* tables of entities */
	size_t names;
};

/* ---- tables of entities ---------------------------------------------------------------------- */

/* A query_visit. */
static bool keep_name(const struct query_row *row, void *ctx)
{
	struct copy_work *w = ctx;

	if (w->names == COPY_TABLES_MAX)
		return false;
	w->name[w->names] = strndup(row->cell[0].text, row->cell[0].len);
	return w->name[w->names] && ++w->names;
}

static int find_tables(struct copy_work *w)
{
	int rc = query_tables(w->source, keep_name, w, w->diag);

	if (rc == 0 && w->names == COPY_TABLES_MAX)
		return diag_set(w->diag, ERR_LIMIT, "%s: more than %u tables", w->options->from,
				COPY_TABLES_MAX - 1);
	return rc;
}

static int fail_column(const char *table, const struct copy_column *column, struct diag *diag)
{
	return diag_set(diag, ERR_INVALID,
			"table %s: column %s is of a type that the ledger does not use", table,
			column->name);
}

static enum value_type type_of(enum copy_kind kind)
{
	switch (kind) {
	case COPY_INTEGER:
		return VALUE_INTEGER;
	case COPY_REAL:
		return VALUE_REAL;
	default:
		return VALUE_TEXT;
	}
}

/*
 * Some of the table's own columns at a time: over the years contracts may have asked for more than
 * one contract can. Indexes are made when a broker starts, by what its contract asks for.
 */
static int plan_table(struct store *store, const char *table, const struct copy_columns *columns,
		      struct diag *diag)
{
	struct entity_column column[ENTITY_COLUMNS_MAX];
	struct entity entity = {
		.name = table, .table = table, .column = column, .link_column = -1
	};
	const struct entity_plan plan = { .entity_count = 1, .entity = &entity };

	for (unsigned i = 0; i < columns->count; i++) {
		const struct copy_column *is = &columns->column[i];

		if (strcmp(is->name, "id") == 0 || entity_is_own_column(is->name))
			continue;
		if (is->kind != COPY_TEXT && is->kind != COPY_INTEGER && is->kind != COPY_REAL)
			return fail_column(table, is, diag);
		if (entity.column_count == ENTITY_COLUMNS_MAX) {
			int rc = store_plan(store, &plan, diag);

			if (rc)
				return rc;
			entity.column_count = 0;
		}
		column[entity.column_count++] =
			(struct entity_column){ .name = is->name, .type = type_of(is->kind) };
	}
	return store_plan(store, &plan, diag);
}

static int open_end(struct copy_work *w, struct copy_end **ret)
{
	const char *to = w->options->to;

	return store_is_conninfo(to) ? copy_pg_to(to, ret, w->diag)
				     : copy_sqlite_to(to, ret, w->diag);
}

/* Nothing is made in a database that has rows. */
static int look_at_target(struct copy_work *w, struct store *store)
{
	struct copy_end *end = NULL;
	struct store_facts facts;
	int rc = store_peek(store, &facts, w->diag);

	for (size_t i = 0; rc == 0 && facts.is_new && i < w->names; i++) {
		const struct entity entity = { .table = w->name[i], .link_column = -1 };

		rc = store_look(store, &(struct entity_plan){ 1, &entity }, w->diag);
	}
	if (rc || facts.is_new)
		return rc;
	rc = open_end(w, &end);
	if (rc == 0)
		end->engine->close(end);
	return rc;
}

/* A file that is made belongs to who runs this. */
static int check_user(const struct copy_work *w)
{
	const char *to = w->options->to;

	return store_is_conninfo(to) ? 0 : fileuser_check(to, "copy", w->diag);
}

/* Makes the target's database, and in it all tables that the source has. */
static int make_tables(struct copy_work *w)
{
	const struct store_place place = { .place = w->options->to };
	struct store *store = NULL;
	int rc = check_user(w);

	if (rc == 0)
		rc = store_open(&place, PATIENCE_MS, &store, w->diag);
	if (rc == 0)
		rc = look_at_target(w, store);
	if (rc == 0)
		rc = store_upgrade(store, w->diag);
	for (size_t i = 0; rc == 0 && i < w->names; i++) {
		struct copy_columns columns;

		rc = w->from->engine->columns(w->from, w->name[i], &columns, w->diag);
		if (rc == 0 &&
		    columns.count > 0) /* a table that was dropped has its number still */
			rc = plan_table(store, w->name[i], &columns, w->diag);
	}
	store_close(store);
	return rc;
}

/* ---- one table ------------------------------------------------------------------------------- */

/* Where a column of the target comes from. */
enum origin_of { OF_CELL, OF_BROKER, OF_SEQ, OF_ZERO };

struct copy_rows {
	struct copy_work *w;
	const char *name;
	struct copy_columns columns; /* of the target, those that get something */
	struct copy_columns has;     /* all of the source */
	enum origin_of of[COPY_COLUMNS_MAX];
	int cell[COPY_COLUMNS_MAX]; /* of the source's, or the target's row; -1: not looked up */
	bool is_looked_up;
	bool leaves_overruled; /* out: the target has no column that says so */
	struct copy_table result;
	uint64_t read_rows, read_digest; /* of the target */
	int rc;
};

static const struct copy_column *find_column(const struct copy_columns *columns, const char *name)
{
	for (unsigned i = 0; i < columns->count; i++)
		if (strcmp(columns->column[i].name, name) == 0)
			return &columns->column[i];
	return NULL;
}

/* What an embedded database does not say, since it has one broker. */
static bool is_made(const char *column, enum origin_of *ret)
{
	static const struct {
		const char *name;
		enum origin_of of;
	} made[] = { { "origin", OF_BROKER }, { "origin_seq", OF_SEQ }, { "overruled", OF_ZERO } };

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		*ret = made[i].of;
		if (strcmp(column, made[i].name) == 0)
			return true;
	}
	return false;
}

/* A number of letters has no meaning beyond their order. */
static bool may_be_left(const struct copy_rows *t, const char *column)
{
	enum origin_of ignored;

	return is_made(column, &ignored) ||
	       (strcmp(t->name, "store_letters") == 0 && strcmp(column, "seq") == 0);
}

static int match_columns(struct copy_rows *t)
{
	struct copy_work *w = t->w;
	struct copy_columns all;
	int rc = w->from->engine->columns(w->from, t->name, &t->has, w->diag);

	if (rc == 0)
		rc = w->to->engine->columns(w->to, t->name, &all, w->diag);
	for (unsigned i = 0; rc == 0 && i < t->has.count; i++)
		if (!find_column(&all, t->has.column[i].name) &&
		    !may_be_left(t, t->has.column[i].name))
			rc = diag_set(w->diag, ERR_INVALID,
				      "table %s: column %s has no place in the target", t->name,
				      t->has.column[i].name);
	for (unsigned i = 0; rc == 0 && i < all.count; i++) {
		enum origin_of of = OF_CELL;

		if (!find_column(&t->has, all.column[i].name) && !is_made(all.column[i].name, &of))
			continue; /* it has a default, or stays NULL */
		t->of[t->columns.count] = of;
		t->columns.column[t->columns.count++] = all.column[i];
	}
	t->leaves_overruled = find_column(&t->has, "overruled") && !find_column(&all, "overruled");
	return rc;
}

static int index_of(const struct query_row *row, const char *name)
{
	for (size_t i = 0; i < row->count; i++)
		if (strcmp(row->cell[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* All rows of a list have the same cells. */
static void look_up(struct copy_rows *t, const struct query_row *row)
{
	for (unsigned i = 0; !t->is_looked_up && i < t->columns.count; i++)
		t->cell[i] = index_of(row, t->columns.column[i].name);
	t->is_looked_up = true;
}

static int fail_value(struct copy_rows *t, const struct copy_column *column,
		      const struct query_row *row)
{
	char key[200];
	const struct query_cell *first = &row->cell[0];

	if (first->type == VALUE_TEXT)
		(void)diag_name(key, sizeof(key), first->text, first->len);
	else
		(void)snprintf(key, sizeof(key), "%" PRId64, first->integer);
	return diag_set(t->w->diag, ERR_INVALID,
			"table %s, %s %s: the value of column %s has no place in the target",
			t->name, first->name, key, column->name);
}

/* SQLite may have a number of another type than its column's. */
static bool convert(enum copy_kind kind, struct query_cell *cell)
{
	if (cell->type == VALUE_NULL)
		return true;
	if (kind == COPY_REAL && cell->type == VALUE_INTEGER) {
		cell->real = (double)cell->integer;
		cell->type = VALUE_REAL;
	}
	switch (kind) {
	case COPY_INTEGER:
		return cell->type == VALUE_INTEGER;
	case COPY_REAL:
		return cell->type == VALUE_REAL;
	case COPY_TEXT:
		return cell->type == VALUE_TEXT && utf8_is_text(cell->text, cell->len);
	case COPY_BYTES:
	case COPY_PAYLOAD:
		return cell->type == VALUE_TEXT;
	case COPY_UNKNOWN:
		break;
	}
	return false;
}

static struct query_cell text_cell(const char *text)
{
	return (struct query_cell){ .type = VALUE_TEXT, .text = text, .len = strlen(text) };
}

static struct query_cell make_cell(const struct copy_rows *t, enum origin_of of,
				   const struct query_row *row)
{
	const struct query_cell *seq = query_cell(row, "seq");

	if (of == OF_BROKER)
		return text_cell(t->w->broker);
	return (struct query_cell){ .type = VALUE_INTEGER,
				    .integer = of == OF_SEQ && seq ? seq->integer : 0 };
}

/* The target's cell @i of a row of the source. */
static bool make(struct copy_rows *t, unsigned i, const struct query_row *row,
		 struct query_cell *ret)
{
	const struct copy_column *column = &t->columns.column[i];

	*ret = t->of[i] == OF_CELL && t->cell[i] >= 0 ? row->cell[t->cell[i]]
						      : make_cell(t, t->of[i], row);
	if (ret->type == VALUE_NULL && column->is_needed && strcmp(column->name, "origin") == 0)
		*ret = text_cell(t->w->broker); /* an event from before this was recorded */
	return convert(column->kind, ret);
}

/* The sum of all rows' hashes does not depend on their order. */
static uint64_t hash_row(const struct query_cell *cell, unsigned count)
{
	static const uint64_t key[2] = { UINT64_C(0x706574736f746f72), 1 };
	struct siphash hash;

	siphash_begin(&hash, key);
	for (unsigned i = 0; i < count; i++) {
		uint64_t word = (uint64_t)cell[i].integer;

		siphash_word(&hash, (uint64_t)cell[i].type, 2);
		if (cell[i].type == VALUE_REAL)
			memcpy(&word, &cell[i].real, sizeof(word));
		if (cell[i].type == VALUE_TEXT)
			siphash_text(&hash, cell[i].text, cell[i].len, 2);
		else if (cell[i].type != VALUE_NULL)
			siphash_word(&hash, word, 2);
	}
	return siphash_end(&hash, 4);
}

/* A query_visit. */
static bool copy_row(const struct query_row *row, void *ctx)
{
	struct copy_rows *t = ctx;
	struct query_cell cell[COPY_COLUMNS_MAX];
	const struct query_cell *overruled = query_cell(row, "overruled");

	look_up(t, row);
	if (t->leaves_overruled && overruled && overruled->integer != 0) {
		t->result.left_out++;
		return true;
	}
	for (unsigned i = 0; i < t->columns.count; i++) {
		if (!make(t, i, row, &cell[i])) {
			t->rc = fail_value(t, &t->columns.column[i], row);
			return false;
		}
	}
	t->rc = t->w->to->engine->row(t->w->to, cell, t->w->diag);
	t->result.rows++;
	t->result.digest += hash_row(cell, t->columns.count);
	return t->rc == 0;
}

/* A query_visit: of the target. */
static bool read_back(const struct query_row *row, void *ctx)
{
	struct copy_rows *t = ctx;
	struct query_cell cell[COPY_COLUMNS_MAX];

	look_up(t, row);
	for (unsigned i = 0; i < t->columns.count; i++)
		cell[i] = row->cell[t->cell[i]];
	t->read_rows++;
	t->read_digest += hash_row(cell, t->columns.count);
	return true;
}

static int verify(struct copy_rows *t)
{
	const struct query_wanted all = { .table = t->name };
	int rc;

	t->is_looked_up = false;
	rc = query_rows(t->w->target, &all, read_back, t, t->w->diag);
	if (rc)
		return rc;
	if (t->read_rows == t->result.rows && t->read_digest == t->result.digest)
		return 0;
	return diag_set(t->w->diag, ERR_IO,
			"table %s: the target has %" PRIu64 " rows of the digest %016" PRIx64
			", the source %" PRIu64 " of %016" PRIx64 ": nothing was copied",
			t->name, t->read_rows, t->read_digest, t->result.rows, t->result.digest);
}

static int copy_table(struct copy_work *w, const char *name)
{
	const struct query_wanted all = { .table = name };
	struct copy_rows *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return diag_nomem(w->diag);
	t->w = w;
	t->name = t->result.name = name;
	rc = match_columns(t);
	if (rc || t->has.count == 0)
		goto out;
	rc = w->to->engine->begin(w->to, name, &t->columns, w->diag);
	if (rc == 0)
		rc = query_rows(w->source, &all, copy_row, t, w->diag);
	if (rc == 0)
		rc = t->rc ? t->rc : w->to->engine->end(w->to, w->diag);
	if (rc == 0)
		rc = verify(t);
	if (rc == 0)
		w->visit(&t->result, w->ctx);
out:
	free(t);
	return rc;
}

int copy_fail_filled(const char *place, const char *table, struct diag *diag)
{
	return diag_set(diag, ERR_INVALID,
			"%s: table %s has rows: only an empty database is filled", place, table);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* The numbers that the plan gave are replaced by those of the source. */
static int copy_all(struct copy_work *w)
{
	static const char *const own[] = { "store_names",   "events", "retained", "refusals",
					   "store_letters", "alerts", "bans",     "brokers" };
	bool both = w->from->is_shared && w->to->is_shared;
	int rc = w->to->engine->run(w->to, "DELETE FROM store_names", w->diag);

	for (size_t i = 0; rc == 0 && i < (both ? 8 : 6); i++)
		rc = copy_table(w, own[i]);
	for (size_t i = 0; rc == 0 && i < w->names; i++)
		rc = copy_table(w, w->name[i]);
	return rc;
}

static int find_broker(struct copy_work *w)
{
	if (w->from->is_shared || !store_is_conninfo(w->options->to))
		return 0;
	w->broker = w->options->broker ? w->options->broker : w->facts.broker;
	if (w->broker[0])
		return 0;
	return diag_set(w->diag, ERR_INVALID,
			"%s: does not say what its broker is called: say it as plugin_opt_broker "
			"will (--broker NAME)",
			w->options->from);
}

static int open_source(struct copy_work *w)
{
	const struct copy_options *options = w->options;
	int rc =
		store_is_conninfo(options->from)
			? copy_pg_from(options->from, &w->from, w->diag)
			: copy_sqlite_from(options->from, options->from_journal, &w->from, w->diag);

	if (rc == 0)
		rc = w->from->engine->query(w->from, &w->source, w->diag);
	if (rc == 0)
		rc = w->from->engine->facts(w->from, &w->facts, w->diag);
	return rc ? rc : find_tables(w);
}

static int open_target(struct copy_work *w)
{
	int rc = find_broker(w);

	if (rc == 0)
		rc = make_tables(w);
	if (rc == 0)
		rc = open_end(w, &w->to);
	if (rc == 0)
		rc = w->to->engine->query(w->to, &w->target, w->diag);
	return rc;
}

int copy_ledger(const struct copy_options *options, copy_visit *visit, void *ctx, struct diag *diag)
{
	struct copy_work *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return diag_nomem(diag);
	w->options = options;
	w->visit = visit;
	w->ctx = ctx;
	w->diag = diag;
	rc = open_source(w);
	if (rc == 0)
		rc = open_target(w);
	if (rc == 0)
		rc = copy_all(w);
	if (rc == 0)
		rc = w->to->engine->finish(w->to, &w->facts, w->broker, diag);
	query_close(w->source);
	query_close(w->target);
	if (w->to)
		w->to->engine->close(w->to);
	if (w->from)
		w->from->engine->close(w->from);
	for (size_t i = 0; i < w->names; i++)
		free(w->name[i]);
	free(w);
	return rc;
}

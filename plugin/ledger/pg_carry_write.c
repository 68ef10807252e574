/* pg_carry_write.c -- writes what a batch comes to: entities; the rest is in pg_carry_events.c. */
#include <string.h>

#include "ledger/pg_carry_internal.h"

/* ---- arrays ------------------------------------------------------------------------------ */

void carry_put_text(struct pg_array *array, const struct record_text *text)
{
	pg_array_text(array, text->text ? text->text : "", text->len);
}

void carry_put_time(struct pg_array *array, const struct batch_row *row)
{
	if (row)
		pg_array_text(array, row->time, strlen(row->time));
	else
		pg_array_null(array);
}

void carry_begin_arrays(struct pg_carry *c, const enum pg_type *type, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		pg_array_begin(&c->array[i], type[i]);
}

int carry_add_arrays(struct pg_carry *c, unsigned count, struct diag *diag)
{
	int rc = 0;

	pg_params_clear(&c->params);
	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = pg_add_array(&c->params, &c->array[i], diag);
	return rc;
}

/* ---- entities ---------------------------------------------------------------------------- */

/* The arrays of a table: those of each entity, then one for each column that the batch sets. */
enum { ID, REVISION, CREATED, UPDATED, ADOPTED, OWNER, MASK, VALUES };

static const enum pg_type own_type[] = { PG_TEXT, PG_NUMBER, PG_TEXT,  PG_TEXT,
					 PG_TEXT, PG_TEXT,   PG_NUMBER };

_Static_assert(VALUES + STORE_COLUMNS_MAX <= CARRY_ARRAYS, "an array a column");
_Static_assert(VALUES + STORE_COLUMNS_MAX <= PG_PARAMS_MAX, "a parameter a column");

static const char *const type_name[] = { [PG_TEXT] = "text",
					 [PG_BYTES] = "bytea",
					 [PG_NUMBER] = "bigint",
					 [PG_REAL] = "double precision" };

/* Of a table: those that are new, or those that are there. */
struct carry_part {
	struct pg_carry *carry;
	const struct pg_carry_to *to;
	const struct carry_table *table;
	struct batch_entity *const *sorted;
	bool is_new;
	uint64_t entities; /* rows that it writes */
	unsigned columns;
	const char *column[STORE_COLUMNS_MAX];
	enum pg_type type[STORE_COLUMNS_MAX];
};

/* In a row's mask, beside the columns that are set: the owner is written whoever stood there. */
#define OWNER_MOVED ((uint64_t)1 << 63)
_Static_assert(STORE_COLUMNS_MAX <= 63, "a bit a column, and one more");

static enum pg_type type_of(const char *name)
{
	switch (name[0] | 0x20) {
	case 'b':
	case 'i':
		return PG_NUMBER;
	case 'd':
	case 'r':
		return PG_REAL;
	default:
		return PG_TEXT;
	}
}

static void find_columns(struct carry_part *part)
{
	for (uint64_t left = part->table->columns; left; left &= left - 1) {
		const struct store_name *name =
			&part->to->names->name[part->table->column[__builtin_ctzll(left)]];

		part->column[part->columns] = name->column;
		part->type[part->columns++] = type_of(name->type);
	}
}

static void put_value(struct pg_array *array, const struct value *value)
{
	bool is_number = value->type == VALUE_INTEGER || value->type == VALUE_BOOLEAN;

	if (array->type == PG_TEXT && value->type == VALUE_TEXT)
		pg_array_text(array, value->len ? value->text : "", value->len);
	else if (array->type == PG_NUMBER && is_number)
		pg_array_number(array, value->integer);
	else if (array->type == PG_REAL && value->type == VALUE_REAL)
		pg_array_real(array, value->real);
	else
		pg_array_null(array);
}

static void put_entity(struct carry_part *part, const struct batch_entity *entity)
{
	struct pg_array *array = part->carry->array;
	const struct value *value = entity->value;
	unsigned k = 0;
	uint64_t mask = part->carry->entity[entity->index].is_owner_moved ? OWNER_MOVED : 0;

	pg_array_text(&array[ID], entity->id.text, entity->id.len);
	pg_array_number(&array[REVISION], (int64_t)part->carry->entity[entity->index].now.revision);
	carry_put_time(&array[CREATED], entity->first);
	carry_put_time(&array[UPDATED], entity->last);
	carry_put_time(&array[ADOPTED], entity->adopted);
	if (entity->owner.text)
		carry_put_text(&array[OWNER], &entity->owner);
	else
		pg_array_null(&array[OWNER]);
	for (uint64_t left = part->table->columns; left; left &= left - 1, k++) {
		if (entity->columns & left & -left) {
			mask |= UINT64_C(1) << k;
			put_value(&array[VALUES + k], value++);
		} else {
			pg_array_null(&array[VALUES + k]);
		}
	}
	pg_array_number(&array[MASK], (int64_t)mask);
	part->entities++;
}

static void put_entities(struct carry_part *part)
{
	const struct carry_table *table = part->table;

	carry_begin_arrays(part->carry, own_type, VALUES);
	for (unsigned i = 0; i < part->columns; i++)
		pg_array_begin(&part->carry->array[VALUES + i], part->type[i]);
	for (size_t i = table->first; i < table->first + table->count; i++) {
		const struct batch_entity *entity = part->sorted[i];
		bool is_new = !part->carry->entity[entity->index].read.is_there;

		if (entity->writes > 0 && is_new == part->is_new)
			put_entity(part, entity);
	}
}

/* "unnest($1::text[], ...) AS u (id, ...)" */
static void add_source(const struct carry_part *part)
{
	struct pg_carry *c = part->carry;

	carry_sql_add(c, " FROM unnest(");
	for (unsigned i = 0; i < VALUES + part->columns; i++)
		carry_sql_add(c, "%s$%u::%s[]", i ? ", " : "", i + 1,
			      type_name[i < VALUES ? own_type[i] : part->type[i - VALUES]]);
	carry_sql_add(c, ") AS u (id, revision, created_at, updated_at, adopted_at, owner, mask");
	for (unsigned i = 0; i < part->columns; i++)
		carry_sql_add(c, ", v%u", i);
	carry_sql_add(c, ")");
}

static void make_insert(const struct carry_part *part)
{
	struct pg_carry *c = part->carry;

	carry_sql_begin(c);
	carry_sql_add(c,
		      "INSERT INTO \"%s\" (id, revision, created_at, updated_at, adopted_at, owner",
		      part->table->name);
	for (unsigned i = 0; i < part->columns; i++)
		carry_sql_add(c, ", \"%s\"", part->column[i]);
	carry_sql_add(c, ") SELECT id, revision, created_at, updated_at, adopted_at, owner");
	for (unsigned i = 0; i < part->columns; i++)
		carry_sql_add(c, ", v%u", i);
	add_source(part);
	carry_sql_add(c, " ON CONFLICT (id) DO NOTHING");
}

/* Columns that an entity's steps do not set stay as they are; so does an owner, by OWNER_MOVED. */
static void make_update(const struct carry_part *part)
{
	struct pg_carry *c = part->carry;

	carry_sql_begin(c);
	carry_sql_add(c,
		      "UPDATE \"%s\" AS t SET revision = u.revision, updated_at = u.updated_at, "
		      "adopted_at = coalesce(u.adopted_at, t.adopted_at), "
		      "owner = CASE WHEN u.mask < 0 THEN coalesce(u.owner, t.owner) ELSE "
		      "coalesce(nullif(t.owner, ''), u.owner, t.owner) END",
		      part->table->name);
	for (unsigned i = 0; i < part->columns; i++)
		carry_sql_add(c,
			      ", \"%s\" = CASE WHEN (u.mask & %llu) <> 0 THEN u.v%u ELSE t.\"%s\" "
			      "END",
			      part->column[i], 1ULL << i, i, part->column[i]);
	add_source(part);
	carry_sql_add(c, " WHERE t.id = u.id");
}

static int send_part(struct carry_part *part, struct diag *diag)
{
	struct pg_carry *c = part->carry;
	int rc;

	put_entities(part);
	if (part->entities == 0)
		return 0;
	rc = carry_add_arrays(c, VALUES + part->columns, diag);
	if (rc)
		return rc;
	if (part->is_new)
		make_insert(part);
	else
		make_update(part);
	return carry_send(c, part->to, diag);
}

/* ---- what steps come to ------------------------------------------------------------------ */

/* The values by the columns that they go to, in the order that batch_set() wants. */
static void sum_up_step(struct pg_carry *c, const struct pg_carry_to *to,
			const struct carry_step *step)
{
	const struct value *value[STORE_COLUMNS_MAX];
	struct batch_entity *entity = step->entity;
	const struct record *record = &step->row->record;

	for (size_t i = 0; i < record->value_count; i++)
		value[to->names->name[record->value[i].column].columns] = &record->value[i];
	if (!entity->first)
		entity->first = step->row;
	entity->last = step->row;
	entity->writes++;
	if (record->owner.text && (entity->owner.len == 0 || carry_is_last_word(record)))
		entity->owner = record->owner;
	if (record->is_adopted)
		entity->adopted = step->row;
	batch_set(c->batch, entity, step->columns, value);
}

/* One row a topic: the last. */
static void sum_up(struct pg_carry *c, const struct pg_carry_to *to)
{
	for (size_t i = 0; i < c->end; i++) {
		const struct carry_step *step = &c->step[i];

		if (step->fate != SETTLE_APPLIED)
			continue;
		if (step->entity)
			sum_up_step(c, to, step);
		if (step->row->record.is_retained && !step->row->record.is_repeat)
			batch_retain(c->batch, step->row);
	}
}

/* ---- together ---------------------------------------------------------------------------- */

static int send_count(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	if (c->overruled == 0)
		return 0;
	pg_params_clear(&c->params);
	pg_add_number(&c->params, c->overruled);
	pg_add_string(&c->params, to->broker);
	pg_add_string(&c->params, to->instance);
	return pg_send(to->pg,
		       "UPDATE brokers SET overruled = overruled + $1 WHERE name = $2 AND "
		       "instance = $3",
		       &c->params, diag);
}

/* In the order of tables, new ones first; *ret_sent: statements, each with its rows in expected[].
 */
static int send_entities(struct pg_carry *c, const struct pg_carry_to *to, uint64_t *expected,
			 unsigned *ret_sent, struct diag *diag)
{
	size_t count;
	struct batch_entity *const *sorted = batch_sorted(c->batch, &count);
	int rc = 0;

	*ret_sent = 0;
	for (size_t at = 0; rc == 0 && at < count;) {
		const struct carry_table *table = c->table;

		while (table->number != sorted[at]->table)
			table++;
		for (int is_new = 1; rc == 0 && is_new >= 0; is_new--) {
			struct carry_part part = { .carry = c,
						   .to = to,
						   .table = table,
						   .sorted = sorted,
						   .is_new = is_new };

			find_columns(&part);
			rc = send_part(&part, diag);
			if (part.entities > 0)
				expected[(*ret_sent)++] = part.entities;
		}
		at += table->count;
	}
	return rc;
}

int carry_write(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	struct pg_rows written[2 * CARRY_TABLES_MAX] = { 0 };
	uint64_t expected[2 * CARRY_TABLES_MAX];
	unsigned sent = 0;
	int rc;

	sum_up(c, to);
	rc = send_entities(c, to, expected, &sent, diag);
	if (rc == 0)
		rc = carry_send_events(c, to, diag);
	if (rc == 0)
		rc = carry_send_retained(c, to, false, diag);
	if (rc == 0)
		rc = carry_send_retained(c, to, true, diag);
	if (rc == 0)
		rc = send_count(c, to, diag);
	if (rc) {
		pg_drop(to->pg);
		return rc;
	}
	rc = pg_finish(to->pg, written, sent, NULL, "cannot write a batch", diag);
	for (unsigned i = 0; i < sent; i++) {
		if (rc == 0 && pg_rows_changed(&written[i]) != expected[i])
			rc = diag_set(diag, ERR_BUSY, "%s: another broker made the same entity",
				      to->names->path);
		pg_rows_clear(&written[i]);
	}
	return rc;
}

/* pg_carry.c -- collects records: see pg_carry.h. */
#include "ledger/pg_carry.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/wordhash.h"
#include "ledger/pg_carry_internal.h"

_Static_assert(STORE_SHARED_ROWS <= BATCH_ROWS_MAX, "a transaction's records are one batch");

/* ---- making and freeing ------------------------------------------------------------------ */

int pg_carry_new(struct pg_carry **ret, struct diag *diag)
{
	struct pg_carry *c = calloc(1, sizeof(*c));
	int rc = c ? batch_new(&c->batch, diag) : diag_nomem(diag);

	if (rc) {
		free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void carry_clear_rows(struct pg_carry *c)
{
	for (size_t i = 0; i < sizeof(c->rows) / sizeof(c->rows[0]); i++)
		pg_rows_clear(&c->rows[i]);
}

void pg_carry_free(struct pg_carry *c)
{
	if (!c)
		return;
	carry_clear_rows(c);
	for (size_t i = 0; i < CARRY_ARRAYS; i++)
		pg_array_free(&c->array[i]);
	arena_clear(&c->arena);
	arena_clear(&c->plan);
	batch_free(c->batch);
	free(c);
}

static void clear(struct pg_carry *c)
{
	carry_clear_rows(c);
	arena_clear(&c->arena);
	batch_clear(c->batch);
	memset(c->table, 0, c->table_count * sizeof(c->table[0]));
	c->step_count = c->end = c->value_count = 0;
	c->table_count = c->overruled = 0;
}

void pg_carry_begin(struct pg_carry *c, uint64_t applied_seq)
{
	clear(c);
	c->last_seq = applied_seq;
	c->held = 0;
	c->has_steps = false;
}

bool pg_carry_has_steps(const struct pg_carry *c)
{
	return c->has_steps;
}

uint64_t pg_carry_held(const struct pg_carry *c)
{
	return c->held;
}

/* ---- statements -------------------------------------------------------------------------- */

void carry_sql_begin(struct pg_carry *c)
{
	c->sql_len = 0;
	c->sql[0] = '\0';
}

void carry_sql_add(struct pg_carry *c, const char *format, ...)
{
	size_t room = sizeof(c->sql) - c->sql_len;
	va_list args;
	int len;

	if (c->sql_len == CARRY_SQL_MAX)
		return;
	va_start(args, format);
	len = vsnprintf(c->sql + c->sql_len, room, format, args);
	va_end(args);
	c->sql_len = len < 0 || (size_t)len >= room ? CARRY_SQL_MAX : c->sql_len + (size_t)len;
}

int carry_send(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	if (c->sql_len == CARRY_SQL_MAX)
		return diag_set(diag, ERR_LIMIT, "a statement is longer than %u bytes",
				CARRY_SQL_MAX);
	return pg_send(to->pg, c->sql, &c->params, diag);
}

/* ---- the plan ---------------------------------------------------------------------------- */

static bool copy_steps(struct arena *arena, const struct entity_steps *from,
		       struct entity_steps *ret)
{
	const char **status = arena_take(arena, from->count, sizeof(*status));
	uint64_t *next = arena_take(arena, from->count, sizeof(*next));

	if (!status || !next)
		return false;
	for (size_t i = 0; i < from->count; i++) {
		status[i] = arena_text(arena, from->status[i], strlen(from->status[i]));
		next[i] = from->next[i];
		if (!status[i])
			return false;
	}
	*ret = (struct entity_steps){ from->count, status, from->first, next };
	return true;
}

static bool copy_slot(struct arena *arena, const struct entity *entity, size_t slot,
		      struct carry_steps *ret)
{
	const char *column = entity->column[entity->slot[slot]].name;

	ret->table = arena_text(arena, entity->table, strlen(entity->table));
	ret->column = arena_text(arena, column, strlen(column));
	return ret->table && ret->column && copy_steps(arena, &entity->steps[slot], &ret->steps);
}

int pg_carry_plan(struct pg_carry *c, const struct entity_plan *plan, struct diag *diag)
{
	struct arena arena = { 0 };
	struct carry_steps *known =
		arena_take(&arena, plan->entity_count * ENTITY_SLOTS_MAX + 1, sizeof(*known));
	size_t count = 0;

	for (size_t i = 0; known && i < plan->entity_count; i++)
		for (size_t k = 0; known && k < plan->entity[i].slot_count; k++)
			if (!copy_slot(&arena, &plan->entity[i], k, &known[count++]))
				known = NULL;
	if (!known) {
		arena_clear(&arena);
		return diag_nomem(diag);
	}
	arena_clear(&c->plan);
	c->plan = arena;
	c->known = known;
	c->known_count = count;
	return 0;
}

static const struct entity_steps *find_steps(const struct pg_carry *c, const char *table,
					     const char *column)
{
	static const struct entity_steps unknown;

	for (size_t i = 0; i < c->known_count; i++)
		if (strcmp(c->known[i].table, table) == 0 &&
		    strcmp(c->known[i].column, column) == 0)
			return &c->known[i].steps;
	return &unknown;
}

/* ---- texts ------------------------------------------------------------------------------- */

/* A text that the database does not take gets a '?' for each byte that is none. */
static int make_plain(struct pg_carry *c, const char **text, size_t len, struct diag *diag)
{
	char *copy;
	size_t n;

	if (len == 0 || utf8_is_text(*text, len))
		return 0;
	copy = arena_text(&c->arena, *text, len);
	if (!copy)
		return diag_nomem(diag);
	for (size_t i = 0; i < len; i += n) {
		n = utf8_length((const unsigned char *)copy + i, len - i);
		if (n == 0 || copy[i] == '\0') {
			copy[i] = '?';
			n = 1;
		}
	}
	*text = copy;
	return 0;
}

static int make_record_plain(struct pg_carry *c, struct record *r, struct diag *diag)
{
	struct record_text *const text[] = { &r->id,        &r->owner, &r->topic, &r->publisher,
					     &r->client_id, &r->kind,  &r->peer,  &r->before };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(text) / sizeof(text[0]); i++)
		rc = make_plain(c, &text[i]->text, text[i]->len, diag);
	for (size_t i = 0; rc == 0 && i < r->value_count; i++)
		if (r->value[i].type == VALUE_TEXT)
			rc = make_plain(c, &r->value[i].text, r->value[i].len, diag);
	return rc;
}

/* ---- adding ------------------------------------------------------------------------------ */

static const struct store_name *find_name(const struct pg_carry_to *to, uint32_t number)
{
	const struct store_names *names = to->names;

	return number <= names->last && names->name[number].table ? &names->name[number] : NULL;
}

static int fail_name(const struct pg_carry_to *to, const char *what, uint32_t number,
		     struct diag *diag)
{
	return diag_set(diag, ERR_INVALID, "%s: table store_names lacks %s %u", to->names->path,
			what, number);
}

/* NULL: it is none of this batch yet. */
static struct carry_table *find_table(struct pg_carry *c, uint32_t number)
{
	for (unsigned i = 0; i < c->table_count; i++)
		if (c->table[i].number == number)
			return &c->table[i];
	return NULL;
}

/* Is the status of @column one that @table reads, or can it be? */
static bool has_status_room(const struct carry_table *table, uint32_t column)
{
	for (unsigned i = 0; i < table->status_count; i++)
		if (table->status[i] == column)
			return true;
	return table->status_count < ENTITY_SLOTS_MAX;
}

static bool has_room(struct pg_carry *c, const struct record *record)
{
	const struct carry_table *table = find_table(c, record->table);

	/* As many values again as an entity's come to, each time that it gets more columns. */
	return batch_has_room(c->batch, STORE_COLUMNS_MAX) &&
	       c->value_count + record->value_count <= BATCH_VALUES_MAX &&
	       (record->table == 0 || table || c->table_count < CARRY_TABLES_MAX) &&
	       (!table || !record->before_column || has_status_room(table, record->before_column));
}

static int add_column(const struct pg_carry_to *to, struct carry_step *step, uint32_t number,
		      struct diag *diag)
{
	const struct store_name *name = find_name(to, number);

	if (!name || !*name->column || !name->type || name->of != step->table->number)
		return fail_name(to, "column", number, diag);
	step->columns |= UINT64_C(1) << name->columns;
	step->table->columns |= UINT64_C(1) << name->columns;
	step->table->column[name->columns] = number;
	return 0;
}

static int add_slot(struct pg_carry *c, const struct pg_carry_to *to, struct carry_step *step,
		    uint32_t number, struct diag *diag)
{
	const struct store_name *name = find_name(to, number);
	struct carry_table *table = step->table;
	unsigned i = 0;

	if (!name || !*name->column || !name->type || name->of != table->number)
		return fail_name(to, "column", number, diag);
	while (i < table->status_count && table->status[i] != number)
		i++;
	if (i == table->status_count) {
		table->status[table->status_count] = number;
		table->steps[table->status_count++] = find_steps(c, table->name, name->column);
	}
	step->slot = (int)i;
	return 0;
}

static int add_entity(struct pg_carry *c, const struct pg_carry_to *to, struct carry_step *step,
		      struct diag *diag)
{
	const struct record *record = &step->row->record;
	const struct store_name *name = find_name(to, record->table);
	int rc = 0;

	if (!name || *name->column)
		return fail_name(to, "table", record->table, diag);
	step->table = find_table(c, record->table);
	if (!step->table) {
		step->table = &c->table[c->table_count++];
		step->table->number = record->table;
		step->table->name = name->table;
	}
	step->entity = batch_entity(c->batch, record->table, &record->id);
	c->entity[step->entity->index].is_asked = c->entity[step->entity->index].is_spoilt = false;
	for (size_t i = 0; rc == 0 && i < record->value_count; i++)
		rc = add_column(to, step, record->value[i].column, diag);
	if (rc == 0 && record->before_column)
		rc = add_slot(c, to, step, record->before_column, diag);
	return rc;
}

int pg_carry_add(struct pg_carry *c, const struct pg_carry_to *to, uint64_t seq,
		 const struct record *record, struct diag *diag)
{
	struct carry_step *step;
	int rc = has_room(c, record) ? 0 : pg_carry_flush(c, to, diag);

	if (rc || c->held)
		return rc; /* the batch has ended before it */
	if (seq > c->last_seq + 1)
		c->torn_ns = clock_mono_ns();
	c->last_seq = seq;
	step = &c->step[c->step_count++];
	*step = (struct carry_step){ .row = batch_add(c->batch, seq, record), .slot = -1 };
	step->row->record.value = &c->value[c->value_count];
	step->row->record.value_count = record->value_count;
	for (size_t i = 0; i < record->value_count; i++)
		c->value[c->value_count++] = record->value[i];
	rc = make_record_plain(c, &step->row->record, diag);
	if (rc == 0 && record->table != 0)
		rc = add_entity(c, to, step, diag);
	if (rc)
		diag_prefix(diag, "record %llu", (unsigned long long)seq);
	return rc;
}

int pg_carry_flush(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	int rc;

	if (c->step_count == 0)
		return 0;
	rc = carry_settle(c, to, diag);
	if (rc == 0 && c->end > 0)
		rc = carry_write(c, to, diag);
	c->has_steps = c->has_steps || (rc == 0 && c->end > 0 && c->table_count > 0);
	if (rc == 0 && c->end < c->step_count)
		c->held = c->step[c->end].row->seq;
	clear(c);
	return rc;
}

uint64_t carry_hash(const struct batch_entity *entity)
{
	uint64_t hash = wordhash(entity->table, entity->id.text, entity->id.len);

	return hash ? hash : 1;
}

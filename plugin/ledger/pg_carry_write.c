/* pg_carry_write.c -- writes what a batch comes to: entities, events, what is retained. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ledger/pg_carry_internal.h"

/* ---- arrays ------------------------------------------------------------------------------ */

static void put_text(struct pg_array *array, const struct record_text *text)
{
	pg_array_text(array, text->text ? text->text : "", text->len);
}

/* NULL where it is empty. */
static void put_name(struct pg_array *array, const struct record_text *text)
{
	if (text->len > 0)
		pg_array_text(array, text->text, text->len);
	else
		pg_array_null(array);
}

/* NULL where it is 0. */
static void put_known(struct pg_array *array, uint64_t number)
{
	if (number)
		pg_array_number(array, (int64_t)number);
	else
		pg_array_null(array);
}

static void put_time(struct pg_array *array, const struct batch_row *row)
{
	if (row)
		pg_array_text(array, row->time, strlen(row->time));
	else
		pg_array_null(array);
}

/* Into the one of two arrays that takes it, and NULL into the other. */
static void put_payload(struct pg_array *text, struct pg_array *bytes,
			const struct record_text *payload)
{
	bool is_text = payload->len == 0 || utf8_is_text(payload->text, payload->len);

	pg_array_text(is_text ? text : bytes, payload->len ? payload->text : "", payload->len);
	pg_array_null(is_text ? bytes : text);
}

static void begin_arrays(struct pg_carry *c, const enum pg_type *type, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		pg_array_begin(&c->array[i], type[i]);
}

static int add_arrays(struct pg_carry *c, unsigned count, struct diag *diag)
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
	put_time(&array[CREATED], entity->first);
	put_time(&array[UPDATED], entity->last);
	put_time(&array[ADOPTED], entity->adopted);
	if (entity->owner.text)
		put_text(&array[OWNER], &entity->owner);
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

	begin_arrays(part->carry, own_type, VALUES);
	for (unsigned i = 0; i < part->columns; i++)
		pg_array_begin(&part->carry->array[VALUES + i], part->type[i]);
	for (size_t i = table->first; i < table->first + table->count; i++) {
		const struct batch_entity *entity = part->sorted[i];
		bool is_new = part->carry->entity[entity->index].read.revision == 0;

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
	rc = add_arrays(c, VALUES + part->columns, diag);
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

/* ---- events ------------------------------------------------------------------------------ */

static const enum pg_type event_type[] = {
	PG_TEXT,   PG_TEXT,   PG_TEXT,   PG_TEXT,   PG_NUMBER, PG_NUMBER, PG_TEXT,
	PG_BYTES,  PG_NUMBER, PG_NUMBER, PG_NUMBER, PG_TEXT,   PG_NUMBER, PG_NUMBER,
	PG_NUMBER, PG_NUMBER, PG_NUMBER, PG_NUMBER, PG_TEXT,
};

#define EVENT_ARRAYS 19u
#define EVENT_PLAIN 12u /* of an event without anything rare */

_Static_assert(sizeof(event_type) / sizeof(event_type[0]) == EVENT_ARRAYS, "a type an array");

static const char events_plain_sql[] =
	"INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, payload, "
	"payload_bytes, digest, revision, origin_seq, message, origin) SELECT received_at, topic, "
	"publisher, client_id, qos, retained, payload, payload_bytes, digest, revision, "
	"origin_seq, message, $13 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], "
	"$5::bigint[], $6::bigint[], $7::text[], $8::bytea[], $9::bigint[], $10::bigint[], "
	"$11::bigint[], $12::text[]) AS u (received_at, topic, publisher, client_id, qos, "
	"retained, payload, payload_bytes, digest, revision, origin_seq, message)";

static const char events_sql[] =
	"INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, payload, "
	"payload_bytes, digest, revision, origin_seq, message, will, correction, overruled, "
	"unique_key, adopted, taken_over, peer_publisher, origin) SELECT received_at, topic, "
	"publisher, client_id, qos, retained, payload, payload_bytes, digest, revision, "
	"origin_seq, message, will, correction, overruled, unique_key, adopted, taken_over, "
	"peer_publisher, $20 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], "
	"$5::bigint[], $6::bigint[], $7::text[], $8::bytea[], $9::bigint[], $10::bigint[], "
	"$11::bigint[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], "
	"$17::bigint[], $18::bigint[], $19::text[]) AS u (received_at, topic, publisher, "
	"client_id, qos, retained, payload, payload_bytes, digest, revision, origin_seq, message, "
	"will, correction, overruled, unique_key, adopted, taken_over, peer_publisher)";

/* What had no effect is an event whatever its channel keeps: all brokers are to hear of it. */
static bool is_event(const struct carry_step *step)
{
	return step->fate == SETTLE_OVERRULED ||
	       (step->fate != SETTLE_DROPPED && !step->row->record.is_unrecorded);
}

static void put_event(struct pg_array *array, const struct carry_step *step, bool is_plain)
{
	const struct batch_row *row = step->row;
	const struct record *record = &row->record;

	put_time(&array[0], row);
	put_text(&array[1], &record->topic);
	put_text(&array[2], &record->publisher);
	put_text(&array[3], &record->client_id);
	pg_array_number(&array[4], record->qos);
	pg_array_number(&array[5], record->is_retained);
	put_payload(&array[6], &array[7], &record->payload);
	put_known(&array[8], record->digest);
	put_known(&array[9], step->revision);
	pg_array_number(&array[10], (int64_t)row->seq);
	put_name(&array[11], &record->kind);
	if (is_plain)
		return;
	pg_array_number(&array[12], record->is_will);
	pg_array_number(&array[13], record->is_correction);
	pg_array_number(&array[14], step->fate == SETTLE_OVERRULED);
	put_known(&array[15], record->unique);
	pg_array_number(&array[16], record->is_adopted);
	put_known(&array[17], record->is_taken_over);
	put_name(&array[18], &record->peer);
}

static int send_events(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	bool is_plain = batch_is_plain(c->batch) && c->overruled == 0;
	unsigned arrays = is_plain ? EVENT_PLAIN : EVENT_ARRAYS;
	int rc;

	begin_arrays(c, event_type, arrays);
	for (size_t i = 0; i < c->end; i++)
		if (is_event(&c->step[i]))
			put_event(c->array, &c->step[i], is_plain);
	if (c->array[0].count == 0)
		return 0;
	rc = add_arrays(c, arrays, diag);
	pg_add_string(&c->params, to->broker);
	if (rc == 0)
		rc = pg_send(to->pg, is_plain ? events_plain_sql : events_sql, &c->params, diag);
	return rc;
}

/* ---- retained ---------------------------------------------------------------------------- */

static const enum pg_type retained_type[] = { PG_TEXT, PG_TEXT, PG_BYTES, PG_NUMBER,
					      PG_TEXT, PG_TEXT, PG_BYTES, PG_NUMBER };

#define RETAINED_ARRAYS 8u

#define RETAINED_SQL                                                                               \
	"INSERT INTO retained (topic, payload, payload_bytes, qos, received_at, publisher, "       \
	"properties, seq, origin) SELECT topic, payload, payload_bytes, qos, received_at, "        \
	"publisher, properties, seq, $9 FROM unnest($1::text[], $2::text[], $3::bytea[], "         \
	"$4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bigint[]) AS u (topic, payload, "  \
	"payload_bytes, qos, received_at, publisher, properties, seq) ON CONFLICT (topic) DO "     \
	"UPDATE SET payload = excluded.payload, payload_bytes = excluded.payload_bytes, qos = "    \
	"excluded.qos, received_at = excluded.received_at, publisher = excluded.publisher, "       \
	"properties = excluded.properties, seq = excluded.seq, origin = excluded.origin"

/* A message that repeats a status is no step: it is newer than this broker's own, that is all. */
#define REPEATED_SQL                                                                               \
	RETAINED_SQL " WHERE retained.origin = excluded.origin AND retained.seq > 0 AND "          \
		     "retained.seq < excluded.seq"

static void put_retained(struct pg_array *array, const struct batch_row *row)
{
	const struct record *record = &row->record;

	put_text(&array[0], &record->topic);
	if (record->payload.len > 0) {
		put_payload(&array[1], &array[2], &record->payload);
	} else { /* it is cleared */
		pg_array_null(&array[1]);
		pg_array_null(&array[2]);
	}
	pg_array_number(&array[3], record->qos);
	put_time(&array[4], row);
	put_text(&array[5], &record->publisher);
	put_name(&array[6], &record->properties);
	pg_array_number(&array[7], (int64_t)row->seq);
}

/* By topic, so that no two brokers wait for each other; of one topic the last is first. */
static int by_topic(const void *a, const void *b)
{
	const struct batch_row *const *one = a, *const *other = b;
	const struct record_text *x = &(*one)->record.topic, *y = &(*other)->record.topic;
	int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	if (order == 0)
		order = (x->len > y->len) - (x->len < y->len);
	return order ? order : ((*one)->seq < (*other)->seq) - ((*one)->seq > (*other)->seq);
}

static bool is_same_topic(const struct batch_row *a, const struct batch_row *b)
{
	return a->record.topic.len == b->record.topic.len &&
	       memcmp(a->record.topic.text, b->record.topic.text, a->record.topic.len) == 0;
}

/* Those that repeat a status, or those that do not. */
static int send_retained(struct pg_carry *c, const struct pg_carry_to *to, bool is_repeat,
			 struct diag *diag)
{
	const struct batch_row **row = c->retained;
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < c->end; i++) {
		const struct carry_step *step = &c->step[i];

		if (step->fate == SETTLE_APPLIED && step->row->record.is_retained &&
		    step->row->record.is_repeat == is_repeat && !step->row->is_superseded)
			row[count++] = step->row;
	}
	if (count == 0)
		return 0;
	qsort(row, count, sizeof(*row), by_topic);
	begin_arrays(c, retained_type, RETAINED_ARRAYS);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !is_same_topic(row[i], row[i - 1]))
			put_retained(c->array, row[i]);
	rc = add_arrays(c, RETAINED_ARRAYS, diag);
	pg_add_string(&c->params, to->broker);
	if (rc == 0)
		rc = pg_send(to->pg, is_repeat ? REPEATED_SQL : RETAINED_SQL, &c->params, diag);
	return rc;
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
		rc = send_events(c, to, diag);
	if (rc == 0)
		rc = send_retained(c, to, false, diag);
	if (rc == 0)
		rc = send_retained(c, to, true, diag);
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

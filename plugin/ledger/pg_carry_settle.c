/* pg_carry_settle.c -- locks the rows of a batch's entities, and settles its steps. */
#include <string.h>

#include "base/clock.h"
#include "ledger/pg_carry_internal.h"

#define SPOILT_NS INT64_C(10000000000) /* the broker's memory knows better by then */
#define TORN_NS INT64_C(60000000000)   /* of its journal all is carried by then */

/* ---- locking ----------------------------------------------------------------------------- */

/* Its entities among those of the batch, which are in the order of tables. */
static void find_range(struct carry_table *table, struct batch_entity *const *sorted, size_t count)
{
	table->first = 0;
	while (table->first < count && sorted[table->first]->table != table->number)
		table->first++;
	table->count = 0;
	while (table->first + table->count < count &&
	       sorted[table->first + table->count]->table == table->number)
		table->count++;
}

static int send_lock(struct pg_carry *c, const struct pg_carry_to *to,
		     const struct carry_table *table, struct batch_entity *const *sorted,
		     struct diag *diag)
{
	int rc;

	carry_sql_begin(c);
	carry_sql_add(c, "SELECT id, revision, owner");
	for (unsigned i = 0; i < table->status_count; i++)
		carry_sql_add(c, ", \"%s\"", to->names->name[table->status[i]].column);
	carry_sql_add(c, " FROM \"%s\" WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE",
		      table->name);
	pg_array_begin(&c->array[0], PG_TEXT);
	for (size_t i = 0; i < table->count; i++)
		pg_array_text(&c->array[0], sorted[table->first + i]->id.text,
			      sorted[table->first + i]->id.len);
	pg_params_clear(&c->params);
	rc = pg_add_array(&c->params, &c->array[0], diag);
	return rc ? rc : carry_send(c, to, diag);
}

static struct record_text text_at(const struct pg_rows *rows, unsigned row, unsigned column)
{
	struct record_text ret;

	ret.text = pg_bytes(rows, row, column, &ret.len);
	return ret;
}

static int compare(const struct record_text *a, const struct record_text *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = len ? memcmp(a->text, b->text, len) : 0;

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Both are in the order of their ids' bytes; an entity without a row is new. */
static void take_rows(struct pg_carry *c, const struct carry_table *table,
		      struct batch_entity *const *sorted, const struct pg_rows *rows)
{
	unsigned row = 0, count = pg_rows_count(rows);

	for (size_t i = table->first; i < table->first + table->count; i++) {
		struct carry_stands *read = &c->entity[sorted[i]->index].read;
		struct record_text id;
		int order = -1;

		*read = (struct carry_stands){ 0 };
		while (row < count) {
			id = text_at(rows, row, 0);
			order = compare(&id, &sorted[i]->id);
			if (order >= 0)
				break;
			row++;
		}
		if (row == count || order > 0)
			continue;
		read->is_there = true;
		read->revision = (uint64_t)pg_number(rows, row, 1);
		read->owner = text_at(rows, row, 2);
		for (unsigned k = 0; k < table->status_count; k++)
			read->status[k] = text_at(rows, row, 3 + k);
		row++;
	}
}

/* The server's message about a lock does not say which table it is of. */
static int name_table(const struct carry_table *table, int rc, struct diag *diag)
{
	struct diag said = { 0 };

	if (diag)
		said = *diag;
	return diag_set(diag, rc, "%s (table %s)", said.text, table->name);
}

static int finish_locks(struct pg_carry *c, const struct pg_carry_to *to, const unsigned *place,
			struct diag *diag)
{
	unsigned failed = 0;
	int rc = pg_finish(to->pg, c->rows, c->table_count, &failed, "cannot read entities", diag);

	if (rc && pg_state(to->pg)[0] && failed < c->table_count)
		return name_table(&c->table[place[failed]], rc, diag);
	return rc;
}

static int lock(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	size_t count;
	struct batch_entity *const *sorted = batch_sorted(c->batch, &count);
	unsigned place[CARRY_TABLES_MAX];
	int rc = 0;

	for (unsigned i = 0; i < c->table_count; i++) {
		unsigned k = i;

		find_range(&c->table[i], sorted, count);
		for (; k > 0 && c->table[place[k - 1]].number > c->table[i].number; k--)
			place[k] = place[k - 1];
		place[k] = i;
	}
	for (unsigned i = 0; rc == 0 && i < c->table_count; i++)
		rc = send_lock(c, to, &c->table[place[i]], sorted, diag);
	if (rc) {
		pg_drop(to->pg);
		return rc;
	}
	if (c->table_count > 0)
		rc = finish_locks(c, to, place, diag);
	for (unsigned i = 0; rc == 0 && i < c->table_count; i++)
		take_rows(c, &c->table[place[i]], sorted, &c->rows[i]);
	return rc;
}

/* ---- settling ---------------------------------------------------------------------------- */

static struct carry_spoilt *spoilt_at(struct pg_carry *c, uint64_t hash)
{
	return &c->spoilt[hash % CARRY_SPOILT];
}

/* Did the broker decide @step on one of its own that had no effect? */
static bool is_spoilt(struct pg_carry *c, const struct carry_step *step, int64_t now_ns)
{
	uint64_t hash = carry_hash(step->entity);

	return c->entity[step->entity->index].is_spoilt ||
	       (spoilt_at(c, hash)->hash == hash && spoilt_at(c, hash)->until_ns >= now_ns);
}

static enum settle_lack lack_of(struct pg_carry *c, const struct carry_step *step, int64_t now_ns)
{
	if (step->slot < 0 || is_spoilt(c, step, now_ns))
		return SETTLE_GONE;
	if (c->wait_seq != step->row->seq || now_ns - c->wait_ns < c->patience_ms * 1000000LL)
		return SETTLE_MAY_COME;
	c->has_lapsed = true;
	return c->torn_ns && now_ns - c->torn_ns < TORN_NS ? SETTLE_LOST : SETTLE_GONE;
}

static void apply(struct carry_step *step, struct carry_entity *entity)
{
	const struct record *record = &step->row->record;
	struct carry_stands *now = &entity->now;

	now->revision++;
	if (record->owner.len > 0 && (now->owner.len == 0 || carry_is_last_word(record))) {
		now->owner = record->owner;
		entity->is_owner_moved = entity->is_owner_moved || carry_is_last_word(record);
	}
	for (unsigned k = 0; k < step->table->status_count; k++)
		for (size_t i = 0; i < record->value_count; i++)
			if (record->value[i].column == step->table->status[k])
				now->status[k] = settle_status(record, step->table->status[k]);
}

static void settle_one(struct pg_carry *c, struct carry_step *step, int64_t now_ns)
{
	struct carry_entity *entity = &c->entity[step->entity->index];
	struct settle_stands stands = { .revision = entity->now.revision,
					.owner = entity->now.owner };
	const struct entity_steps *steps = NULL;

	if (step->slot >= 0) {
		stands.status = entity->now.status[step->slot];
		steps = step->table->steps[step->slot];
	}
	step->fate = settle_step(&step->row->record, steps, &stands, step->resend,
				 lack_of(c, step, now_ns));
	if (step->fate == SETTLE_APPLIED)
		apply(step, entity);
	else if (step->fate != SETTLE_WAITS)
		entity->is_spoilt = true;
	step->revision = entity->now.revision;
}

/* All steps in their order, up to one that waits. Is a step among them of which more must be asked?
 */
static bool settle_all(struct pg_carry *c, int64_t now_ns)
{
	bool must_ask = false;

	for (size_t i = 0; i < c->step_count; i++)
		if (c->step[i].entity) {
			struct carry_entity *entity = &c->entity[c->step[i].entity->index];

			entity->now = entity->read;
			entity->is_spoilt = entity->is_owner_moved = false;
		}
	for (c->end = 0; c->end < c->step_count; c->end++) {
		struct carry_step *step = &c->step[c->end];

		if (!step->entity)
			continue; /* SETTLE_APPLIED */
		settle_one(c, step, now_ns);
		if (step->fate == SETTLE_WAITS)
			break;
		if (step->fate == SETTLE_ASK)
			c->entity[step->entity->index].is_asked = must_ask = true;
	}
	return must_ask;
}

/* ---- resends ----------------------------------------------------------------------------- */

/* One that was overruled moved nothing: what it said comes to be decided on again. */
static const char resends_sql[] =
	"SELECT k.n FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[]) "
	"AS k (n, topic, digest, publisher, client_id) WHERE EXISTS (SELECT 1 FROM (SELECT digest, "
	"publisher, client_id, origin, overruled FROM events WHERE topic = k.topic ORDER BY seq "
	"DESC LIMIT "
	"64) "
	"AS e WHERE e.digest = k.digest AND e.publisher = k.publisher AND e.client_id = "
	"k.client_id "
	"AND e.origin <> $6 AND e.overruled = 0)";

_Static_assert(LEDGER_RESEND_ROWS == 64, "rows of a topic that are looked at");

static void put_resend(struct pg_carry *c, size_t n)
{
	const struct record *record = &c->step[n].row->record;

	c->step[n].resend = SETTLE_NEW;
	pg_array_number(&c->array[0], (int64_t)n);
	pg_array_text(&c->array[1], record->topic.text, record->topic.len);
	pg_array_number(&c->array[2], (int64_t)record->digest);
	pg_array_text(&c->array[3], record->publisher.text, record->publisher.len);
	pg_array_text(&c->array[4], record->client_id.text, record->client_id.len);
}

/* Of all steps of entities where one is in doubt, so that it is asked once. */
static int ask(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	static const enum pg_type type[] = { PG_NUMBER, PG_TEXT, PG_NUMBER, PG_TEXT, PG_TEXT };
	struct pg_rows rows = { 0 };
	int rc = 0;

	for (unsigned i = 0; i < 5; i++)
		pg_array_begin(&c->array[i], type[i]);
	for (size_t i = 0; i < c->step_count; i++)
		if (c->step[i].entity && c->step[i].resend == SETTLE_UNASKED &&
		    c->entity[c->step[i].entity->index].is_asked)
			put_resend(c, i);
	pg_params_clear(&c->params);
	for (unsigned i = 0; rc == 0 && i < 5; i++)
		rc = pg_add_array(&c->params, &c->array[i], diag);
	pg_add_string(&c->params, to->broker);
	if (rc == 0)
		rc = pg_exec(to->pg, resends_sql, &c->params, &rows, "cannot read events", diag);
	for (unsigned i = 0; rc == 0 && i < pg_rows_count(&rows); i++)
		c->step[pg_number(&rows, i, 0)].resend = SETTLE_RESEND;
	pg_rows_clear(&rows);
	return rc;
}

/* ---- together ---------------------------------------------------------------------------- */

/* What the batches behind this one must know. */
static void note(struct pg_carry *c, int64_t now_ns)
{
	for (size_t i = 0; i < c->end; i++) {
		const struct carry_step *step = &c->step[i];

		if (step->fate == SETTLE_OVERRULED)
			c->overruled++;
		if (step->fate != SETTLE_APPLIED) {
			uint64_t hash = carry_hash(step->entity);

			*spoilt_at(c, hash) = (struct carry_spoilt){ hash, now_ns + SPOILT_NS };
		}
	}
	if (c->has_lapsed) {
		c->patience_ms /= 10;
		c->lapsed_ns = now_ns;
	}
	if (c->end == c->step_count) {
		c->wait_seq = 0;
	} else if (c->wait_seq != c->step[c->end].row->seq) {
		c->wait_seq = c->step[c->end].row->seq;
		c->wait_ns = now_ns;
	}
}

int carry_settle(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	int64_t now_ns = clock_mono_ns();
	int rc = lock(c, to, diag);

	c->has_lapsed = false;
	/* A broker that is down does not hold up the others' journals, one step after the other. */
	if (now_ns - c->lapsed_ns >= CARRY_PATIENCE_NS)
		c->patience_ms = SETTLE_WAIT_MS;
	while (rc == 0 && settle_all(c, now_ns))
		rc = ask(c, to, diag);
	if (rc == 0)
		note(c, now_ns);
	return rc;
}

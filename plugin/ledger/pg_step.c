#include "ledger/pg_step.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

/* A statement names each column of an entity up to three times, and those of the other tables. */
#define SQL_MAX (4096u + ENTITY_COLUMNS_MAX * 3u * 72u)

/* What is written, while it is written. */
struct writing {
	const struct store_step *step;
	struct pg_params params;
	char time[CLOCK_TEXT_MAX];
	size_t len;
	char sql[SQL_MAX];
};

__attribute__((format(printf, 2, 3))) static void add(struct writing *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pg_sql_add(w->sql, sizeof(w->sql), &w->len, format, args);
	va_end(args);
}

/* ---- parameters: each function returns the number of the one that it added ----------------- */

static unsigned text(struct writing *w, const char *text, size_t len)
{
	pg_add_text(&w->params, text, len);
	return w->params.count;
}

static unsigned string(struct writing *w, const char *string)
{
	return text(w, string, strlen(string));
}

/* NULL for an empty one. */
static unsigned name(struct writing *w, const struct record_text *name)
{
	return text(w, name->len > 0 ? name->text : NULL, name->len);
}

static unsigned number(struct writing *w, int64_t number)
{
	pg_add_number(&w->params, number);
	return w->params.count;
}

/* NULL for 0. */
static unsigned number_or_null(struct writing *w, uint64_t value)
{
	if (value != 0)
		return number(w, (int64_t)value);
	pg_add_null(&w->params);
	return w->params.count;
}

/* A payload is TEXT, or bytes in a column of their own; the first of the two parameters. */
static unsigned payload(struct writing *w, const struct record_text *payload)
{
	bool is_bytes = !utf8_is_text(payload->text, payload->len);
	const char *bytes = payload->text ? payload->text : "";

	pg_add_text(&w->params, is_bytes ? NULL : bytes, payload->len);
	pg_add_bytes(&w->params, is_bytes ? bytes : NULL, payload->len);
	return w->params.count - 1;
}

/* A text with U+0000 can't be kept in a column: it is NULL then. */
static unsigned column_value(struct writing *w, const struct value *value)
{
	bool is_kept;

	switch (value->type) {
	case VALUE_TEXT:
		is_kept = utf8_is_text(value->text, value->len);
		return text(w, is_kept ? (value->text ? value->text : "") : NULL, value->len);
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		return number(w, value->integer);
	case VALUE_REAL:
		pg_add_real(&w->params, value->real);
		return w->params.count;
	case VALUE_NULL:
		break;
	}
	pg_add_null(&w->params);
	return w->params.count;
}

/* ---- the entity's row ---------------------------------------------------------------------- */

static const char *column_name(const struct store_step *step, unsigned column)
{
	return step->entity->column[column].name;
}

/* " AND the row has still the text @had in @column"; @or_null: or none at all. */
static void add_still(struct writing *w, const char *column, const char *had, bool or_null)
{
	unsigned at = text(w, had[0] ? had : NULL, strlen(had));

	if (or_null)
		add(w, " AND (t.\"%s\" IS NULL OR t.\"%s\" IS NOT DISTINCT FROM $%u::text)", column,
		    column, at);
	else
		add(w, " AND t.\"%s\" IS NOT DISTINCT FROM $%u::text", column, at);
}

/*
 * What the step was decided on. Owner and link keep their first value, so that a row without them
 * has nothing else than what is known; they may wait in the broker's journal.
 */
static void add_condition(struct writing *w)
{
	const struct store_step *step = w->step;

	if (step->is_forced)
		return;
	if (step->slot >= 0)
		add_still(w, column_name(step, step->entity->slot[step->slot]),
			  step->decided->status[step->slot], false);
	add_still(w, "owner", step->decided->owner, true);
	if (step->entity->link_column >= 0)
		add_still(w, column_name(step, (unsigned)step->entity->link_column),
			  step->decided->link, true);
}

/* The first owner stays, unless what a peer's broker decided is taken over. */
static void add_sets(struct writing *w, unsigned time, unsigned owner, unsigned first_value)
{
	const struct store_step *step = w->step;
	const struct record *record = step->record;

	add(w, "revision = t.revision + 1, updated_at = $%u::text", time);
	if (record->owner.text && record->is_taken_over)
		add(w, ", owner = $%u::text", owner);
	else if (record->owner.text)
		add(w, ", owner = COALESCE(t.owner, $%u::text)", owner);
	if (record->is_adopted)
		add(w, ", adopted_at = $%u::text", time);
	for (unsigned i = 0; i < record->value_count; i++)
		add(w, ", \"%s\" = $%u", column_name(step, step->column[i]), first_value + i);
}

static void add_insert(struct writing *w, unsigned id, unsigned time, unsigned owner,
		       unsigned first_value)
{
	const struct store_step *step = w->step;
	const struct record *record = step->record;

	add(w, "INSERT INTO \"%s\" AS t (id, revision, created_at, updated_at%s%s",
	    step->entity->table, record->owner.text ? ", owner" : "",
	    record->is_adopted ? ", adopted_at" : "");
	for (unsigned i = 0; i < record->value_count; i++)
		add(w, ", \"%s\"", column_name(step, step->column[i]));
	add(w, ") VALUES ($%u::text, 1, $%u::text, $%u::text", id, time, time);
	if (record->owner.text)
		add(w, ", $%u::text", owner);
	if (record->is_adopted)
		add(w, ", $%u::text", time);
	for (unsigned i = 0; i < record->value_count; i++)
		add(w, ", $%u", first_value + i);
	add(w, ") ON CONFLICT (id) DO UPDATE SET ");
}

/*
 * The entity's row: nothing is written (is_guard); a row that must be there, since it had a status;
 * or one that may be new.
 */
static void add_row(struct writing *w)
{
	const struct store_step *step = w->step;
	const struct record *record = step->record;
	unsigned id = text(w, record->id.text, record->id.len), time, owner, first_value;
	bool must_be = step->slot >= 0 && step->decided->status[step->slot][0] && !step->is_forced;

	if (step->is_guard) {
		add(w, "SELECT t.revision FROM \"%s\" AS t WHERE t.id = $%u::text",
		    step->entity->table, id);
		add_condition(w);
		if (record->is_retained)
			add(w, " FOR UPDATE");
		return;
	}
	time = string(w, w->time);
	owner = record->owner.text ? text(w, record->owner.text, record->owner.len) : 0;
	first_value = w->params.count + 1;
	for (size_t i = 0; i < record->value_count; i++)
		(void)column_value(w, &record->value[i]);
	if (must_be)
		add(w, "UPDATE \"%s\" AS t SET ", step->entity->table);
	else
		add_insert(w, id, time, owner, first_value);
	add_sets(w, time, owner, first_value);
	if (must_be)
		add(w, " WHERE t.id = $%u::text", id);
	else
		add(w, " WHERE true");
	add_condition(w);
	add(w, " RETURNING t.revision");
}

/* ---- the event, and what is retained ------------------------------------------------------- */

static void add_event(struct writing *w)
{
	const struct store_step *step = w->step;
	const struct record *record = step->record;
	unsigned first = string(w, w->time);

	(void)text(w, record->topic.text, record->topic.len);
	(void)text(w, record->publisher.text ? record->publisher.text : "", record->publisher.len);
	(void)text(w, record->client_id.text ? record->client_id.text : "", record->client_id.len);
	(void)number(w, record->qos);
	(void)number(w, record->is_retained);
	(void)payload(w, &record->payload);
	(void)number(w, record->is_will);
	(void)number(w, record->is_correction);
	(void)number_or_null(w, record->digest);
	(void)string(w, step->broker);
	(void)number(w, -(int64_t)step->number);
	(void)number_or_null(w, record->unique);
	(void)name(w, &record->kind);
	(void)number(w, record->is_adopted);
	(void)number_or_null(w, record->is_taken_over);
	(void)name(w, &record->peer);
	add(w,
	    ", ev AS (INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, "
	    "payload, payload_bytes, will, correction, digest, origin, origin_seq, unique_key, "
	    "message, adopted, taken_over, peer_publisher, revision) SELECT ");
	for (unsigned i = 0; i < 18; i++) {
		static const char *const types[] = { "text",   "text",   "text",   "text",
						     "bigint", "bigint", "text",   "bytea",
						     "bigint", "bigint", "bigint", "text",
						     "bigint", "bigint", "text",   "bigint",
						     "bigint", "text" };

		add(w, "$%u::%s, ", first + i, types[i]);
	}
	add(w, "NULLIF(step.revision, 0) FROM step)");
}

/* An empty message clears the topic: both payloads are NULL then. */
static void add_retained(struct writing *w)
{
	static const struct record_text none = { NULL, 0 };
	const struct store_step *step = w->step;
	const struct record *record = step->record;
	unsigned topic = text(w, record->topic.text, record->topic.len), at, time, by, bytes;

	if (record->payload.len > 0) {
		at = payload(w, &record->payload);
	} else {
		at = name(w, &none);
		(void)name(w, &none);
	}
	time = string(w, w->time);
	by = text(w, record->publisher.text ? record->publisher.text : "", record->publisher.len);
	pg_add_bytes(&w->params, record->properties.len > 0 ? record->properties.text : NULL,
		     record->properties.len);
	bytes = w->params.count;
	add(w,
	    ", re AS (INSERT INTO retained (topic, payload, payload_bytes, qos, received_at, "
	    "publisher, properties, seq, origin) SELECT $%u::text, $%u::text, $%u::bytea, "
	    "$%u::bigint, $%u::text, $%u::text, $%u::bytea, $%u::bigint, $%u::text FROM step ON "
	    "CONFLICT (topic) DO UPDATE SET payload = excluded.payload, payload_bytes = "
	    "excluded.payload_bytes, qos = excluded.qos, received_at = excluded.received_at, "
	    "publisher = excluded.publisher, properties = excluded.properties, seq = excluded.seq, "
	    "origin = excluded.origin)",
	    topic, at, at + 1, number(w, record->qos), time, by, bytes,
	    number(w, -(int64_t)step->number), string(w, step->broker));
}

static void write_statement(struct writing *w)
{
	add(w, "WITH step AS (");
	if (w->step->entity)
		add_row(w);
	else
		add(w, "SELECT 0::bigint AS revision");
	add(w, ")");
	if (!w->step->record->is_unrecorded)
		add_event(w);
	if (w->step->record->is_retained)
		add_retained(w);
	add(w, " SELECT revision FROM step");
}

/* ---- calls --------------------------------------------------------------------------------- */

int pg_step_commit(struct pg_live *live, const struct store_step *step, uint64_t *revision,
		   struct diag *diag)
{
	struct pg_rows rows = { 0 };
	struct writing w;
	struct pg_live_ask ask = { .sql = w.sql,
				   .params = &w.params,
				   .what = "cannot keep a step" };
	int rc;

	w.step = step;
	w.params.count = 0;
	w.len = 0;
	(void)clock_print(step->record->received_ms, w.time);
	write_statement(&w);
	/* What only reads is in no doubt. */
	if (!step->is_guard || step->record->is_retained)
		ask.doubt = step->number;
	rc = pg_live_exec(live, &ask, &rows, diag);
	if (rc == ERR_INVALID && strcmp(pg_live_state(live), "23505") == 0)
		return 1; /* unique_violation: of (origin, origin_seq), the others have ON CONFLICT
			   */
	if (rc == 0 && pg_rows_count(&rows) == 0)
		rc = diag_set(diag, ERR_STALE, "something else stands there by now");
	else if (rc == 0)
		*revision = (uint64_t)pg_number(&rows, 0, 0);
	pg_rows_clear(&rows);
	return rc;
}

int pg_step_find(struct pg_live *live, const char *broker, uint64_t number, struct diag *diag)
{
	struct pg_params params = { .count = 0 };
	struct pg_rows rows = { 0 };
	struct pg_live_ask ask = {
		.sql = "SELECT 1 FROM events WHERE origin = $1 AND origin_seq = $2",
		.params = &params,
		.what = "cannot read events"
	};
	int rc;

	pg_add_string(&params, broker);
	pg_add_number(&params, -(int64_t)number);
	rc = pg_live_exec(live, &ask, &rows, diag);
	if (rc == 0)
		rc = pg_rows_count(&rows) > 0;
	pg_rows_clear(&rows);
	return rc;
}

/* Old events may have been removed: the broker's row knows the number, too. */
int pg_step_last(struct pg_live *live, const char *broker, uint64_t *ret, struct diag *diag)
{
	struct pg_params params = { .count = 0 };
	struct pg_rows rows = { 0 };
	struct pg_live_ask ask = {
		.sql = "SELECT CAST(LEAST(COALESCE((SELECT min(origin_seq) FROM events WHERE "
		       "origin = $1::text AND origin_seq < 0), 0), COALESCE((SELECT strict_seq "
		       "FROM brokers WHERE name = $1::text), 0)) AS bigint)",
		.params = &params,
		.what = "cannot read events"
	};
	int rc;

	pg_add_string(&params, broker);
	rc = pg_live_exec(live, &ask, &rows, diag);
	if (rc == 0)
		*ret = (uint64_t)-pg_number(&rows, 0, 0);
	pg_rows_clear(&rows);
	return rc;
}

/* pg_carry_events.c -- writes the events of a batch, and what it retains. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ledger/pg_carry_internal.h"

/* ---- arrays ------------------------------------------------------------------------------ */

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

/* Into the one of two arrays that takes it, and NULL into the other. */
static void put_payload(struct pg_array *text, struct pg_array *bytes,
			const struct record_text *payload)
{
	bool is_text = payload->len == 0 || utf8_is_text(payload->text, payload->len);

	pg_array_text(is_text ? text : bytes, payload->len ? payload->text : "", payload->len);
	pg_array_null(is_text ? bytes : text);
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

	carry_put_time(&array[0], row);
	carry_put_text(&array[1], &record->topic);
	carry_put_text(&array[2], &record->publisher);
	carry_put_text(&array[3], &record->client_id);
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

int carry_send_events(struct pg_carry *c, const struct pg_carry_to *to, struct diag *diag)
{
	bool is_plain = batch_is_plain(c->batch) && c->overruled == 0;
	unsigned arrays = is_plain ? EVENT_PLAIN : EVENT_ARRAYS;
	int rc;

	carry_begin_arrays(c, event_type, arrays);
	for (size_t i = 0; i < c->end; i++)
		if (is_event(&c->step[i]))
			put_event(c->array, &c->step[i], is_plain);
	if (c->array[0].count == 0)
		return 0;
	rc = carry_add_arrays(c, arrays, diag);
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

	carry_put_text(&array[0], &record->topic);
	if (record->payload.len > 0) {
		put_payload(&array[1], &array[2], &record->payload);
	} else { /* it is cleared */
		pg_array_null(&array[1]);
		pg_array_null(&array[2]);
	}
	pg_array_number(&array[3], record->qos);
	carry_put_time(&array[4], row);
	carry_put_text(&array[5], &record->publisher);
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
int carry_send_retained(struct pg_carry *c, const struct pg_carry_to *to, bool is_repeat,
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
	carry_begin_arrays(c, retained_type, RETAINED_ARRAYS);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !is_same_topic(row[i], row[i - 1]))
			put_retained(c->array, row[i]);
	rc = carry_add_arrays(c, RETAINED_ARRAYS, diag);
	pg_add_string(&c->params, to->broker);
	if (rc == 0)
		rc = pg_send(to->pg, is_repeat ? REPEATED_SQL : RETAINED_SQL, &c->params, diag);
	return rc;
}

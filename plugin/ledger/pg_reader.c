#include "ledger/pg_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/pg_look.h"
#include "ledger/store_engine.h"

#define SQL_MAX 1024 /* a statement about an entity: names are short, its statuses few */

#define TEXT(number) #number
#define LIMIT(number) TEXT(number)

#define RETAINED                                                                                   \
	"SELECT topic, payload, payload_bytes, qos, properties, 1::bigint FROM retained WHERE "    \
	"topic "

/* Of two brokers' events the one with the higher number may have been committed first. */
static const struct {
	const char *text;
	const char *fault; /* what is said where it fails */
} statement[STORE_READS] = {
	[STORE_READ_RETAINED] = { RETAINED "= $1 LIMIT $2", "cannot read retained" },
	[STORE_READ_RETAINED_NEXT] = { RETAINED "> $1 ORDER BY topic LIMIT $2",
				       "cannot read retained" },
	[STORE_READ_RETAINED_EACH] = { RETAINED "= ANY($1::text[])", "cannot read retained" },
	[STORE_READ_EVENT] = { "SELECT topic, payload, payload_bytes, qos, NULL::bytea, retained "
			       "FROM events WHERE topic = $1 AND overruled = 0 ORDER BY seq DESC "
			       "LIMIT $2",
			       "cannot read events" },
	[STORE_READ_RESEND] = { "SELECT 1 FROM (SELECT digest, publisher, client_id, qos, will "
				"FROM events WHERE topic = $1 AND (origin <> $6 OR origin_seq "
				"BETWEEN $7 AND $2) ORDER BY seq DESC LIMIT " LIMIT(
					LEDGER_RESEND_ROWS) //
				") AS newest WHERE digest = $3 AND ($4::text IS NULL OR "
				"(publisher = $4 AND client_id = $5 AND qos > 0 AND will = 0)) "
				"LIMIT 1",
				"cannot read events" },
	[STORE_READ_LAST] = { "SELECT payload, payload_bytes, revision FROM (SELECT seq, payload, "
			      "payload_bytes, revision FROM events WHERE topic = $1 AND overruled "
			      "= 0 ORDER BY seq DESC LIMIT " LIMIT(STORE_LAST_ROWS) //
			      ") AS newest WHERE revision IS NOT NULL ORDER BY revision DESC, seq "
			      "DESC LIMIT 1",
			      "cannot read events" },
	[STORE_READ_LETTER] = { "SELECT r.topic, r.principal, r.client_id, r.action, r.reason, "
				"r.observed, r.qos, r.retained, r.resent, l.payload, l.properties "
				"FROM refusals AS r LEFT JOIN store_letters AS l ON l.decision_id "
				"= r.decision_id WHERE r.decision_id = $1 LIMIT 1",
				"cannot read refusals" },
};

/* The statements about an entity, made at their first use. */
struct entity_sql {
	char find[SQL_MAX];
	char unchanged[ENTITY_SLOTS_MAX][SQL_MAX];
	bool is_missing; /* of a reader that is alone: the database has no such table */
};

struct pg_reader {
	struct store_reader base;
	struct pg_live *live;
	char *broker;
	bool is_alone; /* another process writes the database, which may lack what the plan has */
	const struct entity_plan *plan;
	struct entity_sql *entity[ENTITY_COUNT_MAX]; /* NULL: not asked yet */
	struct pg_params params;
	struct pg_array topics;
	struct pg_rows rows; /* of the last call: what it gave is borrowed from them */
};

static struct pg_reader *of(struct store_reader *reader)
{
	return (struct pg_reader *)reader;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* One that is alone looks whose database it is; a broker's store has looked. */
static int connect_and_look(struct pg_reader *reader, struct diag *diag)
{
	struct pg_live_ask ask = { .sql = PG_LOOK_SQL, .what = "cannot read the database" };
	int rc;

	if (!reader->is_alone)
		return pg_live_await(reader->live, PG_LIVE_CONNECT_MS, diag);
	rc = pg_live_exec(reader->live, &ask, &reader->rows, diag);
	return pg_look(rc, pg_live_state(reader->live), &reader->rows, diag);
}

int pg_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
		   struct diag *diag)
{
	struct pg_live_options options = { .conninfo = place->place,
					   .wait_ms = is_alone ? PG_READER_ALONE_MS
							       : PG_READER_WAIT_MS,
					   .is_plain = is_alone,
					   .ending = place->ending };
	struct pg_reader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader)
		return diag_nomem(diag);
	reader->base.engine = &store_postgres;
	reader->is_alone = is_alone;
	reader->broker = strdup(place->broker ? place->broker : "");
	rc = reader->broker ? pg_live_open(&options, &reader->live, diag) : diag_nomem(diag);
	if (rc == 0)
		rc = connect_and_look(reader, diag);
	if (rc) {
		pg_reader_close(&reader->base);
		return rc;
	}
	*ret = &reader->base;
	return 0;
}

void pg_reader_use(struct store_reader *base, const struct entity_plan *plan)
{
	struct pg_reader *reader = of(base);

	for (size_t i = 0; i < ENTITY_COUNT_MAX; i++) {
		free(reader->entity[i]);
		reader->entity[i] = NULL;
	}
	reader->plan = plan;
}

void pg_reader_close(struct store_reader *base)
{
	struct pg_reader *reader = of(base);

	if (!reader)
		return;
	pg_reader_use(base, NULL);
	pg_rows_clear(&reader->rows);
	pg_array_free(&reader->topics);
	pg_live_close(reader->live);
	free(reader->broker);
	free(reader);
}

struct pg_live *pg_reader_live(struct store_reader *reader)
{
	/* What the caller asks may end the connection, and rows may not outlive it. */
	pg_rows_clear(&of(reader)->rows);
	return of(reader)->live;
}

/* Asks with reader->params; the rows of the call before are gone then. */
static int ask(struct pg_reader *reader, const char *sql, const char *fault, struct diag *diag)
{
	struct pg_live_ask asked = { .sql = sql, .params = &reader->params, .what = fault };

	pg_rows_clear(&reader->rows);
	return pg_live_exec(reader->live, &asked, &reader->rows, diag);
}

/* ---- entities ------------------------------------------------------------------------------ */

/* Does @column (NULL: the table's id) stand in the catalog rows that were read? */
static bool has(const struct pg_rows *columns, const char *column)
{
	for (unsigned i = 0; i < pg_rows_count(columns); i++)
		if (strcmp(pg_text(columns, i, 0), column ? column : "id") == 0)
			return true;
	return false;
}

/* Of a plan that is not in force the database may lack a column: such a one reads as NULL. */
static void add_column(const struct pg_reader *reader, const struct entity *entity, int column,
		       char *sql)
{
	const char *name = column < 0 ? NULL : entity->column[column].name;
	size_t len = strlen(sql);

	if (name && (!reader->is_alone || has(&reader->rows, name)))
		(void)snprintf(sql + len, SQL_MAX - len, ", CAST(\"%s\" AS text)", name);
	else
		(void)snprintf(sql + len, SQL_MAX - len, ", NULL::text");
}

/* owner, revision, link, then the statuses. */
static void write_find(const struct pg_reader *reader, const struct entity *entity, char *sql)
{
	(void)snprintf(sql, SQL_MAX, "SELECT owner, revision");
	add_column(reader, entity, entity->link_column, sql);
	for (size_t k = 0; k < entity->slot_count; k++)
		add_column(reader, entity, (int)entity->slot[k], sql);
	(void)snprintf(sql + strlen(sql), SQL_MAX - strlen(sql), " FROM \"%s\" WHERE id = $1",
		       entity->table);
}

static void write_unchanged(const struct entity *entity, unsigned slot, char *sql)
{
	(void)snprintf(sql, SQL_MAX,
		       "SELECT id, updated_at FROM \"%s\" WHERE \"%s\" = $1 AND updated_at < $2 "
		       "ORDER BY updated_at LIMIT $3",
		       entity->table, entity->column[entity->slot[slot]].name);
}

static int prepare(struct pg_reader *reader, size_t i, struct diag *diag)
{
	const struct entity *entity = &reader->plan->entity[i];
	struct entity_sql *sql;
	int rc = 0;

	if (reader->entity[i])
		return 0;
	if (reader->is_alone) {
		pg_params_clear(&reader->params);
		pg_add_string(&reader->params, entity->table);
		rc = ask(reader, PG_LOOK_COLUMNS, "cannot read the columns", diag);
	}
	if (rc)
		return rc;
	sql = calloc(1, sizeof(*sql));
	if (!sql)
		return diag_nomem(diag);
	sql->is_missing = reader->is_alone && !has(&reader->rows, NULL);
	write_find(reader, entity, sql->find);
	for (unsigned slot = 0; slot < entity->slot_count; slot++)
		write_unchanged(entity, slot, sql->unchanged[slot]);
	reader->entity[i] = sql;
	return 0;
}

/* A text that was edited by hand may be longer than what we write; it is cut then. */
static void copy_column(const struct pg_rows *rows, unsigned column, char *ret, size_t cap)
{
	size_t len;
	const char *text = pg_bytes(rows, 0, column, &len);

	if (len >= cap)
		len = cap - 1;
	memcpy(ret, text, len);
	ret[len] = '\0';
}

static void copy_row(const struct pg_rows *rows, const struct entity *entity,
		     struct state_facts *ret)
{
	ret->is_known = true;
	copy_column(rows, 0, ret->owner, sizeof(ret->owner));
	ret->revision = (uint64_t)pg_number(rows, 0, 1);
	copy_column(rows, 2, ret->link, sizeof(ret->link));
	for (unsigned i = 0; i < entity->slot_count; i++)
		copy_column(rows, 3 + i, ret->status[i], sizeof(ret->status[i]));
}

int pg_reader_find(struct store_reader *base, size_t entity, const char *id, size_t id_len,
		   struct state_facts *ret, struct diag *diag)
{
	struct pg_reader *reader = of(base);
	int rc = prepare(reader, entity, diag);

	memset(ret, 0, sizeof(*ret));
	if (rc || reader->entity[entity]->is_missing)
		return rc;
	pg_params_clear(&reader->params);
	pg_add_text(&reader->params, id, id_len);
	rc = ask(reader, reader->entity[entity]->find, "cannot read a table", diag);
	if (rc == 0 && pg_rows_count(&reader->rows) > 0)
		copy_row(&reader->rows, &reader->plan->entity[entity], ret);
	return rc;
}

int pg_reader_unchanged(struct store_reader *base, const struct ledger_unchanged_query *asked,
			ledger_unchanged_visit *visit, void *ctx, struct diag *diag)
{
	struct pg_reader *reader = of(base);
	int rc = prepare(reader, asked->entity, diag);
	char before[CLOCK_TEXT_MAX];

	if (rc || reader->entity[asked->entity]->is_missing)
		return rc;
	pg_params_clear(&reader->params);
	pg_add_string(&reader->params, asked->status);
	pg_add_string(&reader->params, clock_print(asked->before_ms, before));
	pg_add_number(&reader->params, asked->limit);
	rc = ask(reader, reader->entity[asked->entity]->unchanged[asked->slot],
		 "cannot read a table", diag);
	for (unsigned i = 0; i < pg_rows_count(&reader->rows); i++)
		visit(&(struct ledger_unchanged){ .id = pg_text(&reader->rows, i, 0),
						  .since = pg_text(&reader->rows, i, 1) },
		      ctx);
	return rc;
}

/* ---- events and what is retained ----------------------------------------------------------- */

/* Asks for @read, whose first parameter is @topic, and whose others are there behind it. */
static int ask_of_topic(struct pg_reader *reader, enum store_read read, struct diag *diag)
{
	return ask(reader, statement[read].text, statement[read].fault, diag);
}

static void begin(struct pg_reader *reader, const char *topic, size_t topic_len)
{
	pg_params_clear(&reader->params);
	pg_add_text(&reader->params, topic_len ? topic : "", topic_len);
}

/* Of a payload that is TEXT in one column, or bytes in the next one. Never NULL. */
static const char *payload_of(const struct pg_rows *rows, unsigned row, unsigned column,
			      size_t *len)
{
	return pg_bytes(rows, row, pg_is_null(rows, row, column) ? column + 1 : column, len);
}

static void visit_message(const struct pg_rows *rows, unsigned row, ledger_retained_visit *visit,
			  void *ctx)
{
	struct ledger_retained retained = { 0 };
	struct message *message = &retained.message;
	int64_t qos = pg_number(rows, row, 3);

	message->topic = pg_bytes(rows, row, 0, &message->topic_len);
	message->payload = payload_of(rows, row, 1, &message->payload_len);
	if (message->payload_len == 0)
		message->payload = NULL;
	message->qos = qos >= 0 && qos <= 2 ? (unsigned)qos : 2; /* another program wrote it */
	message->is_retained = pg_number(rows, row, 5) != 0;
	retained.properties = pg_bytes(rows, row, 4, &retained.properties_len);
	visit(&retained, ctx);
}

int pg_reader_visit(struct store_reader *base, enum store_read read, const char *topic,
		    size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		    struct diag *diag)
{
	struct pg_reader *reader = of(base);
	unsigned rows;
	int rc;

	begin(reader, topic, topic_len);
	pg_add_number(&reader->params, limit);
	rc = ask_of_topic(reader, read, diag);
	rows = rc ? 0 : pg_rows_count(&reader->rows);
	for (unsigned i = 0; i < rows; i++)
		visit_message(&reader->rows, i, visit, ctx);
	return rc ? rc : (int)rows;
}

int pg_reader_visit_each(struct store_reader *base, const struct ledger_topic *topic, size_t count,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	struct pg_reader *reader = of(base);
	int rc;

	pg_array_begin(&reader->topics, PG_TEXT);
	for (size_t i = 0; i < count; i++)
		pg_array_text(&reader->topics, topic[i].text, topic[i].len);
	pg_params_clear(&reader->params);
	rc = pg_add_array(&reader->params, &reader->topics, diag);
	if (rc == 0)
		rc = ask_of_topic(reader, STORE_READ_RETAINED_EACH, diag);
	for (unsigned i = 0; rc == 0 && i < pg_rows_count(&reader->rows); i++)
		visit_message(&reader->rows, i, visit, ctx);
	return rc;
}

int pg_reader_resent(struct store_reader *base, const struct ledger_resend_query *asked,
		     uint64_t until_seq, struct diag *diag)
{
	struct pg_reader *reader = of(base);
	int rc;

	begin(reader, asked->topic, asked->topic_len);
	pg_add_number(&reader->params, (int64_t)until_seq);
	pg_add_number(&reader->params, (int64_t)asked->digest);
	pg_add_string(&reader->params, asked->publisher);
	pg_add_string(&reader->params, asked->client_id);
	pg_add_string(&reader->params, reader->broker);
	pg_add_number(&reader->params, -(int64_t)asked->until_step);
	rc = ask_of_topic(reader, STORE_READ_RESEND, diag);
	return rc ? rc : pg_rows_count(&reader->rows) > 0;
}

int pg_reader_last(struct store_reader *base, const char *topic, size_t topic_len,
		   const char **payload, size_t *payload_len, uint64_t *revision, struct diag *diag)
{
	struct pg_reader *reader = of(base);
	int rc;

	*payload = NULL;
	*payload_len = 0;
	*revision = 0;
	begin(reader, topic, topic_len);
	rc = ask_of_topic(reader, STORE_READ_LAST, diag);
	if (rc || pg_rows_count(&reader->rows) == 0)
		return rc;
	*payload = payload_of(&reader->rows, 0, 0, payload_len);
	*revision = (uint64_t)pg_number(&reader->rows, 0, 2);
	return 0;
}

/* ---- letters -------------------------------------------------------------------------------- */

static void visit_letter(const struct pg_rows *rows, ledger_letter_visit *visit, void *ctx)
{
	struct ledger_letter letter = {
		.message = { .qos = (unsigned)pg_number(rows, 0, 6) & 3,
			     .is_retained = pg_number(rows, 0, 7) != 0 },
		.principal = pg_text(rows, 0, 1),
		.client_id = pg_text(rows, 0, 2),
		.action = pg_text(rows, 0, 3),
		.reason = pg_text(rows, 0, 4),
		.is_observed = pg_number(rows, 0, 5) != 0,
		.resent = pg_text(rows, 0, 8),
		.is_whole = !pg_is_null(rows, 0, 9),
	};

	letter.message.topic = pg_bytes(rows, 0, 0, &letter.message.topic_len);
	letter.message.payload = pg_bytes(rows, 0, 9, &letter.message.payload_len);
	letter.properties = pg_bytes(rows, 0, 10, &letter.properties_len);
	visit(&letter, ctx);
}

int pg_reader_letter(struct store_reader *base, const char *decision_id, ledger_letter_visit *visit,
		     void *ctx, struct diag *diag)
{
	struct pg_reader *reader = of(base);
	int rc;

	begin(reader, decision_id, strlen(decision_id));
	rc = ask_of_topic(reader, STORE_READ_LETTER, diag);
	if (rc || pg_rows_count(&reader->rows) == 0)
		return rc;
	visit_letter(&reader->rows, visit, ctx);
	return 1;
}

/* store_reader.c -- rows into what is known of an entity: the connection that only reads. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/store.h"
#include "ledger/store_internal.h"

/*
 * Results of sqlite3_bind_*() are ignored in this file: binding borrowed bytes, or a number,
 * to a statement that was reset takes no memory and cannot fail.
 */

/* Makes a statement of what @sql was built to be. */
static int prepare_built(struct store_reader *reader, sqlite3_str *sql, sqlite3_stmt **ret,
			 struct diag *diag)
{
	char *text = sqlite3_str_finish(sql);
	int rc = 0;

	if (!text)
		return diag_nomem(diag);
	if (sqlite3_prepare_v3(reader->sql.db, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) !=
	    SQLITE_OK)
		rc = sql_fail(&reader->sql, "cannot read a table", diag);
	sqlite3_free(text);
	return rc;
}

/* owner, revision, link, then the statuses. */
static int find_prepare(struct store_reader *reader, size_t i, struct diag *diag)
{
	const struct entity *entity = &reader->plan->entity[i];
	sqlite3_str *sql = sqlite3_str_new(reader->sql.db);

	sqlite3_str_appendall(sql, "SELECT owner, revision");
	if (entity->link_column >= 0)
		sqlite3_str_appendf(sql, ", \"%w\"", entity->column[entity->link_column].name);
	else
		sqlite3_str_appendall(sql, ", NULL");
	for (size_t k = 0; k < entity->slot_count; k++)
		sqlite3_str_appendf(sql, ", \"%w\"", entity->column[entity->slot[k]].name);
	sqlite3_str_appendf(sql, " FROM \"%w\" WHERE id = ?1", entity->table);
	return prepare_built(reader, sql, &reader->find[i], diag);
}

static int unchanged_prepare(struct store_reader *reader, size_t i, unsigned slot,
			     struct diag *diag)
{
	const struct entity *entity = &reader->plan->entity[i];
	sqlite3_str *sql = sqlite3_str_new(reader->sql.db);

	sqlite3_str_appendf(sql,
			    "SELECT id, updated_at FROM \"%w\" WHERE \"%w\" = ?1 AND "
			    "updated_at < ?2 ORDER BY updated_at LIMIT ?3",
			    entity->table, entity->column[entity->slot[slot]].name);
	return prepare_built(reader, sql, &reader->unchanged[i][slot], diag);
}

/* What clears a retained message is no statement about an entity; several in a row are rare. */
static int said_prepare(struct store_reader *reader, struct diag *diag)
{
	sqlite3_str *sql = sqlite3_str_new(reader->sql.db);

	sqlite3_str_appendall(sql, "SELECT payload, revision FROM (SELECT seq, payload, revision "
				   "FROM events WHERE topic = ?1 ORDER BY seq DESC LIMIT ?2) "
				   "WHERE revision IS NOT NULL ORDER BY seq DESC LIMIT 1");
	return prepare_built(reader, sql, &reader->said, diag);
}

int store_reader_open(const struct store *store, struct store_reader **ret, struct diag *diag)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	int rc = 0;

	if (!reader)
		return diag_nomem(diag);
	reader->sql.path = strdup(store->sql.path);
	if (!reader->sql.path) {
		rc = diag_nomem(diag);
		goto out;
	}
	if (sqlite3_open_v2(reader->sql.path, &reader->sql.db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			    NULL) != SQLITE_OK) {
		rc = reader->sql.db ? sql_fail(&reader->sql, "cannot open", diag)
				    : diag_nomem(diag);
		goto out;
	}
	*ret = reader;
	reader = NULL; /* handed over */
out:
	store_reader_close(reader);
	return rc;
}

void store_reader_use(struct store_reader *reader, const struct entity_plan *plan)
{
	for (size_t i = 0; i < ENTITY_COUNT_MAX; i++) {
		(void)sqlite3_finalize(reader->find[i]);
		for (unsigned slot = 0; slot < ENTITY_SLOTS_MAX; slot++)
			(void)sqlite3_finalize(reader->unchanged[i][slot]);
	}
	memset(reader->find, 0, sizeof(reader->find));
	memset(reader->unchanged, 0, sizeof(reader->unchanged));
	reader->plan = plan;
}

void store_reader_close(struct store_reader *reader)
{
	if (!reader)
		return;
	store_reader_use(reader, NULL);
	(void)sqlite3_finalize(reader->retained);
	(void)sqlite3_finalize(reader->retained_next);
	(void)sqlite3_finalize(reader->sent);
	(void)sqlite3_finalize(reader->newest);
	(void)sqlite3_finalize(reader->event);
	(void)sqlite3_finalize(reader->said);
	(void)sqlite3_close(reader->sql.db); /* all statements are finalized */
	free(reader->payload);
	free(reader->sql.path);
	free(reader);
}

/* Someone's own edit may be longer than what we ever write; it is cut then. */
static void copy_column(sqlite3_stmt *row, int column, char *ret, size_t cap)
{
	const void *text = sqlite3_column_text(row, column);
	size_t len = text ? (size_t)sqlite3_column_bytes(row, column) : 0;

	if (len >= cap)
		len = cap - 1;
	if (len > 0)
		memcpy(ret, text, len);
	ret[len] = '\0';
}

static void copy_row(sqlite3_stmt *row, const struct entity *entity, struct state_facts *ret)
{
	ret->is_known = true;
	copy_column(row, 0, ret->owner, sizeof(ret->owner));
	ret->revision = (uint64_t)sqlite3_column_int64(row, 1);
	copy_column(row, 2, ret->link, sizeof(ret->link));
	for (size_t i = 0; i < entity->slot_count; i++)
		copy_column(row, 3 + (int)i, ret->status[i], sizeof(ret->status[i]));
}

int store_reader_find(struct store_reader *reader, size_t entity, const char *id, size_t id_len,
		      struct state_facts *ret, struct diag *diag)
{
	sqlite3_stmt *find;
	int step, rc = reader->find[entity] ? 0 : find_prepare(reader, entity, diag);

	memset(ret, 0, sizeof(*ret));
	if (rc)
		return rc;
	find = reader->find[entity];
	(void)sqlite3_bind_text64(find, 1, id, id_len, SQLITE_STATIC, SQLITE_UTF8);
	step = sqlite3_step(find);
	if (step == SQLITE_ROW)
		copy_row(find, &reader->plan->entity[entity], ret);
	else if (step != SQLITE_DONE)
		rc = sql_fail(&reader->sql, "cannot read a table", diag);
	(void)sqlite3_reset(find); /* ends the read, so that checkpoints can pass it */
	return rc;
}

/* Keeps the row's payload beyond the row. */
static int keep_payload(struct store_reader *reader, const char **ret, size_t *ret_len,
			struct diag *diag)
{
	const void *payload = sqlite3_column_blob(reader->said, 0);
	size_t len = payload ? (size_t)sqlite3_column_bytes(reader->said, 0) : 0;

	if (len >= reader->payload_size) {
		char *wider = realloc(reader->payload, len + 1);

		if (!wider)
			return diag_nomem(diag);
		reader->payload = wider;
		reader->payload_size = len + 1;
	}
	if (len > 0)
		memcpy(reader->payload, payload, len);
	*ret = reader->payload;
	*ret_len = len;
	return 0;
}

int store_reader_said(struct store_reader *reader, const char *topic, size_t topic_len,
		      const char **payload, size_t *payload_len, uint64_t *revision,
		      struct diag *diag)
{
	sqlite3_stmt *said;
	int step, rc = reader->said ? 0 : said_prepare(reader, diag);

	*payload = NULL;
	*payload_len = 0;
	*revision = 0;
	if (rc)
		return rc;
	said = reader->said;
	(void)sqlite3_bind_text64(said, 1, topic, topic_len, SQLITE_STATIC, SQLITE_UTF8);
	(void)sqlite3_bind_int64(said, 2, STORE_SAID_ROWS);
	step = sqlite3_step(said);
	if (step == SQLITE_ROW) {
		rc = keep_payload(reader, payload, payload_len, diag);
		*revision = (uint64_t)sqlite3_column_int64(said, 1);
	} else if (step != SQLITE_DONE) {
		rc = sql_fail(&reader->sql, "cannot read a table", diag);
	}
	(void)sqlite3_reset(said);
	return rc;
}

static const char *text_of(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}

int store_reader_unchanged(struct store_reader *reader, const struct ledger_unchanged_query *asked,
			   ledger_unchanged_visit *visit, void *ctx, struct diag *diag)
{
	sqlite3_stmt **find = &reader->unchanged[asked->entity][asked->slot];
	char before[CLOCK_TEXT_MAX];
	int step, rc = 0;

	if (!*find)
		rc = unchanged_prepare(reader, asked->entity, asked->slot, diag);
	if (rc)
		return rc;
	clock_print(asked->before_ms, before);
	(void)sqlite3_bind_text(*find, 1, asked->status, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*find, 2, before, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(*find, 3, asked->limit);
	while ((step = sqlite3_step(*find)) == SQLITE_ROW) {
		struct ledger_unchanged row = { .id = text_of(*find, 0),
						.since = text_of(*find, 1) };

		visit(&row, ctx);
	}
	if (step != SQLITE_DONE)
		rc = sql_fail(&reader->sql, "cannot read a table", diag);
	(void)sqlite3_reset(*find);
	return rc;
}

#define RETAINED "SELECT topic, payload, qos, properties, 1 FROM retained WHERE topic "

static int retained_prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **ret,
			    struct diag *diag)
{
	if (*ret || sqlite3_prepare_v3(reader->sql.db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret,
				       NULL) == SQLITE_OK)
		return 0;
	return sql_fail(&reader->sql, "cannot read retained", diag);
}

static void visit_retained(sqlite3_stmt *row, ledger_retained_visit *visit, void *ctx)
{
	struct ledger_retained retained = {
		.message = { .topic = text_of(row, 0),
			     .payload = sqlite3_column_blob(row, 1),
			     .qos = (unsigned)sqlite3_column_int(row, 2),
			     .is_retained = sqlite3_column_int(row, 4) != 0 },
		.properties = sqlite3_column_blob(row, 3),
	};

	if (retained.message.qos > 2)
		retained.message.qos = 2; /* somebody else wrote it */
	retained.message.topic_len = (size_t)sqlite3_column_bytes(row, 0);
	retained.message.payload_len = (size_t)sqlite3_column_bytes(row, 1);
	retained.properties_len = (size_t)sqlite3_column_bytes(row, 3);
	visit(&retained, ctx);
}

/* Steps to the end. The number of rows, or negative. */
static int visit_all(struct store_reader *reader, sqlite3_stmt *select,
		     ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	int rows = 0, rc = 0, step;

	while ((step = sqlite3_step(select)) == SQLITE_ROW) {
		visit_retained(select, visit, ctx);
		rows++;
	}
	if (step != SQLITE_DONE)
		rc = sql_fail(&reader->sql, "cannot read retained", diag);
	(void)sqlite3_reset(select); /* ends the read, so that checkpoints can pass it */
	return rc ? rc : rows;
}

int store_reader_retained(struct store_reader *reader, const char *topic, size_t topic_len,
			  ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	int rc = retained_prepare(reader, RETAINED "= ?1", &reader->retained, diag);

	if (rc)
		return rc;
	(void)sqlite3_bind_text64(reader->retained, 1, topic, topic_len, SQLITE_STATIC,
				  SQLITE_UTF8);
	return visit_all(reader, reader->retained, visit, ctx, diag);
}

int store_reader_event(struct store_reader *reader, const char *topic, size_t topic_len,
		       ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	int rc = retained_prepare(reader,
				  "SELECT topic, payload, qos, NULL, retained FROM events WHERE "
				  "topic = ?1 ORDER BY seq DESC LIMIT 1",
				  &reader->event, diag);

	if (rc)
		return rc;
	(void)sqlite3_bind_text64(reader->event, 1, topic, topic_len, SQLITE_STATIC, SQLITE_UTF8);
	return visit_all(reader, reader->event, visit, ctx, diag);
}

int store_reader_retained_next(struct store_reader *reader, const char *topic, size_t topic_len,
			       unsigned limit, ledger_retained_visit *visit, void *ctx,
			       struct diag *diag)
{
	int rc = retained_prepare(reader, RETAINED "> ?1 ORDER BY topic LIMIT ?2",
				  &reader->retained_next, diag);

	if (rc)
		return rc;
	(void)sqlite3_bind_text64(reader->retained_next, 1, topic_len ? topic : "", topic_len,
				  SQLITE_STATIC, SQLITE_UTF8);
	(void)sqlite3_bind_int64(reader->retained_next, 2, limit);
	rc = visit_all(reader, reader->retained_next, visit, ctx, diag);
	return rc < 0 ? rc : rc == (int)limit;
}

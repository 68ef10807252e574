/* store_reader.c -- the connection that only reads: entities, events and what is retained. */
#include <stdlib.h>
#include <string.h>

#include "ledger/store_sqlite_internal.h"

#define PATIENCE_MS 2000 /* for a lock, which readers of a WAL hardly ever meet */

#define SLEEP_US 1000 /* at most, of which SQLite takes a hundred */

#define TEXT(number) #number
#define LIMIT(number) TEXT(number)

#define RETAINED "SELECT topic, payload, qos, properties, 1 FROM retained WHERE topic "

static const struct {
	const char *text;
	const char *fault; /* what is said where it fails */
} statement[STORE_READS] = {
	[STORE_READ_RETAINED] = { RETAINED "= ?1 LIMIT ?2", "cannot read retained" },
	[STORE_READ_RETAINED_NEXT] = { RETAINED "> ?1 ORDER BY topic LIMIT ?2",
				       "cannot read retained" },
	[STORE_READ_EVENT] = { "SELECT topic, payload, qos, NULL, retained FROM events WHERE "
			       "topic = ?1 ORDER BY seq DESC LIMIT ?2",
			       "cannot read events" },
	/* The index of topics has the rows of each in their order. */
	[STORE_READ_RESEND] = { "SELECT 1 FROM (SELECT digest, publisher, client_id, qos, will "
				"FROM "
				"events WHERE topic = ?1 AND seq <= ?2 ORDER BY seq DESC "
				"LIMIT " LIMIT(LEDGER_RESEND_ROWS) ") WHERE digest = ?3 AND "
								   "(?4 IS NULL OR "
								   "(publisher = ?4 AND "
								   "client_id = ?5 AND qos > 0 AND "
								   "will = 0)) "
								   "LIMIT 1",
				"cannot read events" },
	/* What clears a retained message is not about an entity; several in a row are rare. */
	[STORE_READ_LAST] = { "SELECT payload, revision FROM (SELECT seq, payload, revision "
			      "FROM events WHERE topic = ?1 ORDER BY seq DESC LIMIT " LIMIT(
				      STORE_LAST_ROWS) ") WHERE revision IS NOT NULL "
						       "ORDER BY seq DESC LIMIT 1",
			      "cannot read events" },
	[STORE_READ_LETTER] = { "SELECT topic, principal, client_id, action, reason, observed, "
				"qos, "
				"retained, resent, payload_bytes, store_letters.payload, "
				"properties "
				"FROM refusals LEFT JOIN store_letters USING (decision_id) WHERE "
				"decision_id = ?1",
				"cannot read refusals" },
};

/* ---- opening ----------------------------------------------------------------------------- */

int lite_open_to_look(const char *path, struct sql *ret, struct diag *diag)
{
	int64_t number, version = 0;
	int rc = sql_open(ret, path, SQLITE_OPEN_READONLY, NULL, diag);

	if (rc)
		return rc == ERR_NOMEM ? rc : ERR_IO;
	(void)sqlite3_busy_timeout(ret->db, PATIENCE_MS);
	rc = sql_number(ret, "SELECT count(*) FROM sqlite_master", &number, diag);
	if (rc)
		return rc;
	if (sql_number(ret, "SELECT count(*) FROM store_names", &number, NULL) != 0)
		return diag_set(diag, ERR_VERSION, "%s: the database of another program", path);
	rc = sql_number(ret, "PRAGMA user_version", &version, diag);
	if (rc == 0 && version > (int64_t)store_version())
		rc = lite_fail_newer(path, version, diag);
	return rc;
}

static int sleep_little(sqlite3_vfs *vfs, int us)
{
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	(void)vfs;
	return system->xSleep(system, us < SLEEP_US ? us : SLEEP_US);
}

/*
 * Where another program keeps readers of a WAL out, SQLite tries a hundred times, and sleeps longer
 * before each: ten seconds in all, whatever patience a connection has. The broker's thread, which
 * reads here, would serve nobody meanwhile.
 */
static int open_impatient(struct sqlite_reader *reader, const char *path, struct diag *diag)
{
	if (!sql_copy_vfs(&reader->vfs, reader->vfs_name))
		return diag_set(diag, ERR_IO, "SQLite has no file system");
	reader->vfs.xSleep = sleep_little;
	if (sqlite3_vfs_register(&reader->vfs, 0) != SQLITE_OK) {
		reader->vfs_name[0] = '\0';
		return diag_nomem(diag);
	}
	return sql_open(&reader->sql, path, SQLITE_OPEN_READONLY, reader->vfs_name, diag);
}

int lite_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
		     struct diag *diag)
{
	const char *path = place->place;
	struct sqlite_reader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader)
		return diag_nomem(diag);
	reader->base.engine = &store_sqlite;
	reader->is_alone = is_alone;
	rc = is_alone ? lite_open_to_look(path, &reader->sql, diag)
		      : open_impatient(reader, path, diag);
	if (rc) {
		lite_reader_close(&reader->base);
		return rc;
	}
	*ret = &reader->base;
	return 0;
}

void lite_reader_use(struct store_reader *base, const struct entity_plan *plan)
{
	struct sqlite_reader *reader = lite_reader_of(base);

	for (size_t i = 0; i < ENTITY_COUNT_MAX; i++) {
		(void)sqlite3_finalize(reader->find[i]);
		for (unsigned slot = 0; slot < ENTITY_SLOTS_MAX; slot++)
			(void)sqlite3_finalize(reader->unchanged[i][slot]);
	}
	memset(reader->find, 0, sizeof(reader->find));
	memset(reader->unchanged, 0, sizeof(reader->unchanged));
	reader->plan = plan;
}

void lite_reader_close(struct store_reader *base)
{
	struct sqlite_reader *reader = lite_reader_of(base);

	lite_reader_use(&reader->base, NULL);
	for (size_t i = 0; i < STORE_READS; i++)
		(void)sqlite3_finalize(reader->read[i]);
	sql_close(&reader->sql);
	if (reader->vfs_name[0])
		(void)sqlite3_vfs_unregister(&reader->vfs);
	free(reader->payload);
	free(reader);
}

/* ---- entities ---------------------------------------------------------------------------- */

/* Adds a column to those that are selected. Of a plan that is not in force it may not be there. */
static void add_column(struct sqlite_reader *reader, sqlite3_str *sql, const struct entity *entity,
		       int column)
{
	const char *name = column < 0 ? NULL : entity->column[column].name;

	if (name && (!reader->is_alone || sql_has(&reader->sql, entity->table, name)))
		sqlite3_str_appendf(sql, ", \"%w\"", name);
	else
		sqlite3_str_appendall(sql, ", NULL");
}

/* owner, revision, link, then the statuses. */
static int find_prepare(struct sqlite_reader *reader, size_t i, struct diag *diag)
{
	const struct entity *entity = &reader->plan->entity[i];
	sqlite3_str *sql;

	if (reader->find[i])
		return 0;
	sql = sqlite3_str_new(reader->sql.db);
	sqlite3_str_appendall(sql, "SELECT owner, revision");
	add_column(reader, sql, entity, entity->link_column);
	for (size_t k = 0; k < entity->slot_count; k++)
		add_column(reader, sql, entity, (int)entity->slot[k]);
	sqlite3_str_appendf(sql, " FROM \"%w\" WHERE id = ?1", entity->table);
	return sql_prepare_built(&reader->sql, sql, "cannot read a table", &reader->find[i], diag);
}

/* A text that was edited by hand may be longer than what we write; it is cut then. */
static void copy_column(sqlite3_stmt *row, int column, char *ret, size_t cap)
{
	const char *text = sql_text(row, column);
	size_t len = (size_t)sqlite3_column_bytes(row, column);

	if (len >= cap)
		len = cap - 1;
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

int lite_reader_find(struct store_reader *base, size_t entity, const char *id, size_t id_len,
		     struct state_facts *ret, struct diag *diag)
{
	struct sqlite_reader *reader = lite_reader_of(base);
	sqlite3_stmt *find;
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (reader->is_alone && !sql_has(&reader->sql, reader->plan->entity[entity].table, NULL))
		return 0;
	rc = find_prepare(reader, entity, diag);
	if (rc)
		return rc;
	find = reader->find[entity];
	sql_bind_text(find, 1, id, id_len);
	rc = sql_step(&reader->sql, find, "cannot read a table", diag);
	if (rc == 1)
		copy_row(find, &reader->plan->entity[entity], ret);
	(void)sqlite3_reset(find); /* ends the read, so that checkpoints can pass it */
	return rc < 0 ? rc : 0;
}

static int unchanged_prepare(struct sqlite_reader *reader, size_t i, unsigned slot,
			     struct diag *diag)
{
	const struct entity *entity = &reader->plan->entity[i];
	sqlite3_str *sql;

	if (reader->unchanged[i][slot])
		return 0;
	sql = sqlite3_str_new(reader->sql.db);
	sqlite3_str_appendf(sql,
			    "SELECT id, updated_at FROM \"%w\" WHERE \"%w\" = ?1 AND "
			    "updated_at < ?2 ORDER BY updated_at LIMIT ?3",
			    entity->table, entity->column[entity->slot[slot]].name);
	return sql_prepare_built(&reader->sql, sql, "cannot read a table",
				 &reader->unchanged[i][slot], diag);
}

int lite_reader_unchanged(struct store_reader *base, const struct ledger_unchanged_query *asked,
			  ledger_unchanged_visit *visit, void *ctx, struct diag *diag)
{
	struct sqlite_reader *reader = lite_reader_of(base);
	int rc = unchanged_prepare(reader, asked->entity, asked->slot, diag);
	sqlite3_stmt *find = reader->unchanged[asked->entity][asked->slot];
	char before[CLOCK_TEXT_MAX];

	if (rc)
		return rc;
	sql_bind(find, 1, asked->status);
	sql_bind(find, 2, clock_print(asked->before_ms, before));
	sql_bind_number(find, 3, asked->limit);
	while ((rc = sql_step(&reader->sql, find, "cannot read a table", diag)) == 1)
		visit(&(struct ledger_unchanged){ .id = sql_text(find, 0),
						  .since = sql_text(find, 1) },
		      ctx);
	(void)sqlite3_reset(find);
	return rc;
}

/* ---- events and what is retained --------------------------------------------------------- */

/* The statement @read, its first parameter bound to @topic. */
static int read_begin(struct sqlite_reader *reader, enum store_read read, const char *topic,
		      size_t topic_len, sqlite3_stmt **ret, struct diag *diag)
{
	int rc = sql_prepare(&reader->sql, statement[read].text, statement[read].fault,
			     &reader->read[read], diag);

	if (rc)
		return rc;
	*ret = reader->read[read];
	sql_bind_text(*ret, 1, topic_len ? topic : "", topic_len);
	return 0;
}

static void visit_message(sqlite3_stmt *row, ledger_retained_visit *visit, void *ctx)
{
	struct ledger_retained retained = {
		.message = { .topic = sql_text(row, 0),
			     .payload = sqlite3_column_blob(row, 1),
			     .qos = (unsigned)sqlite3_column_int(row, 2),
			     .is_retained = sqlite3_column_int(row, 4) != 0 },
		.properties = sqlite3_column_blob(row, 3),
	};

	if (retained.message.qos > 2)
		retained.message.qos = 2; /* another program wrote it */
	retained.message.topic_len = (size_t)sqlite3_column_bytes(row, 0);
	retained.message.payload_len = (size_t)sqlite3_column_bytes(row, 1);
	retained.properties_len = (size_t)sqlite3_column_bytes(row, 3);
	visit(&retained, ctx);
}

int lite_reader_visit(struct store_reader *base, enum store_read read, const char *topic,
		      size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		      struct diag *diag)
{
	struct sqlite_reader *reader = lite_reader_of(base);
	sqlite3_stmt *select;
	int rows = 0, rc = read_begin(reader, read, topic, topic_len, &select, diag);

	if (rc)
		return rc;
	sql_bind_number(select, 2, limit);
	while ((rc = sql_step(&reader->sql, select, statement[read].fault, diag)) == 1) {
		visit_message(select, visit, ctx);
		rows++;
	}
	(void)sqlite3_reset(select);
	return rc ? rc : rows;
}

int lite_reader_resent(struct store_reader *base, const struct ledger_resend_query *asked,
		       uint64_t until_seq, struct diag *diag)
{
	struct sqlite_reader *reader = lite_reader_of(base);
	sqlite3_stmt *find;
	int rc = read_begin(reader, STORE_READ_RESEND, asked->topic, asked->topic_len, &find, diag);

	if (rc)
		return rc;
	sql_bind_number(find, 2, (int64_t)until_seq);
	sql_bind_number(find, 3, (int64_t)asked->digest);
	sql_bind(find, 4, asked->publisher);
	sql_bind(find, 5, asked->client_id);
	rc = sql_step(&reader->sql, find, statement[STORE_READ_RESEND].fault, diag);
	(void)sqlite3_reset(find);
	return rc;
}

/* Keeps the row's payload beyond the row. */
static int keep_payload(struct sqlite_reader *reader, sqlite3_stmt *row, const char **ret,
			size_t *ret_len, struct diag *diag)
{
	const void *payload = sqlite3_column_blob(row, 0);
	size_t len = payload ? (size_t)sqlite3_column_bytes(row, 0) : 0;

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

int lite_reader_last(struct store_reader *base, const char *topic, size_t topic_len,
		     const char **payload, size_t *payload_len, uint64_t *revision,
		     struct diag *diag)
{
	struct sqlite_reader *reader = lite_reader_of(base);
	sqlite3_stmt *last;
	int rc = read_begin(reader, STORE_READ_LAST, topic, topic_len, &last, diag);

	*payload = NULL;
	*payload_len = 0;
	*revision = 0;
	if (rc)
		return rc;
	rc = sql_step(&reader->sql, last, statement[STORE_READ_LAST].fault, diag);
	if (rc == 1) {
		*revision = (uint64_t)sqlite3_column_int64(last, 1);
		rc = keep_payload(reader, last, payload, payload_len, diag);
	}
	(void)sqlite3_reset(last);
	return rc;
}

/* ---- letters --------------------------------------------------------------------------------- */

static void visit_letter(sqlite3_stmt *row, ledger_letter_visit *visit, void *ctx)
{
	struct ledger_letter letter = {
		.message = { .topic = sql_text(row, 0),
			     .topic_len = (size_t)sqlite3_column_bytes(row, 0),
			     .qos = (unsigned)sqlite3_column_int(row, 6) & 3,
			     .is_retained = sqlite3_column_int(row, 7) != 0 },
		.principal = sql_text(row, 1),
		.client_id = sql_text(row, 2),
		.action = sql_text(row, 3),
		.reason = sql_text(row, 4),
		.is_observed = sqlite3_column_int(row, 5) != 0,
		.resent = sql_text(row, 8),
		.is_whole = sqlite3_column_type(row, 10) != SQLITE_NULL,
	};

	letter.message.payload = sqlite3_column_blob(row, 10);
	letter.message.payload_len = (size_t)sqlite3_column_bytes(row, 10);
	letter.properties = sqlite3_column_blob(row, 11);
	letter.properties_len = (size_t)sqlite3_column_bytes(row, 11);
	visit(&letter, ctx);
}

int lite_reader_letter(struct store_reader *base, const char *decision_id,
		       ledger_letter_visit *visit, void *ctx, struct diag *diag)
{
	struct sqlite_reader *reader = lite_reader_of(base);
	sqlite3_stmt *find;
	int rc = read_begin(reader, STORE_READ_LETTER, decision_id, strlen(decision_id), &find,
			    diag);

	if (rc)
		return rc;
	rc = sql_step(&reader->sql, find, statement[STORE_READ_LETTER].fault, diag);
	if (rc == 1)
		visit_letter(find, visit, ctx);
	(void)sqlite3_reset(find);
	return rc;
}

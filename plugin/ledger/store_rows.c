/* store_rows.c -- records into rows, and rows into what is known of an entity. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/store.h"
#include "ledger/store_inside.h"

/*
 * Results of sqlite3_bind_*() are ignored in this file: binding borrowed bytes, or a number,
 * to a statement that was reset takes no memory and cannot fail.
 */

/* ---- events ------------------------------------------------------------------------------ */

/* RFC 3629, without U+0000: what SQLite and its tools take for text. */
static bool is_text(const char *data, size_t len)
{
	const unsigned char *s = (const unsigned char *)data;
	size_t i = 0;

	while (i < len) {
		size_t more = s[i] < 0x80   ? 0
			      : s[i] < 0xc2 ? 9
			      : s[i] < 0xe0 ? 1
			      : s[i] < 0xf0 ? 2
			      : s[i] < 0xf5 ? 3
					    : 9;

		if (s[i] == 0 || more > 3 || more >= len - i)
			return false;
		if ((s[i] == 0xe0 && s[i + 1] < 0xa0) || (s[i] == 0xed && s[i + 1] > 0x9f) ||
		    (s[i] == 0xf0 && s[i + 1] < 0x90) || (s[i] == 0xf4 && s[i + 1] > 0x8f))
			return false;
		for (i++; more > 0; more--, i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Borrowed until the statement is bound anew; an absent text is an empty one. */
static void bind_text(sqlite3_stmt *statement, int at, const struct record_text *text)
{
	(void)sqlite3_bind_text64(statement, at, text->text ? text->text : "", text->len,
				  SQLITE_STATIC, SQLITE_UTF8);
}

static int insert_event(struct store *store, uint64_t seq, const struct record *record,
			const char *time, struct diag *diag)
{
	sqlite3_stmt *insert = store->statement[STORE_EVENT];
	const struct record_text *payload = &record->payload;

	(void)sqlite3_bind_int64(insert, 1, (int64_t)seq);
	(void)sqlite3_bind_text(insert, 2, time, -1, SQLITE_STATIC);
	bind_text(insert, 3, &record->topic);
	bind_text(insert, 4, &record->publisher);
	bind_text(insert, 5, &record->client_id);
	(void)sqlite3_bind_int(insert, 6, (int)record->qos);
	(void)sqlite3_bind_int(insert, 7, record->is_retained);
	if (is_text(payload->text, payload->len))
		bind_text(insert, 8, payload);
	else
		(void)sqlite3_bind_blob64(insert, 8, payload->text, payload->len, SQLITE_STATIC);
	return store_step(store, insert, "cannot write to events", diag);
}

static int one_number(struct store *store, sqlite3_stmt *select, int64_t *ret, struct diag *diag)
{
	int rc = 0;

	*ret = 0;
	if (sqlite3_step(select) != SQLITE_ROW)
		rc = store_fail(store->db, store->path, "cannot read events", diag);
	else
		*ret = sqlite3_column_int64(select, 0); /* NULL reads as 0 */
	(void)sqlite3_reset(select);
	return rc;
}

/* The newest event that is too old, among the @rows_max oldest; 0: none. */
static int find_outdated(struct store *store, const struct store_limits *limits, int64_t now_ms,
			 unsigned rows_max, int64_t *ret, struct diag *diag)
{
	sqlite3_stmt *old = store->statement[STORE_EVENTS_OLD];
	char time[CLOCK_TEXT_MAX];
	int rc;

	clock_print(now_ms - (int64_t)limits->events_days * 86400000, time);
	(void)sqlite3_bind_text(old, 2, time, -1, SQLITE_STATIC);
	/* Most of the time the oldest alone says that there is nothing to do. */
	(void)sqlite3_bind_int64(old, 1, 1);
	rc = one_number(store, old, ret, diag);
	if (rc || *ret == 0)
		return rc;
	(void)sqlite3_bind_int64(old, 1, (int64_t)rows_max);
	return one_number(store, old, ret, diag);
}

int store_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	       unsigned rows_max, uint64_t *removed, struct diag *diag)
{
	sqlite3_stmt *ends = store->statement[STORE_EVENTS_ENDS];
	sqlite3_stmt *remove = store->statement[STORE_EVENTS_REMOVE];
	int64_t oldest, newest, cut = 0;
	int rc;

	*removed = 0;
	if (limits->events_rows == 0 && limits->events_days == 0)
		return 0;
	if (sqlite3_step(ends) != SQLITE_ROW) {
		rc = store_fail(store->db, store->path, "cannot read events", diag);
		(void)sqlite3_reset(ends);
		return rc;
	}
	oldest = sqlite3_column_int64(ends, 0);
	newest = sqlite3_column_int64(ends, 1);
	(void)sqlite3_reset(ends);
	if (limits->events_days > 0) {
		rc = find_outdated(store, limits, now_ms, rows_max, &cut, diag);
		if (rc)
			return rc;
	}
	/* Sequence numbers may have gaps: this keeps at most events_rows. */
	if (limits->events_rows > 0 && newest - cut > (int64_t)limits->events_rows)
		cut = newest - (int64_t)limits->events_rows;
	if (cut > oldest + (int64_t)rows_max - 1)
		cut = oldest + (int64_t)rows_max - 1;
	if (cut < oldest || newest == 0)
		return 0;
	(void)sqlite3_bind_int64(remove, 1, cut);
	rc = store_step(store, remove, "cannot remove old events", diag);
	if (rc == 0)
		*removed = (uint64_t)sqlite3_changes(store->db);
	return rc;
}

/* ---- entities ---------------------------------------------------------------------------- */

/* Parameters: 1 id, 2 time, 3 owner, then column[i] at FIRST_COLUMN + i. */
enum { AT_ID = 1, AT_TIME, AT_OWNER, FIRST_COLUMN };

/* Sets the columns of @columns and leaves all others as they are. */
static char *upsert_sql(struct store *store, const struct store_table *table, uint64_t columns)
{
	bool has_owner = columns >> STORE_OWNER_BIT & 1;
	sqlite3_str *sql = sqlite3_str_new(store->db);

	sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (id, revision, created_at, updated_at%s",
			    table->name, has_owner ? ", owner" : "");
	for (unsigned i = 0; i < table->column_count; i++)
		if (columns >> i & 1)
			sqlite3_str_appendf(sql, ", \"%w\"", table->column[i].name);
	sqlite3_str_appendf(sql, ") VALUES (?1, 1, ?2, ?2%s", has_owner ? ", ?3" : "");
	for (unsigned i = 0; i < table->column_count; i++)
		if (columns >> i & 1)
			sqlite3_str_appendf(sql, ", ?%u", FIRST_COLUMN + i);
	sqlite3_str_appendf(sql,
			    ") ON CONFLICT (id) DO UPDATE SET revision = revision + 1, "
			    "updated_at = excluded.updated_at%s",
			    has_owner ? ", owner = excluded.owner" : "");
	for (unsigned i = 0; i < table->column_count; i++)
		if (columns >> i & 1)
			sqlite3_str_appendf(sql, ", \"%w\" = excluded.\"%w\"",
					    table->column[i].name, table->column[i].name);
	return sqlite3_str_finish(sql);
}

static int upsert_prepare(struct store *store, struct store_table *table, uint64_t columns,
			  sqlite3_stmt **ret, struct diag *diag)
{
	struct store_upsert *upsert = &table->upsert[table->next_upsert];
	char *sql = upsert_sql(store, table, columns);
	sqlite3_stmt *statement = NULL;
	int rc = 0;

	if (!sql)
		return diag_nomem(diag);
	if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
	    SQLITE_OK)
		rc = store_fail(store->db, store->path, "cannot write to a table", diag);
	sqlite3_free(sql);
	if (rc)
		return rc;
	(void)sqlite3_finalize(upsert->statement);
	*upsert = (struct store_upsert){ columns, statement };
	table->next_upsert = (table->next_upsert + 1) % STORE_UPSERTS_MAX;
	*ret = statement;
	return 0;
}

static int upsert_get(struct store *store, struct store_table *table, uint64_t columns,
		      sqlite3_stmt **ret, struct diag *diag)
{
	for (size_t i = 0; i < STORE_UPSERTS_MAX && table->upsert[i].statement; i++) {
		if (table->upsert[i].columns == columns) {
			*ret = table->upsert[i].statement;
			return 0;
		}
	}
	return upsert_prepare(store, table, columns, ret, diag);
}

static void bind_value(sqlite3_stmt *statement, int at, const struct record_value *value)
{
	switch (value->type) {
	case LEDGER_TEXT:
		bind_text(statement, at, &(struct record_text){ value->text, value->len });
		break;
	case LEDGER_INTEGER:
	case LEDGER_BOOLEAN:
		(void)sqlite3_bind_int64(statement, at, value->integer);
		break;
	case LEDGER_REAL:
		(void)sqlite3_bind_double(statement, at, value->real);
		break;
	case LEDGER_NULL:
		(void)sqlite3_bind_null(statement, at);
		break;
	}
}

static const struct store_place *find_place(const struct store *store, uint32_t number)
{
	const struct store_names *names = store->names;

	if (number >= names->place_count || !names->place[number].table)
		return NULL;
	return &names->place[number];
}

static int upsert_entity(struct store *store, const struct record *record, const char *time,
			 struct diag *diag)
{
	const struct store_place *place = find_place(store, record->table);
	struct store_table *table = place ? place->table : NULL;
	uint64_t columns = record->owner.text ? UINT64_C(1) << STORE_OWNER_BIT : 0;
	unsigned column[LEDGER_COLUMNS_MAX];
	sqlite3_stmt *upsert = NULL;
	int rc;

	if (!table || place->column != STORE_IS_TABLE)
		return diag_set(diag, ERR_INVALID, "%s: table store_names lacks table %u",
				store->path, record->table);
	for (size_t i = 0; i < record->value_count; i++) {
		place = find_place(store, record->value[i].column);
		if (!place || place->table != table || place->column == STORE_IS_TABLE)
			return diag_set(diag, ERR_INVALID,
					"%s: table store_names lacks column %u of %s", store->path,
					record->value[i].column, table->name);
		column[i] = place->column;
		columns |= UINT64_C(1) << place->column;
	}
	rc = upsert_get(store, table, columns, &upsert, diag);
	if (rc)
		return rc;
	bind_text(upsert, AT_ID, &record->id);
	(void)sqlite3_bind_text(upsert, AT_TIME, time, -1, SQLITE_STATIC);
	if (record->owner.text)
		bind_text(upsert, AT_OWNER, &record->owner);
	for (size_t i = 0; i < record->value_count; i++)
		bind_value(upsert, FIRST_COLUMN + (int)column[i], &record->value[i]);
	return store_step(store, upsert, "cannot write to a table", diag);
}

/*
 * clock_print(), which costs as much as a tenth of a row, once a second; the milliseconds are
 * the three digits before the Z. Borrowed until the next call.
 */
static const char *print_time(struct store *store, int64_t ms)
{
	char *digits = store->time + strlen("2026-11-21T03:35:00.");

	if (store->time[0] == '\0' || ms < 0 || ms / 1000 != store->time_ms / 1000) {
		store->time_ms = ms;
		return clock_print(ms, store->time);
	}
	digits[0] = (char)('0' + ms % 1000 / 100);
	digits[1] = (char)('0' + ms % 100 / 10);
	digits[2] = (char)('0' + ms % 10);
	return store->time;
}

int store_apply(struct store *store, uint64_t seq, const struct record *record, struct diag *diag)
{
	const char *time = print_time(store, record->received_ms);
	int rc = 0;

	if (!record->is_unrecorded)
		rc = insert_event(store, seq, record, time, diag);
	if (rc == 0 && record->table != 0)
		rc = upsert_entity(store, record, time, diag);
	if (rc)
		diag_prefix(diag, "record %llu", (unsigned long long)seq);
	return rc;
}

/* ---- the reader -------------------------------------------------------------------------- */

struct store_reader {
	sqlite3 *db;
	char *path;
	size_t entity_count;
	const struct store_entity *entity;
	sqlite3_stmt *find[LEDGER_ENTITIES_MAX];
	sqlite3_stmt *standing[LEDGER_ENTITIES_MAX][LEDGER_SLOTS_MAX]; /* NULL: not timed */
};

static const char *column_name(const struct store *store, const struct store_entity *entity,
			       unsigned column)
{
	const struct store_place *place = find_place(store, entity->column[column].number);

	return place->table->column[place->column].name;
}

/* owner, revision, link, then the statuses. */
static int find_prepare(const struct store *store, struct store_reader *reader, size_t i,
			struct diag *diag)
{
	const struct store_entity *entity = &reader->entity[i];
	sqlite3_str *sql = sqlite3_str_new(reader->db);
	char *text;
	int rc = 0;

	sqlite3_str_appendall(sql, "SELECT owner, revision");
	if (entity->link_column >= 0)
		sqlite3_str_appendf(sql, ", \"%w\"",
				    column_name(store, entity, (unsigned)entity->link_column));
	else
		sqlite3_str_appendall(sql, ", NULL");
	for (size_t k = 0; k < entity->slot_count; k++)
		sqlite3_str_appendf(sql, ", \"%w\"", column_name(store, entity, entity->slot[k]));
	sqlite3_str_appendf(sql, " FROM \"%w\" WHERE id = ?1",
			    find_place(store, entity->table)->table->name);
	text = sqlite3_str_finish(sql);
	if (!text)
		return diag_nomem(diag);
	if (sqlite3_prepare_v3(reader->db, text, -1, SQLITE_PREPARE_PERSISTENT, &reader->find[i],
			       NULL) != SQLITE_OK)
		rc = store_fail(reader->db, reader->path, "cannot read a table", diag);
	sqlite3_free(text);
	return rc;
}

static int standing_prepare(const struct store *store, struct store_reader *reader, size_t i,
			    unsigned slot, struct diag *diag)
{
	const struct store_entity *entity = &reader->entity[i];
	const char *column = column_name(store, entity, entity->slot[slot]);
	char *text = sqlite3_mprintf("SELECT id, updated_at FROM \"%w\" WHERE \"%w\" = ?1 AND "
				     "updated_at < ?2 ORDER BY updated_at LIMIT ?3",
				     find_place(store, entity->table)->table->name, column);
	int rc = 0;

	if (!text)
		return diag_nomem(diag);
	if (sqlite3_prepare_v3(reader->db, text, -1, SQLITE_PREPARE_PERSISTENT,
			       &reader->standing[i][slot], NULL) != SQLITE_OK)
		rc = store_fail(reader->db, reader->path, "cannot read a table", diag);
	sqlite3_free(text);
	return rc;
}

/* All of an entity's statements. */
static int reader_prepare(const struct store *store, struct store_reader *reader, size_t i,
			  struct diag *diag)
{
	int rc = find_prepare(store, reader, i, diag);

	for (unsigned slot = 0; rc == 0 && slot < reader->entity[i].slot_count; slot++)
		if (reader->entity[i].is_timed[slot])
			rc = standing_prepare(store, reader, i, slot, diag);
	return rc;
}

int store_reader_open(const struct store *store, const struct store_entity *entities,
		      size_t entity_count, struct store_reader **ret, struct diag *diag)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	int rc = 0;

	if (!reader)
		return diag_nomem(diag);
	reader->entity = entities;
	reader->entity_count = entity_count;
	reader->path = strdup(store->path);
	if (!reader->path) {
		rc = diag_nomem(diag);
		goto out;
	}
	if (sqlite3_open_v2(reader->path, &reader->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			    NULL) != SQLITE_OK) {
		rc = reader->db ? store_fail(reader->db, reader->path, "cannot open", diag)
				: diag_nomem(diag);
		goto out;
	}
	for (size_t i = 0; rc == 0 && i < entity_count; i++)
		rc = reader_prepare(store, reader, i, diag);
	if (rc)
		goto out;
	*ret = reader;
	reader = NULL; /* handed over */
out:
	store_reader_close(reader);
	return rc;
}

void store_reader_close(struct store_reader *reader)
{
	if (!reader)
		return;
	for (size_t i = 0; i < reader->entity_count; i++) {
		(void)sqlite3_finalize(reader->find[i]);
		for (unsigned slot = 0; slot < LEDGER_SLOTS_MAX; slot++)
			(void)sqlite3_finalize(reader->standing[i][slot]);
	}
	(void)sqlite3_close(reader->db); /* all statements are finalized */
	free(reader->path);
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

static void copy_row(sqlite3_stmt *row, const struct store_entity *entity, struct state_facts *ret)
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
	sqlite3_stmt *find = reader->find[entity];
	int rc = 0, step;

	memset(ret, 0, sizeof(*ret));
	(void)sqlite3_bind_text64(find, 1, id, id_len, SQLITE_STATIC, SQLITE_UTF8);
	step = sqlite3_step(find);
	if (step == SQLITE_ROW)
		copy_row(find, &reader->entity[entity], ret);
	else if (step != SQLITE_DONE)
		rc = store_fail(reader->db, reader->path, "cannot read a table", diag);
	(void)sqlite3_reset(find); /* ends the read, so that checkpoints can pass it */
	return rc;
}

static const char *text_of(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}

int store_reader_standing(struct store_reader *reader, size_t entity, unsigned slot,
			  const char *status, int64_t before_ms, unsigned limit,
			  void (*visit)(const struct ledger_stood *stood, void *ctx), void *ctx,
			  struct diag *diag)
{
	sqlite3_stmt *standing = reader->standing[entity][slot];
	char before[CLOCK_TEXT_MAX];
	int rc = 0, step;

	clock_print(before_ms, before);
	(void)sqlite3_bind_text(standing, 1, status, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(standing, 2, before, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(standing, 3, limit);
	while ((step = sqlite3_step(standing)) == SQLITE_ROW) {
		struct ledger_stood stood = { .id = text_of(standing, 0),
					      .since = text_of(standing, 1) };

		visit(&stood, ctx);
	}
	if (step != SQLITE_DONE)
		rc = store_fail(reader->db, reader->path, "cannot read a table", diag);
	(void)sqlite3_reset(standing);
	return rc;
}

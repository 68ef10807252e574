/* batch_table.c -- the virtual table by which SQL reads a batch. */
#include <stdlib.h>

#include "base/utf8.h"
#include "ledger/batch_internal.h"
#include "ledger/sql.h"

/* How a column is given to SQL. */
enum batch_kind {
	KIND_COUNT,   /* uint64_t, as SQLite's integers are: the same bits, with a sign */
	KIND_NUMBER,  /* the same, NULL where it is 0 */
	KIND_QOS,     /* unsigned */
	KIND_FLAG,    /* bool */
	KIND_MARK,    /* bool, NULL where it is false */
	KIND_TIME,    /* char[] */
	KIND_TIME_OF, /* struct batch_row *: its time, NULL where there is no row */
	KIND_TEXT,    /* struct record_text; an absent one is empty */
	KIND_NAME,    /* the same, NULL where it is empty */
	KIND_PAYLOAD, /* struct record_text, a blob where it is no text */
	KIND_CLEARED, /* likewise, NULL where it is empty */
	KIND_BLOB,    /* a blob, NULL where it is empty */
};

/* The columns in front of the values, by where they are in a row, or in what an entity comes to. */
static const struct batch_column {
	const char *name;
	enum batch_kind kind;
	uint32_t at;
} columns[] = {
	{ "seq", KIND_COUNT, offsetof(struct batch_row, seq) },
	{ "time", KIND_TIME, offsetof(struct batch_row, time) },
	{ "topic", KIND_TEXT, offsetof(struct batch_row, record.topic) },
	{ "publisher", KIND_TEXT, offsetof(struct batch_row, record.publisher) },
	{ "client_id", KIND_TEXT, offsetof(struct batch_row, record.client_id) },
	{ "qos", KIND_QOS, offsetof(struct batch_row, record.qos) },
	{ "retained", KIND_FLAG, offsetof(struct batch_row, record.is_retained) },
	{ "payload", KIND_PAYLOAD, offsetof(struct batch_row, record.payload) },
	{ "will", KIND_FLAG, offsetof(struct batch_row, record.is_will) },
	{ "correction", KIND_FLAG, offsetof(struct batch_row, record.is_correction) },
	{ "adopted", KIND_FLAG, offsetof(struct batch_row, record.is_adopted) },
	{ "digest", KIND_NUMBER, offsetof(struct batch_row, record.digest) },
	{ "revision", KIND_NUMBER, offsetof(struct batch_row, record.revision) },
	{ "retained_payload", KIND_CLEARED, offsetof(struct batch_row, record.payload) },
	{ "properties", KIND_BLOB, offsetof(struct batch_row, record.properties) },
	{ "unique_key", KIND_NUMBER, offsetof(struct batch_row, record.unique) },
	{ "message", KIND_NAME, offsetof(struct batch_row, record.kind) },
	{ "taken_over", KIND_MARK, offsetof(struct batch_row, record.is_taken_over) },
	{ "peer_publisher", KIND_NAME, offsetof(struct batch_row, record.peer) },
	{ "id", KIND_TEXT, offsetof(struct batch_entity, id) },
	{ "owner", KIND_TEXT, offsetof(struct batch_entity, owner) },
	{ "writes", KIND_COUNT, offsetof(struct batch_entity, writes) },
	{ "created_at", KIND_TIME_OF, offsetof(struct batch_entity, first) },
	{ "updated_at", KIND_TIME_OF, offsetof(struct batch_entity, last) },
	{ "adopted_at", KIND_TIME_OF, offsetof(struct batch_entity, adopted) },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct batch_table {
	sqlite3_vtab base;
	struct batch *batch;
};

static struct batch *batch_of(sqlite3_vtab_cursor *cursor)
{
	return ((struct batch_table *)(void *)cursor->pVtab)->batch;
}

static int on_connect(sqlite3 *db, void *ctx, int argc, const char *const *argv, sqlite3_vtab **ret,
		      char **error)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	struct batch_table *table;
	char *text;
	int rc = SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	(void)error;
	sqlite3_str_appendall(sql, "CREATE TABLE " BATCH_TABLE " (");
	for (size_t i = 0; i < COLUMNS; i++)
		sqlite3_str_appendf(sql, "%s%s", i ? ", " : "", columns[i].name);
	for (unsigned i = 0; i < ENTITY_COLUMNS_MAX; i++)
		sqlite3_str_appendf(sql, ", v%u", i);
	sqlite3_str_appendall(sql, ")");
	text = sqlite3_str_finish(sql);
	if (text)
		rc = sqlite3_declare_vtab(db, text);
	sqlite3_free(text);
	if (rc != SQLITE_OK)
		return rc;
	table = calloc(1, sizeof(*table));
	if (!table)
		return SQLITE_NOMEM;
	table->batch = ctx;
	*ret = &table->base;
	return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int on_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedCost = BATCH_ROWS_MAX;
	return SQLITE_OK;
}

static int on_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret)
{
	(void)table;
	*ret = calloc(1, sizeof(**ret));
	return *ret ? SQLITE_OK : SQLITE_NOMEM;
}

static int on_close(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

/* From @row on, the next that belongs to what is shown. */
static const struct batch_row *next_shown(const struct batch *b, const struct batch_row *row)
{
	const struct batch_row *end = b->row + b->rows;

	while (row < end &&
	       !(b->shown == BATCH_EVENTS ? !row->record.is_unrecorded
					  : row->record.is_retained && !row->is_superseded))
		row++;
	return row < end ? row : NULL;
}

static int on_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
		     sqlite3_value **argv)
{
	struct batch *b = batch_of(cursor);

	(void)number;
	(void)text;
	(void)argc;
	(void)argv;
	b->at_entity = b->shown == BATCH_LIST ? b->first : NULL;
	b->at_row = b->shown == BATCH_LIST ? NULL : next_shown(b, b->row);
	return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *cursor)
{
	struct batch *b = batch_of(cursor);

	if (b->shown == BATCH_LIST)
		b->at_entity = b->at_entity->next;
	else
		b->at_row = next_shown(b, b->at_row + 1);
	return SQLITE_OK;
}

static int on_eof(sqlite3_vtab_cursor *cursor)
{
	const struct batch *b = batch_of(cursor);

	return !b->at_row && !b->at_entity;
}

/* An absent text is an empty one. */
static void give_text(sqlite3_context *ret, const struct record_text *text)
{
	sqlite3_result_text64(ret, text->text ? text->text : "", text->len, SQLITE_STATIC,
			      SQLITE_UTF8);
}

static void give_value(sqlite3_context *ret, const struct value *value)
{
	switch (value->type) {
	case VALUE_TEXT:
		give_text(ret, &(struct record_text){ value->text, value->len });
		break;
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		sqlite3_result_int64(ret, value->integer);
		break;
	case VALUE_REAL:
		sqlite3_result_double(ret, value->real);
		break;
	case VALUE_NULL:
		break; /* which is what no result is */
	}
}

static void give_blob(sqlite3_context *ret, const struct record_text *bytes)
{
	sqlite3_result_blob64(ret, bytes->text, bytes->len, SQLITE_STATIC);
}

/* Apart, so that the other kinds save no registers. */
__attribute__((noinline)) static void give_payload(sqlite3_context *ret,
						   const struct record_text *payload)
{
	if (utf8_is_text(payload->text, payload->len))
		give_text(ret, payload);
	else
		give_blob(ret, payload);
}

/* NULL is what no result is. */
static void give_member(sqlite3_context *ret, enum batch_kind kind, const void *member)
{
	const struct record_text *text = member;

	switch (kind) {
	case KIND_NUMBER:
		if (*(const uint64_t *)member == 0)
			break;
		/* fall through */
	case KIND_COUNT:
		sqlite3_result_int64(ret, (int64_t) * (const uint64_t *)member);
		break;
	case KIND_QOS:
		sqlite3_result_int(ret, (int)*(const unsigned *)member);
		break;
	case KIND_FLAG:
		sqlite3_result_int(ret, *(const bool *)member);
		break;
	case KIND_MARK:
		if (*(const bool *)member)
			sqlite3_result_int(ret, 1);
		break;
	case KIND_TIME:
		sqlite3_result_text(ret, member, -1, SQLITE_STATIC);
		break;
	case KIND_TIME_OF:
		if (*(const struct batch_row *const *)member)
			sqlite3_result_text(ret, (*(const struct batch_row *const *)member)->time,
					    -1, SQLITE_STATIC);
		break;
	case KIND_NAME:
		if (text->len == 0)
			break;
		/* fall through */
	case KIND_TEXT:
		give_text(ret, text);
		break;
	case KIND_CLEARED:
		if (text->len == 0)
			break;
		/* fall through */
	case KIND_PAYLOAD:
		give_payload(ret, text);
		break;
	case KIND_BLOB:
		if (text->len > 0)
			give_blob(ret, text);
		break;
	}
}

static int on_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ret, int number)
{
	const struct batch *b = batch_of(cursor);
	const void *at = b->shown == BATCH_LIST ? (const void *)b->at_entity : b->at_row;
	unsigned column = (unsigned)number;

	if (column >= COLUMNS)
		give_value(ret, &b->at_entity->value[column - COLUMNS]);
	else
		give_member(ret, columns[column].kind, (const char *)at + columns[column].at);
	return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
	*ret = (int64_t)batch_seq(batch_of(cursor));
	return SQLITE_OK;
}

/* No xCreate: the table is there without being made, and nowhere in the file. */
static const sqlite3_module batch_module = {
	.xConnect = on_connect,
	.xDisconnect = on_disconnect,
	.xBestIndex = on_best_index,
	.xOpen = on_open,
	.xClose = on_close,
	.xFilter = on_filter,
	.xNext = on_next,
	.xEof = on_eof,
	.xColumn = on_column,
	.xRowid = on_rowid,
};

int batch_show_to(struct batch *b, sqlite3 *db, struct diag *diag)
{
	return sqlite3_create_module(db, BATCH_TABLE, &batch_module, b) == SQLITE_OK
		       ? 0
		       : diag_nomem(diag);
}

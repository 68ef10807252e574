/*
 * store_rows.c -- writes rows: records are collected in a batch and written many at a time;
 * refusals and alerts are written one at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/portions.h"
#include "base/utf8.h"
#include "ledger/backlog.h"
#include "ledger/store_sqlite_internal.h"

/* ---- statements -------------------------------------------------------------------------- */

static int write_shown(struct sqlite_store *store, sqlite3_stmt *statement, const char *what,
		       struct diag *diag)
{
	int rc = sql_run(&store->sql, statement, what, diag);

	if (rc && batch_seq(store->batch))
		diag_prefix(diag, "record %llu", (unsigned long long)batch_seq(store->batch));
	return rc;
}

/* The entities that a statement was to take; none are left. */
static int write_list(struct sqlite_store *store, struct store_upsert *upsert, struct diag *diag)
{
	struct batch_list rows = upsert->rows;

	if (!rows.first)
		return 0;
	upsert->rows = (struct batch_list){ NULL, NULL };
	batch_show(store->batch, BATCH_LIST, &rows);
	return write_shown(store, upsert->statement, "cannot write to a table", diag);
}

static const uint64_t owner_bit = UINT64_C(1) << STORE_OWNER_BIT;

/* What a statement sets. */
struct picture {
	uint32_t table;
	uint64_t columns; /* a set, as in struct store_upsert */
	bool is_adopted;
	uint32_t number[STORE_COLUMNS_MAX]; /* of the columns, in their order */
};

/* The @n-th column that is set. */
static const char *column_of(const struct sqlite_store *store, const struct picture *picture,
			     unsigned n)
{
	return lite_find_name(store, picture->number[n])->column;
}

/*
 * Sets the columns of @picture and leaves all others as they are. OR FAIL: the transaction is
 * rolled back whatever failed, so that SQLite need not keep what a statement overwrites.
 */
static sqlite3_str *upsert_sql(struct sqlite_store *store, const struct picture *picture)
{
	bool has_owner = picture->columns & owner_bit, is_adopted = picture->is_adopted;
	unsigned count = (unsigned)__builtin_popcountll(picture->columns & ~owner_bit);
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);

	sqlite3_str_appendf(sql,
			    "INSERT OR FAIL INTO \"%w\" (id, revision, created_at, updated_at%s%s",
			    lite_find_name(store, picture->table)->table,
			    has_owner ? ", owner" : "", is_adopted ? ", adopted_at" : "");
	for (unsigned i = 0; i < count; i++)
		sqlite3_str_appendf(sql, ", \"%w\"", column_of(store, picture, i));
	sqlite3_str_appendf(sql, ") SELECT id, writes, created_at, updated_at%s%s",
			    has_owner ? ", owner" : "", is_adopted ? ", adopted_at" : "");
	for (unsigned i = 0; i < count; i++)
		sqlite3_str_appendf(sql, ", v%u", i);
	sqlite3_str_appendf(sql,
			    " FROM " BATCH_TABLE " WHERE true ON CONFLICT (id) DO UPDATE SET "
			    "revision = revision + excluded.revision, "
			    "updated_at = excluded.updated_at%s%s",
			    has_owner ? ", owner = excluded.owner" : "",
			    is_adopted ? ", adopted_at = excluded.adopted_at" : "");
	for (unsigned i = 0; i < count; i++)
		sqlite3_str_appendf(sql, ", \"%w\" = excluded.\"%w\"", column_of(store, picture, i),
				    column_of(store, picture, i));
	return sql;
}

/* The statement for @picture, in the place of the one that was made longest ago. */
static int upsert_prepare(struct sqlite_store *store, struct store_upserts *upserts,
			  const struct picture *picture, struct store_upsert **ret,
			  struct diag *diag)
{
	struct store_upsert *upsert = &upserts->upsert[upserts->next];
	sqlite3_stmt *statement = NULL;
	int rc = sql_prepare_built(&store->sql, upsert_sql(store, picture),
				   "cannot write to a table", &statement, diag);

	if (rc == 0) /* its place is wanted */
		rc = write_list(store, upsert, diag);
	if (rc) {
		(void)sqlite3_finalize(statement);
		return rc;
	}
	(void)sqlite3_finalize(upsert->statement);
	*upsert = (struct store_upsert){ .columns = picture->columns,
					 .is_adopted = picture->is_adopted,
					 .statement = statement };
	upserts->next = (upserts->next + 1) % STORE_UPSERTS_MAX;
	*ret = upsert;
	return 0;
}

/* Those of the table @number; NULL: memory ran out. */
static struct store_upserts *upserts_get(struct sqlite_store *store, uint32_t number)
{
	struct store_upserts *upserts = store->upserts;

	while (upserts && upserts->table != number)
		upserts = upserts->other;
	if (upserts)
		return upserts;
	upserts = calloc(1, sizeof(*upserts));
	if (!upserts)
		return NULL;
	upserts->table = number;
	upserts->other = store->upserts;
	store->upserts = upserts;
	return upserts;
}

static struct store_upsert *upsert_find(struct store_upserts *upserts, uint64_t columns,
					bool is_adopted)
{
	for (size_t i = 0; i < STORE_UPSERTS_MAX && upserts->upsert[i].statement; i++)
		if (upserts->upsert[i].columns == columns &&
		    upserts->upsert[i].is_adopted == is_adopted)
			return &upserts->upsert[i];
	return NULL;
}

static void list_add(struct batch_list *list, struct batch_entity *entity)
{
	if (list->last)
		list->last->next = entity;
	else
		list->first = entity;
	list->last = entity;
}

/* Adds @entity to those of the statement that sets what it has. */
static int upsert_add(struct sqlite_store *store, struct batch_entity *entity, struct diag *diag)
{
	struct store_upserts *upserts = upserts_get(store, entity->table);
	struct picture picture = { .table = entity->table,
				   .columns =
					   entity->columns | (entity->owner.text ? owner_bit : 0),
				   .is_adopted = entity->adopted != NULL };
	struct store_upsert *upsert;
	int rc = 0;

	if (!upserts)
		return diag_nomem(diag);
	upsert = upsert_find(upserts, picture.columns, picture.is_adopted);
	if (!upsert) {
		for (int i = 0; i < __builtin_popcountll(entity->columns); i++)
			picture.number[i] = entity->value[i].column;
		rc = upsert_prepare(store, upserts, &picture, &upsert, diag);
	}
	if (rc == 0)
		list_add(&upsert->rows, entity);
	return rc;
}

/* ---- collecting -------------------------------------------------------------------------- */

/* A record's values by the column of the table that each goes to. */
struct sorted {
	uint64_t columns; /* a set: those that are there */
	const struct value *value[STORE_COLUMNS_MAX];
};

static int sort_values(struct sqlite_store *store, const struct record *record, struct sorted *ret,
		       struct diag *diag)
{
	const struct store_name *table = lite_find_name(store, record->table);

	if (!table || *table->column)
		return diag_set(diag, ERR_INVALID, "%s: table store_names lacks table %u",
				store->sql.path, record->table);
	ret->columns = 0;
	for (size_t i = 0; i < record->value_count; i++) {
		const struct store_name *name = lite_find_name(store, record->value[i].column);

		if (!name || !*name->column || name->of != record->table)
			return diag_set(diag, ERR_INVALID,
					"%s: table store_names lacks column %u of %s",
					store->sql.path, record->value[i].column, table->table);
		ret->value[name->columns] = &record->value[i];
		ret->columns |= UINT64_C(1) << name->columns;
	}
	return 0;
}

/* @row is the entity's last. */
static void add_to_entity(struct sqlite_store *store, const struct batch_row *row,
			  const struct sorted *sorted)
{
	const struct record *record = &row->record;
	struct batch_entity *entity = batch_entity(store->batch, record->table, &record->id);

	if (!entity->first)
		entity->first = row;
	entity->last = row;
	entity->writes++;
	if (record->owner.text)
		entity->owner = record->owner;
	if (record->is_adopted)
		entity->adopted = row;
	batch_set(store->batch, entity, sorted->columns, sorted->value);
}

int lite_apply(struct store *base, uint64_t seq, const struct record *record, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct sorted sorted;
	struct batch_row *row;
	int rc = record->table != 0 ? sort_values(store, record, &sorted, diag) : 0;

	if (rc) {
		diag_prefix(diag, "record %llu", (unsigned long long)seq);
		return rc;
	}
	if (!batch_has_room(store->batch, STORE_COLUMNS_MAX))
		rc = lite_flush(&store->base, diag);
	if (rc)
		return rc;
	row = batch_add(store->batch, seq, record);
	if (record->is_retained)
		batch_retain(store->batch, row);
	if (record->table != 0)
		add_to_entity(store, row, &sorted);
	return 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* In an order in which neighbours are in the same pages. */
static int write_entities(struct sqlite_store *store, struct diag *diag)
{
	size_t count;
	struct batch_entity *const *entities = batch_nearby(store->batch, &count);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = upsert_add(store, entities[i], diag);
	for (struct store_upserts *upserts = store->upserts; upserts; upserts = upserts->other)
		for (size_t i = 0; rc == 0 && i < STORE_UPSERTS_MAX; i++)
			rc = write_list(store, &upserts->upsert[i], diag);
	return rc;
}

int lite_flush(struct store *base, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	enum store_statement insert =
		batch_is_plain(store->batch) ? STORE_EVENT_PLAIN : STORE_EVENT;
	int rc;

	if (batch_is_empty(store->batch))
		return 0;
	batch_show(store->batch, BATCH_EVENTS, NULL);
	rc = write_shown(store, store->statement[insert], "cannot write to events", diag);
	if (rc == 0 && batch_has_retained(store->batch)) {
		batch_show(store->batch, BATCH_RETAINED, NULL);
		rc = write_shown(store, store->statement[STORE_RETAINED],
				 "cannot write to retained", diag);
	}
	if (rc == 0)
		rc = write_entities(store, diag);
	lite_forget(store);
	return rc;
}

void lite_forget(struct sqlite_store *store)
{
	for (struct store_upserts *upserts = store->upserts; upserts; upserts = upserts->other)
		for (size_t i = 0; i < STORE_UPSERTS_MAX; i++)
			upserts->upsert[i].rows = (struct batch_list){ NULL, NULL };
	if (store->batch)
		batch_clear(store->batch);
}

/* ---- refusals and alerts ------------------------------------------------------------------ */

/* A text that a client chose: what is not UTF-8 is kept byte by byte. */
static void bind_bytes(sqlite3_stmt *insert, int at, const char *data, size_t len)
{
	if (utf8_is_text(data, len))
		sql_bind_text(insert, at, data, len);
	else
		(void)sqlite3_bind_blob64(insert, at, data, len, SQLITE_STATIC);
}

/* Whose row it is, see 006-shares.sql. */
static void bind_share(sqlite3_stmt *insert, int at, const struct who *who)
{
	char net[PEER_NET_MAX], share[BACKLOG_TEXT_MAX + 8];

	(void)snprintf(share, sizeof(share), "%s %s", who->is_proved ? "user" : "from",
		       portions_name(who, net));
	(void)sqlite3_bind_text(insert, at, share, -1, SQLITE_TRANSIENT); /* else NULL: it fails */
}

int lite_refuse(struct store *base, const struct refusal *refusal, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *insert = store->statement[STORE_REFUSAL];
	char time[CLOCK_TEXT_MAX];
	/* A topic of ours that is no text would break the table's word: NUL ends it. */
	size_t topic_len = strnlen(refusal->topic ? refusal->topic : "", refusal->topic_len);

	sql_bind(insert, 1, refusal->id);
	sql_bind(insert, 2, clock_print(refusal->time_ms, time));
	sql_bind(insert, 3, refusal->action);
	sql_bind(insert, 4, reason_code(refusal->reason));
	sql_bind_number(insert, 5, refusal->is_observed);
	sql_bind(insert, 6, refusal->who.client_id);
	sql_bind(insert, 7, refusal->who.principal);
	sql_bind(insert, 8, refusal->who.address);
	sql_bind_text(insert, 9, refusal->topic ? refusal->topic : "", topic_len);
	sql_bind_number(insert, 10, refusal->qos);
	sql_bind_number(insert, 11, refusal->is_retained);
	sql_bind(insert, 12, refusal->pointer);
	sql_bind(insert, 13, refusal->keyword);
	sql_bind(insert, 14, refusal->message);
	sql_bind(insert, 15, refusal->current_status);
	if (refusal->payload_len > 0)
		bind_bytes(insert, 16, refusal->payload, refusal->payload_len);
	else
		(void)sqlite3_bind_null(insert, 16);
	sql_bind_number(insert, 17, (int64_t)refusal->payload_bytes);
	bind_share(insert, 18, &refusal->who);
	sql_bind_number(insert, 19, refusal->is_closed);
	sql_bind(insert, 20, refusal->message_name);
	return sql_run(&store->sql, insert, "cannot write to refusals", diag);
}

/* ---- letters --------------------------------------------------------------------------------- */

static void bind_blob(sqlite3_stmt *insert, int at, const void *data, size_t len)
{
	if (len > 0)
		(void)sqlite3_bind_blob64(insert, at, data, len, SQLITE_STATIC);
	else
		(void)sqlite3_bind_zeroblob(insert, at, 0);
}

int lite_letter(struct store *base, const struct refusal *refusal, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *insert = store->statement[STORE_LETTER];
	size_t bytes = refusal->payload_bytes + refusal->properties_len + STORE_LETTER_ROOM;

	sql_bind(insert, 1, refusal->id);
	bind_share(insert, 2, &refusal->who);
	sql_bind_number(insert, 3, (int64_t)bytes);
	bind_blob(insert, 4, refusal->payload, refusal->payload_bytes);
	bind_blob(insert, 5, refusal->properties, refusal->properties_len);
	return sql_run(&store->sql, insert, "cannot write to store_letters", diag);
}

int lite_resent(struct store *base, const char *decision_id, const char *text, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *update = store->statement[STORE_RESENT];
	sqlite3_stmt *remove = store->statement[STORE_RESENT_LETTER];
	int rc;

	sql_bind(update, 1, decision_id);
	sql_bind(update, 2, text);
	rc = sql_run(&store->sql, update, "cannot write to refusals", diag);
	if (rc)
		return rc;
	sql_bind(remove, 1, decision_id);
	return sql_run(&store->sql, remove, "cannot remove from store_letters", diag);
}

int lite_alert(struct store *base, const struct alertrow *alert, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *insert = store->statement[STORE_ALERT];
	char time[CLOCK_TEXT_MAX];

	sql_bind(insert, 1, clock_print(alert->time_ms, time));
	sql_bind(insert, 2, alert->kind);
	sql_bind(insert, 3, alert->state);
	sql_bind(insert, 4, alert->who.client_id);
	sql_bind(insert, 5, alert->who.principal);
	sql_bind(insert, 6, alert->who.address);
	sql_bind(insert, 7, alert->document);
	bind_share(insert, 8, &alert->who);
	return sql_run(&store->sql, insert, "cannot write to alerts", diag);
}

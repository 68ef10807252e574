/*
 * store_rows.c -- writes rows: records are collected in a batch and written many at a time;
 * refusals and alerts are written one at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/portions.h"
#include "ledger/backlog.h"
#include "ledger/store_internal.h"

/* ---- statements -------------------------------------------------------------------------- */

/* A record's values by the column of the table that each goes to. */
struct picture {
	uint64_t columns; /* a set, as in struct store_upsert */
	bool is_adopted;
	const struct value *value[STORE_COLUMNS_MAX];
	struct store_upsert *upsert;
};

/* A bit for each value, without the owner's. */
static uint64_t values_of(const struct picture *picture)
{
	return picture->columns & ~(UINT64_C(1) << STORE_OWNER_BIT);
}

/* The name of the first of the columns @left. */
static const char *column_of(const struct store *store, const struct picture *picture,
			     uint64_t left)
{
	return store_find_name(store, picture->value[__builtin_ctzll(left)]->column)->column;
}

/*
 * Sets the columns of @picture and leaves all others as they are. OR FAIL: the transaction is
 * rolled back whatever failed, so that SQLite need not keep what a statement overwrites.
 */
static sqlite3_str *upsert_sql(struct store *store, const char *table,
			       const struct picture *picture)
{
	bool has_owner = picture->columns >> STORE_OWNER_BIT & 1;
	bool is_adopted = picture->is_adopted;
	sqlite3_str *sql = sqlite3_str_new(store->sql.db);
	unsigned value = 0;

	sqlite3_str_appendf(sql,
			    "INSERT OR FAIL INTO \"%w\" (id, revision, created_at, updated_at%s%s",
			    table, has_owner ? ", owner" : "", is_adopted ? ", adopted_at" : "");
	for (uint64_t left = values_of(picture); left; left &= left - 1)
		sqlite3_str_appendf(sql, ", \"%w\"", column_of(store, picture, left));
	sqlite3_str_appendf(sql, ") SELECT id, 1, time, time%s%s", has_owner ? ", owner" : "",
			    is_adopted ? ", time" : "");
	for (uint64_t left = values_of(picture); left; left &= left - 1)
		sqlite3_str_appendf(sql, ", v%u", value++);
	sqlite3_str_appendf(sql,
			    " FROM " BATCH_TABLE " WHERE true ON CONFLICT (id) DO UPDATE SET "
			    "revision = revision + 1, updated_at = excluded.updated_at%s%s",
			    has_owner ? ", owner = excluded.owner" : "",
			    is_adopted ? ", adopted_at = excluded.adopted_at" : "");
	for (uint64_t left = values_of(picture); left; left &= left - 1) {
		const char *column = column_of(store, picture, left);

		sqlite3_str_appendf(sql, ", \"%w\" = excluded.\"%w\"", column, column);
	}
	return sql;
}

/* The statement for @picture, in the place of the one that was made longest ago. */
static int upsert_prepare(struct store *store, struct store_upserts *upserts, const char *table,
			  struct picture *picture, struct diag *diag)
{
	struct store_upsert *upsert = &upserts->upsert[upserts->next];
	sqlite3_stmt *statement = NULL;
	int rc = sql_prepare_built(&store->sql, upsert_sql(store, table, picture),
				   "cannot write to a table", &statement, diag);

	if (rc == 0 && upsert->rows.first) /* its place is wanted */
		rc = store_flush(store, diag);
	if (rc) {
		(void)sqlite3_finalize(statement);
		return rc;
	}
	(void)sqlite3_finalize(upsert->statement);
	*upsert = (struct store_upsert){ .columns = picture->columns,
					 .is_adopted = picture->is_adopted,
					 .statement = statement };
	upserts->next = (upserts->next + 1) % STORE_UPSERTS_MAX;
	picture->upsert = upsert;
	return 0;
}

/* Those of the table @number; NULL: memory ran out. */
static struct store_upserts *upserts_get(struct store *store, uint32_t number)
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

static int upsert_get(struct store *store, uint32_t number, const char *table,
		      struct picture *picture, struct diag *diag)
{
	struct store_upserts *upserts = upserts_get(store, number);

	if (!upserts)
		return diag_nomem(diag);
	for (size_t i = 0; i < STORE_UPSERTS_MAX && upserts->upsert[i].statement; i++) {
		if (upserts->upsert[i].columns == picture->columns &&
		    upserts->upsert[i].is_adopted == picture->is_adopted) {
			picture->upsert = &upserts->upsert[i];
			return 0;
		}
	}
	return upsert_prepare(store, upserts, table, picture, diag);
}

/* ---- collecting -------------------------------------------------------------------------- */

static int picture_make(struct store *store, const struct record *record, struct picture *ret,
			struct diag *diag)
{
	const struct store_name *table = store_find_name(store, record->table);

	if (!table || *table->column)
		return diag_set(diag, ERR_INVALID, "%s: table store_names lacks table %u",
				store->sql.path, record->table);
	ret->columns = record->owner.text ? UINT64_C(1) << STORE_OWNER_BIT : 0;
	ret->is_adopted = record->is_adopted;
	for (size_t i = 0; i < record->value_count; i++) {
		const struct store_name *name = store_find_name(store, record->value[i].column);

		if (!name || !*name->column || name->of != record->table)
			return diag_set(diag, ERR_INVALID,
					"%s: table store_names lacks column %u of %s",
					store->sql.path, record->value[i].column, table->table);
		ret->value[name->columns] = &record->value[i];
		ret->columns |= UINT64_C(1) << name->columns;
	}
	return upsert_get(store, record->table, table->table, ret, diag);
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

static void copy_values(const struct picture *picture, struct value *ret)
{
	for (uint64_t left = values_of(picture); left; left &= left - 1)
		*ret++ = *picture->value[__builtin_ctzll(left)];
}

static void list_add(struct batch_list *list, struct batch_row *row)
{
	if (list->last)
		list->last->next = row;
	else
		list->first = row;
	list->last = row;
}

/* A place for the row, and the right to write it after all that is collected. */
static int make_room(struct store *store, const struct record *record,
		     const struct picture *picture, struct batch_row **row, struct diag *diag)
{
	const struct batch_list *list = picture->upsert ? &picture->upsert->rows : NULL;
	bool is_next = !list || batch_claim(store->batch, list, record->table, &record->id);
	int rc;

	*row = is_next ? batch_add(store->batch, record) : NULL;
	if (*row)
		return 0;
	rc = store_flush(store, diag);
	if (list)
		(void)batch_claim(store->batch, list, record->table, &record->id);
	*row = batch_add(store->batch, record);
	return rc;
}

int store_apply(struct store *store, uint64_t seq, const struct record *record, struct diag *diag)
{
	struct picture picture;
	struct batch_row *row;
	int rc;

	picture.upsert = NULL; /* the rest is filled in where there is one */
	rc = record->table != 0 ? picture_make(store, record, &picture, diag) : 0;
	if (rc) {
		diag_prefix(diag, "record %llu", (unsigned long long)seq);
		return rc;
	}
	rc = make_room(store, record, &picture, &row, diag);
	if (rc)
		return rc;
	row->seq = seq;
	memcpy(row->time, print_time(store, record->received_ms), sizeof(row->time));
	if (record->is_retained)
		batch_retain(store->batch, row);
	if (picture.upsert) {
		copy_values(&picture, row->record.value);
		list_add(&picture.upsert->rows, row);
	}
	return 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

static int write_shown(struct store *store, sqlite3_stmt *statement, const char *what,
		       struct diag *diag)
{
	int rc = sql_run(&store->sql, statement, what, diag);

	if (rc && batch_seq(store->batch))
		diag_prefix(diag, "record %llu", (unsigned long long)batch_seq(store->batch));
	return rc;
}

static int write_entities(struct store *store, struct store_upserts *upserts, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < STORE_UPSERTS_MAX; i++) {
		if (!upserts->upsert[i].rows.first)
			continue;
		batch_show(store->batch, BATCH_LIST, &upserts->upsert[i].rows);
		rc = write_shown(store, upserts->upsert[i].statement, "cannot write to a table",
				 diag);
	}
	return rc;
}

int store_flush(struct store *store, struct diag *diag)
{
	int rc;

	if (batch_is_empty(store->batch))
		return 0;
	batch_show(store->batch, BATCH_EVENTS, NULL);
	rc = write_shown(store, store->statement[STORE_EVENT], "cannot write to events", diag);
	if (rc == 0 && batch_has_retained(store->batch)) {
		batch_show(store->batch, BATCH_RETAINED, NULL);
		rc = write_shown(store, store->statement[STORE_RETAINED],
				 "cannot write to retained", diag);
	}
	for (struct store_upserts *upserts = store->upserts; rc == 0 && upserts;
	     upserts = upserts->other)
		rc = write_entities(store, upserts, diag);
	store_forget(store);
	return rc;
}

void store_forget(struct store *store)
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
	if (sql_is_text(data, len))
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

int store_refuse(struct store *store, const struct refusal *refusal, struct diag *diag)
{
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

int store_letter(struct store *store, const struct refusal *refusal, struct diag *diag)
{
	sqlite3_stmt *insert = store->statement[STORE_LETTER];
	size_t bytes = refusal->payload_bytes + refusal->properties_len + STORE_LETTER_ROOM;

	sql_bind(insert, 1, refusal->id);
	bind_share(insert, 2, &refusal->who);
	sql_bind_number(insert, 3, (int64_t)bytes);
	bind_blob(insert, 4, refusal->payload, refusal->payload_bytes);
	bind_blob(insert, 5, refusal->properties, refusal->properties_len);
	return sql_run(&store->sql, insert, "cannot write to store_letters", diag);
}

int store_resent(struct store *store, const char *decision_id, const char *text, struct diag *diag)
{
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

int store_alert(struct store *store, const struct alertrow *alert, struct diag *diag)
{
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

/*
 * pg_watch_read.c -- what the watch asks of the database: the brokers' rows, events that are new,
 * bans.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wordhash.h"
#include "ledger/pg_watch_internal.h"

#define MS INT64_C(1000000)

/* ---- connecting ---------------------------------------------------------------------------- */

int watch_connect(struct pg_watch *w, struct diag *diag)
{
	const struct pg_place place = { .conninfo = w->conninfo,
					.application = "petstore-watch",
					.wait_ms = WATCH_WAIT_MS,
					.statement_ms = WATCH_WAIT_MS };
	struct diag unknown;
	int rc = pg_open(&place, &w->pg, diag);

	if (rc)
		return rc;
	diag_init(&unknown);
	rc = pg_exec(w->pg, "LISTEN " WATCH_CHANNEL, NULL, NULL, "cannot listen", &unknown);
	w->has_listen = rc == 0; /* CockroachDB has none: the poll alone hears */
	if (!pg_is_lost(w->pg))
		return 0;
	if (diag)
		*diag = unknown;
	pg_close(w->pg);
	w->pg = NULL;
	return rc ? rc : ERR_BUSY;
}

/* ---- parts of the list --------------------------------------------------------------------- */

/* One news that has no texts but the origin's name. */
static int push_one(struct pg_watch *w, const struct others_news *news, struct diag *diag)
{
	struct watch_chunk *chunk = watch_chunk_new(strlen(news->origin) + 1);

	if (!chunk)
		return diag_nomem(diag);
	chunk->news[0] = *news;
	chunk->news[0].origin = watch_keep(chunk, news->origin, strlen(news->origin));
	chunk->count = 1;
	return watch_push_take(w, chunk) ? 0 : ERR_BUSY;
}

static int push_seen(struct pg_watch *w, const struct watch_origin *origin, int64_t sequence,
		     struct diag *diag)
{
	const struct others_news news = { .kind = OTHERS_SEEN,
					  .origin = origin->name,
					  .is_own = origin->is_own,
					  .sequence = sequence };

	return push_one(w, &news, diag);
}

/* ---- events -------------------------------------------------------------------------------- */

enum {
	E_SEQ,
	E_ORIGIN_SEQ,
	E_TOPIC,
	E_PUBLISHER,
	E_CLIENT,
	E_QOS,
	E_RETAINED,
	E_WILL,
	E_REVISION,
	E_DIGEST,
	E_UNIQUE,
	E_OVERRULED,
	E_KIND,
	E_PAYLOAD
};

#define COLUMNS                                                                                    \
	"seq, origin_seq, topic, publisher, client_id, qos, retained, will, revision, digest, "    \
	"unique_key, overruled, COALESCE(message, '')"

static const char *text_of(struct watch_chunk *chunk, const struct pg_rows *rows, unsigned row,
			   unsigned column, size_t *len)
{
	size_t own;
	const char *text = pg_bytes(rows, row, column, &own);

	if (len)
		*len = own;
	return watch_keep(chunk, text, own);
}

static void read_event(struct watch_chunk *chunk, const struct pg_rows *rows, unsigned row,
		       const struct watch_origin *origin)
{
	struct others_news *news = &chunk->news[chunk->count++];
	struct others_event *event = &news->event;

	*news = (struct others_news){ .kind = OTHERS_EVENT, .is_own = origin->is_own };
	news->origin = watch_keep(chunk, origin->name, strlen(origin->name));
	news->sequence = pg_number(rows, row, E_ORIGIN_SEQ);
	event->topic = text_of(chunk, rows, row, E_TOPIC, &event->topic_len);
	event->publisher = text_of(chunk, rows, row, E_PUBLISHER, NULL);
	event->client_id = text_of(chunk, rows, row, E_CLIENT, NULL);
	event->kind = text_of(chunk, rows, row, E_KIND, NULL);
	event->qos = (unsigned)pg_number(rows, row, E_QOS);
	event->is_retained = pg_number(rows, row, E_RETAINED) != 0;
	event->is_will = pg_number(rows, row, E_WILL) != 0;
	event->revision = (uint64_t)pg_number(rows, row, E_REVISION);
	event->digest = (uint64_t)pg_number(rows, row, E_DIGEST);
	event->unique = (uint64_t)pg_number(rows, row, E_UNIQUE);
	event->is_overruled = pg_number(rows, row, E_OVERRULED) != 0;
	if (origin->is_own) {
		unsigned column =
			pg_is_null(rows, row, E_PAYLOAD) ? E_PAYLOAD + 1 : (unsigned)E_PAYLOAD;

		event->payload = text_of(chunk, rows, row, column, &event->payload_len);
	}
}

/* What the texts of the rows take. */
static size_t texts_of(const struct pg_rows *rows, size_t name_len, bool has_payload)
{
	static const unsigned texts[] = { E_TOPIC, E_PUBLISHER, E_CLIENT,
					  E_KIND,  E_PAYLOAD,   E_PAYLOAD + 1 };
	size_t count = sizeof(texts) / sizeof(*texts) - (has_payload ? 0 : 2), size = 0, len;

	for (unsigned row = 0; row < pg_rows_count(rows); row++) {
		size += name_len + 1;
		for (size_t i = 0; i < count; i++) {
			(void)pg_bytes(rows, row, texts[i], &len);
			size += len + 1;
		}
	}
	return size;
}

static int push_events(struct pg_watch *w, const struct pg_rows *rows,
		       const struct watch_origin *origin, struct diag *diag)
{
	struct watch_chunk *chunk;

	if (pg_rows_count(rows) == 0)
		return 0;
	chunk = watch_chunk_new(texts_of(rows, strlen(origin->name), origin->is_own));
	if (!chunk)
		return diag_nomem(diag);
	for (unsigned row = 0; row < pg_rows_count(rows); row++)
		read_event(chunk, rows, row, origin);
	return watch_push_take(w, chunk) ? 0 : ERR_BUSY;
}

/* Reads the events of @sql with @from and @to in parts of WATCH_ROWS; *from moves on with them. */
static int read_events(struct pg_watch *w, const char *sql, const struct watch_origin *origin,
		       int64_t *from, int64_t to, struct diag *diag)
{
	struct pg_params params;
	struct pg_rows rows;
	unsigned count;
	int rc;

	do {
		memset(&rows, 0, sizeof(rows));
		pg_params_clear(&params);
		pg_add_string(&params, origin->name);
		pg_add_number(&params, *from);
		pg_add_number(&params, to);
		pg_add_number(&params, WATCH_ROWS);
		rc = pg_exec(w->pg, sql, &params, &rows, "cannot read the events", diag);
		count = rc ? 0 : pg_rows_count(&rows);
		if (rc == 0)
			rc = push_events(w, &rows, origin, diag);
		if (rc == 0 && count > 0)
			*from = pg_number(&rows, count - 1, E_ORIGIN_SEQ);
		pg_rows_clear(&rows);
	} while (rc == 0 && count == WATCH_ROWS);
	if (rc == 0)
		*from = to;
	return rc;
}

static int read_other(struct pg_watch *w, struct watch_origin *origin, int64_t applied,
		      int64_t strict, struct diag *diag)
{
	static const char up[] = "SELECT " COLUMNS " FROM events WHERE origin = $1 AND "
				 "origin_seq > $2 AND origin_seq <= $3 ORDER BY origin_seq "
				 "LIMIT $4";
	static const char down[] = "SELECT " COLUMNS " FROM events WHERE origin = $1 AND "
				   "origin_seq < $2 AND origin_seq >= $3 ORDER BY origin_seq DESC "
				   "LIMIT $4";
	int rc = 0;

	if (applied > origin->applied) {
		rc = read_events(w, up, origin, &origin->applied, applied, diag);
		if (rc == 0)
			rc = push_seen(w, origin, applied, diag);
	}
	if (rc == 0 && strict < origin->strict) {
		rc = read_events(w, down, origin, &origin->strict, strict, diag);
		if (rc == 0)
			rc = push_seen(w, origin, strict, diag);
	}
	return rc;
}

/* Of this broker's own only those that were overruled: it knows the others. */
static int read_own(struct pg_watch *w, struct watch_origin *origin, int64_t applied,
		    struct diag *diag)
{
	static const char sql[] = "SELECT " COLUMNS ", payload, payload_bytes FROM events WHERE "
				  "overruled <> 0 AND seq > $5 AND origin = $1 AND "
				  "origin_seq > $2 AND origin_seq <= $3 ORDER BY seq LIMIT $4";
	struct pg_params params;
	struct pg_rows rows;
	unsigned count;
	int rc;

	if (applied <= origin->applied)
		return 0;
	do {
		memset(&rows, 0, sizeof(rows));
		pg_params_clear(&params);
		pg_add_string(&params, origin->name);
		pg_add_number(&params, origin->applied);
		pg_add_number(&params, applied);
		pg_add_number(&params, WATCH_ROWS);
		pg_add_number(&params, w->own_overruled);
		rc = pg_exec(w->pg, sql, &params, &rows, "cannot read the events", diag);
		count = rc ? 0 : pg_rows_count(&rows);
		if (rc == 0)
			rc = push_events(w, &rows, origin, diag);
		if (rc == 0 && count > 0)
			w->own_overruled = pg_number(&rows, count - 1, E_SEQ);
		pg_rows_clear(&rows);
	} while (rc == 0 && count == WATCH_ROWS);
	if (rc == 0)
		origin->applied = applied;
	return rc;
}

/* ---- the brokers' rows --------------------------------------------------------------------- */

enum { B_NAME, B_APPLIED, B_STRICT, B_SILENT, B_WAITING, B_LAG, B_OVERRULED };

/* The origin of this name, new where it was not known; NULL: there are too many. */
static struct watch_origin *find_origin(struct pg_watch *w, const char *name, bool *is_new)
{
	struct watch_origin *origin;

	*is_new = false;
	for (unsigned i = 0; i < w->origins; i++)
		if (strcmp(w->origin[i].name, name) == 0)
			return &w->origin[i];
	if (w->origins == OTHERS_BROKERS_MAX || strlen(name) >= OTHERS_NAME_MAX)
		return NULL;
	*is_new = true;
	origin = &w->origin[w->origins++];
	*origin = (struct watch_origin){ .is_own = strcmp(name, w->broker) == 0 };
	(void)strcpy(origin->name, name); /* its length was looked at */
	return origin;
}

/* One that came later is heard from its first number on. */
static void begin_origin(const struct pg_watch *w, struct watch_origin *origin, int64_t applied,
			 int64_t strict)
{
	int64_t back = w->has_thread && !origin->is_own ? WATCH_BACK : 0;

	if (w->has_begun)
		return;
	origin->applied = applied > back ? applied - back : 0;
	origin->strict = strict < -back ? strict + back : 0;
}

static void show_brokers(struct pg_watch *w, const struct pg_rows *rows)
{
	(void)pthread_mutex_lock(&w->lock);
	w->known_count = 0;
	for (unsigned row = 0; row < pg_rows_count(rows); row++) {
		const char *name = pg_text(rows, row, B_NAME);
		struct others_broker *known = &w->known[w->known_count];

		if (strlen(name) >= OTHERS_NAME_MAX)
			continue;
		*known = (struct others_broker){ .is_own = strcmp(name, w->broker) == 0,
						 .silent_ms = pg_number(rows, row, B_SILENT),
						 .applied = pg_number(rows, row, B_APPLIED),
						 .strict = pg_number(rows, row, B_STRICT),
						 .waiting = pg_number(rows, row, B_WAITING),
						 .lag_ms = pg_number(rows, row, B_LAG),
						 .overruled = pg_number(rows, row, B_OVERRULED) };
		(void)strcpy(known->name, name);
		w->known_count++;
	}
	(void)pthread_mutex_unlock(&w->lock);
}

static int read_broker(struct pg_watch *w, const struct pg_rows *rows, unsigned row,
		       struct diag *diag)
{
	bool is_new;
	struct watch_origin *origin = find_origin(w, pg_text(rows, row, B_NAME), &is_new);
	int64_t applied = pg_number(rows, row, B_APPLIED);
	int64_t strict = pg_number(rows, row, B_STRICT);

	if (!origin)
		return 0;
	if (is_new)
		begin_origin(w, origin, applied, strict);
	if (!w->has_thread)
		return 0; /* the first round only learns where each of them is */
	return origin->is_own ? read_own(w, origin, applied, diag)
			      : read_other(w, origin, applied, strict, diag);
}

static int read_brokers(struct pg_watch *w, struct diag *diag)
{
	static const char sql[] =
		"SELECT b.name, b.applied_seq, COALESCE((SELECT min(e.origin_seq) FROM events e "
		"WHERE e.origin = b.name AND e.origin_seq < 0), 0), "
		"(EXTRACT(EPOCH FROM now()) * 1000)::BIGINT - b.seen_at, b.waiting, b.lag_ms, "
		"b.overruled FROM brokers b ORDER BY b.name LIMIT 64";
	struct pg_rows rows = { 0 };
	int rc = pg_exec(w->pg, sql, NULL, &rows, "cannot read the brokers", diag);

	if (rc == 0)
		show_brokers(w, &rows);
	for (unsigned row = 0; rc == 0 && row < pg_rows_count(&rows); row++)
		rc = read_broker(w, &rows, row, diag);
	pg_rows_clear(&rows);
	w->has_begun = w->has_begun || rc == 0;
	return rc;
}

/* ---- bans ---------------------------------------------------------------------------------- */

enum { N_KIND, N_NAME, N_SEQ, N_UNTIL, N_CAUSE, N_PRINCIPAL, N_ORIGIN, N_LIFTED };

/* Was it read before? Two brokers may give one number to two bans. */
static bool is_read(struct pg_watch *w, const struct pg_rows *rows, unsigned row)
{
	int64_t seq = pg_number(rows, row, N_SEQ);
	uint64_t hash = wordhash(1, pg_text(rows, row, N_KIND), strlen(pg_text(rows, row, N_KIND)));

	hash = wordhash(hash, pg_text(rows, row, N_NAME), strlen(pg_text(rows, row, N_NAME)));
	if (seq > w->ban_seq) {
		w->ban_seq = seq;
		w->ban_hashes = 0;
	}
	for (unsigned i = 0; i < w->ban_hashes; i++)
		if (w->ban_hash[i] == hash)
			return true;
	if (w->ban_hashes < sizeof(w->ban_hash) / sizeof(*w->ban_hash))
		w->ban_hash[w->ban_hashes++] = hash;
	return false;
}

static int push_ban(struct pg_watch *w, const struct pg_rows *rows, unsigned row, struct diag *diag)
{
	static const unsigned texts[] = { N_NAME, N_PRINCIPAL, N_CAUSE, N_ORIGIN };
	const char *until = pg_text(rows, row, N_UNTIL);
	struct watch_chunk *chunk;
	struct others_news *news;
	size_t size = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		size += strlen(pg_text(rows, row, texts[i])) + 1;
	chunk = watch_chunk_new(size);
	if (!chunk)
		return diag_nomem(diag);
	news = &chunk->news[0];
	chunk->count = 1;
	*news = (struct others_news){ .kind = OTHERS_BAN, .sequence = pg_number(rows, row, N_SEQ) };
	news->origin = text_of(chunk, rows, row, N_ORIGIN, NULL);
	news->ban.name = text_of(chunk, rows, row, N_NAME, NULL);
	news->ban.principal = text_of(chunk, rows, row, N_PRINCIPAL, NULL);
	news->ban.cause = text_of(chunk, rows, row, N_CAUSE, NULL);
	news->ban.is_principal = strcmp(pg_text(rows, row, N_KIND), "principal") == 0;
	news->ban.is_lifted = pg_number(rows, row, N_LIFTED) != 0;
	if (!clock_parse(until, strlen(until), &news->ban.until_ms))
		news->ban.until_ms = 0;
	return watch_push_take(w, chunk) ? 0 : ERR_BUSY;
}

static int read_bans(struct pg_watch *w, struct diag *diag)
{
	static const char sql[] = "SELECT kind, name, seq, until, cause, principal, origin, lifted "
				  "FROM bans WHERE seq >= $1 ORDER BY seq LIMIT 512";
	struct pg_params params = { 0 };
	struct pg_rows rows = { 0 };
	int rc;

	pg_add_number(&params, w->ban_seq);
	rc = pg_exec(w->pg, sql, &params, &rows, "cannot read the bans", diag);
	for (unsigned row = 0; rc == 0 && row < pg_rows_count(&rows); row++)
		if (!is_read(w, &rows, row) &&
		    strcmp(pg_text(&rows, row, N_ORIGIN), w->broker) != 0)
			rc = push_ban(w, &rows, row, diag);
	pg_rows_clear(&rows);
	return rc;
}

static int write_ban(struct pg_watch *w, const struct watch_ban *ban, struct diag *diag)
{
	static const char sql[] =
		"INSERT INTO bans (kind, name, seq, until, cause, principal, made_at, origin, "
		"lifted) "
		"VALUES ($1, $2, (SELECT COALESCE(max(seq), 0) + 1 FROM bans), $3, $4, $5, $6, $7, "
		"$8::BIGINT) ON CONFLICT (kind, name, principal) DO UPDATE SET seq = excluded.seq, "
		"until = excluded.until, cause = excluded.cause, made_at = excluded.made_at, "
		"origin = excluded.origin, lifted = excluded.lifted";
	char until[CLOCK_TEXT_MAX], now[CLOCK_TEXT_MAX];
	struct pg_params params = { 0 };

	pg_add_string(&params, ban->is_principal ? "principal" : "client");
	pg_add_string(&params, ban->name);
	pg_add_string(&params, clock_print(ban->until_ms, until));
	pg_add_string(&params, ban->cause);
	pg_add_string(&params, ban->principal);
	pg_add_string(&params, clock_print(clock_unix_ms(), now));
	pg_add_string(&params, w->broker);
	pg_add_number(&params, ban->is_lifted);
	return pg_exec(w->pg, sql, &params, NULL, "cannot write a ban", diag);
}

/* The ban that waits longest; false: none does. */
static bool next_ban(struct pg_watch *w, struct watch_ban *ret)
{
	bool has_one;

	(void)pthread_mutex_lock(&w->lock);
	has_one = w->ban_count > 0;
	if (has_one)
		*ret = w->ban[w->ban_first];
	(void)pthread_mutex_unlock(&w->lock);
	return has_one;
}

static void drop_ban(struct pg_watch *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->ban_first = (w->ban_first + 1) % OTHERS_BANS_MAX;
	w->ban_count--;
	(void)pthread_mutex_unlock(&w->lock);
}

/* The server's clock is not asked: until then the row does no harm. */
static int remove_old(struct pg_watch *w, struct diag *diag)
{
	struct pg_params params = { 0 };
	char before[CLOCK_TEXT_MAX];

	pg_add_string(&params, clock_print(clock_unix_ms() - 3600000, before));
	return pg_exec(w->pg, "DELETE FROM bans WHERE until < $1", &params, NULL,
		       "cannot remove old bans", diag);
}

static int write_bans(struct pg_watch *w, struct diag *diag)
{
	struct watch_ban ban;
	bool is_any = false;
	int rc = 0;

	while (rc == 0 && next_ban(w, &ban)) {
		rc = write_ban(w, &ban, diag);
		if (rc == 0)
			drop_ban(w); /* twice, where a newer one pushed it out, does no harm */
		is_any = true;
	}
	if (is_any)
		atomic_store(&w->has_carried, true);
	return rc || !is_any ? rc : remove_old(w, diag);
}

static int notify(struct pg_watch *w, struct diag *diag)
{
	if (!atomic_exchange(&w->has_carried, false) || !w->has_listen)
		return 0;
	return pg_exec(w->pg, "NOTIFY " WATCH_CHANNEL, NULL, NULL, "cannot notify", diag);
}

int watch_read(struct pg_watch *w, struct diag *diag)
{
	const struct others_news lost = { .kind = OTHERS_LOST, .origin = "" };
	int rc = 0;

	if (w->has_thread && w->asked_ns && clock_mono_ns() - w->asked_ns > WATCH_LATE_MS * MS)
		rc = push_one(w, &lost, diag);
	if (rc == 0 && w->has_thread)
		rc = write_bans(w, diag);
	if (rc == 0)
		rc = notify(w, diag);
	if (rc == 0)
		rc = read_brokers(w, diag);
	if (rc == 0 && w->has_thread)
		rc = read_bans(w, diag);
	return rc;
}

/*
 * pg_watch_read.c -- what the watch asks of the database: the brokers' rows, events that are new.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/pg_watch_internal.h"

#define MS INT64_C(1000000)

/* ---- connecting ---------------------------------------------------------------------------- */

int watch_connect(struct pg_watch *w, struct diag *diag)
{
	const struct pg_place place = { .conninfo = w->conninfo,
					.application = "petstore-watch",
					.wait_ms = WATCH_WAIT_MS,
					.statement_ms = WATCH_WAIT_MS,
					.ending = w->ending };
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

const char *watch_text_of(struct watch_chunk *chunk, const struct pg_rows *rows, unsigned row,
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
	event->topic = watch_text_of(chunk, rows, row, E_TOPIC, &event->topic_len);
	event->publisher = watch_text_of(chunk, rows, row, E_PUBLISHER, NULL);
	event->client_id = watch_text_of(chunk, rows, row, E_CLIENT, NULL);
	event->kind = watch_text_of(chunk, rows, row, E_KIND, NULL);
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

		event->payload = watch_text_of(chunk, rows, row, column, &event->payload_len);
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

/* ---- strict steps that are committed late -------------------------------------------------- */

/* Notes the last numbers between @strict and @above that have no event. */
static int note_gaps(struct pg_watch *w, struct watch_origin *origin, int64_t strict, int64_t above,
		     struct diag *diag)
{
	static const char sql[] = "SELECT n FROM generate_series($2::bigint, $3::bigint) AS n "
				  "WHERE NOT EXISTS (SELECT 1 FROM events WHERE origin = $1 AND "
				  "origin_seq = n) ORDER BY n DESC";
	int64_t until_ns = clock_mono_ns() + WATCH_GAP_MS * MS;
	int64_t last = strict + WATCH_GAPS < above ? strict + WATCH_GAPS : above - 1;
	struct pg_params params = { .count = 0 };
	struct pg_rows rows = { 0 };
	int rc;

	if (last <= strict)
		return 0;
	pg_add_string(&params, origin->name);
	pg_add_number(&params, strict + 1);
	pg_add_number(&params, last);
	rc = pg_exec(w->pg, sql, &params, &rows, "cannot read the events", diag);
	for (unsigned row = 0; rc == 0 && row < pg_rows_count(&rows); row++)
		origin->gap[origin->next_gap++ % WATCH_GAPS] =
			(struct watch_gap){ pg_number(&rows, row, 0), until_ns };
	pg_rows_clear(&rows);
	return rc;
}

/* Puts those that are not too old into the array; how many there are. */
static unsigned list_gaps(struct watch_origin *origin, int64_t now_ns, struct pg_array *array)
{
	unsigned count = 0;

	pg_array_begin(array, PG_NUMBER);
	for (unsigned i = 0; i < WATCH_GAPS; i++) {
		struct watch_gap *gap = &origin->gap[i];

		if (gap->until_ns < now_ns)
			gap->number = 0;
		if (gap->number == 0)
			continue;
		pg_array_number(array, gap->number);
		count++;
	}
	return count;
}

static void fill_gap(struct watch_origin *origin, int64_t number)
{
	for (unsigned i = 0; i < WATCH_GAPS; i++)
		if (origin->gap[i].number == number)
			origin->gap[i].number = 0;
}

static int read_gaps(struct pg_watch *w, struct watch_origin *origin, struct diag *diag)
{
	static const char sql[] = "SELECT " COLUMNS " FROM events WHERE origin = $1 AND "
				  "origin_seq = ANY ($2::bigint[]) ORDER BY origin_seq DESC";
	int64_t now_ns = clock_mono_ns();
	struct pg_params params = { .count = 0 };
	struct pg_array array = { 0 };
	struct pg_rows rows = { 0 };
	int rc = 0;

	if (now_ns - origin->gaps_ns < WATCH_GAPS_MS * MS)
		return 0;
	origin->gaps_ns = now_ns;
	if (list_gaps(origin, now_ns, &array) > 0) {
		pg_add_string(&params, origin->name);
		rc = pg_add_array(&params, &array, diag);
		if (rc == 0)
			rc = pg_exec(w->pg, sql, &params, &rows, "cannot read the events", diag);
		if (rc == 0)
			rc = push_events(w, &rows, origin, diag);
		for (unsigned row = 0; rc == 0 && row < pg_rows_count(&rows); row++)
			fill_gap(origin, pg_number(&rows, row, E_ORIGIN_SEQ));
	}
	pg_rows_clear(&rows);
	pg_array_free(&array);
	return rc;
}

/* ---- what is new of one broker ------------------------------------------------------------- */

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
	if (rc == 0)
		rc = read_gaps(w, origin, diag);
	if (rc == 0 && strict < origin->strict) {
		/* Before they are read: what is committed in between is heard twice, and not never.
		 */
		rc = note_gaps(w, origin, strict, origin->strict, diag);
		if (rc == 0)
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
						 .is_out = pg_is_null(rows, row, B_SILENT),
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

/*
 * Has a broker's row an older number than it had? Then the database was set back. Of strict steps
 * nothing is said by that: the table of events may have none of them any more.
 */
static bool turn_back(struct pg_watch *w, const struct pg_rows *rows)
{
	bool is_back = false, is_new;

	for (unsigned row = 0; w->has_begun && row < pg_rows_count(rows); row++) {
		struct watch_origin *origin = find_origin(w, pg_text(rows, row, B_NAME), &is_new);
		int64_t applied = pg_number(rows, row, B_APPLIED);
		int64_t strict = pg_number(rows, row, B_STRICT);

		if (!origin)
			continue;
		is_back = is_back || applied < origin->applied;
		if (applied < origin->applied)
			origin->applied = applied;
		if (strict > origin->strict)
			origin->strict = strict;
	}
	return is_back;
}

/* Once the database answers again, and before what it says: see pg_watch.h. */
static int push_lost(struct pg_watch *w, const struct pg_rows *rows, struct diag *diag)
{
	const struct others_news lost = { .kind = OTHERS_LOST,
					  .origin = "",
					  .is_again = w->is_lost };
	bool is_late = w->asked_ns && clock_mono_ns() - w->asked_ns > WATCH_LATE_MS * MS;
	int rc;

	is_late = turn_back(w, rows) || is_late;
	if (!w->has_thread || !is_late)
		return 0;
	rc = push_one(w, &lost, diag);
	w->is_lost = true;
	return rc;
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
	if (!w->has_thread) /* the first round only learns where each of them is */
		return is_new && !origin->is_own ? note_gaps(w, origin, strict, 0, diag) : 0;
	return origin->is_own ? read_own(w, origin, applied, diag)
			      : read_other(w, origin, applied, strict, diag);
}

static int read_brokers(struct pg_watch *w, struct diag *diag)
{
	static const char sql[] =
		"SELECT b.name, b.applied_seq, COALESCE((SELECT min(e.origin_seq) FROM events e "
		"WHERE e.origin = b.name AND e.origin_seq < 0), 0), "
		"CASE WHEN b.seen_at > 0 THEN (EXTRACT(EPOCH FROM now()) * 1000)::BIGINT - "
		"b.seen_at END, "
		"b.waiting, b.lag_ms, "
		"b.overruled FROM (SELECT * FROM brokers ORDER BY seen_at DESC, name LIMIT 64) "
		"AS b ORDER BY b.name";
	struct pg_rows rows = { 0 };
	int rc = pg_exec(w->pg, sql, NULL, &rows, "cannot read the brokers", diag);

	if (rc == 0)
		show_brokers(w, &rows);
	if (rc == 0)
		rc = push_lost(w, &rows, diag);
	for (unsigned row = 0; rc == 0 && row < pg_rows_count(&rows); row++)
		rc = read_broker(w, &rows, row, diag);
	pg_rows_clear(&rows);
	w->has_begun = w->has_begun || rc == 0;
	return rc;
}

/* ---- a round ----------------------------------------------------------------------------- */

static int notify(struct pg_watch *w, struct diag *diag)
{
	if (!atomic_exchange(&w->has_carried, false) || !w->has_listen)
		return 0;
	return pg_exec(w->pg, "NOTIFY " WATCH_CHANNEL, NULL, NULL, "cannot notify", diag);
}

int watch_read(struct pg_watch *w, struct diag *diag)
{
	int rc = w->has_thread ? watch_write_bans(w, diag) : 0;

	if (rc == 0)
		rc = notify(w, diag);
	if (rc == 0)
		rc = read_brokers(w, diag);
	if (rc == 0 && w->has_thread)
		rc = watch_read_bans(w, diag);
	w->is_lost = w->is_lost && rc != 0;
	return rc;
}

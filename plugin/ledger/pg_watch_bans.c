/* pg_watch_bans.c -- the watch reads bans of other brokers, and writes this one's. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wordhash.h"
#include "ledger/pg_watch_internal.h"

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
	news->origin = watch_text_of(chunk, rows, row, N_ORIGIN, NULL);
	news->ban.name = watch_text_of(chunk, rows, row, N_NAME, NULL);
	news->ban.principal = watch_text_of(chunk, rows, row, N_PRINCIPAL, NULL);
	news->ban.cause = watch_text_of(chunk, rows, row, N_CAUSE, NULL);
	news->ban.is_principal = strcmp(pg_text(rows, row, N_KIND), "principal") == 0;
	news->ban.is_lifted = pg_number(rows, row, N_LIFTED) != 0;
	if (!clock_parse(until, strlen(until), &news->ban.until_ms))
		news->ban.until_ms = 0;
	return watch_push_take(w, chunk) ? 0 : ERR_BUSY;
}

int watch_read_bans(struct pg_watch *w, struct diag *diag)
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

int watch_write_bans(struct pg_watch *w, struct diag *diag)
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

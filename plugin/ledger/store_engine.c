/* store_engine.c -- the functions of store.h: finds the engine by the place, and calls it. */
#include "ledger/store_engine.h"

#include <stdio.h>
#include <string.h>

/* That a connection string may have (PostgreSQL's manual, libpq, "Parameter Key Words"). */
static const char keywords[] =
	" host hostaddr port dbname user password passfile require_auth channel_binding"
	" connect_timeout client_encoding options application_name"
	" fallback_application_name keepalives keepalives_idle keepalives_interval"
	" keepalives_count tcp_user_timeout replication gssencmode sslmode requiressl"
	" sslnegotiation sslcompression sslcert sslkey sslpassword sslcertmode"
	" sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version"
	" ssl_max_protocol_version krbsrvname gsslib gssdelegation service"
	" target_session_attrs load_balance_hosts ";

/*
 * What was meant as a connection string, but is none: taken for a path it would be shown, with the
 * password that it may have, or a file would be made that is called so.
 */
static bool is_misspelt_conninfo(const char *place)
{
	const char *word = strcasestr(place, "password");

	if (strstr(place, "://") || (strncasecmp(place, "postgres", 8) == 0 && strchr(place, ':')))
		return true;
	return word && word[8 + strspn(word + 8, " ")] == '=';
}

bool store_is_conninfo(const char *place)
{
	char word[32];
	size_t len;

	if (strncmp(place, "postgresql://", 13) == 0 || strncmp(place, "postgres://", 11) == 0 ||
	    is_misspelt_conninfo(place))
		return true;
	place += strspn(place, " ");
	len = strspn(place, "abcdefghijklmnopqrstuvwxyz_");
	if (len + 3 > sizeof(word) || place[len + strspn(place + len, " ")] != '=')
		return false;
	(void)snprintf(word, sizeof(word), " %.*s ", (int)len, place);
	return len > 0 && strstr(keywords, word) != NULL;
}

static const struct store_engine *engine_of(const char *place)
{
	return store_is_conninfo(place) ? &store_postgres : &store_sqlite;
}

const char *store_shown(const char *place, char *ret)
{
	const struct store_engine *engine = engine_of(place);

	return engine->shown ? engine->shown(place, ret) : place;
}

void store_check_text(const char *place, void (*say)(void *ctx, bool is_of_file, const char *text),
		      void *ctx)
{
	const struct store_engine *engine = engine_of(place);

	if (engine->check_text)
		engine->check_text(place, say, ctx);
}

bool store_is_shared(const char *place)
{
	return engine_of(place)->is_shared;
}

int store_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
	       struct diag *diag)
{
	return engine_of(place->place)->open(place, busy_ms, ret, diag);
}

int store_check_alone(const char *place, struct diag *diag)
{
	const struct store_engine *engine = engine_of(place);

	return engine->check_alone ? engine->check_alone(place, diag) : 0;
}

void store_close(struct store *store)
{
	if (store)
		store->engine->close(store);
}

void store_set_patience(struct store *store, unsigned busy_ms)
{
	store->engine->set_patience(store, busy_ms);
}

int store_set_cache(struct store *store, unsigned mib, struct diag *diag)
{
	return store->engine->set_cache(store, mib, diag);
}

int store_look(struct store *store, const struct entity_plan *plan, struct diag *diag)
{
	return store->engine->look ? store->engine->look(store, plan, diag) : 0;
}

int store_upgrade(struct store *store, struct diag *diag)
{
	return store->engine->upgrade(store, diag);
}

int store_inspect(struct store *store, struct store_facts *ret, struct diag *diag)
{
	return store->engine->inspect(store, ret, diag);
}

int store_peek(struct store *store, struct store_facts *ret, struct diag *diag)
{
	return store->engine->peek(store, ret, diag);
}

int store_set_ring(struct store *store, const uint64_t *before, const uint64_t *number,
		   uint64_t applied_seq, struct diag *diag)
{
	return store->engine->set_ring(store, before, number, applied_seq, diag);
}

int store_check(struct store *store, struct diag *diag)
{
	return store->engine->check(store, diag);
}

void store_set_on_wait(struct store *store, void (*on_wait)(void *ctx), void *ctx)
{
	if (store->engine->set_on_wait)
		store->engine->set_on_wait(store, on_wait, ctx);
}

void store_set_waiting(struct store *store, const struct store_waiting *waiting)
{
	if (store->engine->set_waiting)
		store->engine->set_waiting(store, waiting);
}

uint64_t store_signed_step(const struct store *store)
{
	return store->engine->signed_step ? store->engine->signed_step(store) : 0;
}

bool store_line(struct store *store, struct diag *ret)
{
	return store->engine->line && store->engine->line(store, ret);
}

void store_leave_empty(struct store *store)
{
	store->engine->leave_empty(store);
}

enum store_fault store_fault(const struct store *store)
{
	return store->engine->fault(store);
}

int store_let_go(struct store *store, struct diag *diag)
{
	return store->engine->let_go(store, diag);
}

int store_check_anew(struct store *store, struct diag *diag)
{
	return store->engine->check_anew(store, diag);
}

int store_plan(struct store *store, const struct entity_plan *plan, struct diag *diag)
{
	return store->engine->plan(store, plan, diag);
}

int store_names_load(struct store *store, struct store_names **ret, struct diag *diag)
{
	return store->engine->names_load(store, ret, diag);
}

int store_begin(struct store *store, uint64_t *applied_seq, struct diag *diag)
{
	return store->engine->begin(store, applied_seq, diag);
}

int store_apply(struct store *store, uint64_t seq, const struct record *record, struct diag *diag)
{
	return store->engine->apply(store, seq, record, diag);
}

int store_flush(struct store *store, struct diag *diag)
{
	return store->engine->flush(store, diag);
}

uint64_t store_held(const struct store *store)
{
	return store->engine->held ? store->engine->held(store) : 0;
}

int store_commit(struct store *store, uint64_t applied_seq, struct diag *diag)
{
	return store->engine->commit(store, applied_seq, diag);
}

void store_rollback(struct store *store)
{
	store->engine->rollback(store);
}

int store_trim(struct store *store, const struct store_limits *limits, int64_t now_ms,
	       unsigned rows_max, uint64_t *removed, struct diag *diag)
{
	return store->engine->trim(store, limits, now_ms, rows_max, removed, diag);
}

int store_trim_retained(struct store *store, int64_t now_ms, unsigned rows_max, struct diag *diag)
{
	return store->engine->trim_retained(store, now_ms, rows_max, diag);
}

int store_clock(struct store *store, int64_t *ret_ms, struct diag *diag)
{
	return store->engine->clock(store, ret_ms, diag);
}

void store_set_clock(struct store *store, int64_t believed_ms)
{
	store->engine->set_clock(store, believed_ms);
}

int store_refuse(struct store *store, const struct refusal *refusal, struct diag *diag)
{
	return store->engine->refuse(store, refusal, diag);
}

int store_letter(struct store *store, const struct refusal *refusal, struct diag *diag)
{
	return store->engine->letter(store, refusal, diag);
}

int store_resent(struct store *store, const char *decision_id, const char *text, struct diag *diag)
{
	return store->engine->resent(store, decision_id, text, diag);
}

int store_trim_letters(struct store *store, int64_t bytes_max, struct diag *diag)
{
	return store->engine->trim_letters(store, bytes_max, diag);
}

int store_alert(struct store *store, const struct alertrow *alert, struct diag *diag)
{
	return store->engine->alert(store, alert, diag);
}

int store_trim_refusals(struct store *store, const struct store_limits *limits, int64_t now_ms,
			unsigned rows_max, struct diag *diag)
{
	return store->engine->trim_refusals(store, limits, now_ms, rows_max, diag);
}

int store_checkpoint(struct store *store, uint64_t wal_bytes_max, struct diag *diag)
{
	return store->engine->checkpoint(store, wal_bytes_max, diag);
}

int store_ids(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
	      void (*visit)(const char *id, size_t len, void *ctx), void *ctx, struct diag *diag)
{
	return store->engine->ids(store, table, mark, limit, visit, ctx, diag);
}

int store_load_unique(struct store *store, uint64_t seed, struct accepted *ret, struct diag *diag)
{
	return store->engine->load_unique(store, seed, ret, diag);
}

/* ---- readers ----------------------------------------------------------------------------- */

int store_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
		      struct diag *diag)
{
	return engine_of(place->place)->reader_open(place, is_alone, ret, diag);
}

void store_reader_use(struct store_reader *reader, const struct entity_plan *plan)
{
	reader->engine->reader_use(reader, plan);
}

void store_reader_close(struct store_reader *reader)
{
	if (reader)
		reader->engine->reader_close(reader);
}

int store_reader_find(struct store_reader *reader, size_t entity, const char *id, size_t id_len,
		      struct state_facts *ret, struct diag *diag)
{
	return reader->engine->reader_find(reader, entity, id, id_len, ret, diag);
}

int store_reader_letter(struct store_reader *reader, const char *decision_id,
			ledger_letter_visit *visit, void *ctx, struct diag *diag)
{
	return reader->engine->reader_letter(reader, decision_id, visit, ctx, diag);
}

int store_reader_last(struct store_reader *reader, const char *topic, size_t topic_len,
		      const char **payload, size_t *payload_len, uint64_t *revision,
		      struct diag *diag)
{
	return reader->engine->reader_last(reader, topic, topic_len, payload, payload_len, revision,
					   diag);
}

int store_reader_unchanged(struct store_reader *reader, const struct ledger_unchanged_query *asked,
			   ledger_unchanged_visit *visit, void *ctx, struct diag *diag)
{
	return reader->engine->reader_unchanged(reader, asked, visit, ctx, diag);
}

int store_reader_visit(struct store_reader *reader, enum store_read read, const char *topic,
		       size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		       struct diag *diag)
{
	return reader->engine->reader_visit(reader, read, topic, topic_len, limit, visit, ctx,
					    diag);
}

int store_reader_visit_each(struct store_reader *reader, const struct ledger_topic *topic,
			    size_t count, ledger_retained_visit *visit, void *ctx,
			    struct diag *diag)
{
	int rc = 0;

	if (reader->engine->reader_visit_each)
		return reader->engine->reader_visit_each(reader, topic, count, visit, ctx, diag);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = store_reader_visit(reader, STORE_READ_RETAINED, topic[i].text, topic[i].len, 1,
					visit, ctx, diag);
	return rc < 0 ? rc : 0;
}

int store_reader_resent(struct store_reader *reader, const struct ledger_resend_query *asked,
			uint64_t until_seq, struct diag *diag)
{
	return reader->engine->reader_resent(reader, asked, until_seq, diag);
}

struct pg_live *store_reader_live(struct store_reader *reader)
{
	return reader->engine->reader_live ? reader->engine->reader_live(reader) : NULL;
}

int store_reader_step(struct store_reader *reader, const struct store_step *step,
		      uint64_t *revision, struct diag *diag)
{
	return reader->engine->step(store_reader_live(reader), step, revision, diag);
}

int store_reader_step_find(struct store_reader *reader, const char *broker, uint64_t number,
			   struct diag *diag)
{
	return reader->engine->step_find(store_reader_live(reader), broker, number, diag);
}

int store_reader_step_last(struct store_reader *reader, const char *broker, uint64_t *ret,
			   struct diag *diag)
{
	return reader->engine->step_last(store_reader_live(reader), broker, ret, diag);
}

int store_probe(struct store *store, unsigned count, uint64_t *ret_us, struct diag *diag)
{
	return store->engine->probe(store, count, ret_us, diag);
}

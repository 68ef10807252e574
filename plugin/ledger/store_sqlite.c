/* store_sqlite.c -- the SQLite engine: opens, upgrades and commits. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/embed.h"
#include "ledger/store_sqlite_internal.h"

/* Pages go into the database once the WAL has so many bytes. */
#define CHECKPOINT_BYTES ((uint64_t)16 << 20)
/* Above this the WAL file is begun anew, which waits for readers for a moment. */
#define TRUNCATE_BYTES ((uint64_t)64 << 20)

EMBED(sql_001, "schemas/store/001-initial.sql");
EMBED(sql_002, "schemas/store/002-refusals.sql");
EMBED(sql_003, "schemas/store/003-alerts.sql");
EMBED(sql_004, "schemas/store/004-wills.sql");
EMBED(sql_005, "schemas/store/005-corrections.sql");
EMBED(sql_006, "schemas/store/006-shares.sql");
EMBED(sql_007, "schemas/store/007-digests.sql");
EMBED(sql_008, "schemas/store/008-retained.sql");
EMBED(sql_009, "schemas/store/009-closed.sql");
EMBED(sql_010, "schemas/store/010-ring.sql");
EMBED(sql_011, "schemas/store/011-unique.sql");
EMBED(sql_012, "schemas/store/012-clock.sql");
EMBED(sql_013, "schemas/store/013-messages.sql");
EMBED(sql_014, "schemas/store/014-adopted.sql");
EMBED(sql_015, "schemas/store/015-letters.sql");
EMBED(sql_016, "schemas/store/016-peers.sql");

/* Version n of the schema is what the first n of these make. */
static const char *const migration[] = { sql_001, sql_002, sql_003, sql_004, sql_005, sql_006,
					 sql_007, sql_008, sql_009, sql_010, sql_011, sql_012,
					 sql_013, sql_014, sql_015, sql_016 };

#define VERSION (sizeof(migration) / sizeof(migration[0]))

/* Rows of @table from one on, with the time at which they came, and the oldest removed up to one.
 */
#define AGED(NAME, table, time)                                                                    \
	[STORE_##NAME##_SCAN] =                                                                    \
		"SELECT seq, " time " FROM " table " WHERE seq >= ?1 ORDER BY seq LIMIT ?2",       \
	[STORE_##NAME##_REMOVE] = "DELETE FROM " table " WHERE seq IN (SELECT seq FROM " table     \
				  " WHERE seq <= ?1 ORDER BY seq LIMIT ?2)"

/*
 * Rows of @table that are to go beyond the number that is kept: the oldest of one share or of all
 * shares of a kind ("user" or "from", see 006-shares.sql).
 */
#define TRIM(NAME, table, shares)                                                                  \
	[STORE_##NAME##_COUNT] = "SELECT (SELECT rows FROM " shares " WHERE share = '*'), "        \
				 "(SELECT rows FROM " shares " WHERE share = '*from')",            \
	[STORE_##NAME##_MOST] = "SELECT share, rows FROM " shares                                  \
				" WHERE substr(share, 1, 4) = ?1 ORDER BY rows DESC LIMIT 2",      \
	[STORE_##NAME##_OF_SHARE] = "DELETE FROM " table " WHERE seq IN (SELECT seq FROM " table   \
				    " WHERE share = ?1 ORDER BY seq LIMIT ?2)",                    \
	[STORE_##NAME##_OF_KIND] = "DELETE FROM " table " WHERE seq IN (SELECT seq FROM " table    \
				   " WHERE substr(share, 1, 4) = ?1 ORDER BY seq LIMIT ?2)"

/*
 * Events as they were collected. The columns are named in the table's order (its first ones, then
 * what each migration added), so that SQLite takes what it selects for the row as it is. See
 * batch_is_plain() for what need not be asked for.
 */
#define EVENTS_INSERT(will, correction, unique, adopted, taken_over, peer)                         \
	"INSERT OR FAIL INTO events (seq, received_at, topic, publisher, client_id, qos, "         \
	"retained, payload, will, correction, digest, revision, origin, unique_key, message, "     \
	"adopted, taken_over, peer_publisher) SELECT seq, time, topic, publisher, client_id, "     \
	"qos, retained, payload, " will ", " correction ", digest, revision, ?1, " unique          \
	", message, " adopted ", " taken_over ", " peer " FROM " BATCH_TABLE

static const char *const statement_sql[STORE_STATEMENTS] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_READ] = "SELECT identity, applied_seq, ring FROM store",
	[STORE_APPLIED] = "UPDATE store SET applied_seq = ?1, clock_at = coalesce(?2, clock_at)",
	/* Of two that begin at once the first has it: no other's note is overwritten. */
	[STORE_RING] =
		"UPDATE store SET ring = ?1, applied_seq = max(applied_seq, ?2) "
		"WHERE coalesce(ring, '') IN ('', ?1, ?3) AND (?1 = '' OR applied_seq <= ?2)",
	[STORE_CLOCK] = "SELECT coalesce(clock_at, (SELECT received_at FROM events ORDER BY seq "
			"DESC LIMIT 1)) FROM store",
	[STORE_EVENT] = EVENTS_INSERT("will", "correction", "unique_key", "adopted", "taken_over",
				      "peer_publisher"),
	[STORE_EVENT_PLAIN] = EVENTS_INSERT("0", "0", "NULL", "0", "NULL", "NULL"),
	[STORE_RETAINED] =
		"INSERT OR FAIL INTO retained (topic, payload, qos, received_at, publisher, "
		"properties, seq) SELECT topic, retained_payload, qos, time, publisher, "
		"properties, seq "
		"FROM " BATCH_TABLE " WHERE true ON CONFLICT (topic) DO UPDATE SET "
		"payload = excluded.payload, qos = excluded.qos, received_at = "
		"excluded.received_at, publisher = excluded.publisher, properties = "
		"excluded.properties, seq = excluded.seq",
	[STORE_RETAINED_REMOVE] =
		"DELETE FROM retained WHERE topic IN (SELECT topic FROM retained WHERE payload IS "
		"NULL AND received_at < ?1 ORDER BY received_at LIMIT ?2)",
	[STORE_EVENTS_ENDS] = "SELECT (SELECT min(seq) FROM events), (SELECT max(seq) FROM events)",
	AGED(EVENTS, "events", "received_at"),
	AGED(REFUSALS, "refusals", "time"),
	AGED(ALERTS, "alerts", "time"),
	[STORE_REFUSAL] =
		"INSERT INTO refusals (decision_id, time, action, reason, observed, "
		"client_id, principal, address, topic, qos, retained, pointer, "
		"keyword, message, standing, payload, payload_bytes, share, closed, message_name) "
		"VALUES "
		"(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
		"?17, ?18, ?19, ?20)",
	[STORE_LETTER] = "INSERT INTO store_letters (decision_id, share, bytes, payload, "
			 "properties) VALUES (?1, ?2, ?3, ?4, ?5)",
	[STORE_RESENT] = "UPDATE refusals SET resent = ?2 WHERE decision_id = ?1",
	[STORE_RESENT_LETTER] = "DELETE FROM store_letters WHERE decision_id = ?1",
	/* Where there are too many, each owner keeps its newest, as many bytes as any other. */
	[STORE_LETTERS_TRIM] =
		"DELETE FROM store_letters WHERE (SELECT sum(bytes) FROM store_letters) > ?1 AND "
		"decision_id IN (SELECT decision_id FROM (SELECT decision_id, sum(bytes) OVER "
		"(PARTITION BY share ORDER BY decision_id DESC) AS kept FROM store_letters) WHERE "
		"kept > ?1 / (SELECT count(DISTINCT share) FROM store_letters))",
	[STORE_ALERT] = "INSERT INTO alerts (time, kind, state, client_id, principal, address, "
			"document, share) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	TRIM(REFUSALS, "refusals", "store_refusal_shares"),
	TRIM(ALERTS, "alerts", "store_alert_shares"),
};

unsigned store_version(void)
{
	return VERSION;
}

/* ---- opening ----------------------------------------------------------------------------- */

int lite_fail_newer(const char *path, int64_t version, struct diag *diag)
{
	return diag_set(diag, ERR_VERSION,
			"%s: schema version %lld of a newer plugin (this one knows %u): install "
			"that one, or put a backup of before in its place",
			path, (long long)version, store_version());
}

/* Nothing that is not ours is touched. */
static int check_owner(struct sqlite_store *store, struct diag *diag)
{
	int64_t application = 0, version = 0, objects = 0;
	int rc = sql_number(&store->sql, "PRAGMA application_id", &application, diag);

	if (rc == 0)
		rc = sql_number(&store->sql, "PRAGMA user_version", &version, diag);
	if (rc == 0)
		rc = sql_number(&store->sql, "SELECT count(*) FROM sqlite_master", &objects, diag);
	if (rc)
		return rc;
	if (application != STORE_APPLICATION_ID &&
	    (application != 0 || version != 0 || objects != 0))
		return diag_set(diag, ERR_VERSION, "%s: the database of another program",
				store->sql.path);
	if (version < 0 || version > (int64_t)VERSION)
		return lite_fail_newer(store->sql.path, version, diag);
	return 0;
}

/*
 * A file that is not there yet is made first, so that only its owner and group may read it;
 * SQLite gives its other files the same rights.
 */
static int make_file(const char *path, struct diag *diag)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd >= 0)
		(void)close(fd);
	else if (errno != EEXIST)
		return diag_set(diag, ERR_IO, "%s: cannot make the database: %s", path,
				strerror(errno));
	return 0;
}

/*
 * SQLite reads whatever is at the path, and would wait for a pipe's other end. The database may be
 * a link; what SQLite puts beside it never is.
 */
int lite_check_files(const char *path, struct diag *diag)
{
	static const char *const beside[] = { "-wal", "-shm", "-journal" };
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return diag_set(diag, ERR_INVALID, "%s: expected a regular file", path);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		char *name = sqlite3_mprintf("%s%s", path, beside[i]);
		bool is_strange;

		if (!name)
			return diag_nomem(diag);
		is_strange = lstat(name, &st) == 0 && !S_ISREG(st.st_mode);
		sqlite3_free(name);
		if (is_strange)
			return diag_set(diag, ERR_INVALID, "%s%s: expected a regular file", path,
					beside[i]);
	}
	return 0;
}

static void on_rollback(void *ctx)
{
	pagefile_forget(ctx);
}

int lite_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
	      struct diag *diag)
{
	const char *path = place->place;
	struct sqlite_store *store = calloc(1, sizeof(*store));
	int rc;

	if (!store)
		return diag_nomem(diag);
	store->base.engine = &store_sqlite;
	if (place->broker && !(store->broker = strdup(place->broker))) {
		rc = diag_nomem(diag);
		goto out;
	}
	rc = make_file(path, diag);
	if (rc == 0)
		rc = lite_check_files(path, diag);
	if (rc == 0)
		rc = pagefile_init(&store->vfs, diag);
	if (rc == 0)
		rc = sql_open(&store->sql, path, SQLITE_OPEN_READWRITE, store->vfs.name, diag);
	if (rc)
		goto out;
	(void)sqlite3_rollback_hook(store->sql.db, on_rollback, &store->vfs);
	lite_set_patience(&store->base, busy_ms);
	rc = check_owner(store, diag);
	if (rc)
		goto out;
	lite_remember_main(store);
	lite_remember_beside(store);
	*ret = &store->base;
	store = NULL; /* handed over */
out:
	if (store)
		lite_close(&store->base);
	return rc;
}

void lite_close(struct store *base)
{
	struct sqlite_store *store = lite_of(base);

	for (size_t i = 0; i < STORE_STATEMENTS; i++)
		(void)sqlite3_finalize(store->statement[i]);
	lite_set_names(store, NULL);
	/* The last to close makes a checkpoint, and removes whatever WAL is at the path. */
	if (store->sql.db && (store->must_reopen || lite_wal_is_foreign(store)))
		(void)sqlite3_db_config(store->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sql_close(&store->sql);
	pagefile_clear(&store->vfs);
	batch_free(store->batch);
	free(store->broker);
	free(store);
}

void lite_set_patience(struct store *base, unsigned busy_ms)
{
	struct sqlite_store *store = lite_of(base);

	(void)sqlite3_busy_timeout(store->sql.db, (int)busy_ms);
}

int lite_set_cache(struct store *base, unsigned mib, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	char sql[40];

	(void)snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%u", mib << 10);
	return sql_change(&store->sql, sql, diag);
}

/* ---- upgrading --------------------------------------------------------------------------- */

static int make_identity(struct sqlite_store *store, struct diag *diag)
{
	static const char what[] = "cannot make the store's row";
	char now[CLOCK_TEXT_MAX];
	sqlite3_stmt *insert = NULL;
	int rc = sql_prepare(&store->sql,
			     "INSERT OR IGNORE INTO store (one, identity, applied_seq, made_at) "
			     "VALUES (1, lower(hex(randomblob(16))), 0, ?1)",
			     what, &insert, diag);

	if (rc == 0) {
		sql_bind(insert, 1, clock_print(clock_unix_ms(), now));
		rc = sql_run(&store->sql, insert, what, diag);
	}
	(void)sqlite3_finalize(insert);
	return rc;
}

/* One step, all or nothing, so that a crash leaves one version or the next. */
static int migrate_once(struct sqlite_store *store, unsigned from, struct diag *diag)
{
	char pragma[64];
	int rc = sql_change(&store->sql, "BEGIN IMMEDIATE", diag);

	if (rc)
		return rc;
	(void)sqlite3_snprintf((int)sizeof(pragma), pragma,
			       "PRAGMA application_id = %d; PRAGMA user_version = %u",
			       STORE_APPLICATION_ID, from + 1);
	rc = sql_change(&store->sql, migration[from], diag);
	if (rc == 0 && from + 1 == STORE_ADOPTED_VERSION)
		rc = lite_add_adopted(store, diag);
	if (rc == 0)
		rc = sql_change(&store->sql, pragma, diag);
	if (rc == 0)
		rc = make_identity(store, diag);
	if (rc == 0)
		rc = sql_change(&store->sql, "COMMIT", diag);
	if (rc)
		lite_rollback(&store->base);
	return rc;
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_store *store = ctx;
	uint64_t bytes = (uint64_t)pages * (uint64_t)store->page_bytes;

	(void)db;
	(void)name;
	if (bytes < store->wal_bytes)
		store->wal_next = CHECKPOINT_BYTES; /* it was begun anew */
	store->wal_bytes = bytes;
	return SQLITE_OK;
}

/*
 * Pages of a database that exists keep their size. FULL: a commit is on the disk when it returns,
 * so that the journal may forget it. The hook replaces SQLite's own checkpoints by
 * store_checkpoint().
 */
static int configure(struct sqlite_store *store, struct diag *diag)
{
	static const char sql[] = "PRAGMA synchronous = FULL; PRAGMA page_size = 16384;"
				  "PRAGMA journal_mode = WAL;"
				  "PRAGMA journal_size_limit = 67108864;"
				  "PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY";
	int64_t is_wal = 0;
	int rc = 0;

	if (sqlite3_exec(store->sql.db, sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = sql_fail(&store->sql, "cannot set up the database", diag);
	if (rc == 0)
		rc = sql_number(&store->sql, "PRAGMA page_size", &store->page_bytes, diag);
	if (rc == 0)
		rc = sql_number(&store->sql, "SELECT journal_mode = 'wal' FROM pragma_journal_mode",
				&is_wal, diag);
	if (rc)
		return rc;
	if (!is_wal)
		return diag_set(diag, ERR_IO,
				"%s: its file system cannot share memory, which SQLite's WAL needs",
				store->sql.path);
	(void)sqlite3_wal_hook(store->sql.db, on_wal, store);
	store->wal_next = CHECKPOINT_BYTES;
	store->wal_truncate = TRUNCATE_BYTES;
	return 0;
}

static int prepare_all(struct sqlite_store *store, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < STORE_STATEMENTS; i++)
		rc = sql_prepare(&store->sql, statement_sql[i],
				 "the tables are not as they should be", &store->statement[i],
				 diag);
	return rc;
}

/* A reset of the statement leaves what is bound. */
static int bind_broker(struct sqlite_store *store, struct diag *diag)
{
	static const enum store_statement inserts[] = { STORE_EVENT, STORE_EVENT_PLAIN };

	for (size_t i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++)
		if (sqlite3_bind_text(store->statement[inserts[i]], 1, store->broker, -1,
				      SQLITE_TRANSIENT) != SQLITE_OK)
			return sql_fail(&store->sql, "cannot prepare a row", diag);
	return 0;
}

int lite_upgrade(struct store *base, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct store_names *names = NULL;
	int64_t version = 0;
	int rc = configure(store, diag);

	if (rc == 0)
		rc = sql_number(&store->sql, "PRAGMA user_version", &version, diag);
	while (rc == 0 && version < (int64_t)VERSION)
		rc = migrate_once(store, (unsigned)version++, diag);
	if (rc == 0 && !store->batch) {
		rc = batch_new(&store->batch, diag);
		if (rc == 0)
			rc = batch_show_to(store->batch, store->sql.db, diag);
		if (rc) {
			batch_free(store->batch);
			store->batch = NULL;
		}
	}
	if (rc == 0)
		rc = prepare_all(store, diag);
	if (rc == 0)
		rc = bind_broker(store, diag);
	if (rc == 0)
		rc = lite_names_load(&store->base, &names, diag);
	if (rc)
		return rc;
	lite_set_names(store, names);
	store->is_doubted = true; /* until the first transaction has written the WAL again */
	lite_remember_beside(store);
	store->is_watched = true;
	return 0;
}

/* ---- transactions ------------------------------------------------------------------------ */

int lite_begin(struct store *base, uint64_t *applied_seq, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct store_facts facts;
	int rc;

	if (store->must_reopen)
		return diag_set(diag, ERR_IO, "%s: a checkpoint failed", store->sql.path);
	rc = sql_run(&store->sql, store->statement[STORE_BEGIN], "cannot begin to write", diag);
	if (rc == 0 && store->is_doubted)
		rc = lite_prove(store, diag);
	if (rc == 0)
		rc = lite_inspect(&store->base, &facts, diag);
	if (rc == 0)
		*applied_seq = facts.applied_seq;
	return rc;
}

int lite_commit(struct store *base, uint64_t applied_seq, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	sqlite3_stmt *applied = store->statement[STORE_APPLIED];
	char time[CLOCK_TEXT_MAX];
	int rc = lite_flush(&store->base, diag);

	sql_bind_number(applied, 1, (int64_t)applied_seq);
	/* NULL where the clock is in doubt */
	sql_bind(applied, 2, store->clock_ms ? clock_print(store->clock_ms, time) : NULL);
	if (rc == 0)
		rc = sql_run(&store->sql, applied, "cannot write", diag);
	if (rc == 0)
		rc = sql_run(&store->sql, store->statement[STORE_COMMIT], "cannot commit", diag);
	return rc;
}

void lite_rollback(struct store *base)
{
	struct sqlite_store *store = lite_of(base);

	/* What it wrote may be taken for clean by now: see lite_prove(). */
	if ((sqlite3_errcode(store->sql.db) & 0xff) == SQLITE_IOERR)
		store->is_doubted = true;
	lite_forget(store);
	if (!sqlite3_get_autocommit(store->sql.db))
		(void)sqlite3_exec(store->sql.db, "ROLLBACK", NULL, NULL, NULL); /* cannot fail */
}

/*
 * A passive checkpoint copies the pages that no reader needs, and never waits. Where there is
 * always some reader it never empties the WAL: above a size one is made that waits for readers for
 * a moment, and cuts the file.
 */
int lite_checkpoint(struct store *base, uint64_t wal_bytes_max, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	bool must = store->wal_bytes > wal_bytes_max || store->wal_bytes > store->wal_truncate;
	int rc;

	if (store->wal_bytes < (must ? CHECKPOINT_BYTES : store->wal_next))
		return 0;
	rc = lite_copy(store, must, diag);
	if (rc == 0) {
		/*
		 * Where it does not begin anew with the next commit, a reader needs what it has,
		 * and each checkpoint would look through all of it.
		 */
		store->wal_bytes = must ? 0 : store->wal_bytes;
		store->wal_next = store->wal_bytes + CHECKPOINT_BYTES;
		store->wal_truncate = must ? TRUNCATE_BYTES : store->wal_truncate;
		return 0;
	}
	if (rc != ERR_BUSY)
		return rc;
	store->wal_truncate = store->wal_bytes + TRUNCATE_BYTES;
	if (store->wal_bytes <= wal_bytes_max)
		return 0;
	return diag_set(diag, ERR_BUSY,
			"%s-wal: grown to %llu MiB, since some process keeps reading an old state",
			store->sql.path, (unsigned long long)(store->wal_bytes >> 20));
}

/* ---- the engine -------------------------------------------------------------------------- */

const struct store_engine store_sqlite = {
	.name = "SQLite",
	.check_alone = lite_check_alone,
	.open = lite_open,
	.close = lite_close,
	.set_patience = lite_set_patience,
	.set_cache = lite_set_cache,
	.upgrade = lite_upgrade,
	.inspect = lite_inspect,
	.peek = lite_peek,
	.set_ring = lite_set_ring,
	.check = lite_check,
	.leave_empty = lite_leave_empty,
	.fault = lite_fault,
	.let_go = lite_let_go,
	.check_anew = lite_check_anew,
	.plan = lite_plan,
	.names_load = lite_names_load,
	.begin = lite_begin,
	.apply = lite_apply,
	.flush = lite_flush,
	.commit = lite_commit,
	.rollback = lite_rollback,
	.trim = lite_trim,
	.trim_retained = lite_trim_retained,
	.clock = lite_clock,
	.set_clock = lite_set_clock,
	.refuse = lite_refuse,
	.letter = lite_letter,
	.resent = lite_resent,
	.trim_letters = lite_trim_letters,
	.alert = lite_alert,
	.trim_refusals = lite_trim_refusals,
	.checkpoint = lite_checkpoint,
	.ids = lite_ids,
	.load_unique = lite_load_unique,
	.reader_open = lite_reader_open,
	.reader_use = lite_reader_use,
	.reader_close = lite_reader_close,
	.reader_find = lite_reader_find,
	.reader_letter = lite_reader_letter,
	.reader_last = lite_reader_last,
	.reader_unchanged = lite_reader_unchanged,
	.reader_visit = lite_reader_visit,
	.reader_resent = lite_reader_resent,
};

/* The ledger in PostgreSQL: who opens it, who has which name, and what its schema becomes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "failalloc.h"
#include "ledger/pg_process.h"
#include "ledger/pg_store_internal.h"
#include "pgstop.h"

#define WAIT_MS 5000u

/* A database of this test's own. */
struct room {
	char name[64];
	char conninfo[512];
};

static const char *server(void)
{
	return getenv("PETSTORE_POSTGRES");
}

static void must(int rc, const struct diag *diag)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, diag->text);
}

static struct pg *connected(const char *conninfo)
{
	const struct pg_place place = { .conninfo = conninfo, .wait_ms = WAIT_MS };
	struct pg *pg = NULL;
	struct diag diag;

	must(pg_open(&place, &pg, &diag), &diag);
	return pg;
}

static void script(const char *conninfo, const char *sql)
{
	struct pg *pg = connected(conninfo);
	struct diag diag;

	must(pg_script(pg, sql, "cannot do it", &diag), &diag);
	pg_close(pg);
}

/* The one value that a query answers, as text. */
static void answers(const char *conninfo, const char *sql, const char *expected)
{
	struct pg *pg = connected(conninfo);
	struct pg_rows rows;
	struct diag diag;

	must(pg_exec(pg, sql, NULL, &rows, "cannot ask", &diag), &diag);
	assert_int_equal(pg_rows_count(&rows), 1);
	assert_string_equal(pg_text(&rows, 0, 0), expected);
	pg_rows_clear(&rows);
	pg_close(pg);
}

static int set_up(void **state)
{
	static unsigned count;
	struct room *room = calloc(1, sizeof(*room));
	char sql[128];

	*state = room;
	if (!server())
		return 0;
	(void)snprintf(room->name, sizeof(room->name), "store_%ld_%u", (long)getpid(), count++);
	(void)snprintf(room->conninfo, sizeof(room->conninfo), "%s dbname=%s", server(),
		       room->name);
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", room->name);
	script(server(), sql);
	return 0;
}

static int tear_down(void **state)
{
	struct room *room = *state;
	char sql[128];

	if (server()) {
		(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s (FORCE)", room->name);
		script(server(), sql);
	}
	free(room);
	return 0;
}

/* The test's database, or the test is skipped. */
static const char *place_of(void **state)
{
	if (!server())
		skip();
	return ((struct room *)*state)->conninfo;
}

static int opens(const char *conninfo, const char *broker, struct store **ret, struct diag *diag)
{
	*ret = NULL;
	return store_open(&(struct store_place){ .place = conninfo, .broker = broker }, WAIT_MS,
			  ret, diag);
}

static struct store *opened(const char *conninfo, const char *broker)
{
	struct store *store;
	struct diag diag;

	must(opens(conninfo, broker, &store, &diag), &diag);
	must(store_upgrade(store, &diag), &diag);
	return store;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void test_store_open__an_empty_database_becomes_ours(void **state)
{
	const char *at = place_of(state);
	struct store_facts facts, again;
	struct store *store;
	struct diag diag;

	must(opens(at, "a", &store, &diag), &diag);
	must(store_peek(store, &facts, &diag), &diag);
	assert_true(facts.is_new);
	must(store_upgrade(store, &diag), &diag);
	must(store_inspect(store, &facts, &diag), &diag);
	assert_false(facts.is_new);
	assert_int_equal(facts.applied_seq, 0);
	assert_int_equal(facts.ring, STORE_RING_NONE);
	store_close(store);

	store = opened(at, "b");
	must(store_inspect(store, &again, &diag), &diag);
	assert_memory_equal(facts.identity, again.identity, STORE_IDENTITY);
	store_close(store);
	answers(at, "SELECT string_agg(name, ',' ORDER BY name) FROM brokers", "a,b");
}

static void refuses(const char *at, int expected, const char *says)
{
	struct store *store;
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = opens(at, "a", &store, &diag);
	if (rc == 0)
		rc = store_upgrade(store, &diag);
	if (store)
		store_close(store);
	if (!strstr(diag.text, says))
		fail_msg("%s", diag.text);
	assert_int_equal(rc, expected);
}

static void test_store_open__another_programs_database(void **state)
{
	const char *at = place_of(state);

	script(at, "CREATE TABLE events (what text);");
	refuses(at, ERR_VERSION, "another program's table");
	script(at, "DROP TABLE events; CREATE TABLE store (item text);");
	refuses(at, ERR_VERSION, "another program's");
	script(at,
	       "DROP TABLE store; CREATE TABLE store (program text, identity text, version bigint, "
	       "least bigint); INSERT INTO store VALUES ('other', '', 1, 1);");
	refuses(at, ERR_VERSION, "the database of another program");
}

static void test_store_open__a_right_that_is_missing(void **state)
{
	const char *at = place_of(state);
	char conninfo[600];

	script(at, "DROP ROLE IF EXISTS store_weak; CREATE ROLE store_weak LOGIN PASSWORD 'weak'; "
		   "REVOKE CREATE ON "
		   "SCHEMA "
		   "public FROM PUBLIC;");
	(void)snprintf(conninfo, sizeof(conninfo), "%s user=store_weak password=weak", at);
	refuses(conninfo, ERR_IO, "permission denied for schema public");
	store_close(opened(at, "a"));
	refuses(conninfo, ERR_VERSION, "may not be read");
	script(at, "GRANT SELECT ON store TO store_weak;");
	refuses(conninfo, ERR_IO, "permission denied for table brokers");
	script(at, "GRANT SELECT, INSERT, UPDATE ON brokers TO store_weak; GRANT SELECT ON "
		   "store_names, events "
		   "TO store_weak;");
	store_close(opened(conninfo, "a"));
	script(at, "DROP OWNED BY store_weak; DROP ROLE store_weak;");
}

static void test_store_open__a_database_that_is_read_only(void **state)
{
	const char *at = place_of(state);
	char sql[128];

	(void)snprintf(sql, sizeof(sql),
		       "ALTER DATABASE %s SET default_transaction_read_only = on;",
		       ((struct room *)*state)->name);
	script(at, sql);
	refuses(at, ERR_BUSY, "a standby, or a database that is read-only");
}

/* ---- versions ---------------------------------------------------------------------------- */

#define OPENERS 6
#define TRIES 40 /* of a start, whose locks are waited for PG_STORE_LOCK_MS each time */

struct opener {
	const char *at;
	char broker[16];
	int rc;
	struct diag diag;
};

static const struct entity_column order_column[] = {
	{ "status", VALUE_TEXT, true },
	{ "quantity", VALUE_INTEGER, false },
	{ "price", VALUE_REAL, false },
	{ "is_gift", VALUE_BOOLEAN, true },
};
static const struct entity order = {
	.name = "order",
	.table = "orders",
	.column_count = 4,
	.column = order_column,
	.slot_count = 1,
	.link_column = -1,
};
static const struct entity_plan plan = { 1, &order };

static int start_once(struct opener *opener)
{
	struct store *store;
	int rc = opens(opener->at, opener->broker, &store, &opener->diag);

	if (rc == 0)
		rc = store_look(store, &plan, &opener->diag);
	if (rc == 0)
		rc = store_upgrade(store, &opener->diag);
	if (rc == 0)
		rc = store_plan(store, &plan, &opener->diag);
	if (store)
		store_close(store);
	return rc;
}

/* As the ledger's: what a lock has delayed is tried again. */
static void *open_one(void *ctx)
{
	struct opener *opener = ctx;

	for (unsigned i = 0; i < TRIES; i++) {
		opener->rc = start_once(opener);
		if (opener->rc != ERR_BUSY)
			break;
	}
	return NULL;
}

/* Is all there once, for @brokers brokers? */
static void check_start(const char *at, const char *brokers)
{
	answers(at, "SELECT count(*)::text FROM brokers", brokers);
	answers(at, "SELECT count(*)::text FROM store", "1");
	answers(at,
		"SELECT string_agg(number || table_name || '.' || column_name, ' ' ORDER BY "
		"number) "
		"FROM store_names",
		"1orders. 2orders.status 3orders.quantity 4orders.price 5orders.is_gift");
}

static void test_store_upgrade__several_at_once(void **state)
{
	const char *at = place_of(state);
	struct opener opener[OPENERS] = { 0 };
	pthread_t thread[OPENERS];

	for (int i = 0; i < OPENERS; i++) {
		opener[i].at = at;
		(void)snprintf(opener[i].broker, sizeof(opener[i].broker), "b%d", i);
		assert_int_equal(pthread_create(&thread[i], NULL, open_one, &opener[i]), 0);
	}
	/* All of them: a thread that is left would run beside the next test. */
	for (int i = 0; i < OPENERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < OPENERS; i++)
		must(opener[i].rc, &opener[i].diag);
	check_start(at, "6");
}

/* ---- one that starts within another's start ---------------------------------------------- */

struct late {
	struct opener opener;
	pthread_t thread;
	atomic_bool is_over;
};

static void *open_late(void *ctx)
{
	struct late *late = ctx;

	(void)open_one(&late->opener);
	atomic_store(&late->is_over, true);
	return NULL;
}

/* Until it has started, or waits for a lock, which the one that was stopped has. */
static void start_late(void *ctx)
{
	static const char waiting[] =
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
		"wait_event_type = 'Lock'";
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct late *late = ctx;
	struct pg *pg = connected(late->opener.at);
	bool is_waiting = false;

	assert_int_equal(pthread_create(&late->thread, NULL, open_late, late), 0);
	while (!is_waiting && !atomic_load(&late->is_over)) {
		struct pg_rows rows;
		struct diag diag;

		must(pg_exec(pg, waiting, NULL, &rows, "cannot ask", &diag), &diag);
		is_waiting = pg_number(&rows, 0, 0) > 0;
		pg_rows_clear(&rows);
		(void)nanosleep(&pause, NULL);
	}
	pg_close(pg);
}

/* Another broker starts before statement @number of a start. False: there are not so many. */
static bool start_within(const char *at, unsigned number)
{
	struct late late = { .opener = { .at = at, .broker = "late" } };
	struct opener opener = { .broker = "a" };
	struct pgstop stop;
	bool has_stopped;

	if (!pgstop_begin(&stop, at, number, start_late, &late))
		skip();
	opener.at = stop.conninfo;
	(void)open_one(&opener);
	has_stopped = pgstop_end(&stop);
	if (has_stopped)
		assert_int_equal(pthread_join(late.thread, NULL), 0);
	if (opener.rc || late.opener.rc)
		fail_msg("statement %u: %d: %s; the other: %d: %s", number, opener.rc,
			 opener.diag.text, late.opener.rc, late.opener.diag.text);
	check_start(at, has_stopped ? "2" : "1");
	return has_stopped;
}

static void start_within_each(const char *at)
{
	unsigned number = 1;

	while (start_within(at, number)) {
		script(at, "DROP SCHEMA public CASCADE; CREATE SCHEMA public;");
		number++;
	}
	assert_true(number > 20);
}

static void test_store_upgrade__another_starts_before_each_statement(void **state)
{
	start_within_each(place_of(state));
}

/* Where a transaction sees what was there when it asked for a lock, not when it got it. */
static void test_store_upgrade__another_starts_and_snapshots_last(void **state)
{
	const char *at = place_of(state);
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		       "ALTER DATABASE %s SET default_transaction_isolation = 'repeatable read';",
		       ((struct room *)*state)->name);
	script(at, sql);
	start_within_each(at);
}

#define TABLES                                                                                     \
	"SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE "      \
	"relkind IN ('r', 'v', 'S') AND relnamespace = 'public'::regnamespace"

/* Nothing is made beside a table that is not ours, whichever of our names it has. */
static void test_store_look__another_programs_table_stays_alone(void **state)
{
	static const char *const own[] = { "brokers",       "store_names", "events",
					   "retained",      "refusals",    "alerts",
					   "store_letters", "bans",        "orders" };
	const char *at = place_of(state);

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char sql[96];
		struct store *store;
		struct diag diag;
		int rc;

		(void)snprintf(sql, sizeof(sql), "CREATE TABLE %s (id text PRIMARY KEY);", own[i]);
		script(at, sql);
		must(opens(at, "a", &store, &diag), &diag);
		rc = store_look(store, &plan, &diag);
		if (rc == 0)
			rc = store_upgrade(store, &diag);
		store_close(store);
		assert_int_equal(rc, ERR_VERSION);
		assert_non_null(strstr(diag.text, PG_STORE_TAKEN));
		answers(at, TABLES, own[i]);
		(void)snprintf(sql, sizeof(sql), "DROP TABLE %s;", own[i]);
		script(at, sql);
	}
}

/* A plan whose tables another broker made at this moment: they are ours. */
static void test_store_look__what_another_broker_made(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a"), *other;
	struct diag diag;

	must(opens(at, "b", &other, &diag), &diag);
	must(store_plan(store, &plan, &diag), &diag);
	must(store_look(other, &plan, &diag), &diag);
	store_close(other);
	store_close(store);
}

static const struct pg_migration next[] = {
	{ "SELECT 1;", 1 },
	{ "ALTER TABLE events ADD COLUMN next_thing TEXT;", 1 },
	{ "ALTER TABLE events ADD COLUMN third_thing TEXT;", 3 },
};

static void test_store_upgrade__old_and_new_for_one_version(void **state)
{
	const char *at = place_of(state);
	struct store *old = opened(at, "old"), *new;
	struct diag diag;
	uint64_t applied;

	must(opens(at, "new", &new, &diag), &diag);
	must(pg_store_migrate(pg_store_of(new), next, 2, &diag), &diag);
	answers(at, "SELECT version || ' ' || least FROM store", "2 1");
	answers(at,
		"SELECT count(*)::text FROM information_schema.columns WHERE column_name = "
		"'next_thing'",
		"1");
	/* The old one goes on, and starts again. */
	must(store_begin(old, &applied, &diag), &diag);
	must(store_commit(old, 7, &diag), &diag);
	store_close(old);
	store_close(opened(at, "old"));
	/* But not one version later. */
	must(pg_store_migrate(pg_store_of(new), next, 3, &diag), &diag);
	refuses(at, ERR_VERSION,
		"schema version 3 of a newer plugin, which plugins from version 3 on may use (this "
		"one "
		"knows 1)");
	store_close(new);
}

static void test_store_upgrade__a_failure_leaves_the_version(void **state)
{
	static const struct pg_migration wrong[] = {
		{ "SELECT 1;", 1 },
		{ "ALTER TABLE events ADD COLUMN next_thing TEXT; SELECT nonsense;", 1 },
	};
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct diag diag;

	assert_int_equal(pg_store_migrate(pg_store_of(store), wrong, 2, &diag), ERR_IO);
	answers(at, "SELECT version::text FROM store", "1");
	answers(at,
		"SELECT count(*)::text FROM information_schema.columns WHERE column_name = "
		"'next_thing'",
		"0");
	store_close(store);
}

/* ---- the name ---------------------------------------------------------------------------- */

static void test_store_open__a_name_that_is_taken(void **state)
{
	const char *at = place_of(state);
	struct store *one = opened(at, "a"), *other;
	struct diag diag;
	uint64_t applied;

	refuses(at, ERR_BUSY, "two brokers are called a: another process has this name, on host ");
	/* One that looks only takes none. */
	must(opens(at, NULL, &other, &diag), &diag);
	store_close(other);
	/* Its last sign is too old. */
	script(at, "UPDATE brokers SET seen_at = seen_at - 6000;");
	other = opened(at, "a");
	assert_int_equal(store_begin(one, &applied, &diag), ERR_IO);
	assert_non_null(strstr(diag.text, "another process has taken this name"));
	assert_int_equal(store_fault(one), STORE_UNSURE);
	store_rollback(one);
	assert_int_equal(store_check(one, &diag), ERR_IO);
	assert_non_null(strstr(diag.text, "another process has taken this name"));
	store_close(one);
	/* The end of the one that has lost it changes nothing. */
	refuses(at, ERR_BUSY, "two brokers are called a");
	/* One that ends gives the name back. */
	store_close(other);
	store_close(opened(at, "a"));
	/* A sign from the future is none. */
	script(at, "UPDATE brokers SET seen_at = seen_at + 3600000 + " PG_NOW_MS ";");
	store_close(opened(at, "a"));
}

static void test_store_commit__a_name_that_was_taken_meanwhile(void **state)
{
	const char *at = place_of(state);
	struct store *one = opened(at, "a"), *other;
	struct diag diag;
	uint64_t applied;

	must(store_begin(one, &applied, &diag), &diag);
	/* The row is locked: whoever takes it waits for the commit. */
	script(at, "SET lock_timeout = 20; SELECT name FROM brokers FOR UPDATE SKIP LOCKED;");
	must(store_commit(one, 5, &diag), &diag);
	script(at, "UPDATE brokers SET seen_at = 0;");
	other = opened(at, "a");
	must(store_begin(other, &applied, &diag), &diag);
	assert_int_equal(applied, 5);
	store_rollback(other);
	store_close(other);
	store_close(one);
}

static void test_store_check__a_sign_each_second(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct diag diag;

	script(at, "UPDATE brokers SET seen_at = 1;");
	must(store_check(store, &diag), &diag);
	answers(at, "SELECT (seen_at = 1)::text FROM brokers", "true");
	pg_store_of(store)->signed_ns -= 1100000000;
	must(store_check(store, &diag), &diag);
	answers(at, "SELECT (seen_at > " PG_NOW_MS " - 2000)::text FROM brokers", "true");
	store_close(store);
	answers(at, "SELECT seen_at::text FROM brokers", "0");
}

static void test_store_open__the_name_of_a_process_that_is_gone(void **state)
{
	const char *at = place_of(state);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* Nothing of the parent's is cleaned up. */
		opened(at, "a");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	answers(at, "SELECT (seen_at > " PG_NOW_MS " - 4000)::text FROM brokers", "true");
	store_close(opened(at, "a"));
}

static void test_pg_process_is_gone__of_others_nothing_is_known(void **state)
{
	char self[PG_PROCESS_MAX], other[PG_PROCESS_MAX + 1];

	(void)state;
	(void)pg_process_self(self);
	assert_true(*self);
	assert_false(pg_process_is_gone(self));
	assert_false(pg_process_is_gone(""));
	assert_false(pg_process_is_gone("a b 1"));
	/* Another machine's; and one that had this process's number before. */
	(void)snprintf(other, sizeof(other), "%s", self);
	other[0] = other[0] == 'x' ? 'y' : 'x';
	assert_false(pg_process_is_gone(other));
	(void)snprintf(other, sizeof(other), "%s9", self);
	assert_true(pg_process_is_gone(other));
}

/* ---- transactions ------------------------------------------------------------------------ */

static void end_sessions(const char *at)
{
	script(at, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "
		   "current_database() AND pid <> pg_backend_pid();");
}

static void test_store_commit__is_kept(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct store_facts facts;
	uint64_t applied, ring = 0x1234;
	struct diag diag;
	int64_t clock;

	must(store_begin(store, &applied, &diag), &diag);
	assert_int_equal(applied, 0);
	store_set_clock(store, 1790000000000);
	must(store_commit(store, 12, &diag), &diag);
	must(store_begin(store, &applied, &diag), &diag);
	assert_int_equal(applied, 12);
	store_rollback(store);
	must(store_set_ring(store, NULL, &ring, 11, &diag), &diag);
	must(store_inspect(store, &facts, &diag), &diag);
	assert_int_equal(facts.applied_seq, 12);
	assert_int_equal(facts.ring, STORE_RING_IN_USE);
	assert_int_equal(facts.ring_number, 0x1234);
	must(store_set_ring(store, &ring, NULL, 20, &diag), &diag);
	must(store_inspect(store, &facts, &diag), &diag);
	assert_int_equal(facts.applied_seq, 20);
	assert_int_equal(facts.ring, STORE_RING_NONE);
	must(store_clock(store, &clock, &diag), &diag);
	assert_true(clock == 1790000000000);
	store_close(store);
}

static void test_store_begin__connects_anew(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	uint64_t applied;
	struct diag diag;

	must(store_begin(store, &applied, &diag), &diag);
	must(store_commit(store, 3, &diag), &diag);
	end_sessions(at);
	assert_int_equal(store_begin(store, &applied, &diag), ERR_BUSY);
	store_rollback(store);
	must(store_begin(store, &applied, &diag), &diag);
	assert_int_equal(applied, 3);
	end_sessions(at);
	assert_int_equal(store_commit(store, 4, &diag), ERR_BUSY);
	store_rollback(store);
	must(store_begin(store, &applied, &diag), &diag);
	assert_int_equal(applied, 3);
	must(store_commit(store, 4, &diag), &diag);
	store_close(store);
}

/* Is the test's database to take connections? It is asked of another one. */
static void admit(void **state, bool is_open)
{
	const struct room *room = *state;
	char sql[200];

	(void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s;", room->name,
		       is_open ? "true" : "false");
	script(server(), sql);
}

/* The writer measures commits, and gives signs, whether the last batch found the database or not.
 */
static void test_store_probe__no_connection(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	uint64_t applied, us[2];
	struct diag diag;
	int rc;

	end_sessions(at);
	admit(state, false);
	rc = store_begin(store, &applied, &diag);
	store_rollback(store);
	if (rc)
		rc = store_begin(store, &applied, &diag);
	assert_int_not_equal(rc, 0);
	store_rollback(store);
	assert_int_equal(store_probe(store, 2, us, &diag), ERR_BUSY);
	admit(state, true);
	must(store_begin(store, &applied, &diag), &diag);
	store_rollback(store);
	must(store_probe(store, 2, us, &diag), &diag);
	store_close(store);
}

static void yesterday(const char *at, struct store *store, const char *says)
{
	uint64_t applied, us;
	struct diag diag;

	end_sessions(at);
	assert_int_equal(store_begin(store, &applied, &diag), ERR_BUSY);
	assert_int_equal(store_begin(store, &applied, &diag), ERR_IO);
	if (!strstr(diag.text, says))
		fail_msg("%s", diag.text);
	assert_int_equal(store_fault(store), STORE_UNSURE);
	assert_int_equal(store_probe(store, 1, &us, &diag), ERR_BUSY); /* there is no connection */
	assert_int_equal(store_check(store, &diag), ERR_IO);
	assert_non_null(strstr(diag.text, says));
	store_rollback(store);
	store_close(store);
}

static void test_store_begin__a_database_of_yesterday(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	uint64_t applied;
	struct diag diag;

	must(store_begin(store, &applied, &diag), &diag);
	must(store_commit(store, 100, &diag), &diag);
	script(at, "UPDATE brokers SET applied_seq = 40, instance = 'of yesterday';");
	yesterday(
		at, store,
		"an older copy of the database, or a standby that had not got all: of broker a it "
		"ends at write 40, and lacks 60 that were committed, and 0 strict ones");
	script(at, "UPDATE brokers SET seen_at = 0;");
	store = opened(at, "a");
	script(at, "INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, "
		   "payload, "
		   "origin, origin_seq) SELECT '', '', '', '', 0, 0, '', 'a', -n FROM "
		   "generate_series(1, 5) AS n;");
	pg_store_of(store)->signed_ns -= 1100000000;
	must(store_check(store, &diag), &diag);
	/* Old events go, and are no loss. */
	script(at, "DELETE FROM events;");
	end_sessions(at);
	assert_int_equal(store_begin(store, &applied, &diag), ERR_BUSY);
	must(store_begin(store, &applied, &diag), &diag);
	store_rollback(store);
	script(at, "UPDATE brokers SET strict_seq = -2;");
	yesterday(at, store, "lacks 0 that were committed, and at most 3 strict ones");
}

static void test_store_line__a_clock_that_is_off(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct diag line;

	assert_false(store_line(store, &line));
	pg_lease_clock(pg_store_of(store), clock_unix_ms() - 60050);
	pg_lease_clock(pg_store_of(store), clock_unix_ms() - 60050);
	assert_true(store_line(store, &line));
	assert_non_null(strstr(line.text, "this machine's clock is 60 s ahead of the database's"));
	assert_false(store_line(store, &line));
	pg_lease_clock(pg_store_of(store), clock_unix_ms());
	pg_lease_clock(pg_store_of(store), clock_unix_ms() + 7950);
	assert_true(store_line(store, &line));
	assert_non_null(strstr(line.text, "7 s behind the database's"));
	store_close(store);
}

/* All of an opening, but libpq's own allocations. */
static int open_all(const char *at, struct diag *diag)
{
	struct store *store;
	struct store_names *names = NULL;
	int rc = opens(at, "a", &store, diag);

	if (rc == 0)
		rc = store_upgrade(store, diag);
	if (rc == 0)
		rc = store_plan(store, &plan, diag);
	if (rc == 0)
		rc = store_names_load(store, &names, diag);
	store_names_free(names);
	store_close(store);
	return rc;
}

static void test_store_open__memory_runs_out(void **state)
{
	const char *at = place_of(state);
	struct diag diag;
	size_t n = 1;
	int rc;

	for (;; n += 1 + n / 16) {
		failalloc_start(n);
		rc = open_all(at, &diag);
		if (!failalloc_stop())
			break;
		assert_int_equal(rc, ERR_NOMEM);
		if (n % 16 == 0) /* else what is there already is found */
			script(at, "DROP SCHEMA public CASCADE; CREATE SCHEMA public;");
	}
	must(rc, &diag);
	assert_true(n > 10);
}

/* ---- plans ------------------------------------------------------------------------------- */

static void test_store_plan__tables_columns_and_indexes(void **state)
{
	static const struct entity_column more[] = {
		{ "status", VALUE_TEXT, true },
		{ "note", VALUE_TEXT, true },
	};
	struct entity grown = order;
	const struct entity_plan next_plan = { 1, &grown };
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct store_names *names;
	struct store_numbers numbers;
	struct diag diag;

	must(store_plan(store, &plan, &diag), &diag);
	must(store_plan(store, &plan, &diag), &diag);
	answers(at,
		"SELECT string_agg(indexname, ' ' ORDER BY indexname COLLATE \"C\") FROM "
		"pg_indexes WHERE "
		"tablename = 'orders'",
		"orders.is_gift orders.owner orders.status orders_pkey");
	grown.column_count = 2;
	grown.column = more;
	grown.is_timed[0] = true;
	must(store_plan(store, &next_plan, &diag), &diag);
	must(store_names_load(store, &names, &diag), &diag);
	must(store_names_find(names, &grown, &numbers, &diag), &diag);
	assert_int_equal(numbers.table, 1);
	assert_int_equal(numbers.column[0], 2);
	assert_int_equal(numbers.column[1], 6);
	must(store_names_find(names, &order, &numbers, &diag), &diag);
	assert_int_equal(numbers.column[3], 5);
	store_names_free(names);
	answers(at, "SELECT indexdef FROM pg_indexes WHERE indexname = 'orders.note'",
		"CREATE INDEX \"orders.note\" ON public.orders USING btree (note) WHERE (note IS "
		"NOT "
		"NULL)");
	answers(at,
		"SELECT count(*)::text FROM pg_indexes WHERE indexname = "
		"'orders.status.updated_at'",
		"1");
	store_close(store);
}

static void plan_fails(struct store *store, const char *says)
{
	struct diag diag;

	assert_int_equal(store_plan(store, &plan, &diag), ERR_INVALID);
	if (!strstr(diag.text, says))
		fail_msg("%s", diag.text);
}

static void test_store_plan__tables_of_others(void **state)
{
	static const struct entity bans = { .name = "ban", .table = "bans", .link_column = -1 };
	static const struct entity class = { .name = "c", .table = "pg_class", .link_column = -1 };
	const struct entity_plan taken = { 1, &bans }, servers = { 1, &class };
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct diag diag;

	script(at, "CREATE VIEW orders AS SELECT 1 AS one;");
	plan_fails(store, "orders is a view, an index or a table that may not be read");
	script(at, "DROP VIEW orders; CREATE TABLE orders (id text PRIMARY KEY);");
	plan_fails(store, "table orders: column owner is missing where the contract needs TEXT");
	script(at, "DROP TABLE orders; CREATE TABLE orders (id text, owner text, revision bigint, "
		   "created_at text, updated_at text);");
	plan_fails(store, "column id is no key where the contract needs id alone");
	script(at,
	       "ALTER TABLE orders ADD PRIMARY KEY (id); ALTER TABLE orders ADD COLUMN quantity "
	       "text;");
	plan_fails(store, "column quantity is text where the contract needs BIGINT");
	script(at,
	       "ALTER TABLE orders DROP COLUMN quantity; ALTER TABLE orders ADD COLUMN other text "
	       "NOT NULL;");
	plan_fails(store, "column other is NOT NULL without a default");
	script(at, "ALTER TABLE orders ALTER COLUMN other DROP NOT NULL;");
	must(store_plan(store, &plan, &diag), &diag);
	assert_int_equal(store_plan(store, &taken, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "a table cannot be named 'bans'"));
	assert_int_equal(store_plan(store, &servers, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "a table cannot be named 'pg_class'"));
	store_close(store);
}

static void note_id(const char *id, size_t len, void *ctx)
{
	strncat(ctx, id, len);
	strcat(ctx, " ");
}

static void test_store_ids__in_the_order_of_their_bytes(void **state)
{
	const char *at = place_of(state);
	struct store *store = opened(at, "a");
	struct store_mark mark = { .len = 0 };
	char seen[256] = "";
	struct diag diag;

	must(store_plan(store, &plan, &diag), &diag);
	script(at,
	       "INSERT INTO orders (id, revision, created_at, updated_at) SELECT unnest(ARRAY['b', "
	       "'A', 'a', '\xc3\xa9', 'B', repeat('x', 65)]), 1, '', '';");
	assert_int_equal(store_ids(store, 1, &mark, 3, note_id, seen, &diag), 1);
	assert_string_equal(seen, "A B a ");
	assert_int_equal(store_ids(store, 1, &mark, 3, note_id, seen, &diag), 0);
	assert_string_equal(seen, "A B a b \xc3\xa9 ");
	store_close(store);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_store_open__an_empty_database_becomes_ours),
		CASE(test_store_open__another_programs_database),
		CASE(test_store_look__another_programs_table_stays_alone),
		CASE(test_store_look__what_another_broker_made),
		CASE(test_store_open__a_right_that_is_missing),
		CASE(test_store_open__a_database_that_is_read_only),
		CASE(test_store_upgrade__several_at_once),
		CASE(test_store_upgrade__another_starts_before_each_statement),
		CASE(test_store_upgrade__another_starts_and_snapshots_last),
		CASE(test_store_upgrade__old_and_new_for_one_version),
		CASE(test_store_upgrade__a_failure_leaves_the_version),
		CASE(test_store_open__a_name_that_is_taken),
		CASE(test_store_commit__a_name_that_was_taken_meanwhile),
		CASE(test_store_check__a_sign_each_second),
		CASE(test_store_open__the_name_of_a_process_that_is_gone),
		cmocka_unit_test(test_pg_process_is_gone__of_others_nothing_is_known),
		CASE(test_store_commit__is_kept),
		CASE(test_store_begin__connects_anew),
		CASE(test_store_probe__no_connection),
		CASE(test_store_begin__a_database_of_yesterday),
		CASE(test_store_line__a_clock_that_is_off),
		CASE(test_store_open__memory_runs_out),
		CASE(test_store_plan__tables_columns_and_indexes),
		CASE(test_store_plan__tables_of_others),
		CASE(test_store_ids__in_the_order_of_their_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What other brokers carried into the database, and bans, as a thread hears of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/wholefile.h"
#include "ledger/pg.h"
#include "ledger/pg_watch.h"
#include "ledger/store.h"

#define WAIT_MS 30000u
#define SCHEMA "schemas/store/postgresql/001-initial.sql"

struct world {
	char conninfo[1024], schema[64];
	struct pg *pg; /* the other brokers' */
	struct pg_watch *watch;
};

static void must(int rc, const struct diag *diag)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, diag->text);
}

static void script(struct pg *pg, const char *sql)
{
	struct diag diag;

	diag_init(&diag);
	must(pg_script(pg, sql, "cannot do it", &diag), &diag);
}

static void tables(struct pg *pg)
{
	struct diag diag;
	char *text = NULL;
	size_t len;

	diag_init(&diag);
	must(wholefile_read(SCHEMA, 1 << 20, &text, &len, NULL, &diag), &diag);
	text[len] = 0;
	script(pg, text);
	free(text);
}

/* A schema of its own in the server's database: each test has its own tables. */
static int set_up(void **state)
{
	static int number;
	const char *server = getenv("PETSTORE_POSTGRES");
	struct pg_place place = { .conninfo = server, .wait_ms = WAIT_MS };
	struct world *world;
	char sql[128];
	struct diag diag;

	*state = NULL;
	if (!server)
		return 0;
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	(void)snprintf(world->schema, sizeof(world->schema), "watch_%d_%d", (int)getpid(),
		       number++);
	(void)snprintf(world->conninfo, sizeof(world->conninfo), "%s options=-csearch_path=%s",
		       server, world->schema);
	place.conninfo = world->conninfo;
	diag_init(&diag);
	must(pg_open(&place, &world->pg, &diag), &diag);
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA %s;", world->schema);
	script(world->pg, sql);
	tables(world->pg);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	char sql[128];

	if (!world)
		return 0;
	pg_watch_free(world->watch);
	(void)snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE;", world->schema);
	script(world->pg, sql);
	pg_close(world->pg);
	free(world);
	return 0;
}

static struct world *begun(void **state)
{
	struct world *world = *state;
	struct diag diag;

	if (!world)
		skip();
	script(world->pg, "INSERT INTO brokers (name, instance, started_at, seen_at, version) "
			  "VALUES ('here', 'x', '', 0, 1), ('there', 'y', '', 0, 1);");
	diag_init(&diag);
	must(pg_watch_new(&(struct store_place){ .place = world->conninfo, .broker = "here" },
			  &world->watch, &diag),
	     &diag);
	return world;
}

static bool hear(struct world *world, struct others_news *ret)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int64_t until_ns = clock_mono_ns() + WAIT_MS * INT64_C(1000000);

	while (!pg_watch_next(world->watch, ret)) {
		if (clock_mono_ns() > until_ns)
			return false;
		(void)nanosleep(&moment, NULL);
	}
	return true;
}

/* The same, but for OTHERS_LOST: on a busy machine a round comes late now and then. */
static bool hear_more(struct world *world, struct others_news *ret)
{
	while (hear(world, ret))
		if (ret->kind != OTHERS_LOST)
			return true;
	return false;
}

/* The next news, which is an event. */
static struct others_event event(struct world *world, const char *origin, int64_t sequence)
{
	struct others_news news;

	assert_true(hear_more(world, &news));
	assert_int_equal(news.kind, OTHERS_EVENT);
	assert_string_equal(news.origin, origin);
	assert_int_equal(news.sequence, sequence);
	return news.event;
}

static void seen(struct world *world, int64_t sequence)
{
	struct others_news news;

	assert_true(hear_more(world, &news));
	assert_int_equal(news.kind, OTHERS_SEEN);
	assert_string_equal(news.origin, "there");
	assert_int_equal(news.sequence, sequence);
}

/* As a batch of @origin's is committed. */
static void carry(struct world *world, const char *origin, int from, int to, const char *more)
{
	char sql[1024];

	(void)snprintf(
		sql, sizeof(sql),
		"BEGIN; INSERT INTO events (received_at, topic, publisher, client_id, qos, "
		"retained, payload, revision, digest, unique_key, origin, origin_seq) SELECT "
		"'', 'orders/' || i || '/status', 'eva', 'app', 1, 1, '{}', i, -1, 7, '%s', i "
		"FROM generate_series(%d, %d) i; UPDATE brokers SET applied_seq = %d WHERE "
		"name = '%s'; %s COMMIT;",
		origin, from, to, to, origin, more);
	script(world->pg, sql);
}

static void test_pg_watch_next__hears_what_others_carried(void **state)
{
	struct world *world = begun(state);
	struct others_event heard;

	carry(world, "here", 1, 3, ""); /* which this broker knows */
	carry(world, "there", 1, 2, "NOTIFY petstore, 'there';");
	heard = event(world, "there", 1);
	assert_string_equal(heard.topic, "orders/1/status");
	assert_int_equal(heard.topic_len, strlen(heard.topic));
	assert_string_equal(heard.publisher, "eva");
	assert_string_equal(heard.client_id, "app");
	assert_int_equal(heard.qos, 1);
	assert_true(heard.is_retained && !heard.is_will && !heard.is_overruled);
	assert_int_equal(heard.revision, 1);
	assert_true(heard.digest == UINT64_MAX);
	assert_int_equal(heard.unique, 7);
	assert_null(heard.payload);
	(void)event(world, "there", 2);
	seen(world, 2);
	carry(world, "there", 3, 3, ""); /* nobody says so */
	(void)event(world, "there", 3);
	seen(world, 3);
}

static void test_pg_watch_next__strict_steps_count_down(void **state)
{
	struct world *world = begun(state);

	carry(world, "there", -2, -1, "UPDATE brokers SET applied_seq = 0;");
	(void)event(world, "there", -1);
	(void)event(world, "there", -2);
	seen(world, -2);
	carry(world, "there", -3, -3, "UPDATE brokers SET applied_seq = 0;");
	(void)event(world, "there", -3);
	seen(world, -3);
}

/* Of a broker that was in doubt: its number is lower, in size, than those that were read. */
static void test_pg_watch_next__a_strict_step_that_is_committed_late(void **state)
{
	struct world *world = begun(state);

	carry(world, "there", -1, -1, "UPDATE brokers SET applied_seq = 0;");
	(void)event(world, "there", -1);
	seen(world, -1);
	carry(world, "there", -4, -3, "UPDATE brokers SET applied_seq = 0;");
	(void)event(world, "there", -3);
	(void)event(world, "there", -4);
	seen(world, -4);
	carry(world, "there", -2, -2, "UPDATE brokers SET applied_seq = 0;");
	(void)event(world, "there", -2);
	/* Once. */
	carry(world, "there", -5, -5, "UPDATE brokers SET applied_seq = 0;");
	(void)event(world, "there", -5);
	seen(world, -5);
}

/* A transaction that was open when this broker began, and looked at all that is retained. */
static void test_pg_watch_new__while_a_strict_step_is_open(void **state)
{
	struct world *world = *state;
	struct pg_place place = { .wait_ms = WAIT_MS };
	struct pg *open = NULL;
	struct diag diag;

	if (!world)
		skip();
	place.conninfo = world->conninfo;
	diag_init(&diag);
	must(pg_open(&place, &open, &diag), &diag);
	script(open, "BEGIN; INSERT INTO events (received_at, topic, publisher, client_id, qos, "
		     "retained, payload, revision, digest, origin, origin_seq) VALUES ('', "
		     "'payments/1/status', 'eva', 'app', 1, 0, '{}', 1, 1, 'there', -1);");
	carry(world, "there", -2, -2, "");
	(void)begun(state);
	script(open, "COMMIT;");
	(void)event(world, "there", -1);
	pg_close(open);
}

static void test_pg_watch_next__own_ones_that_were_overruled(void **state)
{
	struct world *world = begun(state);
	struct others_event heard;
	struct others_news news;

	carry(world, "here", 1, 4,
	      "UPDATE events SET overruled = 1, payload = NULL, payload_bytes = 'x' WHERE "
	      "origin_seq = 2; UPDATE events SET overruled = 1 WHERE origin_seq = 4;");
	heard = event(world, "here", 2);
	assert_true(heard.is_overruled);
	assert_int_equal(heard.payload_len, 1);
	assert_memory_equal(heard.payload, "x", 1);
	heard = event(world, "here", 4);
	assert_int_equal(heard.payload_len, 2);
	carry(world, "here", 5, 5, "UPDATE events SET overruled = 1 WHERE origin_seq = 5;");
	carry(world, "there", 1, 1, "UPDATE events SET overruled = 1 WHERE origin = 'there';");
	assert_true(hear_more(world, &news));
	if (!news.is_own) { /* they were read in the order of names */
		assert_string_equal(news.origin, "there");
		return;
	}
	assert_int_equal(news.sequence, 5);
	assert_true(event(world, "there", 1).is_overruled);
}

static void test_pg_watch_next__more_than_it_keeps(void **state)
{
	struct world *world = begun(state);
	const int all = (int)(WATCH_ROWS * WATCH_CHUNKS_MAX) + 100;

	carry(world, "there", 1, all, "");
	(void)usleep(300000); /* until it waits for room; if not, nothing is different */
	for (int i = 1; i <= all; i++)
		(void)event(world, "there", i);
	seen(world, all);
}

static void test_pg_watch_free__while_it_waits_for_room(void **state)
{
	struct world *world = begun(state);

	carry(world, "there", 1, (int)(WATCH_ROWS * WATCH_CHUNKS_MAX) + 100, "");
	(void)usleep(300000);
}

/* What the connection's end hid is heard when it is back; what is in memory may be old by then. */
static void test_pg_watch_next__after_it_was_away(void **state)
{
	struct world *world = begun(state);
	const struct timespec long_enough = { .tv_nsec = 20000000 };
	bool was_lost = false;
	struct others_news news;

	carry(world, "there", 1, 1, "");
	(void)event(world, "there", 1);
	seen(world, 1);
	script(world->pg, "ALTER TABLE brokers RENAME TO away;");
	for (int i = 0; i < 70; i++)
		(void)nanosleep(&long_enough, NULL); /* more than WATCH_LATE_MS */
	script(world->pg, "ALTER TABLE away RENAME TO brokers;");
	carry(world, "there", 2, 2, "");
	while (hear(world, &news) && news.kind == OTHERS_LOST)
		was_lost = true;
	assert_true(was_lost);
	assert_int_equal(news.sequence, 2);
}

static void test_pg_watch_brokers__says_who_there_is(void **state)
{
	struct world *world = begun(state);
	struct others_broker known[OTHERS_BROKERS_MAX];
	struct others_news news;

	script(world->pg, "UPDATE brokers SET seen_at = 1, waiting = 5, lag_ms = 70, overruled = 2 "
			  "WHERE name = 'there';");
	carry(world, "there", 1, 9, "");
	while (hear_more(world, &news) && news.kind != OTHERS_SEEN)
		;
	assert_int_equal(pg_watch_brokers(world->watch, known, OTHERS_BROKERS_MAX), 2);
	assert_string_equal(known[0].name, "here");
	assert_true(known[0].is_own && !known[1].is_own);
	assert_int_equal(known[1].applied, 9);
	assert_int_equal(known[1].waiting, 5);
	assert_int_equal(known[1].lag_ms, 70);
	assert_int_equal(known[1].overruled, 2);
	assert_true(known[1].silent_ms > 0 && !known[1].is_out);
	assert_int_equal(pg_watch_brokers(world->watch, known, 1), 1);
	script(world->pg, "UPDATE brokers SET seen_at = -1 WHERE name = 'there';");
	carry(world, "there", 10, 10, "");
	while (hear_more(world, &news) && news.kind != OTHERS_SEEN)
		;
	assert_int_equal(pg_watch_brokers(world->watch, known, OTHERS_BROKERS_MAX), 2);
	assert_true(known[1].is_out && known[1].silent_ms == 0);
}

static void test_pg_watch_ban__is_heard_by_the_others(void **state)
{
	struct world *world = begun(state);
	const struct others_ban ban = { .name = "app",
					.principal = "eva",
					.cause = "id-probing",
					.until_ms = clock_unix_ms() + 60000 };
	const struct others_ban lifted = { .is_principal = true,
					   .is_lifted = true,
					   .name = "eva",
					   .principal = "",
					   .cause = "",
					   .until_ms = ban.until_ms };
	struct pg_watch *other = NULL;
	struct others_news news;
	struct diag diag;

	diag_init(&diag);
	must(pg_watch_new(&(struct store_place){ .place = world->conninfo, .broker = "there" },
			  &other, &diag),
	     &diag);
	pg_watch_ban(other, &ban);
	assert_true(hear_more(world, &news));
	assert_int_equal(news.kind, OTHERS_BAN);
	assert_string_equal(news.origin, "there");
	assert_string_equal(news.ban.name, "app");
	assert_string_equal(news.ban.principal, "eva");
	assert_string_equal(news.ban.cause, "id-probing");
	assert_true(news.ban.until_ms == ban.until_ms);
	assert_false(news.ban.is_lifted || news.ban.is_principal);
	pg_watch_ban(other, &lifted);
	assert_true(hear_more(world, &news));
	assert_true(news.ban.is_lifted && news.ban.is_principal);
	pg_watch_free(other);
}

static void test_pg_watch_new__where_nothing_answers(void **state)
{
	struct pg_watch *watch = NULL;
	struct others_news news;
	struct diag diag;

	(void)state;
	diag_init(&diag);
	must(pg_watch_new(&(struct store_place){ .place = "host=127.0.0.1 port=1 dbname=x",
						 .broker = "here" },
			  &watch, &diag),
	     &diag);
	assert_false(pg_watch_next(watch, &news));
	pg_watch_free(watch);
}

/* Those that were seen last are heard; rows of brokers that are gone for good may stay. */
static void test_pg_watch_brokers__more_than_are_heard(void **state)
{
	struct others_broker known[OTHERS_BROKERS_MAX];
	struct world *world = *state;
	unsigned alive = 0;
	size_t count;

	if (!world)
		skip();
	script(world->pg, "INSERT INTO brokers (name, instance, started_at, seen_at, version) "
			  "SELECT 'gone' || n, 'z', '', -1, 1 FROM generate_series(1, 64) AS n;");
	(void)begun(state);
	count = pg_watch_brokers(world->watch, known, OTHERS_BROKERS_MAX);
	assert_int_equal(count, OTHERS_BROKERS_MAX);
	for (size_t i = 0; i < count; i++)
		alive += strcmp(known[i].name, "here") == 0 || strcmp(known[i].name, "there") == 0;
	assert_int_equal(alive, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_pg_watch_next__hears_what_others_carried),
		TEST(test_pg_watch_next__strict_steps_count_down),
		TEST(test_pg_watch_next__a_strict_step_that_is_committed_late),
		TEST(test_pg_watch_new__while_a_strict_step_is_open),
		TEST(test_pg_watch_next__own_ones_that_were_overruled),
		TEST(test_pg_watch_next__more_than_it_keeps),
		TEST(test_pg_watch_free__while_it_waits_for_room),
		TEST(test_pg_watch_next__after_it_was_away),
		TEST(test_pg_watch_brokers__says_who_there_is),
		TEST(test_pg_watch_brokers__more_than_are_heard),
		TEST(test_pg_watch_ban__is_heard_by_the_others),
		cmocka_unit_test(test_pg_watch_new__where_nothing_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

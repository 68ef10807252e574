/* What is read of a ledger in PostgreSQL: entities, events, what is retained, letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "failalloc.h"
#include "ledger/pg_reader.h"

#define PATIENCE_MS 20000u
#define WAIT_MS 50u
#define MS INT64_C(1000000)

static const struct entity_column columns[] = { { "status", VALUE_TEXT, true },
						{ "order_id", VALUE_TEXT, true },
						{ "paid", VALUE_TEXT, false } };
static const struct entity entities[] = {
	{ .name = "order",
	  .table = "orders",
	  .column_count = 3,
	  .column = columns,
	  .slot_count = 2,
	  .slot = { 0, 2 },
	  .is_timed = { true },
	  .link_column = 1 },
	{ .name = "pet", .table = "pets", .index = 1, .link_column = -1 },
};
static const struct entity_plan plan = { .entity_count = 2, .entity = entities };
static const struct entity_plan less = { .entity_count = 1, .entity = entities };

/* One database for all tests: they only read. */
static char name[64], conninfo[512];

static const char *server(void)
{
	return getenv("PETSTORE_POSTGRES");
}

static void must(int rc, const struct diag *diag)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, diag->text);
}

static void script(const char *where, const char *sql)
{
	const struct pg_place place = { .conninfo = where, .wait_ms = PATIENCE_MS };
	struct pg *pg = NULL;
	struct diag diag;

	must(pg_open(&place, &pg, &diag), &diag);
	must(pg_script(pg, sql, "cannot do it", &diag), &diag);
	pg_close(pg);
}

static void make_tables(void)
{
	const struct store_place place = { .place = conninfo };
	struct store *store = NULL;
	struct diag diag;

	must(store_open(&place, PATIENCE_MS, &store, &diag), &diag);
	must(store_upgrade(store, &diag), &diag);
	must(store_plan(store, &less, &diag), &diag);
	store_close(store);
}

static const char rows[] =
	"INSERT INTO orders (id, owner, revision, created_at, updated_at, status, order_id, paid) "
	"VALUES ('o1', 'ann', 3, '', '2026-01-15T10:00:00.000Z', 'SENT', 'x', 'PAID'), "
	"('o2', NULL, 1, '', '2026-01-15T11:00:00.000Z', 'SENT', NULL, NULL), "
	"('o3', NULL, 1, '', '2026-01-15T12:00:00.000Z', 'PLACED', NULL, NULL); "
	"INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, payload, "
	"payload_bytes, will, digest, revision, origin, origin_seq, overruled) VALUES "
	"('', 'orders/o1', 'ann', 'c1', 1, 0, 'placed', NULL, 0, 11, 1, 'north', 1, 0), "
	"('', 'orders/o1', 'ann', 'c1', 1, 0, 'sent', NULL, 0, 12, 3, 'south', 1, 0), "
	"('', 'orders/o1', 'ann', 'c1', 1, 0, 'paid', NULL, 0, 13, 2, 'north', 7, 0), "
	"('', 'orders/o1', 'bob', 'c2', 1, 1, 'never', NULL, 0, 14, 9, 'south', 2, 1), "
	"('', 'orders/o1', 'ann', 'c1', 1, 0, 'strict', NULL, 0, 15, NULL, 'north', -1, 0), "
	"('', 'notes/1', 'ann', 'c1', 0, 1, NULL, '\\xff00', 0, 16, NULL, 'north', 2, 0); "
	"INSERT INTO retained (topic, payload, payload_bytes, qos, received_at, publisher, "
	"properties, seq, origin) VALUES ('a', 'one', NULL, 1, '', '', '\\x0102', 1, 'north'), "
	"('b', NULL, NULL, 0, '', '', NULL, 2, 'north'), "
	"('\xc3\xa9', NULL, '\\xfe', 2, '', '', NULL, 3, 'south'); "
	"INSERT INTO refusals (decision_id, time, action, reason, observed, client_id, principal, "
	"address, topic, qos, retained, pointer, keyword, message, standing, payload_bytes, "
	"origin) "
	"VALUES ('d1', '', 'publish', 'schema-violation', 1, 'c1', 'ann', '', 'notes/2', 1, 1, '', "
	"'', '', '', 3, 'north'), ('d2', '', 'will', 'schema-violation', 0, 'c1', 'ann', '', "
	"'notes/2', 0, 0, '', '', '', '', 3, 'north'); "
	"INSERT INTO store_letters (decision_id, share, bytes, payload, properties) VALUES "
	"('d1', 'user ann', 1, '\\x007b7d', '\\x03');";

static int set_up(void **state)
{
	char sql[128];

	(void)state;
	if (!server())
		return 0;
	(void)snprintf(name, sizeof(name), "reader_%ld", (long)getpid());
	(void)snprintf(conninfo, sizeof(conninfo), "%s dbname=%s", server(), name);
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0", name);
	script(server(), sql);
	make_tables();
	script(conninfo, rows);
	return 0;
}

static int tear_down(void **state)
{
	char sql[128];

	(void)state;
	if (!server())
		return 0;
	(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s (FORCE)", name);
	script(server(), sql);
	return 0;
}

static struct store_reader *opened(bool is_alone, const struct entity_plan *used)
{
	const struct store_place place = { .place = conninfo, .broker = "north" };
	struct store_reader *reader = NULL;
	struct diag diag;

	if (!server())
		skip();
	must(store_reader_open(&place, is_alone, &reader, &diag), &diag);
	store_reader_use(reader, used);
	return reader;
}

static void test_pg_reader_find__an_entity(void **state)
{
	struct store_reader *reader = opened(false, &less);
	struct state_facts facts;
	struct diag diag;

	(void)state;
	for (int i = 0; i < 2; i++) {
		must(store_reader_find(reader, 0, "o1", 2, &facts, &diag), &diag);
		assert_true(facts.is_known);
		assert_string_equal(facts.owner, "ann");
		assert_string_equal(facts.link, "x");
		assert_string_equal(facts.status[0], "SENT");
		assert_string_equal(facts.status[1], "PAID");
		assert_int_equal(facts.revision, 3);
	}
	must(store_reader_find(reader, 0, "o2", 2, &facts, &diag), &diag);
	assert_true(facts.is_known);
	assert_string_equal(facts.owner, "");
	assert_string_equal(facts.status[1], "");
	must(store_reader_find(reader, 0, "o9", 2, &facts, &diag), &diag);
	assert_false(facts.is_known);
	store_reader_close(reader);
}

/* Of a contract that the database has never seen tables and columns are missing. */
static void test_pg_reader_find__alone(void **state)
{
	static const struct entity_column more[] = { { "status", VALUE_TEXT, true },
						     { "colour", VALUE_TEXT, true } };
	static const struct entity other[] = { { .name = "order",
						 .table = "orders",
						 .column_count = 2,
						 .column = more,
						 .slot_count = 2,
						 .slot = { 0, 1 },
						 .link_column = -1 } };
	static const struct entity_plan later = { .entity_count = 1, .entity = other };
	struct store_reader *reader = opened(true, &plan);
	struct state_facts facts;
	struct diag diag;

	(void)state;
	must(store_reader_find(reader, 1, "p1", 2, &facts, &diag), &diag);
	assert_false(facts.is_known);
	must(store_reader_find(reader, 0, "o1", 2, &facts, &diag), &diag);
	assert_string_equal(facts.status[1], "PAID");
	store_reader_use(reader, &later);
	must(store_reader_find(reader, 0, "o1", 2, &facts, &diag), &diag);
	assert_string_equal(facts.status[0], "SENT");
	assert_string_equal(facts.status[1], "");
	store_reader_close(reader);
}

static void test_pg_reader_open__no_ledger(void **state)
{
	const struct store_place place = { .place = server() };
	struct store_reader *reader = NULL;
	struct diag diag;

	(void)state;
	if (!server())
		skip();
	diag_init(&diag);
	assert_int_equal(store_reader_open(&place, true, &reader, &diag), ERR_VERSION);
	assert_non_null(strstr(diag.text, "no database of this plugin"));
}

static void test_pg_reader_open__survives_failing_allocations(void **state)
{
	const struct store_place place = { .place = conninfo };
	size_t n;

	(void)state;
	if (!server())
		skip();
	for (n = 1;; n++) {
		struct store_reader *reader = NULL;
		struct diag diag = { "" };
		int rc;

		failalloc_start(n);
		rc = store_reader_open(&place, true, &reader, &diag);
		if (!failalloc_stop()) {
			must(rc, &diag);
			store_reader_close(reader);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(reader);
	}
	assert_true(n > 3);
}

/* Another broker's statement holds the table: the broker's thread goes on in time. */
static void test_pg_reader_find__waits_no_longer_than_its_bound(void **state)
{
	const struct pg_place place = { .conninfo = conninfo, .wait_ms = PATIENCE_MS };
	struct store_reader *reader = opened(false, &less);
	struct state_facts facts;
	struct pg *other = NULL;
	struct diag diag = { "" };
	int64_t began;
	bool is_up;

	(void)state;
	pg_live_set_wait(pg_reader_live(reader), WAIT_MS);
	must(pg_open(&place, &other, &diag), &diag);
	must(pg_exec(other, "BEGIN", NULL, NULL, "", &diag), &diag);
	must(pg_exec(other, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", NULL, NULL, "", &diag),
	     &diag);
	began = clock_mono_ns();
	assert_int_equal(store_reader_find(reader, 0, "o1", 2, &facts, &diag), ERR_BUSY);
	is_up = pg_live_is_up(pg_reader_live(reader));
	assert_true(clock_mono_ns() - began < PATIENCE_MS / 4 * MS);
	if (clock_mono_ns() - began < (WAIT_MS - WAIT_MS / 4 + PG_LIVE_PAUSE_MS) * MS)
		assert_false(is_up); /* later the breaker may be closed again */
	pg_close(other);
	while (store_reader_find(reader, 0, "o1", 2, &facts, &diag) != 0)
		assert_true(clock_mono_ns() - began < PATIENCE_MS * MS);
	assert_true(facts.is_known);
	store_reader_close(reader);
}

struct seen {
	unsigned count;
	char text[8][32];
	size_t payload_len, properties_len;
	unsigned qos;
	bool is_retained;
};

static void see_message(const struct ledger_retained *row, void *ctx)
{
	struct seen *seen = ctx;
	const struct message *message = &row->message;

	(void)snprintf(seen->text[seen->count++], sizeof(seen->text[0]), "%.*s=%.*s",
		       (int)message->topic_len, message->topic, (int)message->payload_len,
		       message->payload ? (const char *)message->payload : "");
	seen->payload_len = message->payload_len;
	seen->properties_len = row->properties_len;
	seen->qos = message->qos;
	seen->is_retained = message->is_retained;
}

static struct seen visited(enum store_read read, const char *topic, unsigned limit, int expected)
{
	struct store_reader *reader = opened(false, &less);
	struct seen seen = { 0 };
	struct diag diag = { "" };

	assert_int_equal(store_reader_visit(reader, read, topic, strlen(topic), limit, see_message,
					    &seen, &diag),
			 expected);
	store_reader_close(reader);
	return seen;
}

static void test_pg_reader_visit__retained(void **state)
{
	struct seen seen = visited(STORE_READ_RETAINED, "a", 1, 1);

	(void)state;
	assert_string_equal(seen.text[0], "a=one");
	assert_int_equal(seen.properties_len, 2);
	assert_int_equal(seen.qos, 1);
	assert_true(seen.is_retained);
	seen = visited(STORE_READ_RETAINED, "b", 1, 1);
	assert_int_equal(seen.payload_len, 0);
	(void)visited(STORE_READ_RETAINED, "nothing", 1, 0);
	seen = visited(STORE_READ_RETAINED_NEXT, "", 2, 2);
	assert_string_equal(seen.text[1], "b=");
	seen = visited(STORE_READ_RETAINED_NEXT, "b", 2, 1);
	assert_string_equal(seen.text[0], "\xc3\xa9=\xfe");
}

/* Each topic that there is, in one read. */
static void test_pg_reader_visit_each__retained(void **state)
{
	const struct ledger_topic topic[] = { { "b", 1 }, { "nothing", 7 }, { "a and more", 1 } };
	struct store_reader *reader = opened(false, &less);
	struct seen seen = { 0 };
	struct diag diag = { "" };

	(void)state;
	assert_int_equal(store_reader_visit_each(reader, topic, 3, see_message, &seen, &diag), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.text[0][0] == 'a' ? seen.text[0] : seen.text[1], "a=one");
	assert_string_equal(seen.text[0][0] == 'a' ? seen.text[1] : seen.text[0], "b=");
	assert_int_equal(store_reader_visit_each(reader, topic, 0, see_message, &seen, &diag), 0);
	assert_int_equal(seen.count, 2);
	store_reader_close(reader);
}

/* What was overruled is not what stands. */
static void test_pg_reader_visit__events(void **state)
{
	struct seen seen = visited(STORE_READ_EVENT, "orders/o1", 1, 1);

	(void)state;
	assert_string_equal(seen.text[0], "orders/o1=strict");
	assert_false(seen.is_retained);
	seen = visited(STORE_READ_EVENT, "orders/o1", 5, 4);
	seen = visited(STORE_READ_EVENT, "notes/1", 5, 1);
	assert_int_equal(seen.payload_len, 2);
	assert_true(seen.is_retained);
}

/* The order of numbers is not that in which brokers committed: the revision is. */
static void test_pg_reader_last__by_revision(void **state)
{
	struct store_reader *reader = opened(false, &less);
	const char *payload;
	uint64_t revision;
	struct diag diag;
	size_t len;

	(void)state;
	must(store_reader_last(reader, "orders/o1", 9, &payload, &len, &revision, &diag), &diag);
	assert_int_equal(revision, 3);
	assert_int_equal(len, 4);
	assert_memory_equal(payload, "sent", 4);
	must(store_reader_last(reader, "notes/1", 7, &payload, &len, &revision, &diag), &diag);
	assert_null(payload);
	store_reader_close(reader);
}

static int resent(const char *publisher, const char *client_id, uint64_t digest, uint64_t until_seq,
		  uint64_t until_step)
{
	const struct ledger_resend_query asked = { .digest = digest,
						   .topic = "orders/o1",
						   .topic_len = 9,
						   .publisher = publisher,
						   .client_id = client_id,
						   .until_step = until_step };
	struct store_reader *reader = opened(false, &less);
	struct diag diag = { "" };
	int rc = store_reader_resent(reader, &asked, until_seq, &diag);

	if (rc < 0)
		fail_msg("%s", diag.text);
	store_reader_close(reader);
	return rc;
}

static void test_pg_reader_resent__of_any_broker(void **state)
{
	(void)state;
	assert_int_equal(resent("ann", "c1", 13, 7, 0), 1);
	assert_int_equal(resent("ann", "c1", 13, 6, 0),
			 0); /* accepted since the client connected */
	assert_int_equal(resent("ann", "c1", 12, 0, 0), 1); /* by another broker */
	assert_int_equal(resent("ann", "c1", 15, 0, 1), 1); /* strict */
	assert_int_equal(resent("ann", "c1", 15, 7, 0), 0); /* strict, since it connected */
	assert_int_equal(resent("ann", "c2", 13, 7, 0), 0);
	assert_int_equal(resent("bob", "c1", 13, 7, 0), 0);
	assert_int_equal(resent(NULL, NULL, 13, 7, 0), 1);
	assert_int_equal(resent(NULL, NULL, 99, 7, 0), 0);
}

static void see_id(const struct ledger_unchanged *row, void *ctx)
{
	struct seen *seen = ctx;

	(void)snprintf(seen->text[seen->count++], sizeof(seen->text[0]), "%s %.16s", row->id,
		       row->since);
}

static void test_pg_reader_unchanged__before(void **state)
{
	struct ledger_unchanged_query asked = { .status = "SENT", .limit = 5 };
	struct store_reader *reader = opened(false, &less);
	struct seen seen = { 0 };
	struct diag diag;

	(void)state;
	assert_true(clock_parse("2026-01-15T10:30:00Z", 20, &asked.before_ms));
	must(store_reader_unchanged(reader, &asked, see_id, &seen, &diag), &diag);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.text[0], "o1 2026-01-15T10:00");
	asked.before_ms += 86400000;
	must(store_reader_unchanged(reader, &asked, see_id, &seen, &diag), &diag);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.text[2], "o2 2026-01-15T11:00");
	store_reader_close(reader);
}

static void see_letter(const struct ledger_letter *row, void *ctx)
{
	struct seen *seen = ctx;

	(void)snprintf(seen->text[0], sizeof(seen->text[0]), "%s %s %s", row->action,
		       row->principal, row->client_id);
	seen->payload_len = row->is_whole ? row->message.payload_len : SIZE_MAX;
	seen->properties_len = row->properties_len;
	seen->qos = row->message.qos;
	seen->is_retained = row->message.is_retained;
	seen->count = row->is_observed;
}

static void test_pg_reader_letter__whole_or_not(void **state)
{
	struct store_reader *reader = opened(false, &less);
	struct seen seen = { 0 };
	struct diag diag;

	(void)state;
	assert_int_equal(store_reader_letter(reader, "d1", see_letter, &seen, &diag), 1);
	assert_string_equal(seen.text[0], "publish ann c1");
	assert_int_equal(seen.payload_len, 3);
	assert_int_equal(seen.properties_len, 1);
	assert_int_equal(seen.qos, 1);
	assert_true(seen.is_retained && seen.count == 1);
	assert_int_equal(store_reader_letter(reader, "d2", see_letter, &seen, &diag), 1);
	assert_true(seen.payload_len == SIZE_MAX);
	assert_int_equal(store_reader_letter(reader, "d3", see_letter, &seen, &diag), 0);
	store_reader_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pg_reader_find__an_entity),
		cmocka_unit_test(test_pg_reader_find__alone),
		cmocka_unit_test(test_pg_reader_open__no_ledger),
		cmocka_unit_test(test_pg_reader_open__survives_failing_allocations),
		cmocka_unit_test(test_pg_reader_find__waits_no_longer_than_its_bound),
		cmocka_unit_test(test_pg_reader_visit__retained),
		cmocka_unit_test(test_pg_reader_visit_each__retained),
		cmocka_unit_test(test_pg_reader_visit__events),
		cmocka_unit_test(test_pg_reader_last__by_revision),
		cmocka_unit_test(test_pg_reader_resent__of_any_broker),
		cmocka_unit_test(test_pg_reader_unchanged__before),
		cmocka_unit_test(test_pg_reader_letter__whole_or_not),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

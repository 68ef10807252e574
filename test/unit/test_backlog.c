/* Refusals on their way to the table, the table itself, and reading it from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "failalloc.h"
#include "folder.h"
#include "ledger/backlog.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "refusalfake.h"

/* ---- the queue -------------------------------------------------------------------------- */

static void test_backlog_put__keeps_a_copy(void **state)
{
	struct backlog *backlog = NULL;
	struct backlog_item *item;
	char id[] = "first", topic[] = "orders/7/status";
	struct refusal refusal = refusal_example(id, clock_unix_ms());
	struct diag diag;

	(void)state;
	refusal.topic = topic;
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	assert_null(backlog_take(backlog, false));
	assert_true(backlog_put(backlog, &refusal));
	memset(id, '#', sizeof(id) - 1);
	memset(topic, '#', sizeof(topic) - 1);
	refusal.topic = NULL;
	refusal.topic_len = 0;
	refusal.payload = NULL;
	refusal.payload_len = 0;
	assert_true(backlog_put(backlog, &refusal));
	item = backlog_take(backlog, false);
	assert_string_equal(item->refusal.id, "first");
	assert_memory_equal(item->refusal.topic, "orders/7/status", 15);
	assert_string_equal(item->refusal.current_status, "PLACED");
	assert_memory_equal(item->refusal.payload, "{\"a\":1}", 7);
	assert_int_equal(item->next->refusal.topic_len, 0);
	assert_null(item->next->next);
	backlog_drop(item);
	assert_null(backlog_take(backlog, false));
	backlog_free(backlog);
	backlog_free(NULL);
}

static void test_backlog_put__cuts_between_characters(void **state)
{
	static char topic[70000];
	struct backlog *backlog = NULL;
	struct backlog_item *item;
	struct refusal refusal = refusal_example("x", clock_unix_ms());
	struct diag diag;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(topic); i += 3)
		memcpy(topic + i, "\xe2\x82\xac", 3);
	refusal.topic = topic;
	refusal.topic_len = sizeof(topic) - 1;
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	assert_true(backlog_put(backlog, &refusal));
	item = backlog_take(backlog, false);
	assert_true(item->refusal.topic_len <= BACKLOG_TEXT_MAX);
	assert_true(item->refusal.topic_len > BACKLOG_TEXT_MAX - 3);
	assert_int_equal(item->refusal.topic_len % 3, 0);
	backlog_drop(item);
	backlog_free(backlog);
}

static size_t put(struct backlog *backlog, const struct refusal *refusal, size_t times)
{
	size_t kept = 0;

	while (times-- > 0)
		kept += backlog_put(backlog, refusal);
	return kept;
}

static void test_backlog_put__is_bounded(void **state)
{
	static char payload[65536];
	struct backlog *backlog = NULL;
	struct refusal refusal = refusal_example("x", clock_unix_ms());
	struct diag diag;
	size_t kept;

	(void)state;
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	kept = put(backlog, &refusal, 100000);
	assert_int_equal(kept, BACKLOG_ITEMS_MAX / 2); /* the other half is for others */
	assert_int_equal(backlog_lost(backlog), 100000 - kept);
	assert_true(backlog_is_pressing(backlog));
	backlog_drop(backlog_take(backlog, false));
	assert_false(backlog_is_pressing(backlog));
	/* large ones: fewer of them */
	refusal.payload = payload;
	refusal.payload_len = sizeof(payload);
	kept = put(backlog, &refusal, 1000);
	assert_true(kept > 0 && kept <= BACKLOG_BYTES_MAX / sizeof(payload) / 2 + 1);
	backlog_free(backlog);
}

static void test_backlog_put__is_shared_by_principals_and_addresses(void **state)
{
	struct backlog *backlog = NULL;
	struct refusal flood = refusal_example("x", clock_unix_ms());
	struct refusal victim = refusal_example("y", clock_unix_ms());
	struct refusal stranger = refusal_example("z", clock_unix_ms());
	struct diag diag;
	char name[40];

	(void)state;
	victim.who.principal = "tom";
	stranger.who.is_proved = false; /* whatever name it claims */
	stranger.who.address = name;
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	for (int turn = 0; turn < 5; turn++) {
		for (int i = 0; i < 200; i++) {
			(void)snprintf(name, sizeof(name), "2001:db8:%x:%x::1", turn, i);
			(void)put(backlog, &stranger, 100);
		}
		(void)put(backlog, &flood, 100000);
		assert_int_equal(put(backlog, &victim, 100), 100);
		backlog_drop(backlog_take(backlog, false));
	}
	backlog_free(backlog);
}

/* Whole, with its properties; one too many, too large, or with a cut topic is a refusal as any. */
static void test_backlog_put__letters(void **state)
{
	static char large[BACKLOG_LETTER_BYTES + 1], topic[BACKLOG_TEXT_MAX + 1];
	struct backlog *backlog = NULL;
	struct backlog_item *items;
	struct refusal refusal = refusal_example("x", clock_unix_ms());
	size_t letters = 0, count = 0;
	struct diag diag;

	(void)state;
	refusal.is_letter = true;
	refusal.payload = large;
	refusal.payload_bytes = BACKLOG_LETTER_BYTES;
	refusal.properties = "\x01\x01";
	refusal.properties_len = 2;
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	assert_int_equal(put(backlog, &refusal, 9), 9);
	items = backlog_take(backlog, false);
	for (struct backlog_item *item = items; item; item = item->next, count++)
		letters += item->refusal.is_letter;
	assert_int_equal(count, 9);
	assert_int_equal(letters, BACKLOG_LETTERS_BYTES / BACKLOG_LETTER_BYTES);
	assert_memory_equal(items->refusal.properties, "\x01\x01", 2);
	assert_memory_equal(items->refusal.payload, large, BACKLOG_LETTER_BYTES);
	backlog_drop(items);
	refusal.payload_bytes++;
	assert_true(backlog_put(backlog, &refusal));
	refusal.payload_bytes = 7;
	assert_true(backlog_put(backlog, &refusal));
	memset(topic, 'a', sizeof(topic));
	refusal.topic = topic;
	refusal.topic_len = sizeof(topic);
	assert_true(backlog_put(backlog, &refusal));
	assert_true(backlog_put_resent(backlog, "06", "then"));
	items = backlog_take(backlog, false);
	assert_false(items->refusal.is_letter);
	assert_true(items->next->refusal.is_letter);
	assert_false(items->next->next->refusal.is_letter);
	assert_true(items->next->next->next->is_resent);
	assert_string_equal(items->next->next->next->refusal.message, "then");
	backlog_drop(items);
	backlog_free(backlog);
}

static void test_backlog_put_alert__has_room_of_its_own(void **state)
{
	struct alertrow alert = { 0, "k", "raised", { "", "", "", true }, "{}" };
	struct backlog *backlog = NULL;
	struct refusal flood = refusal_example("x", clock_unix_ms());
	struct diag diag;

	(void)state;
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	(void)put(backlog, &flood, 100000);
	for (size_t i = 0; i < BACKLOG_ALERTS_MAX; i++)
		assert_true(backlog_put_alert(backlog, &alert));
	assert_false(backlog_put_alert(backlog, &alert));
	backlog_drop(backlog_take(backlog, false));
	assert_true(backlog_put_alert(backlog, &alert));
	backlog_free(backlog);
}

static void test_backlog_take__sums_up_what_was_lost(void **state)
{
	struct backlog *backlog = NULL;
	struct refusal flood = refusal_example("x", clock_unix_ms());
	struct refusal stranger = refusal_example("z", clock_unix_ms());
	struct backlog_item *items, *item;
	struct diag diag;
	char expected[64];
	size_t lost;

	(void)state;
	stranger.who.is_proved = false;
	stranger.who.address = "192.0.2.7";
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	lost = 10000 - put(backlog, &flood, 10000);
	assert_true(lost > 0);
	backlog_lose(backlog, 3);
	items = item = backlog_take(backlog, true);
	while (item && strcmp(item->refusal.action, BACKLOG_SUMMARY) != 0)
		item = item->next;
	assert_non_null(item);
	assert_string_equal(item->refusal.who.principal, "eva");
	(void)snprintf(expected, sizeof(expected), "%zu more refusals were not kept", lost);
	assert_string_equal(item->refusal.message, expected);
	item = item->next;
	assert_non_null(item);
	assert_string_equal(item->refusal.who.principal, "");
	assert_string_equal(item->refusal.message, "3 more refusals were not kept");
	assert_null(item->next);
	backlog_drop(items);
	assert_null(backlog_take(backlog, true)); /* once */
	(void)put(backlog, &stranger, 10000);
	items = item = backlog_take(backlog, true);
	while (item->next)
		item = item->next;
	assert_string_equal(item->refusal.who.principal, "");
	assert_string_equal(item->refusal.who.address, "192.0.2.7");
	backlog_drop(items);
	backlog_free(backlog);
}

static void test_backlog_put__counts_what_memory_lacks(void **state)
{
	struct backlog *backlog = NULL;
	struct refusal refusal = refusal_example("x", clock_unix_ms());
	struct diag diag;

	(void)state;
	failalloc_start(1);
	assert_int_equal(backlog_new(&backlog, &diag), ERR_NOMEM);
	assert_true(failalloc_stop());
	assert_int_equal(backlog_new(&backlog, &diag), 0);
	failalloc_start(1);
	assert_false(backlog_put(backlog, &refusal));
	assert_true(failalloc_stop());
	assert_int_equal(backlog_lost(backlog), 1);
	backlog_free(backlog);
}

/* ---- the table, and reading it ---------------------------------------------------------- */

static const struct entity_column columns[] = { { "status", VALUE_TEXT, true },
						{ "order_id", VALUE_TEXT, false } };
static const struct entity entities[] = {
	{ .table = "payments",
	  .column_count = 2,
	  .column = columns,
	  .slot_count = 1,
	  .slot = { 0 },
	  .link_column = 1 },
	{ .table = "parrots", .column_count = 1, .column = columns, .link_column = -1 },
};
static const struct entity_plan plan = { .entity_count = 1, .entity = entities };

struct place {
	struct folder folder;
	char path[600], ring[300]; /* the database's place, and the journal's file */
	struct ledger *ledger;
};

static void reopen(struct place *place, uint64_t keep_rows)
{
	struct ledger_options options = { .path = place->path,
					  .journal = folder_is_shared() ? place->ring : NULL,
					  .broker = folder_is_shared() ? "one" : NULL,
					  .journal_bytes = 1 << 20,
					  .batch_rows = 100,
					  .batch_ms = 5,
					  .refusals_keep_rows = keep_rows,
					  .refusals_keep_days = 30,
					  .cache_entities = 1024 };
	struct diag diag;

	if (ledger_open(&options, &plan, &place->ledger, &diag))
		fail_msg("%s", diag.text);
}

static void begin(struct place *place, uint64_t keep_rows)
{
	folder_make(&place->folder);
	(void)strcpy(place->path, folder_place(&place->folder, "petstore.db"));
	(void)strcpy(place->ring, folder_file(&place->folder, "petstore.db-journal.ring"));
	reopen(place, keep_rows);
}

static void end(struct place *place)
{
	ledger_close(place->ledger);
	folder_remove(&place->folder);
}

struct seen {
	unsigned rows;
	char last[64];
	size_t payload_len;
	int64_t payload_bytes;
};

static bool see(const struct query_row *row, void *ctx)
{
	struct seen *seen = ctx;
	const struct query_cell *id = query_cell(row, "decision_id");
	const struct query_cell *payload = query_cell(row, "payload");

	assert_null(query_cell(row, "no_such_cell"));
	seen->rows++;
	(void)snprintf(seen->last, sizeof(seen->last), "%.*s", (int)id->len, id->text);
	seen->payload_len = payload->type == VALUE_TEXT ? payload->len : 0;
	seen->payload_bytes = query_cell(row, "payload_bytes")->integer;
	return true;
}

static struct seen list(const struct place *place, const char *column, enum query_test test,
			const char *text)
{
	struct query_filter filter = { column, test, text };
	struct query_wanted wanted = { .table = "refusals",
				       .filter_count = column ? 1 : 0,
				       .filter = &filter,
				       .order = "seq" };
	struct seen seen = { 0 };
	struct query *query = NULL;
	struct diag diag;

	assert_int_equal(query_open(place->path, &query, &diag), 0);
	if (query_rows(query, &wanted, see, &seen, &diag))
		fail_msg("%s", diag.text);
	query_close(query);
	return seen;
}

/* Writes go out at the end at the latest. */
static void restart(struct place *place)
{
	ledger_close(place->ledger);
	place->ledger = NULL;
}

static void test_ledger_refuse__becomes_a_row(void **state)
{
	struct place place;
	struct refusal refusal = refusal_example("a-1", clock_unix_ms());
	struct seen seen;

	(void)state;
	begin(&place, 0);
	ledger_refuse(place.ledger, &refusal);
	refusal.id = "a-2";
	refusal.payload = "\xff\0'; DROP TABLE refusals; --";
	refusal.payload_len = 28;
	refusal.payload_bytes = 5000;
	refusal.who.client_id = "'; DROP TABLE refusals; --";
	ledger_refuse(place.ledger, &refusal);
	restart(&place);
	seen = list(&place, NULL, QUERY_IS, NULL);
	assert_int_equal(seen.rows, 2);
	assert_string_equal(seen.last, "a-2");
	assert_int_equal(seen.payload_len, 28);
	assert_int_equal(seen.payload_bytes, 5000);
	assert_int_equal(list(&place, "client_id", QUERY_IS, "app-1").rows, 1);
	assert_int_equal(list(&place, "topic", QUERY_BEGINS, "orders/").rows, 2);
	assert_int_equal(list(&place, "topic", QUERY_BEGINS, "%").rows, 0);
	assert_int_equal(list(&place, "seq", QUERY_AFTER, "1").rows, 1);
	assert_int_equal(list(&place, "time", QUERY_UNTIL, "2000").rows, 0);
	assert_int_equal(list(&place, "time", QUERY_FROM, "2000").rows, 2);
	end(&place);
}

static void test_ledger_refuse__keeps_so_many_rows(void **state)
{
	struct place place;
	struct refusal refusal = refusal_example("x", clock_unix_ms());
	struct seen seen;
	char id[32];

	(void)state;
	begin(&place, 50);
	refusal.time_ms -= INT64_C(31) * 86400000; /* too old as soon as it is there */
	ledger_refuse(place.ledger, &refusal);
	refusal.time_ms += INT64_C(31) * 86400000;
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(id, sizeof(id), "%04u", i);
		refusal.id = id;
		ledger_refuse(place.ledger, &refusal);
	}
	restart(&place);
	seen = list(&place, NULL, QUERY_IS, NULL);
	assert_int_equal(seen.rows, 50);
	assert_string_equal(seen.last, "0499");
	end(&place);
}

static int64_t ask(struct place *place, const char *sql)
{
	return strtoll(folder_ask(&place->folder, "petstore.db", sql), NULL, 10);
}

/* The counts are those of the rows, which SQLite's triggers keep. */
static void assert_counts(struct place *place)
{
	assert_int_equal(ask(place, "SELECT count(*) FROM store_refusal_shares s WHERE rows != "
				    "(SELECT count(*) FROM refusals r WHERE r.share = s.share) "
				    "AND substr(share, 1, 1) != '*'"),
			 0);
	assert_int_equal(ask(place, "SELECT rows FROM store_refusal_shares WHERE share = '*'"),
			 100);
	assert_int_equal(ask(place, "SELECT rows FROM store_refusal_shares WHERE share = '*from'"),
			 50);
}

/* Strangers and an account flood the table; another's trace of a few rows stays, as theirs do. */
static void test_ledger_refuse__who_floods_loses_its_own(void **state)
{
	struct place place;
	struct refusal refusal = refusal_example("flood", clock_unix_ms());
	char address[40];

	(void)state;
	begin(&place, 100);
	refusal.who.principal = "victim";
	for (unsigned i = 0; i < 20; i++)
		ledger_refuse(place.ledger, &refusal);
	for (unsigned round = 0; round < 5; round++) {
		refusal.who.principal = "flooder";
		refusal.who.is_proved = true;
		for (unsigned i = 0; i < 300; i++)
			ledger_refuse(place.ledger, &refusal);
		refusal.who.principal = "victim"; /* only claimed */
		refusal.who.is_proved = false;
		refusal.who.address = address;
		for (unsigned i = 0; i < 600; i++) {
			(void)snprintf(address, sizeof(address), "192.0.%u.%u", i / 200, i % 200);
			ledger_refuse(place.ledger, &refusal);
		}
		restart(&place); /* written, and trimmed */
		reopen(&place, 100);
	}
	assert_int_equal(ask(&place, "SELECT count(*) FROM refusals"), 100);
	assert_int_equal(ask(&place, "SELECT count(*) FROM refusals WHERE share = 'user victim'"),
			 20);
	assert_int_equal(ask(&place, "SELECT count(*) FROM refusals WHERE share LIKE 'from %'"),
			 50);
	if (!folder_is_shared())
		assert_counts(&place);
	end(&place);
}

static void test_ledger_refuse__tells_what_was_lost(void **state)
{
	struct place place;
	struct refusal refusal = refusal_example("x", clock_unix_ms());
	struct diag news = { "" };
	unsigned tries;

	(void)state;
	begin(&place, 10);
	for (unsigned i = 0; i < 200000; i++)
		ledger_refuse(place.ledger, &refusal);
	for (tries = 0; !ledger_news(place.ledger, &news) && tries < 60000; tries++)
		(void)usleep(1000);
	assert_non_null(strstr(news.text, "table refusals: "));
	end(&place);
}

static bool fail_row(const struct query_row *row, void *ctx)
{
	(void)row;
	(void)ctx;
	fail();
	return false;
}

static void test_query_rows__names_what_is_not_there(void **state)
{
	struct query_filter filter = { "colour", QUERY_IS, "red" };
	struct query_wanted wanted = { .table = "payments", .filter_count = 1, .filter = &filter };
	struct place place;
	struct query *query = NULL;
	struct diag diag;

	(void)state;
	begin(&place, 0);
	assert_int_equal(query_open(place.path, &query, &diag), 0);
	assert_int_equal(query_rows(query, &wanted, fail_row, NULL, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "no column \"colour\"; there are: id, owner, "));
	wanted.table = "payments\" --";
	assert_int_equal(query_rows(query, &wanted, fail_row, NULL, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "there are: payments"));
	wanted.table = "payments";
	wanted.filter_count = 0;
	wanted.order = "1; DROP TABLE payments";
	assert_int_equal(query_rows(query, &wanted, fail_row, NULL, &diag), ERR_INVALID);
	wanted.order = "id";
	assert_int_equal(query_rows(query, &wanted, fail_row, NULL, &diag), 0);
	query_close(query);
	query_close(NULL);
	assert_int_equal(query_open("/tmp/no/such.db", &query, &diag), ERR_IO);
	assert_int_equal(query_open("LICENSE", &query, &diag), ERR_INVALID);
	end(&place);
}

/* Payments p0 .. p(count - 1), each an hour after the one before; the owner's name ends in @i % 3.
 */
static void fill_payments(struct place *place, unsigned count)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < "
		       "%u) INSERT INTO payments (id, owner, revision, created_at, updated_at) "
		       "SELECT 'p' || i, 'user-' || (i %% 3), 1, 'x', 't' || (i / 4) FROM n",
		       count - 1);
	assert_string_equal(folder_ask(&place->folder, "petstore.db", sql), "");
}

struct names {
	char text[512];
	char id[16], time[16]; /* the last row's */
};

static bool name_it(const struct query_row *row, void *ctx)
{
	const struct query_cell *id = query_cell(row, "id");
	const struct query_cell *time = query_cell(row, "updated_at");
	struct names *names = ctx;
	size_t used = strlen(names->text);

	(void)snprintf(names->text + used, sizeof(names->text) - used, "%.*s ", (int)id->len,
		       id->text);
	(void)snprintf(names->id, sizeof(names->id), "%.*s", (int)id->len, id->text);
	(void)snprintf(names->time, sizeof(names->time), "%.*s", (int)time->len, time->text);
	return true;
}

static void test_query_rows__goes_on_behind_a_row(void **state)
{
	struct query_wanted wanted = { .table = "payments",
				       .order = "updated_at",
				       .then = "id",
				       .is_descending = true,
				       .limit = 3 };
	struct names names = { .text = "" };
	struct place place;
	struct query *query = NULL;
	struct diag diag;
	char id[16], time[16];

	(void)state;
	begin(&place, 0);
	restart(&place);
	fill_payments(&place, 10);
	assert_int_equal(query_open(place.path, &query, &diag), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(query_rows(query, &wanted, name_it, &names, &diag), 0);
		memcpy(id, names.id, sizeof(id));
		memcpy(time, names.time, sizeof(time));
		wanted.past[0] = time;
		wanted.past[1] = id;
	}
	assert_string_equal(names.text, "p9 p8 p7 p6 p5 p4 p3 p2 p1 p0 ");
	query_close(query);
	end(&place);
}

static void test_query_rows__finds_what_one_may_own(void **state)
{
	static const char *const ids[] = { "p2", "p2; --" };
	const struct query_own own = { .owner = "user-0", .id_count = 2, .id = ids };
	const struct query_own nobody = { .owner = "user-0' OR 1=1 --" };
	struct query_filter filter[] = { { "id", QUERY_FROM, "p2" }, { "id", QUERY_BELOW, "p7" } };
	struct query_wanted wanted = { .table = "payments", .order = "id", .own = &own };
	struct names names = { .text = "" };
	struct place place;
	struct query *query = NULL;
	struct diag diag;

	(void)state;
	begin(&place, 0);
	restart(&place);
	fill_payments(&place, 10);
	assert_int_equal(query_open(place.path, &query, &diag), 0);
	assert_int_equal(query_rows(query, &wanted, name_it, &names, &diag), 0);
	assert_string_equal(names.text, "p0 p2 p3 p6 p9 ");
	names.text[0] = '\0';
	wanted.filter = filter;
	wanted.filter_count = 2;
	assert_int_equal(query_rows(query, &wanted, name_it, &names, &diag), 0);
	assert_string_equal(names.text, "p2 p3 p6 ");
	wanted.own = &nobody;
	assert_int_equal(query_rows(query, &wanted, fail_row, NULL, &diag), 0);
	wanted.table = "events";
	wanted.filter_count = 0;
	wanted.order = NULL;
	assert_int_equal(query_rows(query, &wanted, fail_row, NULL, &diag), ERR_INVALID);
	query_close(query);
	end(&place);
}

/* Events 1 .. @count, of the topics pay/p0/a, pay/p1/a and so on, ten topics in turn. */
static void fill_events(struct place *place, unsigned count)
{
	char sql[512];

	(void)snprintf(
		sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
		"%u) INSERT INTO events (seq, received_at, topic, publisher, client_id, qos, "
		"retained, payload%s) SELECT i, 't' || (1000 + i), 'pay/p' || (i %% 10) || "
		"'/a', 'x', 'x', 0, 0, ''%s FROM n",
		count, folder_is_shared() ? ", origin, origin_seq" : "",
		folder_is_shared() ? ", 'other', i" : "");
	assert_string_equal(folder_ask(&place->folder, "petstore.db", sql), "");
}

static bool name_event(const struct query_row *row, void *ctx)
{
	const struct query_cell *seq = query_cell(row, "seq");
	char *text = ctx;
	size_t used = strlen(text);

	assert_int_equal(row->count, 2); /* the columns that are wanted */
	assert_non_null(query_cell(row, "topic"));
	(void)snprintf(text + used, 512 - used, "%d ", (int)seq->integer);
	return true;
}

static void test_query_rows__finds_topics(void **state)
{
	static const char *const column[] = { "seq", "topic" };
	static const char *const numbers[] = { "3", "41", "12", "1000000" };
	const struct query_list list = { .column = "seq", .count = 4, .text = numbers };
	const struct query_spot spot[] = {
		{ .from = "pay/p4/", .until = "pay/p4/b" },
		{ .from = "pay/p9/a", .until = "pay/p9/a\1" },
		{ .head = "pay/",
		  .from = "/a",
		  .until = "/a\1",
		  .table = "payments",
		  .owner = "user-2" },
	};
	const struct query_filter below[] = { { "seq", QUERY_BELOW, "100" },
					      { "received_at", QUERY_FROM, "t1070" } };
	const struct {
		const char *by, *text;
		size_t spot_count, filter_count;
		const struct query_list *list;
		unsigned limit, skip;
	} rows[] = {
		/* user-2 has p2 and p5 */
		{ "topic", "99 95 94 92 89 ", 3, 1, NULL, 5, 0 },
		{ "topic", "89 85 84 82 79 ", 3, 1, NULL, 5, 4 },
		{ "seq", "99 94 89 84 79 ", 2, 1, NULL, 5, 0 },
		{ "topic", "74 79 84 89 94 99 ", 2, 2, NULL, 0, 0 },
		{ "received_at", "74 79 84 89 94 99 ", 2, 2, NULL, 0, 0 },
		{ NULL, "41 12 3 ", 0, 0, &list, 50, 0 },
		{ "seq", "41 12 ", 0, 0, &list, 2, 0 },
	};
	struct place place;
	struct query *query = NULL;
	struct diag diag;

	(void)state;
	begin(&place, 0);
	restart(&place);
	fill_payments(&place, 7);
	fill_events(&place, 120);
	assert_int_equal(query_open(place.path, &query, &diag), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct query_wanted wanted = { .table = "events",
						     .filter_count = rows[i].filter_count,
						     .filter = below,
						     .order = "seq",
						     .is_descending = rows[i].limit > 0,
						     .limit = rows[i].limit,
						     .skip = rows[i].skip,
						     .list = rows[i].list,
						     .spot_count = rows[i].spot_count,
						     .spot = spot,
						     .by = rows[i].by,
						     .column_count = 2,
						     .column = column };
		char text[512] = "";

		if (query_rows(query, &wanted, name_event, text, &diag))
			fail_msg("%s", diag.text);
		if (strcmp(text, rows[i].text) != 0)
			fail_msg("row %zu: %s", i, text);
	}
	query_close(query);
	end(&place);
}

static bool count_it(const struct query_row *row, void *ctx)
{
	(void)row;
	++*(unsigned *)ctx;
	return true;
}

static void test_query_bound__ends_what_takes_too_long(void **state)
{
	const struct query_wanted wanted = { .table = "payments", .order = "updated_at" };
	atomic_bool is_ending = false;
	struct place place;
	struct query *query = NULL;
	unsigned count = 0;
	struct diag diag;

	(void)state;
	begin(&place, 0);
	restart(&place);
	fill_payments(&place, 20000);
	assert_int_equal(query_open_bounded(place.path, "test", 1000, &query, &diag), 0);
	query_bound(query, 1, &is_ending);
	assert_int_equal(query_rows(query, &wanted, count_it, &count, &diag), ERR_LIMIT);
	assert_int_equal(
		query_groups(query, &wanted, "owner", "updated_at", count_it, &count, &diag),
		ERR_LIMIT);
	is_ending = true;
	query_bound(query, INT64_MAX, &is_ending);
	assert_int_equal(query_rows(query, &wanted, count_it, &count, &diag), ERR_LIMIT);
	is_ending = false;
	count = 0;
	assert_int_equal(query_rows(query, &wanted, count_it, &count, &diag), 0);
	assert_int_equal(count, 20000);
	query_bound(query, 0, NULL);
	assert_int_equal(query_rows(query, &wanted, count_it, &count, &diag), 0);
	query_close(query);
	end(&place);
}

/* What takes more than a few steps of the database's is cut off: it is not sorted. */
static void test_query_rows__reads_a_status_in_the_order_of_an_index(void **state)
{
	static const struct {
		struct query_filter filter;
		const char *text;
	} rows[] = {
		{ { "status", QUERY_IS, "PAID" }, "p3990 p3980 p3970 " },
		{ { "status", QUERY_NULL, NULL }, "p3999 p3998 p3997 " },
		{ { "status", QUERY_IS, "none" }, "" },
	};
	static const char *const changes[] = {
		"UPDATE payments SET status = 'PAID' WHERE id LIKE '%0'",
		"DROP INDEX \"payments.status\"",
		"CREATE INDEX timed ON payments (status, updated_at)",
	};
	static const char *const column[] = { "id", "updated_at" };
	atomic_bool is_ending = !folder_is_shared(); /* a server counts no steps */
	struct place place;
	struct query *query = NULL;
	unsigned count = 0;
	struct diag diag;

	(void)state;
	begin(&place, 0);
	restart(&place);
	fill_payments(&place, 10000);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_string_equal(folder_ask(&place.folder, "petstore.db", changes[i]), "");
	assert_int_equal(query_open(place.path, &query, &diag), 0);
	query_bound(query, INT64_MAX, &is_ending);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct query_wanted wanted = { .table = "payments",
						     .filter_count = 1,
						     .filter = &rows[i].filter,
						     .order = "updated_at",
						     .then = "id",
						     .is_descending = true,
						     .limit = 3,
						     .column_count = 2,
						     .column = column };
		const struct query_wanted sorted = { .table = "payments",
						     .order = "updated_at",
						     .limit = 3 };
		struct names names = { .text = "" };

		if (query_rows(query, &wanted, name_it, &names, &diag))
			fail_msg("row %zu: %s", i, diag.text);
		if (strcmp(names.text, rows[i].text) != 0)
			fail_msg("row %zu: %s", i, names.text);
		assert_int_equal(query_rows(query, &sorted, count_it, &count, &diag),
				 is_ending ? ERR_LIMIT : 0);
	}
	query_close(query);
	end(&place);
}

static void test_ledger_open_reader__sees_what_stands(void **state)
{
	const struct entity_plan wider = { .entity_count = 2, .entity = entities };
	const struct value values[] = {
		{ .column = 0, .type = VALUE_TEXT, .text = "PENDING", .len = 7 },
		{ .column = 1, .type = VALUE_TEXT, .text = "o-1", .len = 3 },
	};
	const struct ledger_write write = { .id = "p-1",
					    .id_len = 3,
					    .owner = "eva",
					    .owner_len = 3,
					    .value_count = 2,
					    .value = values,
					    .message.topic = "t",
					    .message.topic_len = 1,
					    .publisher = "eva",
					    .client_id = "c" };
	struct ledger *reader = NULL;
	struct ledger_state known;
	struct place place;
	struct diag diag;

	(void)state;
	begin(&place, 0);
	assert_int_equal(ledger_commit(place.ledger, &write, &diag), 0);
	assert_int_equal(ledger_flush(place.ledger, 5000, &diag), 0);
	/* while the other is at work */
	assert_int_equal(ledger_open_reader(place.path, &wider, &reader, &diag), 0);
	assert_int_equal(ledger_look(reader, 0, "p-1", 3, &known, &diag), 0);
	assert_true(known.is_known);
	assert_string_equal(known.owner, "eva");
	assert_string_equal(known.link, "o-1");
	assert_string_equal(known.status[0], "PENDING");
	assert_int_equal(known.revision, 1);
	assert_int_equal(ledger_look(reader, 0, "p-2", 3, &known, &diag), 0);
	assert_false(known.is_known);
	assert_string_equal(known.status[0], "");
	/* a table that the database does not have yet */
	assert_int_equal(ledger_look(reader, 1, "p-1", 3, &known, &diag), 0);
	assert_false(known.is_known);
	assert_int_equal(ledger_look(reader, 2, "p-1", 3, &known, &diag), ERR_INVALID);
	assert_int_equal(ledger_look(reader, 0, "", 0, &known, &diag), ERR_LIMIT);
	assert_true(ledger_is_ready(reader, 1 << 20, true));
	ledger_close(reader);
	end(&place);
}

static void test_ledger_open_reader__survives_failing_allocations(void **state)
{
	struct place place;

	(void)state;
	begin(&place, 0);
	for (size_t n = 1;; n++) {
		struct ledger *reader = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = ledger_open_reader(place.path, &plan, &reader, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 1);
			ledger_close(reader);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
	}
	end(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backlog_put__keeps_a_copy),
		cmocka_unit_test(test_backlog_put__cuts_between_characters),
		cmocka_unit_test(test_backlog_put__is_bounded),
		cmocka_unit_test(test_backlog_put__is_shared_by_principals_and_addresses),
		cmocka_unit_test(test_backlog_put__letters),
		cmocka_unit_test(test_backlog_put_alert__has_room_of_its_own),
		cmocka_unit_test(test_backlog_take__sums_up_what_was_lost),
		cmocka_unit_test(test_backlog_put__counts_what_memory_lacks),
		cmocka_unit_test(test_ledger_refuse__becomes_a_row),
		cmocka_unit_test(test_ledger_refuse__keeps_so_many_rows),
		cmocka_unit_test(test_ledger_refuse__who_floods_loses_its_own),
		cmocka_unit_test(test_ledger_refuse__tells_what_was_lost),
		cmocka_unit_test(test_query_rows__names_what_is_not_there),
		cmocka_unit_test(test_query_rows__goes_on_behind_a_row),
		cmocka_unit_test(test_query_rows__finds_what_one_may_own),
		cmocka_unit_test(test_query_rows__finds_topics),
		cmocka_unit_test(test_query_bound__ends_what_takes_too_long),
		cmocka_unit_test(test_query_rows__reads_a_status_in_the_order_of_an_index),
		cmocka_unit_test(test_ledger_open_reader__sees_what_stands),
		cmocka_unit_test(test_ledger_open_reader__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sqlite3.h>
#include <time.h>

#include "base/clock.h"
#include "between.h"
#include "failalloc.h"
#include "folder.h"
#include "ledger/accepted.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "ledger/writer.h"
#include "quickdisk.h"

enum { ORDERS, PAYMENTS, ENTITIES };

static const struct entity_column order_column[] = {
	{ "status", VALUE_TEXT, true },  { "payment_status", VALUE_TEXT, false },
	{ "total", VALUE_TEXT, false },  { "quantity", VALUE_INTEGER, false },
	{ "weight", VALUE_REAL, false }, { "is_gift", VALUE_BOOLEAN, false },
};

static const struct entity_column payment_column[] = {
	{ "status", VALUE_TEXT, true },
	{ "order_id", VALUE_TEXT, true },
};

static const struct entity shop[ENTITIES] = {
	{ .table = "orders",
	  .column_count = 6,
	  .column = order_column,
	  .slot_count = 2,
	  .slot = { 0, 1 },
	  .link_column = -1 },
	{ .table = "payments",
	  .column_count = 2,
	  .column = payment_column,
	  .slot_count = 1,
	  .slot = { 0 },
	  .link_column = 1 },
};

static const struct entity_plan plan = { ENTITIES, shop };

struct fixture {
	struct folder folder;
	struct ledger_options options;
	char path[600], ring[300]; /* the database's place, and the journal's file */
	struct ledger *ledger;
	struct diag diag;
};

static struct ledger *open_ledger(struct fixture *f)
{
	int rc;

	f->ledger = NULL;
	diag_init(&f->diag);
	rc = ledger_open(&f->options, &plan, &f->ledger, &f->diag);
	assert_string_equal(f->diag.text, "");
	assert_int_equal(rc, 0);
	return f->ledger;
}

static void close_ledger(struct fixture *f)
{
	ledger_close(f->ledger);
	f->ledger = NULL;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	(void)strcpy(f->path, folder_place(&f->folder, "shop.db"));
	(void)strcpy(f->ring, folder_file(&f->folder, "shop.db-journal.ring"));
	f->options = (struct ledger_options){
		.path = f->path,
		.journal = folder_is_shared() ? f->ring : NULL,
		.broker = folder_is_shared() ? "one" : NULL,
		.journal_bytes = 1 << 20,
		.batch_rows = 100,
		.batch_ms = 5,
		.cache_entities = 1000,
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ledger_close(f->ledger);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

/* ---- writes ------------------------------------------------------------------------------ */

static struct ledger_write order_write(const char *id, const struct value *value, size_t count)
{
	return (struct ledger_write){
		.entity = ORDERS,
		.id = id,
		.id_len = strlen(id),
		.value_count = count,
		.value = value,
		.received_ms = 1700000000000,
		.message.topic = "orders/1/status",
		.message.topic_len = 15,
		.publisher = "backoffice",
		.client_id = "desk-1",
		.message.payload = "{}",
		.message.payload_len = 2,
		.message.qos = 1,
	};
}

static struct value text_value(unsigned column, const char *text)
{
	return (struct value){
		.column = column, .type = VALUE_TEXT, .text = text, .len = strlen(text)
	};
}

/* Moves an order to a status; the commit's result. */
static int move_order(struct fixture *f, const char *id, const char *status)
{
	struct value value = text_value(0, status);
	struct ledger_write write = order_write(id, &value, 1);

	return ledger_commit(f->ledger, &write, &f->diag);
}

static int look(struct fixture *f, unsigned entity, const char *id, struct ledger_state *ret)
{
	return ledger_look(f->ledger, entity, id, strlen(id), ret, &f->diag);
}

static void flush(struct fixture *f)
{
	assert_int_equal(ledger_flush(f->ledger, 20000, &f->diag), 0);
}

static void sleep_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Waits for a news line that holds @text; a test hangs rather than guess a time. */
static void wait_for_news(struct fixture *f, const char *text)
{
	struct diag line;

	for (int i = 0; i < 6000; i++, sleep_ms(10))
		while (ledger_news(f->ledger, &line))
			if (strstr(line.text, text))
				return;
	fail_msg("no news of '%s'", text);
}

static void test_ledger_commit__is_seen_at_once_and_kept(void **state)
{
	struct fixture *f = *state;
	struct ledger_state seen;

	open_ledger(f);
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_false(seen.is_known);
	assert_string_equal(seen.status[0], "");
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_true(seen.is_known);
	assert_string_equal(seen.status[0], "PLACED");
	assert_string_equal(seen.status[1], "");
	assert_string_equal(seen.owner, "");
	assert_int_equal(seen.revision, 1);
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db",
		   "SELECT id, owner, revision, status, payment_status, created_at, updated_at "
		   "FROM orders",
		   "1|-|2|APPROVED|-|2023-11-14T22:13:20.000Z|2023-11-14T22:13:20.000Z");
	assert_sql(&f->folder, "shop.db",
		   "SELECT seq, received_at, topic, publisher, client_id, qos, retained, payload "
		   "FROM events WHERE seq = 2",
		   "2|2023-11-14T22:13:20.000Z|orders/1/status|backoffice|desk-1|1|0|{}");
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM events", "2");
}

static void test_ledger_commit__says_which_message_it_was(void **state)
{
	struct fixture *f = *state;
	struct value value = text_value(0, "PLACED");
	struct ledger_write write = order_write("1", &value, 1);
	uint64_t seed;

	folder_sqlite_only();
	f->options.broker = "warehouse-1";
	open_ledger(f);
	seed = ledger_seed(f->ledger);
	assert_true(seed != 0);
	write.digest = UINT64_MAX - 1;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write = (struct ledger_write){ .entity = ENTITY_NONE,
				       .message.topic = "t",
				       .message.topic_len = 1 };
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	close_ledger(f);
	f->options.broker = NULL;
	open_ledger(f);
	assert_true(ledger_seed(f->ledger) == seed);
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db",
		   "SELECT seq, digest, revision, origin FROM events ORDER BY seq",
		   "1|-2|1|warehouse-1\n2|-2|2|warehouse-1\n3|-|-|warehouse-1\n4|-|3|-");
}

/* ---- what comes again -------------------------------------------------------------------- */

#define DESK 1001u /* who sends */
#define TILL 1002u

static int was_accepted(struct fixture *f, uint64_t sender, uint64_t digest, uint64_t until_seq,
			bool may_read)
{
	struct ledger_resend_query sent = { .digest = digest,
					    .sender = sender,
					    .topic = "orders/1/status",
					    .topic_len = 15,
					    .publisher = "backoffice",
					    .client_id = sender == DESK ? "desk-1" : "till-1",
					    .until_seq = until_seq };

	return ledger_was_accepted(f->ledger, &sent, may_read, &f->diag);
}

static void send_as(struct fixture *f, uint64_t sender, uint64_t digest, unsigned qos, bool is_will)
{
	struct value value = text_value(0, "PLACED");
	struct ledger_write write = order_write("1", &value, 1);

	write.sender = sender;
	write.digest = digest;
	write.message.qos = qos;
	write.message.is_will = is_will;
	write.client_id = sender == TILL ? "till-1" : "desk-1";
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
}

static void test_ledger_was_accepted__by_whom_and_when(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	assert_int_equal(ledger_last(f->ledger), 0);
	send_as(f, DESK, 51, 1, false);
	send_as(f, TILL, 52, 1, false);
	assert_int_equal(ledger_last(f->ledger), 2);
	for (int is_there = 0; is_there < 2; is_there++) {
		assert_int_equal(was_accepted(f, DESK, 51, 2, true), 1);
		assert_int_equal(was_accepted(f, DESK, 51, 1, true), 1);
		assert_int_equal(was_accepted(f, DESK, 51, 0, true), 0); /* of this connection */
		assert_int_equal(was_accepted(f, TILL, 51, 2, true), 0);
		assert_int_equal(was_accepted(f, TILL, 52, 2, true), 1);
		assert_int_equal(was_accepted(f, TILL, 52, 1, true), 0);
		assert_int_equal(was_accepted(f, DESK, 53, 2, true), 0);
		assert_int_equal(ledger_flush(f->ledger, 5000, &f->diag), 0);
	}
	/* What wrote nothing is of the connections that are there. */
	ledger_remember(f->ledger, DESK, 54);
	assert_int_equal(was_accepted(f, DESK, 54, 2, true), 0);
	send_as(f, TILL, 55, 1, false);
	assert_int_equal(was_accepted(f, DESK, 54, 3, true), 1);
}

static void test_ledger_was_accepted__after_a_restart(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	send_as(f, DESK, 51, 1, false);
	send_as(f, 0, 52, 0, false);
	send_as(f, 0, 53, 1, true);
	close_ledger(f);
	open_ledger(f);
	assert_int_equal(was_accepted(f, DESK, 51, 0, false), 0); /* not in memory */
	assert_int_equal(was_accepted(f, DESK, 51, 0, true), 1);
	assert_int_equal(was_accepted(f, TILL, 51, 0, true), 0);
	assert_int_equal(was_accepted(f, DESK, 52, 3, true), 0); /* of QoS 0 */
	assert_int_equal(was_accepted(f, DESK, 53, 3, true), 0); /* a will */
}

/* Who floods loses its own; of a topic the last rows are read. */
static void test_ledger_was_accepted__keeps_the_last(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	send_as(f, DESK, 51, 1, false);
	send_as(f, TILL, 52, 1, false);
	for (unsigned i = 0; i < ACCEPTED_KEPT; i++)
		send_as(f, DESK, 100 + i, 1, false);
	assert_int_equal(ledger_flush(f->ledger, 5000, &f->diag), 0);
	assert_int_equal(was_accepted(f, DESK, 51, 1000, true), 0);
	assert_int_equal(was_accepted(f, DESK, 100, 1000, true), 1);
	assert_int_equal(was_accepted(f, TILL, 52, 1000, true), 1);
	close_ledger(f);
	open_ledger(f);
	assert_int_equal(was_accepted(f, DESK, 100 + ACCEPTED_KEPT - LEDGER_RESEND_ROWS, 0, true),
			 1);
	assert_int_equal(
		was_accepted(f, DESK, 100 + ACCEPTED_KEPT - LEDGER_RESEND_ROWS - 1, 0, true), 0);
}

/* What makes an event one is known by publisher, and after a restart. */
static void test_ledger_has_unique__also_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct ledger_write write = { .entity = ENTITY_NONE,
				      .message.topic = "t",
				      .message.topic_len = 1,
				      .publisher = "backoffice",
				      .client_id = "c",
				      .unique = UINT64_MAX };

	open_ledger(f);
	assert_false(ledger_has_unique(f->ledger, "backoffice", UINT64_MAX));
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write.unique = 7;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	for (int is_back = 0; is_back < 2; is_back++) {
		assert_true(ledger_has_unique(f->ledger, "backoffice", UINT64_MAX));
		assert_true(ledger_has_unique(f->ledger, "backoffice", 7));
		assert_false(ledger_has_unique(f->ledger, "backoffice", 8));
		assert_false(ledger_has_unique(f->ledger, "collar-7", 7));
		close_ledger(f);
		open_ledger(f);
	}
	/* Of more than are kept the newest, after a restart as before. */
	for (unsigned i = 0; i < ACCEPTED_KEPT; i++) {
		write.unique = 100 + i;
		assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	}
	close_ledger(f);
	open_ledger(f);
	assert_false(ledger_has_unique(f->ledger, "backoffice", 7));
	assert_true(ledger_has_unique(f->ledger, "backoffice", 100));
	assert_true(ledger_has_unique(f->ledger, "backoffice", 100 + ACCEPTED_KEPT - 1));
}

static void take_text(const struct ledger_retained *row, void *ctx)
{
	(void)sprintf(ctx, "%.*s", (int)row->message.payload_len,
		      (const char *)row->message.payload);
}

static void test_ledger_event_find__of_a_topic(void **state)
{
	struct fixture *f = *state;
	struct ledger_write write = order_write("1", NULL, 0);
	char text[16] = "";

	open_ledger(f);
	assert_int_equal(
		ledger_event_find(f->ledger, "orders/1/status", 15, take_text, text, &f->diag), 0);
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write.message.payload = "\xff";
	write.message.payload_len = 1;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	assert_int_equal(ledger_flush(f->ledger, 5000, &f->diag), 0);
	assert_int_equal(
		ledger_event_find(f->ledger, "orders/1/status", 15, take_text, text, &f->diag), 1);
	assert_string_equal(text, "\xff");
	assert_int_equal(
		ledger_event_find(f->ledger, "orders/2/status", 15, take_text, text, &f->diag), 0);
}

static void append_text(const struct ledger_retained *row, void *ctx)
{
	take_text(row, (char *)ctx + strlen(ctx));
}

static void test_ledger_retained_find_each__that_there_is(void **state)
{
	struct fixture *f = *state;
	const struct ledger_topic topic[] = { { "orders/2/status", 15 },
					      { "orders/3/status", 15 },
					      { "orders/1/status", 15 } };
	struct ledger_write write = order_write("1", NULL, 0);
	char text[64] = "";

	open_ledger(f);
	write.message.is_retained = true;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write = order_write("2", NULL, 0);
	write.message.is_retained = true;
	write.message.topic = "orders/2/status";
	write.message.payload = "two";
	write.message.payload_len = 3;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	assert_int_equal(ledger_flush(f->ledger, 5000, &f->diag), 0);
	assert_int_equal(
		ledger_retained_find_each(f->ledger, topic, 1, append_text, text, &f->diag), 0);
	assert_string_equal(text, "two");
	assert_int_equal(
		ledger_retained_find_each(f->ledger, topic, 2, append_text, text, &f->diag), 0);
	assert_string_equal(text, "twotwo");
	assert_int_equal(
		ledger_retained_find_each(f->ledger, topic + 1, 2, append_text, text, &f->diag), 0);
	assert_true(strlen(text) > strlen("twotwo"));
}

/* "1 2023-11-14T22:13:20.000Z;" */
static void list_unchanged(const struct ledger_unchanged *row, void *ctx)
{
	char *text = ctx;

	(void)sprintf(text + strlen(text), "%s %s;", row->id, row->since);
}

static int find_unchanged(struct fixture *f, int64_t before_ms, unsigned limit, char *text)
{
	const struct ledger_unchanged_query asked = {
		.entity = ORDERS, .status = "PLACED", .before_ms = before_ms, .limit = limit
	};

	return ledger_find_unchanged(f->ledger, &asked, list_unchanged, text, &f->diag);
}

static void test_ledger_find_unchanged__lists_the_longest_first(void **state)
{
	struct fixture *f = *state;
	struct entity timed[ENTITIES] = { shop[ORDERS], shop[PAYMENTS] };
	const struct entity_plan wanted = { ENTITIES, timed };
	struct value value = text_value(0, "PLACED");
	const char *const ids[] = { "late", "early", "middle" };
	const int64_t times[] = { 1700000009000, 1700000001000, 1700000005000 };
	char text[256] = "";

	timed[ORDERS].is_timed[0] = true;
	open_ledger(f);
	assert_int_equal(find_unchanged(f, 0, 9, text), ERR_INVALID);
	assert_int_equal(ledger_replan(f->ledger, &wanted, &f->diag), 0);
	while (find_unchanged(f, 0, 9, text) == ERR_BUSY)
		sleep_ms(1); /* its index is made by another thread */
	for (int i = 0; i < 3; i++) {
		struct ledger_write write = order_write(ids[i], &value, 1);

		write.received_ms = times[i];
		assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	}
	assert_int_equal(move_order(f, "gone", "APPROVED"), 0);
	flush(f);
	assert_int_equal(find_unchanged(f, 1700000009000, 9, text), 0);
	assert_string_equal(text,
			    "early 2023-11-14T22:13:21.000Z;middle 2023-11-14T22:13:25.000Z;");
	text[0] = '\0';
	assert_int_equal(find_unchanged(f, 1800000000000, 1, text), 0);
	assert_string_equal(text, "early 2023-11-14T22:13:21.000Z;");
	assert_string_equal(folder_ask(&f->folder, "shop.db",
				       folder_is_shared()
					       ? "SELECT count(*) FROM pg_indexes WHERE indexname "
						 "= 'orders.status.updated_at'"
					       : "SELECT count(*) FROM pragma_index_list('orders') "
						 "WHERE name = 'orders.status.updated_at'"),
			    "1");
	close_ledger(f);
}

static void test_ledger_facts__count_what_went_through(void **state)
{
	struct fixture *f = *state;
	struct ledger_facts facts;
	struct ledger_state seen;
	uint64_t batches = 0;

	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	flush(f);
	ledger_facts(f->ledger, &facts);
	assert_int_equal(facts.state_hits + facts.state_misses, 2);
	assert_int_equal(facts.journal_records, 0);
	assert_int_equal(facts.journal_age_ms, 0);
	assert_true(facts.journal_bytes >= 1 << 20);
	assert_int_equal(facts.store_errors, 0);
	assert_int_equal(atomic_load(&facts.batch_records->sum), 1);
	for (unsigned i = 0; i <= facts.batch_ns->bounds; i++)
		batches += atomic_load(&facts.batch_ns->bucket[i]);
	assert_int_equal(batches, 1);
	close_ledger(f);
}

static void test_ledger_alert__becomes_a_row(void **state)
{
	struct fixture *f = *state;
	const struct alertrow alert = { .time_ms = 1700000000000,
					.kind = "takeover",
					.state = "raised",
					.who = { "app", "eva", "", false },
					.document = "{}" };

	open_ledger(f);
	ledger_alert(f->ledger, &alert);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db",
		   "SELECT time, kind, state, client_id, principal, address, document FROM alerts",
		   "2023-11-14T22:13:20.000Z|takeover|raised|app|eva||{}");
}

static void test_ledger_commit__leaves_unnamed_columns(void **state)
{
	struct fixture *f = *state;
	struct value all[] = {
		text_value(0, "PLACED"),
		text_value(2, "12.50"),
		{ .column = 3, .type = VALUE_REAL, .real = 4.0 },
		{ .column = 4, .type = VALUE_INTEGER, .integer = 7 },
		{ .column = 5, .type = VALUE_BOOLEAN, .integer = 1 },
	};
	struct value payment = text_value(1, "PENDING");
	struct value nothing = { .column = 2, .type = VALUE_NULL };
	struct ledger_write write = order_write("1", all, 5);
	struct ledger_state seen;

	open_ledger(f);
	write.owner = "customer-a";
	write.owner_len = 10;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write = order_write("1", &payment, 1);
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	flush(f);
	assert_sql(&f->folder, "shop.db",
		   "SELECT owner, status, payment_status, total, quantity, CAST(weight * 2 AS "
		   "INTEGER), is_gift FROM orders",
		   "customer-a|PLACED|PENDING|12.50|4|14|1");
	write = order_write("1", &nothing, 1);
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_string_equal(seen.owner, "customer-a");
	assert_string_equal(seen.status[1], "PENDING");
	assert_int_equal(seen.revision, 3);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT owner, status, total FROM orders",
		   "customer-a|PLACED|-");
}

static void test_ledger_commit__event_only_and_entity_only(void **state)
{
	struct fixture *f = *state;
	struct value value = text_value(0, "PLACED");
	struct ledger_write write = order_write("1", &value, 1);

	open_ledger(f);
	write.is_unrecorded = true;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write = order_write("", NULL, 0);
	write.entity = ENTITY_NONE;
	write.message.payload = "\xff\0x";
	write.message.payload_len = 3;
	write.publisher = NULL;
	write.client_id = NULL;
	write.message.is_retained = true;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write.message.payload = NULL;
	write.message.payload_len = 0;
	write.message.is_will = true;
	write.is_correction = true;
	write.is_adopted = true;
	write.is_power = true;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	close_ledger(f);
	assert_sql(
		&f->folder, "shop.db",
		folder_is_shared()
			? "SELECT origin_seq, publisher, client_id, retained, will, correction, "
			  "adopted, upper(encode(payload_bytes, 'hex')), payload FROM events "
			  "ORDER BY seq"
			: "SELECT seq, publisher, client_id, retained, will, correction, adopted, "
			  "iif(typeof(payload) = 'blob', hex(payload), NULL), iif(typeof("
			  "payload) = 'text', payload, NULL) FROM events ORDER BY seq",
		"2|||1|0|0|0|FF0078|-\n3|||1|1|1|1|-|");
	assert_sql(&f->folder, "shop.db", "SELECT id, status FROM orders", "1|PLACED");
}

/* An event has the name of its message, as far as a record holds it, also from the journal. */
static void test_ledger_commit__keeps_the_messages_name(void **state)
{
	struct fixture *f = *state;
	char name[LEDGER_KIND_MAX + 2];
	struct ledger_write write = { .entity = ENTITY_NONE,
				      .message.topic = "t",
				      .message.topic_len = 1,
				      .publisher = "p",
				      .client_id = "c" };

	memset(name, 'n', sizeof(name) - 1);
	name[LEDGER_KIND_MAX - 1] = (char)0xc3; /* a character that would not fit whole */
	name[LEDGER_KIND_MAX] = (char)0xa4;
	name[LEDGER_KIND_MAX + 1] = '\0';
	open_ledger(f);
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write.kind = "temperature";
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write.kind = name;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db",
		   "SELECT length(message), substr(message, 1, 4) FROM events ORDER BY seq",
		   "-|-\n11|temp\n127|nnnn");
}

static void test_ledger_commit__refuses_what_it_cannot_keep(void **state)
{
	struct fixture *f = *state;
	char long_text[ENTITY_OWNER_MAX + 2];
	struct value bad[] = {
		{ .column = 0, .type = VALUE_INTEGER, .integer = 1 },
		{ .column = 3, .type = VALUE_REAL, .real = 4.5 },
		{ .column = 3, .type = VALUE_REAL, .real = 1e300 },
		{ .column = 5, .type = VALUE_INTEGER, .integer = 1 },
		{ .column = 6, .type = VALUE_INTEGER, .integer = 1 },
		{ .column = 0, .type = VALUE_TEXT, .text = "A\0B", .len = 3 },
	};
	struct value value = text_value(0, "PLACED");
	struct ledger_write write;
	struct ledger_state seen;

	open_ledger(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write = order_write("1", &bad[i], 1);
		assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_INVALID);
	}
	memset(long_text, 'x', sizeof(long_text));
	value.text = long_text;
	value.len = ENTITY_STATUS_MAX + 1;
	write = order_write("1", &value, 1);
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_LIMIT);
	value.len = ENTITY_STATUS_MAX;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	write.owner = long_text;
	write.owner_len = ENTITY_OWNER_MAX + 1;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_LIMIT);
	write.owner = "a\0b";
	write.owner_len = 3;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_INVALID);
	write.id_len = 0;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_LIMIT);
	write.entity = ENTITIES;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_INVALID);
	assert_int_equal(look(f, ENTITIES, "1", &seen), ERR_INVALID);
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_int_equal(seen.revision, 1);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM events", "1");
}

static void test_ledger_commit__larger_than_the_journal_takes(void **state)
{
	struct fixture *f = *state;
	char *payload = calloc(1, 300000);
	struct ledger_write write = order_write("", NULL, 0);

	f->options.journal_bytes = 1 << 20;
	open_ledger(f);
	write.entity = ENTITY_NONE;
	write.message.payload = payload;
	write.message.payload_len = 300000;
	assert_false(ledger_is_ready(f->ledger, 300000, false));
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), ERR_LIMIT);
	write.message.payload_len = 200000;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	free(payload);
}

/* The least journal takes the largest write: its columns hold the payload again. */
static void test_ledger_journal_least__takes_the_largest(void **state)
{
	struct fixture *f = *state;
	const size_t max = 50000;
	char *payload = calloc(1, max), *names = calloc(1, LEDGER_NAMES_ROOM);
	struct value value = { .column = 2, .type = VALUE_TEXT, .len = max };
	char id[ENTITY_ID_MAX + 1] = "", owner[ENTITY_OWNER_MAX + 1] = "";
	struct ledger_write write;

	assert_non_null(payload);
	assert_non_null(names);
	memset(payload, 'x', max);
	memset(names, 'n', LEDGER_NAMES_ROOM);
	memset(id, 'i', ENTITY_ID_MAX);
	memset(owner, 'o', ENTITY_OWNER_MAX);
	value.text = payload;
	f->options.journal_bytes = ledger_journal_least(max);
	assert_int_equal(f->options.journal_bytes % 65536, 0);
	open_ledger(f);
	write = order_write(id, &value, 1);
	write.owner = owner;
	write.owner_len = ENTITY_OWNER_MAX;
	write.message.payload = payload;
	write.message.payload_len = max;
	write.message.topic = names;
	write.message.topic_len =
		LEDGER_NAMES_ROOM - strlen(write.publisher) - strlen(write.client_id);
	assert_true(ledger_is_ready(f->ledger, max, false));
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT length(payload) FROM events", "50000");
	/* A ring of one step less does not. */
	assert_true(f->options.journal_bytes / 4 - 65536 / 4 < 2 * max + LEDGER_NAMES_ROOM);
	free(payload);
	free(names);
}

static void test_ledger_look__finds_what_a_former_run_kept(void **state)
{
	struct fixture *f = *state;
	struct value value[] = { text_value(0, "PENDING"), text_value(1, "order-9") };
	struct ledger_write write = order_write("p1", value, 2);
	struct ledger_state seen;

	open_ledger(f);
	write.entity = PAYMENTS;
	write.owner = "customer-a";
	write.owner_len = 10;
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	assert_int_equal(look(f, PAYMENTS, "p1", &seen), 0);
	assert_string_equal(seen.link, "order-9");
	close_ledger(f);
	open_ledger(f);
	assert_int_equal(look(f, PAYMENTS, "p1", &seen), 0);
	assert_true(seen.is_known);
	assert_string_equal(seen.link, "order-9");
	assert_string_equal(seen.owner, "customer-a");
	assert_string_equal(seen.status[0], "PENDING");
	assert_int_equal(seen.revision, 1);
	assert_int_equal(look(f, ORDERS, "p1", &seen), 0);
	assert_false(seen.is_known);
}

/* Far more entities than memory has room for, so that most are read back. */
static uint64_t questions(struct fixture *f)
{
	struct ledger_facts facts;

	ledger_facts(f->ledger, &facts);
	return facts.state_misses;
}

/* Looks at ids that were never kept until one costs no question to the database. */
static void wait_for_idfilter(struct fixture *f)
{
	struct ledger_state seen;
	uint64_t before;
	char id[16];

	for (unsigned i = 0; i < 6000; i++, sleep_ms(10)) {
		(void)snprintf(id, sizeof(id), "never-%u", i);
		before = questions(f);
		assert_int_equal(look(f, ORDERS, id, &seen), 0);
		assert_false(seen.is_known);
		if (questions(f) == before)
			return;
	}
	fail_msg("new ids are asked for in the database");
}

static void test_ledger_look__knows_new_ids_without_a_question(void **state)
{
	struct fixture *f = *state;
	struct ledger_state seen;
	uint64_t before;
	char id[16];

	open_ledger(f);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		assert_int_equal(move_order(f, id, "PLACED"), 0);
	}
	close_ledger(f);
	open_ledger(f);
	wait_for_idfilter(f);
	before = questions(f);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		assert_int_equal(look(f, ORDERS, id, &seen), 0);
		assert_true(seen.is_known);
		assert_string_equal(seen.status[0], "PLACED");
	}
	assert_int_equal(questions(f), before + 100);
	assert_int_equal(ledger_replan(f->ledger, &plan, &f->diag), 0);
	wait_for_idfilter(f);
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_true(seen.is_known);
	close_ledger(f);
}

static void test_ledger_look__more_entities_than_memory(void **state)
{
	static const char *const walk[] = { "PLACED", "APPROVED", "SHIPPED" };
	enum { ORDERS_MANY = 500 };
	struct fixture *f = *state;
	struct ledger_state seen;
	unsigned reached[ORDERS_MANY] = { 0 };
	unsigned seed = 7;
	char id[16];

	f->options.cache_entities = 16;
	open_ledger(f);
	for (int i = 0; i < 6000; i++) {
		unsigned which = (seed = seed * 1103515245 + 12345) >> 8;

		which %= ORDERS_MANY;
		(void)snprintf(id, sizeof(id), "%u", which);
		assert_int_equal(look(f, ORDERS, id, &seen), 0);
		assert_int_equal(seen.is_known, reached[which] > 0);
		if (reached[which] > 0)
			assert_string_equal(seen.status[0], walk[reached[which] - 1]);
		if (reached[which] == 3)
			continue;
		/* All 16 places can be pinned for a moment. */
		while (move_order(f, id, walk[reached[which]]) != 0)
			sleep_ms(1);
		reached[which]++;
	}
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM events",
		   folder_ask(&f->folder, "shop.db", "SELECT sum(revision) FROM orders"));
}

/* ---- opening ----------------------------------------------------------------------------- */

static int try_open(struct fixture *f, const struct entity_plan *with)
{
	diag_init(&f->diag);
	return ledger_open(&f->options, with, &f->ledger, &f->diag);
}

static void test_ledger_open__second_is_refused(void **state)
{
	struct fixture *f = *state;
	struct ledger *second = NULL;
	char other[300];

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(ledger_open(&f->options, &plan, &second, &f->diag), ERR_BUSY);
	assert_non_null(strstr(f->diag.text, "in use"));
	assert_null(second);
	/* Nor by another name. */
	(void)strcpy(other, folder_file(&f->folder, "link.db"));
	assert_int_equal(symlink(f->path, other), 0);
	f->options.path = other;
	assert_int_equal(ledger_open(&f->options, &plan, &second, &f->diag), ERR_BUSY);
	f->options.path = f->path;
	/* The first is none the worse. */
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	open_ledger(f);
}

static void test_ledger_open__journal_elsewhere(void **state)
{
	struct fixture *f = *state;
	char journal[300];

	(void)strcpy(journal, folder_file(&f->folder, "elsewhere.journal"));
	f->options.journal = journal;
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	assert_int_equal(access(journal, F_OK), 0);
	assert_int_not_equal(access(folder_file(&f->folder, "shop.db-journal.ring"), F_OK), 0);
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM orders", "1");
}

static void test_ledger_open__shared_needs_a_name_and_a_journal(void **state)
{
	struct fixture *f = *state;

	f->options.path = "host=127.0.0.1 dbname=shop password=secret";
	f->options.broker = f->options.journal = NULL;
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "plugin_opt_broker: is missing"));
	f->options.broker = "warehouse-1";
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "plugin_opt_journal: is missing"));
	assert_true(ledger_is_shared(f->options.path));
	assert_false(ledger_is_shared("shop.db"));
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void test_ledger_open__no_database(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	folder_sqlite_only();
	write_file(f->path, "This is a text that someone may want to keep, longer than a header.\n"
			    "....................................................................");
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, f->path));
	assert_non_null(strstr(f->diag.text, "or a backup of it, in its place"));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 136);
	assert_int_not_equal(access(folder_file(&f->folder, "shop.db-journal.ring"), F_OK), 0);
	f->options.path = "/nonexistent/shop.db";
	assert_int_equal(try_open(f, &plan), ERR_IO);
}

static void test_ledger_open__another_programs_database(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only();
	assert_sql(&f->folder, "shop.db", "CREATE TABLE theirs (a)", "");
	assert_int_equal(try_open(f, &plan), ERR_VERSION);
	assert_non_null(strstr(f->diag.text, "another program"));
	assert_sql(&f->folder, "shop.db", "SELECT name FROM sqlite_master", "theirs");
	assert_sql(&f->folder, "shop.db", "PRAGMA journal_mode", "delete");
}

static void test_ledger_open__newer_database(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only();
	open_ledger(f);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "PRAGMA user_version = 1000", "");
	assert_int_equal(try_open(f, &plan), ERR_VERSION);
	assert_non_null(strstr(f->diag.text, "1000"));
	assert_non_null(strstr(f->diag.text, "put a backup of before in its place"));
}

static void test_ledger_open__journal_of_another_database(void **state)
{
	struct fixture *f = *state;
	char ring[300];

	folder_sqlite_only();
	open_ledger(f);
	close_ledger(f);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "shop.db: is missing, and its journal is there"));
	/* No write ever came to it: it is taken over. */
	write_file(f->path, "");
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	/* No journal at all. */
	(void)strcpy(ring, folder_file(&f->folder, "shop.db-journal.ring"));
	write_file(ring, "not a journal");
	assert_int_equal(try_open(f, &plan), ERR_VERSION);
	assert_non_null(strstr(f->diag.text, ring));
}

static void test_ledger_open__journal_takes_its_new_size(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	f->options.journal_bytes = 2 << 20;
	f->options.journal_bytes_max = 3 << 20;
	open_ledger(f);
	assert_int_equal(stat(folder_file(&f->folder, "shop.db-journal.ring"), &st), 0);
	assert_int_equal(st.st_size, (3 << 20) + 65536);
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT max(seq), count(*) FROM events", "2|2");
}

static void test_ledger_open__nth_allocation_fails(void **state)
{
	struct fixture *f = *state;
	size_t n;

	folder_sqlite_only(); /* libpq says of its own that it is not connected */
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	for (n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = try_open(f, &plan);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(f->ledger);
	}
	assert_true(n > 20);
}

/* ---- a table of somebody else ------------------------------------------------------------ */

static void make_orders(struct fixture *f, const char *note)
{
	char sql[300];

	(void)snprintf(sql, sizeof(sql),
		       "CREATE TABLE orders (id TEXT PRIMARY KEY, owner TEXT, revision %s, "
		       "created_at TEXT, updated_at TEXT, note %s)",
		       folder_is_shared() ? "BIGINT" : "INTEGER", note);
	assert_sql(&f->folder, "shop.db", "DROP TABLE orders", "");
	assert_sql(&f->folder, "shop.db", sql, "");
}

static void test_ledger_open__foreign_table(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "DROP TABLE orders", "");
	assert_sql(&f->folder, "shop.db", "CREATE TABLE orders (id TEXT PRIMARY KEY, note TEXT)",
		   "");
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "owner is missing"));
	make_orders(f, "TEXT NOT NULL");
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "note"));
	/* A column of the operator's own that may stay unset is none of our business. */
	make_orders(f, "TEXT");
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id, status, note FROM orders", "1|PLACED|-");
}

/* ---- trouble ----------------------------------------------------------------------------- */

static struct folder_lock lock_database(struct fixture *f)
{
	return folder_lock(&f->folder, "shop.db");
}

static void test_ledger_commit__database_locked_for_seconds(void **state)
{
	struct fixture *f = *state;
	struct ledger_state seen;
	struct folder_lock lock;

	open_ledger(f);
	lock = lock_database(f);
	assert_true(ledger_is_ready(f->ledger, 100, false));
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	wait_for_news(f, "takes no writes");
	/* What several brokers share may be away: the journal keeps it meanwhile. */
	assert_int_equal(ledger_is_ready(f->ledger, 100, false), folder_is_shared());
	if (!folder_is_shared())
		assert_int_equal(move_order(f, "1", "APPROVED"), ERR_IO);
	/* What was kept is seen, and what never was is found to be unknown. */
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_string_equal(seen.status[0], "PLACED");
	assert_int_equal(look(f, ORDERS, "2", &seen), 0);
	assert_false(seen.is_known);
	assert_int_equal(ledger_flush(f->ledger, 1, &f->diag), ERR_BUSY);
	assert_int_equal(ledger_replan(f->ledger, &plan, &f->diag), 0);
	folder_unlock(lock);
	wait_for_news(f, "takes writes again");
	assert_true(ledger_is_ready(f->ledger, 100, false));
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT status, revision FROM orders", "APPROVED|2");
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM events", "2");
}

/* False: on a busy machine it was no short one. */
static bool is_unheard(struct fixture *f)
{
	struct folder_lock lock = lock_database(f);
	int64_t began = clock_mono_ns();
	struct diag line;

	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	sleep_ms(150);
	folder_unlock(lock);
	if (clock_mono_ns() - began > WRITER_PATIENCE_MS / 2 * INT64_C(1000000))
		return false;
	flush(f);
	while (ledger_news(f->ledger, &line))
		if (!strstr(line.text, "strict steps: about")) /* once, of a shared database */
			fail_msg("%s", line.text);
	return true;
}

static void test_ledger_commit__short_lock_is_no_trouble(void **state)
{
	struct fixture *f = *state;
	bool is_seen = false;

	for (int tries = 0; !is_seen && tries < 60; tries++) {
		open_ledger(f);
		is_seen = is_unheard(f);
		close_ledger(f);
	}
	assert_true(is_seen);
}

static void test_ledger_commit__journal_full(void **state)
{
	struct fixture *f = *state;
	char payload[4000];
	struct ledger_write write = order_write("", NULL, 0);
	unsigned kept = 0;
	struct folder_lock lock;
	int rc;

	memset(payload, 'x', sizeof(payload));
	write.entity = ENTITY_NONE;
	write.message.payload = payload;
	write.message.payload_len = sizeof(payload);
	f->options.journal_bytes = 65536;
	open_ledger(f);
	lock = lock_database(f);
	while ((rc = ledger_commit(f->ledger, &write, &f->diag)) == 0)
		kept++;
	assert_int_equal(rc, ERR_BUSY);
	assert_true(kept >= 10);
	assert_false(ledger_is_ready(f->ledger, 10, false));
	wait_for_news(f, "full");
	folder_unlock(lock);
	wait_for_news(f, "has room again");
	while (!ledger_is_ready(f->ledger, 10, false))
		sleep_ms(1); /* where the lock lasted for long enough to be trouble */
	assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
	close_ledger(f);
	(void)snprintf(payload, sizeof(payload), "%u|%u", kept + 1, kept + 1);
	assert_sql(&f->folder, "shop.db", "SELECT count(*), max(seq) FROM events", payload);
}

/* A file system of 2 MiB that is filled up; needs the right to mount. */
static void test_ledger_commit__disk_full(void **state)
{
	struct fixture *f = *state;
	struct folder disk = f->folder;
	char ballast[300], payload[4000];
	struct ledger_write write = order_write("", NULL, 0);
	unsigned kept = 0, again = 0;
	int fd;

	folder_sqlite_only();
	if (geteuid() != 0 || mount("tmpfs", f->folder.path, "tmpfs", 0, "size=2m") != 0)
		skip(); /* only root may mount, and not in every container */
	f->options.journal_bytes = 1 << 22;
	assert_int_equal(try_open(f, &plan), ERR_IO);
	assert_non_null(strstr(f->diag.text, "No space left"));
	f->options.journal_bytes = 1 << 19;
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	flush(f);
	(void)strcpy(ballast, folder_file(&disk, "ballast"));
	fd = open(ballast, O_CREAT | O_WRONLY, 0600);
	while (write.message.qos == 1 && posix_fallocate(fd, 0, (off_t)(again + 1) << 12) == 0)
		again++;
	memset(payload, 'x', sizeof(payload));
	write.entity = ENTITY_NONE;
	write.message.payload = payload;
	write.message.payload_len = sizeof(payload);
	while (ledger_is_ready(f->ledger, sizeof(payload), false) &&
	       ledger_commit(f->ledger, &write, &f->diag) == 0) {
		kept++;
		sleep_ms(1);
	}
	assert_true(kept > 0);
	wait_for_news(f, "full");
	assert_int_equal(move_order(f, "1", "APPROVED"), ERR_IO);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(ballast), 0);
	wait_for_news(f, "takes writes again");
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	close_ledger(f);
	(void)snprintf(payload, sizeof(payload), "%u", kept + 2);
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM events", payload);
	assert_sql(&f->folder, "shop.db", "SELECT status, revision FROM orders", "APPROVED|2");
	assert_int_equal(umount(f->folder.path), 0);
}

/* ---- trouble at the start ---------------------------------------------------------------- */

/* A journal with @count writes that the database has not seen: as a killed broker leaves it. */
static void fill_journal(struct fixture *f, unsigned count)
{
	struct value value = text_value(0, "PLACED");
	struct diag diag;
	char id[16];
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct ledger *ledger = NULL;

		if (ledger_open(&f->options, &plan, &ledger, &diag) != 0)
			_exit(1);
		(void)lock_database(f); /* so that nothing is carried */
		for (unsigned i = 0; i < count; i++) {
			struct ledger_write write;

			(void)snprintf(id, sizeof(id), "%u", i);
			write = order_write(id, &value, 1);
			if (ledger_commit(ledger, &write, &diag) != 0)
				_exit(2);
		}
		_exit(0); /* nothing is closed */
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void open_in_trouble(struct fixture *f)
{
	struct ledger_state seen;
	struct ledger_facts facts;

	f->options.may_open_later = true;
	open_ledger(f);
	assert_false(ledger_is_ready(f->ledger, 10, false));
	assert_int_equal(move_order(f, "1", "APPROVED"), ERR_IO);
	assert_int_equal(look(f, ORDERS, "1", &seen), ERR_IO);
	assert_int_equal(find_unchanged(f, 0, 9, NULL), ERR_IO);
	assert_int_equal(ledger_flush(f->ledger, 1, &f->diag), ERR_IO);
	ledger_facts(f->ledger, &facts);
	assert_int_equal(facts.journal_records, 0);
}

/* All that was acknowledged is there, and seen, once the trouble is over; no line but one. */
static void resume(struct fixture *f, unsigned count)
{
	struct ledger_state seen;
	struct diag line;
	char expected[16];

	wait_for_news(f, "takes writes again");
	assert_false(ledger_news(f->ledger, &line));
	assert_true(ledger_is_ready(f->ledger, 10, false));
	assert_int_equal(look(f, ORDERS, "1", &seen), 0);
	assert_string_equal(seen.status[0], "PLACED");
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	close_ledger(f);
	(void)snprintf(expected, sizeof(expected), "%u|%u", count + 1, count + 1);
	assert_sql(&f->folder, "shop.db", "SELECT count(*), max(seq) FROM events", expected);
	assert_sql(&f->folder, "shop.db", "SELECT status, revision FROM orders WHERE id = '1'",
		   "APPROVED|2");
}

/* Several statements of another program. */
static void run_sql(struct fixture *f, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_ledger_open__locked_with_a_filled_journal(void **state)
{
	struct fixture *f = *state;
	struct diag line;
	struct folder_lock lock;

	open_ledger(f);
	close_ledger(f);
	fill_journal(f, 20);
	lock = lock_database(f);
	open_in_trouble(f);
	assert_true(ledger_news(f->ledger, &line));
	assert_non_null(strstr(line.text, "the store takes no writes: "));
	assert_non_null(strstr(line.text, "lock"));
	assert_int_equal(ledger_replan(f->ledger, &plan, &f->diag), 0);
	/* A broker that is stopped meanwhile leaves the journal as it was. */
	close_ledger(f);
	open_in_trouble(f);
	folder_unlock(lock);
	assert_true(ledger_news(f->ledger, &line));
	resume(f, 20);
}

/* A lock that not even reading passes: nothing is known of the database. */
static void test_ledger_open__locked_for_readers(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = NULL;

	folder_sqlite_only();
	open_ledger(f);
	close_ledger(f);
	fill_journal(f, 20);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE "
				      "store SET made_at = made_at; COMMIT",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	f->options.may_open_later = false;
	assert_int_equal(try_open(f, &plan), ERR_BUSY);
	open_in_trouble(f);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	resume(f, 20);
}

/* What turns out to be wrong only later is said, too, and the publishes stay refused. */
static void test_ledger_open__wrong_table_behind_a_lock(void **state)
{
	struct fixture *f = *state;
	struct folder_lock lock;

	folder_sqlite_only();
	run_sql(f, "PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY); "
		   "PRAGMA application_id = 1348817748");
	lock = lock_database(f);
	open_in_trouble(f);
	wait_for_news(f, "locked");
	folder_unlock(lock);
	wait_for_news(f, "table orders: column id");
	assert_false(ledger_is_ready(f->ledger, 10, false));
	assert_sql(&f->folder, "shop.db", "DROP TABLE orders", "");
	wait_for_news(f, "takes writes again");
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
}

static void test_ledger_open__later_is_not_for_everything(void **state)
{
	struct fixture *f = *state;
	struct ledger *second = NULL;

	folder_sqlite_only();
	f->options.may_open_later = true;
	open_ledger(f);
	assert_int_equal(ledger_open(&f->options, &plan, &second, &f->diag), ERR_BUSY);
	assert_non_null(strstr(f->diag.text, "in use"));
	close_ledger(f);
	f->options.path = "/nonexistent/shop.db";
	assert_int_equal(try_open(f, &plan), ERR_IO);
	f->options.path = f->path;
	write_file(f->path, "This is a text that someone may want to keep, longer than a header.\n"
			    "....................................................................");
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_int_equal(unlink(f->path), 0);
	assert_sql(&f->folder, "shop.db", "CREATE TABLE theirs (a)", "");
	assert_int_equal(try_open(f, &plan), ERR_VERSION);
	assert_int_equal(unlink(f->path), 0);
	/* A folder where the journal should be. */
	assert_int_equal(unlink(folder_file(&f->folder, "shop.db-journal.ring")), 0);
	assert_int_equal(mkdir(folder_file(&f->folder, "shop.db-journal.ring"), 0700), 0);
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_int_equal(rmdir(folder_file(&f->folder, "shop.db-journal.ring")), 0);
}

/* A full disk and a filled journal; then, too, a journal that finds no room at all. */
static void test_ledger_open__full_disk_with_a_filled_journal(void **state)
{
	struct fixture *f = *state;
	struct folder disk = f->folder;
	char ballast[300], block[4096] = "";
	int fd;

	folder_sqlite_only();
	if (geteuid() != 0 || mount("tmpfs", f->folder.path, "tmpfs", 0, "size=3m") != 0)
		skip(); /* only root may mount, and not in every container */
	f->options.journal_bytes = 1 << 19;
	open_ledger(f);
	close_ledger(f);
	fill_journal(f, 500);
	(void)strcpy(ballast, folder_file(&disk, "ballast"));
	fd = open(ballast, O_CREAT | O_WRONLY, 0600);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		;
	open_in_trouble(f);
	wait_for_news(f, "full");
	assert_int_equal(ftruncate(fd, 0), 0);
	resume(f, 500);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		;
	assert_int_equal(unlink(folder_file(&f->folder, "shop.db-journal.ring")), 0);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		;
	open_in_trouble(f);
	wait_for_news(f, "takes no writes");
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(ballast), 0);
	wait_for_news(f, "takes writes again");
	assert_int_equal(move_order(f, "1", "SHIPPED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT count(*), max(seq) FROM events", "502|502");
	assert_int_equal(umount(f->folder.path), 0);
}

/* Damage while it runs: said once, refused until somebody mends it, nothing lost. */
static void test_ledger_commit__damaged_while_it_runs(void **state)
{
	struct fixture *f = *state;
	struct diag line;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	flush(f);
	run_sql(f, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = rootpage + "
		   "1000000 WHERE name = 'events.topic'; PRAGMA schema_version = 1000");
	assert_int_equal(move_order(f, "1", "APPROVED"), 0);
	wait_for_news(f, "takes no writes");
	assert_false(ledger_news(f->ledger, &line));
	assert_int_equal(move_order(f, "1", "SHIPPED"), ERR_IO);
	run_sql(f, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = rootpage - "
		   "1000000 WHERE name = 'events.topic'; PRAGMA schema_version = 1001");
	wait_for_news(f, "takes writes again");
	assert_int_equal(move_order(f, "1", "SHIPPED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT status, revision FROM orders", "SHIPPED|3");
	assert_sql(&f->folder, "shop.db", "PRAGMA integrity_check", "ok");
}

/* ---- kept for so long -------------------------------------------------------------------- */

static void commit_events(struct fixture *f, unsigned count, int64_t received_ms)
{
	struct ledger_write write = order_write("", NULL, 0);

	write.entity = ENTITY_NONE;
	write.received_ms = received_ms;
	for (unsigned i = 0; i < count; i++) {
		while (ledger_commit(f->ledger, &write, &f->diag) != 0)
			sleep_ms(1);
	}
}

static void test_ledger__events_keep_rows(void **state)
{
	struct fixture *f = *state;

	f->options.events_keep_rows = 50;
	open_ledger(f);
	commit_events(f, 1000, 1700000000000);
	flush(f);
	/* A shared database is trimmed now and then. */
	for (int i = 0; folder_is_shared() && i < 100; i++, sleep_ms(100))
		if (strcmp(folder_ask(&f->folder, "shop.db", "SELECT count(*) FROM events"),
			   "50") == 0)
			break;
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT count(*), min(seq), max(seq) FROM events",
		   "50|951|1000");
}

static void test_ledger__events_keep_days(void **state)
{
	struct fixture *f = *state;
	int64_t now = (int64_t)time(NULL) * 1000;

	open_ledger(f);
	commit_events(f, 5000, now - 3 * INT64_C(86400000));
	commit_events(f, 10, now);
	close_ledger(f);
	f->options.events_keep_days = 2;
	open_ledger(f);
	/* In small steps, without a write that would push them; what is younger stays. */
	for (int i = 0; i < 1500; i++) {
		if (strcmp(folder_ask(&f->folder, "shop.db", "SELECT count(*) FROM events"),
			   "10") == 0)
			break;
		sleep_ms(20);
	}
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT count(*), min(seq), max(seq) FROM events",
		   "10|5001|5010");
}

/* ---- crashes ----------------------------------------------------------------------------- */

/* Shared with the child: how many commits were acknowledged. */
static unsigned run_child(struct fixture *f, unsigned run, volatile unsigned *acknowledged)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct ledger *ledger = NULL;

		if (ledger_open(&f->options, &plan, &ledger, &f->diag) != 0)
			_exit(2);
		f->ledger = ledger;
		for (unsigned i = *acknowledged; i < 1000000; i++) {
			char id[16];

			(void)snprintf(id, sizeof(id), "%u", i % 300);
			while (move_order(f, id, i / 300 % 2 ? "APPROVED" : "PLACED") != 0)
				;
			*acknowledged = i + 1;
		}
		_exit(3);
	}
	while (*acknowledged == 0 && waitpid(child, &status, WNOHANG) == 0)
		sleep_ms(1);
	sleep_ms(5 + run * 37 % 50);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return *acknowledged;
}

static void test_ledger__kill_9_keeps_all_acknowledged(void **state)
{
	enum { RUNS = 12 };
	struct fixture *f = *state;
	volatile unsigned *acknowledged = mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE,
					       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal((const void *)acknowledged, MAP_FAILED);
	f->options.journal_bytes = 1 << 18;
	for (unsigned run = 0; run < RUNS; run++) {
		unsigned count = run_child(f, run, acknowledged);
		unsigned events;
		char all[64];

		open_ledger(f);
		close_ledger(f);
		events = (unsigned)strtoul(
			folder_ask(&f->folder, "shop.db", "SELECT count(*) FROM events"), NULL, 10);
		/* The last one may have been kept without having been acknowledged. */
		assert_uint_in_range(events, count, count + 1);
		(void)snprintf(all, sizeof(all), "%u|%u", events, events);
		assert_sql(&f->folder, "shop.db",
			   "SELECT max(seq), (SELECT sum(revision) FROM orders) FROM events", all);
		*acknowledged = events;
	}
	(void)munmap((void *)(uintptr_t)acknowledged, sizeof(unsigned));
}

/* A broker that dies with @count writes of orders in the journal and none in the database. */
static void leave_in_journal(struct fixture *f, unsigned count)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		open_ledger(f);
		(void)lock_database(f);
		for (unsigned i = 0; i < count; i++) {
			char id[16];

			(void)snprintf(id, sizeof(id), "%u", i);
			if (move_order(f, id, "PLACED") != 0)
				_exit(1);
		}
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

/*
 * Someone reads an old state and does not end: the WAL grows up to its bound, then writes wait in
 * the journal, none is refused, and none is lost.
 */
static void test_ledger__a_reader_that_does_not_end(void **state)
{
	enum { ORDER_BYTES = 60000, HELD = 100 };
	struct fixture *f = *state;
	char *payload, id[16] = "o0";
	struct value value = text_value(0, "PLACED");
	struct ledger_write write = order_write(id, &value, 1);
	sqlite3 *reader = NULL;
	unsigned kept = 0, held = 0;
	struct diag line;
	bool is_held = false;

	folder_sqlite_only();
	payload = calloc(1, ORDER_BYTES);
	assert_non_null(payload);
	(void)memset(payload, 'x', ORDER_BYTES);
	write.message.payload = payload;
	write.message.payload_len = ORDER_BYTES;
	f->options.journal_bytes = 16 << 20;
	f->options.journal_bytes_max = 64 << 20;
	f->options.wal_bytes_max = 20 << 20;
	open_ledger(f);
	assert_int_equal(sqlite3_open(f->path, &reader), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
		SQLITE_OK);
	while (held < HELD) {
		(void)snprintf(id, sizeof(id), "o%u", kept++);
		write.id_len = strlen(id);
		assert_int_equal(ledger_commit(f->ledger, &write, &f->diag), 0);
		is_held = is_held || (ledger_news(f->ledger, &line) &&
				      strstr(line.text, "keeps reading an old state"));
		held += is_held;
		if (!is_held)
			sleep_ms(1);
	}
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	flush(f);
	wait_for_news(f, "accepted writes go to the database again");
	assert_false(ledger_news(f->ledger, &line));
	close_ledger(f);
	(void)snprintf(id, sizeof(id), "%u", kept);
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM orders", id);
	free(payload);
}

static void test_ledger_open__replays_under_another_contract(void **state)
{
	struct entity_column column[] = {
		{ "colour", VALUE_TEXT, false },
		{ "status", VALUE_TEXT, true },
	};
	struct entity entity[] = { { .table = "lights",
				     .column_count = 2,
				     .column = column,
				     .slot_count = 1,
				     .slot = { 1 },
				     .link_column = -1 } };
	const struct entity_plan other = { 1, entity };
	struct fixture *f = *state;

	leave_in_journal(f, 3);
	assert_int_equal(try_open(f, &other), 0);
	assert_int_equal(move_order(f, "1", "green"), 0); /* column 0 of entity 0 */
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id, status FROM orders",
		   "0|PLACED\n1|PLACED\n2|PLACED");
	assert_sql(&f->folder, "shop.db", "SELECT id, colour, status FROM lights", "1|green|-");
	assert_sql(&f->folder, "shop.db", "SELECT count(*), max(seq) FROM events", "4|4");
}

/* The record of an order's status as it was written before records had numbers. */
static size_t old_record(unsigned table, unsigned column, char *ret)
{
	const struct {
		uint8_t kind, flags, qos, values;
		uint32_t table;
		int64_t received_ms;
		uint32_t payload;
		uint16_t topic, publisher, client_id, owner, id, unused;
		char text[14];
	} __attribute__((packed))
	head = { 1, 0, 1, 1, table, 1700000000000, 2, 8, 1, 1, 0, 1, 0, "7orders/7pc{}" };
	const struct {
		uint32_t column, type;
		uint64_t len;
		char text[7];
	} __attribute__((packed)) value = { column, VALUE_TEXT, 6, "PLACED" };
	size_t len = sizeof(head) - 1, value_len = sizeof(value) - 1; /* without the NULs */

	memcpy(ret, &head, len);
	memcpy(ret + len, &value, value_len);
	return len + value_len;
}

static void test_ledger_open__replays_a_journal_of_before_the_numbers(void **state)
{
	struct fixture *f = *state;
	struct store_facts facts;
	struct store *store = NULL;
	struct journal *journal = NULL;
	char record[200];
	uint64_t seq;
	size_t len;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(move_order(f, "1", "PLACED"), 0);
	close_ledger(f);
	len = old_record((unsigned)atoi(folder_ask(
				 &f->folder, "shop.db",
				 "SELECT number FROM store_names WHERE table_name = 'orders' AND "
				 "column_name = ''")),
			 (unsigned)atoi(folder_ask(
				 &f->folder, "shop.db",
				 "SELECT number FROM store_names WHERE table_name = 'orders' AND "
				 "column_name = 'status'")),
			 record);
	assert_int_equal(
		store_open(&(struct store_place){ .place = f->path }, 1000, &store, &f->diag), 0);
	assert_int_equal(store_upgrade(store, &f->diag), 0);
	assert_int_equal(store_inspect(store, &facts, &f->diag), 0);
	store_close(store);
	assert_int_equal(
		journal_open(folder_file(&f->folder, "shop.db-journal.ring"), &journal, &f->diag),
		0);
	assert_int_equal(journal_format(journal, 1 << 20, 0, facts.identity, 2, &f->diag), 0);
	memcpy(journal_reserve(journal, len), record, len);
	assert_int_equal(journal_commit(journal, true, &seq, &f->diag), 0);
	journal_close(journal);
	open_ledger(f);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT status, revision FROM orders WHERE id = '7'",
		   "PLACED|1");
	assert_sql(&f->folder, "shop.db",
		   "SELECT seq, topic, payload, digest, revision FROM events WHERE seq = 2",
		   "2|orders/7|{}|-|-");
}

static void test_ledger_open__journal_with_writes_of_another_database(void **state)
{
	struct fixture *f = *state;
	char aside[300];

	folder_sqlite_only();
	leave_in_journal(f, 3);
	(void)strcpy(aside, folder_file(&f->folder, "aside.db"));
	assert_int_equal(rename(f->path, aside), 0);
	(void)unlink(folder_file(&f->folder, "shop.db-wal"));
	(void)unlink(folder_file(&f->folder, "shop.db-shm"));
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "shop.db: is missing, and its journal is there"));
	write_file(f->path, "");
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "shop.db: is empty, and its journal is at write 4"));
	f->options.path = folder_file(&f->folder, "other.db");
	open_ledger(f);
	close_ledger(f);
	assert_int_equal(rename(f->options.path, f->path), 0);
	f->options.path = f->path;
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "holds 3 writes of another database"));
}

static void test_ledger_open__older_copy_of_the_database(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(move_order(f, "7", "PLACED"), 0);
	close_ledger(f);
	leave_in_journal(f, 2);
	assert_sql(&f->folder, "shop.db", "UPDATE store SET applied_seq = 0", "");
	assert_int_equal(try_open(f, &plan), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "begins at write 2"));
	/* One that is ahead has seen them: none is written twice. */
	assert_sql(&f->folder, "shop.db", "UPDATE store SET applied_seq = 2", "");
	open_ledger(f);
	assert_int_equal(move_order(f, "8", "PLACED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT seq FROM events ORDER BY seq", "1\n3\n4");
}

static void test_ledger_open__damaged_journal_keeps_what_is_whole(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	leave_in_journal(f, 3);
	/* A byte of the second record. */
	file = fopen(folder_file(&f->folder, "shop.db-journal.ring"), "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 65536 + 200, SEEK_SET), 0);
	assert_int_equal(fputc('#', file), '#');
	assert_int_equal(fclose(file), 0);
	open_ledger(f);
	wait_for_news(f,
		      "1 writes that were acknowledged are missing (2), 2 are kept; as it was: ");
	assert_int_equal(move_order(f, "9", "PLACED"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id FROM orders ORDER BY id", "0\n2\n9");
	/* The number of the missing one is not used again. */
	assert_sql(&f->folder, "shop.db", "SELECT seq FROM events ORDER BY seq", "1\n3\n4");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_find_unchanged__lists_the_longest_first),
		TEST(test_ledger_facts__count_what_went_through),
		TEST(test_ledger_alert__becomes_a_row),
		TEST(test_ledger_commit__is_seen_at_once_and_kept),
		TEST(test_ledger_commit__says_which_message_it_was),
		TEST(test_ledger_was_accepted__by_whom_and_when),
		TEST(test_ledger_was_accepted__after_a_restart),
		TEST(test_ledger_was_accepted__keeps_the_last),
		TEST(test_ledger_event_find__of_a_topic),
		TEST(test_ledger_retained_find_each__that_there_is),
		TEST(test_ledger_has_unique__also_after_a_restart),
		TEST(test_ledger_commit__leaves_unnamed_columns),
		TEST(test_ledger_commit__event_only_and_entity_only),
		TEST(test_ledger_commit__keeps_the_messages_name),
		TEST(test_ledger_commit__refuses_what_it_cannot_keep),
		TEST(test_ledger_commit__larger_than_the_journal_takes),
		TEST(test_ledger_journal_least__takes_the_largest),
		TEST(test_ledger_look__finds_what_a_former_run_kept),
		TEST(test_ledger_look__knows_new_ids_without_a_question),
		TEST(test_ledger_look__more_entities_than_memory),
		TEST(test_ledger_open__second_is_refused),
		TEST(test_ledger_open__journal_elsewhere),
		TEST(test_ledger_open__shared_needs_a_name_and_a_journal),
		TEST(test_ledger_open__no_database),
		TEST(test_ledger_open__another_programs_database),
		TEST(test_ledger_open__newer_database),
		TEST(test_ledger_open__journal_of_another_database),
		TEST(test_ledger_open__journal_takes_its_new_size),
		TEST(test_ledger_open__nth_allocation_fails),
		TEST(test_ledger_open__foreign_table),
		TEST(test_ledger_commit__database_locked_for_seconds),
		TEST(test_ledger_commit__short_lock_is_no_trouble),
		TEST(test_ledger_commit__journal_full),
		TEST(test_ledger_commit__disk_full),
		TEST(test_ledger_open__locked_with_a_filled_journal),
		TEST(test_ledger_open__locked_for_readers),
		TEST(test_ledger_open__wrong_table_behind_a_lock),
		TEST(test_ledger_open__later_is_not_for_everything),
		TEST(test_ledger_open__full_disk_with_a_filled_journal),
		TEST(test_ledger_commit__damaged_while_it_runs),
		TEST(test_ledger__events_keep_rows),
		TEST(test_ledger__events_keep_days),
		TEST(test_ledger__kill_9_keeps_all_acknowledged),
		TEST(test_ledger__a_reader_that_does_not_end),
		TEST(test_ledger_open__replays_under_another_contract),
		TEST(test_ledger_open__replays_a_journal_of_before_the_numbers),
		TEST(test_ledger_open__journal_with_writes_of_another_database),
		TEST(test_ledger_open__older_copy_of_the_database),
		TEST(test_ledger_open__damaged_journal_keeps_what_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

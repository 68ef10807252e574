/* A reload's new plan, while writes go on and the database can't be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <time.h>

#include "failalloc.h"
#include "folder.h"
#include "ledger/ledger.h"

enum { ORDERS, PAYMENTS, ENTITIES };

static const struct entity_column order_column[] = {
	{ "status", VALUE_TEXT, true },
	{ "payment_status", VALUE_TEXT, false },
	{ "total", VALUE_TEXT, false },
};

static const struct entity_column payment_column[] = {
	{ "status", VALUE_TEXT, true },
	{ "order_id", VALUE_TEXT, true },
};

static const struct entity shop[ENTITIES] = {
	{ .table = "orders",
	  .column_count = 3,
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

/* pets are new, orders come second, payments are not there. */
static const struct entity zoo[] = {
	{ .table = "pets",
	  .column_count = 2,
	  .column = payment_column,
	  .slot_count = 1,
	  .slot = { 0 },
	  .link_column = -1 },
	{ .table = "orders",
	  .column_count = 3,
	  .column = order_column,
	  .slot_count = 2,
	  .slot = { 0, 1 },
	  .link_column = -1 },
};

/* The statuses of orders have changed places. */
static const struct entity turned[] = {
	{ .table = "orders",
	  .column_count = 3,
	  .column = order_column,
	  .slot_count = 2,
	  .slot = { 1, 0 },
	  .link_column = -1 },
};

static const struct entity_plan plan = { ENTITIES, shop };
static const struct entity_plan zoo_plan = { 2, zoo };
static const struct entity_plan turned_plan = { 1, turned };

struct fixture {
	struct folder folder;
	struct ledger_options options;
	char path[600], ring[300]; /* the database's place, and the journal's file */
	struct ledger *ledger;
	struct diag diag;
};

static void open_with(struct fixture *f, const struct entity_plan *wanted)
{
	f->ledger = NULL;
	diag_init(&f->diag);
	assert_int_equal(ledger_open(&f->options, wanted, &f->ledger, &f->diag), 0);
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
		.cache_entities = 16,
	};
	open_with(f, &plan);
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

static void sleep_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

static void wait_for_news(struct fixture *f, const char *text)
{
	struct diag line;

	for (int i = 0; i < 6000; i++, sleep_ms(10))
		while (ledger_news(f->ledger, &line))
			if (strstr(line.text, text))
				return;
	fail_msg("no news of '%s'", text);
}

static void replan(struct fixture *f, const struct entity_plan *wanted)
{
	diag_init(&f->diag);
	assert_int_equal(ledger_replan(f->ledger, wanted, &f->diag), 0);
}

/* The number of the entity is from the plan in force. */
static int set_column(struct fixture *f, unsigned entity, const char *id, unsigned column,
		      const char *text)
{
	struct value value = {
		.column = column, .type = VALUE_TEXT, .text = text, .len = strlen(text)
	};
	struct ledger_write write = {
		.entity = entity,
		.id = id,
		.id_len = strlen(id),
		.value_count = 1,
		.value = &value,
		.received_ms = 1700000000000,
		.message.topic = "some/topic",
		.message.topic_len = 10,
		.publisher = "backoffice",
		.client_id = "desk-1",
		.message.payload = "{}",
		.message.payload_len = 2,
		.message.qos = 1,
	};

	return ledger_commit(f->ledger, &write, &f->diag);
}

static int look(struct fixture *f, unsigned entity, const char *id, struct ledger_state *ret)
{
	return ledger_look(f->ledger, entity, id, strlen(id), ret, &f->diag);
}

static void assert_status(struct fixture *f, unsigned entity, const char *id, const char *first,
			  const char *second)
{
	struct ledger_state seen;

	assert_int_equal(look(f, entity, id, &seen), 0);
	assert_true(seen.is_known);
	assert_string_equal(seen.status[0], first);
	assert_string_equal(seen.status[1], second);
}

static void assert_lacking(struct fixture *f, unsigned entity, const char *table)
{
	struct ledger_state seen;

	assert_string_equal(ledger_lacks(f->ledger, entity, 0), table);
	assert_int_equal(look(f, entity, "1", &seen), ERR_BUSY);
	assert_non_null(strstr(f->diag.text, table));
	assert_int_equal(set_column(f, entity, "1", 0, "NEW"), ERR_BUSY);
}

static void wait_for_table(struct fixture *f, unsigned entity)
{
	struct ledger_state seen;

	for (int i = 0; i < 6000; i++, sleep_ms(10))
		if (look(f, entity, "1", &seen) != ERR_BUSY &&
		    !ledger_lacks(f->ledger, entity, 0) && ledger_has_all(f->ledger))
			return;
	fail_msg("table %s is not ready", ledger_lacks(f->ledger, entity, 0));
}

static struct folder_lock lock_database(struct fixture *f)
{
	return folder_lock(&f->folder, "shop.db");
}

/*
 * Ends the lock. Where the machine is busy it was long enough to be a trouble, in which no write is
 * taken; that ends behind the batch.
 */
static void unlock_database(struct fixture *f, struct folder_lock lock)
{
	folder_unlock(lock);
	assert_int_equal(ledger_flush(f->ledger, 20000, &f->diag), 0);
	while (!ledger_is_ready(f->ledger, 100, false))
		sleep_ms(1);
}

/* ---- the database answers ---------------------------------------------------------------- */

static void test_ledger_replan__adds_tables_and_columns(void **state)
{
	struct entity_column column[] = {
		{ "location", VALUE_TEXT, true },
		{ "total", VALUE_TEXT, true },
		{ "status", VALUE_TEXT, true },
	};
	struct entity entity[] = {
		{ .table = "pets", .column_count = 2, .column = column, .link_column = -1 },
		{ .table = "orders",
		  .column_count = 3,
		  .column = column,
		  .slot_count = 2,
		  .slot = { 2, 0 },
		  .link_column = -1 },
	};
	struct fixture *f = *state;

	assert_int_equal(set_column(f, ORDERS, "1", 0, "PLACED"), 0);
	replan(f, &(struct entity_plan){ 2, entity });
	wait_for_table(f, 0);
	wait_for_table(f, 1);
	/* Entity 1 is orders now, and its statuses are others. */
	assert_status(f, 1, "1", "PLACED", "");
	assert_int_equal(set_column(f, 1, "1", 0, "here"), 0);
	assert_int_equal(set_column(f, 0, "1", 0, "here"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id, status, location, revision FROM orders",
		   "1|PLACED|here|2");
	assert_sql(&f->folder, "shop.db", "SELECT id, location, revision FROM pets", "1|here|1");
}

/* Seen by nobody but the database: a column of another type is known, a view is not. */
static void test_ledger_replan__bad_plan_changes_nothing(void **state)
{
	static const struct {
		struct entity_column column;
		const char *table;
		const char *line;
	} bad[] = {
		{ { "status", VALUE_INTEGER, false }, "orders", "table orders: column status is " },
		{ { "owner", VALUE_TEXT, false }, "orders", "cannot be named 'owner'" },
		{ { "Status", VALUE_TEXT, false }, "orders", "cannot be named 'Status'" },
		{ { "a\"b", VALUE_TEXT, false }, "orders", "cannot be named" },
		{ { "a", VALUE_TEXT, false }, "events", "cannot be named 'events'" },
		{ { "a", VALUE_TEXT, false }, "store_x", "cannot be named 'store_x'" },
		{ { "a", VALUE_TEXT, false }, "sqlite_x", "cannot be named 'sqlite_x'" },
		{ { "a", VALUE_TEXT, false }, "or ders", "cannot be named" },
	};
	struct fixture *f = *state;
	struct ledger_state seen;
	struct folder_lock lock = lock_database(f);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct entity entity = { .table = bad[i].table,
					 .column_count = 1,
					 .column = &bad[i].column,
					 .link_column = -1 };

		assert_int_equal(
			ledger_replan(f->ledger, &(struct entity_plan){ 1, &entity }, &f->diag),
			ERR_INVALID);
		if (!strstr(f->diag.text, bad[i].line))
			fail_msg("'%s' lacks '%s'", f->diag.text, bad[i].line);
	}
	assert_int_equal(set_column(f, ORDERS, "1", 0, "PLACED"), 0);
	assert_int_equal(look(f, PAYMENTS, "1", &seen), 0);
	folder_unlock(lock);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id, status FROM orders", "1|PLACED");
}

static void test_ledger_replan__more_columns_than_a_table_has(void **state)
{
	struct entity_column column[ENTITY_COLUMNS_MAX];
	struct entity orders = { .table = "orders",
				 .column_count = ENTITY_COLUMNS_MAX,
				 .column = column,
				 .link_column = -1 };
	char name[ENTITY_COLUMNS_MAX][8];
	struct fixture *f = *state;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < ENTITY_COLUMNS_MAX; i++) {
			(void)snprintf(name[i], sizeof(name[i]), "c%u", 100 * round + i);
			column[i] = (struct entity_column){ name[i], VALUE_TEXT, false };
		}
		if (round == 0) {
			replan(f, &(struct entity_plan){ 1, &orders });
			wait_for_table(f, 0);
			continue;
		}
		assert_int_equal(
			ledger_replan(f->ledger, &(struct entity_plan){ 1, &orders }, &f->diag),
			ERR_LIMIT);
	}
}

static void test_ledger_replan__what_only_the_database_knows_is_told(void **state)
{
	static const struct entity entity[] = {
		{ .table = "orders",
		  .column_count = 3,
		  .column = order_column,
		  .slot_count = 2,
		  .slot = { 0, 1 },
		  .link_column = -1 },
		{ .table = "a_view", .column_count = 1, .column = order_column, .link_column = -1 },
	};
	struct fixture *f = *state;

	assert_sql(&f->folder, "shop.db", "CREATE VIEW a_view AS SELECT * FROM orders", "");
	replan(f, &(struct entity_plan){ 2, entity });
	wait_for_news(f, "a_view is a view"); /* "where the contract needs a table" */
	assert_lacking(f, 1, "a_view");
	assert_int_equal(set_column(f, 0, "1", 0, "PLACED"), 0);
	assert_int_equal(ledger_flush(f->ledger, 20000, &f->diag), 0);
	assert_sql(&f->folder, "shop.db", "DROP VIEW a_view", "");
	wait_for_news(f, "tables are all there now");
	assert_int_equal(set_column(f, 1, "1", 0, "NEW"), 0);
}

/* Ids that only an earlier contract knew are not taken for new ones. */
static void test_ledger_replan__finds_ids_of_an_earlier_contract(void **state)
{
	struct fixture *f = *state;
	char id[16];

	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		assert_int_equal(set_column(f, PAYMENTS, id, 0, "PAID"), 0);
		if (i % 10 == 9)
			assert_int_equal(ledger_flush(f->ledger, 20000, &f->diag), 0);
	}
	close_ledger(f);
	open_with(f, &zoo_plan);
	wait_for_table(f, 0);
	replan(f, &plan);
	for (unsigned round = 0; round < 20; round++, sleep_ms(5))
		for (unsigned i = 0; i < 100; i++) {
			(void)snprintf(id, sizeof(id), "%u", i);
			assert_status(f, PAYMENTS, id, "PAID", "");
		}
}

static void test_ledger_replan__nth_allocation_fails(void **state)
{
	struct fixture *f = *state;
	size_t n;

	for (n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = ledger_replan(f->ledger, &turned_plan, &f->diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		if (rc == 0)
			replan(f, &plan); /* it was the writer's, which tries again */
		else
			assert_int_equal(rc, ERR_NOMEM);
		wait_for_table(f, ORDERS);
		while (!ledger_is_ready(f->ledger, 100, false))
			sleep_ms(1); /* where the writer lacked memory for a batch, too */
		assert_int_equal(set_column(f, ORDERS, "1", 0, n % 2 ? "APPROVED" : "PLACED"), 0);
	}
	assert_true(n > 3);
	wait_for_table(f, 0);
}

/* ---- it does not -------------------------------------------------------------------------- */

/* Asked with records on their way, by a database that is locked from before to after. */
static void test_ledger_replan__the_same_plan_asks_nothing(void **state)
{
	struct fixture *f = *state;
	struct ledger_facts before, after;
	struct folder_lock lock = lock_database(f);

	assert_int_equal(set_column(f, ORDERS, "1", 0, "PLACED"), 0);
	ledger_facts(f->ledger, &before);
	replan(f, &plan);
	assert_null(ledger_lacks(f->ledger, ORDERS, 0));
	assert_status(f, ORDERS, "1", "PLACED", "");
	ledger_facts(f->ledger, &after);
	assert_int_equal(after.state_misses, before.state_misses);
	assert_int_equal(set_column(f, ORDERS, "1", 1, "PAID"), 0);
	assert_status(f, ORDERS, "1", "PLACED", "PAID");
	folder_unlock(lock);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT status, payment_status, revision FROM orders",
		   "PLACED|PAID|2");
}

static void test_ledger_replan__others_go_on_while_a_table_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct folder_lock lock = lock_database(f);

	assert_int_equal(set_column(f, ORDERS, "1", 0, "PLACED"), 0);
	replan(f, &zoo_plan);
	assert_lacking(f, 0, "pets");
	assert_null(ledger_lacks(f->ledger, 1, 0));
	assert_status(f, 1, "1", "PLACED", "");
	assert_int_equal(set_column(f, 1, "1", 1, "PAID"), 0);
	assert_status(f, 1, "1", "PLACED", "PAID");
	wait_for_news(f, "channels that need them are refused (pets)");
	unlock_database(f, lock);
	wait_for_news(f, "tables are all there now");
	assert_null(ledger_lacks(f->ledger, 0, 0));
	assert_int_equal(set_column(f, 0, "1", 0, "NEW"), 0);
	assert_status(f, 1, "1", "PLACED", "PAID");
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT status, payment_status, revision FROM orders",
		   "PLACED|PAID|2");
	assert_sql(&f->folder, "shop.db", "SELECT id, status FROM pets", "1|NEW");
}

/* A column that is not there yet keeps nobody from writing the others. */
static void test_ledger_replan__a_column_is_not_there(void **state)
{
	static const struct entity_column column[] = {
		{ "status", VALUE_TEXT, true },
		{ "payment_status", VALUE_TEXT, false },
		{ "colour", VALUE_TEXT, true },
	};
	static const struct entity orders = { .table = "orders",
					      .column_count = 3,
					      .column = column,
					      .slot_count = 2,
					      .slot = { 0, 1 },
					      .link_column = -1 };
	struct fixture *f = *state;
	struct folder_lock lock = lock_database(f);

	assert_int_equal(set_column(f, ORDERS, "1", 0, "PLACED"), 0);
	replan(f, &(struct entity_plan){ 1, &orders });
	assert_false(ledger_has_all(f->ledger));
	assert_null(ledger_lacks(f->ledger, 0, 1));
	assert_string_equal(ledger_lacks(f->ledger, 0, 2), "orders");
	assert_int_equal(set_column(f, 0, "1", 1, "PAID"), 0);
	assert_int_equal(set_column(f, 0, "1", 2, "red"), ERR_BUSY);
	assert_status(f, 0, "1", "PLACED", "PAID");
	unlock_database(f, lock);
	wait_for_table(f, 0);
	assert_int_equal(set_column(f, 0, "1", 2, "red"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT status, payment_status, colour FROM orders",
		   "PLACED|PAID|red");
}

/* A second reload while the first one's table is not there, and a third back to the old plan. */
static void test_ledger_replan__back_to_the_old_plan(void **state)
{
	struct fixture *f = *state;
	struct folder_lock lock = lock_database(f);
	struct ledger_state seen;

	replan(f, &zoo_plan);
	assert_lacking(f, 0, "pets");
	replan(f, &plan);
	assert_null(ledger_lacks(f->ledger, ORDERS, 0));
	assert_null(ledger_lacks(f->ledger, PAYMENTS, 0));
	assert_int_equal(look(f, PAYMENTS, "7", &seen), 0);
	assert_int_equal(set_column(f, PAYMENTS, "7", 0, "PAID"), 0);
	assert_status(f, PAYMENTS, "7", "PAID", "");
	assert_int_equal(set_column(f, ORDERS, "7", 0, "PLACED"), 0);
	replan(f, &zoo_plan);
	assert_status(f, 1, "7", "PLACED", "");
	/* What memory has of payments was of a plan before the last: it must arrive first. */
	replan(f, &plan);
	assert_status(f, ORDERS, "7", "PLACED", "");
	assert_lacking(f, PAYMENTS, "payments");
	folder_unlock(lock);
	wait_for_table(f, PAYMENTS);
	assert_status(f, PAYMENTS, "7", "PAID", "");
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id, status, revision FROM payments", "7|PAID|1");
}

/* Statuses in another order: nothing is read from memory as what it is not. */
static void test_ledger_replan__statuses_change_places(void **state)
{
	struct fixture *f = *state;
	struct folder_lock lock;

	assert_int_equal(set_column(f, ORDERS, "1", 0, "PLACED"), 0);
	assert_int_equal(set_column(f, ORDERS, "1", 1, "PAID"), 0);
	assert_int_equal(ledger_flush(f->ledger, 20000, &f->diag), 0);
	lock = lock_database(f);
	replan(f, &turned_plan);
	assert_status(f, 0, "1", "PAID", "PLACED"); /* nothing was on its way */
	assert_int_equal(set_column(f, 0, "1", 0, "APPROVED"), 0);
	replan(f, &plan);
	assert_lacking(f, ORDERS, "orders");
	folder_unlock(lock);
	wait_for_table(f, ORDERS);
	assert_status(f, ORDERS, "1", "APPROVED", "PAID");
}

/* The plan of a reload counts, not the one that was there first. */
static void test_ledger_replan__before_it_is_open(void **state)
{
	struct fixture *f = *state;
	struct diag line;
	struct folder_lock lock;

	close_ledger(f);
	lock = lock_database(f);
	f->options.may_open_later = true;
	open_with(f, &plan);
	assert_false(ledger_is_ready(f->ledger, 10, false));
	replan(f, &turned_plan);
	replan(f, &zoo_plan);
	assert_int_equal(set_column(f, 0, "7", 0, "SENT"), ERR_IO);
	folder_unlock(lock);
	wait_for_news(f, "takes writes again");
	wait_for_table(f, 0);
	assert_int_equal(set_column(f, 0, "7", 0, "SENT"), 0);
	assert_false(ledger_news(f->ledger, &line));
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", "SELECT id, status FROM pets", "7|SENT");
}

/* Plans come and go while writes do, and the writer's thread makes them: for the sanitizers. */
static void test_ledger_replan__under_load(void **state)
{
	static const struct entity_plan *const plans[] = { &plan, &zoo_plan, &turned_plan };
	static const unsigned orders[] = { 0, 1, 0 };
	static const unsigned column[] = { 0, 0, 1 };
	struct fixture *f = *state;
	unsigned long kept = 0, revision = 0;
	struct ledger_state seen;
	char expected[24];

	for (unsigned round = 0; round < 300; round++) {
		unsigned at = round % 3;

		replan(f, plans[at]);
		for (unsigned i = 0; i < 40; i++) {
			int rc = set_column(f, orders[at], "1", column[at] ? 1 : 0, "A");

			assert_true(rc == 0 || rc == ERR_BUSY);
			kept += rc == 0;
			if (look(f, orders[at], "1", &seen) == 0) {
				assert_int_equal(seen.revision, kept);
				revision = kept;
			}
		}
	}
	assert_true(revision > 0);
	close_ledger(f);
	(void)snprintf(expected, sizeof(expected), "%lu", kept);
	assert_sql(&f->folder, "shop.db", "SELECT revision FROM orders", expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_replan__adds_tables_and_columns),
		TEST(test_ledger_replan__bad_plan_changes_nothing),
		TEST(test_ledger_replan__more_columns_than_a_table_has),
		TEST(test_ledger_replan__what_only_the_database_knows_is_told),
		TEST(test_ledger_replan__finds_ids_of_an_earlier_contract),
		TEST(test_ledger_replan__nth_allocation_fails),
		TEST(test_ledger_replan__the_same_plan_asks_nothing),
		TEST(test_ledger_replan__others_go_on_while_a_table_is_not_there),
		TEST(test_ledger_replan__a_column_is_not_there),
		TEST(test_ledger_replan__back_to_the_old_plan),
		TEST(test_ledger_replan__statuses_change_places),
		TEST(test_ledger_replan__before_it_is_open),
		TEST(test_ledger_replan__under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

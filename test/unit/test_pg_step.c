/* Writes that PostgreSQL commits before they are acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/wholefile.h"
#include "ledger/pg_step.h"

#define WAIT_MS 30000u
#define TABLES "schemas/store/postgresql/001-initial.sql"
#define STEPPERS 8u
#define ENTITIES 25u

/* A database of our own. */
struct fixture {
	char name[64];
	char conninfo[512];
	struct pg *pg;
	struct pg_live *live;
};

static void must(int rc, const struct diag *diag)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, diag->text);
}

static void script(struct pg *pg, const char *sql)
{
	struct diag diag;

	must(pg_script(pg, sql, "cannot do it", &diag), &diag);
}

static struct pg *connected(const char *conninfo)
{
	const struct pg_place place = { .conninfo = conninfo, .wait_ms = WAIT_MS };
	struct pg *pg = NULL;
	struct diag diag;

	must(pg_open(&place, &pg, &diag), &diag);
	return pg;
}

static struct pg_live *live_on(const char *conninfo)
{
	const struct pg_live_options options = { .conninfo = conninfo, .wait_ms = WAIT_MS };
	struct pg_live *live = NULL;
	struct diag diag;

	must(pg_live_open(&options, &live, &diag), &diag);
	must(pg_live_await(live, WAIT_MS, &diag), &diag);
	return live;
}

static const char orders[] =
	"CREATE TABLE orders (id TEXT COLLATE \"C\" PRIMARY KEY, owner TEXT, revision BIGINT NOT "
	"NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, adopted_at TEXT, status TEXT, "
	"payment TEXT, amount BIGINT, pet TEXT);";

static int set_up(void **state)
{
	const char *server = getenv("PETSTORE_POSTGRES");
	struct fixture *f = calloc(1, sizeof(*f));
	char *tables = NULL;
	size_t len;
	char sql[128];
	struct diag diag;
	struct pg *pg;

	*state = f;
	if (!server)
		return 0;
	pg = connected(server);
	(void)snprintf(f->name, sizeof(f->name), "step_%d", (int)getpid());
	(void)snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s;", f->name);
	script(pg, sql);
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s;", f->name);
	script(pg, sql);
	pg_close(pg);
	(void)snprintf(f->conninfo, sizeof(f->conninfo), "%s dbname=%s", server, f->name);
	f->pg = connected(f->conninfo);
	must(wholefile_read(TABLES, 1 << 20, &tables, &len, NULL, &diag), &diag);
	script(f->pg, tables);
	free(tables);
	script(f->pg, orders);
	f->live = live_on(f->conninfo);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char sql[128];

	pg_live_close(f->live);
	if (f->pg) {
		struct pg *pg = connected(getenv("PETSTORE_POSTGRES"));

		pg_close(f->pg);
		(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE);", f->name);
		script(pg, sql);
		pg_close(pg);
	}
	free(f);
	return 0;
}

static struct fixture *needed(void **state)
{
	struct fixture *f = *state;

	if (!f->pg)
		skip();
	return f;
}

static int64_t asked(struct fixture *f, const char *sql)
{
	struct pg_rows rows = { 0 };
	struct diag diag;
	int64_t number;

	must(pg_exec(f->pg, sql, NULL, &rows, "cannot ask", &diag), &diag);
	assert_int_equal(pg_rows_count(&rows), 1);
	number = pg_number(&rows, 0, 0);
	pg_rows_clear(&rows);
	return number;
}

enum { STATUS, PAYMENT, AMOUNT, PET };
static const struct entity_column columns[] = { { "status", VALUE_TEXT, true },
						{ "payment", VALUE_TEXT, false },
						{ "amount", VALUE_INTEGER, false },
						{ "pet", VALUE_TEXT, false } };
static const struct entity entity = { .name = "order",
				      .table = "orders",
				      .column_count = 4,
				      .column = columns,
				      .slot_count = 2,
				      .slot = { STATUS, PAYMENT },
				      .link_column = PET };

#define TEXT(words)                                                                                \
	{                                                                                          \
		words, sizeof(words) - 1                                                           \
	}

/* A step of an order, and what may be changed of it before it is taken. */
struct taken {
	struct value value[2];
	unsigned column[2];
	struct record record;
	struct state_facts decided;
	struct store_step step;
	uint64_t revision;
};

static void begin(struct taken *t, uint64_t number, const char *id, const char *from,
		  const char *to)
{
	memset(t, 0, sizeof(*t));
	t->value[0] = (struct value){ .type = VALUE_TEXT, .text = to, .len = strlen(to) };
	t->column[0] = STATUS;
	(void)snprintf(t->decided.status[0], sizeof(t->decided.status[0]), "%s", from);
	t->record = (struct record){ .qos = 1,
				     .received_ms = 1795000000000,
				     .digest = 77,
				     .id = { id, strlen(id) },
				     .topic = TEXT("orders/1/status"),
				     .publisher = TEXT("eva"),
				     .client_id = TEXT("c1"),
				     .payload = TEXT("{}"),
				     .value_count = 1,
				     .value = t->value };
	t->step = (struct store_step){ .broker = "a",
				       .number = number,
				       .record = &t->record,
				       .column = t->column,
				       .entity = &entity,
				       .slot = 0,
				       .decided = &t->decided };
}

static int take(struct pg_live *live, struct taken *t)
{
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = pg_step_commit(live, &t->step, &t->revision, &diag);
	if (rc < 0 && rc != ERR_STALE)
		fail_msg("%d: %s", rc, diag.text);
	return rc;
}

static void test_pg_step_commit__a_new_one_and_its_next_step(void **state)
{
	struct fixture *f = needed(state);
	struct taken t;

	begin(&t, 1, "new", "", "PLACED");
	t.record.owner = (struct record_text)TEXT("eva");
	t.value[1] = (struct value){ .type = VALUE_INTEGER, .integer = 5 };
	t.column[1] = AMOUNT;
	t.record.value_count = 2;
	assert_int_equal(take(f->live, &t), 0);
	assert_int_equal(t.revision, 1);
	begin(&t, 2, "new", "PLACED", "APPROVED");
	(void)snprintf(t.decided.owner, sizeof(t.decided.owner), "eva");
	t.record.is_retained = true;
	t.record.properties = (struct record_text)TEXT("\x01\x02");
	assert_int_equal(take(f->live, &t), 0);
	assert_int_equal(t.revision, 2);
	assert_int_equal(asked(f, "SELECT count(*) FROM orders WHERE id = 'new' AND owner = 'eva' "
				  "AND status = 'APPROVED' AND amount = 5 AND revision = 2"),
			 1);
	assert_int_equal(asked(f, "SELECT count(*) FROM events WHERE origin = 'a' AND revision = "
				  "-origin_seq AND origin_seq IN (-1, -2) AND payload = '{}' AND "
				  "digest = 77 AND publisher = 'eva' AND qos = 1 AND message IS "
				  "NULL AND taken_over IS NULL"),
			 2);
	assert_int_equal(asked(f, "SELECT count(*) FROM retained WHERE topic = 'orders/1/status' "
				  "AND seq = -2 AND origin = 'a' AND properties = '\\x0102'"),
			 1);
}

/* What is not what the step was decided on stays, and there is no event. */
static void test_pg_step_commit__something_else_stands_there(void **state)
{
	struct fixture *f = needed(state);
	struct taken t;

	begin(&t, 10, "else", "", "PLACED");
	t.record.owner = (struct record_text)TEXT("eva");
	t.value[1] = (struct value){ .type = VALUE_TEXT, .text = "p1", .len = 2 };
	t.column[1] = PET;
	t.record.value_count = 2;
	assert_int_equal(take(f->live, &t), 0);

	begin(&t, 11, "else", "", "PLACED"); /* it is not new */
	assert_int_equal(take(f->live, &t), ERR_STALE);
	begin(&t, 12, "else", "APPROVED", "SHIPPED"); /* another status */
	assert_int_equal(take(f->live, &t), ERR_STALE);
	begin(&t, 13, "else", "PLACED", "APPROVED"); /* no owner was known */
	assert_int_equal(take(f->live, &t), ERR_STALE);
	begin(&t, 14, "else", "PLACED", "APPROVED"); /* another owner */
	(void)snprintf(t.decided.owner, sizeof(t.decided.owner), "bob");
	(void)snprintf(t.decided.link, sizeof(t.decided.link), "p1");
	assert_int_equal(take(f->live, &t), ERR_STALE);
	begin(&t, 15, "else", "PLACED", "APPROVED"); /* another link */
	(void)snprintf(t.decided.owner, sizeof(t.decided.owner), "eva");
	(void)snprintf(t.decided.link, sizeof(t.decided.link), "p2");
	assert_int_equal(take(f->live, &t), ERR_STALE);
	begin(&t, 16, "gone", "PLACED", "APPROVED"); /* it is not there */
	assert_int_equal(take(f->live, &t), ERR_STALE);
	assert_int_equal(asked(f, "SELECT count(*) FROM events WHERE origin_seq < -10 AND "
				  "origin_seq > -20"),
			 0);
	assert_int_equal(asked(f, "SELECT revision FROM orders WHERE id = 'else'"), 1);
	assert_int_equal(asked(f, "SELECT count(*) FROM orders WHERE id = 'gone'"), 0);

	begin(&t, 17, "else", "PLACED", "SHIPPED"); /* forced: by a peer */
	t.decided.status[0][0] = '\0';
	t.step.is_forced = t.record.is_taken_over = true;
	assert_int_equal(take(f->live, &t), 0);
	assert_int_equal(t.revision, 2);
}

/* The row's other status may have moved, and an owner that is not there yet is no other one. */
static void test_pg_step_commit__the_other_status_may_move(void **state)
{
	struct fixture *f = needed(state);
	struct taken t;

	begin(&t, 20, "two", "", "PAID");
	t.column[0] = PAYMENT;
	t.step.slot = 1;
	assert_int_equal(take(f->live, &t), 0);
	begin(&t, 21, "two", "", "PLACED");
	(void)snprintf(t.decided.owner, sizeof(t.decided.owner), "eva"); /* it waits in a journal */
	assert_int_equal(take(f->live, &t), 0);
	assert_int_equal(t.revision, 2);
	assert_int_equal(asked(f, "SELECT count(*) FROM orders WHERE id = 'two' AND owner IS NULL "
				  "AND status = 'PLACED' AND payment = 'PAID'"),
			 1);
}

/* A repeat writes nothing but what is retained, and that only where the status is still there. */
static void test_pg_step_commit__a_guard(void **state)
{
	struct fixture *f = needed(state);
	struct taken t;

	begin(&t, 30, "guard", "", "PLACED");
	assert_int_equal(take(f->live, &t), 0);
	for (uint64_t i = 0; i < 4; i++) {
		begin(&t, 31 + i, "guard", i % 2 ? "APPROVED" : "PLACED", "");
		t.record.value_count = 0;
		t.record.is_unrecorded = t.step.is_guard = true;
		t.record.topic = (struct record_text)TEXT("guarded");
		t.record.is_retained = i >= 2;
		assert_int_equal(take(f->live, &t), i % 2 ? ERR_STALE : 0);
	}
	assert_int_equal(asked(f, "SELECT seq FROM retained WHERE topic = 'guarded'"), -33);
	assert_int_equal(asked(f, "SELECT revision FROM orders WHERE id = 'guard'"), 1);
	assert_int_equal(asked(f, "SELECT count(*) FROM events WHERE origin_seq < -30 AND "
				  "origin_seq > -40"),
			 0);
}

/* Each number once: what was in doubt is not kept twice. */
static void test_pg_step_commit__a_number_twice(void **state)
{
	struct fixture *f = needed(state);
	uint64_t last = 0;
	struct taken t;
	struct diag diag;

	begin(&t, 40, "note", "", "");
	t.step.entity = NULL;
	t.record.value_count = 0;
	t.record.payload = (struct record_text)TEXT("a\0\xff");
	assert_int_equal(pg_step_find(f->live, "a", 40, &diag), 0);
	assert_int_equal(take(f->live, &t), 0);
	assert_int_equal(t.revision, 0);
	assert_int_equal(take(f->live, &t), 1);
	assert_int_equal(pg_step_find(f->live, "a", 40, &diag), 1);
	assert_int_equal(pg_step_find(f->live, "b", 40, &diag), 0);
	assert_int_equal(asked(f, "SELECT count(*) FROM events WHERE origin_seq = -40 AND payload "
				  "IS NULL AND payload_bytes = '\\x6100ff' AND revision IS NULL"),
			 1);
	t.step.number = 900;
	assert_int_equal(take(f->live, &t), 0);
	must(pg_step_last(f->live, "a", &last, &diag), &diag);
	assert_int_equal(last, 900);
	must(pg_step_last(f->live, "nobody", &last, &diag), &diag);
	assert_int_equal(last, 0);
}

/* ---- many at once --------------------------------------------------------------------------- */

static const char *const chain[] = { "", "PLACED", "APPROVED", "SHIPPED", "DELIVERED" };

struct stepper {
	struct fixture *fixture;
	struct pg_live *live;
	char name[8];
	unsigned kept, stale;
};

/* Each goes on from what it was told last, as brokers do that hear nothing of each other. */
static void *step_on(void *ctx)
{
	struct stepper *s = ctx;
	uint64_t number = 0;
	struct taken t;
	char id[16];

	for (unsigned entity_number = 0; entity_number < ENTITIES; entity_number++) {
		(void)snprintf(id, sizeof(id), "many%u", entity_number);
		for (unsigned at = 0; at < 4; at++) {
			begin(&t, ++number, id, chain[at], chain[at + 1]);
			t.step.broker = s->name;
			if (take(s->live, &t) == 0)
				s->kept++;
			else
				s->stale++;
		}
	}
	return NULL;
}

static void test_pg_step_commit__of_many_each_step_once(void **state)
{
	struct fixture *f = needed(state);
	struct stepper stepper[STEPPERS];
	pthread_t thread[STEPPERS];
	unsigned kept = 0, stale = 0;

	for (unsigned i = 0; i < STEPPERS; i++) {
		stepper[i] = (struct stepper){ .fixture = f, .live = live_on(f->conninfo) };
		(void)snprintf(stepper[i].name, sizeof(stepper[i].name), "m%u", i);
		assert_int_equal(pthread_create(&thread[i], NULL, step_on, &stepper[i]), 0);
	}
	for (unsigned i = 0; i < STEPPERS; i++) {
		(void)pthread_join(thread[i], NULL);
		pg_live_close(stepper[i].live);
		kept += stepper[i].kept;
		stale += stepper[i].stale;
	}
	assert_int_equal(kept, 4 * ENTITIES); /* each step by one of them */
	assert_int_equal(stale, 4 * ENTITIES * (STEPPERS - 1));
	assert_int_equal(asked(f, "SELECT count(*) FROM orders WHERE id LIKE 'many%' AND status = "
				  "'DELIVERED' AND revision = 4"),
			 ENTITIES);
	assert_int_equal(asked(f, "SELECT count(*) FROM events WHERE origin LIKE 'm%'"),
			 4 * ENTITIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pg_step_commit__a_new_one_and_its_next_step),
		cmocka_unit_test(test_pg_step_commit__something_else_stands_there),
		cmocka_unit_test(test_pg_step_commit__the_other_status_may_move),
		cmocka_unit_test(test_pg_step_commit__a_guard),
		cmocka_unit_test(test_pg_step_commit__a_number_twice),
		cmocka_unit_test(test_pg_step_commit__of_many_each_step_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

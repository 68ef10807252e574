/* The connection of the broker's thread: its bound, its breaker, what is in doubt. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "ledger/pg_live.h"

#define MS INT64_C(1000000)
#define WAIT_MS 1000u
#define PATIENCE_MS 20000
/* Bounds that the server is to keep before the client does: a busy machine needs a longer one. */
#define FIRST_MS 100u
#define LAST_MS 3200u
#define NEVER "SELECT pg_sleep(600)"

static const char *server(void)
{
	return getenv("PETSTORE_POSTGRES");
}

static struct pg_live *opened(unsigned wait_ms)
{
	struct pg_live_options options = { .conninfo = server(), .wait_ms = wait_ms };
	struct pg_live *live = NULL;
	struct diag diag = { "" };

	if (!server())
		skip();
	if (pg_live_open(&options, &live, &diag) != 0 ||
	    pg_live_await(live, PATIENCE_MS, &diag) != 0)
		fail_msg("%s", diag.text);
	return live;
}

static void pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static int ask(struct pg_live *live, const char *sql, uint64_t doubt, int64_t *ret)
{
	struct pg_live_ask asked = { .sql = sql, .what = "cannot ask", .doubt = doubt };
	struct pg_rows rows = { 0 };
	struct diag diag = { "" };
	int rc = pg_live_exec(live, &asked, ret ? &rows : NULL, &diag);

	if (rc == 0 && ret)
		*ret = pg_number(&rows, 0, 0);
	if (rc != 0)
		assert_string_not_equal(diag.text, "");
	pg_rows_clear(&rows);
	return rc;
}

/* Another connection made meanwhile answers. */
static int64_t ask_until_answered(struct pg_live *live, const char *sql)
{
	int64_t until = clock_mono_ns() + PATIENCE_MS * MS, ret = 0;

	while (ask(live, sql, 0, &ret) != 0) {
		assert_true(clock_mono_ns() < until);
		pause_ms(1);
	}
	return ret;
}

static struct pg_live *opened_plain(void)
{
	struct pg_live_options options = { .conninfo = server(),
					   .wait_ms = PATIENCE_MS,
					   .is_plain = true };
	struct pg_live *live = NULL;
	struct diag diag;

	if (!server())
		skip();
	assert_int_equal(pg_live_open(&options, &live, &diag), 0);
	return live;
}

/* It is gone, and its connection closed, when this returns. */
static void end_backend(int64_t pid)
{
	struct pg_live *other = opened_plain();
	char sql[100];

	(void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld, %d)", (long long)pid,
		       PATIENCE_MS / 2);
	assert_int_equal(ask(other, sql, 0, NULL), 0);
	pg_live_close(other);
}

/* Of this program's, whoever else asks the server. */
static const char *lock_sql(void)
{
	static char sql[64];

	(void)snprintf(sql, sizeof(sql), "SELECT pg_advisory_lock(%ld)", (long)getpid());
	return sql;
}

/* While it is open lock_sql() is answered to nobody else. */
static struct pg_live *with_lock(void)
{
	struct pg_live *live = opened_plain();

	assert_int_equal(ask(live, lock_sql(), 0, NULL), 0);
	return live;
}

/* Its server gives nothing up. */
static struct pg_live *opened_patient(void)
{
	struct pg_live *live = opened(WAIT_MS);

	assert_int_equal(ask(live, "SET statement_timeout = 0", 0, NULL), 0);
	return live;
}

static void test_pg_live_exec__answers(void **state)
{
	struct pg_live *live = opened(PATIENCE_MS);
	struct pg_live_counts counts;
	int64_t number = 0;

	(void)state;
	assert_true(pg_live_is_up(live));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask(live, "SELECT 42", 0, &number), 0);
		assert_int_equal(number, 42);
	}
	pg_live_counts(live, &counts);
	assert_int_equal(counts.asked, 10);
	assert_int_equal(counts.connects, 1);
	assert_int_equal(counts.refused + counts.late + counts.lost + counts.doubts, 0);
	assert_true(pg_live_waits(live)->sum > 0);
	pg_live_close(live);
}

/* A statement that the server refuses costs no connection. */
static void test_pg_live_exec__refused_by_the_server(void **state)
{
	struct pg_live *live = opened(PATIENCE_MS);
	struct pg_live_counts counts;
	int64_t number = 0;

	(void)state;
	assert_int_equal(ask(live, "SELECT 1 / 0", 7, NULL), ERR_INVALID);
	assert_string_equal(pg_live_state(live), "22012");
	assert_int_equal(ask(live, "SELECT 1", 0, &number), 0);
	pg_live_counts(live, &counts);
	assert_int_equal(counts.connects, 1);
	pg_live_close(live);
}

/*
 * The server gives it up before the bound: nothing was done, and the breaker opens for a moment.
 * False: the machine was too busy to see that with this bound.
 */
static bool is_given_up_first(struct pg_live *live, unsigned wait_ms)
{
	/* Since the statement was sent the breaker is not closed again before this has passed. */
	const int64_t open_ns = (wait_ms - wait_ms / 4 + PG_LIVE_PAUSE_MS) * MS;
	struct pg_live_counts counts;
	int64_t began, pid = ask_until_answered(live, "SELECT pg_backend_pid()"), other;
	bool is_up;
	int rc;

	began = clock_mono_ns();
	if (ask(live, NEVER, 7, NULL) == ERR_DOUBT)
		return false;
	assert_string_equal(pg_live_state(live), "57014");
	assert_true(clock_mono_ns() - began >= wait_ms * MS / 2);
	is_up = pg_live_is_up(live);
	rc = ask(live, "SELECT 1", 0, NULL);
	if (clock_mono_ns() - began >= open_ns)
		return false;
	assert_false(is_up);
	assert_int_equal(rc, ERR_BUSY);
	pg_live_counts(live, &counts);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(counts.late, 1);
	assert_int_equal(counts.lost, 0);
	other = ask_until_answered(live, "SELECT pg_backend_pid()");
	pg_live_counts(live, &counts);
	if (counts.lost > 0)
		return false;
	assert_int_equal(other, pid);
	assert_true(pg_live_is_up(live));
	return true;
}

static void test_pg_live_exec__given_up_by_the_server(void **state)
{
	bool is_seen = false;

	(void)state;
	for (unsigned wait_ms = FIRST_MS; !is_seen && wait_ms <= LAST_MS; wait_ms *= 2) {
		struct pg_live *live = opened(wait_ms);

		is_seen = is_given_up_first(live, wait_ms);
		pg_live_close(live);
	}
	assert_true(is_seen);
}

/* One that only reads is in no doubt. */
static void test_pg_live_exec__no_answer_to_a_read(void **state)
{
	struct pg_live *other = with_lock(), *live = opened_patient();
	struct pg_live_settled settled;
	struct pg_live_counts counts;

	(void)state;
	assert_int_equal(ask(live, lock_sql(), 0, NULL), ERR_BUSY);
	(void)ask_until_answered(live, "SELECT 1");
	pg_live_counts(live, &counts);
	assert_int_equal(counts.doubts, 0);
	assert_int_equal(counts.lost, 1);
	assert_int_equal(counts.connects, 2);
	assert_false(pg_live_settled(live, &settled));
	pg_live_close(live);
	pg_live_close(other);
}

static struct pg_live_settled settled_of(struct pg_live *live)
{
	int64_t until = clock_mono_ns() + 2 * PATIENCE_MS * MS;
	struct pg_live_settled ret = { 0 };

	while (!pg_live_settled(live, &ret)) {
		assert_true(clock_mono_ns() < until);
		pause_ms(5);
	}
	return ret;
}

/* No answer to a write: it is in doubt, until the server has answered. */
static void test_pg_live_exec__in_doubt(void **state)
{
	struct pg_live *other = with_lock(), *live = opened_patient();
	struct pg_live_settled settled;
	struct pg_live_counts counts;

	(void)state;
	assert_int_equal(ask(live, lock_sql(), 41, NULL), ERR_DOUBT);
	pause_ms(200);
	assert_false(pg_live_settled(live, &settled));
	pg_live_close(other);
	settled = settled_of(live);
	assert_int_equal(settled.doubt, 41);
	assert_true(settled.is_certain);
	(void)ask_until_answered(live, "SELECT 1");
	pg_live_counts(live, &counts);
	assert_int_equal(counts.doubts, 1);
	pg_live_close(live);
}

/* A server that never answers leaves it in doubt for a time that has an end. */
static void test_pg_live_exec__in_doubt_for_good(void **state)
{
	struct pg_live *other = with_lock(), *live = opened_patient();
	struct pg_live_settled settled;

	(void)state;
	assert_int_equal(ask(live, lock_sql(), 43, NULL), ERR_DOUBT);
	settled = settled_of(live);
	assert_int_equal(settled.doubt, 43);
	assert_false(settled.is_certain);
	pg_live_close(live);
	pg_live_close(other);
}

/* What ended while nobody asked is noticed before anything is sent. */
static void test_pg_live_exec__ended_while_idle(void **state)
{
	struct pg_live *live = opened(PATIENCE_MS);
	struct pg_live_counts counts;
	int64_t pid = 0, other;

	(void)state;
	assert_int_equal(ask(live, "SELECT pg_backend_pid()", 0, &pid), 0);
	end_backend(pid);
	assert_int_equal(ask(live, "SELECT 1", 5, NULL), ERR_BUSY);
	other = ask_until_answered(live, "SELECT pg_backend_pid()");
	assert_true(other != pid);
	pg_live_counts(live, &counts);
	assert_int_equal(counts.doubts, 0);
	assert_int_equal(counts.lost, 1);
	assert_int_equal(counts.connects, 2);
	pg_live_close(live);
}

/* Each call is refused at once, and says why. */
static void test_pg_live_exec__nobody_listens(void **state)
{
	struct pg_live_options options = { .conninfo = "host=127.0.0.1 port=1 user=nobody",
					   .wait_ms = WAIT_MS };
	struct pg_live_ask asked = { .sql = "SELECT 1", .what = "cannot ask", .doubt = 3 };
	struct pg_live *live = NULL;
	struct pg_live_counts counts;
	struct diag diag = { "" };
	int64_t began;
	unsigned told = 0;

	(void)state;
	if (!server())
		skip();
	assert_int_equal(pg_live_open(&options, &live, &diag), 0);
	assert_int_equal(pg_live_await(live, PATIENCE_MS, &diag), ERR_BUSY);
	assert_non_null(strstr(diag.text, "port=1"));
	began = clock_mono_ns();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(pg_live_exec(live, &asked, NULL, &diag), ERR_BUSY);
		told += strstr(diag.text, "port=1") != NULL;
	}
	assert_true(clock_mono_ns() - began < 100 * WAIT_MS * MS / 2);
	assert_true(told > 50); /* not all: the thread may be about to write its line */
	assert_false(pg_live_is_up(live));
	pg_live_counts(live, &counts);
	assert_int_equal(counts.refused, 100);
	assert_int_equal(counts.connects, 0);
	pg_live_close(live);
}

/*
 * The server is told the bound: of the connection that is there, and of those that are made later.
 * False: the machine was too busy to see that with this bound.
 */
static bool is_told(struct pg_live *live, unsigned wait_ms)
{
	int64_t pid = ask_until_answered(live, "SELECT pg_backend_pid()");

	pg_live_set_wait(live, wait_ms);
	for (int i = 0; i < 2; i++) {
		int64_t asked = ask_until_answered(live, "SELECT pg_backend_pid()");

		if (i == 0 && asked != pid)
			return false;
		if (ask(live, NEVER, 7, NULL) == ERR_DOUBT)
			return false;
		assert_string_equal(pg_live_state(live), "57014");
		end_backend(asked);
	}
	return true;
}

static void test_pg_live_set_wait__counts_at_once(void **state)
{
	bool is_seen = false;

	(void)state;
	for (unsigned wait_ms = FIRST_MS; !is_seen && wait_ms <= LAST_MS; wait_ms *= 2) {
		struct pg_live *live = opened(PATIENCE_MS);

		assert_int_equal(ask(live, "SELECT pg_sleep(0.3)", 0, NULL), 0);
		is_seen = is_told(live, wait_ms);
		pg_live_close(live);
	}
	assert_true(is_seen);
}

/* A plain one connects in the call. */
static void test_pg_live_exec__plain(void **state)
{
	struct pg_live *live = opened_plain();
	int64_t pid = 0;

	(void)state;
	assert_true(pg_live_is_up(live));
	assert_int_equal(ask(live, "SELECT pg_backend_pid()", 0, &pid), 0);
	end_backend(pid);
	assert_int_equal(ask(live, "SELECT 1", 0, NULL), ERR_BUSY);
	assert_int_equal(ask(live, "SELECT 1", 0, &pid), 0);
	pg_live_close(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pg_live_exec__answers),
		cmocka_unit_test(test_pg_live_exec__refused_by_the_server),
		cmocka_unit_test(test_pg_live_exec__given_up_by_the_server),
		cmocka_unit_test(test_pg_live_exec__no_answer_to_a_read),
		cmocka_unit_test(test_pg_live_exec__in_doubt),
		cmocka_unit_test(test_pg_live_exec__in_doubt_for_good),
		cmocka_unit_test(test_pg_live_exec__ended_while_idle),
		cmocka_unit_test(test_pg_live_exec__nobody_listens),
		cmocka_unit_test(test_pg_live_set_wait__counts_at_once),
		cmocka_unit_test(test_pg_live_exec__plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

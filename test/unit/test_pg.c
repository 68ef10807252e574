/* A connection to PostgreSQL: statements, pipelines, arrays, and what went wrong. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "between.h"
#include "ledger/pg.h"

#define WAIT_MS 30000u

static const char *server(void)
{
	return getenv("PETSTORE_POSTGRES");
}

static struct pg *opened(void)
{
	const struct pg_place place = { .conninfo = server(),
					.application = "test",
					.wait_ms = WAIT_MS };
	struct pg *pg = NULL;
	struct diag diag;

	if (!server())
		skip();
	diag_init(&diag);
	if (pg_open(&place, &pg, &diag) != 0)
		fail_msg("%s", diag.text);
	return pg;
}

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

/* The number that a query answers. */
static int64_t asked(struct pg *pg, const char *sql)
{
	struct pg_rows rows;
	struct diag diag;
	int64_t number;

	must(pg_exec(pg, sql, NULL, &rows, "cannot ask", &diag), &diag);
	assert_int_equal(pg_rows_count(&rows), 1);
	number = pg_number(&rows, 0, 0);
	pg_rows_clear(&rows);
	return number;
}

static void test_pg_exec__values_come_back(void **state)
{
	struct pg *pg = opened();
	struct pg_params params = { 0 };
	struct pg_rows rows;
	struct diag diag;
	size_t len;

	(void)state;
	pg_add_text(&params, "h\xc3\xa9llo, more", 6);
	pg_add_number(&params, INT64_MIN);
	pg_add_real(&params, 0.1);
	pg_add_bytes(&params, "\0\xff", 2);
	pg_add_null(&params);
	pg_add_number(&params, -7);
	for (int i = 0; i < 2; i++) {
		must(pg_exec(pg,
			     "SELECT $1::text, $2::bigint, $3::double precision, $4::bytea, "
			     "$5::text, $6::integer, true",
			     &params, &rows, "cannot ask", &diag),
		     &diag);
		assert_string_equal(pg_text(&rows, 0, 0), "h\xc3\xa9llo");
		assert_true(pg_number(&rows, 0, 1) == INT64_MIN);
		assert_true(pg_real(&rows, 0, 2) == 0.1);
		assert_memory_equal(pg_bytes(&rows, 0, 3, &len), "\0\xff", 2);
		assert_int_equal(len, 2);
		assert_true(pg_is_null(&rows, 0, 4));
		assert_string_equal(pg_text(&rows, 0, 4), "");
		assert_int_equal(pg_number(&rows, 0, 5), -7);
		assert_int_equal(pg_number(&rows, 0, 6), 1);
		pg_rows_clear(&rows);
	}
	assert_int_equal(asked(pg,
			       "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE "
			       "'SELECT $1::text%'"),
			 1);
	pg_close(pg);
}

static void test_pg_add_array__elements_come_back(void **state)
{
	struct pg *pg = opened();
	struct pg_params params = { 0 };
	struct pg_array texts = { 0 }, numbers = { 0 }, reals = { 0 }, bytes = { 0 }, none = { 0 };
	struct pg_rows rows;
	struct diag diag;

	(void)state;
	pg_array_begin(&texts, PG_TEXT);
	pg_array_begin(&numbers, PG_NUMBER);
	pg_array_begin(&reals, PG_REAL);
	pg_array_begin(&bytes, PG_BYTES);
	for (int64_t i = 0; i < 3000; i++) {
		pg_array_text(&texts, "abc", (size_t)i % 4);
		pg_array_number(&numbers, -i);
		pg_array_real(&reals, (double)i / 2);
		if (i % 2)
			pg_array_null(&bytes);
		else
			pg_array_text(&bytes, "\0", 1);
	}
	must(pg_add_array(&params, &texts, &diag), &diag);
	must(pg_add_array(&params, &numbers, &diag), &diag);
	must(pg_add_array(&params, &reals, &diag), &diag);
	must(pg_add_array(&params, &bytes, &diag), &diag);
	pg_array_begin(&none, PG_TEXT);
	must(pg_add_array(&params, &none, &diag), &diag);
	must(pg_exec(pg,
		     "SELECT count(*), sum(length(t))::bigint, sum(n)::bigint, sum(r), count(b), "
		     "coalesce(array_length($5::text[], 1), 0) FROM unnest($1::text[], "
		     "$2::bigint[], $3::double precision[], $4::bytea[]) AS x (t, n, r, b)",
		     &params, &rows, "cannot ask", &diag),
	     &diag);
	assert_int_equal(pg_number(&rows, 0, 0), 3000);
	assert_int_equal(pg_number(&rows, 0, 1), 4498 + 2);
	assert_int_equal(pg_number(&rows, 0, 2), -2999 * 1500);
	assert_true(pg_real(&rows, 0, 3) == 2999 * 750.0);
	assert_int_equal(pg_number(&rows, 0, 4), 1500);
	assert_int_equal(pg_number(&rows, 0, 5), 0);
	pg_rows_clear(&rows);
	pg_array_free(&texts);
	pg_array_free(&numbers);
	pg_array_free(&reals);
	pg_array_free(&bytes);
	pg_array_free(&none);
	pg_close(pg);
}

static void test_pg_finish__a_failure_stops_the_pipeline(void **state)
{
	struct pg *pg = opened();
	struct pg_rows rows[3];
	struct diag diag;
	unsigned failed;

	(void)state;
	script(pg, "CREATE TEMPORARY TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (1);");
	must(pg_send(pg, "INSERT INTO t VALUES (2)", NULL, &diag), &diag);
	must(pg_send(pg, "SELECT count(*) FROM t", NULL, &diag), &diag);
	must(pg_finish(pg, rows, 2, NULL, "cannot write", &diag), &diag);
	assert_int_equal(pg_rows_changed(&rows[0]), 1);
	assert_int_equal(pg_number(&rows[1], 0, 0), 2);
	pg_rows_clear(&rows[0]);
	pg_rows_clear(&rows[1]);

	must(pg_send(pg, "INSERT INTO t VALUES (3)", NULL, &diag), &diag);
	must(pg_send(pg, "INSERT INTO t VALUES (2)", NULL, &diag), &diag);
	must(pg_send(pg, "INSERT INTO t VALUES (4)", NULL, &diag), &diag);
	assert_int_equal(pg_finish(pg, rows, 3, &failed, "cannot write", &diag), ERR_INVALID);
	assert_int_equal(failed, 1);
	assert_string_equal(pg_state(pg), "23505");
	assert_non_null(strstr(diag.text, "cannot write: duplicate key value"));
	assert_false(pg_is_lost(pg));
	assert_int_equal(asked(pg, "SELECT count(*) FROM t"), 2);
	pg_close(pg);
}

static void test_pg_script__a_failure_is_told(void **state)
{
	struct pg *pg = opened();
	struct diag diag;

	(void)state;
	assert_int_equal(pg_script(pg, "SELECT 1; SELECT * FROM nothing_of_the_kind; SELECT 2;",
				   "cannot do it", &diag),
			 ERR_IO);
	assert_string_equal(pg_state(pg), "42P01");
	assert_int_equal(asked(pg, "SELECT 5"), 5);
	pg_close(pg);
}

static void test_pg_exec__more_statements_than_are_kept(void **state)
{
	struct pg *pg = opened();
	char sql[64];

	(void)state;
	for (int i = 0; i < (int)PG_STATEMENTS_MAX + 20; i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT %d", i);
		assert_int_equal(asked(pg, sql), i);
	}
	assert_true(asked(pg, "SELECT count(*) FROM pg_prepared_statements") <= PG_STATEMENTS_MAX);
	pg_close(pg);
}

/* ---- what goes wrong --------------------------------------------------------------------- */

static void test_pg_exec__no_answer_is_in_doubt(void **state)
{
	struct pg *pg = opened();
	int64_t began = clock_mono_ns();
	struct diag diag;

	(void)state;
	pg_set_wait(pg, 50);
	assert_int_equal(pg_exec(pg, "SELECT pg_sleep(60)", NULL, NULL, "cannot ask", &diag),
			 ERR_DOUBT);
	assert_true(clock_mono_ns() - began < 30 * INT64_C(1000000000));
	assert_true(pg_is_lost(pg));
	assert_non_null(strstr(diag.text, "cannot ask: no answer within 50 ms"));
	assert_int_equal(pg_exec(pg, "SELECT 1", NULL, NULL, "cannot ask", &diag), ERR_BUSY);
	pg_close(pg);
}

static void count_wait(void *ctx)
{
	(*(int *)ctx)++;
}

static void test_pg_exec__who_waits_has_other_work(void **state)
{
	struct pg *pg = opened();
	struct diag diag;
	int waits = 0;

	(void)state;
	pg_set_on_wait(pg, count_wait, &waits);
	must(pg_exec(pg, "SELECT pg_sleep(0.35)", NULL, NULL, "cannot ask", &diag), &diag);
	assert_true(waits >= 1);
	pg_set_wait(pg, 10 * PG_WAIT_MS + PG_WAIT_MS / 2);
	waits = 0;
	assert_int_equal(pg_exec(pg, "SELECT pg_sleep(60)", NULL, NULL, "cannot ask", &diag),
			 ERR_DOUBT);
	assert_uint_in_range((unsigned)waits, 2, 10); /* fewer where it woke up late */
	pg_close(pg);
}

/* Ends the session of @pg from another. */
static void end_session(struct pg *pg)
{
	struct pg *other = opened();
	struct pg_params params = { 0 };
	struct diag diag;

	pg_add_number(&params, asked(pg, "SELECT pg_backend_pid()"));
	must(pg_exec(other, "SELECT pg_terminate_backend($1::integer, 5000)", &params, NULL,
		     "cannot end", &diag),
	     &diag);
	pg_close(other);
}

static void test_pg_exec__a_server_that_left_was_sent_nothing(void **state)
{
	struct pg *pg = opened();
	struct diag diag;

	(void)state;
	end_session(pg);
	assert_int_equal(pg_exec(pg, "SELECT 1", NULL, NULL, "cannot ask", &diag), ERR_BUSY);
	assert_true(pg_is_lost(pg));
	pg_close(pg);
}

static void test_pg_exec__a_server_that_stands_still(void **state)
{
	struct pg *pg = opened();
	pid_t pid = (pid_t)asked(pg, "SELECT pg_backend_pid()");
	struct diag diag;

	(void)state;
	/* Its process is on this machine and ours to stop, or there is nothing to see. */
	if (kill(pid, SIGSTOP) != 0) {
		pg_close(pg);
		skip();
	}
	pg_set_wait(pg, 50);
	assert_int_equal(pg_exec(pg, "SELECT 1", NULL, NULL, "cannot ask", &diag), ERR_DOUBT);
	assert_int_equal(kill(pid, SIGCONT), 0);
	pg_close(pg);
}

static void test_pg_exec__a_lock_that_is_held_is_busy(void **state)
{
	struct pg *pg = opened(), *other = opened();
	struct diag diag;

	(void)state;
	script(other, "DROP TABLE IF EXISTS pg_held; CREATE TABLE pg_held (n bigint);");
	script(other, "BEGIN; LOCK TABLE pg_held;");
	script(pg, "SET lock_timeout = 20;");
	assert_int_equal(pg_exec(pg, "SELECT n FROM pg_held", NULL, NULL, "cannot ask", &diag),
			 ERR_BUSY);
	assert_string_equal(pg_state(pg), "55P03");
	assert_false(pg_is_lost(pg));
	script(other, "ROLLBACK;");
	script(other, "DROP TABLE pg_held;");
	pg_close(other);
	pg_close(pg);
}

/* ---- connecting -------------------------------------------------------------------------- */

static int fails(const char *conninfo, unsigned wait_ms, struct diag *diag)
{
	const struct pg_place place = { .conninfo = conninfo, .wait_ms = wait_ms };
	struct pg *pg = NULL;
	int rc;

	diag_init(diag);
	rc = pg_open(&place, &pg, diag);
	assert_null(pg);
	assert_null(strstr(diag->text, "secret"));
	assert_null(strchr(diag->text, '\n'));
	return rc;
}

static void test_pg_open__what_cannot_be(void **state)
{
	char line[512];
	struct diag diag;

	(void)state;
	if (!server())
		skip();
	assert_int_equal(fails("host=127.0.0.1 port=1 user=a password=secret", 1000, &diag),
			 ERR_BUSY);
	assert_non_null(strstr(diag.text, "host=127.0.0.1 port=1: cannot connect: "));
	assert_non_null(strstr(diag.text, "refused"));
	/* Of several hosts each is named: the second may be a standby that waits to be promoted. */
	assert_int_equal(fails("host=127.0.0.1,127.0.0.1 port=1,2 user=a", 1000, &diag), ERR_BUSY);
	assert_non_null(strstr(diag.text, "host=127.0.0.1 port=1: cannot connect: "));
	assert_non_null(strstr(diag.text, "; host=127.0.0.1 port=2: cannot connect: "));
	assert_int_equal(fails("host=a secret", 1000, &diag), ERR_INVALID);
	assert_int_equal(fails("postgresql://me:secret/secret@127.0.0.1/a", 1000, &diag),
			 ERR_INVALID);
	assert_int_equal(fails("postgresql://me:12/secret@127.0.0.1/a", 1000, &diag), ERR_INVALID);
	assert_int_equal(fails("host=a sslmod=secret dbname=b", 1000, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "libpq knows no key \"sslmod\""));
	assert_int_equal(fails("postgresql://a/b?sslmod=secret", 1000, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "libpq knows no key \"sslmod\""));
	/* These keys are parts of passwords. */
	assert_int_equal(fails("host=a password=my secret=1", 1000, &diag), ERR_INVALID);
	assert_int_equal(fails("postgresql://me:my/x?secret=1@a/b", 1000, &diag), ERR_INVALID);
	(void)snprintf(line, sizeof(line), "%s dbname=not_there password=secret", server());
	assert_int_equal(fails(line, 1000, &diag), ERR_IO);
	assert_non_null(strstr(diag.text, "does not exist"));
}

static void test_pg_open__a_host_that_is_silent_is_passed(void **state)
{
	const char *hosts = server() ? strstr(server(), "port=") : NULL;
	struct pg_place place = { .wait_ms = 2000 };
	char line[512];
	struct pg *pg = NULL;
	struct diag diag;

	(void)state;
	if (!hosts)
		skip();
	(void)snprintf(line, sizeof(line), "%s host=127.0.0.1,192.0.2.1,127.0.0.1 port=1,2,%u",
		       server(), (unsigned)strtoul(hosts + strlen("port="), NULL, 10));
	place.conninfo = line;
	must(pg_open(&place, &pg, &diag), &diag);
	assert_non_null(strstr(pg_name(pg), "host=127.0.0.1 port="));
	assert_null(strstr(pg_name(pg), "port=1 "));
	pg_close(pg);
}

static void test_pg_shown__no_secret(void **state)
{
	char shown[PG_SHOWN_MAX];

	(void)state;
	if (!server())
		skip();
	assert_string_equal(
		pg_shown("postgresql://me:secret@a:1,b:2/pets?sslpassword=secret", shown),
		"host=a,b port=1,2 dbname=pets");
	assert_string_equal(pg_shown("host=a password='secret", shown), "PostgreSQL");
	assert_string_equal(pg_shown("password=secret", shown), "PostgreSQL");
	assert_string_equal(pg_shown("postgresql://me:a@secret@h/pets", shown), "PostgreSQL");
	assert_string_equal(pg_shown("postgresql://me:a@secret@h,i/pets", shown), "PostgreSQL");
	assert_string_equal(pg_shown("host=@socket,@other dbname=pets", shown),
			    "host=@socket,@other dbname=pets");
}

static void test_pg_wait__a_notice_wakes(void **state)
{
	struct pg *pg = opened(), *other = opened();
	struct diag diag;

	(void)state;
	script(pg, "LISTEN petstore_test;");
	assert_int_equal(pg_wait(pg, 10, -1, &diag), 0);
	script(other, "NOTIFY petstore_test, 'a'; NOTIFY petstore_test, 'b';");
	assert_true(pg_wait(pg, WAIT_MS, -1, &diag) > 0);
	end_session(pg);
	assert_int_equal(pg_wait(pg, WAIT_MS, -1, &diag), ERR_BUSY);
	pg_close(other);
	pg_close(pg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pg_exec__values_come_back),
		cmocka_unit_test(test_pg_add_array__elements_come_back),
		cmocka_unit_test(test_pg_finish__a_failure_stops_the_pipeline),
		cmocka_unit_test(test_pg_script__a_failure_is_told),
		cmocka_unit_test(test_pg_exec__more_statements_than_are_kept),
		cmocka_unit_test(test_pg_exec__no_answer_is_in_doubt),
		cmocka_unit_test(test_pg_exec__who_waits_has_other_work),
		cmocka_unit_test(test_pg_exec__a_server_that_left_was_sent_nothing),
		cmocka_unit_test(test_pg_exec__a_server_that_stands_still),
		cmocka_unit_test(test_pg_exec__a_lock_that_is_held_is_busy),
		cmocka_unit_test(test_pg_open__what_cannot_be),
		cmocka_unit_test(test_pg_open__a_host_that_is_silent_is_passed),
		cmocka_unit_test(test_pg_shown__no_secret),
		cmocka_unit_test(test_pg_wait__a_notice_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

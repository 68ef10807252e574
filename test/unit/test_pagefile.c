/*
 * test_pagefile.c -- what is written to a database reaches the system together, and in time.
 *
 * pwrite() is this program's own: it counts, and fails when it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "folder.h"
#include "ledger/pagefile.h"

#define ROWS 500 /* of a page each */

static unsigned writes; /* since it was set to 0 */
static unsigned fails;  /* the next so many writes */

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	writes++;
	if (fails > 0) {
		fails--;
		errno = ENOSPC;
		return -1;
	}
	return (ssize_t)syscall(SYS_pwrite64, fd, data, n, at);
}

__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void *data, size_t n,
							off64_t at)
{
	return pwrite(fd, data, n, at);
}

struct fixture {
	struct folder folder;
	struct pagefile_vfs vfs;
	struct sql sql;
	struct diag diag;
};

static void on_rollback(void *ctx)
{
	pagefile_forget(ctx);
}

static void change(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	diag_init(&f->diag);
	folder_make(&f->folder);
	assert_int_equal(pagefile_init(&f->vfs, &f->diag), 0);
	assert_int_equal(sql_open(&f->sql, folder_file(&f->folder, "a.db"),
				  SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, f->vfs.name,
				  &f->diag),
			 0);
	(void)sqlite3_rollback_hook(f->sql.db, on_rollback, &f->vfs);
	change(f->sql.db, "PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL; PRAGMA "
			  "wal_autocheckpoint = 0; CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB)");
	writes = fails = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sql_close(&f->sql);
	pagefile_clear(&f->vfs);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

/* ROWS rows, numbered from @first. */
static int insert(sqlite3 *db, int first)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		       "WITH RECURSIVE c (n) AS (SELECT %d UNION ALL SELECT n + 1 FROM c LIMIT %d) "
		       "INSERT INTO t SELECT n, randomblob(3000) FROM c",
		       first, ROWS);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* "<rows>|<is it whole>", as a connection of its own sees it. */
static const char *what_others_see(struct fixture *f)
{
	return folder_ask(&f->folder, "a.db",
			  "SELECT count(*), (SELECT integrity_check FROM pragma_integrity_check) "
			  "FROM t");
}

/* Two writes a page it would be. */
static void test_pagefile__pages_are_written_together(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	assert_in_range(writes, 1, ROWS / 10);
	assert_string_equal(what_others_see(f), "500|ok");
}

/* Where its pages can't be written it fails, and the next one writes them all. */
static void test_pagefile__a_checkpoint_that_fails(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	fails = 1;
	assert_int_equal(
		sqlite3_wal_checkpoint_v2(f->sql.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
		SQLITE_FULL);
	assert_int_equal(fails, 0);
	assert_string_equal(what_others_see(f), "500|ok");
	change(f->sql.db, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_string_equal(what_others_see(f), "500|ok");
}

/*
 * A checkpoint that some reader keeps from the end is not synced, and others read what it copied
 * from the database at once: where a page can't be written it must fail itself.
 */
static void test_pagefile__half_a_checkpoint_that_fails(void **state)
{
	struct fixture *f = *state;
	struct sql reader = { .db = NULL };

	change(f->sql.db, "INSERT INTO t VALUES (1, zeroblob(3000)), (2, zeroblob(3000))");
	change(f->sql.db, "PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET v = 'new'");
	assert_int_equal(sql_open(&reader, folder_file(&f->folder, "a.db"), SQLITE_OPEN_READWRITE,
				  NULL, &f->diag),
			 0);
	change(reader.db, "BEGIN; SELECT count(*) FROM t");
	change(f->sql.db, "INSERT INTO t VALUES (3, 'new')");
	fails = 1;
	assert_int_equal(
		sqlite3_wal_checkpoint_v2(f->sql.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
		SQLITE_FULL);
	assert_int_equal(fails, 0);
	sql_close(&reader);
	assert_string_equal(
		folder_ask(&f->folder, "a.db", "SELECT count(*) FROM t WHERE v = 'new'"), "3");
}

/* A connection that is closed within a transaction writes nothing: its lock is no more. */
static void test_pagefile__closed_within_a_transaction(void **state)
{
	struct fixture *f = *state;
	struct sql other = { .db = NULL };

	assert_int_equal(sql_open(&other, folder_file(&f->folder, "a.db"), SQLITE_OPEN_READWRITE,
				  NULL, &f->diag),
			 0);
	assert_int_equal(insert(other.db, 2 * ROWS), SQLITE_OK);
	change(f->sql.db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = 10; BEGIN");
	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	writes = 0;
	sql_close(&f->sql);
	assert_int_equal(writes, 0);
	sql_close(&other);
	assert_string_equal(what_others_see(f), "500|ok");
}

/* A transaction that its cache has no room for reads back what it wrote. */
static void test_pagefile__what_waits_is_read(void **state)
{
	struct fixture *f = *state;

	change(f->sql.db, "PRAGMA cache_size = 10; BEGIN");
	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	change(f->sql.db, "UPDATE t SET v = zeroblob(2000) WHERE n % 2");
	assert_int_equal(insert(f->sql.db, ROWS + 1), SQLITE_OK);
	change(f->sql.db, "DELETE FROM t WHERE n % 10 = 0; COMMIT");
	assert_string_equal(what_others_see(f), "900|ok");
}

/*
 * What others wrote behind a rollback is not overwritten by what was rolled back. The WAL is empty
 * before it, so that nothing is read from it to roll back, which would write what waits.
 */
static void test_pagefile__what_was_rolled_back_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct sql other = { .db = NULL };

	change(f->sql.db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = 10; BEGIN");
	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	change(f->sql.db, "ROLLBACK");
	assert_int_equal(sql_open(&other, folder_file(&f->folder, "a.db"), SQLITE_OPEN_READWRITE,
				  NULL, &f->diag),
			 0);
	change(other.db, "PRAGMA wal_autocheckpoint = 0");
	assert_int_equal(insert(other.db, 2 * ROWS), SQLITE_OK);
	assert_int_equal(insert(other.db, 3 * ROWS), SQLITE_OK);
	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	sql_close(&other);
	assert_string_equal(what_others_see(f), "1500|ok");
}

/* The commit fails where its pages can't be written, whichever they are, and succeeds later. */
static void test_pagefile__a_write_that_fails_fails_the_commit(void **state)
{
	struct fixture *f = *state;

	for (int first = 1; first <= 3 * ROWS; first += ROWS) {
		fails = 1;
		assert_int_equal(insert(f->sql.db, first), SQLITE_FULL);
		assert_int_equal(fails, 0);
		assert_int_equal(insert(f->sql.db, first), SQLITE_OK);
	}
	assert_string_equal(what_others_see(f), "1500|ok");
}

/*
 * What waits may be of an earlier statement than the one that fails: nothing is committed then,
 * though SQLite takes back no more than a statement for whose data there is no room.
 */
static void test_pagefile__a_later_statement_that_fails(void **state)
{
	struct fixture *f = *state;

	change(f->sql.db, "CREATE TABLE u (n INTEGER PRIMARY KEY, v NOT NULL);"
			  "PRAGMA cache_size = 10; BEGIN");
	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	fails = 1;
	assert_int_equal(sqlite3_exec(f->sql.db,
				      "INSERT INTO u SELECT n, length(v) FROM t WHERE n < 3", NULL,
				      NULL, NULL),
			 SQLITE_FULL);
	assert_int_equal(fails, 0);
	assert_int_equal(sqlite3_exec(f->sql.db, "COMMIT", NULL, NULL, NULL), SQLITE_FULL);
	assert_string_equal(what_others_see(f), "0|ok");
	assert_int_equal(insert(f->sql.db, 1), SQLITE_OK);
	assert_string_equal(what_others_see(f), "500|ok");
}

/* One row is less than what is collected: it is there all the same. */
static void test_pagefile__a_small_commit_is_seen(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 3; i++) {
		char expected[20];

		change(f->sql.db, "INSERT INTO t (v) VALUES ('x')");
		(void)snprintf(expected, sizeof(expected), "%u|ok", i);
		assert_string_equal(what_others_see(f), expected);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pagefile__pages_are_written_together),
		TEST(test_pagefile__a_checkpoint_that_fails),
		TEST(test_pagefile__half_a_checkpoint_that_fails),
		TEST(test_pagefile__closed_within_a_transaction),
		TEST(test_pagefile__what_waits_is_read),
		TEST(test_pagefile__what_was_rolled_back_is_forgotten),
		TEST(test_pagefile__a_write_that_fails_fails_the_commit),
		TEST(test_pagefile__a_later_statement_that_fails),
		TEST(test_pagefile__a_small_commit_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

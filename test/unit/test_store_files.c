#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "folder.h"
#include "forgetfuldisk.h"
#include "ledger/store.h"

struct fixture {
	struct folder folder;
	char path[300];
	struct store *store;
	struct diag diag;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	(void)strcpy(f->path, folder_file(&f->folder, "a.db"));
	disk_plug_in();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	disk_plug_out();
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static void open_store(struct fixture *f)
{
	diag_init(&f->diag);
	diag_ignore(
		store_open(&(struct store_place){ .place = f->path }, 1000, &f->store, &f->diag));
	assert_string_equal(f->diag.text, "");
	diag_ignore(store_upgrade(f->store, &f->diag));
	assert_string_equal(f->diag.text, "");
}

static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static const char payload[4000] = "a page of its own";

/* Events @first to @last in one transaction; the commit's result. */
static int write_events(struct fixture *f, uint64_t first, uint64_t last)
{
	struct record record = { .received_ms = 1700000000000,
				 .topic = { "t", 1 },
				 .payload = { payload, sizeof(payload) } };
	uint64_t applied;
	int rc = store_begin(f->store, &applied, &f->diag);

	for (uint64_t seq = first; rc == 0 && seq <= last; seq++)
		rc = store_apply(f->store, seq, &record, &f->diag);
	if (rc == 0)
		rc = store_commit(f->store, last, &f->diag);
	if (rc)
		store_rollback(f->store);
	return rc;
}

static uint64_t applied(struct fixture *f)
{
	uint64_t seq = 0;

	assert_int_equal(store_begin(f->store, &seq, &f->diag), 0);
	store_rollback(f->store);
	return seq;
}

/* What a database that met a power failure now has: "<applied>|<events>|<is it whole>". */
static const char *after_a_cut(struct fixture *f)
{
	char to[300];

	(void)strcpy(to, folder_file(&f->folder, "cut.db"));
	(void)unlink(folder_file(&f->folder, "cut.db-wal"));
	(void)unlink(folder_file(&f->folder, "cut.db-shm"));
	disk_cut(f->path, to);
	return folder_ask(&f->folder, "cut.db",
			  "SELECT applied_seq, (SELECT count(*) FROM events), "
			  "(SELECT integrity_check FROM pragma_integrity_check) FROM store");
}

/* ---- what failed to be synced -------------------------------------------------------------- */

static void test_store_commit__that_failed_is_written_anew(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	assert_int_equal(write_events(f, 1, 3), 0);
	disk_fail("-wal", 1);
	assert_int_equal(write_events(f, 4, 6), ERR_IO);
	assert_int_equal(write_events(f, 4, 6), 0);
	assert_string_equal(after_a_cut(f), "6|6|ok");
}

/* The WAL that a killed process left reads as if its last commit had gone well. */
static void test_store_begin__does_not_believe_a_commit_that_failed(void **state)
{
	struct fixture *f = *state;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		open_store(f);
		(void)write_events(f, 1, 3);
		disk_fail("-wal", 1);
		(void)write_events(f, 4, 6);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(the_disk->failed, 1);
	assert_string_equal(after_a_cut(f), "3|3|ok");
	open_store(f);
	assert_int_equal(applied(f), 6);
	assert_string_equal(after_a_cut(f), "6|6|ok"); /* what it says is there is on the disk */
}

static void test_store_begin__fails_where_the_wal_cannot_be_written(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	open_store(f);
	assert_int_equal(write_events(f, 1, 3), 0);
	disk_fail("-wal", 2);
	assert_int_equal(write_events(f, 4, 6), ERR_IO);
	assert_int_equal(store_begin(f->store, &seq, &f->diag), ERR_IO);
	assert_non_null(strstr(f->diag.text, "a.db-wal: cannot write it again"));
	store_rollback(f->store);
	assert_int_equal(applied(f), 3);
	assert_string_equal(after_a_cut(f), "3|3|ok");
}

/* A read of another program, at what is there now. */
static sqlite3_stmt *begin_read(struct fixture *f, sqlite3 **db)
{
	sqlite3_stmt *read = NULL;

	assert_int_equal(sqlite3_open(f->path, db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(*db, "SELECT seq FROM events", -1, &read, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	return read;
}

static void end_read(sqlite3 *db, sqlite3_stmt *read)
{
	(void)sqlite3_finalize(read);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Pages of the first events go to the database, and its sync fails @count times. */
static int copy_a_part(struct fixture *f, unsigned count)
{
	sqlite3_stmt *read;
	sqlite3 *db;
	int rc;

	open_store(f);
	assert_int_equal(write_events(f, 1, 50), 0);
	read = begin_read(f, &db);
	assert_int_equal(write_events(f, 51, 60), 0);
	disk_fail(".db", count);
	rc = store_set_ring(f->store, NULL, NULL, 60, &f->diag);
	end_read(db, read);
	return rc;
}

static void test_store_checkpoint__a_part_is_synced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(copy_a_part(f, 0), 0);
	disk_fail(".db", 1); /* of the rest */
	assert_int_equal(store_set_ring(f->store, NULL, NULL, 60, &f->diag), ERR_IO);
	assert_int_equal(store_fault(f->store), STORE_UNSURE);
}

static void test_store_checkpoint__that_failed_is_begun_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	assert_int_equal(copy_a_part(f, 1), ERR_IO);
	assert_int_equal(store_fault(f->store), STORE_UNSURE);
	assert_int_equal(store_begin(f->store, &seq, &f->diag), ERR_IO);
	close_store(f);
	open_store(f);
	assert_int_equal(store_check_anew(f->store, &f->diag), 0);
	assert_int_equal(store_set_ring(f->store, NULL, NULL, 60, &f->diag), 0);
	/* The WAL is begun anew: the database has to have it all. */
	assert_int_equal(write_events(f, 61, 62), 0);
	assert_string_equal(after_a_cut(f), "62|62|ok");
}

static void test_store_check_anew__fails_as_long_as_the_disk_does(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(copy_a_part(f, 1), ERR_IO);
	for (int i = 0; i < 2; i++) {
		close_store(f);
		disk_fail(".db", 1);
		open_store(f);
		assert_int_equal(store_check_anew(f->store, &f->diag), ERR_IO);
		assert_int_equal(store_fault(f->store), STORE_UNSURE);
	}
	close_store(f);
	open_store(f);
	assert_int_equal(store_check_anew(f->store, &f->diag), 0);
	assert_int_equal(store_fault(f->store), STORE_FINE);
	assert_string_equal(after_a_cut(f), "60|60|ok");
}

/* A process of its own, made while no database is open, that reads when it is told to. */
static pid_t reader_process(struct fixture *f, int go[2], int done[2])
{
	pid_t child;
	char byte;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		sqlite3 *db;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!read(go[0], &byte, 1);
		(void)begin_read(f, &db);
		(void)!write(done[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	return child;
}

static void test_store_check_anew__another_program_keeps_the_old_count(void **state)
{
	struct fixture *f = *state;
	int go[2], done[2], status;
	pid_t child = reader_process(f, go, done);
	char byte;

	open_store(f);
	assert_int_equal(write_events(f, 1, 50), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(done[0], &byte, 1), 1);
	assert_int_equal(write_events(f, 51, 60), 0);
	disk_fail(".db", 1);
	assert_int_equal(store_set_ring(f->store, NULL, NULL, 60, &f->diag), ERR_IO);
	close_store(f);
	open_store(f);
	assert_int_equal(store_check_anew(f->store, &f->diag), ERR_BUSY);
	assert_non_null(strstr(f->diag.text, "another program has the database open"));
	assert_int_equal(store_fault(f->store), STORE_UNSURE);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close_store(f);
	open_store(f);
	assert_int_equal(store_check_anew(f->store, &f->diag), 0);
	for (int i = 0; i < 2; i++) {
		(void)close(go[i]);
		(void)close(done[i]);
	}
}

/* ---- files that are not what they were ----------------------------------------------------- */

static void expect(struct fixture *f, enum store_fault fault, const char *text)
{
	assert_int_equal(store_check(f->store, &f->diag), fault == STORE_FINE ? 0 : ERR_IO);
	assert_int_equal(store_fault(f->store), fault);
	if (text)
		assert_non_null(strstr(f->diag.text, text));
}

static void open_with_events(struct fixture *f)
{
	uint64_t number = 7;

	open_store(f);
	assert_int_equal(store_set_ring(f->store, NULL, &number, 0, &f->diag), 0);
	assert_int_equal(write_events(f, 1, 20), 0);
	expect(f, STORE_FINE, NULL);
}

/* Also one that came when SQLite had opened its own, and nobody had looked yet. */
static void test_store_close__leaves_a_wal_that_was_put_there(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "what an operator put back";
	char path[300];
	struct stat st;
	int fd;

	(void)strcpy(path, folder_file(&f->folder, "a.db-wal"));
	open_with_events(f);
	close_store(f);
	assert_int_equal(
		store_open(&(struct store_place){ .place = f->path }, 1000, &f->store, &f->diag),
		0);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(close(fd), 0);
	assert_int_equal(store_upgrade(f->store, &f->diag), 0);
	close_store(f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, sizeof(text));
}

static void test_store_check__the_database_is_gone_and_comes_back(void **state)
{
	struct fixture *f = *state;
	char aside[300];

	(void)strcpy(aside, folder_file(&f->folder, "aside.db"));
	open_with_events(f);
	assert_int_equal(rename(f->path, aside), 0);
	expect(f, STORE_MOVED, "a.db: was removed or moved");
	assert_int_equal(rename(aside, f->path), 0);
	expect(f, STORE_FINE, NULL);
	assert_int_equal(rename(f->path, aside), 0);
	assert_int_equal(symlink(aside, f->path), 0);
	expect(f, STORE_MOVED, "a.db: was removed or moved");
	assert_int_equal(unlink(f->path), 0);
	(void)strcpy(f->path, aside);
	folder_ask(&f->folder, "a.db", "CREATE TABLE x (y)");
	expect(f, STORE_MOVED, "another file was put in its place");
	/* What the WAL had is in the file that is open, whatever it is called now. */
	assert_int_equal(store_let_go(f->store, &f->diag), 0);
	close_store(f);
	(void)unlink(folder_file(&f->folder, "aside.db-wal"));
	assert_sql(&f->folder, "aside.db", "SELECT applied_seq FROM store", "20");
}

static void test_store_check__a_file_beside_it_is_gone(void **state)
{
	static const char *const beside[] = { "a.db-wal", "a.db-shm" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		open_with_events(f);
		assert_int_equal(unlink(folder_file(&f->folder, beside[i])), 0);
		expect(f, STORE_WAL_GONE, beside[i]);
		assert_int_equal(store_let_go(f->store, &f->diag), 0);
		close_store(f);
		assert_sql(&f->folder, "a.db", "SELECT applied_seq FROM store", "20");
		assert_int_equal(unlink(folder_file(&f->folder, "a.db")), 0);
	}
}

static void overwrite(struct fixture *f, const char *name, off_t at, size_t bytes)
{
	int fd = open(folder_file(&f->folder, name), O_WRONLY);
	char *junk = calloc(1, bytes);

	assert_true(fd >= 0);
	assert_non_null(junk);
	memset(junk, 'j', bytes);
	assert_int_equal(pwrite(fd, junk, bytes, at), (ssize_t)bytes);
	free(junk);
	(void)close(fd);
}

static void test_store_check__the_wal_is_cut_or_overwritten(void **state)
{
	struct fixture *f = *state;

	open_with_events(f);
	assert_int_equal(truncate(folder_file(&f->folder, "a.db-wal"), 5000), 0);
	expect(f, STORE_SPOILT, "a.db-wal: was cut or overwritten");
	store_close(f->store);
	f->store = NULL;
	(void)unlink(folder_file(&f->folder, "a.db"));
	(void)unlink(folder_file(&f->folder, "a.db-wal"));
	open_with_events(f);
	overwrite(f, "a.db-wal", 0, 4096);
	expect(f, STORE_SPOILT, "a.db-wal: was cut or overwritten");
}

static void test_store_check__the_database_is_cut_or_overwritten(void **state)
{
	struct fixture *f = *state;

	open_with_events(f);
	assert_int_equal(truncate(f->path, 0), 0);
	expect(f, STORE_SPOILT, "a.db: was cut or overwritten");
	store_close(f->store);
	f->store = NULL;
	(void)unlink(folder_file(&f->folder, "a.db"));
	(void)unlink(folder_file(&f->folder, "a.db-wal"));
	open_with_events(f);
	overwrite(f, "a.db", 0, 100);
	expect(f, STORE_SPOILT, "a.db: was cut or overwritten");
}

/* Other programs read, write and move the WAL's pages as they may. */
static void test_store_check__others_may_use_the_database(void **state)
{
	struct fixture *f = *state;

	open_with_events(f);
	folder_ask(&f->folder, "a.db", "UPDATE events SET topic = 'u'");
	expect(f, STORE_FINE, NULL);
	folder_ask(&f->folder, "a.db", "PRAGMA wal_checkpoint(TRUNCATE)");
	expect(f, STORE_FINE, NULL);
	folder_ask(&f->folder, "a.db", "DELETE FROM events");
	folder_ask(&f->folder, "a.db", "VACUUM");
	folder_ask(&f->folder, "a.db", "PRAGMA wal_checkpoint(TRUNCATE)");
	expect(f, STORE_FINE, NULL);
	assert_int_equal(write_events(f, 21, 30), 0);
	expect(f, STORE_FINE, NULL);
	assert_string_equal(after_a_cut(f), "30|10|ok");
}

/* ---- the journal in use ---------------------------------------------------------------------- */

static void test_store_set_ring__is_read_again(void **state)
{
	struct fixture *f = *state;
	struct store_facts facts;
	uint64_t number = UINT64_C(0xfedcba9876543210);

	assert_int_equal(
		store_open(&(struct store_place){ .place = f->path }, 1000, &f->store, &f->diag),
		0);
	assert_int_equal(store_peek(f->store, &facts, &f->diag), 0);
	assert_true(facts.is_new);
	assert_int_equal(store_upgrade(f->store, &f->diag), 0);
	assert_int_equal(store_inspect(f->store, &facts, &f->diag), 0);
	assert_int_equal(facts.ring, STORE_RING_UNKNOWN);
	assert_int_equal(store_set_ring(f->store, NULL, &number, 4, &f->diag), 0);
	close_store(f);
	assert_int_equal(
		store_open(&(struct store_place){ .place = f->path }, 1000, &f->store, &f->diag),
		0);
	assert_int_equal(store_peek(f->store, &facts, &f->diag), 0);
	assert_false(facts.is_new);
	assert_int_equal(facts.ring, STORE_RING_IN_USE);
	assert_true(facts.ring_number == number);
	assert_int_equal(facts.applied_seq, 4);
	assert_int_equal(store_upgrade(f->store, &f->diag), 0);
	assert_int_equal(store_set_ring(f->store, &number, NULL, 3, &f->diag), 0);
	assert_int_equal(store_inspect(f->store, &facts, &f->diag), 0);
	assert_int_equal(facts.ring, STORE_RING_NONE);
	assert_int_equal(facts.applied_seq, 4);
	close_store(f);
	folder_ask(&f->folder, "a.db", "UPDATE store SET ring = 'x'");
	assert_int_equal(
		store_open(&(struct store_place){ .place = f->path }, 1000, &f->store, &f->diag),
		0);
	assert_int_equal(store_peek(f->store, &facts, &f->diag), ERR_INVALID);
}

/* Two brokers that begin at once, each with a journal of its own, find the database free. */
static void test_store_set_ring__is_of_the_first(void **state)
{
	const struct store_place place = { .place = ((struct fixture *)*state)->path };
	struct fixture *f = *state;
	const uint64_t first = 7, second = 8;
	struct store *other = NULL;
	struct store_facts facts;

	open_store(f);
	assert_int_equal(store_open(&place, 1000, &other, &f->diag), 0);
	assert_int_equal(store_upgrade(other, &f->diag), 0);
	assert_int_equal(store_set_ring(f->store, NULL, &first, 0, &f->diag), 0);
	assert_int_equal(store_set_ring(other, NULL, &second, 5, &f->diag), ERR_STALE);
	assert_non_null(strstr(f->diag.text, "another broker, with another journal"));
	/* Nor does it say that there is none, or that there are more writes than the first made. */
	assert_int_equal(store_set_ring(other, NULL, NULL, 5, &f->diag), ERR_STALE);
	assert_int_equal(store_set_ring(other, &second, NULL, 5, &f->diag), ERR_STALE);
	assert_int_equal(store_inspect(other, &facts, &f->diag), 0);
	assert_true(facts.ring_number == first);
	assert_int_equal(facts.applied_seq, 0);
	assert_int_equal(store_set_ring(f->store, NULL, &first, 3, &f->diag), 0);
	assert_int_equal(store_set_ring(f->store, &first, NULL, 4, &f->diag), 0);
	assert_int_equal(store_set_ring(f->store, &first, NULL, 4, &f->diag), 0);
	/* One that began before those writes were made would number its own as they are. */
	assert_int_equal(store_set_ring(other, NULL, &second, 3, &f->diag), ERR_STALE);
	assert_int_equal(store_inspect(other, &facts, &f->diag), 0);
	assert_int_equal(facts.ring, STORE_RING_NONE);
	assert_int_equal(store_set_ring(other, NULL, &second, 4, &f->diag), 0);
	store_close(other);
}

static void test_store_inspect__number_that_no_broker_reaches(void **state)
{
	static const char *const numbers[] = { "-1", "4611686018427387905", "9223372036854775807" };
	struct fixture *f = *state;
	struct store_facts facts;

	open_store(f);
	close_store(f);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char sql[80];

		(void)snprintf(sql, sizeof(sql), "UPDATE store SET applied_seq = %s", numbers[i]);
		assert_sql(&f->folder, "a.db", sql, "");
		open_store(f);
		assert_int_equal(store_inspect(f->store, &facts, &f->diag), ERR_INVALID);
		assert_non_null(strstr(f->diag.text, "its one row is not whole"));
		close_store(f);
	}
	assert_sql(&f->folder, "a.db", "UPDATE store SET applied_seq = 4611686018427387904", "");
	open_store(f);
	assert_int_equal(store_inspect(f->store, &facts, &f->diag), 0);
	assert_true(facts.applied_seq == STORE_SEQ_MAX);
	close_store(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_store_commit__that_failed_is_written_anew),
		TEST(test_store_begin__does_not_believe_a_commit_that_failed),
		TEST(test_store_begin__fails_where_the_wal_cannot_be_written),
		TEST(test_store_checkpoint__a_part_is_synced),
		TEST(test_store_checkpoint__that_failed_is_begun_anew),
		TEST(test_store_check_anew__fails_as_long_as_the_disk_does),
		TEST(test_store_check_anew__another_program_keeps_the_old_count),
		TEST(test_store_check__the_database_is_gone_and_comes_back),
		TEST(test_store_check__a_file_beside_it_is_gone),
		TEST(test_store_check__the_wal_is_cut_or_overwritten),
		TEST(test_store_check__the_database_is_cut_or_overwritten),
		TEST(test_store_check__others_may_use_the_database),
		TEST(test_store_set_ring__is_read_again),
		TEST(test_store_set_ring__is_of_the_first),
		TEST(test_store_inspect__number_that_no_broker_reaches),
		TEST(test_store_close__leaves_a_wal_that_was_put_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

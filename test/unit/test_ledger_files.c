#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "between.h"
#include "folder.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/record.h"
#include "ledger/restored.h"
#include "ledger/store_sqlite_internal.h"
#include "old_database.h"

static const struct entity_column column[] = { { "status", VALUE_TEXT, true } };
static const struct entity entity[] = { { .table = "orders",
					  .column_count = 1,
					  .column = column,
					  .slot_count = 1,
					  .slot = { 0 },
					  .link_column = -1 } };
static const struct entity_plan plan = { 1, entity };

struct fixture {
	struct folder folder;
	struct ledger_options options;
	char path[600], ring[320], aside[320];
	struct ledger *ledger;
	struct diag diag;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	if (!folder_is_shared()) /* else find_place() makes it */
		(void)strcpy(f->path, folder_file(&f->folder, "shop.db"));
	(void)strcpy(f->ring, folder_file(&f->folder, "shop.db-journal.ring"));
	(void)strcpy(f->aside, folder_file(&f->folder, "aside"));
	f->options = (struct ledger_options){ .path = f->path,
					      .journal = folder_is_shared() ? f->ring : NULL,
					      .broker = folder_is_shared() ? "one" : NULL,
					      .journal_bytes = 1 << 20,
					      .batch_rows = 100,
					      .batch_ms = 5,
					      .cache_entities = 1000,
					      .may_open_later = true };
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

static void find_place(struct fixture *f)
{
	if (!f->path[0])
		(void)strcpy(f->path, folder_place(&f->folder, "shop.db"));
}

static void open_ledger(struct fixture *f)
{
	find_place(f);
	diag_init(&f->diag);
	assert_int_equal(ledger_open(&f->options, &plan, &f->ledger, &f->diag), 0);
}

static void close_ledger(struct fixture *f)
{
	ledger_close(f->ledger);
	f->ledger = NULL;
}

static void sleep_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

static int place(struct fixture *f, const char *id)
{
	struct value value = { .column = 0, .type = VALUE_TEXT, .text = "PLACED", .len = 6 };
	struct ledger_write write = { .entity = 0,
				      .id = id,
				      .id_len = strlen(id),
				      .value_count = 1,
				      .value = &value,
				      .received_ms = 1700000000000,
				      .message.topic = "orders/1/status",
				      .message.topic_len = 15,
				      .publisher = "p",
				      .client_id = "c",
				      .message.payload = "{}",
				      .message.payload_len = 2,
				      .message.qos = 1 };

	return ledger_commit(f->ledger, &write, &f->diag);
}

static void flush(struct fixture *f)
{
	assert_int_equal(ledger_flush(f->ledger, 20000, &f->diag), 0);
}

/* Until a line holds @text; a test hangs rather than guess a time. */
static void wait_for_news(struct fixture *f, const char *text)
{
	struct diag line;

	for (int i = 0; i < 6000; i++, sleep_ms(5))
		while (ledger_news(f->ledger, &line))
			if (strstr(line.text, text))
				return;
	fail_msg("no news of '%s'", text);
}

/* Nothing is accepted, and nothing answered. Ids of their own: some may be accepted before. */
static unsigned place_until_refused(struct fixture *f, const char *prefix)
{
	unsigned accepted = 0;
	char id[32];

	for (int i = 0; i < 6000; i++, sleep_ms(5)) {
		(void)snprintf(id, sizeof(id), "%s%u", prefix, accepted);
		if (!ledger_is_ready(f->ledger, 100, false)) {
			assert_true(place(f, id) < 0);
			return accepted;
		}
		if (place(f, id) == 0)
			accepted++;
	}
	fail_msg("everything is accepted");
	return 0;
}

static void wait_until_ready(struct fixture *f)
{
	struct diag line;

	diag_init(&line);
	for (int i = 0; i < 6000; i++, sleep_ms(5)) {
		if (ledger_is_ready(f->ledger, 100, false))
			return;
		(void)ledger_news(f->ledger, &line);
	}
	fail_msg("not ready: %s", line.text);
}

static bool is_known(struct fixture *f, const char *id)
{
	struct ledger_state state;

	assert_int_equal(ledger_look(f->ledger, 0, id, strlen(id), &state, &f->diag), 0);
	return state.is_known;
}

static void expect_orders(struct fixture *f, unsigned count)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%u|%u|ok", count, count);
	assert_sql(&f->folder, "shop.db",
		   folder_is_shared() ? "SELECT count(*), (SELECT count(*) FROM events), 'ok' FROM "
					"orders"
				      : "SELECT count(*), (SELECT count(*) FROM events), (SELECT "
					"integrity_check FROM pragma_integrity_check) FROM orders",
		   text);
}

/* ---- while it is in use ---------------------------------------------------------------------- */

static void test_ledger__database_moved_away_and_back(void **state)
{
	struct fixture *f = *state;
	struct ledger_state seen;
	unsigned accepted;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	assert_int_equal(rename(f->path, f->aside), 0);
	accepted = place_until_refused(f, "after");
	wait_for_news(f, "shop.db: was removed or moved while it was in use: put it back");
	assert_true(ledger_look(f->ledger, 0, "first", 5, &seen, &f->diag) < 0);
	assert_int_equal(rename(f->aside, f->path), 0);
	wait_for_news(f, "takes writes again");
	wait_until_ready(f);
	assert_true(is_known(f, "first"));
	assert_int_equal(place(f, "last"), 0);
	flush(f);
	close_ledger(f);
	expect_orders(f, accepted + 2);
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ssize_t n = read(in, bytes, sizeof(bytes));

	assert_uint_in_range(n, 1, sizeof(bytes) - 1);
	assert_int_equal(write(out, bytes, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

static void test_ledger__a_copy_in_its_place(void **state)
{
	struct fixture *f = *state;
	unsigned accepted;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	(void)folder_ask(&f->folder, "shop.db", "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(rename(f->path, f->aside), 0);
	accepted = place_until_refused(f, "after");
	wait_for_news(f, "was removed or moved");
	/* The database that was moved has all of it: a copy of that goes on. */
	copy_file(f->aside, f->path);
	wait_until_ready(f);
	assert_int_equal(place(f, "last"), 0);
	flush(f);
	close_ledger(f);
	expect_orders(f, accepted + 2);
}

static void test_ledger__another_database_in_its_place(void **state)
{
	struct fixture *f = *state;
	struct ledger_options options = f->options;
	char other[300];

	folder_sqlite_only();
	(void)strcpy(other, folder_file(&f->folder, "other.db"));
	f->options.path = other;
	open_ledger(f);
	assert_int_equal(place(f, "foreign"), 0);
	close_ledger(f);
	f->options = options;
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	assert_int_equal(rename(f->path, f->aside), 0);
	assert_int_equal(rename(other, f->path), 0);
	(void)place_until_refused(f, "after");
	wait_for_news(f, "another database");
	assert_int_equal(rename(f->aside, f->path), 0);
	wait_until_ready(f);
	assert_true(is_known(f, "first"));
	assert_false(is_known(f, "foreign"));
}

static void test_ledger__wal_or_index_removed(void **state)
{
	static const char *const beside[] = { "shop.db-wal", "shop.db-shm" };
	struct fixture *f = *state;
	unsigned accepted = 1;
	char prefix[24];

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	for (int i = 0; i < 2; i++) {
		flush(f);
		assert_int_equal(unlink(folder_file(&f->folder, beside[i])), 0);
		(void)snprintf(prefix, sizeof(prefix), "round%d-", i);
		accepted += place_until_refused(f, prefix);
		wait_until_ready(f);
		assert_true(is_known(f, "first"));
	}
	assert_int_equal(place(f, "last"), 0);
	flush(f);
	close_ledger(f);
	expect_orders(f, accepted + 1);
}

static void test_ledger__journal_removed(void **state)
{
	struct fixture *f = *state;
	unsigned accepted;

	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	assert_int_equal(unlink(f->ring), 0);
	accepted = place_until_refused(f, "after");
	wait_for_news(f, "shop.db-journal.ring: was removed while it was in use; it was put back");
	wait_until_ready(f);
	assert_int_equal(access(f->ring, F_OK), 0);
	assert_int_equal(place(f, "last"), 0);
	flush(f);
	close_ledger(f);
	expect_orders(f, accepted + 2);
}

/* Until this process ends. */
static void lock_database(struct fixture *f)
{
	(void)folder_lock(&f->folder, "shop.db");
}

/* In use with no journal? */
static const char *ring_sql(void)
{
	return folder_is_shared() ? "SELECT coalesce(ring, '') FROM brokers"
				  : "SELECT ring FROM store";
}

/* The database has all, and needs no journal. */
static void wait_until_emptied(struct fixture *f, unsigned count)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u", count);
	for (int i = 0; i < 6000; i++, sleep_ms(5)) {
		(void)ledger_is_ready(f->ledger, 100, false);
		if (strcmp(folder_ask(&f->folder, "shop.db", ring_sql()), "") == 0 &&
		    strcmp(folder_ask(&f->folder, "shop.db", "SELECT count(*) FROM events"),
			   text) == 0)
			return;
	}
	fail_msg("the journal is not emptied");
}

/* The one of before in the place of one that was put back; then the broker is killed. */
static void run_with_the_old_journal(struct fixture *f, bool is_locked)
{
	unsigned accepted;
	FILE *out;

	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	assert_int_equal(rename(f->ring, f->aside), 0);
	accepted = 1 + place_until_refused(f, "moved");
	wait_for_news(f, "it was put back");
	wait_until_ready(f);
	flush(f);
	if (is_locked)
		lock_database(f);
	assert_int_equal(rename(f->aside, f->ring), 0);
	accepted += place_until_refused(f, "back");
	wait_for_news(f, "is another file than the journal that the broker has open");
	if (!is_locked)
		wait_until_emptied(f, accepted);
	out = fopen(folder_file(&f->folder, "accepted"), "w");
	assert_non_null(out);
	(void)fprintf(out, "%u", accepted);
	(void)fclose(out);
	(void)kill(getpid(), SIGKILL);
}

static unsigned kill_with_the_old_journal(struct fixture *f, bool is_locked)
{
	unsigned accepted = 0;
	pid_t child = fork();
	FILE *in;
	int status;

	assert_true(child >= 0);
	if (child == 0)
		run_with_the_old_journal(f, is_locked);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	in = fopen(folder_file(&f->folder, "accepted"), "r");
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%u", &accepted), 1);
	(void)fclose(in);
	return accepted;
}

static void test_ledger__the_old_journal_over_a_new_one(void **state)
{
	struct fixture *f = *state;
	unsigned accepted = kill_with_the_old_journal(f, false);

	open_ledger(f);
	wait_until_ready(f);
	assert_int_equal(place(f, "last"), 0);
	close_ledger(f);
	expect_orders(f, accepted + 1);
}

/* What only the file without a name had is lost, and not in silence. */
static void test_ledger__the_old_journal_over_a_locked_one(void **state)
{
	struct fixture *f = *state;

	(void)kill_with_the_old_journal(f, true);
	open_ledger(f);
	assert_false(ledger_is_ready(f->ledger, 100, false));
	wait_for_news(f, "shop.db-journal.ring: is another journal");
}

/* All is gone: nothing more is accepted, and what was accepted last is in a journal again. */
static void test_ledger__all_removed_but_a_copy(void **state)
{
	static const char *const beside[] = { "shop.db-wal", "shop.db-shm",
					      "shop.db-journal.ring" };
	struct fixture *f = *state;
	unsigned accepted;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	(void)folder_ask(&f->folder, "shop.db", "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(rename(f->path, f->aside), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(unlink(folder_file(&f->folder, beside[i])), 0);
	accepted = place_until_refused(f, "after");
	wait_for_news(f, "was removed or moved");
	while (access(f->ring, F_OK) != 0)
		(void)ledger_is_ready(f->ledger, 100, false);
	close_ledger(f);
	assert_int_equal(rename(f->aside, f->path), 0);
	open_ledger(f);
	wait_until_ready(f);
	close_ledger(f);
	expect_orders(f, accepted + 1);
}

/* ---- at start -------------------------------------------------------------------------------- */

/* A broker that dies with @count orders in the journal, which the database has not seen. */
static void leave_in_journal(struct fixture *f, unsigned count)
{
	pid_t child;
	int status;

	find_place(f);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char id[16];

		open_ledger(f);
		if (place(f, "first") != 0 || ledger_flush(f->ledger, 20000, NULL) != 0)
			_exit(1);
		lock_database(f);
		for (unsigned i = 0; i < count; i++) {
			(void)snprintf(id, sizeof(id), "%u", i);
			if (place(f, id) != 0)
				_exit(1);
		}
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

/* The ledger is refused with @text until @mend was done; then it has all. */
static void expect_refused_until(struct fixture *f, const char *text,
				 void (*mend)(struct fixture *f))
{
	open_ledger(f);
	assert_false(ledger_is_ready(f->ledger, 100, false));
	wait_for_news(f, text);
	assert_true(place(f, "early") < 0);
	mend(f);
	wait_until_ready(f);
	close_ledger(f);
	expect_orders(f, 4);
}

static void bring_ring_back(struct fixture *f)
{
	assert_int_equal(rename(f->aside, f->ring), 0);
}

/* A journal that is made anew has no number for a moment, in which another broker may begin. */
static void test_ledger__another_begins_while_the_journal_is_made_anew(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only(); /* there a broker has a name, and a lease */
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	folder_ask(&f->folder, "shop.db", "UPDATE store SET ring = '0000000000000007'");
	assert_int_equal(truncate(f->ring, 0), 0);
	wait_for_news(f, "is another journal");
	assert_false(ledger_is_ready(f->ledger, 100, false));
	assert_sql(&f->folder, "shop.db", "SELECT ring FROM store", "0000000000000007");
	/* It ended, and had written meanwhile: no number is given twice. */
	folder_ask(&f->folder, "shop.db", "UPDATE store SET ring = '', applied_seq = 20");
	wait_until_ready(f);
	assert_int_equal(place(f, "second"), 0);
	flush(f);
	expect_orders(f, 2);
}

static void test_ledger_open__journal_missing_or_another(void **state)
{
	struct fixture *f = *state;
	char other[600], ring[320];
	int fd;

	leave_in_journal(f, 3);
	assert_int_equal(rename(f->ring, f->aside), 0);
	expect_refused_until(f, "shop.db-journal.ring: is missing", bring_ring_back);

	folder_forget(&f->folder, "shop.db");
	assert_int_equal(unlink(f->ring), 0);
	leave_in_journal(f, 3);
	assert_int_equal(rename(f->ring, f->aside), 0);
	fd = open(f->ring, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	(void)close(fd);
	expect_refused_until(f, "shop.db-journal.ring: is empty", bring_ring_back);

	folder_forget(&f->folder, "shop.db");
	assert_int_equal(unlink(f->ring), 0);
	(void)strcpy(other, folder_place(&f->folder, "other.db"));
	(void)strcpy(ring, folder_file(&f->folder, "other.db-journal.ring"));
	f->options.path = other;
	f->options.journal = f->options.journal ? ring : NULL;
	open_ledger(f);
	close_ledger(f);
	f->options.path = f->path;
	f->options.journal = f->options.journal ? f->ring : NULL;
	leave_in_journal(f, 3);
	assert_int_equal(rename(f->ring, f->aside), 0);
	assert_int_equal(rename(ring, f->ring), 0);
	expect_refused_until(f, "shop.db-journal.ring: is another journal", bring_ring_back);
}

/* A link is refused, whether there is something at its end or not. */
static void test_ledger_open__journal_is_a_link(void **state)
{
	struct fixture *f = *state;

	leave_in_journal(f, 3);
	assert_int_equal(rename(f->ring, f->aside), 0);
	assert_int_equal(symlink(f->aside, f->ring), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ledger_open(&f->options, &plan, &f->ledger, &f->diag),
				 ERR_INVALID);
		assert_non_null(strstr(f->diag.text, "ring: expected a regular file"));
		(void)unlink(f->aside); /* from now on it leads nowhere */
	}
}

static void bring_database_back(struct fixture *f)
{
	assert_int_equal(rename(f->aside, f->path), 0);
}

static void test_ledger_open__database_missing(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only();
	leave_in_journal(f, 3);
	assert_int_equal(rename(f->path, f->aside), 0);
	expect_refused_until(f, "shop.db: is missing, and its journal is there",
			     bring_database_back);
}

static void bring_wal_back(struct fixture *f)
{
	assert_int_equal(rename(f->aside, folder_file(&f->folder, "shop.db-wal")), 0);
}

/* The journal knows that there was more; SQLite made an empty one, and must not take it away. */
static void test_ledger_open__wal_removed_after_a_kill(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only();
	leave_in_journal(f, 3);
	assert_int_equal(rename(folder_file(&f->folder, "shop.db-wal"), f->aside), 0);
	assert_int_equal(unlink(folder_file(&f->folder, "shop.db-shm")), 0);
	expect_refused_until(f, "begins at write 2 but", bring_wal_back);
}

/* ---- the journal's file under another name, and back ----------------------------------------- */

/* What a broker that is killed has said, in memory that outlives it. */
struct said {
	_Atomic unsigned accepted;
	_Atomic bool is_moved;
};

static struct said *said_new(void)
{
	struct said *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(said != MAP_FAILED);
	return said;
}

static void place_said(struct fixture *f, struct said *said)
{
	char id[32];

	(void)snprintf(id, sizeof(id), "%u", atomic_load(&said->accepted));
	if (place(f, id) == 0)
		atomic_fetch_add(&said->accepted, 1);
}

static pid_t begin_broker(struct fixture *f, struct said *said,
			  void (*live)(struct fixture *f, struct said *said))
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		live(f, said);
		_exit(1);
	}
	return child;
}

static void expect_killed(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static unsigned count_orders(struct fixture *f)
{
	return (unsigned)strtoul(folder_ask(&f->folder, "shop.db", "SELECT count(*) FROM orders"),
				 NULL, 10);
}

/* Its journal moves away while it accepts, until it is killed. */
static void live_without_the_old_one(struct fixture *f, struct said *said)
{
	struct diag line;

	open_ledger(f);
	place_said(f, said);
	flush(f);
	assert_int_equal(rename(f->ring, f->aside), 0);
	atomic_store(&said->is_moved, true);
	for (;;) {
		place_said(f, said);
		(void)ledger_news(f->ledger, &line);
	}
}

/*
 * The journal of before at its path again: whether it is refused or taken, nothing that was
 * accepted is missing. True: it was refused.
 */
static bool start_with_the_old_one(struct fixture *f, unsigned accepted)
{
	char kept[340];
	bool is_made = access(f->ring, F_OK) == 0, is_refused;

	(void)snprintf(kept, sizeof(kept), "%s.kept", f->aside);
	if (is_made)
		assert_int_equal(rename(f->ring, kept), 0);
	assert_int_equal(rename(f->aside, f->ring), 0);
	open_ledger(f);
	is_refused = !ledger_is_ready(f->ledger, 100, false);
	if (is_refused) {
		assert_true(is_made);
		wait_for_news(f, "shop.db-journal.ring: is another journal, though");
		assert_int_equal(rename(kept, f->ring), 0);
		wait_until_ready(f);
	}
	close_ledger(f);
	assert_uint_in_range(count_orders(f), accepted, accepted + 1);
	return is_refused;
}

/* Killed at any moment: before it is noticed, while the file is made, once it has records. */
static void test_ledger__killed_while_the_journal_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct said *said;
	unsigned refused = 0;
	pid_t child;

	folder_sqlite_only(); /* it takes too long to make so many databases */
	said = said_new();
	for (int i = 0; i < 10 || (i < 100 && refused == 0); i++) {
		atomic_store(&said->accepted, 0);
		atomic_store(&said->is_moved, false);
		child = begin_broker(f, said, live_without_the_old_one);
		while (!atomic_load(&said->is_moved))
			sleep_ms(1);
		sleep_ms(i < 7 ? 2L * i : 30L * i);
		assert_int_equal(kill(child, SIGKILL), 0);
		expect_killed(child);
		refused += start_with_the_old_one(f, atomic_load(&said->accepted));
		folder_forget(&f->folder, "shop.db");
		assert_int_equal(unlink(f->ring), 0);
		(void)unlink(folder_file(&f->folder, "aside.kept"));
	}
	assert_true(refused > 0);
	(void)munmap(said, sizeof(*said));
}

static void expect_restored(struct fixture *f, int rc, const char *text)
{
	struct diag said;

	find_place(f);
	diag_init(&said);
	diag_init(&f->diag);
	assert_int_equal(
		restored(&(struct ledger_place){ f->path, f->options.broker, f->options.journal },
			 &said, &f->diag),
		rc);
	assert_non_null(strstr(rc < 0 ? f->diag.text : said.text, text));
}

static void test_restored__goes_on_without_the_journal(void **state)
{
	struct fixture *f = *state;

	expect_restored(f, ERR_INVALID,
			folder_is_shared() ? "there is no database of this plugin"
					   : "No such file");
	leave_in_journal(f, 3);
	expect_restored(f, 1, "nothing to do");
	assert_int_equal(unlink(f->ring), 0);
	expect_restored(f, 0, "goes on from write 1; what the journal");
	expect_restored(f, 1, "nothing to do");
	open_ledger(f);
	expect_restored(f, ERR_BUSY, "in use: stop the broker first");
	assert_int_equal(place(f, "last"), 0);
	close_ledger(f);
	expect_orders(f, 2);
}

/* Whatever became of its journal's name, or of what the command is told about it. */
static void test_restored__not_while_a_broker_has_it(void **state)
{
	struct fixture *f = *state;
	const char *journal = f->options.journal;
	char elsewhere[300];

	(void)strcpy(elsewhere, folder_file(&f->folder, "elsewhere.ring"));
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	f->options.journal = elsewhere;
	expect_restored(f, ERR_BUSY,
			folder_is_shared() ? "another process has this name"
					   : "in use: stop the broker first");
	copy_file("/etc/passwd", elsewhere);
	expect_restored(f, ERR_BUSY,
			folder_is_shared() ? "another process has this name"
					   : "in use: stop the broker first");
	f->options.journal = journal;
	assert_int_equal(place(f, "last"), 0);
	close_ledger(f);
	expect_restored(f, 1, "nothing to do");
	expect_orders(f, 2);
}

/*
 * What is no journal stops the start, also of a broker that was stopped: it is moved away, beside
 * what was left earlier, up to nine times.
 */
static void test_restored__leaves_one_beside_another(void **state)
{
	struct fixture *f = *state;
	char name[340];

	for (unsigned i = 1; i <= 10; i++) {
		open_ledger(f);
		close_ledger(f);
		assert_int_equal(unlink(f->ring), 0);
		copy_file("/etc/passwd", f->ring);
		expect_restored(f, i < 10 ? 0 : ERR_INVALID,
				i < 10 ? "goes on from write" : "are there: remove those");
		(void)snprintf(name, sizeof(name), i == 1 ? "%s.left" : "%s.left-%u", f->ring, i);
		assert_int_equal(access(name, F_OK), i < 10 ? 0 : -1);
	}
	assert_non_null(strstr(f->diag.text, "ring.left to "));
}

/* A copy of before, and the journal of later writes beside it. */
static void test_restored__goes_on_with_a_copy(void **state)
{
	struct fixture *f = *state;

	folder_sqlite_only();
	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	flush(f);
	(void)folder_ask(&f->folder, "shop.db", "PRAGMA wal_checkpoint(TRUNCATE)");
	copy_file(f->path, f->aside);
	assert_int_equal(place(f, "second"), 0);
	close_ledger(f);
	assert_int_equal(rename(f->aside, f->path), 0);
	open_ledger(f);
	assert_false(ledger_is_ready(f->ledger, 100, false));
	wait_for_news(f, "begins at write 3 but");
	close_ledger(f);
	expect_restored(f, 0,
			"goes on from write 1; the 1 writes after it, up to 2, are not in it");
	assert_int_equal(access(folder_file(&f->folder, "shop.db-journal.ring.left"), F_OK), 0);
	open_ledger(f);
	assert_int_equal(place(f, "last"), 0);
	close_ledger(f);
	expect_orders(f, 2);
	assert_sql(&f->folder, "shop.db", "SELECT max(seq) FROM events", "3");
}

/* A broker that was stopped leaves nothing behind that anybody has to ask for. */
static void test_ledger_open__after_a_stop_any_journal_will_do(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	assert_int_equal(place(f, "first"), 0);
	close_ledger(f);
	assert_sql(&f->folder, "shop.db", ring_sql(), "");
	assert_int_equal(unlink(f->ring), 0);
	open_ledger(f);
	assert_true(ledger_is_ready(f->ledger, 100, false));
	assert_int_equal(place(f, "last"), 0);
	close_ledger(f);
	expect_orders(f, 2);
}

/* ---- of a plugin before schema version 7 ----------------------------------------------------- */

static const unsigned char old_identity[16] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
};

/* Writes from 6 on that the database has not seen, as that version put them down. */
static void make_old_ring(struct fixture *f, unsigned count)
{
	const struct record record = { .qos = 1,
				       .received_ms = 1700000000000,
				       .topic = { "t", 1 },
				       .publisher = { "p", 1 },
				       .client_id = { "c", 1 },
				       .payload = { "{}", 2 } };
	struct journal *journal = NULL;
	uint64_t seq = 0;

	assert_int_equal(journal_open(f->ring, &journal, &f->diag), 0);
	assert_int_equal(journal_format(journal, 1 << 20, 0, old_identity, 6, &f->diag), 0);
	for (unsigned i = 0; i < count; i++) {
		unsigned char *body = journal_reserve(journal, record_bytes(&record));

		assert_non_null(body);
		record_encode(&record, body);
		assert_int_equal(body[0], 1); /* the kind that has no numbers */
		assert_int_equal(journal_commit(journal, false, &seq, &f->diag), 0);
	}
	assert_int_equal(seq, 5 + count);
	journal_close(journal);
}

static void live_to_upgrade(struct fixture *f, struct said *said)
{
	atomic_store(&said->is_moved, true);
	open_ledger(f);
	close_ledger(f);
	(void)kill(getpid(), SIGKILL);
}

/* Killed at any moment of it, as often as it takes. */
static void test_ledger_open__upgrades_with_a_filled_journal(void **state)
{
	struct fixture *f = *state;
	struct said *said = said_new();
	pid_t child;

	folder_sqlite_only();
	for (int i = 0; i < 12; i++) {
		old_database_make(f->path, 6); /* which knew of no ring */
		(void)folder_ask(&f->folder, "shop.db", "PRAGMA journal_mode = WAL");
		make_old_ring(f, 2000);
		for (int j = 0; j < 3; j++) {
			atomic_store(&said->is_moved, false);
			child = begin_broker(f, said, live_to_upgrade);
			while (!atomic_load(&said->is_moved))
				sleep_ms(1);
			sleep_ms(2L * i + j);
			(void)kill(child, SIGKILL);
			expect_killed(child);
		}
		open_ledger(f);
		wait_until_ready(f);
		assert_int_equal(place(f, "last"), 0);
		close_ledger(f);
		assert_sql(&f->folder, "shop.db",
			   "SELECT min(seq), max(seq), count(*), (SELECT count(*) FROM orders), "
			   "(SELECT user_version = 6 FROM pragma_user_version) FROM events",
			   "5|2006|2002|1|0");
		assert_int_equal(unlink(f->path), 0);
		assert_int_equal(unlink(f->ring), 0);
	}
	(void)munmap(said, sizeof(*said));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_ledger__database_moved_away_and_back),
		TEST(test_ledger__a_copy_in_its_place),
		TEST(test_ledger__another_database_in_its_place),
		TEST(test_ledger__wal_or_index_removed),
		TEST(test_ledger__journal_removed),
		TEST(test_ledger__the_old_journal_over_a_new_one),
		TEST(test_ledger__the_old_journal_over_a_locked_one),
		TEST(test_ledger__all_removed_but_a_copy),
		TEST(test_ledger__another_begins_while_the_journal_is_made_anew),
		TEST(test_ledger_open__journal_missing_or_another),
		TEST(test_ledger_open__journal_is_a_link),
		TEST(test_ledger_open__database_missing),
		TEST(test_ledger_open__wal_removed_after_a_kill),
		TEST(test_ledger__killed_while_the_journal_is_made_again),
		TEST(test_ledger_open__upgrades_with_a_filled_journal),
		TEST(test_restored__goes_on_without_the_journal),
		TEST(test_restored__not_while_a_broker_has_it),
		TEST(test_restored__goes_on_with_a_copy),
		TEST(test_restored__leaves_one_beside_another),
		TEST(test_ledger_open__after_a_stop_any_journal_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "failalloc.h"
#include "ledger/writer.h"

/* Work that fails as it is asked to, and counts what it replayed. */
struct work {
	_Atomic int fails_with; /* 0: succeeds */
	_Atomic uint64_t due;   /* numbers there are to replay */
	_Atomic uint64_t tended;
	_Atomic bool has_line; /* to be said when it tends next */
	_Atomic bool is_signal_free;
	_Atomic int policy;   /* that its thread is scheduled by */
	_Atomic bool is_held; /* the work does not end until it is cleared */
	uint64_t done;
};

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static int on_replay(void *ctx, uint64_t *applied, struct diag *diag)
{
	struct work *work = ctx;
	int err = atomic_load(&work->fails_with);
	sigset_t blocked;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	atomic_store(&work->is_signal_free,
		     sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1);
	atomic_store(&work->policy, sched_getscheduler(0));
	while (atomic_load(&work->is_held))
		sleep_ms(1);
	if (err)
		return diag_set(diag, err, "no luck");
	if (work->done == atomic_load(&work->due))
		return 0;
	*applied = ++work->done;
	return 1;
}

static void on_tend(void *ctx, struct diag *line)
{
	struct work *work = ctx;

	if (atomic_exchange(&work->has_line, false))
		(void)diag_set(line, 0, "the clock is back");
	atomic_fetch_add(&work->tended, 1);
}

/* There is always something, and each time all of it is taken. */
static int on_replay_all(void *ctx, uint64_t *applied, struct diag *diag)
{
	struct work *work = ctx;

	(void)diag;
	*applied = ++work->done;
	return 2;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct writer *start(struct work *work)
{
	struct writer *writer = NULL;
	struct diag diag;

	assert_int_equal(writer_start(&(struct writer_ops){ on_replay, on_tend, work }, 5, 0, NULL,
				      &writer, &diag),
			 0);
	return writer;
}

static void wait_for_news(struct writer *writer, const char *text)
{
	struct diag line;

	for (int i = 0; i < 20000; i++, sleep_ms(1)) {
		if (!writer_news(writer, &line))
			continue;
		if (!strstr(line.text, text))
			fail_msg("'%s' lacks '%s'", line.text, text);
		return;
	}
	fail_msg("no news of '%s'", text);
}

static void test_writer__carries_all_and_stops(void **state)
{
	struct work work = { 0 };
	struct writer *writer = start(&work);
	struct diag line;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		atomic_fetch_add(&work.due, 1);
		if (i % 100 == 0)
			writer_wake(writer);
	}
	while (writer_applied(writer) < 1000)
		sleep_ms(1);
	atomic_fetch_add(&work.due, 50);
	assert_false(writer_news(writer, &line));
	writer_stop(writer, 10000);
	assert_int_equal(work.done, 1050);
	assert_true(work.is_signal_free);
	assert_int_equal(work.policy, SCHED_BATCH); /* it does not interrupt the broker's thread */
	assert_true(work.tended > 0);
}

/* What comes while it works is written together, once it is time; at once where it is woken. */
static void test_writer__many_small_batches_are_one(void **state)
{
	struct work work = { 0 };
	struct writer *writer = NULL;
	struct diag diag;
	int64_t began = now_ms();

	(void)state;
	assert_int_equal(writer_start(&(struct writer_ops){ on_replay_all, on_tend, &work }, 40, 0,
				      NULL, &writer, &diag),
			 0);
	while (writer_applied(writer) < 5)
		sleep_ms(1);
	assert_true(now_ms() - began >= 4 * 40 - 10);
	for (uint64_t was = writer_applied(writer); writer_applied(writer) < was + 50; sleep_ms(1))
		writer_wake(writer);
	writer_stop(writer, 1);
}

static void test_writer__hard_failure_is_trouble_at_once(void **state)
{
	struct work work = { .fails_with = ERR_IO };
	struct writer *writer = start(&work);
	struct diag line;

	(void)state;
	wait_for_news(writer, "takes no writes: no luck");
	assert_true(writer_is_troubled(writer));
	atomic_fetch_add(&work.due, 10);
	sleep_ms(100);
	assert_false(writer_news(writer, &line)); /* one line, however often it failed */
	assert_true(work.tended > 0);             /* the journal is synced all the same */
	atomic_store(&work.fails_with, 0);
	wait_for_news(writer, "takes writes again");
	assert_false(writer_is_troubled(writer));
	assert_int_equal(writer_applied(writer), 10); /* all was carried before that was said */
	writer_stop(writer, 1000);
}

/* Trouble that passes is not what is stuck, and what comes after it is not either. */
static void test_writer_is_stuck__what_does_not_pass(void **state)
{
	static const struct {
		int rc;
		bool is_stuck;
	} rows[] = { { ERR_IO, false }, { ERR_INVALID, true }, { ERR_VERSION, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct work work = { .due = 1, .fails_with = rows[i].rc };
		struct writer *writer = start(&work);

		wait_for_news(writer, "takes no writes");
		assert_true(writer_is_troubled(writer));
		assert_int_equal(writer_is_stuck(writer), rows[i].is_stuck);
		atomic_store(&work.fails_with, 0);
		wait_for_news(writer, "takes writes again");
		assert_false(writer_is_stuck(writer));
		writer_stop(writer, 1000);
	}
}

static void test_writer__waits_for_another_brokers_write(void **state)
{
	struct work work = { .due = 1, .fails_with = WRITER_SOON };
	int64_t began = now_ms();
	struct writer *writer = start(&work);
	struct diag line;

	(void)state;
	while (writer_rounds(writer) < 2 * 50)
		sleep_ms(1);
	/* With the pause of WRITER_HELD it would be 49 of these. */
	assert_true(now_ms() - began < 40 * WRITER_PAUSE_MAX_MS);
	assert_false(writer_is_troubled(writer));
	atomic_store(&work.fails_with, 0);
	while (writer_applied(writer) < 1)
		sleep_ms(1);
	assert_false(writer_news(writer, &line));
	writer_stop(writer, 1000);
}

static void test_writer__lock_is_trouble_after_a_while(void **state)
{
	struct work work = { .fails_with = ERR_BUSY };
	int64_t began = now_ms();
	struct writer *writer = start(&work);

	(void)state;
	wait_for_news(writer, "takes no writes");
	assert_true(now_ms() - began >= WRITER_PATIENCE_MS);
	assert_true(writer_is_troubled(writer));
	atomic_store(&work.fails_with, 0);
	wait_for_news(writer, "takes writes again");
	writer_stop(writer, 1000);
}

/* Nobody listens for long: the pairs that remain are whole. */
static void test_writer_news__oldest_are_dropped_in_pairs(void **state)
{
	struct work work = { 0 };
	struct writer *writer = start(&work);

	(void)state;
	for (int i = 0; i < 5; i++) {
		atomic_store(&work.fails_with, ERR_IO);
		while (!writer_is_troubled(writer))
			sleep_ms(1);
		atomic_store(&work.fails_with, 0);
		while (writer_is_troubled(writer))
			sleep_ms(1);
	}
	for (int i = 0; i < 2; i++) {
		wait_for_news(writer, "takes no writes");
		wait_for_news(writer, "takes writes again");
	}
	writer_stop(writer, 1000);
}

/* Who hears a line and asks at once is told the same. */
static void test_writer_news__says_what_is_so(void **state)
{
	struct work work = { 0 };
	struct writer *writer = start(&work);
	struct diag line;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		bool is_trouble = i % 2 == 0;

		atomic_store(&work.fails_with, is_trouble ? ERR_IO : 0);
		while (!writer_news(writer, &line))
			writer_wake(writer);
		assert_int_equal(writer_is_troubled(writer), is_trouble);
	}
	writer_stop(writer, 1000);
}

static void test_writer_news__of_who_tends(void **state)
{
	struct work work = { .fails_with = ERR_IO, .has_line = true };
	struct writer *writer = start(&work);

	(void)state;
	wait_for_news(writer, "the clock is back");
	writer_stop(writer, 50);
}

static void test_writer_stop__gives_up_in_time(void **state)
{
	struct work work = { .fails_with = ERR_IO, .due = 1 };
	struct writer *writer = start(&work);

	(void)state;
	writer_stop(writer, 50);
	assert_int_equal(work.done, 0);
	writer_stop(NULL, 0);
}

static void test_writer_rounds__stand_still_while_it_hangs(void **state)
{
	struct work work = { .is_held = true };
	struct writer *writer = start(&work);
	uint64_t rounds = writer_rounds(writer);

	(void)state;
	sleep_ms(20);
	assert_int_equal(writer_rounds(writer), rounds);
	atomic_store(&work.is_held, false);
	while (writer_rounds(writer) == rounds)
		sleep_ms(1);
	writer_stop(writer, 1000);
}

static void test_writer_start__nth_allocation_fails(void **state)
{
	struct work work = { 0 };
	struct writer *writer = NULL;
	struct diag diag;

	(void)state;
	failalloc_start(1);
	assert_int_equal(writer_start(&(struct writer_ops){ on_replay, on_tend, &work }, 5, 0, NULL,
				      &writer, &diag),
			 ERR_NOMEM);
	assert_true(failalloc_stop());
	assert_null(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer__carries_all_and_stops),
		cmocka_unit_test(test_writer__many_small_batches_are_one),
		cmocka_unit_test(test_writer__hard_failure_is_trouble_at_once),
		cmocka_unit_test(test_writer_is_stuck__what_does_not_pass),
		cmocka_unit_test(test_writer__waits_for_another_brokers_write),
		cmocka_unit_test(test_writer__lock_is_trouble_after_a_while),
		cmocka_unit_test(test_writer_news__oldest_are_dropped_in_pairs),
		cmocka_unit_test(test_writer_news__says_what_is_so),
		cmocka_unit_test(test_writer_news__of_who_tends),
		cmocka_unit_test(test_writer_stop__gives_up_in_time),
		cmocka_unit_test(test_writer_rounds__stand_still_while_it_hangs),
		cmocka_unit_test(test_writer_start__nth_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

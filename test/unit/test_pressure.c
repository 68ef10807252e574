/* Waiting for the writer's thread: when, how long at most, and what ends it. A real journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "folder.h"
#include "ledger/journal.h"
#include "ledger/pressure.h"

#define MS INT64_C(1000000)

static const unsigned char identity[JOURNAL_IDENTITY] = "pressure";

struct fixture {
	struct folder folder;
	struct journal *journal;
	struct pressure pressure;
	struct diag diag;
};

static void begin(struct fixture *f, unsigned max_ms)
{
	folder_make(&f->folder);
	assert_int_equal(journal_open(folder_file(&f->folder, "ring"), &f->journal, &f->diag), 0);
	assert_int_equal(journal_format(f->journal, JOURNAL_BYTES_MIN, 2 * JOURNAL_BYTES_MIN,
					identity, 1, &f->diag),
			 0);
	pressure_begin(&f->pressure, max_ms);
}

static void end(struct fixture *f)
{
	pressure_end(&f->pressure);
	journal_close(f->journal);
	folder_remove(&f->folder);
}

/* Appends until so much of the fast part is in use. */
static void fill(struct fixture *f, double part)
{
	uint64_t seq;

	while ((double)journal_used(f->journal) < part * (double)journal_fast_bytes(f->journal)) {
		void *body = journal_reserve(f->journal, 500);

		assert_non_null(body);
		memset(body, 'x', 500);
		assert_int_equal(journal_commit(f->journal, false, &seq, &f->diag), 0);
	}
}

/* As the writer's thread does. */
static void empty(struct fixture *f)
{
	struct journal_record record;

	while (journal_next(f->journal, &record, &f->diag) == 1)
		;
	journal_release(f->journal);
	journal_release(f->journal);
}

static void test_pressure_wait__nobody_below_half(void **unused)
{
	struct fixture f = { 0 };

	(void)unused;
	begin(&f, 20);
	fill(&f, 0.4);
	pressure_wait(&f.pressure, f.journal);
	assert_int_equal(f.pressure.waits, 0);
	assert_false(pressure_news(&f.pressure, f.journal, "x.db", &f.diag));
	end(&f);
}

static void test_pressure_wait__never_where_that_is_off(void **unused)
{
	struct fixture f = { 0 };

	(void)unused;
	begin(&f, 0);
	fill(&f, 0.9);
	pressure_wait(&f.pressure, f.journal);
	assert_int_equal(f.pressure.waits, 0);
	end(&f);
}

/* The next one is far away, however slow the machine is. */
static void tick(struct fixture *f)
{
	pressure_tick(&f->pressure);
	f->pressure.ticked_ns = clock_mono_ns() + 3600 * 1000 * MS;
}

/* All of it where the fast part is full, less where it is not, and not twice between two ticks. */
static void test_pressure_wait__as_long_as_is_due(void **unused)
{
	struct fixture f = { 0 };
	int64_t some_ns;

	(void)unused;
	begin(&f, 20);
	fill(&f, 0.7);
	tick(&f);
	pressure_wait(&f.pressure, f.journal);
	some_ns = f.pressure.spent_ns;
	assert_true(some_ns >= 7 * MS);
	pressure_wait(&f.pressure, f.journal);
	assert_int_equal(f.pressure.waits, 1);
	if (some_ns > 10 * MS) /* it woke up late: as if it had not */
		f.pressure.spent_ns = some_ns = 10 * MS;
	fill(&f, 0.9);
	pressure_wait(&f.pressure, f.journal);
	assert_int_equal(f.pressure.waits, 2);
	assert_true(f.pressure.spent_ns > some_ns);
	pressure_wait(&f.pressure, f.journal);
	assert_int_equal(f.pressure.waits, 2);
	tick(&f);
	pressure_wait(&f.pressure, f.journal);
	assert_int_equal(f.pressure.waits, 3);
	end(&f);
}

/* Without ticks the time begins anew by the clock. */
static void test_pressure_wait__no_ticks(void **unused)
{
	struct fixture f = { 0 };

	(void)unused;
	begin(&f, 1);
	fill(&f, 0.9);
	for (unsigned i = 1; i <= 3; i++) {
		pressure_wait(&f.pressure, f.journal);
		assert_int_equal(f.pressure.waits, i);
		f.pressure.ticked_ns -= 2 * PRESSURE_TICK_MS * MS;
	}
	end(&f);
}

static void *write_out(void *ctx)
{
	struct fixture *f = ctx;

	empty(f);
	pressure_release(&f->pressure);
	return NULL;
}

/* Between a look and the wait no release is missed: else these would take 100 s. */
static void test_pressure_wait__until_there_is_room(void **unused)
{
	struct fixture f = { 0 };
	pthread_t writer;

	(void)unused;
	begin(&f, PRESSURE_MS_MAX);
	for (unsigned i = 0; i < 100; i++) {
		fill(&f, 0.9);
		pressure_tick(&f.pressure);
		assert_int_equal(pthread_create(&writer, NULL, write_out, &f), 0);
		pressure_wait(&f.pressure, f.journal);
		assert_true(journal_used(f.journal) <= journal_fast_bytes(f.journal) / 2);
		assert_int_equal(pthread_join(writer, NULL), 0);
	}
	end(&f);
}

static void test_pressure_news__begin_and_end(void **unused)
{
	struct fixture f = { 0 };

	(void)unused;
	begin(&f, 1);
	for (int i = 0; i < 2; i++) {
		fill(&f, 0.9);
		pressure_wait(&f.pressure, f.journal);
		pressure_tick(&f.pressure);
		assert_true(pressure_news(&f.pressure, f.journal, "x.db", &f.diag));
		assert_non_null(strstr(f.diag.text, "x.db: takes writes slower than they come"));
		assert_false(pressure_news(&f.pressure, f.journal, "x.db", &f.diag));
		f.pressure.last_ns -= 2 * PRESSURE_OVER_MS * MS;
		f.pressure.since_ns -= 2 * PRESSURE_OVER_MS * MS;
		assert_false(pressure_news(&f.pressure, f.journal, "x.db", &f.diag)); /* behind */
		empty(&f);
		assert_true(pressure_news(&f.pressure, f.journal, "x.db", &f.diag));
		assert_non_null(strstr(f.diag.text, "x.db: keeps up again: publishers waited "));
		assert_false(pressure_news(&f.pressure, f.journal, "x.db", &f.diag));
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pressure_wait__nobody_below_half),
		cmocka_unit_test(test_pressure_wait__never_where_that_is_off),
		cmocka_unit_test(test_pressure_wait__as_long_as_is_due),
		cmocka_unit_test(test_pressure_wait__no_ticks),
		cmocka_unit_test(test_pressure_wait__until_there_is_room),
		cmocka_unit_test(test_pressure_news__begin_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

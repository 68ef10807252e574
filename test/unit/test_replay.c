#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "folder.h"
#include "ledger/record.h"
#include "ledger/replay.h"

/* What a batch takes, and how many old events go with it, batch by batch, without a thread. */

#define BATCH 100u
#define OLD 5000u
#define LARGE 40000u /* bytes of a payload */

struct fixture {
	struct folder folder;
	struct replay replay;
	struct diag diag;
};

static int set_up(void **state)
{
	static const unsigned char ours[JOURNAL_IDENTITY] = "the database";
	struct fixture *f = calloc(1, sizeof(*f));
	struct replay *replay;

	assert_non_null(f);
	replay = &f->replay;
	folder_make(&f->folder);
	diag_init(&f->diag);
	replay_init(replay);
	replay->batch_rows = BATCH;
	replay->wal_bytes_max = UINT64_MAX;
	assert_int_equal(journal_open(folder_file(&f->folder, "ring"), &replay->journal, &f->diag),
			 0);
	assert_int_equal(journal_format(replay->journal, 1 << 22, 0, ours, 1, &f->diag), 0);
	assert_int_equal(
		store_open(&(struct store_place){ .place = folder_file(&f->folder, "shop.db") },
			   100, &replay->store, &f->diag),
		0);
	assert_int_equal(store_upgrade(replay->store, &f->diag), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	journal_close(f->replay.journal);
	store_close(f->replay.store);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static void append(struct fixture *f, unsigned count)
{
	const struct record record = { .received_ms = 1700000000000,
				       .topic = { "a", 1 },
				       .publisher = { "ann", 3 },
				       .client_id = { "desk", 4 },
				       .payload = { "{}", 2 } };
	uint64_t seq;

	for (unsigned i = 0; i < count; i++) {
		void *body = journal_reserve(f->replay.journal, record_bytes(&record));

		assert_non_null(body);
		record_encode(&record, body);
		assert_int_equal(journal_commit(f->replay.journal, false, &seq, &f->diag), 0);
	}
}

/* One batch, or a look at an idle store; the rows that it removed. */
static unsigned removed_by_batch(struct fixture *f, unsigned new_rows)
{
	static const char sql[] = "SELECT count(*) FROM events";
	long before = atol(folder_ask(&f->folder, "shop.db", sql));
	uint64_t applied = 0;

	assert_int_equal(replay_batch(&f->replay, &applied, &f->diag) > 0, new_rows > 0);
	return (unsigned)(before + (long)new_rows - atol(folder_ask(&f->folder, "shop.db", sql)));
}

static void fill(struct fixture *f)
{
	uint64_t applied = 0;

	append(f, OLD);
	while (replay_batch(&f->replay, &applied, &f->diag) > 0)
		;
	assert_int_equal(applied, OLD);
}

static void test_replay_batch__what_waits_comes_before_what_is_too_old(void **state)
{
	struct fixture *f = *state;

	fill(f);
	f->replay.limits.events_rows = 10;
	append(f, 2 * BATCH + 20);
	assert_int_equal(removed_by_batch(f, BATCH), BATCH + BATCH / 4 + 1);
	assert_int_equal(removed_by_batch(f, BATCH), BATCH + BATCH / 4 + 1);
	assert_in_range(removed_by_batch(f, 20), 100, 1000); /* none waits any more */
}

static void test_replay_batch__an_idle_store_shrinks_at_once_by_rows_slowly_by_age(void **state)
{
	const int64_t hour_ns = 3600 * INT64_C(1000000000), began_ns = clock_mono_ns();
	struct fixture *f = *state;

	fill(f);
	f->replay.limits.events_rows = 10;
	assert_in_range(removed_by_batch(f, 0), 100, 2000);
	assert_true(f->replay.trimmed_ns > began_ns);
	f->replay.trimmed_ns += hour_ns;             /* however slow the machine is */
	assert_int_equal(removed_by_batch(f, 0), 0); /* too soon */
	f->replay.trimmed_ns -= hour_ns + 100000000;
	assert_in_range(removed_by_batch(f, 0), 100, 2000);
	f->replay.limits.events_days = 1; /* a clock may be wrong */
	f->replay.trimmed_ns -= 100000000;
	assert_in_range(removed_by_batch(f, 0), 100, 2000);
	f->replay.trimmed_ns = clock_mono_ns() - 100000000;
	assert_int_equal(removed_by_batch(f, 0), 0);
	f->replay.trimmed_ns -= 1000000000;
	assert_in_range(removed_by_batch(f, 0), 100, 2000);
}

/* Records until so many bytes wait. */
static void append_large(struct fixture *f, size_t bytes)
{
	static char payload[LARGE];
	const struct record record = { .received_ms = 1700000000000,
				       .topic = { "a", 1 },
				       .publisher = { "ann", 3 },
				       .client_id = { "desk", 4 },
				       .payload = { payload, sizeof(payload) } };
	uint64_t seq;

	memset(payload, ' ', sizeof(payload));
	while (journal_used(f->replay.journal) < bytes) {
		void *body = journal_reserve(f->replay.journal, record_bytes(&record));

		assert_non_null(body);
		record_encode(&record, body);
		assert_int_equal(journal_commit(f->replay.journal, false, &seq, &f->diag), 0);
	}
}

/* How many bytes of records the next batch takes. */
static size_t taken_by_batch(struct fixture *f)
{
	uint64_t applied = 0;
	struct journal_facts facts;

	journal_inspect(f->replay.journal, &facts);
	assert_int_equal(replay_batch(&f->replay, &applied, &f->diag), 1);
	return (size_t)(applied - facts.first_seq + 1) * LARGE;
}

static void test_replay_batch__takes_more_where_much_waits(void **state)
{
	static const unsigned char ours[JOURNAL_IDENTITY] = "the database";
	struct fixture *f = *state;
	const size_t some = LARGE + 4000;

	assert_int_equal(
		journal_format(f->replay.journal, 1 << 22, (size_t)96 << 20, ours, 1, &f->diag), 0);
	f->replay.batch_rows = 1 << 20;
	append_large(f, (size_t)14 << 20);
	assert_in_range(taken_by_batch(f), REPLAY_BYTES - some, REPLAY_BYTES + some);
	append_large(f, (size_t)25 << 20);
	assert_in_range(taken_by_batch(f), 3 * REPLAY_BYTES - some, 3 * REPLAY_BYTES + some);
	append_large(f, (size_t)88 << 20);
	assert_in_range(taken_by_batch(f), 8 * REPLAY_BYTES - some, 8 * REPLAY_BYTES + some);
	f->replay.is_shared = true;
	assert_in_range(taken_by_batch(f), REPLAY_BYTES - some, REPLAY_BYTES + some);
	f->replay.is_shared = false;
	f->replay.batch_rows = 20;
	append_large(f, (size_t)88 << 20);
	assert_int_equal(taken_by_batch(f), 8 * 20 * LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_replay_batch__what_waits_comes_before_what_is_too_old, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_replay_batch__an_idle_store_shrinks_at_once_by_rows_slowly_by_age,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replay_batch__takes_more_where_much_waits,
						set_up, tear_down),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}

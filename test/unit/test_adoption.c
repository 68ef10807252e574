/* Many entities at once, into a database that no broker has open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "folder.h"
#include "ledger/adoption.h"
#include "ledger/ledger.h"

#define JOURNAL ((size_t)1 << 20)

static const struct entity_column columns[] = { { "status", VALUE_TEXT, true },
						{ "total", VALUE_REAL, false } };
static const struct entity entity = { .name = "order",
				      .table = "orders",
				      .column_count = 2,
				      .column = columns,
				      .slot_count = 1,
				      .slot = { 0 },
				      .link_column = -1 };
static const struct entity_plan plan = { 1, &entity };

struct fixture {
	struct folder folder;
	char path[600], ring[300]; /* the database's place, and the journal's file */
	struct adoption *adoption;
	struct diag diag;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	folder_make(&f->folder);
	(void)strcpy(f->path, folder_place(&f->folder, "shop.db"));
	(void)strcpy(f->ring, folder_file(&f->folder, "shop.db-journal.ring"));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	adoption_close(f->adoption);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static int try_open(struct fixture *f)
{
	static const struct adoption_journal journal = { .bytes = JOURNAL };
	const struct ledger_place place = { .database = f->path,
					    .broker = folder_is_shared() ? "one" : NULL,
					    .journal = folder_is_shared() ? f->ring : NULL };

	return adoption_open(&place, &journal, &plan, &f->adoption, &f->diag);
}

static void end(struct fixture *f)
{
	adoption_close(f->adoption);
	f->adoption = NULL;
}

static int add(struct fixture *f, const char *id, const char *status, bool is_recorded)
{
	struct value value = {
		.column = 0, .type = VALUE_TEXT, .text = status, .len = strlen(status)
	};
	struct ledger_write write = { .id = id,
				      .id_len = strlen(id),
				      .value = &value,
				      .value_count = 1,
				      .is_unrecorded = !is_recorded,
				      .message.topic = "t",
				      .message.topic_len = 1 };

	return adoption_add(f->adoption, &write, &f->diag);
}

static struct ledger *open_ledger(struct fixture *f)
{
	struct ledger_options options = { .path = f->path,
					  .broker = folder_is_shared() ? "one" : NULL,
					  .journal = folder_is_shared() ? f->ring : NULL,
					  .journal_bytes = JOURNAL,
					  .batch_rows = 100,
					  .batch_ms = 5,
					  .cache_entities = 1000 };
	struct ledger *ledger = NULL;

	assert_int_equal(ledger_open(&options, &plan, &ledger, &f->diag), 0);
	return ledger;
}

/* The numbers of its events are used by no write of the broker that comes after it. */
static void test_adoption_commit__then_the_ledger_goes_on(void **state)
{
	struct fixture *f = *state;
	struct ledger_write write = { .entity = ENTITY_NONE,
				      .message.topic = "t",
				      .message.topic_len = 1 };
	struct ledger_state found;
	struct ledger *ledger;

	assert_int_equal(try_open(f), 0);
	assert_int_equal(add(f, "a", "PLACED", false), 0);
	assert_int_equal(add(f, "b", "SENT", true), 0);
	assert_int_equal(adoption_commit(f->adoption, &f->diag), 0);
	end(f);
	ledger = open_ledger(f);
	assert_int_equal(ledger_look(ledger, 0, "b", 1, &found, &f->diag), 0);
	assert_string_equal(found.status[0], "SENT");
	assert_int_equal(ledger_commit(ledger, &write, &f->diag), 0);
	ledger_close(ledger);
	assert_sql(&f->folder, "shop.db", "SELECT seq, adopted FROM events ORDER BY seq",
		   "2|1\n3|0");
	assert_sql(&f->folder, "shop.db",
		   "SELECT id, status, revision, CAST(adopted_at = updated_at AS INTEGER) FROM "
		   "orders ORDER BY id",
		   "a|PLACED|1|1\nb|SENT|1|1");
}

static void test_adoption_close__without_a_commit_nothing_is_there(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(try_open(f), 0);
	for (unsigned i = 0; i < 5000; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "o-%u", i);
		assert_int_equal(add(f, id, "PLACED", false), 0);
	}
	end(f);
	assert_sql(&f->folder, "shop.db", "SELECT count(*) FROM orders", "0");
}

/* What can't be kept is refused by itself, and what stands is found. */
static void test_adoption_add__what_cannot_be_kept(void **state)
{
	struct fixture *f = *state;
	struct ledger_state found;
	char *large = calloc(1, ADOPTION_RECORD_MAX + 2);

	memset(large, 'x', ADOPTION_RECORD_MAX + 1);
	assert_int_equal(try_open(f), 0);
	assert_int_equal(add(f, "a", large, false), ERR_LIMIT);
	assert_int_equal(add(f, "a", "PLACED", false), 0);
	assert_int_equal(adoption_commit(f->adoption, &f->diag), 0);
	end(f);
	assert_int_equal(try_open(f), 0);
	assert_int_equal(adoption_find(f->adoption, 0, "a", 1, &found, &f->diag), 0);
	assert_string_equal(found.status[0], "PLACED");
	assert_int_equal(adoption_find(f->adoption, 0, "b", 1, &found, &f->diag), 0);
	assert_false(found.is_known);
	free(large);
}

static void test_adoption_open__not_beside_a_broker(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);

	assert_int_equal(try_open(f), ERR_BUSY);
	assert_non_null(strstr(f->diag.text, "stop the broker first"));
	ledger_close(ledger);
	assert_int_equal(try_open(f), 0);
	/* And no broker begins beside it. */
	assert_int_equal(ledger_open(&(struct ledger_options){ .path = f->path,
							       .broker = "one",
							       .journal = f->ring,
							       .journal_bytes = JOURNAL,
							       .batch_rows = 1,
							       .cache_entities = 16 },
				     &plan, &ledger, &f->diag),
			 ERR_BUSY);
}

static void test_adoption_open__survives_failing_allocations(void **state)
{
	struct fixture *f = *state;
	size_t n;

	folder_sqlite_only(); /* libpq says of its own that it is not connected */
	assert_int_equal(try_open(f), 0);
	end(f);
	for (n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = try_open(f);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(f->adoption);
	}
	assert_true(n > 20);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_adoption_commit__then_the_ledger_goes_on),
		T(test_adoption_close__without_a_commit_nothing_is_there),
		T(test_adoption_add__what_cannot_be_kept),
		T(test_adoption_open__not_beside_a_broker),
		T(test_adoption_open__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

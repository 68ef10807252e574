#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "between.h"
#include "failalloc.h"
#include "ledger/idfilter.h"

#define MANY 300000u /* three layers and part of a fourth */

static struct entitykey key_of(uint32_t table, unsigned n, char id[16])
{
	static const uint64_t secret[2] = { 1, 2 };

	return entitykey_make(secret, table, id, (size_t)snprintf(id, 16, "ord-%u", n));
}

static struct idfilter *new_idfilter(void)
{
	struct idfilter *idfilter = NULL;
	struct diag diag;

	assert_int_equal(idfilter_new(&idfilter, &diag), 0);
	return idfilter;
}

static void add_range(struct idfilter *idfilter, uint32_t table, unsigned from, unsigned to)
{
	char id[16];

	for (unsigned i = from; i < to; i++) {
		const struct entitykey key = key_of(table, i, id);

		idfilter_add(idfilter, &key);
	}
}

static unsigned count_new(struct idfilter *idfilter, uint32_t table, unsigned from, unsigned to)
{
	unsigned count = 0;
	char id[16];

	for (unsigned i = from; i < to; i++) {
		const struct entitykey key = key_of(table, i, id);

		idfilter_expect(idfilter, &key); /* changes nothing */
		if (idfilter_is_new(idfilter, &key))
			count++;
	}
	return count;
}

static void test_idfilter_is_new__never_calls_an_old_id_new(void **unused)
{
	struct idfilter *idfilter = new_idfilter();

	(void)unused;
	add_range(idfilter, 1, 0, MANY);
	idfilter_complete(idfilter, 0);
	assert_int_equal(count_new(idfilter, 1, 0, MANY), 0);
	idfilter_free(idfilter);
}

static void test_idfilter_is_new__takes_few_new_ids_for_old_ones(void **unused)
{
	struct idfilter *idfilter = new_idfilter();

	(void)unused;
	add_range(idfilter, 1, 0, MANY);
	idfilter_complete(idfilter, 0);
	assert_uint_in_range(count_new(idfilter, 1, MANY, 2 * MANY), MANY - MANY / 200, MANY);
	assert_uint_in_range(idfilter_bytes(idfilter), 2 * MANY, 4 * MANY);
	idfilter_free(idfilter);
}

static void test_idfilter_is_new__tells_tables_apart(void **unused)
{
	struct idfilter *idfilter = new_idfilter();

	(void)unused;
	add_range(idfilter, 1, 0, 100);
	idfilter_complete(idfilter, 0);
	assert_uint_in_range(count_new(idfilter, 2, 0, 100), 99, 100);
	idfilter_free(idfilter);
}

static void test_idfilter_is_new__calls_nothing_new_before_it_is_complete(void **unused)
{
	struct idfilter *idfilter = new_idfilter();

	(void)unused;
	assert_int_equal(count_new(idfilter, 1, 0, 10), 0);
	idfilter_complete(idfilter, 0);
	assert_int_equal(count_new(idfilter, 1, 0, 10), 10);
	add_range(idfilter, 1, 0, 10);
	assert_int_equal(count_new(idfilter, 1, 0, 10), 0);
	assert_int_equal(idfilter_extend(idfilter), 1);
	assert_int_equal(count_new(idfilter, 1, 10, 20), 0);
	idfilter_complete(idfilter, 0); /* said of what was there before */
	assert_int_equal(count_new(idfilter, 1, 10, 20), 0);
	add_range(idfilter, 2, 0, 10);
	idfilter_complete(idfilter, 1);
	assert_int_equal(count_new(idfilter, 1, 0, 10), 0);
	assert_int_equal(count_new(idfilter, 1, 10, 20), 10);
	assert_int_equal(count_new(idfilter, 2, 0, 10), 0);
	idfilter_free(idfilter);
}

/* What was just called new is added without being looked for; it is that id alone. */
static void test_idfilter_add__of_what_was_asked_about(void **unused)
{
	struct idfilter *idfilter = new_idfilter();

	(void)unused;
	idfilter_complete(idfilter, 0);
	for (unsigned i = 0; i < MANY; i++) {
		(void)count_new(idfilter, 1, i, i + 1);
		if (i % 2) /* another one is what was asked about last */
			(void)count_new(idfilter, 1, 2 * MANY + i, 2 * MANY + i + 1);
		add_range(idfilter, 1, i, i + 1);
		assert_int_equal(count_new(idfilter, 1, i, i + 1), 0);
		add_range(idfilter, 1, i, i + 1);
	}
	assert_int_equal(count_new(idfilter, 1, 0, MANY), 0);
	assert_uint_in_range(count_new(idfilter, 1, MANY, 2 * MANY), MANY - MANY / 200, MANY);
	assert_uint_in_range(idfilter_bytes(idfilter), 2 * MANY, 4 * MANY);
	idfilter_free(idfilter);
}

static void test_idfilter_add__without_memory_calls_nothing_new(void **unused)
{
	struct idfilter *idfilter = new_idfilter();

	(void)unused;
	idfilter_complete(idfilter, 0);
	failalloc_start(1);
	add_range(idfilter, 1, 0, 1);
	assert_true(failalloc_stop());
	assert_int_equal(count_new(idfilter, 1, 0, 10), 0);
	idfilter_free(idfilter);
}

static void *fill(void *idfilter)
{
	add_range(idfilter, 1, 0, MANY / 2);
	idfilter_complete(idfilter, 0);
	return NULL;
}

static void test_idfilter_add__from_two_threads(void **unused)
{
	struct idfilter *idfilter = new_idfilter();
	pthread_t thread;

	(void)unused;
	assert_int_equal(pthread_create(&thread, NULL, fill, idfilter), 0);
	for (unsigned i = MANY / 2; i < MANY; i += 1000) {
		add_range(idfilter, 1, i, i + 1000);
		assert_int_equal(count_new(idfilter, 1, i, i + 1000), 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(count_new(idfilter, 1, 0, MANY), 0);
	idfilter_free(idfilter);
}

static void test_idfilter_new__survives_failing_allocations(void **unused)
{
	struct idfilter *idfilter = NULL;
	struct diag diag;

	(void)unused;
	failalloc_start(1);
	assert_int_equal(idfilter_new(&idfilter, &diag), ERR_NOMEM);
	assert_true(failalloc_stop());
	assert_null(idfilter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idfilter_is_new__never_calls_an_old_id_new),
		cmocka_unit_test(test_idfilter_is_new__takes_few_new_ids_for_old_ones),
		cmocka_unit_test(test_idfilter_is_new__tells_tables_apart),
		cmocka_unit_test(test_idfilter_is_new__calls_nothing_new_before_it_is_complete),
		cmocka_unit_test(test_idfilter_add__of_what_was_asked_about),
		cmocka_unit_test(test_idfilter_add__without_memory_calls_nothing_new),
		cmocka_unit_test(test_idfilter_add__from_two_threads),
		cmocka_unit_test(test_idfilter_new__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

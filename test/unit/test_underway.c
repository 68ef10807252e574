/* Which clients' answers are on their way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "broker/underway.h"
#include "failalloc.h"

static void test_underway__bars_others_until_it_arrived(void **state)
{
	struct underway u = { .seed = 1 };

	(void)state;
	assert_false(underway_is_others(&u, "id", "b"));
	assert_int_equal(underway_add(&u, "id", "a"), 0);
	underway_turn(&u);
	assert_int_equal(underway_add(&u, "other", "b"), 0);
	assert_true(underway_is_others(&u, "id", "b"));
	assert_false(underway_is_others(&u, "id", "a"));
	assert_true(underway_is_others(&u, "other", "a"));
	underway_turn(&u);
	assert_false(underway_is_others(&u, "id", "b"));
	assert_true(underway_is_others(&u, "other", "a"));
	underway_turn(&u);
	assert_int_equal(u.count, 0);
	underway_clear(&u);
}

static void test_underway__many(void **state)
{
	struct underway u = { .seed = 7 };
	char id[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "c%d", i);
		assert_int_equal(underway_add(&u, id, "a"), 0);
	}
	assert_true(underway_is_others(&u, "c0", "b"));
	assert_true(underway_is_others(&u, "c999", "b"));
	assert_false(underway_is_others(&u, "c1000", "b"));
	underway_clear(&u);
	assert_false(underway_is_others(&u, "c0", "b"));
}

static void test_underway__without_memory(void **state)
{
	struct underway u = { .seed = 7 };

	(void)state;
	failalloc_start(1);
	assert_int_not_equal(underway_add(&u, "id", "a"), 0);
	assert_true(failalloc_stop());
	assert_int_equal(u.count, 0);
	underway_clear(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_underway__bars_others_until_it_arrived),
		cmocka_unit_test(test_underway__many),
		cmocka_unit_test(test_underway__without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

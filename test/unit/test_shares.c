/* Who holds which shared subscriptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "broker/shares.h"

/* Handles are compared, never followed: any address will do. */
static const void *handle(size_t i)
{
	static const char base[1];

	return (const void *)((uintptr_t)base + 64 * i);
}

static struct shares *make(void)
{
	struct shares *shares = NULL;
	struct diag diag;

	assert_int_equal(shares_new(&shares, &diag), 0);
	return shares;
}

static bool add(struct shares *shares, const char *id, const char *principal, size_t at,
		const char *filter)
{
	return shares_add(shares, id, principal, handle(at), filter, strlen(filter));
}

static void test_shares_add__knows_filters_of_clients(void **state)
{
	struct shares *shares = make();

	(void)state;
	assert_true(add(shares, "a", "eva", 1, "$share/g/x"));
	assert_true(add(shares, "a", "eva", 1, "$share/g/x"));
	assert_true(add(shares, "a", "eva", 1, "$share/g/y"));
	assert_true(add(shares, "b", "tom", 2, "$share/g/x"));
	assert_int_equal(shares_count(shares), 2);
	assert_int_equal(shares_find(shares, "a")->count, 2);
	shares_remove(shares, "a", "$share/g/z", 10);
	shares_remove(shares, "a", "$share/g/x", 10);
	assert_string_equal(LIST_FIRST(&shares_find(shares, "a")->shares)->filter, "$share/g/y");
	shares_remove(shares, "a", "$share/g/y", 10);
	assert_null(shares_find(shares, "a"));
	shares_free(shares);
	shares_free(NULL);
}

static void test_shares_connect__takes_over_or_begins_anew(void **state)
{
	struct shares *shares = make();

	(void)state;
	assert_true(add(shares, "a", "eva", 1, "$share/g/x"));
	assert_null(shares_next(shares));
	/* the new connection comes before the old one goes */
	shares_connect(shares, "a", "tom", handle(2), false);
	shares_leave(shares, "a", handle(1));
	assert_ptr_equal(shares_find(shares, "a")->handle, handle(2));
	assert_string_equal(shares_find(shares, "a")->principal, "tom");
	assert_ptr_equal(shares_next(shares), shares_find(shares, "a"));
	assert_null(shares_next(shares));
	shares_leave(shares, "a", handle(2));
	assert_null(shares_find(shares, "a")->handle);
	shares_connect(shares, "a", "tom", handle(3), true);
	assert_null(shares_find(shares, "a"));
	shares_connect(shares, "nobody", "tom", handle(3), false);
	shares_leave(shares, "nobody", handle(3));
	shares_free(shares);
}

static void test_shares_next__gives_each_that_is_due_once(void **state)
{
	struct shares *shares = make();
	char id[16];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		(void)snprintf(id, sizeof(id), "c%zu", i);
		assert_true(add(shares, id, "eva", i + 1, "$share/g/x"));
	}
	shares_expire(shares);
	shares_due(shares, shares_find(shares, "c7"));
	shares_drop(shares, shares_find(shares, "c8"));
	while (shares_next(shares))
		count++;
	assert_int_equal(count, 99);
	shares_free(shares);
}

static void test_shares_add__keeps_its_bounds(void **state)
{
	struct shares *shares = make();
	char filter[2 * SHARES_FILTER_MAX];
	char id[32], name[32];

	(void)state;
	memset(filter, 'x', sizeof(filter));
	assert_false(shares_add(shares, "a", "eva", handle(1), filter, SHARES_FILTER_MAX + 1));
	assert_null(shares_find(shares, "a"));
	for (size_t i = 1; i <= SHARES_CLIENT_MAX; i++)
		assert_true(shares_add(shares, "a", "eva", handle(1), filter, i));
	assert_false(shares_add(shares, "a", "eva", handle(1), filter, SHARES_CLIENT_MAX + 1));
	for (size_t i = 1; i < SHARES_PRINCIPAL_MAX; i++) {
		(void)snprintf(id, sizeof(id), "c%zu", i);
		assert_true(add(shares, id, "eva", i, "$share/g/x"));
	}
	assert_false(add(shares, "more", "eva", 1, "$share/g/x"));
	assert_true(add(shares, "tom-1", "tom", 1, "$share/g/x"));
	/* its own that is away makes room */
	shares_leave(shares, "c5", handle(5));
	assert_true(add(shares, "more", "eva", 1, "$share/g/x"));
	assert_null(shares_find(shares, "c5"));
	/* and where all is full, anyone's */
	for (size_t i = 0; shares_count(shares) < SHARES_MAX; i++) {
		(void)snprintf(id, sizeof(id), "d%zu", i);
		(void)snprintf(name, sizeof(name), "n%zu", i / 100);
		assert_true(add(shares, id, name, i + 1, "$share/g/x"));
	}
	assert_false(add(shares, "late", "ida", 1, "$share/g/x"));
	shares_leave(shares, "tom-1", handle(1));
	assert_true(add(shares, "late", "ida", 1, "$share/g/x"));
	assert_null(shares_find(shares, "tom-1"));
	shares_free(shares);
}

static void test_shares_add__survives_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct shares *shares = NULL;
		struct diag diag;
		bool is_added = false;

		failalloc_start(n);
		if (shares_new(&shares, &diag) == 0)
			is_added = add(shares, "a", "eva", 1, "$share/g/x");
		if (!failalloc_stop()) {
			assert_true(is_added);
			shares_free(shares);
			break;
		}
		assert_false(is_added);
		if (shares)
			assert_int_equal(shares_count(shares), 0);
		shares_free(shares);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_add__knows_filters_of_clients),
		cmocka_unit_test(test_shares_connect__takes_over_or_begins_anew),
		cmocka_unit_test(test_shares_next__gives_each_that_is_due_once),
		cmocka_unit_test(test_shares_add__keeps_its_bounds),
		cmocka_unit_test(test_shares_add__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

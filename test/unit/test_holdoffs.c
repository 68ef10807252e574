#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "failalloc.h"
#include "broker/holdoffs.h"

static int begin(void **state)
{
	struct diag diag;

	return holdoffs_new((struct holdoffs **)state, &diag);
}

static int end(void **state)
{
	holdoffs_free(*state);
	return 0;
}

/* For how long is @client of @principal refused at @now_ms? -1: nothing is known of it. */
static int64_t waits(const struct holdoffs *holdoffs, const char *principal, const char *client,
		     int64_t now_ms)
{
	struct holdoff holdoff;

	if (!holdoffs_find(holdoffs, principal, client, now_ms, &holdoff))
		return -1;
	assert_int_equal(holdoff.reason, REASON_STORE_UNAVAILABLE);
	return holdoff.wait_ms;
}

static int64_t closes(struct holdoffs *holdoffs, const char *principal, const char *client,
		      int64_t now_ms)
{
	return holdoffs_close(holdoffs, principal, client, REASON_STORE_UNAVAILABLE, now_ms);
}

static void test_close__twice_as_long_each_time(void **state)
{
	static const int64_t expected[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000 };
	int64_t now = 5000;

	assert_int_equal(waits(*state, "eva", "one", now), -1);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(closes(*state, "eva", "one", now), expected[i]);
		assert_int_equal(waits(*state, "eva", "one", now), expected[i]);
		assert_int_equal(waits(*state, "eva", "one", now + expected[i] - 1), 1);
		assert_int_equal(waits(*state, "eva", "one", now + expected[i]), 0);
		now += expected[i];
	}
}

static void test_close__only_that_client(void **state)
{
	assert_int_equal(closes(*state, "eva", "one", 1), 1000);
	assert_int_equal(waits(*state, "eva", "two", 1), -1);
	assert_int_equal(waits(*state, "adam", "one", 1), -1);
	assert_int_equal(waits(*state, "ev", "aone", 1), -1);
	/* A client without an id of its own is a new one each time. */
	assert_int_equal(closes(*state, "eva", "", 1), 0);
	assert_int_equal(waits(*state, "eva", "", 1), -1);
}

static void test_find__is_forgotten(void **state)
{
	int64_t over;

	assert_int_equal(closes(*state, "eva", "one", 1), 1000);
	assert_int_equal(closes(*state, "eva", "one", 1001), 2000);
	over = 3001 + HOLDOFFS_FORGET_MS;
	assert_int_equal(waits(*state, "eva", "one", over - 1), 0);
	assert_int_equal(waits(*state, "eva", "one", over), -1);
	assert_int_equal(closes(*state, "eva", "one", over), 1000);
	holdoffs_forget(*state, "eva", "one");
	holdoffs_forget(*state, "eva", "never-seen");
	assert_int_equal(waits(*state, "eva", "one", over), -1);
	assert_int_equal(closes(*state, "eva", "one", over), 1000);
}

/* Whoever has very many gives up its own, and nobody else's. */
static void test_close__is_shared_by_principals(void **state)
{
	char id[32];

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "client-%u", i);
		assert_int_equal(closes(*state, id, "one", 1), 1000);
	}
	for (unsigned i = 0; i < 4 * HOLDOFFS_CLIENTS; i++) {
		(void)snprintf(id, sizeof(id), "many-%u", i);
		(void)closes(*state, "mallory", id, 2);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "client-%u", i);
		assert_int_equal(waits(*state, id, "one", 2), 999);
	}
	(void)snprintf(id, sizeof(id), "many-%u", 4 * HOLDOFFS_CLIENTS - 1);
	assert_int_equal(waits(*state, "mallory", id, 2), 1000);
}

static void test_new__allocation_fails(void **state)
{
	struct holdoffs *holdoffs = NULL;
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = holdoffs_new(&holdoffs, &diag);
		if (!failalloc_stop())
			break;
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(holdoffs);
	}
	holdoffs_free(holdoffs);
	holdoffs_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_close__twice_as_long_each_time),
		TEST(test_close__only_that_client),
		TEST(test_find__is_forgotten),
		TEST(test_close__is_shared_by_principals),
		cmocka_unit_test(test_new__allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who has to wait before trying again. The clock is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "access/lockout.h"
#include "failalloc.h"

static struct lockout *lockout_of(size_t entries)
{
	struct lockout_limits limits = {
		.entries = entries,
		.address_failures = 4,
		.user_failures = 2,
		.first_ms = 100,
		.address_max_ms = 1000,
		.user_max_ms = 300,
		.forget_ms = 10000,
		.connects = 3,
		.window_ms = 1000,
		.hold_ms = 500,
	};
	struct lockout *lockout = NULL;
	struct diag diag;

	if (lockout_new(&limits, &lockout, &diag))
		fail_msg("%s", diag.text);
	return lockout;
}

static void test_lockout_failed__doubles_up_to_the_maximum(void **state)
{
	static const int64_t user_locks[] = { 0, 0, 100, 200, 300, 300, 300 };
	static const int64_t address_locks[] = { 0, 0, 0, 0, 100, 200, 400, 800, 1000, 1000 };
	struct lockout *lockout = lockout_of(1024);
	int64_t now = 5000;

	(void)state;
	for (size_t i = 0; i < sizeof(user_locks) / sizeof(*user_locks); i++) {
		lockout_failed(lockout, NULL, "ann", now);
		assert_int_equal(lockout_wait(lockout, NULL, "ann", now), user_locks[i]);
		now += user_locks[i];
		assert_int_equal(lockout_wait(lockout, NULL, "ann", now), 0);
	}
	for (size_t i = 0; i < sizeof(address_locks) / sizeof(*address_locks); i++) {
		lockout_failed(lockout, "192.0.2.1", NULL, now);
		assert_int_equal(lockout_wait(lockout, "192.0.2.1", NULL, now), address_locks[i]);
		now += address_locks[i];
	}
	lockout_free(lockout);
	lockout_free(NULL);
}

static void test_lockout_failed__counts_without_end(void **state)
{
	struct lockout *lockout = lockout_of(8);
	int64_t now = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		lockout_failed(lockout, "192.0.2.1", "ann", now);
		now += lockout_wait(lockout, "192.0.2.1", "ann", now);
	}
	lockout_failed(lockout, "192.0.2.1", "ann", now);
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", "ann", now), 1000);
	assert_int_equal(lockout_wait(lockout, NULL, "ann", now), 300);
	lockout_free(lockout);
}

static void test_lockout_wait__a_name_is_locked_for_passwords_only(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		lockout_failed(lockout, "192.0.2.1", "ann", 0);
	assert_int_equal(lockout_wait(lockout, "192.0.2.9", "ann", 0), 200);
	assert_int_equal(lockout_wait(lockout, "192.0.2.9", NULL, 0), 0); /* a certificate */
	assert_int_equal(lockout_wait(lockout, "192.0.2.9", "bob", 0), 0);
	lockout_failed(lockout, "192.0.2.1", NULL, 0);
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", NULL, 0), 100);
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", "bob", 0), 100);
	assert_int_equal(lockout_wait(lockout, NULL, NULL, 0), 0);
	lockout_free(lockout);
}

static void test_lockout_failed__knows_one_party_by_its_addresses(void **state)
{
	static const struct {
		const char *first, *second;
		int is_same;
	} rows[] = {
		{ "192.0.2.1", "::ffff:192.0.2.1", 1 },
		{ "192.0.2.1", "192.0.2.2", 0 },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", 1 },
		{ "2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:9", 1 },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", 0 },
		{ "local", "local", 1 },
		{ "local", "local2", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lockout *lockout = lockout_of(1024);

		for (unsigned n = 0; n < 5; n++)
			lockout_failed(lockout, rows[i].first, NULL, 0);
		if ((lockout_wait(lockout, rows[i].second, NULL, 0) > 0) != rows[i].is_same)
			fail_msg("%s and %s", rows[i].first, rows[i].second);
		lockout_free(lockout);
	}
}

static void test_lockout_succeeded__clears_what_it_may(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		lockout_failed(lockout, "192.0.2.1", "ann", 0);
	lockout_succeeded(lockout, "192.0.2.1", "ann", 0);
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", "ann", 0), 0);
	/* All is new: four more are free. */
	for (unsigned i = 0; i < 4; i++)
		lockout_failed(lockout, "192.0.2.1", NULL, 0);
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", NULL, 0), 0);
	lockout_succeeded(lockout, NULL, "nobody", 0);
	lockout_free(lockout);
}

static void test_lockout_succeeded__one_account_does_not_wash_away_others(void **state)
{
	struct lockout *lockout = lockout_of(1024);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "victim-%u", i);
		lockout_failed(lockout, "192.0.2.1", name, 0);
		lockout_succeeded(lockout, "192.0.2.1", "eve", 0);
	}
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", NULL, 0), 100);
	/* Not even where a victim lets himself in from there at last. */
	lockout_succeeded(lockout, "192.0.2.1", "victim-4", 0);
	assert_int_equal(lockout_wait(lockout, "192.0.2.1", NULL, 0), 100);
	lockout_free(lockout);
}

static void test_lockout_failed__forgets_in_time(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		lockout_failed(lockout, NULL, "ann", 0);
	assert_int_equal(lockout_wait(lockout, NULL, "ann", 0), 100);
	lockout_failed(lockout, NULL, "ann", 100 + 9999); /* the lock's end, and a bit less */
	assert_int_equal(lockout_wait(lockout, NULL, "ann", 100 + 9999), 200);
	lockout_failed(lockout, NULL, "ann", 100 + 9999 + 200 + 10000);
	assert_int_equal(lockout_wait(lockout, NULL, "ann", 100 + 9999 + 200 + 10000), 0);
	lockout_free(lockout);
}

/* However many others fail, whoever is bad stays known as bad. */
static void test_lockout_failed__is_not_flooded_into_forgetting(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		lockout_failed(lockout, NULL, "ann", 0);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "flood-%u", i);
		lockout_failed(lockout, NULL, name, 1);
		lockout_failed(lockout, NULL, name, 1);
		lockout_failed(lockout, NULL, name, 1);
	}
	assert_int_equal(lockout_wait(lockout, NULL, "ann", 1), 299);
	lockout_failed(lockout, NULL, "ann", 400);
	assert_int_equal(lockout_wait(lockout, NULL, "ann", 400), 300);
	/* A table full of bad ones lets no stranger try for free: he shares their fate. */
	(void)snprintf(name, sizeof(name), "flood-%u", 20000);
	assert_int_equal(lockout_wait(lockout, NULL, name, 1), 300);
	/* And for no longer than that. */
	assert_int_equal(lockout_wait(lockout, NULL, name, 302), 0);
	/* Once they are forgotten there is room again. */
	assert_int_equal(lockout_wait(lockout, NULL, name, 20000), 0);
	lockout_failed(lockout, NULL, name, 20000);
	lockout_failed(lockout, NULL, name, 20000);
	assert_int_equal(lockout_wait(lockout, NULL, name, 20000), 0);
	lockout_free(lockout);
}

/* Single failures of many names push out each other, and cost no stranger anything. */
static void test_lockout_failed__single_failures_lock_nobody(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "typo-%u", i);
		lockout_failed(lockout, NULL, name, i);
		assert_int_equal(lockout_wait(lockout, NULL, name, i), 0);
		assert_int_equal(lockout_wait(lockout, NULL, "ann", i), 0);
	}
	lockout_free(lockout);
}

static void test_lockout_connect__holds_off_who_flaps(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	assert_int_equal(lockout_connect(lockout, "dev", 0), 0);
	assert_int_equal(lockout_connect(lockout, "dev", 10), 0);
	assert_int_equal(lockout_connect(lockout, "dev", 20), 0);
	assert_int_equal(lockout_connect(lockout, "other", 20), 0);
	assert_int_equal(lockout_connect(lockout, "dev", 30), 500);
	assert_int_equal(lockout_connect(lockout, "dev", 529), 1); /* does not lengthen it */
	assert_int_equal(lockout_connect(lockout, "dev", 530), 0);
	/* A new window: three are fine again, and none of the old ones count. */
	assert_int_equal(lockout_connect(lockout, "dev", 531), 0);
	assert_int_equal(lockout_connect(lockout, "dev", 532), 0);
	assert_int_equal(lockout_connect(lockout, "dev", 533), 500);
	lockout_free(lockout);
}

static void test_lockout_connect__counts_by_window(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (int64_t now = 0; now < 100000; now += 334)
		assert_int_equal(lockout_connect(lockout, "dev", now), 0);
	lockout_free(lockout);
}

static void test_lockout_connect__a_flood_of_ids_holds_off_nobody_else(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		(void)lockout_connect(lockout, "dev", 0);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "id-%u", i);
		assert_int_equal(lockout_connect(lockout, name, 1), 0);
	}
	assert_int_equal(lockout_connect(lockout, "dev", 1), 499);
	lockout_free(lockout);
}

static void test_lockout_new__bounds_its_limits(void **state)
{
	struct lockout_limits limits = lockout_defaults();
	struct lockout *lockout = NULL;
	struct diag diag;

	(void)state;
	limits.entries = 7;
	assert_int_equal(lockout_new(&limits, &lockout, &diag), ERR_LIMIT);
	limits.entries = (size_t)LOCKOUT_ENTRIES_MAX + 1;
	assert_int_equal(lockout_new(&limits, &lockout, &diag), ERR_LIMIT);
	limits = lockout_defaults();
	limits.first_ms = 0;
	assert_int_equal(lockout_new(&limits, &lockout, &diag), ERR_LIMIT);
	assert_null(lockout);
	limits = lockout_defaults();
	assert_int_equal(lockout_new(&limits, &lockout, &diag), 0);
	lockout_free(lockout);
}

static void test_lockout_new__survives_each_failing_allocation(void **state)
{
	struct lockout_limits limits = lockout_defaults();

	(void)state;
	for (size_t n = 1;; n++) {
		struct lockout *lockout = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = lockout_new(&limits, &lockout, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_int_equal(n, 5);
			lockout_free(lockout);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(lockout);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lockout_failed__doubles_up_to_the_maximum),
		cmocka_unit_test(test_lockout_failed__counts_without_end),
		cmocka_unit_test(test_lockout_wait__a_name_is_locked_for_passwords_only),
		cmocka_unit_test(test_lockout_failed__knows_one_party_by_its_addresses),
		cmocka_unit_test(test_lockout_succeeded__clears_what_it_may),
		cmocka_unit_test(test_lockout_succeeded__one_account_does_not_wash_away_others),
		cmocka_unit_test(test_lockout_failed__forgets_in_time),
		cmocka_unit_test(test_lockout_failed__is_not_flooded_into_forgetting),
		cmocka_unit_test(test_lockout_failed__single_failures_lock_nobody),
		cmocka_unit_test(test_lockout_connect__holds_off_who_flaps),
		cmocka_unit_test(test_lockout_connect__counts_by_window),
		cmocka_unit_test(test_lockout_connect__a_flood_of_ids_holds_off_nobody_else),
		cmocka_unit_test(test_lockout_new__bounds_its_limits),
		cmocka_unit_test(test_lockout_new__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

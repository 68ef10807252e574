/* Who has to wait before trying again. The clock is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "access/lockout.h"
#include "failalloc.h"

static struct lockout *lockout_of(size_t entries)
{
	const struct lockout_limits limits = {
		.entries = entries,
		.failures = 4,
		.wide_failures = 6,
		.first_ms = 100,
		.max_ms = 1000,
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

static void fail_from(struct lockout *lockout, const char *address, const char *user,
		      unsigned times, int64_t now)
{
	struct peer peer = peer_read(address);

	for (unsigned i = 0; i < times; i++)
		lockout_failed(lockout, &peer, user, now);
}

static int64_t wait_of(struct lockout *lockout, const char *address, int64_t now)
{
	struct peer peer = peer_read(address);

	return lockout_wait(lockout, &peer, now);
}

static bool is_suspect(struct lockout *lockout, const char *address, int64_t now)
{
	struct peer peer = peer_read(address);

	return lockout_is_suspect(lockout, &peer, now);
}

static void succeed_from(struct lockout *lockout, const char *address, const char *user)
{
	struct peer peer = peer_read(address);

	lockout_succeeded(lockout, &peer, user);
}

static void test_lockout_failed__doubles_up_to_the_maximum(void **state)
{
	static const int64_t locks[] = { 0, 0, 0, 0, 100, 200, 400, 800, 1000, 1000 };
	struct lockout *lockout = lockout_of(1024);
	int64_t now = 5000;

	(void)state;
	for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++) {
		fail_from(lockout, "192.0.2.1", "ann", 1, now);
		assert_int_equal(wait_of(lockout, "192.0.2.1", now), locks[i]);
		assert_int_equal(wait_of(lockout, "192.0.2.2", now), 0);
		now += locks[i];
		assert_int_equal(wait_of(lockout, "192.0.2.1", now), 0);
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
		fail_from(lockout, "192.0.2.1", "ann", 1, now);
		now += wait_of(lockout, "192.0.2.1", now);
	}
	fail_from(lockout, "192.0.2.1", "ann", 1, now);
	assert_int_equal(wait_of(lockout, "192.0.2.1", now), 1000);
	lockout_free(lockout);
}

static void test_lockout_failed__the_unknown_are_never_locked(void **state)
{
	struct lockout *lockout = lockout_of(8);

	(void)state;
	fail_from(lockout, NULL, "ann", 100, 0);
	fail_from(lockout, "", NULL, 100, 0);
	assert_int_equal(wait_of(lockout, NULL, 0), 0);
	assert_false(is_suspect(lockout, NULL, 0));
	succeed_from(lockout, NULL, "ann");
	lockout_free(lockout);
}

static void test_lockout_failed__knows_one_party_by_its_addresses(void **state)
{
	static const struct {
		const char *first, *second;
		int is_same;
	} rows[] = {
		{ "192.0.2.1", "::ffff:192.0.2.1", 1 },
		{ "::FFFF:c000:0201", "192.0.2.1", 1 },
		{ "192.0.2.1", "192.0.2.2", 0 },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", 1 },
		{ "2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:9", 1 },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", 0 },
		{ "/run/a.sock", "/run/a.sock", 1 },
		{ "/run/a.sock", "/run/b.sock", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lockout *lockout = lockout_of(1024);

		fail_from(lockout, rows[i].first, NULL, 5, 0);
		if ((wait_of(lockout, rows[i].second, 0) > 0) != rows[i].is_same)
			fail_msg("%s and %s", rows[i].first, rows[i].second);
		lockout_free(lockout);
	}
}

/* A party may have all of a /48; its neighbours there are slowed, and never locked. */
static void test_lockout_is_suspect__a_48_with_several_failures(void **state)
{
	struct lockout *lockout = lockout_of(1024);
	char address[48];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		(void)snprintf(address, sizeof(address), "2001:db8:1:%x::1", i);
		assert_false(is_suspect(lockout, address, 0));
		fail_from(lockout, address, "ann", 1, 0);
		assert_true(is_suspect(lockout, address, 0));
	}
	assert_false(is_suspect(lockout, "2001:db8:1:ffff::1", 0));
	fail_from(lockout, "2001:db8:1:77::1", "ann", 20, 0);
	assert_true(is_suspect(lockout, "2001:db8:1:ffff::1", 0));
	assert_int_equal(wait_of(lockout, "2001:db8:1:ffff::1", 0), 0);
	assert_false(is_suspect(lockout, "2001:db8:2::1", 0));
	assert_false(is_suspect(lockout, "2001:db8:1:ffff::1", 100000));
	lockout_free(lockout);
}

static void test_lockout_succeeded__clears_what_it_may(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	fail_from(lockout, "192.0.2.1", "ann", 4, 0);
	succeed_from(lockout, "192.0.2.1", NULL);
	assert_true(is_suspect(lockout, "192.0.2.1", 0));
	succeed_from(lockout, "192.0.2.2", "ann");
	assert_true(is_suspect(lockout, "192.0.2.1", 0));
	succeed_from(lockout, "192.0.2.1", "ann");
	/* All is new but for the suspicion, which lasts a little: four more are free. */
	assert_true(is_suspect(lockout, "192.0.2.1", 999));
	assert_false(is_suspect(lockout, "192.0.2.1", 1000));
	fail_from(lockout, "192.0.2.1", NULL, 4, 0);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 0), 0);
	lockout_free(lockout);
}

/* Guesses at one's own account, each cleared by a login, are those of a suspect all the same. */
static void test_lockout_succeeded__who_guesses_on_stays_suspect(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (int64_t now = 0; now < 20000; now += 500) {
		assert_true(now == 0 || is_suspect(lockout, "192.0.2.1", now));
		fail_from(lockout, "192.0.2.1", "ann", 1, now);
		succeed_from(lockout, "192.0.2.1", "ann");
		assert_int_equal(wait_of(lockout, "192.0.2.1", now), 0);
	}
	lockout_free(lockout);
}

static void test_lockout_succeeded__one_account_does_not_wash_away_others(void **state)
{
	struct lockout *lockout = lockout_of(1024);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "victim-%u", i);
		fail_from(lockout, "192.0.2.1", name, 1, 0);
		succeed_from(lockout, "192.0.2.1", "eve");
	}
	assert_int_equal(wait_of(lockout, "192.0.2.1", 0), 100);
	/* Not even where a victim lets itself in from there at last. */
	succeed_from(lockout, "192.0.2.1", "victim-4");
	assert_int_equal(wait_of(lockout, "192.0.2.1", 0), 100);
	lockout_free(lockout);
}

static void test_lockout_failed__forgets_in_time(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	fail_from(lockout, "192.0.2.1", "ann", 5, 0);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 0), 100);
	/* The lock's end, and a bit less. */
	fail_from(lockout, "192.0.2.1", "ann", 1, 100 + 9999);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 100 + 9999), 200);
	assert_true(is_suspect(lockout, "192.0.2.1", 100 + 9999 + 200 + 9999));
	assert_false(is_suspect(lockout, "192.0.2.1", 100 + 9999 + 200 + 10000));
	fail_from(lockout, "192.0.2.1", "ann", 1, 100 + 9999 + 200 + 10000);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 100 + 9999 + 200 + 10000), 0);
	lockout_free(lockout);
}

/* Below 10.0.0.0/8 or 172.0.0.0/8, or a /64 of 2001::/16. */
static const char *nth_address(char *ret, size_t cap, const char *net, unsigned i)
{
	if (strchr(net, ':'))
		(void)snprintf(ret, cap, "%s%x:%x::", net, i >> 8, i & 255);
	else
		(void)snprintf(ret, cap, "%s.%u.%u.%u", net, (i >> 16) & 255, (i >> 8) & 255,
			       i & 255);
	return ret;
}

/* However many others fail, who is locked stays so, and nobody is locked for them. */
static void test_lockout_failed__is_not_flooded(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char address[48];

	(void)state;
	fail_from(lockout, "192.0.2.1", "ann", 10, 0);
	for (unsigned i = 0; i < 20000; i++)
		fail_from(lockout, nth_address(address, sizeof(address), "10", i), "ann", 10, 1);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 1), 999);
	/* A table full of locked ones has no room for more, and locks no stranger. */
	for (unsigned i = 0; i < 1000; i++) {
		(void)nth_address(address, sizeof(address), "172", i);
		assert_int_equal(wait_of(lockout, address, 1), 0);
		assert_false(is_suspect(lockout, address, 1));
		fail_from(lockout, address, "ann", 10, 1);
		assert_int_equal(wait_of(lockout, address, 1), 0);
	}
	/* As soon as their locks are over there is room again. */
	fail_from(lockout, "192.0.2.99", "ann", 5, 2000);
	assert_int_equal(wait_of(lockout, "192.0.2.99", 2000), 100);
	lockout_free(lockout);
}

/* Whoever has all of IPv6 fills its own table. */
static void test_lockout_failed__ipv6_takes_no_place_of_ipv4(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char address[48];

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		fail_from(lockout, nth_address(address, sizeof(address), "2001:db8:", i), NULL, 10,
			  1);
	fail_from(lockout, "192.0.2.1", NULL, 5, 1);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 1), 100);
	lockout_free(lockout);
}

/* Single failures push out each other, and none that is worse. */
static void test_lockout_failed__single_failures_push_out_no_worse_ones(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char address[48];

	(void)state;
	fail_from(lockout, "192.0.2.1", "ann", 4, 0);
	for (unsigned i = 0; i < 9000; i++)
		fail_from(lockout, nth_address(address, sizeof(address), "10", i), "bob", 1, i);
	fail_from(lockout, "192.0.2.1", "ann", 1, 9000);
	assert_int_equal(wait_of(lockout, "192.0.2.1", 9000), 100);
	lockout_free(lockout);
}

static void test_lockout_connect__holds_off_who_flaps(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 0), 0);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 10), 0);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 20), 0);
	assert_int_equal(lockout_connect(lockout, "ann", "other", 20), 0);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 30), 500);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 529), 1); /* does not lengthen it */
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 530), 0);
	/* A new window: three are fine again, and none of the old ones count. */
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 531), 0);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 532), 0);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 533), 500);
	lockout_free(lockout);
}

/* Whoever comes under another's client id has its own count. */
static void test_lockout_connect__is_of_the_principal(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		(void)lockout_connect(lockout, "eve", "dev", 0);
	assert_int_equal(lockout_connect(lockout, "eve", "dev", 0), 500);
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 0), 0);
	/* No two pairs read the same. */
	for (unsigned i = 0; i < 4; i++)
		(void)lockout_connect(lockout, "ab", "c", 0);
	assert_int_equal(lockout_connect(lockout, "a", "bc", 0), 0);
	assert_int_equal(lockout_connect(lockout, "abc", "", 0), 0);
	lockout_free(lockout);
}

static void test_lockout_connect__counts_by_window(void **state)
{
	struct lockout *lockout = lockout_of(1024);

	(void)state;
	for (int64_t now = 0; now < 100000; now += 334)
		assert_int_equal(lockout_connect(lockout, "ann", "dev", now), 0);
	lockout_free(lockout);
}

static void test_lockout_connect__a_flood_of_ids_holds_off_nobody_else(void **state)
{
	struct lockout *lockout = lockout_of(64);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		(void)lockout_connect(lockout, "ann", "dev", 0);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "id-%u", i);
		assert_int_equal(lockout_connect(lockout, "ann", name, 1), 0);
	}
	assert_int_equal(lockout_connect(lockout, "ann", "dev", 1), 499);
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
			assert_int_equal(n,
					 10); /* large tables come from the system: freshpages.h */
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
		cmocka_unit_test(test_lockout_failed__the_unknown_are_never_locked),
		cmocka_unit_test(test_lockout_failed__knows_one_party_by_its_addresses),
		cmocka_unit_test(test_lockout_is_suspect__a_48_with_several_failures),
		cmocka_unit_test(test_lockout_succeeded__clears_what_it_may),
		cmocka_unit_test(test_lockout_succeeded__who_guesses_on_stays_suspect),
		cmocka_unit_test(test_lockout_succeeded__one_account_does_not_wash_away_others),
		cmocka_unit_test(test_lockout_failed__forgets_in_time),
		cmocka_unit_test(test_lockout_failed__is_not_flooded),
		cmocka_unit_test(test_lockout_failed__ipv6_takes_no_place_of_ipv4),
		cmocka_unit_test(test_lockout_failed__single_failures_push_out_no_worse_ones),
		cmocka_unit_test(test_lockout_connect__holds_off_who_flaps),
		cmocka_unit_test(test_lockout_connect__is_of_the_principal),
		cmocka_unit_test(test_lockout_connect__counts_by_window),
		cmocka_unit_test(test_lockout_connect__a_flood_of_ids_holds_off_nobody_else),
		cmocka_unit_test(test_lockout_new__bounds_its_limits),
		cmocka_unit_test(test_lockout_new__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

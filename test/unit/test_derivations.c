/* How much of the time key derivations may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "access/derivations.h"
#include "between.h"

#define MS INT64_C(1000000) /* in nanoseconds */

/* Derivations of @took_ms that are asked for each millisecond up to @until_ms. */
static int count(struct derivations *derivations, bool is_suspect, int64_t took_ms, int64_t from_ms,
		 int64_t until_ms)
{
	int made = 0;

	for (int64_t now = from_ms; now < until_ms; now++) {
		if (!derivations_may(derivations, is_suspect, now))
			continue;
		derivations_spent(derivations, is_suspect, took_ms * MS);
		now += took_ms - 1;
		made++;
	}
	return made;
}

static void test_derivations_may__keeps_to_its_share(void **state)
{
	static const int64_t took[] = { 1, 10, 100, 400 };

	(void)state;
	for (size_t i = 0; i < sizeof(took) / sizeof(*took); i++) {
		struct derivations derivations;
		int64_t made;

		derivations_init(&derivations, 50);
		made = count(&derivations, false, took[i], 5000, 5000 + 10000) * took[i];
		assert_uint_in_range(made, 5000, 5500 + took[i]);
	}
}

/* Whoever guesses leaves three quarters to the others. */
static void test_derivations_may__suspects_have_a_quarter(void **state)
{
	struct derivations derivations;
	int64_t made;

	(void)state;
	derivations_init(&derivations, 40);
	made = count(&derivations, true, 10, 1000, 21000) * 10;
	assert_uint_in_range(made, 2000, 2110);
	for (int64_t now = 21000; now < 31000; now += 100) { /* both at once */
		while (derivations_may(&derivations, true, now))
			derivations_spent(&derivations, true, 10 * MS);
		assert_true(derivations_may(&derivations, false, now));
		derivations_spent(&derivations, false, 25 * MS);
	}
}

static void test_derivations_may__waits_for_what_is_owed(void **state)
{
	struct derivations derivations;

	(void)state;
	derivations_init(&derivations, 1);
	assert_true(derivations_may(&derivations, false, 0));
	derivations_spent(&derivations, false, 110 * MS);
	assert_false(derivations_may(&derivations, false, 10000));
	assert_true(derivations_may(&derivations, false, 10001));
	/* Who did nothing for a day has a second's share, no more. */
	assert_int_equal(count(&derivations, false, 1, 86400000, 86400009), 9);
	assert_false(derivations_may(&derivations, true, 86400009) &&
		     derivations_may(&derivations, false, 86400009) &&
		     derivations.left_ns > 2 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derivations_may__keeps_to_its_share),
		cmocka_unit_test(test_derivations_may__suspects_have_a_quarter),
		cmocka_unit_test(test_derivations_may__waits_for_what_is_owed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

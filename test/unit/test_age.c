/* As of which time rows may go: both clocks are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "ledger/age.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define START INT64_C(1800000000000)

/* A wall clock that is @ahead of what it should be, and how long it runs. */
struct clocks {
	struct age age;
	int64_t ahead;
	int64_t elapsed;
};

static int64_t wall(const struct clocks *c)
{
	return START + c->elapsed + c->ahead;
}

static void begin(struct clocks *c, int64_t last_ms)
{
	age_begin(&c->age, last_ms, wall(c), c->elapsed * 1000000);
}

/* Every second for @ms: is the clock believed all the time, or never? */
static void assert_believed(struct clocks *c, int64_t ms, bool is_believed)
{
	for (int64_t end = c->elapsed + ms; c->elapsed < end; c->elapsed += SECOND)
		assert_int_equal(age_now(&c->age, wall(c), c->elapsed * 1000000),
				 is_believed ? wall(c) : 0);
}

/* @text NULL: nothing is said. */
static void assert_line(struct clocks *c, const char *text)
{
	struct diag line;

	if (!text) {
		assert_false(age_line(&c->age, &line));
		return;
	}
	assert_true(age_line(&c->age, &line));
	if (!strstr(line.text, text))
		fail_msg("'%s' lacks '%s'", line.text, text);
}

static void test_age_now__a_jump_is_doubted_until_it_is_back(void **state)
{
	static const int64_t jump[] = { 3 * DAY, -3 * DAY, 2 * HOUR, 3650 * DAY };

	(void)state;
	for (size_t i = 0; i < sizeof(jump) / sizeof(jump[0]); i++) {
		struct clocks c = { 0 };

		begin(&c, 0);
		assert_believed(&c, 10 * SECOND, true);
		c.ahead = jump[i];
		assert_believed(&c, HOUR / 2, false);
		assert_line(&c, jump[i] > 0 ? "hours ahead of what was expected" : "hours behind");
		assert_line(&c, NULL);
		c.ahead = 0;
		assert_believed(&c, 2 * HOUR, true);
		assert_line(&c, "the clock is back");
		assert_line(&c, NULL);
	}
}

static void test_age_now__a_clock_that_is_steady_is_believed(void **state)
{
	struct clocks c = { 0 };

	(void)state;
	begin(&c, 0);
	assert_believed(&c, SECOND, true);
	c.ahead = 10 * DAY;
	assert_believed(&c, HOUR / 2, false);
	c.ahead = 40 * DAY; /* another one: it is asked anew, and not said again */
	assert_believed(&c, HOUR, false);
	assert_believed(&c, DAY, true);
	assert_line(&c, "was steady for an hour");
	assert_line(&c, NULL);
}

/* Led by NTP, or set by less than an hour: never in doubt, but not hours within one hour. */
static void test_age_now__small_steps_are_believed(void **state)
{
	struct clocks c = { 0 };

	(void)state;
	begin(&c, 0);
	for (int i = 0; i < 5; i++, c.ahead += HOUR / 2)
		assert_believed(&c, HOUR + SECOND, true);
	assert_line(&c, NULL);
	for (int i = 0; i < 3; i++, c.ahead += HOUR / 2)
		(void)age_now(&c.age, wall(&c), c.elapsed * 1000000);
	assert_int_equal(age_now(&c.age, wall(&c), c.elapsed * 1000000), 0);
}

static void test_age_begin__a_clock_that_is_wrong_after_a_start(void **state)
{
	static const struct {
		int64_t last, ahead;
		bool is_believed;
	} each[] = {
		{ 0, 0, true },
		{ START, 0, true },
		{ START - DAY + HOUR, 0, true }, /* it was off for a night */
		{ START + HOUR, 0, true },
		{ START, 40 * DAY, false },
		{ START, -START, false }, /* 1970 */
		{ 0, -START, false },
		{ START, -40 * DAY, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		struct clocks c = { .ahead = each[i].ahead };

		begin(&c, each[i].last);
		assert_believed(&c, HOUR / 2, each[i].is_believed);
		assert_line(&c, each[i].is_believed ? NULL : "was expected");
		c.ahead = 0;
		if (each[i].last)
			assert_believed(&c, 2 * HOUR, true);
		if (!each[i].is_believed && each[i].last)
			assert_line(&c, "is back");
	}
}

static void test_age_now__1970_is_never_believed(void **state)
{
	struct clocks c = { .ahead = -START };

	(void)state;
	begin(&c, 0);
	assert_believed(&c, 30 * HOUR, false);
	c.ahead = 0;
	assert_believed(&c, HOUR, false);
	assert_believed(&c, HOUR, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age_now__a_jump_is_doubted_until_it_is_back),
		cmocka_unit_test(test_age_now__a_clock_that_is_steady_is_believed),
		cmocka_unit_test(test_age_now__small_steps_are_believed),
		cmocka_unit_test(test_age_begin__a_clock_that_is_wrong_after_a_start),
		cmocka_unit_test(test_age_now__1970_is_never_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the database told of, and no bridge brought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "broker/awaited.h"
#include "failalloc.h"

#define HEARD (INT64_C(100) * AWAITED_NS)

static struct awaited *made(void)
{
	struct awaited *awaited = NULL;
	struct diag diag;

	assert_int_equal(awaited_new(&awaited, &diag), 0);
	return awaited;
}

/* The @sequence'th of @origin; all of one place in the index. */
static struct awaited_event said(const char *origin, int64_t sequence)
{
	uint64_t key = ((uint64_t)sequence << 32) + (uint64_t)origin[0] * AWAITED_MAX + 1;

	return (struct awaited_event){ .key = key,
				       .origin = origin,
				       .sequence = sequence,
				       .topic = "orders/1 and more",
				       .len = 8,
				       .revision = 3,
				       .heard_ns = HEARD };
}

static bool add(struct awaited *a, const char *origin, int64_t sequence)
{
	const struct awaited_event event = said(origin, sequence);

	return awaited_add(a, &event);
}

static void came(struct awaited *a, const char *origin, int64_t sequence, int64_t now_ns)
{
	const struct awaited_event event = said(origin, sequence);

	awaited_came(a, &event, now_ns);
}

/* The next one that is due is @sequence; it waits no more. */
static void assert_next(struct awaited *a, int64_t now_ns, int64_t sequence)
{
	struct awaited_event next;

	assert_true(awaited_next(a, now_ns, &next));
	assert_int_equal(next.sequence, sequence);
	awaited_done(a);
}

static void assert_none(struct awaited *a, int64_t now_ns)
{
	struct awaited_event next;

	assert_false(awaited_next(a, now_ns, &next));
}

static void test_awaited_next__after_its_time(void **state)
{
	struct awaited *a = made();
	struct awaited_event next;

	(void)state;
	assert_none(a, INT64_MAX);
	assert_true(add(a, "b", 7));
	assert_none(a, HEARD + AWAITED_NS - 1);
	assert_true(awaited_next(a, HEARD + AWAITED_NS, &next));
	assert_string_equal(next.topic, "orders/1");
	assert_string_equal(next.origin, "b");
	assert_int_equal(next.len, 8);
	assert_int_equal(next.revision, 3);
	awaited_done(a);
	assert_int_equal(awaited_count(a), 0);
	awaited_free(a);
}

static void test_awaited_came__it_waits_no_more(void **state)
{
	struct awaited *a = made();

	(void)state;
	for (int64_t sequence = 1; sequence <= 5; sequence++)
		assert_true(add(a, "b", sequence));
	came(a, "b", 1, HEARD);
	came(a, "b", 4, HEARD);
	came(a, "b", 9, HEARD); /* which is not awaited */
	assert_next(a, HEARD + AWAITED_NS, 2);
	assert_next(a, HEARD + AWAITED_NS, 3);
	assert_next(a, HEARD + AWAITED_NS, 5);
	assert_none(a, INT64_MAX);
	assert_int_equal(awaited_count(a), 0);
	awaited_free(a);
}

/* Messages come in their order: those behind the last that came may be on their way. */
static void test_awaited_next__a_slow_bridge_has_longer(void **state)
{
	const int64_t late = HEARD + AWAITED_NS;
	struct awaited *a = made();

	(void)state;
	assert_true(add(a, "b", 3));
	assert_true(add(a, "b", 5));
	came(a, "b", 4, late);
	assert_next(a, late, 3); /* it was passed over */
	assert_none(a, late + AWAITED_NS - 1);
	came(a, "c", 1, late + AWAITED_NS);
	assert_next(a, late + AWAITED_NS, 5); /* nothing of b's came since */
	awaited_free(a);
}

static void test_awaited_next__a_slow_bridge_has_not_for_ever(void **state)
{
	struct awaited *a = made();

	(void)state;
	assert_true(add(a, "b", 5));
	came(a, "b", 4, HEARD + AWAITED_MAX_NS);
	assert_none(a, HEARD + AWAITED_MAX_NS - 1);
	assert_next(a, HEARD + AWAITED_MAX_NS, 5);
	awaited_free(a);
}

/* Strict steps have numbers of their own, below 0, and go down. */
static void test_awaited_next__strict_steps_have_their_order(void **state)
{
	const int64_t late = HEARD + AWAITED_NS;
	struct awaited *a = made();

	(void)state;
	assert_true(add(a, "b", -2));
	assert_true(add(a, "b", -4));
	came(a, "b", 100, late);
	came(a, "b", -3, late);
	assert_next(a, late, -2);
	assert_none(a, late);
	awaited_free(a);
}

/* Whatever a peer says: numbers before the last one came. */
static void test_awaited_came__the_lowest_number(void **state)
{
	struct awaited *a = made();

	(void)state;
	assert_true(add(a, "b", -5));
	came(a, "b", INT64_MIN, HEARD + AWAITED_NS - 1);
	assert_next(a, HEARD + AWAITED_NS, -5);
	awaited_free(a);
}

static void test_awaited_add__is_bounded(void **state)
{
	struct awaited *a = made();

	(void)state;
	for (int64_t i = 0; i < AWAITED_MAX / 2; i++)
		assert_true(add(a, i % 2 ? "b" : "c", 1000000 + i));
	assert_next(a, HEARD + AWAITED_NS, 1000000); /* the ring goes round */
	for (int64_t i = 0; i <= AWAITED_MAX / 2; i++) {
		struct awaited_event event = said("d", i);

		event.key = (uint64_t)i;
		assert_true(awaited_add(a, &event));
	}
	assert_int_equal(awaited_count(a), AWAITED_MAX);
	assert_false(add(a, "b", 1));
	assert_next(a, HEARD + AWAITED_NS, 1000001);
	assert_true(add(a, "b", 1));
	awaited_free(a);
}

static void test_awaited_add__too_many_brokers(void **state)
{
	struct awaited *a = made();

	(void)state;
	for (unsigned i = 0; i < AWAITED_ORIGINS; i++)
		assert_true(add(a, (const char[]){ (char)(' ' + i), '\0' }, 1));
	assert_false(add(a, "z", 1));
	came(a, "z", 1, HEARD); /* which is nothing to it */
	awaited_free(a);
}

static void test_awaited_add__no_memory(void **state)
{
	struct awaited *a = NULL;
	struct diag diag;

	(void)state;
	failalloc_start(1);
	assert_int_equal(awaited_new(&a, &diag), ERR_NOMEM);
	assert_true(failalloc_stop());
	a = made();
	for (unsigned n = 1; n <= 2; n++) {
		failalloc_start(1);
		assert_false(add(a, "b", 1));
		assert_true(failalloc_stop());
		if (n == 1)
			came(a, "b", 0, 0); /* now the broker is known */
	}
	assert_int_equal(awaited_count(a), 0);
	assert_true(add(a, "b", 1));
	awaited_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_awaited_next__after_its_time),
		cmocka_unit_test(test_awaited_came__it_waits_no_more),
		cmocka_unit_test(test_awaited_next__a_slow_bridge_has_longer),
		cmocka_unit_test(test_awaited_next__a_slow_bridge_has_not_for_ever),
		cmocka_unit_test(test_awaited_next__strict_steps_have_their_order),
		cmocka_unit_test(test_awaited_came__the_lowest_number),
		cmocka_unit_test(test_awaited_add__is_bounded),
		cmocka_unit_test(test_awaited_add__too_many_brokers),
		cmocka_unit_test(test_awaited_add__no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

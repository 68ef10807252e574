/* What becomes of a step where several brokers share a ledger: each rule, in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ledger/settle.h"

#define STATUS 5u /* the column's number */

static const char *const status[] = { "PLACED", "PAID", "SHIPPED", "CANCELLED" };
static const uint64_t next[] = { 1 << 1 | 1 << 3, 1 << 2 | 1 << 3, 0, 0 };
static const struct entity_steps steps = { 4, status, 1 << 0, next };

/* A step from @before to @to, decided on revision @base. */
struct said {
	const char *before, *to;
	uint64_t base;
	const char *owner;
};

static enum settle settle(const struct said *said, const char *stands, uint64_t revision,
			  enum settle_resend resend, enum settle_lack lack)
{
	struct value value = {
		.column = STATUS, .type = VALUE_TEXT, .text = said->to, .len = strlen(said->to)
	};
	const struct record record = {
		.table = 1,
		.revision = said->base + 1,
		.before_column = STATUS,
		.before = { said->before, strlen(said->before) },
		.owner = { said->owner, said->owner ? strlen(said->owner) : 0 },
		.value_count = 1,
		.value = &value,
	};
	const struct settle_stands there = { .revision = revision,
					     .owner = { "ann", revision ? 3 : 0 },
					     .status = { stands, strlen(stands) } };

	return settle_step(&record, &steps, &there, resend, lack);
}

static void test_settle_step__what_was_decided_on_stands(void **state)
{
	const struct said first = { .before = "", .to = "PLACED", .owner = "ann" };
	const struct said ship = { .before = "PAID", .to = "SHIPPED", .base = 2 };

	(void)state;
	assert_int_equal(settle(&first, "", 0, SETTLE_UNASKED, SETTLE_MAY_COME), SETTLE_APPLIED);
	assert_int_equal(settle(&ship, "PAID", 2, SETTLE_UNASKED, SETTLE_MAY_COME), SETTLE_APPLIED);
	/* Whatever else of the row has moved. */
	assert_int_equal(settle(&ship, "PAID", 9, SETTLE_UNASKED, SETTLE_MAY_COME), SETTLE_APPLIED);
	assert_int_equal(settle(&ship, "PAID", 1, SETTLE_UNASKED, SETTLE_MAY_COME), SETTLE_APPLIED);
}

static void test_settle_step__waits_for_what_it_was_decided_on(void **state)
{
	const struct said ship = { .before = "PAID", .to = "SHIPPED", .base = 2 };

	(void)state;
	assert_int_equal(settle(&ship, "PLACED", 1, SETTLE_UNASKED, SETTLE_MAY_COME), SETTLE_WAITS);
	assert_int_equal(settle(&ship, "PLACED", 1, SETTLE_UNASKED, SETTLE_GONE), SETTLE_ASK);
	assert_int_equal(settle(&ship, "PLACED", 1, SETTLE_NEW, SETTLE_GONE), SETTLE_OVERRULED);
	/* Nothing is on its way where as many steps stand as it knew of. */
	assert_int_equal(settle(&ship, "CANCELLED", 2, SETTLE_UNASKED, SETTLE_MAY_COME),
			 SETTLE_ASK);
}

/* The journal that it comes from lost what it was decided on; nobody else has moved the entity. */
static void test_settle_step__behind_lost_steps(void **state)
{
	struct said ship = { .before = "PAID", .to = "SHIPPED", .base = 2 };

	(void)state;
	assert_int_equal(settle(&ship, "", 0, SETTLE_UNASKED, SETTLE_LOST), SETTLE_ASK);
	assert_int_equal(settle(&ship, "", 0, SETTLE_NEW, SETTLE_LOST), SETTLE_APPLIED);
	assert_int_equal(settle(&ship, "PLACED", 1, SETTLE_NEW, SETTLE_LOST), SETTLE_APPLIED);
	/* Another broker was first: no step leads there from here, or none is missing. */
	assert_int_equal(settle(&ship, "CANCELLED", 1, SETTLE_NEW, SETTLE_LOST), SETTLE_OVERRULED);
	assert_int_equal(settle(&ship, "PLACED", 2, SETTLE_NEW, SETTLE_LOST), SETTLE_OVERRULED);
	ship.owner = "bob";
	assert_int_equal(settle(&ship, "PLACED", 1, SETTLE_NEW, SETTLE_LOST), SETTLE_OVERRULED);
	ship = (struct said){ .before = "PLACED", .to = "PLACED", .base = 3 };
	assert_int_equal(settle(&ship, "PAID", 1, SETTLE_NEW, SETTLE_LOST), SETTLE_OVERRULED);
}

/* The bridge brought its first copy, so that it was decided as a repeat. */
static void test_settle_step__a_repeat_may_be_a_resend(void **state)
{
	const struct said again = { .before = "PAID", .to = "PAID", .base = 2 };

	(void)state;
	assert_int_equal(settle(&again, "PAID", 2, SETTLE_UNASKED, SETTLE_MAY_COME), SETTLE_ASK);
	assert_int_equal(settle(&again, "PAID", 2, SETTLE_RESEND, SETTLE_MAY_COME), SETTLE_DROPPED);
	assert_int_equal(settle(&again, "PAID", 2, SETTLE_NEW, SETTLE_MAY_COME), SETTLE_APPLIED);
}

static void test_settle_step__the_first_wins(void **state)
{
	const struct said cancel = { .before = "PAID", .to = "CANCELLED", .base = 2 };
	const struct said ship = { .before = "PAID", .to = "SHIPPED", .base = 2 };

	(void)state;
	assert_int_equal(settle(&cancel, "SHIPPED", 3, SETTLE_NEW, SETTLE_MAY_COME),
			 SETTLE_OVERRULED);
	assert_int_equal(settle(&ship, "CANCELLED", 3, SETTLE_NEW, SETTLE_MAY_COME),
			 SETTLE_OVERRULED);
}

static void test_settle_step__goes_on_from_what_stands(void **state)
{
	const struct said cancel = { .before = "PLACED", .to = "CANCELLED", .base = 1 };

	(void)state;
	assert_int_equal(settle(&cancel, "PAID", 2, SETTLE_NEW, SETTLE_MAY_COME), SETTLE_APPLIED);
}

static void test_settle_step__says_what_stands(void **state)
{
	const struct said ship = { .before = "PAID", .to = "SHIPPED", .base = 2 };

	(void)state;
	assert_int_equal(settle(&ship, "SHIPPED", 3, SETTLE_NEW, SETTLE_MAY_COME), SETTLE_KEPT);
}

static void test_settle_step__a_resend_is_dropped(void **state)
{
	const struct said ship = { .before = "PAID", .to = "SHIPPED", .base = 2 };
	const struct said cancel = { .before = "PLACED", .to = "CANCELLED", .base = 1 };

	(void)state;
	assert_int_equal(settle(&ship, "SHIPPED", 3, SETTLE_RESEND, SETTLE_MAY_COME),
			 SETTLE_DROPPED);
	assert_int_equal(settle(&cancel, "PAID", 2, SETTLE_RESEND, SETTLE_MAY_COME),
			 SETTLE_DROPPED);
	/* One that fits is a step of its own. */
	assert_int_equal(settle(&ship, "PAID", 2, SETTLE_RESEND, SETTLE_MAY_COME), SETTLE_APPLIED);
}

/* Two clients made the same order at two brokers: the first has it. */
static void test_settle_step__the_first_owner_stays(void **state)
{
	const struct said bobs = { .before = "", .to = "PLACED", .owner = "bob" };
	const struct said anns = { .before = "", .to = "PLACED", .owner = "ann" };
	const struct said pays = { .before = "PLACED", .to = "PAID", .base = 1, .owner = "bob" };

	(void)state;
	assert_int_equal(settle(&bobs, "PLACED", 1, SETTLE_NEW, SETTLE_MAY_COME), SETTLE_OVERRULED);
	assert_int_equal(settle(&anns, "PLACED", 1, SETTLE_NEW, SETTLE_MAY_COME), SETTLE_KEPT);
	assert_int_equal(settle(&pays, "PLACED", 1, SETTLE_NEW, SETTLE_MAY_COME), SETTLE_OVERRULED);
}

static void test_settle_step__what_is_put_right_is_applied(void **state)
{
	const struct settle_stands stands = { .revision = 9, .status = { "SHIPPED", 7 } };
	struct record record = { .table = 1,
				 .revision = 3,
				 .before_column = STATUS,
				 .before = { "PAID", 4 },
				 .is_correction = true };

	(void)state;
	assert_int_equal(settle_step(&record, &steps, &stands, SETTLE_UNASKED, SETTLE_MAY_COME),
			 SETTLE_APPLIED);
	/* What it puts right is another broker's, and on its way: that would be overruled. */
	record.revision = 11;
	assert_int_equal(settle_step(&record, &steps, &stands, SETTLE_UNASKED, SETTLE_MAY_COME),
			 SETTLE_WAITS);
	assert_int_equal(settle_step(&record, &steps, &stands, SETTLE_UNASKED, SETTLE_GONE),
			 SETTLE_APPLIED);
	record.revision = 3;
	record.is_correction = false;
	record.is_adopted = true;
	assert_int_equal(settle_step(&record, &steps, &stands, SETTLE_UNASKED, SETTLE_MAY_COME),
			 SETTLE_APPLIED);
	record.is_adopted = false;
	record.is_taken_over = true;
	assert_int_equal(settle_step(&record, &steps, &stands, SETTLE_UNASKED, SETTLE_MAY_COME),
			 SETTLE_APPLIED);
	record.is_taken_over = false;
	assert_int_equal(settle_step(&record, &steps, &stands, SETTLE_UNASKED, SETTLE_GONE),
			 SETTLE_ASK);
	record.before_column = 0; /* it moves no status */
	assert_int_equal(settle_step(&record, NULL, &stands, SETTLE_UNASKED, SETTLE_MAY_COME),
			 SETTLE_APPLIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settle_step__what_was_decided_on_stands),
		cmocka_unit_test(test_settle_step__waits_for_what_it_was_decided_on),
		cmocka_unit_test(test_settle_step__behind_lost_steps),
		cmocka_unit_test(test_settle_step__a_repeat_may_be_a_resend),
		cmocka_unit_test(test_settle_step__the_first_wins),
		cmocka_unit_test(test_settle_step__goes_on_from_what_stands),
		cmocka_unit_test(test_settle_step__says_what_stands),
		cmocka_unit_test(test_settle_step__a_resend_is_dropped),
		cmocka_unit_test(test_settle_step__the_first_owner_stays),
		cmocka_unit_test(test_settle_step__what_is_put_right_is_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

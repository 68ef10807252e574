/* Which topics wait to be retained again, and which delivery is a repair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "broker/repairs.h"

#define SECOND INT64_C(1000000000)

static const char here[] = "here", there[] = "there"; /* readers are compared only */

static struct repairs *make(bool is_immediate)
{
	struct repairs *repairs = NULL;
	struct diag diag;

	assert_int_equal(repairs_new(is_immediate, &repairs, &diag), 0);
	return repairs;
}

static struct repairs_topic topic(const char *text, const void *reader)
{
	return (struct repairs_topic){ .topic = text, .len = strlen(text), .reader = reader };
}

static struct message message(const char *text, const char *payload)
{
	return (struct message){ .topic = text,
				 .topic_len = strlen(text),
				 .payload = payload,
				 .payload_len = strlen(payload),
				 .is_retained = true };
}

static void test_repairs_add__in_their_order(void **state)
{
	struct repairs *r = make(true);
	struct repairs_topic a = topic("a", NULL), b = topic("b", here), next;

	(void)state;
	assert_false(repairs_is_active(r));
	assert_false(repairs_next(r, 0, &next));
	assert_true(repairs_add(r, &a, 7));
	assert_true(repairs_add(r, &a, 7)); /* for each who is asked */
	assert_true(repairs_add(r, &b, 7));
	assert_true(repairs_is_active(r));
	assert_int_equal(repairs_waiting(r), 2);
	assert_true(repairs_next(r, 0, &next));
	assert_string_equal(next.topic, "a");
	repairs_put_off(r);
	assert_true(repairs_next(r, 0, &next));
	assert_string_equal(next.topic, "b");
	assert_ptr_equal(next.reader, here);
	repairs_done(r);
	repairs_done(r);
	assert_int_equal(repairs_waiting(r), 0);
	repairs_round(r, 7, SECOND);
	assert_false(repairs_is_active(r));
	repairs_free(r);
	repairs_free(NULL);
}

static void test_repairs_add__keeps_its_bounds(void **state)
{
	struct repairs *r = make(true);
	struct repairs_topic one;
	char text[16];
	unsigned own = 0, all;

	(void)state;
	for (unsigned i = 0; i < 2 * REPAIRS_WAITING; i++) {
		(void)snprintf(text, sizeof(text), "%u", i);
		one = topic(text, here);
		own += repairs_add(r, &one, 0);
	}
	assert_int_equal(own, REPAIRS_OF_ONE);
	all = own;
	for (unsigned i = 0; i < 2 * REPAIRS_WAITING; i++) {
		(void)snprintf(text, sizeof(text), "%u", i);
		one = topic(text, NULL);
		all += repairs_add(r, &one, 0);
	}
	assert_int_equal(all, REPAIRS_WAITING);
	repairs_free(r);
}

/* Until now nothing was noted, so that all has to be in the database; then what is noted. */
static void test_repairs_is_current__waits_for_the_database(void **state)
{
	struct repairs *r = make(true);

	(void)state;
	repairs_begin_scan(r, 10);
	assert_false(repairs_is_current(r, "a", 1, 9));
	assert_true(repairs_is_current(r, "a", 1, 10));
	repairs_note(r, "a", 1, 12);
	assert_false(repairs_is_current(r, "a", 1, 11));
	assert_true(repairs_is_current(r, "b", 1, 11));
	assert_true(repairs_is_current(r, "a", 1, 12));
	repairs_free(r);
}

static void test_repairs_find__the_first_of_its_bytes(void **state)
{
	struct repairs *r = make(false);
	char first[] = "x", second[] = "x";
	struct message repair = message("t", "x"), one = message("t", first);
	struct message other = message("t", second), else_ = message("u", "x");

	(void)state;
	repairs_begin_scan(r, 0);
	repairs_round(r, 0, SECOND);
	assert_true(repairs_publish(r, &repair, NULL, 0));
	assert_false(repairs_publish(r, &repair, there, 0)); /* once, but for one more */
	assert_int_equal(repairs_find(r, &else_, here), REPAIRS_OTHER);
	assert_int_equal(repairs_find(r, &one, here), REPAIRS_SILENT);
	assert_int_equal(repairs_find(r, &one, there), REPAIRS_OWED);
	assert_int_equal(repairs_find(r, &other, here), REPAIRS_OTHER);
	assert_int_equal(repairs_find(r, &one, here), REPAIRS_SILENT);
	repairs_handed_out(r);
	assert_int_equal(repairs_find(r, &one, here), REPAIRS_OTHER);
	repairs_free(r);
}

static void test_repairs_find_stored__refused_once(void **state)
{
	struct repairs *r = make(false);
	char first[] = "text", second[] = "text";
	struct message stored = message("a", first), repair = message("a", second);

	(void)state;
	repairs_begin_scan(r, 0);
	assert_int_equal(repairs_find_stored(r, &stored, here), REPAIRS_OTHER);
	repairs_round(r, 0, SECOND);
	assert_true(repairs_publish(r, &repair, NULL, 0));
	/* One of the two, which overlapping subscriptions are given twice; then the other one. */
	assert_int_equal(repairs_find_stored(r, &stored, here), REPAIRS_SILENT);
	assert_int_equal(repairs_find_stored(r, &stored, here), REPAIRS_SILENT);
	assert_int_equal(repairs_find(r, &repair, there), REPAIRS_SILENT);
	assert_int_equal(repairs_find_stored(r, &repair, here), REPAIRS_OWED);
	assert_int_equal(repairs_find(r, &repair, here), REPAIRS_OWED);
	repairs_round(r, 0, 2 * SECOND);
	assert_true(repairs_publish(r, &repair, NULL, 0));
	/* The repair itself, to one who is given nothing that is there. */
	assert_int_equal(repairs_find_stored(r, &repair, here), REPAIRS_SILENT);
	assert_int_equal(repairs_find(r, &repair, here), REPAIRS_SILENT);
	repairs_handed_out(r);
	assert_int_equal(repairs_find_stored(r, &stored, here), REPAIRS_OTHER);
	repairs_free(r);
}

static void test_repairs_publish_for_all(void **state)
{
	struct repairs *r = make(false);
	struct message one = message("t", "x");

	(void)state;
	one.is_retained = false;
	repairs_round(r, 0, SECOND);
	assert_true(repairs_publish_for_all(r, &one, 0));
	assert_true(repairs_is_active(r));
	assert_int_equal(repairs_find(r, &one, here), REPAIRS_FOR_ALL);
	repairs_note(r, "t", 1, 1);
	repairs_round(r, 1, 2 * SECOND); /* nothing is retained that could be wrong */
	assert_int_equal(repairs_waiting(r), 0);
	assert_false(repairs_is_active(r));
	repairs_free(r);
}

/* Whom there is no room for gets all that is repaired until the end. */
static void test_repairs_follow__until_the_scan_is_over(void **state)
{
	static char many[REPAIRS_FOLLOWERS];
	struct repairs *r = make(true);
	struct message one = message("t", "x"), two = message("u", "x");

	(void)state;
	assert_false(repairs_follow(r, here));
	repairs_begin_scan(r, 0);
	repairs_round(r, 0, SECOND);
	assert_true(repairs_follow(r, here));
	assert_true(repairs_publish(r, &one, NULL, 0));
	repairs_end_scan(r); /* and what it published last is on its way */
	assert_int_equal(repairs_find(r, &one, here), REPAIRS_OWED);
	assert_int_equal(repairs_find(r, &one, there), REPAIRS_SILENT);
	repairs_begin_scan(r, 0);
	repairs_end_scan(r);
	repairs_round(r, 0, 2 * SECOND);
	repairs_begin_scan(r, 0);
	assert_true(repairs_publish(r, &two, NULL, 0));
	assert_int_equal(repairs_find(r, &two, here), REPAIRS_SILENT);
	for (size_t i = 0; i < REPAIRS_FOLLOWERS; i++)
		assert_true(repairs_follow(r, &many[i]));
	assert_true(repairs_follow(r, &many[0]));
	assert_false(repairs_follow(r, there));
	repairs_free(r);
}

static void test_repairs_find__nothing_lies_nowhere(void **state)
{
	struct repairs *r = make(false);
	struct message clear = message("t", "");

	(void)state;
	clear.payload = NULL;
	repairs_begin_scan(r, 0);
	repairs_round(r, 0, SECOND);
	assert_true(repairs_publish(r, &clear, NULL, 3));
	assert_int_equal(repairs_find(r, &clear, here), REPAIRS_SILENT);
	repairs_note(r, "t", 1, 4);
	assert_int_equal(repairs_find(r, &clear, here), REPAIRS_OTHER);
	repairs_free(r);
}

/* 2.1 serves clients before it hands out: what was accepted meanwhile is newer. */
static void test_repairs_round__overtaken_waits_again(void **state)
{
	for (int is_immediate = 0; is_immediate < 2; is_immediate++) {
		struct repairs *r = make(is_immediate);
		struct message repair = message("t", "x"), other = message("u", "x");
		struct repairs_topic next;

		repairs_begin_scan(r, 3);
		repairs_round(r, 3, SECOND);
		assert_true(repairs_publish(r, &repair, NULL, 3));
		assert_true(repairs_publish(r, &other, NULL, 3));
		repairs_note(r, "t", 1, 4);
		repairs_round(r, 4, 2 * SECOND);
		assert_int_equal(repairs_waiting(r), !is_immediate);
		if (repairs_next(r, 0, &next))
			assert_string_equal(next.topic, "t");
		repairs_free(r);
	}
	(void)state;
}

static void test_repairs_publish__so_many_a_second(void **state)
{
	struct repairs *r = make(true);
	unsigned count = 0;
	char text[16];

	(void)state;
	repairs_begin_scan(r, 0);
	for (int tick = 0; tick <= 20; tick++) { /* of 100 ms */
		repairs_round(r, 0, SECOND + tick * SECOND / 10);
		for (unsigned i = 0; repairs_budget(r) > 0; i++) {
			struct message one = message("t", text);

			(void)snprintf(text, sizeof(text), "%u", i);
			one.payload_len = strlen(text);
			assert_true(repairs_publish(r, &one, NULL, 0));
			count++;
		}
	}
	assert_int_equal(count, REPAIRS_A_ROUND + 2 * REPAIRS_A_SECOND);
	repairs_free(r);
}

static void test_repairs__survive_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct message repair = message("t", "x");
		struct repairs_topic a = topic("a", NULL);
		struct repairs *r = NULL;
		struct diag diag;

		failalloc_start(n);
		if (repairs_new(true, &r, &diag) == 0) {
			(void)repairs_add(r, &a, 0);
			repairs_round(r, 0, SECOND);
			(void)repairs_publish(r, &repair, here, 0);
		}
		repairs_free(r);
		if (!failalloc_stop())
			break;
	}
}

/* News for all readers are another matter than the same topic for the broker's memory. */
static void test_repairs_add__for_all(void **state)
{
	struct repairs *repairs = NULL;
	struct repairs_topic topic = { .topic = "t", .len = 1, .is_for_all = true }, other = topic;
	struct repairs_topic next;
	struct diag diag;

	(void)state;
	assert_int_equal(repairs_new(true, &repairs, &diag), 0);
	other.is_for_all = false;
	assert_true(repairs_add(repairs, &topic, 1));
	assert_true(repairs_add(repairs, &other, 1));
	assert_true(repairs_add(repairs, &topic, 1)); /* it waits already */
	assert_int_equal(repairs_waiting(repairs), 2);
	assert_true(repairs_next(repairs, 0, &next));
	assert_true(next.is_for_all);
	assert_true(repairs_next(repairs, 1, &next));
	assert_false(next.is_for_all);
	assert_false(repairs_next(repairs, 2, &next));
	repairs_put_off(repairs);
	assert_true(repairs_add(repairs, &topic, 1)); /* it waits yet */
	assert_int_equal(repairs_waiting(repairs), 2);
	repairs_done(repairs);
	assert_true(repairs_next(repairs, 0, &next));
	assert_true(next.is_for_all);
	repairs_done(repairs);
	assert_true(repairs_add(repairs, &topic, 1));
	assert_int_equal(repairs_waiting(repairs), 1);
	repairs_free(repairs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repairs_add__for_all),
		cmocka_unit_test(test_repairs_add__in_their_order),
		cmocka_unit_test(test_repairs_add__keeps_its_bounds),
		cmocka_unit_test(test_repairs_is_current__waits_for_the_database),
		cmocka_unit_test(test_repairs_find__the_first_of_its_bytes),
		cmocka_unit_test(test_repairs_find_stored__refused_once),
		cmocka_unit_test(test_repairs_publish_for_all),
		cmocka_unit_test(test_repairs_follow__until_the_scan_is_over),
		cmocka_unit_test(test_repairs_find__nothing_lies_nowhere),
		cmocka_unit_test(test_repairs_round__overtaken_waits_again),
		cmocka_unit_test(test_repairs_publish__so_many_a_second),
		cmocka_unit_test(test_repairs__survive_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

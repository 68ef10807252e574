/* What crosses between brokers of one database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "broker/crossings.h"
#include "failalloc.h"

static struct crossings *made(void)
{
	struct crossings *crossings = NULL;
	struct diag diag;

	assert_int_equal(crossings_new(&crossings, &diag), 0);
	return crossings;
}

static void test_crossings_meet__once_by_whatever_way(void **state)
{
	struct crossings *c = made();
	const char one, other;

	(void)state;
	assert_false(crossings_meet(c, "a", 1, &one, 1));
	assert_true(crossings_meet(c, "a", 1, &one, 1));
	assert_true(crossings_meet(c, "a", 1, &other, 1));
	assert_false(crossings_meet(c, "b", 1, &other, 1));
	assert_false(crossings_meet(c, "a", -1, &other, 0));
	assert_true(crossings_meet(c, "a", -1, &one, 0));
	crossings_free(c);
}

/* The broker's own duplicate at QoS 2 has to reach the broker. */
static void test_crossings_meet__qos_2_comes_again_the_same_way(void **state)
{
	struct crossings *c = made();
	const char one, other;

	(void)state;
	assert_false(crossings_meet(c, "a", 7, &one, 2));
	assert_false(crossings_meet(c, "a", 7, &one, 2));
	assert_true(crossings_meet(c, "a", 7, &other, 2));
	crossings_free(c);
}

/* A message on @topic, the @sequence'th of @origin, after which its entity has @revision. */
static struct crossings_delivery said(const char *topic, const char *origin, int64_t sequence,
				      uint64_t revision)
{
	return (struct crossings_delivery){ .topic = topic,
					    .len = strlen(topic),
					    .origin = origin,
					    .sequence = sequence,
					    .revision = revision };
}

static void deliver(struct crossings *c, const char *origin, int64_t sequence, uint64_t revision,
		    int64_t written_ns)
{
	struct crossings_delivery delivery = said("orders/1", origin, sequence, revision);

	delivery.written_ns = written_ns;
	crossings_deliver(c, &delivery);
}

static enum crossings_settled settle(struct crossings *c, const char *origin, int64_t sequence,
				     uint64_t revision)
{
	const struct crossings_delivery event = said("orders/1", origin, sequence, revision);

	return crossings_settle(c, &event, 1000);
}

static void test_crossings_deliver__the_highest_counts(void **state)
{
	struct crossings *c = made();

	(void)state;
	assert_int_equal(crossings_delivered(c, "orders/1", 8), 0);
	deliver(c, "a", 1, 4, 0);
	deliver(c, "a", 2, 3, 0);
	deliver(c, "a", 3, 0, 0);
	assert_int_equal(crossings_delivered(c, "orders/1", 8), 4);
	assert_int_equal(crossings_delivered(c, "orders/2", 8), 0);
	assert_false(crossings_has_written(c, "orders/1", 8, 1));
	crossings_free(c);
}

static void test_crossings_has_written__for_a_while(void **state)
{
	struct crossings *c = made();

	(void)state;
	deliver(c, "a", 1, 0, 1000);
	assert_true(crossings_has_written(c, "orders/1", 8, 1000 + CROSSINGS_NS - 1));
	assert_false(crossings_has_written(c, "orders/1", 8, 1000 + CROSSINGS_NS));
	assert_false(crossings_has_written(c, "orders/2", 8, 1000));
	crossings_free(c);
}

/* What a bridge brought in the order of the database is said once. */
static void test_crossings_settle__in_order_all_agree(void **state)
{
	struct crossings *c = made();

	(void)state;
	assert_int_equal(settle(c, "a", 1, 1), CROSSINGS_AGREES); /* a bridge will bring it */
	for (int64_t i = 1; i <= 3; i++) {
		assert_false(crossings_meet(c, "a", i, NULL, 1));
		deliver(c, "a", i, (uint64_t)i, 0);
	}
	deliver(c, "here", 1, 4, 0);
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(settle(c, "a", i, (uint64_t)i), CROSSINGS_AGREES);
	assert_int_equal(crossings_delivered(c, "orders/1", 8), 4);
	crossings_free(c);
}

/* Each decided on revision 2; the other one's, which was dropped here, settled on top of this. */
static void test_crossings_settle__on_top_of_what_was_delivered(void **state)
{
	struct crossings *c = made();

	(void)state;
	deliver(c, "here", 7, 3, 900);
	assert_true(crossings_has_written(c, "orders/1", 8, 1000));
	assert_int_equal(settle(c, "b", 5, 4), CROSSINGS_OPEN); /* no bridge brought it yet */
	assert_false(crossings_meet(c, "b", 5, NULL, 1));
	assert_true(crossings_has_met(c, crossings_key(c, "b", 5)));
	assert_int_equal(settle(c, "b", 5, 4), CROSSINGS_DIFFERS);
	crossings_stand(c, "orders/1", 8);
	assert_int_equal(settle(c, "b", 5, 4), CROSSINGS_AGREES);
	assert_int_equal(crossings_delivered(c, "orders/1", 8), 4);
	assert_false(crossings_meet(c, "b", 6, NULL, 1));
	assert_int_equal(settle(c, "b", 6, 5), CROSSINGS_DIFFERS); /* it came behind what stood */
	crossings_free(c);
}

/* What was delivered last has another revision than its broker said: others go by that. */
static void test_crossings_settle__another_revision_than_was_said(void **state)
{
	struct crossings *c = made();

	(void)state;
	assert_false(crossings_meet(c, "a", 1, NULL, 1));
	assert_false(crossings_meet(c, "b", 1, NULL, 1));
	deliver(c, "b", 1, 3, 0);
	assert_int_equal(settle(c, "b", 1, 4), CROSSINGS_AGREES);
	assert_int_equal(settle(c, "a", 1, 3), CROSSINGS_AGREES);
	assert_int_equal(crossings_delivered(c, "orders/1", 8), 4);
	deliver(c, "b", 2, 9, 0);
	assert_int_equal(settle(c, "b", 2, 5), CROSSINGS_AGREES);
	assert_int_equal(crossings_delivered(c, "orders/1", 8), 5);
	crossings_free(c);
}

/* A broker that ends hands out no will, so that no bridge brings it. */
static void test_crossings_settle__a_will(void **state)
{
	struct crossings *c = made();
	struct crossings_delivery will = said("orders/1", "a", 2, 0);

	(void)state;
	will.is_will = true;
	assert_int_equal(crossings_settle(c, &will, 1000), CROSSINGS_AGREES); /* not of here */
	deliver(c, "a", 1, 0, 0);
	assert_int_equal(crossings_settle(c, &will, 1000), CROSSINGS_OPEN);
	assert_false(crossings_is_last(c, &will));
	assert_false(crossings_meet(c, "a", 2, NULL, 1));
	deliver(c, "a", 2, 0, 0);
	assert_int_equal(crossings_settle(c, &will, 1000), CROSSINGS_AGREES);
	assert_true(crossings_is_last(c, &will));
	deliver(c, "a", 3, 0, 0);
	assert_int_equal(crossings_settle(c, &will, 1000), CROSSINGS_AGREES);
	assert_false(crossings_is_last(c, &will));
	crossings_free(c);
}

/* It waits for a bridge, whatever the database has told by then. */
static bool has_all(void *ctx, const char *origin, int64_t sequence)
{
	(void)ctx;
	return origin[0] && sequence > 0;
}

static void test_crossings_due__a_bridge_has_its_time(void **state)
{
	struct crossings *c = made();
	const struct crossings_topic topic = { .topic = "orders/1",
					       .len = 8,
					       .origin = "a",
					       .sequence = 5,
					       .until_ns = 100,
					       .is_settled = true,
					       .revision = 4 };
	struct crossings_topic due;

	(void)state;
	assert_true(crossings_wait(c, &topic));
	assert_false(crossings_due(c, has_all, NULL, 99, &due));
	assert_true(crossings_due(c, has_all, NULL, 100, &due));
	assert_int_equal(due.revision, 4);
	crossings_free(c);
}

static bool has_heard(void *ctx, const char *origin, int64_t sequence)
{
	return strcmp(origin, "a") == 0 && sequence <= *(const int64_t *)ctx;
}

static void test_crossings_due__when_it_was_heard_or_late(void **state)
{
	struct crossings *c = made();
	struct crossings_topic topic = {
		.topic = "orders/1xyz", .len = 8, .origin = "a", .sequence = 5, .until_ns = 100
	};
	struct crossings_topic due;
	int64_t heard = 4;

	(void)state;
	assert_true(crossings_wait(c, &topic));
	assert_true(crossings_wait(c, &topic)); /* which is one */
	topic.origin = "b";
	assert_true(crossings_wait(c, &topic));
	assert_false(crossings_due(c, has_heard, &heard, 99, &due));
	heard = 5;
	assert_true(crossings_due(c, has_heard, &heard, 99, &due));
	assert_string_equal(due.topic, "orders/1");
	assert_int_equal(due.len, 8);
	assert_false(crossings_due(c, has_heard, &heard, 99, &due));
	assert_true(crossings_due(c, has_heard, &heard, 100, &due));
	assert_string_equal(due.origin, "b");
	assert_false(crossings_due(c, has_heard, &heard, 100, &due));
	crossings_free(c);
}

static void stand(struct crossings *c)
{
	crossings_stand(c, "orders/1", 8);
}

static bool lacks(struct crossings *c, const char *origin, int64_t sequence, uint64_t revision,
		  int64_t heard_ns)
{
	return crossings_lacks(c, "orders/1", 8, crossings_key(c, origin, sequence), revision,
			       heard_ns);
}

/* What stood, as the database said it later, is what the topic has. */
static void test_crossings_lacks__an_entity(void **state)
{
	struct crossings *c = made();

	(void)state;
	assert_true(lacks(c, "b", 5, 1, 0)); /* nothing came */
	deliver(c, "b", 5, 3, 0);
	assert_false(lacks(c, "b", 5, 4, 0)); /* as the database settled it */
	assert_false(lacks(c, "b", 4, 2, 0));
	assert_true(lacks(c, "b", 6, 4, 0));
	assert_int_equal(settle(c, "b", 6, 4), CROSSINGS_AGREES);
	stand(c);
	assert_false(lacks(c, "b", 6, 4, 0));
	crossings_hear(c, "orders/1", 8);
	assert_false(lacks(c, "b", 6, 4, 0));
	assert_true(lacks(c, "b", 7, 5, 0));
	crossings_free(c);
}

static void test_crossings_lacks__without_a_revision(void **state)
{
	struct crossings *c = made();

	(void)state;
	assert_true(lacks(c, "b", 5, 0, 100));
	deliver(c, "a", 1, 0, 100);
	assert_true(lacks(c, "b", 5, 0, 100));
	deliver(c, "a", 1, 0, 101); /* this broker's own, after it */
	assert_false(lacks(c, "b", 5, 0, 100));
	deliver(c, "b", 5, 0, 0);
	assert_false(lacks(c, "b", 5, 0, 200));
	stand(c);
	assert_false(lacks(c, "b", 6, 0, 200));
	crossings_hear(c, "orders/1", 8);
	assert_true(lacks(c, "b", 6, 0, 200));
	crossings_free(c);
}

static void test_crossings_is_standing__until_something_comes(void **state)
{
	struct crossings *c = made();

	(void)state;
	assert_false(crossings_is_standing(c, "orders/1", 8));
	stand(c);
	assert_true(crossings_is_standing(c, "orders/1", 8));
	crossings_retain(c, "orders/1", 8); /* the same */
	assert_true(crossings_is_standing(c, "orders/1", 8));
	deliver(c, "b", 5, 3, 0);
	assert_false(crossings_is_standing(c, "orders/1", 8));
	stand(c);
	crossings_hear(c, "orders/1", 8);
	assert_false(crossings_is_standing(c, "orders/1", 8));
	crossings_free(c);
}

/* What a bridge brought, and the database's older message replaced, is said again when heard. */
static void test_crossings_retain__something_older(void **state)
{
	struct crossings *c = made();
	const uint64_t revisions[] = { 3, 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_false(crossings_meet(c, "b", 5 + i, NULL, 1));
		deliver(c, "b", 5 + i, revisions[i], 0);
		crossings_retain(c, "orders/1", 8);
		assert_int_equal(settle(c, "b", 5 + i, revisions[i]), CROSSINGS_DIFFERS);
		stand(c);
	}
	crossings_retain(c, "orders/2", 8);
	assert_false(crossings_is_standing(c, "orders/2", 8));
	crossings_free(c);
}

static void test_crossings_pass__it_came_before(void **state)
{
	struct crossings *c = made();
	const char path;

	(void)state;
	crossings_pass(c, crossings_key(c, "b", 5));
	assert_true(crossings_meet(c, "b", 5, &path, 1));
	assert_true(crossings_meet(c, "b", 5, &path, 2));
	assert_false(crossings_meet(c, "b", 6, &path, 1));
	crossings_free(c);
}

/* The database is away: what waits to hear of it waits on; what waits for a bridge does not. */
static void test_crossings_put_off__until_it_is_heard(void **state)
{
	struct crossings *c = made();
	struct crossings_topic due;
	int64_t heard = 0;
	const struct crossings_topic waits = {
		.topic = "orders/1", .len = 8, .origin = "a", .sequence = 5, .until_ns = 100
	};
	struct crossings_topic bridged = waits;

	(void)state;
	bridged.is_settled = true;
	assert_true(crossings_wait(c, &waits));
	assert_true(crossings_wait(c, &bridged));
	crossings_put_off(c, 300);
	assert_true(crossings_due(c, has_heard, &heard, 299, &due));
	assert_true(due.is_settled);
	assert_false(crossings_due(c, has_heard, &heard, 299, &due));
	heard = 5;
	assert_true(crossings_due(c, has_heard, &heard, 299, &due));
	assert_int_equal(due.sequence, 5);
	crossings_free(c);
}

static void test_crossings_wait__is_bounded(void **state)
{
	struct crossings *c = made();
	struct crossings_topic topic = { .topic = "t", .len = 1, .origin = "a" };

	(void)state;
	for (unsigned i = 0; i < CROSSINGS_WAITING; i++) {
		topic.sequence = i;
		assert_true(crossings_wait(c, &topic));
	}
	topic.sequence = -1;
	assert_false(crossings_wait(c, &topic));
	crossings_free(c);
}

static void test_crossings_new__no_memory(void **state)
{
	struct crossings *c = NULL;
	struct crossings_topic topic = { .topic = "t", .len = 1, .origin = "a" };
	struct diag diag;

	(void)state;
	failalloc_start(1);
	assert_int_equal(crossings_new(&c, &diag), ERR_NOMEM);
	assert_true(failalloc_stop());
	c = made();
	failalloc_start(1);
	assert_false(crossings_wait(c, &topic));
	assert_true(failalloc_stop());
	crossings_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crossings_meet__once_by_whatever_way),
		cmocka_unit_test(test_crossings_meet__qos_2_comes_again_the_same_way),
		cmocka_unit_test(test_crossings_deliver__the_highest_counts),
		cmocka_unit_test(test_crossings_has_written__for_a_while),
		cmocka_unit_test(test_crossings_settle__in_order_all_agree),
		cmocka_unit_test(test_crossings_settle__on_top_of_what_was_delivered),
		cmocka_unit_test(test_crossings_settle__another_revision_than_was_said),
		cmocka_unit_test(test_crossings_settle__a_will),
		cmocka_unit_test(test_crossings_due__a_bridge_has_its_time),
		cmocka_unit_test(test_crossings_due__when_it_was_heard_or_late),
		cmocka_unit_test(test_crossings_lacks__an_entity),
		cmocka_unit_test(test_crossings_lacks__without_a_revision),
		cmocka_unit_test(test_crossings_is_standing__until_something_comes),
		cmocka_unit_test(test_crossings_retain__something_older),
		cmocka_unit_test(test_crossings_pass__it_came_before),
		cmocka_unit_test(test_crossings_put_off__until_it_is_heard),
		cmocka_unit_test(test_crossings_wait__is_bounded),
		cmocka_unit_test(test_crossings_new__no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

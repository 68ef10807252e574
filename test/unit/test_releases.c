/* Which QoS 2 messages may still be handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "broker/releases.h"

static struct releases *make(void)
{
	struct releases *releases = NULL;
	struct diag diag;

	assert_int_equal(releases_new(&releases, &diag), 0);
	return releases;
}

static struct message message(const char *payload, unsigned qos, bool is_retained)
{
	return (struct message){ .topic = "orders/1/status",
				 .topic_len = 15,
				 .payload = payload,
				 .payload_len = strlen(payload),
				 .qos = qos,
				 .is_retained = is_retained };
}

static void test_releases_in_order__serves_who_does_not_wait(void **state)
{
	struct releases *releases = make();
	struct message a = message("a", 2, false), b = message("b", 2, false);
	struct message c = message("c", 2, false);

	(void)state;
	releases_accepted(releases, 1, "eva", &a);
	releases_accepted(releases, 1, "eva", &b);
	releases_accepted(releases, 1, "eva", &c);
	assert_true(releases_in_order(releases, 1, &a));
	assert_true(releases_in_order(releases, 1, &a)); /* another subscriber */
	assert_true(releases_in_order(releases, 1, &b));
	assert_false(releases_in_order(releases, 1, &a));
	assert_true(releases_hand_out(releases, 1, &c));
	assert_true(releases_hand_out(releases, 1, &c));
	assert_false(
		releases_hand_out(releases, 1, &b)); /* that it may say the same is no excuse */
	assert_false(releases_in_order(releases, 1, &b));
	/* another entity, and what is not known */
	assert_false(releases_in_order(releases, 2, &c));
	a.payload = "x";
	assert_false(releases_in_order(releases, 1, &a));
	releases_free(releases);
	releases_free(NULL);
}

/* A key as gate_entity_key() makes them: they fill all of the table alike. */
static uint64_t entity(uint64_t number)
{
	return number * UINT64_C(0x9e3779b97f4a7c15);
}

static void test_releases_accepted__keeps_its_bounds(void **state)
{
	struct releases *releases = make();
	struct message held = message("held", 2, true);
	char text[16];

	(void)state;
	releases_accepted(releases, entity(1), "eva", &held);
	for (unsigned i = 0; i < RELEASES_OPEN; i++) {
		struct message other;

		(void)snprintf(text, sizeof(text), "%u", i);
		other = message(text, 2, true);
		releases_accepted(releases, entity(1), "eva", &other);
		assert_true(releases_in_order(releases, entity(1), &other));
	}
	/* forgotten: refused */
	assert_false(releases_in_order(releases, entity(1), &held));
	assert_int_equal(releases_hand_out(releases, entity(1), &held), RELEASES_UNKNOWN);
	for (uint64_t key = 2; key < 4 * RELEASES_ENTITIES; key++)
		releases_accepted(releases, entity(key), "eva", &held);
	assert_false(releases_in_order(releases, entity(1), &held));
	releases_free(releases);
}

/* Whoever publishes about many entities makes others' messages no less known. */
static void test_releases_accepted__who_floods_loses_its_own(void **state)
{
	enum { OTHERS = 8 };
	struct releases *releases = make();
	struct message first = message("a", 2, false), second = message("b", 2, false);

	(void)state;
	for (uint64_t key = 1; key <= OTHERS; key++) {
		releases_accepted(releases, entity(key), "tom", &first);
		releases_accepted(releases, entity(key), "tom", &second);
	}
	for (uint64_t key = 1000; key < 1000 + 4 * RELEASES_ENTITIES; key++)
		releases_accepted(releases, entity(key), "eva", &first);
	for (uint64_t key = 1; key <= OTHERS; key++)
		assert_true(releases_in_order(releases, entity(key), &first));
	releases_free(releases);
}

static void accept(struct releases *releases, const struct message *message, const void *publisher)
{
	releases_accepted(releases, 1, "eva", message);
	releases_hold(releases, 1, publisher, message, 5);
}

/* The same bytes came over a bridge, so that they overtook this broker's own. */
static void test_releases_stand__is_right_as_a_retained_message(void **state)
{
	struct releases *releases = make();
	struct message own = message("a", 2, true), others = message("a", 1, true);
	struct message other = message("b", 2, true), newer = message("c", 1, true);

	(void)state;
	releases_stand(releases, 1, &own); /* it is not remembered */
	assert_int_equal(releases_hand_out(releases, 1, &own), RELEASES_UNKNOWN);
	releases_accepted(releases, 1, "eva", &own);
	releases_accepted(releases, 1, "peer", &others);
	assert_int_equal(releases_hand_out(releases, 1, &own), RELEASES_LATE);
	assert_false(releases_is_replaced(releases, 1, &own));
	releases_stand(releases, 1, &other);
	assert_false(releases_is_replaced(releases, 1, &own));
	releases_stand(releases, 1, &own);
	assert_true(releases_is_replaced(releases, 1, &own));
	/* Not once more for those who were there, and not once something newer was accepted. */
	assert_int_equal(releases_hand_out(releases, 1, &own), RELEASES_LATE);
	releases_accepted(releases, 1, "eva", &newer);
	assert_false(releases_is_replaced(releases, 1, &own));
	releases_free(releases);
}

static void test_releases_unreleased__once_its_publisher_left(void **state)
{
	struct releases *releases = make();
	struct message a = message("a", 2, false), b = message("b", 2, false);
	struct releases_unreleased unreleased;

	(void)state;
	accept(releases, &a, "one");
	accept(releases, &b, "two");
	releases_left(releases, "one", 100); /* its own is not the newest */
	assert_false(releases_unreleased(releases, 1000, &unreleased));
	releases_left(releases, "two", 200);
	assert_false(releases_unreleased(releases, 200, &unreleased));
	assert_true(releases_unreleased(releases, 201, &unreleased));
	assert_int_equal(unreleased.key, 1);
	assert_int_equal(unreleased.seq, 5);
	assert_string_equal(unreleased.topic, "orders/1/status");
	assert_true(releases_replace(releases, 1, &b));
	assert_false(releases_unreleased(releases, 1000, &unreleased));
	/* what is released now is late; retained it is what stands */
	assert_false(releases_hand_out(releases, 1, &b));
	assert_true(releases_is_replaced(releases, 1, &b));
	assert_false(releases_in_order(releases, 1, &a));
	releases_free(releases);
}

static void test_releases_unreleased__not_what_was_handed_out(void **state)
{
	struct releases *releases = make();
	struct message a = message("a", 2, false), newer = message("b", 1, false);
	struct releases_unreleased unreleased;

	(void)state;
	accept(releases, &a, "one");
	assert_true(releases_hand_out(releases, 1, &a));
	releases_left(releases, "one", 100);
	assert_false(releases_unreleased(releases, 1000, &unreleased));
	accept(releases, &a, "one");
	releases_accepted(releases, 1, "eva", &newer);
	releases_left(releases, "one", 100);
	assert_false(releases_unreleased(releases, 1000, &unreleased));
	/* nor what the database no longer has last */
	accept(releases, &a, "one");
	releases_left(releases, "one", 100);
	assert_true(releases_unreleased(releases, 1000, &unreleased));
	assert_false(releases_replace(releases, 1, &newer));
	assert_false(releases_unreleased(releases, 1000, &unreleased));
	releases_free(releases);
}

static void test_releases_resent__is_older_than_what_stands(void **state)
{
	struct releases *releases = make();
	struct message known = message("known", 2, false), again = message("again", 2, false);

	(void)state;
	releases_accepted(releases, 1, "eva", &known);
	releases_resent(releases, 1, "eva", &known); /* its order is known */
	assert_true(releases_hand_out(releases, 1, &known));
	releases_resent(releases, 1, "eva", &again);
	releases_resent(releases, 2, "eva", &again);
	assert_false(releases_hand_out(releases, 1, &again));
	assert_false(releases_in_order(releases, 1, &again));
	assert_false(releases_hand_out(releases, 2, &again));
	assert_true(releases_hand_out(releases, 1, &known));
	/* as a step of its own it is the newest */
	releases_accepted(releases, 1, "eva", &again);
	assert_true(releases_hand_out(releases, 1, &again));
	assert_false(releases_hand_out(releases, 1, &known));
	releases_free(releases);
}

static void test_releases_accepted__survives_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct message held = message("held", 2, true);
		struct releases *releases = NULL;
		struct diag diag;

		failalloc_start(n);
		if (releases_new(&releases, &diag) == 0)
			accept(releases, &held, "one");
		releases_free(releases);
		if (!failalloc_stop())
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases_in_order__serves_who_does_not_wait),
		cmocka_unit_test(test_releases_accepted__keeps_its_bounds),
		cmocka_unit_test(test_releases_accepted__who_floods_loses_its_own),
		cmocka_unit_test(test_releases_resent__is_older_than_what_stands),
		cmocka_unit_test(test_releases_stand__is_right_as_a_retained_message),
		cmocka_unit_test(test_releases_unreleased__once_its_publisher_left),
		cmocka_unit_test(test_releases_unreleased__not_what_was_handed_out),
		cmocka_unit_test(test_releases_accepted__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

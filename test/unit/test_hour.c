/* The numbers of the last hour: one row each step, the oldest first, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "monitor/hour.h"

#define STEP_NS (INT64_C(1000000000) * HOUR_STEP_S)
#define START_NS INT64_C(5000000000)

static struct hour *make(void)
{
	struct hour *hour = NULL;
	struct diag diag;

	assert_int_equal(hour_new(&hour, &diag), 0);
	return hour;
}

/* @unix_ms is 1,000,000 s at START_NS. */
static void check(const struct hour *hour, int64_t now_ns, const char *wanted)
{
	json_t *json = hour_json(hour, 0, now_ns, 1000000000 + (now_ns - START_NS) / 1000000);
	char *text = json_dumps(json, JSON_COMPACT);

	assert_string_equal(text, wanted);
	free(text);
	json_decref(json);
}

static void test_hour_json__has_a_row_each_step(void **state)
{
	struct hour *hour = make();

	(void)state;
	check(hour, START_NS,
	      "{\"step\":10,\"from\":999995,\"names\":[],\"values\":[],\"next\":null}");
	assert_true(hour_begin(hour, START_NS));
	hour_put(hour, "a", "1");
	hour_put(hour, "version", "0.1.0");
	hour_put(hour, "b/c", "0.500");
	assert_false(hour_begin(hour, START_NS + STEP_NS - 1));
	assert_true(hour_begin(hour, START_NS + STEP_NS + 7));
	hour_put(hour, "a", "2");
	hour_put(hour, "d", "9007199254740991");
	check(hour, START_NS + STEP_NS + 7,
	      "{\"step\":10,\"from\":1000000,\"names\":[\"a\",\"b/c\",\"d\"],"
	      "\"values\":[[1,0.5,null],[2,null,9007199254740991]],\"next\":null}");
	/* It does not move on by who asks late: the next one is due by the first. */
	assert_false(hour_begin(hour, START_NS + 2 * STEP_NS - 1));
	assert_true(hour_begin(hour, START_NS + 2 * STEP_NS));
	hour_free(hour);
	hour_free(NULL);
}

static void test_hour_begin__fills_what_was_missed(void **state)
{
	struct hour *hour = make();

	(void)state;
	assert_true(hour_begin(hour, START_NS));
	hour_put(hour, "a", "1");
	assert_true(hour_begin(hour, START_NS + 3 * STEP_NS));
	hour_put(hour, "a", "5");
	check(hour, START_NS + 3 * STEP_NS,
	      "{\"step\":10,\"from\":1000000,\"names\":[\"a\"],\"values\":[[1],[1],[1],[5]],"
	      "\"next\":null}");
	/* A day without a tick costs no more than an hour. */
	assert_true(hour_begin(hour, START_NS + 8640 * STEP_NS));
	hour_free(hour);
}

static void test_hour_begin__keeps_an_hour(void **state)
{
	struct hour *hour = make();
	json_t *json, *values;

	(void)state;
	for (unsigned i = 0; i < HOUR_ROWS + 25; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%u", i);
		assert_true(hour_begin(hour, START_NS + i * STEP_NS));
		hour_put(hour, "a", text);
	}
	json = hour_json(hour, 0, START_NS + (HOUR_ROWS + 24) * STEP_NS,
			 1000000000 + (HOUR_ROWS + 24) * INT64_C(10000));
	values = json_object_get(json, "values");
	assert_int_equal(json_array_size(values), HOUR_ROWS);
	assert_int_equal(json_integer_value(json_object_get(json, "from")), 1000250);
	for (unsigned i = 0; i < HOUR_ROWS; i++)
		assert_int_equal(json_integer_value(json_array_get(json_array_get(values, i), 0)),
				 i + 25);
	json_decref(json);
	hour_free(hour);
}

/* The most that there can be comes in parts, each bounded, and all of them are all rows. */
static void test_hour_json__comes_in_parts(void **state)
{
	struct hour *hour = make(), *copy = NULL;
	uint64_t first = 0, rows = 0, parts = 0;
	int64_t now_ns = START_NS + (HOUR_ROWS + 4) * STEP_NS;
	struct diag diag;

	(void)state;
	for (unsigned i = 0; i < HOUR_ROWS + 5; i++) {
		assert_true(hour_begin(hour, START_NS + i * STEP_NS));
		for (unsigned k = 0; k < HOUR_COLUMNS; k++) {
			char name[HOUR_NAME_MAX + 1], text[40];

			(void)snprintf(name, sizeof(name), "%063u", k);
			(void)snprintf(text, sizeof(text),
				       k % 2 ? "-1.%016ue-300" : "90071992547%u", 10000 + i);
			hour_put(hour, name, text);
		}
	}
	assert_int_equal(hour_copy(hour, &copy, &diag), 0);
	hour_free(hour);
	for (;;) {
		json_t *json =
			hour_json(copy, first, now_ns, 1000000000 + (now_ns - START_NS) / 1000000);
		char *text = json_dumps(json, JSON_COMPACT);
		json_t *next = json_object_get(json, "next");

		assert_non_null(text);
		assert_true(strlen(text) < HOUR_TEXT_MAX + 4096);
		assert_int_equal(json_integer_value(json_object_get(json, "from")),
				 1000000 + HOUR_STEP_S * (int64_t)(5 + rows));
		rows += json_array_size(json_object_get(json, "values"));
		parts++;
		free(text);
		if (json_is_null(next)) {
			json_decref(json);
			break;
		}
		first = strtoull(json_string_value(next), NULL, 10);
		assert_int_equal(first, 5 + rows);
		json_decref(json);
	}
	assert_int_equal(rows, HOUR_ROWS);
	assert_true(parts > 2);
	/* What is not there yet is nothing, and no failure. */
	for (first = HOUR_ROWS + 5; first != 0; first = first == UINT64_MAX ? 0 : UINT64_MAX) {
		json_t *json = hour_json(copy, first, now_ns, 0);

		assert_int_equal(json_array_size(json_object_get(json, "values")), 0);
		assert_true(json_is_null(json_object_get(json, "next")));
		json_decref(json);
	}
	hour_free(copy);
}

static void test_hour_put__leaves_out_what_has_no_column(void **state)
{
	char name[HOUR_NAME_MAX + 2];
	struct hour *hour = make();
	json_t *json;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(hour_begin(hour, START_NS));
	hour_put(hour, name, "1");
	for (unsigned i = 0; i < HOUR_COLUMNS + 5; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		hour_put(hour, name, "1");
	}
	json = hour_json(hour, 0, START_NS, 0);
	assert_int_equal(json_array_size(json_object_get(json, "names")), HOUR_COLUMNS);
	json_decref(json);
	hour_free(hour);
}

static void test_hour_json__every_allocation_may_fail(void **state)
{
	struct hour *hour = make();

	(void)state;
	assert_true(hour_begin(hour, START_NS));
	hour_put(hour, "a", "1");
	hour_put(hour, "b", "0.5");
	for (size_t n = 1;; n++) {
		json_t *json;

		failalloc_start(n);
		json = hour_json(hour, 0, START_NS, 0);
		if (!failalloc_stop()) {
			assert_non_null(json);
			json_decref(json);
			break;
		}
		assert_null(json);
	}
	hour_free(hour);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hour_json__has_a_row_each_step),
		cmocka_unit_test(test_hour_begin__fills_what_was_missed),
		cmocka_unit_test(test_hour_begin__keeps_an_hour),
		cmocka_unit_test(test_hour_put__leaves_out_what_has_no_column),
		cmocka_unit_test(test_hour_json__comes_in_parts),
		cmocka_unit_test(test_hour_json__every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

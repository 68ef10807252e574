/*
 * Values made of schemas (ctl/sample.h), and of patterns (ctl/sample_pattern.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ctl/sample.h"
#include "ctl/sample_pattern.h"
#include "failalloc.h"

/* What is made of @schema is @expected, both JSON; NULL: nothing. */
static void assert_sample(const char *schema, const char *expected)
{
	json_t *json = json_loads(schema, JSON_DECODE_ANY, NULL), *made;
	char *text;

	assert_non_null(json);
	made = sample_of(json);
	text = made ? json_dumps(made, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (expected)
		assert_string_equal(text ? text : "(nothing)", expected);
	else
		assert_null(text);
	free(text);
	json_decref(made);
	json_decref(json);
}

static void test_sample_of__one_value(void **state)
{
	(void)state;
	assert_sample("true", "\"text\"");
	assert_sample("false", NULL);
	assert_sample("{\"const\": 7}", "7");
	assert_sample("{\"enum\": [\"b\", \"a\"]}", "\"b\"");
	assert_sample("{\"type\": \"boolean\"}", "true");
	assert_sample("{\"type\": \"null\"}", "null");
	assert_sample("{\"type\": [\"string\", \"null\"]}", "\"text\"");
	assert_sample("{}", "\"text\"");
}

static void test_sample_of__numbers(void **state)
{
	(void)state;
	assert_sample("{\"type\": \"integer\"}", "1");
	assert_sample("{\"minimum\": 5}", "5");
	assert_sample("{\"type\": \"integer\", \"exclusiveMinimum\": 5}", "6");
	assert_sample("{\"type\": \"number\", \"maximum\": -3}", "-3");
	assert_sample("{\"type\": \"number\", \"exclusiveMaximum\": 1}", "0.5");
	assert_sample("{\"type\": \"integer\", \"minimum\": 11, \"multipleOf\": 5}", "15");
}

static void test_sample_of__texts(void **state)
{
	(void)state;
	assert_sample("{\"minLength\": 6, \"type\": \"string\"}", "\"textxx\"");
	assert_sample("{\"maxLength\": 2, \"type\": \"string\"}", "\"te\"");
	assert_sample("{\"type\": \"string\", \"format\": \"date\"}", "\"2026-01-15\"");
	assert_sample("{\"type\": \"string\", \"format\": \"unknown\"}", "\"text\"");
}

/* What a text is without its pattern stays, where the pattern takes it, or has no sample. */
static void test_sample_of__patterns(void **state)
{
	(void)state;
	assert_sample("{\"pattern\": \"^t\"}", "\"text\"");
	assert_sample("{\"pattern\": \"^v\\\\d+$\"}", "\"v1\"");
	assert_sample("{\"pattern\": \"^v\\\\d+$\", \"minLength\": 4}", "\"v111\"");
	assert_sample("{\"pattern\": \"^(?!0)[0-9]+$\"}", "\"text\"");
	assert_sample("{\"pattern\": \"^\\\\d$\", \"format\": \"date\"}", "\"2026-01-15\"");
	assert_sample("{\"pattern\": 7}", "\"text\"");
}

/* @expected NULL: there is none. */
static void assert_pattern(const char *pattern, size_t least, const char *expected)
{
	char text[32];

	if (!sample_pattern(pattern, least, text, sizeof(text)))
		text[0] = '\0';
	assert_string_equal(text, expected ? expected : "");
	assert_true(!expected || sample_pattern_takes(pattern, text));
}

static void test_sample_pattern__texts(void **state)
{
	(void)state;
	assert_pattern("^[A-Z]{2}-\\d{4,}$", 1, "AA-1111");
	assert_pattern("^(north|south)(\\.[0-9a-f]{2})?$", 1, "north");
	assert_pattern("^(?:[b-y]_|x)+$", 1, "b_");
	assert_pattern("^[a-z]*$", 3, "aaa");
	assert_pattern("^(a*|b)$", 3, "aaa");
	assert_pattern("lamp", 1, "lamp");
	assert_pattern("^[^a-zA-Z0-9]$", 1, "-");
	assert_pattern("^ .\\*$", 1, " a*");
	assert_pattern("^x{1,2}$", 2, "xx");
}

static void test_sample_pattern__none(void **state)
{
	(void)state;
	assert_pattern("^x{1,2}$", 3, NULL);
	assert_pattern("a^", 1, NULL);
	assert_pattern("(", 1, NULL);
	assert_pattern("^(a)\\1$", 1, NULL);
	assert_pattern("^\303\251$", 1, NULL);
	assert_pattern("^[a-z]{32}$", 1, NULL); /* longer than the room */
	assert_pattern("^((){1000}){1000}$", 0, NULL);
	assert_false(sample_pattern_takes("(", "("));
}

static void test_sample_pattern__survives_failed_allocations(void **state)
{
	char text[32];
	bool is_made = false;

	(void)state;
	for (size_t n = 1; !is_made; n++) {
		failalloc_start(n);
		is_made = sample_pattern("^[A-Z]{2}-\\d+$", 1, text, sizeof(text));
		assert_int_equal(failalloc_stop(), !is_made);
	}
	assert_string_equal(text, "AA-1");
}

static void test_sample_of__objects_and_arrays(void **state)
{
	(void)state;
	assert_sample("{\"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": false}}",
		      "{\"a\":1}");
	assert_sample("{\"required\": [\"x\"], \"additionalProperties\": {\"type\": \"integer\"}}",
		      "{\"x\":1}");
	assert_sample("{\"items\": {\"type\": \"integer\"}, \"minItems\": 2}", "[1,1]");
	assert_sample("{\"type\": \"array\", \"maxItems\": 0}", "[]");
	assert_sample("{\"type\": \"array\", \"prefixItems\": [{\"const\": \"a\"}]}", "[\"a\"]");
}

/* What several schemas say is one; of alternatives the first counts. */
static void test_sample_of__several_schemas(void **state)
{
	(void)state;
	assert_sample("{\"allOf\": [{\"properties\": {\"a\": {\"const\": 1}}},"
		      " {\"properties\": {\"b\": {\"const\": 2}}}]}",
		      "{\"a\":1,\"b\":2}");
	assert_sample("{\"oneOf\": [{\"const\": \"x\"}, {\"const\": \"y\"}]}", "\"x\"");
	assert_sample("{\"type\": \"object\", \"required\": [\"a\"],"
		      " \"anyOf\": [{\"required\": [\"b\"]}]}",
		      "{\"a\":\"text\",\"b\":\"text\"}");
}

/* A value ends, however deep or wide its schema is. */
static void test_sample_of__has_bounds(void **state)
{
	json_t *schema = json_pack("{s:s}", "type", "integer"), *made;
	size_t depth = 0;

	(void)state;
	for (unsigned i = 0; i < 10 * SAMPLE_DEPTH_MAX; i++)
		schema = json_pack("{s:[s], s:{s:o}}", "required", "a", "properties", "a", schema);
	made = sample_of(schema);
	for (json_t *at = made; json_object_get(at, "a"); at = json_object_get(at, "a"))
		depth++;
	assert_int_equal(depth, SAMPLE_DEPTH_MAX);
	json_decref(made);
	json_decref(schema);
	schema = json_loads("{\"items\": {\"type\": \"integer\"}, \"minItems\": 1000000000}", 0,
			    NULL);
	made = sample_of(schema);
	assert_true(json_array_size(made) < SAMPLE_VALUES_MAX);
	json_decref(made);
	json_decref(schema);
	schema = json_loads("{\"type\": \"array\", \"minItems\": 1000000000}", 0, NULL);
	made = sample_of(schema);
	assert_true(json_array_size(made) < SAMPLE_VALUES_MAX);
	json_decref(made);
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_of__one_value),
		cmocka_unit_test(test_sample_of__numbers),
		cmocka_unit_test(test_sample_of__texts),
		cmocka_unit_test(test_sample_of__patterns),
		cmocka_unit_test(test_sample_pattern__texts),
		cmocka_unit_test(test_sample_pattern__none),
		cmocka_unit_test(test_sample_pattern__survives_failed_allocations),
		cmocka_unit_test(test_sample_of__objects_and_arrays),
		cmocka_unit_test(test_sample_of__several_schemas),
		cmocka_unit_test(test_sample_of__has_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

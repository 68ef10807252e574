/*
 * Do two schemas say the same? Decisions are data: test/data/schema/same/cases.json has pairs of
 * schemas, which are written in AsyncAPI's dialect where they do not say otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "schema/jsonbig.h"
#include "schema/schema.h"

#define DATA "test/data/schema/same/cases.json"
#define WORK INT64_C(1000000)

static struct schema *compile(json_t *json)
{
	const struct schema_options options = { .assert_format = true };
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;

	diag_init(&diag);
	if (schema_set_new(&set, &diag) ||
	    schema_set_add(set, "test:/a.json", "a.json", json, SCHEMA_ASYNCAPI, &diag) ||
	    schema_compile(set, "test:/a.json", &options, &schema, &diag))
		fail_msg("%s", diag.text);
	schema_set_free(set);
	return schema;
}

static json_t *load(void)
{
	static char text[1 << 16];
	struct payload_error error;
	FILE *file = fopen(DATA, "rb");
	json_t *json;

	assert_non_null(file);
	json = jsonbig_parse(text, fread(text, 1, sizeof(text), file), PAYLOAD_MAX_DEPTH, &error);
	(void)fclose(file);
	if (!json)
		fail_msg(DATA ": at %zu: %s", error.offset, error.text);
	return json;
}

/* Both ways round, and each is the same as itself, compiled again. */
static bool is_decided(const json_t *line)
{
	bool is_dynamic = strstr(json_string_value(json_object_get(line, "what")), "dynamic");
	struct schema *a = compile(json_object_get(line, "a"));
	struct schema *b = compile(json_object_get(line, "b"));
	struct schema *again = compile(json_object_get(line, "a"));
	bool is_same = json_is_true(json_object_get(line, "same"));
	int64_t work = WORK;
	bool ret = schema_is_same(a, b, &work) == is_same &&
		   schema_is_same(b, a, &work) == is_same &&
		   schema_is_same(a, again, &work) == !is_dynamic && work > 0 && work < WORK;

	schema_free(a);
	schema_free(b);
	schema_free(again);
	return ret;
}

static void test_schema_is_same__decisions(void **state)
{
	json_t *cases = load(), *line;
	unsigned wrong = 0;
	size_t i;

	(void)state;
	assert_true(json_array_size(cases) > 0);
	json_array_foreach(cases, i, line) {
		if (is_decided(line))
			continue;
		wrong++;
		(void)fprintf(stderr, "not so: %s\n",
			      json_string_value(json_object_get(line, "what")));
	}
	json_decref(cases);
	assert_int_equal(wrong, 0);
}

static void test_schema_is_same__null(void **state)
{
	json_t *json = json_pack("{}");
	struct schema *schema = compile(json);
	int64_t work = 0;

	(void)state;
	assert_true(schema_is_same(NULL, NULL, &work));
	assert_true(schema_is_same(schema, schema, &work));
	assert_false(schema_is_same(schema, NULL, &work));
	assert_false(schema_is_same(NULL, schema, &work));
	schema_free(schema);
	json_decref(json);
}

/* A chain of @levels, each of which refers to the next one twice: 2^levels ways through it. */
static json_t *chain(unsigned levels)
{
	json_t *defs = json_object();

	for (unsigned i = 0; i < levels; i++) {
		char name[16], next[32];

		(void)snprintf(name, sizeof(name), "l%u", i);
		(void)snprintf(next, sizeof(next), "#/$defs/l%u", i + 1);
		assert_int_equal(
			json_object_set_new(defs, name,
					    json_pack("{s:{s:{s:s},s:{s:s}}}", "properties", "a",
						      "$ref", next, "b", "$ref", next)),
			0);
	}
	{
		char name[16];

		(void)snprintf(name, sizeof(name), "l%u", levels);
		assert_int_equal(
			json_object_set_new(defs, name, json_pack("{s:s}", "type", "null")), 0);
	}
	return json_pack("{s:s,s:o}", "$ref", "#/$defs/l0", "$defs", defs);
}

/* Each pair is compared once, and what is too deep or too much is not the same. */
static void test_schema_is_same__is_bounded(void **state)
{
	static const struct {
		unsigned levels;
		int64_t work;
		bool is_same;
	} rows[] = { { 100, WORK, true }, { 100, 300, false }, { 400, WORK, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *json = chain(rows[i].levels);
		struct schema *a = compile(json), *b = compile(json);
		int64_t work = rows[i].work;

		assert_int_equal(schema_is_same(a, b, &work), rows[i].is_same);
		assert_true(work >= 0);
		schema_free(a);
		schema_free(b);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema_is_same__decisions),
		cmocka_unit_test(test_schema_is_same__null),
		cmocka_unit_test(test_schema_is_same__is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

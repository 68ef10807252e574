/*
 * Values of what is no JSON text: payload_text(), payload_headers(), and which types a schema asks
 * for. Whichever backend this build has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "schema/schema.h"

#define URI "test:/schema.json"

#define NUMBER (PAYLOAD_TYPE_NUMBER | PAYLOAD_TYPE_INTEGER)

static struct payload_parser *parser_new(size_t max_bytes)
{
	struct payload_limits limits = { max_bytes, PAYLOAD_MESSAGE_DEPTH };
	struct payload_parser *parser = NULL;

	assert_int_equal(payload_parser_new(&limits, &parser, NULL), 0);
	return parser;
}

static struct schema *compile(const char *text)
{
	struct schema_options options = { .assert_format = true };
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	struct diag diag;

	diag_init(&diag);
	assert_non_null(json);
	if (schema_set_new(&set, &diag) ||
	    schema_set_add(set, URI, "schema.json", json, SCHEMA_UNSAID, &diag) ||
	    schema_compile(set, URI, &options, &schema, &diag))
		fail_msg("%s: %s", text, diag.text);
	schema_set_free(set);
	json_decref(json);
	return schema;
}

/* "21.5" for a number, "'on'" for a string, "true", "?" for anything else. */
static const char *print(const struct payload_value *value, char ret[64])
{
	const char *text;
	size_t len;
	double d;
	bool flag;

	(void)snprintf(ret, 64, "?");
	if (payload_string(value, &text, &len))
		(void)snprintf(ret, 64, "'%.*s'", (int)len, text);
	else if (payload_number(value, &d))
		(void)snprintf(ret, 64, "%.17g", d);
	else if (payload_boolean(value, &flag))
		(void)snprintf(ret, 64, "%s", flag ? "true" : "false");
	return ret;
}

static void test_payload_text__as_the_schema_asks(void **state)
{
	static const struct {
		unsigned want;
		const char *text;
		const char *value;
	} trials[] = {
		{ PAYLOAD_TYPE_STRING, "21.5", "'21.5'" },
		{ PAYLOAD_TYPE_STRING, "true", "'true'" },
		{ PAYLOAD_TYPE_ANY, "21.5", "'21.5'" },
		{ PAYLOAD_TYPE_ANY, "", "''" },
		{ 0, "1", "'1'" },
		{ PAYLOAD_TYPE_OBJECT | PAYLOAD_TYPE_ARRAY, "{}", "'{}'" },
		{ PAYLOAD_TYPE_NULL, "null", "'null'" },
		{ NUMBER, "21.5", "21.5" },
		{ NUMBER, "-0.5e+2", "-50" },
		{ NUMBER, "1E2", "100" },
		{ NUMBER, "0", "0" },
		{ NUMBER | PAYLOAD_TYPE_STRING, "0.25", "0.25" },
		{ NUMBER | PAYLOAD_TYPE_STRING, "on", "'on'" },
		{ PAYLOAD_TYPE_INTEGER, "7", "7" },
		{ PAYLOAD_TYPE_INTEGER, "7.5", "7.5" }, /* a number, which the schema refuses */
		{ NUMBER, "true", "'true'" },
		{ PAYLOAD_TYPE_BOOLEAN, "true", "true" },
		{ PAYLOAD_TYPE_BOOLEAN, "false", "false" },
		{ PAYLOAD_TYPE_BOOLEAN, "True", "'True'" },
		{ PAYLOAD_TYPE_BOOLEAN, "1", "'1'" },
		{ NUMBER | PAYLOAD_TYPE_BOOLEAN, "1", "1" },
		/* what JSON does not write so */
		{ NUMBER, "", "''" },
		{ NUMBER, "-", "'-'" },
		{ NUMBER, " 1", "' 1'" },
		{ NUMBER, "1 ", "'1 '" },
		{ NUMBER, "1\n", "'1\n'" },
		{ NUMBER, "01", "'01'" },
		{ NUMBER, "-01", "'-01'" },
		{ NUMBER, "+1", "'+1'" },
		{ NUMBER, ".5", "'.5'" },
		{ NUMBER, "5.", "'5.'" },
		{ NUMBER, "5.e1", "'5.e1'" },
		{ NUMBER, "1e", "'1e'" },
		{ NUMBER, "1e+", "'1e+'" },
		{ NUMBER, "1e5x", "'1e5x'" },
		{ NUMBER, "0x10", "'0x10'" },
		{ NUMBER, "1.2.3", "'1.2.3'" },
		{ NUMBER, "NaN", "'NaN'" },
		{ NUMBER, "1,5", "'1,5'" },
		{ PAYLOAD_TYPE_BOOLEAN, "true ", "'true '" },
		{ PAYLOAD_TYPE_BOOLEAN, "\"true\"", "'\"true\"'" },
		/* eight letters and more, and characters of several bytes */
		{ PAYLOAD_TYPE_STRING, "Guten Morgen", "'Guten Morgen'" },
		{ PAYLOAD_TYPE_STRING, "1234567\xc3\xa4\xf0\x9f\x98\x80",
		  "'1234567\xc3\xa4\xf0\x9f\x98\x80'" },
	};
	struct payload_parser *parser = parser_new(100);

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		size_t len = strlen(trials[i].text);
		char *exact = malloc(len ? len : 1); /* ASan sees a byte too far */
		struct payload_error error;
		const struct payload_value *value;
		char printed[64];

		memcpy(exact, trials[i].text, len);
		value = payload_text(parser, exact, len, trials[i].want, &error);
		free(exact); /* the value lives on */
		assert_non_null(value);
		if (strcmp(print(value, printed), trials[i].value) != 0)
			fail_msg("%s for %u: %s, expected %s", trials[i].text, trials[i].want,
				 printed, trials[i].value);
	}
	payload_parser_free(parser);
}

static void test_payload_text__nul_is_a_character(void **state)
{
	struct payload_parser *parser = parser_new(100);
	struct payload_error error;
	const char *text;
	size_t len;

	(void)state;
	assert_true(payload_string(payload_text(parser, "a\0b", 3, PAYLOAD_TYPE_ANY, &error), &text,
				   &len));
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 3);
	assert_true(payload_string(payload_text(parser, NULL, 0, 0, &error), &text, &len));
	assert_int_equal(len, 0);
	payload_parser_free(parser);
}

static void test_payload_text__what_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum payload_fault fault;
		size_t offset;
	} trials[] = {
		{ "\xff", PAYLOAD_NOT_UTF8, 0 },
		{ "12345678abc\xc3", PAYLOAD_NOT_UTF8, 11 },
		{ "1234567\xed\xa0\x80", PAYLOAD_NOT_UTF8, 7 },
		{ "\xc0\x80", PAYLOAD_NOT_UTF8, 0 },
		{ "12345678901234567", PAYLOAD_TOO_LARGE, 16 },
	};
	struct payload_parser *parser = parser_new(16);

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct payload_error error;

		assert_null(payload_text(parser, trials[i].text, strlen(trials[i].text), NUMBER,
					 &error));
		assert_int_equal(error.fault, trials[i].fault);
		assert_int_equal(error.offset, trials[i].offset);
		assert_true(error.text[0]);
	}
	payload_parser_free(parser);
}

static void test_payload_text__of_any_size(void **state)
{
	struct schema *schema = compile("{\"type\":\"integer\",\"format\":\"int64\"}");
	unsigned want = schema_root_types(schema);
	struct payload_parser *parser = parser_new(100);
	struct payload_error error;

	(void)state;
	assert_int_equal(
		schema_check(schema, payload_text(parser, "9223372036854775807", 19, want, &error)),
		SCHEMA_VALID);
	assert_int_equal(
		schema_check(schema, payload_text(parser, "9223372036854775808", 19, want, &error)),
		SCHEMA_INVALID);
	assert_int_equal(schema_check(schema, payload_text(parser, "1e400", 5, want, &error)),
			 SCHEMA_INVALID);
	assert_int_equal(schema_check(schema, payload_text(parser, "on", 2, want, &error)),
			 SCHEMA_INVALID);
	payload_parser_free(parser);
	schema_free(schema);
}

/* After a text the parser reads JSON as before, and the other way round. */
static void test_payload_text__beside_json(void **state)
{
	static const char json[] = "{\"at\":\"x\"}";
	struct payload_parser *parser = parser_new(100);
	struct payload_error error;
	const struct payload_value *value;
	size_t start, end;

	(void)state;
	for (int i = 0; i < 3; i++) {
		value = payload_text(parser, json, strlen(json), PAYLOAD_TYPE_STRING, &error);
		assert_null(payload_member(value, "at", 2));
		assert_false(
			payload_span(parser, value, json, strlen(json), "at", 2, &start, &end));
		value = payload_parse(parser, json, strlen(json), &error);
		assert_non_null(payload_member(value, "at", 2));
		assert_true(payload_span(parser, value, json, strlen(json), "at", 2, &start, &end));
	}
	payload_parser_free(parser);
}

/* ---- which types a schema asks for -------------------------------------------------------- */

static void test_schema_root_types__what_authors_write(void **state)
{
	static const struct {
		const char *schema;
		unsigned types;
	} trials[] = {
		{ "true", PAYLOAD_TYPE_ANY },
		{ "false", 0 },
		{ "{}", PAYLOAD_TYPE_ANY },
		{ "{\"minimum\":5}", PAYLOAD_TYPE_ANY },
		{ "{\"type\":\"string\"}", PAYLOAD_TYPE_STRING },
		{ "{\"type\":\"integer\"}", PAYLOAD_TYPE_INTEGER },
		{ "{\"type\":\"number\"}", NUMBER },
		{ "{\"type\":\"number\",\"format\":\"int32\"}", PAYLOAD_TYPE_INTEGER },
		{ "{\"type\":[\"boolean\",\"null\"]}", PAYLOAD_TYPE_BOOLEAN | PAYLOAD_TYPE_NULL },
		{ "{\"type\":\"object\"}", PAYLOAD_TYPE_OBJECT },
		{ "{\"type\":\"array\"}", PAYLOAD_TYPE_ARRAY },
		{ "{\"enum\":[\"on\",\"off\"]}", PAYLOAD_TYPE_STRING },
		{ "{\"enum\":[\"on\",true,null]}",
		  PAYLOAD_TYPE_STRING | PAYLOAD_TYPE_BOOLEAN | PAYLOAD_TYPE_NULL },
		{ "{\"enum\":[0,1]}", PAYLOAD_TYPE_INTEGER },
		{ "{\"const\":0.5}", NUMBER },
		{ "{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"type\":\"number\"}}}", NUMBER },
		{ "{\"allOf\":[{\"type\":[\"number\",\"string\"]},{\"type\":\"integer\"}]}",
		  PAYLOAD_TYPE_INTEGER },
		{ "{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"boolean\"}]}",
		  NUMBER | PAYLOAD_TYPE_BOOLEAN },
		{ "{\"anyOf\":[{\"type\":\"number\"},{\"maxLength\":5}]}", PAYLOAD_TYPE_ANY },
		{ "{\"anyOf\":[{\"type\":\"null\"},{\"items\":{\"$ref\":\"#\"}},"
		  "{\"$ref\":\"#\"}]}",
		  PAYLOAD_TYPE_ANY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct schema *schema = compile(trials[i].schema);

		if (schema_root_types(schema) != trials[i].types)
			fail_msg("%s: %x", trials[i].schema, schema_root_types(schema));
		schema_free(schema);
	}
}

/* Each level has two references to the next: the answer comes all the same. */
static void test_schema_root_types__bounded(void **state)
{
	char text[8192] = "{\"$ref\":\"#/$defs/s0\",\"$defs\":{";
	struct schema *schema;

	(void)state;
	for (int i = 0; i < 40; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "\"s%d\":{\"allOf\":[{\"$ref\":\"#/$defs/s%d\"},"
			       "{\"$ref\":\"#/$defs/s%d\"}],\"type\":[\"number\",\"string\"]},",
			       i, i + 1, i + 1);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		       "\"s40\":{\"type\":\"number\"}}}");
	schema = compile(text);
	assert_int_equal(schema_root_types(schema), NUMBER); /* the first way down is looked at */
	schema_free(schema);
}

/* ---- headers ------------------------------------------------------------------------------ */

/* Pairs of "name=value", of a list that ends with NULL. */
static size_t pairs_of(const char *const *texts, struct payload_pair *ret)
{
	size_t count = 0;

	for (; texts[count]; count++) {
		const char *equals = strchr(texts[count], '=');

		ret[count].name = texts[count];
		ret[count].name_len = (size_t)(equals - texts[count]);
		ret[count].value = equals + 1;
		ret[count].value_len = strlen(equals + 1);
	}
	return count;
}

#define HEADERS                                                                                    \
	"{\"type\":\"object\",\"required\":[\"app\"],\"properties\":{\"app\":{\"type\":"           \
	"\"string\"},"                                                                             \
	"\"n\":{\"type\":\"integer\",\"maximum\":100},\"on\":{\"type\":\"boolean\"},"              \
	"\"tag\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":2},"             \
	"\"t\":{\"type\":[\"number\",\"array\"],\"items\":{\"type\":\"number\"}},"                 \
	"\"ref\":{\"$ref\":\"#/definitions/count\"}},"                                             \
	"\"definitions\":{\"count\":{\"type\":\"integer\"}},"                                      \
	"\"patternProperties\":{\"^x-\":{\"type\":\"number\"}},"                                   \
	"\"additionalProperties\":{\"type\":\"boolean\"}}"

static void test_payload_headers__held_against_a_schema(void **state)
{
	static const struct {
		const char *pairs[6];
		const char *instance; /* NULL: valid */
	} trials[] = {
		{ { "app=a" }, NULL },
		{ { "app=5" }, NULL },
		{ { "app=a", "n=7" }, NULL },
		{ { "app=a", "n=101" }, "/n" },
		{ { "app=a", "n=7.5" }, "/n" },
		{ { "app=a", "n=seven" }, "/n" },
		{ { "app=a", "on=true", "ref=1" }, NULL },
		{ { "app=a", "on=1" }, "/on" },
		{ { "app=a", "ref=x" }, "/ref" },
		{ { "n=7" }, "" },
		{ { NULL }, "" },
		{ { "app=a", "app=b" }, "/app" }, /* an array */
		{ { "app=a", "tag=x" }, NULL },
		{ { "tag=5", "app=a", "tag=x" }, NULL },
		{ { "tag=5", "app=a", "tag=x", "tag=y" }, "/tag" },
		{ { "app=a", "t=1.5" }, NULL },
		{ { "app=a", "t=1.5", "t=2" }, NULL },
		{ { "app=a", "t=1.5", "t=x" }, "/t/1" },
		{ { "app=a", "x-a=1" }, NULL },
		{ { "app=a", "x-a=one" }, "/x-a" },
		{ { "app=a", "other=false" }, NULL },
		{ { "app=a", "other=no" }, "/other" },
	};
	struct schema *schema = compile(HEADERS);
	struct payload_parser *parser = parser_new(500);

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct payload_pair pairs[8];
		size_t count = pairs_of(trials[i].pairs, pairs);
		struct payload_error error;
		struct schema_error fault = { "?", "", "", "" };
		enum schema_answer answer;
		const struct payload_value *value =
			payload_headers(parser, pairs, count, schema, &error);

		assert_non_null(value);
		(void)schema_explain(schema, value, &fault, 1, &answer);
		if ((answer == SCHEMA_VALID) != !trials[i].instance ||
		    (trials[i].instance && strcmp(fault.instance, trials[i].instance) != 0))
			fail_msg("number %zu: %d, %s: %s", i, answer, fault.instance,
				 fault.message);
	}
	payload_parser_free(parser);
	schema_free(schema);
}

static void test_payload_headers__types_of_combined_schemas(void **state)
{
	static const char *const texts[] = { "n=7", "m=on", "list=1", "list=2", NULL };
	struct schema *schema =
		compile("{\"allOf\":[{\"$ref\":\"#/definitions/a\"},{\"properties\":"
			"{\"m\":{\"enum\":[\"on\",\"off\"]}}}],\"oneOf\":[{\"properties\":"
			"{\"list\":{\"items\":{\"type\":\"integer\"}}}},false],\"definitions\":"
			"{\"a\":{\"properties\":{\"n\":{\"allOf\":[{\"type\":\"integer\"}]}}}}}");
	struct payload_parser *parser = parser_new(500);
	struct payload_pair pairs[8];
	struct payload_error error;
	const struct payload_value *value;

	(void)state;
	value = payload_headers(parser, pairs, pairs_of(texts, pairs), schema, &error);
	assert_non_null(value);
	assert_int_equal(schema_check(schema, value), SCHEMA_VALID);
	payload_parser_free(parser);
	schema_free(schema);
}

/* Names and values may have any character that JSON escapes. */
static void test_payload_headers__any_text(void **state)
{
	static const char *const texts[] = { "a\"\\/\x01=\"\\\n\t\xc3\xa4\x7f", NULL };
	struct schema *schema = compile("true");
	struct payload_parser *parser = parser_new(100);
	struct payload_pair pairs[2];
	struct payload_error error;
	const struct payload_value *value;
	const char *text;
	size_t len;

	(void)state;
	value = payload_headers(parser, pairs, pairs_of(texts, pairs), schema, &error);
	assert_true(payload_string(payload_member(value, "a\"\\/\x01", 5), &text, &len));
	assert_int_equal(len, 7);
	assert_memory_equal(text, "\"\\\n\t\xc3\xa4\x7f", 7);
	payload_parser_free(parser);
	schema_free(schema);
}

static void test_payload_headers__what_is_refused(void **state)
{
	static struct payload_pair many[PAYLOAD_MAX_PAIRS + 1];
	static const struct {
		struct payload_pair pair;
		enum payload_fault fault;
	} trials[] = {
		{ { "a", 1, "\xff", 1 }, PAYLOAD_NOT_UTF8 },
		{ { "\xc3", 1, "", 0 }, PAYLOAD_NOT_UTF8 },
		{ { "a\0b", 3, "", 0 }, PAYLOAD_DUPLICATE },
		{ { "a", 1, "12345678901234567890123456789", 29 }, PAYLOAD_TOO_LARGE },
		{ { "\x01\x01\x01\x01\x01", 5, "", 0 }, PAYLOAD_TOO_LARGE },
	};
	struct schema *schema = compile("true");
	struct payload_parser *parser = parser_new(32);
	struct payload_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		assert_null(payload_headers(parser, &trials[i].pair, 1, schema, &error));
		assert_int_equal(error.fault, trials[i].fault);
		assert_true(error.text[0]);
	}
	for (size_t i = 0; i < PAYLOAD_MAX_PAIRS + 1; i++)
		many[i] = (struct payload_pair){ "", 0, "", 0 };
	assert_null(payload_headers(parser, many, PAYLOAD_MAX_PAIRS + 1, schema, &error));
	assert_int_equal(error.fault, PAYLOAD_TOO_LARGE);
	payload_parser_free(parser);
	parser = parser_new(1000);
	assert_non_null(payload_headers(parser, many, PAYLOAD_MAX_PAIRS, schema, &error));
	payload_parser_free(parser);
	schema_free(schema);
}

static void test_payload_headers__memory_runs_out(void **state)
{
	static const char *const texts[] = { "app=a", "n=7", NULL };
	struct schema *schema = compile(HEADERS);
	struct payload_pair pairs[4];
	size_t count = pairs_of(texts, pairs);
	bool failed = true;

	(void)state;
	for (unsigned n = 1; failed; n++) {
		struct payload_parser *parser = parser_new(500);
		struct payload_error error = { .fault = PAYLOAD_OK };
		const struct payload_value *value;

		failalloc_start(n);
		value = payload_headers(parser, pairs, count, schema, &error);
		if (value)
			value = payload_text(parser, "on", 2, PAYLOAD_TYPE_ANY, &error);
		failed = failalloc_stop();
		assert_int_equal(value == NULL, failed);
		assert_int_equal(error.fault, failed ? PAYLOAD_NOMEM : PAYLOAD_OK);
		payload_parser_free(parser);
	}
	schema_free(schema);
}

#ifdef PAYLOAD_YYJSON
static void test_payload_headers__no_memory_after_the_first(void **state)
{
	static const char *const texts[] = { "app=a", "n=7", "tag=x", "tag=y", NULL };
	struct schema *schema = compile(HEADERS);
	struct payload_parser *parser = parser_new(500);
	struct payload_pair pairs[4];
	size_t count = pairs_of(texts, pairs);
	struct payload_error error;

	(void)state;
	assert_non_null(payload_headers(parser, pairs, count, schema, &error));
	failalloc_start(1);
	assert_non_null(payload_headers(parser, pairs, count, schema, &error));
	assert_non_null(payload_text(parser, "21.5", 4, NUMBER, &error));
	assert_non_null(payload_text(parser, "on", 2, NUMBER, &error));
	assert_false(failalloc_stop());
	payload_parser_free(parser);
	schema_free(schema);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload_text__as_the_schema_asks),
		cmocka_unit_test(test_payload_text__nul_is_a_character),
		cmocka_unit_test(test_payload_text__what_is_refused),
		cmocka_unit_test(test_payload_text__of_any_size),
		cmocka_unit_test(test_payload_text__beside_json),
		cmocka_unit_test(test_schema_root_types__what_authors_write),
		cmocka_unit_test(test_schema_root_types__bounded),
		cmocka_unit_test(test_payload_headers__held_against_a_schema),
		cmocka_unit_test(test_payload_headers__types_of_combined_schemas),
		cmocka_unit_test(test_payload_headers__any_text),
		cmocka_unit_test(test_payload_headers__what_is_refused),
		cmocka_unit_test(test_payload_headers__memory_runs_out),
#ifdef PAYLOAD_YYJSON
		cmocka_unit_test(test_payload_headers__no_memory_after_the_first),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

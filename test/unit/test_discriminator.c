/*
 * What `discriminator` is compiled to: warnings, circles, many heirs, memory. What it decides is in
 * test/data/schema/cases/discriminator.json.
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

#define URI "test:/api.json"
#define PAYLOAD URI "#/payload"

/* A document with @payload and @schemas, a list of members. */
static json_t *document(const char *payload, const char *schemas)
{
	char *text = NULL;
	json_t *json;

	assert_true(asprintf(&text,
			     "{\"asyncapi\":\"3.0.0\",\"payload\":%s,\"components\":"
			     "{\"schemas\":{%s}}}",
			     payload, schemas) > 0);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static int compile(json_t *json, struct schema **ret, struct diag *diag)
{
	const struct schema_options options = { .max_bytes = 1000 };
	struct schema_set *set = NULL;
	int rc;

	diag_init(diag);
	rc = schema_set_new(&set, diag);
	if (rc == 0)
		rc = schema_set_add(set, URI, "api.json", json, SCHEMA_ASYNCAPI, diag);
	if (rc == 0)
		rc = schema_compile(set, PAYLOAD, &options, ret, diag);
	schema_set_free(set);
	return rc;
}

static enum schema_answer check(const struct schema *schema, const char *text)
{
	struct payload_limits limits = { 1000, PAYLOAD_MESSAGE_DEPTH };
	struct payload_parser *parser = NULL;
	struct payload_error error;
	const struct payload_value *value;
	enum schema_answer answer;

	assert_int_equal(payload_parser_new(&limits, &parser, NULL), 0);
	value = payload_parse(parser, text, strlen(text), &error);
	assert_non_null(value);
	answer = schema_check(schema, value);
	payload_parser_free(parser);
	return answer;
}

#define PET "\"Pet\":{\"discriminator\":\"kind\",\"properties\":{\"kind\":{}}}"
#define CAT                                                                                        \
	"\"Cat\":{\"allOf\":[{\"$ref\":\"#/components/schemas/Pet\"},{\"required\":[\"lives\"]}]}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"

static void test_discriminator__what_is_not_checked(void **state)
{
	static const struct {
		const char *payload;
		const char *schemas;
		const char *warning; /* NULL: none */
	} trials[] = {
		{ REF("Pet"), PET "," CAT, NULL },
		{ REF("Pet"), PET, NULL }, /* it has its own name */
		{ "{\"discriminator\":\"kind\"}", PET,
		  "api.json: /payload/discriminator: is not checked, because the schema has no "
		  "name and no other schema inherits it" },
		{ "{\"discriminator\":\"kind\",\"oneOf\":[{\"type\":\"object\"}]}", PET,
		  "api.json: /payload/discriminator: is not checked, because alternatives in "
		  "\"oneOf\" are no references or have the same name" },
		{ "{\"discriminator\":\"kind\",\"anyOf\":[" REF("Pet") "," REF("Pet") "]}", PET,
		  "api.json: /payload/discriminator: is not checked, because alternatives in "
		  "\"anyOf\"" },
		{ "{\"discriminator\":\"kind\",\"oneOf\":[{\"type\":\"null\"}]}", PET,
		  "api.json: /payload/discriminator: is not checked, because the schema has no "
		  "name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		json_t *json = document(trials[i].payload, trials[i].schemas);
		struct schema *schema = NULL;
		struct diag diag;
		const char *warning;

		if (compile(json, &schema, &diag) != 0)
			fail_msg("%s: %s", trials[i].payload, diag.text);
		warning = schema_warning(schema, 0);
		if (!warning != !trials[i].warning ||
		    (warning && !strstr(warning, trials[i].warning)))
			fail_msg("%s: %s", trials[i].payload, warning ? warning : "no warning");
		assert_null(warning ? schema_warning(schema, 1) : NULL);
		schema_free(schema);
		json_decref(json);
	}
}

/* Without a step into the message such a check would never end; the compiler says so. */
static void test_discriminator__circular_inheritance_ends(void **state)
{
	static const char *const schemas[] = {
		"\"Pet\":{\"discriminator\":\"kind\",\"allOf\":[" REF("Cat") "]}," CAT,
		"\"Pet\":{\"discriminator\":\"kind\",\"allOf\":[" REF("Pet") "]}",
		"\"Pet\":{\"allOf\":[" REF("Cat") "]}," CAT,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		json_t *json = document(REF("Pet"), schemas[i]);
		struct schema *schema = NULL;
		struct diag diag;

		assert_int_equal(compile(json, &schema, &diag), ERR_INVALID);
		assert_non_null(strstr(diag.text, "api.json: /components/schemas/"));
		json_decref(json);
	}
}

/* An heir's own program has no other heirs in it, and a base's has each once. */
static void test_discriminator__many_heirs(void **state)
{
	enum { HEIRS = 2000 };
	char *schemas = malloc(200 * HEIRS);
	size_t used = (size_t)sprintf(schemas, PET);
	struct schema *schema = NULL;
	struct diag diag;
	json_t *json;

	(void)state;
	for (int i = 0; i < HEIRS; i++)
		used += (size_t)sprintf(
			schemas + used,
			",\"P%d\":{\"allOf\":[" REF("Pet") ",{\"required\":[\"m%d\"]}]}", i, i);
	json = document(REF("Pet"), schemas);
	assert_int_equal(compile(json, &schema, &diag), 0);
	assert_int_equal(check(schema, "{\"kind\":\"P1999\",\"m1999\":1}"), SCHEMA_VALID);
	assert_int_equal(check(schema, "{\"kind\":\"P1999\",\"m1998\":1}"), SCHEMA_INVALID);
	schema_free(schema);
	json_decref(json);
	json = document(REF("P7"), schemas);
	assert_int_equal(compile(json, &schema, &diag), 0);
	assert_int_equal(check(schema, "{\"kind\":\"P7\",\"m7\":1}"), SCHEMA_VALID);
	assert_int_equal(check(schema, "{\"kind\":\"P8\",\"m7\":1,\"m8\":1}"), SCHEMA_INVALID);
	schema_free(schema);
	json_decref(json);
	free(schemas);
}

/* A circle of schemas that have discriminators: each has the names of all, the square of them. */
static void test_discriminator__names_are_bounded(void **state)
{
	enum { KINDS = 3000 };
	char *schemas = malloc(200 * KINDS);
	struct schema *schema = NULL;
	struct diag diag;
	size_t used = 0;
	json_t *json;

	(void)state;
	for (int i = 0; i < KINDS; i++)
		used += (size_t)sprintf(schemas + used,
					"%s\"P%d\":{\"discriminator\":\"k\",\"allOf\":["
					"{\"$ref\":\"#/components/schemas/P%d\"}]}",
					i ? "," : "", i, (i + 1) % KINDS);
	json = document(REF("P0"), schemas);
	assert_int_equal(compile(json, &schema, &diag), ERR_LIMIT);
	assert_non_null(strstr(diag.text, "choose among more than 1048576 names in all"));
	json_decref(json);
	free(schemas);
}

static void test_discriminator__every_allocation_may_fail(void **state)
{
	json_t *json =
		document("{\"properties\":{\"a\":" REF("Pet") ",\"b\":{\"discriminator\":"
							      "\"k\",\"oneOf\":[" REF("Cat") "]}}}",
			 PET "," CAT ",\"Siamese\":{\"allOf\":[" REF("Cat") "]}");
	bool failed = true;

	(void)state;
	for (unsigned n = 1; failed; n++) {
		struct schema *schema = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = compile(json, &schema, &diag);
		failed = failalloc_stop();
		assert_int_equal(rc, failed ? ERR_NOMEM : 0);
		schema_free(schema);
	}
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discriminator__what_is_not_checked),
		cmocka_unit_test(test_discriminator__circular_inheritance_ends),
		cmocka_unit_test(test_discriminator__many_heirs),
		cmocka_unit_test(test_discriminator__names_are_bounded),
		cmocka_unit_test(test_discriminator__every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A schema, U+0000, and a document to hold against it, as whoever writes a contract and whoever
 * publishes may make them up. What schema_check() and schema_explain() say must be the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/jsonbig.h"
#include "schema/schema.h"

#define URI "fuzz:/schema.json"
#define MAX_ERRORS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct schema *schema, const char *text, size_t len)
{
	struct payload_limits limits = { len ? len : 1, 64 };
	struct payload_parser *parser = NULL;
	struct payload_error fault;
	struct schema_error errors[MAX_ERRORS];
	enum schema_answer answer;
	enum schema_answer explained;
	const struct payload_value *value;
	struct diag diag;
	size_t count;

	if (payload_parser_new(&limits, &parser, &diag) != 0)
		abort();
	value = payload_parse(parser, text, len, &fault);
	if (value) {
		answer = schema_check(schema, value);
		count = schema_explain(schema, value, errors, MAX_ERRORS, &explained);
		if (answer != explained || (count > 0) != (answer != SCHEMA_VALID) ||
		    count > MAX_ERRORS)
			abort();
	}
	payload_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schema_options options = { .assert_format = size & 1 };
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\0', size) : NULL;
	size_t len = end ? (size_t)(end - text) : size;
	struct payload_error fault;
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;
	json_t *json = jsonbig_parse(text, len, 64, &fault);

	if (!json)
		return 0;
	if (schema_set_new(&set, &diag) != 0)
		abort();
	if (schema_set_add(set, URI, "schema.json", json, SCHEMA_UNSAID, &diag) == 0 &&
	    schema_compile(set, URI, &options, &schema, &diag) == 0)
		check(schema, end ? end + 1 : "1", end ? size - len - 1 : 1);
	schema_free(schema);
	schema_set_free(set);
	json_decref(json);
	return 0;
}

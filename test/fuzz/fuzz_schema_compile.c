/*
 * A schema, U+0000, and a document to hold against it, as whoever writes a contract and whoever
 * publishes may make them up. The size picks the dialect of the document, and that of the place
 * "/p" in it. What schema_check() and schema_explain() say must be the same.
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

static void check_place(struct schema_set *set, const char *uri, size_t size, const char *text,
			size_t len)
{
	struct schema_options options = { .assert_format = size & 1,
					  .max_bytes = size & 2 ? 100 : 0 };
	struct schema *schema = NULL;
	struct diag diag;

	if (schema_compile(set, uri, &options, &schema, &diag) == 0)
		check(schema, text, len);
	schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\0', size) : NULL;
	size_t len = end ? (size_t)(end - text) : size;
	const char *message = end ? end + 1 : "1";
	size_t message_len = end ? size - len - 1 : 1;
	enum schema_dialect dialect = (enum schema_dialect)(size / 4 % (SCHEMA_OPENAPI_30 + 1));
	enum schema_dialect marked = (enum schema_dialect)(1 + size / 36 % SCHEMA_OPENAPI_30);
	struct payload_error fault;
	struct schema_set *set = NULL;
	struct diag diag;
	json_t *json = jsonbig_parse(text, len, 64, &fault);

	if (!json)
		return 0;
	if (schema_set_new(&set, &diag) != 0)
		abort();
	if (schema_set_add(set, URI, "schema.json", json, dialect, &diag) == 0) {
		(void)schema_set_mark(set, URI "#/p", marked, &diag);
		check_place(set, URI, size, message, message_len);
		check_place(set, URI "#/p", size, message, message_len);
	}
	schema_set_free(set);
	json_decref(json);
	return 0;
}

/*
 * A message, as any client may send it: the first byte picks one of a few schemas that use all
 * of the engine, the rest is the message. What schema_check() and schema_explain() say must be
 * the same, and an error must name a keyword.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/jsonbig.h"
#include "schema/schema.h"

#define MAX_ERRORS 4
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const schemas[] = {
	/* an order */
	"{\"type\":\"object\",\"required\":[\"orderId\",\"status\"],\"properties\":{"
	"\"orderId\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,8}$\"},"
	"\"status\":{\"enum\":[\"PLACED\",\"SHIPPED\"]},\"at\":{\"format\":\"date-time\"},"
	"\"n\":{\"type\":\"integer\",\"minimum\":-3,\"exclusiveMaximum\":1e3,\"multipleOf\":0.5}},"
	"\"if\":{\"properties\":{\"status\":{\"const\":\"PLACED\"}}},\"then\":{\"required\":[\"n\"]"
	"},"
	"\"additionalProperties\":false}",
	/* arrays */
	"{\"items\":{\"anyOf\":[{\"type\":\"integer\"},{\"$ref\":\"#\"},{\"maxLength\":2}]},"
	"\"prefixItems\":[true,{\"const\":{\"a\":[1.0,null]}}],\"uniqueItems\":true,"
	"\"contains\":{\"type\":\"string\"},\"minContains\":0,\"maxContains\":3,\"maxItems\":40}",
	/* what was evaluated */
	"{\"properties\":{\"a\":true},\"patternProperties\":{\"^x-\":{\"type\":\"null\"}},"
	"\"anyOf\":[{\"properties\":{\"b\":{\"type\":\"integer\"}},\"required\":[\"b\"]},"
	"{\"properties\":{\"c\":true}},true],\"oneOf\":[{\"required\":[\"a\"]},{\"required\":["
	"\"d\"]}],"
	"\"dependentSchemas\":{\"a\":{\"properties\":{\"e\":true}}},"
	"\"dependentRequired\":{\"b\":[\"c\"]},\"propertyNames\":{\"maxLength\":4},"
	"\"contains\":{\"const\":1},\"if\":{\"prefixItems\":[{\"const\":1}]},"
	"\"then\":{\"prefixItems\":[true,true]},"
	"\"unevaluatedProperties\":{\"type\":\"string\"},\"unevaluatedItems\":false}",
	/* a tree, extended */
	"{\"$id\":\"fuzz:/strict\",\"$dynamicAnchor\":\"node\",\"$ref\":\"tree\","
	"\"unevaluatedProperties\":false,\"$defs\":{\"tree\":{\"$id\":\"tree\","
	"\"$dynamicAnchor\":\"node\",\"type\":[\"object\",\"integer\"],\"properties\":{\"data\":"
	"true,"
	"\"children\":{\"items\":{\"$dynamicRef\":\"#node\"}}}}}}",
	/* patterns that PCRE2 has to match, some of them badly */
	"{\"anyOf\":[{\"pattern\":\"^(a+)+$\"},{\"not\":{\"pattern\":\"(x|y)*z\"}},"
	"{\"minLength\":2,\"maxLength\":5,\"format\":\"uri\"}],"
	"\"additionalProperties\":{\"$ref\":\"#\"},\"items\":{\"$ref\":\"#\"}}",
	/* numbers */
	"{\"items\":{\"enum\":[1,2.5,18446744073709551616,1e400,\"1\",true]},\"uniqueItems\":true,"
	"\"properties\":{\"m\":{\"multipleOf\":1e-7},\"b\":{\"minimum\":-36893488147419103232,"
	"\"maximum\":36893488147419103232.5}}}",
	/* draft 7 */
	"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":[{\"type\":\"null\"}],"
	"\"additionalItems\":{\"$ref\":\"#\"},\"dependencies\":{\"a\":[\"b\"],\"c\":{"
	"\"maxProperties\":2}},"
	"\"not\":{\"const\":0}}",
	/* draft 04 */
	"{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"items\":{\"type\":[\"integer\","
	"\"string\"],\"minimum\":1,\"exclusiveMinimum\":true,\"maximum\":9},\"properties\":{\"a\":{"
	"\"$ref\":\"#\",\"type\":\"null\"}}}",
	/* draft 2019-09 */
	"{\"$schema\":\"https://json-schema.org/draft/2019-09/schema\",\"$id\":\"fuzz:/s\","
	"\"$recursiveAnchor\":true,\"$ref\":\"t\",\"unevaluatedProperties\":false,"
	"\"unevaluatedItems\":{\"type\":\"null\"},\"$defs\":{\"t\":{\"$id\":\"t\","
	"\"$recursiveAnchor\":true,\"properties\":{\"c\":{\"items\":{\"$recursiveRef\":\"#\"}}},"
	"\"contains\":{\"const\":1},\"items\":[{\"const\":1}]}}}",
	/* the next draft */
	"{\"$schema\":\"https://json-schema.org/v1\",\"$dynamicAnchor\":\"n\","
	"\"propertyDependencies\":{\"k\":{\"a\":{\"required\":[\"b\"]},\"c\":false}},"
	"\"additionalProperties\":{\"anyOf\":[{\"$dynamicRef\":\"n\"},{\"maxLength\":3}]}}",
};

static struct schema *compiled[ARRAY(schemas)];
static struct payload_parser *parser;

static void compile(const char *text, struct schema **ret)
{
	struct schema_options options = { .assert_format = true };
	struct payload_error fault;
	struct schema_set *set = NULL;
	struct diag diag;
	json_t *json = jsonbig_parse(text, strlen(text), 64, &fault);

	if (!json || schema_set_new(&set, &diag) != 0 ||
	    schema_set_add(set, "fuzz:/schema.json", "schema.json", json, SCHEMA_UNSAID, &diag) !=
		    0 ||
	    schema_compile(set, "fuzz:/schema.json", &options, ret, &diag) != 0)
		abort();
	schema_set_free(set);
	json_decref(json);
}

static void prepare(void)
{
	struct payload_limits limits = { 1u << 16, PAYLOAD_MAX_DEPTH };
	struct diag diag;

	for (size_t i = 0; i < ARRAY(schemas); i++)
		compile(schemas[i], &compiled[i]);
	if (payload_parser_new(&limits, &parser, &diag) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schema_error errors[MAX_ERRORS];
	enum schema_answer answer;
	enum schema_answer explained;
	const struct payload_value *value;
	const struct schema *schema;
	struct payload_error fault;
	size_t count;

	if (!parser)
		prepare();
	if (size == 0)
		return 0;
	schema = compiled[data[0] % ARRAY(schemas)];
	value = payload_parse(parser, data + 1, size - 1, &fault);
	if (!value)
		return 0;
	answer = schema_check(schema, value);
	count = schema_explain(schema, value, errors, MAX_ERRORS, &explained);
	if (answer != explained || (count > 0) != (answer != SCHEMA_VALID) || count > MAX_ERRORS)
		abort();
	if (answer == SCHEMA_INVALID && !errors[0].keyword[0])
		abort();
	return 0;
}

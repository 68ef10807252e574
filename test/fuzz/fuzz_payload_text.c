/*
 * Texts and user properties as values of this build's backend. The first byte chooses the types
 * that are asked for. The rest is a text, and also the user properties: names and values, each with
 * its length in front. What is accepted is there, whole, in the order in which it came, and no
 * other byte is read. A schema gives the same answer each time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

#define PAIRS_MAX 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct schema *compile(void)
{
	static const char text[] =
		"{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"},"
		"\"c\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}},"
		"\"patternProperties\":{\"^x(a|b)+$\":{\"type\":\"number\"}},"
		"\"additionalProperties\":{\"type\":[\"string\",\"array\"]}}";
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	json_t *json = json_loads(text, 0, NULL);
	struct diag diag;

	must(json && schema_set_new(&set, &diag) == 0 &&
	     schema_set_add(set, "a:", "a", json, SCHEMA_UNSAID, &diag) == 0 &&
	     schema_compile(set, "a:", NULL, &schema, &diag) == 0);
	schema_set_free(set);
	json_decref(json);
	return schema;
}

static void check_text(struct payload_parser *parser, const char *text, size_t len, unsigned want)
{
	struct payload_error error = { .fault = PAYLOAD_OK };
	const struct payload_value *value = payload_text(parser, text, len, want, &error);
	const char *copy;
	size_t copy_len;
	double d;
	bool flag;

	if (!value) {
		must(error.fault == PAYLOAD_NOT_UTF8 && error.offset < len && error.text[0]);
		return;
	}
	if (payload_string(value, &copy, &copy_len))
		must(copy_len == len && (len == 0 || memcmp(copy, text, len) == 0));
	else if (payload_boolean(value, &flag))
		must((want & PAYLOAD_TYPE_BOOLEAN) && text[0] == (flag ? 't' : 'f'));
	else
		must((want & (PAYLOAD_TYPE_NUMBER | PAYLOAD_TYPE_INTEGER)) &&
		     payload_number(value, &d));
}

static size_t read_pairs(const char *data, size_t size, struct payload_pair *ret)
{
	size_t count = 0;

	while (count < PAIRS_MAX && size >= 2) {
		size_t name = (unsigned char)data[0] % 8;
		size_t value = (unsigned char)data[1];

		if (name + value > size - 2)
			break;
		ret[count++] = (struct payload_pair){ data + 2, name, data + 2 + name, value };
		data += 2 + name + value;
		size -= 2 + name + value;
	}
	return count;
}

static void check_headers(struct payload_parser *parser, const struct schema *schema,
			  const char *data, size_t size)
{
	struct payload_pair pairs[PAIRS_MAX];
	size_t count = read_pairs(data, size, pairs);
	struct payload_error error = { .fault = PAYLOAD_OK };
	const struct payload_value *value = payload_headers(parser, pairs, count, schema, &error);
	enum schema_answer answer;

	if (!value) {
		must(error.fault == PAYLOAD_NOT_UTF8 || error.fault == PAYLOAD_TOO_LARGE ||
		     error.fault == PAYLOAD_DUPLICATE);
		return;
	}
	for (size_t i = 0; i < count; i++)
		must(payload_member(value, pairs[i].name, pairs[i].name_len) != NULL);
	answer = schema_check(schema, value);
	value = payload_headers(parser, pairs, count, schema, &error);
	must(value && schema_check(schema, value) == answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct schema *schema;
	struct payload_limits limits = { .max_bytes = 4096, .max_depth = 4 };
	struct payload_parser *parser = NULL;

	if (!schema)
		schema = compile();
	if (size < 1 || size - 1 > limits.max_bytes)
		return 0;
	must(payload_parser_new(&limits, &parser, NULL) == 0);
	check_text(parser, (const char *)data + 1, size - 1, data[0]);
	check_headers(parser, schema, (const char *)data + 1, size - 1);
	payload_parser_free(parser);
	return 0;
}

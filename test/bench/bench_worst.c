/*
 * What one message may cost at most: schemas and messages made to be slow, checked and explained.
 *
 *     bench_worst [BYTES]
 *
 * For each, in milliseconds of the processor: the best of three checks, the best of three lists of
 * eight faults (check and list), and the answer. BYTES is the size of the messages (16,384).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jsonfile.h"
#include "schema/schema.h"

/* How a schema and a message are made: @item is written @count times with %d, within the frame. */
struct trial {
	const char *name;
	const char *before; /* of the schema */
	const char *item;
	int count;
	const char *after;
	const char *message_before;
	const char *message_item; /* until the message is long enough; one %d or none */
	const char *message_after;
};

#define ALL(item, n) "{\"allOf\":[true", "," item, n, "]}"
#define TEXT "\"", "a", "\""
#define NUMBERS "[0", ",%d", "]"

/* clang-format off */
static const struct trial trials[] = {
	{ "1 pattern (?:a|b|c)*[0-9]", ALL("{\"pattern\":\"(?:a|b|c)*[0-9]\"}", 1), TEXT },
	{ "100 patterns a*a*[0-9]{n}", ALL("{\"not\":{\"pattern\":\"[a-y]*[a-z]*[0-9]{%d}\"}}", 100), TEXT },
	{ "100 patterns (?:a|b|c)*[0-9]{n}", ALL("{\"not\":{\"pattern\":\"(?:a|b|c)*[0-9]{%d}\"}}", 100), TEXT },
	{ "100 patterns ^a*a*[0-9]{n}$", ALL("{\"not\":{\"pattern\":\"^[a-z]*[a-z]*[0-9]{%d}$\"}}", 100), TEXT },
	{ "100 patterns ^[a-z]*[A-Z]{n}$ (sequence)", ALL("{\"not\":{\"pattern\":\"^[a-z]*[A-Z]{%d}$\"}}", 100), TEXT },
	{ "2000 patterns ^[ -~]*$ (sequence)", ALL("{\"pattern\":\"^[ -~]*%d?$\"}", 2000), TEXT },
	{ "pattern (?:(?=(a+))a)*[bc]", ALL("{\"pattern\":\"(?:(?=(a+))a)*[bc]\"}", 1), TEXT },
	{ "pattern with back references", ALL("{\"not\":{\"pattern\":\"^(a*)(a*)(a*)\\\\1\\\\2\\\\3[bc]$\"}}", 1), TEXT },
	{ "pattern (a+)+\\b[#!]", ALL("{\"not\":{\"pattern\":\"(a+)+\\\\b[#!]\"}}", 1), TEXT },
	{ "pattern (?=.*[bc]).*a", ALL("{\"not\":{\"pattern\":\"(?=.*[bc]).*a\"}}", 1), TEXT },
	{ "pattern (?<!x)a{4000}[bc]", ALL("{\"not\":{\"pattern\":\"(?<!x)a{4000}[bc]\"}}", 1), TEXT },
	{ "100 patterns \\\\p{Lu}", ALL("{\"not\":{\"pattern\":\"\\\\p{Lu}{%d}\"}}", 100), TEXT },
	{ "900 patternProperties", "{\"patternProperties\":{\"^b\":{}", ",\"^[a-z]*[a-z]*[a-z]*[0-9]{%d}$\":{}", 900, "}}", "{\"", "a", "\":1}" },
	{ "900 patternProperties, many names", "{\"patternProperties\":{\"^b\":{}", ",\"^[a-z]*[a-z]*[a-z]*[0-9]{%d}$\":{}", 900, "}}", "{\"x\":1", ",\"a%d\":1", "}" },
	{ "2000 allOf maxLength", ALL("{\"minLength\":%d,\"maxLength\":16000000}", 2000), TEXT },
	{ "10000 allOf maxLength that counts", ALL("{\"maxLength\":1%d000}", 10000), "\"", "\xc3\xa4", "\"" },
	{ "10000 anyOf maxLength, many items", "{\"items\":{\"anyOf\":[false", ",{\"maxLength\":%d}", 10000, "]}}", "[0", ",\"\"", "]" },
	{ "10000 anyOf types, many items", "{\"items\":{\"anyOf\":[false", ",{\"type\":\"null\",\"minLength\":%d}", 10000, "]}}", "[0", ",\"\"", "]" },
	{ "10000 enum numbers, many items", "{\"items\":{\"enum\":[0", ",%d.5", 10000, "]}}", "[0", ",0", "]" },
	{ "10000 enum numbers, one of many digits", "{\"not\":{\"enum\":[0", ",%d.5", 10000, "]}}", "1", "0", "1" },
	{ "200 allOf multipleOf, many digits", ALL("{\"multipleOf\":3.%d}", 200), "1", "3", "1" },
	{ "200 allOf multipleOf, many reals", ALL("{\"items\":{\"anyOf\":[{\"multipleOf\":3.%d},true]}}", 200), "[0", ",1e%d", "]" },
	{ "200 allOf minimum, many digits", ALL("{\"minimum\":0.%d}", 200), "1", "3", "1" },
	{ "10000 allOf minimum, many digits", ALL("{\"minimum\":0.%d}", 10000), "1", "3", "1" },
	{ "10000 allOf integer, many digits", ALL("{\"type\":\"integer\",\"minimum\":0.%d}", 10000), "1.3", "3", "1e20000" },
	{ "10000 anyOf integer, many digits", "{\"anyOf\":[false", ",{\"type\":\"integer\",\"minimum\":0.%d}", 10000, "]}", "1.3", "3", "1" },
	{ "uniqueItems, numbers", ALL("{\"uniqueItems\":true,\"maxItems\":%d000000}", 1), NUMBERS },
	{ "100 uniqueItems, numbers", ALL("{\"uniqueItems\":true,\"maxItems\":%d000000}", 100), NUMBERS },
	{ "100 uniqueItems, objects", ALL("{\"uniqueItems\":true,\"maxItems\":%d000000}", 100), "[0", ",{\"a\":%d}", "]" },
	{ "100 uniqueItems, large reals", ALL("{\"uniqueItems\":true,\"maxItems\":%d000000}", 100), "[0", ",%d.5e300", "]" },
	{ "1000 allOf contains", ALL("{\"contains\":{\"const\":%d.5},\"minContains\":0,\"maxContains\":2}", 1000), NUMBERS },
	{ "1000 if with look-ups", ALL("{\"if\":{\"properties\":{\"z%d\":{\"const\":1}},\"required\":[\"y%d\"]},\"then\":false}", 1000), "{\"x\":{\"x\":1}", ",\"a%d\":1", "}" },
	{ "1000 allOf properties", ALL("{\"properties\":{\"z%d\":{\"const\":1},\"q\":false,\"r\":false}}", 1000), "{\"x\":1", ",\"a%d\":1", "}" },
	{ "1000 allOf additionalProperties", ALL("{\"additionalProperties\":{\"minLength\":%d}}", 1000), "{\"x\":1", ",\"a%d\":1", "}" },
	{ "1000 allOf propertyNames", ALL("{\"propertyNames\":{\"minLength\":1,\"maxLength\":%d000}}", 1000), "{\"x\":1", ",\"a%d\":1", "}" },
	{ "1000 dependentRequired", "{\"dependentRequired\":{\"z\":[]", ",\"x\":[\"a%d\",\"x\"]", 1, "}}", "{\"x\":1", ",\"a%d\":1", "}" },
	{ "unevaluatedProperties beside 500 anyOf", "{\"unevaluatedProperties\":true,\"anyOf\":[{\"required\":[\"x\"]}", ",{\"minProperties\":%d,\"required\":[\"x\"]}", 500, "]}", "{\"x\":1", ",\"a%d\":1", "}" },
	{ "1000 allOf format date-time", ALL("{\"not\":{\"format\":\"date-time\",\"minLength\":%d}}", 1000), TEXT },
	{ "1000 allOf format uri", ALL("{\"not\":{\"format\":\"uri\",\"minLength\":%d}}", 1000), "\"http://a/", "a", " \"" },
	{ "1000 allOf format idn-hostname", ALL("{\"not\":{\"format\":\"idn-hostname\",\"minLength\":%d}}", 1000), "\"a", ".\xc3\xa4\xc3\xa4\xc3\xa4", "..\"" },
	{ "1000 allOf format idn-email", ALL("{\"not\":{\"format\":\"idn-email\",\"minLength\":%d}}", 1000), "\"a@a", ".\xc3\xa4", "..\"" },
	{ "20 allOf items of format idn-hostname", ALL("{\"items\":{\"format\":\"idn-hostname\",\"minLength\":%d}}", 20), "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", ",\"\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6\xc3\xa4\xc3\xb6\"", "]" },
	{ "1000 items of format uri", ALL("{\"items\":{\"format\":\"uri\",\"minLength\":%d}}", 8), "[\"http://example.com/aaaaaaaaaa\"", ",\"http://%d.ab:80/aaa/aaa?aaaa=a#aaaaaaa\"", "]" },
	{ "1000 items of format email", ALL("{\"items\":{\"format\":\"email\",\"minLength\":%d}}", 7), "[\"aaaaaaaa@aaaa\"", ",\"a%d.b.c.d.e@a.b.c.d.xn--4ca\"", "]" },
	{ "1000 items of format date-time", ALL("{\"items\":{\"format\":\"date-time\",\"minLength\":%d}}", 20), "[\"2026-11-21T03:35:00Z\"", ",\"2026-11-21T03:35:00.%d99Z\"", "]" },
	{ "1000 items of format uuid", ALL("{\"items\":{\"format\":\"uuid\",\"minLength\":%d}}", 30), "[\"0190b3f2-7c4e-7a1b-9d2e-3f4a5b6c7d8e\"", ",\"0190b3f2-7c4e-7a1b-9d2e-3f4a5b6c7d8e\"", "]" },
	{ "items of format hostname", ALL("{\"items\":{\"format\":\"hostname\",\"minLength\":%d}}", 1), "[\"a\"", ",\"xn--4ca.xn--4ca\"", "]" },
	{ "format regex, many groups", ALL("{\"format\":\"regex\",\"minLength\":%d}", 20), "\"x", "(?<a%d>)", "\"" },
	{ "items by a schema that doubles", "{\"allOf\":[{\"items\":{\"$ref\":\"#\"}},{\"items\":{\"$ref\":\"#\"}}", ",{\"minItems\":%d}", 1, "]}", "[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]", ",[]", "]" },
	{ "allOf bomb 2^40", NULL, NULL, 40, NULL, "\"", "z", "\"" },
	{ "anyOf bomb 2^40", NULL, NULL, -40, NULL, "\"", "z", "\"" },
};
/* clang-format on */

static void *need(void *memory)
{
	if (!memory)
		exit(2);
	return memory;
}

static char *bomb(int levels)
{
	size_t size = 200 * (size_t)abs(levels) + 200;
	char *text = need(malloc(size));
	size_t used = (size_t)snprintf(
		text, size, "{\"$ref\":\"#/$defs/d%d\",\"$defs\":{\"d0\":{\"maxLength\":1}",
		abs(levels));

	for (int i = 1; i <= abs(levels); i++)
		used += (size_t)snprintf(text + used, size - used,
					 ",\"d%d\":{\"%s\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":"
					 "\"#/$defs/d%d\"}]}",
					 i, levels > 0 ? "allOf" : "anyOf", i - 1, i - 1);
	(void)snprintf(text + used, size - used, "}}");
	return text;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static char *make(const char *before, const char *item, int count, size_t bytes, const char *after)
{
	size_t size = strlen(before) + strlen(after) + bytes +
		      (size_t)(count + 8) * (strlen(item) + 24) + 64;
	char *text = need(malloc(size));
	size_t used = (size_t)snprintf(text, size, "%s", before);

	for (int i = 1; count > 0 ? i <= count : used + strlen(after) + strlen(item) + 8 < bytes;
	     i++)
		used += (size_t)snprintf(text + used, size - used, item, i, i);
	(void)snprintf(text + used, size - used, "%s", after);
	return text;
}

static struct schema *compile(const struct trial *trial)
{
	char *text = trial->item ? make(trial->before, trial->item, trial->count, 0, trial->after)
				 : bomb(trial->count);
	const struct schema_options options = { .assert_format = true };
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;
	json_t *json = NULL;

	if (jsonfile_parse(trial->name, text, strlen(text), &json, &diag) ||
	    schema_set_new(&set, &diag) ||
	    schema_set_add(set, "bench:schema", trial->name, json, SCHEMA_UNSAID, &diag) ||
	    schema_compile(set, "bench:schema", &options, &schema, &diag))
		(void)printf("%s\n", diag.text);
	schema_set_free(set);
	json_decref(json);
	free(text);
	return schema;
}

/* Of this process: what else the machine does is not counted. */
static int64_t cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void try(const struct trial *trial, size_t bytes)
{
	static const char *const answers[] = { "invalid", "valid", "limit" };
	struct payload_limits limits = { 16u << 20, 64 };
	char *text =
		make(trial->message_before, trial->message_item, 0, bytes, trial->message_after);
	struct schema *schema = compile(trial);
	struct payload_parser *parser = NULL;
	struct schema_error errors[8];
	enum schema_answer answer = SCHEMA_INVALID;
	double check = 1e9, list = 1e9;
	const struct payload_value *value;
	struct payload_error fault;
	struct diag diag;

	if (!schema || payload_parser_new(&limits, &parser, &diag))
		exit(2);
	value = payload_parse(parser, text, strlen(text), &fault);
	if (!value)
		(void)printf("%s: %s\n", trial->name, fault.text);
	for (int i = 0; i < 3 && value; i++) {
		int64_t start = cpu_ns();
		double ms;

		answer = schema_check(schema, value);
		ms = (double)(cpu_ns() - start) / 1e6;
		check = ms < check ? ms : check;
		start = cpu_ns();
		(void)schema_explain(schema, value, errors, 8, &answer);
		ms = (double)(cpu_ns() - start) / 1e6;
		list = ms < list ? ms : list;
		if (ms > 1000)
			break;
	}
	(void)printf("%-42s %9.3f %9.3f %s\n", trial->name, check, list, answers[answer]);
	(void)fflush(stdout);
	payload_parser_free(parser);
	schema_free(schema);
	free(text);
}

int main(int argc, char **argv)
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 16384;

	(void)printf("%-42s %9s %9s answer\n", "construct, ms", "check", "list");
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		try(&trials[i], bytes);
	return 0;
}

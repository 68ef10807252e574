/*
 * How long a message takes: the parser library alone, parse, validate, both. Nanoseconds.
 *
 *     bench_schema [--once NAME N [raw | parse | validate | both]]
 *
 * Three documents of 164, 227 and 313 bytes with their schemas. In each of ROUNDS rounds every
 * call is made ITERATIONS times, one kind after the other, so that what else the machine does
 * falls on all of them; a number is the median over the rounds, the best in parentheses. The
 * last columns divide by the library's own parse in the same round, for comparing machines.
 * With --once the document called NAME is validated (or parsed, ...) N times and nothing is
 * measured, for callgrind and perf.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsonfile.h"
#include "schema/payload_view.h"
#include "schema/schema.h"

#define ROUNDS 1001
#define ITERATIONS 100

struct document {
	const char *name;
	const char *text;
	const char *schema;
	int target_ns; /* of validation, on a yyjson tree */
};

static const struct document documents[] = {
	{ "order",
	  "{\"orderId\":\"0190b3f2-7c4e-7a1b-9d2e-3f4a5b6c7d8e\",\"status\":\"PLACED\","
	  "\"updatedAt\":\"2026-11-21T03:35:00Z\",\"userId\":\"usr_8Kd02\","
	  "\"totalAmount\":\"149.90\",\"currency\":\"EUR\"}",
	  "{\"type\":\"object\",\"required\":[\"orderId\",\"status\",\"updatedAt\"],"
	  "\"properties\":{"
	  "\"orderId\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64,"
	  "\"pattern\":\"^[A-Za-z0-9_-]+$\"},"
	  "\"status\":{\"enum\":[\"PLACED\",\"APPROVED\",\"SHIPPED\",\"DELIVERED\",\"CANCELLED\"]},"
	  "\"updatedAt\":{\"type\":\"string\",\"format\":\"date-time\"},"
	  "\"userId\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},"
	  "\"petId\":{\"type\":\"string\"},"
	  "\"totalAmount\":{\"type\":\"string\",\"pattern\":\"^[0-9]+\\\\.[0-9]{2}$\"},"
	  "\"currency\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"},"
	  "\"previousStatus\":{\"type\":\"string\"},\"changedBy\":{\"type\":\"string\"}},"
	  "\"if\":{\"properties\":{\"status\":{\"const\":\"PLACED\"}}},"
	  "\"then\":{\"required\":[\"userId\"]},"
	  "\"additionalProperties\":false}",
	  165 },
	{ "telemetry",
	  "{\"deviceId\":\"collar-00017\",\"seq\":184467,\"ts\":1795318500123,"
	  "\"position\":{\"lat\":52.520008,\"lon\":13.404954,\"accuracy\":4.5},"
	  "\"battery\":{\"percent\":87,\"charging\":false},\"temperature\":38.4,"
	  "\"heartRates\":[92,95,91,97,96,94],\"mode\":\"walk\"}",
	  "{\"type\":\"object\",\"required\":[\"deviceId\",\"seq\",\"ts\",\"position\"],"
	  "\"properties\":{"
	  "\"deviceId\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":32},"
	  "\"seq\":{\"type\":\"integer\",\"minimum\":0},"
	  "\"ts\":{\"type\":\"integer\",\"minimum\":0},"
	  "\"position\":{\"$ref\":\"#/$defs/position\"},"
	  "\"battery\":{\"type\":\"object\",\"properties\":{"
	  "\"percent\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},"
	  "\"charging\":{\"type\":\"boolean\"}},\"required\":[\"percent\"],"
	  "\"additionalProperties\":false},"
	  "\"temperature\":{\"type\":\"number\",\"minimum\":-40,\"maximum\":85},"
	  "\"heartRates\":{\"type\":\"array\",\"maxItems\":32,"
	  "\"items\":{\"type\":\"integer\",\"minimum\":20,\"maximum\":400}},"
	  "\"mode\":{\"enum\":[\"rest\",\"walk\",\"run\"]}},"
	  "\"additionalProperties\":false,"
	  "\"$defs\":{\"position\":{\"type\":\"object\",\"required\":[\"lat\",\"lon\"],"
	  "\"properties\":{\"lat\":{\"type\":\"number\",\"minimum\":-90,\"maximum\":90},"
	  "\"lon\":{\"type\":\"number\",\"minimum\":-180,\"maximum\":180},"
	  "\"accuracy\":{\"type\":\"number\",\"exclusiveMinimum\":0}},"
	  "\"additionalProperties\":false}}}",
	  304 },
	{ "cart",
	  "{\"cartId\":\"c-48151623\",\"customer\":{\"id\":\"usr_8Kd02\",\"email\":"
	  "\"ada@example.org\"},\"lines\":[{\"sku\":\"PET-001\",\"quantity\":2,\"price\":\"12.50\"}"
	  ","
	  "{\"sku\":\"PET-144\",\"quantity\":1,\"price\":\"49.00\"},"
	  "{\"sku\":\"FOOD-77\",\"quantity\":6,\"price\":\"3.25\"}],"
	  "\"coupons\":[\"SPRING\",\"VIP\"],\"gift\":true,\"note\":null,"
	  "\"total\":\"93.50\",\"currency\":\"EUR\"}",
	  "{\"type\":\"object\",\"required\":[\"cartId\",\"customer\",\"lines\",\"total\"],"
	  "\"properties\":{"
	  "\"cartId\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,64}$\"},"
	  "\"customer\":{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{"
	  "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},"
	  "\"email\":{\"type\":\"string\",\"maxLength\":254}},\"additionalProperties\":false},"
	  "\"lines\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":100,"
	  "\"items\":{\"$ref\":\"#/$defs/line\"}},"
	  "\"coupons\":{\"type\":\"array\",\"uniqueItems\":true,"
	  "\"items\":{\"type\":\"string\",\"maxLength\":16}},"
	  "\"gift\":{\"type\":\"boolean\"},\"note\":{\"type\":[\"string\",\"null\"]},"
	  "\"total\":{\"$ref\":\"#/$defs/amount\"},"
	  "\"currency\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"}},"
	  "\"additionalProperties\":false,"
	  "\"$defs\":{\"amount\":{\"type\":\"string\",\"pattern\":\"^[0-9]+\\\\.[0-9]{2}$\"},"
	  "\"line\":{\"type\":\"object\",\"required\":[\"sku\",\"quantity\",\"price\"],"
	  "\"properties\":{\"sku\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":32},"
	  "\"quantity\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000},"
	  "\"price\":{\"$ref\":\"#/$defs/amount\"}},\"additionalProperties\":false}}}",
	  302 },
};

#define DOCUMENT_COUNT (sizeof(documents) / sizeof(documents[0]))

struct subject {
	const struct document *document;
	size_t len;
	struct schema *schema;
	struct payload_parser *parser;
	const struct payload_value *value;
};

static void fail(const char *name, const char *text)
{
	(void)fprintf(stderr, "%s: %s\n", name, text);
	exit(2);
}

static void prepare(const struct document *document, struct subject *ret)
{
	struct schema_options options = { .assert_format = true };
	struct payload_limits limits = { 65536, 64 };
	struct payload_error error;
	struct schema_set *set = NULL;
	json_t *json = NULL;
	struct diag diag;

	*ret = (struct subject){ .document = document, .len = strlen(document->text) };
	if (jsonfile_parse(document->name, document->schema, strlen(document->schema), &json,
			   &diag) != 0 ||
	    schema_set_new(&set, &diag) != 0 ||
	    schema_set_add(set, document->name, document->name, json, SCHEMA_UNSAID, &diag) != 0 ||
	    schema_compile(set, document->name, &options, &ret->schema, &diag) != 0 ||
	    payload_parser_new(&limits, &ret->parser, &diag) != 0)
		fail(document->name, diag.text);
	ret->value = payload_parse(ret->parser, document->text, ret->len, &error);
	if (!ret->value)
		fail(document->name, error.text);
	if (schema_check(ret->schema, ret->value) != SCHEMA_VALID)
		fail(document->name, "is not valid");
	json_decref(json);
	schema_set_free(set);
}

static void clear(struct subject *subject)
{
	payload_parser_free(subject->parser);
	schema_free(subject->schema);
}

/* What the library's own function takes, with memory from malloc() and no checks of ours. */
static void raw(struct subject *subject)
{
	const char *text = subject->document->text;

#ifdef PAYLOAD_YYJSON
	yyjson_doc_free(yyjson_read(text, subject->len, 0));
#else
	json_decref(json_loadb(text, subject->len, 0, NULL));
#endif
}

static void parse(struct subject *subject)
{
	struct payload_error error;

	subject->value =
		payload_parse(subject->parser, subject->document->text, subject->len, &error);
}

static void validate(struct subject *subject)
{
	if (schema_check(subject->schema, subject->value) != SCHEMA_VALID)
		fail(subject->document->name, "is not valid");
}

static void both(struct subject *subject)
{
	parse(subject);
	validate(subject);
}

static const struct {
	const char *name;
	void (*call)(struct subject *);
} kinds[] = { { "raw", raw }, { "parse", parse }, { "validate", validate }, { "both", both } };

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nanoseconds of one call, by kind and round, and what they are of the round's raw parse. */
struct timings {
	double ns[KIND_COUNT][ROUNDS];
	double ratio[KIND_COUNT][ROUNDS];
};

static double ns_of(void (*call)(struct subject *), struct subject *subject)
{
	int64_t start = clock_mono_ns();

	for (int i = 0; i < ITERATIONS; i++)
		call(subject);
	return (double)(clock_mono_ns() - start) / ITERATIONS;
}

static void measure(struct subject *subject, struct timings *ret)
{
	for (int r = 0; r < ROUNDS; r++) {
		for (size_t k = 0; k < KIND_COUNT; k++) {
			ret->ns[k][r] = ns_of(kinds[k].call, subject);
			ret->ratio[k][r] = ret->ns[k][r] / ret->ns[0][r];
		}
	}
	for (size_t k = 0; k < KIND_COUNT; k++) {
		qsort(ret->ns[k], ROUNDS, sizeof(double), compare);
		qsort(ret->ratio[k], ROUNDS, sizeof(double), compare);
	}
}

static void print(const struct subject *subject, const struct timings *timings)
{
	(void)printf("%-10s %5zu", subject->document->name, subject->len);
	for (size_t k = 0; k < KIND_COUNT; k++)
		(void)printf(" %6.0f (%5.0f)", timings->ns[k][ROUNDS / 2], timings->ns[k][0]);
	(void)printf(" %6d", subject->document->target_ns);
	for (size_t k = 1; k < KIND_COUNT; k++)
		(void)printf(" %8.2f", timings->ratio[k][ROUNDS / 2]);
	(void)printf("\n");
}

static int run_once(const char *name, long count, const char *kind)
{
	for (size_t i = 0; i < DOCUMENT_COUNT * KIND_COUNT; i++) {
		const struct document *document = &documents[i / KIND_COUNT];
		struct subject subject;

		if (strcmp(document->name, name) != 0 ||
		    strcmp(kinds[i % KIND_COUNT].name, kind) != 0)
			continue;
		prepare(document, &subject);
		for (long n = 0; n < count; n++)
			kinds[i % KIND_COUNT].call(&subject);
		clear(&subject);
		return 0;
	}
	fail(name, "is none of the documents, or what to do with it none of the calls");
	return 2;
}

int main(int argc, char **argv)
{
	static struct timings timings;

	if ((argc == 4 || argc == 5) && strcmp(argv[1], "--once") == 0)
		return run_once(argv[2], strtol(argv[3], NULL, 10),
				argc == 5 ? argv[4] : "validate");
	(void)printf(
		"%s, ns: median (best); of raw\n%-10s %5s %14s %14s %14s %14s %6s %8s %8s %8s\n",
		payload_backend(), "document", "bytes", "raw", "parse", "validate", "both",
		"target", "parse", "validate", "both");
	for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
		struct subject subject;

		prepare(&documents[i], &subject);
		measure(&subject, &timings);
		print(&subject, &timings);
		clear(&subject);
	}
	return 0;
}

/*
 * The schema engine. Decisions are data: test/data/schema/cases/ has groups of a schema and
 * documents laid out as in the JSON-Schema-Test-Suite (with "documents" that references may
 * reach, "uri" and "format" beside them; "dialects" of the documents by their uri, "marks" of
 * places, the "place" to compile and an "error" where it must be refused),
 * invalid/<name>/{schema.json,error} schemas that must be refused and the line that says why,
 * explain/cases.json the sentences of each keyword.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "schema/jsonbig.h"
#include "schema/jsontext.h"
#include "schema/schema.h"

#define DATA "test/data/schema"
#define URI "test:/schema.json"
#define MAX_ERRORS 8

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 1 << 20);

	if (!file || !text)
		fail_msg("%s: cannot be read", path);
	*len = fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	return text;
}

static json_t *parse(const char *name, const char *text, size_t len)
{
	struct payload_error error;
	json_t *json = jsonbig_parse(text, len, PAYLOAD_MAX_DEPTH, &error);

	if (!json)
		fail_msg("%s: at %zu: %s", name, error.offset, error.text);
	return json;
}

static json_t *load(const char *path)
{
	size_t len;
	char *text = read_file(path, &len);
	json_t *json = parse(path, text, len);

	free(text);
	return json;
}

static char *repeat(const char *before, const char *comma, const char *item, size_t count,
		    const char *after)
{
	char *text =
		malloc(strlen(before) + count * (strlen(comma) + strlen(item)) + strlen(after) + 1);
	char *at = text;

	assert_non_null(text);
	at += sprintf(at, "%s", before);
	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "%s%s", comma, item);
	(void)sprintf(at, "%s", after);
	return text;
}

/* ---- one schema, one document ------------------------------------------------------------ */

static struct schema *compile_in(json_t *json, enum schema_dialect dialect, bool assert_format)
{
	struct schema_options options = { .assert_format = assert_format };
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;

	diag_init(&diag);
	if (schema_set_new(&set, &diag) ||
	    schema_set_add(set, URI, "schema.json", json, dialect, &diag) ||
	    schema_compile(set, URI, &options, &schema, &diag))
		fail_msg("%s", diag.text);
	schema_set_free(set); /* schemas live on */
	return schema;
}

static struct schema *compile(const char *text)
{
	json_t *json = parse("schema", text, strlen(text));
	struct schema *schema = compile_in(json, SCHEMA_UNSAID, false);

	json_decref(json);
	return schema;
}

struct message {
	struct payload_parser *parser;
	const struct payload_value *value;
};

static struct message message_text(const char *text, size_t len)
{
	struct payload_limits limits = { PAYLOAD_MAX_BYTES, PAYLOAD_MAX_DEPTH };
	struct message message = { NULL, NULL };
	struct payload_error error;
	struct diag diag;

	assert_int_equal(payload_parser_new(&limits, &message.parser, &diag), 0);
	message.value = payload_parse(message.parser, text, len, &error);
	if (!message.value)
		fail_msg("at %zu: %s", error.offset, error.text);
	return message;
}

static struct message message_json(const json_t *json)
{
	struct message message;
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(jsontext_write(json, NULL, NULL, &text, &len), 0);
	message = message_text(text, len);
	free(text);
	return message;
}

/* What schema_check() says, held against what schema_explain() says. */
static enum schema_answer check(const struct schema *schema, const struct payload_value *value)
{
	struct schema_error errors[MAX_ERRORS];
	enum schema_answer answer = schema_check(schema, value);
	enum schema_answer explained = SCHEMA_VALID;
	size_t count = schema_explain(schema, value, errors, MAX_ERRORS, &explained);

	assert_int_equal(answer, explained);
	assert_int_equal(count > 0, answer != SCHEMA_VALID);
	if (answer == SCHEMA_INVALID)
		assert_true(errors[0].keyword[0] && errors[0].message[0]);
	return answer;
}

static enum schema_answer check_text(const char *schema_text, const char *text, size_t len)
{
	struct schema *schema = compile(schema_text);
	struct message message = message_text(text, len);
	enum schema_answer answer = check(schema, message.value);

	payload_parser_free(message.parser);
	schema_free(schema);
	return answer;
}

/* ---- groups ------------------------------------------------------------------------------ */

static enum schema_dialect dialect_named(const json_t *name)
{
	if (!name)
		return SCHEMA_UNSAID;
	for (unsigned i = SCHEMA_DRAFT_04; i <= SCHEMA_OPENAPI_30; i++)
		if (strcmp(json_string_value(name), schema_dialect_name((enum schema_dialect)i)) ==
		    0)
			return (enum schema_dialect)i;
	fail_msg("%s: no such dialect", json_string_value(name));
	return SCHEMA_UNSAID;
}

/* Adds the group's documents and compiles its schema. */
static int compile_group(json_t *group, const char *uri, struct schema **ret, struct diag *diag)
{
	struct schema_options options = { .assert_format =
						  json_is_true(json_object_get(group, "format")) };
	json_t *dialects = json_object_get(group, "dialects");
	json_t *place = json_object_get(group, "place");
	struct schema_set *set = NULL;
	char where[512];
	const char *name;
	json_t *json;
	int rc;

	assert_int_equal(schema_set_new(&set, diag), 0);
	json_object_foreach(json_object_get(group, "documents"), name, json)
		assert_int_equal(schema_set_add(set, name, name, json,
						dialect_named(json_object_get(dialects, name)),
						diag),
				 0);
	rc = schema_set_add(set, uri, "schema.json", json_object_get(group, "schema"),
			    dialect_named(json_object_get(dialects, "schema")), diag);
	json_object_foreach(json_object_get(group, "marks"), name, json)
		if (rc == 0)
			rc = schema_set_mark(set, name, dialect_named(json), diag);
	(void)snprintf(where, sizeof(where), "%s%s", uri, place ? json_string_value(place) : "");
	if (rc == 0)
		rc = schema_compile(set, where, &options, ret, diag);
	schema_set_free(set);
	return rc;
}

static void run_group(const char *file, json_t *group)
{
	const char *uri = json_string_value(json_object_get(group, "uri"));
	const char *description = json_string_value(json_object_get(group, "description"));
	const char *error = json_string_value(json_object_get(group, "error"));
	struct schema *schema = NULL;
	struct diag diag;
	json_t *json;
	size_t i;

	if (compile_group(group, uri ? uri : URI, &schema, &diag) != 0) {
		if (!error || strcmp(diag.text, error) != 0)
			fail_msg("%s: %s: %s", file, description, diag.text);
		return;
	}
	if (error)
		fail_msg("%s: %s: is not refused", file, description);
	json_array_foreach(json_object_get(group, "tests"), i, json) {
		struct message message = message_json(json_object_get(json, "data"));
		bool valid = check(schema, message.value) == SCHEMA_VALID;

		if (valid != json_is_true(json_object_get(json, "valid")))
			fail_msg("%s: %s: %s: is %svalid", file, description,
				 json_string_value(json_object_get(json, "description")),
				 valid ? "" : "not ");
		payload_parser_free(message.parser);
	}
	schema_free(schema);
}

static void run_cases(const char *name)
{
	char path[256];
	json_t *groups;
	json_t *group;
	size_t i;

	(void)snprintf(path, sizeof(path), DATA "/cases/%s.json", name);
	groups = load(path);
	assert_true(json_array_size(groups) > 0);
	json_array_foreach(groups, i, group)
		run_group(name, group);
	json_decref(groups);
}

static void test_schema_check__resources(void **state)
{
	(void)state;
	run_cases("resources");
}

static void test_schema_set_mark__places(void **state)
{
	(void)state;
	run_cases("places");
}

static void test_schema_check__drafts(void **state)
{
	(void)state;
	run_cases("drafts");
}

static void test_schema_check__dynamic_references(void **state)
{
	(void)state;
	run_cases("dynamic");
}

static void test_schema_check__unevaluated(void **state)
{
	(void)state;
	run_cases("unevaluated");
}

static void test_schema_check__values(void **state)
{
	(void)state;
	run_cases("values");
}

static void test_schema_check__formats(void **state)
{
	(void)state;
	run_cases("formats");
}

static void test_schema_check__discriminator(void **state)
{
	(void)state;
	run_cases("discriminator");
}

static void test_schema_check__dialects(void **state)
{
	(void)state;
	run_cases("dialects");
}

/* ---- schemas that are refused ------------------------------------------------------------ */

/* Metaschemas that some of them name. */
static void add_metaschemas(struct schema_set *set)
{
	static const char *const texts[][2] = {
		{ "https://example.org/meta",
		  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
		  "\"https://example.org/vocab\":true}}" },
		{ "https://example.org/strict",
		  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
		  "\"$id\":\"https://example.org/strict\",\"$dynamicAnchor\":\"meta\","
		  "\"$ref\":\"https://json-schema.org/draft/2020-12/schema\","
		  "\"unevaluatedProperties\":false}" },
	};
	struct diag diag;

	for (size_t i = 0; i < 2; i++) {
		json_t *json = parse(texts[i][0], texts[i][1], strlen(texts[i][1]));

		assert_int_equal(
			schema_set_add(set, texts[i][0], texts[i][0], json, SCHEMA_UNSAID, &diag),
			0);
		json_decref(json);
	}
}

static void check_invalid(const char *name)
{
	struct schema_options options = { .assert_format = true };
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;
	char path[512];
	json_t *json;
	char *error;
	size_t len;

	(void)snprintf(path, sizeof(path), DATA "/invalid/%s/schema.json", name);
	json = load(path);
	(void)snprintf(path, sizeof(path), DATA "/invalid/%s/error", name);
	error = read_file(path, &len);
	error[strcspn(error, "\n")] = '\0';
	diag_init(&diag);
	assert_int_equal(schema_set_new(&set, &diag), 0);
	add_metaschemas(set);
	assert_int_equal(schema_set_add(set, URI, "schema.json", json, SCHEMA_UNSAID, &diag), 0);
	if (schema_compile(set, URI, &options, &schema, &diag) >= 0 || schema)
		fail_msg("%s: is not refused", name);
	if (strcmp(diag.text, error) != 0)
		fail_msg("%s: is      %s\n         expected %s", name, diag.text, error);
	free(error);
	json_decref(json);
	schema_set_free(set);
}

static void test_schema_compile__invalid_schemas_name_the_place(void **state)
{
	DIR *dir = opendir(DATA "/invalid");
	const struct dirent *entry;
	size_t count = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		check_invalid(entry->d_name);
		count++;
	}
	closedir(dir);
	assert_true(count > 20);
}

static void test_schema_set_add__same_uri_twice(void **state)
{
	struct schema_set *set = NULL;
	json_t *json = json_object();
	struct diag diag;

	(void)state;
	assert_int_equal(schema_set_new(&set, &diag), 0);
	assert_int_equal(schema_set_add(set, "file:a.json", "a.json", json, SCHEMA_UNSAID, &diag),
			 0);
	assert_int_equal(schema_set_add(set, "file:a.json", "b.json", json, SCHEMA_UNSAID, &diag),
			 ERR_INVALID);
	assert_string_equal(diag.text, "b.json: a.json has this URI too: file:a.json");
	json_decref(json);
	schema_set_free(set);
}

/* A const as deep as the parser of files takes is deeper than a message can be. */
static void test_schema_compile__a_const_that_is_too_deep_names_the_file(void **state)
{
	char text[1200] = "{\"const\":";
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;
	json_t *json;

	(void)state;
	memset(text + strlen(text), '[', 511);
	memset(text + strlen(text), ']', 511);
	strcat(text, "}");
	json = parse("deep", text, strlen(text));
	assert_int_equal(schema_set_new(&set, &diag), 0);
	assert_int_equal(schema_set_add(set, URI, "deep.json", json, SCHEMA_UNSAID, &diag), 0);
	assert_int_equal(schema_compile(set, URI, NULL, &schema, &diag), ERR_LIMIT);
	assert_string_equal(diag.text, "deep.json: const and enum: the text is nested too deep");
	json_decref(json);
	schema_set_free(set);
}

static void test_schema_compile__a_pattern_that_is_too_long(void **state)
{
	char *text = repeat("{\"items\":{\"pattern\":\"", "", "a", 8193, "\"}}");
	json_t *json = parse("pattern", text, strlen(text));
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(schema_set_new(&set, &diag), 0);
	assert_int_equal(schema_set_add(set, URI, "long.json", json, SCHEMA_UNSAID, &diag), 0);
	assert_int_equal(schema_compile(set, URI, NULL, &schema, &diag), ERR_LIMIT);
	assert_string_equal(diag.text, "long.json: /items/pattern: a pattern of 8193 bytes; at "
				       "most 8192 are allowed");
	json_decref(json);
	schema_set_free(set);
	free(text);
}

static void test_schema_compile__a_place_in_a_document_that_is_no_schema(void **state)
{
	static const char text[] = "{\"asyncapi\":\"3.0.0\",\"components\":{\"messages\":{\"m\":{"
				   "\"payload\":{\"$ref\":\"#/components/schemas/s\"}}},"
				   "\"schemas\":{\"s\":{\"type\":\"integer\"},"
				   "\"bad\":{\"type\":\"int\"}}}}";
	json_t *json = parse("document", text, strlen(text));
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	struct message message = message_text("1", 1);
	struct diag diag;

	(void)state;
	assert_int_equal(schema_set_new(&set, &diag), 0);
	assert_int_equal(
		schema_set_add(set, "file:api.json", "api.json", json, SCHEMA_UNSAID, &diag), 0);
	assert_int_equal(schema_compile(set, "file:api.json#/components/messages/m/payload", NULL,
					&schema, &diag),
			 0);
	assert_int_equal(check(schema, message.value), SCHEMA_VALID);
	schema_free(schema);
	schema = NULL;
	assert_int_equal(
		schema_compile(set, "file:api.json#/components/schemas/bad", NULL, &schema, &diag),
		ERR_INVALID);
	assert_string_equal(
		diag.text,
		"api.json: /components/schemas/bad/type: \"int\" is not a type (expected "
		"array, boolean, integer, null, number, object or string)");
	payload_parser_free(message.parser);
	json_decref(json);
	schema_set_free(set);
}

/* ---- sentences --------------------------------------------------------------------------- */

static void check_sentences(json_t *row)
{
	struct schema *schema = compile_in(json_object_get(row, "schema"),
					   dialect_named(json_object_get(row, "dialect")),
					   json_is_true(json_object_get(row, "format")));
	struct message message = message_json(json_object_get(row, "data"));
	json_t *expected = json_object_get(row, "errors");
	struct schema_error errors[MAX_ERRORS];
	enum schema_answer answer;
	size_t count = schema_explain(schema, message.value, errors, MAX_ERRORS, &answer);
	char line[sizeof(errors[0]) + 4];

	assert_int_equal(answer, SCHEMA_INVALID);
	for (size_t i = 0; i < count || i < json_array_size(expected); i++) {
		const char *wanted = json_string_value(json_array_get(expected, i));

		const struct schema_error *e = &errors[i < count ? i : 0];

		(void)snprintf(line, sizeof(line), "%.255s %.255s %.31s %.255s", e->instance,
			       e->schema, e->keyword, e->message);
		if (i >= count || !wanted || strcmp(line, wanted) != 0)
			fail_msg("is      %s\n         expected %s", i < count ? line : "nothing",
				 wanted ? wanted : "nothing");
	}
	/* With room for one there is one, and the same. */
	if (count > 1) {
		struct schema_error one;

		assert_int_equal(schema_explain(schema, message.value, &one, 1, &answer), 1);
		assert_string_equal(one.message, errors[0].message);
	}
	payload_parser_free(message.parser);
	schema_free(schema);
}

static void test_schema_explain__sentences(void **state)
{
	json_t *rows = load(DATA "/explain/cases.json");
	size_t i;
	json_t *row;

	(void)state;
	assert_true(json_array_size(rows) > 0);
	json_array_foreach(rows, i, row)
		check_sentences(row);
	json_decref(rows);
}

static void test_schema_explain__no_room_still_answers(void **state)
{
	struct schema *schema = compile("{\"type\":\"null\"}");
	struct message message = message_text("1", 1);
	enum schema_answer answer = SCHEMA_VALID;

	(void)state;
	assert_int_equal(schema_explain(schema, message.value, NULL, 0, &answer), 0);
	assert_int_equal(answer, SCHEMA_INVALID);
	payload_parser_free(message.parser);
	schema_free(schema);
}

static void test_schema_explain__long_texts_are_cut(void **state)
{
	struct schema *schema = compile("{\"additionalProperties\":false}");
	struct schema_error error;
	enum schema_answer answer;
	char text[3000] = "{\"";
	size_t len = 2;
	struct message message;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		memcpy(text + len, "\xc3\xa4", 2); /* two bytes each: never cut in half */
		len += 2;
	}
	memcpy(text + len, "\":1}", 4);
	message = message_text(text, len + 4);
	assert_int_equal(schema_explain(schema, message.value, &error, 1, &answer), 1);
	assert_true(strlen(error.instance) < sizeof(error.instance));
	assert_true(strlen(error.instance) > sizeof(error.instance) - 8);
	assert_string_equal(error.instance + strlen(error.instance) - 3, "...");
	assert_int_equal((strlen(error.instance) - 4) % 2, 0);
	payload_parser_free(message.parser);
	schema_free(schema);
}

/* ---- sizes and bounds -------------------------------------------------------------------- */

/* {"required":["n0",...]}, and an object with all but number @missing. */
static enum schema_answer check_required(unsigned count, unsigned missing)
{
	json_t *names = json_array();
	json_t *properties = json_object();
	json_t *data = json_object();
	json_t *json;
	struct schema *schema;
	struct message message;
	enum schema_answer answer;

	for (unsigned i = 0; i < count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "n%u", i);
		json_array_append_new(names, json_string(name));
		json_object_set_new(properties, name, json_pack("{s:s}", "type", "integer"));
		json_object_set_new(data, i == missing ? "other" : name, json_integer(i));
	}
	json = json_pack("{s:o, s:o}", "required", names, "properties", properties);
	schema = compile_in(json, SCHEMA_UNSAID, false);
	message = message_json(data);
	answer = check(schema, message.value);
	payload_parser_free(message.parser);
	schema_free(schema);
	json_decref(json);
	json_decref(data);
	return answer;
}

static void test_schema_check__many_required_members(void **state)
{
	static const unsigned counts[] = { 1, 2, 3, 63, 64, 65, 129, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		unsigned count = counts[i];

		assert_int_equal(check_required(count, count), SCHEMA_VALID);
		assert_int_equal(check_required(count, 0), SCHEMA_INVALID);
		assert_int_equal(check_required(count, count - 1), SCHEMA_INVALID);
	}
}

/* @open @depth times, @middle, @close @depth times. */
static char *nest(const char *open, const char *middle, const char *close, size_t depth)
{
	char *text = calloc(1, depth * (strlen(open) + strlen(close)) + strlen(middle) + 1);
	char *at = text;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, middle);
	for (size_t i = 0; i < depth; i++)
		at = stpcpy(at, close);
	return text;
}

static void test_schema_check__as_deep_as_a_payload_may_be(void **state)
{
	static const char list[] =
		"{\"$ref\":\"#/$defs/list\",\"$defs\":{\"list\":{\"items\":"
		"{\"$ref\":\"#/$defs/list\"},\"type\":[\"array\",\"integer\"]}}}";
	char *good = nest("[", "1", "]", PAYLOAD_MAX_DEPTH);
	char *bad = nest("[", "\"x\"", "]", PAYLOAD_MAX_DEPTH);

	(void)state;
	assert_int_equal(check_text(list, good, strlen(good)), SCHEMA_VALID);
	assert_int_equal(check_text(list, bad, strlen(bad)), SCHEMA_INVALID);
	free(good);
	free(bad);
}

static void test_schema_check__a_schema_without_end_is_a_limit(void **state)
{
	static const char dynamic[] =
		"{\"$id\":\"test:/a\",\"$dynamicAnchor\":\"x\",\"$dynamicRef\":\"#x\"}";

	(void)state;
	assert_int_equal(check_text("{\"anyOf\":[false,{\"$ref\":\"#\"}]}", "1", 1), SCHEMA_LIMIT);
	assert_int_equal(check_text("{\"if\":false,\"else\":{\"not\":{\"$ref\":\"#\"}}}", "1", 1),
			 SCHEMA_LIMIT);
	assert_int_equal(check_text(dynamic, "1", 1), SCHEMA_LIMIT);
}

static void test_schema_check__work_is_bounded(void **state)
{
	/* Each level asks twice for the level below. */
	static const char twice[] = "{\"type\":[\"array\",\"integer\"],\"anyOf\":["
				    "{\"items\":{\"$ref\":\"#\"},\"maxItems\":0},"
				    "{\"items\":{\"$ref\":\"#\"},\"minItems\":9},"
				    "{\"allOf\":[{\"items\":{\"$ref\":\"#\"}},"
				    "{\"items\":{\"$ref\":\"#\"}}]}]}";
	char *text = nest("[", "1", "]", 60);

	(void)state;
	assert_int_equal(check_text(twice, text, strlen(text)), SCHEMA_LIMIT);
	free(text);
}

static void test_schema_check__a_pattern_that_gives_up_is_a_limit(void **state)
{
	static const char *const schemas[] = {
		"{\"pattern\":\"^(?=a)(a+)+$\"}",
		"{\"not\":{\"pattern\":\"^(?=a)(a+)+$\"}}",
		"{\"anyOf\":[{\"pattern\":\"^(?=a)(a+)+$\"},true]}",
		"{\"oneOf\":[{\"pattern\":\"^(?=a)(a+)+$\"},true]}",
	};
	char *text = nest("", "", "a", 60);
	char message[80];
	int len = snprintf(message, sizeof(message), "\"%s!\"", text);

	(void)state;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
		assert_int_equal(check_text(schemas[i], message, (size_t)len), SCHEMA_LIMIT);
	free(text);
}
/* Each alone is cheap; all of them are charged to the one budget of the message. */
static void test_schema_check__patterns_share_a_budget(void **state)
{
	enum { PATTERNS = 900, LONG = 16000 };
	char *schema = malloc(PATTERNS * 64 + 64);
	char *name = malloc(LONG + 16);
	size_t used = (size_t)sprintf(schema, "{\"patternProperties\":{\"^b\":{}");

	(void)state;
	for (int i = 1; i <= PATTERNS; i++)
		used += (size_t)sprintf(schema + used, ",\"^[a-z]*[a-z]*[0-9]{%d}%c$\":{}", i % 300,
					'A' + i / 300);
	(void)sprintf(schema + used, "}}");
	memset(name, 'a', LONG);
	memcpy(name, "{\"", 2);
	(void)strcpy(name + LONG, "\":1}");
	assert_int_equal(check_text(schema, name, strlen(name)), SCHEMA_LIMIT);
	(void)strcpy(name + 1000, "\":1}");
	assert_int_equal(check_text(schema, name, strlen(name)), SCHEMA_VALID);
	free(schema);
	free(name);
}

/* What a schema asks many times is paid many times, whatever it is. */
static void test_schema_check__everything_is_charged(void **state)
{
	static const struct {
		const char *part; /* of allOf, 2,000 times */
		const char *item; /* of an array, or a member, 3,000 times; or text */
	} trials[] = {
		{ "{\"items\":{\"minLength\":1}}", "\"a\"" },
		{ "{\"contains\":{\"const\":2.5},\"minContains\":0,\"maxContains\":9}", "1" },
		{ "{\"uniqueItems\":false,\"items\":{\"enum\":[1,2]}}", "1" },
		{ "{\"items\":{\"multipleOf\":3e90}}", "3e99" },
		{ "{\"items\":{\"format\":\"idn-hostname\"}}", "\"\xc3\xa4.example\"" },
		{ "{\"items\":{\"format\":\"regex\"}}", "\"(?<a>a)\\\\k<a>\"" },
		{ "{\"items\":{\"pattern\":\"^[a-z]|b$\"}}", "\"a\"" },
		{ "{\"items\":{\"pattern\":\"^(?=a)\"}}", "\"a\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		char *parts = repeat("{\"allOf\":[true", ",", trials[i].part, 2000, "]}");
		char *message = repeat("[", "", trials[i].item, 1, "");
		char *items = repeat(message, ",", trials[i].item, 3000, "]");

		assert_int_equal(check_text(parts, items, strlen(items)), SCHEMA_LIMIT);
		free(parts);
		free(message);
		free(items);
	}
}

static void test_schema_warning__names_the_place(void **state)
{
	static const struct {
		const char *schema;
		const char *warning; /* NULL: none */
	} trials[] = {
		{ "{\"format\":\"date-time\"}", NULL },
		{ "{\"format\":\"binary\",\"type\":\"string\"}", NULL },
		{ "{\"format\":\"int32\",\"type\":\"integer\"}", NULL },
		{ "{\"format\":\"uuid\",\"type\":[\"string\",\"null\"]}", NULL },
		{ "{\"items\":{\"format\":\"semver\"}}",
		  "test:/a: /items/format: \"semver\" is no format that is known here, and is not "
		  "checked" },
		{ "{\"items\":{\"minimun\":5}}",
		  "test:/a: /items/minimun: is no keyword, and is ignored; did you mean "
		  "\"minimum\"?" },
		{ "{\"additonalProperties\":false}", "; did you mean \"additionalProperties\"?" },
		{ "{\"x-minimum\":5,\"unit\":\"m\",\"example\":1}", NULL },
		{ "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"cons\":5}",
		  NULL }, /* draft 04 has no const */
		{ "{\"format\":\"date-tme\"}", "; did you mean \"date-time\"?" },
		{ "{\"format\":\"int32\",\"type\":\"string\"}",
		  "test:/a: /format: \"int32\" is a format of numbers, which" },
		{ "{\"format\":\"password\",\"type\":\"integer\"}",
		  "test:/a: /format: \"password\" is a format of strings, which" },
		{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":"
		  "\"#/definitions/a\",\"maximum\":1,\"definitions\":{\"a\":{}}}",
		  "test:/a: /maximum: is ignored beside $ref" },
		{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":"
		  "\"#/definitions/a\",\"title\":\"t\",\"definitions\":{\"a\":{}}}",
		  NULL },
		{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"prefixItems\":[{}]}",
		  "test:/a: /prefixItems: is no keyword of draft 07, and is ignored" },
		{ "{\"items\":{\"nullable\":true,\"example\":1,\"x-a\":1,\"strange\":1}}",
		  "test:/a: /items/nullable: is no keyword of draft 2020-12, and is ignored" },
		{ "{\"pattern\":\"^([a-z]+)*$\"}", NULL },
		{ "{\"items\":{\"pattern\":\"^(?!x)\"}}", "test:/a: /items/pattern: the pattern" },
		{ "{\"patternProperties\":{\"(a)\\\\1\":{}}}",
		  "test:/a: /patternProperties: the pattern" },
		{ "{\"items\":{\"$ref\":\"#\"},\"properties\":{\"l\":{\"$ref\":\"#\"},"
		  "\"r\":{\"$ref\":\"#\"}}}",
		  NULL },
		{ "{\"allOf\":[{\"items\":{\"$ref\":\"#\"}},{\"items\":{\"$ref\":\"#\"}}]}",
		  "test:/a: /allOf/1: a message of 16384 bytes" },
		{ "{\"anyOf\":[false,{\"$ref\":\"#\"}]}", "test:/a: a message of 16384 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		const struct schema_options options = { .assert_format = true, .max_bytes = 16384 };
		struct schema_set *set = NULL;
		struct schema *schema = NULL;
		json_t *json = json_loads(trials[i].schema, 0, NULL);
		struct diag diag;

		assert_non_null(json);
		assert_int_equal(schema_set_new(&set, &diag), 0);
		assert_int_equal(
			schema_set_add(set, "test:/a", "test:/a", json, SCHEMA_UNSAID, &diag), 0);
		assert_int_equal(schema_compile(set, "test:/a", &options, &schema, &diag), 0);
		if (!trials[i].warning)
			assert_null(schema_warning(schema, 0));
		else if (!schema_warning(schema, 0) ||
			 !strstr(schema_warning(schema, 0), trials[i].warning))
			fail_msg("%s: %s", trials[i].schema, schema_warning(schema, 0));
		schema_free(schema);
		schema_set_free(set);
		json_decref(json);
	}
}

static void test_schema_warning__defaults_and_examples(void **state)
{
	static const struct {
		const char *schema;
		const char *warning; /* NULL: none */
	} trials[] = {
		{ "{\"type\":\"integer\",\"default\":5,\"examples\":[1,2]}", NULL },
		{ "{\"type\":\"integer\",\"default\":\"5\"}",
		  "a: /default: contradicts the schema: is \"5\", expected type integer" },
		{ "{\"items\":{\"properties\":{\"n\":{\"maximum\":3}},\"examples\":[{\"n\":1},"
		  "{\"n\":5}]}}",
		  "a: /items/examples/1: contradicts the schema: /n is 5, expected at most 3" },
		{ "{\"type\":\"integer\",\"example\":\"x\"}", NULL }, /* no keyword there */
		{ "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"enum\":[1],\"default\":2}}}",
		  "a: /$defs/a/default: contradicts the schema: is 2, expected 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		json_t *json = json_loads(trials[i].schema, 0, NULL);

		for (int checks = 0; checks < 2; checks++) {
			const struct schema_options options = { .max_bytes = 100,
								.checks_examples = checks };
			struct schema_set *set = NULL;
			struct schema *schema = NULL;
			struct diag diag;
			const char *warning;

			assert_int_equal(schema_set_new(&set, &diag), 0);
			assert_int_equal(schema_set_add(set, URI, "a", json, SCHEMA_UNSAID, &diag),
					 0);
			assert_int_equal(schema_compile(set, URI, &options, &schema, &diag), 0);
			warning = schema_warning(schema, 0);
			if (!warning != !(checks && trials[i].warning) ||
			    (warning && strcmp(warning, trials[i].warning) != 0))
				fail_msg("%s: %s", trials[i].schema, warning ? warning : "none");
			schema_free(schema);
			schema_set_free(set);
		}
		json_decref(json);
	}
}

static void test_schema_warning__no_more_than_are_kept(void **state)
{
	const struct schema_options options = { .assert_format = true, .max_bytes = 100 };
	char *text = repeat("{\"prefixItems\":[true", ",", "{\"format\":\"colour\"}",
			    2 * SCHEMA_MAX_WARNINGS, "]}");
	struct schema_set *set = NULL;
	struct schema *schema = NULL;
	json_t *json = json_loads(text, 0, NULL);
	struct diag diag;

	(void)state;
	assert_int_equal(schema_set_new(&set, &diag), 0);
	assert_int_equal(schema_set_add(set, URI, "a", json, SCHEMA_UNSAID, &diag), 0);
	assert_int_equal(schema_compile(set, URI, &options, &schema, &diag), 0);
	assert_non_null(schema_warning(schema, SCHEMA_MAX_WARNINGS - 1));
	assert_string_equal(
		schema_warning(schema, SCHEMA_MAX_WARNINGS),
		"a: /prefixItems/33: 32 more warnings of this schema, the first of them "
		"here: only 32 are shown");
	assert_null(schema_warning(schema, SCHEMA_MAX_WARNINGS + 1));
	schema_free(schema);
	schema_set_free(set);
	json_decref(json);
	free(text);
}

static char *numbers(size_t count, const char *last)
{
	char *text = malloc(count * 8 + 16);
	char *at = text;

	assert_non_null(text);
	*at++ = '[';
	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "%zu,", i);
	(void)sprintf(at, "%s]", last);
	return text;
}

static void test_schema_check__unique_items_of_a_large_array(void **state)
{
	static const char unique[] = "{\"uniqueItems\":true}";
	char *good = numbers(10000, "-1");
	char *bad = numbers(10000, "7.0");
	char *huge = numbers(900000, "-1");

	(void)state;
	assert_int_equal(check_text(unique, good, strlen(good)), SCHEMA_VALID);
	assert_int_equal(check_text(unique, bad, strlen(bad)), SCHEMA_INVALID);
	assert_int_equal(check_text(unique, huge, strlen(huge)), SCHEMA_LIMIT);
	free(good);
	free(bad);
	free(huge);
}

static void test_schema_check__more_items_than_can_be_tracked(void **state)
{
	static const char tracked[] =
		"{\"contains\":true,\"unevaluatedItems\":false,\"anyOf\":[true]}";
	char *good = numbers(100000, "-1");
	char *huge = numbers(200000, "-1");

	(void)state;
	assert_int_equal(check_text(tracked, good, strlen(good)), SCHEMA_LIMIT);
	assert_int_equal(check_text(tracked, huge, strlen(huge)), SCHEMA_LIMIT);
	good[60000 * 6] = '\0';
	good[strrchr(good, ',') - good] = ']';
	good[strchr(good, ']') - good + 1] = '\0';
	assert_int_equal(check_text(tracked, good, strlen(good)), SCHEMA_VALID);
	free(good);
	free(huge);
}

/* ---- memory ------------------------------------------------------------------------------ */

static const char rich[] =
	"{\"$id\":\"https://example.org/rich\",\"$dynamicAnchor\":\"n\",\"type\":\"object\","
	"\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1,\"multipleOf\":0.5},"
	"\"b\":{\"enum\":[\"x\",\"y\"]},\"c\":{\"const\":{\"k\":[1,null]}},"
	"\"d\":{\"$dynamicRef\":\"#n\"},\"e\":{\"$ref\":\"e\"}},"
	"\"patternProperties\":{\"^x-(a|b)+$\":{\"pattern\":\"^(p|q)*$\",\"format\":\"date\"}},"
	"\"dependentRequired\":{\"a\":[\"b\"]},\"anyOf\":[{\"required\":[\"a\"]},{\"not\":{}}],"
	"\"if\":{\"required\":[\"b\"]},\"then\":{\"properties\":{\"z\":true}},"
	"\"unevaluatedProperties\":false,"
	"\"$defs\":{\"e\":{\"$id\":\"e\",\"$schema\":\"http://json-schema.org/draft-07/schema#\","
	"\"items\":[{\"type\":\"string\"}],\"uniqueItems\":true}}}";

/* A document that refers to another one, with places in several dialects. */
static const char mixed[] =
	"{\"asyncapi\":\"3.0.0\",\"p\":{\"properties\":{\"rich\":{\"$ref\":\"schema"
	".json\",\"minimum\":1},\"four\":{\"$ref\":\"#/four\"},\"one\":{\"$ref\":\""
	"#/one\"},\"named\":{\"$ref\":\"https://example.org/named\"},\"tree\":{\"$r"
	"ef\":\"#/tree\"}}},\"four\":{\"minimum\":1,\"exclusiveMinimum\":true,\"add"
	"itionalProperties\":{\"$ref\":\"schema.json\"}},\"one\":{\"propertyDepende"
	"ncies\":{\"a\":{\"b\":{\"$dynamicRef\":\"x\"}}},\"$defs\":{\"x\":{\"$dynam"
	"icAnchor\":\"x\"}}},\"named\":{\"$id\":\"https://example.org/named\",\"all"
	"Of\":[{\"$ref\":\"#/four\"}]},\"tree\":{\"$id\":\"https://example.org/tree"
	"\",\"$recursiveAnchor\":true,\"items\":{\"$recursiveRef\":\"#\"}}}";

static int compile_mixed(struct schema_set *set, json_t *plain_json, json_t *mixed_json,
			 struct schema **ret, struct diag *diag)
{
	static const struct {
		const char *uri;
		enum schema_dialect dialect;
	} marks[] = {
		{ "test:/mixed.json#/four", SCHEMA_DRAFT_04 },
		{ "test:/mixed.json#/one", SCHEMA_V1 },
		{ "test:/mixed.json#/tree", SCHEMA_DRAFT_2019_09 },
		{ "test:/mixed.json#/named", SCHEMA_DRAFT_06 },
	};
	struct schema_options options = { .assert_format = true, .max_bytes = 1000 };
	int rc = schema_set_add(set, URI, "plain", plain_json, SCHEMA_UNSAID, diag);

	if (rc == 0)
		rc = schema_set_add(set, "test:/mixed.json", "mixed", mixed_json, SCHEMA_ASYNCAPI,
				    diag);
	for (size_t i = 0; rc == 0 && i < sizeof(marks) / sizeof(marks[0]); i++)
		rc = schema_set_mark(set, marks[i].uri, marks[i].dialect, diag);
	return rc == 0 ? schema_compile(set, "test:/mixed.json#/p", &options, ret, diag) : rc;
}

static void test_schema_set_mark__every_allocation_may_fail(void **state)
{
	/* Without what only draft 2020-12 has. */
	static const char plain[] = "{\"$id\":\"https://example.org/plain\",\"type\":\"object\","
				    "\"properties\":{\"a\":{\"$ref\":\"#/definitions/a\"}},"
				    "\"definitions\":{\"a\":{\"$id\":\"a\"}}}";
	json_t *plain_json = parse("plain", plain, strlen(plain));
	json_t *mixed_json = parse("mixed", mixed, strlen(mixed));
	size_t failures = 0;

	(void)state;
	for (size_t n = 1;; n += 1 + n / 32) { /* there are thousands, in five metaschemas */
		struct schema_set *set = NULL;
		struct schema *schema = NULL;
		struct diag diag;
		bool failed;
		int rc;

		diag_init(&diag);
		failalloc_start(n);
		rc = schema_set_new(&set, &diag);
		if (rc == 0)
			rc = compile_mixed(set, plain_json, mixed_json, &schema, &diag);
		failed = failalloc_stop();
		schema_free(schema);
		schema_set_free(set);
		if (!failed) {
			if (rc != 0)
				fail_msg("%s", diag.text);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_string_equal(diag.text, "out of memory");
		failures++;
	}
	assert_true(failures > 20);
	json_decref(plain_json);
	json_decref(mixed_json);
}

/* Names and strings with escapes are written by Jansson, which needs memory for it. */
static void test_jsontext_write__every_allocation_may_fail(void **state)
{
	json_t *json = json_pack("{s:s, s:[s]}", "a\"b", "c\n", "plain", "\\");
	size_t failures = 0;

	(void)state;
	for (size_t n = 1;; n++) {
		char *text = NULL;
		size_t len = 0;
		bool failed;
		int rc;

		failalloc_start(n);
		rc = jsontext_write(json, NULL, NULL, &text, &len);
		failed = failalloc_stop();
		if (!failed) {
			assert_int_equal(rc, 0);
			assert_string_equal(text, "{\"a\\\"b\":\"c\\n\",\"plain\":[\"\\\\\"]}");
			free(text);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		failures++;
	}
	assert_true(failures > 2);
	json_decref(json);
}

static void test_schema_compile__every_allocation_may_fail(void **state)
{
	json_t *json = parse("rich", rich, strlen(rich));
	struct schema_options options = { .assert_format = true };
	size_t failures = 0;

	(void)state;
	for (size_t n = 1;; n++) {
		struct schema_set *set = NULL;
		struct schema *schema = NULL;
		struct diag diag;
		bool failed;
		int rc;

		diag_init(&diag);
		failalloc_start(n);
		rc = schema_set_new(&set, &diag);
		if (rc == 0)
			rc = schema_set_add(set, URI, "rich", json, SCHEMA_UNSAID, &diag);
		if (rc == 0)
			rc = schema_compile(set, URI, &options, &schema, &diag);
		failed = failalloc_stop();
		schema_free(schema);
		schema_set_free(set);
		if (!failed) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_string_equal(diag.text, "out of memory");
		failures++;
	}
	assert_true(failures > 20);
	json_decref(json);
}

static void test_schema_check__allocates_nothing(void **state)
{
	static const char text[] = "{\"a\":1.5,\"b\":\"x\",\"c\":{\"k\":[1.0,null]},\"z\":1,"
				   "\"d\":{\"a\":1,\"b\":\"y\"},\"e\":[\"s\",1,2,3],"
				   "\"x-ab\":\"2026-11-21\"}";
	json_t *json = parse("rich", rich, strlen(rich));
	struct schema *schema = compile_in(json, SCHEMA_UNSAID, true);
	struct message message = message_text(text, strlen(text));
	size_t count;

	(void)state;
	failalloc_start(0);
	for (int i = 0; i < 10; i++)
		(void)schema_check(schema, message.value);
	count = failalloc_count();
	(void)failalloc_stop();
	assert_int_equal(count, 0);
	payload_parser_free(message.parser);
	schema_free(schema);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema_check__resources),
		cmocka_unit_test(test_schema_check__dynamic_references),
		cmocka_unit_test(test_schema_check__unevaluated),
		cmocka_unit_test(test_schema_check__values),
		cmocka_unit_test(test_schema_check__dialects),
		cmocka_unit_test(test_schema_check__formats),
		cmocka_unit_test(test_schema_check__discriminator),
		cmocka_unit_test(test_schema_set_mark__places),
		cmocka_unit_test(test_schema_check__drafts),
		cmocka_unit_test(test_schema_compile__invalid_schemas_name_the_place),
		cmocka_unit_test(test_schema_set_add__same_uri_twice),
		cmocka_unit_test(test_schema_compile__a_const_that_is_too_deep_names_the_file),
		cmocka_unit_test(test_schema_compile__a_pattern_that_is_too_long),
		cmocka_unit_test(test_schema_compile__a_place_in_a_document_that_is_no_schema),
		cmocka_unit_test(test_schema_explain__sentences),
		cmocka_unit_test(test_schema_explain__no_room_still_answers),
		cmocka_unit_test(test_schema_explain__long_texts_are_cut),
		cmocka_unit_test(test_schema_check__many_required_members),
		cmocka_unit_test(test_schema_check__as_deep_as_a_payload_may_be),
		cmocka_unit_test(test_schema_check__a_schema_without_end_is_a_limit),
		cmocka_unit_test(test_schema_check__work_is_bounded),
		cmocka_unit_test(test_schema_check__a_pattern_that_gives_up_is_a_limit),
		cmocka_unit_test(test_schema_check__patterns_share_a_budget),
		cmocka_unit_test(test_schema_check__everything_is_charged),
		cmocka_unit_test(test_schema_warning__names_the_place),
		cmocka_unit_test(test_schema_warning__defaults_and_examples),
		cmocka_unit_test(test_schema_warning__no_more_than_are_kept),
		cmocka_unit_test(test_schema_check__unique_items_of_a_large_array),
		cmocka_unit_test(test_schema_check__more_items_than_can_be_tracked),
		cmocka_unit_test(test_jsontext_write__every_allocation_may_fail),
		cmocka_unit_test(test_schema_compile__every_allocation_may_fail),
		cmocka_unit_test(test_schema_set_mark__every_allocation_may_fail),
		cmocka_unit_test(test_schema_check__allocates_nothing),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}

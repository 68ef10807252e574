/*
 * Two schemas compared against each other: a file of cases, and random schemas of which the engine
 * says by messages what schema_compare() must have said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/schema_compare.h"
#include "schema/payload.h"
#include "schema/schema.h"

#define CASES "test/data/ctl/schema_compare.cases"

/* ---- the cases --------------------------------------------------------------------------- */

struct said {
	char text[4096];
	bool has[3]; /* by enum schema_compare_answer */
};

static void on_row(enum schema_compare_answer answer, const char *detail, void *ctx)
{
	static const char *const words[] = { "refuses", "allows", "open" };
	struct said *said = ctx;
	size_t used = strlen(said->text);

	said->has[answer] = true;
	(void)snprintf(said->text + used, sizeof(said->text) - used, "%s %s\n", words[answer],
		       detail);
}

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!json)
		fail_msg("not JSON: %s", text);
	return json;
}

struct example {
	json_t *old, *new;
	char expected[4096];
	unsigned line;
};

static void finish(struct example *example)
{
	struct said said = { .text = "" };

	if (!example->old)
		return;
	schema_compare(example->old, example->new, on_row, &said);
	if (strcmp(said.text, example->expected) != 0)
		fail_msg("%s:%u: expected\n%sbut it is\n%s", CASES, example->line,
			 example->expected, said.text);
	json_decref(example->old);
	json_decref(example->new);
	*example = (struct example){ .old = NULL };
}

static void test_schema_compare__cases(void **state)
{
	struct example example = { .old = NULL };
	FILE *file = fopen(CASES, "r");
	char line[1024];
	unsigned number = 0, count = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (strncmp(line, "old ", 4) == 0) {
			finish(&example);
			example.line = number;
			example.old = parse(line + 4);
			count++;
		} else if (strncmp(line, "new ", 4) == 0) {
			example.new = parse(line + 4);
		} else {
			strcat(example.expected, line);
		}
	}
	finish(&example);
	(void)fclose(file);
	assert_true(count > 35);
}

/* ---- random ones ------------------------------------------------------------------------- */

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 16) % below;
}

/* Keywords, of which a random schema has some; $ is a schema in its turn. */
static const char *const keywords[] = {
	"\"type\":\"string\"",
	"\"type\":\"integer\"",
	"\"type\":\"number\"",
	"\"type\":[\"null\",\"object\"]",
	"\"type\":\"object\"",
	"\"type\":\"array\"",
	"\"enum\":[1,\"a\",null]",
	"\"enum\":[1,2,{}]",
	"\"const\":\"a\"",
	"\"minimum\":1",
	"\"minimum\":2",
	"\"maximum\":2.5",
	"\"exclusiveMinimum\":1",
	"\"exclusiveMaximum\":3",
	"\"multipleOf\":2",
	"\"minLength\":1",
	"\"maxLength\":1",
	"\"pattern\":\"^a\"",
	"\"pattern\":\"b\"",
	"\"format\":\"date\"",
	"\"minItems\":1",
	"\"maxItems\":1",
	"\"uniqueItems\":true",
	"\"items\":$",
	"\"prefixItems\":[$]",
	"\"contains\":$",
	"\"required\":[\"a\"]",
	"\"required\":[\"a\",\"b\"]",
	"\"minProperties\":1",
	"\"maxProperties\":1",
	"\"properties\":{\"a\":$}",
	"\"properties\":{\"a\":$,\"b\":$}",
	"\"additionalProperties\":false",
	"\"additionalProperties\":$",
	"\"unevaluatedProperties\":false",
	"\"unevaluatedItems\":false",
	"\"patternProperties\":{\"^b\":$}",
	"\"propertyNames\":{\"maxLength\":0}",
	"\"allOf\":[$]",
	"\"allOf\":[$,$]",
	"\"anyOf\":[$,$]",
	"\"oneOf\":[$,$]",
	"\"not\":$",
	"\"if\":$,\"then\":$",
	"\"dependentRequired\":{\"a\":[\"b\"]}",
};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static json_t *random_schema(uint32_t *seed, unsigned depth);

static json_t *random_keyword(uint32_t *seed, unsigned depth)
{
	const char *from = keywords[draw(seed, KEYWORDS)];
	char text[8192] = "{";
	size_t used = 1;

	for (; *from; from++) {
		char *child;

		if (*from != '$') {
			text[used++] = *from;
			continue;
		}
		child = NULL;
		if (depth > 0) {
			json_t *schema = random_schema(seed, depth - 1);

			child = json_dumps(schema, JSON_COMPACT | JSON_ENCODE_ANY);
			json_decref(schema);
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
					 child ? child : "true");
		free(child);
	}
	assert_true(used + 2 < sizeof(text));
	memcpy(text + used, "}", 2);
	return parse(text);
}

static json_t *random_schema(uint32_t *seed, unsigned depth)
{
	json_t *schema = json_object();

	if (draw(seed, 20) == 0) {
		json_decref(schema);
		return json_boolean(draw(seed, 2) == 0);
	}
	for (uint32_t n = draw(seed, 4); n > 0; n--) {
		json_t *more = random_keyword(seed, depth);

		assert_int_equal(json_object_update(schema, more), 0);
		json_decref(more);
	}
	return schema;
}

static const char *const values[] = {
	"null",
	"true",
	"0",
	"1",
	"2",
	"2.5",
	"3",
	"\"\"",
	"\"a\"",
	"\"ab\"",
	"\"b\"",
	"\"2026-01-15\"",
	"[]",
	"[1]",
	"[1,1]",
	"[1,\"a\"]",
	"[null,2,\"a\"]",
	"{}",
};

#define VALUES (sizeof(values) / sizeof(values[0]))

struct judge {
	struct schema_set *set;
	struct schema *schema;
};

static void judge_init(struct judge *ret, json_t *json)
{
	const struct schema_options options = { .assert_format = true };
	struct diag diag;

	*ret = (struct judge){ .set = NULL };
	assert_int_equal(schema_set_new(&ret->set, &diag), 0);
	assert_int_equal(schema_set_add(ret->set, "test:a", "a", json, SCHEMA_UNSAID, &diag), 0);
	if (schema_compile(ret->set, "test:a", &options, &ret->schema, &diag))
		fail_msg("%s", diag.text);
}

static void judge_clear(struct judge *judge)
{
	schema_free(judge->schema);
	schema_set_free(judge->set);
}

struct trial {
	struct judge old, new;
	struct payload_parser *parser;
	struct said said;
	json_t *old_json, *new_json;
	unsigned changes; /* that were seen in messages */
};

static void try_message(struct trial *trial, const char *text)
{
	struct payload_error error;
	const struct payload_value *value =
		payload_parse(trial->parser, text, strlen(text), &error);
	bool had, has;

	assert_non_null(value);
	had = schema_check(trial->old.schema, value) == SCHEMA_VALID;
	has = schema_check(trial->new.schema, value) == SCHEMA_VALID;
	trial->changes += had != has;
	if (had == has || trial->said.has[SCHEMA_COMPARE_OPEN] ||
	    trial->said.has[has ? SCHEMA_COMPARE_ALLOWS : SCHEMA_COMPARE_REFUSES])
		return;
	fail_msg("%s is %s, and schema_compare() has not said so:\n%s\n%s\n%s", text,
		 has ? "allowed" : "refused", json_dumps(trial->old_json, JSON_ENCODE_ANY),
		 json_dumps(trial->new_json, JSON_ENCODE_ANY), trial->said.text);
}

static void try_messages(struct trial *trial)
{
	char text[128];

	for (size_t i = 0; i < VALUES; i++) {
		try_message(trial, values[i]);
		(void)snprintf(text, sizeof(text), "{\"a\":%s}", values[i]);
		try_message(trial, text);
		(void)snprintf(text, sizeof(text), "{\"b\":%s}", values[i]);
		try_message(trial, text);
		(void)snprintf(text, sizeof(text), "{\"c\":%s}", values[i]);
		try_message(trial, text);
		(void)snprintf(text, sizeof(text), "[%s]", values[i]);
		try_message(trial, text);
		for (size_t k = 0; k < VALUES; k++) {
			(void)snprintf(text, sizeof(text), "{\"a\":%s,\"b\":%s}", values[i],
				       values[k]);
			try_message(trial, text);
		}
	}
}

/* 2^40 ways through 40 values, as deref.h makes them. */
static json_t *shared(const char *keyword, json_int_t least)
{
	json_t *at = json_pack("{s:s, s:I}", "type", "string", "minLength", least);

	for (int i = 0; i < 40; i++) {
		json_t *twice = strcmp(keyword, "properties") == 0
					? json_pack("{s:O, s:o}", "a", at, "b", at)
					: json_pack("[Oo]", at, at);

		at = json_pack("{s:o}", keyword, twice);
	}
	return at;
}

static void test_schema_compare__looks_once_at_what_stands_in_many_places(void **state)
{
	static const char *const joins[] = { "allOf", "anyOf", "properties" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct said said = { .text = "" };
		json_t *old = shared(joins[i], 1), *new = shared(joins[i], 1);

		schema_compare(old, new, on_row, &said);
		assert_false(said.has[SCHEMA_COMPARE_ALLOWS] || said.has[SCHEMA_COMPARE_REFUSES] ||
			     said.has[SCHEMA_COMPARE_OPEN]);
		json_decref(new);
		new = shared(joins[i], 2);
		schema_compare(old, new, on_row, &said);
		assert_true(said.has[SCHEMA_COMPARE_REFUSES] || said.has[SCHEMA_COMPARE_OPEN]);
		json_decref(old);
		json_decref(new);
	}
}

static void test_schema_compare__misses_nothing_that_a_message_shows(void **state)
{
	const struct payload_limits limits = { .max_bytes = 4096, .max_depth = 16 };
	struct trial trial = { .parser = NULL };
	uint32_t seed = 1;
	unsigned compared = 0;
	struct diag diag;

	(void)state;
	assert_int_equal(payload_parser_new(&limits, &trial.parser, &diag), 0);
	for (unsigned i = 0; i < 800; i++) {
		trial.old_json = random_schema(&seed, 2);
		trial.new_json = i % 2 || !json_is_object(trial.old_json)
					 ? random_schema(&seed, 2)
					 : json_deep_copy(trial.old_json);
		if (json_is_object(trial.new_json)) {
			json_t *more = random_keyword(&seed, 2);

			assert_int_equal(json_object_update(trial.new_json, more), 0);
			json_decref(more);
		}
		trial.said = (struct said){ .text = "" };
		schema_compare(trial.old_json, trial.new_json, on_row, &trial.said);
		compared += !trial.said.has[SCHEMA_COMPARE_OPEN];
		judge_init(&trial.old, trial.old_json);
		judge_init(&trial.new, trial.new_json);
		try_messages(&trial);
		judge_clear(&trial.old);
		judge_clear(&trial.new);
		json_decref(trial.old_json);
		json_decref(trial.new_json);
	}
	payload_parser_free(trial.parser);
	assert_true(compared > 200);
	assert_true(trial.changes > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema_compare__cases),
		cmocka_unit_test(test_schema_compare__looks_once_at_what_stands_in_many_places),
		cmocka_unit_test(test_schema_compare__misses_nothing_that_a_message_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

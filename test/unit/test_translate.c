/*
 * Documents of AsyncAPI 2.x as those of 3.x: test/data/translate/cases.yaml, and which versions are
 * taken for what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "contract/contract.h"
#include "contract/translate.h"
#include "failalloc.h"

#define CASES "test/data/translate/cases.yaml"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/translate-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void put(const char *name, json_t *json)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/parts", folder);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(json_dump_file(json, path, JSON_ENCODE_ANY), 0);
}

/* ---- one document ----------------------------------------------------------------------- */

struct translation {
	struct sources sources;
	struct arena arena;
	struct config_report report;
	struct diag_list faults, warnings;
	bool is_done;
};

static void take_warning(void *ctx, const struct config *at, const char *text)
{
	struct translation *translation = ctx;
	struct diag line;

	config_line(&line, at, NULL, "%s", text);
	diag_list_add(&translation->warnings, line.text);
}

static void translate(struct translation *ret, enum translate_view view)
{
	char path[128];
	const struct sources_place place = SOURCES_AT(path);

	(void)snprintf(path, sizeof(path), "%s/a.json", folder);
	memset(ret, 0, sizeof(*ret));
	ret->report.all = &ret->faults;
	ret->sources.warn = take_warning;
	ret->sources.warn_ctx = ret;
	ret->is_done = sources_open(&ret->sources, &ret->arena, &place, &ret->report) &&
		       translate_open(&ret->sources, ret->sources.file[0], view);
}

static void translation_clear(struct translation *translation)
{
	sources_clear(&translation->sources);
	arena_clear(&translation->arena);
}

/* Are the lines, without the file's name and the place, those of the list @expected? */
static void check_lines(const char *name, const struct diag_list *lines,
			const struct config *expected)
{
	for (size_t i = 0; i < lines->count || i < config_count(expected); i++) {
		const char *line = i < lines->count ? strstr(lines->line[i].text, ": ") : NULL;
		const char *wanted =
			i < config_count(expected) ? config_item(expected, i)->text : "nothing";

		if (!line || strcmp(line + 2, wanted) != 0)
			fail_msg("%s:\n  expected: %s\n  but it is: %s", name, wanted,
				 line ? line + 2 : "nothing");
	}
}

/* ---- all cases -------------------------------------------------------------------------- */

static json_t *document_of(const struct config *part, const char *version)
{
	json_t *json = config_json(part);

	assert_non_null(json);
	assert_int_equal(json_object_set_new(json, "asyncapi", json_string(version)), 0);
	if (!json_object_get(json, "info"))
		json_object_set_new(json, "info",
				    json_pack("{s:s, s:s}", "title", "t", "version", "v"));
	return json;
}

/* @view is said of the document, unless it is what documents without it are. */
static void check_tree(const char *name, const struct config *root, const struct config *wanted,
		       const char *view)
{
	json_t *expected = document_of(wanted, "3.0.0"), *found = config_json(root);
	char *expected_text, *found_text;

	if (strcmp(view, "application") != 0)
		json_object_set_new(expected, "x-perspective", json_string(view));
	expected_text = json_dumps(expected, JSON_SORT_KEYS | JSON_INDENT(1));
	found_text = json_dumps(found, JSON_SORT_KEYS | JSON_INDENT(1));
	if (!json_equal(expected, found))
		fail_msg("%s:\nexpected:\n%s\nbut it is:\n%s", name, expected_text, found_text);
	free(expected_text);
	free(found_text);
	json_decref(expected);
	json_decref(found);
}

static void check_case(const struct config *one)
{
	const char *name = config_member(one, "name")->text;
	json_t *document = document_of(config_member(one, "from"), "2.6.0");
	bool is_application = config_is(config_member(one, "view"), "application");
	struct translation translation;

	put("a.json", document);
	config_foreach_member(file, config_member(one, "files")) {
		json_t *json = config_json(file);

		put(file->key, json);
		json_decref(json);
	}
	translate(&translation, is_application ? TRANSLATE_APPLICATION : TRANSLATE_CLIENT);
	check_lines(name, &translation.faults, config_member(one, "faults"));
	check_lines(name, &translation.warnings, config_member(one, "warnings"));
	if (config_member(one, "to")) {
		assert_true(translation.is_done);
		check_tree(name, translation.sources.file[0]->root, config_member(one, "to"),
			   is_application ? "application" : "client");
	}
	assert_true(translation.is_done == !config_member(one, "faults"));
	translation_clear(&translation);
	json_decref(document);
}

static void test_translate_open__cases(void **state)
{
	struct config *cases = NULL;
	struct diag diag;

	(void)state;
	if (config_load(CASES, CASES, &cases, &diag))
		fail_msg("%s", diag.text);
	assert_true(config_count(cases) >= 18);
	config_foreach_item(one, cases)
		check_case(one);
	config_free(cases);
}

/* A schema is the very one of the file: its URI, and what is said of it, are the file's. */
static void test_translate_open__keeps_places(void **state)
{
	json_t *json = json_loads(
		"{\"asyncapi\":\"2.0.0\",\"channels\":{\"a\":{\"publish\":{\"operationId\":\"o\","
		"\"message\":{\"schemaFormat\":\"f\",\"payload\":{\"type\":\"string\"}}}}}}",
		0, NULL);
	struct translation translation;
	const struct config *root, *original, *schema;

	(void)state;
	put("a.json", json);
	translate(&translation, TRANSLATE_CLIENT);
	assert_true(translation.is_done);
	root = translation.sources.file[0]->root;
	original = translation.sources.file[0]->original;
	assert_ptr_not_equal(root, original);
	schema = config_at(root, "/channels/a/messages/message/payload/schema");
	assert_ptr_equal(schema->item,
			 config_at(original, "/channels/a/publish/message/payload")->item);
	assert_string_equal(sources_uri(&translation.sources, schema),
			    "contract:/a.json#/channels/a/publish/message/payload");
	config_fail(&translation.report, config_at(root, "/operations/o"), "x", ERR_INVALID,
		    "text");
	assert_non_null(strstr(translation.faults.line[0].text, "/channels/a/publish/x: text"));
	translation_clear(&translation);
	json_decref(json);
}

static void test_translate_open__versions(void **state)
{
	static const struct {
		const char *text, *read_as; /* "": as it is; NULL: it is refused */
	} row[] = {
		{ "2.0.0", "" },       { "2.6.0", "" },       { "3.0.0", "" },
		{ "3.1.0", "" },       { "2.7.0", "2.6.0" },  { "2.0.0-rc2", "2.0.0" },
		{ "2.6.3", "2.6.0" },  { "3.0.1", "3.0.0" },  { "3.2.0", "3.1.0" },
		{ "3.10.4", "3.1.0" }, { "1.2.0", NULL },     { "4.0.0", NULL },
		{ "3.0", NULL },       { "3.0.0x", NULL },    { "", NULL },
		{ "3..0", NULL },      { "99999.0.0", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		json_t *json = json_pack("{s:s, s:{}}", "asyncapi", row[i].text, "channels");
		struct translation translation;

		put("a.json", json);
		translate(&translation, TRANSLATE_CLIENT);
		if (translation.is_done != (row[i].read_as != NULL) ||
		    translation.faults.count != (row[i].read_as ? 0u : 1u) ||
		    translation.warnings.count != (row[i].read_as && row[i].read_as[0] ? 1u : 0u))
			fail_msg("%s: is_done %d, %u faults, %u warnings", row[i].text,
				 translation.is_done, translation.faults.count,
				 translation.warnings.count);
		if (translation.warnings.count > 0)
			assert_non_null(strstr(translation.warnings.line[0].text, row[i].read_as));
		translation_clear(&translation);
		json_decref(json);
	}
}

static void test_translate_open__survives_each_failing_allocation(void **state)
{
	json_t *json = json_loads(
		"{\"asyncapi\":\"2.6.0\",\"servers\":{\"s\":{\"url\":\"mqtt://h/p\",\"security\":[{"
		"\"u\":[]}]}},\"channels\":{\"a/"
		"{p}\":{\"parameters\":{\"p\":{\"schema\":{\"enum\":["
		"1]}}},\"publish\":{\"traits\":[{\"summary\":\"t\"}],\"summary\":\"s\",\"message\":"
		"{"
		"\"oneOf\":[{\"payload\":1},{\"payload\":2,\"schemaFormat\":\"f\"}]}}}},"
		"\"components\":{\"securitySchemes\":{\"u\":{\"type\":\"userPassword\"}}}}",
		0, NULL);

	(void)state;
	put("a.json", json);
	json_decref(json);
	for (size_t n = 1; n < 2000; n++) {
		struct translation translation;
		bool has_failed;

		failalloc_start(n);
		translate(&translation, TRANSLATE_CLIENT);
		has_failed = failalloc_stop();
		assert_true(has_failed != translation.is_done);
		assert_true(translation.is_done || translation.report.rc < 0);
		translation_clear(&translation);
		if (!has_failed)
			return;
	}
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_translate_open__cases),
		TEST(test_translate_open__keeps_places),
		TEST(test_translate_open__versions),
		TEST(test_translate_open__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

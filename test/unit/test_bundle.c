/*
 * Documents as they are written out: test/data/bundle/cases.yaml.
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

#include "base/configwrite.h"
#include "contract/bundle.h"
#include "contract/translate.h"
#include "failalloc.h"

#define CASES "test/data/bundle/cases.yaml"

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put_files(const struct config *files)
{
	static const char *const folders[] = { "parts", "known", "x" };

	(void)snprintf(folder, sizeof(folder), "/tmp/bundle-XXXXXX");
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mkdir(path_of(folders[i]), 0700), 0);
	config_foreach_member(file, files) {
		json_t *json = config_json(file);

		assert_int_equal(json_dump_file(json, path_of(file->key), JSON_ENCODE_ANY), 0);
		json_decref(json);
	}
}

static void remove_files(void)
{
	char command[100];

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

/* ---- one document ----------------------------------------------------------------------- */

struct bundling {
	struct sources sources;
	struct arena arena;
	struct config_report report;
	struct diag_list faults, warnings;
	const struct config *made;
	char *text; /* of bundle_write(), with BUNDLE_COLLECT */
};

static char *write_text(struct bundling *bundling)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	int rc = ERR_NOMEM;

	if (file) {
		rc = bundle_write(&bundling->sources, bundling->sources.file[0], file);
		assert_int_equal(fclose(file), 0);
	}
	if (rc == 0)
		return text;
	assert_int_equal(rc, ERR_NOMEM);
	free(text);
	return NULL;
}

static void take_warning(void *ctx, const struct config *at, const char *text)
{
	struct bundling *bundling = ctx;
	struct diag line;

	config_line(&line, at, NULL, "%s", text);
	diag_list_add(&bundling->warnings, line.text);
}

static void bundle(struct bundling *ret, const struct config *one)
{
	char path[128], known[128];
	const struct sources_place place = { .count = 1,
					     .path = (const char *const[]){ path },
					     .schemas = known };

	(void)snprintf(path, sizeof(path), "%s/a.json", folder);
	(void)snprintf(known, sizeof(known), "%s/known", folder);
	memset(ret, 0, sizeof(*ret));
	ret->report.all = &ret->faults;
	ret->sources.warn = take_warning;
	ret->sources.warn_ctx = ret;
	if (sources_open(&ret->sources, &ret->arena, &place, &ret->report) &&
	    (!config_member(one, "translate") ||
	     translate_open(&ret->sources, ret->sources.file[0], TRANSLATE_APPLICATION))) {
		ret->made = bundle_document(
			&ret->sources, ret->sources.file[0],
			config_member(one, "keep") ? BUNDLE_KEEP : BUNDLE_COLLECT, &ret->arena);
		ret->sources.warn = NULL;
		if (ret->made && !config_member(one, "keep"))
			ret->text = write_text(ret);
	}
}

static void bundling_clear(struct bundling *bundling)
{
	free(bundling->text);
	sources_clear(&bundling->sources);
	arena_clear(&bundling->arena);
}

static void check_warnings(const char *name, const struct diag_list *lines,
			   const struct config *expected)
{
	if (lines->count != config_count(expected))
		fail_msg("%s: %u warnings, the first: %s", name, lines->count, lines->line[0].text);
	for (size_t i = 0; i < lines->count; i++)
		if (!strstr(lines->line[i].text, config_item(expected, i)->text))
			fail_msg("%s: %s", name, lines->line[i].text);
}

/* What is written at once is what the tree is as text. */
static void check_text(const char *name, const struct bundling *bundling)
{
	char *expected = NULL;
	size_t len;
	FILE *file = open_memstream(&expected, &len);

	assert_non_null(file);
	assert_int_equal(configwrite_compact(bundling->made, file), 0);
	assert_int_equal(fclose(file), 0);
	assert_non_null(bundling->text);
	if (strcmp(expected, bundling->text) != 0)
		fail_msg("%s:\nexpected:\n%s\nbut it is:\n%s", name, expected, bundling->text);
	free(expected);
}

static void check_case(const struct config *one)
{
	const char *name = config_member(one, "name")->text;
	json_t *expected = config_json(config_member(one, "to")), *found;
	char *expected_text = json_dumps(expected, JSON_INDENT(1) | JSON_SORT_KEYS), *found_text;
	struct bundling bundling;

	put_files(config_member(one, "files"));
	bundle(&bundling, one);
	if (!bundling.made)
		fail_msg("%s: %s", name, bundling.faults.line[0].text);
	found = config_json(bundling.made);
	found_text = json_dumps(found, JSON_INDENT(1) | JSON_SORT_KEYS);
	if (!json_equal(expected, found))
		fail_msg("%s:\nexpected:\n%s\nbut it is:\n%s", name, expected_text, found_text);
	check_warnings(name, &bundling.warnings, config_member(one, "warnings"));
	if (!config_member(one, "keep"))
		check_text(name, &bundling);
	free(expected_text);
	free(found_text);
	json_decref(expected);
	json_decref(found);
	bundling_clear(&bundling);
	remove_files();
}

static struct config *load_cases(void)
{
	struct config *cases = NULL;
	struct diag diag;

	if (config_load(CASES, CASES, &cases, &diag))
		fail_msg("%s", diag.text);
	return cases;
}

static void test_bundle_document__cases(void **state)
{
	struct config *cases = load_cases();

	(void)state;
	assert_true(config_count(cases) >= 6);
	config_foreach_item(one, cases)
		check_case(one);
	config_free(cases);
}

static void test_bundle_document__survives_each_failing_allocation(void **state)
{
	struct config *cases = load_cases();

	(void)state;
	put_files(config_member(config_item(cases, 2), "files"));
	for (size_t n = 1; n < 3000; n++) {
		struct bundling bundling;
		bool has_failed;

		failalloc_start(n);
		bundle(&bundling, config_item(cases, 2));
		has_failed = failalloc_stop();
		assert_true(has_failed || (bundling.made && bundling.text));
		assert_true(bundling.made || bundling.report.rc < 0);
		bundling_clear(&bundling);
		if (!has_failed)
			break;
	}
	remove_files();
	config_free(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bundle_document__cases),
		cmocka_unit_test(test_bundle_document__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

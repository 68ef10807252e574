/*
 * The contract's files: where references lead, what they may not, and what is said then.
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
#include "failalloc.h"

/* ---- a folder of files ------------------------------------------------------------------ */

static char top[64];

static const char *path_of(const char *name)
{
	static char path[2][300];
	static int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *file;
	char folder[300];

	(void)snprintf(folder, sizeof(folder), "%s", path_of(name));
	for (char *at = folder + strlen(top) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(folder, 0700);
		*at = '/';
	}
	file = fopen(path_of(name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/sources-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

/* ---- what is asked ---------------------------------------------------------------------- */

struct scene {
	struct sources sources;
	struct arena arena;
	struct config_report report;
	struct diag_list all;
	char warning[DIAG_MAX];
};

static void take_warning(void *ctx, const struct config *at, const char *text)
{
	struct scene *scene = ctx;
	struct diag line;

	config_line(&line, at, NULL, "%s", text);
	(void)snprintf(scene->warning, sizeof(scene->warning), "%s", line.text);
}

static bool scene_open(struct scene *scene, const char *path, const char *root, const char *schemas)
{
	char *document = strdup(path_of(path));
	struct sources_place place = SOURCES_AT(document);
	bool is_open;

	memset(scene, 0, sizeof(*scene));
	place.root = root ? strdup(path_of(root)) : NULL;
	place.schemas = schemas ? strdup(path_of(schemas)) : NULL;
	scene->report.all = &scene->all;
	scene->sources.warn = take_warning;
	scene->sources.warn_ctx = scene;
	is_open = sources_open(&scene->sources, &scene->arena, &place, &scene->report);
	free(document);
	free((char *)place.root);
	free((char *)place.schemas);
	return is_open;
}

static void scene_clear(struct scene *scene)
{
	sources_clear(&scene->sources);
	arena_clear(&scene->arena);
}

/* Follows the value at @pointer of the first file and returns where that ends: "name#pointer". */
static const char *follow(struct scene *scene, const char *pointer)
{
	static char found[400];
	char at_pointer[200];
	const struct config *at = config_at(scene->sources.file[0]->original, pointer);

	assert_non_null(at);
	at = sources_follow(&scene->sources, at);
	if (!at)
		return NULL;
	(void)snprintf(found, sizeof(found), "%s#%s", sources_file_of(&scene->sources, at)->name,
		       config_pointer(at, NULL, at_pointer, sizeof(at_pointer)));
	return found;
}

static const char *fault(struct scene *scene, const char *pointer)
{
	unsigned before = scene->all.count;

	assert_null(follow(scene, pointer));
	assert_true(scene->all.count > before);
	return strstr(scene->all.line[scene->all.count - 1].text, ": ") + 2;
}

/* ---- pointers --------------------------------------------------------------------------- */

static void test_sources_follow__through_references_on_the_way(void **state)
{
	struct scene scene;

	(void)state;
	put("a.json", "{\"channels\":{\"a\":{\"$ref\":\"#/parts/a\",\"title\":\"x\"}},"
		      "\"parts\":{\"a\":{\"messages\":{\"m\":{\"$ref\":\"b.json#/m\"}}}},"
		      "\"use\":{\"$ref\":\"#/channels/a/messages/m\"},"
		      "\"deep\":{\"$ref\":\"#/channels/a/messages/m/payload\"},"
		      "\"none\":{\"$ref\":\"#/channels/a/messages/n\"},"
		      "\"text\":{\"$ref\":\"#/channels/a/title\"}}");
	put("b.json", "{\"m\":{\"payload\":{}}}");
	assert_true(scene_open(&scene, "a.json", NULL, NULL));
	assert_string_equal(follow(&scene, "/use"), "b.json#/m");
	assert_string_equal(follow(&scene, "/deep"), "b.json#/m/payload");
	assert_string_equal(follow(&scene, "/text"), "a.json#/channels/a/title");
	assert_string_equal(fault(&scene, "/none"),
			    "/none/$ref: there is no \"#/channels/a/messages/n\"");
	assert_string_equal(scene.warning, "");
	assert_string_equal(follow(&scene, "/channels/a"), "a.json#/parts/a");
	assert_non_null(strstr(scene.warning,
			       "/channels/a/title: is ignored, since it stands beside a $ref"));
	scene_clear(&scene);
}

static void test_sources_follow__names_a_circle(void **state)
{
	struct scene scene;

	(void)state;
	put("a.json", "{\"a\":{\"$ref\":\"b.json#/b\"},\"in\":{\"$ref\":\"#/a\"},"
		      "\"own\":{\"$ref\":\"#/own\"},\"up\":{\"$ref\":\"#/up/x\"}}");
	put("b.json", "{\"b\":{\"$ref\":\"a.json#/a\"}}");
	assert_true(scene_open(&scene, "a.json", NULL, NULL));
	assert_string_equal(
		fault(&scene, "/in"),
		"/in/$ref: references lead in a circle: b.json#/b -> a.json#/a -> b.json#/b");
	assert_string_equal(fault(&scene, "/own"),
			    "/own/$ref: references lead in a circle: #/own -> #/own");
	assert_string_equal(fault(&scene, "/up"),
			    "/up/$ref: references lead in a circle: #/up/x -> #/up/x");
	scene_clear(&scene);
}

/* Each step of a pointer may follow many references: the work for one stays bounded. */
static void test_sources_follow__is_bounded(void **state)
{
	char text[8192] = "{\"c\":{\"k\":{\"$ref\":\"#/c1\"}}";
	size_t used = strlen(text);
	struct scene scene;

	(void)state;
	for (int i = 1; i < 30; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 ",\"c%d\":{\"$ref\":\"#/c%d\"}", i, i + 1);
	(void)snprintf(text + used, sizeof(text) - used,
		       ",\"c30\":{\"$ref\":\"#/c\"},\"use\":{\"$ref\":\"#/c/k/k/k/k\"},"
		       "\"long\":{\"$ref\":\"#/c/k/k/k/k/k/k/k/k/k/k/k\"},"
		       "\"much\":{\"$ref\":\"#/much1\"},\"much1\":{\"$ref\":\"#/much2\"},"
		       "\"much2\":{\"$ref\":\"#/c1\"}}");
	put("a.json", text);
	assert_true(scene_open(&scene, "a.json", NULL, NULL));
	assert_string_equal(follow(&scene, "/use"), "a.json#/c");
	assert_string_equal(fault(&scene, "/much"),
			    "/much/$ref: more than 32 references that lead to each other");
	assert_string_equal(fault(&scene, "/long"),
			    "/long/$ref: more than 256 references that lead to each other");
	scene_clear(&scene);
}

/* ---- files ------------------------------------------------------------------------------ */

static void test_sources_follow__takes_any_name(void **state)
{
	struct scene scene;

	(void)state;
	put("a.json", "{\"space\":{\"$ref\":\"./in%20here/b%23c.json#/k%20%25\"},"
		      "\"plain\":{\"$ref\":\"in here/b%23c.json\"},"
		      "\"up\":{\"$ref\":\"in here/../umlaut-\\u00e4.json\"},"
		      "\"bad\":{\"$ref\":\"b%2.json\"},\"nul\":{\"$ref\":\"b%00.json\"}}");
	put("in here/b#c.json", "{\"k %\":{}}");
	put("umlaut-\xc3\xa4.json", "{}");
	assert_true(scene_open(&scene, "a.json", NULL, NULL));
	assert_string_equal(follow(&scene, "/space"), "in here/b#c.json#/k %");
	assert_string_equal(follow(&scene, "/plain"), "in here/b#c.json#");
	assert_string_equal(scene.sources.file[1]->uri, "contract:/in%20here/b%23c.json");
	assert_string_equal(follow(&scene, "/up"), "umlaut-\xc3\xa4.json#");
	assert_string_equal(fault(&scene, "/bad"), "/bad/$ref: expected %XX behind each %");
	assert_string_equal(fault(&scene, "/nul"), "/nul/$ref: expected %XX behind each %");
	assert_int_equal(scene.sources.count, 3);
	scene_clear(&scene);
}

static void test_sources_open__below_a_root(void **state)
{
	static const char document[] = "{\"up\":{\"$ref\":\"../shared/b.json\"},"
				       "\"out\":{\"$ref\":\"../../b.json\"}}";
	struct scene scene;

	(void)state;
	put("apis/one/a.json", document);
	put("apis/shared/b.json", "{\"$ref\":\"../one/c.json\"}");
	put("apis/one/c.json", "{}");
	assert_true(scene_open(&scene, "apis/one/a.json", NULL, NULL));
	assert_string_equal(fault(&scene, "/up"),
			    "/up/$ref: expected a file in the contract's folder or below "
			    "(plugin_opt_contract_root, or --contract-root, names another)");
	scene_clear(&scene);
	assert_true(scene_open(&scene, "apis/one/a.json", "apis", NULL));
	assert_string_equal(scene.sources.file[0]->name, "one/a.json");
	assert_string_equal(follow(&scene, "/up"), "one/c.json#");
	assert_string_equal(fault(&scene, "/out"),
			    "/out/$ref: expected a file in the contract's root or below");
	scene_clear(&scene);
	assert_false(scene_open(&scene, "apis/one/a.json", "apis/shared", NULL));
	assert_non_null(
		strstr(scene.all.line[0].text, "expected a file below the contract's root"));
	scene_clear(&scene);
	assert_false(scene_open(&scene, "apis/one/a.json", "apis/none", NULL));
	scene_clear(&scene);
}

static void test_sources_follow__no_link_leads_out(void **state)
{
	struct scene scene;

	(void)state;
	put("in/a.json", "{\"out\":{\"$ref\":\"out.json\"},\"far\":{\"$ref\":\"far/b.json\"},"
			 "\"near\":{\"$ref\":\"near.json\"},\"none\":{\"$ref\":\"none.json\"}}");
	put("in/b.json", "{}");
	put("inner/b.json", "{}");
	assert_int_equal(symlink("../inner/b.json", path_of("in/out.json")), 0);
	assert_int_equal(symlink("../inner", path_of("in/far")), 0);
	assert_int_equal(symlink("b.json", path_of("in/near.json")), 0);
	assert_int_equal(symlink("in/a.json", path_of("link.json")), 0);
	assert_true(scene_open(&scene, "in/a.json", NULL, NULL));
	assert_string_equal(fault(&scene, "/out"),
			    "/out/$ref: a link leads out of the contract's root folder");
	assert_string_equal(fault(&scene, "/far"),
			    "/far/$ref: a link leads out of the contract's root folder");
	assert_string_equal(follow(&scene, "/near"), "near.json#");
	assert_non_null(strstr(fault(&scene, "/none"), "No such file"));
	scene_clear(&scene);
	/* The contract itself may be a link: the operator has named it. */
	assert_true(scene_open(&scene, "link.json", NULL, NULL));
	scene_clear(&scene);
}

static void test_sources_add_place__finds_the_value_or_what_is_above(void **state)
{
	static const char *const lines[][2] = {
		{ "a.yaml: /b/c: text: more", "a.yaml:3:3: /b/c: text: more" },
		{ "a.yaml: /b/c/d/0: text", "a.yaml:3:3: /b/c/d/0: text" },
		{ "a.yaml: /b/x: text", "a.yaml:2:1: /b/x: text" },
		{ "a.yaml: /x: text", "a.yaml:1:1: /x: text" },
		{ "a.yaml: text", "a.yaml:1:1: text" },
		{ "a.yaml:7:7: /b: text", "a.yaml:7:7: /b: text" },
		{ "b.yaml: /b: text", "b.yaml: /b: text" },
	};
	struct scene scene;
	struct diag diag;

	(void)state;
	put("a.yaml", "a: 1\nb:\n  c: 2\n");
	assert_true(scene_open(&scene, "a.yaml", NULL, NULL));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		(void)diag_set(&diag, 0, "%s", path_of(lines[i][0]));
		sources_add_place(&scene.sources, &diag);
		assert_string_equal(diag.text, path_of(lines[i][1]));
	}
	scene_clear(&scene);
}

/* ---- documents that are known by their $id ---------------------------------------------- */

static void test_sources_follow__finds_documents_by_id(void **state)
{
	struct scene scene;

	(void)state;
	put("api/a.json", "{\"one\":{\"$ref\":\"https://example.com/s/one.json#/k\"},"
			  "\"two\":{\"$ref\":\"https://example.com/s/none.json\"},"
			  "\"urn\":{\"$ref\":\"urn:example:three\"}}");
	put("known/1.json",
	    "{\"$id\":\"https://example.com/s/one.json#\",\"k\":{\"$ref\":\"two.json\"}}");
	put("known/2.json", "{\"$id\":\"https://example.com/s/two.json\",\"$ref\":\"/root.json\"}");
	put("known/3.json", "{\"id\":\"https://example.com/root.json\"}");
	put("known/4.json", "{\"$id\":\"urn:example:three\"}");
	put("known/5.json", "{}");
	put("known/readme.txt", "no document");
	assert_true(scene_open(&scene, "api/a.json", NULL, "known"));
	assert_non_null(strstr(scene.warning, "known/5.json:1:1: has no $id"));
	assert_int_equal(scene.sources.known_count, 4);
	assert_int_equal(scene.sources.count, 1);
	assert_string_equal(follow(&scene, "/one"), "known/3.json#");
	assert_string_equal(follow(&scene, "/urn"), "known/4.json#");
	assert_int_equal(scene.sources.count, 5);
	assert_non_null(strstr(fault(&scene, "/two"), "nothing is fetched"));
	scene_clear(&scene);
	put("known/6.json", "{\"$id\":\"urn:example:three#\"}");
	assert_false(scene_open(&scene, "api/a.json", NULL, "known"));
	assert_non_null(strstr(scene.all.line[0].text, "has the same $id, \"urn:example:three\""));
	scene_clear(&scene);
	assert_false(scene_open(&scene, "api/a.json", NULL, "unknown"));
	assert_non_null(strstr(scene.all.line[0].text, "unknown: No such file"));
	scene_clear(&scene);
}

static void test_sources_load_all__takes_what_is_referred_to(void **state)
{
	struct scene scene;

	(void)state;
	put("api/a.json", "{\"a\":{\"$ref\":\"https://example.com/s/one.json\"},"
			  "\"b\":{\"$ref\":\"https://example.com/s/elsewhere.json\"},"
			  "\"c\":{\"$ref\":\"c.json#/x\"}}");
	put("api/c.json", "{\"x\":{\"$ref\":\"a.json#/a\"}}");
	put("known/1.json",
	    "{\"$id\":\"https://example.com/s/one.json\",\"k\":{\"$ref\":\"two.json\"}}");
	put("known/2.json", "{\"$id\":\"https://example.com/s/two.json\"}");
	put("known/3.json", "{\"$id\":\"https://example.com/s/three.json\"}");
	assert_true(scene_open(&scene, "api/a.json", NULL, "known"));
	sources_load_all(&scene.sources);
	assert_int_equal(scene.report.count, 0);
	assert_int_equal(scene.sources.count, 4);
	scene_clear(&scene);
	/* Names are an author's own; data is not looked into. */
	put("api/a.json", "{\"messages\":{\"default\":{\"payload\":{\"$ref\":\"c.json#/y\"}}},"
			  "\"schemas\":{\"s\":{\"default\":{\"$ref\":\"none.json\"}}}}");
	put("api/c.json", "{\"y\":{}}");
	assert_true(scene_open(&scene, "api/a.json", NULL, NULL));
	sources_load_all(&scene.sources);
	assert_int_equal(scene.report.count, 0);
	assert_int_equal(scene.sources.count, 2);
	scene_clear(&scene);
}

/* A name is looked for among the $ids of the file once sorted: a walk for each took minutes. */
static void test_sources_load_all__knows_the_ids_inside(void **state)
{
	enum { REFERENCES = 100000 };
	char *text = malloc(REFERENCES * 16 + 100);
	struct scene scene;
	size_t used = (size_t)sprintf(text, "{\"a\":[");

	(void)state;
	for (int i = 0; i < REFERENCES; i++)
		used += (size_t)sprintf(text + used, "{\"$ref\":\"foo\"},");
	(void)sprintf(text + used, "{\"$ref\":\"bar#x\"},{\"$ref\":\"fo\"}],"
				   "\"b\":[{\"$id\":\"foo\"},{\"$id\":\"bar\"},{\"$id\":7}]}");
	put("a.json", text);
	free(text);
	assert_true(scene_open(&scene, "a.json", NULL, NULL));
	sources_load_all(&scene.sources);
	assert_int_equal(scene.report.count, 1);
	assert_non_null(strstr(scene.all.line[0].text, "fo: No such file"));
	scene_clear(&scene);
}

static void test_sources_open__survives_each_failing_allocation(void **state)
{
	struct scene scene;

	(void)state;
	put("api/a.json", "{\"a\":{\"$ref\":\"../c.json#/x\"},\"b\":{\"$ref\":\"urn:example:1\"}}");
	put("c.json", "{\"x\":{\"y\":1}}");
	put("known/1.json", "{\"$id\":\"urn:example:1\"}");
	for (size_t n = 1; n < 1000; n++) {
		bool is_open, has_failed;

		failalloc_start(n);
		is_open = scene_open(&scene, "api/a.json", ".", "known");
		if (is_open)
			sources_load_all(&scene.sources);
		has_failed = failalloc_stop();
		assert_true(has_failed || (is_open && scene.sources.count == 3));
		if (has_failed && n > 3) /* the first three are the test's own */
			assert_true(scene.report.rc < 0);
		scene_clear(&scene);
		if (!has_failed)
			return;
	}
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sources_follow__through_references_on_the_way),
		TEST(test_sources_follow__names_a_circle),
		TEST(test_sources_follow__is_bounded),
		TEST(test_sources_follow__takes_any_name),
		TEST(test_sources_open__below_a_root),
		TEST(test_sources_follow__no_link_leads_out),
		TEST(test_sources_add_place__finds_the_value_or_what_is_above),
		TEST(test_sources_follow__finds_documents_by_id),
		TEST(test_sources_load_all__takes_what_is_referred_to),
		TEST(test_sources_load_all__knows_the_ids_inside),
		TEST(test_sources_open__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

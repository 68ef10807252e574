/*
 * The reader of configuration files: the tree, the ways through it, what is said of faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/config.h"
#include "base/suggest.h"
#include "failalloc.h"

static struct config *parse(const char *text)
{
	struct config *root = NULL;
	struct diag diag;

	if (config_parse("f.json", text, strlen(text), &root, &diag))
		fail_msg("%s", diag.text);
	return root;
}

/* ---- the tree --------------------------------------------------------------------------- */

static void test_config_parse__keeps_what_the_file_says(void **state)
{
	static const char text[] = "{\"s\":\"a\\u0000b\",\"i\":-7,\"r\":1.5,\"t\":true,\"f\":false,"
				   "\"n\":null,\"a\":[1,[],{}],\"o\":{\"b\":1,\"a\":2}}";
	struct config *root = parse(text);
	json_t *before = json_loads(text, JSON_ALLOW_NUL, NULL);
	json_t *after = config_json(root);
	size_t count = 0;

	(void)state;
	assert_true(json_equal(before, after));
	assert_int_equal(root->kind, CONFIG_OBJECT);
	assert_string_equal(root->key, "f.json");
	assert_int_equal(config_member(root, "s")->count, 3);
	assert_null(config_string(config_member(root, "s")));
	assert_int_equal(config_member(root, "i")->integer, -7);
	assert_true(config_member(root, "t")->boolean);
	assert_false(config_member(root, "f")->boolean);
	assert_int_equal(config_member(root, "n")->kind, CONFIG_NULL);
	assert_null(config_member(root, "x"));
	assert_null(config_member(NULL, "x"));
	assert_null(config_member(config_member(root, "a"), "x"));
	config_foreach(value, root)
		assert_ptr_equal(value->up, root), count++;
	config_foreach_item(value, root)
		assert_null(value), count++;
	config_foreach_member(value, config_member(root, "a"))
		assert_null(value), count++;
	config_foreach_item(value, config_member(root, "a"))
		assert_null(value->key), count++;
	config_foreach(value, config_member(root, "i"))
		assert_null(value), count++;
	config_foreach(value, (const struct config *)NULL)
		assert_null(value), count++;
	assert_int_equal(count, 8 + 3);
	assert_int_equal(config_items(config_member(root, "a")), 3);
	assert_int_equal(config_items(config_member(root, "s")), 1);
	assert_ptr_equal(config_item(config_member(root, "i"), 0), config_member(root, "i"));
	json_decref(before);
	json_decref(after);
	config_free(root);
}

static void test_config_member__finds_each_of_many(void **state)
{
	enum { MANY = 5000 };
	json_t *json = json_object();
	struct config *root;
	char name[32];
	char *text;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "name-%d", i);
		(void)json_object_set_new(json, name, json_integer(i));
	}
	text = json_dumps(json, 0);
	root = parse(text);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "name-%d", i);
		assert_int_equal(config_member(root, name)->integer, i);
		assert_string_equal(root->item[i].key, name);
	}
	assert_null(config_member(root, "name-5000"));
	config_free(root);
	free(text);
	json_decref(json);
}

static void test_config_at__follows_pointers(void **state)
{
	struct config *root = parse("{\"a/b\":[10,{\"m~n\":20}],\"\":30,\"0\":40}");
	static const char *const good[] = { "", "/a~1b", "/a~1b/0", "/a~1b/1/m~0n", "/", "/0" };
	static const char *const bad[] = { "/a~1b/2", "/a~1b/00", "/a~1b/-", "/a~1b/0/x",
					   "/a~2b",   "/nothing", "no-slash" };
	char pointer[64];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const struct config *at = config_at(root, good[i]);

		assert_non_null(at);
		assert_string_equal(config_pointer(at, NULL, pointer, sizeof(pointer)), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(config_at(root, bad[i]));
	assert_int_equal(config_at(root, "/a~1b/1/m~0n")->integer, 20);
	assert_string_equal(
		config_pointer(config_at(root, "/a~1b"), "x~", pointer, sizeof(pointer)),
		"/a~1b/x~0");
	assert_string_equal(config_pointer(config_at(root, "/a~1b"), NULL, pointer, 4), "/a");
	config_free(root);
}

static void test_config_load__bounds_the_levels(void **state)
{
	char text[2 * CONFIG_DEPTH_MAX + 8];
	struct config *root = NULL;
	struct diag diag;

	(void)state;
	memset(text, '[', CONFIG_DEPTH_MAX);
	memset(text + CONFIG_DEPTH_MAX, ']', CONFIG_DEPTH_MAX);
	assert_int_equal(config_parse("f", text, 2 * CONFIG_DEPTH_MAX, &root, &diag), 0);
	config_free(root);
	root = NULL;
	memset(text, '[', CONFIG_DEPTH_MAX + 1);
	memset(text + CONFIG_DEPTH_MAX + 1, ']', CONFIG_DEPTH_MAX + 1);
	assert_int_equal(config_parse("f", text, 2 * CONFIG_DEPTH_MAX + 2, &root, &diag),
			 ERR_LIMIT);
	assert_memory_equal(diag.text, "f:1:513: /0/0/", 14);
	assert_non_null(strstr(diag.text, ": more than 512 levels"));
	assert_null(root);
}

static void test_config_parse__survives_failing_allocations(void **state)
{
	static const char text[] = "{\"a\":[1,2.5,\"x\",{\"b\":null}],\"c\":true}";
	struct config *root = NULL;
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		json_t *json = NULL;
		int rc;

		failalloc_start(n);
		rc = config_parse("f", text, strlen(text), &root, &diag);
		if (rc == 0)
			json = config_json(root);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_non_null(json);
			json_decref(json);
			config_free(root);
			break;
		}
		assert_null(json);
		config_free(root);
		root = NULL;
	}
}

/* ---- what is said ------------------------------------------------------------------------ */

static const struct config_known known[] = {
	{ .name = "name", .kind = CONFIG_STRING, .is_required = true },
	{ .name = "sizes", .kind = CONFIG_ARRAY },
	{ .name = "count" },
	{ .name = "factor" },
	{ .name = "colour" },
	{ .name = "old", .refusal = "not supported any more" },
	{ .name = NULL },
};

static void test_config_check__says_all_that_is_wrong(void **state)
{
	static const char *const colours[] = { "red", "green", "blue", NULL };
	static const char *const lines[] = {
		"f.json:1:2: /sizes: expected an array",
		("f.json:1:52: /cuont: unknown member; did you mean \"count\"? a thing has: name, "
		 "sizes, count, factor, colour"),
		"f.json:1:62: /zebra: unknown member; a thing has: name, sizes, count, factor, "
		"colour",
		"f.json:1:72: /old: not supported any more",
		"f.json:1:1: expected a member \"name\"",
		"f.json:1:12: /count: expected an integer from 1 to 10",
		"f.json:1:23: /factor: expected a number from 1 to 9",
		"f.json:1:36: /colour: expected \"red\", \"green\" or \"blue\"",
	};
	struct config *root = parse("{\"sizes\":1,\"count\":11,\"factor\":0.5,\"colour\":\"pink\","
				    "\"cuont\":1,\"zebra\":1,\"old\":1}");
	struct diag_list all = { 0 };
	struct diag diag;
	struct config_report report = { .diag = &diag, .all = &all };
	int64_t count = 5;
	double factor = 5;
	unsigned word = 5;
	const char *text = "kept";

	(void)state;
	assert_true(config_check(&report, root, "a thing", known));
	assert_false(config_text(&report, root, "name", 10, &text));
	assert_false(config_expect(&report, config_member(root, "sizes"), CONFIG_ARRAY));
	assert_false(config_integer(&report, root, "count", 1, 10, &count));
	assert_false(config_number(&report, root, "factor", 1, 9, &factor));
	assert_false(config_word(&report, root, "colour", colours, &word));
	assert_string_equal(text, "kept");
	assert_int_equal(count + word + (int)factor, 15);
	assert_int_equal(all.count, sizeof(lines) / sizeof(*lines));
	for (unsigned i = 0; i < all.count; i++)
		assert_string_equal(all.line[i].text, lines[i]);
	assert_string_equal(diag.text, lines[0]);
	assert_int_equal(report.rc, ERR_INVALID);
	config_free(root);
}

static void add_doubt(void *ctx, const struct config *value, const char *key, const char *text)
{
	struct diag line;

	config_line(&line, value, key, "%s", text);
	diag_list_add(ctx, line.text);
}

static void test_config_check__lets_others_extensions_stand(void **state)
{
	static const char *const expected[] = {
		"/x-siez: nobody reads it; did you mean \"x-size\"?",
		"/x-Color: nobody reads it; did you mean \"x-colour\"?",
		"/x-colour: says nothing here: a thing has no such member",
		"/x-colourful: nobody reads it; did you mean \"x-colour\"?",
	};
	static const struct config_known members[] = { { .name = "name x-size" } };
	struct config *root =
		parse("{\"name\":1,\"x-size\":1,\"x-siez\":1,\"x-Color\":1,"
		      "\"x-colour\":1,\"x-colourful\":1,\"x-logo\":1,\"x-\":1,\"x-nam\":1}");
	struct diag_list doubts = { .count = 0 }, faults = { .count = 0 };
	const struct config_doubts wanted = { .warn = add_doubt,
					      .ctx = &doubts,
					      .extensions = "x-size x-colour" };
	struct config_report report = { .doubts = &wanted };

	(void)state;
	assert_true(config_check(&report, root, "a thing", members));
	assert_int_equal(report.count, 0);
	assert_int_equal(doubts.count, sizeof(expected) / sizeof(*expected));
	for (unsigned i = 0; i < doubts.count; i++)
		assert_non_null(strstr(doubts.line[i].text, expected[i]));
	/* Without anybody to warn, a file has known members only. */
	report = (struct config_report){ .all = &faults };
	assert_true(config_check(&report, root, "a thing", members));
	assert_int_equal(faults.count, 7);
	config_free(root);
}

static void test_config_text__says_what_a_text_is(void **state)
{
	static const struct {
		const char *json;
		const char *line; /* NULL: it is one */
	} cases[] = {
		{ "\"abc\"", NULL },
		{ "\"\"", "f.json:1:1: expected a string that is not empty and has no U+0000" },
		{ "\"a\\u0000\"",
		  "f.json:1:1: expected a string that is not empty and has no U+0000" },
		{ "\"abcd\"", "f.json:1:1: longer than 3 bytes" },
		{ "[]", "f.json:1:1: expected a string" },
		{ "null", "f.json:1:1: expected a string" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config *root = parse(cases[i].json);
		struct diag diag = { "" };
		struct config_report report = { .diag = &diag };
		const char *text = NULL;

		assert_int_equal(config_text(&report, root, NULL, 3, &text), !cases[i].line);
		assert_string_equal(diag.text, cases[i].line ? cases[i].line : "");
		config_free(root);
	}
}

static void test_config_fail__bounds_the_lines_and_names_line_and_column(void **state)
{
	const struct config root = { .key = "f.yaml" };
	const struct config at = { .up = &root, .key = "a", .line = 7, .column = 3 };
	struct diag_list all = { 0 };
	struct config_report report = { .all = &all };

	(void)state;
	assert_false(config_fail(&report, &at, "b", ERR_LIMIT, "first"));
	for (int i = 0; i < 100; i++)
		(void)config_fail(&report, &root, NULL, ERR_INVALID, "%d", i);
	assert_int_equal(all.count, DIAG_LIST_MAX);
	assert_int_equal(report.count, 101);
	assert_int_equal(report.rc, ERR_LIMIT);
	assert_string_equal(all.line[0].text, "f.yaml:7:3: /a/b: first");
	assert_false(config_nomem(&report));
	(void)config_fail(&report, &root, NULL, ERR_INVALID, "more");
	assert_int_equal(report.rc, ERR_NOMEM);
	assert_int_equal(report.count, 102);
}

/* What is said of a value names the file that it was taken from. */
static void test_config_fail__names_the_origin(void **state)
{
	struct config file[2] = { { .key = "old.yaml", .kind = CONFIG_OBJECT, .count = 1 },
				  { .key = "a/b", .line = 4, .column = 9 } };
	struct config made[3] = { { .key = "new", .kind = CONFIG_OBJECT, .count = 1 },
				  { .key = "x", .origin = &file[1] },
				  { .key = "y" } };
	struct diag_list all = { 0 };
	struct config_report report = { .all = &all };

	(void)state;
	file[0].item = &file[1];
	file[1].up = &file[0];
	made[0].item = &made[1];
	made[1].up = &made[0];
	made[2].up = &made[1];
	(void)config_fail(&report, &made[1], NULL, ERR_INVALID, "itself");
	(void)config_fail(&report, &made[2], "z", ERR_INVALID, "below");
	(void)config_fail(&report, &made[0], "x", ERR_INVALID, "member");
	(void)config_fail(&report, &made[0], "w", ERR_INVALID, "made");
	assert_string_equal(all.line[0].text, "old.yaml:4:9: /a~1b: itself");
	assert_string_equal(all.line[1].text, "old.yaml:4:9: /a~1b/y/z: below");
	assert_string_equal(all.line[2].text, "old.yaml:4:9: /a~1b: member");
	assert_string_equal(all.line[3].text, "new: /w: made");
	assert_ptr_equal(config_root(&made[2]), &file[0]);
}

/* A file may have a million faults: what can't be shown any more is not put in words. */
static void test_config_is_full__of_lines_or_of_faults(void **state)
{
	const struct config root = { .key = "f.json" };
	struct diag_list all = { 0 };
	struct config_report report = { .all = &all };
	struct config_report first = { .all = NULL };

	(void)state;
	assert_false(config_is_full(&first));
	(void)config_fail(&first, &root, NULL, ERR_INVALID, "a");
	assert_true(config_is_full(&first));
	for (unsigned i = 0; i < CONFIG_FAULTS_MAX; i++) {
		assert_false(config_is_full(&report));
		(void)config_fail(&report, &root, NULL, ERR_INVALID, "the same");
	}
	assert_int_equal(all.count, 1);
	assert_true(config_is_full(&report));
	(void)config_fail(&report, &root, NULL, ERR_INVALID, "another");
	assert_int_equal(all.count, 1);
	assert_int_equal(report.count, CONFIG_FAULTS_MAX + 1);
}

/* The table's loop ends where nothing is to be added. */
static void test_config_check__ends_when_full(void **state)
{
	char text[32768] = "{";
	size_t used = 1;
	struct config *root;
	struct diag diag;
	struct diag_list all = { 0 };
	struct config_report report = { .all = &all };
	const struct config_known members[] = { { .name = "a" }, { .name = NULL } };

	(void)state;
	for (int i = 0; i < 2000; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"x%d\":0",
					 i ? "," : "", i);
	text[used++] = '}';
	assert_int_equal(config_parse("f.json", text, used, &root, &diag), 0);
	assert_true(config_check(&report, root, "a thing", members));
	assert_int_equal(all.count, DIAG_LIST_MAX);
	assert_int_equal(report.count, DIAG_LIST_MAX);
	config_free(root);
}

static void test_config_bound__counts(void **state)
{
	struct config *root = parse("[1,2,3]");
	struct diag_list all = { 0 };
	struct config_report report = { .all = &all };

	(void)state;
	assert_true(config_bound(&report, root, 0, 3, "things"));
	assert_false(config_bound(&report, root, 0, 2, "things"));
	assert_false(config_bound(&report, root, 4, 5, "things"));
	assert_string_equal(all.line[0].text, "f.json:1:1: expected at most 2 things, found 3");
	assert_string_equal(all.line[1].text, "f.json:1:1: expected 4 to 5 things, found 3");
	config_free(root);
}

static void test_suggest_add__knows_typing_errors(void **state)
{
	static const char *const words[] = { "address", "messages", "x-will", "qos", "port" };
	static const struct {
		const char *word;
		const char *best;
	} cases[] = {
		{ "adress", "address" },
		{ "addres", "address" },
		{ "adderss", "address" },
		{ "Address", "address" },
		{ "mesages", "messages" },
		{ "x-wil", "x-will" },
		{ "qs", "qos" },
		{ "host", NULL },
		{ "zebra", NULL },
		{ "", NULL },
		{ "a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct suggest suggest = suggest_begin(cases[i].word);

		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			suggest_add(&suggest, words[k]);
		assert_string_equal(suggest.best, cases[i].best ? cases[i].best : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_parse__keeps_what_the_file_says),
		cmocka_unit_test(test_config_member__finds_each_of_many),
		cmocka_unit_test(test_config_at__follows_pointers),
		cmocka_unit_test(test_config_load__bounds_the_levels),
		cmocka_unit_test(test_config_parse__survives_failing_allocations),
		cmocka_unit_test(test_config_check__says_all_that_is_wrong),
		cmocka_unit_test(test_config_check__lets_others_extensions_stand),
		cmocka_unit_test(test_config_text__says_what_a_text_is),
		cmocka_unit_test(test_config_fail__bounds_the_lines_and_names_line_and_column),
		cmocka_unit_test(test_config_fail__names_the_origin),
		cmocka_unit_test(test_config_is_full__of_lines_or_of_faults),
		cmocka_unit_test(test_config_check__ends_when_full),
		cmocka_unit_test(test_config_bound__counts),
		cmocka_unit_test(test_suggest_add__knows_typing_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Trees that are made out of others: what they say, where it came from, and merging.
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

#include "base/draft.h"
#include "failalloc.h"

static struct config *parse(const char *name, const char *text)
{
	struct config *root = NULL;
	struct diag diag;

	if (config_parse(name, text, strlen(text), &root, &diag))
		fail_msg("%s", diag.text);
	return root;
}

static void assert_says(const struct config *value, const char *text)
{
	json_t *expected = json_loads(text, JSON_DECODE_ANY, NULL), *found = config_json(value);
	char *shown = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);

	assert_non_null(expected);
	if (!json_equal(expected, found))
		fail_msg("expected %s, found %s", text, shown);
	free(shown);
	json_decref(expected);
	json_decref(found);
}

static void test_draft_freeze__makes_what_was_put(void **state)
{
	struct arena arena = { 0 };
	struct drafts drafts = { .arena = &arena };
	struct draft *root = draft_object(&drafts), *list = draft_array(&drafts);
	struct config *made;

	(void)state;
	draft_put(&drafts, root, "a", draft_integer(&drafts, -1));
	draft_put(&drafts, root, "list", list);
	draft_put(&drafts, root, "gone", draft_null(&drafts));
	draft_put(&drafts, root, "a", draft_string(&drafts, "text"));
	draft_put(&drafts, root, "absent", NULL);
	draft_add(&drafts, list, draft_boolean(&drafts, true));
	draft_add(&drafts, list, draft_null(&drafts));
	draft_add(&drafts, list, NULL);
	draft_remove(&drafts, root, "gone");
	draft_remove(&drafts, root, "never");
	assert_int_equal(draft_count(root), 2);
	assert_int_equal(draft_count(list), 2);
	assert_int_equal(draft_kind(draft_get(&drafts, root, "a")), CONFIG_STRING);
	assert_null(draft_get(&drafts, root, "gone"));
	made = draft_freeze(&drafts, root, &arena, "made");
	assert_says(made, "{\"a\":\"text\",\"list\":[true,null]}");
	assert_string_equal(made->key, "made");
	assert_null(made->origin);
	arena_clear(&arena);
}

static void test_draft_put__finds_each_of_many(void **state)
{
	enum { MANY = 3000 };
	struct arena arena = { 0 };
	struct drafts drafts = { .arena = &arena };
	struct draft *root = draft_object(&drafts);
	struct config *made;
	char name[32];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "name%d", i);
			draft_put(&drafts, root, arena_text(&arena, name, strlen(name)),
				  draft_integer(&drafts, i + round));
		}
	draft_remove(&drafts, root, "name7");
	draft_remove(&drafts, root, "name8");
	draft_put(&drafts, root, "name8", draft_integer(&drafts, 8));
	made = draft_freeze(&drafts, root, &arena, "made");
	assert_int_equal(made->count, MANY - 1);
	for (int i = 0; i < MANY; i++) {
		const struct config *found;

		snprintf(name, sizeof(name), "name%d", i);
		found = config_member(made, name);
		if (i == 7)
			assert_null(found);
		else
			assert_int_equal(found->integer, i == 8 ? 8 : i + 1);
	}
	arena_clear(&arena);
}

static void test_draft_alias__keeps_children_file_and_pointer(void **state)
{
	struct config *old = parse("old.json", "{\"channels\":{\"a/b\":{\"x\":{\"y\":1}}}}");
	const struct config *x = config_at(old, "/channels/a~1b/x");
	struct arena arena = { 0 };
	struct drafts drafts = { .arena = &arena };
	struct draft *root = draft_object(&drafts), *operation = draft_object(&drafts);
	struct config *made;
	const struct config *alias;
	char pointer[100];
	struct diag line;

	(void)state;
	draft_place(root, old);
	draft_place(operation, config_at(old, "/channels/a~1b"));
	draft_put(&drafts, root, "operation", operation);
	draft_put(&drafts, operation, "z", draft_alias(&drafts, x));
	draft_copy(&drafts, operation, x);
	draft_copy(&drafts, operation, NULL);
	draft_put(&drafts, operation, "own", draft_string(&drafts, "made"));
	made = draft_freeze(&drafts, root, &arena, "new");
	assert_says(made, "{\"operation\":{\"z\":{\"y\":1},\"x\":{\"y\":1},\"own\":\"made\"}}");
	alias = config_at(made, "/operation/z");
	assert_ptr_equal(alias->item, x->item);
	assert_ptr_equal(alias->origin, x);
	assert_true(draft_is_original(alias));
	assert_true(draft_is_original(x));
	assert_false(draft_is_original(made));
	assert_string_equal(config_pointer(alias->item, NULL, pointer, sizeof(pointer)),
			    "/channels/a~1b/x/y");
	config_line(&line, alias, NULL, "text");
	assert_non_null(strstr(line.text, "old.json"));
	assert_non_null(strstr(line.text, "/channels/a~1b/x: text"));
	config_line(&line, config_at(made, "/operation/own"), NULL, "text");
	assert_non_null(strstr(line.text, "/channels/a~1b/own: text"));
	arena_clear(&arena);
	config_free(old);
}

/* What is changed through an alias leaves the original as it was. */
static void test_draft_put__into_an_alias(void **state)
{
	struct config *old = parse("old.json", "{\"o\":{\"a\":{\"b\":1},\"c\":2},\"l\":[1]}");
	struct arena arena = { 0 };
	struct drafts drafts = { .arena = &arena };
	struct draft *root = draft_alias(&drafts, old);
	struct draft *o = draft_get(&drafts, root, "o");
	struct config *made;

	(void)state;
	draft_put(&drafts, draft_get(&drafts, o, "a"), "d", draft_integer(&drafts, 3));
	draft_remove(&drafts, o, "c");
	draft_add(&drafts, draft_get(&drafts, root, "l"), draft_integer(&drafts, 2));
	assert_null(draft_get(&drafts, o, "none"));
	assert_null(draft_get(&drafts, draft_get(&drafts, root, "l"), "0"));
	made = draft_freeze(&drafts, root, &arena, "new");
	assert_says(made, "{\"o\":{\"a\":{\"b\":1,\"d\":3}},\"l\":[1,2]}");
	assert_says(old, "{\"o\":{\"a\":{\"b\":1},\"c\":2},\"l\":[1]}");
	assert_ptr_equal(config_at(made, "/o/a")->origin, config_at(old, "/o/a"));
	assert_ptr_equal(config_at(made, "/o/a/b")->origin, config_at(old, "/o/a/b"));
	assert_false(draft_is_original(config_at(made, "/o/a")));
	arena_clear(&arena);
	config_free(old);
}

/* ---- merging ---------------------------------------------------------------------------- */

/* target, patch, result: the cases of RFC 7396's appendix, and where this differs. */
static const char *const merges[][3] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
	{ "{\"a\":\"foo\"}", "null", "null" },
	{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
	{ "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}", "{\"a\":{\"b\":{\"c\":null,\"e\":3}}}",
	  "{\"a\":{\"b\":{\"d\":2,\"e\":3}}}" },
	{ "{}", "{\"s\":{\"const\":null},\"t\":null}", "{\"s\":{\"const\":null}}" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\",\"c\":null}" },
};

static void test_draft_merge__is_a_merge_patch(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(merges) / sizeof(*merges); i++) {
		struct config *target = parse("trait.json", merges[i][0]);
		struct config *patch = parse("object.json", merges[i][1]);
		struct arena arena = { 0 };
		struct drafts drafts = { .arena = &arena };
		struct draft *merged = draft_merge(&drafts, draft_alias(&drafts, target),
						   draft_alias(&drafts, patch));
		struct config *made = draft_freeze(&drafts, merged, &arena, "made");

		assert_says(made, merges[i][2]);
		assert_says(target, merges[i][0]);
		assert_says(patch, merges[i][1]);
		assert_ptr_equal(config_root(made), patch);
		arena_clear(&arena);
		config_free(target);
		config_free(patch);
	}
}

static void test_draft_merge__says_where_each_part_is_from(void **state)
{
	struct config *trait = parse("trait.json", "{\"h\":{\"a\":1,\"b\":2},\"t\":{\"x\":1}}");
	struct config *object = parse("object.json", "{\"h\":{\"b\":3},\"p\":{}}");
	struct arena arena = { 0 };
	struct drafts drafts = { .arena = &arena };
	struct draft *merged =
		draft_merge(&drafts, draft_alias(&drafts, trait), draft_alias(&drafts, object));
	struct config *made = draft_freeze(&drafts, merged, &arena, "made");

	(void)state;
	assert_ptr_equal(config_at(made, "/h/a")->origin, config_at(trait, "/h/a"));
	assert_ptr_equal(config_at(made, "/h/b")->origin, config_at(object, "/h/b"));
	assert_ptr_equal(config_at(made, "/h")->origin, config_at(object, "/h"));
	assert_false(draft_is_original(config_at(made, "/h")));
	assert_true(draft_is_original(config_at(made, "/t")));
	assert_true(draft_is_original(config_at(made, "/p")));
	arena_clear(&arena);
	config_free(trait);
	config_free(object);
}

/* ---- bounds ----------------------------------------------------------------------------- */

static void test_draft_freeze__is_bounded(void **state)
{
	struct arena arena = { 0 }, frozen = { 0 };
	struct drafts drafts = { .arena = &arena };
	struct draft *inner = draft_integer(&drafts, 1), *outer = NULL;

	(void)state;
	for (unsigned i = 0; i <= CONFIG_DEPTH_MAX; i++, inner = outer) {
		outer = draft_array(&drafts);
		draft_add(&drafts, outer, inner);
	}
	assert_null(draft_freeze(&drafts, outer, &frozen, "made"));
	assert_int_equal(drafts.rc, ERR_LIMIT);
	/* One value in two places is two values: doubling ends at the bound, in little memory. */
	drafts = (struct drafts){ .arena = &arena };
	inner = draft_integer(&drafts, 1);
	for (unsigned i = 0; i < 64; i++, inner = outer) {
		outer = draft_array(&drafts);
		draft_add(&drafts, outer, inner);
		draft_add(&drafts, outer, inner);
	}
	assert_null(draft_freeze(&drafts, outer, &frozen, "made"));
	assert_int_equal(drafts.rc, ERR_LIMIT);
	assert_null(draft_object(&drafts));
	arena_clear(&arena);
	arena_clear(&frozen);
}

static void test_draft_freeze__survives_each_failing_allocation(void **state)
{
	struct config *old = parse("old.json", "{\"o\":{\"a\":{\"b\":1},\"c\":2},\"l\":[1]}");

	(void)state;
	for (size_t n = 1; n < 1000; n++) {
		struct arena arena = { 0 }, frozen = { 0 };
		struct drafts drafts = { .arena = &arena };
		struct draft *root, *many, *o;
		struct config *made;

		failalloc_start(n);
		root = draft_alias(&drafts, old);
		o = draft_get(&drafts, root, "o");
		many = draft_array(&drafts);
		draft_put(&drafts, root, "many", many);
		for (int i = 0; i < 500; i++)
			draft_add(&drafts, many, draft_string(&drafts, "some text"));
		draft_put(&drafts, o, "a", draft_merge(&drafts, draft_get(&drafts, o, "a"), o));
		draft_remove(&drafts, o, "c");
		made = draft_freeze(&drafts, root, &frozen, "made");
		if (!failalloc_stop()) {
			assert_non_null(made);
			n = 1000;
		} else {
			assert_null(made);
			assert_int_equal(drafts.rc, ERR_NOMEM);
		}
		arena_clear(&arena);
		arena_clear(&frozen);
	}
	config_free(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_draft_freeze__makes_what_was_put),
		cmocka_unit_test(test_draft_put__finds_each_of_many),
		cmocka_unit_test(test_draft_alias__keeps_children_file_and_pointer),
		cmocka_unit_test(test_draft_put__into_an_alias),
		cmocka_unit_test(test_draft_merge__is_a_merge_patch),
		cmocka_unit_test(test_draft_merge__says_where_each_part_is_from),
		cmocka_unit_test(test_draft_freeze__is_bounded),
		cmocka_unit_test(test_draft_freeze__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * References resolved as RFC 3986 asks, by its own examples (sections 5.4.1 and 5.4.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/diag.h"
#include "base/percent.h"
#include "schema/uri.h"

#define BASE "http://a/b/c/d;p?q"

static void check(const char *base, const char *ref, const char *expected)
{
	struct arena arena = { 0 };
	char *uri = NULL;

	assert_int_equal(uri_resolve(&arena, base, ref, &uri), 0);
	if (strcmp(uri, expected) != 0)
		fail_msg("%s at %s is %s, expected %s", ref, base, uri, expected);
	arena_clear(&arena);
}

static void test_uri_resolve__examples_of_the_rfc(void **state)
{
	/* Fragments are not part of what is resolved to. */
	static const char *const rows[][2] = {
		{ "g:h", "g:h" },
		{ "g", "http://a/b/c/g" },
		{ "./g", "http://a/b/c/g" },
		{ "g/", "http://a/b/c/g/" },
		{ "/g", "http://a/g" },
		{ "//g", "http://g" },
		{ "?y", "http://a/b/c/d;p?y" },
		{ "g?y", "http://a/b/c/g?y" },
		{ "#s", "http://a/b/c/d;p?q" },
		{ "g#s", "http://a/b/c/g" },
		{ "g?y#s", "http://a/b/c/g?y" },
		{ ";x", "http://a/b/c/;x" },
		{ "g;x", "http://a/b/c/g;x" },
		{ "g;x?y#s", "http://a/b/c/g;x?y" },
		{ "", "http://a/b/c/d;p?q" },
		{ ".", "http://a/b/c/" },
		{ "./", "http://a/b/c/" },
		{ "..", "http://a/b/" },
		{ "../", "http://a/b/" },
		{ "../g", "http://a/b/g" },
		{ "../..", "http://a/" },
		{ "../../", "http://a/" },
		{ "../../g", "http://a/g" },
		{ "../../../g", "http://a/g" },
		{ "../../../../g", "http://a/g" },
		{ "/./g", "http://a/g" },
		{ "/../g", "http://a/g" },
		{ "g.", "http://a/b/c/g." },
		{ ".g", "http://a/b/c/.g" },
		{ "g..", "http://a/b/c/g.." },
		{ "..g", "http://a/b/c/..g" },
		{ "./../g", "http://a/b/g" },
		{ "./g/.", "http://a/b/c/g/" },
		{ "g/./h", "http://a/b/c/g/h" },
		{ "g/../h", "http://a/b/c/h" },
		{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
		{ "g;x=1/../y", "http://a/b/c/y" },
		{ "g?y/./x", "http://a/b/c/g?y/./x" },
		{ "g?y/../x", "http://a/b/c/g?y/../x" },
		{ "http:g", "http:g" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(BASE, rows[i][0], rows[i][1]);
}

static void test_uri_resolve__other_bases(void **state)
{
	(void)state;
	check("urn:example:thing", "#/a", "urn:example:thing");
	check("urn:example:thing?+x", "", "urn:example:thing?+x");
	check("file:order.json", "money.json#x", "file:money.json");
	check("file:///a/b.json", "c/d.json", "file:///a/c/d.json");
	check("http://a", "g", "http://a/g");
	check("http://a?x", "g", "http://a/g");
	check("", "order.json", "order.json");
	check("a/b", "c", "a/c");
}

static void test_uri_resolve__too_long(void **state)
{
	struct arena arena = { 0 };
	char ref[URI_MAX_BYTES + 2];
	char *uri = NULL;

	(void)state;
	memset(ref, 'a', sizeof(ref));
	ref[URI_MAX_BYTES + 1] = '\0';
	assert_int_equal(uri_resolve(&arena, BASE, ref, &uri), ERR_LIMIT);
	assert_null(uri);
	ref[URI_MAX_BYTES] = '\0';
	assert_int_equal(uri_resolve(&arena, BASE, ref, &uri), 0);
	arena_clear(&arena);
}

static void test_percent_encode__what_does_not_fit(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(percent_encode(text, sizeof(text), "a/+\xc3", 4, "/"), 8);
	assert_string_equal(text, "a/%2B");
	assert_int_equal(percent_encode(text, sizeof(text), "a/+", 3, "/"), 5);
	assert_string_equal(text, "a/%2B");
	assert_int_equal(percent_encode(text, sizeof(text), "\0-._~", 5, ""), 7);
	assert_string_equal(text, "%00-._~");
	assert_int_equal(percent_encode(text, 1, "+a", 2, ""), 4);
	assert_string_equal(text, "");
}

static void test_percent_decode__signs(void **state)
{
	char plain[] = "a%2Fb%c3%a4%";
	char wrong[] = "%zz%4";
	char nul[] = "a%00b";

	(void)state;
	assert_int_equal(percent_decode(plain), strlen("a/b\xc3\xa4%"));
	assert_string_equal(plain, "a/b\xc3\xa4%");
	(void)percent_decode(wrong);
	assert_string_equal(wrong, "%zz%4");
	assert_int_equal(percent_decode(nul), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri_resolve__examples_of_the_rfc),
		cmocka_unit_test(test_uri_resolve__other_bases),
		cmocka_unit_test(test_uri_resolve__too_long),
		cmocka_unit_test(test_percent_encode__what_does_not_fit),
		cmocka_unit_test(test_percent_decode__signs),
	};

	return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}

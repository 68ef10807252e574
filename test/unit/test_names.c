/* Names, patterns, templates, and the table that names are looked up in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "access/names.h"
#include "access/nametable.h"
#include "failalloc.h"

#define TEXT(s) (s), sizeof(s) - 1
#define ROWS(a) (sizeof(a) / sizeof(*(a)))

static void test_names_fault__says_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *fault;
	} rows[] = {
		{ TEXT("ann"), NULL },
		{ TEXT("Zo\xc3\xab \xf0\x9f\x90\xb6"), NULL },
		{ TEXT("google-oauth2|12@x.example:7"), NULL },
		{ TEXT("1234567890123456789012345678901234567890"), NULL },
		{ TEXT("12345678901234567890123456789012345678901"), "is too long" },
		{ TEXT(""), "is empty" },
		{ TEXT("a+"), "has one of + # / * { }" },
		{ TEXT("#"), "has one of + # / * { }" },
		{ TEXT("/"), "has one of + # / * { }" },
		{ TEXT("*"), "has one of + # / * { }" },
		{ TEXT("{a"), "has one of + # / * { }" },
		{ TEXT("a}"), "has one of + # / * { }" },
		{ TEXT("a\0b"), "has a control character" },
		{ TEXT("a\tb"), "has a control character" },
		{ TEXT("a\x7f"), "has a control character" },
		{ TEXT("a\xc2\x80"), "has a control character" },
		{ TEXT("a\xe2\x80\xa9"), "has a control character" },
		{ TEXT("a\xe2\x80\x8b"), "has a character that does not show" },
		{ TEXT("\xe2\x80\xae"
		       "ann"),
		  "has a character that does not show" },
		{ TEXT("\xef\xbb\xbf"
		       "ann"),
		  "has a character that does not show" },
		{ TEXT("a\xc2\xad"
		       "b"),
		  "has a character that does not show" },
		{ TEXT("a\xe3\x85\xa4"), "has a character that does not show" },
		{ TEXT("a\xef\xb8\x8f"), "has a character that does not show" },
		{ TEXT("a\xf3\xa0\x81\xa1"), "has a character that does not show" },
		{ TEXT("\xd8\xa7\xe4\xb8\xad\xe0\xb8\x81"), NULL },
		{ TEXT("\x80"), "is not UTF-8" },
		{ TEXT("\xc3"), "is not UTF-8" },
		{ TEXT("\xc0\xaf"), "is not UTF-8" },
		{ TEXT("\xe0\x80\xaf"), "is not UTF-8" },
		{ TEXT("\xed\xa0\x80"), "is not UTF-8" },
		{ TEXT("\xf4\x90\x80\x80"), "is not UTF-8" },
		{ TEXT("\xf0\x80\x80\xaf"), "is not UTF-8" },
		{ TEXT("\xff"), "is not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *fault = names_fault(rows[i].text, rows[i].len, 40);

		if ((fault == NULL) != (rows[i].fault == NULL) ||
		    (fault && strcmp(fault, rows[i].fault) != 0))
			fail_msg("row %zu: %s", i, fault ? fault : "no fault");
	}
	assert_null(names_text_fault(TEXT(""), 1));
	assert_null(names_text_fault(TEXT("a/b+#*{}"), 8));
	assert_string_equal(names_text_fault(TEXT("ab"), 1), "is too long");
}

static void test_names_pattern_match__has_one_answer(void **state)
{
	static const struct {
		const char *pattern, *text, *star; /* star NULL: no match; "-": no star */
	} rows[] = {
		{ "abc", "abc", "-" },    { "abc", "abcd", NULL },   { "abc", "ab", NULL },
		{ "*", "a", "a" },        { "*", "", NULL },         { "a*", "abc", "bc" },
		{ "a*", "a", NULL },      { "*c", "abc", "ab" },     { "*c", "c", NULL },
		{ "a*c", "abc", "b" },    { "a*c", "ac", NULL },     { "a*a", "a", NULL },
		{ "ab*ba", "aba", NULL }, { "ab*ba", "abba", NULL }, { "ab*ba", "abxba", "x" },
		{ "a*c", "abcd", NULL },  { "a*c", "xabc", NULL },   { "*", "*", "*" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct names_pattern pattern;
		struct span star = { NULL, 0 };
		bool is_match;

		assert_true(names_pattern_read(rows[i].pattern, strlen(rows[i].pattern), &pattern));
		is_match = names_pattern_match(&pattern, rows[i].text, strlen(rows[i].text), &star);
		if (is_match != (rows[i].star != NULL))
			fail_msg("row %zu: %s on %s", i, rows[i].pattern, rows[i].text);
		if (!is_match || strcmp(rows[i].star, "-") == 0) {
			assert_null(star.text);
			continue;
		}
		assert_int_equal(star.len, strlen(rows[i].star));
		assert_memory_equal(star.text, rows[i].star, star.len);
	}
}

static void test_names_pattern_read__takes_one_star_at_most(void **state)
{
	struct names_pattern pattern;

	(void)state;
	assert_false(names_pattern_read(TEXT("a*b*"), &pattern));
	assert_false(names_pattern_read(TEXT("**"), &pattern));
	assert_true(names_pattern_read(TEXT(""), &pattern));
	assert_true(names_pattern_match(&pattern, TEXT(""), NULL));
}

static void test_names_template_fill__puts_values_in(void **state)
{
	static const char *const source[] = { "cn", "*" };
	const struct span value[] = { { TEXT("collar-7") }, { TEXT("7") } };
	static const struct {
		const char *text, *filled, *fault;
	} rows[] = {
		{ "fixed", "fixed", NULL },
		{ "", "", NULL },
		{ "{cn}", "collar-7", NULL },
		{ "{*}", "7", NULL },
		{ "a-{*}-{cn}{*}z", "a-7-collar-77z", NULL },
		{ "{c}", NULL, "has an unknown word in braces" },
		{ "{}", NULL, "has an unknown word in braces" },
		{ "{{cn}}", NULL, "has an unknown word in braces" },
		{ "{cn", NULL, "has a '{' without its '}'" },
		{ "cn}", NULL, "has a '}' without its '{'" },
		{ "{*}{*}{*}{*}{*}{*}{*}{*}{*}", NULL, "has too many pieces" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct names_template tmpl;
		const char *fault =
			names_template_read(rows[i].text, strlen(rows[i].text), source, 2, &tmpl);

		if (rows[i].fault) {
			assert_string_equal(fault, rows[i].fault);
			continue;
		}
		assert_null(fault);
		assert_true(names_template_fill(&tmpl, value, text, sizeof(text)));
		assert_string_equal(text, rows[i].filled);
	}
}

static void test_names_template_fill__refuses_what_does_not_fit(void **state)
{
	static const char *const source[] = { "a" };
	struct span value = { TEXT("12345") };
	struct names_template tmpl;
	char text[9];

	(void)state;
	assert_null(names_template_read(TEXT("xyz{a}"), source, 1, &tmpl));
	assert_true(names_template_fill(&tmpl, &value, text, 9));
	assert_string_equal(text, "xyz12345");
	assert_false(names_template_fill(&tmpl, &value, text, 8));
	value = (struct span){ TEXT("1\0") };
	assert_false(names_template_fill(&tmpl, &value, text, 9));
	value = (struct span){ NULL, 0 };
	assert_false(names_template_fill(&tmpl, &value, text, 9));
}

static void test_nametable_find__finds_what_was_put(void **state)
{
	static char name[5000][8];
	struct arena arena = { 0 };
	struct nametable table, empty = { 0 };

	(void)state;
	assert_true(nametable_init(&table, &arena, ROWS(name)));
	for (unsigned i = 0; i < ROWS(name); i++) {
		(void)snprintf(name[i], sizeof(name[i]), "n%u", i);
		assert_int_equal(nametable_put(&table, name[i], strlen(name[i]), i), i);
	}
	for (unsigned i = 0; i < ROWS(name); i++)
		assert_int_equal(nametable_find(&table, name[i], strlen(name[i])), i);
	assert_int_equal(nametable_put(&table, "n7", 2, 9), 7); /* keeps what it has */
	assert_int_equal(nametable_find(&table, "n7", 2), 7);
	assert_int_equal(nametable_find(&table, "n5000", 5), NAMETABLE_NONE);
	assert_int_equal(nametable_find(&table, "", 0), NAMETABLE_NONE);
	arena_clear(&arena);
	assert_int_equal(nametable_find(&empty, "n7", 2), NAMETABLE_NONE);
	failalloc_start(1);
	assert_false(nametable_init(&table, &arena, 1));
	assert_true(failalloc_stop());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_fault__says_what_is_wrong),
		cmocka_unit_test(test_names_pattern_match__has_one_answer),
		cmocka_unit_test(test_names_pattern_read__takes_one_star_at_most),
		cmocka_unit_test(test_names_template_fill__puts_values_in),
		cmocka_unit_test(test_names_template_fill__refuses_what_does_not_fit),
		cmocka_unit_test(test_nametable_find__finds_what_was_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

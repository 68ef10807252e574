/*
 * Formats: test/data/format/<format>.cases says what is valid, by the RFC that its first line
 * names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"
#include "failalloc.h"
#include "schema/format.h"

static const char *const names[] = {
	"byte",     "date",          "date-time",     "duration",     "email",
	"hostname", "idn-email",     "idn-hostname",  "ipv4",         "ipv6",
	"iri",      "iri-reference", "json-pointer",  "regex",        "relative-json-pointer",
	"time",     "uri",           "uri-reference", "uri-template", "uuid",
};

static bool decide(void *ctx, const struct cases_line *line)
{
	bool is_valid = strcmp(line->word, "valid") == 0;
	char *exact = malloc(line->len ? line->len : 1); /* ASan sees a byte too far */
	bool ok;

	if (!is_valid && strcmp(line->word, "invalid") != 0) {
		free(exact);
		return false;
	}
	memcpy(exact, line->text, line->len);
	ok = format_check(ctx, exact, line->len) == is_valid;
	free(exact);
	return ok;
}

static void test_format_check__decisions(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct format *format = format_find(names[i], strlen(names[i]));
		char path[128];

		assert_non_null(format);
		(void)snprintf(path, sizeof(path), "test/data/format/%s.cases", names[i]);
		wrong += cases_run(path, (void *)(uintptr_t)format, decide);
	}
	assert_int_equal(wrong, 0);
}

static void test_format_find__by_the_whole_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(format_name(format_find(names[i], strlen(names[i]))), names[i]);
	assert_null(format_find("dat", 3));
	assert_null(format_find("date-times", 10));
	assert_null(format_find("Date", 4));
	assert_null(format_find("date\0", 5));
	assert_null(format_find("", 0));
	assert_null(format_find("color", 5));
}

/* The text of a word is its suggestion. */
static void test_format_suggest__near_words(void **state)
{
	static const char *const words[][2] = {
		{ "date-tme", "date-time" }, { "Date-Time", "date-time" }, { "int23", "int32" },
		{ "uuidd", "uuid" },         { "mac-address", "" },        { "semver", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct suggest suggest = suggest_begin(words[i][0]);

		format_suggest(&suggest);
		assert_string_equal(suggest.best, words[i][1]);
	}
}

static void test_format_range__numbers_only(void **state)
{
	static const char *const numbers[] = { "double", "float",  "int16",  "int32",  "int64",
					       "int8",   "uint16", "uint32", "uint64", "uint8" };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct format *format = format_find(numbers[i], strlen(numbers[i]));
		const struct format_range *range = format_range(format);

		assert_false(format_is_for_text(format));
		assert_true(number_compare(&range->low, &range->high) < 0);
		assert_true(range->is_integer == (strstr(numbers[i], "int") != NULL));
	}
	assert_null(format_range(format_find("date", 4)));
	assert_true(format_is_for_text(format_find("date", 4)));
	assert_false(format_is_for_text(format_find("binary", 6)));
	assert_false(format_is_for_text(format_find("password", 8)));
}

static void test_format_check__allocates_nothing_of_its_own(void **state)
{
	(void)state;
	failalloc_start(1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct format *format = format_find(names[i], strlen(names[i]));

		(void)format_check(format, "example.com", 11);
		(void)format_check(format, "2026-11-21T03:35:00Z", 20);
		(void)format_check(format, "joe@example.com", 15);
	}
	assert_false(failalloc_stop());
	assert_int_equal(failalloc_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_check__decisions),
		cmocka_unit_test(test_format_find__by_the_whole_name),
		cmocka_unit_test(test_format_suggest__near_words),
		cmocka_unit_test(test_format_range__numbers_only),
		cmocka_unit_test(test_format_check__allocates_nothing_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
	"date",          "date-time",
	"duration",      "email",
	"hostname",      "idn-email",
	"idn-hostname",  "ipv4",
	"ipv6",          "iri",
	"iri-reference", "json-pointer",
	"regex",         "relative-json-pointer",
	"time",          "uri",
	"uri-reference", "uri-template",
	"uuid",
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
		cmocka_unit_test(test_format_check__allocates_nothing_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

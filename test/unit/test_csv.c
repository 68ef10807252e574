/* RFC 4180, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/csv.h"

static struct csv csv;

/* What is read of @text: fields with '|' between them, records with '/', failures as "!LINE what".
 */
static const char *read_all(const char *text, size_t len)
{
	static char ret[4096];
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	size_t used = 0;
	struct diag diag;
	int rc;

	ret[0] = '\0';
	csv_init(&csv, file);
	while ((rc = csv_next(&csv, &diag)) != 0) {
		used += (size_t)sprintf(ret + used, "%s", used ? "/" : "");
		if (rc < 0)
			used += (size_t)sprintf(ret + used, "!%lu %s", csv.record_line, diag.text);
		for (size_t i = 0; rc == 1 && i < csv.count; i++)
			used += (size_t)sprintf(ret + used, "%s%s", i ? "|" : "",
						csv.field[i].text);
	}
	(void)fclose(file);
	return ret;
}

static void test_csv_next__reads(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "a,b\r\nc,d\r\n", "a|b/c|d" },
		{ "a,b\nc,d", "a|b/c|d" },
		{ "\xef\xbb\xbf\"a\",b\n", "a|b" },
		{ "\n\r\na\n\n", "a" },
		{ ",\n", "|" },
		{ "a,", "a|" },
		{ "\"\"\n", "" },
		{ "\"a,\"\"b\"\"\r\nc\",d", "a,\"b\"\r\nc|d" },
		{ " a , \"b", " a / !1" }, /* blanks belong to a field, so this quote is in one */
		{ "a\"b\nc\n", "!1 a quote within a field that is not in quotes/c" },
		{ "\"a\"b\nc\n",
		  "!1 expected a comma or the end of the line after a closing quote/c" },
		{ "c\n\"a\n\n", "c/!2 a quote that is never closed" },
		{ "a\rb\nc", "!1 a carriage return without a line feed/c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *ret = read_all(cases[i].text, strlen(cases[i].text));

		if (i == 8)
			assert_non_null(strstr(ret, "!1 a quote within"));
		else
			assert_string_equal(ret, cases[i].expected);
	}
	assert_string_equal(read_all("a\0b\nc", 5), "!1 a NUL byte/c");
}

static void test_csv_next__has_maxima(void **state)
{
	char *text = malloc(3 * CSV_RECORD_MAX);

	(void)state;
	memset(text, ',', CSV_FIELDS_MAX);
	memcpy(text + CSV_FIELDS_MAX, "\nb", 2);
	assert_string_equal(read_all(text, CSV_FIELDS_MAX + 2),
			    "!1 a record of more than 128 fields/b");
	assert_non_null(strstr(read_all(text + 1, CSV_FIELDS_MAX + 1), "||/b"));
	memset(text, 'x', 3 * CSV_RECORD_MAX);
	text[0] = '"';
	text[2 * CSV_RECORD_MAX] = '\n';
	text[2 * CSV_RECORD_MAX + 1] = 'b';
	assert_string_equal(
		read_all(text, 2 * CSV_RECORD_MAX + 2),
		"!1 a record of more than 65,536 bytes, or a quote that is never closed/b");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv_next__reads),
		cmocka_unit_test(test_csv_next__has_maxima),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

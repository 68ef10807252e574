/* The plugin_opt_ lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "base/options.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_options_init__fills_defaults(void **state)
{
	const struct options_pair pairs[] = { { "contract", "c.json" }, { "access", "a.json" } };
	struct options options;
	struct diag diag;

	(void)state;
	assert_int_equal(options_init(&options, pairs, COUNT(pairs), &diag), 0);
	assert_int_equal(options.contract.count, 1);
	assert_string_equal(options.contract.item[0], "c.json");
	assert_string_equal(options.access, "a.json");
	assert_null(options.password_file);
	assert_null(options.database);
	assert_int_equal(options.journal_size, 16777216);
	assert_int_equal(options.journal_max, 268435456);
	assert_int_equal(options.events_keep_rows, 0);
	options_clear(&options);
	assert_int_equal(options.contract.count, 0);
}

static void test_options_init__journal_max_is_at_least_its_size(void **state)
{
	const struct options_pair pairs[] = { { "contract", "c" },
					      { "access", "a" },
					      { "journal_size", "536870912" },
					      { "journal_max", "536870911" } };
	struct options options;
	struct diag diag;

	(void)state;
	assert_int_equal(options_init(&options, pairs, 3, &diag), 0);
	assert_int_equal(options.journal_max, 536870912);
	options_clear(&options);
	assert_int_equal(options_init(&options, pairs, 4, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "plugin_opt_journal_max: 536870911 is less than "
				       "journal_size, expected at least 536870912");
}

static void test_options_init__origin_is_an_older_word_for_broker(void **state)
{
	const struct options_pair pairs[] = {
		{ "contract", "c" }, { "access", "a" }, { "origin", "shop" }, { "broker", "shop" }
	};
	struct options options;
	struct diag diag;

	(void)state;
	assert_int_equal(options_init(&options, pairs, 3, &diag), 0);
	assert_string_equal(options.broker, "shop");
	assert_null(options.origin);
	options_clear(&options);
	assert_int_equal(options_init(&options, pairs, 4, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "plugin_opt_origin: is an older word for "
				       "plugin_opt_broker, which is given, too");
}

static void test_options_init__names_what_is_wrong(void **state)
{
	static const struct {
		struct options_pair last;
		const char *text;
	} rows[] = {
		{ { "contrct", "x" },
		  "plugin_opt_contrct: there is no such option; did you mean \"contract\"?" },
		{ { "anything", "x" }, "plugin_opt_anything: there is no such option" },
		{ { "access", "x" }, "plugin_opt_access: given twice" },
		{ { "database", "" }, "plugin_opt_database: expected a path" },
		{ { "database", NULL }, "plugin_opt_database: expected a path" },
		{ { "never_lock", "10.0.0.1/8" },
		  "plugin_opt_never_lock: \"10.0.0.1/8\": expected zeros behind the network's "
		  "bits" },
		{ { "never_lock", NULL },
		  "plugin_opt_never_lock: \"\": expected an IP address, with /BITS for a network, "
		  "or unix" },
		{ { "origin", "" },
		  "plugin_opt_origin: expected a name of 1 to 64 bytes, all of them visible text" },
		{ { "origin", "a\xff" },
		  "plugin_opt_origin: expected a name of 1 to 64 bytes, all of them visible text" },
		{ { "origin", "a\tb" },
		  "plugin_opt_origin: expected a name of 1 to 64 bytes, all of them visible text" },
		{ { "origin", "12345678901234567890123456789012345678901234567890123456789012345" },
		  "plugin_opt_origin: expected a name of 1 to 64 bytes, all of them visible text" },
		{ { "batch_ms", "50x" },
		  "plugin_opt_batch_ms: \"50x\" is not an integer from 1 to 10000" },
		{ { "batch_ms", "-1" },
		  "plugin_opt_batch_ms: \"-1\" is not an integer from 1 to 10000" },
		{ { "batch_ms", " 1" },
		  "plugin_opt_batch_ms: \" 1\" is not an integer from 1 to 10000" },
		{ { "batch_ms", "0" },
		  "plugin_opt_batch_ms: \"0\" is not an integer from 1 to 10000" },
		{ { "batch_ms", "10001" },
		  "plugin_opt_batch_ms: \"10001\" is not an integer from 1 to 10000" },
		{ { "batch_ms", "99999999999999999999" },
		  "plugin_opt_batch_ms: \"99999999999999999999\" is not an integer from 1 to "
		  "10000" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct options_pair pairs[] = { { "contract", "c" },
						      { "access", "a" },
						      rows[i].last };
		struct options options;
		struct diag diag;

		assert_int_equal(options_init(&options, pairs, COUNT(pairs), &diag), ERR_INVALID);
		assert_string_equal(diag.text, rows[i].text);
		assert_int_equal(options.contract.count, 0);
	}
}

static void test_options_init__asks_for_what_is_required(void **state)
{
	const struct options_pair pairs[] = { { "contract", "c.json" } };
	struct options options;
	struct diag diag;

	(void)state;
	assert_int_equal(options_init(&options, pairs, COUNT(pairs), &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "plugin_opt_access: is missing"));
}

static void test_options_init__takes_every_row_of_its_table(void **state)
{
	(void)state;
	for (const struct options_row *row = options_table(); row->name; row++) {
		struct options_pair pairs[3] = { { row->name, "4096" } };
		struct options options;
		struct diag diag;
		size_t count = 1;

		if (row->kind == OPTIONS_INTEGER)
			pairs[0].value = row->preset;
		else if (row->kind == OPTIONS_NAME)
			pairs[0].value = "plant 2, hall \xc3\xa4";
		else if (row->kind == OPTIONS_NETWORKS)
			pairs[0].value = "10.0.0.0/8,unix";
		if (strcmp(row->name, "contract") != 0)
			pairs[count++] = (struct options_pair){ "contract", "c" };
		if (strcmp(row->name, "access") != 0)
			pairs[count++] = (struct options_pair){ "access", "a" };
		assert_int_equal(options_init(&options, pairs, count, &diag), 0);
		options_clear(&options);
		assert_true(strlen(row->help) > 0);
	}
}

static void test_options_init__survives_failing_allocations(void **state)
{
	const struct options_pair pairs[] = { { "contract", "c" }, { "access", "a" } };

	(void)state;
	for (size_t n = 1;; n++) {
		struct options options;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = options_init(&options, pairs, COUNT(pairs), &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			options_clear(&options);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_init__fills_defaults),
		cmocka_unit_test(test_options_init__journal_max_is_at_least_its_size),
		cmocka_unit_test(test_options_init__origin_is_an_older_word_for_broker),
		cmocka_unit_test(test_options_init__names_what_is_wrong),
		cmocka_unit_test(test_options_init__asks_for_what_is_required),
		cmocka_unit_test(test_options_init__takes_every_row_of_its_table),
		cmocka_unit_test(test_options_init__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

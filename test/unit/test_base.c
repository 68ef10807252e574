/* The ground floor: diag, reason, jsonfile, clock, siphash. */
#include <setjmp.h>
#include <stdarg.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/percent.h"
#include "base/peer.h"
#include "base/portions.h"
#include "base/diag.h"
#include "base/config.h"
#include "base/entity.h"
#include "base/jsonfile.h"
#include "base/reason.h"
#include "base/sametext.h"
#include "base/siphash.h"
#include "base/wordhash.h"
#include "failalloc.h"

static void test_diag_set__keeps_one_printable_line(void **state)
{
	struct diag diag;

	(void)state;
	diag_init(&diag);
	assert_string_equal(diag.text, "");
	assert_int_equal(diag_set(&diag, ERR_SYNTAX, "a%sb", "\n\x1b[31m\x7f\t"), ERR_SYNTAX);
	assert_string_equal(diag.text, "a\\x0a\\x1b[31m\\x7f\\x09b");
	assert_int_equal(diag_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
	assert_int_equal(diag_nomem(&diag), ERR_NOMEM);
	assert_string_equal(diag.text, "out of memory");
}

static void test_diag_set__cuts_what_is_too_long(void **state)
{
	char text[2 * DIAG_MAX];
	struct diag diag;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	diag_set(&diag, ERR_INVALID, "%s", text);
	assert_int_equal(strlen(diag.text), DIAG_MAX - 1);
	assert_string_equal(diag.text + DIAG_MAX - 4, "...");
}

static void test_diag_prefix__goes_in_front(void **state)
{
	struct diag diag;

	(void)state;
	diag_set(&diag, ERR_INVALID, "expected a string");
	diag_prefix(&diag, "%s: %s", "a.json", "/b");
	assert_string_equal(diag.text, "a.json: /b: expected a string");
}

static void test_percent_level__makes_one_level_of_any_id(void **state)
{
	static const struct {
		const char *id, *level;
	} rows[] = {
		{ "till-7_A", "till-7_A" },
		{ "auto-81F24B3F-7A65-45BE-C3A0-16A83D86DFF5",
		  "auto-81F24B3F-7A65-45BE-C3A0-16A83D86DFF5" },
		{ "a/b", "a%2Fb" },
		{ "+", "%2B" },
		{ "#", "%23" },
		{ "$SYS", "%24SYS" },
		{ "%2B", "%252B" },
		{ "a.b~c d", "a.b~c%20d" },
		{ "\xc3\xa4\n", "%C3%A4%0A" },
		{ "", "" },
	};
	char id[PERCENT_LEVEL_MAX + 2], level[PERCENT_LEVEL_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(percent_level(rows[i].id, level), strlen(rows[i].level));
		assert_string_equal(level, rows[i].level);
	}
	memset(id, 'x', sizeof(id));
	id[PERCENT_LEVEL_MAX + 1] = '\0';
	assert_int_equal(percent_level(id, level), 0);
	assert_string_equal(level, "");
	id[PERCENT_LEVEL_MAX] = '\0';
	assert_int_equal(percent_level(id, level), PERCENT_LEVEL_MAX);
	memset(id, '/', sizeof(id));
	id[65] = '\0';
	assert_int_equal(percent_level(id, level), 0);
	id[64] = '\0';
	assert_int_equal(percent_level(id, level), 192);
}

static void test_peer_print_net__a_network_is_one_peer(void **state)
{
	static const struct {
		const char *address, *net;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:2::ffff", "2001:db8:1:2::/64" },
		{ "2001:db8:1:3::1", "2001:db8:1:3::/64" },
		{ "::1", "::/64" },
		{ "", "" },
		{ "a:b", "a:b" },
	};
	char net[PEER_NET_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(peer_print_net(rows[i].address, net), strlen(rows[i].net));
		assert_string_equal(net, rows[i].net);
	}
}

static unsigned take(struct portions *portions, const char *name, bool is_proved, unsigned times,
		     int64_t period)
{
	const struct who owner = { .principal = name, .address = name, .is_proved = is_proved };
	unsigned taken = 0;

	while (times-- > 0)
		taken += portions_take(portions, &owner, 1, period);
	return taken;
}

static void test_portions_take__leaves_something_for_others(void **state)
{
	struct portions portions;
	char name[40];

	(void)state;
	portions_init(&portions, 80);
	assert_int_equal(take(&portions, "eva", true, 1000, 1), 40);
	assert_int_equal(take(&portions, "tom", true, 1000, 1), 20);
	assert_int_equal(take(&portions, "ann", true, 5, 1), 5);
	/* known from the period before */
	assert_int_equal(take(&portions, "eva", true, 1000, 2), 11);
	assert_int_equal(take(&portions, "tom", true, 1000, 2), 11);
	assert_int_equal(take(&portions, "ann", true, 20, 2), 20);
	/* strangers, as many as they are, have half, and one is as good as forgotten after a pause
	 */
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "stranger-%u", i);
		(void)take(&portions, name, false, 10, 4);
	}
	assert_int_equal(portions.by_unproved, 40);
	assert_int_equal(take(&portions, "eva", true, 1000, 4), 20);
	assert_int_equal(take(&portions, "ann", true, 5, 4), 5);
}

static void test_portions_held__names_the_worst(void **state)
{
	struct portions portions;
	struct portions_held held;
	char text[PORTIONS_TEXT_MAX], name[40];

	(void)state;
	portions_init(&portions, 8);
	assert_false(portions_held(&portions, &held));
	assert_int_equal(take(&portions, "eva\n", true, 100, 1), 4);
	assert_int_equal(take(&portions, "192.0.2.7", false, 12, 1), 2);
	assert_int_equal(take(&portions, "", false, 4, 1), 1);
	(void)take(&portions, "tom", true, 3, 1);
	portions_lose(&portions, 7);
	assert_true(portions_held(&portions, &held));
	assert_int_equal(held.count, 96 + 10 + 3 + 2 + 7);
	assert_string_equal(portions_print(&held, text),
			    "of user \"eva\\x0a\" 96, from 192.0.2.7 10, from a local socket 3, "
			    "of others 9");
	assert_false(portions_held(&portions, &held));
	/* nobody is forgotten, however many there are */
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "user-%u", i);
		(void)take(&portions, name, true, 1, 2);
	}
	assert_true(portions_held(&portions, &held));
	assert_int_equal(held.count, 1000 - 8);
}

static void test_diag_escape__lets_text_pass_and_nothing_else(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb6", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb6" },
		{ "\xc2\x85", "\\xc2\\x85" },          /* C1 */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* U+2028 */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" }, /* U+202E: right to left from here on */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" }, /* U+2066, an isolate */
		{ "\xd8\x9c", "\\xd8\\x9c" },          /* U+061C, a mark */
		{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b" }, /* U+200B, of no width */
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" }, /* U+FEFF */
		{ "\xe2\x80\x94\xe2\x80\xaf\xe2\x81\x9f", "\xe2\x80\x94\xe2\x80\xaf\xe2\x81\x9f" },
		{ "\xf3\xa0\x81\xa1", "\\xf3\\xa0\\x81\\xa1" }, /* a tag */
		{ "\xc2\xad", "\\xc2\\xad" },                   /* a soft hyphen */
		{ "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
		{ "\xff", "\\xff" },
		{ "\xe2\x82", "\\xe2\\x82" }, /* cut short */
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(diag_escape(text, sizeof(text), rows[i].in, strlen(rows[i].in)),
				    rows[i].out);
	assert_string_equal(diag_escape(text, 8, "1234567", 7), "1234567");
	assert_string_equal(diag_escape(text, 8, "12345678", 8), "1234...");
	assert_string_equal(diag_escape(text, 8, "1234\n5678", 9), "1234...");
	assert_string_equal(diag_escape(text, 1, "1", 1), "");
}

/* What follows a name in a line is the line's own: no name reads as two words, or as its neighbour.
 */
static void test_diag_name__is_one_word(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "orders/7/status", "orders/7/status" },
		{ "dev-1,a:b@c.d", "dev-1,a:b@c.d" },
		{ "", "\"\"" },
		{ "a by eva (client app-1)", "\"a by eva (client app-1)\"" },
		{ "a)", "\"a)\"" },
		{ "\"", "\"\\x22\"" },
		{ "\\x22", "\"\\x5cx22\"" },
		{ "a\nb", "\"a\\x0ab\"" },
		{ "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
		{ "a\xc2\xa0"
		  "by",
		  "\"a\xc2\xa0"
		  "by\"" }, /* a space that does not break */
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(diag_name(text, sizeof(text), rows[i].in, strlen(rows[i].in)),
				    rows[i].out);
	assert_string_equal(diag_name(text, 8, "1 34567890", 10), "\"1 ...\"");
	assert_string_equal(diag_name(text, 3, "1 3", 3), "\"\"");
	assert_string_equal(diag_name(text, 2, "1", 1), "1");
}

static void test_reason_code__is_unique_and_never_null(void **state)
{
	(void)state;
	assert_int_equal(VERDICT_DENY, 0);
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		assert_true(strlen(reason_code((enum reason)i)) > 0);
		assert_true(strlen(reason_title((enum reason)i)) > 0);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(reason_code((enum reason)i),
						reason_code((enum reason)k));
	}
	assert_string_equal(reason_code((enum reason)9999), "internal-error");
	assert_string_equal(reason_code(REASON_TRANSITION_ILLEGAL), "transition-illegal");
}

static void write_file(char *path, const char *text)
{
	int fd;

	strcpy(path, "/tmp/petstore-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_entity_is_own_table__whole_names_and_beginnings(void **state)
{
	static const struct {
		const char *name;
		bool is_own;
	} rows[] = {
		{ "events", true },  { "events2", false }, { "bans", true },
		{ "ban", false },    { "bansai", false },  { "retained", true },
		{ "store", true },   { "stores", true },   { "store_x", true },
		{ "stor", false },   { "sqlite_x", true }, { "sqlite_", true },
		{ "sqlite", false }, { "sqlitex", false }, { "pg_class", true },
		{ "pg", false },     { "pgclass", false }, { "my_store", false },
		{ "orders", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (entity_is_own_table(rows[i].name) != rows[i].is_own)
			fail_msg("%s", rows[i].name);
}

static void test_config_load__names_file_line_and_column(void **state)
{
	char path[64], expected[128];
	struct config *root = NULL;
	struct diag diag;

	(void)state;
	write_file(path, "{\n  \"a\": 1,\n  \"a\": 2\n}\n");
	assert_int_equal(config_load(path, path, &root, &diag), ERR_INVALID);
	assert_null(root);
	snprintf(expected, sizeof(expected), "%s:3:3: /a: occurs twice, first at 2:3", path);
	assert_string_equal(diag.text, expected);
	unlink(path);
	assert_int_equal(config_load(path, path, &root, &diag), ERR_IO);
	assert_int_equal(config_load("/tmp", "tmp", &root, &diag), ERR_IO);
	assert_string_equal(diag.text, "/tmp: not a regular file");
}

/* Opening a pipe waits for whoever writes to it: the broker would hang in a reload. */
static void test_config_load__waits_for_no_pipe(void **state)
{
	char path[64], expected[128];
	struct config *root = NULL;
	struct diag diag;

	(void)state;
	write_file(path, "");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(path, path, &root, &diag), ERR_IO);
	snprintf(expected, sizeof(expected), "%s: not a regular file", path);
	assert_string_equal(diag.text, expected);
	unlink(path);
}

static void test_jsonfile_parse__knows_what_else_it_may_be(void **state)
{
	static const struct {
		const char *text, *hint;
	} cases[] = {
		{ "# ours\nasyncapi: 3.0.0\n", "YAML" },
		{ "asyncapi: 3.0.0\n", "YAML" },
	};
	json_t *json = NULL;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			jsonfile_parse("a", cases[i].text, strlen(cases[i].text), &json, &diag),
			ERR_SYNTAX);
		assert_non_null(strstr(diag.text, cases[i].hint));
	}
	assert_int_equal(jsonfile_parse("a", " {", 2, &json, &diag), ERR_SYNTAX);
	assert_null(strchr(diag.text, '('));
}

static void test_config_load__survives_failing_allocations(void **state)
{
	char path[64];
	struct diag diag;

	(void)state;
	write_file(path, "{\"a\": [1, 2, {\"b\": \"c\"}]}");
	for (size_t n = 1;; n++) {
		struct config *root = NULL;
		int rc;

		failalloc_start(n);
		rc = config_load(path, path, &root, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			config_free(root);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(root);
	}
	unlink(path);
}

static void test_jsonfile_at__follows_pointers(void **state)
{
	static const char text[] = "{\"a/b\": [10, {\"m~n\": 20}], \"\": 30, \"0\": 40}";
	json_t *json = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(jsonfile_parse("x", text, strlen(text), &json, &diag), 0);
	assert_ptr_equal(jsonfile_at(json, ""), json);
	assert_int_equal(json_integer_value(jsonfile_at(json, "/a~1b/0")), 10);
	assert_int_equal(json_integer_value(jsonfile_at(json, "/a~1b/1/m~0n")), 20);
	assert_int_equal(json_integer_value(jsonfile_at(json, "/")), 30);
	assert_int_equal(json_integer_value(jsonfile_at(json, "/0")), 40);
	assert_null(jsonfile_at(json, "/a~1b/2"));
	assert_null(jsonfile_at(json, "/a~1b/00"));
	assert_null(jsonfile_at(json, "/a~1b/-"));
	assert_null(jsonfile_at(json, "/a~1b/0/x"));
	assert_null(jsonfile_at(json, "/nothing"));
	assert_null(jsonfile_at(json, "no-slash"));
	json_decref(json);
}

/* The same answer, whatever minute was read before. */
static void test_clock_parse_near__says_what_clock_parse_says(void **state)
{
	static const char *const texts[] = {
		"2026-11-21T03:35:31.123Z",
		"2026-11-21T03:35:59Z",
		"2026-11-21T03:35:60Z",
		"2026-11-21T03:35:61Z",
		"2026-11-21T03:35:31.1234Z",
		"2026-11-21T03:35:31.1Z",
		"2026-11-21T03:35:31.12xZ",
		"2026-11-21T03:35:3 Z",
		"2026-11-21T03:35:31,123Z",
		"2026-11-21T03:35:31.123z",
		"2026-11-21t03:35:31.123Z",
		"2026-11-21T03:35:31+01:00",
		"2026-11-21T03:35:31.",
		"2026-11-21T03:35:31",
		"2026-11-21T03:36:00.000Z",
		"2026-11-21T03:35:3a.123Z",
		"2026-11-21T03:35:31.123Z0",
		"1969-12-31T23:59:59.999Z",
		"0000-01-01T00:00:00Z",
		"1970-01-01T00:00:07Z",
		"",
		"2026-02-30T03:35:31-00:00",
	};
	const char nuls[24] = { [17] = '3', '1', 'Z' };
	struct clock_minute none = { "", 0 };
	int64_t ms;

	(void)state;
	assert_false(clock_parse_near(&none, nuls, 20, &ms));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			struct clock_minute last = { "", 0 };
			int64_t expected = 0, near = 0;
			bool is_time = clock_parse(texts[k], strlen(texts[k]), &expected);

			(void)clock_parse_near(&last, texts[i], strlen(texts[i]), &ms);
			assert_int_equal(clock_parse_near(&last, texts[k], strlen(texts[k]), &near),
					 is_time);
			if (is_time)
				assert_int_equal(near, expected);
		}
	}
}

static void test_clock_parse__reads_what_rfc_3339_says(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: it is none */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-21T03:35:00.123Z", 1795232100123 },
		{ "2026-11-21t03:35:00.123456789z", 1795232100123 },
		{ "2026-11-21T05:35:00.1+02:00", 1795232100100 },
		{ "2026-11-20T22:05:00-05:30", 1795232100000 },
		{ "2024-02-29T12:00:00Z", 1709208000000 },
		{ "2000-03-01T00:00:00Z", 951868800000 },
		{ "2016-12-31T23:59:60Z", 1483228799000 },
		{ "", -1 },
		{ "2026-11-21", -1 },
		{ "2026-11-21T03:35:00", -1 },
		{ "2026-11-21T03:35:00.Z", -1 },
		{ "2026-11-21T03:35:00ZZ", -1 },
		{ "2026-11-21T24:35:00Z", -1 },
		{ "2026-13-21T03:35:00Z", -1 },
		{ "2026-11-21T03:35:00+2:00", -1 },
		{ "2026-11-21T03:35:00+02:60", -1 },
		{ "2o26-11-21T03:35:00Z", -1 },
		{ "2026-11-21 03:35:00Z", -1 },
		{ "2026-11-21T03:35:00.1Z", 1795232100100 },
		{ "2026-11-21T03:35:00.12+00:00", 1795232100120 },
		{ "2026-11-21T03:35:00.123+00:00", 1795232100123 },
		{ "2026-11-21T03:35:00.123", -1 },
		{ "2026-11-21T03:35:00.1234", -1 },
		{ "2026-11-21T03:35:00.12x4Z", -1 },
		{ "2026-11-21T03:35:00,123Z", -1 },
		{ "2026-11-00T03:35:00Z", -1 },
		{ "2026-11-32T03:35:00Z", -1 },
		{ "2026-00-21T03:35:00Z", -1 },
		{ "2026-11-21T03:60:00Z", -1 },
		{ "2026-11-21T03:35:61Z", -1 },
		{ "2026-11-21T03:35:00+24:00", -1 },
		{ "2026-11-21T03:35:00 02:00", -1 },
		{ "2026-11-21T03:35:00\xad"
		  "02:00",
		  -1 },
	};
	char text[CLOCK_TEXT_MAX];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ms = -1;
		if (!clock_parse(cases[i].text, strlen(cases[i].text), &ms))
			ms = -1;
		if (ms != cases[i].ms)
			fail_msg("%s is %lld", cases[i].text, (long long)ms);
	}
	for (int64_t at = 0; at < 9000000000000; at += 86399999) {
		clock_print(at, text);
		assert_true(clock_parse(text, strlen(text), &ms));
		assert_int_equal(ms, at);
	}
}

/* Each byte of a time matters: what stands there is one of few, and no other byte is taken. */
static void test_clock_read__every_byte_is_looked_at(void **state)
{
	static const char *const wanted[] = {
		/* of "2026-11-21T03:35:10.5Z" */
		"0123456789", "0123456789", "0123456789", "0123456789", "-",  "01",
		"012",        "-",          "0123",       "0123456789", "Tt", "012",
		"0123456789", ":",          "012345",     "0123456789", ":",  "0123456",
		"0123456789", ".",          "0123456789", "Zz"
	};
	struct clock_text said;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		for (int c = 1; c < 256; c++) {
			char text[] = "2026-11-21T03:35:10.5Z";

			text[i] = (char)c;
			if (clock_read(text, sizeof(text) - 1, &said) !=
			    (strchr(wanted[i], c) != NULL))
				fail_msg("%s, byte %zu", text, i);
		}
	assert_true(clock_read_date("0000-02-31", 10, &said));
	assert_true(said.year == 0 && said.month == 2 && said.day == 31);
	assert_false(clock_read_date("2026-11-211", 11, &said));
	assert_true(clock_read_time("23:59:60.987654-23:59", 21, &said));
	assert_true(said.minute == 1439 && said.second == 60 && said.ms == 987);
	assert_int_equal(said.offset, -1439);
	assert_false(clock_read_time("23:59:60", 8, &said));
}

static void test_clock_print__is_rfc_3339(void **state)
{
	char text[CLOCK_TEXT_MAX];

	(void)state;
	assert_string_equal(clock_print(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_print(1795232100123, text), "2026-11-21T03:35:00.123Z");
	assert_true(clock_unix_ms() > 1700000000000);
	assert_true(clock_mono_ns() <= clock_mono_ns());
}

/* ---- wordhash --------------------------------------------------------------------------- */

/* Every byte counts, at every length, and so does the seed. */
static void test_wordhash__every_byte_counts(void **state)
{
	unsigned char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 37);
	for (size_t len = 0; len <= sizeof(text); len++) {
		uint64_t hash = wordhash(1, text, len);

		assert_true(wordhash(1, text, len) == hash);
		assert_true(wordhash(2, text, len) != hash);
		if (len > 0)
			assert_true(wordhash(1, text, len - 1) != hash);
		for (size_t i = 0; i < len; i++) {
			text[i] ^= 0x40;
			assert_true(wordhash(1, text, len) != hash);
			text[i] ^= 0x40;
		}
	}
}

/* Words that change places, as they are or with the length's bits in them, and short texts. */
static void test_wordhash__no_texts_collide_under_many_seeds(void **state)
{
	static const struct {
		const char *one, *other;
	} texts[] = {
		{ "aaaa", "`aaaa" },
		{ "\",\"a\":103,\"b\":25}", "\",\"b\":253,\"a\":10}" },
		{ "abcdefghIJKLMNOP", "YJKLMNOPqbcdefgh" },
		{ "{\"changedBy\":\"--aB1C2D3EfG4H5I6J\"                               }",
		  "{\"changedBy\":\"--\xd9\xb8\xcb\xb7\xca\xb6\xc9\xb5\xde\xbd\xce\xbc\xcd"
		  "\xbb\xcc\xba\"                               }" },
	};
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			assert_true(wordhash(seed, texts[k].one, strlen(texts[k].one)) !=
				    wordhash(seed, texts[k].other, strlen(texts[k].other)));
	}
}

/* In memory of their own, so that a byte read beyond them is found. */
static void test_sametext__compares_each_byte_and_no_other(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 40; len++) {
		char *a = malloc(len + !len), *b = malloc(len + !len);

		assert_non_null(a);
		assert_non_null(b);
		for (size_t i = 0; i < len; i++)
			a[i] = b[i] = (char)(i % 5 * 60);
		assert_true(sametext(a, b, len));
		for (size_t i = 0; i < len; i++) {
			b[i] ^= 0x20;
			assert_false(sametext(a, b, len));
			b[i] ^= 0x20;
		}
		free(a);
		free(b);
	}
}

/* A table takes the low bits: texts that differ by little spread over it. */
static void test_wordhash__spreads_likenesses(void **state)
{
	unsigned used[1024] = { 0 };
	unsigned most = 0;

	(void)state;
	for (unsigned i = 0; i < 4096; i++) {
		char text[32];
		size_t len = (size_t)snprintf(text, sizeof(text), "site-%06u/state", i);
		unsigned at = (unsigned)wordhash(7, text, len) & 1023;

		if (++used[at] > most)
			most = used[at];
	}
	assert_true(most < 20); /* four are the mean */
}

/* ---- siphash ---------------------------------------------------------------------------- */

static uint64_t siphash_of(const uint64_t key[2], const unsigned char *text, size_t len, unsigned c,
			   unsigned d)
{
	struct siphash hash;

	siphash_begin(&hash, key);
	siphash_text(&hash, text, len, c);
	return siphash_end(&hash, d);
}

/* The key 00 01 .. 0f and the texts "", 00, 00 01, ..: the designers' own vectors. */
static void test_siphash_end__gives_the_published_vectors(void **state)
{
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100),
					 UINT64_C(0x0f0e0d0c0b0a0908) };
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },  { 1, UINT64_C(0x74f839c593dc67fd) },
		{ 7, UINT64_C(0xab0200f58b01d137) },  { 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) }, { 63, UINT64_C(0x958a324ceb064572) },
	};
	unsigned char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		assert_true(siphash_of(key, text, vectors[i].len, 2, 4) == vectors[i].hash);
}

/* What OpenSSL's SipHash says, with as many rounds. */
static uint64_t openssl_siphash(const unsigned char key[16], const unsigned char *text, size_t len,
				unsigned c, unsigned d)
{
	size_t size = 8;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	unsigned char hash[8];
	uint64_t word;

	assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
	assert_int_equal(EVP_MAC_update(ctx, text, len), 1);
	assert_int_equal(EVP_MAC_final(ctx, hash, &size, sizeof(hash)), 1);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	memcpy(&word, hash, sizeof(word));
	return le64toh(word);
}

static void test_siphash_end__agrees_with_openssl(void **state)
{
	static const unsigned rounds[][2] = { { 1, 3 }, { 2, 4 } };
	unsigned char key[16];
	unsigned char text[300];
	uint64_t words[2];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(211 * i + 3);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(151 * i);
	memcpy(words, key, sizeof(words));
	words[0] = le64toh(words[0]);
	words[1] = le64toh(words[1]);
	for (size_t len = 0; len <= sizeof(text); len++)
		for (size_t i = 0; i < 2; i++)
			assert_true(siphash_of(words, text, len, rounds[i][0], rounds[i][1]) ==
				    openssl_siphash(key, text, len, rounds[i][0], rounds[i][1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diag_set__keeps_one_printable_line),
		cmocka_unit_test(test_diag_set__cuts_what_is_too_long),
		cmocka_unit_test(test_diag_prefix__goes_in_front),
		cmocka_unit_test(test_percent_level__makes_one_level_of_any_id),
		cmocka_unit_test(test_peer_print_net__a_network_is_one_peer),
		cmocka_unit_test(test_portions_take__leaves_something_for_others),
		cmocka_unit_test(test_portions_held__names_the_worst),
		cmocka_unit_test(test_diag_escape__lets_text_pass_and_nothing_else),
		cmocka_unit_test(test_diag_name__is_one_word),
		cmocka_unit_test(test_reason_code__is_unique_and_never_null),
		cmocka_unit_test(test_entity_is_own_table__whole_names_and_beginnings),
		cmocka_unit_test(test_config_load__names_file_line_and_column),
		cmocka_unit_test(test_config_load__waits_for_no_pipe),
		cmocka_unit_test(test_jsonfile_parse__knows_what_else_it_may_be),
		cmocka_unit_test(test_config_load__survives_failing_allocations),
		cmocka_unit_test(test_jsonfile_at__follows_pointers),
		cmocka_unit_test(test_clock_parse__reads_what_rfc_3339_says),
		cmocka_unit_test(test_clock_parse_near__says_what_clock_parse_says),
		cmocka_unit_test(test_clock_read__every_byte_is_looked_at),
		cmocka_unit_test(test_clock_print__is_rfc_3339),
		cmocka_unit_test(test_wordhash__every_byte_counts),
		cmocka_unit_test(test_wordhash__no_texts_collide_under_many_seeds),
		cmocka_unit_test(test_wordhash__spreads_likenesses),
		cmocka_unit_test(test_sametext__compares_each_byte_and_no_other),
		cmocka_unit_test(test_siphash_end__gives_the_published_vectors),
		cmocka_unit_test(test_siphash_end__agrees_with_openssl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

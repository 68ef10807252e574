/*
 * payload.h, whichever backend this build has: what is refused and where, values, numbers of
 * any size, and that a message costs no memory of its own where yyjson reads it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"
#include "failalloc.h"
#include "schema/jsonbig.h"
#include "schema/jsonscan.h"
#include "schema/jsonspan.h"
#include "schema/payload.h"

static const char *const fault_names[] = {
	[PAYLOAD_OK] = "ok",
	[PAYLOAD_TOO_LARGE] = "too-large",
	[PAYLOAD_TOO_DEEP] = "too-deep",
	[PAYLOAD_NOT_JSON] = "not-json",
	[PAYLOAD_NOT_UTF8] = "not-utf8",
	[PAYLOAD_DUPLICATE] = "duplicate",
	[PAYLOAD_NOMEM] = "nomem",
};

static struct payload_parser *parser_new(size_t max_bytes, unsigned max_depth)
{
	struct payload_limits limits = { max_bytes, max_depth };
	struct payload_parser *parser = NULL;

	assert_int_equal(payload_parser_new(&limits, &parser, NULL), 0);
	return parser;
}

/* Parses a literal; the text is handed over without the NUL behind it. */
static const struct payload_value *parse(struct payload_parser *parser, const char *text)
{
	struct payload_error error;
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	const struct payload_value *value;

	memcpy(copy, text, len);
	value = payload_parse(parser, copy, len, &error);
	free(copy);
	return value;
}

static enum payload_fault fault_of(struct payload_parser *parser, const char *text, size_t len)
{
	struct payload_error error;

	return payload_parse(parser, text, len, &error) ? PAYLOAD_OK : error.fault;
}

/* ---- what is refused -------------------------------------------------------------------- */

static bool decide_fault(void *ctx, const struct cases_line *line)
{
	struct payload_error error = { .fault = PAYLOAD_OK };
	const char *at = strchr(line->word, '@');
	char *exact = malloc(line->len ? line->len : 1); /* ASan sees a byte too far */
	bool ok;

	memcpy(exact, line->text, line->len);
	ok = payload_parse(ctx, exact, line->len, &error) != NULL;
	free(exact);
	if (ok)
		return strcmp(line->word, "ok@0") == 0;
	return at &&
	       strncmp(line->word, fault_names[error.fault], (size_t)(at - line->word)) == 0 &&
	       fault_names[error.fault][at - line->word] == '\0' && error.text[0] != '\0' &&
	       error.offset <= line->len &&
	       (at[1] == '?' || error.offset == strtoul(at + 1, NULL, 10));
}

static void test_payload_parse__decisions(void **state)
{
	struct payload_parser *parser = parser_new(200, 4);

	(void)state;
	assert_int_equal(cases_run("test/data/payload/basic.cases", parser, decide_fault), 0);
	payload_parser_free(parser);
}

static void test_payload_parse__size_is_limited_before_anything_else(void **state)
{
	struct payload_parser *parser = parser_new(10, 4);
	struct payload_error error;

	(void)state;
	assert_int_equal(fault_of(parser, "[1,2,3,44]", 10), PAYLOAD_OK);
	assert_null(payload_parse(parser, "[1,2,3,\xff,5]", 11, &error));
	assert_int_equal(error.fault, PAYLOAD_TOO_LARGE);
	assert_int_equal(error.offset, 10);
	assert_int_equal(fault_of(parser, NULL, 0), PAYLOAD_NOT_JSON);
	payload_parser_free(parser);
}

static void test_payload_parse__depth_as_given(void **state)
{
	struct payload_parser *parser = parser_new(100000, PAYLOAD_MAX_DEPTH);
	char text[2 * (PAYLOAD_MAX_DEPTH + 1)];
	size_t n = PAYLOAD_MAX_DEPTH;
	char *open = malloc(100000);

	(void)state;
	memset(text, '[', n);
	memset(text + n, ']', n);
	assert_int_equal(fault_of(parser, text, 2 * n), PAYLOAD_OK);
	memset(text, '[', n + 1);
	memset(text + n + 1, ']', n + 1);
	assert_int_equal(fault_of(parser, text, 2 * (n + 1)), PAYLOAD_TOO_DEEP);
	memset(open, '[', 100000);
	assert_int_equal(fault_of(parser, open, 100000), PAYLOAD_TOO_DEEP);
	free(open);
	payload_parser_free(parser);
}

static void test_payload_parser_new__limits_are_checked(void **state)
{
	static const struct payload_limits bad[] = {
		{ 0, 1 }, { PAYLOAD_MAX_BYTES + 1, 1 }, { 1, 0 }, { 1, PAYLOAD_MAX_DEPTH + 1 }
	};
	struct payload_parser *parser = NULL;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		diag_init(&diag);
		assert_int_equal(payload_parser_new(&bad[i], &parser, &diag), ERR_LIMIT);
		assert_null(parser);
		assert_string_not_equal(diag.text, "");
	}
}

/* ---- names that occur twice ------------------------------------------------------------- */

/* {"k0":0,...,"kN":0} with @last as an extra name at the end. */
static char *large_object(unsigned members, const char *last, size_t *len)
{
	char *text = malloc(members * 16 + 64);
	size_t at = (size_t)sprintf(text, "{");

	for (unsigned i = 0; i < members; i++)
		at += (size_t)sprintf(text + at, "\"k%u\":0,", i);
	at += (size_t)sprintf(text + at, "\"%s\":0}", last);
	*len = at;
	return text;
}

static void test_payload_parse__finds_the_name_twice_in_objects_of_any_size(void **state)
{
	static const unsigned sizes[] = { 1, 2, 8, 22, 23, 24, 25, 63, 64, 65, 1000, 100000 };
	struct payload_parser *parser = parser_new(PAYLOAD_MAX_BYTES, 4);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char twice[16];
		size_t len;
		char *text = large_object(sizes[i], "other", &len);

		assert_int_equal(fault_of(parser, text, len), PAYLOAD_OK);
		free(text);
		(void)snprintf(twice, sizeof(twice), "k%u", sizes[i] / 2);
		text = large_object(sizes[i], twice, &len);
		assert_int_equal(fault_of(parser, text, len), PAYLOAD_DUPLICATE);
		free(text);
		text = large_object(sizes[i], "\\u006b0", &len);
		assert_int_equal(fault_of(parser, text, len), PAYLOAD_DUPLICATE);
		free(text);
	}
	payload_parser_free(parser);
}

static void test_payload_parse__many_small_members_fit(void **state)
{
	/* The shortest members there are: as many as max_bytes can hold, names of 0 to 3 bytes. */
	enum { COUNT = 9000 };
	char *text = malloc(COUNT * 10);
	size_t at = (size_t)sprintf(text, "{\"\":0");
	struct payload_parser *parser;

	(void)state;
	for (unsigned i = 0; i < COUNT - 1; i++)
		at += (size_t)sprintf(text + at, ",\"%c%c%c\":0", 'a' + i % 26, 'a' + i / 26 % 26,
				      'a' + i / 676);
	at += (size_t)sprintf(text + at, "}");
	parser = parser_new(at, 4);
	assert_int_equal(fault_of(parser, text, at), PAYLOAD_OK);
	free(text);
	payload_parser_free(parser);
}

/* As many values as a text of its size can have: the memory taken beforehand is enough. */
static void test_payload_parse__many_small_items_fit(void **state)
{
	static const char *const items[] = { "0,", "[],", "{},", "\"\",", "[0]," };
	enum { COUNT = 20000 };
	char *text = malloc(COUNT * 4 + 4);

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		size_t at = (size_t)sprintf(text, "[");
		struct payload_parser *parser;

		for (unsigned k = 0; k < COUNT; k++)
			at += (size_t)sprintf(text + at, "%s", items[i]);
		text[at - 1] = ']';
		parser = parser_new(at, 4);
		assert_int_equal(fault_of(parser, text, at), PAYLOAD_OK);
		assert_int_equal(fault_of(parser, "[[[[[0]]]]]", 11), PAYLOAD_TOO_DEEP);
		assert_int_equal(fault_of(parser, text, at), PAYLOAD_OK);
		payload_parser_free(parser);
	}
	free(text);
}

/* ---- values ----------------------------------------------------------------------------- */

static void test_payload_member__chains_and_misses(void **state)
{
	struct payload_parser *parser = parser_new(1000, 8);
	const struct payload_value *root = parse(parser, "{\"a\":{\"b\\u00e9\":[1],\"\":2}}");
	int64_t n;

	(void)state;
	assert_non_null(payload_member(payload_member(root, "a", 1), "b\xc3\xa9", 3));
	assert_true(payload_integer(payload_member(payload_member(root, "a", 1), "", 0), &n));
	assert_int_equal(n, 2);
	/* No byte of a name that has none counts. */
	assert_non_null(payload_member(payload_member(root, "a", 1), "/", 0));
	assert_null(payload_member(root, "a", 0));
	assert_null(payload_member(root, "b", 1));
	assert_null(payload_member(root, "ab", 2));
	assert_null(payload_member(payload_member(root, "x", 1), "y", 1));
	assert_null(payload_member(payload_member(payload_member(root, "a", 1), "b\xc3\xa9", 3),
				   "0", 1));
	payload_parser_free(parser);
}

/* The name of member @i: some are short, some begin alike, some differ at the end only. */
static size_t name_of(unsigned i, char *ret)
{
	static const char *const around[][2] = {
		{ "", "" },
		{ "n", "" },
		{ "name", "" },
		{ "", "name" },
		{ "beginning-", "" },
		{ "", "-at-the-beginning-of-it" },
		{ "in-the-middle-", "-of-it" },
	};

	return (size_t)sprintf(ret, "%s%u%s", around[i % 7][0], i / 7, around[i % 7][1]);
}

static bool has_member(const struct payload_value *value, unsigned i)
{
	char room[64];
	size_t len = name_of(i, room);
	char *name = malloc(len); /* ASan sees a byte too far */
	const struct payload_value *member;
	int64_t n = -1;

	memcpy(name, room, len);
	member = payload_member(value, name, len);
	free(name);
	if (member)
		assert_true(payload_integer(member, &n) && n == (int64_t)i);
	return member != NULL;
}

/* Writes an object of @count members; the first letter of each fifth name is an escape. */
static void print_object(char *ret, unsigned count, const char *first)
{
	char name[64];

	ret += sprintf(ret, "{%s", first);
	for (unsigned i = 0; i < count; i++) {
		(void)name_of(i, name);
		if (i % 5)
			ret += sprintf(ret, "\"%s\":%u,", name, i);
		else
			ret += sprintf(ret, "\"\\u%04x%s\":%u,", (unsigned)name[0], name + 1, i);
	}
	strcpy(ret - 1, "}");
}

static void assert_members(const struct payload_value *value, unsigned count, unsigned most)
{
	assert_non_null(value);
	for (unsigned i = 0; i < most; i++)
		if (has_member(value, i) != (i < count))
			fail_msg("member %u of %u", i, count);
}

/* Objects of any size, the root and one in it, with and without containers; one parser. */
static void test_payload_member__every_name_and_no_other(void **state)
{
	enum { MOST = 60, BEYOND = 90 };
	struct payload_parser *parser = parser_new(8192, 8);
	char text[4096], nested[8192];

	(void)state;
	for (unsigned count = MOST; count > 0; count--) {
		print_object(text, count, "");
		assert_members(parse(parser, text), count, BEYOND);
		print_object(text, count, "\"\":[{\"n1\":-1}],");
		assert_members(parse(parser, text), count, BEYOND);
		assert_null(parse(parser, "{\"n11\":1,\"n11\":1}"));
		(void)sprintf(nested, "{\"n1\":-1,\"it\":%s,\"n2\":-1}", text);
		assert_members(payload_member(parse(parser, nested), "it", 2), count, BEYOND);
	}
	payload_parser_free(parser);
}

static void test_payload_string__bytes_and_nul(void **state)
{
	struct payload_parser *parser = parser_new(1000, 8);
	const char *text;
	size_t len;
	bool flag;
	double d;
	int64_t n;
	const struct payload_value *value = parse(parser, "\"a\\u0000b\\ud83d\\udc36\"");

	(void)state;
	assert_true(payload_string(value, &text, &len));
	assert_int_equal(len, 7);
	assert_memory_equal(text, "a\0b\xf0\x9f\x90\xb6", 7);
	assert_false(payload_integer(value, &n) || payload_number(value, &d) ||
		     payload_boolean(value, &flag));
	assert_false(payload_string(NULL, &text, &len));
	assert_false(payload_string(parse(parser, "12"), &text, &len));
	assert_false(payload_string(parse(parser, "null"), &text, &len));
	assert_false(payload_string(parse(parser, "[\"x\"]"), &text, &len));
	payload_parser_free(parser);
}

static void test_payload_boolean__only_the_two(void **state)
{
	struct payload_parser *parser = parser_new(1000, 8);
	bool flag = false;

	(void)state;
	assert_true(payload_boolean(parse(parser, "true"), &flag) && flag);
	assert_true(payload_boolean(parse(parser, "false"), &flag) && !flag);
	assert_false(payload_boolean(parse(parser, "null"), &flag));
	assert_false(payload_boolean(parse(parser, "1"), &flag));
	assert_false(payload_boolean(NULL, &flag));
	payload_parser_free(parser);
}

static void test_payload_integer__exact_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		bool is_integer;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "1.0", true, 1 },
		{ "-0.0", true, 0 },
		{ "1e3", true, 1000 },
		{ "1.5", false, 0 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "18446744073709551615", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "9223372036854775808.0", false, 0 },
		{ "-9223372036854775808.0", true, INT64_MIN },
		{ "1e400", false, 0 },
		{ "1e-400", false, 0 },
		{ "1.00000000000000000001", false, 0 },
		{ "1.00000000000000000000", true, 1 },
		{ "\"1\"", false, 0 },
		{ "null", false, 0 },
	};
	struct payload_parser *parser = parser_new(1000, 8);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct payload_value *value = parse(parser, cases[i].text);
		int64_t n = 0;

		assert_non_null(value);
		assert_int_equal(payload_integer(value, &n), cases[i].is_integer);
		if (cases[i].is_integer)
			assert_int_equal(n, cases[i].value);
	}
	assert_false(payload_integer(NULL, &(int64_t){ 0 }));
	payload_parser_free(parser);
}

/* Of several names that occur twice, the first in the text; at its quote. */
static void test_payload_parse__says_where_a_name_occurs_twice(void **state)
{
	static const char *const texts[] = {
		"{\"a\":1, >\"a\":2}",
		"{\"b\":1,\"a\":{\"x\":[],>\"x\":2},\"b\":2}",
		"[{\"a\":1},{\"\\u0061\":1,\"q\\\"\":2,>\"q\\u0022\":2,\"a\":3}]",
		"{\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"9\":0,\"10\":0,"
		"\"11\":0,\"12\":0,\"13\":0,\"14\":0,\"15\":0,\"16\":0,\"17\":0,\"18\":0,\"19\":0,"
		"\"20\":{\"a\":1,>\"a\":2},\"21\":0,\"22\":0,\"23\":0,\"24\":0,\"25\":0,\"1\":0}",
		"[{\"x\":1e400,>\"x\":1}]",
	};
	struct payload_parser *parser = parser_new(1000, 8);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t offset = strcspn(texts[i], ">");
		struct payload_error error;
		char text[512];

		(void)snprintf(text, sizeof(text), "%.*s%s", (int)offset, texts[i],
			       texts[i] + offset + 1);
		assert_null(payload_parse(parser, text, strlen(text), &error));
		assert_int_equal(error.fault, PAYLOAD_DUPLICATE);
		assert_int_equal(error.offset, offset);
	}
	payload_parser_free(parser);
}

static void test_payload_number__nearest_double_of_any_size(void **state)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{ "0.1", 0.1 },
		{ "-17", -17 },
		{ "9007199254740993", 9007199254740992.0 },
		{ "18446744073709551615", 18446744073709551615.0 },
		{ "-12345678901234567890123", -12345678901234567890123.0 },
		{ "1.7976931348623157e308", 1.7976931348623157e308 },
		{ "1.7976931348623158e308", 1.7976931348623157e308 },
		{ "1.7976931348623159e308", INFINITY },
		{ "17976931348623159e292", INFINITY },
		{ "0.0017976931348623159E311", INFINITY },
		{ "1e309", INFINITY },
		{ "1e-400", 0 },
		{ "-1e-400", -0.0 },
		{ "1.99999999999999999999", 2 },
		{ "123456789012345678905e-1", 12345678901234567890.5 },
		{ "-1E+400", -INFINITY },
		{ "1e99999999999999999999", INFINITY },
		{ "0e99999999999999999999", 0 },
		{ "0.0e400", 0 },
		{ "1e-400", 0 },
		{ "1e-99999999999999999999", 0 },
	};
	struct payload_parser *parser = parser_new(1000, 8);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double d = -1;

		assert_true(payload_number(parse(parser, cases[i].text), &d));
		if (d != cases[i].value)
			fail_msg("%s: %a", cases[i].text, d);
	}
	assert_false(payload_number(parse(parser, "\"1\""), &(double){ 0 }));
	assert_false(payload_number(NULL, &(double){ 0 }));
	payload_parser_free(parser);
}

static void test_payload_big__the_text_of_what_no_double_holds(void **state)
{
	static const char *const big[] = { "18446744073709551615", "9223372036854775808",
					   "-9223372036854775809", "1e400",
					   "1.00000000000000000001" };
	static const char *const others[] = { "9223372036854775807", "1.5", "1e308", "\"1e400\"",
					      "null" };
	struct payload_parser *parser = parser_new(1000, 8);
	char room[PAYLOAD_BIG_ROOM];
	const char *text;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		assert_true(payload_big(parse(parser, big[i]), room, &text, &len));
		assert_true(len == strlen(big[i]) && memcmp(text, big[i], len) == 0);
		assert_false(payload_big(parse(parser, others[i]), room, &text, &len));
	}
	assert_false(payload_big(NULL, room, &text, &len));
	payload_parser_free(parser);
}

static void test_payload_parse__big_numbers_stay_in_their_places(void **state)
{
	struct payload_parser *parser = parser_new(1000, 8);
	const struct payload_value *root = parse(
		parser, "{\"a\":1,\"b\":[2,\"x\",{\"c\":99999999999999999999},null],"
			"\"d\":-88888888888888888888,\"e\":{\"f\":true,\"g\":1e999},\"h\":7}");
	const struct payload_value *e = payload_member(root, "e", 1);
	bool flag = false;
	int64_t n;
	double d;

	(void)state;
	assert_true(payload_integer(payload_member(root, "a", 1), &n) && n == 1);
	assert_true(payload_number(payload_member(root, "d", 1), &d) &&
		    d == -88888888888888888888.0);
	assert_true(payload_boolean(payload_member(e, "f", 1), &flag) && flag);
	assert_true(payload_number(payload_member(e, "g", 1), &d) && isinf(d));
	assert_true(payload_integer(payload_member(root, "h", 1), &n) && n == 7);
	assert_false(payload_string(payload_member(root, "d", 1), &(const char *){ NULL },
				    &(size_t){ 0 }));
	assert_true(payload_number(parse(parser, "99999999999999999999"), &d) && d == 1e20);
	payload_parser_free(parser);
}

static void test_jsonscan_run__where_a_double_ends(void **state)
{
	/* 2^1024 - 2^970 is the least that rounds to infinity. */
	char text[] =
		"179769313486231580793728971405303415079934132710037826936173778980444968292764"
		"750946649017977587207096330286416692887910946555547851940402630657488671505820"
		"681908902000708383676273854845817711531764475730270069855571366959622842914819"
		"860834936475292719074168444365510704342711559699508093042880177904174497792.0";
	struct jsonscan scan;

	(void)state;
	assert_true(jsonscan_run(text, strlen(text), 8, NULL, 0, &scan));
	assert_int_equal(scan.big_count, 1);
	text[strlen(text) - 3] = '1'; /* of its last digits, 792.0 */
	assert_true(jsonscan_run(text, strlen(text), 8, NULL, 0, &scan));
	assert_int_equal(scan.big_count, 0);
}

/* Strings are read eight bytes at a time: each byte ends that at each place. */
static void test_jsonscan_run__sees_each_byte_of_a_string(void **state)
{
	char text[40];
	struct jsonscan scan;

	(void)state;
	for (size_t len = 1; len < sizeof(text) - 2; len++) {
		for (size_t at = 1; at <= len; at++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				bool is_plain =
					byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

				memset(text, 'x', len + 1);
				text[0] = text[len + 1] = '"';
				text[at] = (char)byte;
				if (byte == '\\' && at < len)
					text[at + 1] = (char)byte;
				assert_int_equal(jsonscan_run(text, len + 2, 8, NULL, 0, &scan),
						 is_plain || (byte == '\\' && at < len));
				if (!is_plain && byte != '\\')
					assert_int_equal(scan.offset, byte == '"' ? at + 1 : at);
			}
		}
	}
}

static void test_jsonscan_run__notes_where_big_numbers_stand(void **state)
{
	static const char text[] = "{\"9\":0,\"b\":[\"10\",99999999999999999999],\"c\":1e400}";
	struct jsonscan_big big[2];
	struct jsonscan scan;

	(void)state;
	assert_true(jsonscan_run(text, strlen(text), 8, big, 2, &scan));
	assert_int_equal(scan.big_count, 2);
	assert_int_equal(big[0].len, 20);
	assert_memory_equal(text + big[0].offset, "99999999999999999999", 20);
	assert_int_equal(big[1].len, 5);
	assert_memory_equal(text + big[1].offset, "1e400", 5);
}

/* ---- memory ----------------------------------------------------------------------------- */

static const char order[] =
	"{\"orderId\":\"4711\",\"petId\":12,\"quantity\":1,\"shipDate\":\"2026-11-21T03:35:00Z\","
	"\"status\":\"placed\",\"complete\":false,\"owner\":{\"id\":7,\"name\":\"J\\u00f6rg\"},"
	"\"total\":99999999999999999999}";

static void test_payload_parser__out_of_memory(void **state)
{
	struct payload_limits limits = { 1000, 8 };

	(void)state;
	for (size_t n = 1;; n++) {
		struct payload_parser *parser = NULL;
		const struct payload_value *value = NULL;
		struct payload_error error = { .fault = PAYLOAD_OK };
		struct diag diag;
		int rc;

		diag_init(&diag);
		failalloc_start(n);
		rc = payload_parser_new(&limits, &parser, &diag);
		if (!rc)
			value = payload_parse(parser, order, strlen(order), &error);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_non_null(value);
			payload_parser_free(parser);
			break;
		}
		if (rc)
			assert_int_equal(rc, ERR_NOMEM);
		else
			assert_int_equal(error.fault, PAYLOAD_NOMEM);
		payload_parser_free(parser);
	}
}

#ifdef PAYLOAD_YYJSON
/* yyjson is handed our pool and never asks malloc: what would count is what this room asks. */
static void test_payload_parse__allocates_nothing(void **state)
{
	struct payload_parser *parser = parser_new(PAYLOAD_MAX_BYTES, 8);
	struct payload_error error;
	size_t len;
	char *large = large_object(100000, "other", &len);

	(void)state;
	failalloc_start(1);
	for (int i = 0; i < 100; i++)
		assert_non_null(payload_parse(parser, order, strlen(order), &error));
	assert_non_null(payload_parse(parser, large, len, &error));
	assert_null(payload_parse(parser, large, len - 1, &error));
	assert_false(failalloc_stop());
	assert_int_equal(failalloc_count(), 0);
	free(large);
	payload_parser_free(parser);
}
#endif

static void test_jsonbig_parse__gives_plain_values_that_can_be_compared(void **state)
{
	static const char text[] = "[99999999999999999999,1]";
	struct payload_error error;
	json_t *one = jsonbig_parse(text, strlen(text), 2048, &error);
	json_t *two = jsonbig_parse(text, strlen(text), 2048, &error);
	const char *big;
	size_t len;

	(void)state;
	assert_true(json_equal(one, two));
	assert_true(jsonbig_text(json_array_get(one, 0), &big, &len));
	assert_string_equal(big, "99999999999999999999");
	assert_int_equal(len, 20);
	assert_false(jsonbig_text(json_array_get(one, 1), &big, &len));
	json_decref(one);
	json_decref(two);
}
/* The same values in the same order, and written as Jansson writes them to the last digit. */
static void test_jsonbig_parse__gives_the_tree_that_jansson_does(void **state)
{
	static const char *const texts[] = {
		" [ ] ",
		"{}",
		"\t{ \"a\" :\r\n[ 1 , {\"b\":{}} ,[[]],2] , \"\" : null,\"A\":true,\"aa\":false "
		"}\n",
		"\"\"",
		"\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\te\"",
		"[\"\\u0000\",\"x\\u0041\\u00e9\\u20AC\\ud83d\\uDE00y\","
		"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"]",
		"{\"\\u0061\\\"\":1,\"b\\\\\":\"\\\\\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\":"
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		"[\"1234567\",\"12345678\",\"123456789\",\"\xc2\xa2\xc2\xa2\xc2\xa2\xc2\xa2\"]",
		"[0,-0,1,-1,9223372036854775807,-9223372036854775808,1234567890123456789]",
		"[0.0,-0.0,0.1,-0.1,1.5,52.520008,13.404954,38.4,123456789012.345,-12345678901."
		"2345]",
		"[0.00000000000001,0.000000000000001,0.3333333333333333333333,1."
		"7976931348623157e308]",
		"[1e0,1E+2,1.5e-7,-2.5E3,4.9e-324,2.2250738585072011e-308,9007199254740993.0]",
		"[99999999999999.9,999999999999999.9,9.99999999999999,0.1234567890123456789]",
		"0.5",
		"-17",
		"true",
		"null",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
		size_t len = strlen(texts[i]);
		struct payload_error error;
		json_t *ours = jsonbig_parse(texts[i], len, 8, &error);
		json_t *theirs = json_loadb(texts[i], len, flags, NULL);
		char *a = json_dumps(ours, JSON_ENCODE_ANY);
		char *b = json_dumps(theirs, JSON_ENCODE_ANY);

		assert_non_null(ours);
		assert_true(json_equal(ours, theirs));
		assert_string_equal(a, b);
		free(a);
		free(b);
		json_decref(ours);
		json_decref(theirs);
	}
}

/* Big numbers are put where they stand, whatever is around them. */
static void test_jsonbig_parse__keeps_big_numbers_in_their_places(void **state)
{
	static const char text[] = "{\"9\":0,\"b\":[\"10\",-99999999999999999999,1],\"c\":1e400 }";
	struct payload_error error;
	json_t *root = jsonbig_parse(text, strlen(text), 8, &error);
	json_t *b = json_object_get(root, "b");
	const char *big;
	size_t len;

	(void)state;
	assert_int_equal(json_array_size(b), 3);
	assert_true(jsonbig_text(json_array_get(b, 1), &big, &len));
	assert_string_equal(big, "-99999999999999999999");
	assert_int_equal(json_integer_value(json_array_get(b, 2)), 1);
	assert_true(jsonbig_text(json_object_get(root, "c"), &big, &len));
	assert_string_equal(big, "1e400");
	json_decref(root);
}

/* The first one in the text, also where the value between the two has one of its own. */
static void test_jsonbig_parse__finds_the_first_name_that_occurs_twice(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} rows[] = {
		{ "{\"a\":1,\"a\":2}", 7 },
		{ "{\"a\":1,\"a\":{\"b\":1,\"b\":2}}", 7 },
		{ "{\"a\":{\"b\":1,\"b\":2},\"a\":1}", 12 },
		{ "[{\"a\":1},{\"a\":2, \"\\u0061\":99999999999999999999}]", 17 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct payload_error error;

		assert_null(jsonbig_parse(rows[i].text, strlen(rows[i].text), 8, &error));
		assert_int_equal(error.fault, PAYLOAD_DUPLICATE);
		assert_int_equal(error.offset, rows[i].offset);
	}
}

static void test_jsonbig_parse__out_of_memory(void **state)
{
	static const char text[] =
		"{\"a\":[\"\\u0041\",1,1.5,1e1,99999999999999999999],\"\\n\":{\"b\":1}}";

	(void)state;
	for (size_t n = 1;; n++) {
		struct payload_error error = { .fault = PAYLOAD_OK };
		json_t *root;

		failalloc_start(n);
		root = jsonbig_parse(text, strlen(text), 8, &error);
		if (!failalloc_stop()) {
			assert_non_null(root);
			json_decref(root);
			break;
		}
		assert_null(root);
		assert_int_equal(error.fault, PAYLOAD_NOMEM);
	}
}

/* By the parser and by the text alone: the same place, or none. */
static void test_payload_span__is_where_the_text_says_it(void **state)
{
	static const struct {
		const char *text, *span; /* of the member "at"; NULL: there is none */
	} rows[] = {
		{ "{\"at\":\"x\"}", "x" },
		{ "{\"at\":\"\"}", "" },
		{ " { \"b\" : { \"at\":\"no\", \"c\":[\"}\"] } ,\n\"at\" :\t\"yes\" , \"z\":1 } ",
		  "yes" },
		{ "{\"b\":[{\"at\":\"no\"},[]],\"at\":\"yes\"}", "yes" },
		{ "{\"b\":\"\\\"at\\\":\\\"no\\\"\",\"at\":\"y\\\"\\\\\"}", "y\\\"\\\\" },
		{ "{\"at\":\"\\u0041b\",\"c\":\"d\"}", "\\u0041b" },
		{ "{\"b\":-1.5e3,\"c\":null,\"at\":\"z\"}", "z" },
		{ "{\"at\":1}", NULL },
		{ "{\"at\":null,\"b\":\"at\"}", NULL },
		{ "{\"at\":{\"at\":\"x\"}}", NULL },
		{ "{\"\\u0061t\":\"x\"}", NULL },
		{ "{\"a\":\"at\",\"att\":\"x\"}", NULL },
		{ "{}", NULL },
		{ "[\"at\",\"x\"]", NULL },
		{ "\"at\"", NULL },
	};
	const struct payload_limits limits = { .max_bytes = 1000, .max_depth = 8 };
	struct payload_parser *parser = NULL;
	struct payload_error error;
	struct diag diag;

	(void)state;
	assert_int_equal(payload_parser_new(&limits, &parser, &diag), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text), start[2], end[2];
		const struct payload_value *root = payload_parse(parser, rows[i].text, len, &error);

		assert_non_null(root);
		assert_int_equal(
			payload_span(parser, root, rows[i].text, len, "at", 2, &start[0], &end[0]),
			rows[i].span != NULL);
		assert_int_equal(jsonspan_find(rows[i].text, len, "at", 2, &start[1], &end[1]),
				 rows[i].span != NULL);
		for (int k = 0; k < 2 && rows[i].span; k++) {
			assert_int_equal(end[k] - start[k], strlen(rows[i].span));
			assert_memory_equal(rows[i].text + start[k], rows[i].span,
					    end[k] - start[k]);
		}
	}
	payload_parser_free(parser);
}

/* What is no JSON has no answer that matters, but an end. */
static void test_jsonspan_find__stays_within_the_text(void **state)
{
	static const char text[] = "{\"b\":[{\"c\":\"\\\"\"},2],\"at\":\"x\\\\\"}";
	size_t start, end;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n + 1); /* for ASan: nothing behind it is read */

		memcpy(copy, text, n);
		(void)jsonspan_find(copy, n, "at", 2, &start, &end);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload_parse__decisions),
		cmocka_unit_test(test_payload_parse__size_is_limited_before_anything_else),
		cmocka_unit_test(test_payload_parse__depth_as_given),
		cmocka_unit_test(test_payload_parser_new__limits_are_checked),
		cmocka_unit_test(test_payload_parse__finds_the_name_twice_in_objects_of_any_size),
		cmocka_unit_test(test_payload_parse__many_small_members_fit),
		cmocka_unit_test(test_payload_parse__many_small_items_fit),
		cmocka_unit_test(test_payload_member__chains_and_misses),
		cmocka_unit_test(test_payload_member__every_name_and_no_other),
		cmocka_unit_test(test_payload_string__bytes_and_nul),
		cmocka_unit_test(test_payload_boolean__only_the_two),
		cmocka_unit_test(test_payload_integer__exact_or_not_at_all),
		cmocka_unit_test(test_payload_parse__says_where_a_name_occurs_twice),
		cmocka_unit_test(test_payload_number__nearest_double_of_any_size),
		cmocka_unit_test(test_payload_big__the_text_of_what_no_double_holds),
		cmocka_unit_test(test_payload_parse__big_numbers_stay_in_their_places),
		cmocka_unit_test(test_jsonscan_run__where_a_double_ends),
		cmocka_unit_test(test_jsonscan_run__sees_each_byte_of_a_string),
		cmocka_unit_test(test_jsonscan_run__notes_where_big_numbers_stand),
		cmocka_unit_test(test_payload_parser__out_of_memory),
		cmocka_unit_test(test_payload_span__is_where_the_text_says_it),
		cmocka_unit_test(test_jsonspan_find__stays_within_the_text),
#ifdef PAYLOAD_YYJSON
		cmocka_unit_test(test_payload_parse__allocates_nothing),
#endif
		cmocka_unit_test(test_jsonbig_parse__gives_plain_values_that_can_be_compared),
		cmocka_unit_test(test_jsonbig_parse__gives_the_tree_that_jansson_does),
		cmocka_unit_test(test_jsonbig_parse__keeps_big_numbers_in_their_places),
		cmocka_unit_test(test_jsonbig_parse__finds_the_first_name_that_occurs_twice),
		cmocka_unit_test(test_jsonbig_parse__out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

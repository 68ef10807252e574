/* What is made of a refusal: its id, its notice, and how many of them a client gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/base64.h"
#include "failalloc.h"
#include "refusalfake.h"
#include "report/deadletter.h"
#include "report/decisionid.h"
#include "report/jsonout.h"
#include "report/notice.h"
#include "report/quota.h"
#include "report/refusals.h"

#define NOW INT64_C(1768473000123) /* 2026-01-15T10:30:00.123Z */

/* ---- jsonout ---------------------------------------------------------------------------- */

static const char *printed(const char *text, size_t len, size_t max)
{
	static char buffer[256];
	struct jsonout out;
	size_t written;

	jsonout_begin(&out, buffer, sizeof(buffer));
	jsonout_text(&out, NULL, text, len, max);
	written = jsonout_end(&out);
	assert_int_equal(written, strlen(buffer));
	return buffer;
}

static void test_jsonout_text__escapes_whatever_comes(void **state)
{
	static const struct {
		const char *bytes, *json;
	} rows[] = {
		{ "plain", "\"plain\"" },
		{ "\"\\/", "\"\\\"\\\\/\"" },
		{ "\n\r\t\b\f\x01\x1b\x7f", "\"\\n\\r\\t\\b\\f\\u0001\\u001b\\u007f\"" },
		{ "\xc3\xa4\xf0\x9f\x90\x88", "\"\xc3\xa4\xf0\x9f\x90\x88\"" },
		{ "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9", "\"\\u0085\\u2028\\u2029\"" },
		{ "\xe2\x80\xae\xe2\x81\xa9\xef\xbb\xbf\xd8\x9c",
		  "\"\\u202e\\u2069\\ufeff\\u061c\"" },
		{ "a\xff"
		  "b\xc3",
		  "\"a\\ufffdb\\ufffd\"" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "", "\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(printed(rows[i].bytes, strlen(rows[i].bytes), 200),
				    rows[i].json);
	assert_string_equal(printed("a\0b", 3, 200), "\"a\\u0000b\"");
}

static void test_jsonout_text__cuts_between_characters(void **state)
{
	(void)state;
	assert_string_equal(printed("abcdefgh", 8, 8), "\"abcdefgh\"");
	assert_string_equal(printed("abcdefgh", 8, 7), "\"abcd...\"");
	assert_string_equal(printed("abc\xc3\xa4\xc3\xa4\xc3\xa4", 9, 8), "\"abc\xc3\xa4...\"");
	assert_string_equal(printed("abc\n\n\n\n", 7, 8), "\"abc\\n...\"");
	assert_string_equal(printed("\x01\x01\x01", 3, 8), "\"...\"");
}

static void test_jsonout_end__says_what_did_not_fit(void **state)
{
	(void)state;
	for (size_t cap = 1; cap < 40; cap++) {
		char buffer[40];
		struct jsonout out;
		size_t len;

		memset(buffer, '#', sizeof(buffer));
		jsonout_begin(&out, buffer, cap);
		jsonout_open(&out, NULL, '{');
		jsonout_number(&out, "a", 12345);
		jsonout_true(&out, "b");
		jsonout_close(&out, '}');
		len = jsonout_end(&out);
		assert_int_equal(len, cap > 20 ? 20 : 0);
		assert_int_equal(strlen(buffer), len);
		assert_int_equal(buffer[cap], '#');
	}
}

/* ---- decisionid ------------------------------------------------------------------------- */

static void test_decisionid_next__sorts_as_made(void **state)
{
	char last[DECISIONID_TEXT] = "", id[DECISIONID_TEXT];
	struct decisionid ids;
	int64_t now = NOW;

	(void)state;
	decisionid_init(&ids, 0xffffffff);
	for (int i = 0; i < 10000; i++) {
		/* the clock stands, goes on, and is set back */
		now += i % 7 == 0 ? 1 : i % 1000 == 999 ? -5000 : 0;
		decisionid_next(&ids, now, id);
		assert_int_equal(strlen(id), DECISIONID_TEXT - 1);
		assert_int_equal(strspn(id, "0123456789abcdefghjkmnpqrstvwxyz"), strlen(id));
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof(last));
	}
}

static void test_decisionid_next__outlives_a_full_millisecond(void **state)
{
	char last[DECISIONID_TEXT] = "", id[DECISIONID_TEXT];
	struct decisionid ids;

	(void)state;
	decisionid_init(&ids, 1);
	for (int i = 0; i < (1 << 20) + 10; i++) {
		decisionid_next(&ids, NOW, id);
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof(last));
	}
}

static void test_decisionid_next__tells_instances_apart(void **state)
{
	char one[DECISIONID_TEXT], other[DECISIONID_TEXT];
	struct decisionid ids;

	(void)state;
	decisionid_init(&ids, 1);
	decisionid_next(&ids, NOW, one);
	decisionid_init(&ids, 2);
	assert_string_not_equal(one, decisionid_next(&ids, NOW, other));
	decisionid_init(&ids, 1);
	assert_string_equal(one, decisionid_next(&ids, NOW, other));
	assert_string_equal(decisionid_next(&ids, -1, other), other);
}

/* ---- notice ----------------------------------------------------------------------------- */

static const struct schema_error fault = {
	.instance = "/status",
	.keyword = "transition",
	.message = "order is PLACED: APPROVED, CANCELLED may follow, not DELIVERED",
};

#define TYPES "https://petstoreapi.com/errors/"

static void test_notice_print__says_all_of_it(void **state)
{
	struct refusal refusal = refusal_example("06c5w3z8m4k2x9ab", NOW);
	char text[NOTICE_MAX];
	size_t len;

	(void)state;
	len = notice_print(TYPES, &refusal, &fault, 1, text);
	assert_int_equal(len, strlen(text));
	assert_string_equal(
		text,
		"{\"type\":\"https://petstoreapi.com/errors/validation-error\","
		"\"title\":\"Validation Error\",\"status\":422,"
		"\"detail\":\"order is PLACED: APPROVED, CANCELLED may follow, not DELIVERED\","
		"\"instance\":\"orders/7/status\","
		"\"errors\":[{\"field\":\"/status\",\"code\":\"transition\",\"message\":"
		"\"order is PLACED: APPROVED, CANCELLED may follow, not DELIVERED\"}],"
		"\"reason\":\"transition-illegal\",\"decisionId\":\"06c5w3z8m4k2x9ab\","
		"\"topic\":\"orders/7/status\",\"qos\":1,\"time\":\"2026-01-15T10:30:00.123Z\","
		"\"currentStatus\":\"PLACED\"}");
	refusal.is_one_of_several = true;
	(void)notice_print(TYPES, &refusal, &fault, 1, text);
	assert_non_null(strstr(text, ",\"messageName\":\"orderStatus\"}"));
	refusal.is_one_of_several = false;
	refusal.reason = REASON_SCOPE_MISSING;
	refusal.pointer = refusal.keyword = refusal.current_status = refusal.message = "";
	refusal.is_observed = true;
	(void)notice_print(TYPES, &refusal, NULL, 0, text);
	assert_string_equal(text, "{\"type\":\"https://petstoreapi.com/errors/forbidden\","
				  "\"title\":\"Forbidden\",\"status\":403,"
				  "\"detail\":\"The client lacks the scope\","
				  "\"instance\":\"orders/7/status\",\"reason\":\"scope-missing\","
				  "\"decisionId\":\"06c5w3z8m4k2x9ab\","
				  "\"topic\":\"orders/7/status\",\"qos\":1,"
				  "\"time\":\"2026-01-15T10:30:00.123Z\",\"observed\":true}");
}

static void test_notice_print__instance_is_a_uri_reference(void **state)
{
	static const char topic[] = "$a/b c?d%#\xc3\xa4:\"\n/e";
	struct refusal refusal = refusal_example("06c5w3z8m4k2x9ab", NOW);
	char text[NOTICE_MAX];
	json_t *json;

	(void)state;
	refusal.topic = topic;
	refusal.topic_len = sizeof(topic) - 1;
	(void)notice_print(TYPES, &refusal, NULL, 0, text);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "instance")),
			    "$a/b%20c%3Fd%25%23%C3%A4%3A%22%0A/e");
	assert_string_equal(json_string_value(json_object_get(json, "topic")), topic);
	json_decref(json);
}

/* The contract names the types; where it does not the status says it all. */
static void test_notice_print__types_of_another_contract(void **state)
{
	struct refusal refusal = refusal_example("06c5w3z8m4k2x9ab", NOW);
	char text[NOTICE_MAX];

	(void)state;
	(void)notice_print("urn:example:", &refusal, NULL, 0, text);
	assert_non_null(strstr(text, "{\"type\":\"urn:example:validation-error\","));
	(void)notice_print(NULL, &refusal, NULL, 0, text);
	assert_non_null(strstr(text, "{\"type\":\"about:blank\",\"title\":\"Validation Error\","));
	(void)notice_print_held(NULL, "eva/app", 2, NOW, text);
	assert_non_null(strstr(text, "{\"type\":\"about:blank\","));
}

/* Every reason has a type, and the longest of everything still fits. */
static void test_notice_print__fits_for_every_reason(void **state)
{
	struct schema_error faults[NOTICE_FAULTS_MAX + 1];
	static char hostile[70000];
	char sentence[256], types[CONTRACT_PROBLEM_TYPES_MAX + 1];

	(void)state;
	memset(hostile, 0x01, sizeof(hostile));
	memset(types, '&', sizeof(types) - 1);
	types[sizeof(types) - 1] = '\0';
	memset(sentence, 0x1b, sizeof(sentence) - 1);
	sentence[255] = '\0';
	memset(faults, '"', sizeof(faults));
	for (size_t i = 0; i < NOTICE_FAULTS_MAX + 1; i++)
		faults[i].instance[255] = faults[i].keyword[31] = faults[i].message[255] = '\0';
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		struct refusal refusal = refusal_example("06c5w3z8m4k2x9ab", NOW);
		char text[NOTICE_MAX];
		json_t *json;
		const char *type;

		refusal.reason = reason;
		refusal.topic = hostile;
		refusal.topic_len = sizeof(hostile);
		refusal.message = refusal.current_status = refusal.message_name = sentence;
		refusal.is_observed = refusal.is_one_of_several = refusal.is_closed = true;
		assert_true(notice_print(types, &refusal, faults, NOTICE_FAULTS_MAX + 1, text) > 0);
		json = json_loads(text, 0, NULL);
		assert_non_null(json);
		assert_int_equal(json_array_size(json_object_get(json, "errors")),
				 NOTICE_FAULTS_MAX);
		type = json_string_value(json_object_get(json, "type"));
		assert_true(strncmp(type, types, strlen(types)) == 0 && type[strlen(types)]);
		assert_true(json_integer_value(json_object_get(json, "status")) >= 400);
		json_decref(json);
	}
}

/* ---- quota ------------------------------------------------------------------------------ */

static bool take(struct quota *quota, const char *client, int64_t now)
{
	return quota_take(quota, client, strlen(client), now);
}

static void test_quota_take__gives_so_many_a_second(void **state)
{
	struct quota *quota = NULL;
	struct quota_held held;
	struct diag diag;

	(void)state;
	assert_int_equal(quota_new(3, &quota, &diag), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(take(quota, "eva", 5000 + i), i < 3);
	assert_true(take(quota, "tom", 5100));
	/* told once the second is over, once */
	assert_false(quota_next_held(quota, 5999, &held));
	assert_true(quota_next_held(quota, 6000, &held));
	assert_string_equal(held.client, "eva");
	assert_int_equal(held.count, 7);
	assert_false(quota_next_held(quota, 6000, &held));
	assert_false(quota_next_held(quota, 7000, &held));
	assert_true(take(quota, "eva", 7000));
	quota_free(quota);
	quota_free(NULL);
}

static void test_quota_take__owes_what_the_next_second_covers(void **state)
{
	struct quota *quota = NULL;
	struct quota_held held;
	struct diag diag;

	(void)state;
	assert_int_equal(quota_new(1, &quota, &diag), 0);
	for (int64_t now = 5000; now < 7000; now += 100)
		(void)take(quota, "eva", now);
	/* 2 seconds of 10, 1 given in each; the second of them is not over */
	assert_true(quota_next_held(quota, 6950, &held));
	assert_int_equal(held.count, 9);
	assert_false(quota_next_held(quota, 6990, &held));
	assert_true(quota_next_held(quota, 7000, &held));
	assert_int_equal(held.count, 9);
	quota_free(quota);
}

static void test_quota_take__is_not_flooded(void **state)
{
	struct quota *quota = NULL;
	struct quota_held held;
	struct diag diag;
	unsigned given = 0, told = 0;
	uint64_t victim = 0;

	(void)state;
	assert_int_equal(quota_new(2, &quota, &diag), 0);
	for (unsigned i = 0; i < 200000; i++) {
		char client[32];

		(void)snprintf(client, sizeof(client), "eva/flood-%u", i);
		given += take(quota, client, 5000);
	}
	/* all together got no more than half, and there is something left for others */
	assert_int_equal(given, QUOTA_TOTAL * 2 / 2);
	assert_true(take(quota, "tom/victim", 5000));
	assert_true(take(quota, "tom/victim", 5000));
	assert_false(take(quota, "tom/victim", 5000));
	while (quota_next_held(quota, 6000, &held)) {
		told++;
		victim += strcmp(held.client, "tom/victim") == 0 ? held.count : 0;
	}
	assert_true(told > 0 && told <= QUOTA_CLIENTS);
	assert_int_equal(victim, 1);
	/* who wanted too much has less in the second after */
	given = 0;
	for (unsigned i = 0; i < 200000; i++) {
		char client[32];

		(void)snprintf(client, sizeof(client), "eva/flood-%u", i);
		given += take(quota, client, 6000);
	}
	assert_true(given <= QUOTA_TOTAL * 2 / 8 + 1);
	assert_true(take(quota, "tom/victim", 6000));
	quota_free(quota);
}

static void test_quota_take__refuses_what_is_no_client(void **state)
{
	char longest[QUOTA_CLIENT_MAX + 2];
	struct quota *quota = NULL;
	struct quota_held held;
	struct diag diag;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(quota_new(2, &quota, &diag), 0);
	assert_false(quota_take(quota, "", 0, 5000));
	assert_true(quota_take(quota, longest, QUOTA_CLIENT_MAX, 5000));
	assert_false(quota_take(quota, longest, QUOTA_CLIENT_MAX + 1, 5000));
	quota_free(quota);
	assert_int_equal(quota_new(0, &quota, &diag), 0);
	assert_false(take(quota, "eva", 5000));
	assert_false(quota_next_held(quota, 9000, &held));
	quota_free(quota);
}

/* ---- refusals --------------------------------------------------------------------------- */

static struct refusals *desk(unsigned per_second, size_t payload_bytes)
{
	struct refusals *refusals = NULL;
	struct diag diag;

	assert_int_equal(refusals_new(per_second, payload_bytes, &refusals, &diag), 0);
	return refusals;
}

static void test_refusals_describe__takes_over_the_decision(void **state)
{
	struct refusals *refusals = desk(5, 4);
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = "orders/7/status",
						     .topic_len = 15,
						     .payload = "{\"a\":1}",
						     .payload_len = 7,
						     .qos = 2,
						     .is_will = true } };
	const struct contract_message kind = { .name = "stop" };
	struct contract_channel channel = { .message_count = 1 };
	struct decision decision = {
		.reason = REASON_SCHEMA_VIOLATION,
		.channel = &channel,
		.kind = &kind,
		.error = { .instance = "/a", .keyword = "type", .message = "no" }
	};
	struct who who = { "app-1", "eva", "::1", true };
	struct refusals_notice notice;
	struct refusal refusal;

	(void)state;
	refusals_describe(refusals, &request, &decision, &who, NOW, &refusal);
	assert_string_equal(refusal.action, "will");
	assert_int_equal(refusal.payload_len, 4);
	assert_string_equal(refusal.pointer, "/a");
	assert_string_equal(refusal.message_name, "stop");
	assert_false(refusal.is_one_of_several);
	channel.message_count = 2;
	refusals_describe(refusals, &request, &decision, &who, NOW, &refusal);
	assert_true(refusal.is_one_of_several);
	assert_true(refusals_may_tell(refusals, &refusal));
	refusals_notice(TYPES, &refusal, &decision.error, 1, &notice);
	assert_string_equal(notice.topic, "refusals/eva/app-1");
	assert_int_equal(notice.len, strlen(notice.text));
	assert_non_null(strstr(notice.text, refusal.id));
	refusals_free(refusals);
	refusals_free(NULL);
}

static void test_refusals_notice__goes_to_the_clients_level(void **state)
{
	char longest[PERCENT_LEVEL_MAX + 2];
	struct refusals *refusals = desk(5, 0);
	struct refusals_notice notice;
	struct refusal refusal = refusal_example("06c5w3z8m4k2x9ab", NOW);

	(void)state;
	refusal.who.client_id = "a/+ #";
	assert_true(refusals_may_tell(refusals, &refusal));
	refusals_notice(TYPES, &refusal, NULL, 0, &notice);
	assert_string_equal(notice.topic, "refusals/eva/a%2F%2B%20%23");
	refusal.who.client_id = "";
	assert_false(refusals_may_tell(refusals, &refusal));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[PERCENT_LEVEL_MAX + 1] = '\0';
	refusal.who.client_id = longest;
	assert_false(refusals_may_tell(refusals, &refusal));
	longest[PERCENT_LEVEL_MAX] = '\0';
	assert_true(refusals_may_tell(refusals, &refusal));
	refusals_notice(TYPES, &refusal, NULL, 0, &notice);
	assert_int_equal(strlen(notice.topic), 13 + PERCENT_LEVEL_MAX);
	refusal.action = "subscribe";
	assert_false(refusals_may_tell(refusals, &refusal));
	refusals_free(refusals);
}

static void test_refusals_held__makes_up_for_the_bound(void **state)
{
	struct refusals *refusals = desk(2, 0);
	struct refusals_notice notice;
	struct refusal refusal = refusal_example("06c5w3z8m4k2x9ab", NOW);
	json_t *json;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(refusals_may_tell(refusals, &refusal), i < 2);
	assert_false(refusals_held(refusals, TYPES, NOW, &notice));
	assert_true(refusals_held(refusals, TYPES, NOW + 1000, &notice));
	assert_string_equal(notice.topic, "refusals/eva/app-1");
	json = json_loads(notice.text, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(json, "heldBack")), 8);
	assert_string_equal(json_string_value(json_object_get(json, "detail")),
			    "8 more refusals were not reported one by one");
	json_decref(json);
	assert_false(refusals_held(refusals, TYPES, NOW + 1000, &notice));
	refusals_free(refusals);
}

static void test_refusals_new__survives_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct refusals *refusals = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = refusals_new(5, 256, &refusals, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 1);
			refusals_free(refusals);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(refusals);
	}
}

/* ---- dead letters ------------------------------------------------------------------------ */

/* Nobody's who may not publish there, and none that its sender sends again. */
static void test_deadletter_is_due__by_reason(void **state)
{
	static const char not [] = " internal-error allowed identity-unknown topic-unknown "
				   "operation-missing scope-missing not-owner filter-unreachable "
				   "store-unavailable share-partial overtaken overruled step-scope "
				   "response-topic ";

	(void)state;
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		char word[64];

		(void)snprintf(word, sizeof(word), " %s ", reason_code((enum reason)i));
		if (deadletter_is_due((enum reason)i) != !strstr(not, word))
			fail_msg("%s", word);
		if (reason_cause((enum reason)i) == REASON_OF_TROUBLE)
			assert_false(deadletter_is_due((enum reason)i));
	}
	assert_false(deadletter_is_due(REASON_COUNT));
}

#define OWN                                                                                        \
	"\x01\x01\x03\0\3t/x\x08\0\1r\x09\0\2\0\xff"                                               \
	"\x26\0\1a\0\2\"b"                                                                         \
	"\x26\0\x0e"                                                                               \
	"dead-letter-id"                                                                           \
	"\0\1x"                                                                                    \
	"\x26\0\0\0\0"

static void test_deadletter_next__takes_what_is_whole(void **state)
{
	struct deadletter_property property;
	size_t most = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(OWN); len++) {
		unsigned char *copy = malloc(len + 1); /* so that a byte too many is a fault */
		const unsigned char *at = copy;
		size_t count = 0;

		memcpy(copy, OWN, len);
		copy = realloc(copy, len > 0 ? len : 1);
		at = copy;
		while (deadletter_next(&at, copy + len, &property))
			count++;
		assert_true(at <= copy + len && count >= most);
		most = count;
		assert_int_equal(deadletter_is_one(copy, len), len >= sizeof(OWN) - 1 - 5);
		free(copy);
	}
	assert_int_equal(most, 7);
	assert_false(deadletter_is_one(NULL, 0));
	assert_false(deadletter_is_one("\x0b\1", 2)); /* of no message */
}

static struct deadletter letter_of(const struct refusal *refusal, const struct message *message)
{
	return (struct deadletter){ .refusal = refusal,
				    .message = message,
				    .problem = "{\"reason\":\"x\"}",
				    .problem_len = 14 };
}

static json_t *print_letter(const struct deadletter *letter)
{
	size_t len = deadletter_print(letter, NULL, 0);
	char *text = malloc(len);
	json_t *ret;

	assert_int_equal(deadletter_print(letter, text, len), len);
	ret = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	assert_non_null(ret);
	assert_null(memchr(text, '\n', len));
	free(text);
	return ret;
}

static void test_deadletter_print__payload_comes_back(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *encoding, *payload;
	} rows[] = {
		{ "", 0, "text", "" },
		{ "{\"a\":\"\\n\"}", 11, "text", "{\"a\":\"\\n\"}" },
		{ "a\n\t\"\x01\x7f\xc3\xa4", 8, "text", "a\n\t\"\x01\x7f\xc3\xa4" },
		{ "\xff\x00", 2, "base64", "/wA=" },
		{ "a\xc3", 2, "base64", "YcM=" },
	};
	struct refusal refusal = refusal_example("06c", NOW);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message message = { .topic = "orders/7/\"s\xff",
					   .payload = rows[i].bytes,
					   .payload_len = rows[i].len };
		struct deadletter letter = letter_of(&refusal, &message);
		json_t *found = print_letter(&letter);

		assert_string_equal(json_string_value(json_object_get(found, "payload")),
				    rows[i].payload);
		assert_string_equal(json_string_value(json_object_get(found, "encoding")),
				    rows[i].encoding);
		assert_string_equal(json_string_value(json_object_get(found, "topic")),
				    "orders/7/\"s\xef\xbf\xbd");
		assert_null(json_object_get(found, "properties"));
		json_decref(found);
	}
}

/* A payload of all lengths, in base64's portions. */
static void test_deadletter_print__long_base64(void **state)
{
	struct refusal refusal = refusal_example("06c", NOW);
	unsigned char decoded[208];
	char bytes[200];
	size_t count;

	(void)state;
	memset(bytes, 0xfe, sizeof(bytes));
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		struct message message = { .topic = "t", .payload = bytes, .payload_len = len };
		struct deadletter letter = letter_of(&refusal, &message);
		json_t *found = print_letter(&letter);
		const char *text = json_string_value(json_object_get(found, "payload"));

		assert_int_equal(strlen(text), (len + 2) / 3 * 4);
		assert_true(base64_decode(BASE64_PADDED, text, strlen(text), decoded,
					  sizeof(decoded), &count));
		assert_int_equal(count, len);
		assert_memory_equal(decoded, bytes, len);
		json_decref(found);
	}
}

static void test_deadletter_print__properties(void **state)
{
	struct refusal refusal = refusal_example("06c", NOW);
	struct message message = { .topic = "t" };
	struct deadletter letter = letter_of(&refusal, &message);
	json_t *found, *expected;

	(void)state;
	letter.properties = OWN;
	letter.properties_len = sizeof(OWN) - 1;
	letter.is_cut = true;
	found = print_letter(&letter);
	expected = json_pack("{si ss ss ss s[[ss][ss]]}", "payloadFormat", 1, "contentType", "t/x",
			     "responseTopic", "r", "correlationData", "AP8=", "userProperties", "a",
			     "\"b", "", "");
	assert_true(json_equal(json_object_get(found, "properties"), expected));
	assert_string_equal(json_string_value(json_object_get(found, "cut")), "properties");
	json_decref(expected);
	json_decref(found);
}

static void test_deadletter_pairs__all_of_them(void **state)
{
	struct refusal refusal = refusal_example("06c", NOW);
	struct message message = { .topic = "orders/7/status" };
	struct deadletter letter = letter_of(&refusal, &message);
	struct deadletter_pairs pairs;

	(void)state;
	letter.is_cut = true;
	deadletter_pairs(&letter, &pairs);
	assert_int_equal(pairs.count, DEADLETTER_PAIRS);
	for (size_t i = 0; i < pairs.count; i++) {
		const char *name = pairs.pair[i].name;
		struct deadletter_property property = { .id = 38,
							.name = name,
							.name_len = strlen(name) };

		assert_true(deadletter_is_ours(&property));
	}
	assert_string_equal(pairs.pair[0].value, "06c");
	assert_string_equal(pairs.qos, "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jsonout_text__escapes_whatever_comes),
		cmocka_unit_test(test_jsonout_text__cuts_between_characters),
		cmocka_unit_test(test_jsonout_end__says_what_did_not_fit),
		cmocka_unit_test(test_decisionid_next__sorts_as_made),
		cmocka_unit_test(test_decisionid_next__outlives_a_full_millisecond),
		cmocka_unit_test(test_decisionid_next__tells_instances_apart),
		cmocka_unit_test(test_notice_print__says_all_of_it),
		cmocka_unit_test(test_notice_print__types_of_another_contract),
		cmocka_unit_test(test_notice_print__instance_is_a_uri_reference),
		cmocka_unit_test(test_notice_print__fits_for_every_reason),
		cmocka_unit_test(test_quota_take__gives_so_many_a_second),
		cmocka_unit_test(test_quota_take__owes_what_the_next_second_covers),
		cmocka_unit_test(test_quota_take__is_not_flooded),
		cmocka_unit_test(test_quota_take__refuses_what_is_no_client),
		cmocka_unit_test(test_refusals_describe__takes_over_the_decision),
		cmocka_unit_test(test_refusals_notice__goes_to_the_clients_level),
		cmocka_unit_test(test_refusals_held__makes_up_for_the_bound),
		cmocka_unit_test(test_refusals_new__survives_failing_allocations),
		cmocka_unit_test(test_deadletter_is_due__by_reason),
		cmocka_unit_test(test_deadletter_next__takes_what_is_whole),
		cmocka_unit_test(test_deadletter_print__payload_comes_back),
		cmocka_unit_test(test_deadletter_print__long_base64),
		cmocka_unit_test(test_deadletter_print__properties),
		cmocka_unit_test(test_deadletter_pairs__all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

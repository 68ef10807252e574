/*
 * The contract's documents as a text for each account: what of several documents is in it, that the
 * texts that are kept stay right while others push them out, and where their parts end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/shown.h"
#include "failalloc.h"
#include "folder.h"

static struct folder folder;

static const char *write_file(const char *name, const char *text)
{
	const char *path = folder_file(&folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* The rules of @count documents in the folder, 1.json and so on, and its access.json. */
static struct rules *load(size_t count)
{
	char path[4][300], access[300];
	const char *paths[4];
	struct rules_files files = { .contract = { .count = count, .path = paths } };
	struct rules *rules = NULL;
	struct diag diag;

	for (size_t i = 0; i < count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%zu.json", i + 1);
		(void)snprintf(path[i], sizeof(path[i]), "%s", folder_file(&folder, name));
		paths[i] = path[i];
	}
	(void)snprintf(access, sizeof(access), "%s", folder_file(&folder, "access.json"));
	files.access = access;
	if (rules_load(&files, &rules, &diag))
		fail_msg("%s", diag.text);
	assert_non_null(rules->documents);
	return rules;
}

static const struct shown_text *make(struct shown *shown, const struct rules *rules,
				     const char *user)
{
	const struct access_principal *principal = access_find(rules->access, user);
	const struct shown_text *text = NULL;
	struct diag diag;

	assert_non_null(principal);
	assert_int_equal(shown_make(shown, rules, principal, LOGIN_PASSWORD, &text, &diag), 0);
	return text;
}

/* What @user is shown, put together from parts. */
static json_t *show(struct shown *shown, const struct rules *rules, const char *user)
{
	const struct shown_text *text = make(shown, rules, user);
	const char *plain;
	json_t *json;
	struct diag diag;
	size_t at = 0;

	assert_int_equal(shown_plain(shown, text, &plain, &diag), 0);
	while (at < text->len) {
		size_t end = shown_part(plain, text->len, at);

		assert_true(end > at && end <= text->len && end - at <= SHOWN_PART_BYTES);
		at = end;
	}
	json = json_loadb(plain, text->len, 0, NULL);
	assert_non_null(json);
	return json;
}

/* "0/lamp yes no,1/door ...": what the list says of each channel; checks that just these are there.
 */
static const char *says(const json_t *shown)
{
	static char text[2048];
	const json_t *documents = json_object_get(shown, "documents"), *may;
	size_t i, channels = 0;

	text[0] = '\0';
	json_array_foreach(json_object_get(shown, "may"), i, may) {
		long long document = json_integer_value(json_object_get(may, "document"));
		const char *channel = json_string_value(json_object_get(may, "channel"));
		size_t used = strlen(text);

		assert_non_null(json_object_get(
			json_object_get(json_array_get(documents, (size_t)document), "channels"),
			channel));
		(void)snprintf(text + used, sizeof(text) - used, "%s%lld/%s %s %s", i ? "," : "",
			       document, channel, json_string_value(json_object_get(may, "send")),
			       json_string_value(json_object_get(may, "receive")));
	}
	json_array_foreach(documents, i, may)
		channels += json_object_size(json_object_get(may, "channels"));
	assert_int_equal(channels, json_array_size(json_object_get(shown, "may")));
	return text;
}

static bool has(const json_t *shown, const char *word)
{
	char *text = json_dumps(shown, JSON_COMPACT);
	bool ret;

	assert_non_null(text);
	ret = strstr(text, word) != NULL;
	free(text);
	return ret;
}

/* ---- several documents ------------------------------------------------------------------- */

/* Two of 3.0 with one topic in common, under other keys, and one of 2.6 with a topic of its own. */
static void write_documents(void)
{
	(void)write_file(
		"1.json",
		"{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Lights\",\"version\":\"1\"},"
		"\"channels\":{"
		"\"lamp\":{\"address\":\"lights/{lampId}/state\",\"parameters\":{\"lampId\":{}},"
		"\"messages\":{\"m\":{\"payload\":{\"$ref\":\"#/components/schemas/State\"}}}},"
		"\"door\":{\"address\":\"doors/{doorId}/state\",\"parameters\":{\"doorId\":{}},"
		"\"messages\":{\"m\":{\"payload\":{\"$ref\":\"#/components/schemas/"
		"DoorState\"}}}}},"
		"\"operations\":{\"sayLamp\":{\"action\":\"send\",\"channel\":{\"$ref\":"
		"\"#/channels/lamp\"}},\"sayDoor\":{\"action\":\"send\",\"channel\":{\"$ref\":"
		"\"#/channels/"
		"door\"}}},\"components\":{\"schemas\":{\"State\":{\"type\":\"object\"},"
		"\"DoorState\":{\"type\":\"object\"}}}}");
	(void)write_file(
		"2.json",
		"{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Wall\",\"version\":\"1\"},"
		"\"channels\":{"
		"\"alarm\":{\"address\":\"alarms/wall\",\"messages\":{\"m\":{\"payload\":{\"$ref\":"
		"\"#/components/schemas/AlarmState\"}}}},"
		"\"lampOfWall\":{\"address\":\"lights/{lampId}/"
		"state\",\"parameters\":{\"lampId\":{}},"
		"\"messages\":{\"m\":{\"payload\":{\"$ref\":\"#/components/schemas/OnWall\"}}}}},"
		"\"operations\":{\"hearLamp\":{\"action\":\"receive\",\"channel\":{\"$ref\":"
		"\"#/channels/"
		"lampOfWall\"}},\"sayAlarm\":{\"action\":\"send\",\"channel\":{\"$ref\":"
		"\"#/channels/"
		"alarm\"}}},\"components\":{\"schemas\":{\"OnWall\":{\"type\":\"object\"},"
		"\"AlarmState\":{\"type\":\"object\"}}}}");
	(void)write_file(
		"3.json",
		"{\"asyncapi\":\"2.6.0\",\"info\":{\"title\":\"Meters\",\"version\":\"1\"},"
		"\"channels\":{"
		"\"meters/{meterId}/level\":{\"parameters\":{\"meterId\":{\"schema\":{\"type\":"
		"\"string\"}}},\"subscribe\":{\"operationId\":\"level\",\"message\":{\"payload\":{"
		"\"$ref\":\"#/components/schemas/Level\"}}}},"
		"\"meters/{meterId}/reset\":{\"parameters\":{\"meterId\":{\"schema\":{\"type\":"
		"\"string\"}}},\"publish\":{\"operationId\":\"reset\",\"message\":{\"payload\":{"
		"\"$ref\":\"#/components/schemas/Reset\"}}}}},"
		"\"components\":{\"schemas\":{\"Level\":{\"type\":\"object\"},\"Reset\":{\"type\":"
		"\"object\"}}}}");
	(void)write_file(
		"access.json",
		"{\"roles\":{\"lights\":{\"is\":[\"Lights\"]},\"wall\":{\"is\":[\"Wall\"]},"
		"\"meter\":{\"is\":[\"Meters\"],\"operations\":[\"level\"]},"
		"\"resets\":{\"talksTo\":[\"Meters\"],\"operations\":[\"reset\"]},"
		"\"hears\":{\"talksTo\":[\"Lights\"],\"operations\":[\"sayLamp\"],"
		"\"where\":{\"lampId\":\"north-*\"}},\"nothing\":{}},\"users\":{"
		"\"lights\":{\"roles\":[\"lights\"]},\"wall\":{\"roles\":[\"wall\"]},"
		"\"meter\":{\"roles\":[\"meter\"]},\"resets\":{\"roles\":[\"resets\"]},"
		"\"hears\":{\"roles\":[\"hears\"]},\"nobody\":{\"roles\":[\"nothing\"]},"
		"\"both\":{\"roles\":[\"meter\",\"wall\"]}}}");
}

/* Each channel is judged as the broker does it: as one, whatever documents say of it. */
static void test_shown_make__joined_documents_and_older_ones(void **state)
{
	static const struct {
		const char *user, *may, *lacks;
	} rows[] = {
		{ "lights", "0/lamp yes no,0/door yes no,1/lampOfWall yes no", "AlarmState" },
		{ "wall", "0/lamp no yes,1/alarm yes no,1/lampOfWall no yes", "DoorState" },
		{ "meter", "2/meters/{meterId}/level yes no", "Reset" },
		{ "resets", "2/meters/{meterId}/reset yes no", "Level" },
		{ "hears", "0/lamp no yes,1/lampOfWall no yes", "DoorState" },
		{ "both",
		  "0/lamp no yes,1/alarm yes no,1/lampOfWall no yes,2/meters/{meterId}/level yes "
		  "no",
		  "Reset" },
		{ "nobody", "", "State" },
	};
	struct shown *shown = NULL;
	struct rules *rules;
	struct diag diag;

	(void)state;
	write_documents();
	rules = load(3);
	assert_int_equal(shown_new(&shown, &diag), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *text = show(shown, rules, rows[i].user);

		if (strcmp(says(text), rows[i].may) != 0)
			fail_msg("%s: %s", rows[i].user, says(text));
		if (has(text, rows[i].lacks))
			fail_msg("%s: has %s", rows[i].user, rows[i].lacks);
		json_decref(text);
	}
	shown_free(shown);
	rules_free(rules);
}

/* A right on some topics of a channel is a right to the channel; one that lacks some is, too. */
static void test_shown_make__rights_to_some_topics(void **state)
{
	static const struct {
		const char *user, *may;
	} rows[] = {
		{ "all", "0/orderStatus no yes,0/orderPayment no yes,0/refusals no own" },
		{ "some", "0/orderStatus no yes,0/orderPayment no yes,0/refusals no own" },
		{ "but", "0/orderStatus no yes,0/orderPayment no yes,0/refusals no own" },
		{ "none", "0/refusals no own" },
		{ "own", "0/orderStatus no own,0/orderPayment no own,0/refusals no own" },
	};
	static const char *const path[] = { "schemas/petstore.asyncapi.json" };
	char access[300];
	struct rules_files files = { .contract = { .count = 1, .path = path } };
	struct shown *shown = NULL;
	struct rules *rules = NULL;
	struct diag diag;

	(void)state;
	(void)snprintf(
		access, sizeof(access), "%s",
		write_file(
			"access.json",
			"{\"roles\":{\"all\":{\"scopes\":[\"read:orders\"]},"
			"\"some\":{\"scopes\":[\"read:orders\"],\"where\":{\"orderId\":\"a-*\"}},"
			"\"but\":{\"deny\":[\"read:orders\"],\"where\":{\"orderId\":\"b-*\"}},"
			"\"never\":{\"deny\":[\"read:orders\"]},"
			"\"own\":{\"scopes\":[\"read:orders:own\"]}},\"users\":{"
			"\"all\":{\"roles\":[\"all\"]},\"some\":{\"roles\":[\"some\"]},"
			"\"but\":{\"roles\":[\"all\",\"but\"]},"
			"\"none\":{\"roles\":[\"all\",\"never\"]},"
			"\"own\":{\"roles\":[\"own\"]}}}"));
	files.access = access;
	if (rules_load(&files, &rules, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(shown_new(&shown, &diag), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *text = show(shown, rules, rows[i].user);

		if (strcmp(says(text), rows[i].may) != 0)
			fail_msg("%s: %s", rows[i].user, says(text));
		json_decref(text);
	}
	shown_free(shown);
	rules_free(rules);
}

/* ---- texts that are kept ----------------------------------------------------------------- */

#define CHANNELS 7u
#define USERS 100u /* of 128 that differ in what they may read */

/* A contract of channels with a scope each. @note: what its description says, some of it. */
static void write_many(const char *note)
{
	json_t *channels = json_object(), *operations = json_object(), *schemes = json_object();
	json_t *document;
	char *text;

	for (unsigned i = 0; i < CHANNELS; i++) {
		char name[16], ref[64];

		(void)snprintf(name, sizeof(name), "c%u", i);
		(void)snprintf(ref, sizeof(ref), "#/components/securitySchemes/%s", name);
		(void)json_object_set_new(
			schemes, name,
			json_pack("{s:s, s:[s], s:{s:{s:s, s:s, s:{s:s}}}}", "type", "oauth2",
				  "scopes", name, "flows", "clientCredentials", "tokenUrl",
				  "https://example.org/", "refreshUrl", "https://example.org/",
				  "availableScopes", name, ""));
		(void)json_object_set_new(channels, name,
					  json_pack("{s:o, s:{s:{s:{}}}}", "address",
						    json_sprintf("topic/%u", i), "messages", "m",
						    "payload"));
		(void)json_object_set_new(operations, name,
					  json_pack("{s:s, s:{s:o}, s:[{s:s}]}", "action",
						    "receive", "channel", "$ref",
						    json_sprintf("#/channels/%s", name), "security",
						    "$ref", ref));
	}
	document = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:o, s:o, s:{s:o}}", "asyncapi",
			     "3.0.0", "x-perspective", "client", "info", "title", "Many", "version",
			     "1", "description", note, "channels", channels, "operations",
			     operations, "components", "securitySchemes", schemes);
	text = json_dumps(document, 0);
	assert_non_null(text);
	(void)write_file("1.json", text);
	free(text);
	json_decref(document);
}

/* The user u5 may read c0 and c2: the bits of its number. */
static void write_users(void)
{
	json_t *roles = json_object(), *users = json_object(), *access;
	char *text;

	for (unsigned i = 0; i < USERS; i++) {
		json_t *scopes = json_array();
		char name[16];

		for (unsigned k = 0; k < CHANNELS; k++)
			if (i >> k & 1)
				(void)json_array_append_new(scopes, json_sprintf("c%u", k));
		(void)snprintf(name, sizeof(name), "u%u", i);
		(void)json_object_set_new(roles, name, json_pack("{s:o}", "scopes", scopes));
		(void)json_object_set_new(users, name, json_pack("{s:[s]}", "roles", name));
	}
	access = json_pack("{s:o, s:o}", "roles", roles, "users", users);
	text = json_dumps(access, 0);
	assert_non_null(text);
	(void)write_file("access.json", text);
	free(text);
	json_decref(access);
}

/* Others push a text out and it is made anew: with the same bytes, so that a part fits the others.
 */
static void test_shown_make__more_than_are_kept(void **state)
{
	char digest[USERS][DOCUMENTS_DIGEST], name[16];
	struct shown *shown = NULL;
	struct rules *rules;
	struct diag diag;

	(void)state;
	write_many("");
	write_users();
	rules = load(1);
	assert_true(USERS > SHOWN_TEXTS_MAX);
	assert_int_equal(shown_new(&shown, &diag), 0);
	for (unsigned i = 0; i < 2 * USERS; i++) {
		unsigned user = i % USERS, wanted = 0;
		json_t *text, *channels;

		(void)snprintf(name, sizeof(name), "u%u", user);
		text = show(shown, rules, name);
		channels = json_object_get(json_array_get(json_object_get(text, "documents"), 0),
					   "channels");
		for (unsigned k = 0; k < CHANNELS; k++) {
			char key[16];

			(void)snprintf(key, sizeof(key), "c%u", k);
			wanted += user >> k & 1;
			assert_int_equal(json_object_get(channels, key) != NULL, user >> k & 1);
		}
		assert_int_equal(json_object_size(channels), wanted);
		json_decref(text);
		if (i >= USERS)
			assert_string_equal(make(shown, rules, name)->digest, digest[user]);
		(void)strcpy(digest[user], make(shown, rules, name)->digest);
	}
	for (unsigned i = 1; i < USERS; i++)
		assert_string_not_equal(digest[i], digest[i - 1]);
	shown_free(shown);
	rules_free(rules);
}

/* Of each round's texts the one that is asked for between the others stays where it is. */
static void test_shown_make__keeps_what_is_used(void **state)
{
	const unsigned char *packed;
	struct shown *shown = NULL;
	struct rules *rules;
	char name[16];
	struct diag diag;

	(void)state;
	write_many("");
	write_users();
	rules = load(1);
	assert_int_equal(shown_new(&shown, &diag), 0);
	packed = make(shown, rules, "u0")->packed;
	for (unsigned i = 1; i < USERS; i++) {
		(void)snprintf(name, sizeof(name), "u%u", i);
		(void)make(shown, rules, name);
		failalloc_start(0);
		assert_ptr_equal(make(shown, rules, "u0")->packed, packed);
		assert_true(failalloc_count() <
			    8); /* its rights and the key, and nothing of a text */
		(void)failalloc_stop();
	}
	shown_free(shown);
	rules_free(rules);
}

/* Rights of the same channels, of another contract: that is another text. */
static void test_shown_make__after_a_reload(void **state)
{
	struct rules *before, *after;
	struct shown *shown = NULL;
	char digest[DOCUMENTS_DIGEST];
	struct diag diag;

	(void)state;
	write_many("one");
	write_users();
	before = load(1);
	write_many("two");
	after = load(1);
	assert_int_equal(shown_new(&shown, &diag), 0);
	(void)strcpy(digest, make(shown, before, "u3")->digest);
	assert_string_not_equal(make(shown, after, "u3")->digest, digest);
	assert_string_equal(make(shown, before, "u3")->digest, digest);
	rules_free(before);
	before = load(1); /* of the second one's files */
	assert_string_equal(make(shown, before, "u3")->digest, make(shown, after, "u3")->digest);
	shown_free(shown);
	rules_free(before);
	rules_free(after);
}

static void test_shown_make__every_allocation_may_fail(void **state)
{
	struct shown *shown = NULL;
	struct rules *rules;
	struct diag diag;

	(void)state;
	write_many("");
	write_users();
	rules = load(1);
	assert_int_equal(shown_new(&shown, &diag), 0);
	for (size_t n = 1;; n++) {
		const struct access_principal *user = access_find(rules->access, "u9");
		const struct shown_text *text = NULL;
		const char *plain;
		int rc;

		shown_forget(shown);
		failalloc_start(n);
		rc = shown_make(shown, rules, user, LOGIN_PASSWORD, &text, &diag);
		if (rc == 0)
			rc = shown_plain(shown, text, &plain, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		if (rc != ERR_NOMEM)
			fail_msg("%zu: %d", n, rc);
	}
	shown_free(shown);
	rules_free(rules);
}

/* ---- parts ------------------------------------------------------------------------------- */

/* Between two characters, and as a string in JSON not longer than it may be. */
static void test_shown_part__ends_between_characters(void **state)
{
	static const struct {
		const char *unit;
	} rows[] = { { "a" },    { "\303\274" }, { "\342\202\254" },       { "\360\237\230\200" },
		     { "\\\"" }, { "\\\\" },     { "x\360\237\230\200\\" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t shift = 0; shift < 4; shift++) {
			size_t unit = strlen(rows[i].unit), len = shift, at = 0;
			char *plain = malloc(3 * SHOWN_PART_WRITTEN);

			assert_non_null(plain);
			memset(plain, 'z', shift);
			for (; len + unit < 3 * SHOWN_PART_WRITTEN; len += unit)
				memcpy(plain + len, rows[i].unit, unit);
			while (at < len) {
				size_t end = shown_part(plain, len, at);
				json_t *part = json_stringn(plain + at, end - at);
				char *written = json_dumps(part, JSON_ENCODE_ANY);

				assert_true(end > at && end - at <= SHOWN_PART_BYTES);
				assert_non_null(written); /* it is UTF-8 */
				assert_true(strlen(written) <= SHOWN_PART_WRITTEN + 3);
				free(written);
				json_decref(part);
				at = end;
			}
			assert_int_equal(shown_part(plain, len, len), len);
			free(plain);
		}
	assert_int_equal(shown_part("a\303\274b", 4, 2), 0);
	assert_int_equal(shown_part("a\303\274b", 4, 1), 4);
}

static int begin(void **state)
{
	(void)state;
	folder_make(&folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shown_make__joined_documents_and_older_ones,
						begin, end),
		cmocka_unit_test_setup_teardown(test_shown_make__rights_to_some_topics, begin, end),
		cmocka_unit_test_setup_teardown(test_shown_make__more_than_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(test_shown_make__keeps_what_is_used, begin, end),
		cmocka_unit_test_setup_teardown(test_shown_make__after_a_reload, begin, end),
		cmocka_unit_test_setup_teardown(test_shown_make__every_allocation_may_fail, begin,
						end),
		cmocka_unit_test(test_shown_part__ends_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

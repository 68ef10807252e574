/*
 * A document as somebody may see it: test/data/cut/cases.json, a list of { name, document,
 * channels, topics, cut }. Of each member of /channels and of /x-broker-topics there is "SEND
 * RECEIVE".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "contract/cut.h"
#include "contract/documents.h"

#define CASES "test/data/cut/cases.json"
#define RIGHTS_MAX 8u

static uint8_t right(const char *word, size_t len)
{
	return len == 3 && word[0] == 'y' ? CUT_YES : len == 3 && word[0] == 'o' ? CUT_OWN : CUT_NO;
}

static size_t read_rights(const json_t *list, struct cut_rights *ret)
{
	size_t count = json_array_size(list);

	assert_true(count <= RIGHTS_MAX);
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		size_t len = strcspn(text, " ");

		ret[i].send = right(text, len);
		ret[i].receive = right(text + len + 1, strlen(text + len + 1));
	}
	return count;
}

static void run_case(const json_t *entry)
{
	const json_t *document = json_object_get(entry, "document");
	struct cut_rights channel[RIGHTS_MAX], topic[RIGHTS_MAX];
	const struct cut_may may = {
		.channel_count = read_rights(json_object_get(entry, "channels"), channel),
		.topic_count = read_rights(json_object_get(entry, "topics"), topic),
		.channel = channel,
		.topic = topic
	};
	json_t *cut = NULL, *list = json_array();
	struct diag diag;

	assert_int_equal(cut_document(document, &may, &cut, &diag), 0);
	if (!json_equal(cut, json_object_get(entry, "cut")))
		fail_msg("%s: %s", json_string_value(json_object_get(entry, "name")),
			 json_dumps(cut, JSON_COMPACT));
	assert_int_equal(cut_list(document, &may, 3, list, &diag), 0);
	assert_int_equal(json_array_size(list), json_object_size(json_object_get(cut, "channels")));
	json_decref(list);
	json_decref(cut);
}

static void test_cut_document__as_the_data_says(void **state)
{
	json_error_t error;
	json_t *cases = json_load_file(CASES, 0, &error);

	(void)state;
	if (!cases)
		fail_msg(CASES ":%d: %s", error.line, error.text);
	assert_true(json_array_size(cases) > 5);
	for (size_t i = 0; i < json_array_size(cases); i++)
		run_case(json_array_get(cases, i));
	json_decref(cases);
}

static void test_cut_list__says_who_may(void **state)
{
	static const struct cut_rights rights[] = { { CUT_OWN, CUT_YES }, { CUT_NO, CUT_NO } };
	const struct cut_may may = { .channel_count = 2, .channel = rights };
	json_t *document = json_pack("{s{s{}s{}s{}}}", "channels", "a", "b", "c");
	json_t *list = json_array(), *wanted;
	struct diag diag;

	(void)state;
	wanted = json_pack("[{si ss ss ss}]", "document", 3, "channel", "a", "send", "own",
			   "receive", "yes");
	assert_int_equal(cut_list(document, &may, 3, list, &diag), 0);
	assert_true(json_equal(list, wanted));
	json_decref(document);
	json_decref(list);
	json_decref(wanted);
}

/* ---- what is kept of the documents ------------------------------------------------------- */

static struct contract *load(const char *const *path, size_t count)
{
	const struct sources_place place = { .count = count, .path = path };
	struct contract *contract = NULL;
	struct diag diag;

	if (contract_open(&place, NULL, &contract, NULL, &diag))
		fail_msg("%s", diag.text);
	return contract;
}

/* References to the files of schemas are components then, and the members have their channels. */
static void test_documents_make__the_shipped_contract(void **state)
{
	static const char *const path[] = { "schemas/petstore.asyncapi.json" };
	struct contract *contract = load(path, 1);
	struct documents *documents = NULL;
	json_t *document = NULL, *channel;
	const char *key;
	size_t i = 0;
	struct diag diag;

	(void)state;
	assert_int_equal(documents_make(contract, &documents, &diag), 0);
	assert_int_equal(documents->count, 1);
	assert_true(documents->packed_len * 3 < documents->len);
	assert_int_equal(strlen(documents->digest), DOCUMENTS_DIGEST - 1);
	assert_int_equal(documents_read(documents, 0, &document, &diag), 0);
	assert_non_null(
		json_object_get(json_object_get(json_object_get(document, "components"), "schemas"),
				"inventory-stock"));
	json_object_foreach(json_object_get(document, "channels"), key, channel)
		assert_string_equal(contract->channel[documents->one[0].channel[i++]].address,
				    json_string_value(json_object_get(channel, "address")));
	assert_int_equal(documents->one[0].channel_count, i);
	assert_int_equal(documents->one[0].topic_count, 1);
	assert_string_equal(contract->channel[documents->one[0].topic[0]].address, "$SYS/#");
	json_decref(document);
	documents_free(documents);
	contract_free(contract);
}

/* ---- a large contract -------------------------------------------------------------------- */

#define MANY 10000u

static void write_many(const char *path)
{
	json_t *channels = json_object(), *operations = json_object(), *schemas = json_object();
	json_t *document;
	char name[64], ref[96], schema[96];

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "channel%u", i);
		(void)snprintf(ref, sizeof(ref), "#/channels/%s", name);
		(void)snprintf(schema, sizeof(schema), "#/components/schemas/%s", name);
		(void)json_object_set_new(
			channels, name,
			json_pack("{s:o, s:s, s:{s:{s:{s:s}}}}", "address",
				  json_sprintf("site/%u/state", i), "description",
				  "What a device of this site says of itself, once a minute.",
				  "messages", "state", "payload", "$ref", schema));
		(void)json_object_set_new(operations, name,
					  json_pack("{s:s, s:{s:s}, s:s}", "action", "send",
						    "channel", "$ref", ref, "summary",
						    "Say how it is"));
		(void)json_object_set_new(
			schemas, name,
			json_pack("{s:s, s:[s,s], s:{s:{s:s, s:i, s:i}, s:{s:s, s:s}}, s:b}",
				  "type", "object", "required", "value", "updatedAt", "properties",
				  "value", "type", "number", "minimum", 0, "maximum", (int)i + 1,
				  "updatedAt", "type", "string", "format", "date-time",
				  "additionalProperties", 0));
	}
	document = json_pack("{s:s, s:{s:s, s:s}, s:o, s:o, s:{s:o}}", "asyncapi", "3.0.0", "info",
			     "title", "Many", "version", "1", "channels", channels, "operations",
			     operations, "components", "schemas", schemas);
	assert_int_equal(json_dump_file(document, path, 0), 0);
	json_decref(document);
}

/* The text of 10,000 channels takes some hundred bytes of each. */
static void test_documents_make__takes_10000_channels(void **state)
{
	char path[] = "/tmp/cut-XXXXXX.json";
	const char *paths[] = { path };
	struct cut_rights *rights = calloc(MANY, sizeof(*rights));
	struct cut_may may = { .channel_count = MANY, .channel = rights };
	struct documents *documents = NULL;
	struct contract *contract;
	json_t *document = NULL, *cut = NULL;
	struct diag diag;

	(void)state;
	assert_int_not_equal(mkstemps(path, 5), -1);
	write_many(path);
	contract = load(paths, 1);
	assert_int_equal(documents_make(contract, &documents, &diag), 0);
	print_message("%zu bytes of text, %zu compressed\n", documents->len, documents->packed_len);
	assert_true(documents->packed_len < 200ul * MANY);
	assert_int_equal(documents_read(documents, 0, &document, &diag), 0);
	for (unsigned i = 0; i < MANY; i += 2)
		rights[i].send = CUT_YES;
	assert_int_equal(cut_document(document, &may, &cut, &diag), 0);
	assert_int_equal(json_object_size(json_object_get(cut, "channels")), MANY / 2);
	assert_int_equal(
		json_object_size(json_object_get(json_object_get(cut, "components"), "schemas")),
		MANY / 2);
	json_decref(cut);
	json_decref(document);
	documents_free(documents);
	contract_free(contract);
	free(rights);
	assert_int_equal(remove(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_document__as_the_data_says),
		cmocka_unit_test(test_cut_list__says_who_may),
		cmocka_unit_test(test_documents_make__the_shipped_contract),
		cmocka_unit_test(test_documents_make__takes_10000_channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

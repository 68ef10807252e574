/*
 * Contracts learned from recordings: addresses, schemas, kinds of message, statuses; what is
 * widened; what can't be learned from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/config.h"
#include "base/configwrite.h"
#include "learn/learn.h"
#include "learn/learned.h"
#include "failalloc.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- recordings --------------------------------------------------------------------------- */

/* A recording in the making: its text. */
struct recording {
	char *text;
	size_t len;
	FILE *file;
};

static void begin(struct recording *recording)
{
	recording->file = open_memstream(&recording->text, &recording->len);
	assert_non_null(recording->file);
}

static void add(struct recording *recording, const char *topic, const char *payload, int qos,
		int retain)
{
	json_t *line = json_pack("{s:s, s:s, s:i, s:i, s:i}", "topic", topic, "payload", payload,
				 "payloadlen", (int)strlen(payload), "qos", qos, "retain", retain);

	assert_int_equal(json_dumpf(line, recording->file, JSON_COMPACT), 0);
	(void)fputc('\n', recording->file);
	json_decref(line);
}

/* A file with @text; its name to @path, which is "/tmp/learnXXXXXX". */
static void write_file(char *path, const char *text, size_t len)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
}

/* What was learned: the text and the tree of the contract. */
struct result {
	int rc;
	struct diag diag;
	struct learned_summary summary;
	char *text;
	size_t len;
	struct config *tree;
};

static void clear(struct result *result)
{
	config_free(result->tree);
	free(result->text);
	memset(result, 0, sizeof(*result));
}

static void run(struct result *ret, struct traffic *traffic, const char *given)
{
	struct learned *learned = NULL;
	FILE *file = NULL;

	ret->rc = learn_new("T", &learned, &ret->diag);
	if (!ret->rc && given)
		ret->rc = learn_give(learned, given, &ret->diag);
	if (!ret->rc)
		ret->rc = learn_read(learned, &traffic, 1, &ret->diag);
	if (!ret->rc) {
		file = open_memstream(&ret->text, &ret->len);
		ret->rc = file ? learn_write(learned, file, &ret->diag) : ERR_NOMEM;
	}
	if (file)
		(void)fclose(file);
	if (!ret->rc)
		learn_summary(learned, &ret->summary);
	learn_free(learned);
}

/* Learns from @text; @given is the text of a contract, or NULL. */
static void learn(struct result *ret, const char *text, size_t len, const char *given)
{
	char path[] = "/tmp/learnXXXXXX", old[] = "/tmp/learnXXXXXX";
	struct traffic *traffic = NULL;

	memset(ret, 0, sizeof(*ret));
	write_file(path, text, len);
	if (given)
		write_file(old, given, strlen(given));
	ret->rc = traffic_open(path, &traffic, &ret->diag);
	if (!ret->rc)
		run(ret, traffic, given ? old : NULL);
	traffic_close(traffic);
	(void)unlink(path);
	if (given)
		(void)unlink(old);
	if (!ret->rc && config_parse("c.yaml", ret->text, ret->len, &ret->tree, &ret->diag))
		fail_msg("%s\n%s", ret->diag.text, ret->text);
}

static void finish(struct recording *recording, const char *given, struct result *ret)
{
	(void)fclose(recording->file);
	learn(ret, recording->text, recording->len, given);
	free(recording->text);
	if (ret->rc)
		fail_msg("%s", ret->diag.text);
}

static void assert_says(const struct result *result, const char *pointer, const char *text)
{
	const struct config *value = config_at(result->tree, pointer);
	json_t *expected = json_loads(text, JSON_DECODE_ANY, NULL);
	json_t *found = value ? config_json(value) : NULL;

	assert_non_null(expected);
	if (!found || !json_equal(expected, found))
		fail_msg("%s: expected %s in\n%s", pointer, text, result->text);
	json_decref(expected);
	json_decref(found);
}

static void assert_has(const struct result *result, const char *pointer, bool has)
{
	if (!config_at(result->tree, pointer) == has)
		fail_msg("%s: expected %s in\n%s", pointer, has ? "it" : "nothing", result->text);
}

/* ---- addresses ---------------------------------------------------------------------------- */

/* Topics, and the addresses that they become, in the order of the contract. */
static const struct {
	const char *topics, *addresses;
} addresses[] = {
	{ "a/b", "a/b" },
	{ "pets/7/status", "pets/{petId}/status" },
	{ "pets/7/status pets/8/status pets/8/size", "pets/{petId}/status pets/{petId}/size" },
	{ "a/lamp-1/x a/lamp-2/x a/bridge/x", "a/bridge/x a/{aId}/x" },
	{ "home/kitchen/t home/hall/t home/bath/t", "home/kitchen/t home/hall/t home/bath/t" },
	{ "home/a/t home/b/t home/c/t home/d/t home/e/t", "home/{homeId}/t" },
	{ "d/019b4132-70aa-764f-b315-e2803d882a24/s", "d/{dId}/s" },
	{ "batteries/0x00158d0001a2b3c4 addresses/7 buses/3 statuses/9",
	  "batteries/{batteryId} addresses/{addressId} buses/{buseId} statuses/{statuseId}" },
	{ "x/1/2/3", "x/{xId}/{id}/{id2}" },
	{ "1/state 2/state", "{id}/state" },
	{ "sensor1 sensor2", "sensor1 sensor2" },
	{ "/a/1 /a/2 b/", "/a/{aId} b/" },
	{ "a//t a/1/t a/2/t", "a//t a/{aId}/t" },
};

static void test_learn_read__addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		char topics[256], found[512] = "";
		struct recording recording;
		struct result result;
		char *rest = topics;

		(void)snprintf(topics, sizeof(topics), "%s", addresses[i].topics);
		begin(&recording);
		for (char *topic; (topic = strsep(&rest, " "));)
			add(&recording, topic, "1", 0, 0);
		finish(&recording, NULL, &result);
		config_foreach_member(channel, config_member(result.tree, "channels"))
			(void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s",
				       found[0] ? " " : "",
				       config_member(channel, "address")->text);
		assert_string_equal(found, addresses[i].addresses);
		clear(&result);
	}
}

/* Many values of a level, more than are kept, are a parameter before all was read. */
static void test_learn_read__many_topics(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add(&recording, "fleet/bridge/state", "1", 0, 0);
	for (int i = 0; i < 3000; i++) {
		char topic[64];

		(void)snprintf(topic, sizeof(topic), "fleet/%c%c%d/position", 'a' + i % 26,
			       'a' + i / 26 % 26, i);
		add(&recording, topic, "1", 0, 0);
	}
	finish(&recording, NULL, &result);
	assert_int_equal(config_count(config_member(result.tree, "channels")), 2);
	assert_says(&result, "/channels/fleetPosition/address", "\"fleet/{fleetId}/position\"");
	clear(&result);
}

/* A topic of a parameter, whose level has a channel of its own elsewhere, counts there. */
static void test_learn_read__level_with_two_meanings(void **state)
{
	static const char *const words[] = { "bridge", "b", "c", "d", "e" };
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add(&recording, "x/base2/bridge/state", "1", 0, 0);
	for (size_t i = 0; i < COUNT(words); i++) {
		char topic[64];

		(void)snprintf(topic, sizeof(topic), "x/base1/%s/online", words[i]);
		add(&recording, topic, i == 0 ? "1" : "true", 0, 0);
	}
	finish(&recording, NULL, &result);
	assert_says(&result, "/channels/xOnline/address", "\"x/{xId}/{id}/online\"");
	assert_says(&result, "/channels/xBridgeState/address", "\"x/{xId}/bridge/state\"");
	assert_says(&result, "/channels/xOnline/messages/text/payload/type",
		    "[\"integer\", \"boolean\"]");
	clear(&result);
}

/* A member that is always the same as the level gives it its name. */
static void test_learn_read__location(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add(&recording, "stock/7", "{\"n\":7,\"productId\":7}", 0, 0);
	add(&recording, "stock/8", "{\"n\":7,\"productId\":8}", 0, 0);
	finish(&recording, NULL, &result);
	assert_says(&result, "/channels/stock/address", "\"stock/{productId}\"");
	assert_says(&result, "/channels/stock/parameters/productId",
		    "{\"location\": \"$message.payload#/productId\", \"x-pattern\": \"^[0-9]+$\"}");
	clear(&result);
}

/* ---- schemas ------------------------------------------------------------------------------ */

#define TEN(text) text, text, text, text, text, text, text, text, text, text

static const struct {
	const char *payloads[24];
	const char *schema;
} schemas[] = {
	{ { "{\"a\":1}", "{\"a\":2.5}", "{\"a\":3,\"b\":null}" },
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"number\"},"
	  " \"b\": {\"type\": \"null\"}}, \"required\": [\"a\"], \"additionalProperties\": "
	  "false}" },
	{ { "{\"a\":\"x\"}", "{\"a\":null}" },
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": [\"string\", \"null\"],"
	  " \"maxLength\": 64}}, \"required\": [\"a\"], \"additionalProperties\": false}" },
	{ { "{\"a\":[1,2]}", "{\"a\":[]}" },
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"array\", \"items\": "
	  "{\"type\": \"integer\"}, \"maxItems\": 16}}, \"required\": [\"a\"],"
	  " \"additionalProperties\": false}" },
	{ { TEN("{\"a\":5}") },
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\", \"minimum\": 0}},"
	  " \"required\": [\"a\"], \"additionalProperties\": false}" },
	{ { "{\"a\":\"ON\"}", "{\"a\":\"OFF\"}", "{\"a\":\"ON\"}", "{\"a\":\"OFF\"}",
	    "{\"a\":\"ON\"}", "{\"a\":\"OFF\"}" },
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\","
	  " \"enum\": [\"ON\", \"OFF\"]}}, \"required\": [\"a\"], \"additionalProperties\": "
	  "false}" },
	{ { "{\"a\":\"2026-01-15T10:30:00Z\"}" },
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\","
	  " \"format\": \"date-time\"}}, \"required\": [\"a\"], \"additionalProperties\": false}" },
	{ { TEN("{\"a\":\"x\"}") }, /* a constant is not guessed */
	  "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\","
	  " \"maxLength\": 64}}, \"required\": [\"a\"], \"additionalProperties\": false}" },
	{ { "[[1],[true]]" },
	  "{\"type\": \"array\", \"items\": {\"type\": \"array\", \"items\": {\"type\":"
	  " [\"integer\", \"boolean\"]}, \"maxItems\": 16}, \"maxItems\": 16}" },
	{ { "\"x\"", "{}" },
	  "{\"type\": [\"object\", \"string\"], \"properties\": {}, \"additionalProperties\": "
	  "false,"
	  " \"maxLength\": 64}" },
};

static void test_learn_read__schemas(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(schemas); i++) {
		struct recording recording;
		struct result result;

		begin(&recording);
		for (size_t k = 0; schemas[i].payloads[k]; k++)
			add(&recording, "a/b", schemas[i].payloads[k], 0, 0);
		finish(&recording, NULL, &result);
		assert_says(&result, "/channels/aB/messages/aB/payload", schemas[i].schema);
		clear(&result);
	}
}

/* An object with many names is a map of what they are. */
static void test_learn_read__map(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	for (int i = 0; i < 300; i++) {
		char payload[64];

		(void)snprintf(payload, sizeof(payload), "{\"k%d\":{\"v\":%d}}", i, i);
		add(&recording, "a/b", payload, 0, 0);
	}
	finish(&recording, NULL, &result);
	assert_says(&result, "/channels/aB/messages/aB/payload/additionalProperties/required",
		    "[\"v\"]");
	assert_has(&result, "/channels/aB/messages/aB/payload/properties", false);
	clear(&result);
}

static void test_learn_read__text(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	for (int i = 0; i < 6; i++)
		add(&recording, "a/power", i % 2 ? "ON" : "OFFLINE", 1, 1);
	add(&recording, "a/degrees", "21.5", 0, 0);
	add(&recording, "a/mixed", "{\"a\":1}", 0, 0);
	add(&recording, "a/mixed", "hello", 0, 1);
	add(&recording, "a/mixed", "", 0, 1);
	finish(&recording, NULL, &result);
	assert_says(&result, "/channels/aPower/messages/text",
		    "{\"contentType\": \"text/plain\", \"payload\": {\"type\": \"string\","
		    " \"enum\": [\"OFFLINE\", \"ON\"]}}");
	assert_says(&result, "/channels/aPower/x-will", "\"allowed\"");
	assert_says(&result, "/channels/aDegrees/messages/text/payload", "{\"type\": \"number\"}");
	assert_says(&result, "/channels/aMixed/messages/text/payload",
		    "{\"type\": \"string\", \"maxLength\": 64, \"pattern\": \"^[^\\\\[{\\\"]\"}");
	assert_says(&result, "/channels/aMixed/messages/empty", "{}");
	assert_says(&result, "/operations/sendAPower/bindings/mqtt",
		    "{\"qos\": 1, \"retain\": true}");
	assert_says(&result, "/operations/sendAMixed/bindings/mqtt", "{\"qos\": 0}");
	clear(&result);
}

/* What begins as JSON and is none is left out where there is better; alone it is some format. */
static void test_learn_read__broken(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add(&recording, "a/b", "{\"a\":1}", 0, 0);
	add(&recording, "a/b", "{\"a\":", 0, 0);
	add(&recording, "a/c", "{{x}}", 0, 0);
	finish(&recording, NULL, &result);
	assert_int_equal(result.summary.broken, 1);
	assert_has(&result, "/channels/aB/messages/text", false);
	assert_has(&result, "/channels/aB/messages/binary", false);
	assert_says(&result, "/channels/aC/messages",
		    "{\"binary\": {\"contentType\": \"application/octet-stream\"}}");
	clear(&result);
}

static void test_learn_read__kinds(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	for (int i = 0; i < 6; i++)
		add(&recording, "a/event",
		    i % 2 ? "{\"type\":\"joined\",\"name\":\"x\"}"
			  : "{\"type\":\"left\",\"reason\":\"y\"}",
		    0, 0);
	finish(&recording, NULL, &result);
	assert_says(&result, "/channels/aEvent/messages/joined/payload/properties/type",
		    "{\"const\": \"joined\"}");
	assert_says(&result, "/channels/aEvent/messages/left/payload/required",
		    "[\"type\", \"reason\"]");
	clear(&result);
}

/* ---- statuses ------------------------------------------------------------------------------ */

static void add_walk(struct recording *recording, int id, const char *statuses)
{
	for (; *statuses; statuses++) {
		char topic[64], payload[64];

		(void)snprintf(topic, sizeof(topic), "orders/%d", id);
		(void)snprintf(payload, sizeof(payload), "{\"id\":%d,\"status\":\"%c\"}", id,
			       *statuses);
		add(recording, topic, payload, 1, 0);
	}
}

static void test_learn_read__status(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	for (int i = 0; i < 6; i++)
		add_walk(&recording, i, i % 2 ? "ABBC" : "ABD");
	finish(&recording, NULL, &result);
	assert_says(&result, "/x-state-machines/orders",
		    "{\"first\": [\"A\"], \"next\": {\"A\": [\"B\"], \"B\": [\"D\", \"C\"],"
		    " \"D\": [], \"C\": []}}");
	assert_says(
		&result, "/channels/orders/x-entity",
		"{\"entity\": \"orders\", \"id\": \"id\", \"columns\": {\"status\": \"/status\"}}");
	clear(&result);
}

/* A table has no name that the store, or its database, has for itself. */
static void test_learn_read__tables(void **state)
{
	static const char *const rows[][2] = {
		{ "orders", "\"orders\"" },         { "events", "\"seen_events\"" },
		{ "bans", "\"seen_bans\"" },        { "brokers", "\"seen_brokers\"" },
		{ "store2", "\"seen_store2\"" },    { "sqlite", "\"sqlite\"" },
		{ "events2", "\"events2\"" },       { "bansai", "\"bansai\"" },
		{ "pg_class", "\"seen_pg_class\"" }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct recording recording;
		struct result result;
		char pointer[64];

		begin(&recording);
		for (int id = 0; id < 24; id++) {
			char topic[64], payload[64];

			(void)snprintf(topic, sizeof(topic), "%s/%d", rows[i][0], id / 4);
			(void)snprintf(payload, sizeof(payload), "{\"id\":%d,\"status\":\"%c\"}",
				       id / 4, "ABBC"[id % 4]);
			add(&recording, topic, payload, 1, 0);
		}
		finish(&recording, NULL, &result);
		(void)snprintf(pointer, sizeof(pointer), "/x-entities/%s/table",
			       strcmp(rows[i][0], "pg_class") == 0 ? "pgClass" : rows[i][0]);
		assert_says(&result, pointer, rows[i][1]);
		clear(&result);
	}
}

/* Of too few, or with each step once, it is a comment. */
static void test_learn_read__no_status(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	for (int i = 0; i < 4; i++)
		add_walk(&recording, i, i % 2 ? "ABBC" : "ABD");
	finish(&recording, NULL, &result);
	assert_has(&result, "/x-state-machines", false);
	assert_non_null(strstr(result.text, "  # status changes: 8 steps of 4 ids, too few"));
	clear(&result);
}

/* ---- widening ------------------------------------------------------------------------------ */

static void add_first(struct recording *recording)
{
	for (int i = 0; i < 6; i++)
		add_walk(recording, i, i % 2 ? "ABBC" : "ABD");
	for (int i = 0; i < 6; i++)
		add(recording, "a/event",
		    i % 2 ? "{\"type\":\"joined\",\"name\":\"x\"}"
			  : "{\"type\":\"left\",\"reason\":\"y\"}",
		    1, 1);
	for (int i = 0; i < 6; i++)
		add(recording, "a/power", i % 2 ? "ON" : "OFF", 1, 1);
}

static void add_second(struct recording *recording)
{
	add_walk(recording, 7, "AXB");
	add(recording, "a/event", "{\"type\":\"moved\",\"to\":1}", 0, 0);
	add(recording, "a/event", "{\"type\":\"left\",\"at\":\"2026-01-15T10:30:00Z\"}", 1, 1);
	add(recording, "a/power", "BLINK", 1, 1);
	add(recording, "a/power", "{\"on\":true}", 1, 1);
	add(recording, "b/new", "1", 1, 1);
}

static void test_learn_give__widens(void **state)
{
	struct recording recording;
	struct result first, second, third;

	(void)state;
	begin(&recording);
	add_first(&recording);
	finish(&recording, NULL, &first);
	begin(&recording);
	add_second(&recording);
	finish(&recording, first.text, &second);
	assert_says(&second, "/x-state-machines/orders/next/A", "[\"B\", \"X\"]");
	assert_says(&second, "/x-state-machines/orders/next/X", "[\"B\"]");
	assert_says(&second, "/channels/aEvent/messages/moved/payload/properties/type",
		    "{\"const\": \"moved\"}");
	assert_says(&second, "/channels/aEvent/messages/left/payload/required", "[\"type\"]");
	assert_says(&second, "/channels/aPower/messages/text/payload/enum",
		    "[\"OFF\", \"ON\", \"BLINK\"]");
	assert_has(&second, "/channels/aPower/messages/aPower/payload/properties/on", true);
	assert_says(&second, "/operations/sendAEvent/bindings/mqtt", "{\"qos\": 0}");
	assert_has(&second, "/channels/bNew", true);
	/* What was there has its comments, and both recordings change nothing any more. */
	assert_non_null(strstr(second.text, "name: # in 3 of 3\n"));
	begin(&recording);
	add_first(&recording);
	add_second(&recording);
	finish(&recording, second.text, &third);
	assert_int_equal(third.summary.changes, 0);
	assert_string_equal(third.text, second.text);
	clear(&first);
	clear(&second);
	clear(&third);
}

/* What the operator wrote stays as it is. */
static void test_learn_give__keeps_what_it_does_not_know(void **state)
{
	static const char given[] =
		"asyncapi: 3.0.0\n"
		"# of the plant\n"
		"info: {title: Mine, version: '1'} # by hand\n"
		"channels:\n"
		"  a: {address: 'a/{b}', parameters: {b: {enum: [x]}}, messages: {m: {payload: "
		"{$ref: '#/components/schemas/s'}}}}\n"
		"components: {schemas: {s: {type: integer}}}\n";
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add(&recording, "a/y", "{\"q\":1}", 0, 0);
	finish(&recording, given, &result);
	assert_says(&result, "/channels/a/messages/m",
		    "{\"payload\": {\"$ref\": "
		    "\"#/components/schemas/s\"}}");
	assert_says(&result, "/channels/a/parameters/b/enum", "[\"x\", \"y\"]");
	assert_says(&result, "/info", "{\"title\": \"Mine\", \"version\": \"1\"}");
	assert_non_null(strstr(result.text, "# of the plant\ninfo: # by hand\n"));
	clear(&result);
}

/* Two channels have operations of their own, whatever their letters; given ones stay. */
static void test_learn_read__names(void **state)
{
	static const char given[] =
		"asyncapi: 3.0.0\nchannels: {}\n"
		"operations: {sendAB: {action: send, channel: {$ref: '#/channels/x'}}}\n";
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add(&recording, "a/b", "1", 0, 0);
	add(&recording, "A/b", "1", 0, 0);
	finish(&recording, given, &result);
	assert_says(&result, "/operations/sendAB/channel", "{\"$ref\": \"#/channels/x\"}");
	assert_says(&result, "/operations/sendAB2/channel", "{\"$ref\": \"#/channels/aB\"}");
	assert_says(&result, "/operations/sendAB22/channel", "{\"$ref\": \"#/channels/aB2\"}");
	clear(&result);
}

/* ---- what can't be learned from ------------------------------------------------------------ */

#define M(topic, payload) "{\"topic\":\"" topic "\",\"payload\":\"" payload "\"}\n"

static const struct {
	const char *text, *fault;
} faults[] = {
	{ "", ": is empty; expected a recording" },
	{ "\n\n", ": is empty; expected a recording" },
	{ M("a", "1") "hello\n" M("a", "1"), ":2: expected a JSON object a line" },
	{ "[1]\n", "there is no message to learn from" },
	{ "{\"a\":1}\n", ":1: expected an object with the member \"topic\"" },
	{ "{\"topic\":7}\n", ":1: expected \"topic\" to be a topic" },
	{ "{\"topic\":\"a/#\"}\n", ":1: expected \"topic\" to be a topic" },
	{ "{\"topic\":\"a\",\"qos\":3}\n", ":1: expected \"qos\" to be 0, 1 or 2" },
	{ "{\"topic\":\"a\",\"payload\":{}}\n",
	  ":1: expected \"payload\" to be a text: record with %j" },
	{ "{\"topic\":\"a\",\"payload\":\"x\",\"payloadlen\":-1}\n",
	  ":1: expected the payload's length" },
	{ M("$SYS/x", "1"), "there is no message to learn from" },
	{ M("1/2", "1"), ":1: topics have no pattern: every level of them varies" },
	{ "{\"topic\":\"a\",\"payload\":\"x\",\"payloadlen\":3}\n",
	  ":1: all 1 payloads are binary" },
	{ "{\"topic\":\"a\",\"payload\":\"\xff\",\"payloadlen\":1}\n",
	  ":1: all 1 payloads are binary" },
};

static void test_learn_read__faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct result result;

		learn(&result, faults[i].text, strlen(faults[i].text), NULL);
		if (!result.rc || !strstr(result.diag.text, faults[i].fault))
			fail_msg("%zu: expected %s, found %s", i, faults[i].fault,
				 result.rc ? result.diag.text : "nothing");
		clear(&result);
	}
}

static void test_learn_read__no_pattern(void **state)
{
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	for (int i = 0; i < 300; i++) {
		char topic[16] = { (char)('a' + i % 20),
				   (char)('a' + i / 20),
				   'x',
				   '/',
				   (char)('a' + i / 20),
				   '\0' };

		add(&recording, topic, "1", 0, 0);
	}
	(void)fclose(recording.file);
	learn(&result, recording.text, recording.len, NULL);
	assert_int_equal(result.rc, ERR_LIMIT);
	assert_non_null(strstr(result.diag.text, ":257: topics have no pattern"));
	free(recording.text);
	clear(&result);
}

/* The end of a recording that was stopped is left out; rows name publishers, and refusals. */
static void test_traffic_read__rows(void **state)
{
	static const char text[] =
		"[{\"topic\":\"a/b\",\"payload\":\"1\",\"publisher\":\"p\",\"seq\":1},\n"
		" {\"topic\":\"a/c\",\"payload\":\"1\",\"principal\":\"q\",\"action\":\"publish\","
		"\"observed\":0},\n"
		" {\"topic\":\"a/"
		"d\",\"payload\":\"}\\\"{\",\"principal\":\"q\",\"action\":\"publish\","
		"\"observed\":1,\"seq\":4},\n"
		" {\"topic\":\"a/e\",\"payload\":\"12\",\"payload_bytes\":4,\"seq\":3}]\n";
	struct result result;

	(void)state;
	learn(&result, text, strlen(text), NULL);
	assert_int_equal(result.rc, 0);
	assert_int_equal(result.summary.messages, 2);
	assert_int_equal(result.summary.passed.refused, 1);
	assert_int_equal(result.summary.passed.cut, 1);
	assert_false(result.summary.has_nameless);
	assert_says(&result, "/operations/sendAB/security",
		    "[{\"$ref\": \"#/components/securitySchemes/publishP\"}]");
	assert_says(&result, "/components/securitySchemes/publishQ/scopes", "[\"publishQ\"]");
	clear(&result);
	learn(&result, M("a", "1") "{\"topic\":\"a\",\"pay", strlen(M("a", "1")) + 18, NULL);
	assert_int_equal(result.rc, 0);
	assert_true(result.summary.passed.is_torn);
	clear(&result);
}

/* Who publishes under its own name only may no more. */
static void test_learn_write_access__own_names(void **state)
{
	static const char text[] =
		"{\"topic\":\"pets/collar-7/state\",\"payload\":\"1\",\"publisher\":\"collar-7\"}\n"
		"{\"topic\":\"pets/collar-8/state\",\"payload\":\"1\",\"publisher\":\"collar-8\"}\n"
		"{\"topic\":\"pets/collar-7/place\",\"payload\":\"1\",\"publisher\":\"x\"}\n"
		"{\"topic\":\"pets/all\",\"payload\":\"1\",\"publisher\":\"collar-7\"}\n";
	char path[] = "/tmp/learnXXXXXX";
	struct traffic *traffic = NULL;
	struct learned *learned = NULL;
	struct result access = { .rc = 0 };
	FILE *file, *ignored = fopen("/dev/null", "w");

	(void)state;
	write_file(path, text, strlen(text));
	assert_int_equal(traffic_open(path, &traffic, NULL), 0);
	assert_int_equal(learn_new("T", &learned, NULL), 0);
	assert_int_equal(learn_read(learned, &traffic, 1, NULL), 0);
	assert_int_equal(learn_write(learned, ignored, NULL), 0);
	file = open_memstream(&access.text, &access.len);
	assert_int_equal(learn_write_access(learned, file, NULL), 0);
	(void)fclose(file);
	(void)fclose(ignored);
	assert_int_equal(config_parse("a", access.text, access.len, &access.tree, NULL), 0);
	assert_says(&access, "/users/collar-8", "{\"roles\": [\"publishOwnPetId\"]}");
	assert_says(&access, "/users/collar-7", "{\"roles\": [\"publishOwnPetId\", \"collar7\"]}");
	assert_says(&access, "/users/x", "{\"roles\": [\"x\"]}");
	assert_says(&access, "/roles/publishOwnPetId/where", "{\"petId\": \"{name}\"}");
	assert_has(&access, "/roles/collar7/where", false);
	clear(&access);
	learn_free(learned);
	traffic_close(traffic);
	(void)unlink(path);
}

/* Each user gets the scopes of what it published on, and no others, however many there are. */
static void test_learn_write_access__many_channels(void **state)
{
	char path[] = "/tmp/learnXXXXXX", topics[70][8];
	struct traffic *traffic = NULL;
	struct learned *learned = NULL;
	struct result access = { .rc = 0 };
	FILE *file = open_memstream(&access.text, &access.len), *ignored = fopen("/dev/null", "w");

	(void)state;
	for (int i = 0; i < 70; i++) {
		(void)snprintf(topics[i], sizeof(topics[i]), "%c%c/x", 'a' + i / 10, 'a' + i % 10);
		(void)fprintf(file, "{\"topic\":\"%s\",\"payload\":\"1\",\"publisher\":\"u%d\"}\n",
			      topics[i], i == 32 ? 0 : i);
	}
	(void)fclose(file);
	write_file(path, access.text, access.len);
	clear(&access);
	assert_int_equal(traffic_open(path, &traffic, NULL), 0);
	assert_int_equal(learn_new("T", &learned, NULL), 0);
	assert_int_equal(learn_read(learned, &traffic, 1, NULL), 0);
	assert_int_equal(learn_write(learned, ignored, NULL), 0);
	file = open_memstream(&access.text, &access.len);
	assert_int_equal(learn_write_access(learned, file, NULL), 0);
	(void)fclose(file);
	(void)fclose(ignored);
	assert_int_equal(config_parse("a", access.text, access.len, &access.tree, NULL), 0);
	assert_int_equal(config_count(config_at(access.tree, "/roles")), 69);
	assert_says(&access, "/roles/u63/scopes", "[\"publishU63\"]");
	assert_says(&access, "/users/u63", "{\"roles\": [\"u63\"]}");
	clear(&access);
	learn_free(learned);
	traffic_close(traffic);
	(void)unlink(path);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void test_learn__nomem(void **state)
{
	char path[] = "/tmp/learnXXXXXX";
	struct recording recording;
	struct result result;

	(void)state;
	begin(&recording);
	add_first(&recording);
	add_second(&recording);
	(void)fclose(recording.file);
	write_file(path, recording.text, recording.len);
	for (size_t n = 1;; n++) {
		struct traffic *traffic = NULL;

		memset(&result, 0, sizeof(result));
		failalloc_start(n);
		result.rc = traffic_open(path, &traffic, &result.diag);
		if (!result.rc)
			run(&result, traffic, NULL);
		traffic_close(traffic);
		if (!failalloc_stop())
			break;
		assert_int_not_equal(result.rc, 0);
		clear(&result);
	}
	assert_int_equal(result.rc, 0);
	clear(&result);
	(void)unlink(path);
	free(recording.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learn_read__addresses),
		cmocka_unit_test(test_learn_read__many_topics),
		cmocka_unit_test(test_learn_read__level_with_two_meanings),
		cmocka_unit_test(test_learn_read__location),
		cmocka_unit_test(test_learn_read__schemas),
		cmocka_unit_test(test_learn_read__map),
		cmocka_unit_test(test_learn_read__text),
		cmocka_unit_test(test_learn_read__broken),
		cmocka_unit_test(test_learn_read__kinds),
		cmocka_unit_test(test_learn_read__status),
		cmocka_unit_test(test_learn_read__tables),
		cmocka_unit_test(test_learn_read__no_status),
		cmocka_unit_test(test_learn_give__widens),
		cmocka_unit_test(test_learn_give__keeps_what_it_does_not_know),
		cmocka_unit_test(test_learn_read__names),
		cmocka_unit_test(test_learn_read__faults),
		cmocka_unit_test(test_learn_read__no_pattern),
		cmocka_unit_test(test_traffic_read__rows),
		cmocka_unit_test(test_learn_write_access__own_names),
		cmocka_unit_test(test_learn_write_access__many_channels),
		cmocka_unit_test(test_learn__nomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

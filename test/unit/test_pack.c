/*
 * What rules_load() makes of a contract for who only decides: equal parts once, and the same
 * answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/valuepool.h"
#include "gate/gate.h"

#define CONTRACT "test/data/pack/lines.asyncapi.yaml"
#define ACCESS "test/data/pack/access.json"
#define KINDS "test/data/gate/kinds/kinds.asyncapi.json"
#define KINDS_ACCESS "test/data/gate/kinds/access.json"

static struct rules *load(bool keeps_documents)
{
	struct rules_files files = { .contract = SOURCES_AT(CONTRACT),
				     .access = ACCESS,
				     .keeps_documents = keeps_documents };
	struct rules *rules = NULL;
	struct diag diag;

	diag_init(&diag);
	if (rules_load(&files, &rules, &diag))
		fail_msg("%s", diag.text);
	return rules;
}

static const struct contract_channel *channel_of(const struct rules *rules, const char *topic)
{
	const struct contract_match match =
		topics_match(rules->contract->topics, topic, strlen(topic));

	assert_non_null(match.channel);
	return match.channel;
}

static void test_rules_load__equal_channels_share_their_parts(void **state)
{
	struct rules *rules = load(false);
	const struct contract_channel *one = channel_of(rules, "line-1/a/status");
	const struct contract_channel *two = channel_of(rules, "line-2/a/status");

	(void)state;
	assert_ptr_equal(one->send, two->send);
	assert_ptr_equal(one->receive, two->receive);
	assert_ptr_equal(one->param, two->param);
	assert_ptr_equal(one->message, two->message);
	assert_ptr_equal(one->sole, one->message);
	assert_ptr_equal(one->limits, two->limits);
	assert_ptr_equal(one->send->message[0], one->message);
	assert_ptr_not_equal((const void *)one->send, (const void *)one->receive);
	assert_string_equal(contract_operation_name(one, one->send), "sendOne");
	assert_string_equal(contract_operation_name(two, two->send), "sendTwo");
	assert_string_equal(contract_operation_name(one, one->receive), "receiveOne");
	assert_string_equal(contract_operation_name(two, two->receive), "receiveTwo");
	assert_string_equal(one->name, "one");
	assert_string_equal(two->address, "line-2/{lineId}/status");
	rules_free(rules);
}

static void test_rules_load__what_differs_stays_apart(void **state)
{
	struct rules *rules = load(false);
	const struct contract_channel *one = channel_of(rules, "line-1/a/status");
	const struct contract_channel *strict = channel_of(rules, "line-3/a/status");
	const struct contract_channel *other = channel_of(rules, "line-4/a/status");

	(void)state;
	assert_ptr_not_equal(one->send, strict->send); /* its scope */
	assert_ptr_equal(one->message, strict->message);
	assert_ptr_not_equal(one->limits, strict->limits);
	assert_int_equal(strict->payload_max, 100);
	assert_ptr_not_equal(one->message, other->message); /* its schema */
	assert_ptr_not_equal(rules->message[one->message->index].schema,
			     rules->message[other->message->index].schema);
	assert_int_equal(rules->contract->message_count, 2);
	assert_int_equal(rules->contract->sources.count, 0);
	rules_free(rules);
}

static void test_rules_load__for_tools_the_documents_stay(void **state)
{
	struct rules *rules = load(true);
	const struct contract_channel *one = channel_of(rules, "line-1/a/status");
	const struct contract_channel *two = channel_of(rules, "line-2/a/status");

	(void)state;
	assert_ptr_not_equal(one->message, two->message);
	assert_non_null(one->message->at);
	assert_non_null(one->message->schema_uri);
	assert_string_equal(contract_operation_name(two, two->send), "sendTwo");
	assert_int_equal(rules->contract->message_count, 4);
	assert_true(rules->contract->sources.count > 0);
	rules_free(rules);
}

/* What one publish is answered with, as text. */
static void ask(struct gate *gate, const char *user, const char *topic, const char *payload,
		unsigned qos, char *ret, size_t cap)
{
	const struct gate_request request = { .action = payload ? GATE_PUBLISH : GATE_DELIVER,
					      .message = { .topic = topic,
							   .topic_len = strlen(topic),
							   .payload = payload,
							   .payload_len =
								   payload ? strlen(payload) : 0,
							   .qos = (uint8_t)qos } };
	struct decision d;

	gate_decide(gate, access_find(gate->rules->access, user), &request, &d);
	(void)snprintf(ret, cap, "%s %s %s %s %s %s", reason_code(d.reason), d.channel->name,
		       d.error.instance, d.error.schema, d.error.keyword, d.error.message);
}

static void test_gate_decide__packed_or_not_says_the_same(void **state)
{
	static const char *const topic[] = { "line-1/a/status", "line-2/b/status",
					     "line-3/a/status", "line-4/c/status" };
	static const char *const user[] = { "writer", "reader", "nobody" };
	static const char *const payload[] = { "{\"lineId\":\"a\",\"speed\":3}",
					       "{\"speed\":\"x\"}", "{", NULL };
	struct rules *packed = load(false), *kept = load(true);
	struct gate of_packed, of_kept;
	struct diag diag;

	(void)state;
	assert_int_equal(gate_init(&of_packed, packed, NULL, &diag), 0);
	assert_int_equal(gate_init(&of_kept, kept, NULL, &diag), 0);
	for (unsigned i = 0; i < 4 * 3 * 4 * 2; i++) {
		char ours[1024], theirs[1024];

		ask(&of_packed, user[i / 4 % 3], topic[i % 4], payload[i / 12 % 4], i / 48, ours,
		    sizeof(ours));
		ask(&of_kept, user[i / 4 % 3], topic[i % 4], payload[i / 12 % 4], i / 48, theirs,
		    sizeof(theirs));
		assert_string_equal(ours, theirs);
	}
	gate_clear(&of_packed);
	gate_clear(&of_kept);
	rules_free(packed);
	rules_free(kept);
}

/* A shared ledger settles by what the contract says: packed or not, the entity has its steps. */
static void test_rules_load__entities_have_their_steps(void **state)
{
	struct rules_files files = { .contract = SOURCES_AT(KINDS), .access = KINDS_ACCESS };

	(void)state;
	for (int keeps = 0; keeps < 2; keeps++) {
		struct rules *rules = NULL;
		struct diag diag;
		const struct entity_steps *steps;

		files.keeps_documents = keeps;
		diag_init(&diag);
		if (rules_load(&files, &rules, &diag))
			fail_msg("%s", diag.text);
		steps = rules->contract->plan.entity[0].steps;
		assert_true(entity_has_step(steps, "", 0, "OFF", 3));
		assert_true(entity_has_step(steps, "ON or", 2, "OFF", 3));
		assert_false(entity_has_step(steps, "ON", 2, "ON", 2));
		assert_false(entity_has_step(steps, "ON", 2, "OUT", 3));
		assert_false(entity_has_step(steps, "OUT", 3, "ON", 2));
		rules_free(rules);
	}
}

static void test_valuepool_put__keeps_equal_values_once(void **state)
{
	struct arena arena = { 0 };
	struct valuepool pool = { .arena = &arena };
	const char *first = valuepool_text(&pool, "first"), *at = NULL;
	char text[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "%u", i % 500);
		at = valuepool_text(&pool, text);
		assert_string_equal(at, text);
	}
	assert_int_equal(pool.count, 501);
	assert_ptr_equal(valuepool_text(&pool, "499"), at);
	assert_ptr_equal(valuepool_text(&pool, "first"), first);
	assert_ptr_not_equal(valuepool_put(&pool, "first", 5, 1), first);
	assert_int_equal((uintptr_t)valuepool_put(&pool, "line", 4, 64) % 64, 0);
	assert_null(valuepool_text(&pool, NULL));
	assert_null(valuepool_put(&pool, text, 0, 1));
	assert_false(pool.is_failed);
	valuepool_clear(&pool);
	assert_string_equal(first, "first");
	arena_clear(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_load__equal_channels_share_their_parts),
		cmocka_unit_test(test_rules_load__what_differs_stays_apart),
		cmocka_unit_test(test_rules_load__for_tools_the_documents_stay),
		cmocka_unit_test(test_gate_decide__packed_or_not_says_the_same),
		cmocka_unit_test(test_rules_load__entities_have_their_steps),
		cmocka_unit_test(test_valuepool_put__keeps_equal_values_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

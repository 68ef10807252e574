/* What is enforced, only observed, or not looked at; and notices that are one client's own. */
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

#include "gate/gate.h"

#define CONTRACT "test/data/ctl/shop-1.asyncapi.json"
#define ACCESS "test/data/ctl/access-1.json"

struct fixture {
	char folder[32];
	struct rules *rules;
	struct gate gate;
};

/* The contract with @mode (JSON) and the orders' @location in the place of its own. */
static void begin_with(struct fixture *f, const char *mode, const char *location)
{
	char path[64];
	struct rules_files files = { .contract = SOURCES_AT(path), .access = ACCESS };
	json_t *contract = json_load_file(CONTRACT, 0, NULL);
	json_t *param = NULL;
	struct diag diag;

	assert_non_null(contract);
	if (mode)
		json_object_set_new(contract, "x-mode", json_loads(mode, JSON_DECODE_ANY, NULL));
	if (location) {
		assert_int_equal(json_unpack(contract, "{s{s{s{so}}}}", "channels", "orderStatus",
					     "parameters", "orderId", &param),
				 0);
		json_object_set_new(param, "location", json_string(location));
	}
	strcpy(f->folder, "/tmp/petstore-modes-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(path, sizeof(path), "%s/shop.json", f->folder);
	assert_int_equal(json_dump_file(contract, path, 0), 0);
	json_decref(contract);
	if (rules_load(&files, &f->rules, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&f->gate, f->rules, NULL, &diag), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(f->folder), 0);
}

static void begin(struct fixture *f, const char *mode)
{
	begin_with(f, mode, NULL);
}

static void end(struct fixture *f)
{
	gate_clear(&f->gate);
	rules_free(f->rules);
}

static void decide(struct fixture *f, const char *user, struct gate_request request,
		   struct decision *ret)
{
	request.message.topic_len = strlen(request.message.topic);
	request.message.payload_len = request.message.payload ? strlen(request.message.payload) : 0;
	gate_decide(&f->gate, access_find(f->rules->access, user), &request, ret);
}

#define ALL                                                                                        \
	"{\"permission\":\"observe\",\"schema\":\"observe\",\"transition\":\"observe\","           \
	"\"limits\":\"observe\"}"
#define OFF "{\"permission\":\"off\",\"schema\":\"off\",\"transition\":\"off\",\"limits\":\"off\"}"
#define GOOD "{\"orderId\":\"o-1\",\"status\":\"PLACED\"}"
#define LATE "{\"orderId\":\"o-1\",\"status\":\"SENT\"}"
#define BAD "{\"orderId\":\"o-1\",\"status\":\"LOST\"}"
#define NUL8 "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"
/* A status, and bytes behind it that end a C string. */
#define NULS "{\"orderId\":\"o-1\",\"status\":\"PLACED" NUL8 NUL8 NUL8 "\"}"
#define ORDER "orders/o-1/status"

enum outcome { REFUSED, OBSERVED, PASSED };

static const struct row {
	const char *mode, *user, *topic;
	unsigned qos;
	bool is_retained;
	const char *payload;
	enum outcome outcome;
	enum reason reason;
	bool is_kept;
} rows[] = {
	/* in force */
	{ NULL, "bob", ORDER, 1, false, GOOD, PASSED, REASON_NONE, true },
	{ NULL, "bob", ORDER, 1, false, BAD, REFUSED, REASON_SCHEMA_VIOLATION, false },
	{ NULL, "bob", ORDER, 1, false, LATE, REFUSED, REASON_TRANSITION_ILLEGAL, false },
	{ NULL, "bob", ORDER, 0, false, GOOD, REFUSED, REASON_QOS_TOO_LOW, false },
	{ NULL, "ann", ORDER, 1, false, GOOD, REFUSED, REASON_SCOPE_MISSING, false },
	{ NULL, "bob", "nowhere", 1, false, GOOD, REFUSED, REASON_TOPIC_UNKNOWN, false },
	{ NULL, "bob", "notes/sunday", 1, false, "x", REFUSED, REASON_TOPIC_PARAMETER, false },
	/* one word is about messages, not about who may do what */
	{ "\"observe\"", "bob", ORDER, 1, false, GOOD, PASSED, REASON_NONE, true },
	{ "\"observe\"", "bob", ORDER, 1, false, BAD, OBSERVED, REASON_SCHEMA_VIOLATION, false },
	{ "\"observe\"", "bob", ORDER, 1, false, "{", OBSERVED, REASON_PAYLOAD_NOT_JSON, false },
	{ "\"observe\"", "bob", ORDER, 1, false, NULL, OBSERVED, REASON_PAYLOAD_EMPTY, false },
	{ "\"observe\"", "bob", ORDER, 1, false, LATE, OBSERVED, REASON_TRANSITION_ILLEGAL, true },
	{ "\"observe\"", "bob", ORDER, 0, false, GOOD, OBSERVED, REASON_QOS_TOO_LOW, true },
	{ "\"observe\"", "bob", "notes/sunday", 1, false, "\"x\"", OBSERVED, REASON_TOPIC_PARAMETER,
	  false },
	{ "\"observe\"", "ann", ORDER, 1, false, GOOD, REFUSED, REASON_SCOPE_MISSING, false },
	{ "\"observe\"", "bob", "nowhere", 1, false, GOOD, REFUSED, REASON_TOPIC_UNKNOWN, false },
	{ "\"off\"", "bob", ORDER, 0, true, BAD, PASSED, REASON_NONE, false },
	{ "\"off\"", "ann", ORDER, 1, false, GOOD, REFUSED, REASON_SCOPE_MISSING, false },
	/* named, it is: but nobody without a name */
	{ ALL, "ann", ORDER, 1, false, GOOD, OBSERVED, REASON_SCOPE_MISSING, true },
	{ ALL, "bob", "nowhere", 1, false, GOOD, OBSERVED, REASON_TOPIC_UNKNOWN, false },
	{ ALL, "bob", "refusals/ann/x", 1, false, GOOD, OBSERVED, REASON_DIRECTION, false },
	{ ALL, "zoe", ORDER, 1, false, GOOD, REFUSED, REASON_IDENTITY_UNKNOWN, false },
	{ ALL, "eve", ORDER, 1, false, GOOD, REFUSED, REASON_IDENTITY_UNKNOWN, false },
	{ OFF, "ann", ORDER, 0, true, BAD, PASSED, REASON_NONE, false },
	{ OFF, "bob", "nowhere", 0, false, BAD, PASSED, REASON_NONE, false },
	{ OFF, "zoe", ORDER, 0, false, GOOD, REFUSED, REASON_IDENTITY_UNKNOWN, false },
	/* the first thing that was wrong is what is told */
	{ ALL, "ann", ORDER, 0, true, BAD, OBSERVED, REASON_SCOPE_MISSING, false },
	{ "\"observe\"", "bob", ORDER, 0, true, BAD, OBSERVED, REASON_SCHEMA_VIOLATION, false },
	/* what is enforced refuses, whatever was observed before it */
	{ "{\"schema\":\"observe\"}", "bob", ORDER, 0, false, BAD, REFUSED, REASON_QOS_TOO_LOW,
	  false },
	{ "{\"schema\":\"observe\"}", "bob", ORDER, 1, false, BAD, REFUSED,
	  REASON_TRANSITION_ILLEGAL, false },
	{ "{\"limits\":\"observe\"}", "bob", ORDER, 0, true, LATE, REFUSED,
	  REASON_TRANSITION_ILLEGAL, false },
	{ "{\"limits\":\"off\"}", "bob", ORDER, 0, true, GOOD, PASSED, REASON_NONE, true },
	/* a status is judged also where the schema is not looked at */
	{ "{\"schema\":\"off\"}", "bob", ORDER, 1, false, LATE, REFUSED, REASON_TRANSITION_ILLEGAL,
	  false },
	{ "{\"schema\":\"off\"}", "bob", ORDER, 1, false, NULS, REFUSED, REASON_TRANSITION_ILLEGAL,
	  false },
	{ "{\"schema\":\"off\"}", "bob", ORDER, 1, false, "{", REFUSED, REASON_PAYLOAD_NOT_JSON,
	  false },
	{ "{\"schema\":\"off\"}", "bob", ORDER, 1, false, GOOD, PASSED, REASON_NONE, false },
	{ "{\"transition\":\"off\"}", "bob", ORDER, 1, false, LATE, PASSED, REASON_NONE, true },
};

static void check_row(const struct row *row)
{
	struct fixture f;
	struct decision d;
	enum outcome outcome;

	begin(&f, row->mode);
	decide(&f, row->user,
	       (struct gate_request){ .action = GATE_PUBLISH,
				      .message = { .topic = row->topic,
						   .payload = row->payload,
						   .qos = row->qos,
						   .is_retained = row->is_retained } },
	       &d);
	outcome = d.verdict != VERDICT_ALLOW ? REFUSED : d.is_observed ? OBSERVED : PASSED;
	if (outcome != row->outcome || d.reason != row->reason || d.has_write != row->is_kept)
		fail_msg("row %zu (%s %s %s): %d, %s, %s: %s", (size_t)(row - rows),
			 row->mode ? row->mode : "", row->topic, row->payload ? row->payload : "",
			 outcome, reason_code(d.reason), d.has_write ? "kept" : "not kept",
			 d.error.message);
	assert_true(d.verdict == VERDICT_ALLOW || !d.is_observed);
	assert_int_equal(d.reason == REASON_NONE, d.error.message[0] == '\0');
	assert_int_equal(d.reason == REASON_NONE, d.failed == 0);
	assert_int_equal(d.failed & ~d.asked, 0);
	end(&f);
}

static void test_gate_decide__goes_by_the_mode(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

/* What is written when the transition is not looked at is an event, and no state. */
static void test_gate_decide__off_moves_no_state(void **state)
{
	struct fixture f;
	struct decision d;

	(void)state;
	begin(&f, "{\"transition\":\"off\"}");
	decide(&f, "bob",
	       (struct gate_request){ .action = GATE_PUBLISH,
				      .message = { .topic = ORDER, .payload = LATE, .qos = 1 } },
	       &d);
	assert_true(d.has_write);
	assert_int_equal(d.write.entity, ENTITY_NONE);
	end(&f);
}

static enum verdict receive(struct fixture *f, enum gate_action action, const char *user,
			    const char *client, const char *topic, struct decision *ret)
{
	decide(f, user,
	       (struct gate_request){
		       .action = action, .message.topic = topic, .client_id = client },
	       ret);
	return ret->verdict;
}

static void test_gate_decide__gives_notices_to_their_client(void **state)
{
	static const struct {
		const char *user, *client, *topic;
		bool is_subscribable, is_deliverable;
	} each[] = {
		{ "ann", "till-1", "refusals/ann/till-1", true, true },
		{ "ann", "till-1", "refusals/ann/till-2", false, false },
		{ "ann", "till-1", "refusals/ann/till-11", false, false },
		{ "ann", "till-1", "refusals/ann/till", false, false },
		{ "ann", "", "refusals/ann/till-1", false, false },
		{ "ann", NULL, "refusals/ann/till-1", false, false },
		{ "ann", "+", "refusals/+/+", true, false },
		{ "ann", "#", "refusals/#", true, false },
		{ "ann", "till-1", "refusals/+/+", true, false },
		{ "ann", "till-1", "$share/g/refusals/ann/till-1", false, false },
		{ "ann", "till-1", "refusals/+/till-1", true, false },
		{ "ann", "till-1", "refusals/ann/+", true, false },
		{ "ann", "till-1", "refusals/bob/till-1", false, false },
		{ "ann", "till-1", "refusals/bob/+", false, false },
		{ "bob", "till-1", "refusals/ann/till-1", false, false },
		{ "ann", "ann", "refusals/till-1/ann", false, false },
		{ "ann", "till-1", "refusals/till-1", false, false },
		{ "eve", "till-1", "refusals/eve/till-1", false, false }, /* disabled */
		{ "zoe", "till-1", "refusals/zoe/till-1", false, false }, /* nobody */
	};
	struct fixture f;
	struct decision d;

	(void)state;
	begin(&f, NULL);
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		assert_int_equal(receive(&f, GATE_SUBSCRIBE, each[i].user, each[i].client,
					 each[i].topic, &d),
				 each[i].is_subscribable);
		assert_int_equal(
			receive(&f, GATE_DELIVER, each[i].user, each[i].client, each[i].topic, &d),
			each[i].is_deliverable);
	}
	/* the same topic for another client: what was matched before does not count */
	assert_int_equal(receive(&f, GATE_DELIVER, "ann", "a", "refusals/ann/a", &d),
			 VERDICT_ALLOW);
	assert_int_equal(receive(&f, GATE_DELIVER, "ann", "b", "refusals/ann/a", &d), VERDICT_DENY);
	assert_int_equal(receive(&f, GATE_DELIVER, "bob", "a", "refusals/ann/a", &d), VERDICT_DENY);
	end(&f);
}

static void test_gate_decide__observes_subscriptions(void **state)
{
	struct fixture f;
	struct decision d;

	(void)state;
	begin(&f, "{\"permission\":\"observe\"}");
	assert_int_equal(receive(&f, GATE_SUBSCRIBE, "ann", "c", "refusals/ann/x", &d),
			 VERDICT_ALLOW);
	assert_true(d.is_observed);
	assert_int_equal(d.reason, REASON_SCOPE_MISSING);
	assert_int_equal(receive(&f, GATE_SUBSCRIBE, "ann", "c", "weather", &d), VERDICT_ALLOW);
	assert_int_equal(d.reason, REASON_FILTER_UNREACHABLE);
	assert_int_equal(receive(&f, GATE_DELIVER, "ann", "c", "refusals/ann/x", &d),
			 VERDICT_ALLOW);
	assert_int_equal(receive(&f, GATE_SUBSCRIBE, "bob", "c", "orders/#", &d), VERDICT_ALLOW);
	assert_false(d.is_observed);
	assert_int_equal(d.reason, REASON_NONE);
	end(&f);
	begin(&f, "{\"permission\":\"off\"}");
	assert_int_equal(receive(&f, GATE_SUBSCRIBE, "ann", "c", "weather", &d), VERDICT_ALLOW);
	assert_false(d.is_observed);
	assert_int_equal(receive(&f, GATE_SUBSCRIBE, "zoe", "c", "weather", &d), VERDICT_DENY);
	end(&f);
	begin(&f, "\"off\"");
	assert_int_equal(receive(&f, GATE_SUBSCRIBE, "ann", "c", "weather", &d), VERDICT_DENY);
	end(&f);
}

/* Wherever the contract says that the id stands: as a member, or deeper. */
static void test_gate_decide__finds_the_id_at_its_location(void **state)
{
	static const struct {
		const char *location, *payload;
		bool is_same;
	} cases[] = {
		{ "/orderId", "{\"orderId\":\"o-1\"}", true },
		{ "/orderId", "{\"orderId\":\"o-2\"}", false },
		{ "/orderId", "{\"orderId\":\"o-11\"}", false },
		{ "/orderId", "{\"orderId\":1}", false },
		{ "/orderId", "{\"order\":\"o-1\"}", false },
		{ "/orderId", "[\"o-1\"]", false },
		{ "/", "{\"\":\"o-1\"}", false }, /* the whole payload */
		{ "/", "\"o-1\"", true },
		{ "/order/id", "{\"order\":{\"id\":\"o-1\"}}", true },
		{ "/order/id", "{\"order\":{\"id\":\"o-2\"}}", false },
		{ "/order/id", "{\"order/id\":\"o-1\"}", false },
		{ "/order/id", "{\"order\":\"o-1\"}", false },
		{ "/order~1id", "{\"order/id\":\"o-1\"}", true },
		{ "/order~1id", "{\"order~1id\":\"o-1\"}", false },
		{ "/order~0/id", "{\"order~\":{\"id\":\"o-1\"}}", true },
		{ "/items/1/id", "{\"items\":[{},{\"id\":\"o-1\"}]}", true },
		{ "/items/0", "{\"items\":[\"o-1\"]}", true },
		{ "/items/0", "{\"items\":{\"0\":\"o-1\"}}", true },
		{ "/items/1", "{\"items\":[\"o-1\"]}", false },
		{ "/items/00", "{\"items\":[\"o-1\"]}", false },
		{ "/items/-", "{\"items\":[\"o-1\"]}", false },
		{ "/items/ 0", "{\"items\":[\"o-1\"]}", false },
		{ "/items/4294967296", "{\"items\":[\"o-1\"]}", false },
		{ "/0/0/id", "[[{\"id\":\"o-1\"}]]", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct gate_request request = {
			.message = { .topic = ORDER, .qos = 1, .payload = cases[i].payload }
		};
		char location[64];
		struct decision d;
		struct fixture f;

		(void)snprintf(location, sizeof(location), "$message.payload#%s",
			       cases[i].location);
		begin_with(&f, "\"observe\"", location);
		decide(&f, "bob", request, &d);
		assert_true(d.asked >> GATE_STEP_IDS & 1);
		if ((d.failed >> GATE_STEP_IDS & 1) == cases[i].is_same)
			fail_msg("%s in %s", cases[i].location, cases[i].payload);
		end(&f);
	}
}

static void test_gate_force__holds_until_other_rules(void **state)
{
	const struct gate_request request = { .message = { .topic = ORDER, .payload = GOOD } };
	struct decision d;
	struct fixture f;
	struct diag diag;

	(void)state;
	begin(&f, NULL);
	decide(&f, "bob", request, &d);
	assert_int_equal(d.reason, REASON_QOS_TOO_LOW);
	assert_false(gate_force(&f.gate, CONTRACT_PERMISSION, CONTRACT_OFF));
	assert_true(gate_force(&f.gate, CONTRACT_LIMITS, CONTRACT_OBSERVE));
	decide(&f, "bob", request, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_true(d.is_observed);
	assert_true(gate_force(&f.gate, CONTRACT_LIMITS, CONTRACT_OFF));
	decide(&f, "bob", request, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_false(d.is_observed);
	gate_clear(&f.gate);
	assert_int_equal(gate_init(&f.gate, f.rules, NULL, &diag), 0);
	decide(&f, "bob", request, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	end(&f);
}

static void test_gate_step_name__names_each(void **state)
{
	(void)state;
	for (int i = 0; i < GATE_STEP_COUNT; i++) {
		assert_true(gate_step_name((enum gate_step)i)[0] != '\0');
		assert_true(gate_step_group((enum gate_step)i) < CONTRACT_GROUPS);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(gate_step_name((enum gate_step)i),
						gate_step_name((enum gate_step)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_decide__goes_by_the_mode),
		cmocka_unit_test(test_gate_decide__off_moves_no_state),
		cmocka_unit_test(test_gate_decide__gives_notices_to_their_client),
		cmocka_unit_test(test_gate_decide__observes_subscriptions),
		cmocka_unit_test(test_gate_decide__finds_the_id_at_its_location),
		cmocka_unit_test(test_gate_force__holds_until_other_rules),
		cmocka_unit_test(test_gate_step_name__names_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What is only observed: the ledger takes over the status that a message says, so that it is right
 * once the contract is enforced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "folder.h"
#include "gate/gate.h"

#define CONTRACT "schemas/petstore.asyncapi.json"
#define ACCESS "test/data/gate/access.json"

struct fixture {
	struct folder folder;
	struct rules *rules;
	struct ledger *ledger;
	struct gate gate;
	struct decision decision;
	int64_t ms; /* unix time */
	char path[600];
};

static int setup(void **state)
{
	struct rules_files files = { .contract = SOURCES_AT(CONTRACT), .access = ACCESS };
	struct ledger_options options = {
		.journal_bytes = 1 << 20, .batch_rows = 100, .batch_ms = 5, .cache_entities = 1024
	};
	struct fixture *f = calloc(1, sizeof(*f));
	struct diag diag;

	folder_make(&f->folder);
	if (rules_load(&files, &f->rules, &diag))
		fail_msg("%s", diag.text);
	(void)strcpy(f->path, folder_place(&f->folder, "petstore.db"));
	options.path = f->path;
	if (folder_is_shared()) {
		options.journal = folder_file(&f->folder, "journal.ring");
		options.broker = "one";
	}
	if (ledger_open(&options, &f->rules->contract->plan, &f->ledger, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&f->gate, f->rules, f->ledger, &diag), 0);
	*state = f;
	return 0;
}

static void close_all(struct fixture *f)
{
	gate_clear(&f->gate);
	ledger_close(f->ledger);
	f->ledger = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_all(f);
	rules_free(f->rules);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static void observe(struct fixture *f, enum contract_group group, enum contract_mode mode)
{
	assert_true(gate_force(&f->gate, group, mode));
}

/* Decides, and keeps what there is to keep. */
static void publish(struct fixture *f, const char *order, const char *payload)
{
	struct gate_request request = { .action = GATE_PUBLISH, .message.qos = 1 };
	struct diag diag;
	char topic[80];

	(void)snprintf(topic, sizeof(topic), "orders/%s/status", order);
	request.message.topic = topic;
	request.message.topic_len = strlen(topic);
	request.message.payload = payload;
	request.message.payload_len = strlen(payload);
	gate_decide(&f->gate, access_find(f->rules->access, "orders-service"), &request,
		    &f->decision);
	if (!f->decision.has_write)
		return;
	f->decision.write.received_ms = ++f->ms;
	f->decision.write.publisher = f->decision.write.client_id = "test";
	if (ledger_commit(f->ledger, &f->decision.write, &diag))
		fail_msg("%s", diag.text);
}

#define ORDER(id, status, more)                                                                    \
	"{\"orderId\":\"" id "\",\"status\":\"" status                                             \
	"\",\"userId\":\"u-1\",\"updatedAt\":\"2026-01-15T10:30:00Z\"" more "}"

static void assert_outcome(const struct fixture *f, enum reason reason, bool is_adopted)
{
	assert_int_equal(f->decision.verdict, VERDICT_ALLOW);
	assert_int_equal(f->decision.reason, reason);
	assert_int_equal(f->decision.is_observed, reason != REASON_NONE);
	assert_int_equal(f->decision.is_adopted, is_adopted);
}

static void test_gate_decide__observed_steps_are_adopted(void **state)
{
	struct fixture *f = *state;

	observe(f, CONTRACT_TRANSITION, CONTRACT_OBSERVE);
	publish(f, "o-1", ORDER("o-1", "SHIPPED", "")); /* nothing was known of it */
	assert_outcome(f, REASON_TRANSITION_ILLEGAL, true);
	publish(f, "o-1", ORDER("o-1", "DELIVERED", "")); /* a step that the contract has */
	assert_outcome(f, REASON_NONE, false);
	publish(f, "o-1", ORDER("o-1", "APPROVED", "")); /* back */
	assert_outcome(f, REASON_TRANSITION_ILLEGAL, true);
	assert_string_equal(f->decision.current_status, "DELIVERED");
	publish(f, "o-2", ORDER("o-2", "PLACED", ""));
	assert_outcome(f, REASON_NONE, false);
	/* Once it is enforced, each goes on from where it is. */
	observe(f, CONTRACT_TRANSITION, CONTRACT_ENFORCE);
	publish(f, "o-1", ORDER("o-1", "PLACED", ""));
	assert_int_equal(f->decision.verdict, VERDICT_DENY);
	assert_false(f->decision.is_adopted);
	publish(f, "o-1", ORDER("o-1", "SHIPPED", ""));
	assert_outcome(f, REASON_NONE, false);
	close_all(f);
	assert_sql(&f->folder, "petstore.db",
		   folder_is_shared()
			   ? "SELECT topic, payload::json ->> 'status', adopted FROM events ORDER "
			     "BY seq"
			   : "SELECT topic, json_extract(payload, '$.status'), adopted FROM events "
			     "ORDER BY seq",
		   "orders/o-1/status|SHIPPED|1\norders/o-1/status|DELIVERED|0\n"
		   "orders/o-1/status|APPROVED|1\norders/o-2/status|PLACED|0\n"
		   "orders/o-1/status|SHIPPED|0");
	assert_sql(&f->folder, "petstore.db",
		   "SELECT id, status, owner, revision, CAST(adopted_at IS NOT NULL AS INTEGER), "
		   "CAST(adopted_at = updated_at AS INTEGER) FROM orders ORDER BY id",
		   "o-1|SHIPPED|u-1|4|1|0\no-2|PLACED|u-1|1|0|-");
}

/* What can't be told, or is no status, changes nothing, as before. */
static void test_gate_decide__what_cannot_be_adopted(void **state)
{
	struct fixture *f = *state;

	observe(f, CONTRACT_TRANSITION, CONTRACT_OBSERVE);
	observe(f, CONTRACT_SCHEMA, CONTRACT_OBSERVE);
	publish(f, "o-1", ORDER("o-1", "LOST", ""));
	assert_outcome(f, REASON_SCHEMA_VIOLATION, false);
	publish(f, "o-1", "{\"orderId\":\"o-1\",\"status\":7}");
	assert_outcome(f, REASON_SCHEMA_VIOLATION, false);
	publish(f, "o-1", "{");
	assert_outcome(f, REASON_PAYLOAD_NOT_JSON, false);
	publish(f, "o-1", ORDER("o-2", "SHIPPED", "")); /* of which of the two? */
	assert_outcome(f, REASON_ID_MISMATCH, false);
	observe(f, CONTRACT_SCHEMA, CONTRACT_OFF);
	publish(f, "o-1", ORDER("o-1", "SHIPPED", ""));
	assert_false(f->decision.is_adopted);
	close_all(f);
	assert_sql(&f->folder, "petstore.db", "SELECT count(*) FROM events", "0");
	assert_sql(&f->folder, "petstore.db", "SELECT count(*) FROM orders", "0");
}

/* The status is what it says; of its other members those that fit. */
static void test_gate_decide__a_payload_that_breaks_the_schema(void **state)
{
	struct fixture *f = *state;

	observe(f, CONTRACT_TRANSITION, CONTRACT_OBSERVE);
	observe(f, CONTRACT_SCHEMA, CONTRACT_OBSERVE);
	publish(f, "o-1", ORDER("o-1", "PLACED", ",\"changedBy\":\"x\""));
	assert_outcome(f, REASON_NONE, false);
	publish(f, "o-1", ORDER("o-1", "SHIPPED", ",\"changedBy\":7"));
	assert_outcome(f, REASON_SCHEMA_VIOLATION, true);
	publish(f, "o-1", ORDER("o-1", "SHIPPED", ",\"odd\":1")); /* it is that already */
	assert_outcome(f, REASON_SCHEMA_VIOLATION, false);
	publish(f, "o-2", ORDER("o-2", "PLACED", ",\"odd\":1")); /* a step, of a wrong message */
	assert_outcome(f, REASON_SCHEMA_VIOLATION, true);
	close_all(f);
	assert_sql(&f->folder, "petstore.db",
		   "SELECT id, status, changed_by, revision FROM orders ORDER BY id",
		   "o-1|SHIPPED|x|2\no-2|PLACED|-|1");
}

/* An owner that changes is observed, too, and then it is the owner. */
static void test_gate_decide__an_observed_owner_is_adopted(void **state)
{
	struct fixture *f = *state;

	observe(f, CONTRACT_TRANSITION, CONTRACT_OBSERVE);
	publish(f, "o-1", ORDER("o-1", "PLACED", ""));
	publish(f, "o-1",
		"{\"orderId\":\"o-1\",\"status\":\"PLACED\",\"userId\":\"u-2\","
		"\"updatedAt\":\"2026-01-15T10:30:00Z\"}");
	assert_outcome(f, REASON_OWNER_CHANGE, true);
	close_all(f);
	assert_sql(&f->folder, "petstore.db", "SELECT owner, status FROM orders", "u-2|PLACED");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_gate_decide__##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(observed_steps_are_adopted),
		T(what_cannot_be_adopted),
		T(a_payload_that_breaks_the_schema),
		T(an_observed_owner_is_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

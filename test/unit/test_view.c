/* Which entities may be seen: those that messages would tell of, whoever asks, and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gate/gate.h"

/* Owns orders: eva's e-..., tom's t-...; payments belong to the order that their id names. */
static bool look(void *ctx, const struct entity *entity, const char *id, size_t len,
		 struct ledger_state *ret)
{
	static char link[ENTITY_ID_MAX + 1];
	const bool *is_broken = ctx;

	*ret = (struct ledger_state){ .is_known = len > 0 && id[0] != 'x',
				      .owner = "",
				      .link = "" };
	if (strcmp(entity->name, "payment") == 0) {
		(void)snprintf(link, sizeof(link), "%.*s", (int)len, id);
		ret->link = link;
	} else if (len > 0) {
		ret->owner = id[0] == 'e' ? "eva" : id[0] == 't' ? "tom" : "";
	}
	return !*is_broken;
}

struct world {
	struct rules *rules;
	struct gate gate;
	bool is_broken;
};

static void begin(struct world *world)
{
	struct rules_files files = {
		.contract = SOURCES_AT("schemas/petstore.asyncapi.json"),
		.access = "test/data/gate/access.json",
	};
	struct diag diag;

	*world = (struct world){ .is_broken = false };
	if (rules_load(&files, &world->rules, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&world->gate, world->rules, NULL, &diag), 0);
	world->gate.look = look;
	world->gate.look_ctx = &world->is_broken;
}

static void end(struct world *world)
{
	gate_clear(&world->gate);
	rules_free(world->rules);
}

static const struct gate_request who = { .action = GATE_DELIVER, .method = GATE_LOGIN_ANY };

static const struct entity *entity_of(const struct world *world, const char *name)
{
	const struct entity_plan *plan = &world->rules->contract->plan;
	size_t i = 0;

	while (i < plan->entity_count && strcmp(plan->entity[i].name, name) != 0)
		i++;
	assert_true(i < plan->entity_count);
	return &plan->entity[i];
}

static bool views(struct world *world, const char *user, const char *entity, const char *id)
{
	uint64_t columns;

	return gate_views(&world->gate, access_find(world->rules->access, user), &who,
			  entity_of(world, entity), id, strlen(id), &columns);
}

static void test_gate_view__says_how_much(void **state)
{
	static const struct {
		const char *user, *entity;
		enum gate_grant grant;
	} rows[] = {
		{ "backoffice", "order", GATE_FULL },    { "orders-service", "order", GATE_FULL },
		{ "orders-service", "pet", GATE_NONE },  { "eva", "order", GATE_OWN },
		{ "eva", "payment", GATE_OWN },          { "eva", "pet", GATE_NONE },
		{ "collar-7", "pet", GATE_NONE },        { "collar-9", "pet", GATE_OWN },
		{ "where-some", "order", GATE_OWN },     { "gone", "order", GATE_NONE },
		{ "nobody-at-all", "order", GATE_NONE },
	};
	struct world world;
	uint64_t columns;

	(void)state;
	begin(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (gate_view(&world.gate, access_find(world.rules->access, rows[i].user), &who,
			      entity_of(&world, rows[i].entity), &columns) != rows[i].grant)
			fail_msg("%s and %s: not %d", rows[i].user, rows[i].entity, rows[i].grant);
		assert_int_equal(columns == GATE_WHOLE, rows[i].grant == GATE_FULL);
		assert_int_equal(columns == 0, rows[i].grant == GATE_NONE);
	}
	end(&world);
}

static void test_gate_views__looks_at_who_owns_it(void **state)
{
	static const struct {
		const char *user, *entity, *id;
		bool may;
	} rows[] = {
		{ "backoffice", "order", "e-1", true },
		{ "backoffice", "order", "x-1", true },
		{ "eva", "order", "e-1", true },
		{ "eva", "order", "t-1", false },
		{ "eva", "order", "n-1", false },
		{ "eva", "order", "x-1", false },
		{ "eva", "payment", "e-1", true },
		{ "eva", "payment", "t-1", false },
		{ "eva", "payment", "x-1", false },
		{ "eva", "order", "", false },
		{ "collar-9", "pet", "p-9", true },
		{ "collar-9", "pet", "p-8", false },
		{ "where-some", "order", "a-1", true },
		{ "where-some", "order", "b-1", false },
		{ "gone", "order", "e-1", false },
		{ "nobody-at-all", "order", "e-1", false },
		{ "orders-service", "pet", "p-9", false },
	};
	struct world world;

	(void)state;
	begin(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (views(&world, rows[i].user, rows[i].entity, rows[i].id) != rows[i].may)
			fail_msg("%s and %s %s: not %d", rows[i].user, rows[i].entity, rows[i].id,
				 rows[i].may);
	/* What can't be told is not shown. */
	world.is_broken = true;
	assert_false(views(&world, "eva", "order", "e-1"));
	assert_true(views(&world, "backoffice", "order", "e-1"));
	world.gate.look = NULL;
	assert_false(views(&world, "eva", "order", "e-1"));
	end(&world);
}

static void test_gate_reach__says_how_much(void **state)
{
	static const struct {
		const char *user, *address;
		enum gate_grant grant;
	} rows[] = {
		{ "backoffice", "orders/{orderId}/status", GATE_FULL },
		{ "orders-service", "pets/{petId}/status", GATE_NONE },
		{ "eva", "orders/{orderId}/status", GATE_OWN },
		{ "eva", "payments/{paymentId}/status", GATE_OWN },
		{ "collar-9", "pets/{petId}/status", GATE_OWN },
		{ "where-some", "orders/{orderId}/status", GATE_FULL },
		{ "gone", "orders/{orderId}/status", GATE_NONE },
		{ "nobody-at-all", "orders/{orderId}/status", GATE_NONE },
		{ "eva", "refusals/{principal}/{clientId}", GATE_OWN }, /* by its name */
	};
	struct world world;

	(void)state;
	begin(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct contract *contract = world.rules->contract;
		size_t k = 0;

		while (k < contract->channel_count &&
		       strcmp(contract->channel[k].address, rows[i].address) != 0)
			k++;
		assert_true(k < contract->channel_count);
		if (gate_reach(&world.gate, access_find(world.rules->access, rows[i].user), &who,
			       &contract->channel[k]) != rows[i].grant)
			fail_msg("%s and %s: not %d", rows[i].user, rows[i].address, rows[i].grant);
	}
	end(&world);
}

static void test_gate_decide__asks_the_function_where_there_is_no_ledger(void **state)
{
	static const char *const topics[] = { "orders/e-1/status", "orders/t-1/status",
					      "payments/e-2/status", "payments/t-2/status" };
	struct decision decision = { .verdict = VERDICT_DENY };
	struct world world;

	(void)state;
	begin(&world);
	for (size_t i = 0; i < 4; i++) {
		struct gate_request request = who;

		request.message.topic = topics[i];
		request.message.topic_len = strlen(topics[i]);
		gate_decide(&world.gate, access_find(world.rules->access, "eva"), &request,
			    &decision);
		assert_int_equal(decision.verdict, i % 2 ? VERDICT_DENY : VERDICT_ALLOW);
		world.is_broken = true;
		gate_decide(&world.gate, access_find(world.rules->access, "eva"), &request,
			    &decision);
		assert_int_equal(decision.verdict, VERDICT_DENY);
		assert_int_equal(decision.reason, REASON_STORE_UNAVAILABLE);
		world.is_broken = false;
	}
	end(&world);
}

static void test_gate_receives_all__is_more_than_ones_own(void **state)
{
	struct world world;
	const struct contract *contract;

	(void)state;
	begin(&world);
	contract = world.rules->contract;
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (strcmp(channel->address, "orders/{orderId}/status") != 0)
			continue;
		assert_true(gate_receives_all(&world.gate,
					      access_find(world.rules->access, "backoffice"), &who,
					      channel));
		assert_false(gate_receives_all(&world.gate, access_find(world.rules->access, "eva"),
					       &who, channel));
		assert_false(gate_receives_all(&world.gate,
					       access_find(world.rules->access, "where-some"), &who,
					       channel));
	}
	/* Notices: each may read its own without any scope. */
	assert_false(gate_receives_all(&world.gate, access_find(world.rules->access, "eva"), &who,
				       contract->notices));
	assert_false(gate_receives_all(&world.gate, NULL, &who, contract->notices));
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_view__says_how_much),
		cmocka_unit_test(test_gate_reach__says_how_much),
		cmocka_unit_test(test_gate_views__looks_at_who_owns_it),
		cmocka_unit_test(test_gate_decide__asks_the_function_where_there_is_no_ledger),
		cmocka_unit_test(test_gate_receives_all__is_more_than_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

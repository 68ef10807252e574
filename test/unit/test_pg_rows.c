/*
 * Batches into a PostgreSQL database that several brokers share: each step is settled, nothing is
 * there twice, whatever fails in between.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/clock.h"
#include "ledger/pg_internal.h"
#include "ledger/pg_store_internal.h"
#include "pgroom.h"

static const char *const status[] = { "PLACED", "PAID", "SHIPPED", "CANCELLED" };
static const uint64_t next[] = { 1 << 1 | 1 << 3, 1 << 2 | 1 << 3, 0, 0 };
static const struct entity_column column[] = {
	{ "status", VALUE_TEXT, true },      { "note", VALUE_TEXT, false },
	{ "amount", VALUE_INTEGER, false },  { "weight", VALUE_REAL, false },
	{ "is_gift", VALUE_BOOLEAN, false },
};
static const struct entity entity = {
	.table = "orders",
	.column_count = sizeof(column) / sizeof(column[0]),
	.column = column,
	.slot_count = 1,
	.link_column = -1,
	.steps = { { 4, status, 1 << 0, next } },
};
static const struct entity_plan plan = { 1, &entity };

/* A broker's store, and what its journal would hold. */
struct broker {
	struct store *store;
	struct store_numbers number;
	uint64_t seq; /* the last that it said */
	struct diag diag;
};

static void broker_open(struct broker *b, const char *at, const char *name)
{
	const struct store_place place = { at, name };
	struct store_names *names = NULL;

	*b = (struct broker){ 0 };
	pgroom_must(store_open(&place, PGROOM_WAIT_MS, &b->store, &b->diag), &b->diag);
	pgroom_must(store_upgrade(b->store, &b->diag), &b->diag);
	pgroom_must(store_plan(b->store, &plan, &b->diag), &b->diag);
	pgroom_must(store_names_load(b->store, &names, &b->diag), &b->diag);
	pgroom_must(store_names_find(names, &entity, &b->number, &b->diag), &b->diag);
	store_names_free(names);
}

static void broker_close(struct broker *b)
{
	store_close(b->store);
}

/* A record with room for what it points to. */
struct said {
	struct record record;
	struct value value[2];
	char id[32], topic[64], payload[64];
};

static struct record_text text_of(const char *text)
{
	return (struct record_text){ text, text ? strlen(text) : 0 };
}

/* A step of an order, retained. @before NULL: the order is not settled; @to NULL: an event. */
static void say(const struct broker *b, struct said *s, const char *id, const char *before,
		const char *to, uint64_t revision)
{
	memset(s, 0, sizeof(*s));
	(void)snprintf(s->id, sizeof(s->id), "%s", id);
	(void)snprintf(s->topic, sizeof(s->topic), "orders/%s/status", id);
	(void)snprintf(s->payload, sizeof(s->payload), "{\"status\":\"%s\"}", to ? to : "");
	s->record.qos = 1;
	s->record.is_retained = true;
	s->record.received_ms = 1795232100123;
	s->record.digest = 1000 + strlen(s->payload);
	s->record.topic = text_of(s->topic);
	s->record.publisher = text_of("shop");
	s->record.client_id = text_of("shop/1");
	s->record.payload = text_of(s->payload);
	s->record.kind = text_of("status");
	if (!to)
		return;
	s->record.table = b->number.table;
	s->record.revision = revision;
	s->record.id = text_of(s->id);
	s->record.before_column = before ? b->number.column[0] : 0;
	s->record.before = text_of(before);
	s->value[0] = (struct value){
		.column = b->number.column[0], .type = VALUE_TEXT, .text = to, .len = strlen(to)
	};
	s->record.value = s->value;
	s->record.value_count = 1;
}

/* One batch of what the broker said as numbers seq + 1 on; how many of them arrived. */
static unsigned carry(struct broker *b, const struct said *said, unsigned count)
{
	uint64_t applied, held;

	pgroom_must(store_begin(b->store, &applied, &b->diag), &b->diag);
	assert_int_equal(applied, b->seq);
	for (unsigned i = 0; i < count; i++)
		pgroom_must(store_apply(b->store, b->seq + 1 + i, &said[i].record, &b->diag),
			    &b->diag);
	pgroom_must(store_flush(b->store, &b->diag), &b->diag);
	held = store_held(b->store);
	if (held)
		count = (unsigned)(held - b->seq) - 1;
	b->seq += count;
	pgroom_must(store_commit(b->store, b->seq, &b->diag), &b->diag);
	return count;
}

static void carry_step(struct broker *b, const char *id, const char *before, const char *to,
		       uint64_t revision)
{
	struct said said;

	say(b, &said, id, before, to, revision);
	assert_int_equal(carry(b, &said, 1), 1);
}

#define ORDER "SELECT status || ' ' || revision || ' ' || coalesce(owner, '-') FROM orders"
#define EVENTS                                                                                     \
	"SELECT string_agg(origin || origin_seq || ' ' || coalesce(revision, 0) || CASE WHEN "     \
	"overruled = 1 THEN '!' ELSE '' END, ', ' ORDER BY seq) FROM events"
#define RETAINED "SELECT string_agg(origin || seq || payload, ', ' ORDER BY topic) FROM retained"

/* ---- rows -------------------------------------------------------------------------------- */

static void test_store_flush__writes_what_a_record_says(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a;
	struct said said[4];

	broker_open(&a, at, "a");
	say(&a, &said[0], "1", "", "PLACED", 1);
	said[0].record.owner = text_of("ann");
	said[0].record.is_will = true;
	said[0].record.unique = UINT64_MAX;
	said[0].record.peer = text_of("far");
	say(&a, &said[1], "2", NULL, NULL, 0); /* no UTF-8 */
	said[1].record.payload = (struct record_text){ "\xff\0x", 3 };
	said[1].record.properties = (struct record_text){ "\x01\x01", 2 };
	say(&a, &said[2], "3", NULL, NULL, 0); /* cleared */
	said[2].record.payload.len = 0;
	say(&a, &said[3], "1", "PLACED", "PAID", 2);
	said[3].value[1] = (struct value){
		.column = a.number.column[1], .type = VALUE_TEXT, .text = "a\0b\xff", .len = 4
	};
	said[3].record.value_count = 2;
	said[3].record.is_unrecorded = true;
	assert_int_equal(carry(&a, said, 4), 4);
	pgroom_answers(at, ORDER, "PAID 2 ann");
	pgroom_answers(at, "SELECT note FROM orders", "a?b?");
	pgroom_answers(at,
		       "SELECT created_at || updated_at || coalesce(adopted_at, '-') FROM orders",
		       "2026-11-21T03:35:00.123Z2026-11-21T03:35:00.123Z-");
	pgroom_answers(at, EVENTS, "a1 1, a2 0, a3 0");
	pgroom_answers(
		at,
		"SELECT received_at || topic || publisher || client_id || qos || retained || "
		"payload || will || correction || digest || unique_key || message || adopted "
		"|| coalesce(taken_over, -1) || peer_publisher FROM events WHERE seq = 1",
		"2026-11-21T03:35:00.123Zorders/1/statusshopshop/111{\"status\":\"PLACED\"}"
		"101019-1status0-1far");
	pgroom_answers(at,
		       "SELECT coalesce(payload, '-') || encode(payload_bytes, 'hex') FROM events "
		       "WHERE seq = 2",
		       "-ff0078");
	pgroom_answers(at,
		       "SELECT string_agg(topic || qos || coalesce(payload, '-') || "
		       "coalesce(encode(payload_bytes, 'hex'), '-') || coalesce(encode(properties, "
		       "'hex'), '-') || seq || origin, ', ' ORDER BY topic) FROM retained",
		       "orders/1/status1{\"status\":\"PAID\"}--4a, orders/2/status1-ff00780101"
		       "2a, orders/3/status1---3a");
	broker_close(&a);
}

/* Columns that a step does not set stay, of each type. */
static void test_store_flush__sets_what_a_step_sets(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a;
	struct said said[3];

	broker_open(&a, at, "a");
	for (unsigned i = 0; i < 3; i++)
		say(&a, &said[i], i < 2 ? "1" : "2", i ? "PLACED" : "", i == 1 ? "PAID" : "PLACED",
		    1 + i % 2);
	said[0].value[1] = (struct value){ .column = a.number.column[2],
					   .type = VALUE_INTEGER,
					   .integer = -7 };
	said[1].value[1] =
		(struct value){ .column = a.number.column[3], .type = VALUE_REAL, .real = 2.5 };
	said[2].value[1] =
		(struct value){ .column = a.number.column[4], .type = VALUE_BOOLEAN, .integer = 1 };
	said[2].record.before = text_of("");
	for (unsigned i = 0; i < 3; i++) {
		said[i].record.value_count = 2;
		assert_int_equal(carry(&a, &said[i], 1), 1);
	}
#define ALL                                                                                        \
	"SELECT string_agg(concat_ws('/', id, status, coalesce(amount, 0), coalesce(weight, 0), "  \
	"coalesce(is_gift, 0)), ' ' ORDER BY id) FROM orders"
	pgroom_answers(at, ALL, "1/PAID/-7/2.5/0 2/PLACED/0/0/1");
	said[1].value[1].type = VALUE_NULL;
	said[1].record.before = text_of("PAID");
	assert_int_equal(carry(&a, &said[1], 1), 1);
	pgroom_answers(at, ALL, "1/PAID/-7/0/0 2/PLACED/0/0/1");
	broker_close(&a);
}

/* ---- settling ---------------------------------------------------------------------------- */

static void test_store_flush__the_first_step_wins(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	carry_step(&a, "1", "", "PLACED", 1);
	carry_step(&b, "1", "PLACED", "PAID", 2);
	carry_step(&a, "1", "PAID", "SHIPPED", 3);
	carry_step(&b, "1", "PAID", "CANCELLED", 3);
	pgroom_answers(at, ORDER, "SHIPPED 3 -");
	pgroom_answers(at, EVENTS, "a1 1, b1 2, a2 3, b2 3!");
	pgroom_answers(at, RETAINED, "a2{\"status\":\"SHIPPED\"}");
	pgroom_answers(at, "SELECT string_agg(name || overruled, ' ' ORDER BY name) FROM brokers",
		       "a0 b1");
	/* What is not recorded is an event, too, where it had no effect. */
	broker_close(&a);
	broker_close(&b);
}

static void test_store_flush__goes_on_from_what_stands(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	carry_step(&a, "1", "", "PLACED", 1);
	carry_step(&a, "1", "PLACED", "PAID", 2);
	carry_step(&b, "1", "PLACED", "CANCELLED", 2);
	carry_step(&b, "1", "PLACED", "CANCELLED", 2); /* again: it says what stands */
	pgroom_answers(at, ORDER, "CANCELLED 3 -");
	pgroom_answers(at, EVENTS, "a1 1, a2 2, b1 3, b2 3");
	pgroom_answers(at, RETAINED, "b1{\"status\":\"CANCELLED\"}");
	broker_close(&a);
	broker_close(&b);
}

/* A client left b for a, and sent its step there again, before b's journal came. */
static void test_store_flush__a_resend_is_dropped(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	carry_step(&a, "1", "", "PLACED", 1);
	carry_step(&a, "1", "PLACED", "PAID", 2);
	carry_step(&b, "1", "PLACED", "PAID", 2);
	pgroom_answers(at, ORDER, "PAID 2 -");
	pgroom_answers(at, EVENTS, "a1 1, a2 2");
	pgroom_answers(at, "SELECT applied_seq::text FROM brokers WHERE name = 'b'", "1");
	broker_close(&a);
	broker_close(&b);
}

static void test_store_flush__two_owners_of_one_order(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;
	struct said said;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	say(&a, &said, "1", "", "PLACED", 1);
	said.record.owner = text_of("ann");
	assert_int_equal(carry(&a, &said, 1), 1);
	said.record.owner = text_of("bob");
	said.record.publisher = text_of("bob");
	assert_int_equal(carry(&b, &said, 1), 1);
	carry_step(&a, "1", "PLACED", "PAID", 2);
	pgroom_answers(at, ORDER, "PAID 2 ann");
	pgroom_answers(at, EVENTS, "a1 1, b1 1!, a2 2");
	broker_close(&a);
	broker_close(&b);
}

static void test_store_flush__a_correction_is_applied(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;
	struct said said;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	carry_step(&a, "1", "", "PLACED", 1);
	carry_step(&a, "1", "PLACED", "CANCELLED", 2);
	say(&b, &said, "1", "PLACED", "PAID", 2);
	said.record.is_correction = true;
	assert_int_equal(carry(&b, &said, 1), 1);
	pgroom_answers(at, ORDER, "PAID 3 -");
	pgroom_answers(at, EVENTS, "a1 1, a2 2, b1 3");
	broker_close(&a);
	broker_close(&b);
}

/* Each waits for the other's second step, and each has brought its first: neither is stuck. */
static void test_store_flush__waits_for_another_brokers_step(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;
	struct said as[2], bs[2];

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	say(&a, &as[0], "1", "", "PLACED", 1);
	say(&a, &as[1], "2", "PLACED", "PAID", 2);
	say(&b, &bs[0], "2", "", "PLACED", 1);
	say(&b, &bs[1], "1", "PLACED", "PAID", 2);
	assert_int_equal(carry(&a, as, 2), 1);
	assert_int_equal(carry(&b, bs, 2), 2);
	assert_int_equal(carry(&a, &as[1], 1), 1);
	pgroom_answers(at,
		       "SELECT string_agg(id || status || revision, ' ' ORDER BY id) FROM orders",
		       "1PAID2 2PAID2");
	pgroom_answers(at, EVENTS, "a1 1, b1 1, b2 2, a2 2");
	broker_close(&a);
	broker_close(&b);
}

/* The other broker never brings it. The next one waits a tenth. */
static void test_store_flush__waits_no_longer_than_its_time(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a;
	struct said said[2];
	int64_t began_ns, passed_ms;
	unsigned tries = 0;

	broker_open(&a, at, "a");
	say(&a, &said[0], "1", "PLACED", "PAID", 2);
	say(&a, &said[1], "2", "PLACED", "PAID", 2);
	began_ns = clock_mono_ns();
	while (carry(&a, said, 1) == 0)
		tries++;
	passed_ms = (clock_mono_ns() - began_ns) / 1000000;
	assert_true(tries > 1 && passed_ms >= 500);
	assert_int_equal(carry(&a, &said[1], 1), 0);
	while (carry(&a, &said[1], 1) == 0)
		tries++;
	pgroom_answers(at, EVENTS, "a1 0!, a2 0!");
	pgroom_answers(at, "SELECT count(*)::text FROM orders", "0");
	broker_close(&a);
}

/* Those that a broker decided on a step of its own which had no effect do not wait for it. */
static void test_store_flush__does_not_wait_for_what_never_comes(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;
	struct said said[2];

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	carry_step(&a, "1", "", "PLACED", 1);
	carry_step(&a, "1", "PLACED", "CANCELLED", 2);
	say(&b, &said[0], "1", "PLACED", "PAID", 2);
	say(&b, &said[1], "1", "PAID", "SHIPPED", 3);
	assert_int_equal(carry(&b, said, 2), 2);
	say(&b, &said[0], "1", "SHIPPED", "SHIPPED", 4);
	assert_int_equal(carry(&b, said, 1), 1); /* in a later batch likewise */
	pgroom_answers(at, EVENTS, "a1 1, a2 2, b1 2!, b2 2!, b3 2!");
	pgroom_answers(at, RETAINED, "a2{\"status\":\"CANCELLED\"}");
	broker_close(&a);
	broker_close(&b);
}

/* What only repeats a status is retained where this broker's own message is. */
static void test_store_flush__a_repeat_is_no_step(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b;
	struct said said;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	carry_step(&a, "1", "", "PLACED", 1);
	say(&a, &said, "1", NULL, NULL, 0);
	said.record.is_repeat = said.record.is_unrecorded = true;
	assert_int_equal(carry(&a, &said, 1), 1);
	pgroom_answers(at, RETAINED, "a2{\"status\":\"\"}");
	carry_step(&b, "1", "PLACED", "PAID", 2);
	assert_int_equal(carry(&a, &said, 1), 1);
	pgroom_answers(at, RETAINED, "b1{\"status\":\"PAID\"}");
	pgroom_answers(at, EVENTS, "a1 1, b1 2");
	broker_close(&a);
	broker_close(&b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pgroom_set_up, pgroom_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_store_flush__writes_what_a_record_says),
		TEST(test_store_flush__sets_what_a_step_sets),
		TEST(test_store_flush__the_first_step_wins),
		TEST(test_store_flush__goes_on_from_what_stands),
		TEST(test_store_flush__a_resend_is_dropped),
		TEST(test_store_flush__two_owners_of_one_order),
		TEST(test_store_flush__a_correction_is_applied),
		TEST(test_store_flush__waits_for_another_brokers_step),
		TEST(test_store_flush__waits_no_longer_than_its_time),
		TEST(test_store_flush__does_not_wait_for_what_never_comes),
		TEST(test_store_flush__a_repeat_is_no_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

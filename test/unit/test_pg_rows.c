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
#include "failalloc.h"
#include "folder.h"
#include "ledger/ledger.h"
#include "ledger/pg_carry.h"
#include "ledger/replay.h"
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
	const struct store_place place = { .place = at, .broker = name };
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

/* Each batch says how many records the journal still has, and how old the oldest is. */
static void test_store_commit__says_what_waits(void **state)
{
	const char *at = pgroom_at(state);
	struct store_waiting waiting = { .last_record = 20, .lag_ms = 300 };
	struct broker a;
	struct said said;

	broker_open(&a, at, "a");
	store_set_waiting(a.store, &waiting);
	say(&a, &said, "1", "", "PLACED", 1);
	assert_int_equal(carry(&a, &said, 1), 1);
#define WAITS "SELECT applied_seq || ' ' || waiting || ' ' || lag_ms FROM brokers"
	pgroom_answers(at, WAITS, "1 19 300");
	waiting.last_record = 2;
	store_set_waiting(a.store, &waiting);
	say(&a, &said, "1", "PLACED", "PAID", 2);
	assert_int_equal(carry(&a, &said, 1), 1);
	pgroom_answers(at, WAITS, "2 0 0");
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

/* Nothing stands of its message: it is told that it was overruled, and all are told what stands. */
static void test_store_flush__a_resend_of_what_was_overruled(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a, b, c;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	broker_open(&c, at, "c");
	carry_step(&a, "1", "", "PLACED", 1);
	carry_step(&a, "1", "PLACED", "PAID", 2);
	carry_step(&a, "1", "PAID", "SHIPPED", 3);
	carry_step(&b, "1", "PAID", "CANCELLED", 3);
	carry_step(&c, "1", "PAID", "CANCELLED", 3); /* its client went there */
	pgroom_answers(at, ORDER, "SHIPPED 3 -");
	pgroom_answers(at, EVENTS, "a1 1, a2 2, a3 3, b1 3!, c1 3!");
	broker_close(&a);
	broker_close(&b);
	broker_close(&c);
}

/* It was not waited for longer what it followed: sent again once that has come, it counts. */
static void test_store_flush__a_resend_once_it_follows(void **state)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	const char *at = pgroom_at(state);
	struct broker a, b;
	struct said said;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	say(&a, &said, "1", "PLACED", "PAID", 2);
	while (carry(&a, &said, 1) == 0)
		(void)nanosleep(&moment, NULL);
	carry_step(&b, "1", "", "PLACED", 1);
	carry_step(&a, "1", "PLACED", "PAID", 2);
	pgroom_answers(at, ORDER, "PAID 2 -");
	pgroom_answers(at, EVENTS, "a1 0!, b1 1, a2 2");
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

/* ---- with a journal ---------------------------------------------------------------------- */

static void test_store_flush__names_the_table_that_is_locked(void **state)
{
	const char *at = pgroom_at(state);
	struct pg *other = pgroom_connect(at);
	struct broker a;
	struct said said;
	uint64_t applied;
	int rc;

	broker_open(&a, at, "a");
	carry_step(&a, "1", "", "PLACED", 1);
	pgroom_must(pg_script(other, "BEGIN; LOCK TABLE orders;", "cannot lock", &a.diag), &a.diag);
	say(&a, &said, "1", "PLACED", "PAID", 2);
	pgroom_must(store_begin(a.store, &applied, &a.diag), &a.diag);
	rc = store_apply(a.store, 2, &said.record, &a.diag);
	if (rc == 0)
		rc = store_flush(a.store, &a.diag);
	assert_int_equal(rc, ERR_BUSY);
	assert_non_null(strstr(a.diag.text, "lock timeout (table orders)"));
	store_rollback(a.store);
	pg_close(other);
	broker_close(&a);
}

static void append(struct journal *journal, const struct said *said, struct diag *diag)
{
	void *body = journal_reserve(journal, record_bytes(&said->record));
	uint64_t seq;

	assert_non_null(body);
	record_encode(&said->record, body);
	pgroom_must(journal_commit(journal, false, &seq, diag), diag);
}

/* What waits stays in the journal, and what is before it has arrived. */
static void test_replay_batch__waits_and_goes_on(void **state)
{
	static const unsigned char ours[JOURNAL_IDENTITY] = "the database";
	const char *at = pgroom_at(state);
	struct replay replay = { .batch_rows = 100, .wal_bytes_max = UINT64_MAX };
	struct folder folder;
	struct broker a, b;
	struct said said[3];
	uint64_t applied = 0;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	folder_make(&folder);
	replay_init(&replay);
	replay.store = a.store;
	pgroom_must(journal_open(folder_file(&folder, "ring"), &replay.journal, &a.diag), &a.diag);
	pgroom_must(journal_format(replay.journal, 1 << 20, 0, ours, 1, &a.diag), &a.diag);
	say(&a, &said[0], "1", "", "PLACED", 1);
	say(&a, &said[1], "2", "PLACED", "PAID", 2);
	say(&a, &said[2], "1", "PLACED", "PAID", 2);
	for (unsigned i = 0; i < 3; i++)
		append(replay.journal, &said[i], &a.diag);
	assert_int_equal(replay_batch(&replay, &applied, &a.diag), REPLAY_WAITS);
	assert_int_equal(applied, 1);
	assert_int_equal(replay_batch(&replay, &applied, &a.diag), REPLAY_WAITS);
	assert_int_equal(applied, 1);
	carry_step(&b, "2", "", "PLACED", 1);
	pgroom_must(replay_all(&replay, &applied, &a.diag), &a.diag);
	assert_int_equal(applied, 3);
	pgroom_answers(at, EVENTS, "a1 1, b1 1, a2 2, a3 2");
	journal_close(replay.journal);
	folder_remove(&folder);
	broker_close(&a);
	broker_close(&b);
}

static void test_pg_carry_new__without_memory(void **state)
{
	struct pg_carry *carry = NULL;
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = pg_carry_new(&carry, &diag);
		if (rc == 0)
			rc = pg_carry_plan(carry, &plan, &diag);
		if (!failalloc_stop()) {
			pgroom_must(rc, &diag);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		pg_carry_free(carry);
		carry = NULL;
	}
	pg_carry_free(carry);
}

/* ---- whole ledgers ----------------------------------------------------------------------- */

static void commit(struct ledger *ledger, const char *to)
{
	const struct value value = { .type = VALUE_TEXT, .text = to, .len = strlen(to) };
	const struct ledger_write write = {
		.id = "1",
		.id_len = 1,
		.value_count = 1,
		.value = &value,
		.received_ms = 1795232100123,
		.publisher = "shop",
		.client_id = to,
		.digest = value.len,
		.message = { .topic = "orders/1/status",
			     .topic_len = 15,
			     .payload = to,
			     .payload_len = value.len,
			     .is_retained = true },
	};
	struct ledger_state stands;
	struct diag diag;
	int rc;

	do { /* it has been opened, and knows what the database has */
		rc = ledger_look(ledger, 0, "1", 1, &stands, &diag);
		if (rc == 0)
			rc = ledger_commit(ledger, &write, &diag);
		(void)usleep(rc ? 1000 : 0);
	} while (rc == ERR_BUSY);
	pgroom_must(rc, &diag);
}

/* Two say what contradicts itself, on what both knew; and a start replays by the same rule. */
static void test_ledger_commit__is_settled_by_what_it_was_decided_on(void **state)
{
	const char *at = pgroom_at(state);
	struct folder folder;
	struct ledger *ledger[2] = { NULL, NULL };
	struct diag diag;

	folder_make(&folder);
	for (unsigned i = 0; i < 2; i++) {
		const struct ledger_options options = {
			.path = at,
			.journal = folder_file(&folder, i ? "b.ring" : "a.ring"),
			.journal_bytes = 1 << 20,
			.batch_rows = 100,
			.batch_ms = 400,
			.cache_entities = 100,
			.strict_ms = 1000,
			.broker = i ? "b" : "a",
		};

		pgroom_must(ledger_open(&options, &plan, &ledger[i], &diag), &diag);
		if (i == 0) {
			commit(ledger[0], "PLACED");
			commit(ledger[0], "PAID");
			pgroom_must(ledger_flush(ledger[0], 20000, &diag), &diag);
		}
	}
	commit(ledger[1], "SHIPPED");
	commit(ledger[0], "CANCELLED");
	pgroom_must(ledger_flush(ledger[1], 20000, &diag), &diag);
	ledger_close(ledger[0]);
	ledger_close(ledger[1]);
	pgroom_answers(
		at,
		"SELECT concat_ws(' ', o.revision, (SELECT payload FROM events WHERE seq = 3) "
		"= o.status, (SELECT payload FROM retained) = o.status, (SELECT "
		"string_agg(overruled::text, '' ORDER BY seq) FROM events)) FROM orders AS o",
		"3 t t 0001");
	folder_remove(&folder);
}

/* ---- two brokers at once ----------------------------------------------------------------- */

#define RACE_ORDERS 1000u
#define RACE_BATCH 50u

struct racer {
	struct broker broker;
	const char *to, *owner;
};

static void say_in_race(struct racer *r, struct said *said, unsigned order)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "%04u", order);
	say(&r->broker, said, id, r->owner ? "" : "PLACED", r->to, r->owner ? 1 : 2);
	said->record.client_id = text_of(r->to);
	said->record.publisher = text_of(r->owner ? r->owner : "shop");
	said->record.owner = text_of(r->owner);
}

/* A batch that another broker's came in the way of is carried again, as the writer does it. */
static void carry_in_race(struct racer *r, const struct said *said)
{
	struct store *store = r->broker.store;
	struct diag *diag = &r->broker.diag;
	uint64_t applied;
	int rc;

	do {
		rc = store_begin(store, &applied, diag);
		for (unsigned i = 0; rc == 0 && i < RACE_BATCH; i++)
			rc = store_apply(store, applied + 1 + i, &said[i].record, diag);
		if (rc == 0)
			rc = store_commit(store, applied + RACE_BATCH, diag);
		if (rc)
			store_rollback(store);
	} while (rc == ERR_BUSY);
	pgroom_must(rc, diag);
}

/* Each in an order of its own, so that the two meet everywhere. */
static void *race(void *ctx)
{
	struct racer *r = ctx;
	unsigned stride = r->to[0] == 'S' || (r->owner && r->owner[0] == 'a') ? 7 : 993;
	struct said said[RACE_BATCH];

	for (unsigned at = 0; at < RACE_ORDERS; at += RACE_BATCH) {
		for (unsigned i = 0; i < RACE_BATCH; i++)
			say_in_race(r, &said[i], (at + i) * stride % RACE_ORDERS);
		carry_in_race(r, said);
	}
	return NULL;
}

static void race_both(struct racer *a, struct racer *b)
{
	pthread_t thread[2];

	assert_int_equal(pthread_create(&thread[0], NULL, race, a), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, race, b), 0);
	assert_int_equal(pthread_join(thread[0], NULL), 0);
	assert_int_equal(pthread_join(thread[1], NULL), 0);
}

/* Both make the same orders, and both take a step that ends them: one of each is true. */
static void test_store_flush__two_brokers_race(void **state)
{
	const char *at = pgroom_at(state);
	struct racer a = { .to = "PLACED", .owner = "ann" }, b = { .to = "PLACED", .owner = "bob" };

	broker_open(&a.broker, at, "a");
	broker_open(&b.broker, at, "b");
	race_both(&a, &b);
	pgroom_answers(at,
		       "SELECT count(*) || ' ' || sum(revision) || ' ' || count(*) FILTER (WHERE "
		       "owner IN ('ann', 'bob')) FROM orders",
		       "1000 1000 1000");
	a.owner = b.owner = NULL;
	a.to = "PAID";
	b.to = "CANCELLED";
	race_both(&a, &b);
	pgroom_answers(at,
		       "SELECT count(*) || ' ' || count(DISTINCT (origin, origin_seq)) FROM events",
		       "4000 4000");
	/* PAID and then CANCELLED is a way that the contract has; CANCELLED ends. */
	pgroom_answers(
		at,
		"SELECT count(*)::text FROM orders AS o JOIN retained AS r ON r.topic = "
		"'orders/' || o.id || '/status' JOIN events AS e ON e.topic = r.topic AND "
		"e.origin = r.origin AND e.origin_seq = r.seq WHERE o.status = 'CANCELLED' AND "
		"e.overruled = 0 AND e.revision = o.revision AND r.payload = "
		"'{\"status\":\"CANCELLED\"}'",
		"1000");
	pgroom_answers(
		at,
		"SELECT (sum(revision - 1) + (SELECT count(*) FROM events WHERE overruled = 1) "
		"= 3000)::text FROM orders",
		"true");
	pgroom_answers(at,
		       "SELECT (sum(overruled) = (SELECT count(*) FROM events WHERE overruled = "
		       "1))::text FROM brokers",
		       "true");
	broker_close(&a.broker);
	broker_close(&b.broker);
}

/* ---- a connection that breaks ------------------------------------------------------------ */

/* The connection is cut before this call, counted from 1; of functions that speak to the server. */
static unsigned fault_at, fault_calls;
static struct pg_lib real;

static void count_call(PGconn *conn)
{
	if (++fault_calls == fault_at)
		(void)shutdown(real.PQsocket(conn), SHUT_RDWR);
}

static int faulty_flush(PGconn *conn)
{
	count_call(conn);
	return real.PQflush(conn);
}

static int faulty_input(PGconn *conn)
{
	count_call(conn);
	return real.PQconsumeInput(conn);
}

static int faulty_sync(PGconn *conn)
{
	count_call(conn);
	return real.PQpipelineSync(conn);
}

/* The next connection is sound again. */
static void break_at(struct broker *b, unsigned call)
{
	struct pg *pg = pg_store_of(b->store)->pg;

	real = pg->lib;
	fault_at = call;
	fault_calls = 0;
	pg->lib.PQflush = faulty_flush;
	pg->lib.PQconsumeInput = faulty_input;
	pg->lib.PQpipelineSync = faulty_sync;
}

/* As the replay does it: what the database has is not written again. */
static int try_to_carry(struct broker *b, const struct said *said, unsigned count)
{
	uint64_t applied = 0;
	int rc = store_begin(b->store, &applied, &b->diag);

	for (uint64_t i = applied; rc == 0 && i < count; i++)
		rc = store_apply(b->store, i + 1, &said[i].record, &b->diag);
	if (rc == 0)
		rc = store_commit(b->store, count, &b->diag);
	if (rc)
		store_rollback(b->store);
	return rc;
}

static void test_store_commit__once_whenever_the_connection_breaks(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a;
	struct said said[6];
	unsigned broke = 0;
	int rc;

	broker_open(&a, at, "a");
	for (unsigned call = 1;; call++) {
		char id[16];

		/* Two new orders and a step of an old one, each time behind those of before. */
		for (unsigned i = 0; i < 6; i++) {
			(void)snprintf(id, sizeof(id), "%u-%u", call, i % 3);
			say(&a, &said[i], id, i < 3 ? "" : "PLACED", i < 3 ? "PLACED" : "PAID",
			    1 + i / 3);
		}
		pgroom_script(at, "UPDATE brokers SET applied_seq = 0; DELETE FROM events; "
				  "DELETE FROM orders; DELETE FROM retained;");
		pg_store_of(a.store)->applied = 0;
		break_at(&a, call);
		rc = try_to_carry(&a, said, 6);
		if (fault_calls < call) {
			pgroom_must(rc, &a.diag);
			break;
		}
		broke++;
		/* Where it broke behind the last answer, the next transaction finds it broken. */
		for (unsigned again = 0; rc == ERR_BUSY || again == 0; again++) {
			assert_in_range(again, 0, 2);
			rc = try_to_carry(&a, said, 6);
		}
		pgroom_must(rc, &a.diag);
		pgroom_answers(at,
			       "SELECT (SELECT count(*) FROM events) || ' ' || (SELECT "
			       "sum(revision) FROM orders) || ' ' || (SELECT count(*) FROM "
			       "retained) || ' ' || (SELECT applied_seq FROM brokers)",
			       "6 6 3 6");
	}
	assert_true(broke >= 8);
	broker_close(&a);
}

/* ---- rows that go ------------------------------------------------------------------------ */

static uint64_t trim(struct broker *b, const struct store_limits *limits, int64_t now_ms)
{
	uint64_t applied, removed = 0;

	pg_store_of(b->store)->trimmed.events_ns = 0; /* it is time */
	pgroom_must(store_begin(b->store, &applied, &b->diag), &b->diag);
	pgroom_must(store_trim(b->store, limits, now_ms, 1000000, &removed, &b->diag), &b->diag);
	pgroom_must(store_commit(b->store, applied, &b->diag), &b->diag);
	return removed;
}

#define FILL                                                                                       \
	"INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, payload, "   \
	"origin, origin_seq) SELECT "

#ifndef MANY_ROWS
#define MANY_ROWS 100000
#endif
#define FEWER_ROWS 25000 /* at once */

/* While the other broker writes: as many stay as are asked for. */
static void test_store_trim__many_rows_while_writing(void **state)
{
	const char *at = pgroom_at(state);
	const struct store_limits limits = { .events_rows = MANY_ROWS / 2 };
	struct racer a = { .to = "PLACED", .owner = "ann" };
	struct broker b;
	pthread_t thread;
	uint64_t removed = 0;
	char expected[64];

	broker_open(&a.broker, at, "a");
	broker_open(&b, at, "b");
	for (unsigned i = 0; i < MANY_ROWS / FEWER_ROWS; i++)
		pgroom_script(at, FILL
			      "'2026-11-21T03:35:00.123Z', 't', 'p', 'c', 1, 0, '', 'z', n FROM "
			      "generate_series((SELECT count(*) FROM events) + 1, (SELECT "
			      "count(*) FROM events) + 25000) AS n;");
	assert_int_equal(pthread_create(&thread, NULL, race, &a), 0);
	while (removed < MANY_ROWS / 2) /* at most 20,000 each time */
		removed += trim(&b, &limits, 1795232100123);
	assert_int_equal(pthread_join(thread, NULL), 0);
	removed += trim(&b, &limits, 1795232100123);
	assert_int_equal(removed, MANY_ROWS / 2 + RACE_ORDERS);
	(void)snprintf(expected, sizeof(expected), "%u %u %u", MANY_ROWS / 2,
		       MANY_ROWS / 2 + RACE_ORDERS + 1, RACE_ORDERS);
	pgroom_answers(at,
		       "SELECT count(*) || ' ' || min(origin_seq) FILTER (WHERE origin = 'z') || "
		       "' ' || count(*) FILTER (WHERE origin = 'a') FROM events",
		       expected);
	broker_close(&a.broker);
	broker_close(&b);
}

/* By age, in the order of seq; one at a time. */
static void test_store_trim__what_is_too_old(void **state)
{
	const char *at = pgroom_at(state);
	const struct store_limits limits = { .events_days = 10 };
	struct broker a, b;
	struct pg *other;
	struct diag diag;

	broker_open(&a, at, "a");
	broker_open(&b, at, "b");
	pgroom_script(at,
		      FILL "CASE WHEN n <= 300 THEN '2026-11-01T00:00:00.000Z' WHEN n = 400 THEN "
			   "'2026-11-02T00:00:00.000Z' ELSE '2026-11-20T00:00:00.000Z' END, 't', "
			   "'p', 'c', 1, 0, '', 'z', n FROM generate_series(1, 500) AS n;");
	other = pgroom_connect(at);
	pgroom_must(
		pg_script(other, "BEGIN; SELECT one FROM store FOR UPDATE;", "cannot lock", &diag),
		&diag);
	assert_int_equal(trim(&a, &limits, 1795232100123), 0); /* it is another's turn */
	/* The server notices a connection's end some time later. */
	pgroom_must(pg_script(other, "ROLLBACK;", "cannot unlock", &diag), &diag);
	pg_close(other);
	assert_int_equal(trim(&a, &limits, 0), 0);
	assert_int_equal(trim(&a, &limits, 1795232100123), 300);
	assert_int_equal(trim(&b, &limits, 1795232100123), 0);
	pgroom_answers(at, "SELECT count(*)::text FROM events", "200");
	broker_close(&a);
	broker_close(&b);
}

static void test_store_trim_retained__what_was_cleared_long_ago(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a;
	struct said said[2];
	uint64_t applied;

	broker_open(&a, at, "a");
	say(&a, &said[0], "1", NULL, NULL, 0);
	say(&a, &said[1], "2", NULL, NULL, 0);
	said[1].record.payload.len = 0;
	assert_int_equal(carry(&a, said, 2), 2);
	pgroom_must(store_begin(a.store, &applied, &a.diag), &a.diag);
	pgroom_must(store_trim_retained(a.store, 1795232100123 + 6 * 86400000LL, 10, &a.diag),
		    &a.diag);
	pgroom_must(store_commit(a.store, applied, &a.diag), &a.diag);
	pgroom_answers(at, "SELECT count(*)::text FROM retained", "2");
	pgroom_must(store_begin(a.store, &applied, &a.diag), &a.diag);
	pgroom_must(store_trim_retained(a.store, 1795232100123 + 8 * 86400000LL, 10, &a.diag),
		    &a.diag);
	pgroom_must(store_commit(a.store, applied, &a.diag), &a.diag);
	pgroom_answers(at, "SELECT string_agg(topic, ' ') FROM retained", "orders/1/status");
	broker_close(&a);
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void refuse(struct broker *b, const char *id, const char *principal, bool is_letter)
{
	const struct refusal refusal = {
		.id = id,
		.time_ms = 1795232100123,
		.action = "publish",
		.reason = REASON_SCOPE_MISSING,
		.who = { .client_id = "c\xff",
			 .principal = principal,
			 .address = "192.0.2.1",
			 .is_proved = *principal != '\0' },
		.topic = "a\0b",
		.topic_len = 3,
		.qos = 1,
		.pointer = "/a",
		.keyword = "type",
		.message = "no",
		.current_status = "",
		.message_name = "status",
		.payload = "\xfex",
		.payload_len = 2,
		.payload_bytes = 2,
		.is_letter = is_letter,
	};

	pgroom_must(store_refuse(b->store, &refusal, &b->diag), &b->diag);
	if (is_letter)
		pgroom_must(store_letter(b->store, &refusal, &b->diag), &b->diag);
}

static void test_store_refuse__is_a_row_with_its_letter(void **state)
{
	const char *at = pgroom_at(state);
	struct broker a;
	uint64_t applied;

	broker_open(&a, at, "a");
	pgroom_must(store_begin(a.store, &applied, &a.diag), &a.diag);
	refuse(&a, "1", "ann", true);
	refuse(&a, "2", "", true);
	pgroom_must(store_alert(a.store,
				&(struct alertrow){ .time_ms = 1795232100123,
						    .kind = "publish-rate",
						    .state = "raised",
						    .who = { "c", "ann", "192.0.2.1", true },
						    .document = "{}" },
				&a.diag),
		    &a.diag);
	pgroom_must(store_commit(a.store, applied, &a.diag), &a.diag);
	pgroom_answers(
		at,
		"SELECT concat_ws('|', decision_id, time, action, reason, observed, client_id, "
		"principal, address, topic, qos, retained, pointer, keyword, message, standing, "
		"payload, encode(payload_raw, 'hex'), payload_bytes, share, closed, "
		"message_name, resent, origin) FROM refusals WHERE seq = 1",
		"1|2026-11-21T03:35:00.123Z|publish|scope-missing|0|c|ann|192.0.2.1|a|1|0|/a|"
		"type|no||fe78|2|user ann|0|status||a");
	pgroom_answers(at,
		       "SELECT string_agg(share || bytes || encode(payload, 'hex'), ' ' ORDER BY "
		       "seq) FROM store_letters",
		       "user ann1026fe78 from 192.0.2.11026fe78");
	pgroom_answers(at, "SELECT kind || state || share || origin FROM alerts",
		       "publish-rateraiseduser anna");
	pgroom_must(store_begin(a.store, &applied, &a.diag), &a.diag);
	pgroom_must(store_resent(a.store, "1", "as 7", &a.diag), &a.diag);
	pgroom_must(store_trim_letters(a.store, 1025, &a.diag), &a.diag);
	pgroom_must(store_commit(a.store, applied, &a.diag), &a.diag);
	pgroom_answers(at, "SELECT resent FROM refusals WHERE decision_id = '1'", "as 7");
	pgroom_answers(at, "SELECT count(*)::text FROM store_letters", "0");
	broker_close(&a);
}

/* Who has most of them loses its oldest; strangers have half of the room at most. */
static void test_store_trim_refusals__the_largest_share_first(void **state)
{
	const char *at = pgroom_at(state);
	const struct store_limits limits = { .refusals_rows = 100 };
	struct broker a;
	uint64_t applied;
	char id[16];

	broker_open(&a, at, "a");
	pgroom_must(store_begin(a.store, &applied, &a.diag), &a.diag);
	for (unsigned i = 0; i < 250; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		refuse(&a, id, i < 40 ? "ann" : i < 120 ? "bob" : "", i >= 120);
	}
	for (unsigned i = 0; i < 2; i++) /* not all at once */
		pgroom_must(store_trim_refusals(a.store, &limits, 0, 1000, &a.diag), &a.diag);
	pgroom_must(store_commit(a.store, applied, &a.diag), &a.diag);
	pgroom_answers(at,
		       "SELECT string_agg(share || n, ' ' ORDER BY share) FROM (SELECT share, "
		       "count(*) AS n FROM refusals GROUP BY share) AS s",
		       "from 192.0.2.150 user ann25 user bob25");
	pgroom_answers(at, "SELECT count(*) || ' ' || min(decision_id::int) FROM store_letters",
		       "50 200");
	broker_close(&a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pgroom_set_up, pgroom_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_store_flush__writes_what_a_record_says),
		TEST(test_store_flush__sets_what_a_step_sets),
		TEST(test_store_commit__says_what_waits),
		TEST(test_store_flush__the_first_step_wins),
		TEST(test_store_flush__goes_on_from_what_stands),
		TEST(test_store_flush__a_resend_is_dropped),
		TEST(test_store_flush__a_resend_of_what_was_overruled),
		TEST(test_store_flush__a_resend_once_it_follows),
		TEST(test_store_flush__two_owners_of_one_order),
		TEST(test_store_flush__a_correction_is_applied),
		TEST(test_store_flush__waits_for_another_brokers_step),
		TEST(test_store_flush__waits_no_longer_than_its_time),
		TEST(test_store_flush__does_not_wait_for_what_never_comes),
		TEST(test_store_flush__a_repeat_is_no_step),
		TEST(test_store_flush__names_the_table_that_is_locked),
		TEST(test_replay_batch__waits_and_goes_on),
		cmocka_unit_test(test_pg_carry_new__without_memory),
		TEST(test_ledger_commit__is_settled_by_what_it_was_decided_on),
		TEST(test_store_flush__two_brokers_race),
		TEST(test_store_commit__once_whenever_the_connection_breaks),
		TEST(test_store_trim__many_rows_while_writing),
		TEST(test_store_trim__what_is_too_old),
		TEST(test_store_trim_retained__what_was_cleared_long_ago),
		TEST(test_store_refuse__is_a_row_with_its_letter),
		TEST(test_store_trim_refusals__the_largest_share_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

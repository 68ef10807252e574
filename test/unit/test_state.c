#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/prefault.h"
#include "between.h"
#include "failalloc.h"
#include "ledger/state.h"

static struct entitykey key_of(uint32_t table, const char *id)
{
	static const uint64_t secret[2] = { 1, 2 };

	return entitykey_make(secret, table, id, strlen(id));
}

static struct state *new_state(size_t entities)
{
	struct state *state = NULL;
	struct diag diag;

	assert_int_equal(state_new(entities, 0, &state, &diag), 0);
	return state;
}

static struct state_facts *find(struct state *state, uint32_t table, const char *id)
{
	const struct entitykey key = key_of(table, id);

	/* What is expected changes nothing, there or not. */
	state_expect(state, &key);
	state_expect_more(state, &key);
	return state_find(state, &key);
}

static void forget(struct state *state, uint32_t table, const char *id)
{
	const struct entitykey key = key_of(table, id);

	state_forget(state, &key);
}

static struct state_facts *add(struct state *state, uint32_t table, const char *id)
{
	const struct entitykey key = key_of(table, id);
	struct state_facts *facts = state_add(state, &key);

	if (facts) {
		memset(facts, 0, sizeof(*facts));
		(void)snprintf(facts->owner, sizeof(facts->owner), "%u/%s", table, id);
	}
	return facts;
}

static void test_state_find__tells_tables_and_ids_apart(void **unused)
{
	struct state *state = new_state(STATE_ENTITIES_MIN);

	(void)unused;
	add(state, 1, "a");
	add(state, 2, "a");
	add(state, 1, "ab");
	assert_string_equal(find(state, 1, "a")->owner, "1/a");
	assert_string_equal(find(state, 2, "a")->owner, "2/a");
	assert_string_equal(find(state, 1, "ab")->owner, "1/ab");
	assert_null(find(state, 2, "ab"));
	assert_null(find(state, 1, "b"));
	state_clear(state);
	assert_null(find(state, 2, "a"));
	state_free(state);
}

static void test_state_add__forgets_the_least_recently_used(void **unused)
{
	struct state *state = new_state(16);
	char id[16];

	(void)unused;
	for (int i = 0; i < 16; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		add(state, 1, id);
	}
	assert_non_null(find(state, 1, "0"));
	add(state, 1, "new");
	assert_non_null(find(state, 1, "0"));
	assert_null(find(state, 1, "1"));
	state_free(state);
}

static void test_state_pin__is_not_forgotten(void **unused)
{
	struct state *state = new_state(16);
	char id[16];

	(void)unused;
	for (int i = 0; i < 16; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		assert_true(state_has_room(state));
		state_pin(state, add(state, 1, id), (uint64_t)i + 1);
	}
	assert_false(state_has_room(state));
	assert_null(add(state, 1, "new"));
	/* A second write of the oldest: it is pinned until that arrived. */
	state_pin(state, find(state, 1, "0"), 17);
	state_settle(state, 2);
	assert_true(state_has_room(state));
	assert_non_null(add(state, 1, "new"));
	assert_null(find(state, 1, "1"));
	assert_non_null(find(state, 1, "0"));
	state_settle(state, 17);
	for (int i = 0; i < 16; i++) {
		(void)snprintf(id, sizeof(id), "x%d", i);
		assert_non_null(add(state, 1, id));
	}
	assert_null(find(state, 1, "0"));
	state_free(state);
}

/* Against an array that forgets nothing of its own accord. */
static void test_state__behaves_as_its_model(void **unused)
{
	enum { CAPACITY = 64, IDS = 200 };
	struct {
		uint64_t used, pinned; /* when last; the pin's number, 0: none */
		bool is_there;
	} model[IDS] = { 0 };
	struct state *state = new_state(CAPACITY);
	uint64_t random = 88172645463325252u, seq = 0, settled = 0;
	unsigned there = 0;

	(void)unused;
	for (uint64_t now = 1; now < 200000; now++) {
		char id[24];
		unsigned i;
		struct state_facts *facts;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		i = (unsigned)(random >> 20) % IDS;
		(void)snprintf(id, sizeof(id), "%u-%s", i, i % 2 ? "long-long-id" : "");
		facts = find(state, 5, id);
		assert_int_equal(facts != NULL, model[i].is_there);
		if (!facts) {
			int oldest = -1;

			for (int k = 0; there == CAPACITY && k < IDS; k++)
				if (model[k].is_there && model[k].pinned <= settled &&
				    (oldest < 0 || model[k].used < model[oldest].used))
					oldest = k;
			facts = add(state, 5, id);
			assert_int_equal(facts != NULL, there < CAPACITY || oldest >= 0);
			if (!facts)
				continue;
			if (there == CAPACITY)
				model[oldest].is_there = false;
			else
				there++;
			model[i].is_there = true;
			model[i].pinned = 0;
		}
		assert_memory_equal(facts->owner + 2, id, strlen(id));
		if (model[i].pinned <= settled)
			model[i].used = now;
		if (random % 3 == 0) {
			state_pin(state, facts, ++seq);
			model[i].pinned = seq;
		}
		if (random % 40 == 0) {
			state_settle(state, settled = seq - seq % 3);
			/* They come to the front in the order of their writes. */
			for (int k = 0; k < IDS; k++)
				if (model[k].pinned && model[k].pinned <= settled) {
					model[k].used = now + model[k].pinned;
					model[k].pinned = 0;
				}
			now += seq;
		}
	}
	state_free(state);
}

static long faults(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt;
}

static void test_state_prefault__new_entities_find_memory(void **unused)
{
	enum { COUNT = 2000 }; /* eight of them a page */
	struct state *state = new_state(10000);
	char page[2 * 65536];
	char id[16];
	long before;

	(void)unused;
	if (madvise((void *)(((uintptr_t)page + 65535) / 65536 * 65536), 65536,
		    MADV_POPULATE_WRITE) != 0) {
		state_free(state);
		skip(); /* Linux before 5.14 */
	}
	state_prefault(state);
	before = faults();
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		add(state, 1, id);
	}
	/* But for the hash table's own pages. */
	assert_uint_in_range(faults() - before, 0, COUNT / 8 / 4 + 20000 * 8 / 4096);
	for (int i = 0; i < 10; i++) /* to the end, and no further */
		state_prefault(state);
	assert_string_equal(find(state, 1, "7")->owner, "1/7");
	state_free(state);
}

/* While the database has none of them yet: up to the bound, and each is found at every size. */
static void test_state_pin__takes_in_more(void **unused)
{
	enum { SOFT = STATE_ENTITIES_MIN, MORE = 5 * SOFT };
	struct state *state = NULL;
	struct diag diag;
	char id[16], expected[16];

	(void)unused;
	assert_int_equal(state_new(SOFT, MORE, &state, &diag), 0);
	for (int i = 0; i < SOFT + MORE; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		assert_true(state_has_room(state));
		state_pin(state, add(state, 1, id), (uint64_t)i + 1);
		for (int k = 0; k <= i; k++) {
			(void)snprintf(id, sizeof(id), "%d", k);
			(void)snprintf(expected, sizeof(expected), "1/%d", k);
			assert_string_equal(find(state, 1, id)->owner, expected);
		}
	}
	assert_false(state_has_room(state));
	assert_null(add(state, 1, "one more"));
	state_settle(state, 1);
	assert_true(state_has_room(state));
	assert_non_null(add(state, 1, "one more"));
	assert_null(find(state, 1, "0"));
	assert_string_equal(find(state, 1, "1")->owner, "1/1");
	state_free(state);
}

/* Without memory for that it is as without room. */
static void test_state_pin__no_memory_for_more(void **unused)
{
	struct state *state = NULL;
	struct diag diag;
	char id[16];

	(void)unused;
	assert_int_equal(state_new(STATE_ENTITIES_MIN, 100, &state, &diag), 0);
	for (unsigned i = 0; i < STATE_ENTITIES_MIN; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		state_pin(state, add(state, 1, id), i + 1);
	}
	failalloc_start(1);
	assert_null(add(state, 1, "one more"));
	assert_true(failalloc_stop());
	assert_non_null(find(state, 1, "7"));
	assert_non_null(add(state, 1, "one more"));
	assert_non_null(find(state, 1, "7"));
	state_free(state);
}

static void test_state_forget__is_read_again(void **unused)
{
	struct state *state = NULL;
	struct diag diag;
	char id[16];

	(void)unused;
	assert_int_equal(state_new(STATE_ENTITIES_MIN, 0, &state, &diag), 0);
	for (unsigned i = 0; i < STATE_ENTITIES_MIN; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		(void)add(state, 1, id);
	}
	forget(state, 1, "7");
	forget(state, 2, "7");
	forget(state, 1, "unknown");
	assert_null(find(state, 1, "7"));
	assert_non_null(find(state, 1, "0"));
	assert_non_null(add(state, 1, "7")); /* in the place of what was forgotten */
	for (unsigned i = 0; i < STATE_ENTITIES_MIN; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		assert_non_null(find(state, 1, id));
	}
	state_free(state);
}

static void test_state_forget__what_is_pinned_when_it_is_settled(void **unused)
{
	struct state *state = NULL;
	struct diag diag;

	(void)unused;
	assert_int_equal(state_new(STATE_ENTITIES_MIN, 0, &state, &diag), 0);
	state_pin(state, add(state, 1, "a"), 1);
	state_pin(state, add(state, 1, "b"), 2);
	(void)add(state, 1, "c");
	forget(state, 1, "a");
	assert_non_null(find(state, 1, "a"));
	state_settle(state, 2);
	assert_null(find(state, 1, "a"));
	assert_non_null(find(state, 1, "b"));
	assert_non_null(add(state, 1, "a"));
	state_pin(state, find(state, 1, "b"), 3);
	state_forget_all(state);
	assert_null(find(state, 1, "a"));
	assert_null(find(state, 1, "c"));
	assert_non_null(find(state, 1, "b"));
	state_settle(state, 3);
	assert_null(find(state, 1, "b"));
	assert_non_null(add(state, 1, "b")); /* it is no older one that comes back */
	state_settle(state, 4);
	assert_non_null(find(state, 1, "b"));
	state_free(state);
}

static void test_state_new__nth_allocation_fails(void **unused)
{
	size_t n;

	(void)unused;
	for (n = 1;; n++) {
		struct state *state = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = state_new(100, 100, &state, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			state_free(state);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(state);
	}
	assert_int_equal(n, 5); /* each of four was made to fail */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_find__tells_tables_and_ids_apart),
		cmocka_unit_test(test_state_add__forgets_the_least_recently_used),
		cmocka_unit_test(test_state_pin__is_not_forgotten),
		cmocka_unit_test(test_state__behaves_as_its_model),
		cmocka_unit_test(test_state_prefault__new_entities_find_memory),
		cmocka_unit_test(test_state_pin__takes_in_more),
		cmocka_unit_test(test_state_pin__no_memory_for_more),
		cmocka_unit_test(test_state_forget__is_read_again),
		cmocka_unit_test(test_state_forget__what_is_pinned_when_it_is_settled),
		cmocka_unit_test(test_state_new__nth_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Credentials that were verified before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "access/credcache.h"
#include "failalloc.h"

static struct credcache *cache_of(size_t max)
{
	struct credcache *cache = NULL;
	struct diag diag;

	assert_int_equal(credcache_new(max, &cache, &diag), 0);
	return cache;
}

static void test_credcache_knows__just_what_was_kept(void **state)
{
	struct credcache *cache = cache_of(4);

	(void)state;
	assert_false(credcache_knows(cache, "ann", "$7$1", "word", 4));
	credcache_keep(cache, "ann", "$7$1", "word", 4);
	assert_true(credcache_knows(cache, "ann", "$7$1", "word", 4));
	assert_false(credcache_knows(cache, "ann", "$7$1", "wore", 4));
	assert_false(credcache_knows(cache, "ann", "$7$1", "word", 3));
	assert_false(credcache_knows(cache, "ann", "$7$1", "word\0", 5));
	assert_false(credcache_knows(cache, "ann", "$7$1", NULL, 0));
	assert_false(credcache_knows(cache, "bob", "$7$1", "word", 4));
	/* The password was changed: another hash is stored. */
	assert_false(credcache_knows(cache, "ann", "$7$2", "word", 4));
	/* Text does not move from one field to the next. */
	assert_false(credcache_knows(cache, "ann$", "7$1", "word", 4));
	assert_false(credcache_knows(cache, "ann", "$7$1w", "ord", 3));
	credcache_free(cache);
	credcache_free(NULL);
}

static void keep_number(struct credcache *cache, unsigned number)
{
	credcache_keep(cache, "u", "h", (const char *)&number, sizeof(number));
}

static bool knows_number(struct credcache *cache, unsigned number)
{
	return credcache_knows(cache, "u", "h", (const char *)&number, sizeof(number));
}

static void test_credcache_keep__the_least_recently_used_makes_room(void **state)
{
	struct credcache *cache = cache_of(3);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		keep_number(cache, i);
	assert_true(knows_number(cache, 0));
	keep_number(cache, 1); /* is there: neither twice nor a use */
	keep_number(cache, 3);
	assert_true(knows_number(cache, 0));
	assert_false(knows_number(cache, 1));
	assert_true(knows_number(cache, 2));
	assert_true(knows_number(cache, 3));
	credcache_free(cache);
}

/* Against a plain list of what was used last. */
static void test_credcache_keep__agrees_with_a_list(void **state)
{
	enum { ROOM = 16, NAMES = 40, STEPS = 5000 };
	unsigned last[ROOM]; /* newest first */
	unsigned used = 0;
	uint32_t random = 1;
	struct credcache *cache = cache_of(ROOM);

	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned name;
		unsigned at = 0;

		random = random * 1664525u + 1013904223u;
		name = (random >> 16) % NAMES;
		while (at < used && last[at] != name)
			at++;
		assert_int_equal(knows_number(cache, name), at < used);
		if (at == used) {
			keep_number(cache, name);
			at = used < ROOM ? used++ : ROOM - 1;
		}
		memmove(last + 1, last, at * sizeof(*last));
		last[0] = name;
	}
	credcache_free(cache);
}

static void test_credcache_drop__forgets_everything(void **state)
{
	struct credcache *cache = cache_of(100);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		keep_number(cache, i);
	credcache_drop(cache);
	for (unsigned i = 0; i < 100; i++)
		assert_false(knows_number(cache, i));
	keep_number(cache, 7);
	assert_true(knows_number(cache, 7));
	credcache_free(cache);
}

static void test_credcache_keep__does_not_keep_what_is_too_long(void **state)
{
	static char word[8192];
	struct credcache *cache = cache_of(1);

	(void)state;
	memset(word, 'x', sizeof(word));
	credcache_keep(cache, "u", "h", word, sizeof(word));
	assert_false(credcache_knows(cache, "u", "h", word, sizeof(word)));
	credcache_keep(cache, "u", "h", word, 1024);
	assert_true(credcache_knows(cache, "u", "h", word, 1024));
	credcache_free(cache);
}

static void test_credcache_new__bounds_the_room(void **state)
{
	struct credcache *cache = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(credcache_new(0, &cache, &diag), ERR_LIMIT);
	assert_int_equal(credcache_new(1000001, &cache, &diag), ERR_LIMIT);
	assert_null(cache);
}

static void test_credcache_new__survives_each_failing_allocation(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct credcache *cache = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = credcache_new(8, &cache, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_int_equal(n, 4);
			credcache_free(cache);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(cache);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credcache_knows__just_what_was_kept),
		cmocka_unit_test(test_credcache_keep__the_least_recently_used_makes_room),
		cmocka_unit_test(test_credcache_keep__agrees_with_a_list),
		cmocka_unit_test(test_credcache_drop__forgets_everything),
		cmocka_unit_test(test_credcache_keep__does_not_keep_what_is_too_long),
		cmocka_unit_test(test_credcache_new__bounds_the_room),
		cmocka_unit_test(test_credcache_new__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

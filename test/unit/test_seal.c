/* Texts that clients keep for us: opened again, of one length, and nothing else is taken for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/seal.h"

static void test_seal__opens_what_it_sealed(void **state)
{
	char long_text[SEAL_TEXT_MAX + 2], sealed[SEAL_SIZE], again[SEAL_SIZE];
	char text[SEAL_TEXT_MAX + 1];
	const char *const texts[] = { "", "2026-11-21T03:35:00.000Z ord-1", long_text };
	struct seal seal;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[SEAL_TEXT_MAX] = '\0';
	assert_int_equal(seal_init(&seal, &(struct diag){ 0 }), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(seal_close(&seal, texts[i], sealed));
		assert_true(seal_close(&seal, texts[i], again));
		assert_int_equal(strlen(sealed), SEAL_SIZE - 1);
		assert_string_not_equal(sealed, again);
		assert_true(seal_open(&seal, sealed, text));
		assert_string_equal(text, texts[i]);
	}
	long_text[SEAL_TEXT_MAX] = 'x';
	long_text[SEAL_TEXT_MAX + 1] = '\0';
	assert_false(seal_close(&seal, long_text, sealed));
	seal_clear(&seal);
}

static void test_seal__opens_nothing_else(void **state)
{
	char sealed[SEAL_SIZE], other[SEAL_SIZE], text[SEAL_TEXT_MAX + 1];
	struct seal seal, another;

	(void)state;
	assert_int_equal(seal_init(&seal, &(struct diag){ 0 }), 0);
	assert_int_equal(seal_init(&another, &(struct diag){ 0 }), 0);
	assert_true(seal_close(&seal, "ord-1", sealed));
	assert_false(seal_open(&another, sealed, text));
	for (size_t i = 0; i < SEAL_SIZE - 1; i++) {
		memcpy(other, sealed, sizeof(other));
		other[i] = other[i] == 'A' ? 'B' : 'A';
		assert_false(seal_open(&seal, other, text));
		memcpy(other, sealed, sizeof(other));
		other[i] = '\0';
		assert_false(seal_open(&seal, other, text));
	}
	assert_true(seal_open(&seal, sealed, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal__opens_what_it_sealed),
		cmocka_unit_test(test_seal__opens_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

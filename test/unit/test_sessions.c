/* Sessions by handle, live and gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "sessions.h"

/* Handles are compared, never followed: any address will do. */
static const void *handle(size_t i)
{
	static const char base[1];

	return (const void *)((uintptr_t)base + 64 * i);
}

static void test_sessions_open__knows_handles_apart(void **state)
{
	struct sessions *sessions = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	assert_null(sessions_find(sessions, handle(1)));
	assert_non_null(sessions_open(sessions, handle(1), "eva"));
	assert_non_null(sessions_open(sessions, handle(2), "tom"));
	assert_string_equal(sessions_find(sessions, handle(1))->name, "eva");
	assert_string_equal(sessions_find(sessions, handle(2))->name, "tom");
	assert_int_equal(sessions_count(sessions), 2);
	/* the broker gives a handle to someone else */
	sessions_find(sessions, handle(1))->generation = 7;
	assert_string_equal(sessions_open(sessions, handle(1), "ida")->name, "ida");
	assert_int_equal(sessions_find(sessions, handle(1))->generation, 0);
	assert_int_equal(sessions_count(sessions), 2);
	sessions_free(sessions);
	sessions_free(NULL);
}

/* What it proved itself with outlives a renewal, and ends with the session's validity. */
static void test_sessions_expire__leaves_nothing_to_renew(void **state)
{
	struct access_principal principal = { .name = "eva" };
	struct sessions *sessions = NULL;
	struct session *session;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	session = sessions_open(sessions, handle(1), "eva");
	session->token = strdup("header.claims.signature");
	sessions_renew_take(session, &principal, NULL);
	assert_ptr_equal(session->principal, &principal);
	assert_string_equal(session->token, "header.claims.signature");
	assert_false(session->is_over);
	sessions_expire(session);
	assert_true(session->is_over);
	assert_null(session->token);
	assert_null(session->principal);
	assert_false(sessions_open(sessions, handle(1), "eva")->is_over);
	sessions_free(sessions);
}

static void test_sessions_leave__is_taken_back_by_a_sign_of_life(void **state)
{
	struct sessions *sessions = NULL;
	struct session *session;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	sessions_leave(sessions, handle(1)); /* a bare TCP connection that closes */
	session = sessions_open(sessions, handle(1), "eva");
	assert_false(session->is_gone);
	sessions_leave(sessions, handle(1));
	sessions_leave(sessions, handle(1)); /* the broker says it twice at times */
	assert_true(sessions_find(sessions, handle(1))->is_gone);
	sessions_return(sessions, session);
	assert_false(session->is_gone);
	sessions_leave(sessions, handle(1));
	assert_false(sessions_open(sessions, handle(1), "eva")->is_gone);
	sessions_free(sessions);
}

static void test_sessions_leave__forgets_the_longest_gone(void **state)
{
	struct sessions *sessions = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	assert_non_null(sessions_open(sessions, handle(0), "stays"));
	for (size_t i = 1; i <= SESSIONS_GONE_MAX + 10; i++) {
		assert_non_null(sessions_open(sessions, handle(i), "goes"));
		sessions_leave(sessions, handle(i));
	}
	assert_int_equal(sessions_count(sessions), SESSIONS_GONE_MAX + 1);
	assert_non_null(sessions_find(sessions, handle(0)));
	assert_null(sessions_find(sessions, handle(1)));
	assert_null(sessions_find(sessions, handle(10)));
	assert_non_null(sessions_find(sessions, handle(11)));
	sessions_free(sessions);
}

static void test_sessions_open__survives_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct sessions *sessions = NULL;
		struct session *session = NULL;
		struct diag diag;

		failalloc_start(n);
		if (sessions_new(&sessions, &diag) == 0)
			session = sessions_open(sessions, handle(1), "eva");
		if (!failalloc_stop()) {
			assert_non_null(session);
			sessions_free(sessions);
			break;
		}
		assert_null(session);
		if (sessions)
			assert_null(sessions_find(sessions, handle(1)));
		sessions_free(sessions);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions_open__knows_handles_apart),
		cmocka_unit_test(test_sessions_expire__leaves_nothing_to_renew),
		cmocka_unit_test(test_sessions_leave__is_taken_back_by_a_sign_of_life),
		cmocka_unit_test(test_sessions_leave__forgets_the_longest_gone),
		cmocka_unit_test(test_sessions_open__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

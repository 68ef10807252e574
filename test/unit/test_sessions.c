/* Sessions by handle, live and gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "broker/sessions.h"

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
	assert_non_null(sessions_open(sessions, handle(1), "eva", "id"));
	assert_non_null(sessions_open(sessions, handle(2), "tom", "id"));
	assert_string_equal(sessions_find(sessions, handle(1))->name, "eva");
	assert_string_equal(sessions_find(sessions, handle(2))->name, "tom");
	assert_int_equal(sessions_count(sessions), 2);
	/* the broker gives a handle to someone else */
	sessions_find(sessions, handle(1))->generation = 7;
	assert_string_equal(sessions_open(sessions, handle(1), "ida", "id")->name, "ida");
	assert_int_equal(sessions_find(sessions, handle(1))->generation, 0);
	assert_int_equal(sessions_count(sessions), 2);
	sessions_free(sessions);
	sessions_free(NULL);
}

/* Whatever becomes of a session, it counts as connected until its client left, and once. */
static void test_sessions_connected__counts_by_login(void **state)
{
	struct sessions *sessions = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	for (size_t i = 0; i < 4; i++)
		(void)sessions_open(sessions, handle(i), "eva", "id");
	sessions_prove(sessions, sessions_find(sessions, handle(1)), LOGIN_TOKEN);
	sessions_prove(sessions, sessions_find(sessions, handle(2)), LOGIN_CERTIFICATE);
	sessions_prove(sessions, sessions_find(sessions, handle(3)), LOGIN_BOTH);
	assert_int_equal(sessions_connected(sessions, LOGIN_PASSWORD), 1);
	assert_int_equal(sessions_connected(sessions, LOGIN_TOKEN), 1);
	assert_int_equal(sessions_connected(sessions, LOGIN_CERTIFICATE), 2);
	/* one proves itself once more under its handle, as another */
	sessions_prove(sessions, sessions_open(sessions, handle(1), "ida", "id"), LOGIN_SCRAM);
	assert_int_equal(sessions_connected(sessions, LOGIN_TOKEN), 0);
	assert_int_equal(sessions_connected(sessions, LOGIN_SCRAM), 1);
	sessions_expire(sessions_find(sessions, handle(3)));
	assert_int_equal(sessions_connected(sessions, LOGIN_CERTIFICATE), 2);
	sessions_leave(sessions, handle(3));
	sessions_leave(sessions, handle(2));
	assert_int_equal(sessions_connected(sessions, LOGIN_CERTIFICATE), 0);
	sessions_leave(sessions, handle(2)); /* which forgets it */
	sessions_prove(sessions, sessions_find(sessions, handle(3)), LOGIN_PASSWORD);
	assert_int_equal(sessions_connected(sessions, LOGIN_PASSWORD), 1);
	sessions_forget(sessions, handle(0));
	sessions_forget(sessions, handle(1));
	assert_int_equal(sessions_count(sessions), 1);
	for (unsigned method = 0; method < LOGIN_METHODS; method++)
		assert_int_equal(sessions_connected(sessions, (enum login_method)method), 0);
	sessions_free(sessions);
}

/* All of a fleet end at once, and some more meanwhile, wherever the walk is then. */
static void test_sessions_due__finds_each_once(void **state)
{
	enum { FLEET = 40000 };
	struct sessions *sessions = NULL;
	struct session *session;
	struct diag diag;
	size_t found = 0;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	for (size_t i = 0; i < FLEET; i++) {
		session = sessions_open(sessions, handle(i), "eva", "id");
		sessions_end_at(sessions, session, i == 7 ? 50 : 10);
	}
	assert_null(sessions_due(sessions, 9));
	while ((session = sessions_due(sessions, 10))) {
		sessions_expire(session);
		if (found++ % 1000 == 0)
			sessions_end_at(sessions, sessions_find(sessions, handle(found % FLEET)),
					1);
	}
	assert_true(found >= FLEET - 1 && found <= FLEET + FLEET / 1000);
	for (size_t i = 0; i < FLEET; i++)
		assert_true(i == 7 || sessions_find(sessions, handle(i))->expires_ms == 0);
	assert_null(sessions_due(sessions, 49));
	assert_ptr_equal(sessions_due(sessions, 50), sessions_find(sessions, handle(7)));
	sessions_free(sessions);
}

/* What it proved itself with outlives a renewal and its time, and ends where the rules say so. */
static void test_sessions_bar__leaves_nothing_to_renew(void **state)
{
	struct access_principal principal = { .name = "eva" };
	struct sessions *sessions = NULL;
	struct session *session;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	session = sessions_open(sessions, handle(1), "eva", "id");
	session->token = strdup("header.claims.signature");
	sessions_renew_take(session, &principal, NULL);
	sessions_end_at(sessions, session, 7);
	assert_int_equal(session->state, SESSION_VALID);
	assert_null(sessions_due(sessions, 6));
	assert_ptr_equal(sessions_due(sessions, 7), session);
	sessions_expire(session);
	assert_null(sessions_due(sessions, 8));
	assert_int_equal(session->state, SESSION_EXPIRED);
	assert_ptr_equal(session->principal, &principal);
	assert_string_equal(session->token, "header.claims.signature");
	sessions_bar(session);
	assert_int_equal(session->state, SESSION_BARRED);
	assert_null(session->token);
	assert_null(session->principal);
	sessions_expire(session);
	assert_int_equal(session->state, SESSION_BARRED);
	assert_int_equal(sessions_open(sessions, handle(1), "eva", "id")->state, SESSION_VALID);
	sessions_free(sessions);
}

/* Each live one of another generation once, also when the table grew meanwhile. */
static void test_sessions_stale(void **state)
{
	struct sessions *sessions = NULL;
	struct session *session;
	struct diag diag;
	int found = 0;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	for (size_t i = 1; i <= 200; i++)
		sessions_open(sessions, handle(i), "eva", "id")->generation = 1;
	sessions_leave(sessions, handle(7));
	assert_null(sessions_stale(sessions, 1));
	for (int i = 0; i < 100; i++, found++)
		sessions_stale(sessions, 2)->generation = 2;
	for (size_t i = 201; i <= 600; i++)
		sessions_open(sessions, handle(i), "eva", "id")->generation = 2;
	for (; (session = sessions_stale(sessions, 2)); found++)
		session->generation = 2;
	assert_int_equal(found, 199);
	assert_ptr_not_equal(sessions_stale(sessions, 3), NULL);
	sessions_free(sessions);
}

static void test_sessions_leave__is_for_good(void **state)
{
	struct sessions *sessions = NULL;
	struct session *session;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	sessions_leave(sessions, handle(1)); /* a bare TCP connection that closes */
	session = sessions_open(sessions, handle(1), "eva", "id");
	assert_false(session->is_gone);
	assert_true(sessions_is_live(sessions, "id"));
	assert_false(sessions_is_live(sessions, "di"));
	sessions_leave(sessions, handle(1));
	assert_false(sessions_is_live(sessions, "id"));
	assert_true(sessions_find(sessions, handle(1))->is_gone);
	assert_false(sessions_open(sessions, handle(1), "eva", "id")->is_gone);
	sessions_leave(sessions, handle(1));
	sessions_leave(sessions, handle(1)); /* the broker ends what was kept */
	assert_null(sessions_find(sessions, handle(1)));
	assert_int_equal(sessions_count(sessions), 0);
	sessions_free(sessions);
}

/* At a takeover two clients have one id: the one that stays is live still. */
static void test_sessions_is_live__at_a_takeover(void **state)
{
	struct sessions *sessions = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	for (size_t i = 0; i < 1000; i++) {
		char id[20];

		(void)snprintf(id, sizeof(id), "c%zu", i);
		assert_non_null(sessions_open(sessions, handle(i), "eva", id));
	}
	assert_non_null(sessions_open(sessions, handle(1000), "eva", "c7"));
	assert_true(sessions_is_live(sessions, "c7"));
	sessions_leave(sessions, handle(7));
	assert_true(sessions_is_live(sessions, "c7"));
	sessions_forget(sessions, handle(1000));
	assert_false(sessions_is_live(sessions, "c7"));
	assert_true(sessions_is_live(sessions, "c999"));
	sessions_free(sessions);
}

static void come_and_go(struct sessions *sessions, size_t from, size_t count, const char *name)
{
	for (size_t i = from; i < from + count; i++) {
		assert_non_null(sessions_open(sessions, handle(i), name, "id"));
		sessions_leave(sessions, handle(i));
	}
}

/* One principal that comes and goes loses its own, and nobody else's. */
static void test_sessions_leave__a_principal_loses_its_own(void **state)
{
	struct sessions *sessions = NULL;
	const char *name;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	assert_non_null(sessions_open(sessions, handle(0), "many", "live"));
	come_and_go(sessions, 1, 1, "device");
	come_and_go(sessions, 2, SESSIONS_GONE_OF_ONE, "many");
	assert_int_equal(sessions_lost(sessions, &name), 0);
	come_and_go(sessions, 2 + SESSIONS_GONE_OF_ONE, 10, "many");
	assert_int_equal(sessions_lost(sessions, &name), 10);
	assert_string_equal(name, "many");
	assert_int_equal(sessions_lost(sessions, &name), 0);
	assert_int_equal(sessions_count(sessions), SESSIONS_GONE_OF_ONE + 2);
	assert_non_null(sessions_find(sessions, handle(0)));
	assert_non_null(sessions_find(sessions, handle(1)));
	assert_null(sessions_find(sessions, handle(2)));
	assert_null(sessions_find(sessions, handle(11)));
	assert_non_null(sessions_find(sessions, handle(12)));
	sessions_free(sessions);
}

/* Above the bound of all it is who has most that loses. */
static void test_sessions_leave__who_has_most_makes_room(void **state)
{
	struct sessions *sessions = NULL;
	size_t each = SESSIONS_GONE_MAX / 5;
	const char *name;
	struct diag diag;

	(void)state;
	assert_int_equal(sessions_new(&sessions, &diag), 0);
	come_and_go(sessions, 0, each + 3, "most");
	come_and_go(sessions, each + 3, each, "b");
	come_and_go(sessions, 2 * each + 3, each, "c");
	come_and_go(sessions, 3 * each + 3, each, "d");
	come_and_go(sessions, 4 * each + 3, SESSIONS_GONE_MAX - 4 * each - 3, "e");
	assert_int_equal(sessions_lost(sessions, &name), 0);
	come_and_go(sessions, SESSIONS_GONE_MAX, 2, "new");
	assert_int_equal(sessions_lost(sessions, &name), 2);
	assert_string_equal(name, "most");
	assert_null(sessions_find(sessions, handle(0)));
	assert_null(sessions_find(sessions, handle(1)));
	assert_non_null(sessions_find(sessions, handle(2)));
	assert_int_equal(sessions_count(sessions), SESSIONS_GONE_MAX);
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
			session = sessions_open(sessions, handle(1), "eva", "id");
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
		cmocka_unit_test(test_sessions_connected__counts_by_login),
		cmocka_unit_test(test_sessions_due__finds_each_once),
		cmocka_unit_test(test_sessions_bar__leaves_nothing_to_renew),
		cmocka_unit_test(test_sessions_stale),
		cmocka_unit_test(test_sessions_leave__is_for_good),
		cmocka_unit_test(test_sessions_is_live__at_a_takeover),
		cmocka_unit_test(test_sessions_leave__a_principal_loses_its_own),
		cmocka_unit_test(test_sessions_leave__who_has_most_makes_room),
		cmocka_unit_test(test_sessions_open__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who gets in, on the shipped contract and access file, with a password and SCRAM file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "access/password.h"
#include "access/scram.h"
#include "login.h"

#define FREE_OF_USER 20

struct world {
	struct rules *rules;
	struct login *login;
};

static void write_entry(const char *path, const char *user, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fprintf(file, "%s:%s\n", user, text) > 0);
	assert_int_equal(fclose(file), 0);
}

static struct world make(void)
{
	struct password_cost cost = { .kind = PASSWORD_SHA512 };
	struct login_options options = { .credentials = 16, .has_lockout = true };
	char passwords[] = "/tmp/test_login.XXXXXX", scram[] = "/tmp/test_login.XXXXXX";
	struct rules_files files = { .contract = "schemas/petstore.asyncapi.json",
				     .access = "docker/access.json",
				     .password_file = passwords,
				     .scram_file = scram };
	char text[PASSWORD_TEXT_MAX];
	struct world world = { 0 };
	struct diag diag;

	(void)close(mkstemp(passwords));
	(void)close(mkstemp(scram));
	assert_int_equal(password_make(&cost, "secret", 6, text, &diag), 0);
	write_entry(passwords, "customer-a", text);
	assert_int_equal(scram_make(4096, "secret", 6, text, &diag), 0);
	write_entry(scram, "customer-a", text);
	if (rules_load(&files, &world.rules, &diag))
		fail_msg("%s", diag.text);
	(void)unlink(passwords);
	(void)unlink(scram);
	assert_int_equal(login_new(&options, &world.login, &diag), 0);
	return world;
}

static void drop(struct world *world)
{
	login_free(world->login);
	rules_free(world->rules);
}

/* The answer's verdict; what was made for it is dropped. */
static enum verdict ask(struct world *world, const struct login_request *request)
{
	struct login_answer answer;

	login_check(world->login, world->rules, request, &answer);
	access_principal_drop(answer.made);
	return answer.verdict;
}

static struct login_request by_password(const char *user, const char *password)
{
	return (struct login_request){
		.username = user, .password = password, .client_id = "", .address = "192.0.2.1"
	};
}

static void test_login_check__password(void **state)
{
	struct world world = make();
	struct login_request right = by_password("customer-a", "secret");
	struct login_request wrong = by_password("customer-a", "Secret");
	struct login_request unknown = by_password("nobody", "secret");
	struct login_request without = by_password("customer-a", NULL);
	struct login_request nameless = by_password(NULL, "secret");

	(void)state;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	assert_int_equal(ask(&world, &unknown), VERDICT_DENY);
	assert_int_equal(ask(&world, &without), VERDICT_DENY);
	assert_int_equal(ask(&world, &nameless), VERDICT_DENY);
	drop(&world);
}

static void test_login_check__a_lock_is_for_passwords(void **state)
{
	struct world world = make();
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");

	(void)state;
	for (int i = 0; i <= FREE_OF_USER; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	right.address = "192.0.2.77";
	assert_int_equal(ask(&world, &right), VERDICT_DENY);
	right.is_repeat = true;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	right.is_repeat = false;
	right.mono_ms = 1001;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

static void test_login_check__a_repeat_is_not_counted(void **state)
{
	struct world world = make();
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");

	(void)state;
	wrong.is_repeat = true;
	for (int i = 0; i < 3 * FREE_OF_USER; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

/* Only the broker's own question after a reload may go without a proof. */
static void test_login_check__without_a_proof(void **state)
{
	struct world world = make();
	struct login_request request = by_password("customer-a", NULL);

	(void)state;
	request.is_away = true;
	request.is_scram = true;
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.is_repeat = true;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
	request.is_away = false;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
	request.username = "customer-b"; /* has no keys */
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.is_away = true;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
	request.is_away = request.is_scram = false;
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	drop(&world);
}

/* After a reload by command: what the session proved with has to be there still. */
static void test_login_check__what_is_known(void **state)
{
	struct world world = make();
	struct login_request request = by_password("customer-a", NULL);

	(void)state;
	request.is_repeat = true;
	request.is_known = true;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
	request.username = "customer-c"; /* has no password */
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.username = NULL;
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	drop(&world);
}

/* A SCRAM login that fails at its end. */
static bool guess(struct world *world, const char *user, const char *address)
{
	struct login_request request = { .client_id = "", .address = address };
	struct login_message message = { .handle = world };
	char first[100], final[200], reply[SCRAM_REPLY_MAX];
	struct login_answer answer;

	message.len = (size_t)snprintf(first, sizeof(first), "n,,n=%s,r=abcdefghijkl", user);
	message.data = first;
	if (!login_begin(world->login, world->rules, &request, &message, reply, &answer))
		return false;
	*strchr(reply, ',') = '\0';
	message.len =
		(size_t)snprintf(final, sizeof(final),
				 "c=biws,%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", reply);
	message.data = final;
	login_finish(world->login, world->rules, &request, &message, reply, &answer);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	assert_null(answer.principal);
	return true;
}

/* SCRAM names its user in its own messages: guesses count for that name. */
static void test_login_finish__locks_the_name(void **state)
{
	struct world world = make();
	struct login_request right = by_password("customer-a", "secret");
	char address[32];

	(void)state;
	for (int i = 0; i <= FREE_OF_USER; i++) {
		(void)snprintf(address, sizeof(address), "198.51.100.%d", i);
		assert_true(guess(&world, "customer-a", address));
	}
	assert_false(guess(&world, "customer-a", "203.0.113.1"));
	assert_int_equal(ask(&world, &right), VERDICT_DENY);
	assert_true(guess(&world, "customer-b", "203.0.113.1"));
	drop(&world);
}

static void test_login_finish__without_a_beginning(void **state)
{
	struct world world = make();
	struct login_request request = by_password("customer-a", NULL);
	struct login_message message = { .handle = &world, .data = "x", .len = 1 };
	char reply[SCRAM_REPLY_MAX];
	struct login_answer answer;

	(void)state;
	login_finish(world.login, world.rules, &request, &message, reply, &answer);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	login_abandon(world.login, &world);
	login_abandon(world.login, NULL);
	drop(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login_check__password),
		cmocka_unit_test(test_login_check__a_lock_is_for_passwords),
		cmocka_unit_test(test_login_check__a_repeat_is_not_counted),
		cmocka_unit_test(test_login_check__without_a_proof),
		cmocka_unit_test(test_login_check__what_is_known),
		cmocka_unit_test(test_login_finish__locks_the_name),
		cmocka_unit_test(test_login_finish__without_a_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

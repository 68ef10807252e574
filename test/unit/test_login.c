/* Who gets in, on the shipped contract and access file, with a password and SCRAM file. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "access/derivations.h"
#include "access/password.h"
#include "access/scram.h"
#include "broker/login.h"
#include "broker/login_internal.h"

#define FREE 50 /* failures of an address */
#define HOME "192.0.2.1"

struct world {
	struct rules *rules;
	struct login *login;
	sem_t done; /* derivations that are over, where logins wait for them */
};

static void write_entry(const char *path, const char *user, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fprintf(file, "%s:%s\n", user, text) > 0);
	assert_int_equal(fclose(file), 0);
}

/* The shipped access file to @path, without what binds client ids. */
static void write_access(const char *path)
{
	json_t *access = json_load_file("docker/access.json", 0, NULL);

	assert_non_null(access);
	(void)json_object_del(access, "clientIds");
	assert_int_equal(json_dump_file(access, path, 0), 0);
	json_decref(access);
}

static void load(struct world *world, const char *password)
{
	struct password_cost cost = { .kind = PASSWORD_SHA512 };
	char passwords[] = "/tmp/test_login.XXXXXX", scram[] = "/tmp/test_login.XXXXXX";
	char access[] = "/tmp/test_login.XXXXXX";
	struct rules_files files = { .contract = SOURCES_AT("schemas/petstore.asyncapi.json"),
				     .access = access,
				     .password_file = passwords,
				     .scram_file = scram };
	char text[PASSWORD_TEXT_MAX];
	struct diag diag;

	(void)close(mkstemp(passwords));
	(void)close(mkstemp(scram));
	(void)close(mkstemp(access));
	write_access(access);
	assert_int_equal(password_make(&cost, password, strlen(password), text, &diag), 0);
	write_entry(passwords, "customer-a", text);
	assert_int_equal(scram_make(4096, "secret", 6, text, &diag), 0);
	write_entry(scram, "customer-a", text);
	rules_free(world->rules);
	world->rules = NULL;
	if (rules_load(&files, &world->rules, &diag))
		fail_msg("%s", diag.text);
	(void)unlink(passwords);
	(void)unlink(scram);
	(void)unlink(access);
}

static struct world make(void)
{
	struct login_options options = { .credentials = 16, .has_lockout = true, .percent = 100 };
	struct world world = { 0 };
	struct diag diag;

	load(&world, "secret");
	assert_int_equal(login_new(&options, &world.login, &diag), 0);
	return world;
}

static void wake(void *ctx)
{
	(void)sem_post(ctx);
}

/* Where passwords are checked on other threads. Not to be moved: they know where it lies. */
static void make_waiting(struct world *world)
{
	struct login_options options = {
		.credentials = 16, .has_lockout = true, .wake = wake, .wake_ctx = &world->done
	};
	struct diag diag;

	assert_int_equal(sem_init(&world->done, 0, 0), 0);
	load(world, "secret");
	assert_int_equal(login_new(&options, &world->login, &diag), 0);
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
		.username = user, .password = password, .client_id = "", .address = HOME
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

/* Whoever guesses keeps itself out, and nobody whose name it guesses at. */
static void test_login_check__a_lock_is_for_an_address(void **state)
{
	struct world world = make();
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");

	(void)state;
	for (int i = 0; i <= FREE; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	assert_int_equal(ask(&world, &right), VERDICT_DENY);
	right.address = "192.0.2.77";
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	right.address = NULL;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	right.address = HOME;
	right.is_repeat = true;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	right.is_repeat = false;
	right.mono_ms = 1001;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

static void test_login_check__networks_that_are_never_locked(void **state)
{
	struct login_options options = { .credentials = 16,
					 .has_lockout = true,
					 .percent = 100,
					 .never_lock = "192.0.2.0/24,unix" };
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");
	struct world world = { 0 };
	struct diag diag;

	(void)state;
	load(&world, "secret");
	assert_int_equal(login_new(&options, &world.login, &diag), 0);
	for (int i = 0; i <= FREE; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	wrong.address = right.address = "/run/mosquitto.sock";
	for (int i = 0; i <= FREE; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

/* They take no more of the time for checks than other addresses where somebody guesses. */
static void test_login_check__who_is_never_locked_may_be_suspect(void **state)
{
	struct login_options options = {
		.credentials = 16, .has_lockout = true, .percent = 40, .never_lock = "192.0.2.0/24"
	};
	struct login_request wrong = by_password("nobody", "x");
	struct world world = { 0 };
	struct login_answer answer;
	struct diag diag;

	(void)state;
	load(&world, "secret");
	assert_int_equal(login_new(&options, &world.login, &diag), 0);
	assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	derivations_spent(login_derivations(world.login), true, INT64_C(101000000));
	login_check(world.login, world.rules, &wrong, &answer);
	assert_true(answer.is_busy);
	wrong.address = "198.51.100.1";
	login_check(world.login, world.rules, &wrong, &answer);
	assert_false(answer.is_busy);
	drop(&world);
}

/* However often a stranger comes under a client id, its owner is not held off. */
static void test_login_check__connects_count_behind_the_proof(void **state)
{
	struct login_options options = {
		.credentials = 16, .has_lockout = true, .percent = 100, .connects = 3
	};
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");
	struct world world = { 0 };
	struct login_answer answer;
	struct diag diag;

	(void)state;
	load(&world, "secret");
	assert_int_equal(login_new(&options, &world.login, &diag), 0);
	wrong.client_id = right.client_id = "till";
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	login_check(world.login, world.rules, &right, &answer);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	assert_null(answer.principal);
	assert_non_null(strstr(answer.why.text, "connects too often: held off for 60 s"));
	right.client_id = "other";
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

/* Who was closed waits, behind its proof: nothing is counted, and nobody else waits with it. */
static void test_login_check__who_was_closed(void **state)
{
	struct login_options options = {
		.credentials = 16, .has_lockout = true, .percent = 100, .connects = 3
	};
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");
	struct holdoffs *holdoffs = NULL;
	struct world world = { 0 };
	struct login_answer answer;
	struct diag diag;

	(void)state;
	load(&world, "secret");
	assert_int_equal(holdoffs_new(&holdoffs, &diag), 0);
	options.holdoffs = holdoffs;
	assert_int_equal(login_new(&options, &world.login, &diag), 0);
	wrong.client_id = right.client_id = "till";
	assert_int_equal(holdoffs_close(holdoffs, "customer-a", "till", REASON_SCHEMA_LIMIT, 0),
			 1000);
	for (int i = 0; i < 20; i++) {
		right.mono_ms = 10 * i;
		login_check(world.login, world.rules, &right, &answer);
		assert_int_equal(answer.verdict, VERDICT_DENY);
		assert_true(answer.is_held_off);
		assert_string_equal(answer.principal->name, "customer-a");
		assert_int_equal(answer.held_for, REASON_SCHEMA_LIMIT);
	}
	login_check(world.login, world.rules, &wrong, &answer);
	assert_false(answer.is_held_off);
	assert_null(answer.principal);
	right.client_id = "other";
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	right.client_id = "till";
	right.mono_ms = 1000;
	for (int i = 0; i < 3; i++) {
		login_check(world.login, world.rules, &right, &answer);
		assert_int_equal(answer.verdict, VERDICT_ALLOW);
		assert_true(answer.was_closed);
	}
	/* It connects too often: no wonder, and that is not to read as a bad password. */
	login_check(world.login, world.rules, &right, &answer);
	assert_true(answer.is_held_off);
	right.is_repeat = true;
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
	holdoffs_free(holdoffs);
}

/* What was used up by others: who is known gets in, and a guess at who is known counts. */
static void test_login_check__has_no_time_for_strangers(void **state)
{
	struct world world = make();
	struct login_request known = by_password("customer-a", "secret");
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request unknown = by_password("nobody", "x");
	struct login_answer answer;

	(void)state;
	assert_int_equal(ask(&world, &known), VERDICT_ALLOW);
	derivations_spent(login_derivations(world.login), false, INT64_C(10000000000));
	unknown.address = "192.0.2.50";
	for (int i = 0; i < 3 * FREE; i++) {
		login_check(world.login, world.rules, &unknown, &answer);
		assert_true(answer.is_busy);
	}
	for (int i = 0; i <= FREE; i++) {
		login_check(world.login, world.rules, &wrong, &answer);
		assert_true(answer.is_busy);
	}
	login_check(world.login, world.rules, &wrong, &answer);
	assert_non_null(strstr(answer.why.text, "locked"));
	known.address = unknown.address;
	assert_int_equal(ask(&world, &known), VERDICT_ALLOW);
	/* The broker's own question after a reload has time. */
	wrong.is_repeat = true;
	login_check(world.login, world.rules, &wrong, &answer);
	assert_false(answer.is_busy);
	wrong.is_repeat = false;
	wrong.mono_ms = 60000;
	login_check(world.login, world.rules, &wrong, &answer);
	assert_false(answer.is_busy);
	drop(&world);
}

static void test_login_check__a_repeat_is_not_counted(void **state)
{
	struct world world = make();
	struct login_request wrong = by_password("customer-a", "x");
	struct login_request right = by_password("customer-a", "secret");

	(void)state;
	wrong.is_repeat = true;
	for (int i = 0; i < 3 * FREE; i++)
		assert_int_equal(ask(&world, &wrong), VERDICT_DENY);
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

/* Only the broker's own question after a reload may go without a proof. */
/* A password that was changed while a hundred sessions had it. */
static void test_login_check__a_repeat_derives_a_wrong_password_once(void **state)
{
	struct world world = make();
	struct login_request old = by_password("customer-a", "it was this");
	struct login_request unknown = by_password("nobody", "secret");
	uint64_t hits, before, after;

	(void)state;
	old.is_repeat = unknown.is_repeat = true;
	login_count(world.login, &hits, &before);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ask(&world, &old), VERDICT_DENY);
		assert_int_equal(ask(&world, &unknown), VERDICT_DENY);
	}
	login_count(world.login, &hits, &after);
	assert_int_equal(after - before, 1);
	/* Who connects with it is derived for each time. */
	old.is_repeat = false;
	assert_int_equal(ask(&world, &old), VERDICT_DENY);
	assert_int_equal(ask(&world, &old), VERDICT_DENY);
	login_count(world.login, &hits, &before);
	assert_int_equal(before - after, 2);
	drop(&world);
}

static void test_login_check__without_a_proof(void **state)
{
	struct world world = make();
	struct login_request request = by_password("customer-a", NULL);

	(void)state;
	request.is_scram = true;
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.is_repeat = true;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
	request.username = "customer-b"; /* has no keys */
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.is_away = true;
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.username = "customer-a";
	request.is_scram = false; /* being away is no proof */
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	drop(&world);
}

/* Who was let in by an entry that has been changed since has to come again. */
static void test_login_check__a_changed_entry(void **state)
{
	struct world world = make();
	struct login_request request = by_password("customer-a", "secret");
	struct login_answer answer;

	(void)state;
	login_check(world.login, world.rules, &request, &answer);
	assert_int_equal(answer.verdict, VERDICT_ALLOW);
	assert_int_not_equal(answer.entry, 0);
	request.password = NULL;
	request.is_repeat = request.is_known = true;
	request.entry = answer.entry;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
	load(&world, "another");
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.is_scram = true; /* its keys have been made anew as well */
	assert_int_equal(ask(&world, &request), VERDICT_DENY);
	request.entry = 0;
	assert_int_equal(ask(&world, &request), VERDICT_ALLOW);
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
	struct login_request request = { .handle = world, .client_id = "", .address = address };
	char first[100], final[200], reply[SCRAM_REPLY_MAX];
	struct login_message message = { .reply = reply };
	struct login_answer answer;

	message.len = (size_t)snprintf(first, sizeof(first), "n,,n=%s,r=abcdefghijkl", user);
	message.data = first;
	if (!login_begin(world->login, world->rules, &request, &message, &answer))
		return false;
	*strchr(reply, ',') = '\0';
	message.len =
		(size_t)snprintf(final, sizeof(final),
				 "c=biws,%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", reply);
	message.data = final;
	login_finish(world->login, world->rules, &request, &message, &answer);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	assert_null(answer.principal);
	return true;
}

static void test_login_finish__locks_the_address(void **state)
{
	struct world world = make();
	struct login_request right = by_password("customer-a", "secret");

	(void)state;
	for (int i = 0; i <= FREE; i++)
		assert_true(guess(&world, "customer-a", HOME));
	assert_false(guess(&world, "customer-b", HOME));
	assert_int_equal(ask(&world, &right), VERDICT_DENY);
	assert_true(guess(&world, "customer-a", "203.0.113.1"));
	right.address = "203.0.113.1";
	assert_int_equal(ask(&world, &right), VERDICT_ALLOW);
	drop(&world);
}

/* Begins an exchange under @key as its handle. */
static bool begin_exchange(struct world *world, const void *key, const char *address,
			   const char *first)
{
	struct login_request request = { .handle = key, .client_id = "", .address = address };
	char reply[SCRAM_REPLY_MAX];
	struct login_message message = { .data = first, .len = strlen(first), .reply = reply };
	struct login_answer answer;

	return login_begin(world->login, world->rules, &request, &message, &answer);
}

/* Is the exchange open? It is over afterwards. */
static bool is_open(struct world *world, const void *key)
{
	struct login_request request = { .handle = key,
					 .client_id = "",
					 .address = "198.51.100.250" };
	char reply[SCRAM_REPLY_MAX];
	struct login_message message = { .data = "x", .len = 1, .reply = reply };
	struct login_answer answer;

	login_finish(world->login, world->rules, &request, &message, &answer);
	return strcmp(answer.why.text, "no exchange was begun") != 0;
}

#define FIRST "n,,n=customer-a,r=abcdefghijkl"

static void test_login_begin__a_failure_counts(void **state)
{
	struct world world = make();

	(void)state;
	for (int i = 0; i <= FREE; i++)
		assert_false(begin_exchange(&world, &world, HOME, "nonsense"));
	assert_false(begin_exchange(&world, &world, HOME, FIRST));
	assert_true(begin_exchange(&world, &world, "192.0.2.9", FIRST));
	drop(&world);
}

/* One address has its share of the exchanges, whatever it begins. */
static void test_login_begin__shares_the_places(void **state)
{
	static const char key[2 * LOGIN_EXCHANGES];
	struct world world = make();
	char address[32];

	(void)state;
	assert_true(begin_exchange(&world, &key[0], "192.0.2.9", FIRST));
	for (size_t i = 1; i <= LOGIN_EXCHANGES; i++)
		assert_true(begin_exchange(&world, &key[i], HOME, FIRST));
	assert_false(is_open(&world, &key[LOGIN_EXCHANGES - LOGIN_EXCHANGES_OF_PEER]));
	assert_true(is_open(&world, &key[LOGIN_EXCHANGES - LOGIN_EXCHANGES_OF_PEER + 1]));
	/* Many addresses fill the places: whoever has most gives one up. */
	for (size_t i = 1; i < LOGIN_EXCHANGES; i++) {
		(void)snprintf(address, sizeof(address), "198.51.%zu.1", i / 4);
		assert_true(begin_exchange(&world, &key[LOGIN_EXCHANGES + i], address, FIRST));
	}
	assert_true(is_open(&world, &key[0]));
	drop(&world);
}

static void test_login_finish__without_a_beginning(void **state)
{
	struct world world = make();
	struct login_request request = by_password("customer-a", NULL);
	char reply[SCRAM_REPLY_MAX];
	struct login_message message = { .data = "x", .len = 1, .reply = reply };
	struct login_answer answer;

	(void)state;
	login_finish(world.login, world.rules, &request, &message, &answer);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	login_abandon(world.login, &world);
	login_abandon(world.login, NULL);
	drop(&world);
}

/* ---- logins that wait ---------------------------------------------------------------------- */

static const void *handle(size_t i)
{
	static const char base[1];

	return (const void *)((uintptr_t)base + 64 * i);
}

/* Begins a login that has to wait. */
static void begin_from(struct world *world, size_t who, const char *id, const char *user,
		       const char *password, const char *address)
{
	struct login_request request = by_password(user, password);
	struct login_answer answer;

	request.handle = handle(who);
	request.client_id = id;
	request.address = address;
	login_check(world->login, world->rules, &request, &answer);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	assert_true(answer.is_waiting);
	assert_null(answer.principal);
}

static void begin(struct world *world, size_t who, const char *id, const char *user,
		  const char *password)
{
	begin_from(world, who, id, user, password, HOME);
}

static void wait_for(struct world *world, size_t jobs)
{
	while (jobs > 0)
		if (sem_wait(&world->done) == 0)
			jobs--;
}

/* The next that is settled, once it is, is @who's, and its verdict is returned. */
static enum verdict wait_next(struct world *world, size_t who)
{
	struct login_request request = { .mono_ms = 0 };
	struct login_answer answer;

	while (!login_next(world->login, world->rules, &request, &answer))
		wait_for(world, 1);
	assert_ptr_equal(request.handle, handle(who));
	assert_int_equal(answer.verdict == VERDICT_ALLOW, answer.principal != NULL);
	access_principal_drop(answer.made);
	return answer.verdict;
}

static void assert_no_more(struct world *world)
{
	struct login_request request = { .mono_ms = 0 };
	struct login_answer answer;

	assert_false(login_next(world->login, world->rules, &request, &answer));
}

static void end(struct world *world)
{
	drop(world);
	(void)sem_destroy(&world->done);
}

static void test_login_next__settles_what_waited(void **state)
{
	struct login_request known = by_password("customer-a", "secret");
	struct login_request request = { .now_ms = 7, .mono_ms = 8 };
	struct login_answer answer;
	uint64_t hits, misses;
	struct world world = { 0 };

	(void)state;
	make_waiting(&world);
	assert_no_more(&world);
	begin(&world, 1, "one", "customer-a", "secret");
	wait_for(&world, 1);
	assert_true(login_next(world.login, world.rules, &request, &answer));
	assert_int_equal(answer.verdict, VERDICT_ALLOW);
	assert_int_equal(answer.method, LOGIN_PASSWORD);
	assert_string_equal(answer.principal->name, "customer-a");
	assert_string_equal(request.client_id, "one");
	assert_string_equal(request.username, "customer-a");
	assert_string_equal(request.address, "192.0.2.1");
	assert_int_equal(request.mono_ms, 8);
	assert_int_equal(ask(&world, &known), VERDICT_ALLOW); /* it is known now */
	login_count(world.login, &hits, &misses);
	assert_int_equal(hits, 1);
	assert_int_equal(misses, 1);
	begin(&world, 2, "two", "customer-a", "wrong");
	assert_int_equal(wait_next(&world, 2), VERDICT_DENY);
	begin(&world, 3, "three", "nobody", "secret");
	assert_int_equal(wait_next(&world, 3), VERDICT_DENY);
	assert_no_more(&world);
	end(&world);
}

/* Guesses side by side are worth no more than one after the other. */
static void test_login_next__asks_the_lock_again(void **state)
{
	struct world world = { 0 };

	(void)state;
	make_waiting(&world);
	for (size_t i = 0; i < FREE - 1; i++) {
		begin(&world, i, "id", "customer-a", "wrong");
		wait_for(&world, 1); /* no call is left over for those that follow */
		assert_int_equal(wait_next(&world, i), VERDICT_DENY);
	}
	begin(&world, 97, "one", "customer-a", "wrong");
	wait_for(&world, 1);
	begin(&world, 98, "two", "customer-a", "wrong");
	wait_for(&world, 1);
	begin(&world, 99, "right", "customer-a", "secret"); /* nobody is locked yet */
	wait_for(&world, 1);
	for (size_t i = 97; i <= 99; i++) {
		struct login_request request = { .mono_ms = 0 };
		struct login_answer answer;

		assert_true(login_next(world.login, world.rules, &request, &answer));
		assert_int_equal(answer.verdict, VERDICT_DENY);
		assert_int_equal(request.handle == handle(99),
				 strstr(answer.why.text, "locked") != NULL);
	}
	assert_no_more(&world);
	end(&world);
}

/* Who comes under a handle or an id that is waited for takes no answer of another. */
static void test_login_check__displaces_who_waits(void **state)
{
	struct world world = { 0 };

	(void)state;
	make_waiting(&world);
	begin(&world, 1, "same", "customer-a", "secret");
	begin(&world, 2, "same", "customer-a", "wrong");
	begin(&world, 3, "else", "customer-a", "secret");
	begin(&world, 3, "other", "customer-a", "wrong");
	/* The first of each pair was begun or not: the others are done behind it. */
	for (size_t seen = 0; seen < 2;) {
		struct login_request request = { .mono_ms = 0 };
		struct login_answer answer;

		wait_for(&world, 1);
		if (!login_next(world.login, world.rules, &request, &answer))
			continue;
		assert_int_equal(answer.verdict, VERDICT_DENY);
		assert_string_equal(request.password, "wrong");
		seen++;
	}
	assert_no_more(&world);
	end(&world);
}

static void test_login_abandon__counts_what_nobody_waits_for(void **state)
{
	struct world world = { 0 };
	struct login_request right = by_password("customer-a", "secret");
	struct login_answer answer;
	int counted = 0;

	(void)state;
	make_waiting(&world);
	right.handle = handle(0);
	while (counted <= FREE) {
		begin(&world, 1, "gone", "customer-a", "wrong");
		wait_for(&world, 1);
		login_abandon(world.login, handle(1));
		assert_no_more(&world);
		counted++;
	}
	login_check(world.login, world.rules, &right, &answer);
	assert_false(answer.is_waiting);
	assert_non_null(strstr(answer.why.text, "locked"));
	end(&world);
}

/* Rules that are newer than the login: its key counts only where the line is the same. */
static void test_login_next__under_new_rules(void **state)
{
	struct world world = { 0 };
	uint64_t hits, misses;

	(void)state;
	make_waiting(&world);
	begin(&world, 1, "one", "customer-a", "secret");
	wait_for(&world, 1);
	load(&world, "another"); /* it is derived once more */
	assert_int_equal(wait_next(&world, 1), VERDICT_DENY);
	login_count(world.login, &hits, &misses);
	assert_int_equal(misses, 2);
	begin(&world, 2, "two", "customer-a", "another");
	assert_int_equal(wait_next(&world, 2), VERDICT_ALLOW);
	end(&world);
}

static void assert_busy(struct world *world, struct login_request *request)
{
	struct login_answer answer;

	login_check(world->login, world->rules, request, &answer);
	assert_false(answer.is_waiting);
	assert_true(answer.is_busy);
	assert_int_equal(answer.verdict, VERDICT_DENY);
}

static void test_login_check__refuses_what_has_no_place(void **state)
{
	struct world world = { 0 };
	struct login_request more = by_password("customer-b", "x");
	struct login_answer answer;

	(void)state;
	make_waiting(&world);
	more.client_id = "more";
	for (size_t i = 0; i < PENDING_LOGINS_MAX; i++) {
		char id[16], user[16], address[32];

		(void)snprintf(id, sizeof(id), "%zu", i);
		(void)snprintf(user, sizeof(user), "user-%zu", i);
		(void)snprintf(address, sizeof(address), "192.0.2.%zu",
			       1 + i / PENDING_LOGINS_OF_PEER);
		begin_from(&world, i, id, user, "x", address);
		if (i + 1 == PENDING_LOGINS_OF_PEER)
			assert_busy(&world, &more); /* the others' places are free */
	}
	more.address = "192.0.2.99";
	assert_busy(&world, &more);
	/* The broker's own questions after a reload do not wait. */
	more.is_repeat = true;
	login_check(world.login, world.rules, &more, &answer);
	assert_false(answer.is_waiting || answer.is_busy);
	assert_int_equal(answer.verdict, VERDICT_DENY);
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login_check__password),
		cmocka_unit_test(test_login_check__a_lock_is_for_an_address),
		cmocka_unit_test(test_login_check__networks_that_are_never_locked),
		cmocka_unit_test(test_login_check__who_is_never_locked_may_be_suspect),
		cmocka_unit_test(test_login_check__connects_count_behind_the_proof),
		cmocka_unit_test(test_login_check__who_was_closed),
		cmocka_unit_test(test_login_check__has_no_time_for_strangers),
		cmocka_unit_test(test_login_check__a_repeat_is_not_counted),
		cmocka_unit_test(test_login_check__a_repeat_derives_a_wrong_password_once),
		cmocka_unit_test(test_login_check__without_a_proof),
		cmocka_unit_test(test_login_check__what_is_known),
		cmocka_unit_test(test_login_check__a_changed_entry),
		cmocka_unit_test(test_login_finish__locks_the_address),
		cmocka_unit_test(test_login_begin__a_failure_counts),
		cmocka_unit_test(test_login_begin__shares_the_places),
		cmocka_unit_test(test_login_finish__without_a_beginning),
		cmocka_unit_test(test_login_next__settles_what_waited),
		cmocka_unit_test(test_login_next__asks_the_lock_again),
		cmocka_unit_test(test_login_check__displaces_who_waits),
		cmocka_unit_test(test_login_abandon__counts_what_nobody_waits_for),
		cmocka_unit_test(test_login_next__under_new_rules),
		cmocka_unit_test(test_login_check__refuses_what_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

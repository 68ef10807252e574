/* Passwords checked on other threads: what is asked is answered once, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "access/verifier.h"
#include "failalloc.h"

#define USERS 4u
#define SLOW 200000u /* rounds: long enough for a queue to form behind it */

static struct passwords *make(uint32_t iterations)
{
	struct password_cost cost = { .kind = PASSWORD_PBKDF2, .iterations = iterations };
	char text[USERS * (PASSWORD_TEXT_MAX + 16)] = "";
	struct passwords *passwords = NULL;
	struct diag diag;

	for (unsigned i = 0; i < USERS; i++) {
		char stored[PASSWORD_TEXT_MAX], password[16];
		size_t used = strlen(text);

		(void)snprintf(password, sizeof(password), "secret-%u", i);
		assert_int_equal(password_make(&cost, password, strlen(password), stored, &diag),
				 0);
		(void)snprintf(text + used, sizeof(text) - used, "user-%u:%s\n", i, stored);
	}
	if (passwords_parse("passwords", text, strlen(text), &passwords, &diag))
		fail_msg("%s", diag.text);
	return passwords;
}

struct world {
	struct passwords *passwords;
	struct verifier *verifier;
	sem_t done;
};

static void wake(void *ctx)
{
	(void)sem_post(ctx);
}

static void begin(struct world *world, unsigned threads, size_t places, uint32_t iterations)
{
	struct verifier_options options = {
		.threads = threads, .places = places, .wake = wake, .ctx = &world->done
	};
	struct diag diag;

	assert_int_equal(sem_init(&world->done, 0, 0), 0);
	world->passwords = make(iterations);
	assert_int_equal(verifier_new(&options, &world->verifier, &diag), 0);
}

static void end(struct world *world)
{
	verifier_free(world->verifier);
	passwords_free(world->passwords);
	(void)sem_destroy(&world->done);
}

static int submit(struct world *world, const char *user, const char *password, uint64_t *ret)
{
	return verifier_submit(world->verifier, world->passwords, user, password, strlen(password),
			       ret);
}

/* The next job that is done; waits for it. */
static struct verifier_job *wait_job(struct world *world)
{
	struct verifier_job *job;

	while (sem_wait(&world->done) != 0)
		;
	job = verifier_take(world->verifier);
	assert_non_null(job);
	return job;
}

static void test_verifier_take__answers_each_job_once(void **state)
{
	static const struct {
		const char *user, *password;
		enum verdict verdict;
	} rows[] = {
		{ "user-0", "secret-0", VERDICT_ALLOW }, { "user-1", "secret-1", VERDICT_ALLOW },
		{ "user-0", "secret-1", VERDICT_DENY },  { "user-2", "", VERDICT_DENY },
		{ "nobody", "secret-0", VERDICT_DENY },  { "user-3", "secret-3", VERDICT_ALLOW },
	};
	enum { ROWS = sizeof(rows) / sizeof(*rows) };
	uint64_t number[ROWS];
	bool is_seen[ROWS] = { false };
	struct world world;

	(void)state;
	begin(&world, 2, ROWS, 1000);
	assert_null(verifier_take(world.verifier));
	for (size_t i = 0; i < ROWS; i++)
		assert_int_equal(submit(&world, rows[i].user, rows[i].password, &number[i]), 0);
	for (size_t n = 0; n < ROWS; n++) {
		struct verifier_job *job = wait_job(&world);
		size_t i = 0;

		while (i < ROWS && number[i] != job->number)
			i++;
		assert_true(i < ROWS && !is_seen[i]);
		is_seen[i] = true;
		assert_string_equal(job->user, rows[i].user);
		assert_string_equal(job->password, rows[i].password);
		assert_int_equal(job->verdict, rows[i].verdict);
		verifier_job_free(job);
	}
	assert_null(verifier_take(world.verifier));
	end(&world);
}

static void test_verifier_submit__refuses_what_has_no_place(void **state)
{
	char lengthy[PASSWORD_MAX_BYTES + 2];
	struct world world;
	uint64_t number;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	begin(&world, 1, 2, SLOW);
	assert_int_equal(submit(&world, "user-0", lengthy, &number), ERR_LIMIT);
	assert_int_equal(submit(&world, "user-0", "x", &number), 0);
	assert_int_equal(submit(&world, "user-1", "x", &number), 0);
	assert_int_equal(submit(&world, "user-2", "x", &number), ERR_BUSY);
	/* A place is free when a job was taken, not when it is done. */
	verifier_job_free(wait_job(&world));
	assert_int_equal(submit(&world, "user-2", "x", &number), 0);
	end(&world);
}

/* The first job's end waits for @gate, so that no other is begun before. */
struct gate {
	sem_t done;
	sem_t open;
};

static void wake_and_wait(void *ctx)
{
	struct gate *gate = ctx;

	(void)sem_post(&gate->done);
	while (sem_wait(&gate->open) != 0)
		;
}

static void test_verifier_cancel__drops_what_was_not_begun(void **state)
{
	struct gate gate;
	struct verifier_options options = {
		.threads = 1, .places = 3, .wake = wake_and_wait, .ctx = &gate
	};
	struct passwords *passwords = make(1);
	struct verifier *verifier = NULL;
	struct verifier_job *job;
	uint64_t first, second, third;
	struct diag diag;

	(void)state;
	assert_int_equal(sem_init(&gate.done, 0, 0), 0);
	assert_int_equal(sem_init(&gate.open, 0, 0), 0);
	assert_int_equal(verifier_new(&options, &verifier, &diag), 0);
	assert_int_equal(verifier_submit(verifier, passwords, "user-0", "x", 1, &first), 0);
	assert_int_equal(sem_wait(&gate.done), 0);
	assert_int_equal(verifier_submit(verifier, passwords, "user-1", "x", 1, &second), 0);
	assert_int_equal(verifier_submit(verifier, passwords, "user-2", "x", 1, &third), 0);
	assert_false(verifier_cancel(verifier, first)); /* it is done */
	assert_true(verifier_cancel(verifier, third));  /* the line's end */
	assert_true(verifier_cancel(verifier, second));
	assert_false(verifier_cancel(verifier, second));
	assert_false(verifier_cancel(verifier, 4711));
	assert_int_equal(verifier_submit(verifier, passwords, "user-3", "secret-3", 8, &third), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(sem_post(&gate.open), 0);
		if (i > 0)
			assert_int_equal(sem_wait(&gate.done), 0);
		job = verifier_take(verifier);
		assert_non_null(job);
		assert_int_equal(job->number, i ? third : first);
		assert_int_equal(job->verdict, i ? VERDICT_ALLOW : VERDICT_DENY);
		verifier_job_free(job);
	}
	assert_null(verifier_take(verifier));
	assert_int_equal(sem_post(&gate.open), 0);
	verifier_free(verifier);
	passwords_free(passwords);
	(void)sem_destroy(&gate.done);
	(void)sem_destroy(&gate.open);
}

/* A job holds its passwords: a reload may let go of them. */
static void test_verifier_submit__shares_the_passwords(void **state)
{
	struct world world;
	struct verifier_job *job;
	uint64_t number;

	(void)state;
	begin(&world, 1, 2, SLOW);
	assert_int_equal(submit(&world, "user-0", "secret-0", &number), 0);
	assert_int_equal(submit(&world, "user-1", "secret-1", &number), 0);
	passwords_free(world.passwords);
	world.passwords = NULL;
	for (int i = 0; i < 2; i++) {
		job = wait_job(&world);
		assert_int_equal(job->verdict, VERDICT_ALLOW);
		assert_non_null(credfile_find(&job->passwords->file, job->user));
		verifier_job_free(job);
	}
	end(&world);
}

static void test_verifier_free__drops_what_is_left(void **state)
{
	struct world world;
	uint64_t number;

	(void)state;
	begin(&world, 2, 8, SLOW);
	for (int i = 0; i < 8; i++)
		assert_int_equal(submit(&world, "user-0", "secret-0", &number), 0);
	end(&world);
	verifier_free(NULL);
	verifier_job_free(NULL);
}

static void test_verifier_new__wants_bounds(void **state)
{
	static const struct verifier_options bad[] = {
		{ .threads = 0, .places = 1 },
		{ .threads = VERIFIER_THREADS_MAX + 1, .places = 1 },
		{ .threads = 1, .places = 0 },
		{ .threads = 1, .places = VERIFIER_PLACES_MAX + 1 },
	};
	struct verifier *verifier = NULL;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(verifier_new(&bad[i], &verifier, &diag), ERR_LIMIT);
	assert_null(verifier);
}

static void test_verifier_submit__survives_failing_allocations(void **state)
{
	struct world world;
	uint64_t number;

	(void)state;
	begin(&world, 1, 1, 1);
	for (size_t n = 1;; n++) {
		int rc;

		failalloc_start(n);
		rc = submit(&world, "user-0", "secret-0", &number);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
	}
	verifier_job_free(wait_job(&world));
	end(&world);
}

/* ---- passwords_check() from many threads ------------------------------------------------- */

#define THREADS 4u
#define ROUNDS 50u

static void *check_many(void *ctx)
{
	struct passwords *passwords = passwords_share(ctx);
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		char user[16], password[16];

		(void)snprintf(user, sizeof(user), "user-%u", i % (USERS + 1)); /* one is unknown */
		(void)snprintf(password, sizeof(password), "secret-%u", i % USERS);
		wrong += passwords_check(passwords, user, password, strlen(password)) !=
			 (i % (USERS + 1) == i % USERS ? VERDICT_ALLOW : VERDICT_DENY);
	}
	passwords_free(passwords);
	return (void *)wrong;
}

static void test_passwords_check__from_many_threads(void **state)
{
	struct passwords *passwords = make(10);
	pthread_t thread[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, check_many, passwords), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *wrong;

		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		assert_null(wrong);
	}
	passwords_free(passwords);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verifier_take__answers_each_job_once),
		cmocka_unit_test(test_verifier_submit__refuses_what_has_no_place),
		cmocka_unit_test(test_verifier_cancel__drops_what_was_not_begun),
		cmocka_unit_test(test_verifier_submit__shares_the_passwords),
		cmocka_unit_test(test_verifier_free__drops_what_is_left),
		cmocka_unit_test(test_verifier_new__wants_bounds),
		cmocka_unit_test(test_verifier_submit__survives_failing_allocations),
		cmocka_unit_test(test_passwords_check__from_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Answers that are made on a thread: each comes once, they are bounded, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/packer.h"
#include "broker/answers.h"
#include "monitor/packedparts.h"
#include "failalloc.h"

#define NEVER_MS 3600000u

/* What a job is made with, and what became of it. */
struct work {
	const char *error; /* it fails with this; NULL: it has data */
	int parts;         /* that its answer has; 0: it has none */
	enum answers_line line;
	bool is_packed;
	json_t *data; /* that it has; NULL: some that is small */
	sem_t *begun; /* posted when it begins; may be NULL */
	sem_t *open;  /* waited for before it ends; may be NULL */
	pthread_t on; /* the thread that ran it */
	int runs, drops;
	bool was_ending;
};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static void run(void *ctx, const atomic_bool *is_ending, struct control_answer *ret)
{
	struct work *work = ctx;

	work->on = pthread_self();
	work->runs++;
	if (work->begun)
		(void)sem_post(work->begun);
	if (work->open)
		wait_for(work->open);
	work->was_ending = *is_ending;
	if (work->error)
		(void)diag_set(&ret->diag, ERR_IO, "%s", work->error);
	else if (work->parts)
		ret->data = json_array();
	else
		ret->data = work->data ? json_incref(work->data) : json_pack("{si}", "a", 1);
	ret->is_parts = work->parts > 0;
	for (int i = 0; i < work->parts; i++)
		(void)json_array_append_new(ret->data, json_integer(i));
}

static void drop(void *ctx)
{
	((struct work *)ctx)->drops++;
}

static struct answers *make(unsigned idle_ms, void (*rest)(void *ctx), void *ctx)
{
	const struct answers_options options = { .idle_ms = idle_ms, .rest = rest, .ctx = ctx };
	struct answers *answers = NULL;
	struct diag diag;

	assert_int_equal(answers_new(&options, &answers, &diag), 0);
	return answers;
}

static int ask(struct answers *answers, uint64_t session, const char *principal, struct work *work)
{
	const struct answers_asker asker = {
		.session = session, .generation = 3, .handle = work, .principal = principal
	};
	const struct answers_job job = { .run = run,
					 .drop = drop,
					 .ctx = work,
					 .line = work->line,
					 .is_packed = work->is_packed };
	json_t *correlation = json_pack("s#", principal, 1);
	struct diag diag;
	int rc = answers_ask_take(answers, &asker, "explain", correlation, &job, &diag);

	json_decref(correlation);
	return rc;
}

/* The next one that is done; waits for it. */
static struct answers_done *take(struct answers *answers)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	struct answers_done *done;

	while (!(done = answers_take(answers)))
		(void)nanosleep(&moment, NULL);
	return done;
}

static void test_answers_take__answers_each_once(void **state)
{
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work works[] = { { .error = NULL }, { .error = "no" } };

	(void)state;
	assert_int_equal(answers_count(answers), 0);
	assert_null(answers_take(answers));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ask(answers, i + 1, i ? "eva" : "bob", &works[i]), 0);
	for (size_t i = 0; i < 2; i++) {
		struct answers_done *done = take(answers);

		assert_string_equal(done->text[0],
				    i ? "{\"responses\":[{\"command\":\"explain\","
					"\"correlationData\":\"e\",\"error\":\"no\"}]}"
				      : "{\"responses\":[{\"command\":\"explain\","
					"\"correlationData\":\"b\",\"data\":{\"a\":1}}]}");
		assert_int_equal(done->count, 1);
		assert_string_equal(done->asker.principal, i ? "eva" : "bob");
		assert_int_equal(done->asker.session, i + 1);
		assert_int_equal(done->asker.generation, 3);
		assert_ptr_equal(done->asker.handle, &works[i]);
		assert_int_equal(works[i].runs, 1);
		assert_int_equal(works[i].drops, 1);
		assert_false(pthread_equal(works[i].on, pthread_self()));
		answers_done_free(done);
	}
	assert_int_equal(answers_count(answers), 0);
	answers_free(answers);
	answers_free(NULL);
	answers_done_free(NULL);
}

static void test_answers_ask__refuses_what_has_no_place(void **state)
{
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work works[ANSWERS_MAX] = { { .error = NULL } }, more = { .error = NULL };
	sem_t open;
	size_t n = 0;

	(void)state;
	assert_int_equal(sem_init(&open, 0, 0), 0);
	works[0].open = &open;
	for (; n < ANSWERS_OF_SESSION; n++)
		assert_int_equal(ask(answers, 1, "eva", &works[n]), 0);
	assert_int_equal(ask(answers, 1, "eva", &more), ERR_BUSY);
	for (; n < ANSWERS_OF_PRINCIPAL; n++)
		assert_int_equal(ask(answers, n, "eva", &works[n]), 0);
	assert_int_equal(ask(answers, 9, "eva", &more), ERR_BUSY);
	for (; n < ANSWERS_MAX - ANSWERS_KEPT; n++)
		assert_int_equal(ask(answers, 10 + n, "bob", &works[n]), 0);
	/* What is left is for others. */
	assert_int_equal(ask(answers, 50, "bob", &more), ERR_BUSY);
	for (; n < ANSWERS_MAX; n++)
		assert_int_equal(ask(answers, 10 + n, n % 2 ? "lea" : "kim", &works[n]), 0);
	assert_int_equal(ask(answers, 99, "ann", &more), ERR_BUSY);
	assert_int_equal(more.drops, 4);
	assert_int_equal(answers_count(answers), ANSWERS_MAX);
	assert_int_equal(sem_post(&open), 0);
	for (size_t i = 0; i < ANSWERS_MAX; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "joe%zu", i);
		answers_done_free(take(answers));
		/* A place is free when an answer was taken, not when it is done. */
		assert_int_equal(answers_count(answers), ANSWERS_MAX - 1);
		assert_int_equal(ask(answers, 100 + i, name, &more), 0);
	}
	answers_free(answers);
	assert_int_equal(more.drops, 4 + ANSWERS_MAX);
	(void)sem_destroy(&open);
}

/* Work that fails with "no" is one message, however its data would have come. */
static void assert_fails_whole(struct answers *answers, struct work *fails)
{
	struct answers_done *done;

	assert_int_equal(ask(answers, 1, "eva", fails), 0);
	done = take(answers);
	assert_int_equal(done->count, 1);
	assert_non_null(strstr(done->text[0], "\"error\":\"no\""));
	answers_done_free(done);
}

/* Each is a message of its own, in their order. */
static void test_answers_take__has_parts(void **state)
{
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work work = { .parts = (int)CONTROL_PARTS_MAX },
		    fails = { .error = "no", .parts = 2 };
	struct answers_done *done;

	(void)state;
	assert_int_equal(ask(answers, 1, "eva", &work), 0);
	done = take(answers);
	assert_int_equal(done->count, CONTROL_PARTS_MAX);
	for (size_t i = 0; i < done->count; i++) {
		char wanted[100];

		(void)snprintf(wanted, sizeof(wanted),
			       "{\"responses\":[{\"command\":\"explain\",\"correlationData\":\"e\","
			       "\"data\":%zu}]}",
			       i);
		assert_string_equal(done->text[i], wanted);
	}
	answers_done_clear(done);
	assert_int_equal(done->count, 0);
	answers_done_free(done);
	assert_fails_whole(answers, &fails);
	answers_free(answers);
}

/* The data that the messages of @done have in their parts, new. */
static json_t *unpack(const struct answers_done *done)
{
	static unsigned char packed[CONTROL_ANSWER_MAX];
	size_t used = 0, text_len = CONTROL_ANSWER_MAX;
	unsigned char *text = NULL;
	json_t *ret;

	for (size_t i = 0; i < done->count; i++) {
		json_t *message = json_loads(done->text[i], 0, NULL), *next;
		json_int_t size, offset;
		const char *encoding, *base64;
		size_t len;

		assert_in_range(strlen(done->text[i]), 1, 4095 - 64);
		assert_int_equal(json_unpack(message, "{s[{s{sI sI so ss ss}}]}", "responses",
					     "data", "size", &size, "offset", &offset, "next",
					     &next, "encoding", &encoding, "text", &base64),
				 0);
		assert_string_equal(encoding, "gzip");
		assert_int_equal(offset, used);
		assert_true(base64_decode(BASE64_PADDED, base64, strlen(base64), packed + used,
					  sizeof(packed) - used, &len));
		used += len;
		assert_true(i + 1 < done->count ? json_integer_value(next) == (json_int_t)used
						: json_is_null(next) && size == (json_int_t)used);
		json_decref(message);
	}
	assert_int_equal(packer_unpack(packed, used, &text, &text_len), 0);
	ret = json_loadb((const char *)text, text_len, JSON_DECODE_ANY, NULL);
	free(text);
	return ret;
}

/* Random characters of 6 bits each become two thirds at best: the most parts that there are. */
static json_t *random_text(size_t len)
{
	char *text = malloc(len + 1);
	uint64_t seed = 7;
	json_t *ret;

	for (size_t i = 0; i < len; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		text[i] = (char)('0' + (seed >> 58));
	}
	text[len] = '\0';
	for (char *at = text; (at = strchr(at, '\\'));)
		*at = 'z';
	ret = json_string(text);
	free(text);
	return ret;
}

/* A large answer comes by gzip, in messages that are all small; a small or a failed one as it is.
 */
static void test_answers_take__packs_what_is_large(void **state)
{
	static const size_t sizes[] = { 0, 1000, 3780, 3900, 4096, 20000, 65000 };
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work fails = { .error = "no", .is_packed = true };
	struct answers_done *done;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct work work = { .is_packed = true, .data = random_text(sizes[i]) };
		json_t *data;

		assert_int_equal(ask(answers, 1, "eva", &work), 0);
		done = take(answers);
		if (sizes[i] < 3800) {
			assert_int_equal(done->count, 1);
			assert_non_null(strstr(done->text[0], json_string_value(work.data)));
			assert_null(strstr(done->text[0], "gzip"));
		} else {
			data = unpack(done);
			assert_true(json_equal(data, work.data));
			json_decref(data);
		}
		assert_int_equal(done->count > 10, sizes[i] > 60000);
		answers_done_free(done);
		json_decref(work.data);
	}
	assert_fails_whole(answers, &fails);
	answers_free(answers);
}

/* What is larger than an answer may be is as well too large where it would be small by gzip. */
static void test_answers_take__is_too_large_unpacked(void **state)
{
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work work = { .is_packed = true, .data = random_text(CONTROL_ANSWER_MAX) };
	struct answers_done *done;

	(void)state;
	assert_int_equal(ask(answers, 1, "eva", &work), 0);
	done = take(answers);
	assert_int_equal(done->count, 1);
	assert_non_null(strstr(done->text[0], "\"code\":\"too-large\""));
	answers_done_free(done);
	json_decref(work.data);
	answers_free(answers);
}

/* Texts wait for nobody else's places, and delay what reads the database by one of them at most. */
static void test_answers_ask__lines_take_turns(void **state)
{
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work first = { .line = ANSWERS_TEXTS }, text = { .line = ANSWERS_TEXTS };
	struct work lookup = { .line = ANSWERS_LOOKUPS };
	char name[24];
	sem_t open;
	size_t n = 1;

	(void)state;
	assert_int_equal(sem_init(&open, 0, 0), 0);
	first.open = &open;
	assert_int_equal(ask(answers, 1, "eva", &first), 0);
	for (; n < ANSWERS_TEXTS_OF_PRINCIPAL; n++)
		assert_int_equal(ask(answers, 1 + n, "eva", &text), 0);
	assert_int_equal(ask(answers, 200, "eva", &text), ERR_BUSY);
	for (; n < ANSWERS_TEXTS_MAX - ANSWERS_TEXTS_KEPT; n++)
		assert_int_equal(ask(answers, 1 + n, "bob", &text), 0);
	assert_int_equal(ask(answers, 200, "bob", &text), ERR_BUSY);
	for (size_t i = 0; n < ANSWERS_TEXTS_MAX; n++, i++) {
		(void)snprintf(name, sizeof(name), "joe%zu", i);
		assert_int_equal(ask(answers, 1 + n, name, &text), 0);
	}
	assert_int_equal(ask(answers, 200, "kim", &text), ERR_BUSY);
	for (size_t i = 0; i < ANSWERS_OF_PRINCIPAL; i++)
		assert_int_equal(ask(answers, i, "eva", &lookup), 0);
	assert_int_equal(sem_post(&open), 0);
	for (size_t i = 0, lookups = 0; lookups < ANSWERS_OF_PRINCIPAL; i++) {
		struct answers_done *done = take(answers);

		lookups += done->job.line == ANSWERS_LOOKUPS;
		assert_true(i <= 2 * lookups + 1);
		answers_done_free(done);
	}
	answers_free(answers);
	(void)sem_destroy(&open);
}

static void *set_open(void *ctx)
{
	static const struct timespec moment = { .tv_nsec = 20000000 };

	(void)nanosleep(&moment, NULL);
	(void)sem_post(ctx);
	return NULL;
}

/* The one that runs is waited for, and can see that it should end; the others never begin. */
static void test_answers_free__drops_what_is_left(void **state)
{
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	struct work works[4] = { { .error = NULL } };
	sem_t begun, open;
	pthread_t opener;

	(void)state;
	assert_int_equal(sem_init(&begun, 0, 0), 0);
	assert_int_equal(sem_init(&open, 0, 0), 0);
	works[1].begun = &begun;
	works[1].open = &open;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ask(answers, i, i % 2 ? "eva" : "bob", &works[i]), 0);
	wait_for(&begun);
	assert_int_equal(pthread_create(&opener, NULL, set_open, &open), 0);
	answers_free(answers);
	assert_int_equal(pthread_join(opener, NULL), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(works[i].runs, i < 2);
		assert_int_equal(works[i].drops, 1);
	}
	(void)sem_destroy(&begun);
	(void)sem_destroy(&open);
}

struct rest {
	sem_t done;
	pthread_t on;
	int count;
};

static void rest(void *ctx)
{
	struct rest *at = ctx;

	at->on = pthread_self();
	at->count++;
	(void)sem_post(&at->done);
}

static void test_answers_ask__starts_the_thread_again(void **state)
{
	struct rest at = { .count = 0 };
	struct answers *answers = make(1, rest, &at);
	struct work work = { .error = NULL };

	(void)state;
	assert_int_equal(sem_init(&at.done, 0, 0), 0);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(ask(answers, 1, "eva", &work), 0);
		answers_done_free(take(answers));
		wait_for(&at.done); /* by now it ends, or has ended */
		assert_int_equal(at.count, i);
		assert_true(pthread_equal(at.on, work.on));
	}
	assert_int_equal(work.drops, 20);
	answers_free(answers);
	assert_int_equal(at.count, 20);
	(void)sem_destroy(&at.done);
}

/* Without a pause between them: a job may come while the thread ends. */
static void test_answers_ask__meets_a_thread_that_ends(void **state)
{
	struct answers *answers = make(0, NULL, NULL);
	struct work work = { .error = NULL };

	(void)state;
	for (int i = 1; i <= 500; i++) {
		assert_int_equal(ask(answers, 1, "eva", &work), 0);
		answers_done_free(take(answers));
		assert_int_equal(work.drops, i);
	}
	answers_free(answers);
}

static void test_answers_ask__every_allocation_may_fail(void **state)
{
	struct work work = { .error = NULL };
	struct answers *answers = make(NEVER_MS, NULL, NULL);
	int failed = 0;

	(void)state;
	for (size_t n = 1;; n++) {
		const struct answers_asker asker = { .session = 1, .principal = "eva" };
		const struct answers_job job = { .run = run, .drop = drop, .ctx = &work };
		json_t *correlation = json_string("7");
		struct diag diag;
		bool has_failed;
		int rc;

		failalloc_start(n);
		rc = answers_ask_take(answers, &asker, "explain", correlation, &job, &diag);
		has_failed = failalloc_stop();
		json_decref(correlation);
		if (rc == 0)
			answers_done_free(take(answers));
		else
			failed++;
		if (!has_failed) {
			assert_int_equal(rc, 0);
			break;
		}
	}
	assert_true(failed > 0);
	answers_free(answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_take__answers_each_once),
		cmocka_unit_test(test_answers_ask__refuses_what_has_no_place),
		cmocka_unit_test(test_answers_take__has_parts),
		cmocka_unit_test(test_answers_take__packs_what_is_large),
		cmocka_unit_test(test_answers_take__is_too_large_unpacked),
		cmocka_unit_test(test_answers_ask__lines_take_turns),
		cmocka_unit_test(test_answers_free__drops_what_is_left),
		cmocka_unit_test(test_answers_ask__starts_the_thread_again),
		cmocka_unit_test(test_answers_ask__meets_a_thread_that_ends),
		cmocka_unit_test(test_answers_ask__every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "broker/answers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "monitor/packedparts.h"

STAILQ_HEAD(line, answers_done);

struct answers {
	struct answers_options options;
	size_t count; /* of @all */
	/* In no order; only who asks, and the line, is read by these. */
	struct answers_done *all[ANSWERS_MAX + ANSWERS_TEXTS_MAX];
	bool has_thread; /* it is to be joined */
	pthread_t thread;
	atomic_bool is_ending;

	pthread_mutex_t lock; /* for what follows; held for a few instructions */
	pthread_cond_t work;
	bool has_ended; /* the thread ends, and takes no more jobs */
	struct line waiting[ANSWERS_LINES];
	unsigned turn; /* the line that is asked first for a job */
	struct line done;
};

static const struct places {
	size_t all, of_principal, kept;
} places[] = {
	[ANSWERS_LOOKUPS] = { ANSWERS_MAX, ANSWERS_OF_PRINCIPAL, ANSWERS_KEPT },
	[ANSWERS_TEXTS] = { ANSWERS_TEXTS_MAX, ANSWERS_TEXTS_OF_PRINCIPAL, ANSWERS_TEXTS_KEPT },
};

/* ---- one job ----------------------------------------------------------------------------- */

static void drop(const struct answers_job *job)
{
	if (job->drop)
		job->drop(job->ctx);
}

void answers_done_clear(struct answers_done *done)
{
	while (done->count > 0)
		free(done->text[--done->count]);
}

void answers_done_free(struct answers_done *done)
{
	if (!done)
		return;
	json_decref(done->correlation);
	answers_done_clear(done);
	free(done);
}

static struct answers_done *make(const struct answers_asker *asker, const char *name,
				 const json_t *correlation, const struct answers_job *job)
{
	struct answers_done *ret = calloc(1, sizeof(*ret));

	if (!ret)
		return NULL;
	ret->correlation = correlation ? json_deep_copy(correlation) : NULL;
	if (correlation && !ret->correlation) {
		free(ret);
		return NULL;
	}
	ret->asker = *asker;
	(void)snprintf(ret->principal, sizeof(ret->principal), "%s", asker->principal);
	ret->asker.principal = ret->principal;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->job = *job;
	return ret;
}

/* What is not done: nobody gets it any more. */
static void clear(struct line *line)
{
	struct answers_done *done;

	while ((done = STAILQ_FIRST(line))) {
		STAILQ_REMOVE_HEAD(line, place);
		drop(&done->job);
		answers_done_free(done);
	}
}

/* ---- the thread -------------------------------------------------------------------------- */

static void add_text(struct answers_done *done, struct control_answer *answer)
{
	char *text;

	if (control_respond_take(done->name, done->correlation, answer, &text) == 0)
		done->text[done->count++] = text;
}

/* Where memory ran out it is not answered: nobody could tell a part of it from all. */
static void add_parts_take(struct answers_done *done, json_t *parts)
{
	size_t count = json_array_size(parts);

	for (size_t i = 0; i < count && i < CONTROL_PARTS_MAX; i++) {
		struct control_answer part = { .data = json_incref(json_array_get(parts, i)) };

		add_text(done, &part);
	}
	if (done->count < count)
		answers_done_clear(done);
	json_decref(parts);
}

/* One that is small, or has failed, goes as it is. */
static void add_packed(struct answers_done *done, struct control_answer *answer)
{
	json_t *data = json_incref(answer->data), *parts = NULL;

	add_text(done, answer);
	if (done->count > 0 && strlen(done->text[0]) > PACKEDPARTS_SMALL)
		parts = packedparts_of(data);
	if (parts) {
		answers_done_clear(done);
		add_parts_take(done, parts);
	}
	json_decref(data);
}

static void work_at(struct answers *answers, struct answers_done *done)
{
	struct control_answer answer = { .data = NULL };

	done->job.run(done->job.ctx, &answers->is_ending, &answer);
	done->note = answer.note;
	if (answer.is_parts && answer.data)
		add_parts_take(done, answer.data);
	else if (done->job.is_packed)
		add_packed(done, &answer);
	else
		add_text(done, &answer);
}

/* The next job, taken out of its line; the lines take turns. NULL: none waits. With the lock. */
static struct answers_done *take_waiting(struct answers *answers)
{
	for (unsigned i = 0; i < ANSWERS_LINES; i++) {
		struct line *line = &answers->waiting[answers->turn];
		struct answers_done *done = STAILQ_FIRST(line);

		answers->turn = (answers->turn + 1) % ANSWERS_LINES;
		if (done) {
			STAILQ_REMOVE_HEAD(line, place);
			return done;
		}
	}
	return NULL;
}

/* Takes a job; waits until there is one, or was none for long. NULL: the thread ends. With the
 * lock. */
static struct answers_done *next(struct answers *answers)
{
	struct answers_done *done = NULL;
	struct timespec until;
	int error = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += answers->options.idle_ms / 1000;
	until.tv_nsec += (long)(answers->options.idle_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!answers->is_ending && !(done = take_waiting(answers)) && error == 0)
		error = pthread_cond_timedwait(&answers->work, &answers->lock, &until);
	return done;
}

static void *run(void *ctx)
{
	struct answers *answers = ctx;
	struct answers_done *done;

	(void)pthread_mutex_lock(&answers->lock); /* cannot fail: not recursive */
	while ((done = next(answers))) {
		(void)pthread_mutex_unlock(&answers->lock);
		work_at(answers, done);
		(void)pthread_mutex_lock(&answers->lock);
		STAILQ_INSERT_TAIL(&answers->done, done, place);
	}
	answers->has_ended = true;
	(void)pthread_mutex_unlock(&answers->lock);
	if (answers->options.rest)
		answers->options.rest(answers->options.ctx);
	return NULL;
}

/* Of one that has ended this waits for its last instructions. */
static void join(struct answers *answers)
{
	if (answers->has_thread)
		(void)pthread_join(answers->thread, NULL);
	answers->has_thread = answers->has_ended = false;
}

/* ---- what the owner asks ----------------------------------------------------------------- */

int answers_new(const struct answers_options *options, struct answers **ret, struct diag *diag)
{
	struct answers *answers = calloc(1, sizeof(*answers));
	pthread_condattr_t attributes;

	if (!answers)
		return diag_nomem(diag);
	answers->options = *options;
	atomic_init(&answers->is_ending, false);
	for (unsigned i = 0; i < ANSWERS_LINES; i++)
		STAILQ_INIT(&answers->waiting[i]);
	STAILQ_INIT(&answers->done);
	(void)pthread_mutex_init(&answers->lock, NULL); /* cannot fail with these attributes */
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&answers->work, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	*ret = answers;
	return 0;
}

void answers_free(struct answers *answers)
{
	if (!answers)
		return;
	(void)pthread_mutex_lock(&answers->lock);
	answers->is_ending = true;
	(void)pthread_cond_signal(&answers->work);
	(void)pthread_mutex_unlock(&answers->lock);
	join(answers);
	for (unsigned i = 0; i < ANSWERS_LINES; i++)
		clear(&answers->waiting[i]);
	clear(&answers->done);
	(void)pthread_cond_destroy(&answers->work);
	(void)pthread_mutex_destroy(&answers->lock);
	free(answers);
}

static int check_places(const struct answers *answers, const struct answers_asker *asker,
			enum answers_line line, struct diag *diag)
{
	size_t of_principal = 0, of_session = 0, in_line = 0, room = places[line].all;

	for (size_t i = 0; i < answers->count; i++) {
		const struct answers_done *other = answers->all[i];

		if (other->job.line != line)
			continue;
		in_line++;
		of_session += other->asker.session == asker->session;
		of_principal += strncmp(other->principal, asker->principal, ACCESS_NAME_MAX) == 0;
	}
	if (of_session >= ANSWERS_OF_SESSION)
		return diag_set(diag, ERR_BUSY,
				"%u commands of this client are being answered: try again",
				ANSWERS_OF_SESSION);
	if (of_principal > 0)
		room -= places[line].kept;
	if (of_principal >= places[line].of_principal || in_line >= room)
		return diag_set(diag, ERR_BUSY,
				"other clients' commands are being answered: try again");
	return 0;
}

/* Is the thread there, with @done in its line? */
static bool hand_over(struct answers *answers, struct answers_done *done)
{
	bool is_taken;

	(void)pthread_mutex_lock(&answers->lock);
	is_taken = answers->has_thread && !answers->has_ended;
	if (is_taken) {
		STAILQ_INSERT_TAIL(&answers->waiting[done->job.line], done, place);
		(void)pthread_cond_signal(&answers->work);
	}
	(void)pthread_mutex_unlock(&answers->lock);
	return is_taken;
}

/* Starts the thread with @done as its first job. Returns an errno. */
static int start(struct answers *answers, struct answers_done *done)
{
	struct line *line = &answers->waiting[done->job.line];
	int error;

	join(answers);
	STAILQ_INSERT_TAIL(line, done, place); /* nobody else is there */
	error = thread_start(&answers->thread, run, answers, "petstore-answer");
	answers->has_thread = error == 0;
	if (error)
		STAILQ_REMOVE_HEAD(line, place);
	return error;
}

int answers_ask_take(struct answers *answers, const struct answers_asker *asker, const char *name,
		     const json_t *correlation, const struct answers_job *job, struct diag *diag)
{
	int rc = check_places(answers, asker, job->line, diag);
	struct answers_done *done = rc ? NULL : make(asker, name, correlation, job);
	int error;

	if (rc == 0 && !done)
		rc = diag_nomem(diag);
	if (rc == 0 && !hand_over(answers, done) && (error = start(answers, done)) != 0)
		rc = diag_set(diag, ERR_IO, "cannot start a thread for answers: %s",
			      strerror(error));
	if (rc == 0) {
		answers->all[answers->count++] = done;
		return 0;
	}
	answers_done_free(done);
	drop(job);
	return rc;
}

size_t answers_count(const struct answers *answers)
{
	return answers->count;
}

struct answers_done *answers_take(struct answers *answers)
{
	struct answers_done *done;
	size_t at = 0;

	if (answers->count == 0)
		return NULL;
	(void)pthread_mutex_lock(&answers->lock);
	done = STAILQ_FIRST(&answers->done);
	if (done)
		STAILQ_REMOVE_HEAD(&answers->done, place);
	(void)pthread_mutex_unlock(&answers->lock);
	if (!done)
		return NULL;
	while (answers->all[at] != done)
		at++;
	answers->all[at] = answers->all[--answers->count];
	drop(&done->job);
	return done;
}

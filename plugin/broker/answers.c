#include "broker/answers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"

STAILQ_HEAD(line, answers_done);

struct answers {
	struct answers_options options;
	size_t count;                          /* of @all */
	struct answers_done *all[ANSWERS_MAX]; /* in no order; only who asks is read by these */
	bool has_thread;                       /* it is to be joined */
	pthread_t thread;
	atomic_bool is_ending;

	pthread_mutex_t lock; /* for what follows; held for a few instructions */
	pthread_cond_t work;
	bool has_ended; /* the thread ends, and takes no more jobs */
	struct line waiting;
	struct line done;
};

/* ---- one job ----------------------------------------------------------------------------- */

static void drop(const struct answers_job *job)
{
	if (job->drop)
		job->drop(job->ctx);
}

void answers_done_free(struct answers_done *done)
{
	if (!done)
		return;
	json_decref(done->correlation);
	free(done->text);
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

static void work_at(struct answers *answers, struct answers_done *done)
{
	struct control_answer answer = { .data = NULL };

	done->job.run(done->job.ctx, &answers->is_ending, &answer);
	if (control_respond_take(done->name, done->correlation, &answer, &done->text))
		done->text = NULL; /* memory ran out: it is not answered */
	done->note = answer.note;
}

/* Waits for a job, or until there was none for long. NULL: the thread ends. With the lock. */
static struct answers_done *next(struct answers *answers)
{
	struct timespec until;
	int error = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += answers->options.idle_ms / 1000;
	until.tv_nsec += (long)(answers->options.idle_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!answers->is_ending && STAILQ_EMPTY(&answers->waiting) && error == 0)
		error = pthread_cond_timedwait(&answers->work, &answers->lock, &until);
	return answers->is_ending ? NULL : STAILQ_FIRST(&answers->waiting);
}

static void *run(void *ctx)
{
	struct answers *answers = ctx;
	struct answers_done *done;

	(void)pthread_mutex_lock(&answers->lock); /* cannot fail: not recursive */
	while ((done = next(answers))) {
		STAILQ_REMOVE_HEAD(&answers->waiting, place);
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
	STAILQ_INIT(&answers->waiting);
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
	clear(&answers->waiting);
	clear(&answers->done);
	(void)pthread_cond_destroy(&answers->work);
	(void)pthread_mutex_destroy(&answers->lock);
	free(answers);
}

static int check_places(const struct answers *answers, const struct answers_asker *asker,
			struct diag *diag)
{
	size_t of_principal = 0, of_session = 0, room = ANSWERS_MAX;

	for (size_t i = 0; i < answers->count; i++) {
		of_session += answers->all[i]->asker.session == asker->session;
		of_principal +=
			strncmp(answers->all[i]->principal, asker->principal, ACCESS_NAME_MAX) == 0;
	}
	if (of_session >= ANSWERS_OF_SESSION)
		return diag_set(diag, ERR_BUSY,
				"%u commands of this client are being answered: try again",
				ANSWERS_OF_SESSION);
	if (of_principal > 0)
		room -= ANSWERS_KEPT;
	if (of_principal >= ANSWERS_OF_PRINCIPAL || answers->count >= room)
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
		STAILQ_INSERT_TAIL(&answers->waiting, done, place);
		(void)pthread_cond_signal(&answers->work);
	}
	(void)pthread_mutex_unlock(&answers->lock);
	return is_taken;
}

/* Starts the thread with @done as its first job. Returns an errno. */
static int start(struct answers *answers, struct answers_done *done)
{
	int error;

	join(answers);
	STAILQ_INSERT_TAIL(&answers->waiting, done, place); /* nobody else is there */
	error = thread_start(&answers->thread, run, answers, "petstore-answer");
	answers->has_thread = error == 0;
	if (error)
		STAILQ_REMOVE_HEAD(&answers->waiting, place);
	return error;
}

int answers_ask_take(struct answers *answers, const struct answers_asker *asker, const char *name,
		     const json_t *correlation, const struct answers_job *job, struct diag *diag)
{
	int rc = check_places(answers, asker, diag);
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

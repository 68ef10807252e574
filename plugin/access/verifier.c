#include "access/verifier.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

struct verifier {
	struct verifier_options options;
	uint64_t last_number;
	unsigned threads; /* that run */
	pthread_t thread[VERIFIER_THREADS_MAX];

	pthread_mutex_t lock; /* for what follows; held for a few instructions */
	pthread_cond_t work;
	bool is_stopping;
	size_t jobs; /* from submit to take */
	struct verifier_line waiting;
	struct verifier_line done;
};

/* ---- jobs --------------------------------------------------------------------------------- */

void verifier_job_free(struct verifier_job *job)
{
	if (!job)
		return;
	if (job->password)
		OPENSSL_cleanse(job->password, job->password_len);
	passwords_free(job->passwords);
	free(job->password);
	free(job->user);
	free(job);
}

static struct verifier_job *job_new(struct passwords *passwords, const char *user,
				    const char *password, size_t len)
{
	struct verifier_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->user = strdup(user);
	job->password = malloc(len + 1);
	if (!job->user || !job->password) {
		verifier_job_free(job);
		return NULL;
	}
	memcpy(job->password, password, len);
	job->password[len] = '\0';
	job->password_len = len;
	job->passwords = passwords_share(passwords);
	return job;
}

/* Takes the first out; NULL: there is none. */
static struct verifier_job *take_first(struct verifier_line *line)
{
	struct verifier_job *job = STAILQ_FIRST(line);

	if (job)
		STAILQ_REMOVE_HEAD(line, place);
	return job;
}

static void clear(struct verifier_line *line)
{
	while (!STAILQ_EMPTY(line))
		verifier_job_free(take_first(line));
}

/* ---- the threads --------------------------------------------------------------------------- */

static void *run(void *ctx)
{
	struct verifier *verifier = ctx;
	struct verifier_job *job;

	(void)pthread_mutex_lock(&verifier->lock); /* cannot fail: not recursive */
	while (!verifier->is_stopping) {
		job = take_first(&verifier->waiting);
		if (!job) {
			(void)pthread_cond_wait(&verifier->work, &verifier->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&verifier->lock);
		job->verdict = passwords_check(job->passwords, job->user, job->password,
					       job->password_len);
		(void)pthread_mutex_lock(&verifier->lock);
		STAILQ_INSERT_TAIL(&verifier->done, job, place);
		if (!verifier->options.wake)
			continue;
		(void)pthread_mutex_unlock(&verifier->lock);
		verifier->options.wake(verifier->options.ctx);
		(void)pthread_mutex_lock(&verifier->lock);
	}
	(void)pthread_mutex_unlock(&verifier->lock);
	return NULL;
}

int verifier_new(const struct verifier_options *options, struct verifier **ret, struct diag *diag)
{
	struct verifier *verifier;

	if (options->threads < 1 || options->threads > VERIFIER_THREADS_MAX ||
	    options->places < 1 || options->places > VERIFIER_PLACES_MAX)
		return diag_set(diag, ERR_LIMIT, "expected 1 to %u threads and 1 to %u jobs",
				VERIFIER_THREADS_MAX, VERIFIER_PLACES_MAX);
	verifier = calloc(1, sizeof(*verifier));
	if (!verifier)
		return diag_nomem(diag);
	verifier->options = *options;
	STAILQ_INIT(&verifier->waiting);
	STAILQ_INIT(&verifier->done);
	(void)pthread_mutex_init(&verifier->lock, NULL); /* cannot fail with these attributes */
	(void)pthread_cond_init(&verifier->work, NULL);
	while (verifier->threads < options->threads) {
		int error = thread_start(&verifier->thread[verifier->threads], run, verifier,
					 "petstore-verify");

		if (error) {
			verifier_free(verifier);
			return diag_set(diag, ERR_IO, "cannot start a thread for passwords: %s",
					strerror(error));
		}
		verifier->threads++;
	}
	*ret = verifier;
	return 0;
}

void verifier_free(struct verifier *verifier)
{
	if (!verifier)
		return;
	(void)pthread_mutex_lock(&verifier->lock);
	verifier->is_stopping = true;
	(void)pthread_cond_broadcast(&verifier->work);
	(void)pthread_mutex_unlock(&verifier->lock);
	for (unsigned i = 0; i < verifier->threads; i++)
		(void)pthread_join(verifier->thread[i], NULL);
	clear(&verifier->waiting);
	clear(&verifier->done);
	(void)pthread_cond_destroy(&verifier->work);
	(void)pthread_mutex_destroy(&verifier->lock);
	free(verifier);
}

/* ---- what the owner asks --------------------------------------------------------------------- */

int verifier_submit(struct verifier *verifier, struct passwords *passwords, const char *user,
		    const char *password, size_t password_len, uint64_t *ret)
{
	struct verifier_job *job;
	uint64_t number;
	bool has_room;

	if (password_len > PASSWORD_MAX_BYTES)
		return ERR_LIMIT;
	job = job_new(passwords, user, password, password_len);
	if (!job)
		return ERR_NOMEM;
	/* The job is the threads' as soon as it stands in the line. */
	number = job->number = ++verifier->last_number;
	(void)pthread_mutex_lock(&verifier->lock);
	has_room = verifier->jobs < verifier->options.places;
	if (has_room) {
		verifier->jobs++;
		STAILQ_INSERT_TAIL(&verifier->waiting, job, place);
		(void)pthread_cond_signal(&verifier->work);
	}
	(void)pthread_mutex_unlock(&verifier->lock);
	if (!has_room) {
		verifier_job_free(job);
		return ERR_BUSY;
	}
	*ret = number;
	return 0;
}

bool verifier_cancel(struct verifier *verifier, uint64_t number)
{
	struct verifier_job *job;

	(void)pthread_mutex_lock(&verifier->lock);
	STAILQ_FOREACH(job, &verifier->waiting, place)
	if (job->number == number)
		break;
	if (job)
		STAILQ_REMOVE(&verifier->waiting, job, verifier_job, place);
	verifier->jobs -= job != NULL;
	(void)pthread_mutex_unlock(&verifier->lock);
	verifier_job_free(job);
	return job != NULL;
}

struct verifier_job *verifier_take(struct verifier *verifier)
{
	struct verifier_job *job;

	(void)pthread_mutex_lock(&verifier->lock);
	job = take_first(&verifier->done);
	verifier->jobs -= job != NULL;
	(void)pthread_mutex_unlock(&verifier->lock);
	return job;
}

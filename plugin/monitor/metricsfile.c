#include "monitor/metricsfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/wholefile.h"

#define MODE 0644 /* others read it: that is what it is for */

struct metricsfile {
	char *path;
	char *beside; /* "<path>.new" */
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows; held for a few instructions */
	pthread_cond_t work;
	char *text; /* NULL: nothing to write */
	size_t len;
	bool is_ending;
	bool is_troubled;
	bool has_news;
	struct diag news;
};

/*
 * 0 or an errno. Removes what stands at the temporary file's path, and makes a new file there. So a
 * link is not followed, and a pipe is not opened: opening it would wait for a reader, and the
 * broker could not be stopped meanwhile.
 */
static int write_beside(const struct metricsfile *file, const char *text, size_t len)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int error, fd;

	if (unlink(file->beside) != 0 && errno != ENOENT)
		return errno;
	fd = open(file->beside, flags, MODE);
	if (fd < 0)
		return errno;
	error = wholefile_write(fd, text, len);
	if (!error && fchmod(fd, MODE) != 0) /* whatever the umask is */
		error = errno;
	if (close(fd) != 0 && !error)
		error = errno;
	return error;
}

static int replace(const struct metricsfile *file, const char *text, size_t len)
{
	int error = write_beside(file, text, len);

	if (!error && rename(file->beside, file->path) != 0)
		error = errno;
	if (error)
		(void)unlink(file->beside); /* half a text is no use */
	return error;
}

static void note_outcome(struct metricsfile *file, int error)
{
	if (file->is_troubled == (error != 0))
		return;
	file->is_troubled = error != 0;
	file->has_news = true;
	if (error)
		(void)diag_set(&file->news, ERR_IO, "%s: cannot write metrics: %s", file->path,
			       strerror(error));
	else
		(void)diag_set(&file->news, 0, "%s: metrics are written again", file->path);
}

static void *run(void *ctx)
{
	struct metricsfile *file = ctx;

	(void)pthread_mutex_lock(&file->lock); /* cannot fail: not recursive */
	for (;;) {
		char *text = file->text;
		size_t len = file->len;
		int error;

		if (!text && file->is_ending)
			break;
		if (!text) {
			(void)pthread_cond_wait(&file->work, &file->lock);
			continue;
		}
		file->text = NULL;
		(void)pthread_mutex_unlock(&file->lock);
		error = replace(file, text, len);
		free(text);
		(void)pthread_mutex_lock(&file->lock);
		note_outcome(file, error);
	}
	(void)pthread_mutex_unlock(&file->lock);
	return NULL;
}

static void release(struct metricsfile *file)
{
	free(file->text);
	free(file->path);
	free(file->beside);
	free(file);
}

int metricsfile_new(const char *path, struct metricsfile **ret, struct diag *diag)
{
	struct metricsfile *file = calloc(1, sizeof(*file));
	int error;

	if (!file)
		return diag_nomem(diag);
	file->path = strdup(path);
	file->beside = malloc(strlen(path) + sizeof(".new"));
	if (!file->path || !file->beside) {
		release(file);
		return diag_nomem(diag);
	}
	(void)sprintf(file->beside, "%s.new", path);
	error = write_beside(file, "", 0);
	if (!error)
		(void)unlink(file->beside);
	(void)pthread_mutex_init(&file->lock, NULL); /* cannot fail with these attributes */
	(void)pthread_cond_init(&file->work, NULL);
	if (!error)
		error = thread_start(&file->thread, run, file, "petstore-metrics");
	if (error) {
		release(file);
		return diag_set(diag, ERR_IO, "%s: cannot write metrics: %s", path,
				strerror(error));
	}
	*ret = file;
	return 0;
}

void metricsfile_free(struct metricsfile *file)
{
	if (!file)
		return;
	(void)pthread_mutex_lock(&file->lock);
	file->is_ending = true;
	(void)pthread_cond_signal(&file->work);
	(void)pthread_mutex_unlock(&file->lock);
	(void)pthread_join(file->thread, NULL);
	(void)pthread_cond_destroy(&file->work);
	(void)pthread_mutex_destroy(&file->lock);
	release(file);
}

void metricsfile_write_take(struct metricsfile *file, char *text, size_t len)
{
	char *older;

	(void)pthread_mutex_lock(&file->lock);
	older = file->text;
	file->text = text;
	file->len = len;
	(void)pthread_cond_signal(&file->work);
	(void)pthread_mutex_unlock(&file->lock);
	free(older);
}

bool metricsfile_news(struct metricsfile *file, struct diag *ret)
{
	bool has_news = false;

	if (pthread_mutex_trylock(&file->lock) != 0)
		return false; /* the next tick asks again */
	if (file->has_news) {
		*ret = file->news;
		file->has_news = false;
		has_news = true;
	}
	(void)pthread_mutex_unlock(&file->lock);
	return has_news;
}

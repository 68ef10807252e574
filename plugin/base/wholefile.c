#include "base/wholefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *path, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
}

/* As much of @size bytes as there is: the file may be shorter by now. */
static int read_size(const char *path, int fd, size_t size, char *ret, size_t *ret_len,
		     struct diag *diag)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, ret + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(path, diag);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int read_open(const char *path, int fd, size_t max, char **ret, size_t *ret_len,
		     struct stat *st, struct diag *diag)
{
	char *text;
	int rc;

	if (fstat(fd, st) != 0)
		return fail(path, diag);
	if (!S_ISREG(st->st_mode))
		return diag_set(diag, ERR_IO, "%s: not a regular file", path);
	if ((size_t)st->st_size > max)
		return diag_set(diag, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
	text = malloc((size_t)st->st_size + 1);
	if (!text)
		return diag_nomem(diag);
	rc = read_size(path, fd, (size_t)st->st_size, text, ret_len, diag);
	if (rc)
		free(text);
	else
		*ret = text;
	return rc;
}

int wholefile_read(const char *path, size_t max, char **ret, size_t *ret_len, struct stat *ret_st,
		   struct diag *diag)
{
	/* O_NONBLOCK: a pipe without a writer opens at once; to a regular file it is nothing. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0)
		return fail(path, diag);
	rc = read_open(path, fd, max, ret, ret_len, &st, diag);
	(void)close(fd); /* only read from */
	if (rc == 0 && ret_st)
		*ret_st = st;
	return rc;
}

int wholefile_write(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

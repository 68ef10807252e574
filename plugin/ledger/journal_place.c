/* journal_place.c -- a journal whose file was removed while it was open, at its path again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/journal_internal.h"

/* By link(), which takes no other file's place. */
static int place(const struct journal *j, const char *from)
{
	int error = 0;
	int fd;

	(void)unlink(from); /* what an earlier attempt left */
	fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	error = journal_copy_bytes(j->fd, fd);
	(void)close(fd); /* it was synced */
	if (!error && link(from, j->path) != 0)
		error = errno;
	(void)unlink(from);
	return error;
}

int journal_put_back(const struct journal *j, struct diag *diag)
{
	char *from;
	int error;

	if (asprintf(&from, "%s.new", j->path) < 0)
		return diag_nomem(diag);
	error = place(j, from);
	free(from);
	if (error)
		return journal_fail(j, "cannot put the journal back", error, diag);
	return journal_folder_sync(j, diag);
}

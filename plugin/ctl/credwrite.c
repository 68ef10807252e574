#include "ctl/credwrite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/credfile.h"
#include "base/wholefile.h"

#define MODE_KEPT 0640u

/* A file's text, and what is to be kept of the file itself. */
struct content {
	char *text;
	size_t len;
	bool is_new;
	struct stat st;
};

static void content_clear(struct content *content)
{
	if (content->text)
		OPENSSL_cleanse(content->text, content->len);
	free(content->text);
}

static int content_read(const char *path, struct content *ret, struct diag *diag)
{
	*ret = (struct content){ .is_new = access(path, F_OK) != 0 && errno == ENOENT };
	return ret->is_new ? 0
			   : wholefile_read(path, CREDFILE_MAX_BYTES, &ret->text, &ret->len,
					    &ret->st, diag);
}

/* The line of @user: its start, and its length with the newline; NULL: there is none. */
static char *find_line(const struct content *content, const char *user, size_t *ret_len)
{
	size_t user_len = strlen(user);
	char *at = content->text;
	char *end = at + content->len;

	while (at < end) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);

		if (len > user_len && memcmp(at, user, user_len) == 0 && at[user_len] == ':') {
			*ret_len = len;
			return at;
		}
		at += len;
	}
	return NULL;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* The temporary file as the old one was; a new one is of 0600 from its birth. */
static bool take_over(int fd, const struct content *old)
{
	struct stat st;

	if (old->is_new)
		return true;
	if (fstat(fd, &st) != 0)
		return false;
	if ((st.st_uid != old->st.st_uid || st.st_gid != old->st.st_gid) &&
	    fchown(fd, old->st.st_uid, old->st.st_gid) != 0)
		return false;
	return fchmod(fd, old->st.st_mode & MODE_KEPT) == 0;
}

/* The new name has to be on the disk too, not only the new file. */
static bool sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd;
	bool ok;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	(void)close(fd); /* only synced */
	return ok;
}

static int replace(const char *path, const struct content *old, const char *text, size_t len,
		   struct diag *diag)
{
	char real[PATH_MAX];
	char temporary[PATH_MAX + 8];
	bool ok;
	int fd;

	/* Through a symbolic link to what it points to, not over it. */
	if (old->is_new && strlen(path) < sizeof(real))
		(void)strcpy(real, path);
	else if (!realpath(path, real))
		return diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
	(void)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", real);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return diag_set(diag, ERR_IO, "%s: no file can be made in the folder %s: %m", path,
				dirname(real));
	ok = take_over(fd, old) && (errno = wholefile_write(fd, text, len)) == 0 && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && rename(temporary, real) == 0 && sync_folder(real);
	if (ok)
		return 0;
	(void)diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
	(void)unlink(temporary); /* gone already where only the folder could not be synced */
	return ERR_IO;
}

int credwrite_put(const char *path, const char *user, const char *secret, bool *was_there,
		  struct diag *diag)
{
	struct content old;
	size_t line_len = 0, len = 0;
	char *text = NULL, *line;
	int rc = content_read(path, &old, diag);

	*was_there = false;
	if (rc)
		goto out;
	line = old.text ? find_line(&old, user, &line_len) : NULL;
	*was_there = line != NULL;
	if (!line && !secret)
		goto out;
	text = malloc(old.len + strlen(user) + (secret ? strlen(secret) : 0) + 4);
	if (!text) {
		rc = diag_nomem(diag);
		goto out;
	}
	len = line ? (size_t)(line - old.text) : old.len;
	if (len > 0)
		memcpy(text, old.text, len);
	if (secret && len > 0 && text[len - 1] != '\n')
		text[len++] = '\n';
	if (secret)
		len += (size_t)sprintf(text + len, "%s:%s\n", user, secret);
	if (line) {
		size_t after = old.len - (size_t)(line - old.text) - line_len;

		memcpy(text + len, line + line_len, after);
		len += after;
	}
	rc = replace(path, &old, text, len, diag);
	OPENSSL_cleanse(text, len);
out:
	free(text);
	content_clear(&old);
	return rc;
}

#include "ctl/init_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wholefile.h"

static int fail(struct diag *diag, const char *path)
{
	return diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
}

/* Makes @path absolute: the folder that it is in must exist, it need not. */
static int find_path(const char *path, char *ret, struct diag *diag)
{
	size_t len = strlen(path);
	char above[PATH_MAX], real[PATH_MAX];
	const char *name;
	int n;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(above))
		return diag_set(diag, ERR_LIMIT, "--out: expected 1 to %d bytes", PATH_MAX - 1);
	(void)snprintf(above, sizeof(above), "%.*s", (int)len, path);
	if (realpath(above, ret))
		return 0;
	name = strrchr(above, '/');
	name = name ? name + 1 : above;
	n = snprintf(real, sizeof(real), "%.*s", (int)(name - above), above);
	if (n < 0 || !realpath(real[0] ? real : ".", ret))
		return fail(diag, real);
	len = strlen(ret);
	if (snprintf(ret + len, PATH_MAX - len, "%s%s", len > 1 ? "/" : "", name) >=
	    (int)(PATH_MAX - len))
		return diag_set(diag, ERR_LIMIT, "--out: the name is too long");
	return 0;
}

static bool is_file(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Is there a folder with files? */
static int look(struct init_folder *folder, struct diag *diag)
{
	DIR *open = opendir(folder->path);
	const struct dirent *entry;

	if (!open)
		return errno == ENOENT ? 0 : fail(diag, folder->path);
	while (!folder->is_there && (entry = readdir(open)))
		folder->is_there = is_file(entry);
	(void)closedir(open); /* only read from */
	return 0;
}

int init_folder_open(const char *path, bool is_forced, struct init_folder *ret, struct diag *diag)
{
	int rc;

	*ret = (struct init_folder){ .count = 0 };
	rc = find_path(path, ret->path, diag);
	rc = rc ? rc : look(ret, diag);
	if (rc)
		return rc;
	if (ret->is_there && !is_forced)
		return diag_set(diag, ERR_INVALID,
				"%s: has files already: expected a new folder, or --force to "
				"replace them",
				path);
	if (strlen(ret->path) + sizeof(".XXXXXX") + NAME_MAX > PATH_MAX)
		return diag_set(diag, ERR_LIMIT, "--out: the name is too long");
	(void)snprintf(ret->made, sizeof(ret->made), "%.*s.XXXXXX", PATH_MAX - 8, ret->path);
	if (mkdtemp(ret->made))
		return 0;
	rc = fail(diag, ret->made);
	ret->made[0] = '\0';
	return rc;
}

static void join(const char *folder, const char *name, char ret[PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_MAX - 2, folder, name);
}

int init_folder_write(struct init_folder *folder, const char *name, mode_t mode, const char *text,
		      size_t len, struct diag *diag)
{
	char path[PATH_MAX];
	int fd, failed;

	join(folder->made, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return fail(diag, path);
	folder->name[folder->count++] = name;
	failed = wholefile_write(fd, text, len);
	if (close(fd) != 0 && failed == 0)
		failed = errno;
	errno = failed;
	return failed ? fail(diag, path) : 0;
}

void init_folder_forget(struct init_folder *folder)
{
	char path[PATH_MAX];

	join(folder->made, folder->name[--folder->count], path);
	(void)unlink(path);
}

/* Is one of the names a folder already? Then none is replaced. */
static int check_names(const struct init_folder *folder, struct diag *diag)
{
	char path[PATH_MAX];
	struct stat what;

	for (unsigned i = 0; i < folder->count; i++) {
		join(folder->path, folder->name[i], path);
		if (lstat(path, &what) != 0 || !S_ISDIR(what.st_mode))
			continue;
		errno = EISDIR;
		return fail(diag, path);
	}
	return 0;
}

int init_folder_finish(struct init_folder *folder, struct diag *diag)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	if (!folder->is_there) {
		if (rename(folder->made, folder->path) != 0)
			return fail(diag, folder->path);
		folder->made[0] = '\0';
		return 0;
	}
	rc = check_names(folder, diag);
	if (rc)
		return rc;
	for (unsigned i = 0; i < folder->count; i++) {
		join(folder->made, folder->name[i], from);
		join(folder->path, folder->name[i], to);
		if (rename(from, to) != 0)
			return fail(diag, to);
	}
	folder->count = 0;
	return 0;
}

void init_folder_drop(struct init_folder *folder)
{
	char path[PATH_MAX];

	if (!folder->made[0])
		return;
	for (unsigned i = 0; i < folder->count; i++) {
		join(folder->made, folder->name[i], path);
		(void)unlink(path);
	}
	(void)rmdir(folder->made);
}

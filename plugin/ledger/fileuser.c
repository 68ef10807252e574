#include "ledger/fileuser.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_user(const char *path, uid_t owner, const char *command, struct diag *diag)
{
	const struct passwd *user = getpwuid(owner);
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", (unsigned)owner);
	return diag_set(diag, ERR_INVALID,
			"%s: belongs to the user %s, who could not use the journal that is made "
			"there: run this as that user (sudo -u %s petstorectl %s ...)",
			path, user ? user->pw_name : number, user ? user->pw_name : number,
			command);
}

int fileuser_check(const char *path, const char *command, struct diag *diag)
{
	char *folder;
	const char *slash = strrchr(path, '/');
	struct stat st;
	int rc;

	if (stat(path, &st) == 0)
		return st.st_uid == geteuid() ? 0 : fail_user(path, st.st_uid, command, diag);
	folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!folder)
		return diag_nomem(diag);
	if (stat(folder, &st) != 0)
		rc = diag_set(diag, ERR_IO, "%s: %s", folder, strerror(errno));
	else
		rc = st.st_uid == geteuid() ? 0 : fail_user(folder, st.st_uid, command, diag);
	free(folder);
	return rc;
}
